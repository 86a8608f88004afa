/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a trace that is being written. */
#ifndef TRACE_WRITE_H
#define TRACE_WRITE_H

#include "keys.h"
#include "latency.h"
#include "summary.h"
#include "trace_internal.h"

/* What many calls have in common: compared as bytes, so no padding inside. */
struct shape_key {
	uint32_t kind;
	uint32_t side;
	uint32_t fn;
	uint32_t process;
	uint32_t n_parms;
	uint32_t types[SHFL_MAX_PARMS];
};

struct task_key {
	uint32_t pid;
	uint32_t tid;
	char comm[16];
};

#define MAX_CALLERS 16 /* of a hop that are told apart */

/* How often a hop was entered from another one. */
struct hop_caller {
	int64_t hop_id; /* 0: from outside */
	uint64_t n;
};

struct hop_state {
	char *name;
	enum trace_side side;
	struct latency busy;
	int64_t self_ns;
	uint64_t n_spans;
	uint64_t errors;
	uint64_t depths; /* sum */
	struct hop_caller callers[MAX_CALLERS];
	/* Set by hop_tree_make(). */
	int64_t parent; /* hop_id of the most frequent caller, 0: none */
	int64_t position; /* from 1, each hop after its parent */
	int64_t level;
};

struct function_state {
	struct latency latency;
	uint64_t errors;
};

#define SPAN_ROWS 32

/* A row of table span, on its way there. */
struct span_row {
	int64_t call_id, idx, hop_id, depth;
	int64_t parent; /* -1: none */
	int64_t enter_ns, duration_ns, ret;
	bool left; /* duration_ns is valid */
};

#define MAX_FUNCTIONS 64 /* with a summary: numbers below */

struct trace_writer {
	sqlite3_stmt *statements[N_TRACE_STATEMENTS];
	struct intern payloads;
	struct intern paths;
	struct keys shapes;
	struct keys tasks;
	struct hop_state *hops; /* hop_id is the index + 1 */
	size_t n_hops;
	struct intern hop_names;
	struct function_state functions[MAX_FUNCTIONS];
	struct derive *derive;
	struct summary summary;
	int64_t payload_bytes;
	struct span_row span_rows[SPAN_ROWS]; /* not yet inserted */
	size_t n_span_rows;
	int64_t last_call_id;
	int64_t first_ns; /* INT64_MAX: nothing yet */
	int64_t last_ns;
	int64_t n_lost; /* sum of the losses */
	int64_t n_damaged; /* calls that ended and are not complete */
	size_t pending; /* bytes written since the last commit */
	bool finished;
};

/* Inserts a row sooner or later; all of them. */
int span_rows_add(struct trace *trace, const struct span_row *row);
int span_rows_flush(struct trace *trace);

void hop_count_caller(struct hop_state *hop, int64_t caller);

/* Orders the hops as a tree, dear ones first: each is under its most frequent caller. */
int hop_tree_make(struct hop_state *hops, size_t n_hops);

#endif
