/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a parameter as a trace holds it. */
#ifndef REPLAY_PAYLOAD_H
#define REPLAY_PAYLOAD_H

#include "trace.h"

struct payload {
	uint8_t *data; /* NULL: none */
	uint32_t captured; /* bytes in data */
	uint32_t length; /* bytes that there were */
	uint8_t *memory; /* malloc'd; what payload_reread() uses again */
	size_t room;
};

/*
 * Reads a payload; id 0 gives an empty one. -EBADMSG: its bytes are not those
 * that were recorded; -ENOENT: the trace has no such payload.
 */
int payload_read(struct trace *trace, int64_t id, struct payload *ret);

/*
 * Small payloads that were read lately: paths and what CREATE is given come
 * again and again, and a trace stores them once.
 */
struct payload_cache;
struct payload_cache *payload_cache_new(void); /* freed with free(); NULL: no memory */

/* The same, into memory that the payload had before. */
int payload_reread(struct trace *trace, struct payload_cache *cache, int64_t id,
		   struct payload *payload);

void payload_clear(struct payload *payload);

/* The structure that a payload begins with; false: it is too short. */
bool payload_copy(const struct payload *payload, void *structure, size_t size);

#endif
