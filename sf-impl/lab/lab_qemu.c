/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds the command line of sf-host and QEMU. */
#include "lab_qemu.h"
#include "lab_quote.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 512 /* far more than 64 shares and the options below */

/* Emulates fastest: no rep movs advertised, no AVX, no SMAP; rdrand seeds the random numbers. */
#define LAB_CPU "Nehalem,+rdrand"

/*
 * The virtual CPU of a guest that waits for the host looks stuck to its kernel: no watchdogs. A
 * panic ends QEMU (panic=-1 reboots, -no-reboot makes that an exit). The last two save time.
 */
#define KERNEL_ARGUMENTS                                                               \
	"console=ttyS0 quiet panic=-1 nosoftlockup rcupdate.rcu_cpu_stall_suppress=1 " \
	"random.trust_cpu=on mitigations=off cryptomgr.notests=1"

/* clang-format off */
static const char *const fixed_options[] = {
	"-name", "sf-lab",
	"-accel", "tcg",
	"-cpu", LAB_CPU,
	"-smp", "1",
	"-no-user-config", "-nodefaults", "-no-reboot",
	"-display", "none",
	/* The host's root. */
	"-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
	"-device", "virtio-9p-pci,fsdev=root,mount_tag=host",
	"-device", "virtio-serial-pci",
};
/* clang-format on */

/* Takes the word over; NULL stands for memory that could not be had. */
static int argv_push(struct lab_argv *argv, char *word)
{
	if (!word)
		return -ENOMEM;
	if (argv->count + 1 >= MAX_WORDS) {
		free(word);
		return -E2BIG;
	}
	argv->words[argv->count++] = word;
	return 0;
}

__attribute__((format(printf, 2, 3))) static int argv_add(struct lab_argv *argv, const char *format,
							  ...)
{
	va_list arguments;
	char *word = NULL;

	va_start(arguments, format);
	if (vasprintf(&word, format, arguments) < 0)
		word = NULL;
	va_end(arguments);
	return argv_push(argv, word);
}

/* before, then the path as QEMU's option parser needs it. */
static int argv_add_path(struct lab_argv *argv, const char *before, const char *path)
{
	char *word = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&word, &size);

	if (!out)
		return -ENOMEM;
	fputs(before, out);
	lab_quote_qemu(out, path);
	if (fclose(out))
		return -ENOMEM;
	return argv_push(argv, word);
}

/* options: of the socket, each with a comma behind it. */
static int add_port(struct lab_argv *argv, const char *name, const char *options,
		    const char *socket)
{
	char before[64];
	int ret;

	snprintf(before, sizeof(before), "socket,id=%s,%spath=", name, options);
	ret = argv_add(argv, "-chardev");
	ret = ret ?: argv_add_path(argv, before, socket);
	ret = ret ?: argv_add(argv, "-device");
	return ret ?: argv_add(argv, "virtserialport,chardev=%s,name=%s", name, name);
}

static int add_ports(struct lab_argv *argv, const struct lab_guest *guest)
{
	static const char *const ports[] = {LAB_PORT_CONTROL, LAB_PORT_STDOUT, LAB_PORT_STDERR};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(ports) / sizeof(ports[0]); i++)
		ret = add_port(argv, ports[i], "", lab_scratch_file(guest->scratch, ports[i]).text);
	/* A recorder that is started again finds the agent where it was. */
	if (!ret && guest->agent)
		ret = add_port(argv, LAB_PORT_AGENT, "reconnect=1,", guest->agent_socket);
	return ret;
}

/* The device that the shares come through maps the guest's memory, so that is shared. */
static int add_machine(struct lab_argv *argv, const struct lab_guest *guest)
{
	const char *memory = guest->options->memory;
	int ret = argv_add(argv, "-m");

	ret = ret ?: argv_add(argv, "%s", memory);
	ret = ret ?: argv_add(argv, "-object");
	ret = ret ?: argv_add(argv, "memory-backend-memfd,id=ram,size=%s,share=on", memory);
	ret = ret ?: argv_add(argv, "-machine");
	ret = ret ?: argv_add(argv, "pc,memory-backend=ram,usb=off,hpet=off");
	ret = ret ?: argv_add(argv, "-kernel");
	ret = ret ?: argv_add(argv, "%s", guest->kernel->image);
	ret = ret ?: argv_add(argv, "-initrd");
	ret = ret ?: argv_add(argv, "%s", lab_scratch_file(guest->scratch, LAB_INITRAMFS).text);
	ret = ret ?: argv_add(argv, "-append");
	ret = ret ?: argv_add(argv, KERNEL_ARGUMENTS " %s", guest->options->append ?: "");
	ret = ret ?: argv_add(argv, "-chardev");
	ret = ret ?: argv_add_path(argv, "file,id=console,path=", guest->console);
	ret = ret ?: argv_add(argv, "-serial");
	return ret ?: argv_add(argv, "chardev:console");
}

static int add_host(struct lab_argv *argv, const struct lab_guest *guest)
{
	const struct lab_options *options = guest->options;
	int ret = argv_add(argv, "%s", guest->host);

	for (size_t i = 0; !ret && i < options->share_count; i++) {
		ret = argv_add(argv, "--share");
		ret = ret ?: argv_add(argv, "%s", options->shares[i].specification);
	}
	if (!ret && options->service) {
		ret = argv_add(argv, "--service");
		ret = ret ?: argv_add(argv, "%s", options->service);
	}
	return ret ?: argv_add(argv, "--");
}

int lab_qemu_command(struct lab_argv *argv, const struct lab_guest *guest)
{
	int ret = 0;

	*argv = (struct lab_argv){.words = calloc(MAX_WORDS, sizeof(char *))};
	if (!argv->words)
		return -ENOMEM;
	if (guest->options->share_count)
		ret = add_host(argv, guest);
	ret = ret ?: argv_add(argv, "%s", LAB_QEMU);
	for (size_t i = 0; !ret && i < sizeof(fixed_options) / sizeof(fixed_options[0]); i++)
		ret = argv_add(argv, "%s", fixed_options[i]);
	ret = ret ?: add_machine(argv, guest);
	ret = ret ?: add_ports(argv, guest);
	if (ret)
		lab_argv_free(argv);
	return ret;
}

void lab_argv_free(struct lab_argv *argv)
{
	for (size_t i = 0; i < argv->count; i++)
		free(argv->words[i]);
	free(argv->words);
	*argv = (struct lab_argv){0};
}
