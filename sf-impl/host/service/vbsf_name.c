/* SPDX-License-Identifier: GPL-2.0-or-later */
/* REMOVE, RENAME, READLINK and SYMLINK: what changes or reads names. */
#include <string.h>

#include "handle.h"
#include "vbsf.h"

static int32_t removable(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
			 struct sf_path *ret)
{
	int32_t status = path_from_guest(client, root, path, 0, ret);

	if (VBOX_FAILURE(status))
		return status;
	return mapping_is_writable(ret->mapping) ? VINF_SUCCESS : VERR_WRITE_PROTECT;
}

HOP int32_t vbsfRemove(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
		       uint32_t path_size, uint32_t flags)
{
	struct sf_path host;
	int32_t status = removable(client, root, path, &host);
	int folder;

	(void)path_size;
	if (VBOX_FAILURE(status))
		return status;
	folder = host.mapping->folder_fd;
	if (flags & SHFL_REMOVE_SYMLINK)
		return RTSymlinkDelete(folder, host.text);
	if (flags & SHFL_REMOVE_FILE)
		return RTFileDelete(folder, host.text);
	return RTDirRemove(folder, host.text);
}

/* Whether the path leads to what is open: it may be another file's by now. */
static int32_t check_is_open(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
			     const struct handle *open)
{
	struct stat opened, named;
	struct sf_path host;
	int32_t status = removable(client, root, path, &host);

	if (VBOX_SUCCESS(status))
		status = RTPathQueryInfo(host.mapping->folder_fd, host.text, true, &named);
	if (VBOX_SUCCESS(status))
		status = handle_query(open, &opened);
	if (VBOX_FAILURE(status))
		return status;
	return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino ? VINF_SUCCESS
									      : VERR_FILE_NOT_FOUND;
}

/*
 * What the handle has open is removed, or nothing. Compared before it is closed, or a new
 * file may have its inode number.
 */
HOP int32_t vbsfCloseAndRemove(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
			       uint32_t path_size, uint32_t flags, uint64_t handle)
{
	struct handle *found;
	int32_t status, compared;

	if (handle == SHFL_HANDLE_NIL)
		return vbsfRemove(client, root, path, path_size, flags);
	found = handle_find(client, handle, HANDLE_FILE | HANDLE_DIR);
	if (!found)
		return VERR_INVALID_HANDLE;
	compared = check_is_open(client, root, path, found);
	status = vbsfClose(client, root, handle);
	if (VBOX_SUCCESS(status))
		status = compared;
	return VBOX_SUCCESS(status) ? vbsfRemove(client, root, path, path_size, flags) : status;
}

/* Whether the flags allow this kind of object. */
static int32_t check_source(const struct stat *info, uint32_t flags)
{
	bool file = flags & SHFL_RENAME_FILE;
	bool dir = flags & SHFL_RENAME_DIR;

	if (file && !dir && S_ISDIR(info->st_mode))
		return VERR_IS_A_DIRECTORY;
	return !file && !S_ISDIR(info->st_mode) ? VERR_NOT_A_DIRECTORY : VINF_SUCCESS;
}

/*
 * Nothing replaces a directory, and only who asks for it something else. *replace
 * comes back set if source and destination are one object: that is no conflict.
 */
static int32_t check_destination(const struct sf_path *path, const struct stat *source,
				 bool *replace)
{
	struct stat info;
	int32_t status = RTPathQueryInfo(path->mapping->folder_fd, path->text, false, &info);

	if (status == VERR_FILE_NOT_FOUND)
		return VINF_SUCCESS;
	if (VBOX_FAILURE(status))
		return status;
	if (info.st_dev == source->st_dev && info.st_ino == source->st_ino) {
		*replace = true;
		return VINF_SUCCESS;
	}
	return S_ISDIR(info.st_mode) || !*replace ? VERR_ALREADY_EXISTS : VINF_SUCCESS;
}

