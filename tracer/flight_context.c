/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that explain later ones: see flight_context.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flight_context.h"
#include "vbox_status.h"

#define KEPT_MAX 8192 /* more than one client can have handles */
#define WAITING_MAX 512 /* calls that have not ended and whose payload is overwritten */
#define CREATE_PARM 2 /* of CREATE: its SHFLCREATEPARMS */

/* A call's records in one piece: payload, then, once it has come, the call itself. */
struct entry {
	uint64_t id;
	uint32_t pid, client, fn;
	uint16_t kind; /* 0: the call has not come yet */
	uint64_t object; /* the root or handle that it made; else 0 */
	char *bytes;
	size_t used;
};

/* In the order in which they came. */
struct entries {
	struct entry *at;
	size_t n, max;
};

struct flight_context {
	struct entries waiting; /* payload without its call */
	struct entries kept;
	uint64_t bytes, bytes_max;
	uint64_t torn; /* calls whose payload could not wait for them */
};

struct flight_context *flight_context_open(uint64_t bytes)
{
	struct flight_context *context = calloc(1, sizeof(*context));

	if (!context)
		return NULL;
	context->bytes_max = bytes;
	context->waiting.max = WAITING_MAX;
	context->kept.max = KEPT_MAX;
	context->waiting.at = calloc(WAITING_MAX, sizeof(struct entry));
	context->kept.at = calloc(KEPT_MAX, sizeof(struct entry));
	if (!context->waiting.at || !context->kept.at) {
		flight_context_close(context);
		return NULL;
	}
	return context;
}

static struct entry entry_take(struct entries *entries, size_t i)
{
	struct entry entry = entries->at[i];

	memmove(&entries->at[i], &entries->at[i + 1], (--entries->n - i) * sizeof(*entries->at));
	return entry;
}

static void entry_drop(struct flight_context *context, struct entry *entry)
{
	context->bytes -= entry->used;
	free(entry->bytes);
}

static void entry_remove(struct flight_context *context, struct entries *entries, size_t i)
{
	struct entry entry = entry_take(entries, i);

	entry_drop(context, &entry);
}

/* Room for one more; returns how many calls had to go for it. */
static uint64_t entries_make_room(struct flight_context *context, struct entries *entries)
{
	uint64_t calls = 0;

	while (entries->n && (entries->n == entries->max || context->bytes > context->bytes_max)) {
		entry_remove(context, entries, 0);
		calls++;
	}
	return calls;
}

static bool entry_append(struct flight_context *context, struct entry *entry,
			 const struct capture_header *record)
{
	char *bytes = realloc(entry->bytes, entry->used + record->size);

	if (!bytes)
		return false;
	memcpy(bytes + entry->used, record, record->size);
	entry->bytes = bytes;
	entry->used += record->size;
	context->bytes += record->size;
	return true;
}

/* Where the payload of a call waits; waiting.n: nowhere. */
static size_t waiting_find(const struct flight_context *context, uint64_t id)
{
	size_t i = 0;

	while (i < context->waiting.n && context->waiting.at[i].id != id)
		i++;
	return i;
}

/* What payload says of a parameter, as the call ended; NULL: it was not captured. */
static const void *payload_of(const struct entry *entry, uint32_t parm, size_t size)
{
	size_t at = 0;

	while (at < entry->used) {
		const struct capture_data *data = (const void *)(entry->bytes + at);

		if (data->h.kind == CAPTURE_DATA && data->parm == parm && data->out &&
		    !data->offset && data->length >= size)
			return data->bytes;
		at += data->h.size;
	}
	return NULL;
}

/* The handle that a CREATE opened; SHFL_HANDLE_NIL: none. */
static uint64_t opened_handle(const struct entry *entry)
{
	const void *parms = payload_of(entry, CREATE_PARM, sizeof(SHFLCREATEPARMS));
	uint64_t handle = SHFL_HANDLE_NIL;

	if (parms)
		memcpy(&handle, (const char *)parms + offsetof(SHFLCREATEPARMS, Handle),
		       sizeof(handle));
	return handle;
}

/* Forgets the calls FN of the same client that made OBJECT; returns how many. */
static uint64_t forget(struct flight_context *context, const struct entry *of, uint32_t fn,
		       uint64_t object)
{
	uint64_t calls = 0;

	for (size_t i = context->kept.n; i; i--) {
		const struct entry *entry = &context->kept.at[i - 1];

		if (entry->kind != CAPTURE_CALL || entry->pid != of->pid ||
		    entry->client != of->client || entry->fn != fn || entry->object != object)
			continue;
		entry_remove(context, &context->kept, i - 1);
		calls++;
	}
	return calls;
}

