/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting calls, and writing the counts when the trace is finished. */
#include "summary.h"

#include <stdlib.h>
#include <string.h>

struct file_key {
	int64_t share_id; /* 0: not known */
	int64_t path_id;
};

/* Numbers from a hostile guest may be absurd. */
static void add(int64_t *sum, int64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = INT64_MAX;
}

/* How many bytes a READ or WRITE moved. */
static int64_t bytes_done(const struct trace_call *call)
{
	const struct shfl_fn_info *info = shfl_fn_find(call->fn);
	int count = info ? shfl_parm_find(info, SHFL_ROLE_COUNT) : -1;

	if (count < 0 || (uint32_t)count >= call->n_parms || call->status < 0 ||
	    call->flags & TRACE_F_UNFINISHED || call->parms[count].out > UINT32_MAX)
		return 0;
	return (int64_t)call->parms[count].out;
}

static void count_file(struct file_state *file, const struct trace_call *call,
		       const struct derived *derived)
{
	file->calls++;
	file->opens += derived->opened;
	file->reads += call->fn == SHFL_FN_READ;
	file->writes += call->fn == SHFL_FN_WRITE;
	if (call->fn == SHFL_FN_READ)
		add(&file->bytes_read, bytes_done(call));
	if (call->fn == SHFL_FN_WRITE)
		add(&file->bytes_written, bytes_done(call));
	file->errors += trace_call_failed(call);
	if (!(call->flags & TRACE_F_UNFINISHED))
		add(&file->total_ns, call->end_ns - call->start_ns);
}

static int add_file(struct summary *summary, const struct trace_call *call,
		    const struct derived *derived)
{
	struct file_key key = {derived->share_id, derived->path_id};
	int64_t id;
	int rc = keys_find(&summary->files, &key, sizeof(key), &id);

	if (rc >= 0)
		rc = array_reach(&summary->file_states, &summary->file_room,
				 sizeof(*summary->file_states), (size_t)id - 1);
	if (!rc)
		count_file(&summary->file_states[id - 1], call, derived);
	return rc;
}

/* Calls come in the order of their ids: of two that took as long the first stays in front. */
static void add_slow(struct summary *summary, const struct trace_call *call)
{
	struct slow_call slow = {call->end_ns - call->start_ns, call->call_id};
	size_t at = summary->n_slow;

	if (at == SLOW_CALLS && summary->slow[at - 1].duration_ns >= slow.duration_ns)
		return;
	if (at == SLOW_CALLS)
		at--;
	else
		summary->n_slow++;
	for (; at > 0 && summary->slow[at - 1].duration_ns < slow.duration_ns; at--)
		summary->slow[at] = summary->slow[at - 1];
	summary->slow[at] = slow;
}

int summary_add(struct summary *summary, const struct trace_call *call, int64_t shape_id,
		const struct derived *derived)
{
	int rc = array_reach(&summary->shape_calls, &summary->shape_room,
			     sizeof(*summary->shape_calls), (size_t)shape_id - 1);

	if (rc)
		return rc;
	summary->shape_calls[shape_id - 1]++;
	if (call->kind != TRACE_CALL)
		return 0;
	if (!(call->flags & TRACE_F_UNFINISHED))
		add_slow(summary, call);
	return derived->path_id ? add_file(summary, call, derived) : 0;
}

static int write_files(struct trace *trace, const struct summary *summary)
{
	const struct file_key *keys = summary->files.keys;
	int rc = 0;

	for (size_t i = 0; !rc && i < summary->files.n; i++) {
		const struct file_state *file = &summary->file_states[i];

		rc = trace_run(trace, INSERT_FILE_SUMMARY, "niiiiiiiii", keys[i].share_id,
			       keys[i].path_id, file->calls, file->opens, file->reads, file->writes,
			       file->bytes_read, file->bytes_written, file->errors, file->total_ns);
	}
	return rc;
}

int summary_write(struct trace *trace, const struct summary *summary)
{
	int rc = write_files(trace, summary);

	for (size_t i = 0; !rc && i < summary->n_slow; i++)
		rc = trace_run(trace, INSERT_SLOW_CALL, "i", summary->slow[i].call_id);
	for (size_t i = 0; !rc && i < summary->shape_room; i++)
		if (summary->shape_calls[i])
			rc = trace_run(trace, UPDATE_SHAPE_CALLS, "ii", summary->shape_calls[i],
				       (int64_t)i + 1);
	return rc;
}

void summary_free(struct summary *summary)
{
	free(summary->shape_calls);
	free(summary->file_states);
	keys_free(&summary->files);
}
