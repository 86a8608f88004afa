/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often each SHFL function was called, and how many bytes of data it moved. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdio.h>

#include "device.h"
#include "shfl.h"

struct counter {
	uint64_t calls;
	uint64_t failed;
	uint64_t bytes; /* of file contents, what the call's count says at its end */
};

struct counters {
	struct counter fns[SHFL_FN_LAST + 1];
	struct counter unknown; /* numbers that are no function */
};

void counters_add(struct counters *counters, const struct vmmdev_call *call);

/*
 * A line "function calls failed bytes", then one with a name and three numbers
 * for each function that was called, separated by blanks.
 */
void counters_print(const struct counters *counters, FILE *to);

#endif
