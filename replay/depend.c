/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass keeps what clients, roots, shares and handles stand for at each
 * moment, as indexes of the events that made them so.
 */
#include "depend.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intern.h"
#include "map.h"
#include "payload.h"

#define NEEDS 4
#define NO_NODE 0 /* node 0 is the root of all paths */
#define MAX_PENDING SHFL_MAX_WAITS

/* Indexes of other events are stored plus one: 0 is none. */
struct node {
	uint32_t parent;
	uint32_t same; /* union of what renames connect */
	uint32_t child, sibling;
	uint32_t changes, n_changes; /* of the class: where its list begins, its length */
	uint32_t done; /* of the list, already taken */
};

struct dependent {
	uint32_t call[NEEDS]; /* DEPEND_CALL */
	uint32_t state[NEEDS]; /* more for DEPEND_STATE */
	uint32_t node[2]; /* of its path and its destination */
	bool has_node[2];
	bool changes[2]; /* whether it changes them */
	bool lists, below; /* depends on the names in a directory; on all below it */
	uint32_t ends; /* the CREATE or the connection that it ends, + 1 */
};

struct opened {
	uint32_t created, closed; /* events */
	uint32_t listed; /* the last LIST */
	uint32_t node;
	bool has_node;
};

struct pending {
	uint32_t index;
	int64_t end_ns;
};

struct depend {
	struct dependent *events;
	size_t n_events, room;
	struct node *nodes;
	size_t n_nodes, nodes_room;
	struct map names; /* hash of parent and component: node + 1 */
	uint32_t *changes; /* lists of nodes */
	/* Only while the trace is read. */
	struct trace *trace;
	struct map clients; /* the last event that set something for it, + 1 */
	struct map handles; /* struct opened */
	struct map shares; /* hash of a name: the last host call about it, + 1 */
	struct map roots; /* what made it stand for a share, + 1 */
	struct map unmapped;
	uint32_t host; /* the last host call, + 1 */
	struct pending pending[MAX_PENDING]; /* waits that have not ended */
	size_t n_pending;
};

static void *map_index(uint32_t index)
{
	return (void *)(uintptr_t)(index + 1);
}

static uint32_t map_find(const struct map *map, uint64_t key)
{
	return (uint32_t)(uintptr_t)map_get(map, key);
}

/* Each host process has clients, roots and handles of its own. */
static uint64_t key_of(const struct trace_call *call, uint64_t id)
{
	return id ^ (uint64_t)call->process << 32;
}

/* Paths. */

static int grow(void *array, size_t n, size_t *room, size_t size)
{
	void **elements = array;
	size_t wanted = *room ? *room * 2 : 64;
	void *grown;

	if (n < *room)
		return 0;
	grown = wanted < UINT32_MAX / 2 ? reallocarray(*elements, wanted, size) : NULL;
	if (!grown)
		return -ENOMEM;
	*elements = grown;
	*room = wanted;
	return 0;
}

static int node_add(struct depend *depend, uint32_t parent, uint32_t *ret)
{
	int rc = grow(&depend->nodes, depend->n_nodes, &depend->nodes_room, sizeof(struct node));
	uint32_t id = (uint32_t)depend->n_nodes;

	if (rc)
		return rc;
	depend->nodes[id] = (struct node){.parent = parent, .same = id};
	if (id) {
		depend->nodes[id].sibling = depend->nodes[parent].child;
		depend->nodes[parent].child = id;
	}
	depend->n_nodes++;
	*ret = id;
	return 0;
}

static int node_step(struct depend *depend, const char *component, size_t length, uint32_t *node)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ *node * 0x9e3779b97f4a7c15ull;
	uint32_t found;
	int rc;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint64_t)tolower((unsigned char)component[i])) * 0x100000001b3ull;
	found = map_find(&depend->names, hash);
	if (found) {
		*node = found - 1;
		return 0;
	}
	rc = node_add(depend, *node, &found);
	if (!rc)
		rc = map_put(&depend->names, hash, map_index(found));
	*node = found;
	return rc;
}

static int node_of(struct depend *depend, const char *path, uint32_t *ret)
{
	uint32_t node = 0;
	int rc = 0;

	while (!rc && *path) {
		size_t length = strcspn(path, "/\\");

		if (length == 2 && !memcmp(path, "..", 2))
			node = depend->nodes[node].parent;
		else if (length && !(length == 1 && *path == '.'))
			rc = node_step(depend, path, length, &node);
		path += length + (path[length] != '\0');
	}
	*ret = node;
	return rc;
}

