/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares directory listings as sets, and in order if that is asked for. The order of a directory
 * is the file system's own, so where a listing takes several calls each may return other names than
 * it did; only at its end must both have named the same. As long as both did so far, everything
 * else must be equal in each call.
 */
#ifndef REPLAY_LISTING_H
#define REPLAY_LISTING_H

#include "map.h"
#include "replay_call.h"

/* Names that only one of recording and replay has had so far. */
struct listing {
	struct map names;
	bool recorded_ended;
	bool live_ended;
	bool unknown; /* the trace lacks a part of it */
};

/*
 * Lists on with the same handle when the replay is behind: fills the buffer,
 * *ret_ended: nothing is left. Bytes filled, or negative errno.
 */
struct listing_source {
	int (*more)(void *user, void *buffer, uint32_t size, bool *ret_ended);
	void *user;
};

/*
 * Takes both results of a SHFL_FN_LIST in. False: they differ. *ret_strict:
 * both have named the same in every call so far, so status and counts must
 * agree, too.
 */
bool listing_compare(struct listing *listing, unsigned what, const struct replay_call *call,
		     const struct listing_source *more, struct replay_finding *finding,
		     bool *ret_strict);

void listing_clear(struct listing *listing);

#endif
