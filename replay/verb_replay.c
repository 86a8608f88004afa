/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sftrace replay: the command line of the replay engine. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "against.h"
#include "arguments.h"
#include "print_value.h"
#include "replay.h"
#include "verbs.h"
#include "verdict.h"
#include "view.h"

#define MAX_SPEED 1e6
#define MAX_SLEEP 1e6 /* seconds */

static const char usage[] =
	"usage: sftrace replay [OPTIONS] FILE\n"
	"Makes the calls of the trace FILE again and compares what comes back.\n"
	"  --service SO     the service to call (sfservice.so of this sftrace)\n"
	"  --against SO     replay on this service, too, and compare the two with each\n"
	"                   other instead of the recording\n"
	"  --scratch DIR    replay in DIR, which must be empty or not exist\n"
	"  --onto SHARE=DIR make the calls on the real files in DIR, and change them; nothing\n"
	"                   is rebuilt for this share\n"
	"  --keep           leave the scratch directory there\n"
	"  --to N           stop before call N\n"
	"  --compare WHAT   more (times, set-times, owners, links, inodes, allocation, order)\n"
	"                   or, after a '-', less (status, result, counts, data, attributes,\n"
	"                   listings, names, volume) than usual; separated by commas;\n"
	"                   set-times are those that a guest can set: access, modification;\n"
	"                   order is that of the names in a listing\n"
	"  --speed S        max (the default), 1 (at the recorded times), 2 (twice as fast)...\n"
	"  --max-sleep T    wait no longer than T seconds for the time of a call\n"
	"  --descriptors N  the service can open only N files at a time\n"
	"  --disk SIZE      the share is on a disk of that size (such as 1M), in memory;\n"
	"                   needs root\n"
	"  --json           print the outcome as JSON\n"
	"  -v, --verbose    print every call that was not as recorded or not made\n"
	"Exit status: 0 all as recorded, 3 something diverged, 4 as recorded as far as\n"
	"the trace goes, 1 failed, 2 usage.\n"
	"Examples:\n"
	"  sftrace replay t.db                  is everything as it was recorded?\n"
	"  sftrace replay --service ./new.so t.db\n"
	"                                       does another service do the same?\n"
	"  sftrace replay --service ./old.so --against ./new.so t.db\n"
	"                                       do two services do the same?\n"
	"  sftrace replay --to 1234 --keep --scratch d t.db\n"
	"                                       the files as they were before call 1234\n"
	"  sftrace replay --onto work=/srv/copy t.db\n"
	"                                       what would these calls do to my files?\n"
	"  sftrace replay --speed 1 --max-sleep 0.5 t.db\n"
	"                                       as it was, but for the longest pauses\n"
	"  sftrace replay -v --compare times,-data t.db\n"
	"                                       with times, without data, each difference\n";

struct replay_arguments {
	struct replay_options options;
	const char *file;
	const char *against; /* NULL: the recording */
	bool json;
};

/* clang-format off */
static const struct option long_options[] = {
	{"service", required_argument, NULL, 's'},
	{"against", required_argument, NULL, 'a'},
	{"scratch", required_argument, NULL, 'd'},
	{"onto", required_argument, NULL, 'o'},
	{"keep", no_argument, NULL, 'k'},
	{"to", required_argument, NULL, 't'},
	{"compare", required_argument, NULL, 'c'},
	{"speed", required_argument, NULL, 'p'},
	{"max-sleep", required_argument, NULL, 'm'},
	{"descriptors", required_argument, NULL, 'D'},
	{"disk", required_argument, NULL, 'K'},
	{"json", no_argument, NULL, 'j'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}
};
/* clang-format on */

static void report(void *user, const struct trace_call *event, const struct replay_finding *finding)
{
	verdict_line(user, event, finding);
}

static int take_size(const char *option, const char *text, int64_t *ret)
{
	if (limit_parse(text, ret))
		return -1;
	fprintf(stderr, "sftrace: %s takes a number like 64, 64k or 1M, not %s\n", option, text);
	return SFTRACE_USAGE;
}

/* Shares are named, so that no trace decides which directory it gets. */
static int take_onto(char *text, struct replay_options *options)
{
	char *equals = strchr(text, '=');
	char *path = equals ? realpath(equals + 1, NULL) : NULL;

	if (options->n_onto == REPLAY_MAX_ONTO || !equals || equals == text) {
		fprintf(stderr, "sftrace: --onto takes SHARE=DIR, at most %d times, not %s\n",
			REPLAY_MAX_ONTO, text);
		free(path);
		return SFTRACE_USAGE;
	}
	if (!path) {
		fprintf(stderr, "sftrace: cannot replay onto %s: %s\n", equals + 1,
			strerror(errno));
		return SFTRACE_FAILED;
	}
	*equals = '\0';
	options->onto[options->n_onto++] = (struct scratch_onto){text, path};
	return -1;
}

static bool take_positive(const char *text, double max, double *ret)
{
	char *end;

	*ret = strtod(text, &end);
	return !*end && end != text && *ret > 0 && *ret <= max;
}

static int take_speed(const char *text, double *ret)
{
	*ret = 0;
	if (strcmp(text, "max") == 0 || take_positive(text, MAX_SPEED, ret))
		return -1;
	fprintf(stderr, "sftrace: --speed takes max or a number like 1 or 0.5, not %s\n", text);
	return SFTRACE_USAGE;
}

static int take_seconds(const char *text, int64_t *ret_ns)
{
	double seconds;

	if (!take_positive(text, MAX_SLEEP, &seconds)) {
		fprintf(stderr, "sftrace: --max-sleep takes seconds like 1 or 0.1, not %s\n", text);
		return SFTRACE_USAGE;
	}
	*ret_ns = (int64_t)(seconds * 1e9);
	return -1;
}

