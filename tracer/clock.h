/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps a guest's clock to the host's by causality: a call enters the guest's
 * hop before the host's service and leaves it after the service has answered.
 * Each call bounds the offset between the clocks from both sides; the offset
 * and drift with the largest distance from all bounds are taken.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "trace.h"

/* One call as both sides saw it, in their own clocks. */
struct clock_pair {
	int64_t guest_enter_ns;
	int64_t guest_exit_ns;
	int64_t host_enter_ns;
	int64_t host_end_ns;
};

/*
 * Fits on every second pair and checks the result with the others. error_ns is
 * half of what the bounds leave; if they contradict each other, by how much.
 * -ENODATA without pairs.
 */
int clock_fit(const struct clock_pair *pairs, size_t n, struct trace_clock *ret);

/* A moment of the guest's clock on the host's. */
int64_t clock_map(const struct trace_clock *clock, int64_t guest_ns);

/* Whether the host's part lies within the guest's, give or take slack_ns. */
bool clock_holds(const struct trace_clock *clock, const struct clock_pair *pair, int64_t slack_ns);

#endif
