/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and ranges of them on a command line. */
#ifndef RANGE_OPTION_H
#define RANGE_OPTION_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	int64_t first, last; /* both are in it */
};

#define RANGE_ALL ((struct range){INT64_MIN, INT64_MAX})

/* A whole number from 0 to MAX; false: it is none. */
bool number_parse(const char *text, int64_t max, int64_t *ret);

/*
 * "A..B", "A..", "..B" or "A", each a number that is multiplied by unit:
 * decimals are fine if that is more than 1. False: it is no range.
 */
bool range_parse(const char *text, double unit, struct range *ret);

static inline bool range_has(const struct range *range, int64_t value)
{
	return value >= range->first && value <= range->last;
}

#endif
