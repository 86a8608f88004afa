/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory that a replay runs in: one subdirectory for each shared host
 * directory, so that two shares of one directory stay two views of it.
 */
#ifndef REPLAY_SCRATCH_H
#define REPLAY_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#define SCRATCH_MAX_SHARES 512 /* distinct host directories of one trace */

struct scratch_share {
	char *key; /* what the trace calls the host directory */
	char *path; /* what stands for it here: absolute */
	bool real; /* a directory of the user's own, not in the scratch directory */
};

/* Instead of a scratch directory, a share gets this one, with the files that are in it. */
struct scratch_onto {
	const char *name; /* of the share */
	const char *path; /* absolute */
};

struct scratch {
	char *path; /* absolute */
	bool ours; /* made by scratch_create() */
	const struct scratch_onto *onto; /* the caller's */
	size_t n_onto;
	struct scratch_share shares[SCRATCH_MAX_SHARES];
	size_t n_shares;
	char *in_the_way; /* the directory that could not be made for a share, or NULL */
};

/*
 * Makes a directory under $TMPDIR, or takes "dir" if that is not NULL: it is
 * made, or must be empty (-ENOTEMPTY) unless "used". 0 or negative errno.
 */
int scratch_create(const char *dir, bool used, struct scratch *ret);

/*
 * The directory for a key, made when it is first asked for unless the share
 * "name" has one of the user's. The name may hold anything. -ENOSPC: too many;
 * -EEXIST: something is there, ->in_the_way.
 */
int scratch_share(struct scratch *scratch, const char *key, const char *name,
		  const struct scratch_share **ret);

/* Removes everything in it, and the directory itself if it was made here. */
int scratch_remove(struct scratch *scratch);

/* Forgets it and leaves the files. */
void scratch_clear(struct scratch *scratch);

#endif
