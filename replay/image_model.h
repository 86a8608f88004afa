/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of image.h share: the model while the pass over the trace runs. */
#ifndef REPLAY_IMAGE_MODEL_H
#define REPLAY_IMAGE_MODEL_H

#include "client.h"
#include "image.h"
#include "image_tree.h"
#include "map.h"
#include "payload.h"

/* A shared host directory; several shares may be views of one. */
struct image_volume {
	const char *path; /* in the scratch directory */
	bool real; /* its files are there, and nothing is made */
	int inherited; /* index of the share in the result, -1: it was added */
	struct image_entry *root; /* nameless */
};

/* A share under its name; a later one of the same name comes first. */
struct image_name {
	struct image_name *next;
	uint32_t process; /* whose it is; 0: not known */
	struct image_volume *volume;
	char text[];
};

struct image_handle {
	struct image_object *object;
	uint64_t client; /* client_key() */
	bool append;
	bool whole_listing; /* listed from the beginning so far */
};

struct image {
	struct trace *trace;
	struct scratch *scratch;
	struct image_result *result;
	struct image_tree tree;
	struct image_volume volumes[SCRATCH_MAX_SHARES];
	size_t n_volumes;
	struct image_name *names;
	struct map roots; /* process and root: struct image_volume */
	struct map caseless_roots; /* of these, those whose guests ignore case */
	struct map clients; /* client_key(): struct replay_client */
	struct map handles; /* process and handle: struct image_handle */
	int stage_fd; /* directory of contents until the tree is built */
	int data_fd; /* the staged file that was written last, -1: none */
	uint64_t data_id;
	int error; /* first one of those that make the image worthless */
};

/* Learns from one event of the trace. */
void image_note(struct image *image, const struct trace_call *call);

/* The volume that a root stands for, NULL if no share was mapped to it. */
struct image_volume *image_volume_of_root(const struct image *image, uint32_t process,
					  uint64_t root);

/* Whether the guests that mapped a root take "a" and "A" for the same name. */
bool image_root_is_caseless(const struct image *image, uint32_t process, uint64_t root);

/* A root stands for this volume from now on; NULL: for none. */
void image_map_root(struct image *image, uint32_t process, uint64_t root,
		    struct image_volume *volume, bool caseless);

/* A share was added; it is a view of the host directory "key". */
int image_add_share(struct image *image, uint32_t process, const char *name, const char *key);
void image_remove_share(struct image *image, uint32_t process, const char *name);
bool image_has_share(const struct image *image, uint32_t process, const char *name);

/* The volume of a share; one that the trace never saw added becomes inherited. */
struct image_volume *image_volume_of_name(struct image *image, uint32_t process, const char *name);

/* The client that makes a call; one that was there before the trace is taken for connected. */
struct replay_client *image_client_of(struct image *image, const struct trace_call *call);

/* What a call of an inherited client tells about the roots and the ways that it had before. */
void image_inherit(struct image *image, const struct trace_call *call,
		   const struct shfl_fn_info *info);

/* Stages what a READ at "start" returned, where nothing older is known. */
void image_data_read(struct image *image, struct image_object *object, uint64_t start,
		     const struct payload *payload, uint32_t count);

/* Moves the staged contents of an object to its name in an open directory. */
int image_data_place(struct image *image, const struct image_object *object, int directory_fd,
		     const char *name);

/* Removes what is staged of an object and was not placed. */
void image_data_drop(struct image *image, const struct image_object *object);

/* Makes the files of all volumes. */
int image_build(struct image *image);

/* Visits what the model does not know. */
int image_tell_gaps(const struct image *image, const struct image_options *options);

#endif