static uint32_t node_class(struct depend *depend, uint32_t node)
{
	while (depend->nodes[node].same != node) {
		uint32_t next = depend->nodes[node].same;

		depend->nodes[node].same = depend->nodes[next].same;
		node = next;
	}
	return node;
}

/* Reading. */

static const struct shfl_fn_info *function_of(const struct trace_call *call)
{
	return call->kind == TRACE_CALL ? shfl_fn_find(call->fn) : NULL;
}

static struct dependent *event_of(struct depend *depend, uint32_t index)
{
	return &depend->events[index];
}

static void need(uint32_t needs[NEEDS], uint32_t index_plus_one)
{
	for (int i = 0; index_plus_one && i < NEEDS; i++) {
		if (needs[i] == index_plus_one)
			return;
		if (!needs[i]) {
			needs[i] = index_plus_one;
			return;
		}
	}
}

/* The value of the call's n-th integer parameter with a role; false: it has none. */
static bool value_of(const struct trace_call *call, const struct shfl_fn_info *info,
		     enum shfl_role role, int nth, uint64_t *ret)
{
	for (unsigned i = 0; i < info->n_parms && i < call->n_parms; i++) {
		if (info->parms[i].role != role || nth--)
			continue;
		*ret = info->parms[i].direction == SHFL_DIR_OUT ? call->parms[i].out
								: call->parms[i].in;
		return call->parms[i].type == 1 || call->parms[i].type == 2;
	}
	return false;
}

static void load_root(struct depend *depend, const struct trace_call *call,
		      const struct shfl_fn_info *info, struct dependent *event)
{
	bool gives = info->flags & SHFL_FNF_MAPPINGS && call->fn != SHFL_FN_UNMAP_FOLDER;
	uint64_t root;

	for (int nth = 0; !gives && value_of(call, info, SHFL_ROLE_ROOT, nth, &root); nth++) {
		if (root >= SHFL_MAX_MAPPINGS)
			continue;
		need(event->call, map_find(&depend->roots, key_of(call, root)));
		need(event->state, map_find(&depend->unmapped, key_of(call, root)));
	}
}

static void load_handle(struct depend *depend, const struct trace_call *call,
			const struct shfl_fn_info *info, struct dependent *event, uint32_t index)
{
	uint64_t handle;

	for (int nth = 0; value_of(call, info, SHFL_ROLE_HANDLE, nth, &handle); nth++) {
		struct opened *opened = map_get(&depend->handles, key_of(call, handle));

		if (!opened)
			continue;
		need(opened->closed ? event->state : event->call, opened->created);
		need(event->state, opened->closed);
		if (nth < 2 && !event->has_node[nth] && opened->has_node) {
			event->node[nth] = opened->node;
			event->has_node[nth] = true;
		}
		if (call->fn == SHFL_FN_LIST && nth == 0) {
			need(event->call, opened->listed);
			opened->listed = index + 1;
		}
	}
}

/* The call's paths, but for those that handles stand for. */
static int load_paths(struct depend *depend, const struct trace_call *call,
		      const struct shfl_fn_info *info, struct dependent *event)
{
	int nth = 0, rc = 0;

	for (unsigned i = 0; !rc && i < info->n_parms && i < call->n_parms && nth < 2; i++) {
		struct payload payload;
		char *text;

		if (info->parms[i].role != SHFL_ROLE_PATH)
			continue;
		rc = payload_read(depend->trace, call->parms[i].payload_in, &payload);
		text = rc ? NULL
			  : trace_shflstring(payload.data, payload.captured,
					     call->flags & TRACE_F_UTF16);
		if (text)
			rc = node_of(depend, text, &event->node[nth]);
		event->has_node[nth++] = text != NULL;
		free(text);
		payload_clear(&payload);
	}
	return rc;
}

/* What a CREATE led to; false: the trace does not say. */
static bool load_created(struct depend *depend, const struct trace_call *call,
			 SHFLCREATEPARMS *created)
{
	struct payload payload;
	bool known = call->n_parms > 2 &&
		     payload_read(depend->trace, call->parms[2].payload_out, &payload) == 0;

	if (known) {
		known = payload_copy(&payload, created, sizeof(*created));
		payload_clear(&payload);
	}
	return known;
}

static int load_opened(struct depend *depend, const struct trace_call *call,
		       const SHFLCREATEPARMS *created, const struct dependent *event,
		       uint32_t index)
{
	struct opened *opened;

	if (created->Handle == SHFL_HANDLE_NIL || created->Handle == SHFL_HANDLE_ROOT)
		return 0;
	opened = map_get(&depend->handles, key_of(call, created->Handle));
	if (!opened) {
		opened = calloc(1, sizeof(*opened));
		if (!opened || map_put(&depend->handles, key_of(call, created->Handle), opened)) {
			free(opened);
			return -ENOMEM;
		}
	}
	*opened = (struct opened){
		.created = index + 1, .node = event->node[0], .has_node = event->has_node[0]};
	return 0;
}

