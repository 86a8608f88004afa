/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace cut": a trace of some calls of another, and of what these depend on. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "depend.h"
#include "range_option.h"
#include "trace_copy.h"
#include "verbs.h"
#include "view.h"

static const char help[] =
	"Usage: sftrace cut [OPTIONS] -o OUT FILE\n"
	"Writes the calls of FILE that all of the options choose to the trace OUT, with\n"
	"what they depend on: their client's connection and settings, the mapping of\n"
	"their share, the CREATE of their handle and its CLOSE, and earlier changes of\n"
	"their files, so that OUT can be replayed. Calls keep their ids and times.\n"
	"\n"
	"  -o FILE            the new trace\n"
	"  -f, --force        replace OUT if it is a trace\n"
	"  --calls N..M       calls N to M; either may be left out\n"
	"  --time A..B        what began A to B seconds after the trace's beginning\n"
	"  --client N         this client's\n"
	"  -P, --path PATH    only calls on PATH or below it\n"
	"  --only             without the earlier changes of the same files\n"
	"  -h, --help         this\n"
	"\n"
	"Examples:\n"
	"  sftrace cut -P /src/main.c -o small.db t.db\n"
	"                            what happened to one file\n"
	"  sftrace cut --time 2.5..3 --client 2 -o small.db t.db\n"
	"                            what one client did in half a second\n"
	"  sftrace cut --calls ..1234 -o small.db t.db\n"
	"                            everything up to the call that replay named\n"
	"\n"
	"Exit status: 0, 1 failed, 2 usage, 4 the trace is incomplete.\n";

struct cut {
	const char *file, *out;
	bool force, only;
	struct range calls; /* ids */
	struct range time; /* ns since the beginning */
	bool by_client;
	uint32_t client;
	const char *path; /* NULL: any */
	int64_t first_ns;
	bool *chosen;
	size_t next; /* index of the event that is looked at */
	size_t n_wanted, n_kept;
};

static int take_option(int letter, void *user)
{
	struct cut *cut = user;
	int64_t number;

	switch (letter) {
	case 'o':
		cut->out = optarg;
		return -1;
	case 'f':
		cut->force = true;
		return -1;
	case 'n':
		return range_parse(optarg, 1, &cut->calls)
			       ? -1
			       : view_usage("cut", "not a range of calls: ", optarg);
	case 't':
		return range_parse(optarg, 1e9, &cut->time)
			       ? -1
			       : view_usage("cut", "not a range of seconds: ", optarg);
	case 'c':
		if (!number_parse(optarg, UINT32_MAX, &number))
			return view_usage("cut", "not a client: ", optarg);
		cut->client = (uint32_t)number;
		cut->by_client = true;
		return -1;
	case 'P':
		cut->path = optarg;
		return -1;
	case 'O':
		cut->only = true;
		return -1;
	}
	return SFTRACE_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_options(struct cut *cut, int argc, char **argv)
{
	static const struct option table[] = {
		{"force", no_argument, NULL, 'f'},	{"calls", required_argument, NULL, 'n'},
		{"time", required_argument, NULL, 't'}, {"client", required_argument, NULL, 'c'},
		{"path", required_argument, NULL, 'P'}, {"only", no_argument, NULL, 'O'},
		{"help", no_argument, NULL, 'h'},	{NULL, 0, NULL, 0},
	};
	int status = argument_parse(argc, argv, help, "o:fP:h", table, take_option, cut);

	if (status >= 0)
		return status;
	if (argc - optind != 1)
		return view_usage("cut", "one trace file is needed", "");
	if (!cut->out)
		return view_usage("cut", "-o names the new trace", "");
	cut->file = argv[optind];
	return -1;
}

static bool is_wanted(const struct cut *cut, const struct trace_call *call)
{
	if (!range_has(&cut->calls, call->call_id) ||
	    !range_has(&cut->time, call->start_ns - cut->first_ns))
		return false;
	if (cut->by_client && (call->kind == TRACE_HOST_CALL || call->client != cut->client))
		return false;
	return !cut->path || (call->kind == TRACE_CALL && view_is_below(call->path, cut->path));
}

/* copy_hooks.wants */
static bool is_chosen(void *user, const struct trace_call *call)
{
	struct cut *cut = user;

	(void)call;
	return cut->chosen[cut->next++];
}

static int choose(struct cut *cut, struct trace *trace)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	int rc = trace_events(trace, &cursor);

	if (rc)
		return rc;
	for (size_t i = 0; (rc = trace_next(cursor, &call)) == 1; i++) {
		cut->chosen[i] = is_wanted(cut, &call);
		cut->n_wanted += cut->chosen[i];
	}
	trace_cursor_close(cursor);
	return rc;
}

static int complete(struct cut *cut, struct depend *depend)
{
	enum depend_what what = cut->only ? DEPEND_CALL : DEPEND_STATE;
	int rc = depend_complete(depend, cut->chosen, what);

	if (rc)
		return rc;
	depend_add_ends(depend, cut->chosen);
	rc = depend_complete(depend, cut->chosen, DEPEND_CALL);
	for (size_t i = 0; i < depend_count(depend); i++)
		cut->n_kept += cut->chosen[i];
	return rc;
}

static int write_copy(struct cut *cut, struct trace *trace, size_t n_events)
{
	struct copy_hooks hooks = {.wants = is_chosen, .user = cut};
	char *message = NULL, note[96];
	int rc;

	snprintf(note, sizeof(note), "%zu of %zu events, %zu of them chosen", cut->n_kept, n_events,
		 cut->n_wanted);
	rc = trace_copy(trace, cut->out, cut->force, &hooks, "cut", note, &message);
	if (rc)
		fprintf(stderr, "sftrace: cannot cut %s: %s\n", cut->file,
			message ? message : strerror(-rc));
	else
		printf("%s: %s\n", cut->out, note);
	if (!rc && !cut->n_wanted)
		fprintf(stderr, "sftrace: nothing in %s is what the options choose: %s is empty\n",
			cut->file, cut->out);
	free(message);
	return rc;
}

static int cut_trace(struct cut *cut, struct trace *trace)
{
	struct depend *depend;
	char *message = NULL;
	int rc = depend_load(trace, &depend, &message);

	if (rc) {
		fprintf(stderr, "sftrace: cannot cut %s: %s\n", cut->file,
			message ? message : strerror(-rc));
		free(message);
		return SFTRACE_FAILED;
	}
	cut->chosen = calloc(depend_count(depend) + 1, sizeof(*cut->chosen));
	rc = cut->chosen ? choose(cut, trace) : -ENOMEM;
	if (!rc)
		rc = complete(cut, depend);
	if (rc)
		fprintf(stderr, "sftrace: cannot cut %s: %s\n", cut->file, strerror(-rc));
	else
		rc = write_copy(cut, trace, depend_count(depend));
	free(cut->chosen);
	depend_free(depend);
	return rc ? SFTRACE_FAILED : view_status(trace, cut->file);
}

int verb_cut(int argc, char **argv)
{
	struct cut cut = {.calls = RANGE_ALL, .time = RANGE_ALL};
	struct trace *trace;
	int status = parse_options(&cut, argc, argv);

	if (status >= 0)
		return status;
	trace = view_open(cut.file);
	if (!trace)
		return SFTRACE_FAILED;
	cut.first_ns = view_number(trace, "first_ns");
	status = cut_trace(&cut, trace);
	trace_close(trace);
	return status;
}
