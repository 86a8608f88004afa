/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resolving paths beneath a directory. Everything of the runtime that takes a
 * path goes through here, and nothing else turns guest text into a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rt.h"

/* A rename elsewhere on the file system makes the kernel give up with EAGAIN. */
#define MAX_TRIES 128

int rt_beneath_open(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	for (int tries = 0; tries < MAX_TRIES; tries++) {
		long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == EXDEV)
			return -EACCES;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int rt_beneath_open_name(int dir, const char *name, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* Start of the last component; slashes after it belong to it. */
static const char *last_component(const char *path)
{
	const char *at = path + strlen(path);

	while (at > path && at[-1] == '/')
		at--;
	while (at > path && at[-1] != '/')
		at--;
	return at;
}

int rt_beneath_parent(int root, const char *path, const char **ret_name)
{
	const char *name = last_component(path);
	char parent[PATH_MAX] = ".";
	size_t length = (size_t)(name - path);
	int fd;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return RT_BENEATH_IS_ROOT;
	if (length >= sizeof(parent))
		return -ENAMETOOLONG;
	if (length) {
		memcpy(parent, path, length);
		parent[length] = '\0';
	}
	fd = rt_beneath_open(root, parent, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

/* In a directory that is at hand; -ESTALE: there is none, or it is not the one any more. */
static int act_at_hand(int root, const char *path, rt_act_fn *act, const void *argument)
{
	const char *name;
	int dir = rt_parent_find(root, path, &name);
	int result;

	if (dir < 0)
		return -ESTALE;
	result = act(dir, name, argument) ? -errno : 0;
	return result == -ENOENT && rt_parent_is_stale(root, dir) ? -ESTALE : result;
}

int rt_beneath_act(int root, const char *path, rt_act_fn *act, const void *argument)
{
	int result = act_at_hand(root, path, act, argument);
	const char *name;
	int dir;

	if (result != -ESTALE)
		return result;
	dir = rt_beneath_parent(root, path, &name);
	if (dir < 0)
		return dir;
	result = act(dir, name, argument) ? -errno : 0;
	close(dir);
	return result;
}

HOP int32_t RTErrConvertFromErrno(int error)
{
	switch (error) {
	case 0:
		return VINF_SUCCESS;
#define VBOX_ERRNO(number, status) \
	case number:               \
		return status;
#include "vbox_errno.def"
	}
	return VERR_UNRESOLVED_ERROR;
}

int32_t rt_status_from(int result)
{
	return result < 0 ? RTErrConvertFromErrno(-result) : VINF_SUCCESS;
}
