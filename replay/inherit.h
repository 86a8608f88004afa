/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was there before the trace began: shares are added before the replay,
 * clients connect and map before their first call.
 */
#ifndef REPLAY_INHERIT_H
#define REPLAY_INHERIT_H

#include "image.h"
#include "live.h"

/* Adds the shares that a process had. 0, or -EPROTO and *ret_message (malloc'd). */
int inherit_shares(struct hgcm_service *service, const struct image_result *image, uint32_t process,
		   char **ret_message);

/*
 * Connects the client of a call and maps what it had mapped; returns it. NULL:
 * it was not there before, or the service refuses it.
 */
struct replay_client *inherit_client(struct live *live, const struct image_result *image,
				     const struct trace_call *event);

#endif
