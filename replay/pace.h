/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes calls at the times at which they were recorded, and measures how well that goes. */
#ifndef REPLAY_PACE_H
#define REPLAY_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "latency.h"

struct pace_options {
	double speed; /* of the recording: 1 as it was, 2 twice as fast; 0: without waiting */
	int64_t max_sleep_ns; /* longer pauses are cut to this; 0: none is */
};

struct pace {
	const struct pace_options *options;
	int64_t from_ns; /* recorded time of the first call */
	int64_t start_ns; /* that it is made at now, moved on by cut pauses */
	struct latency late; /* how much later than they should have been calls were made */
	bool begun;
};

void pace_init(struct pace *pace, const struct pace_options *options);

/* Waits for the time of a call that was recorded at "recorded_ns". */
void pace_wait(struct pace *pace, int64_t recorded_ns);

void pace_clear(struct pace *pace);

#endif
