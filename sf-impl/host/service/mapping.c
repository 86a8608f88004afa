/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of shares. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mapping.h"
#include "path.h"
#include "rt.h"
#include "unicode.h"
#include "wait.h"

#define MAX_MAPS_PER_CLIENT 32768

static struct mapping mappings[SHFL_MAX_MAPPINGS];
static uint32_t table_version;

static uint32_t root_of(const struct mapping *mapping)
{
	return (uint32_t)(mapping - mappings);
}

struct mapping *mapping_get(uint32_t root)
{
	return root < SHFL_MAX_MAPPINGS && mappings[root].folder ? &mappings[root] : NULL;
}

uint32_t mapping_table_version(void)
{
	return table_version;
}

static void table_changed(void)
{
	table_version++;
	wait_wake_all();
}

int32_t mapping_open_folder(struct mapping *mapping)
{
	const char *folder = *mapping->folder ? mapping->folder : "/";

	if (mapping->folder_fd >= 0)
		return VINF_SUCCESS;
	mapping->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mapping->folder_fd < 0)
		return errno == ENOENT ? VERR_NOT_FOUND : RTErrConvertFromErrno(errno);
	return VINF_SUCCESS;
}

static void close_folder(struct mapping *mapping)
{
	if (mapping->folder_fd >= 0) {
		rt_parent_forget_all();
		close(mapping->folder_fd);
	}
	mapping->folder_fd = -1;
}

int32_t mapping_for_path(const struct sf_client *client, uint32_t root, struct mapping **ret)
{
	struct mapping *mapping = mapping_get(root);
	int32_t status;

	if (!mapping || !client->map_counts[root])
		return VERR_INVALID_PARAMETER;
	if (mapping->missing)
		return VERR_NOT_FOUND;
	status = mapping_open_folder(mapping);
	if (VBOX_SUCCESS(status))
		*ret = mapping;
	return status;
}

static void mapping_free(struct mapping *mapping)
{
	close_folder(mapping);
	free(mapping->folder);
	free(mapping->name);
	free(mapping->mount_point);
	*mapping = (struct mapping){.version = mapping->version};
}

/* The next mapping from *root on that has this name; NULL: none. */
static struct mapping *find_name(const char *name, uint32_t *root)
{
	for (; *root < SHFL_MAX_MAPPINGS; ++*root)
		if (mappings[*root].folder &&
		    unicode_equal_ignoring_case(mappings[*root].name, name))
			return &mappings[(*root)++];
	return NULL;
}

/* Placeholders have names that may be used again. */
static struct mapping *find_mappable(const char *name)
{
	struct mapping *found;
	uint32_t root = 0;

	while ((found = find_name(name, &root)) && found->placeholder)
		;
	return found;
}

static struct mapping *find_free(void)
{
	for (uint32_t root = 0; root < SHFL_MAX_MAPPINGS; root++)
		if (!mappings[root].folder)
			return &mappings[root];
	return NULL;
}

/* strdup's the folder made absolute; NULL: too long, or no memory. */
static char *absolute_folder(const char *folder)
{
	char path[PATH_MAX] = "";

	if (folder[0] != '/') {
		if (!getcwd(path, sizeof(path)))
			return NULL;
		if (path[1] == '\0')
			path[0] = '\0';
	}
	if (VBOX_FAILURE(path_join(path, sizeof(path), folder, strlen(folder), '/')))
		return NULL;
	return strdup(path);
}

int32_t mapping_add(const char *folder, const char *name, const char *mount_point, uint32_t flags)
{
	struct mapping *mapping = find_free();
	struct statvfs fs;

	if (!folder[0])
		return VERR_INVALID_PARAMETER;
	if (find_mappable(name))
		return VERR_ALREADY_EXISTS;
	if (!mapping)
		return VERR_TOO_MUCH_DATA;
	*mapping = (struct mapping){
		.folder = absolute_folder(folder),
		.name = strdup(name),
		.mount_point = strdup(mount_point),
		.folder_fd = -1,
		.flags = flags,
		.version = mapping->version + 1,
		.missing = flags & SHFL_ADD_MAPPING_F_MISSING,
	};
	if (!mapping->folder || !mapping->name || !mapping->mount_point) {
		mapping_free(mapping);
		return VERR_NO_MEMORY;
	}
	mapping->host_case_sensitive =
		VBOX_SUCCESS(mapping_open_folder(mapping)) && !fstatvfs(mapping->folder_fd, &fs);
	table_changed();
	return VINF_SUCCESS;
}

static void release(struct mapping *mapping)
{
	mapping_free(mapping);
	mapping->version++;
	table_changed();
}

int32_t mapping_remove(const char *name)
{
	int32_t status = VERR_FILE_NOT_FOUND;
	struct mapping *mapping;
	uint32_t root = 0;

	while ((mapping = find_name(name, &root))) {
		if (mapping->references) {
			mapping->missing = true;
			mapping->placeholder = true;
			close_folder(mapping);
			table_changed();
			status = VINF_PERMISSION_DENIED;
		} else {
			release(mapping);
			if (status != VINF_PERMISSION_DENIED)
				status = VINF_SUCCESS;
		}
	}
	return status;
}

int32_t mapping_map(struct sf_client *client, const char *name, bool case_sensitive,
		    uint32_t *ret_root)
{
	struct mapping *mapping = find_mappable(name);
	uint32_t root;

	if (!mapping)
		return VERR_FILE_NOT_FOUND;
	root = root_of(mapping);
	if (client->map_counts[root] >= MAX_MAPS_PER_CLIENT)
		return VERR_TOO_MANY_OPENS;
	if (mapping->references && mapping->guest_case_sensitive != case_sensitive)
		return VERR_INCOMPATIBLE_CONFIG;
	if (!mapping->references)
		close_folder(mapping); /* the host may have made it anew */
	client->map_counts[root]++;
	mapping->references++;
	mapping->guest_case_sensitive = case_sensitive;
	*ret_root = root;
	return VINF_SUCCESS;
}

static void drop_references(struct mapping *mapping, uint32_t count)
{
	mapping->references -= count;
	if (!mapping->references && mapping->placeholder)
		release(mapping);
}

int32_t mapping_unmap(struct sf_client *client, uint32_t root)
{
	struct mapping *mapping = mapping_get(root);

	if (!mapping)
		return VERR_FILE_NOT_FOUND;
	if (!client->map_counts[root])
		return VERR_INVALID_HANDLE;
	client->map_counts[root]--;
	drop_references(mapping, 1);
	return VINF_SUCCESS;
}

void mapping_unmap_all(struct sf_client *client)
{
	for (uint32_t root = 0; root < SHFL_MAX_MAPPINGS; root++) {
		if (client->map_counts[root])
			drop_references(&mappings[root], client->map_counts[root]);
		client->map_counts[root] = 0;
	}
}

void mapping_clear(void)
{
	for (uint32_t root = 0; root < SHFL_MAX_MAPPINGS; root++) {
		if (mappings[root].folder)
			mapping_free(&mappings[root]);
		mappings[root].version = 0;
	}
	table_version = 0;
}
