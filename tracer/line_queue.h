/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What waits to be sent to a recorder, and the last of what was sent, for a
 * recorder that did not get it: whole capture records in memory that grows as
 * far as it may. A place in the stream is how much of it lies before.
 */
#ifndef LINE_QUEUE_H
#define LINE_QUEUE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "link.h"

struct line_queue {
	char *buffer; /* a place's bytes are at its remainder by capacity */
	size_t capacity; /* a multiple of 8, as all sizes of records */
	size_t max; /* bytes that may wait */
	size_t keep; /* bytes that are kept of what was sent, unless there is no room */
	struct link_position kept; /* the first record that is still there */
	struct link_position base; /* where the recorder's own counting begins */
	uint64_t sent; /* bytes */
	struct link_position end;
};

/* max: bytes that can wait; keep: bytes that are held of what was sent. 0 or -ENOMEM. */
int line_queue_init(struct line_queue *queue, size_t max, size_t keep);

void line_queue_free(struct line_queue *queue);

size_t line_queue_waiting(const struct line_queue *queue);

/* Bytes that can be put without loss; what is kept makes room. */
size_t line_queue_room(const struct line_queue *queue);

/* Takes a copy of a record. False: there is no room for it. extra: bytes beyond max. */
bool line_queue_put(struct line_queue *queue, const struct capture_header *record, size_t extra);

/* What waits, in one piece or two: how many. */
int line_queue_pieces(const struct line_queue *queue, struct iovec ret_pieces[2]);

/* So much of it has been sent. */
void line_queue_sent(struct line_queue *queue, size_t bytes);

/*
 * Goes back to what a recorder does not have. *ret_ours: where sending goes on:
 * where it said, or later, if what lies between is not kept any more. 0, or -EINVAL: no
 * record begins there.
 */
int line_queue_resume(struct line_queue *queue, const struct link_position *theirs,
		      struct link_position *ret_ours);

/* Another recorder: it gets whole records from here on, and counts from them. */
void line_queue_restart(struct line_queue *queue);

#endif
