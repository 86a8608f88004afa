/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace diff": two traces of the same work, side by side. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "diff.h"
#include "print_call.h"
#include "print_value.h"
#include "range_option.h"
#include "verbs.h"
#include "view.h"

#define DEFAULT_SHOWN 20
#define HOPS_MAX 256

static const char help[] =
	"Usage: sftrace diff [OPTIONS] A B\n"
	"Compares two traces of the same work. Calls are aligned by function, path and\n"
	"offset; those that only one trace has are shown with - (only in A) or + (only in\n"
	"B), those that were given or gave something else with !. Then the latency of each\n"
	"hop in both.\n"
	"\n"
	"  -n N               show only the first N differences (20)\n"
	"  --compare WHAT     as replay's: times, set-times, owners, links, inodes, allocation,\n"
	"                     order more; after a '-', less: status, result, counts, data, ...\n"
	"  --json             as JSON\n"
	"  -h, --help         this\n"
	"\n"
	"Examples:\n"
	"  sftrace diff before.db after.db\n"
	"                            did the new driver make other calls?\n"
	"  sftrace diff -n 1000 --compare -data a.db b.db\n"
	"\n"
	"Exit status: 0 the same, 3 something differs, 4 the same as far as the traces go,\n"
	"1 failed, 2 usage.\n";

struct arguments {
	const char *files[2];
	int64_t shown;
	unsigned what;
	bool json;
};

struct output {
	const struct arguments *arguments;
	struct trace *traces[2];
	struct print_context contexts[2];
	int64_t n; /* shown */
};