/* Forgets a client. */
static uint64_t forget_client(struct flight_context *context, const struct entry *of)
{
	uint64_t calls = 0;

	for (size_t i = context->kept.n; i; i--) {
		const struct entry *entry = &context->kept.at[i - 1];

		if (entry->kind == CAPTURE_HOST_CALL || entry->pid != of->pid ||
		    entry->client != of->client)
			continue;
		entry_remove(context, &context->kept, i - 1);
		calls++;
	}
	return calls;
}

/* Whether a call explains later ones; *calls: what it makes superfluous. */
static bool call_explains(struct flight_context *context, struct entry *entry,
			  const struct capture_call *call, uint64_t *calls)
{
	if (VBOX_FAILURE(call->status))
		return false;
	switch (call->fn) {
	case SHFL_FN_MAP_FOLDER:
		entry->object = (uint32_t)call->parms[1].out;
		*calls += forget(context, entry, call->fn, entry->object);
		return true;
	case SHFL_FN_UNMAP_FOLDER:
		*calls += forget(context, entry, SHFL_FN_MAP_FOLDER, (uint32_t)call->parms[0].in);
		return false;
	case SHFL_FN_CREATE:
		entry->object = opened_handle(entry);
		return entry->object && entry->object != SHFL_HANDLE_NIL;
	case SHFL_FN_CLOSE:
		*calls += forget(context, entry, SHFL_FN_CREATE, call->parms[1].in);
		return false;
	case SHFL_FN_SET_UTF8:
	case SHFL_FN_SET_SYMLINKS:
		*calls += forget(context, entry, call->fn, 0);
		return true;
	default:
		return false;
	}
}

static bool explains(struct flight_context *context, struct entry *entry,
		     const struct capture_call *call, uint64_t *calls)
{
	if (call->h.kind == CAPTURE_CALL)
		return call_explains(context, entry, call, calls);
	if (call->h.kind != CAPTURE_DISCONNECT)
		return true; /* a client or a share came, or a share went */
	*calls += forget_client(context, entry);
	return false;
}

static uint64_t call_add(struct flight_context *context, const struct capture_call *call)
{
	size_t i = waiting_find(context, call->h.id);
	struct entry entry = {.id = call->h.id};
	uint64_t calls = 0;

	if (i < context->waiting.n)
		entry = entry_take(&context->waiting, i);
	entry.kind = call->h.kind;
	entry.pid = call->pid;
	entry.client = call->client;
	entry.fn = call->fn;
	if (!explains(context, &entry, call, &calls) || !entry_append(context, &entry, &call->h)) {
		entry_drop(context, &entry);
		return calls + 1;
	}
	calls += entries_make_room(context, &context->kept);
	context->kept.at[context->kept.n++] = entry;
	return calls;
}

static void data_add(struct flight_context *context, const struct capture_header *record)
{
	size_t i = waiting_find(context, record->id);

	if (i == context->waiting.n) {
		context->torn += entries_make_room(context, &context->waiting);
		i = context->waiting.n++;
		context->waiting.at[i] = (struct entry){.id = record->id};
	}
	entry_append(context, &context->waiting.at[i], record);
}

uint64_t flight_context_add(struct flight_context *context, const struct capture_header *record)
{
	if (record->kind == CAPTURE_DATA)
		data_add(context, record);
	else if (capture_is_ended_call(record))
		return call_add(context, (const struct capture_call *)record);
	return 0;
}

static void entries_write(const struct entries *entries, struct spool *spool)
{
	for (size_t i = 0; i < entries->n; i++) {
		const struct entry *entry = &entries->at[i];
		size_t at = 0;

		while (at < entry->used) {
			const struct capture_header *record = (const void *)(entry->bytes + at);

			spool_write(spool, record);
			at += record->size;
		}
	}
}

void flight_context_write(const struct flight_context *context, struct spool *spool)
{
	const struct capture_loss torn = {
		.h = {.kind = CAPTURE_LOSS, .size = sizeof(torn)},
		.reason = CAPTURE_LOSS_CUT_SHORT,
		.n = context->torn,
	};

	entries_write(&context->kept, spool);
	entries_write(&context->waiting, spool);
	if (torn.n)
		spool_write(spool, &torn.h);
}

static void entries_free(struct flight_context *context, struct entries *entries)
{
	while (entries->n)
		entry_remove(context, entries, entries->n - 1);
	free(entries->at);
}

void flight_context_close(struct flight_context *context)
{
	if (!context)
		return;
	entries_free(context, &context->kept);
	entries_free(context, &context->waiting);
	free(context);
}
