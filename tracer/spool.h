/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a spool file: a capture_file_header, capture records, CAPTURE_END as
 * the last one. What cannot be written is dropped and counted; the file then
 * ends behind a whole record.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>

#include "../bpf/capture.h"

struct spool;

/* A call or control event in its last form, not one in flight. */
static inline int capture_is_ended_call(const struct capture_header *record)
{
	return record->kind >= CAPTURE_CALL && record->kind <= CAPTURE_DISCONNECT &&
	       !(record->flags & CAPTURE_F_SNAPSHOT);
}

struct spool_counts {
	uint64_t records; /* written, or waiting to be */
	uint64_t calls; /* of these: calls and control events that ended */
	uint64_t bytes;
	uint64_t dropped; /* records that could not be written */
	int error; /* why; 0: nothing was dropped */
};

/* Whether a file is a spool, as far as its first bytes tell. */
bool spool_file_is_ours(const char *file);

/*
 * Replaces a file of that name. 0 or negative errno; -EBUSY: another recorder is writing it.
 */
int spool_create(const char *file, enum capture_side side, struct spool **ret);

/* Takes a copy of a record: record->size bytes, padded to 8. */
void spool_write(struct spool *spool, const struct capture_header *record);

/* A note: CAPTURE_META. Too long ones are cut. */
void spool_meta(struct spool *spool, const char *key, const char *value);

/* Writes to the file what has been taken so far. */
void spool_flush(struct spool *spool);

void spool_get_counts(const struct spool *spool, struct spool_counts *ret);

/*
 * Writes what was dropped and CAPTURE_END, and closes. Negative errno if the
 * file is not whole; what is in it can be loaded all the same. NULL is fine.
 */
int spool_close(struct spool *spool);

#endif
