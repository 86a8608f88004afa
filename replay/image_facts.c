/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each call tells about the state before the trace, and how it changes
 * the model. A handler sees ended calls only, with as many parameters as the
 * function has. What contradicts the model is left to the replay to report.
 */
#include "image_model.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dirinfo.h"

/* Permissions that a service with umask 0 gives to a new directory. */
#define IMAGE_ALL_ACCESS 0777u
#define IMAGE_ALL_BYTES INT64_MAX

struct image_call {
	struct image *image;
	const struct trace_call *call;
	struct replay_client *client;
};

/* The first bytes of a parameter's memory, after the call if "out". */
static bool fact_structure(const struct image_call *fact, int parm, bool out, void *structure,
			   size_t size)
{
	const struct trace_parm *from = &fact->call->parms[parm];
	struct payload payload;
	bool got;

	if (payload_read(fact->image->trace, out ? from->payload_out : from->payload_in, &payload) <
	    0)
		return false;
	got = payload_copy(&payload, structure, size);
	payload_clear(&payload);
	return got;
}

static char *fact_string(const struct image_call *fact, int parm)
{
	struct payload payload;
	char *text = NULL;

	if (payload_read(fact->image->trace, fact->call->parms[parm].payload_in, &payload) < 0)
		return NULL;
	if (payload.data)
		text = trace_shflstring(payload.data, payload.captured, !fact->client->utf8);
	payload_clear(&payload);
	return text;
}

static char *fact_path(const struct image_call *fact, int parm)
{
	struct payload payload;
	char *path = NULL;

	if (payload_read(fact->image->trace, fact->call->parms[parm].payload_in, &payload) < 0)
		return NULL;
	if (payload.data)
		path = client_path(fact->client, payload.data, payload.captured);
	payload_clear(&payload);
	return path;
}

/* The entry that a root and a path stand for. way: of image_walk(). */
static struct image_entry *fact_walk(const struct image_call *fact, uint64_t root, const char *path,
				     unsigned way)
{
	uint32_t process = fact->call->process;
	struct image_volume *volume = image_volume_of_root(fact->image, process, root);

	if (!volume || strlen(path) >= PATH_MAX)
		return NULL;
	if (image_root_is_caseless(fact->image, process, root))
		way |= IMAGE_IGNORE_CASE;
	return image_walk(&fact->image->tree, volume->root, path, way);
}

/* The entry that two parameters, a root and a path, stand for. */
static struct image_entry *fact_entry(const struct image_call *fact, int root, int path,
				      unsigned way)
{
	char *text = fact_path(fact, path);
	struct image_entry *entry =
		text ? fact_walk(fact, fact->call->parms[root].in, text, way) : NULL;

	free(text);
	return entry;
}

static struct image_object *fact_found(const struct image_call *fact, int root, int path)
{
	struct image_entry *entry = fact_entry(fact, root, path, IMAGE_ASSUME);

	return entry ? image_found(&fact->image->tree, entry) : NULL;
}

static void fact_missing(const struct image_call *fact, int root, int path)
{
	struct image_entry *entry = fact_entry(fact, root, path, 0);

	if (entry && !entry->known)
		image_missing(entry);
}

/* A share's own directory can neither be removed nor renamed nor replaced. */
static bool fact_is_root(const struct image_entry *entry)
{
	return !entry->directory;
}

static struct image_handle *fact_handle(const struct image_call *fact, int parm)
{
	return map_get(&fact->image->handles,
		       process_key(fact->call->process, fact->call->parms[parm].in));
}

static void object_type(struct image_object *object, uint32_t type)
{
	if ((object->known | object->changed) & IMAGE_TYPE)
		return;
	object->type = type;
	object->known |= IMAGE_TYPE;
}

/* Takes over attributes that were seen, unless older or changed ones are known. */
static void object_seen(struct image_object *object, const SHFLFSOBJINFO *info)
{
	uint32_t type = info->Attr.fMode & RTFS_TYPE_MASK;
	uint8_t fresh;

	if (!type)
		return;
	object_type(object, type);
	if (object->type != type || !info->Attr.enmAdditional)
		return; /* the service had no more than the type */
	fresh = (uint8_t) ~(object->known | object->changed) &
		(IMAGE_MODE | IMAGE_SIZE | IMAGE_TIME);
	if (fresh & IMAGE_MODE)
		object->mode = info->Attr.fMode & IMAGE_ALL_ACCESS;
	if (fresh & IMAGE_SIZE)
		object->size = info->cbObject;
	if (fresh & IMAGE_TIME) {
		object->access_ns = info->AccessTime;
		object->time_ns = info->ModificationTime;
	}
	object->known |= fresh;
}

