/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line that the guest is started with, and the initramfs's texts. */
#include "lab_qemu.h"
#include "lab_initramfs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *command[] = {"true", NULL};
static struct lab_options options;
static struct lab_kernel kernel;
static struct lab_scratch scratch;
static struct lab_guest guest;
static struct lab_argv argv;

static void start(void)
{
	options = (struct lab_options){.memory = "300M", .command = command};
	strcpy(kernel.image, "/k/vmlinuz");
	kernel.module_count = 0;
	strcpy(scratch.path, "/s");
	guest = (struct lab_guest){.options = &options,
				   .kernel = &kernel,
				   .scratch = &scratch,
				   .programs = "/build,it's",
				   .host = "/bin/sf-host",
				   .console = "/log,1"};
}

static void stop(void)
{
	lab_argv_free(&argv);
}

TestSuite(lab_qemu, .init = start, .fini = stop);

static size_t find(const char *word)
{
	size_t i = 0;

	while (i < argv.count && strcmp(argv.words[i], word))
		i++;
	return i;
}

/* Whether option and value follow one another. */
static bool has(const char *option, const char *value)
{
	for (size_t i = 0; i + 1 < argv.count; i++)
		if (!strcmp(argv.words[i], option) && !strcmp(argv.words[i + 1], value))
			return true;
	return false;
}

Test(lab_qemu, what_the_device_needs)
{
	cr_assert_eq(lab_qemu_command(&argv, &guest), 0);
	cr_assert_null(argv.words[argv.count]);
	cr_assert_str_eq(argv.words[0], "qemu-system-x86_64");
	cr_assert(has("-smp", "1"));
	cr_assert(has("-accel", "tcg"));
	cr_assert(has("-m", "300M"));
	cr_assert(has("-object", "memory-backend-memfd,id=ram,size=300M,share=on"));
	cr_assert(strstr(argv.words[find("-machine") + 1], "memory-backend=ram"));
	cr_assert(has("-kernel", "/k/vmlinuz"));
	cr_assert(has("-initrd", "/s/initramfs.cpio"));
	cr_assert(strstr(argv.words[find("-append") + 1], "nosoftlockup"));
	cr_assert(strstr(argv.words[find("-fsdev") + 1], "readonly=on"));
	cr_assert(has("-chardev", "file,id=console,path=/log,,1"));
	cr_assert(has("-chardev", "socket,id=sf-lab.stdout,path=/s/sf-lab.stdout"));
	cr_assert(has("-device", "virtserialport,chardev=sf-lab.control,name=sf-lab.control"));
	cr_assert_eq(find("/bin/sf-host"), argv.count, "no share, but sf-host");
	cr_assert_not(has("-device", "virtserialport,chardev=sftrace,name=sftrace"));
}

Test(lab_qemu, words_for_the_kernel_come_last)
{
	const char *words;

	options.append = "slub_debug=F a=b";
	cr_assert_eq(lab_qemu_command(&argv, &guest), 0);
	words = argv.words[find("-append") + 1];
	cr_assert(strstr(words, "nosoftlockup"));
	cr_assert_str_eq(strstr(words, " slub_debug"), " slub_debug=F a=b");
}

Test(lab_qemu, shares_come_through_the_host)
{
	options.shares[0].specification = "a=/tmp";
	options.shares[1].specification = "b=/usr:ro";
	options.share_count = 2;
	options.service = "x.so";
	cr_assert_eq(lab_qemu_command(&argv, &guest), 0);
	cr_assert_str_eq(argv.words[0], "/bin/sf-host");
	cr_assert(has("--share", "a=/tmp"));
	cr_assert(has("--share", "b=/usr:ro"));
	cr_assert(has("--service", "x.so"));
	cr_assert(has("--", "qemu-system-x86_64"));
}

Test(lab_qemu, agent_gets_a_port)
{
	guest.agent = "/bin/sftrace";
	guest.agent_socket = "/r,1";
	cr_assert_eq(lab_qemu_command(&argv, &guest), 0);
	cr_assert(has("-chardev", "socket,id=sftrace,reconnect=1,path=/r,,1"));
	cr_assert(has("-device", "virtserialport,chardev=sftrace,name=sftrace"));
}

/* The archive as one string, with its zero bytes made spaces. */
static char *write_initramfs(void)
{
	struct lab_error error;
	char *archive = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&archive, &size);

	cr_assert_eq(lab_initramfs_write(&guest, out, &error), 0, "%s", error.text);
	fclose(out);
	for (size_t i = 0; i < size; i++)
		if (!archive[i])
			archive[i] = ' ';
	return archive;
}

Test(lab_qemu, initramfs_tells_the_guest)
{
	char *archive;

	strcpy(options.shares[0].name, "first");
	strcpy(options.shares[1].name, "second one");
	options.share_count = 2;
	guest.agent = "/bin/sftrace";
	kernel.module_count = 2;
	strcpy(kernel.modules[0], "/etc/hostname");
	strcpy(kernel.modules[1], "/etc/passwd");
	archive = write_initramfs();
	cr_expect(strstr(archive, "first\nsecond one\n"));
	cr_expect(strstr(archive, "hostname\npasswd\n"));
	cr_expect(strstr(archive, "sf-lab/modules/passwd "));
	cr_expect(strstr(archive, "bin/busybox "));
	cr_expect(strstr(archive, "#!/bin/busybox sh"));
	cr_expect(strstr(archive, "\nexec 'true'\n"));
	cr_expect(strstr(archive, "ports='sf-lab.control sf-lab.stdout sf-lab.stderr sftrace'\n"));
	cr_expect(strstr(archive, "programs='/build,it'\\''s'\nagent='/bin/sftrace'\n"));
	free(archive);
}

Test(lab_qemu, initramfs_without_a_module_is_refused)
{
	struct lab_error error;
	FILE *out = fopen("/dev/null", "w");

	kernel.module_count = 1;
	strcpy(kernel.modules[0], "/nonexistent.ko");
	cr_assert_eq(lab_initramfs_write(&guest, out, &error), -ENOENT);
	cr_assert(strstr(error.text, "/nonexistent.ko"), "%s", error.text);
	fclose(out);
}
