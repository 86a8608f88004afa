/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a file came to be what it was when a call met it: what earlier calls did to it. */
#ifndef REPLAY_LIFE_H
#define REPLAY_LIFE_H

#include "trace.h"

#define LIFE_STAGES 24 /* the latest ones are told */

/* What happened to a file, once or several times without anything else between. */
struct life_stage {
	const char *what; /* "written" */
	int64_t first, last; /* calls */
	int64_t n;
	int64_t bytes; /* -1: it is not about bytes */
	char *path; /* the name that it had before a rename; NULL: none */
};

struct life {
	struct life_stage stages[LIFE_STAGES]; /* the latest comes first */
	size_t n;
};

/*
 * Follows the file of a call back to where it was made, through renames. 0,
 * also if the call has no file; or -EIO, -ENOMEM.
 */
int life_read(struct trace *trace, int64_t call_id, struct life *ret);
void life_clear(struct life *life);

#endif
