/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted while events are written, so that views need not look at all
 * of them: calls of each shape and of each file, the slowest calls.
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "keys.h"
#include "trace_internal.h"

#define SLOW_CALLS 100 /* as many as the view has */

struct slow_call {
	int64_t duration_ns;
	int64_t call_id;
};

struct file_state {
	int64_t calls, opens, reads, writes;
	int64_t bytes_read, bytes_written;
	int64_t errors, total_ns;
};

struct summary {
	int64_t *shape_calls; /* [shape_id - 1] */
	size_t shape_room;
	struct keys files; /* struct file_key */
	struct file_state *file_states; /* [id - 1] */
	size_t file_room;
	struct slow_call slow[SLOW_CALLS]; /* slowest first */
	size_t n_slow;
};

/* Counts an event that was written. */
int summary_add(struct summary *summary, const struct trace_call *call, int64_t shape_id,
		const struct derived *derived);

int summary_write(struct trace *trace, const struct summary *summary);

void summary_free(struct summary *summary);

#endif
