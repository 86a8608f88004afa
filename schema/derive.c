/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Follows the service's state through the events of a trace: which share a
 * root stands for, which path a handle was opened with, how a client encodes
 * strings. Sources: spec/shfl-service.md 3, 4, 5, 6 and 10.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "trace_internal.h"

enum encoding { ENCODING_UNKNOWN, ENCODING_UTF16, ENCODING_UTF8 };

struct client {
	uint32_t process;
	uint32_t client;
	enum encoding encoding;
	int64_t client_id; /* row */
	int64_t calls;
};

struct share {
	uint32_t process;
	char *name;
	int64_t share_id; /* row */
	int64_t calls;
};

/* A service: each process has its own, with shares and roots of its own. */
struct service {
	int64_t roots[SHFL_MAX_MAPPINGS]; /* share_id; 0: not known */
};

struct open_handle {
	uint64_t handle;
	uint32_t client; /* index */
	int64_t call_id; /* of its CREATE; 0: free slot */
	int64_t path_id;
	int64_t share_id;
};

struct derive {
	struct client *clients;
	size_t n_clients;
	struct intern client_ids; /* process and client -> index + 1 */
	struct share *shares; /* share_id is the index + 1 */
	size_t n_shares;
	struct intern share_names; /* process and name, ignoring case -> index + 1 */
	struct service *services;
	size_t service_room;
	struct keys processes; /* -> index in services + 1 */
	struct open_handle *handles; /* open addressing */
	size_t n_slots;
	size_t n_handles;
};

/* An event on its way through. */
struct event {
	struct trace *trace;
	struct derive *derive;
	const struct trace_call *call;
	const struct shfl_fn_info *info; /* NULL: unknown function */
	struct service *service;
	struct client *client; /* NULL: none (calls of the host's own) */
	struct derived *derived;
	bool ended;
	bool ok; /* ended, and well */
};

struct derive *derive_new(void)
{
	return calloc(1, sizeof(struct derive));
}

void derive_free(struct derive *derive)
{
	if (!derive)
		return;
	for (size_t i = 0; i < derive->n_shares; i++)
		free(derive->shares[i].name);
	free(derive->shares);
	free(derive->clients);
	free(derive->handles);
	free(derive->services);
	keys_free(&derive->processes);
	intern_free(&derive->client_ids);
	intern_free(&derive->share_names);
	free(derive);
}

/* Makes room for one more of an array that grows by doubling. */
static int make_room(void *array, size_t n, size_t size)
{
	void **elements = array;
	void *grown;

	if (n & (n - 1))
		return 0;
	grown = reallocarray(*elements, n ? n * 2 : 1, size);
	if (!grown)
		return -ENOMEM;
	*elements = grown;
	return 0;
}

/* Open handles. */

static size_t handle_slot(const struct derive *derive, uint32_t client, uint64_t handle)
{
	uint64_t key[2] = {client, handle};
	size_t i = intern_hash(key, sizeof(key)) & (derive->n_slots - 1);

	while (derive->handles[i].call_id &&
	       (derive->handles[i].handle != handle || derive->handles[i].client != client))
		i = (i + 1) & (derive->n_slots - 1);
	return i;
}

static struct open_handle *handle_find(struct derive *derive, uint32_t client, uint64_t handle)
{
	size_t i;

	if (!derive->n_slots)
		return NULL;
	i = handle_slot(derive, client, handle);
	return derive->handles[i].call_id ? &derive->handles[i] : NULL;
}

static int handles_grow(struct derive *derive)
{
	struct open_handle *old = derive->handles;
	size_t n_old = derive->n_slots;
	size_t n_slots = n_old ? n_old * 2 : 64;
	struct open_handle *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	derive->handles = slots;
	derive->n_slots = n_slots;
	for (size_t i = 0; i < n_old; i++)
		if (old[i].call_id)
			slots[handle_slot(derive, old[i].client, old[i].handle)] = old[i];
	free(old);
	return 0;
}

static int handle_add(struct derive *derive, const struct open_handle *open)
{
	if ((derive->n_handles + 1) * 2 > derive->n_slots) {
		int rc = handles_grow(derive);

		if (rc)
			return rc;
	}
	derive->handles[handle_slot(derive, open->client, open->handle)] = *open;
	derive->n_handles++;
	return 0;
}

