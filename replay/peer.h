/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two replays of one trace in two processes: what the first got, call by call,
 * goes through a pipe to the second, which compares with that instead of the
 * recording.
 */
#ifndef REPLAY_PEER_H
#define REPLAY_PEER_H

#include "map.h"
#include "replay_call.h"

struct peer {
	int fd; /* end of the pipe */
	bool sends;
	struct map early; /* by call: what came before it was asked for */
};

/* The first tells: this call ended so, or was not made. 0; -EPIPE: nobody listens. */
int peer_send(struct peer *peer, const struct replay_call *call);
int peer_send_left_out(struct peer *peer, int64_t call_id);

struct peer_answer;

/*
 * The second asks what the other got in a call that has ended here. 1: *ret is
 * a copy of the call with that in place of what was recorded, valid until
 * peer_done(). 0: the other has not made this call. -EPIPE: the other is gone.
 */
int peer_ask(struct peer *peer, const struct replay_call *call, struct replay_call *ret,
	     struct peer_answer **ret_answer);
void peer_done(struct peer_answer *answer);

void peer_clear(struct peer *peer);

#endif
