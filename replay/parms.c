/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffers grow and stay: most calls allocate nothing. */
#include "parms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARMS_PAGE_SIZE 4096u
#define PARMS_SMALL_ALIGN 16u
#define PARMS_LENT_MAX (4u << 20) /* kept from call to call */

int parms_load(struct trace *trace, struct payload_cache *cache, struct replay_call *call,
	       unsigned *ret_parm)
{
	for (unsigned i = 0; i < SHFL_MAX_PARMS; i++) {
		const struct trace_parm *parm = &call->event.parms[i]; /* empty after the last */
		int ret = payload_reread(trace, cache, parm->payload_in, &call->in[i]);

		if (!ret)
			ret = payload_reread(trace, cache, parm->payload_out, &call->out[i]);
		*ret_parm = i;
		if (ret < 0)
			return ret;
	}
	return 0;
}

static const struct shfl_parm_info *parms_info(const struct replay_call *call, unsigned i)
{
	if (!call->info || i >= call->info->n_parms)
		return NULL;
	return &call->info->parms[i];
}

static bool parms_is_memory(const struct trace_parm *parm)
{
	return parm->type == VBOX_HGCM_SVC_PARM_PTR || parm->type == VBOX_HGCM_SVC_PARM_PAGES;
}

static uint32_t parms_bytes(const struct trace_parm *parm)
{
	return parms_is_memory(parm) ? parm->size : 0;
}

/* How many bytes of a parameter the service looks at. */
static uint32_t parms_needed(const struct replay_call *call, unsigned i)
{
	const struct shfl_parm_info *info = parms_info(call, i);
	uint32_t size = parms_bytes(&call->event.parms[i]);
	int count;

	if (!info || call->event.n_parms != call->info->n_parms ||
	    !(info->direction & SHFL_DIR_IN) || info->kind == SHFL_KIND_32BIT ||
	    info->kind == SHFL_KIND_64BIT)
		return 0;
	count = shfl_parm_find(call->info, SHFL_ROLE_COUNT);
	if (info->role == SHFL_ROLE_DATA && count >= 0 && call->event.parms[count].in < size)
		return (uint32_t)call->event.parms[count].in;
	return size;
}

/* Data that a WRITE takes may be anything; the size of the file will be right. */
static bool parms_may_fill(const struct replay_call *call, unsigned i)
{
	const struct shfl_parm_info *info = parms_info(call, i);

	return info && call->event.kind == TRACE_CALL && call->event.fn == SHFL_FN_WRITE &&
	       info->role == SHFL_ROLE_DATA;
}

static const char *parms_missing(struct replay_call *call, unsigned i)
{
	const struct payload *payload = &call->in[i];
	uint32_t needed = parms_needed(call, i);

	if (parms_bytes(&call->event.parms[i]) > PARMS_MAX_BYTES)
		return "a parameter of more bytes than HGCM takes";
	if (needed == 0)
		return NULL;
	if (payload->captured < needed && parms_may_fill(call, i)) {
		call->filled = true;
		return NULL;
	}
	if (!payload->data)
		return "the payload of a parameter";
	if (payload->captured < needed)
		return "a part of a parameter's payload";
	return NULL;
}

static int buffer_reserve(struct replay_buffer *buffer, size_t size)
{
	size_t room = (size + PARMS_PAGE_SIZE) & ~(size_t)(PARMS_PAGE_SIZE - 1);
	void *memory;

	if (size < buffer->room)
		return 0;
	memory = aligned_alloc(PARMS_PAGE_SIZE, room);
	if (!memory)
		return -ENOMEM;
	free(buffer->memory);
	buffer->memory = memory;
	buffer->room = room;
	return 0;
}

static int buffer_paginate(struct replay_buffer *buffer, size_t n)
{
	if (n > buffer->pages_room) {
		void **pages = reallocarray(buffer->pages, n, sizeof(void *));

		if (!pages)
			return -ENOMEM;
		buffer->pages = pages;
		buffer->pages_room = n;
	}
	for (size_t i = 0; i < n; i++)
		buffer->pages[i] = (uint8_t *)buffer->memory + i * PARMS_PAGE_SIZE;
	return 0;
}

/* A guest's call with the parameters that its function has. */
static bool parms_as_declared(const struct replay_call *call)
{
	return call->info && call->event.kind == TRACE_CALL &&
	       call->event.n_parms == call->info->n_parms;
}

/* The service only reads it, all of it is there, and nobody else will: it needs no copy. */
static bool parms_read_only(const struct replay_call *call, unsigned i)
{
	const struct trace_parm *recorded = &call->event.parms[i];

	return parms_as_declared(call) && call->info->parms[i].direction == SHFL_DIR_IN &&
	       recorded->type == VBOX_HGCM_SVC_PARM_PTR && recorded->size > 0 &&
	       call->in[i].captured >= recorded->size && payload_is_private(&call->in[i]);
}

/* The service only writes it: who makes the call has memory for it. */
static bool parms_write_only(const struct replay_call *call, unsigned i)
{
	return parms_as_declared(call) && call->info->parms[i].direction == SHFL_DIR_OUT &&
	       parms_is_memory(&call->event.parms[i]);
}

/* Small memory is a part of the call itself; NULL: it is not small, or there is no more. */
static uint8_t *parms_small(struct replay_call *call, unsigned i)
{
	const struct trace_parm *recorded = &call->event.parms[i];
	uint32_t room = (recorded->size + PARMS_SMALL_ALIGN - 1) & ~(PARMS_SMALL_ALIGN - 1);

	if (recorded->type != VBOX_HGCM_SVC_PARM_PTR || (call->lent >> i & 1) || !room ||
	    room > REPLAY_SMALL_BYTES - call->small_used)
		return NULL;
	call->small |= 1u << i;
	call->small_at[i] = (uint16_t)call->small_used;
	call->small_used += room;
	return call->small_memory + call->small_at[i];
}

