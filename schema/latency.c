/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Octave 0 holds 0 to 255 ns, each in a bucket of its own; octave k the values
 * with 8 + k significant bits, in buckets of 2^(k-1) ns.
 */
#include "latency.h"

#include <errno.h>
#include <stdlib.h>

static unsigned octave_of(uint64_t ns)
{
	return ns < LATENCY_BUCKETS ? 0 : 64 - 8 - (unsigned)__builtin_clzll(ns);
}

static unsigned shift_of(unsigned octave)
{
	return octave ? octave - 1 : 0;
}

int latency_add(struct latency *latency, int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;
	unsigned octave = octave_of(value);
	uint32_t **counts = &latency->octaves[octave];

	if (!*counts)
		*counts = calloc(LATENCY_BUCKETS, sizeof(**counts));
	if (!*counts)
		return -ENOMEM;
	(*counts)[(value >> shift_of(octave)) % LATENCY_BUCKETS]++;
	if (!latency->n || (int64_t)value < latency->min_ns)
		latency->min_ns = (int64_t)value;
	if ((int64_t)value > latency->max_ns)
		latency->max_ns = (int64_t)value;
	latency->n++;
	if (__builtin_add_overflow(latency->total_ns, (int64_t)value, &latency->total_ns))
		latency->total_ns = INT64_MAX;
	return 0;
}

static int64_t clamp(const struct latency *latency, uint64_t value)
{
	if (value < (uint64_t)latency->min_ns)
		return latency->min_ns;
	if (value > (uint64_t)latency->max_ns)
		return latency->max_ns;
	return (int64_t)value;
}

static uint64_t middle(uint64_t first, unsigned shift)
{
	return (first << shift) + ((1ull << shift) >> 1);
}

int64_t latency_percentile(const struct latency *latency, double percent)
{
	double rank = (double)latency->n * percent / 100;
	uint64_t seen = 0;

	if (!latency->n)
		return 0;
	if (rank > (double)(latency->n - 1))
		return latency->max_ns;
	for (unsigned octave = 0; octave < LATENCY_OCTAVES; octave++) {
		for (unsigned i = 0; latency->octaves[octave] && i < LATENCY_BUCKETS; i++) {
			uint64_t first = (octave ? LATENCY_BUCKETS : 0) + i;

			seen += latency->octaves[octave][i];
			if (seen && (double)seen >= rank)
				return clamp(latency, middle(first, shift_of(octave)));
		}
	}
	return latency->max_ns;
}

void latency_free(struct latency *latency)
{
	for (unsigned octave = 0; octave < LATENCY_OCTAVES; octave++)
		free(latency->octaves[octave]);
	*latency = (struct latency){0};
}
