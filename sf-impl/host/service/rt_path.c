/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: attributes by path, renaming, deleting, links, and the file system. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rt.h"

HOP int32_t RTPathQueryInfo(int root, const char *path, bool follow, struct stat *ret_info)
{
	int fd = rt_beneath_open(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
	int result;

	if (fd < 0)
		return RTErrConvertFromErrno(-fd);
	result = fstat(fd, ret_info) ? -errno : 0;
	close(fd);
	return rt_status_from(result);
}

/* The root has no parent here; nothing may take it away. */
static int32_t parent_status(int parent)
{
	return parent == RT_BENEATH_IS_ROOT ? VERR_ACCESS_DENIED : RTErrConvertFromErrno(-parent);
}

static int32_t unlink_beneath(int root, const char *path)
{
	const char *name;
	int parent = rt_beneath_parent(root, path, &name);
	int result;

	if (parent < 0)
		return parent_status(parent);
	result = unlinkat(parent, name, 0) ? -errno : 0;
	close(parent);
	return rt_status_from(result);
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

HOP int32_t RTSymlinkCreate(int root, const char *path, const char *target)
{
	const char *name;
	int parent = rt_beneath_parent(root, path, &name);
	int result;

	if (parent < 0)
		return parent == RT_BENEATH_IS_ROOT ? VERR_ALREADY_EXISTS
						    : RTErrConvertFromErrno(-parent);
	result = symlinkat(target, parent, name) ? -errno : 0;
	close(parent);
	return rt_status_from(result);
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
