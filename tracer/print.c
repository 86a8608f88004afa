/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace print": the calls of a trace, one a line. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "print_call.h"
#include "print_value.h"
#include "verbs.h"
#include "view.h"

#define DEFAULT_STRLEN 32
#define NAMES_MAX 64

struct print_options {
	const char *file;
	unsigned long long limit; /* lines */
	char *names[NAMES_MAX]; /* of functions; none: all */
	size_t n_names;
	const char *path; /* NULL: any */
	bool failed;
	bool by_client;
	uint32_t client;
	size_t strlen;
	bool full;
};

static void print_help(void)
{
	fputs("Usage: sftrace print [OPTIONS] FILE\n"
	      "Prints the calls and control events of a trace, one a line: seconds since its\n"
	      "beginning, who, function and parameters, status and what came back, how long.\n"
	      "\n"
	      "  -n N               only the first N lines\n"
	      "  -e NAME[,NAME...]  only these: WRITE or SHFL_FN_WRITE, connect, disconnect\n"
	      "  -P, --path PATH    only calls on PATH or below it\n"
	      "  -Z, --failed       only what failed\n"
	      "  --client N         only this client's\n"
	      "  -s N               show N bytes of data (32)\n"
	      "  --full             everything, exactly: what 'synth' makes the same trace of\n"
	      "  -h, --help         this\n"
	      "\n"
	      "Examples:\n"
	      "  sftrace print -e CREATE,CLOSE t.db\n"
	      "  sftrace print -Z -P /src t.db\n"
	      "  sftrace print --full t.db >t.txt; sftrace synth -o same.db t.txt\n"
	      "\n"
	      "Exit status: 0, 1 failed, 2 usage, 4 the trace is incomplete.\n",
	      stdout);
}

/* A whole number up to MAX; false if it is none. */
static bool parse_number(const char *text, unsigned long long max, unsigned long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && end != text && !*end && *text >= '0' && *text <= '9' && *ret <= max;
}

static bool is_event_name(const char *name)
{
	static const char *const control[] = {"connect", "disconnect"};
	char buffer[48];

	for (size_t i = 0; i < 2; i++)
		if (!strcasecmp(name, control[i]))
			return true;
	for (uint32_t fn = 0; fn < 64; fn++) {
		for (int kind = TRACE_CALL; kind <= TRACE_HOST_CALL; kind++) {
			struct trace_call call = {.kind = (enum trace_kind)kind, .fn = fn};
			bool known = kind == TRACE_CALL ? shfl_fn_find(fn) != NULL
							: shfl_host_fn_find(fn) != NULL;
			const char *full = print_call_name(&call, buffer);

			if (known && (!strcasecmp(name, full) || !strcasecmp(name, full + 8)))
				return true;
		}
	}
	return false;
}

static bool add_names(struct print_options *options, char *list)
{
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		if (options->n_names == NAMES_MAX || !is_event_name(name)) {
			view_usage("print", "no such function: ", name);
			return false;
		}
		options->names[options->n_names++] = name;
	}
	return true;
}

static int take_option(struct print_options *options, int option)
{
	unsigned long long number = 0;

	switch (option) {
	case 'n':
		if (!parse_number(optarg, UINT64_MAX, &options->limit))
			return view_usage("print", "not a number: ", optarg);
		return -1;
	case 's':
		if (!parse_number(optarg, SIZE_MAX, &number))
			return view_usage("print", "not a number: ", optarg);
		options->strlen = number;
		return -1;
	case 'c':
		if (!parse_number(optarg, UINT32_MAX, &number))
			return view_usage("print", "not a client: ", optarg);
		options->client = (uint32_t)number;
		options->by_client = true;
		return -1;
	case 'e':
		return add_names(options, optarg) ? -1 : SFTRACE_USAGE;
	case 'P':
		options->path = optarg;
		return -1;
	case 'F':
		options->full = true;
		return -1;
	case 'Z':
		options->failed = true;
		return -1;
	case 'h':
		print_help();
		return SFTRACE_OK;
	}
	return SFTRACE_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_options(struct print_options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{"path", required_argument, NULL, 'P'},	  {"failed", no_argument, NULL, 'Z'},
		{"client", required_argument, NULL, 'c'}, {"full", no_argument, NULL, 'F'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0},
	};
	int option, status = -1;

	optind = 0;
	while (status < 0 && (option = getopt_long(argc, argv, "n:e:P:Zs:h", table, NULL)) >= 0)
		status = take_option(options, option);
	if (status >= 0)
		return status;
	if (argc - optind != 1)
		return view_usage("print", "one trace file is needed", "");
	options->file = argv[optind];
	return -1;
}

static bool is_named(const struct print_options *options, const struct trace_call *call)
{
	char buffer[48];
	const char *name = print_call_name(call, buffer);

	for (size_t i = 0; i < options->n_names; i++)
		if (!strcasecmp(options->names[i], name) ||
		    (!strncmp(name, "SHFL_FN_", 8) && !strcasecmp(options->names[i], name + 8)))
			return true;
	return !options->n_names;
}

