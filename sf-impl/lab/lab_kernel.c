/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's kernel on disk, and the list of modules that a lab guest loads. */
#include "lab_kernel.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_PREFIX "vmlinuz-"

/* In the order of their dependencies; the console first, so that trouble can be told. */
static const struct {
	const char *path;
	bool optional; /* not in every kernel */
} guest_modules[] = {
	{"drivers/virtio/virtio_ring", false},
	{"drivers/virtio/virtio", false},
	{"drivers/virtio/virtio_pci_legacy_dev", false},
	{"drivers/virtio/virtio_pci_modern_dev", false},
	{"drivers/virtio/virtio_pci", false},
	{"drivers/char/virtio_console", false},
	{"fs/netfs/netfs", false},
	{"fs/fscache/fscache", true}, /* part of netfs since 6.8 */
	{"net/9p/9pnet", false},
	{"net/9p/9pnet_virtio", false},
	{"fs/9p/9p", false},
	{"drivers/virt/vboxguest/vboxguest", false},
	{"fs/vboxsf/vboxsf", false},
};

static const char *const suffixes[] = {".ko", ".ko.xz", ".ko.gz"}; /* what busybox can load */

/* Whether modules.builtin, whose lines are like kernel/fs/9p/9p.ko, has that module. */
static bool module_is_built_in(const char *tree, const char *module)
{
	char path[PATH_MAX + 32];
	char line[512];
	char wanted[512];
	bool found = false;
	FILE *list;

	snprintf(path, sizeof(path), "%s/modules.builtin", tree);
	snprintf(wanted, sizeof(wanted), "kernel/%s.ko\n", module);
	list = fopen(path, "re");
	if (!list)
		return false;
	while (!found && fgets(line, sizeof(line), list))
		found = !strcmp(line, wanted);
	fclose(list);
	return found;
}

static bool module_find(struct lab_kernel *kernel, const char *tree, const char *module)
{
	char *path = kernel->modules[kernel->module_count];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		int length = snprintf(path, PATH_MAX, "%s/kernel/%s%s", tree, module, suffixes[i]);

		if (length < PATH_MAX && !access(path, R_OK)) {
			kernel->module_count++;
			return true;
		}
	}
	return false;
}

static int kernel_find_modules(struct lab_kernel *kernel, const char *tree, struct lab_error *error)
{
	for (size_t i = 0; i < sizeof(guest_modules) / sizeof(guest_modules[0]); i++) {
		const char *module = guest_modules[i].path;

		if (module_find(kernel, tree, module) || guest_modules[i].optional)
			continue;
		if (!module_is_built_in(tree, module))
			return lab_fail(error, -ENOENT, "%s/kernel/%s.ko: no such module", tree,
					module);
	}
	return 0;
}

static int is_image(const struct dirent *entry)
{
	return !strncmp(entry->d_name, IMAGE_PREFIX, strlen(IMAGE_PREFIX));
}

static bool take_image(struct lab_kernel *kernel, const char *directory, const char *kind,
		       const char *version)
{
	int length = snprintf(kernel->image, sizeof(kernel->image), "%s/boot/%s-%s", directory,
			      kind, version);

	return length < (int)sizeof(kernel->image) && !access(kernel->image, R_OK);
}

/* Whether that image has a module tree, whose path it gives. */
static bool kernel_take(struct lab_kernel *kernel, const char *directory, const char *version,
			char tree[PATH_MAX])
{
	int length = snprintf(tree, PATH_MAX, "%s/lib/modules/%s", directory, version);

	if (length >= PATH_MAX || access(tree, X_OK))
		return false;
	return take_image(kernel, directory, "vmlinux", version) ||
	       take_image(kernel, directory, "vmlinuz", version);
}

static bool kernel_pick(struct lab_kernel *kernel, const char *directory, char tree[PATH_MAX])
{
	struct dirent **images = NULL;
	char boot[PATH_MAX];
	bool found = false;
	int count;

	snprintf(boot, sizeof(boot), "%s/boot", directory);
	count = scandir(boot, &images, is_image, versionsort);
	for (int i = count - 1; i >= 0; i--) {
		found = found || kernel_take(kernel, directory,
					     images[i]->d_name + strlen(IMAGE_PREFIX), tree);
		free(images[i]);
	}
	free(images);
	return found;
}

int lab_kernel_find(struct lab_kernel *kernel, const char *directory, struct lab_error *error)
{
	char tree[PATH_MAX];

	kernel->module_count = 0;
	if (!kernel_pick(kernel, directory, tree))
		return lab_fail(error, -ENOENT, "there is no guest kernel in %s", directory);
	return kernel_find_modules(kernel, tree, error);
}

/* Modules are loaded in order: those of the device come last. */
static const char *const replaced[] = {"/vboxsf.ko", "/vboxguest.ko"};
static const char *const own[] = {"sf_guest.ko", "sf.ko"};

static void drop_last(struct lab_kernel *kernel, const char *name)
{
	if (kernel->module_count && strstr(kernel->modules[kernel->module_count - 1], name))
		kernel->module_count--;
}

int lab_kernel_use_own(struct lab_kernel *kernel, const char *directory, struct lab_error *error)
{
	for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++)
		drop_last(kernel, replaced[i]);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		char *path = kernel->modules[kernel->module_count++];
		int length = snprintf(path, PATH_MAX, "%s/%s", directory, own[i]);

		if (length >= PATH_MAX || access(path, R_OK))
			return lab_fail(error, -ENOENT, "%s/%s: no such module", directory, own[i]);
	}
	return 0;
}