static void load_closed(struct depend *depend, const struct trace_call *call,
			const struct shfl_fn_info *info, struct dependent *event, uint32_t index)
{
	struct opened *opened = NULL;
	uint64_t handle;

	if (value_of(call, info, SHFL_ROLE_HANDLE, 0, &handle))
		opened = map_get(&depend->handles, key_of(call, handle));
	if (!opened || VBOX_FAILURE(call->status))
		return;
	opened->closed = index + 1;
	event->ends = opened->created;
}

/* What an INFORMATION or a CREATE does depends on more than its number. */
static unsigned changes_of(const struct trace_call *call, const struct shfl_fn_info *info,
			   const SHFLCREATEPARMS *created)
{
	bool made = !created || created->Result == SHFL_FILE_CREATED ||
		    created->Result == SHFL_FILE_REPLACED;

	if (call->fn == SHFL_FN_INFORMATION &&
	    (call->n_parms < 3 || !(call->parms[2].in & SHFL_INFO_SET)))
		return 0;
	if (call->fn == SHFL_FN_LOCK)
		return SHFL_CHANGES_ALL;
	return call->fn == SHFL_FN_CREATE && !made ? 0 : info->changes;
}

static void load_changes(struct depend *depend, const struct trace_call *call,
			 const struct shfl_fn_info *info, struct dependent *event,
			 const SHFLCREATEPARMS *created)
{
	unsigned changes = changes_of(call, info, created);

	event->changes[0] = changes & SHFL_CHANGES_ALL;
	event->changes[1] = changes >> 4;
	event->lists = call->fn == SHFL_FN_LIST;
	event->below = changes & SHFL_CHANGES_EXISTENCE &&
		       (call->fn == SHFL_FN_REMOVE || call->fn == SHFL_FN_RENAME ||
			call->fn == SHFL_FN_CLOSE_AND_REMOVE);
	if (call->fn == SHFL_FN_RENAME && event->has_node[0] && event->has_node[1]) {
		uint32_t from = node_class(depend, event->node[0]);

		depend->nodes[node_class(depend, event->node[1])].same = from;
	}
}

static int load_mappings(struct depend *depend, const struct trace_call *call,
			 const struct shfl_fn_info *info, struct dependent *event, uint32_t index)
{
	uint64_t name =
		intern_hash(call->share ? call->share : "", call->share ? strlen(call->share) : 0);
	uint64_t root;

	if (!(info->flags & SHFL_FNF_MAPPINGS))
		return 0;
	need(call->share ? event->call : event->state, map_find(&depend->shares, name));
	need(event->state, depend->host);
	if (!value_of(call, info, SHFL_ROLE_ROOT, 0, &root) || root >= SHFL_MAX_MAPPINGS ||
	    VBOX_FAILURE(call->status))
		return 0;
	if (call->fn == SHFL_FN_UNMAP_FOLDER)
		return map_put(&depend->unmapped, key_of(call, root), map_index(index));
	need(event->state, map_find(&depend->roots, key_of(call, root)));
	need(event->state, map_find(&depend->unmapped, key_of(call, root)));
	map_take(&depend->unmapped, key_of(call, root));
	return map_put(&depend->roots, key_of(call, root), map_index(index));
}

/* QUERY_MAPPINGS names roots in memory, not in a parameter. */
static int load_roots(struct depend *depend, const struct trace_call *call, uint32_t index)
{
	int rc = 0;

	if (call->fn != SHFL_FN_QUERY_MAPPINGS || VBOX_FAILURE(call->status))
		return 0;
	for (uint64_t i = 0; !rc && i < SHFL_MAX_MAPPINGS; i++)
		if (!map_find(&depend->roots, key_of(call, i)))
			rc = map_put(&depend->roots, key_of(call, i), map_index(index));
	return rc;
}

/* Calls whose effect is on their client and lasts. */
static bool is_setting(uint32_t fn)
{
	return fn == SHFL_FN_SET_UTF8 || fn == SHFL_FN_SET_SYMLINKS ||
	       fn == SHFL_FN_SET_ERROR_STYLE || fn == SHFL_FN_QUERY_MAPPINGS ||
	       fn == SHFL_FN_MAP_FOLDER || fn == SHFL_FN_MAP_FOLDER_OLD;
}