/* Frees a slot and moves up what would not be found behind it any more. */
static void handle_remove(struct derive *derive, struct open_handle *open)
{
	size_t mask = derive->n_slots - 1;
	size_t hole = (size_t)(open - derive->handles);

	derive->handles[hole].call_id = 0;
	derive->n_handles--;
	for (size_t i = (hole + 1) & mask; derive->handles[i].call_id; i = (i + 1) & mask) {
		struct open_handle moved = derive->handles[i];

		derive->handles[i].call_id = 0;
		derive->handles[handle_slot(derive, moved.client, moved.handle)] = moved;
	}
}

static int handle_close(struct event *event, struct open_handle *open)
{
	int rc = trace_run(event->trace, CLOSE_OPENED, "ii", event->call->call_id, open->call_id);

	handle_remove(event->derive, open);
	return rc;
}

/* Clients. */

static int same_client(void *context, int64_t id)
{
	const struct event *event = context;
	const struct client *client = &event->derive->clients[id - 1];

	return client->client == event->call->client && client->process == event->call->process;
}

static uint64_t client_hash(const struct trace_call *call)
{
	uint32_t key[2] = {call->process, call->client};

	return intern_hash(key, sizeof(key));
}

static uint32_t client_index(const struct event *event)
{
	return (uint32_t)(event->client - event->derive->clients);
}

static int client_append(struct event *event)
{
	struct derive *derive = event->derive;
	int rc = make_room(&derive->clients, derive->n_clients, sizeof(*derive->clients));

	if (rc)
		return rc;
	event->client = &derive->clients[derive->n_clients++];
	*event->client = (struct client){
		.process = event->call->process,
		.client = event->call->client,
	};
	return intern_add(&derive->client_ids, client_hash(event->call),
			  (int64_t)derive->n_clients);
}

static int client_insert(struct event *event, int64_t requestor, int64_t connected_by)
{
	int rc = trace_run(event->trace, INSERT_CLIENT, connected_by ? "inii" : "innn",
			   (int64_t)event->call->client, (int64_t)event->call->process, requestor,
			   connected_by);

	event->client->client_id = trace_last_id(event->trace);
	return rc;
}

static int client_write_calls(struct trace *trace, const struct client *client)
{
	return trace_run(trace, UPDATE_CLIENT_CALLS, "ii", client->calls, client->client_id);
}

static int client_find(struct event *event)
{
	int64_t id;
	int rc = intern_find(&event->derive->client_ids, client_hash(event->call), same_client,
			     event, &id);

	if (rc > 0)
		event->client = &event->derive->clients[id - 1];
	return rc;
}

/* The client of a call; one that connected before the trace began is added. */
static int client_need(struct event *event)
{
	int rc = client_find(event);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = client_append(event);
	return rc ? rc : client_insert(event, 0, 0);
}

static int client_set_utf8(struct event *event)
{
	if (event->client->encoding == ENCODING_UTF8)
		return 0;
	event->client->encoding = ENCODING_UTF8;
	return trace_run(event->trace, UPDATE_CLIENT_UTF8, "i", event->client->client_id);
}

/* Strings and paths. */

/* Only UTF-16 has NUL bytes inside. */
static bool looks_utf16(const unsigned char *bytes, size_t size)
{
	size_t length;

	if (size < SHFLSTRING_HEADER_SIZE)
		return false;
	length = bytes[2] | (size_t)bytes[3] << 8;
	size -= SHFLSTRING_HEADER_SIZE;
	return length && length <= size && memchr(bytes + SHFLSTRING_HEADER_SIZE, '\0', length);
}

/* The string of a payload, malloc'd in *ret; NULL if it has none. */
static int read_string(struct event *event, int64_t payload_id, char **ret)
{
	const void *data;
	uint32_t captured;
	int rc = trace_peek_payload(event->trace, payload_id, &data, &captured);

	*ret = NULL;
	if (rc || !data)
		return rc;
	if (event->client && event->client->encoding == ENCODING_UNKNOWN &&
	    looks_utf16(data, captured)) {
		event->client->encoding = ENCODING_UTF16;
		event->derived->utf16 = true;
	}
	*ret = trace_shflstring(data, captured, event->derived->utf16);
	return 0;
}

