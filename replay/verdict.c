/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that comes from a trace is escaped: it may hold anything. */
#include "verdict.h"

#include <inttypes.h>
#include <string.h>

#include "history.h"
#include "life.h"
#include "print_value.h"

struct verdict_printer {
	FILE *out;
	bool first; /* of a list */
};

static void text_call(void *user, const struct history_call *call)
{
	struct verdict_printer *printer = user;

	fprintf(printer->out, "%s", call->function ? call->function : "unknown function");
	if (call->path) {
		fputc(' ', printer->out);
		print_string(printer->out, call->path);
	}
	if (call->share) {
		fprintf(printer->out, " on share ");
		print_string(printer->out, call->share);
	}
	if (call->handle != 0 && call->handle != -1)
		fprintf(printer->out, " handle %" PRId64, call->handle);
	if (call->offset >= 0)
		fprintf(printer->out, " offset %" PRId64, call->offset);
	if (call->count >= 0)
		fprintf(printer->out, " count %" PRId64, call->count);
}

static void text_before(void *user, const struct history_call *call)
{
	struct verdict_printer *printer = user;

	if (printer->first)
		fprintf(printer->out, "the calls before it on the same file:\n");
	printer->first = false;
	fprintf(printer->out, "  call %" PRId64 ": ", call->call_id);
	text_call(printer, call);
	fprintf(printer->out, " = %s\n", call->status ? call->status : "?");
}

static void text_stage(FILE *out, const struct life_stage *stage)
{
	fprintf(out, "  %s", stage->what);
	if (stage->path) {
		fprintf(out, " from ");
		print_string(out, stage->path);
	}
	if (stage->n > 1)
		fprintf(out, " %" PRId64 " times", stage->n);
	if (stage->bytes >= 0)
		fprintf(out, ", %" PRId64 " bytes", stage->bytes);
	if (stage->n > 1)
		fprintf(out, ", calls %" PRId64 " to %" PRId64 "\n", stage->first, stage->last);
	else
		fprintf(out, ", call %" PRId64 "\n", stage->last);
}

/* The latest stage comes first in the list, the oldest on paper. */
static void text_life(FILE *out, struct trace *trace, int64_t call_id)
{
	struct life life;

	if (life_read(trace, call_id, &life) < 0 || life.n == 0)
		return;
	fprintf(out, "what had happened to the file:\n");
	for (size_t i = life.n; i-- > 0;)
		text_stage(out, &life.stages[i]);
	life_clear(&life);
}

void verdict_call(FILE *out, struct trace *trace, int64_t call_id)
{
	struct verdict_printer printer = {out, true};

	history_find(trace, call_id, text_call, &printer);
}

void verdict_difference(FILE *out, const struct replay_finding *finding)
{
	print_plain(out, finding->what);
	fprintf(out, ": expected ");
	print_plain(out, finding->expected);
	fprintf(out, ", got ");
	print_plain(out, finding->got);
}

static void text_first(FILE *out, struct trace *trace, const struct replay_result *result)
{
	const struct replay_finding *first = &result->first;
	struct verdict_printer printer = {out, true};

	fprintf(out, "%" PRId64 " diverged, the first at call %" PRId64 ": ",
		result->n[REPLAY_DIVERGED], first->call_id);
	verdict_call(out, trace, first->call_id);
	fprintf(out, "\n  ");
	verdict_difference(out, first);
	fprintf(out, "%s\n", result->against ? " (--service's and --against's)" : "");
	history_before(trace, first->call_id, VERDICT_BEFORE, text_before, &printer);
	text_life(out, trace, first->call_id);
	if (result->unknown_handles)
		fprintf(out, "%" PRId64 " of them on handles that the trace never opened\n",
			result->unknown_handles);
	if (result->stopped)
		fprintf(out, "stopped after %d divergences\n", REPLAY_MAX_DIVERGED);
}

static const struct {
	enum replay_verdict verdict;
	const char *text;
	const char *key;
} left_out[] = {
	{REPLAY_UNFINISHED, "had not ended when recorded", "unfinished"},
	{REPLAY_INHERITED,
	 "client, root or handle whose opening is not in the trace or was not made", "inherited"},
	{REPLAY_UNPLAYABLE, "payload not recorded", "unplayable"},
};

static bool any_left_out(const struct replay_result *result)
{
	return result->first_left_out.verdict != REPLAY_SAME;
}

