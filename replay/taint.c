/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths are compared as text: '\\' is '/', and none at the end. */
#include "taint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

struct taint_file {
	unsigned what;
	char path[];
};

/* What the table says of a guest's call; NULL: another event, an unknown function. */
static const struct shfl_fn_info *taint_function(const struct trace_call *event)
{
	return event->kind == TRACE_CALL ? shfl_fn_find(event->fn) : NULL;
}

/* The usual case, and the fast one. */
static bool taint_is_nothing(const struct taint *taint)
{
	return !taint->everything && !taint->files.n;
}

static bool is_about_mappings(const struct trace_call *event)
{
	const struct shfl_fn_info *info = taint_function(event);

	return info && info->flags & SHFL_FNF_MAPPINGS;
}

static void taint_normalise(char *path)
{
	size_t n = strlen(path);

	for (char *c = path; *c; c++)
		if (*c == '\\')
			*c = '/';
	while (n && path[n - 1] == '/')
		path[--n] = '\0';
}

static uint64_t taint_key(const char *path, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	while (n--)
		hash = (hash ^ (unsigned char)*path++) * 0x100000001b3ull;
	return hash;
}

/* The entry of the first n bytes of a path. */
static struct taint_file *taint_get(const struct map *map, const char *path, size_t n)
{
	return map_get(map, taint_key(path, n));
}

static struct taint_file *taint_put(struct map *map, const char *key, const char *path)
{
	struct taint_file *file = calloc(1, sizeof(*file) + strlen(path) + 1);
	uint64_t id = taint_key(key, strlen(key));

	if (!file)
		return NULL;
	strcpy(file->path, path);
	free(map_take(map, id));
	if (map_put(map, id, file) == 0)
		return file;
	free(file);
	return NULL;
}

static void taint_add(struct taint *taint, const char *path, unsigned what);

/* The same file under the names that it, or a directory above it, was given since. */
static void taint_add_renamed(struct taint *taint, const char *path, unsigned what)
{
	size_t n = strlen(path);

	for (size_t i = 1; i <= n; i++) {
		struct taint_file *to;
		char *other;

		if (i < n && path[i] != '/')
			continue;
		to = taint_get(&taint->renamed, path, i);
		if (!to)
			continue;
		if (strlen(to->path) + n - i > UINT16_MAX ||
		    asprintf(&other, "%s%s", to->path, path + i) < 0) {
			taint->everything |= what;
			continue;
		}
		taint_add(taint, other, what);
		free(other);
	}
}

static void taint_add(struct taint *taint, const char *path, unsigned what)
{
	struct taint_file *file = taint_get(&taint->files, path, strlen(path));

	if (file && !(what & ~file->what))
		return; /* also ends the walk around a ring of renames */
	if (!file)
		file = taint_put(&taint->files, path, path);
	if (!file) {
		taint->everything |= what;
		return;
	}
	file->what |= what;
	taint_add_renamed(taint, path, what);
}

static void taint_path(struct taint *taint, const char *path, unsigned what)
{
	char *own;

	if (!what)
		return;
	own = path ? strdup(path) : NULL;
	if (!own) {
		taint->everything |= what;
		return;
	}
	taint_normalise(own);
	taint_add(taint, own, what);
	free(own);
}

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(path, directory, n) == 0 && path[n] == '/';
}

static unsigned taint_of_path(const struct taint *taint, const char *path, bool with_below)
{
	char *own = path ? strdup(path) : NULL;
	unsigned what = taint->everything;
	const struct taint_file *file;
	size_t position = 0;

	if (!own)
		return what;
	taint_normalise(own);
	for (size_t i = 1; own[i - 1]; i++) {
		bool whole = !own[i];

		file = whole || own[i] == '/' ? taint_get(&taint->files, own, i) : NULL;
		if (file)
			what |= whole ? file->what : file->what & SHFL_CHANGES_EXISTENCE;
	}
	while (with_below && (file = map_next(&taint->files, &position, NULL)))
		if (is_below(file->path, own) && (file->what & ~SHFL_CHANGES_DATA))
			what |= SHFL_CHANGES_EXISTENCE;
	free(own);
	return what;
}

/* The destination of a call that has two paths (malloc'd), else NULL. */
static char *taint_destination(const struct trace_call *event, const struct payload *payload)
{
	char *path = payload->data ? trace_shflstring(payload->data, payload->captured,
						      event->flags & TRACE_F_UTF16)
				   : NULL;

	if (path)
		taint_normalise(path);
	return path;
}

static int destination_parm(uint32_t fn)
{
	return fn == SHFL_FN_RENAME ? 2 : fn == SHFL_FN_COPY_FILE ? 3 : -1;
}

