/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a parameter as a trace holds it. */
#ifndef REPLAY_PAYLOAD_H
#define REPLAY_PAYLOAD_H

#include "trace.h"

struct payload_block;

struct payload {
	uint8_t *data; /* NULL: none; to be changed only if it is private */
	uint32_t captured; /* bytes in data */
	uint32_t length; /* bytes that there were */
	struct payload_block *block; /* what data is in, perhaps together with other payloads */
};

/*
 * Reads a payload; id 0 gives an empty one. -EBADMSG: its bytes are not those
 * that were recorded; -ENOENT: the trace has no such payload.
 */
int payload_read(struct trace *trace, int64_t id, struct payload *ret);

/*
 * Payloads that were read lately, up to a number of bytes: paths and what
 * CREATE is given come again and again, data that is written is read again,
 * and a trace stores them once. For one thread.
 */
struct payload_cache;
struct payload_cache *payload_cache_new(void); /* NULL: no memory */
void payload_cache_free(struct payload_cache *cache); /* payloads stay valid */

/* Reads another payload in the place of one, which may be empty. cache may be NULL. */
int payload_reread(struct trace *trace, struct payload_cache *cache, int64_t id,
		   struct payload *payload);

/* Whether nobody else can come to see the same memory. */
bool payload_is_private(const struct payload *payload);

/* Any thread may do this. */
void payload_clear(struct payload *payload);

/* The structure that a payload begins with; false: it is too short. */
bool payload_copy(const struct payload *payload, void *structure, size_t size);

#endif