/* The index of the first parameter with this role that the call has, or -1. */
static int parm_with(const struct event *event, enum shfl_role role)
{
	int i = event->info ? shfl_parm_find(event->info, role) : -1;

	return i >= 0 && (uint32_t)i < event->call->n_parms ? i : -1;
}

static bool is_integer(const struct trace_parm *parm)
{
	return parm->type == 1 || parm->type == 2;
}

static int derive_path(struct event *event)
{
	int i = parm_with(event, SHFL_ROLE_PATH);
	char *path;
	int rc;

	if (i < 0)
		return 0;
	rc = read_string(event, event->call->parms[i].payload_in, &path);
	if (!rc && path)
		rc = trace_intern_path(event->trace, path, &event->derived->path_id);
	free(path);
	return rc;
}

static void derive_root(struct event *event)
{
	int i = parm_with(event, SHFL_ROLE_ROOT);
	uint64_t root;

	if (i < 0 || !is_integer(&event->call->parms[i]) ||
	    event->info->parms[i].direction != SHFL_DIR_IN)
		return;
	root = event->call->parms[i].in;
	if (root < SHFL_MAX_MAPPINGS)
		event->derived->share_id = event->service->roots[root];
}

static struct open_handle *derive_handle(struct event *event)
{
	int i = parm_with(event, SHFL_ROLE_HANDLE);
	struct open_handle *open;

	if (i < 0 || !is_integer(&event->call->parms[i]))
		return NULL;
	open = handle_find(event->derive, client_index(event), event->call->parms[i].in);
	if (open && !event->derived->path_id)
		event->derived->path_id = open->path_id;
	return open;
}

/* Shares. */

struct wanted_share {
	const struct derive *derive;
	uint32_t process;
	const char *name;
};

static int same_share(void *context, int64_t id)
{
	const struct wanted_share *wanted = context;
	const struct share *share = &wanted->derive->shares[id - 1];

	return share->process == wanted->process && !strcasecmp(share->name, wanted->name);
}

static uint64_t share_hash(uint32_t process, const char *name)
{
	uint64_t hash = process;

	for (; *name; name++)
		hash = hash * 31 + (uint64_t)tolower((unsigned char)*name);
	return intern_hash(&hash, sizeof(hash));
}

static int share_append(struct event *event, const char *name, struct share **ret)
{
	struct derive *derive = event->derive;
	uint32_t process = event->call->process;
	int rc = make_room(&derive->shares, derive->n_shares, sizeof(*derive->shares));
	char *copy = rc ? NULL : strdup(name);

	if (!copy)
		return -ENOMEM;
	*ret = &derive->shares[derive->n_shares++];
	**ret = (struct share){.process = process, .name = copy};
	rc = trace_run(event->trace, INSERT_SHARE, "tn", name, (int64_t)process);
	(*ret)->share_id = trace_last_id(event->trace);
	if (rc)
		return rc;
	return intern_add(&derive->share_names, share_hash(process, name),
			  (int64_t)derive->n_shares);
}

/* The share of this name; one that the trace has not seen is added. */
static int share_need(struct event *event, const char *name, struct share **ret)
{
	struct wanted_share wanted = {event->derive, event->call->process, name};
	uint64_t hash = share_hash(wanted.process, name);
	int64_t id;
	int rc = intern_find(&event->derive->share_names, hash, same_share, &wanted, &id);

	if (!rc)
		return share_append(event, name, ret);
	if (rc > 0)
		*ret = &event->derive->shares[id - 1];
	return rc < 0 ? rc : 0;
}

/* Learns that a root of the call stands for the share in a name's payload. */
static int learn_root(struct event *event, uint64_t root, int64_t name_payload)
{
	struct share *share;
	char *name;
	int rc;

	if (root >= SHFL_MAX_MAPPINGS)
		return 0;
	rc = read_string(event, name_payload, &name);
	if (rc || !name)
		return rc;
	rc = share_need(event, name, &share);
	free(name);
	if (rc)
		return rc;
	event->derived->share_id = share->share_id;
	if (event->service->roots[root] == share->share_id)
		return 0;
	event->service->roots[root] = share->share_id;
	return trace_run(event->trace, UPDATE_SHARE_ROOT, "ii", (int64_t)root, share->share_id);
}

