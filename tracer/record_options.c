/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of "sftrace record": see record_options.h. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flight.h"
#include "guest_agent.h"
#include "link.h"
#include "pattern.h"
#include "record_options.h"
#include "ring.h"
#include "service_path.h"
#include "shfl_table.h"

enum {
	OPTION_SERVICE = 256,
	OPTION_GUEST,
	OPTION_SNAPLEN,
	OPTION_BUFFER,
	OPTION_NO_SYSCALLS,
	OPTION_CLIENT,
	OPTION_COMM,
	OPTION_SLOWER,
	OPTION_RING,
	OPTION_SHARE,
	OPTION_SIDE,
	OPTION_DUMP_ON,
	OPTION_KEEP_SPOOLS
};

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'},
	{"pid", required_argument, NULL, 'p'},
	{"force", no_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{"keep-spools", no_argument, NULL, OPTION_KEEP_SPOOLS},
	{"service", required_argument, NULL, OPTION_SERVICE},
	{"guest", required_argument, NULL, OPTION_GUEST},
	{"snaplen", required_argument, NULL, OPTION_SNAPLEN},
	{"buffer", required_argument, NULL, OPTION_BUFFER},
	{"ring", required_argument, NULL, OPTION_RING},
	{"dump-on", required_argument, NULL, OPTION_DUMP_ON},
	{"function", required_argument, NULL, 'e'},
	{"failed", no_argument, NULL, 'Z'},
	{"client", required_argument, NULL, OPTION_CLIENT},
	{"share", required_argument, NULL, OPTION_SHARE},
	{"path", required_argument, NULL, 'P'},
	{"side", required_argument, NULL, OPTION_SIDE},
	{"comm", required_argument, NULL, OPTION_COMM},
	{"slower-than", required_argument, NULL, OPTION_SLOWER},
	{"no-syscalls", no_argument, NULL, OPTION_NO_SYSCALLS},
	{0},
};