static int load_client(struct depend *depend, const struct trace_call *call,
		       struct dependent *event, uint32_t index)
{
	need(event->call, map_find(&depend->clients, key_of(call, call->client)));
	if (call->kind == TRACE_DISCONNECT)
		event->ends = map_find(&depend->clients, key_of(call, call->client));
	if (call->kind == TRACE_CONNECT || (call->kind == TRACE_CALL && is_setting(call->fn)))
		return map_put(&depend->clients, key_of(call, call->client), map_index(index));
	return 0;
}

/* A wait that has not ended may be ended by this event. */
static void load_pending(struct depend *depend, const struct trace_call *call, uint32_t index)
{
	bool waits = call->kind == TRACE_CALL && call->fn == SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES;
	bool ends = call->kind != TRACE_CALL || call->fn == SHFL_FN_CANCEL_MAPPINGS_CHANGES_WAITS;
	size_t n = 0;

	for (size_t i = 0; i < depend->n_pending; i++) {
		struct pending *pending = &depend->pending[i];

		if (pending->end_ns < call->start_ns)
			continue;
		if (ends)
			event_of(depend, pending->index)->state[NEEDS - 1] = index + 1;
		depend->pending[n++] = *pending;
	}
	if (waits && n < MAX_PENDING)
		depend->pending[n++] = (struct pending){index, call->end_ns};
	depend->n_pending = n;
}

static int load_host_call(struct depend *depend, const struct trace_call *call,
			  struct dependent *event, uint32_t index)
{
	uint64_t name =
		intern_hash(call->share ? call->share : "", call->share ? strlen(call->share) : 0);

	need(event->state, map_find(&depend->shares, name));
	need(event->state, depend->host);
	depend->host = index + 1;
	return map_put(&depend->shares, name, map_index(index));
}

static int load_guest_call(struct depend *depend, const struct trace_call *call,
			   struct dependent *event, uint32_t index)
{
	const struct shfl_fn_info *info = function_of(call);
	SHFLCREATEPARMS created;
	bool known;
	int rc;

	if (!info)
		return 0;
	known = call->fn == SHFL_FN_CREATE && load_created(depend, call, &created);
	load_root(depend, call, info, event);
	rc = load_paths(depend, call, info, event);
	if (rc)
		return rc;
	load_handle(depend, call, info, event, index);
	load_changes(depend, call, info, event, known ? &created : NULL);
	rc = load_roots(depend, call, index);
	if (!rc && known)
		rc = load_opened(depend, call, &created, event, index);
	if (call->fn == SHFL_FN_CLOSE || call->fn == SHFL_FN_CLOSE_AND_REMOVE)
		load_closed(depend, call, info, event, index);
	return rc ? rc : load_mappings(depend, call, info, event, index);
}

static int load_event(struct depend *depend, const struct trace_call *call)
{
	uint32_t index = (uint32_t)depend->n_events;
	struct dependent *event;
	int rc = grow(&depend->events, index, &depend->room, sizeof(*event));

	if (rc)
		return rc;
	event = event_of(depend, index);
	*event = (struct dependent){0};
	depend->n_events++;
	load_pending(depend, call, index);
	if (call->kind == TRACE_HOST_CALL)
		return load_host_call(depend, call, event, index);
	rc = load_client(depend, call, event, index);
	return rc || call->kind != TRACE_CALL ? rc : load_guest_call(depend, call, event, index);
}

/* Lists for each class of paths the events that change it, in their order. */
static int list_changes(struct depend *depend)
{
	uint32_t total = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < depend->n_events; i++) {
			for (int k = 0; k < 2; k++) {
				struct dependent *event = event_of(depend, i);
				struct node *node =
					&depend->nodes[node_class(depend, event->node[k])];

				if (!event->has_node[k] || !event->changes[k])
					continue;
				if (pass)
					depend->changes[node->changes + node->n_changes] = i;
				node->n_changes++;
			}
		}
		for (size_t i = 0; !pass && i < depend->n_nodes; i++) {
			depend->nodes[i].changes = total;
			total += depend->nodes[i].n_changes;
			depend->nodes[i].n_changes = 0;
		}
		if (!pass)
			depend->changes = calloc(total + 1, sizeof(*depend->changes));
		if (!depend->changes)
			return -ENOMEM;
	}
	return 0;
}

static int load_all(struct depend *depend)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	uint32_t root;
	int rc = node_add(depend, NO_NODE, &root);

	if (!rc)
		rc = trace_events(depend->trace, &cursor);
	if (rc)
		return rc;
	while ((rc = trace_next(cursor, &call)) == 1) {
		rc = load_event(depend, &call);
		if (rc)
			break;
	}
	trace_cursor_close(cursor);
	return rc ? rc : list_changes(depend);
}

