/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a recorded client's calls have set: how its strings are encoded and
 * what separates the components of its paths.
 */
#ifndef REPLAY_CLIENT_H
#define REPLAY_CLIENT_H

#include "trace.h"

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
