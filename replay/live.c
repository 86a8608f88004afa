/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded ids come in, live ones go out; see live.h. */
#include "live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where to begin to look for a handle that is not open. */
#define LIVE_NO_HANDLE 0x7fffffff00000001ull

static void live_handle_free(void *value)
{
	struct live_handle *handle = value;

	listing_clear(&handle->listing);
	free(handle);
}

void live_init(struct live *live, struct hgcm_service *service)
{
	memset(live, 0, sizeof(*live));
	live->service = service;
}

void live_clear(struct live *live)
{
	map_clear(&live->handles, live_handle_free);
	map_clear(&live->clients, free);
	map_clear(&live->roots, NULL);
}

/* A map has no place for NULL. */
static void *live_root_value(uint32_t root)
{
	return (void *)((uintptr_t)root + 1);
}

int live_map_root(struct live *live, uint32_t process, uint64_t recorded, uint32_t root)
{
	return map_put(&live->roots, process_key(process, recorded), live_root_value(root));
}

/* One that was not mapped is as invalid now as it was then, or HGCM's own. */
static uint64_t live_root(const struct live *live, uint32_t process, uint64_t recorded)
{
	const void *value = map_get(&live->roots, process_key(process, recorded));

	return value ? (uintptr_t)value - 1 : recorded;
}

/* The call used a root whose mapping was not made or is not in the trace. */
static bool live_lacks_root(const struct live *live, const struct replay_call *call, uint64_t root)
{
	return live->gaps && VBOX_SUCCESS(call->event.status) && root < SHFL_MAX_MAPPINGS &&
	       !map_get(&live->roots, process_key(call->event.process, root));
}

static bool live_handle_is_open(const struct live *live, uint64_t value)
{
	const struct live_handle *handle;
	size_t position = 0;

	while ((handle = map_next(&live->handles, &position, NULL)))
		if (handle->live == value)
			return true;
	return false;
}

/* Something that is as invalid now as the recorded handle was then. */
static uint64_t live_invalid_handle(const struct live *live, uint64_t recorded)
{
	uint64_t value = LIVE_NO_HANDLE;

	if (!live_handle_is_open(live, recorded))
		return recorded;
	while (live_handle_is_open(live, value))
		value++;
	return value;
}

/* An unknown handle that was refused was never one; or the service did not look at it. */
static bool live_handle_is_moot(const struct replay_call *call)
{
	if (call->event.fn == SHFL_FN_INFORMATION && (call->event.parms[2].in & SHFL_INFO_VOLUME))
		return true;
	return call->event.status == VERR_INVALID_HANDLE ||
	       call->event.status == VERR_INVALID_PARAMETER ||
	       (call->info && (call->event.status == call->info->count_status ||
			       call->event.status == call->info->type_status));
}

static bool live_map_handle(const struct live *live, struct replay_call *call, uint64_t recorded,
			    uint64_t *ret, struct replay_finding *finding)
{
	const struct live_handle *handle =
		map_get(&live->handles, process_key(call->event.process, recorded));

	*ret = recorded;
	if (recorded == SHFL_HANDLE_ROOT || recorded == SHFL_HANDLE_NIL)
		return true;
	if (handle && handle->live == SHFL_HANDLE_NIL && live->gaps && !live_handle_is_moot(call)) {
		finding->verdict = REPLAY_INHERITED;
		snprintf(finding->what, sizeof(finding->what), "handle %" PRIu64, recorded);
		return false;
	}
	if (handle) {
		*ret = handle->live;
		return true;
	}
	if (!live->gaps || live_handle_is_moot(call)) {
		call->unknown_handle = true;
		*ret = live_invalid_handle(live, recorded);
		return true;
	}
	finding->verdict = REPLAY_INHERITED;
	snprintf(finding->what, sizeof(finding->what), "handle %" PRIu64, recorded);
	return false;
}

static void parm_set(VBOXHGCMSVCPARM *parm, uint64_t value)
{
	if (parm->type == VBOX_HGCM_SVC_PARM_32BIT)
		parm->u.uint32 = (uint32_t)value;
	else
		parm->u.uint64 = value;
}

static bool live_map_parm(const struct live *live, struct replay_call *call, unsigned i,
			  struct replay_finding *finding)
{
	const struct shfl_parm_info *info = &call->info->parms[i];
	uint64_t value = call->event.parms[i].in;

	if (!(info->direction & SHFL_DIR_IN) || (call->parms[i].type != VBOX_HGCM_SVC_PARM_32BIT &&
						 call->parms[i].type != VBOX_HGCM_SVC_PARM_64BIT))
		return true;
	if (info->role == SHFL_ROLE_ROOT && live_lacks_root(live, call, value)) {
		finding->verdict = REPLAY_INHERITED;
		snprintf(finding->what, sizeof(finding->what), "root %" PRIu64, value);
		return false;
	}
	if (info->role == SHFL_ROLE_ROOT)
		parm_set(&call->parms[i], live_root(live, call->event.process, value));
	if (info->role != SHFL_ROLE_HANDLE)
		return true;
	if (!live_map_handle(live, call, value, &value, finding))
		return false;
	parm_set(&call->parms[i], value);
	return true;
}

bool live_map(const struct live *live, struct replay_call *call, struct replay_finding *finding)
{
	uint32_t n = replay_recorded_parms(&call->event);

	call->unknown_handle = false;
	if (!call->info || call->event.kind != TRACE_CALL)
		return true;
	for (unsigned i = 0; i < n && i < call->info->n_parms; i++)
		if (!live_map_parm(live, call, i, finding))
			return false;
	return true;
}

struct replay_client *live_client_of(const struct live *live, const struct trace_call *event)
{
	return map_get(&live->clients, client_key(event));
}

