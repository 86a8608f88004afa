/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the guest's kernel in a directory made up for it. */
#include "lab_kernel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char top[] = "/tmp/test_lab_kernel.XXXXXX";
static struct lab_kernel kernel;
static struct lab_error error;

static const char *const modules[] = {
	"drivers/virtio/virtio_ring",
	"drivers/virtio/virtio",
	"drivers/virtio/virtio_pci_legacy_dev",
	"drivers/virtio/virtio_pci_modern_dev",
	"drivers/virtio/virtio_pci",
	"drivers/char/virtio_console",
	"fs/netfs/netfs",
	"fs/fscache/fscache",
	"net/9p/9pnet",
	"net/9p/9pnet_virtio",
	"fs/9p/9p",
	"drivers/virt/vboxguest/vboxguest",
	"fs/vboxsf/vboxsf",
};

#define MODULE_COUNT (sizeof(modules) / sizeof(modules[0]))

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char command[1024] = "cd ";
	va_list list;

	strcat(strcat(command, top), " && ");
	va_start(list, format);
	vsnprintf(command + strlen(command), sizeof(command) - strlen(command), format, list);
	va_end(list);
	cr_assert_eq(system(command), 0, "%s", command);
}

static void add_kernel(const char *version)
{
	shell("mkdir -p boot && touch boot/vmlinuz-%s", version);
	for (size_t i = 0; i < MODULE_COUNT; i++)
		shell("f=lib/modules/%s/kernel/%s.ko; mkdir -p ${f%%/*} && touch $f", version,
		      modules[i]);
}

static void start(void)
{
	cr_assert_not_null(mkdtemp(top));
	add_kernel("6.1.0-9-amd64");
}

static void stop(void)
{
	shell("rm -rf %s", top);
}

TestSuite(lab_kernel, .init = start, .fini = stop);

static const char *below_top(const char *path)
{
	cr_assert(!strncmp(path, top, strlen(top)), "%s is not in %s", path, top);
	return path + strlen(top) + 1;
}

Test(lab_kernel, modules_come_in_order)
{
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), 0, "%s", error.text);
	cr_assert_str_eq(below_top(kernel.image), "boot/vmlinuz-6.1.0-9-amd64");
	cr_assert_eq(kernel.module_count, MODULE_COUNT);
	for (size_t i = 0; i < MODULE_COUNT; i++)
		cr_expect(strstr(kernel.modules[i], modules[i]), "%s", kernel.modules[i]);
}

Test(lab_kernel, newest_with_modules_is_taken)
{
	add_kernel("6.1.0-10-amd64");
	shell("touch boot/vmlinuz-6.2 boot/config-7");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), 0, "%s", error.text);
	cr_assert_str_eq(below_top(kernel.image), "boot/vmlinuz-6.1.0-10-amd64");
	cr_assert(strstr(kernel.modules[0], "/6.1.0-10-amd64/"));
}

Test(lab_kernel, unpacked_image_is_preferred)
{
	shell("touch boot/vmlinux-6.1.0-9-amd64");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), 0, "%s", error.text);
	cr_assert_str_eq(below_top(kernel.image), "boot/vmlinux-6.1.0-9-amd64");
}

Test(lab_kernel, compressed_modules_do)
{
	shell("cd lib/modules/*/kernel/fs/9p && mv 9p.ko 9p.ko.xz");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), 0, "%s", error.text);
	cr_assert(strstr(kernel.modules[10], "/9p.ko.xz"));
}

Test(lab_kernel, missing_module_is_named)
{
	shell("rm lib/modules/*/kernel/fs/vboxsf/vboxsf.ko");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), -ENOENT);
	cr_assert(strstr(error.text, "kernel/fs/vboxsf/vboxsf.ko"), "%s", error.text);
}

Test(lab_kernel, built_in_and_optional_modules_are_left_out)
{
	shell("rm lib/modules/*/kernel/drivers/virtio/virtio.ko "
	      "lib/modules/*/kernel/fs/fscache/fscache.ko");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), -ENOENT);
	cr_assert(strstr(error.text, "kernel/drivers/virtio/virtio.ko"), "%s", error.text);
	shell("echo kernel/drivers/virtio/virtio.ko >lib/modules/6.1.0-9-amd64/modules.builtin");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), 0, "%s", error.text);
	cr_assert_eq(kernel.module_count, MODULE_COUNT - 2);
}

Test(lab_kernel, no_kernel)
{
	shell("rm boot/*");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), -ENOENT);
	cr_assert(strstr(error.text, top), "%s", error.text);
	cr_assert_eq(lab_kernel_find(&kernel, "/nonexistent", &error), -ENOENT);
}

Test(lab_kernel, own_modules_replace_the_kernels)
{
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), 0, "%s", error.text);
	cr_assert_eq(lab_kernel_use_own(&kernel, top, &error), -ENOENT);
	cr_assert(strstr(error.text, "sf_guest.ko"), "%s", error.text);
	shell("touch sf_guest.ko sf.ko");
	cr_assert_eq(lab_kernel_find(&kernel, top, &error), 0, "%s", error.text);
	cr_assert_eq(lab_kernel_use_own(&kernel, top, &error), 0, "%s", error.text);
	cr_assert_eq(kernel.module_count, MODULE_COUNT);
	cr_assert(strstr(kernel.modules[MODULE_COUNT - 2], "/sf_guest.ko"));
	cr_assert(strstr(kernel.modules[MODULE_COUNT - 1], "/sf.ko"));
	for (size_t i = 0; i < kernel.module_count; i++)
		cr_expect_not(strstr(kernel.modules[i], "vbox"), "%s", kernel.modules[i]);
}
