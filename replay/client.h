/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recorded clients: which is which, and what their calls have set: how strings
 * are encoded and what separates the components of paths.
 */
#ifndef REPLAY_CLIENT_H
#define REPLAY_CLIENT_H

#include "trace.h"

/*
 * What stands for a number (of a client, a handle) of one host process among
 * those of all: each process has a service of its own.
 */
static inline uint64_t process_key(uint32_t process, uint64_t number)
{
	return number ^ process * 0x9e3779b97f4a7c15ull;
}

static inline uint64_t client_key(const struct trace_call *call)
{
	return process_key(call->process, call->client);
}

/* A call that only the guest saw went to the process that served the one before. */
static inline void client_guess_process(struct trace_call *call, uint32_t *last)
{
	if (call->process)
		*last = call->process;
	else if (call->side == TRACE_SIDE_GUEST)
		call->process = *last;
}

struct replay_client {
	uint32_t live; /* id in the replay, 0: its connection was refused */
	bool utf8;
	uint16_t delimiter; /* 0: none yet */
};

/* Takes over what an ended call changed. */
void client_note(struct replay_client *client, const struct trace_call *call);

/*
 * A path of this client as components joined by '/', without "." and "..";
 * "" is the share's root. malloc'd; NULL: the service cannot have taken this
 * for a path in the share.
 */
char *client_path(const struct replay_client *client, const void *payload, size_t size);

#endif