static void help(void)
{
	puts("Usage: sftrace record [OPTION]... [-- COMMAND [ARGUMENT]...]\n"
	     "Records the calls that a shared-folders service gets, with every hop they cross,\n"
	     "into a trace: while COMMAND runs, or until interrupted.\n"
	     "\n"
	     "  -o, --output FILE   the trace (sftrace.db)\n"
	     "  -f, --force         replace FILE if there is one\n"
	     "  --keep-spools       leave FILE.host.spool or FILE.guest.spool, for sftrace merge\n"
	     "                      with the other side, recorded elsewhere\n"
	     "  -p, --pid PID       only this process (without: COMMAND and its descendants;\n"
	     "                      without COMMAND: every user of the service)\n"
	     "  --service FILE      the service's module (lib/sfservice.so of this sftrace)\n"
	     "  --guest ENDPOINT    unix:PATH: wait there for the agent of a guest; COMMAND\n"
	     "                      finds PATH in its environment as SFTRACE_GUEST;\n"
	     "                      exec:COMMAND: the agent on the standard input and output of\n"
	     "                      this command, e.g. \"exec:ssh vm sftrace agent --stdio\"\n"
	     "  --side host|guest   only what the host sees, or only what the guest's agent sees;\n"
	     "                      in a guest itself: this guest's side, with payload, for\n"
	     "                      sftrace merge or on its own\n"
	     "  --snaplen N|all     bytes of file data and listings to keep of a parameter (all)\n"
	     "  --buffer SIZE       of the kernel's ring for each CPU, e.g. 64M\n"
	     "  --no-syscalls       system calls are no hops\n"
	     "\n"
	     "A flight recorder (the host's side only):\n"
	     "  --ring SIZE         keep only the last SIZE bytes, e.g. 256M, in memory; SIGUSR2\n"
	     "                      dumps them as a trace: FILE with a number before its suffix,\n"
	     "                      sftrace.1.db. What explains the calls in it stays: shares,\n"
	     "                      clients, the opening of handles. Nothing is replaced\n"
	     "  --dump-on failed|slower:DURATION\n"
	     "                      dump also when a call failed, or took at least so long; may\n"
	     "                      be given for each. While a dump is loaded there is no other\n"
	     "\n"
	     "Only calls that fulfil all of these; the kernel drops the others:\n"
	     "  -e, --function FN[,FN]...  of these functions, e.g. -e WRITE,CREATE\n"
	     "  -Z, --failed               that failed\n"
	     "  --slower-than DURATION     that took at least so long, e.g. 500us, 10ms, 1s\n"
	     "  --share NAME               of this share, from when a client maps it\n"
	     "  -P, --path PATH            of this path in a share and what is below it, e.g.\n"
	     "                             -P /src; by handle, from when it is opened\n"
	     "  --client ID                of this client of the service\n"
	     "  --comm NAME                served by a thread of this name\n"
	     "A call that has not ended passes -Z and --slower-than. Clients and shares that\n"
	     "come and go, a client's settings (SET_UTF8, SET_SYMLINKS) and the shares that it\n"
	     "maps are recorded all the same. What else a call depends on is not, such as the\n"
	     "CREATE of its handle: such a trace replays only in part. For a part that replays,\n"
	     "record everything and use sftrace cut. The host's kernel filters; of a guest's\n"
	     "calls those stay that the host recorded, and all its file system operations.\n"
	     "\n"
	     "SIGUSR1 has the calls in flight written at once, of the guest too; otherwise they\n"
	     "are every 2 s. A guest's agent whose line is cut (unix:PATH) is waited for, and\n"
	     "goes on where it was; what it could not hold meanwhile is a loss, 'line cut'.\n"
	     "SIGINT and SIGTERM end the recording in good order.\n"
	     "\n"
	     "Examples:\n"
	     "  sftrace record -o t.db -- sf-lab --share work=DIR -- dd if=/dev/zero of=x count=9\n"
	     "  sftrace record -p $(pidof sf-host)\n"
	     "  sftrace record --side guest -o g.db -- make -C /mnt/work  # in the guest\n"
	     "  sftrace record --ring 256M --dump-on failed --dump-on slower:50ms -o flight.db\n"
	     "\n"
	     "Exit status: COMMAND's own if that is not 0; 0, or 4 if the trace is incomplete;\n"
	     "1 on failure, 2 for wrong usage.");
}

static int usage(const char *format, const char *value)
{
	fputs("sftrace: record: ", stderr);
	fprintf(stderr, format, value);
	fputs("; see sftrace record --help\n", stderr);
	return RECORD_USAGE;
}

