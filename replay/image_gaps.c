/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the trace does not tell about the state before it, file by file. */
#include "image_model.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct gap_walk {
	const struct image_options *options;
	const char *share;
	char *path; /* of the file that is looked at; grows */
	size_t room;
};

/* The attributes that each bit of image_object.known stands for. */
static const struct {
	uint8_t known;
	unsigned lacks;
} gap_attributes[] = {
	{IMAGE_TYPE, IMAGE_LACKS_TYPE},
	{IMAGE_MODE, IMAGE_LACKS_MODE},
	{IMAGE_TIME, IMAGE_LACKS_TIME},
};

static unsigned gap_of_type(const struct image_object *object)
{
	bool sized = object->known & IMAGE_SIZE;

	switch (object->type) {
	case RTFS_TYPE_FILE:
		if (!sized)
			return IMAGE_LACKS_SIZE | IMAGE_LACKS_CONTENTS;
		return object->staged < object->size ? IMAGE_LACKS_CONTENTS : 0;
	case RTFS_TYPE_SYMLINK:
		return object->known & IMAGE_TEXT ? 0 : IMAGE_LACKS_TEXT;
	case RTFS_TYPE_DIRECTORY:
		return object->listed ? 0 : IMAGE_LACKS_NAMES;
	default:
		return 0;
	}
}

static unsigned gap_of(const struct image_object *object)
{
	unsigned lacks = gap_of_type(object);

	if (object->unbuilt)
		return IMAGE_LACKS_FILE;
	for (size_t i = 0; i < sizeof(gap_attributes) / sizeof(gap_attributes[0]); i++)
		if (!(object->known & gap_attributes[i].known))
			lacks |= gap_attributes[i].lacks;
	if (object->type == RTFS_TYPE_SYMLINK) /* nobody can set these of a link */
		lacks &= ~(unsigned)(IMAGE_LACKS_MODE | IMAGE_LACKS_TIME);
	return lacks;
}

static void gap_visit(const struct gap_walk *walk, const struct image_object *object)
{
	struct image_gap gap = {
		.share = walk->share,
		.path = *walk->path ? walk->path : "/",
		.type = object->known & IMAGE_TYPE ? object->type : 0,
		.lacks = gap_of(object),
		.size = object->known & IMAGE_SIZE ? object->size : -1,
		.read = object->staged,
	};

	if (gap.lacks)
		walk->options->gap(walk->options->user, &gap);
}

static int gap_order(const void *a, const void *b)
{
	const struct image_entry *const *first = a, *const *second = b;

	return strcmp((*first)->name, (*second)->name);
}

/* What was in a directory before the trace, by name; malloc'd. */
static const struct image_entry **gap_entries(const struct image_object *directory, size_t *ret_n)
{
	const struct image_entry **entries =
		calloc(directory->n_entries + 1, sizeof(struct image_entry *));
	size_t n = 0;

	for (size_t i = 0; entries && i < directory->n_buckets; i++)
		for (const struct image_entry *entry = directory->buckets[i]; entry;
		     entry = entry->next)
			if (entry->initial)
				entries[n++] = entry;
	if (entries)
		qsort(entries, n, sizeof(struct image_entry *), gap_order);
	*ret_n = n;
	return entries;
}

/* Appends a name to the path; the length is then that of both. */
static int gap_enter(struct gap_walk *walk, size_t *length, const char *name)
{
	size_t n = strlen(name), wanted = *length + n + 2;

	if (wanted > walk->room) {
		char *path = realloc(walk->path, wanted * 2);

		if (!path)
			return -ENOMEM;
		walk->path = path;
		walk->room = wanted * 2;
	}
	walk->path[(*length)++] = '/';
	memcpy(walk->path + *length, name, n + 1);
	*length += n;
	return 0;
}

static int gap_walk(struct gap_walk *walk, const struct image_object *object, size_t length)
{
	size_t n;
	const struct image_entry **entries;
	int ret = 0;

	gap_visit(walk, object);
	if (object->n_entries == 0 || object->unbuilt)
		return 0;
	entries = gap_entries(object, &n);
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < n && !ret; i++) {
		size_t below = length;

		ret = gap_enter(walk, &below, entries[i]->name);
		if (!ret)
			ret = gap_walk(walk, entries[i]->initial, below);
		walk->path[length] = '\0';
	}
	free(entries);
	return ret;
}

int image_tell_gaps(const struct image *image, const struct image_options *options)
{
	struct gap_walk walk = {.options = options, .path = calloc(1, PATH_MAX), .room = PATH_MAX};
	int ret = walk.path ? 0 : -ENOMEM;

	for (size_t i = 0; i < image->n_volumes && !ret; i++) {
		walk.share = image->volumes[i].path;
		ret = gap_walk(&walk, image->volumes[i].root->initial, 0);
	}
	free(walk.path);
	return ret;
}
