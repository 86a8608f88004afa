/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char help[] =
	"Usage: sf-host --share NAME=DIR[:ro][:symlinks] ... [OPTION ...] -- QEMU [ARGUMENT ...]\n"
	"Runs QEMU with a VirtualBox shared-folders device, and serves it.\n"
	"\n"
	"  --share NAME=DIR    share DIR as NAME; :ro read-only, :symlinks guests may create\n"
	"                      symbolic links; may be given several times\n"
	"  --symlinks          guests may create symbolic links in all shares\n"
	"  --service FILE      the service to load, by default ../lib/sfservice.so beside\n"
	"                      this program\n"
	"  --counters FILE     write the table of calls to FILE when QEMU has ended, not to\n"
	"                      stderr\n"
	"  --help              show this\n"
	"\n"
	"QEMU must have one virtual CPU and shared RAM:\n"
	"  -object memory-backend-memfd,id=ram,size=512M,share=on -machine memory-backend=ram\n"
	"  -m 512M -smp 1\n"
	"The guest mounts with: mount -t vboxsf NAME DIRECTORY\n"
	"Exits with QEMU's status, 128 + N if signal N ended it, or 1 if it could not be run.\n";

const char *options_help(void)
{
	return help;
}

__attribute__((format(printf, 3, 4))) static int refuse(char **ret_message, int error,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_message, format, args) < 0)
		*ret_message = NULL;
	va_end(args);
	return error;
}

/* Cuts a suffix off; a directory whose name ends so is given with a "/" behind it. */
static bool cut_suffix(char *text, const char *suffix)
{
	size_t length = strlen(text), n = strlen(suffix);

	if (length <= n || strcmp(text + length - n, suffix) != 0)
		return false;
	text[length - n] = 0;
	return true;
}

static void cut_flags(struct share *share, char *dir)
{
	bool found = true;

	share->writable = true;
	while (found) {
		found = false;
		if (cut_suffix(dir, ":ro")) {
			share->writable = false;
			found = true;
		}
		if (cut_suffix(dir, ":symlinks")) {
			share->symlinks = true;
			found = true;
		}
	}
}

/* Guests find shares whatever the case, so names that differ in it are the same. */
static bool is_known(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options->n_shares; i++)
		if (strcasecmp(options->shares[i].name, name) == 0)
			return true;
	return false;
}

static int find_directory(const char *dir, char **ret, char **ret_message)
{
	struct stat stat_dir;

	if (stat(dir, &stat_dir) != 0)
		return refuse(ret_message, -errno, "cannot share %s: %s", dir, strerror(errno));
	if (!S_ISDIR(stat_dir.st_mode))
		return refuse(ret_message, -ENOTDIR, "cannot share %s: it is no directory", dir);
	*ret = realpath(dir, NULL);
	if (!*ret)
		return refuse(ret_message, -errno, "cannot share %s: %s", dir, strerror(errno));
	return 0;
}

static int add_share(struct options *options, char *text, char **ret_message)
{
	struct share *share = &options->shares[options->n_shares];
	char *equals = strchr(text, '=');
	int error;

	if (!equals || equals == text || !equals[1])
		return refuse(ret_message, -EINVAL, "--share %s: give it as NAME=DIR", text);
	if (options->n_shares == SHFL_MAX_MAPPINGS)
		return refuse(ret_message, -E2BIG, "more than %d shares", SHFL_MAX_MAPPINGS);
	*equals = 0;
	if (strlen(text) >= SHFL_MAX_LEN)
		return refuse(ret_message, -ENAMETOOLONG, "a share's name is too long: %s", text);
	if (is_known(options, text))
		return refuse(ret_message, -EEXIST, "there are two shares called %s", text);
	cut_flags(share, equals + 1);
	error = find_directory(equals + 1, &share->dir, ret_message);
	if (error)
		return error;
	share->name = strdup(text);
	if (!share->name) {
		free(share->dir);
		return refuse(ret_message, -ENOMEM, "out of memory");
	}
	options->n_shares++;
	return 0;
}

enum option_letter {
	OPTION_SHARE = 1,
	OPTION_SERVICE,
	OPTION_COUNTERS,
	OPTION_SYMLINKS,
	OPTION_HELP
};

static const struct option option_table[] = {
	{"share", required_argument, NULL, OPTION_SHARE},
	{"service", required_argument, NULL, OPTION_SERVICE},
	{"counters", required_argument, NULL, OPTION_COUNTERS},
	{"symlinks", no_argument, NULL, OPTION_SYMLINKS},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

static int take_option(struct options *options, int letter, const char *word, bool *symlinks,
		       char **ret_message)
{
	switch (letter) {
	case OPTION_SHARE:
		return add_share(options, optarg, ret_message);
	case OPTION_SERVICE:
		options->service = optarg;
		return 0;
	case OPTION_COUNTERS:
		options->counters = optarg;
		return 0;
	case OPTION_SYMLINKS:
		*symlinks = true;
		return 0;
	case OPTION_HELP:
		options->help = true;
		return 0;
	case ':':
		return refuse(ret_message, -EINVAL, "option %s needs an argument", word);
	}
	return refuse(ret_message, -EINVAL, "there is no option %s (see sf-host --help)", word);
}

int options_parse(struct options *options, int argc, char **argv, char **ret_message)
{
	bool symlinks = false;
	int letter, error;

	*options = (struct options){0};
	*ret_message = NULL;
	optind = 1;
	/* "+": what follows the first word that is no option is QEMU's; ":": no messages. */
	while ((letter = getopt_long(argc, argv, "+:", option_table, NULL)) != -1) {
		error = take_option(options, letter, argv[optind - 1], &symlinks, ret_message);
		if (error || options->help)
			return error;
	}
	for (size_t i = 0; i < options->n_shares; i++)
		options->shares[i].symlinks |= symlinks;
	if (!options->n_shares)
		return refuse(ret_message, -EINVAL, "nothing to share: give --share NAME=DIR");
	if (!argv[optind])
		return refuse(ret_message, -EINVAL,
			      "no command to run: give QEMU's command line after --");
	options->qemu = argv + optind;
	return 0;
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->n_shares; i++) {
		free(options->shares[i].name);
		free(options->shares[i].dir);
	}
	options->n_shares = 0;
}
