/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One call of a trace while it is made again: recorded and live side by side. */
#ifndef REPLAY_CALL_H
#define REPLAY_CALL_H

#include "hgcm_svc.h"
#include "payload.h"

struct replay_buffer {
	void *memory; /* page aligned; kept from call to call */
	size_t room;
	void **pages;
	size_t pages_room;
};

/*
 * What a call's thread needs of it lies together: the reading thread has just
 * written it, and it comes from another processor's cache.
 */
#define REPLAY_SMALL_BYTES 448u

struct replay_call {
	const struct shfl_fn_info *info; /* NULL: no such function */
	const char *missing; /* what the trace lacks to make it, NULL: nothing */
	int load_error; /* negative errno of fetching the payload of parameter load_parm */
	unsigned load_parm;
	uint32_t n_parms; /* in parms */
	uint32_t lent; /* bits of parameters: parms_lend() gives them memory */
	uint32_t small; /* bits of parameters: their memory is in small_memory */
	int32_t status; /* live */
	bool utf16; /* how the client's strings are encoded */
	bool filled; /* zeroes stand for data that is not in the trace */
	bool unknown_handle; /* one that the trace has not opened */
	struct trace_call event;
	struct payload out[SHFL_MAX_PARMS];
	struct payload in[SHFL_MAX_PARMS];
	uint32_t small_used; /* bytes */
	uint16_t small_at[SHFL_MAX_PARMS];
	_Alignas(16) uint8_t small_memory[REPLAY_SMALL_BYTES];
	VBOXHGCMSVCPARM parms[VBOX_HGCM_MAX_PARMS]; /* live: as it ended */
	struct replay_buffer buffers[SHFL_MAX_PARMS];
	size_t bytes, room; /* of payload; of the memory for it */
	char *path; /* event.path, with room to grow */
	size_t path_room;
};

/* What a replay found out about a call. */
enum replay_verdict {
	REPLAY_SAME,
	REPLAY_DIVERGED,
	REPLAY_UNFINISHED, /* had not ended when it was recorded: not made */
	REPLAY_INHERITED, /* its client, root or handle is not known here: not made */
	REPLAY_UNPLAYABLE /* the trace lacks something that it needs: not made */
};

#define REPLAY_TEXT_SIZE 240

struct replay_finding {
	enum replay_verdict verdict;
	int64_t call_id;
	char what[64]; /* what differs, or what is missing */
	char expected[REPLAY_TEXT_SIZE]; /* for REPLAY_DIVERGED */
	char got[REPLAY_TEXT_SIZE];
};

/* Nothing found yet. The texts are long, and few calls need them. */
static inline void replay_finding_init(struct replay_finding *finding, enum replay_verdict verdict)
{
	finding->verdict = verdict;
	finding->call_id = 0;
	finding->what[0] = finding->expected[0] = finding->got[0] = '\0';
}

/* The number of recorded parameters: what n_parms says may be more than there are. */
static inline uint32_t replay_recorded_parms(const struct trace_call *event)
{
	return event->n_parms < SHFL_MAX_PARMS ? event->n_parms : SHFL_MAX_PARMS;
}

/* The memory of a live pointer or page list; NULL if it is none. */
static inline const uint8_t *replay_memory(const struct replay_call *call, unsigned parm,
					   uint32_t *ret_size)
{
	uint32_t type = call->parms[parm].type;

	if (type != VBOX_HGCM_SVC_PARM_PTR && type != VBOX_HGCM_SVC_PARM_PAGES)
		return NULL;
	*ret_size = call->event.parms[parm].size;
	if (call->small >> parm & 1)
		return call->small_memory + call->small_at[parm];
	return call->buffers[parm].memory;
}

/* The value of a live integer. */
static inline uint64_t replay_value(const struct replay_call *call, unsigned parm)
{
	if (call->parms[parm].type == VBOX_HGCM_SVC_PARM_32BIT)
		return call->parms[parm].u.uint32;
	return call->parms[parm].u.uint64;
}

#endif
