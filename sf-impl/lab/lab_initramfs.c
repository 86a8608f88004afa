/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts the initramfs together. The names in it are those that the guest-*.sh scripts use. */
#include "lab_initramfs.h"
#include "lab_command.h"
#include "lab_cpio.h"
#include "lab_quote.h"
#include "lab_scripts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void write_order(FILE *out, const struct lab_guest *guest)
{
	for (size_t i = 0; i < guest->kernel->module_count; i++)
		fprintf(out, "%s\n", file_name(guest->kernel->modules[i]));
}

static bool guest_is_ours(const struct lab_options *options)
{
	return options->guest && !strcmp(options->guest, LAB_GUEST_SF);
}

static void write_config(FILE *out, const struct lab_guest *guest)
{
	fprintf(out, "ports='%s %s %s%s'\n", LAB_PORT_CONTROL, LAB_PORT_STDOUT, LAB_PORT_STDERR,
		guest->agent ? " " LAB_PORT_AGENT : "");
	fputs("programs=", out);
	lab_quote_shell(out, guest->programs);
	fputs("\nagent=", out);
	lab_quote_shell(out, guest->agent ? guest->agent : "");
	fprintf(out, "\ntype=%s\n", guest_is_ours(guest->options) ? "sf" : "vboxsf");
}

static void write_shares(FILE *out, const struct lab_guest *guest)
{
	for (size_t i = 0; i < guest->options->share_count; i++)
		fprintf(out, "%s\n", guest->options->shares[i].name);
}

static void write_command(FILE *out, const struct lab_guest *guest)
{
	lab_command_write(out, guest->options);
}

static const char *const directories[] = {"bin", "sf-lab", "sf-lab/modules"};

static const struct {
	const char *path;
	const char *text;
	const char *end;
} scripts[] = {
	{"init", lab_script_init, lab_script_init_end},
	{"sf-lab/session", lab_script_session, lab_script_session_end},
	{"sf-lab/run", lab_script_run, lab_script_run_end},
};

static const struct {
	const char *path;
	void (*write)(FILE *out, const struct lab_guest *guest);
} texts[] = {
	{"sf-lab/order", write_order},
	{"sf-lab/config", write_config},
	{"sf-lab/shares", write_shares},
	{"sf-lab/command", write_command},
};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static int add_text(struct lab_cpio *cpio, size_t index, const struct lab_guest *guest)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int ret;

	if (!out)
		return -errno;
	texts[index].write(out, guest);
	ret = fclose(out) ? -ENOMEM : 0;
	if (!ret)
		ret = lab_cpio_add_data(cpio, texts[index].path, 0644, text, size);
	free(text);
	return ret;
}

static int add_our_files(struct lab_cpio *cpio, const struct lab_guest *guest)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(directories); i++)
		ret = lab_cpio_add_directory(cpio, directories[i]);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(scripts); i++)
		ret = lab_cpio_add_data(cpio, scripts[i].path, 0755, scripts[i].text,
					(size_t)(scripts[i].end - scripts[i].text));
	for (size_t i = 0; !ret && i < ARRAY_SIZE(texts); i++)
		ret = add_text(cpio, i, guest);
	return ret;
}

static int add_file(struct lab_cpio *cpio, const char *path, const char *source,
		    struct lab_error *error)
{
	int ret = lab_cpio_add_file(cpio, path, 0755, source);

	if (ret)
		return lab_fail(error, ret, "cannot put %s into the guest: %s", source,
				strerror(-ret));
	return 0;
}

static int add_modules(struct lab_cpio *cpio, const struct lab_kernel *kernel,
		       struct lab_error *error)
{
	for (size_t i = 0; i < kernel->module_count; i++) {
		char path[NAME_MAX + 32];
		int ret;

		snprintf(path, sizeof(path), "sf-lab/modules/%s", file_name(kernel->modules[i]));
		ret = add_file(cpio, path, kernel->modules[i], error);
		if (ret)
			return ret;
	}
	return 0;
}

int lab_initramfs_write(const struct lab_guest *guest, FILE *out, struct lab_error *error)
{
	struct lab_cpio cpio;
	int ret;

	lab_cpio_start(&cpio, out);
	ret = add_our_files(&cpio, guest);
	if (ret)
		return lab_fail(error, ret, "cannot write the initramfs: %s", strerror(-ret));
	ret = add_file(&cpio, "bin/busybox", LAB_BUSYBOX, error);
	if (!ret)
		ret = add_modules(&cpio, guest->kernel, error);
	if (ret)
		return ret;
	ret = lab_cpio_finish(&cpio);
	if (ret)
		return lab_fail(error, ret, "cannot write the initramfs: %s", strerror(-ret));
	return 0;
}