static int parse_option(int letter, void *user)
{
	struct replay_arguments *arguments = user;
	struct replay_options *options = &arguments->options;

	switch (letter) {
	case 's':
		options->service = optarg;
		return -1;
	case 'a':
		arguments->against = optarg;
		return -1;
	case 'd':
		options->scratch = optarg;
		return -1;
	case 'o':
		return take_onto(optarg, options);
	case 'k':
		options->keep = true;
		return -1;
	case 't':
		return argument_call_id("--to", optarg, &options->to);
	case 'c':
		return argument_compare(optarg, &options->compare);
	case 'p':
		return take_speed(optarg, &options->pace.speed);
	case 'm':
		return take_seconds(optarg, &options->pace.max_sleep_ns);
	case 'D':
		return take_size("--descriptors", optarg, &options->limits.descriptors);
	case 'K':
		return take_size("--disk", optarg, &options->limits.disk);
	case 'j':
		arguments->json = true;
		return -1;
	case 'v':
		options->report = report;
		options->user = stderr;
		return -1;
	default:
		return SFTRACE_USAGE;
	}
}

static int parse(int argc, char **argv, struct replay_arguments *arguments)
{
	const struct pace_options *pace = &arguments->options.pace;
	int status = argument_parse(argc, argv, usage, "v", long_options, parse_option, arguments);

	if (status == -1)
		status = argument_operands(argc, 1, 1, usage);
	if (status == -1 && arguments->against && arguments->options.n_onto) {
		fprintf(stderr, "sftrace: --against takes two scratch directories, not --onto\n");
		status = SFTRACE_USAGE;
	}
	if (status == -1 && pace->max_sleep_ns && pace->speed <= 0) {
		fprintf(stderr, "sftrace: --max-sleep needs --speed: nothing is waited for\n");
		status = SFTRACE_USAGE;
	}
	if (status != -1)
		return status;
	arguments->file = argv[optind];
	return -1;
}

static void warn(const struct replay_result *result, const char *incomplete)
{
	if (incomplete)
		fprintf(stderr, "sftrace: this trace is incomplete: %s\n", incomplete);
	if (!result->confined)
		fprintf(stderr,
			"sftrace: this kernel cannot keep the service inside of the scratch "
			"directory (no Landlock): trust the trace or use sfservice.so\n");
}

static int replay_opened(struct trace *trace, const struct replay_arguments *arguments)
{
	struct replay_result result;
	char *message = NULL, *why = NULL;
	int incomplete = trace_is_incomplete(trace, &why);
	int ret = arguments->against ? against_run(trace, &arguments->options, arguments->against,
						   &result, &message)
				     : replay_run(trace, &arguments->options, &result, &message);

	if (ret < 0) {
		fprintf(stderr, "sftrace: cannot replay %s: %s\n", arguments->file,
			message ? message : strerror(-ret));
		ret = SFTRACE_FAILED;
	} else {
		warn(&result, incomplete ? why : NULL);
		(arguments->json ? verdict_json : verdict_text)(stdout, trace, &result);
		ret = replay_exit_status(&result, incomplete != 0);
		replay_result_clear(&result);
	}
	free(message);
	free(why);
	return ret;
}

/* One --onto beside the shares that a trace has. */
struct onto_search {
	const char *name;
	bool found;
	size_t n; /* shares that were named */
};

static void onto_compare(void *user, sqlite3_stmt *stmt)
{
	struct onto_search *search = user;
	const char *name = (const char *)sqlite3_column_text(stmt, 0);

	if (name && strcasecmp(name, search->name) == 0)
		search->found = true;
}

static void onto_name(void *user, sqlite3_stmt *stmt)
{
	struct onto_search *search = user;

	fputs(search->n++ ? ", " : " ", stderr);
	print_json_string(stderr, (const char *)sqlite3_column_text(stmt, 0));
}

/* A misspelt share would leave its directory untouched and look like a success. */
static int check_onto(struct trace *trace, const struct replay_arguments *arguments)
{
	static const char sql[] = "SELECT DISTINCT name FROM shares ORDER BY name";
	const struct replay_options *options = &arguments->options;

	for (size_t i = 0; i < options->n_onto; i++) {
		struct onto_search search = {.name = options->onto[i].name};

		if (view_rows(trace, arguments->file, sql, onto_compare, &search))
			return SFTRACE_FAILED;
		if (search.found)
			continue;
		fprintf(stderr, "sftrace: --onto: %s has no share %s, but", arguments->file,
			search.name);
		view_rows(trace, arguments->file, sql, onto_name, &search);
		fputs(search.n ? "\n" : " none at all\n", stderr);
		return SFTRACE_USAGE;
	}
	return -1;
}

static int replay_file(const struct replay_arguments *arguments)
{
	struct trace *trace = view_open(arguments->file);
	int ret;

	if (!trace)
		return SFTRACE_FAILED;
	ret = check_onto(trace, arguments);
	if (ret == -1)
		ret = replay_opened(trace, arguments);
	trace_close(trace);
	return ret;
}

int verb_replay(int argc, char **argv)
{
	struct replay_arguments arguments = {.options = {.compare = COMPARE_USUAL}};
	char *service = NULL;
	int ret = parse(argc, argv, &arguments);

	if (ret != -1)
		return ret;
	if (!arguments.options.service) {
		service = argument_service();
		arguments.options.service = service;
	}
	if (!arguments.options.service)
		return SFTRACE_FAILED;
	ret = replay_file(&arguments);
	free(service);
	for (size_t i = 0; i < arguments.options.n_onto; i++)
		free((char *)(uintptr_t)arguments.options.onto[i].path);
	return ret;
}