/* Functions that change the state; called once a call has ended. */

static int after_map(struct event *event)
{
	const struct trace_call *call = event->call;

	if (!event->ok || call->n_parms < 2)
		return 0;
	return learn_root(event, call->parms[1].out, call->parms[0].payload_in);
}

static int after_query_name(struct event *event)
{
	const struct trace_call *call = event->call;

	if (!event->ok || call->n_parms < 2 || event->derived->share_id)
		return 0;
	return learn_root(event, call->parms[0].in, call->parms[1].payload_out);
}

static int after_set_utf8(struct event *event)
{
	return event->ok ? client_set_utf8(event) : 0;
}

static int after_query_mappings(struct event *event)
{
	bool utf8 = event->call->n_parms && event->call->parms[0].in & SHFL_MF_UTF8;

	return event->ok && utf8 ? client_set_utf8(event) : 0;
}

static int remember_handle(struct event *event, uint64_t handle)
{
	struct open_handle open = {
		.handle = handle,
		.client = client_index(event),
		.call_id = event->call->call_id,
		.path_id = event->derived->path_id,
		.share_id = event->derived->share_id,
	};
	struct open_handle *old = handle_find(event->derive, open.client, handle);
	int rc = old ? handle_close(event, old) : 0;

	return rc ? rc : handle_add(event->derive, &open);
}

static int after_create(struct event *event)
{
	int i = parm_with(event, SHFL_ROLE_CREATE_PARMS);
	SHFLCREATEPARMS parms;
	uint32_t captured;
	const void *data;
	bool opened;
	int rc;

	if (i < 0 || !event->ended)
		return 0;
	rc = trace_peek_payload(event->trace, event->call->parms[i].payload_out, &data, &captured);
	if (rc || captured < sizeof(parms))
		return rc;
	memcpy(&parms, data, sizeof(parms));
	event->derived->opened = opened =
		event->ok && parms.Handle && parms.Handle != SHFL_HANDLE_NIL;
	rc = trace_run(event->trace, INSERT_OPENED, "iin", event->call->call_id,
		       (int64_t)parms.Result, opened ? (int64_t)parms.Handle : 0);
	if (rc || !opened)
		return rc;
	return remember_handle(event, parms.Handle);
}

/* The service frees a handle that it finds, whatever else goes wrong. */
static int after_close(struct event *event)
{
	struct open_handle *open = derive_handle(event);
	int32_t status = event->call->status;

	if (!open || !event->ended || status == VERR_INVALID_HANDLE ||
	    status == VERR_INVALID_PARAMETER)
		return 0;
	return handle_close(event, open);
}

static int (*const after_call[])(struct event *event) = {
	[SHFL_FN_QUERY_MAPPINGS] = after_query_mappings,
	[SHFL_FN_QUERY_MAP_NAME] = after_query_name,
	[SHFL_FN_CREATE] = after_create,
	[SHFL_FN_CLOSE] = after_close,
	[SHFL_FN_MAP_FOLDER_OLD] = after_map,
	[SHFL_FN_SET_UTF8] = after_set_utf8,
	[SHFL_FN_MAP_FOLDER] = after_map,
	[SHFL_FN_QUERY_MAP_INFO] = after_query_name,
	[SHFL_FN_CLOSE_AND_REMOVE] = after_close,
};

static int derive_guest_call(struct event *event)
{
	uint32_t fn = event->call->fn;
	int rc = client_need(event);

	if (rc)
		return rc;
	event->derived->utf16 = event->client->encoding == ENCODING_UTF16;
	derive_root(event);
	rc = derive_path(event);
	if (rc)
		return rc;
	derive_handle(event);
	if (fn < COUNT_OF(after_call) && after_call[fn])
		rc = after_call[fn](event);
	event->client->calls++;
	if (event->derived->share_id)
		event->derive->shares[event->derived->share_id - 1].calls++;
	return rc;
}

