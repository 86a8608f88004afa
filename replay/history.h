/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a trace tells about a call, and about the ones before it on the same file. */
#ifndef REPLAY_HISTORY_H
#define REPLAY_HISTORY_H

#include "trace.h"

/* A row of the view "calls", or of "control" with the function only. */
struct history_call {
	int64_t call_id;
	const char *function; /* strings are valid during the visit; NULL: unknown */
	const char *share;
	const char *path;
	const char *status;
	int64_t handle; /* 0: none */
	int64_t offset; /* -1: none */
	int64_t count; /* -1: none */
};

typedef void history_visit(void *user, const struct history_call *call);

/* Visits one call or control event. 0; -ENOENT: there is none; -EIO. */
int history_find(struct trace *trace, int64_t call_id, history_visit *visit, void *user);

/*
 * Visits up to n calls before one: those on its path, or, if that is not
 * known, on its handle. The oldest comes first.
 */
int history_before(struct trace *trace, int64_t call_id, int n, history_visit *visit, void *user);

#endif