/* Bytes were written: what they were before cannot be learnt any more. */
static void object_written(struct image *image, struct image_object *object, uint64_t start,
			   uint64_t end)
{
	object->changed |= IMAGE_SIZE | IMAGE_TIME;
	if (object->initial && ranges_add(&object->told, start, end) < 0)
		image->error = -ENOMEM;
}

static struct image_object *object_create(struct image *image, struct image_entry *entry,
					  uint32_t type)
{
	struct image_object *object;

	if (fact_is_root(entry))
		return NULL;
	object = image_object_new(&image->tree, false, 0);
	if (!object)
		return NULL;
	object_type(object, type);
	image_place(entry, object);
	return object;
}

/* Bits that were asked for and not given were in the service's umask. */
static void note_umask(const struct image_call *fact, const SHFLCREATEPARMS *after)
{
	uint32_t wanted = IMAGE_ALL_ACCESS;
	SHFLCREATEPARMS before;

	if (!fact_structure(fact, 2, false, &before, sizeof(before)))
		return;
	if ((after->Info.Attr.fMode & RTFS_TYPE_MASK) == RTFS_TYPE_FILE) {
		if (before.Handle == SHFL_HANDLE_ROOT)
			return;
		wanted = before.Info.Attr.fMode & IMAGE_ALL_ACCESS;
	}
	fact->image->result->umask |= wanted & ~after->Info.Attr.fMode;
}

static void handle_free(void *value)
{
	struct image_handle *handle = value;

	image_object_unuse(handle->object);
	free(handle);
}

static void handle_close(struct image *image, uint64_t key)
{
	struct image_handle *handle = map_take(&image->handles, key);

	if (handle)
		handle_free(handle);
}

static void handle_open(const struct image_call *fact, const SHFLCREATEPARMS *parms,
			struct image_object *object)
{
	uint64_t key = process_key(fact->call->process, parms->Handle);
	struct image_handle *handle;

	if (parms->Handle == SHFL_HANDLE_NIL || parms->Handle == SHFL_HANDLE_ROOT)
		return;
	handle_close(fact->image, key);
	handle = calloc(1, sizeof(*handle));
	if (!handle || map_put(&fact->image->handles, key, handle) < 0) {
		fact->image->error = -ENOMEM;
		free(handle);
		return;
	}
	handle->object = object;
	handle->client = client_key(fact->call);
	handle->append = parms->CreateFlags & SHFL_CF_ACCESS_APPEND;
	handle->whole_listing = true;
	object->users++;
}

static struct image_object *note_create_existing(const struct image_call *fact,
						 const SHFLCREATEPARMS *parms)
{
	struct image_object *object = fact_found(fact, 0, 1);

	if (!object)
		return NULL;
	if (parms->Result == SHFL_FILE_REPLACED)
		object_written(fact->image, object, 0, IMAGE_ALL_BYTES);
	if (VBOX_SUCCESS(fact->call->status))
		object_seen(object, &parms->Info);
	return object;
}

static struct image_object *note_create_new(const struct image_call *fact,
					    const SHFLCREATEPARMS *parms)
{
	struct image_entry *entry = fact_entry(fact, 0, 1, IMAGE_ASSUME);

	if (!entry)
		return NULL;
	note_umask(fact, parms);
	return object_create(fact->image, entry, parms->Info.Attr.fMode & RTFS_TYPE_MASK);
}