static int share_added(struct event *event, struct share *share)
{
	const struct trace_call *call = event->call;
	char *path = NULL, *mount_point = NULL;
	int rc = read_string(event, call->parms[0].payload_in, &path);

	if (!rc)
		rc = read_string(event, call->parms[3].payload_in, &mount_point);
	if (!rc && path)
		rc = trace_intern_path(event->trace, path, &event->derived->path_id);
	if (!rc && event->ok)
		rc = trace_run(event->trace, UPDATE_SHARE_ADDED, "ttiii", path, mount_point,
			       (int64_t)call->parms[2].in, call->call_id, share->share_id);
	free(path);
	free(mount_point);
	return rc;
}

/* Shares added and removed by the host itself. Its strings are UTF-16. */
static int derive_host_call(struct event *event)
{
	int i = parm_with(event, SHFL_ROLE_NAME);
	struct share *share;
	char *name;
	int rc;

	event->derived->utf16 = true;
	if (i < 0 || event->call->n_parms < event->info->n_parms)
		return 0;
	rc = read_string(event, event->call->parms[i].payload_in, &name);
	if (rc || !name)
		return rc;
	rc = share_need(event, name, &share);
	free(name);
	if (rc)
		return rc;
	event->derived->share_id = share->share_id;
	if (event->call->fn == SHFL_FN_ADD_MAPPING)
		return share_added(event, share);
	if (event->call->fn == SHFL_FN_REMOVE_MAPPING && event->ok)
		return trace_run(event->trace, UPDATE_SHARE_REMOVED, "ii", event->call->call_id,
				 share->share_id);
	return 0;
}

static int derive_connect(struct event *event)
{
	const struct trace_call *call = event->call;
	int rc = event->ok ? client_find(event) : 0;

	if (!event->ok || rc < 0)
		return rc;
	rc = rc ? client_write_calls(event->trace, event->client) : client_append(event);
	if (rc)
		return rc;
	event->client->calls = 0;
	event->client->encoding = ENCODING_UTF16;
	return client_insert(event, call->n_parms ? (int64_t)call->parms[0].in : 0, call->call_id);
}

/* A client's handles end with it. */
static int derive_disconnect(struct event *event)
{
	struct derive *derive = event->derive;
	int rc = client_need(event);

	if (rc)
		return rc;
	for (size_t i = 0; i < derive->n_slots;) {
		struct open_handle *open = &derive->handles[i];

		if (!open->call_id || open->client != client_index(event)) {
			i++;
			continue;
		}
		/* What moves up into the slot is looked at next. */
		rc = handle_close(event, open);
		if (rc)
			return rc;
	}
	return trace_run(event->trace, UPDATE_CLIENT_GONE, "ii", event->call->call_id,
			 event->client->client_id);
}

static int (*const derive_kind[])(struct event *event) = {
	[TRACE_CALL] = derive_guest_call,
	[TRACE_HOST_CALL] = derive_host_call,
	[TRACE_CONNECT] = derive_connect,
	[TRACE_DISCONNECT] = derive_disconnect,
};

/* The service of the event's process. */
static int service_need(struct event *event)
{
	struct derive *derive = event->derive;
	uint32_t process = event->call->process;
	int64_t id;
	int rc = keys_find(&derive->processes, &process, sizeof(process), &id);

	if (rc >= 0)
		rc = array_reach(&derive->services, &derive->service_room,
				 sizeof(*derive->services), (size_t)id - 1);
	if (!rc)
		event->service = &derive->services[id - 1];
	return rc;
}

int derive_event(struct trace *trace, struct derive *derive, const struct trace_call *call,
		 struct derived *ret)
{
	struct event event = {
		.trace = trace,
		.derive = derive,
		.call = call,
		.derived = ret,
		.ended = !(call->flags & TRACE_F_UNFINISHED),
	};
	int rc;

	event.ok = event.ended && call->status >= 0;
	event.info = call->kind == TRACE_HOST_CALL ? shfl_host_fn_find(call->fn)
		     : call->kind == TRACE_CALL	   ? shfl_fn_find(call->fn)
						   : NULL;
	rc = service_need(&event);
	return rc ? rc : derive_kind[call->kind](&event);
}

int derive_finish(struct trace *trace, struct derive *derive)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < derive->n_clients; i++)
		rc = client_write_calls(trace, &derive->clients[i]);
	for (size_t i = 0; !rc && i < derive->n_shares; i++)
		rc = trace_run(trace, UPDATE_SHARE_CALLS, "ii", derive->shares[i].calls,
			       derive->shares[i].share_id);
	return rc;
}
