/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of records that grows: see line_queue.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "line_queue.h"

#define FIRST_CAPACITY ((size_t)256 << 10)

static size_t rounded(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

int line_queue_init(struct line_queue *queue, size_t max, size_t keep)
{
	*queue = (struct line_queue){.capacity = FIRST_CAPACITY, .max = max, .keep = keep};
	queue->buffer = malloc(queue->capacity);
	return queue->buffer ? 0 : -ENOMEM;
}

void line_queue_free(struct line_queue *queue)
{
	free(queue->buffer);
}

size_t line_queue_waiting(const struct line_queue *queue)
{
	return queue->end.bytes - queue->sent;
}

size_t line_queue_room(const struct line_queue *queue)
{
	size_t waiting = line_queue_waiting(queue);

	return waiting < queue->max ? queue->max - waiting : 0;
}

/* Two pieces of the ring at most. */
static int pieces(const struct line_queue *queue, uint64_t from, uint64_t to,
		  struct iovec ret_pieces[2])
{
	size_t at = from % queue->capacity, size = to - from;
	size_t first = size < queue->capacity - at ? size : queue->capacity - at;

	ret_pieces[0] = (struct iovec){queue->buffer + at, first};
	ret_pieces[1] = (struct iovec){queue->buffer, size - first};
	return size > first ? 2 : 1;
}

/* Its first 8 bytes, with the size, lie in one piece. */
static size_t record_size(const struct line_queue *queue, uint64_t at)
{
	return ((const struct capture_header *)(queue->buffer + at % queue->capacity))->size;
}

static void pass(const struct line_queue *queue, struct link_position *position)
{
	position->bytes += record_size(queue, position->bytes);
	position->records++;
}

/* Forgets the oldest that was sent, until at most KEEP bytes of it are left. */
static void forget(struct line_queue *queue, size_t keep)
{
	while (queue->sent - queue->kept.bytes > keep &&
	       queue->kept.bytes + record_size(queue, queue->kept.bytes) <= queue->sent)
		pass(queue, &queue->kept);
}

static bool grow(struct line_queue *queue, size_t wanted, size_t limit)
{
	size_t capacity = queue->capacity;
	struct line_queue old = *queue;
	struct iovec from[2], to[2];

	while (capacity < wanted)
		capacity *= 2;
	capacity = capacity < limit ? capacity : limit;
	if (capacity < wanted)
		return false;
	queue->buffer = malloc(capacity);
	if (!queue->buffer) {
		queue->buffer = old.buffer;
		return false;
	}
	queue->capacity = capacity;
	for (uint64_t at = old.kept.bytes; at < old.end.bytes;) {
		pieces(&old, at, old.end.bytes, from);
		pieces(queue, at, at + from[0].iov_len, to);
		memcpy(to[0].iov_base, from[0].iov_base, to[0].iov_len);
		at += to[0].iov_len;
	}
	free(old.buffer);
	return true;
}

static bool make_room(struct line_queue *queue, size_t size, size_t extra)
{
	size_t limit = rounded(queue->max + extra + queue->keep);
	size_t held;

	if (line_queue_waiting(queue) + size > queue->max + extra)
		return false;
	held = queue->end.bytes - queue->kept.bytes;
	if (held + size <= queue->capacity)
		return true;
	forget(queue, queue->keep);
	held = queue->end.bytes - queue->kept.bytes;
	if (held + size <= queue->capacity || grow(queue, held + size, limit))
		return true;
	forget(queue, 0);
	held = queue->end.bytes - queue->kept.bytes;
	return held + size <= queue->capacity;
}

bool line_queue_put(struct line_queue *queue, const struct capture_header *record, size_t extra)
{
	struct iovec to[2];
	size_t size = record->size;

	if (size < sizeof(*record) || size % 8 || !make_room(queue, size, extra))
		return false;
	pieces(queue, queue->end.bytes, queue->end.bytes + size, to);
	memcpy(to[0].iov_base, record, to[0].iov_len);
	memcpy(to[1].iov_base, (const char *)record + to[0].iov_len, to[1].iov_len);
	queue->end.bytes += size;
	queue->end.records++;
	return true;
}

int line_queue_pieces(const struct line_queue *queue, struct iovec ret_pieces[2])
{
	return pieces(queue, queue->sent, queue->end.bytes, ret_pieces);
}

void line_queue_sent(struct line_queue *queue, size_t bytes)
{
	queue->sent += bytes;
}

int line_queue_resume(struct line_queue *queue, const struct link_position *theirs,
		      struct link_position *ret_ours)
{
	struct link_position at = queue->kept;
	uint64_t wanted = queue->base.bytes + theirs->bytes;

	if (wanted < queue->base.bytes || wanted > queue->sent)
		return -EINVAL;
	while (at.bytes < wanted)
		pass(queue, &at);
	if (at.bytes != wanted && at.bytes != queue->kept.bytes)
		return -EINVAL;
	queue->kept = at;
	queue->sent = at.bytes;
	ret_ours->bytes = at.bytes - queue->base.bytes;
	ret_ours->records = at.records - queue->base.records;
	return 0;
}

void line_queue_restart(struct line_queue *queue)
{
	forget(queue, 0);
	queue->sent = queue->kept.bytes;
	queue->base = queue->kept;
}
