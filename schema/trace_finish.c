/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of writing: summaries, indexes, and whether anything is missing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "trace_write.h"

static int write_hop_summary(struct trace *trace, const struct hop_state *hop, int64_t hop_id)
{
	const struct latency *busy = &hop->busy;

	if (!busy->n)
		return 0;
	return trace_run(trace, INSERT_HOP_SUMMARY, "iniidiiiiiiiii", hop_id, hop->parent,
			 hop->position, hop->level, (double)hop->depths / (double)busy->n,
			 (int64_t)busy->n, busy->total_ns, hop->self_ns > 0 ? hop->self_ns : 0,
			 busy->min_ns, latency_percentile(busy, 50), latency_percentile(busy, 90),
			 latency_percentile(busy, 99), busy->max_ns, (int64_t)hop->errors);
}

static int write_function_summary(struct trace *trace, const struct function_state *function,
				  int64_t fn)
{
	const struct latency *latency = &function->latency;

	if (!latency->n)
		return 0;
	return trace_run(trace, INSERT_FUNCTION_SUMMARY, "iiiiiiiii", fn, (int64_t)latency->n,
			 latency->total_ns, latency->min_ns, latency_percentile(latency, 50),
			 latency_percentile(latency, 90), latency_percentile(latency, 99),
			 latency->max_ns, (int64_t)function->errors);
}

static int write_summaries(struct trace *trace)
{
	struct trace_writer *writer = trace->writer;
	int rc = hop_tree_make(writer->hops, writer->n_hops);

	for (size_t i = 0; !rc && i < writer->n_hops; i++)
		rc = write_hop_summary(trace, &writer->hops[i], (int64_t)i + 1);
	for (size_t i = 0; !rc && i < MAX_FUNCTIONS; i++)
		rc = write_function_summary(trace, &writer->functions[i], (int64_t)i);
	for (size_t i = 0; !rc && i < writer->n_hops; i++)
		rc = trace_run(trace, UPDATE_HOP_SPANS, "ii", (int64_t)writer->hops[i].n_spans,
			       (int64_t)i + 1);
	if (!rc)
		rc = derive_finish(trace, writer->derive);
	return rc ? rc : summary_write(trace, &writer->summary);
}

static int write_number(struct trace *trace, const char *key, int64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return trace_set_meta(trace, key, text);
}

static int write_notes(struct trace *trace)
{
	struct trace_writer *writer = trace->writer;
	int rc = write_number(trace, "payload_bytes", writer->payload_bytes);

	if (rc || writer->first_ns == INT64_MAX)
		return rc;
	rc = write_number(trace, "first_ns", writer->first_ns);
	return rc ? rc : write_number(trace, "last_ns", writer->last_ns);
}

static int write_state(struct trace *trace, const char *incomplete_because)
{
	struct trace_writer *writer = trace->writer;
	char because[160];
	int rc;

	if (!incomplete_because && writer->n_lost) {
		snprintf(because, sizeof(because), "%" PRId64 " thing%s lost (see losses)",
			 writer->n_lost, writer->n_lost == 1 ? " was" : "s were");
		incomplete_because = because;
	} else if (!incomplete_because && writer->n_damaged) {
		snprintf(because, sizeof(because), "%" PRId64 " call%s not complete",
			 writer->n_damaged, writer->n_damaged == 1 ? " is" : "s are");
		incomplete_because = because;
	}
	rc = trace_set_meta(trace, "state", incomplete_because ? "incomplete" : "complete");
	if (!rc && incomplete_because)
		rc = trace_set_meta(trace, "incomplete_because", incomplete_because);
	return rc;
}

int trace_finish(struct trace *trace, const char *incomplete_because)
{
	int rc;

	if (!trace->writer || trace->writer->finished)
		return trace_fail(trace, -EINVAL, "the trace is not being written");
	rc = span_rows_flush(trace);
	if (!rc)
		rc = write_summaries(trace);
	if (!rc)
		rc = trace_exec(trace, trace_indexes_sql);
	if (!rc)
		rc = write_notes(trace);
	if (!rc)
		rc = write_state(trace, incomplete_because);
	if (!rc)
		rc = trace_exec(trace, "COMMIT");
	if (!rc)
		trace->writer->finished = true;
	return rc;
}
