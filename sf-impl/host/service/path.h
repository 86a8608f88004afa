/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest strings, and how a guest's path becomes one beneath a share's root.
 * spec/shfl-service.md 3 and 7.
 */
#ifndef PATH_H
#define PATH_H

#include <limits.h>
#include <sys/stat.h>

#include "mapping.h"
#include "service.h"

/* The most bytes that a converted string may take: the rest is no path anyway. */
#define PATH_TEXT_MAX (4 * PATH_MAX)

/*
 * Whether a buffer of size bytes holds a well-formed string to read (in), or one
 * with sane sizes to fill in (out). The pointer may be odd.
 */
bool string_valid_in(const SHFLSTRING *string, uint32_t size, bool utf8);
bool string_valid_out(const SHFLSTRING *string, uint32_t size);

/* The two sizes, from wherever the string lies. */
uint16_t string_size(const SHFLSTRING *string);
uint16_t string_length(const SHFLSTRING *string);

/* A valid string as terminated UTF-8; VERR_FILENAME_TOO_LONG if it needs more than size. */
int32_t string_to_utf8(const SHFLSTRING *string, bool utf8, char *ret_text, size_t size);

/*
 * Appends the components of text to path, an absolute path without "." and ".."
 * and without a slash at the end ("" is the root), and resolves theirs on the
 * way. No slash is left at the end. VERR_FILENAME_TOO_LONG if size is too small.
 */
int32_t path_join(char *path, size_t size, const char *text, size_t length, char delimiter);

/* A guest's path, ready for the runtime. */
struct sf_path {
	struct mapping *mapping; /* its folder_fd is open */
	bool opened_unseen; /* RTFileOpen is asked before RTPathQueryInfo */
	bool is_known; /* that it exists: info is what was found there */
	struct stat info; /* as the client sees links */
	char text[PATH_MAX]; /* relative to the share, "." is the share itself */
};

#define PATH_KEEP_LAST 0x1u /* the last component is a new name: do not correct its case */
#define PATH_WILDCARDS 0x2u /* the last component may be a pattern */

/*
 * Resolves text lexically in the client's share. Failures: mapping_for_path's;
 * VERR_INVALID_NAME for bad characters and for paths that leave the share;
 * VERR_FILENAME_TOO_LONG.
 */
int32_t path_from_guest(const struct sf_client *client, uint32_t root, const SHFLSTRING *string,
			unsigned options, struct sf_path *ret_path);

/*
 * Where a share is mapped case-insensitive but its file system is not: components
 * that do not exist become the entries that differ by case alone. path_case.c.
 */
void path_correct_case(const struct sf_client *client, unsigned options, struct sf_path *path);

/* Whether a symlink's target has only characters that a path may have. */
int32_t path_check_target(const struct sf_client *client, const char *target);

/* Where the last component starts; slashes after it belong to it. */
size_t path_last_start(const char *path);

/* Cuts the last component off; the share itself stays. */
void path_strip_last(char *path);

/* The last component as names in listings are: the share's folder has a name, too. */
const char *path_last_name(const struct sf_path *path);

/* Whether the directory that the path's last component is in does not exist. */
bool path_parent_is_missing(const struct sf_path *path);

#endif
