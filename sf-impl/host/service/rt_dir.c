/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories: enumeration, attributes, creation and removal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt.h"

struct rt_dir {
	DIR *stream;
	bool is_root; /* of the share: its ".." is not shown */
	char *filter; /* NULL: everything */
	char path[]; /* as it was opened, for links that are followed */
};

static bool is_same_object(int left, int right)
{
	struct stat l, r;

	return !fstat(left, &l) && !fstat(right, &r) && l.st_dev == r.st_dev &&
	       l.st_ino == r.st_ino;
}

/* Takes fd over, also on failure. */
static int32_t dir_make(int root, int fd, const char *path, const char *filter,
			struct rt_dir **ret_dir)
{
	struct rt_dir *dir = calloc(1, sizeof(*dir) + strlen(path) + 1);

	if (dir && filter)
		dir->filter = strdup(filter);
	if (dir && (dir->filter || !filter))
		dir->stream = fdopendir(fd);
	if (!dir || !dir->stream) {
		if (dir)
			free(dir->filter);
		free(dir);
		close(fd);
		return VERR_NO_MEMORY;
	}
	strcpy(dir->path, path);
	dir->is_root = is_same_object(root, fd);
	*ret_dir = dir;
	return VINF_SUCCESS;
}

HOP int32_t RTDirOpen(int root, const char *path, const char *filter, struct rt_dir **ret_dir)
{
	int fd = rt_beneath_open(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);

	if (fd < 0)
		return RTErrConvertFromErrno(-fd);
	return dir_make(root, fd, path, filter, ret_dir);
}

HOP void RTDirClose(struct rt_dir *dir)
{
	closedir(dir->stream);
	free(dir->filter);
	free(dir);
}

/* What a link in this directory leads to, resolved from the share's root. */
static int32_t query_target(const struct rt_dir *dir, int root, const char *name,
			    struct stat *ret_info)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/%s", dir->path, name);

	if (length < 0 || (size_t)length >= sizeof(path))
		return VERR_FILENAME_TOO_LONG;
	return RTPathQueryInfo(root, path, true, ret_info);
}

static int32_t query_entry(const struct rt_dir *dir, int root, const char *name, bool follow,
			   struct stat *ret_info)
{
	struct stat info;

	if (dir->is_root && !strcmp(name, ".."))
		name = ".";
	if (fstatat(dirfd(dir->stream), name, &info, AT_SYMLINK_NOFOLLOW))
		return RTErrConvertFromErrno(errno);
	if (follow && S_ISLNK(info.st_mode))
		return query_target(dir, root, name, ret_info);
	*ret_info = info;
	return VINF_SUCCESS;
}

static const struct dirent *next_match(struct rt_dir *dir)
{
	const struct dirent *found;

	do {
		errno = 0;
		found = readdir(dir->stream);
	} while (found && dir->filter && !rt_filter_matches(dir->filter, found->d_name));
	return found;
}

const char *rt_dir_next_name(struct rt_dir *dir)
{
	const struct dirent *found = next_match(dir);

	return found ? found->d_name : NULL;
}

HOP int32_t RTDirRead(struct rt_dir *dir, int root, bool follow, struct rt_dir_entry *ret_entry)
{
	const struct dirent *found = next_match(dir);

	if (!found)
		return errno ? RTErrConvertFromErrno(errno) : VERR_NO_MORE_FILES;
	ret_entry->name = found->d_name;
	if (query_entry(dir, root, found->d_name, follow, &ret_entry->info) == VINF_SUCCESS)
		return VINF_SUCCESS;
	memset(&ret_entry->info, 0, sizeof(ret_entry->info));
	ret_entry->info.st_mode = DTTOIF(found->d_type);
	return VWRN_NO_DIRENT_INFO;
}

HOP void RTDirRewind(struct rt_dir *dir)
{
	rewinddir(dir->stream);
}

HOP int32_t RTDirQueryInfo(struct rt_dir *dir, struct stat *ret_info)
{
	return fstat(dirfd(dir->stream), ret_info) ? RTErrConvertFromErrno(errno) : VINF_SUCCESS;
}

HOP int32_t RTDirSetTimes(struct rt_dir *dir, const struct timespec times[2])
{
	return futimens(dirfd(dir->stream), times) ? RTErrConvertFromErrno(errno) : VINF_SUCCESS;
}

HOP int32_t RTDirSetMode(struct rt_dir *dir, mode_t mode)
{
	return fchmod(dirfd(dir->stream), mode) ? RTErrConvertFromErrno(errno) : VINF_SUCCESS;
}

static int make(int dir, const char *name, const void *mode)
{
	return mkdirat(dir, name, *(const mode_t *)mode);
}

HOP int32_t RTDirCreate(int root, const char *path, mode_t mode)
{
	int result = rt_beneath_act(root, path, make, &mode);

	return result == RT_BENEATH_IS_ROOT ? VERR_ALREADY_EXISTS : rt_status_from(result);
}

static int remove_dir(int dir, const char *name, const void *unused)
{
	(void)unused;
	return unlinkat(dir, name, AT_REMOVEDIR);
}

HOP int32_t RTDirRemove(int root, const char *path)
{
	int result = rt_beneath_act(root, path, remove_dir, NULL);
	const char *name;
	int parent;

	if (result == RT_BENEATH_IS_ROOT)
		return VERR_ACCESS_DENIED;
	if (result != -ENOTDIR)
		return rt_status_from(result);
	/* Is it the last component that is no directory, or one before? */
	parent = rt_beneath_parent(root, path, &name);
	if (parent < 0)
		return RTErrConvertFromErrno(-parent);
	close(parent);
	return VERR_NOT_A_DIRECTORY;
}
