/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flight recorder's memory: the last so many bytes of a recording. Older
 * records are overwritten, but for those that explain the newer ones: see
 * flight_context.h. Records that a dump needs of calls that have not ended when
 * their payload is overwritten stay as well.
 */
#ifndef FLIGHT_H
#define FLIGHT_H

#include "spool.h"

#define FLIGHT_MIN_BYTES (256u << 10) /* several of the largest records */
#define FLIGHT_MAX_BYTES (64ull << 30)

struct flight;

struct flight_counts {
	uint64_t calls; /* that ended, control events included */
	uint64_t bytes; /* held */
	uint64_t overwritten_calls;
	uint64_t overwritten_bytes;
};

/* BYTES are rounded up to whole pages. 0, -EINVAL (too few or many) or -ENOMEM. */
int flight_open(uint64_t bytes, struct flight **ret);

/* Takes a copy of a record: record->size bytes, padded to 8. */
void flight_add(struct flight *flight, const struct capture_header *record);

/* Writes what is held, the oldest first; nothing of it goes away. */
void flight_write(const struct flight *flight, struct spool *spool);

void flight_get_counts(const struct flight *flight, struct flight_counts *ret);

/* NULL is fine. */
void flight_close(struct flight *flight);

#endif
