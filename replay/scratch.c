/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes and removes the directory of a replay. No link in it is ever followed. */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_NAME_MAX 40 /* characters of a share's name in its directory's */

static int scratch_make_temporary(char **ret_path)
{
	const char *parent = getenv("TMPDIR");
	char *path;

	if (!parent || *parent != '/')
		parent = "/tmp";
	if (asprintf(&path, "%s/sftrace-replay-XXXXXX", parent) < 0)
		return -ENOMEM;
	if (!mkdtemp(path)) {
		int ret = -errno;

		free(path);
		return ret;
	}
	*ret_path = path;
	return 0;
}

/* 0 if a directory has nothing in it. */
static int scratch_check_empty(const char *dir)
{
	struct dirent *entry;
	DIR *stream = opendir(dir);
	int ret = 0;

	if (!stream)
		return -errno;
	while (!ret && (entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ret = -ENOTEMPTY;
	closedir(stream);
	return ret;
}

static int scratch_take(const char *dir, bool used, struct scratch *scratch)
{
	int ret = 0;

	scratch->ours = mkdir(dir, 0700) == 0;
	if (!scratch->ours)
		ret = errno != EEXIST ? -errno : used ? 0 : scratch_check_empty(dir);
	if (ret < 0)
		return ret;
	scratch->path = realpath(dir, NULL);
	return scratch->path ? 0 : -errno;
}

int scratch_create(const char *dir, bool used, struct scratch *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (dir)
		return scratch_take(dir, used, ret);
	ret->ours = true;
	return scratch_make_temporary(&ret->path);
}

/* NUMBER-NAME with what is safe in a name of the trace's. */
static char *scratch_share_path(const struct scratch *scratch, const char *name)
{
	char safe[SCRATCH_NAME_MAX + 1];
	char *path;
	size_t n = 0;

	for (; *name && n < SCRATCH_NAME_MAX; name++) {
		bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			     (*name >= '0' && *name <= '9') || *name == '-';

		safe[n++] = plain ? *name : '_';
	}
	safe[n] = '\0';
	if (asprintf(&path, "%s/%zu-%s", scratch->path, scratch->n_shares, safe) < 0)
		return NULL;
	return path;
}

static const char *scratch_onto_path(const struct scratch *scratch, const char *name)
{
	for (size_t i = 0; i < scratch->n_onto; i++)
		if (strcasecmp(scratch->onto[i].name, name) == 0)
			return scratch->onto[i].path;
	return NULL;
}

static int scratch_add_share(struct scratch *scratch, const char *key, const char *name)
{
	const char *onto = scratch_onto_path(scratch, name);
	struct scratch_share share = {
		.key = strdup(key),
		.path = onto ? strdup(onto) : scratch_share_path(scratch, name),
		.real = onto != NULL,
	};
	int ret = share.key && share.path ? 0 : -ENOMEM;

	if (!ret && !onto && mkdir(share.path, 0755) < 0)
		ret = -errno;
	if (ret < 0) {
		free(share.key);
		free(scratch->in_the_way);
		scratch->in_the_way = share.path;
		return ret;
	}
	scratch->shares[scratch->n_shares++] = share;
	return 0;
}

int scratch_share(struct scratch *scratch, const char *key, const char *name,
		  const struct scratch_share **ret)
{
	size_t i = 0;

	while (i < scratch->n_shares && strcmp(scratch->shares[i].key, key) != 0)
		i++;
	if (i == SCRATCH_MAX_SHARES)
		return -ENOSPC;
	if (i == scratch->n_shares) {
		int status = scratch_add_share(scratch, key, name);

		if (status < 0)
			return status;
	}
	*ret = &scratch->shares[i];
	return 0;
}

/*
 * Removes what can be removed from an open directory. 1: a subdirectory that
 * is not empty is in the way, *ret_name is it; 0: empty now; or negative errno.
 */
static int scratch_sweep(DIR *stream, char name[NAME_MAX + 1])
{
	int fd = dirfd(stream);
	struct dirent *entry;

	rewinddir(stream);
	while ((entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -errno;
		memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
		return 1;
	}
	return 0;
}

static DIR *scratch_open_at(int fd, const char *name)
{
	int dir_fd = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream;

	if (dir_fd < 0)
		return NULL;
	stream = fdopendir(dir_fd);
	if (!stream)
		close(dir_fd);
	return stream;
}

/* Moves to a subdirectory, or with ".." to the parent. */
static int scratch_move(DIR **stream, const char *name)
{
	DIR *next;

	if (strcmp(name, "..") != 0) /* a mode of the trace's may keep us out */
		fchmodat(dirfd(*stream), name, 0700, 0);
	next = scratch_open_at(dirfd(*stream), name);
	if (!next)
		return -errno;
	closedir(*stream);
	*stream = next;
	return 0;
}

/* One directory open at a time: a trace can make trees deeper than the stack. */
static int scratch_empty(const char *path)
{
	DIR *stream = scratch_open_at(AT_FDCWD, path);
	char name[NAME_MAX + 1];
	size_t depth = 0;
	int ret;

	if (!stream)
		return -errno;
	for (;;) {
		ret = scratch_sweep(stream, name);
		if (ret == 1)
			depth++;
		else if (ret == 0 && depth > 0)
			depth--;
		else
			break;
		ret = scratch_move(&stream, ret == 1 ? name : "..");
		if (ret < 0)
			break;
	}
	closedir(stream);
	return ret;
}

int scratch_remove(struct scratch *scratch)
{
	int ret;

	if (!scratch->path)
		return 0;
	ret = scratch_empty(scratch->path);
	if (ret == 0 && scratch->ours && rmdir(scratch->path) < 0)
		ret = -errno;
	return ret;
}

void scratch_clear(struct scratch *scratch)
{
	for (size_t i = 0; i < scratch->n_shares; i++) {
		free(scratch->shares[i].key);
		free(scratch->shares[i].path);
	}
	free(scratch->in_the_way);
	free(scratch->path);
	memset(scratch, 0, sizeof(*scratch));
}