int depend_load(struct trace *trace, struct depend **ret, char **ret_message)
{
	struct depend *depend = calloc(1, sizeof(*depend));
	int rc = depend ? 0 : -ENOMEM;

	*ret_message = NULL;
	if (!rc) {
		depend->trace = trace;
		rc = load_all(depend);
	}
	if (rc) {
		if (asprintf(ret_message, "cannot read the trace: %s",
			     rc == -ENOMEM ? "out of memory" : trace_error(trace)) < 0)
			*ret_message = NULL;
		depend_free(depend);
		return rc;
	}
	*ret = depend;
	return 0;
}

void depend_free(struct depend *depend)
{
	if (!depend)
		return;
	free(depend->events);
	free(depend->nodes);
	free(depend->changes);
	map_clear(&depend->names, NULL);
	map_clear(&depend->clients, NULL);
	map_clear(&depend->shares, NULL);
	map_clear(&depend->roots, NULL);
	map_clear(&depend->unmapped, NULL);
	map_clear(&depend->handles, free);
	free(depend);
}

size_t depend_count(const struct depend *depend)
{
	return depend->n_events;
}

/* Following what events depend on. */

struct completion {
	struct depend *depend;
	bool *chosen;
	uint32_t *pending;
	size_t n;
};

static void choose(struct completion *completion, uint32_t index)
{
	if (completion->chosen[index])
		return;
	completion->chosen[index] = true;
	completion->pending[completion->n++] = index;
}

/* The changes of one path before an event. */
static void choose_changes(struct completion *completion, uint32_t id, uint32_t before)
{
	struct depend *depend = completion->depend;
	struct node *node = &depend->nodes[node_class(depend, id)];

	while (node->done < node->n_changes && depend->changes[node->changes + node->done] < before)
		choose(completion, depend->changes[node->changes + node->done++]);
}

/* Those of what is in a directory, or (deep) everywhere below it. */
static void choose_below(struct completion *completion, uint32_t id, uint32_t before, bool deep)
{
	const struct node *nodes = completion->depend->nodes;
	uint32_t at = nodes[id].child;

	while (at && at != id) {
		choose_changes(completion, at, before);
		if (deep && nodes[at].child) {
			at = nodes[at].child;
			continue;
		}
		while (at != id && !nodes[at].sibling)
			at = deep ? nodes[at].parent : id;
		if (at != id)
			at = nodes[at].sibling;
	}
}

static void choose_state(struct completion *completion, uint32_t index)
{
	const struct dependent *event = event_of(completion->depend, index);
	const struct node *nodes = completion->depend->nodes;

	for (int k = 0; k < 2; k++) {
		uint32_t at = event->node[k];

		if (!event->has_node[k])
			continue;
		if (event->lists || event->below)
			choose_below(completion, at, index, event->below);
		for (; at != NO_NODE; at = nodes[at].parent)
			choose_changes(completion, at, index);
		choose_changes(completion, NO_NODE, index);
	}
	for (int i = 0; i < NEEDS; i++)
		if (event->state[i])
			choose(completion, event->state[i] - 1);
}

int depend_complete(struct depend *depend, bool *chosen, enum depend_what what)
{
	struct completion completion = {depend, chosen, NULL, 0};

	completion.pending = calloc(depend->n_events + 1, sizeof(*completion.pending));
	if (!completion.pending)
		return -ENOMEM;
	for (size_t i = 0; i < depend->n_nodes; i++)
		depend->nodes[i].done = 0;
	for (uint32_t i = 0; i < depend->n_events; i++)
		if (chosen[i])
			completion.pending[completion.n++] = i;
	while (completion.n) {
		uint32_t index = completion.pending[--completion.n];

		for (int i = 0; i < NEEDS; i++)
			if (event_of(depend, index)->call[i])
				choose(&completion, event_of(depend, index)->call[i] - 1);
		if (what == DEPEND_STATE)
			choose_state(&completion, index);
	}
	free(completion.pending);
	return 0;
}

void depend_add_ends(const struct depend *depend, bool *chosen)
{
	for (size_t i = 0; i < depend->n_events; i++)
		if (depend->events[i].ends && chosen[depend->events[i].ends - 1])
			chosen[i] = true;
}

void depend_prune(const struct depend *depend, bool *chosen)
{
	for (size_t i = 0; i < depend->n_events; i++)
		for (int k = 0; chosen[i] && k < NEEDS; k++) {
			uint32_t needed = depend->events[i].call[k];

			if (needed && !chosen[needed - 1])
				chosen[i] = false;
		}
}