static void text_left_out(FILE *out, const struct replay_result *result)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		int64_t n = result->n[left_out[i].verdict];

		if (!n)
			continue;
		fprintf(out, "%s%" PRId64 " not made (%s)", any ? ", " : "", n, left_out[i].text);
		any = true;
	}
	fprintf(out, "; the first is call %" PRId64 " (", result->first_left_out.call_id);
	print_plain(out, result->first_left_out.what);
	fprintf(out, ")\n");
}

static void text_outcome(FILE *out, struct trace *trace, const struct replay_result *result)
{
	bool partly = any_left_out(result) || result->uncompared || result->filled;

	if (result->n[REPLAY_DIVERGED])
		text_first(out, trace, result);
	else if (result->against)
		fprintf(out, "the same on both services%s", any_left_out(result) ? "; " : "\n");
	else
		fprintf(out, "%s%s",
			partly ? "as recorded as far as the trace goes" : "all as recorded",
			any_left_out(result) ? "; " : "\n");
	if (any_left_out(result))
		text_left_out(out, result);
}

void verdict_text(FILE *out, struct trace *trace, const struct replay_result *result)
{
	if (!result->calls && !any_left_out(result) && !result->n[REPLAY_DIVERGED])
		fprintf(out, "nothing to replay: no call (%" PRId64 " control events)\n",
			result->control);
	else
		fprintf(out,
			"replayed %" PRId64 " calls (%" PRId64 " control events): ", result->calls,
			result->control);
	if (result->calls || any_left_out(result) || result->n[REPLAY_DIVERGED])
		text_outcome(out, trace, result);
	if (result->filled)
		fprintf(out,
			"made with zeroes: %" PRId64
			" writes whose payload was cut or lost; their data is not compared\n",
			result->filled);
	if (result->ignored) {
		fprintf(out,
			"attributes not set although the call succeeded: %" PRId64
			" calls, the first is %" PRId64 " (",
			result->ignored, result->first_ignored.call_id);
		fprintf(out, "%s: asked for %s, came back as %s)\n", result->first_ignored.what,
			result->first_ignored.expected, result->first_ignored.got);
	}
	if (result->uncompared)
		fprintf(out,
			"compared in part: %" PRId64
			" calls whose outcome is not all in the trace or depends on what is not\n",
			result->uncompared);
	if (result->inherited_clients || result->inherited_shares)
		fprintf(out,
			"there before the trace: %" PRId64 " clients, %" PRId64
			" shares; connected and added as far as their calls tell\n",
			result->inherited_clients, result->inherited_shares);
	if (result->unbuilt)
		fprintf(out, "not rebuilt: %" PRId64 " files that were there before\n",
			result->unbuilt);
	if (result->late_max_ns)
		fprintf(out,
			"made later than at the wanted speed: half of the calls by up to %.3f ms,"
			" 99 of 100 by %.3f ms, all by %.3f ms\n",
			(double)result->late_p50_ns / 1e6, (double)result->late_p99_ns / 1e6,
			(double)result->late_max_ns / 1e6);
	if (result->scratch)
		fprintf(out, "kept in %s\n", result->scratch);
}

static void json_text(FILE *out, const char *key, const char *text)
{
	fprintf(out, "\"%s\": ", key);
	print_json_string(out, text);
}

static void json_number(FILE *out, const char *key, int64_t number, bool known)
{
	if (known)
		fprintf(out, "\"%s\": %" PRId64, key, number);
	else
		fprintf(out, "\"%s\": null", key);
}

static void json_call(void *user, const struct history_call *call)
{
	struct verdict_printer *printer = user;
	FILE *out = printer->out;

	fprintf(out, "%s{\"call\": %" PRId64 ", ", printer->first ? "" : ", ", call->call_id);
	printer->first = false;
	json_text(out, "function", call->function);
	fprintf(out, ", ");
	json_text(out, "share", call->share);
	fprintf(out, ", ");
	json_text(out, "path", call->path);
	fprintf(out, ", ");
	json_number(out, "handle", call->handle, call->handle != 0 && call->handle != -1);
	fprintf(out, ", ");
	json_number(out, "offset", call->offset, call->offset >= 0);
	fprintf(out, ", ");
	json_number(out, "count", call->count, call->count >= 0);
	fprintf(out, ", ");
	json_text(out, "status", call->status);
	fputc('}', out);
}

