/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A distribution of times in little memory: counts in buckets that are 1/256
 * of their value wide. Number, sum, minimum and maximum are exact, percentiles
 * to 0.4 %.
 */
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

#define LATENCY_BUCKETS 256 /* of one octave */
#define LATENCY_OCTAVES 57

struct latency {
	uint64_t n;
	int64_t total_ns;
	int64_t min_ns;
	int64_t max_ns;
	uint32_t *octaves[LATENCY_OCTAVES]; /* LATENCY_BUCKETS counts each, NULL: all 0 */
};

/* Negative times count as 0. -ENOMEM. */
int latency_add(struct latency *latency, int64_t ns);

/* The time that PERCENT of 100 do not exceed; 0 if there are none. */
int64_t latency_percentile(const struct latency *latency, double percent);

void latency_free(struct latency *latency);

#endif
