/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One table of options: parsing and the help text both come from it. */
#include "lab_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define HELP_COLUMN 37
#define MEMORY_MIN (128ull << 20)
#define MEMORY_MAX (1ull << 40)

static const char *const guests[] = {LAB_GUEST_SF, LAB_GUEST_MAINLINE};

static bool share_name_is_usable(const char *name, size_t length)
{
	if (!length || length >= sizeof(((struct lab_share *)0)->name))
		return false;
	if (name[0] == '-' || (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'))))
		return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] == '/' || iscntrl((unsigned char)name[i]))
			return false;
	return true;
}

/* The length of directory without the flags that follow it. */
static size_t directory_length(const char *directory)
{
	static const char *const flags[] = {":ro", ":symlinks"};
	size_t length = strlen(directory);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		size_t size = strlen(flags[i]);

		if (length > size && !memcmp(directory + length - size, flags[i], size)) {
			length -= size;
			i = (size_t)-1; /* once more from the start */
		}
	}
	return length;
}

static bool is_directory(const char *path, size_t length)
{
	char *copy = strndup(path, length);
	struct stat status;
	bool found = copy && !stat(copy, &status) && S_ISDIR(status.st_mode);

	free(copy);
	return found;
}

static int parse_share(struct lab_options *options, const char *value, struct lab_error *error)
{
	struct lab_share *share = &options->shares[options->share_count];
	const char *equals = strchr(value, '=');
	const char *directory = equals ? equals + 1 : "";
	size_t name_length = equals ? (size_t)(equals - value) : 0;
	size_t length = directory_length(directory);

	if (!length)
		return lab_fail(error, -EINVAL, "--share %s: want NAME=DIR[:ro][:symlinks]", value);
	if (!share_name_is_usable(value, name_length))
		return lab_fail(error, -EINVAL,
				"--share %s: the name must have 1 to 255 bytes, no slash, no "
				"control character, and not be or begin like . .. or an option",
				value);
	if (!is_directory(directory, length))
		return lab_fail(error, -EINVAL, "--share %s: %.*s is not a directory", value,
				(int)length, directory);
	if (options->share_count == LAB_MAX_SHARES)
		return lab_fail(error, -EINVAL, "more than %d shares", LAB_MAX_SHARES);
	share->specification = value;
	memcpy(share->name, value, name_length);
	share->name[name_length] = 0;
	for (size_t i = 0; i < options->share_count; i++)
		if (!strcasecmp(options->shares[i].name, share->name))
			return lab_fail(error, -EINVAL, "two shares have the name %s", share->name);
	options->share_count++;
	return 0;
}

static int parse_guest(struct lab_options *options, const char *value, struct lab_error *error)
{
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		if (!strcmp(value, guests[i])) {
			options->guest = value;
			return 0;
		}
	}
	return lab_fail(error, -EINVAL, "--guest %s: no such guest; there are: %s %s", value,
			guests[0], guests[1]);
}

static int parse_memory(struct lab_options *options, const char *value, struct lab_error *error)
{
	static const char units[] = "KMG";
	unsigned long long bytes = 0;
	const char *unit;
	char *end;

	errno = 0;
	if (isdigit((unsigned char)*value))
		bytes = strtoull(value, &end, 10);
	unit = bytes && *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (errno || !unit || end[1] || bytes > MEMORY_MAX)
		return lab_fail(error, -EINVAL, "--memory %s: want a size such as 512M or 2G",
				value);
	bytes <<= 10 * (unit - units + 1);
	if (bytes < MEMORY_MIN || bytes > MEMORY_MAX)
		return lab_fail(error, -EINVAL, "--memory %s: want between 128M and 1024G", value);
	options->memory = value;
	return 0;
}

static int parse_timeout(struct lab_options *options, const char *value, struct lab_error *error)
{
	unsigned long seconds = 0;
	char *end = NULL;

	errno = 0;
	if (isdigit((unsigned char)*value))
		seconds = strtoul(value, &end, 10);
	if (errno || !seconds || *end || seconds > 1000000)
		return lab_fail(error, -EINVAL, "--timeout %s: want seconds, from 1 to 1000000",
				value);
	options->timeout_s = (unsigned int)seconds;
	return 0;
}

static int parse_environment(struct lab_options *options, const char *value,
			     struct lab_error *error)
{
	size_t length = strcspn(value, "=");
	bool valid = length && !isdigit((unsigned char)*value);

	for (size_t i = 0; i < length; i++)
		valid = valid && (isalnum((unsigned char)value[i]) || value[i] == '_');
	if (!valid)
		return lab_fail(error, -EINVAL, "--env %s: want NAME or NAME=VALUE", value);
	if (!value[length] && !getenv(value))
		return lab_fail(error, -EINVAL, "--env %s: there is no such variable here", value);
	if (options->environment_count == LAB_MAX_ENVIRONMENT)
		return lab_fail(error, -EINVAL, "more than %d variables", LAB_MAX_ENVIRONMENT);
	options->environment[options->environment_count++] = value;
	return 0;
}

