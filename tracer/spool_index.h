/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is where in the spool files of one side: calls and their payload by id,
 * in few bytes each, so that records can be read again in order.
 */
#ifndef SPOOL_INDEX_H
#define SPOOL_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "../bpf/capture.h"

#define SPOOLS_MAX 64

struct spool_cache;

/* A record in one of the files. */
struct spool_place {
	uint64_t id;
	uint64_t at; /* offset | number of the file << 56 */
};

struct spool_places {
	struct spool_place *places;
	size_t n;
	size_t room;
};

/*
 * Things that were lost between two times that somebody counted. The ids are
 * the highest of a call in the file by then.
 */
struct spool_loss {
	uint64_t n;
	uint64_t from_id;
	uint64_t to_id;
	uint16_t hop;
	uint16_t reason; /* enum capture_loss_reason */
};

struct spool_note {
	char *key;
	char *value;
};

struct spool_side {
	int fds[SPOOLS_MAX];
	size_t n_files;
	struct spool_places calls; /* calls and control events */
	struct spool_places chunks; /* payload, in order within a call */
	struct spool_places ops;
	struct spool_cache *cache; /* of what was read last */
	struct spool_note *notes;
	size_t n_notes;
	struct spool_loss *losses;
	size_t n_losses;
	int64_t realtime_ns; /* minus monotonic */
	uint64_t duplicates; /* records of an id that was there already */
	bool has_data; /* payload was recorded here */
	bool cut_short;
	char cut_why[256]; /* of the first file that is */
};

/* Called with the bytes read since the last time. */
typedef void spool_progress(void *user, uint64_t bytes);

/*
 * Opens a spool file and adds it to its side, sides[CAPTURE_SIDE_*]. -EINVAL
 * if it is none. What is wrong after its beginning ends the file there.
 */
int spool_index_add(struct spool_side sides[3], const char *file, spool_progress *progress,
		    void *user, char **ret_message);

/* Sorts; of several records of one call the one that counts stays. 0 or -ENOMEM. */
int spool_index_finish(struct spool_side *side);

/*
 * Reads a record that was indexed into a buffer of CAPTURE_RECORD_MAX bytes. Records come roughly
 * in the order of their ids, so that most are in the cache already. Not for several threads.
 */
int spool_read(const struct spool_side *side, const struct spool_place *place,
	       struct capture_header *ret);

/* The chunks of a call: the first, and how many there are. */
const struct spool_place *spool_chunks(const struct spool_side *side, uint64_t id, size_t *ret_n);

/*
 * The index of the call that a loss came after: the last one before a gap in the ids, where there
 * is one. SIZE_MAX: before all calls.
 */
size_t spool_loss_after(const struct spool_side *side, const struct spool_loss *loss);

void spool_side_free(struct spool_side *side);

#endif
