/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host calls of a trace, with directories of the scratch directory in place of the host's. */
#ifndef REPLAY_HOST_CALL_H
#define REPLAY_HOST_CALL_H

#include "replay_call.h"
#include "scratch.h"

/* The service keeps the pointer to a status LED: this is what it gets. */
struct host_led {
	uint32_t words[4];
};

/* Writes TEXT as an UTF-16 SHFLSTRING; its size, 0 if it does not fit or is no UTF-8. */
uint32_t host_string(const char *text, void *memory, size_t room);

/*
 * Changes the parameters of a host call that parms_build() has filled. NULL:
 * it can be made; else what it lacks to be made without touching what is
 * outside.
 */
const char *host_call_confine(struct replay_call *call, struct scratch *scratch,
			      struct host_led *led);

#endif
