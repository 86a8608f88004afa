/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps a guest's clock to the host's by causality: a call enters the guest's
 * hop before the host's service and leaves it after the service has answered.
 * Each call bounds the offset between the clocks from both sides; the offset
 * and drift with the largest distance from all bounds are taken. A guest that
 * was suspended, or moved to another host, has a clock that steps: a new offset
 * and drift hold from there.
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

#define CLOCK_PIECES_MAX 64

/* Each piece holds from its from_ns to the next one's. */
struct clock {
	struct trace_clock pieces[CLOCK_PIECES_MAX];
	size_t n_pieces;
};

/*
 * Fits on every second pair and checks the result with the others. Pairs stand
 * in order of time, roughly. error_ns is half of what the bounds leave; if they
 * contradict each other, by how much. -ENODATA without pairs.
 */
int clock_fit(const struct clock_pair *pairs, size_t n, struct clock *ret);

/* The piece that a moment of the guest's clock belongs to. */
const struct trace_clock *clock_piece(const struct clock *clock, int64_t guest_ns);

/* A moment of the guest's clock on the host's. */
int64_t clock_map(const struct clock *clock, int64_t guest_ns);

/* By how much the host's part sticks out of the guest's; not above 0: it does not. */
int64_t clock_excess(const struct clock *clock, const struct clock_pair *pair);

#endif