/* An option is parsed by a function, or is kept as a string in a member, or (neither) is --help. */
struct option_entry {
	const char *name;
	const char *argument; /* NULL: takes none */
	int (*parse)(struct lab_options *options, const char *value, struct lab_error *error);
	size_t member;
	const char *help;
};

#define MEMBER(name) offsetof(struct lab_options, name)

static const struct option_entry table[] = {
	{"share", "NAME=DIR[:ro][:symlinks]", parse_share, 0, "offer DIR; may be repeated"},
	{"guest", "GUEST", parse_guest, 0,
	 "the guest's driver: sf (ours; the default) or mainline (Linux's)"},
	{"memory", "SIZE", parse_memory, 0, "the guest's memory, such as 512M (the default) or 2G"},
	{"timeout", "SECONDS", parse_timeout, 0, "end the guest after that time (default 600)"},
	{"env", "NAME[=VALUE]", parse_environment, 0,
	 "pass a variable to COMMAND; may be repeated"},
	{"append", "WORDS", NULL, MEMBER(append), "add to the kernel's command line"},
	{"service", "FILE", NULL, MEMBER(service), "the host service that sf-host is to load"},
	{"console", "FILE", NULL, MEMBER(console), "gets what the guest's kernel prints"},
	{"host-log", "FILE", NULL, MEMBER(host_log),
	 "gets what sf-host and QEMU print (else: stderr, at the end)"},
	{"kernel-dir", "DIR", NULL, MEMBER(kernel_dir), "where the guest's kernel is unpacked"},
	{"help", NULL, NULL, 0, "print this"},
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static void fill_getopt_table(struct option options[TABLE_SIZE + 1])
{
	memset(options, 0, sizeof(struct option) * (TABLE_SIZE + 1));
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		options[i].name = table[i].name;
		options[i].has_arg = table[i].argument ? required_argument : no_argument;
	}
}

static int apply_option(struct lab_options *options, const struct option_entry *entry,
			const char *value, struct lab_error *error)
{
	if (entry->parse)
		return entry->parse(options, value, error);
	if (!entry->argument)
		options->help = true;
	else if (!*value)
		return lab_fail(error, -EINVAL, "--%s: the value is empty", entry->name);
	else
		*(const char **)((char *)options + entry->member) = value;
	return 0;
}

static int parse_command(struct lab_options *options, char **command, struct lab_error *error)
{
	if (options->help)
		return 0;
	if (!command[0])
		return lab_fail(error, -EINVAL, "no command to run in the guest");
	if (!command[0][0] || command[0][0] == '-')
		return lab_fail(error, -EINVAL, "'%s' cannot be a command's name", command[0]);
	options->command = command;
	return 0;
}

int lab_options_parse(struct lab_options *options, int argc, char **argv, struct lab_error *error)
{
	struct option getopt_table[TABLE_SIZE + 1];
	int index = 0;
	int found;

	*options = (struct lab_options){
		.guest = guests[0], .memory = "512M", .timeout_s = LAB_DEFAULT_TIMEOUT_S};
	fill_getopt_table(getopt_table);
	optind = 0;
	opterr = 0;
	while ((found = getopt_long(argc, argv, "+:", getopt_table, &index)) != -1) {
		int ret;

		if (found == ':')
			return lab_fail(error, -EINVAL, "%s needs a value", argv[optind - 1]);
		if (found == '?')
			return lab_fail(error, -EINVAL, "%s: no such option",
					argv[optind > 1 ? optind - 1 : 1]);
		ret = apply_option(options, &table[index], optarg, error);
		if (ret)
			return ret;
	}
	return parse_command(options, argv + optind, error);
}

void lab_options_print_help(FILE *out)
{
	fputs("usage: sf-lab [OPTION ...] -- COMMAND [ARGUMENT ...]\n"
	      "\n"
	      "Boots a Linux guest under QEMU, mounts the shares at /mnt/NAME and runs COMMAND in "
	      "the\n"
	      "first of them (without a share, in an empty directory). The guest's root is the\n"
	      "host's, read-only; /tmp, /var/tmp, /run and /mnt are empty and writable. DIR:ro is "
	      "for\n"
	      "reading only, in DIR:symlinks the guest may create symbolic links.\n"
	      "\n",
	      out);
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		const char *argument = table[i].argument ? table[i].argument : "";
		int width = fprintf(out, "  --%s %s", table[i].name, argument);

		fprintf(out, "%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "",
			table[i].help);
	}
	fputs("\n"
	      "COMMAND's output and exit status are sf-lab's (128+N if signal N killed it). "
	      "Otherwise:\n"
	      "2 wrong usage, 124 timed out, 125 the guest or the lab failed.\n"
	      "With SFTRACE_GUEST=SOCKET set, sftrace's agent traces the mounts' life in the "
	      "guest.\n"
	      "SF_LAB_GUEST_DIR says where the guest's kernel is, like --kernel-dir.\n"
	      "\n"
	      "example: sf-lab --share work=/tmp/work -- dd if=/dev/zero of=x bs=4k count=10\n",
	      out);
}
