/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a replay did not do itself: the files that calls which were not made,
 * or not made with the recorded bytes, would have changed. What later calls
 * say about these is not compared. Files go by their paths, whatever the
 * share; when in doubt, or without memory, more is tainted than need be.
 */
#ifndef REPLAY_TAINT_H
#define REPLAY_TAINT_H

#include "map.h"
#include "replay_call.h"

struct taint {
	struct map files; /* by path: struct taint_file */
	struct map renamed; /* old path: struct taint_file, the new one */
	unsigned everything; /* SHFL_CHANGES_* of files whose path is unknown */
	bool mappings; /* a share or a root is missing or too many */
};

void taint_clear(struct taint *taint);

/* A call was not made: taints what it has changed in the recording. */
void taint_not_made(struct taint *taint, struct trace *trace, const struct trace_call *event);

/* A WRITE was made with zeroes in place of bytes that are not in the trace. */
void taint_filled(struct taint *taint, const struct trace_call *event);

/* A call was made: follows renames, and forgets files that are new on both sides. */
void taint_made(struct taint *taint, const struct replay_call *call);

/* Those of the COMPARE_* in "what" that say nothing about tainted state. */
unsigned taint_compare(const struct taint *taint, const struct replay_call *call, unsigned what);

#endif
