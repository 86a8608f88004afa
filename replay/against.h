/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replays a trace on two services side by side, and compares them with each other. */
#ifndef REPLAY_AGAINST_H
#define REPLAY_AGAINST_H

#include "replay.h"

/*
 * As replay_run(), with options->service and "other" each in a process of its
 * own: what the first gives is expected of the other. A service that dies is a
 * divergence in the call that it was in.
 */
int against_run(struct trace *trace, const struct replay_options *options, const char *other,
		struct replay_result *ret, char **ret_message);

#endif