int parse_bytes(const char *text, uint64_t max, uint64_t *ret)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || !isdigit((unsigned char)*text))
		return -EINVAL;
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		int shift = 10 * (int)(unit - units + 1);

		if (value > UINT64_MAX >> shift)
			return -EINVAL;
		value <<= shift;
		end++;
	}
	if (*end || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* "WRITE" or "SHFL_FN_WRITE", in any case, as a bit; 0: there is no such function. */
static uint64_t function_bit(const char *name, size_t length)
{
	static const char prefix[] = "SHFL_FN_";
	size_t skip = sizeof(prefix) - 1;

	if (length > skip && !strncasecmp(name, prefix, skip)) {
		name += skip;
		length -= skip;
	}
	for (uint32_t fn = 0; fn < 64; fn++) {
		const struct shfl_fn_info *info = shfl_fn_find(fn);

		if (info && strlen(info->name) == length && !strncasecmp(info->name, name, length))
			return 1ull << fn;
	}
	return 0;
}

static int parse_functions(const char *text, uint64_t *functions)
{
	for (;;) {
		size_t length = strcspn(text, ",");
		uint64_t bit = function_bit(text, length);

		if (!bit)
			return -EINVAL;
		*functions |= bit;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (value > INT64_MAX / units[i].ns)
			return -EINVAL;
		*ret_ns = value * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

static int parse_dump_on(const char *text, struct recorder_flight *flight)
{
	static const char slower[] = "slower:";

	if (!strcmp(text, "failed")) {
		flight->on_failed = true;
		return 0;
	}
	if (strncmp(text, slower, sizeof(slower) - 1) ||
	    parse_duration(text + sizeof(slower) - 1, &flight->slower_ns) || !flight->slower_ns)
		return -EINVAL;
	return 0;
}

static void filter_print(FILE *out, const struct probe_filter *filter)
{
	for (uint32_t fn = 0; fn < 64; fn++)
		if (filter->functions >> fn & 1)
			fprintf(out, " %s", shfl_fn_find(fn)->name);
	if (filter->failed)
		fputs(" failed", out);
	if (filter->slower_ns)
		fprintf(out, " slower than %llu ns", (unsigned long long)filter->slower_ns);
	if (filter->client)
		fprintf(out, " client %u", filter->client);
	if (filter->share)
		fprintf(out, " share %s", filter->share);
	if (filter->path)
		fprintf(out, " path %s", filter->path);
	if (*filter->comm)
		fprintf(out, " comm %s", filter->comm);
}

char *record_filter_text(const struct probe_filter *filter)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	filter_print(out, filter);
	if (fclose(out) || !size) {
		free(text);
		return NULL;
	}
	memmove(text, text + 1, size); /* the first space */
	return text;
}

/* What is wrong with the value of an option that is part of the filter, as a format. */
static const char *take_filter(struct probe_filter *filter, int option, const char *value)
{
	struct pattern pattern;
	uint64_t number;

	switch (option) {
	case OPTION_SHARE:
		if (pattern_name(value, &pattern))
			return "'%s' is no name of a share: 1 to 255 bytes of UTF-8";
		filter->share = value;
		return NULL;
	case 'P':
		if (pattern_path(value, &pattern))
			return "'%s' is no path in a share: 1 to 255 bytes of UTF-8, like /src";
		filter->path = value;
		return NULL;
	case 'e':
		if (parse_functions(value, &filter->functions))
			return "'%s' is no list of functions: names like WRITE,CREATE";
		return NULL;
	case 'Z':
		filter->failed = true;
		return NULL;
	case OPTION_SLOWER:
		if (parse_duration(value, &filter->slower_ns))
			return "'%s' is no duration: a number with ns, us, ms or s";
		return NULL;
	case OPTION_CLIENT:
		if (parse_bytes(value, UINT32_MAX, &number) || !number)
			return "'%s' is not the number of a client";
		filter->client = number;
		return NULL;
	default:
		if (!*value || strlen(value) >= sizeof(filter->comm))
			return "'%s' is no name of a thread: 1 to 15 bytes";
		strcpy(filter->comm, value);
		return NULL;
	}
}

/* Returns what is wrong with an option's value, as a format; NULL: nothing. */
static const char *take_option(struct record_options *options, const char **service, int option,
			       const char *value)
{
	uint64_t number;

	switch (option) {
	case 'o':
		options->output = value;
		return *value ? NULL : "-o needs the name of a file%s";
	case 'f':
		options->force = true;
		return NULL;
	case 'p':
		if (parse_bytes(value, INT_MAX, &number) || !number)
			return "'%s' is not the number of a process";
		options->pid = number;
		return NULL;
	case OPTION_SERVICE:
		*service = value;
		return NULL;
	case OPTION_GUEST:
		options->guest = value;
		if (!link_endpoint_path(value) && !link_endpoint_command(value))
			return "'%s' is no endpoint: unix:PATH or exec:COMMAND is one";
		return NULL;
	case OPTION_SNAPLEN:
		number = UINT32_MAX;
		if (strcmp(value, "all") && parse_bytes(value, UINT32_MAX, &number))
			return "'%s' is no snap length: a number of bytes, or 'all'";
		options->snaplen = number;
		return NULL;
	case OPTION_BUFFER:
		if (parse_bytes(value, 1u << 30, &number) || !number)
			return "'%s' is no size of a buffer: bytes, or with K, M, G; at most 1G";
		options->ring_bytes = number;
		return NULL;
	case OPTION_SIDE:
		options->side = value;
		if (strcmp(value, "host") && strcmp(value, "guest"))
			return "'%s' is no side: host or guest";
		return NULL;
	case OPTION_RING:
		if (parse_bytes(value, FLIGHT_MAX_BYTES, &number) || number < FLIGHT_MIN_BYTES)
			return "'%s' is no size of a flight recorder: 256K to 64G";
		options->flight.bytes = number;
		return NULL;
	case OPTION_DUMP_ON:
		if (parse_dump_on(value, &options->flight))
			return "'%s' is no reason for a dump: failed, or slower: and a duration";
		return NULL;
	case OPTION_KEEP_SPOOLS:
		options->keep_spools = true;
		return NULL;
	case OPTION_NO_SYSCALLS:
		options->syscalls = false;
		return NULL;
	default:
		return take_filter(&options->filter, option, value);
	}
}

static bool has_filter(const struct probe_filter *filter)
{
	char *text = record_filter_text(filter);
	bool any = text != NULL;

	free(text);
	return any;
}

/* Options that make no sense together, as a format with the name of one; NULL: none. */
static const char *conflict(const struct record_options *options, const char **ret_name)
{
	const struct recorder_flight *flight = &options->flight;

	*ret_name = "--guest";
	if (options->side && options->guest && *options->side == 'h')
		return "--side host and %s exclude each other";
	*ret_name = "a command or --guest";
	if (options->side && !options->guest && !options->command && !options->here &&
	    *options->side == 'g')
		return "--side guest needs %s outside of a guest";
	*ret_name = "all";
	if (options->here && options->snaplen && options->snaplen != UINT32_MAX)
		return "a guest's payload is recorded whole or not at all: --snaplen 0 or %s";
	*ret_name = "a filter";
	if (options->side && *options->side == 'g' && has_filter(&options->filter))
		return "--side guest and %s exclude each other";
	*ret_name = flight->on_failed || flight->slower_ns ? "--dump-on" : "";
	if (!flight->bytes)
		return **ret_name ? "%s needs --ring" : NULL;
	*ret_name = options->guest	   ? "--guest"
		    : options->side	   ? "--side"
		    : options->force	   ? "-f"
		    : options->keep_spools ? "--keep-spools"
					   : "";
	return **ret_name ? "--ring and %s exclude each other" : NULL;
}

int record_options_parse(int argc, char **argv, struct record_options *options)
{
	const char *service = NULL, *problem, *name;
	int option;

	*options = (struct record_options){
		.output = "sftrace.db",
		.snaplen = UINT32_MAX,
		.syscalls = true,
	};
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, "+:o:p:e:P:Zfh", long_options, NULL)) != -1) {
		if (option == 'h') {
			help();
			return RECORD_HELP;
		}
		if (option == ':')
			return usage("%s needs a value", argv[optind - 1]);
		if (option == '?')
			return usage("unknown option %s", argv[optind - 1]);
		problem = take_option(options, &service, option, optarg);
		if (problem)
			return usage(problem, optarg);
	}
	if (optind < argc)
		options->command = argv + optind;
	if (options->command && options->pid)
		return usage("-p and a command (%s) exclude each other", argv[optind]);
	options->here = options->side && *options->side == 'g' && !options->guest &&
			guest_agent_can_be_here();
	problem = conflict(options, &name);
	if (problem)
		return usage(problem, name);
	options->service = service_path(service);
	return options->service ? RECORD_RUN : usage("no memory for %s", "the service's path");
}