static void json_life(FILE *out, struct trace *trace, int64_t call_id)
{
	struct life life;

	if (life_read(trace, call_id, &life) < 0)
		return;
	for (size_t i = life.n; i-- > 0;) {
		const struct life_stage *stage = &life.stages[i];

		fprintf(out, "%s{", i + 1 == life.n ? "" : ", ");
		json_text(out, "what", stage->what);
		fprintf(out,
			", \"n\": %" PRId64 ", \"first\": %" PRId64 ", \"last\": %" PRId64 ", ",
			stage->n, stage->first, stage->last);
		json_number(out, "bytes", stage->bytes, stage->bytes >= 0);
		fprintf(out, ", ");
		json_text(out, "from", stage->path);
		fputc('}', out);
	}
	life_clear(&life);
}

static void json_ignored(FILE *out, const struct replay_result *result)
{
	const struct replay_finding *first = &result->first_ignored;

	fprintf(out, "{\"call\": %" PRId64 ", ", first->call_id);
	json_text(out, "what", first->what);
	fprintf(out, ", ");
	json_text(out, "asked", first->expected);
	fprintf(out, ", ");
	json_text(out, "got", first->got);
	fputc('}', out);
}

static void json_first(FILE *out, struct trace *trace, const struct replay_result *result)
{
	struct verdict_printer printer = {out, true};
	const struct replay_finding *first = &result->first;

	fprintf(out, "{\"call\": ");
	if (history_find(trace, first->call_id, json_call, &printer) < 0)
		fprintf(out, "null");
	fprintf(out, ", ");
	json_text(out, "what", first->what);
	fprintf(out, ", ");
	json_text(out, "expected", first->expected);
	fprintf(out, ", ");
	json_text(out, "got", first->got);
	fprintf(out, ", \"before\": [");
	printer.first = true;
	history_before(trace, first->call_id, VERDICT_BEFORE, json_call, &printer);
	fprintf(out, "], \"life\": [");
	json_life(out, trace, first->call_id);
	fprintf(out, "]}");
}

void verdict_json(FILE *out, struct trace *trace, const struct replay_result *result)
{
	fprintf(out,
		"{\"calls\": %" PRId64 ", \"control\": %" PRId64 ", \"same\": %" PRId64
		", \"diverged\": %" PRId64,
		result->calls, result->control, result->n[REPLAY_SAME], result->n[REPLAY_DIVERGED]);
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		fprintf(out, ", \"%s\": %" PRId64, left_out[i].key, result->n[left_out[i].verdict]);
	fprintf(out,
		", \"filled\": %" PRId64 ", \"uncompared\": %" PRId64 ", \"built\": %" PRId64
		", \"unbuilt\": %" PRId64 ", \"inherited_clients\": %" PRId64
		", \"inherited_shares\": %" PRId64
		", \"confined\": %s, \"stopped\": %s, \"against\": %s, "
		"\"duration_ns\": %" PRId64 ", \"late_p50_ns\": %" PRId64
		", \"late_p99_ns\": %" PRId64 ", \"late_max_ns\": %" PRId64 ", ",
		result->filled, result->uncompared, result->built, result->unbuilt,
		result->inherited_clients, result->inherited_shares,
		result->confined ? "true" : "false", result->stopped ? "true" : "false",
		result->against ? "true" : "false", result->duration_ns, result->late_p50_ns,
		result->late_p99_ns, result->late_max_ns);
	fprintf(out, "\"unknown_handles\": %" PRId64 ", \"ignored\": %" PRId64 ", ",
		result->unknown_handles, result->ignored);
	fprintf(out, "\"first_ignored\": ");
	if (result->ignored)
		json_ignored(out, result);
	else
		fprintf(out, "null");
	fprintf(out, ", ");
	json_text(out, "scratch", result->scratch);
	fprintf(out, ", \"first\": ");
	if (result->n[REPLAY_DIVERGED])
		json_first(out, trace, result);
	else
		fprintf(out, "null");
	fprintf(out, "}\n");
}

static const char *const verdict_names[] = {"as recorded", "diverged", "had not ended", "not made",
					    "not made"};

void verdict_line(FILE *out, const struct trace_call *event, const struct replay_finding *finding)
{
	fprintf(out, "call %" PRId64 ": ", event->call_id);
	if (event->path) {
		print_string(out, event->path);
		fprintf(out, ": ");
	}
	fprintf(out, "%s: ", verdict_names[finding->verdict]);
	if (finding->verdict == REPLAY_DIVERGED)
		verdict_difference(out, finding);
	else
		print_plain(out, finding->what);
	fputc('\n', out);
}
