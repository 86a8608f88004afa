/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of handles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"
#include "lock_wait.h"
#include "mapping.h"

static struct handle handles[SHFL_MAX_HANDLES]; /* [0] is never used */
static uint32_t last_reserved;
static uint32_t all_locks; /* the sum of what files may have locked */

struct handle *handle_reserve(uint64_t *ret_handle)
{
	for (uint32_t tried = 1; tried < SHFL_MAX_HANDLES; tried++) {
		last_reserved = last_reserved % (SHFL_MAX_HANDLES - 1) + 1;
		if (!handles[last_reserved].client) {
			*ret_handle = last_reserved;
			return &handles[last_reserved];
		}
	}
	return NULL;
}

struct handle *handle_find(const struct sf_client *client, uint64_t handle, uint32_t types)
{
	if (handle >= SHFL_MAX_HANDLES || handles[handle].client != client)
		return NULL;
	return handles[handle].type & types ? &handles[handle] : NULL;
}

int32_t handle_access(const struct sf_client *client, uint32_t root, uint64_t handle,
		      uint32_t types, bool write, struct handle **ret)
{
	struct handle *found = handle_find(client, handle, types);

	if (!found || found->root != root)
		return VERR_INVALID_HANDLE;
	if (found->mapping->missing || found->root_version != found->mapping->version)
		return VERR_ACCESS_DENIED;
	if (write && !mapping_is_writable(found->mapping))
		return VERR_WRITE_PROTECT;
	*ret = found;
	return VINF_SUCCESS;
}

int32_t handle_query(const struct handle *handle, struct stat *ret_info)
{
	return handle->type == HANDLE_DIR ? RTDirQueryInfo(handle->dir->all.dir, ret_info)
					  : RTFileQueryInfo(handle->file.fd, ret_info);
}

/* How many ranges the kernel says are locked; what was counted if it does not say. */
static uint32_t locks_of(const struct handle *handle)
{
	char line[256];
	uint32_t n = 0;
	FILE *info;

	snprintf(line, sizeof(line), "/proc/thread-self/fdinfo/%d", handle->file.fd);
	info = fopen(line, "re");
	if (!info)
		return handle->file.locks;
	while (fgets(line, sizeof(line), info))
		n += !strncmp(line, "lock:", strlen("lock:"));
	fclose(info);
	return n;
}

static void recount_locks(void)
{
	all_locks = 0;
	for (uint32_t i = 1; i < SHFL_MAX_HANDLES; i++) {
		struct handle *handle = &handles[i];

		if (!handle->client || handle->type != HANDLE_FILE || !handle->file.locks)
			continue;
		handle->file.locks = locks_of(handle);
		all_locks += handle->file.locks;
	}
}

bool handle_count_lock(struct handle *handle, uint32_t most)
{
	if (all_locks >= most)
		recount_locks();
	if (all_locks >= most)
		return false;
	handle->file.locks++;
	all_locks++;
	return true;
}

static void close_dir(struct handle_dir *dir)
{
	RTDirClose(dir->all.dir);
	if (dir->search.dir)
		RTDirClose(dir->search.dir);
	free(dir);
}

/* Its locks go, which others may wait for. */
static int32_t close_file(int file)
{
	int32_t status;

	if (!atomic_load(&lock_waits))
		return RTFileClose(file);
	lock_wait_end_file(file);
	status = RTFileClose(file);
	lock_wait_retry();
	return status;
}

int32_t handle_close(struct handle *handle)
{
	int32_t status = VINF_SUCCESS;

	if (handle->type == HANDLE_FILE) {
		all_locks -= handle->file.locks;
		status = close_file(handle->file.fd);
	} else {
		close_dir(handle->dir);
	}
	*handle = (struct handle){0};
	return status;
}

void handle_close_all(const struct sf_client *client)
{
	lock_wait_end_client(client);
	for (uint32_t i = 1; i < SHFL_MAX_HANDLES; i++)
		if (handles[i].client == client)
			handle_close(&handles[i]);
}

void handle_clear(void)
{
	for (uint32_t i = 1; i < SHFL_MAX_HANDLES; i++)
		if (handles[i].client)
			handle_close(&handles[i]);
	last_reserved = 0;
}
