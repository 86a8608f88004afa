/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of the shares that a trace proves to have been there before its
 * first call. One pass over the trace keeps a model of the tree as the calls
 * change it; what a call finds without an earlier one having made it existed
 * before. Contents come from READ payload and go to disk at once, so memory
 * grows with the number of files, not with the trace.
 */
#ifndef REPLAY_IMAGE_H
#define REPLAY_IMAGE_H

#include "scratch.h"
#include "trace.h"

struct image_share {
	char *name; /* of a share that the trace maps but never saw added */
	const char *path; /* its directory, owned by the scratch directory */
};

struct image_result {
	struct image_share *inherited; /* in the order in which they were mapped */
	size_t n_inherited;
	uint32_t umask; /* that the recorded service must have had */
	int64_t built; /* files, directories and links made */
	int64_t unbuilt; /* known of, but cannot be made here: devices, too deep or too big */
};

/*
 * Rebuilds the state before the first call in the scratch directory; of calls
 * from "to" on (0: all) nothing is taken. Nothing outside of it is written,
 * whatever the trace says.
 */
int image_rebuild(struct trace *trace, int64_t to, struct scratch *scratch,
		  struct image_result *ret);

void image_result_clear(struct image_result *result);

#endif