/* Which of its effects a call had: a CREATE may only have looked. */
static unsigned taint_effect(const struct trace_call *event, const SHFLCREATEPARMS *created)
{
	unsigned what = taint_function(event)->changes & SHFL_CHANGES_ALL;

	if (event->fn == SHFL_FN_INFORMATION && !(event->parms[2].in & SHFL_INFO_SET))
		return 0;
	if (event->fn == SHFL_FN_CREATE && created && !(event->flags & TRACE_F_UNFINISHED) &&
	    created->Result != SHFL_FILE_CREATED && created->Result != SHFL_FILE_REPLACED)
		return 0;
	return what;
}

void taint_not_made(struct taint *taint, struct trace *trace, const struct trace_call *event)
{
	const struct shfl_fn_info *info = taint_function(event);
	int at = destination_parm(event->fn);
	struct payload payload = {0};
	SHFLCREATEPARMS created;
	bool known = false;
	char *destination;

	if (VBOX_FAILURE(event->status) && !(event->flags & TRACE_F_UNFINISHED))
		return;
	if (event->kind == TRACE_HOST_CALL || is_about_mappings(event))
		taint->mappings |= event->fn != SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES;
	if (!info)
		return;
	if (event->fn == SHFL_FN_CREATE &&
	    payload_read(trace, event->parms[2].payload_out, &payload) == 0)
		known = payload_copy(&payload, &created, sizeof(created));
	taint_path(taint, event->path, taint_effect(event, known ? &created : NULL));
	payload_clear(&payload);
	if (!shfl_changes_to(info))
		return;
	if (at >= 0 && payload_read(trace, event->parms[at].payload_in, &payload) < 0)
		payload = (struct payload){0};
	destination = taint_destination(event, &payload);
	taint_path(taint, destination, shfl_changes_to(info));
	free(destination);
	payload_clear(&payload);
}

void taint_filled(struct taint *taint, const struct trace_call *event)
{
	taint_path(taint, event->path, SHFL_CHANGES_DATA);
}

/* Everything at or below "from" that is tainted now also is so at its new name. */
static void taint_move(struct taint *taint, const char *from, const char *to)
{
	struct taint_file **found = calloc(taint->files.n + 1, sizeof(*found)), *file;
	size_t n = 0, position = 0, length = strlen(from);

	if (!found || !taint_put(&taint->renamed, from, to))
		taint->everything |= SHFL_CHANGES_ALL;
	while (found && (file = map_next(&taint->files, &position, NULL)))
		if (is_below(file->path, from) || strcmp(file->path, from) == 0)
			found[n++] = file;
	for (size_t i = 0; i < n; i++) {
		char *path;

		if (asprintf(&path, "%s%s", to, found[i]->path + length) < 0) {
			taint->everything |= found[i]->what;
			continue;
		}
		taint_add(taint, path, found[i]->what);
		free(path);
	}
	free(found);
}

static void taint_followed(struct taint *taint, const struct replay_call *call)
{
	const struct trace_call *event = &call->event;
	char *from = event->path ? strdup(event->path) : NULL;
	char *to = taint_destination(event, &call->in[destination_parm(event->fn)]);

	if (!from || !to) {
		taint->everything |= SHFL_CHANGES_ALL;
	} else if (event->fn == SHFL_FN_COPY_FILE) {
		taint_path(taint, to, taint_of_path(taint, from, false) & ~taint->everything);
	} else {
		taint_normalise(from);
		taint_move(taint, from, to);
	}
	free(from);
	free(to);
}

/* A file that is new or emptied on both sides is what it was, unless it had another name. */
static void taint_created(struct taint *taint, const struct replay_call *call)
{
	SHFLCREATEPARMS recorded, live;
	struct taint_file *file;
	uint32_t size = 0;
	const uint8_t *memory = replay_memory(call, 2, &size);
	char *path = call->event.path ? strdup(call->event.path) : NULL;

	if (path)
		taint_normalise(path);
	file = path ? taint_get(&taint->files, path, strlen(path)) : NULL;
	if (file && memory && size >= sizeof(live) &&
	    !taint_get(&taint->renamed, path, strlen(path)) &&
	    payload_copy(&call->out[2], &recorded, sizeof(recorded))) {
		memcpy(&live, memory, sizeof(live));
		if (live.Result == recorded.Result && live.Result == SHFL_FILE_CREATED)
			file->what = 0;
		if (live.Result == recorded.Result && live.Result == SHFL_FILE_REPLACED)
			file->what &= ~(SHFL_CHANGES_DATA | SHFL_CHANGES_SIZE);
	}
	free(path);
}

