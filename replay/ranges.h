/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of byte ranges of a file, kept sorted and merged: which bytes a trace
 * has already told about.
 */
#ifndef REPLAY_RANGES_H
#define REPLAY_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t start;
	uint64_t end; /* not included */
};

struct ranges {
	struct range *items;
	size_t n;
	size_t room;
};

/* Adds [start, end). 0 or -ENOMEM. An empty range changes nothing. */
int ranges_add(struct ranges *ranges, uint64_t start, uint64_t end);

/* The first part of [start, end) that is not in the set; false: there is none. */
bool ranges_gap(const struct ranges *ranges, uint64_t start, uint64_t end, struct range *ret_gap);

void ranges_clear(struct ranges *ranges);

#endif
