/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: attributes by path, renaming, deleting, links, and the file system. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rt.h"

/* What is known without resolving the path: false if that takes more than one component. */
static bool query_at_hand(int root, const char *path, bool follow, struct stat *ret_info,
			  int32_t *ret_status)
{
	const char *name;
	int dir = rt_parent_find(root, path, &name);
	struct stat info;

	if (dir < 0)
		return false;
	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW)) {
		*ret_status = VERR_FILE_NOT_FOUND;
		return errno == ENOENT && !rt_parent_is_stale(root, dir);
	}
	if (follow && S_ISLNK(info.st_mode))
		return false;
	if (S_ISREG(info.st_mode))
		rt_parent_is_regular(dir, name);
	*ret_info = info;
	*ret_status = VINF_SUCCESS;
	return true;
}

HOP int32_t RTPathQueryInfo(int root, const char *path, bool follow, struct stat *ret_info)
{
	int32_t status;
	int result;
	int fd;

	if (query_at_hand(root, path, follow, ret_info, &status))
		return status;
	fd = rt_beneath_open(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
	if (fd < 0)
		return RTErrConvertFromErrno(-fd);
	result = fstat(fd, ret_info) ? -errno : 0;
	close(fd);
	return rt_status_from(result);
}

static int unlink_name(int dir, const char *name, const void *unused)
{
	(void)unused;
	return unlinkat(dir, name, 0);
}

/* The root has no parent here; nothing may take it away. */
static int32_t unlink_beneath(int root, const char *path)
{
	int result = rt_beneath_act(root, path, unlink_name, NULL);

	return result == RT_BENEATH_IS_ROOT ? VERR_ACCESS_DENIED : rt_status_from(result);
}

HOP int32_t RTFileDelete(int root, const char *path)
{
	return unlink_beneath(root, path);
}

HOP int32_t RTSymlinkDelete(int root, const char *path)
{
	struct stat info;
	int32_t status = RTPathQueryInfo(root, path, false, &info);

	if (VBOX_FAILURE(status))
		return status;
	return S_ISLNK(info.st_mode) ? unlink_beneath(root, path) : VERR_NOT_SYMLINK;
}

/* Not every file system knows RENAME_NOREPLACE; the callers have looked before. */
static int rename_names(int source_dir, const char *source, int destination_dir,
			const char *destination, bool replace)
{
	if (!replace) {
		if (!renameat2(source_dir, source, destination_dir, destination, RENAME_NOREPLACE))
			return 0;
		if (errno != EINVAL && errno != ENOSYS)
			return -errno;
	}
	return renameat(source_dir, source, destination_dir, destination) ? -errno : 0;
}

/* 0 or negative errno; RT_BENEATH_IS_ROOT: one of the two is the root. */
static int rename_beneath(int root, const char *source, const char *destination, bool replace)
{
	const char *source_name, *destination_name;
	int source_dir, destination_dir;
	int result;

	source_dir = rt_beneath_parent(root, source, &source_name);
	if (source_dir < 0)
		return source_dir;
	destination_dir = rt_beneath_parent(root, destination, &destination_name);
	if (destination_dir < 0) {
		result = destination_dir;
	} else {
		result = rename_names(source_dir, source_name, destination_dir, destination_name,
				      replace);
		close(destination_dir);
	}
	close(source_dir);
	return result;
}

HOP int32_t RTPathRename(int root, const char *source, const char *destination, bool replace)
{
	int result = rename_beneath(root, source, destination, replace);

	if (replace && (result == -ENOTDIR || result == -EEXIST)) {
		/* a directory onto something else: make room */
		if (VBOX_SUCCESS(unlink_beneath(root, destination)))
			result = rename_beneath(root, source, destination, replace);
	}
	if (result == -ENOTDIR)
		return VERR_ALREADY_EXISTS;
	return result == RT_BENEATH_IS_ROOT ? VERR_ACCESS_DENIED : rt_status_from(result);
}

HOP int32_t RTFileMove(int root, const char *source, const char *destination, bool replace)
{
	int32_t status = RTPathRename(root, source, destination, replace);
	struct stat info;

	if (status != VERR_NOT_SAME_DEVICE)
		return status;
	if (VBOX_FAILURE(RTPathQueryInfo(root, source, false, &info)) || !S_ISREG(info.st_mode))
		return VERR_NOT_SAME_DEVICE;
	if (replace)
		unlink_beneath(root, destination);
	status = RTFileCopy(root, source, root, destination);
	return VBOX_SUCCESS(status) ? RTFileDelete(root, source) : status;
}

static int make_link(int dir, const char *name, const void *target)
{
	return symlinkat(target, dir, name);
}

HOP int32_t RTSymlinkCreate(int root, const char *path, const char *target)
{
	int result = rt_beneath_act(root, path, make_link, target);

	return result == RT_BENEATH_IS_ROOT ? VERR_ALREADY_EXISTS : rt_status_from(result);
}

HOP int32_t RTSymlinkRead(int root, const char *path, char *ret_target, size_t size,
			  size_t *ret_length)
{
	int fd = rt_beneath_open(root, path, O_PATH | O_NOFOLLOW, 0);
	char target[PATH_MAX];
	struct stat info;
	ssize_t length = -1;
	int32_t status = VERR_NOT_SYMLINK;

	if (fd < 0)
		return RTErrConvertFromErrno(-fd);
	if (!fstat(fd, &info) && S_ISLNK(info.st_mode)) {
		length = readlinkat(fd, "", target, sizeof(target));
		status = length < 0 ? RTErrConvertFromErrno(errno) : VINF_SUCCESS;
	}
	close(fd);
	if (length < 0)
		return status;
	memcpy(ret_target, target, (size_t)length < size ? (size_t)length : size);
	*ret_length = (size_t)length;
	return VINF_SUCCESS;
}

HOP int32_t RTFsQueryInfo(int root, struct statvfs *ret_info, dev_t *ret_device)
{
	struct stat info;

	if (fstat(root, &info) || fstatvfs(root, ret_info))
		return RTErrConvertFromErrno(errno);
	*ret_device = info.st_dev;
	return VINF_SUCCESS;
}
