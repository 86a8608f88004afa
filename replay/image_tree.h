/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of the shares' trees. An object is a file, directory or link; a
 * directory's entry knows which object the name stood for before the trace
 * and which one it stands for now. Paths are those of client_path().
 */
#ifndef REPLAY_IMAGE_TREE_H
#define REPLAY_IMAGE_TREE_H

#include "ranges.h"
#include "shfl.h"

#define IMAGE_MAX_DEPTH 400 /* directories above an object; each costs a descriptor to build */

/* What is known of an object. */
#define IMAGE_TYPE 0x1u
#define IMAGE_MODE 0x2u
#define IMAGE_SIZE 0x4u
#define IMAGE_TIME 0x8u
#define IMAGE_TEXT 0x10u

struct image_object {
	struct image_object *next, **link; /* all objects of a tree */
	uint64_t id;
	uint32_t type; /* RTFS_TYPE_* */
	uint32_t mode; /* permission bits */
	int64_t size;
	int64_t access_ns, time_ns; /* of the last access and modification */
	char *text; /* of a link */
	uint8_t known; /* IMAGE_*: of its state before the trace */
	uint8_t changed; /* IMAGE_*: by the trace, so that it tells no more */
	bool initial; /* was there before the trace */
	bool listed; /* directory: all of its names are known */
	bool not_empty; /* directory: a removal failed for what is in it */
	bool has_data; /* file: something of its contents is staged */
	bool unbuilt; /* was there, and could not be made here */
	unsigned depth; /* as it was before the trace */
	unsigned users; /* open handles, and the entry that it has now */
	struct ranges told; /* contents read, or overwritten before they were */
	int64_t staged; /* bytes: those that were read */
	struct image_entry **buckets;
	size_t n_buckets, n_entries;
};

struct image_entry {
	struct image_entry *next; /* in its bucket */
	struct image_object *directory;
	struct image_object *initial; /* NULL: the name was free, or nothing is known */
	struct image_object *now; /* NULL: the name is free, or nothing is known */
	bool known;
	char name[]; /* a name that can exist: no '/', at most 255 bytes, not ".." */
};

struct image_tree {
	struct image_object *objects;
	uint64_t last_id;
};

/* A new object that is in no directory yet; NULL: no memory. */
struct image_object *image_object_new(struct image_tree *tree, bool initial, unsigned depth);

/* One handle or entry less; forgets an object that neither was nor is anywhere. */
void image_object_unuse(struct image_object *object);

/* The entry of a directory, made if there is none; NULL: no such name, or no memory. */
struct image_entry *image_entry_get(struct image_object *directory, const char *name);

/* How a path is walked. */
enum image_way {
	IMAGE_ASSUME = 0x1, /* directories that are not known are taken to have existed */
	IMAGE_IGNORE_CASE = 0x2, /* what exists may be spelt with other letters a to z */
	IMAGE_KEEP_LAST = 0x4, /* ... but for the last name, which is a new one */
};

/*
 * The entry that a path leads to from an entry. way: IMAGE_*; without IMAGE_ASSUME
 * the unknown ends the walk. NULL: the model knows better.
 */
struct image_entry *image_walk(struct image_tree *tree, struct image_entry *from, const char *path,
			       unsigned way);

/* The object of a name that was seen to exist; NULL: the model says that it can't. */
struct image_object *image_found(struct image_tree *tree, struct image_entry *entry);

/* A name that was seen to be free. The entry may be gone then. */
void image_missing(struct image_entry *entry);

/*
 * A name that gets a new object, or (NULL) none. Forgets the one it had; the
 * entry may be gone then.
 */
void image_place(struct image_entry *entry, struct image_object *object);

void image_tree_clear(struct image_tree *tree);

#endif