/* Before the call: as much as is known of it, then zeroes. */
static void parms_fill(const struct replay_call *call, unsigned i, uint8_t *memory)
{
	const struct payload *payload = &call->in[i];
	uint32_t size = call->event.parms[i].size;
	uint32_t filled = payload->captured < size ? payload->captured : size;

	if (filled)
		memcpy(memory, payload->data, filled);
	memset(memory + filled, 0, size - filled);
}

static int parms_build_memory(struct replay_call *call, unsigned i)
{
	const struct trace_parm *recorded = &call->event.parms[i];
	const struct payload *payload = &call->in[i];
	struct replay_buffer *buffer = &call->buffers[i];
	VBOXHGCMSVCPARM *parm = &call->parms[i];
	uint32_t n = (recorded->size + PARMS_PAGE_SIZE - 1) / PARMS_PAGE_SIZE;
	uint8_t *small;

	if (parms_read_only(call, i)) {
		parm->u.pointer.size = recorded->size;
		parm->u.pointer.addr = payload->data;
		return 0;
	}
	small = parms_small(call, i);
	if (small) {
		parms_fill(call, i, small);
		parm->u.pointer.size = recorded->size;
		parm->u.pointer.addr = small;
		return 0;
	}
	if (buffer_reserve(buffer, recorded->size) < 0)
		return -ENOMEM;
	parms_fill(call, i, buffer->memory);
	if (recorded->type == VBOX_HGCM_SVC_PARM_PTR) {
		parm->u.pointer.size = recorded->size;
		parm->u.pointer.addr = recorded->size ? buffer->memory : NULL;
		return 0;
	}
	parm->u.Pages.cb = recorded->size;
	parm->u.Pages.cPages = (uint16_t)n;
	if (buffer_paginate(buffer, n) < 0)
		return -ENOMEM;
	parm->u.Pages.papvPages = buffer->pages;
	return 0;
}

static int parms_build_one(struct replay_call *call, unsigned i)
{
	const struct trace_parm *recorded = &call->event.parms[i];
	VBOXHGCMSVCPARM *parm = &call->parms[i];

	parm->type = recorded->type;
	switch (recorded->type) {
	case VBOX_HGCM_SVC_PARM_32BIT:
		parm->u.uint32 = (uint32_t)recorded->in;
		return 0;
	case VBOX_HGCM_SVC_PARM_PTR:
	case VBOX_HGCM_SVC_PARM_PAGES:
		if (!parms_write_only(call, i))
			return parms_build_memory(call, i);
		call->lent |= 1u << i;
		return 0;
	default:
		parm->u.uint64 = recorded->in;
		return 0;
	}
}

int parms_build(struct replay_call *call, const char **ret_missing)
{
	unsigned recorded = replay_recorded_parms(&call->event);

	*ret_missing = NULL;
	call->filled = false;
	call->lent = 0;
	call->small = 0;
	call->small_used = 0;
	if (call->event.n_parms > VBOX_HGCM_MAX_PARMS) {
		*ret_missing = "more parameters than HGCM takes";
		return 0;
	}
	/* What stands in those that are not recorded no function reads. */
	call->n_parms = call->event.n_parms;
	if (call->n_parms > recorded)
		memset(&call->parms[recorded], 0,
		       (call->n_parms - recorded) * sizeof(call->parms[0]));
	for (unsigned i = 0; i < recorded; i++) {
		int ret;

		*ret_missing = parms_missing(call, i);
		if (*ret_missing)
			return 0;
		ret = parms_build_one(call, i);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void parms_free_buffer(struct replay_buffer *buffer)
{
	free(buffer->memory);
	free(buffer->pages);
	*buffer = (struct replay_buffer){0};
}

static void parms_exchange(struct replay_call *call, struct replay_lent *lent, unsigned i)
{
	struct replay_buffer buffer = call->buffers[i];

	call->buffers[i] = lent->buffers[i];
	lent->buffers[i] = buffer;
}

int parms_lend(struct replay_call *call, struct replay_lent *lent)
{
	for (unsigned i = 0; call->lent >> i; i++) {
		if (!(call->lent >> i & 1))
			continue;
		parms_exchange(call, lent, i);
		if (parms_build_memory(call, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

void parms_take_back(struct replay_call *call, struct replay_lent *lent)
{
	for (unsigned i = 0; call->lent >> i; i++) {
		if (!(call->lent >> i & 1))
			continue;
		parms_exchange(call, lent, i);
		if (lent->buffers[i].room > PARMS_LENT_MAX)
			parms_free_buffer(&lent->buffers[i]);
	}
}

size_t parms_room(const struct replay_call *call, size_t *ret_bytes)
{
	size_t room = 0;

	*ret_bytes = 0;
	for (unsigned i = 0; i < SHFL_MAX_PARMS; i++) {
		uint32_t captured = call->in[i].captured + call->out[i].captured;

		room += captured + call->buffers[i].room;
		*ret_bytes += captured + parms_bytes(&call->event.parms[i]);
	}
	return room;
}

void parms_clear(struct replay_call *call)
{
	for (unsigned i = 0; i < SHFL_MAX_PARMS; i++) {
		payload_clear(&call->in[i]);
		payload_clear(&call->out[i]);
		parms_free_buffer(&call->buffers[i]);
	}
}

void parms_lent_clear(struct replay_lent *lent)
{
	for (unsigned i = 0; i < SHFL_MAX_PARMS; i++)
		parms_free_buffer(&lent->buffers[i]);
}
