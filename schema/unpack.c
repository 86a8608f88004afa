/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See unpack.h. The file may be anything, so time, room and memory are bounded by the limits. */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace_internal.h"

#define CHUNK_BYTES (256 << 10)

struct unpack {
	int from;
	int to;
	const char *name;
	const char *dir; /* of the temporary file */
	const struct unpack_limits *limits;
	char **message;
	lzma_stream stream;
	uint64_t written;
	uint8_t in[CHUNK_BYTES];
	uint8_t out[CHUNK_BYTES];
};

static const struct {
	lzma_ret lzma;
	int errno_;
	const char *words;
} failures[] = {
	{LZMA_BUF_ERROR, -EUCLEAN, "is damaged: its compressed data ends early"},
	{LZMA_FORMAT_ERROR, -EUCLEAN, "is damaged: its compressed data is not xz's"},
	{LZMA_DATA_ERROR, -EUCLEAN, "is damaged: its compressed data makes no sense"},
	{LZMA_OPTIONS_ERROR, -EPROTO,
	 "is compressed in a way that liblzma does not know: compress it with xz -9e"},
	{LZMA_MEM_ERROR, -ENOMEM, "cannot be unpacked: out of memory"},
};

bool unpack_is_xz(const void *data, size_t size)
{
	static const uint8_t magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};

	return size >= sizeof(magic) && memcmp(data, magic, sizeof(magic)) == 0;
}

static int unpack_failed(struct unpack *unpack, lzma_ret lzma)
{
	if (lzma == LZMA_MEMLIMIT_ERROR)
		return trace_message(unpack->message, -EFBIG,
				     "%s takes more than %" PRIu64
				     " MiB of memory to unpack: compress it with xz -9e",
				     unpack->name, unpack->limits->memory >> 20);
	for (size_t i = 0; i < COUNT_OF(failures); i++)
		if (failures[i].lzma == lzma)
			return trace_message(unpack->message, failures[i].errno_, "%s %s",
					     unpack->name, failures[i].words);
	return trace_message(unpack->message, -EIO, "%s cannot be unpacked: liblzma says %d",
			     unpack->name, (int)lzma);
}

static int temporary_failed(struct unpack *unpack, int errno_)
{
	return trace_message(unpack->message, errno_,
			     "cannot unpack %s to %s: %s (TMPDIR names another directory)",
			     unpack->name, unpack->dir, strerror(-errno_));
}

/* More input, if all of the last is used up; at the end of the file none comes. */
static int read_chunk(struct unpack *unpack, lzma_action *action)
{
	ssize_t got;

	if (unpack->stream.avail_in > 0 || *action == LZMA_FINISH)
		return 0;
	got = read(unpack->from, unpack->in, sizeof(unpack->in));
	if (got < 0)
		return trace_message(unpack->message, -errno, "cannot read %s: %s", unpack->name,
				     strerror(errno));
	if (got == 0)
		*action = LZMA_FINISH;
	unpack->stream.next_in = unpack->in;
	unpack->stream.avail_in = (size_t)got;
	return 0;
}

static int write_chunk(struct unpack *unpack)
{
	size_t size = sizeof(unpack->out) - unpack->stream.avail_out, done = 0;

	unpack->written += size;
	if (unpack->written > unpack->limits->bytes)
		return trace_message(unpack->message, -EFBIG,
				     "%s unpacks to more than %" PRIu64
				     " MiB: unpack it with xz -d",
				     unpack->name, unpack->limits->bytes >> 20);
	while (done < size) {
		ssize_t put = write(unpack->to, unpack->out + done, size - done);

		if (put < 0)
			return temporary_failed(unpack, -errno);
		done += (size_t)put;
	}
	unpack->stream.next_out = unpack->out;
	unpack->stream.avail_out = sizeof(unpack->out);
	return 0;
}

static int unpack_all(struct unpack *unpack)
{
	lzma_action action = LZMA_RUN;
	lzma_ret lzma =
		lzma_stream_decoder(&unpack->stream, unpack->limits->memory, LZMA_CONCATENATED);

	unpack->stream.next_out = unpack->out;
	unpack->stream.avail_out = sizeof(unpack->out);
	while (lzma == LZMA_OK) {
		int ret = read_chunk(unpack, &action);

		if (ret)
			return ret;
		lzma = lzma_code(&unpack->stream, action);
		ret = write_chunk(unpack);
		if (ret)
			return ret;
	}
	return lzma == LZMA_STREAM_END ? 0 : unpack_failed(unpack, lzma);
}

/* The file has no name any more when it is filled: nothing is left behind, whatever happens. */
static int make_temporary(struct unpack *unpack)
{
	char *path;

	unpack->dir = getenv("TMPDIR");
	if (!unpack->dir || *unpack->dir != '/')
		unpack->dir = "/tmp";
	if (asprintf(&path, "%s/sftrace-trace-XXXXXX", unpack->dir) < 0)
		return -ENOMEM;
	unpack->to = mkostemp(path, O_CLOEXEC);
	if (unpack->to < 0) {
		int ret = temporary_failed(unpack, -errno);

		free(path);
		return ret;
	}
	unlink(path);
	free(path);
	return 0;
}

int unpack_xz(int fd, const char *name, const struct unpack_limits *limits, int *ret_fd,
	      char **ret_message)
{
	struct unpack *unpack = calloc(1, sizeof(*unpack));
	int ret;

	if (!unpack)
		return -ENOMEM;
	unpack->from = fd;
	unpack->name = name;
	unpack->limits = limits;
	unpack->message = ret_message;
	ret = make_temporary(unpack);
	if (!ret) {
		ret = unpack_all(unpack);
		lzma_end(&unpack->stream);
		if (ret)
			close(unpack->to);
		else
			*ret_fd = unpack->to;
	}
	free(unpack);
	return ret;
}