static void note_create(const struct image_call *fact)
{
	struct image_object *object = NULL;
	SHFLCREATEPARMS parms;

	if (!fact_structure(fact, 2, true, &parms, sizeof(parms)))
		return;
	if (parms.Result == SHFL_FILE_EXISTS || parms.Result == SHFL_FILE_REPLACED)
		object = note_create_existing(fact, &parms);
	else if (parms.Result == SHFL_FILE_CREATED && VBOX_SUCCESS(fact->call->status))
		object = note_create_new(fact, &parms);
	else if (parms.Result == SHFL_FILE_NOT_FOUND)
		fact_missing(fact, 0, 1);
	if (object && VBOX_SUCCESS(fact->call->status))
		handle_open(fact, &parms, object);
}

static void note_close(const struct image_call *fact)
{
	if (VBOX_SUCCESS(fact->call->status))
		handle_close(fact->image,
			     process_key(fact->call->process, fact->call->parms[1].in));
}

static void note_read(const struct image_call *fact)
{
	struct image_handle *handle = fact_handle(fact, 1);
	uint64_t offset = fact->call->parms[2].in, count = fact->call->parms[3].out;
	struct image_object *object;
	struct payload payload;

	if (!handle || VBOX_FAILURE(fact->call->status) || count == 0)
		return;
	object = handle->object;
	if (payload_read(fact->image->trace, fact->call->parms[4].payload_out, &payload) < 0)
		return;
	image_data_read(fact->image, object, offset, &payload, (uint32_t)count);
	payload_clear(&payload);
	if (count < fact->call->parms[3].in && !((object->known | object->changed) & IMAGE_SIZE)) {
		object->size = (int64_t)(offset + count);
		object->known |= IMAGE_SIZE;
	}
}

static void note_write(const struct image_call *fact)
{
	struct image_handle *handle = fact_handle(fact, 1);
	uint64_t start = fact->call->parms[2].in, count = fact->call->parms[3].out;

	if (!handle || VBOX_FAILURE(fact->call->status) || count == 0)
		return;
	if (handle->append) /* wherever it was asked for, it went to the end */
		start = fact->call->parms[2].out - count;
	object_written(fact->image, handle->object, start, start + count);
}

static void note_size(struct image *image, struct image_object *object, uint64_t size)
{
	object_written(image, object, size, IMAGE_ALL_BYTES);
}

static void note_set_size(const struct image_call *fact)
{
	struct image_handle *handle = fact_handle(fact, 1);

	if (handle && VBOX_SUCCESS(fact->call->status))
		note_size(fact->image, handle->object, fact->call->parms[2].in);
}

static void note_set_info(const struct image_call *fact, struct image_object *object,
			  uint32_t flags)
{
	SHFLFSOBJINFO info;

	if (!fact_structure(fact, 4, false, &info, sizeof(info)))
		return;
	if (flags & SHFL_INFO_SIZE)
		note_size(fact->image, object, (uint64_t)info.cbObject);
	if (!(flags & SHFL_INFO_FILE))
		return;
	if (info.Attr.fMode)
		object->changed |= IMAGE_MODE;
	if (info.AccessTime || info.ModificationTime || info.ChangeTime || info.BirthTime)
		object->changed |= IMAGE_TIME;
}

static void note_information(const struct image_call *fact)
{
	struct image_handle *handle = fact_handle(fact, 1);
	uint32_t flags = (uint32_t)fact->call->parms[2].in;
	SHFLFSOBJINFO info;

	if (!handle || VBOX_FAILURE(fact->call->status) || (flags & SHFL_INFO_VOLUME))
		return;
	if (flags & SHFL_INFO_SET)
		note_set_info(fact, handle->object, flags);
	if (fact->call->parms[3].out >= sizeof(info) &&
	    fact_structure(fact, 4, true, &info, sizeof(info)))
		object_seen(handle->object, &info);
}

/* To the service, what ends with a delimiter is no pattern but all of a directory. */
static bool pattern_is_directory(const struct image_call *fact)
{
	char delimiter = fact->client->delimiter ? (char)fact->client->delimiter : '/';
	struct payload payload;
	char *text = NULL, *last;
	bool is_directory;

	if (payload_read(fact->image->trace, fact->call->parms[4].payload_in, &payload) < 0)
		return false;
	if (payload.data)
		text = trace_shflstring(payload.data, payload.captured, !fact->client->utf8);
	last = text ? strrchr(text, delimiter) : NULL;
	last = last ? last + 1 : text;
	is_directory = last && !*last;
	payload_clear(&payload);
	free(text);
	return is_directory;
}

