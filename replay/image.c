/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pass over the trace, and the shares that the tree hangs from. */
#include "image_model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_STAGE ".sftrace-contents" /* no share's directory: those begin with a number */

struct image_volume *image_volume_of_root(const struct image *image, uint32_t process,
					  uint64_t root)
{
	return map_get(&image->roots, process_key(process, root));
}

bool image_root_is_caseless(const struct image *image, uint32_t process, uint64_t root)
{
	return map_get(&image->caseless_roots, process_key(process, root)) != NULL;
}

static void root_set(struct image *image, struct map *map, uint64_t key,
		     struct image_volume *volume)
{
	if (!volume)
		map_take(map, key);
	else if (map_put(map, key, volume) < 0)
		image->error = -ENOMEM;
}

void image_map_root(struct image *image, uint32_t process, uint64_t root,
		    struct image_volume *volume, bool caseless)
{
	uint64_t key = process_key(process, root);

	root_set(image, &image->roots, key, volume);
	root_set(image, &image->caseless_roots, key, caseless ? volume : NULL);
}

static int volume_init(struct image *image, struct image_volume *volume, const char *path)
{
	struct image_object *root = image_object_new(&image->tree, true, 0);

	volume->root = calloc(1, sizeof(*volume->root) + 1);
	volume->path = path;
	volume->inherited = -1;
	if (!root || !volume->root)
		return -ENOMEM; /* the tree owns the object, image_clear() frees the entry */
	root->type = RTFS_TYPE_DIRECTORY;
	root->known = IMAGE_TYPE;
	root->users = 1;
	volume->root->initial = root;
	volume->root->now = root;
	volume->root->known = true;
	return 0;
}

/* The volume for a host directory, by its directory in the scratch directory. */
static int volume_get(struct image *image, const char *key, const char *name,
		      struct image_volume **ret)
{
	const struct scratch_share *share;
	int status = scratch_share(image->scratch, key, name, &share);
	size_t i = 0;

	if (status < 0)
		return status;
	while (i < image->n_volumes && image->volumes[i].path != share->path)
		i++;
	if (i == image->n_volumes) {
		image->n_volumes++;
		image->volumes[i].real = share->real;
		status = volume_init(image, &image->volumes[i], share->path);
	}
	*ret = &image->volumes[i];
	return status;
}

int image_add_share(struct image *image, uint32_t process, const char *name, const char *key)
{
	size_t size = strlen(name) + 1;
	struct image_name *item = malloc(sizeof(*item) + size);
	int status;

	if (!item)
		return -ENOMEM;
	status = volume_get(image, key, name, &item->volume);
	if (status < 0) {
		free(item);
		return status;
	}
	item->process = process;
	memcpy(item->text, name, size);
	item->next = image->names;
	image->names = item;
	return 0;
}

/* Processes may have shares of one name. */
static bool image_name_is(const struct image_name *item, uint32_t process, const char *name)
{
	return (!item->process || item->process == process) && strcasecmp(item->text, name) == 0;
}

void image_remove_share(struct image *image, uint32_t process, const char *name)
{
	struct image_name **link = &image->names;

	while (*link) {
		struct image_name *item = *link;

		if (!image_name_is(item, process, name)) {
			link = &item->next;
			continue;
		}
		*link = item->next;
		free(item);
	}
}

#define IMAGE_INHERITED_FLAGS (SHFL_ADD_MAPPING_F_WRITABLE | SHFL_ADD_MAPPING_F_CREATE_SYMLINKS)

/* Another process's share of the same name is another directory, as far as the trace tells. */
static char *inherited_key(const struct image_result *result, uint32_t process, const char *name)
{
	size_t i = 0;
	char *key;

	while (i < result->n_inherited && strcmp(result->inherited[i].name, name) != 0)
		i++;
	if (i == result->n_inherited || result->inherited[i].process == process)
		return strdup(name);
	return asprintf(&key, "%s of process %" PRIu32, name, process) < 0 ? NULL : key;
}

static struct image_volume *inherit_share(struct image *image, uint32_t process, const char *name)
{
	struct image_result *result = image->result;
	char *key = inherited_key(result, process, name);
	struct image_share *wider =
		reallocarray(result->inherited, result->n_inherited + 1, sizeof(*wider));
	struct image_share *share;
	int status;