static bool is_filter(const struct print_options *options)
{
	return options->by_client || options->failed || options->path || options->n_names;
}

static bool is_wanted(const struct print_options *options, const struct trace_call *call)
{
	if (options->by_client &&
	    (call->kind == TRACE_HOST_CALL || call->client != options->client))
		return false;
	if (options->failed && !trace_call_failed(call))
		return false;
	if (options->path &&
	    (call->kind != TRACE_CALL || !view_is_below(call->path, options->path)))
		return false;
	return is_named(options, call);
}

/* A directive of print --full: its word, then texts in quotes. */
static void print_directive(void *user, sqlite3_stmt *stmt)
{
	(void)user;
	fputs((const char *)sqlite3_column_text(stmt, 0), stdout);
	for (int i = 1; i < sqlite3_column_count(stmt); i++) {
		const char *text = (const char *)sqlite3_column_text(stmt, i);

		fputc(' ', stdout);
		print_string(stdout, text ? text : "");
	}
	fputc('\n', stdout);
}

/* What describes the recording, before its events. */
static int print_head(const struct print_options *options, struct trace *trace)
{
	static const char meta[] =
		"SELECT '@meta', key, value FROM meta WHERE key NOT IN"
		" ('state', 'incomplete_because', 'first_ns', 'last_ns', 'payload_bytes')"
		" ORDER BY key";
	static const char why[] = "SELECT '@incomplete', value FROM meta"
				  " WHERE key = 'incomplete_because'";
	int rc = 0;

	if (options->full)
		rc = view_rows(trace, options->file, meta, print_directive, NULL);
	if (options->full && !rc)
		rc = view_rows(trace, options->file, why, print_directive, NULL);
	return rc;
}

/* Losses, in the order of the events that they came after. */
static int losses_open(struct trace *trace, sqlite3_stmt **ret)
{
	static const char sql[] = "SELECT after_call_id, side, hop, reason, n FROM loss_places"
				  " WHERE after_call_id IS NOT NULL";
	int rc = sqlite3_prepare_v2(trace_db(trace), sql, -1, ret, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(*ret);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -EUCLEAN;
}

/* Those before an event, as lines that are comments to "sftrace synth". */
static void print_losses(sqlite3_stmt *losses, int64_t before)
{
	while (sqlite3_data_count(losses) && sqlite3_column_int64(losses, 0) < before) {
		const char *side = (const char *)sqlite3_column_text(losses, 1);
		const char *hop = (const char *)sqlite3_column_text(losses, 2);
		const char *reason = (const char *)sqlite3_column_text(losses, 3);

		printf("# lost here: %lld by the %s (", sqlite3_column_int64(losses, 4), side);
		for (const char *c = hop ? hop : ""; *c; c++)
			putchar(*c > 0x20 && *c < 0x7f ? *c : '?');
		printf("%s", hop ? ": " : "");
		for (const char *c = reason ? reason : "?"; *c; c++)
			putchar(*c >= 0x20 && *c < 0x7f ? *c : '?');
		puts(")");
		sqlite3_step(losses);
	}
}

static int print_events(const struct print_options *options, struct trace *trace)
{
	struct print_context context = {
		.out = stdout,
		.trace = trace,
		.first_ns = view_number(trace, "first_ns"),
		.last_ns = view_last_ns(trace),
		.strlen = options->strlen,
	};
	unsigned long long printed = 0;
	struct trace_cursor *cursor = NULL;
	sqlite3_stmt *losses = NULL;
	struct trace_call call;
	int rc = print_head(options, trace);

	if (!rc)
		rc = losses_open(trace, &losses);
	if (!rc)
		rc = trace_events(trace, &cursor);
	while (!rc && printed < options->limit && (rc = trace_next(cursor, &call)) > 0) {
		rc = 0;
		print_losses(losses, call.call_id);
		if (!is_wanted(options, &call))
			continue;
		rc = (options->full ? print_call_full : print_call)(&context, &call);
		if (rc)
			break;
		printed++;
	}
	if (!rc && printed < options->limit)
		print_losses(losses, INT64_MAX);
	if (!rc && !printed && options->limit && is_filter(options))
		fprintf(stderr, "sftrace: nothing in %s is what was asked for\n", options->file);
	sqlite3_finalize(losses);
	trace_cursor_close(cursor);
	return rc;
}

int verb_print(int argc, char **argv)
{
	struct print_options options = {.limit = UINT64_MAX, .strlen = DEFAULT_STRLEN};
	struct trace *trace;
	int status = parse_options(&options, argc, argv);

	if (status >= 0)
		return status;
	trace = view_open(options.file);
	if (!trace)
		return SFTRACE_FAILED;
	if (print_events(&options, trace))
		status = view_damaged(options.file, trace_error(trace));
	else
		status = view_status(trace, options.file);
	trace_close(trace);
	return status;
}
