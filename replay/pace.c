/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pace.h. */
#include "pace.h"

#include <string.h>
#include <time.h>

#define PACE_NSEC_PER_SEC 1000000000ll
#define PACE_FOREVER (INT64_MAX / 4) /* sums of two do not overflow */

static int64_t pace_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * PACE_NSEC_PER_SEC + now.tv_nsec;
}

static void pace_sleep_until(int64_t ns)
{
	struct timespec until = {.tv_sec = ns / PACE_NSEC_PER_SEC,
				 .tv_nsec = ns % PACE_NSEC_PER_SEC};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
}

void pace_init(struct pace *pace, const struct pace_options *options)
{
	memset(pace, 0, sizeof(*pace));
	pace->options = options;
}

/* How long after the first call this one comes, at the wanted speed. */
static int64_t pace_offset_ns(const struct pace *pace, int64_t recorded_ns)
{
	double offset = (double)(recorded_ns - pace->from_ns) / pace->options->speed;

	if (offset < 0)
		return 0;
	return offset < (double)PACE_FOREVER ? (int64_t)offset : PACE_FOREVER;
}

void pace_wait(struct pace *pace, int64_t recorded_ns)
{
	int64_t max_ns = pace->options->max_sleep_ns, now = 0, due;

	if (pace->options->speed <= 0)
		return;
	now = pace_now_ns();
	if (!pace->begun) {
		pace->begun = true;
		pace->from_ns = recorded_ns;
		pace->start_ns = now;
	}
	due = pace->start_ns + pace_offset_ns(pace, recorded_ns);
	if (max_ns && due > now + max_ns) {
		pace->start_ns -= due - (now + max_ns);
		due = now + max_ns;
	}
	if (due > now)
		pace_sleep_until(due);
	latency_add(&pace->late, pace_now_ns() - due);
}

void pace_clear(struct pace *pace)
{
	latency_free(&pace->late);
}