struct live_handle *live_handle_of(const struct live *live, const struct replay_call *call)
{
	int i = call->info ? shfl_parm_find(call->info, SHFL_ROLE_HANDLE) : -1;

	if (i < 0 || (unsigned)i >= replay_recorded_parms(&call->event))
		return NULL;
	return map_get(&live->handles, process_key(call->event.process, call->event.parms[i].in));
}

static void live_close(struct live *live, uint64_t key)
{
	struct live_handle *handle = map_take(&live->handles, key);

	if (handle)
		live_handle_free(handle);
}

static int learn_open(struct live *live, const struct replay_call *call)
{
	SHFLCREATEPARMS recorded = {.Handle = SHFL_HANDLE_NIL}, now = {.Handle = SHFL_HANDLE_NIL};
	uint32_t size = 0;
	const uint8_t *memory = replay_memory(call, 2, &size);
	struct live_handle *handle;
	uint64_t key;

	if (!payload_copy(&call->out[2], &recorded, sizeof(recorded)) ||
	    recorded.Handle == SHFL_HANDLE_NIL || recorded.Handle == SHFL_HANDLE_ROOT)
		return 0;
	if (memory && size >= sizeof(now))
		memcpy(&now, memory, sizeof(now));
	key = process_key(call->event.process, recorded.Handle);
	live_close(live, key);
	handle = calloc(1, sizeof(*handle));
	if (!handle || map_put(&live->handles, key, handle) < 0) {
		free(handle);
		return -ENOMEM;
	}
	handle->live = VBOX_SUCCESS(call->status) ? now.Handle : SHFL_HANDLE_NIL;
	handle->client = client_key(&call->event);
	return 0;
}

static int learn_close(struct live *live, const struct replay_call *call)
{
	int i = shfl_parm_find(call->info, SHFL_ROLE_HANDLE);

	if (VBOX_SUCCESS(call->status) || VBOX_SUCCESS(call->event.status))
		live_close(live, process_key(call->event.process, call->event.parms[i].in));
	return 0;
}

static int learn_root(struct live *live, const struct replay_call *call)
{
	uint64_t recorded = call->event.parms[1].out;

	if (VBOX_FAILURE(call->status) || VBOX_FAILURE(call->event.status) ||
	    recorded >= SHFL_MAX_MAPPINGS)
		return 0;
	return live_map_root(live, call->event.process, recorded, (uint32_t)replay_value(call, 1));
}

/* Both list their roots in ascending order, and both in the order of their creation. */
static int learn_roots(struct live *live, const struct replay_call *call)
{
	uint32_t size = 0, n;
	const uint8_t *memory = replay_memory(call, 2, &size);
	const struct payload *recorded = &call->out[2];

	if (!memory || VBOX_FAILURE(call->status) || VBOX_FAILURE(call->event.status) ||
	    call->event.parms[1].out != replay_value(call, 1))
		return 0;
	n = (recorded->captured < size ? recorded->captured : size) / sizeof(SHFLMAPPING);
	if (call->event.parms[1].out < n)
		n = (uint32_t)call->event.parms[1].out;
	for (uint32_t i = 0; i < n; i++) {
		SHFLMAPPING before, now;

		memcpy(&before, recorded->data + i * sizeof(before), sizeof(before));
		memcpy(&now, memory + i * sizeof(now), sizeof(now));
		if (before.root < SHFL_MAX_MAPPINGS &&
		    live_map_root(live, call->event.process, before.root, now.root) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* clang-format off */
static int (*const learners[])(struct live *live, const struct replay_call *call) = {
	[SHFL_FN_QUERY_MAPPINGS] = learn_roots,
	[SHFL_FN_CREATE] = learn_open,
	[SHFL_FN_CLOSE] = learn_close,
	[SHFL_FN_MAP_FOLDER_OLD] = learn_root,
	[SHFL_FN_MAP_FOLDER] = learn_root,
	[SHFL_FN_CLOSE_AND_REMOVE] = learn_close,
};
/* clang-format on */

int live_learn(struct live *live, const struct replay_call *call)
{
	struct replay_client *client = live_client_of(live, &call->event);
	uint32_t fn = call->event.fn;
	int ret = 0;

	if (call->info && call->event.n_parms == call->info->n_parms &&
	    fn < sizeof(learners) / sizeof(learners[0]) && learners[fn])
		ret = learners[fn](live, call);
	if (client)
		client_note(client, &call->event);
	return ret;
}

int live_connect(struct live *live, const struct trace_call *event, int32_t *ret_status)
{
	struct replay_client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	*ret_status = hgcm_connect(live->service, (uint32_t)event->parms[0].in, &client->live);
	if (VBOX_FAILURE(*ret_status)) {
		free(client);
		return 0;
	}
	free(map_take(&live->clients, client_key(event)));
	if (map_put(&live->clients, client_key(event), client) < 0) {
		free(client);
		return -ENOMEM;
	}
	return 0;
}

static void live_drop_handles(struct live *live, uint64_t client)
{
	struct live_handle *handle;
	size_t position = 0;
	uint64_t key;

	while ((handle = map_next(&live->handles, &position, &key))) {
		if (handle->client != client)
			continue;
		live_close(live, key);
		position = 0; /* the slots behind it have moved */
	}
}

int live_disconnect(struct live *live, const struct trace_call *event, int32_t *ret_status)
{
	struct replay_client *client = map_take(&live->clients, client_key(event));

	*ret_status =
		client ? hgcm_disconnect(live->service, client->live) : VERR_HGCM_INVALID_CLIENT_ID;
	live_drop_handles(live, client_key(event));
	free(client);
	return 0;
}
