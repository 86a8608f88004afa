/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a guest's port to a descriptor of the host. */
#include "lab_stream.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void close_descriptor(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

int lab_stream_listen(struct lab_stream *stream, const char *path, int sink)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ret;

	stream->listener = stream->socket = -1;
	stream->sink = sink;
	stream->received = 0;
	stream->start = stream->end = 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	stream->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stream->listener < 0)
		return -errno;
	if (bind(stream->listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(stream->listener, 1)) {
		ret = -errno;
		close_descriptor(&stream->listener);
		return ret;
	}
	return 0;
}

bool lab_stream_idle(const struct lab_stream *stream)
{
	return stream->sink < 0 || stream->start == stream->end;
}

bool lab_stream_ended(const struct lab_stream *stream)
{
	return stream->listener < 0 && stream->socket < 0 && lab_stream_idle(stream);
}

struct pollfd lab_stream_wants(const struct lab_stream *stream)
{
	if (!lab_stream_idle(stream))
		return (struct pollfd){.fd = stream->sink, .events = POLLOUT};
	if (stream->listener >= 0)
		return (struct pollfd){.fd = stream->listener, .events = POLLIN};
	return (struct pollfd){.fd = stream->socket, .events = POLLIN};
}

/* A pipe that polls as writable takes this much without blocking. */
static int stream_write(struct lab_stream *stream)
{
	size_t size = stream->end - stream->start;
	ssize_t written;

	written = write(stream->sink, stream->buffer + stream->start,
			size < PIPE_BUF ? size : PIPE_BUF);
	if (written < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	stream->start += (size_t)written;
	if (stream->start == stream->end)
		stream->start = stream->end = 0;
	return 0;
}

static void stream_accept(struct lab_stream *stream)
{
	stream->socket = accept4(stream->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (stream->socket >= 0)
		close_descriptor(&stream->listener);
}

static void stream_read(struct lab_stream *stream)
{
	size_t room = sizeof(stream->buffer) - stream->end;
	ssize_t got = room ? read(stream->socket, stream->buffer + stream->end, room) : 0;

	if (got > 0) {
		stream->end += (size_t)got;
		stream->received += (uint64_t)got;
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_descriptor(&stream->socket);
	}
}

int lab_stream_step(struct lab_stream *stream, short events)
{
	if (!events)
		return 0;
	if (!lab_stream_idle(stream))
		return stream_write(stream);
	if (stream->listener >= 0)
		stream_accept(stream);
	else
		stream_read(stream);
	return 0;
}

void lab_stream_hang_up(struct lab_stream *stream)
{
	if (stream->listener >= 0)
		stream_accept(stream);
	close_descriptor(&stream->listener);
}

void lab_stream_close(struct lab_stream *stream)
{
	close_descriptor(&stream->listener);
	close_descriptor(&stream->socket);
}