void taint_made(struct taint *taint, const struct replay_call *call)
{
	const struct trace_call *event = &call->event;
	unsigned source;

	if (!taint_function(event) || VBOX_FAILURE(event->status) || !call->info ||
	    event->n_parms != call->info->n_parms)
		return;
	if (destination_parm(event->fn) >= 0)
		taint_followed(taint, call);
	if (taint_is_nothing(taint))
		return;
	if (event->fn == SHFL_FN_CREATE)
		taint_created(taint, call);
	if (event->fn != SHFL_FN_COPY_FILE_PART)
		return;
	source = taint_of_path(taint, event->path, false);
	if (source & (SHFL_CHANGES_EXISTENCE | SHFL_CHANGES_SIZE | SHFL_CHANGES_DATA))
		taint->everything |= SHFL_CHANGES_DATA | (source & SHFL_CHANGES_SIZE);
}

static const struct {
	unsigned tainted;
	unsigned compare;
} taint_masks[] = {
	{SHFL_CHANGES_DATA, COMPARE_DATA},
	{SHFL_CHANGES_SIZE, COMPARE_DATA | COMPARE_COUNTS | COMPARE_ATTRIBUTES},
	{SHFL_CHANGES_ATTRIBUTES, COMPARE_ATTRIBUTES | COMPARE_TIMES | COMPARE_OWNERS},
	{SHFL_CHANGES_EXISTENCE, ~0u},
};

/* Whether a call goes through a directory or depends on what is in it. */
static bool looks_below(uint32_t fn)
{
	return fn == SHFL_FN_LIST || fn == SHFL_FN_REMOVE || fn == SHFL_FN_RENAME ||
	       fn == SHFL_FN_CLOSE_AND_REMOVE;
}

/* Of COMPARE_*, what a function has among its results. */
static unsigned results_of(uint32_t fn, const struct shfl_fn_info *info)
{
	unsigned what = ~(COMPARE_DATA | COMPARE_COUNTS | COMPARE_ATTRIBUTES | COMPARE_TIMES |
			  COMPARE_OWNERS);

	if (fn == SHFL_FN_READ)
		what |= COMPARE_DATA;
	if (shfl_parm_find(info, SHFL_ROLE_COUNT) >= 0)
		what |= COMPARE_COUNTS;
	if (shfl_parm_find(info, SHFL_ROLE_CREATE_PARMS) >= 0 ||
	    shfl_parm_find(info, SHFL_ROLE_INFO_BUFFER) >= 0 ||
	    shfl_parm_find(info, SHFL_ROLE_LIST_BUFFER) >= 0)
		what |= COMPARE_ATTRIBUTES | COMPARE_TIMES | COMPARE_OWNERS;
	return what;
}

/* Attributes decide who may open a file. */
static unsigned taint_widened(uint32_t fn, unsigned tainted)
{
	bool opens = fn == SHFL_FN_CREATE || fn == SHFL_FN_COPY_FILE;

	return opens && (tainted & SHFL_CHANGES_ATTRIBUTES) ? tainted | SHFL_CHANGES_EXISTENCE
							    : tainted;
}

unsigned taint_compare(const struct taint *taint, const struct replay_call *call, unsigned what)
{
	const struct trace_call *event = &call->event;
	unsigned tainted, results;

	if (event->kind == TRACE_HOST_CALL || is_about_mappings(event))
		return taint->mappings ? 0 : what;
	if (event->kind != TRACE_CALL || !call->info || taint_is_nothing(taint))
		return what;
	if (!event->path && shfl_parm_find(call->info, SHFL_ROLE_PATH) < 0 &&
	    shfl_parm_find(call->info, SHFL_ROLE_HANDLE) < 0)
		return what;
	tainted = taint_of_path(taint, event->path, looks_below(event->fn));
	if (destination_parm(event->fn) >= 0) {
		char *to = taint_destination(event, &call->in[destination_parm(event->fn)]);

		tainted |= taint_of_path(taint, to, true) & SHFL_CHANGES_EXISTENCE;
		free(to);
	}
	tainted = taint_widened(event->fn, tainted);
	results = tainted & SHFL_CHANGES_EXISTENCE ? ~0u : results_of(event->fn, call->info);
	for (size_t i = 0; i < sizeof(taint_masks) / sizeof(taint_masks[0]); i++)
		if (tainted & taint_masks[i].tainted)
			what &= ~(taint_masks[i].compare & results);
	return what;
}

void taint_clear(struct taint *taint)
{
	map_clear(&taint->files, free);
	map_clear(&taint->renamed, free);
	*taint = (struct taint){0};
}