/* A pattern names the directory that is searched, and what for. */
static struct image_object *list_directory(const struct image_call *fact,
					   const struct image_handle *handle, bool *ret_whole)
{
	char *path = NULL;
	struct image_entry *entry;
	char *last;

	*ret_whole = true;
	if (fact->call->parms[4].size > 0)
		path = fact_path(fact, 4);
	if (!path)
		return fact->call->parms[4].size > 0 ? NULL : handle->object;
	if (!pattern_is_directory(fact)) {
		last = strrchr(path, '/');
		last = last ? last : path;
		*ret_whole = strcmp(last, "/*") == 0 || strcmp(last, "*") == 0;
		*last = '\0';
	}
	entry = fact_walk(fact, fact->call->parms[0].in, path, IMAGE_ASSUME);
	free(path);
	return entry ? image_found(&fact->image->tree, entry) : NULL;
}

static void list_entry(struct image *image, struct image_object *directory,
		       const struct dirinfo *item)
{
	struct image_object *object;
	struct image_entry *entry;

	if (strcmp(item->name, "..") == 0)
		return;
	if (strcmp(item->name, ".") == 0) {
		object_seen(directory, &item->info);
		return;
	}
	entry = image_entry_get(directory, item->name);
	object = entry ? image_found(&image->tree, entry) : NULL;
	if (object)
		object_seen(object, &item->info);
}

/* False: some of the entries are not in the trace. */
static bool list_entries(const struct image_call *fact, struct image_object *directory)
{
	const struct trace_parm *parms = fact->call->parms;
	struct payload payload;
	struct dirinfo item;
	size_t position = 0, size;
	bool whole;

	if (payload_read(fact->image->trace, parms[5].payload_out, &payload) < 0)
		return false;
	whole = payload.captured >= parms[3].out;
	size = whole ? parms[3].out : payload.captured;
	while (dirinfo_next(payload.data, size, &position, !fact->client->utf8, &item) == 1) {
		list_entry(fact->image, directory, &item);
		free(item.name);
	}
	payload_clear(&payload);
	return whole;
}

static void note_list(const struct image_call *fact)
{
	struct image_handle *handle = fact_handle(fact, 1);
	const struct trace_parm *parms = fact->call->parms;
	struct image_object *directory;
	bool whole;

	if (!handle ||
	    (VBOX_FAILURE(fact->call->status) && fact->call->status != VERR_NO_MORE_FILES))
		return;
	directory = list_directory(fact, handle, &whole);
	if (!directory)
		return;
	object_type(directory, RTFS_TYPE_DIRECTORY);
	if (parms[2].in & SHFL_LIST_RESTART)
		handle->whole_listing = true;
	if (!list_entries(fact, directory))
		handle->whole_listing = false;
	if (handle->whole_listing && whole && parms[6].out == 0 && directory == handle->object)
		directory->listed = true;
}

static uint32_t removed_type(uint64_t flags)
{
	if (flags & SHFL_REMOVE_SYMLINK)
		return RTFS_TYPE_SYMLINK;
	return flags & SHFL_REMOVE_FILE ? RTFS_TYPE_FILE : RTFS_TYPE_DIRECTORY;
}

static void note_removed(const struct image_call *fact)
{
	struct image_entry *entry = fact_entry(fact, 0, 1, IMAGE_ASSUME);
	struct image_object *object;

	if (!entry || fact_is_root(entry))
		return;
	object = image_found(&fact->image->tree, entry);
	if (!object)
		return;
	object_type(object, removed_type(fact->call->parms[2].in));
	image_place(entry, NULL);
}

static void note_remove(const struct image_call *fact)
{
	struct image_object *object;

	switch (fact->call->status) {
	case VINF_SUCCESS:
		note_removed(fact);
		return;
	case VERR_FILE_NOT_FOUND:
		fact_missing(fact, 0, 1);
		return;
	case VERR_DIR_NOT_EMPTY:
		object = fact_found(fact, 0, 1);
		if (!object)
			return;
		object_type(object, RTFS_TYPE_DIRECTORY);
		if (object->initial && object->n_entries == 0)
			object->not_empty = true;
	}
}