static int take_option(int letter, void *user)
{
	struct arguments *arguments = user;

	switch (letter) {
	case 'n':
		return number_parse(optarg, INT64_MAX, &arguments->shown)
			       ? -1
			       : view_usage("diff", "not a number: ", optarg);
	case 'c':
		return argument_compare(optarg, &arguments->what);
	case 'j':
		arguments->json = true;
		return -1;
	}
	return SFTRACE_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_options(struct arguments *arguments, int argc, char **argv)
{
	static const struct option table[] = {
		{"compare", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = argument_parse(argc, argv, help, "n:h", table, take_option, arguments);

	if (status >= 0)
		return status;
	if (argc - optind != 2)
		return view_usage("diff", "two trace files are needed", "");
	arguments->files[0] = argv[optind];
	arguments->files[1] = argv[optind + 1];
	return -1;
}

static void print_json_call(const char *name, const struct trace_call *call)
{
	char function[48];

	printf(", \"%s\": ", name);
	if (!call) {
		fputs("null", stdout);
		return;
	}
	printf("{\"call\": %" PRId64 ", \"function\": ", call->call_id);
	print_json_string(stdout, print_call_name(call, function));
	fputs(", \"path\": ", stdout);
	print_json_string(stdout, call->path);
	fputc('}', stdout);
}

static void report_json(struct output *output, enum diff_kind kind, const struct trace_call *a,
			const struct trace_call *b, const struct replay_finding *finding)
{
	static const char *const names[] = {"only in a", "only in b", "changed"};

	printf("%s\n  {\"kind\": \"%s\"", output->n ? "," : "", names[kind]);
	print_json_call("a", a);
	print_json_call("b", b);
	if (kind == DIFF_CHANGED) {
		fputs(", \"what\": ", stdout);
		print_json_string(stdout, finding->what);
		fputs(", \"in_a\": ", stdout);
		print_json_string(stdout, finding->expected);
		fputs(", \"in_b\": ", stdout);
		print_json_string(stdout, finding->got);
	}
	fputc('}', stdout);
}

/* Both calls of a pair, as print shows them; "!": with what differs. */
static void report_text(struct output *output, enum diff_kind kind, const struct trace_call *a,
			const struct trace_call *b, const struct replay_finding *finding)
{
	if (kind == DIFF_CHANGED)
		printf("! call %" PRId64 " and %" PRId64 ": %s: %s%s%s\n", a->call_id, b->call_id,
		       finding->what, finding->expected, *finding->got ? ", but " : "",
		       finding->got);
	if (a) {
		fputs("- ", stdout);
		print_call(&output->contexts[0], a);
	}
	if (b) {
		fputs("+ ", stdout);
		print_call(&output->contexts[1], b);
	}
}

static void report(void *user, enum diff_kind kind, const struct trace_call *a,
		   const struct trace_call *b, const struct replay_finding *finding)
{
	struct output *output = user;

	if (output->n >= output->arguments->shown)
		return;
	(output->arguments->json ? report_json : report_text)(output, kind, a, b, finding);
	output->n++;
}

/* Latency by hop. */

struct hop {
	char name[64];
	int64_t n[2], p50[2], p99[2];
};

struct hops {
	struct hop hops[HOPS_MAX];
	size_t n_hops;
	int side; /* that is being read */
};

static void hop_row(void *user, sqlite3_stmt *stmt)
{
	struct hops *hops = user;
	const char *name = (const char *)sqlite3_column_text(stmt, 0);
	size_t i = 0;

	while (name && i < hops->n_hops && strncmp(hops->hops[i].name, name, 63) != 0)
		i++;
	if (!name || i == HOPS_MAX)
		return;
	if (i == hops->n_hops)
		snprintf(hops->hops[hops->n_hops++].name, 64, "%s", name);
	hops->hops[i].n[hops->side] = sqlite3_column_int64(stmt, 1);
	hops->hops[i].p50[hops->side] = sqlite3_column_int64(stmt, 2);
	hops->hops[i].p99[hops->side] = sqlite3_column_int64(stmt, 3);
}

static int read_hops(const struct output *output, struct hops *hops)
{
	static const char sql[] = "SELECT hop, n, p50, p99 FROM hop_latency ORDER BY position";
	int rc = 0;

	for (hops->side = 0; !rc && hops->side < 2; hops->side++)
		rc = view_rows(output->traces[hops->side], output->arguments->files[hops->side],
			       sql, hop_row, hops);
	return rc;
}

static void print_hop(const struct hop *hop)
{
	char text[4][16];

	for (int side = 0; side < 2; side++) {
		format_duration(text[2 * side], hop->p50[side]);
		format_duration(text[2 * side + 1], hop->p99[side]);
		if (hop->n[side])
			continue;
		strcpy(text[2 * side], "-");
		strcpy(text[2 * side + 1], "-");
	}
	printf("%-28s %8" PRId64 " %8" PRId64 "  %8s %8s  %8s %8s\n", hop->name, hop->n[0],
	       hop->n[1], text[0], text[2], text[1], text[3]);
}

static void print_hops(const struct hops *hops)
{
	if (!hops->n_hops)
		return;
	printf("\n%-28s %8s %8s  %8s %8s  %8s %8s\n", "hop", "n in A", "in B", "p50 in A", "in B",
	       "p99 in A", "in B");
	for (size_t i = 0; i < hops->n_hops; i++)
		print_hop(&hops->hops[i]);
}

static void print_hops_json(const struct hops *hops)
{
	fputs(", \"hops\": [", stdout);
	for (size_t i = 0; i < hops->n_hops; i++) {
		const struct hop *hop = &hops->hops[i];

		printf("%s\n  {\"hop\": ", i ? "," : "");
		print_json_string(stdout, hop->name);
		printf(", \"n\": [%" PRId64 ", %" PRId64 "], \"p50\": [%" PRId64 ", %" PRId64
		       "], \"p99\": [%" PRId64 ", %" PRId64 "]}",
		       hop->n[0], hop->n[1], hop->p50[0], hop->p50[1], hop->p99[0], hop->p99[1]);
	}
	puts("]}");
}

static void print_sums(const struct output *output, const struct diff_result *result)
{
	int64_t all = result->n[DIFF_MISSING] + result->n[DIFF_ADDED] + result->n[DIFF_CHANGED];

	if (output->arguments->json) {
		printf("%s], \"same\": %" PRId64 ", \"changed\": %" PRId64
		       ", \"only_in_a\": %" PRId64 ", \"only_in_b\": %" PRId64
		       ", \"in_part\": %" PRId64 "",
		       output->n ? "\n" : "", result->same, result->n[DIFF_CHANGED],
		       result->n[DIFF_MISSING], result->n[DIFF_ADDED], result->uncompared);
		return;
	}
	if (all > output->n)
		printf("and %" PRId64 " more differences\n", all - output->n);
	printf("%" PRId64 " the same, %" PRId64 " changed, %" PRId64 " only in A, %" PRId64
	       " only in B\n",
	       result->same, result->n[DIFF_CHANGED], result->n[DIFF_MISSING],
	       result->n[DIFF_ADDED]);
	if (result->uncompared)
		printf("compared in part: %" PRId64 ", whose payload is not all in the traces\n",
		       result->uncompared);
}

static int exit_status(const struct output *output, const struct diff_result *result)
{
	int status = result->uncompared ? SFTRACE_INCOMPLETE : SFTRACE_OK;

	for (int i = 0; i < 2; i++) {
		int one = view_status(output->traces[i], output->arguments->files[i]);

		if (one == SFTRACE_FAILED)
			return one;
		status = one ? one : status;
	}
	if (result->n[DIFF_MISSING] || result->n[DIFF_ADDED] || result->n[DIFF_CHANGED])
		return SFTRACE_DIFFERS;
	return status;
}

static int diff(struct output *output)
{
	const struct arguments *arguments = output->arguments;
	struct diff_options options = {arguments->what, report, output};
	struct diff_result result;
	static struct hops hops;
	char *message = NULL;
	int rc;

	if (arguments->json)
		fputs("{\"differences\": [", stdout);
	rc = diff_traces(output->traces[0], output->traces[1], &options, &result, &message);
	if (rc) {
		fflush(stdout);
		fprintf(stderr, "sftrace: cannot compare %s and %s: %s\n", arguments->files[0],
			arguments->files[1], message ? message : strerror(-rc));
		free(message);
		return SFTRACE_FAILED;
	}
	print_sums(output, &result);
	if (read_hops(output, &hops))
		return SFTRACE_FAILED;
	(arguments->json ? print_hops_json : print_hops)(&hops);
	return exit_status(output, &result);
}

int verb_diff(int argc, char **argv)
{
	struct arguments arguments = {.shown = DEFAULT_SHOWN, .what = COMPARE_USUAL};
	struct output output = {.arguments = &arguments};
	int status = parse_options(&arguments, argc, argv);

	if (status >= 0)
		return status;
	status = SFTRACE_FAILED;
	for (int i = 0; i < 2; i++) {
		output.traces[i] = view_open(arguments.files[i]);
		if (!output.traces[i])
			goto cleanup;
		output.contexts[i] = (struct print_context){
			.out = stdout,
			.trace = output.traces[i],
			.first_ns = view_number(output.traces[i], "first_ns"),
			.last_ns = view_last_ns(output.traces[i]),
			.strlen = 32,
		};
	}
	status = diff(&output);
cleanup:
	trace_close(output.traces[0]);
	trace_close(output.traces[1]);
	return status;
}
