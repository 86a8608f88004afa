/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtio-serial port of the guest, seen from the host: a socket that QEMU connects to. What
 * comes goes to a descriptor (the sink), or stays in the buffer for whoever reads it there.
 */
#ifndef LAB_STREAM_H
#define LAB_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lab_stream {
	int listener; /* -1 once QEMU has connected */
	int socket; /* -1 before that, and after its end */
	int sink; /* -1: none */
	uint64_t received;
	size_t start; /* the part of the buffer that is in use */
	size_t end;
	char buffer[65536];
};

/* Listens at path; -errno. The sink stays the caller's. */
int lab_stream_listen(struct lab_stream *stream, const char *path, int sink);

/* What to wait for; lab_stream_step takes the answer. No events when the stream has ended. */
struct pollfd lab_stream_wants(const struct lab_stream *stream);

/* Does one step without blocking. -errno if the sink cannot be written (-EPIPE: nobody reads it).
 */
int lab_stream_step(struct lab_stream *stream, short events);

/* QEMU is gone: takes what it has left behind, but waits for no connection any more. */
void lab_stream_hang_up(struct lab_stream *stream);

/* Nothing more will come, and everything is written. */
bool lab_stream_ended(const struct lab_stream *stream);

/* Everything that came so far is written. */
bool lab_stream_idle(const struct lab_stream *stream);

void lab_stream_close(struct lab_stream *stream);

#endif
