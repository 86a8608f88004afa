/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live side of a replay: what the trace's clients, roots and handles are
 * now. One table of handles serves all clients of a process, as in the service.
 */
#ifndef REPLAY_LIVE_H
#define REPLAY_LIVE_H

#include "client.h"
#include "hgcm.h"
#include "listing.h"
#include "map.h"
#include "replay_call.h"

struct live_handle {
	uint64_t live; /* SHFL_HANDLE_NIL: the replay got none */
	uint64_t client; /* client_key() */
	struct listing listing;
};

struct live {
	struct hgcm_service *service;
	struct map clients; /* client_key(): struct replay_client */
	struct map handles; /* recorded process and handle: struct live_handle */
	struct map roots; /* recorded process and root: what live_root_value() makes of a root */
	bool gaps; /* calls are missing: they may have opened handles */
};

void live_init(struct live *live, struct hgcm_service *service);
void live_clear(struct live *live);

/*
 * Replaces recorded roots and handles in call->parms by live ones. Handles that
 * the trace has not opened become invalid ones; but if calls are missing that
 * may have opened them: false, and finding says so. The same goes for roots.
 */
bool live_map(const struct live *live, struct replay_call *call, struct replay_finding *finding);

/* Takes over what a call that ended has opened, mapped and closed, on both sides. */
int live_learn(struct live *live, const struct replay_call *call);

/* A recorded root is this one now. 0 or -ENOMEM. */
int live_map_root(struct live *live, uint32_t process, uint64_t recorded, uint32_t root);

/* Both return 0 or negative errno; *ret_status is the service's answer. */
int live_connect(struct live *live, const struct trace_call *event, int32_t *ret_status);
int live_disconnect(struct live *live, const struct trace_call *event, int32_t *ret_status);

/* The client that makes a call; NULL if the map knows none. */
struct replay_client *live_client_of(const struct live *live, const struct trace_call *event);

/* The handle that a call uses; NULL if the map knows none. */
struct live_handle *live_handle_of(const struct live *live, const struct replay_call *call);

#endif