static void note_close_and_remove(const struct image_call *fact)
{
	if (VBOX_SUCCESS(fact->call->status))
		handle_close(fact->image,
			     process_key(fact->call->process, fact->call->parms[3].in));
	note_remove(fact);
}

/* No directory can move into itself. */
static bool rename_possible(const struct image_call *fact)
{
	char *from = fact_path(fact, 1), *to = fact_path(fact, 2);
	size_t n = from ? strlen(from) : 0;
	bool possible = from && to && *from && *to &&
			(strncmp(from, to, n) != 0 || (to[n] != '/' && to[n] != '\0'));

	free(from);
	free(to);
	return possible;
}

static void note_renamed(const struct image_call *fact)
{
	struct image_entry *from, *to;
	struct image_object *object;

	if (!rename_possible(fact))
		return;
	from = fact_entry(fact, 0, 1, IMAGE_ASSUME);
	to = fact_entry(fact, 0, 2, IMAGE_ASSUME | IMAGE_KEEP_LAST);
	if (!from || !to || from == to)
		return;
	object = image_found(&fact->image->tree, from);
	if (!object)
		return;
	if (fact->call->parms[3].in == SHFL_RENAME_DIR)
		object_type(object, RTFS_TYPE_DIRECTORY);
	image_place(to, object);
	image_place(from, NULL);
}

static void note_rename(const struct image_call *fact)
{
	switch (fact->call->status) {
	case VINF_SUCCESS:
		note_renamed(fact);
		return;
	case VERR_FILE_NOT_FOUND:
		fact_missing(fact, 0, 1);
		return;
	case VERR_ALREADY_EXISTS:
		fact_found(fact, 0, 1);
		fact_found(fact, 0, 2);
	}
}

static void note_link_text(const struct image_call *fact, struct image_object *object)
{
	struct payload payload;

	object_type(object, RTFS_TYPE_SYMLINK);
	if (object->type != RTFS_TYPE_SYMLINK || (object->known & IMAGE_TEXT))
		return;
	if (payload_read(fact->image->trace, fact->call->parms[2].payload_out, &payload) < 0)
		return;
	if (payload.data)
		object->text = strndup((const char *)payload.data, payload.captured);
	if (object->text && *object->text)
		object->known |= IMAGE_TEXT;
	payload_clear(&payload);
}

static void note_readlink(const struct image_call *fact)
{
	struct image_object *object;

	if (fact->call->status == VERR_FILE_NOT_FOUND)
		fact_missing(fact, 0, 1);
	if (fact->call->status != VINF_SUCCESS && fact->call->status != VERR_NOT_SYMLINK)
		return;
	object = fact_found(fact, 0, 1);
	if (object && fact->call->status == VINF_SUCCESS)
		note_link_text(fact, object);
}

static void note_symlink(const struct image_call *fact)
{
	struct image_entry *entry;

	if (fact->call->status == VERR_ALREADY_EXISTS)
		fact_found(fact, 0, 1);
	if (fact->call->status != VINF_SUCCESS)
		return;
	entry = fact_entry(fact, 0, 1, IMAGE_ASSUME);
	if (entry)
		object_create(fact->image, entry, RTFS_TYPE_SYMLINK);
}

static void note_copy_file(const struct image_call *fact)
{
	struct image_object *object;
	struct image_entry *entry;

	if (fact->call->status == VERR_ALREADY_EXISTS)
		fact_found(fact, 2, 3);
	if (fact->call->status != VINF_SUCCESS)
		return;
	object = fact_found(fact, 0, 1);
	if (object)
		object_type(object, RTFS_TYPE_FILE);
	entry = fact_entry(fact, 2, 3, IMAGE_ASSUME | IMAGE_KEEP_LAST);
	if (entry)
		object_create(fact->image, entry, RTFS_TYPE_FILE);
}

static void note_copy_file_part(const struct image_call *fact)
{
	struct image_handle *to = fact_handle(fact, 4);
	uint64_t start = fact->call->parms[5].in;

	if (to && VBOX_SUCCESS(fact->call->status))
		object_written(fact->image, to->object, start, start + fact->call->parms[6].out);
}