	if (wider)
		result->inherited = wider;
	if (!wider || !key) {
		free(key);
		return NULL;
	}
	/* A name is no absolute path, so it is no other share's key. */
	status = *name == '/' ? -EINVAL : image_add_share(image, process, name, key);
	free(key);
	if (status == -EEXIST)
		image->error = status;
	if (status < 0)
		return NULL;
	share = &result->inherited[result->n_inherited];
	share->name = strdup(name);
	share->process = process;
	share->path = image->names->volume->path;
	share->flags = IMAGE_INHERITED_FLAGS;
	if (!share->name)
		return NULL;
	image->names->volume->inherited = (int)result->n_inherited++;
	return image->names->volume;
}

static struct image_name *image_find_share(const struct image *image, uint32_t process,
					   const char *name)
{
	struct image_name *item = image->names;

	while (item && !image_name_is(item, process, name))
		item = item->next;
	return item;
}

bool image_has_share(const struct image *image, uint32_t process, const char *name)
{
	return image_find_share(image, process, name) != NULL;
}

struct image_volume *image_volume_of_name(struct image *image, uint32_t process, const char *name)
{
	struct image_name *item = image_find_share(image, process, name);

	return item ? item->volume : inherit_share(image, process, name);
}

static int image_read(struct image *image, int64_t to)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	uint32_t process = 0;
	int ret = trace_events(image->trace, &cursor);

	if (ret < 0)
		return ret;
	while ((ret = trace_next(cursor, &call)) == 1 && !image->error) {
		if (to && call.call_id >= to)
			break;
		client_guess_process(&call, &process);
		image_note(image, &call);
	}
	trace_cursor_close(cursor);
	return ret < 0 ? ret : image->error;
}

static int stage_open(struct image *image)
{
	char *path;
	int ret = 0;

	if (asprintf(&path, "%s/%s", image->scratch->path, IMAGE_STAGE) < 0)
		return -ENOMEM;
	if (mkdir(path, 0700) == 0)
		image->stage_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (image->stage_fd < 0)
		ret = -errno;
	free(path);
	return ret;
}

/* What is left there belongs to files that could not be built. */
static void stage_close(struct image *image)
{
	if (image->data_fd >= 0)
		close(image->data_fd);
	if (image->stage_fd < 0)
		return;
	for (struct image_object *object = image->tree.objects; object; object = object->next)
		if (object->has_data)
			image_data_drop(image, object);
	unlinkat(image->stage_fd, "../" IMAGE_STAGE, AT_REMOVEDIR);
	close(image->stage_fd);
}

static void image_clear(struct image *image)
{
	stage_close(image);
	map_clear(&image->handles, free);
	map_clear(&image->clients, free);
	map_clear(&image->roots, NULL);
	map_clear(&image->caseless_roots, NULL);
	while (image->names) {
		struct image_name *next = image->names->next;

		free(image->names);
		image->names = next;
	}
	for (size_t i = 0; i < image->n_volumes; i++)
		free(image->volumes[i].root);
	image_tree_clear(&image->tree);
	free(image);
}

int image_rebuild(struct trace *trace, const struct image_options *options, struct scratch *scratch,
		  struct image_result *ret)
{
	struct image *image = calloc(1, sizeof(*image));
	int status;

	if (!image)
		return -ENOMEM;
	memset(ret, 0, sizeof(*ret));
	image->trace = trace;
	image->scratch = scratch;
	image->result = ret;
	image->stage_fd = -1;
	image->data_fd = -1;
	status = stage_open(image);
	if (!status)
		status = image_read(image, options->to);
	if (!status)
		status = image_build(image);
	if (!status && options->gap)
		status = image_tell_gaps(image, options);
	image_clear(image);
	if (status < 0)
		image_result_clear(ret);
	return status;
}

void image_result_clear(struct image_result *result)
{
	for (size_t i = 0; i < result->n_inherited; i++)
		free(result->inherited[i].name);
	free(result->inherited);
	free(result->clients);
	free(result->roots);
	memset(result, 0, sizeof(*result));
}
