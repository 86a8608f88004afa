/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The spool file's writer: see spool.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/file.h>
#include <unistd.h>

#include "capture_check.h"
#include "spool.h"

#define SPOOL_BUFFER_BYTES (1u << 20)

struct spool {
	int fd;
	uint64_t length; /* of the file: whole records */
	size_t used; /* of buffer */
	struct spool_counts counts;
	char *buffer; /* whole records */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~7ull;
}

/* A spool belongs to one recorder as long as it runs. */
static int open_locked(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int err = fd < 0 ? -errno : 0;

	if (!err && flock(fd, LOCK_EX | LOCK_NB))
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (!err && ftruncate(fd, 0) && errno != EINVAL) /* a device has no size */
		err = -errno;
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

bool spool_file_is_ours(const char *file)
{
	char magic[sizeof(CAPTURE_MAGIC) - 1];
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	bool ours;

	if (fd < 0)
		return false;
	ours = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       !memcmp(magic, CAPTURE_MAGIC, sizeof(magic));
	close(fd);
	return ours;
}

int spool_create(const char *file, enum capture_side side, struct spool **ret)
{
	struct capture_file_header header = {
		.magic = CAPTURE_MAGIC,
		.version = CAPTURE_VERSION,
		.side = side,
		.monotonic_ns = clock_ns(CLOCK_MONOTONIC),
		.realtime_ns = clock_ns(CLOCK_REALTIME),
	};
	struct spool *spool = calloc(1, sizeof(*spool));
	int err = 0;

	if (!spool)
		return -ENOMEM;
	spool->buffer = malloc(SPOOL_BUFFER_BYTES);
	spool->fd = open_locked(file);
	if (!spool->buffer || spool->fd < 0) {
		err = spool->buffer ? spool->fd : -ENOMEM;
		goto cleanup;
	}
	memcpy(spool->buffer, &header, sizeof(header));
	spool->used = sizeof(header);
	spool_flush(spool);
	err = spool->counts.error;
cleanup:
	if (!err) {
		*ret = spool;
		return 0;
	}
	if (spool->fd >= 0)
		close(spool->fd);
	free(spool->buffer);
	free(spool);
	return err;
}

/* How many bytes of the buffer are whole records, at most N. */
static size_t whole_records(const struct spool *spool, size_t n)
{
	size_t at = spool->length ? 0 : sizeof(struct capture_file_header);

	while (at < spool->used) {
		const struct capture_header *record = (const void *)(spool->buffer + at);

		if (at + padded(record->size) > n)
			break;
		at += padded(record->size);
	}
	return at <= n ? at : 0;
}

static void drop_count(struct spool *spool, size_t from)
{
	while (from < spool->used) {
		const struct capture_header *record = (const void *)(spool->buffer + from);

		spool->counts.dropped++;
		spool->counts.records--;
		spool->counts.calls -= capture_is_ended_call(record);
		spool->counts.bytes -= padded(record->size);
		from += padded(record->size);
	}
}

/* The disk is full or gone: keeps what is whole, and writes no more. */
static void give_up(struct spool *spool, int error, size_t written)
{
	size_t whole = whole_records(spool, written);

	spool->counts.error = error;
	drop_count(spool, spool->length || whole ? whole : sizeof(struct capture_file_header));
	spool->length += whole;
	if (!ftruncate(spool->fd, spool->length))
		lseek(spool->fd, spool->length, SEEK_SET);
}

void spool_flush(struct spool *spool)
{
	size_t written = 0;

	while (!spool->counts.error && written < spool->used) {
		ssize_t n = write(spool->fd, spool->buffer + written, spool->used - written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			give_up(spool, n ? -errno : -EIO, written);
			spool->used = 0;
			return;
		}
		written += n;
	}
	spool->length += written;
	spool->used = 0;
}

void spool_write(struct spool *spool, const struct capture_header *record)
{
	uint64_t size = padded(record->size);
	char *at;

	if (size > SPOOL_BUFFER_BYTES || record->size < sizeof(*record))
		return;
	if (spool->used + size > SPOOL_BUFFER_BYTES)
		spool_flush(spool);
	if (spool->counts.error) {
		spool->counts.dropped++;
		return;
	}
	at = spool->buffer + spool->used;
	memcpy(at, record, record->size);
	memset(at + record->size, 0, size - record->size);
	((struct capture_header *)at)->size = size;
	spool->used += size;
	spool->counts.records++;
	spool->counts.bytes += size;
	spool->counts.calls += capture_is_ended_call(record);
}

void spool_meta(struct spool *spool, const char *key, const char *value)
{
	union capture_meta_record record;

	capture_meta_make(key, value, &record);
	spool_write(spool, &record.h);
}

void spool_get_counts(const struct spool *spool, struct spool_counts *ret)
{
	*ret = spool->counts;
}

/* The end of a spool that lost records; there may be room for that much again. */
static void write_loss(struct spool *spool)
{
	struct capture_loss loss = {
		.h = {.kind = CAPTURE_LOSS, .size = sizeof(loss)},
		.reason = CAPTURE_LOSS_CUT_SHORT,
		.n = spool->counts.dropped,
	};

	spool->counts.error = 0;
	spool_write(spool, &loss.h);
}

int spool_close(struct spool *spool)
{
	struct capture_header end = {.kind = CAPTURE_END, .size = sizeof(end)};
	int error;

	if (!spool)
		return 0;
	spool_flush(spool);
	error = spool->counts.error;
	if (error && spool->length)
		write_loss(spool);
	spool_write(spool, &end);
	spool_flush(spool);
	if (close(spool->fd) && !error)
		error = -errno;
	if (!error)
		error = spool->counts.error;
	free(spool->buffer);
	free(spool);
	return error;
}