static void note_map(const struct image_call *fact)
{
	bool caseless = fact->call->fn == SHFL_FN_MAP_FOLDER_OLD || !fact->call->parms[3].in;
	uint64_t root = fact->call->parms[1].out;
	char *name;

	if (VBOX_FAILURE(fact->call->status) || root >= SHFL_MAX_MAPPINGS)
		return;
	name = fact_string(fact, 0);
	if (name)
		image_map_root(fact->image, fact->call->process, root,
			       image_volume_of_name(fact->image, fact->call->process, name),
			       caseless);
	free(name);
}

/* clang-format off */
static void (*const facts[])(const struct image_call *fact) = {
	[SHFL_FN_CREATE] = note_create,
	[SHFL_FN_CLOSE] = note_close,
	[SHFL_FN_READ] = note_read,
	[SHFL_FN_WRITE] = note_write,
	[SHFL_FN_LIST] = note_list,
	[SHFL_FN_INFORMATION] = note_information,
	[SHFL_FN_REMOVE] = note_remove,
	[SHFL_FN_MAP_FOLDER_OLD] = note_map,
	[SHFL_FN_RENAME] = note_rename,
	[SHFL_FN_MAP_FOLDER] = note_map,
	[SHFL_FN_READLINK] = note_readlink,
	[SHFL_FN_SYMLINK] = note_symlink,
	[SHFL_FN_SET_FILE_SIZE] = note_set_size,
	[SHFL_FN_COPY_FILE] = note_copy_file,
	[SHFL_FN_COPY_FILE_PART] = note_copy_file_part,
	[SHFL_FN_CLOSE_AND_REMOVE] = note_close_and_remove,
};
/* clang-format on */

static void note_call(struct image *image, const struct trace_call *call)
{
	const struct shfl_fn_info *info = shfl_fn_find(call->fn);
	struct image_call fact = {image, call, image_client_of(image, call)};

	if (!info || !fact.client || (call->flags & TRACE_F_UNFINISHED))
		return;
	image_inherit(image, call, info);
	if (call->fn < sizeof(facts) / sizeof(facts[0]) && facts[call->fn] &&
	    call->n_parms == info->n_parms)
		facts[call->fn](&fact);
	client_note(fact.client, call);
}

static void note_connect(struct image *image, const struct trace_call *call)
{
	struct replay_client *client = calloc(1, sizeof(*client));

	free(map_take(&image->clients, client_key(call)));
	if (!client || map_put(&image->clients, client_key(call), client) < 0) {
		free(client);
		image->error = -ENOMEM;
	}
}

static void note_disconnect(struct image *image, const struct trace_call *call)
{
	struct image_handle *handle;
	size_t position = 0;
	uint64_t key;

	while ((handle = map_next(&image->handles, &position, &key))) {
		if (handle->client != client_key(call))
			continue;
		handle_close(image, key);
		position = 0; /* the slots behind it have moved */
	}
	free(map_take(&image->clients, client_key(call)));
}

/*
 * A share that could not be added may have been there already; but if nobody
 * has used it so far, then nothing but the refusal says so.
 */
static void note_share(struct image *image, const struct trace_call *call, const char *name,
		       const char *path)
{
	int status;

	if (VBOX_FAILURE(call->status) && image_has_share(image, call->process, name))
		return;
	status = image_add_share(image, call->process, name, path);
	if (status < 0)
		image->error = status;
}

static void note_host_call(struct image *image, const struct trace_call *call)
{
	struct replay_client utf16 = {0};
	struct image_call fact = {image, call, &utf16};
	char *first = fact_string(&fact, 0);
	char *second = call->fn == SHFL_FN_ADD_MAPPING ? fact_string(&fact, 1) : NULL;

	if (first && second)
		note_share(image, call, second, first);
	if (first && call->fn == SHFL_FN_REMOVE_MAPPING && VBOX_SUCCESS(call->status))
		image_remove_share(image, call->process, first);
	free(first);
	free(second);
}

void image_note(struct image *image, const struct trace_call *call)
{
	switch (call->kind) {
	case TRACE_CALL:
		note_call(image, call);
		return;
	case TRACE_HOST_CALL:
		note_host_call(image, call);
		return;
	case TRACE_CONNECT:
		note_connect(image, call);
		return;
	case TRACE_DISCONNECT:
		note_disconnect(image, call);
	}
}
