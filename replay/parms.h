/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rebuilds the parameters of a recorded call. */
#ifndef REPLAY_PARMS_H
#define REPLAY_PARMS_H

#include "replay_call.h"

/* HGCM refuses more in one parameter (spec/vmmdev-hgcm.md 9.4). */
#define PARMS_MAX_BYTES (128u << 20)

/*
 * Fetches the payload of call->event; cache may be NULL. 0, or negative errno with *ret_parm the
 * parameter: -EBADMSG: its bytes are not those that were recorded.
 */
int parms_load(struct trace *trace, struct payload_cache *cache, struct replay_call *call,
	       unsigned *ret_parm);

/*
 * Fills call->parms: integers as recorded, buffers of the recorded sizes with
 * the recorded contents. *ret_missing is what the trace lacks to make this
 * call, NULL if nothing. What is missing of the data of a WRITE becomes zeroes:
 * call->filled. What the function only writes is left for parms_lend(). 0 or -ENOMEM.
 */
int parms_build(struct replay_call *call, const char **ret_missing);

/*
 * The memory that calls give results in, one call's after the other's: it stays
 * in the processor's cache.
 */
struct replay_lent {
	struct replay_buffer buffers[SHFL_MAX_PARMS];
};

/*
 * Before a call is made: lends it memory, cleared. 0 or -ENOMEM. A call that
 * keeps it frees it as its own.
 */
int parms_lend(struct replay_call *call, struct replay_lent *lent);
void parms_take_back(struct replay_call *call, struct replay_lent *lent);
void parms_lent_clear(struct replay_lent *lent);

/* Memory that the call's payload and buffers have; *ret_bytes of it are in use. */
size_t parms_room(const struct replay_call *call, size_t *ret_bytes);

/* Frees it all. Until then it is used again for the next call in this place. */
void parms_clear(struct replay_call *call);

#endif
