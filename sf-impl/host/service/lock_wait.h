/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LOCKs that wait (SHFL_LOCK_WAIT): calls that end when their range is free, or
 * nobody wants it any more.
 *
 * The kernel tells nobody that a lock of an open file is free but who sleeps in
 * the fcntl() for it, and such a sleeper can be woken by signals alone, which
 * are the host program's. So the service tries again: at once, in the order of
 * arrival, when one of its own handles gives up a lock, and now and then, on a
 * thread of its own, because other processes have locks as well. It is the one
 * thread of the service, and knows nothing but this list.
 */
#ifndef LOCK_WAIT_H
#define LOCK_WAIT_H

#include <stdatomic.h>

#include "service.h"

/* Each is tried 50 times a second, so they are few. */
#define LOCK_WAITS_OF_CLIENT 16
#define LOCK_WAITS 128

struct lock_wait {
	int file; /* of an open handle; ended before it is closed */
	bool exclusive;
	uint64_t offset;
	uint64_t length; /* 0: up to the end of all files */
};

/*
 * Keeps the call until it has the lock. VINF_HGCM_ASYNC_EXECUTE;
 * VERR_OUT_OF_RESOURCES if too many wait or no thread can be had.
 */
int32_t lock_wait_park(const struct call *call, const struct lock_wait *lock);

/*
 * A lock may have become free, or the host has cancelled a call: that one ends with
 * VERR_FILE_LOCK_VIOLATION, as if it had been tried once.
 */
void lock_wait_retry(void);

/* Ends those of a file, or of a client, with VERR_CANCELLED. */
void lock_wait_end_file(int file);
void lock_wait_end_client(const struct sf_client *client);

/* Ends all, and the thread. */
void lock_wait_stop(void);

/*
 * For who closes files all the time: how many wait, or are being ended. 0: no call is kept
 * here, and none of the thread's completions is under way.
 */
extern atomic_uint lock_waits;

#endif