static int32_t rename_checked(const struct sf_path *source, const struct sf_path *destination,
			      uint32_t flags)
{
	bool replace = flags & SHFL_RENAME_REPLACE_IF_EXISTS;
	int folder = source->mapping->folder_fd;
	struct stat info;
	int32_t status = RTPathQueryInfo(folder, source->text, false, &info);

	if (VBOX_SUCCESS(status))
		status = check_source(&info, flags);
	if (VBOX_SUCCESS(status))
		status = check_destination(destination, &info, &replace);
	if (VBOX_FAILURE(status))
		return status;
	if ((flags & SHFL_RENAME_FILE) && !(flags & SHFL_RENAME_DIR))
		return RTFileMove(folder, source->text, destination->text, replace);
	return RTPathRename(folder, source->text, destination->text, replace);
}

HOP int32_t vbsfRename(struct sf_client *client, uint32_t root, const SHFLSTRING *source,
		       const SHFLSTRING *destination, uint32_t flags)
{
	struct sf_path from, to;
	int32_t status = path_from_guest(client, root, source, 0, &from);

	if (VBOX_SUCCESS(status))
		status = path_from_guest(client, root, destination, PATH_KEEP_LAST, &to);
	if (VBOX_FAILURE(status))
		return status;
	if (!mapping_is_writable(from.mapping))
		return VERR_WRITE_PROTECT;
	status = rename_checked(&from, &to, flags);
	if (status == VERR_FILE_NOT_FOUND && client->error_style == SHFL_ERROR_STYLE_WINDOWS &&
	    (path_parent_is_missing(&from) || path_parent_is_missing(&to)))
		return VERR_PATH_NOT_FOUND;
	return status;
}

HOP int32_t vbsfReadLink(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
			 uint32_t path_size, char *buffer, uint32_t buffer_size)
{
	struct sf_path host;
	size_t length;
	int32_t status = path_from_guest(client, root, path, 0, &host);

	(void)path_size;
	if (VBOX_SUCCESS(status))
		status = RTSymlinkRead(host.mapping->folder_fd, host.text, buffer, buffer_size,
				       &length);
	if (VBOX_FAILURE(status))
		return status;
	if (length >= buffer_size) {
		length = buffer_size - 1;
		status = VERR_BUFFER_OVERFLOW;
	}
	buffer[length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (buffer[i] == '/')
			buffer[i] = (char)client->delimiter;
	return status;
}

/* The target is stored as it is: that it stays in the share is checked when it is followed. */
HOP int32_t vbsfSymlink(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
			const SHFLSTRING *target, SHFLFSOBJINFO *info)
{
	const uint32_t needed = SHFL_ADD_MAPPING_F_CREATE_SYMLINKS | SHFL_ADD_MAPPING_F_WRITABLE;
	struct mapping *mapping;
	char text[PATH_TEXT_MAX];
	struct sf_path host;
	struct stat made;
	int32_t status;

	if (!client_is_utf8(client))
		return VERR_NOT_IMPLEMENTED;
	mapping = mapping_get(root);
	if (!mapping || !client->map_counts[root])
		return VERR_INVALID_PARAMETER;
	if ((mapping->flags & needed) != needed)
		return VERR_WRITE_PROTECT;
	status = path_from_guest(client, root, path, 0, &host);
	if (VBOX_SUCCESS(status))
		status = string_to_utf8(target, true, text, sizeof(text));
	if (VBOX_SUCCESS(status))
		status = path_check_target(client, text);
	if (VBOX_SUCCESS(status))
		status = RTSymlinkCreate(host.mapping->folder_fd, host.text, text);
	if (VBOX_SUCCESS(status))
		status = RTPathQueryInfo(host.mapping->folder_fd, host.text, false, &made);
	if (VBOX_SUCCESS(status))
		vbsf_info_from_stat(&made, path_last_name(&host), info);
	return status;
}
