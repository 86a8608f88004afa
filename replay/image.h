/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of the shares that a trace proves to have been there before its
 * first call. One pass over the trace keeps a model of the tree as the calls
 * change it; what a call finds without an earlier one having made it existed
 * before. Contents come from READ payload and go to disk at once, so memory
 * grows with the number of files, not with the trace.
 */
#ifndef REPLAY_IMAGE_H
#define REPLAY_IMAGE_H

#include "scratch.h"
#include "trace.h"

struct image_share {
	char *name; /* of a share that the trace maps or uses but never saw added */
	uint32_t process; /* whose it is; 0: not known */
	const char *path; /* its directory, owned by the scratch directory */
	uint32_t flags; /* SHFL_ADD_MAPPING_F_* that agree with what was refused */
};

/* A client that the trace never saw connect, and a root that it never saw it map. */
struct image_client {
	uint64_t key; /* client_key() */
	bool utf8;
	bool links; /* it saw symbolic links */
};

struct image_root {
	uint64_t client; /* client_key() */
	uint64_t root; /* recorded */
	size_t share; /* index in inherited, IMAGE_MAPPED: it mapped the root in the trace */
};

#define IMAGE_MAPPED SIZE_MAX

struct image_result {
	struct image_share *inherited; /* in the order in which they were mapped */
	size_t n_inherited;
	struct image_client *clients; /* inherited ones, in the order of their first calls */
	size_t n_clients;
	struct image_root *roots; /* what inherited clients had mapped */
	size_t n_roots;
	uint32_t umask; /* that the recorded service must have had */
	int64_t built; /* files, directories and links made */
	int64_t unbuilt; /* known of, but cannot be made here: devices, too deep or too big */
};

/* What a trace does not tell of a file that was there before it. */
enum image_lack {
	IMAGE_LACKS_TYPE = 0x1,
	IMAGE_LACKS_MODE = 0x2,
	IMAGE_LACKS_SIZE = 0x4,
	IMAGE_LACKS_TIME = 0x8,
	IMAGE_LACKS_TEXT = 0x10, /* of a link: the right length at best */
	IMAGE_LACKS_CONTENTS = 0x20, /* bytes that stand for unread ones are zero */
	IMAGE_LACKS_NAMES = 0x40, /* of a directory: there may have been others */
	IMAGE_LACKS_FILE = 0x80 /* it was there, but cannot be made here */
};

struct image_gap {
	const char *share; /* its directory */
	const char *path; /* in the share, "/" is its root; valid during the visit */
	uint32_t type; /* RTFS_TYPE_*; 0: nobody saw it */
	unsigned lacks; /* IMAGE_LACKS_*, never 0 */
	int64_t size; /* -1: not known */
	int64_t read; /* bytes of it that are known */
};

struct image_options {
	int64_t to; /* nothing is taken from this call and later ones; 0: from all */
	/* Visits every file of which something is not known, by path; may be NULL. */
	void (*gap)(void *user, const struct image_gap *gap);
	void *user;
};

/*
 * Rebuilds the state before the first call in the scratch directory. Nothing
 * outside of it is written, whatever the trace says.
 */
int image_rebuild(struct trace *trace, const struct image_options *options, struct scratch *scratch,
		  struct image_result *ret);

void image_result_clear(struct image_result *result);

#endif
