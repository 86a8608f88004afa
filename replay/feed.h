/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a trace ahead of the thread that makes its calls: events come with
 * their payload fetched, checked and made into parameters. A bounded number
 * of calls and of bytes is held, whatever the length of the trace.
 */
#ifndef REPLAY_FEED_H
#define REPLAY_FEED_H

#include "replay_call.h"

struct feed;

/*
 * Starts to read the events before "to" (0: all). It has a connection to the
 * file of its own. On failure *ret_message (malloc'd) may say why.
 */
int feed_start(struct trace *trace, int64_t to, struct feed **ret, char **ret_message);

/*
 * The next event; what feed_next() gave before is taken back. 1: *ret is it;
 * 0: there is none; negative errno: the trace cannot be read any further.
 */
int feed_next(struct feed *feed, struct replay_call **ret);

/* The event that feed_next() gave last now belongs to the caller. 0 or -ENOMEM. */
int feed_keep(struct feed *feed);
void feed_free(struct replay_call *call); /* one that was kept */

/* What made feed_next() fail, in words; NULL: nobody knows. */
const char *feed_error(const struct feed *feed);

/* Returns the processor time that reading took, in ns. */
int64_t feed_stop(struct feed *feed);

#endif
