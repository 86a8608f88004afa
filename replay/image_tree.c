/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects live in one list; entries belong to their directory's hash table. */
#include "image_tree.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IMAGE_FIRST_BUCKETS 8

struct image_object *image_object_new(struct image_tree *tree, bool initial, unsigned depth)
{
	struct image_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->id = ++tree->last_id;
	object->initial = initial;
	object->depth = depth;
	object->next = tree->objects;
	object->link = &tree->objects;
	if (object->next)
		object->next->link = &object->next;
	tree->objects = object;
	return object;
}

static void image_object_free(struct image_object *object)
{
	for (size_t i = 0; i < object->n_buckets; i++) {
		struct image_entry *entry = object->buckets[i], *next;

		for (; entry; entry = next) {
			next = entry->next;
			free(entry);
		}
	}
	*object->link = object->next;
	if (object->next)
		object->next->link = object->link;
	ranges_clear(&object->told);
	free(object->buckets);
	free(object->text);
	free(object);
}

/* The same for names that differ by case. */
static size_t image_hash(const char *name)
{
	size_t hash = 5381;

	while (*name)
		hash = hash * 33 + (unsigned char)tolower((unsigned char)*name++);
	return hash;
}

/* A directory of the trace's own forgets a name as soon as nothing has it. */
static void image_entry_forget(struct image_entry *entry)
{
	struct image_object *directory = entry->directory;
	struct image_entry **link;

	if (!directory || (directory->initial && !directory->listed))
		return;
	if (entry->initial || entry->now)
		return;
	link = &directory->buckets[image_hash(entry->name) & (directory->n_buckets - 1)];
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	directory->n_entries--;
	free(entry);
}

void image_object_unuse(struct image_object *object)
{
	if (--object->users == 0 && !object->initial && object->n_entries == 0)
		image_object_free(object);
}

static int image_widen(struct image_object *directory)
{
	size_t n = directory->n_buckets ? directory->n_buckets * 2 : IMAGE_FIRST_BUCKETS;
	struct image_entry **buckets = calloc(n, sizeof(struct image_entry *));

	if (!buckets)
		return -1;
	for (size_t i = 0; i < directory->n_buckets; i++) {
		struct image_entry *entry = directory->buckets[i], *next;

		for (; entry; entry = next) {
			struct image_entry **head = &buckets[image_hash(entry->name) & (n - 1)];

			next = entry->next;
			entry->next = *head;
			*head = entry;
		}
	}
	free(directory->buckets);
	directory->buckets = buckets;
	directory->n_buckets = n;
	return 0;
}

static bool image_name_valid(const char *name, size_t length)
{
	return length > 0 && length <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static struct image_entry *image_entry_add(struct image_object *directory, const char *name)
{
	size_t length = strlen(name);
	struct image_entry *entry, **head;

	if (!image_name_valid(name, length))
		return NULL;
	if (directory->n_entries >= directory->n_buckets && image_widen(directory) < 0)
		return NULL;
	entry = calloc(1, sizeof(*entry) + length + 1);
	if (!entry)
		return NULL;
	memcpy(entry->name, name, length);
	entry->directory = directory;
	entry->known = !directory->initial || directory->listed;
	head = &directory->buckets[image_hash(name) & (directory->n_buckets - 1)];
	entry->next = *head;
	*head = entry;
	directory->n_entries++;
	return entry;
}

struct image_entry *image_entry_get(struct image_object *directory, const char *name)
{
	struct image_entry *entry = NULL;

	if (directory->n_buckets)
		entry = directory->buckets[image_hash(name) & (directory->n_buckets - 1)];
	while (entry && strcmp(entry->name, name) != 0)
		entry = entry->next;
	return entry ? entry : image_entry_add(directory, name);
}

/* As image_entry_get(), but one that exists under almost that name will do, too. */
static struct image_entry *image_entry_like(struct image_object *directory, const char *name)
{
	struct image_entry *entry = image_entry_get(directory, name), *like;

	if (!entry || entry->now)
		return entry;
	like = directory->buckets[image_hash(name) & (directory->n_buckets - 1)];
	while (like && (!like->now || strcasecmp(like->name, name) != 0))
		like = like->next;
	return like ? like : entry;
}

struct image_object *image_found(struct image_tree *tree, struct image_entry *entry)
{
	struct image_object *object;

	if (entry->known)
		return entry->now;
	if (entry->directory->depth >= IMAGE_MAX_DEPTH)
		return NULL;
	object = image_object_new(tree, true, entry->directory->depth + 1);
	if (!object)
		return NULL;
	object->users = 1;
	entry->known = true;
	entry->initial = object;
	entry->now = object;
	return object;
}

void image_missing(struct image_entry *entry)
{
	entry->known = true;
	image_entry_forget(entry);
}

void image_place(struct image_entry *entry, struct image_object *object)
{
	struct image_object *before = entry->now;

	entry->known = true;
	entry->now = object;
	if (object)
		object->users++;
	if (before)
		image_object_unuse(before);
	image_entry_forget(entry);
}

/* The directory that an entry on the way stands for. */
static struct image_object *image_enter(struct image_tree *tree, struct image_entry *entry,
					bool assume)
{
	struct image_object *object = assume ? image_found(tree, entry) : entry->now;

	if (!object)
		return NULL;
	if (!((object->known | object->changed) & IMAGE_TYPE)) {
		if (!assume)
			return NULL;
		object->type = RTFS_TYPE_DIRECTORY;
		object->known |= IMAGE_TYPE;
	}
	return object->type == RTFS_TYPE_DIRECTORY ? object : NULL;
}

struct image_entry *image_walk(struct image_tree *tree, struct image_entry *from, const char *path,
			       unsigned way)
{
	struct image_entry *entry = from;
	char name[NAME_MAX + 1];

	while (entry && *path) {
		size_t n = strcspn(path, "/");
		struct image_object *directory = image_enter(tree, entry, way & IMAGE_ASSUME);
		bool exact = !(way & IMAGE_IGNORE_CASE) || (!path[n] && (way & IMAGE_KEEP_LAST));

		if (!directory || n > NAME_MAX)
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		entry = exact ? image_entry_get(directory, name)
			      : image_entry_like(directory, name);
		path += n + (path[n] != '\0');
	}
	return entry;
}

void image_tree_clear(struct image_tree *tree)
{
	while (tree->objects)
		image_object_free(tree->objects);
}
