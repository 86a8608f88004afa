/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CREATE, which looks up, opens and creates; and CLOSE. spec/shfl-service.md 10.3. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"
#include "vbsf.h"

static bool has_windows_style(const struct sf_client *client)
{
	return client->error_style == SHFL_ERROR_STYLE_WINDOWS;
}

/* What correcting the path's case has found out already is used once. */
static int32_t query(const struct sf_client *client, struct sf_path *path, struct stat *ret_info)
{
	if (path->is_known) {
		path->is_known = false;
		*ret_info = path->info;
		return VINF_SUCCESS;
	}
	return RTPathQueryInfo(path->mapping->folder_fd, path->text, client_follows(client),
			       ret_info);
}

HOP int32_t vbsfLookup(struct sf_client *client, uint32_t root, struct sf_path *path,
		       SHFLCREATEPARMS *parms)
{
	struct stat info;
	int32_t status = query(client, path, &info);

	(void)root;
	switch (status) {
	case VINF_SUCCESS:
		vbsf_info_from_stat(&info, path_last_name(path), &parms->Info);
		parms->Result = SHFL_FILE_EXISTS;
		return VINF_SUCCESS;
	case VERR_FILE_NOT_FOUND:
		parms->Result = SHFL_FILE_NOT_FOUND;
		return VINF_SUCCESS;
	case VERR_PATH_NOT_FOUND:
		parms->Result = SHFL_PATH_NOT_FOUND;
		return VINF_SUCCESS;
	}
	return status;
}

/* How a file is to be opened, by IF_EXISTS and IF_NEW; -1: it makes no sense. */
static int open_action(uint32_t flags)
{
	static const int actions[4][2] = {
		{O_CREAT, 0},
		{O_CREAT | O_EXCL, -1},
		{O_CREAT | O_TRUNC, O_TRUNC},
		{O_CREAT | O_TRUNC, O_TRUNC},
	};
	uint32_t if_exists = (flags & SHFL_CF_ACT_MASK_IF_EXISTS) >> 4;
	uint32_t if_new = (flags & SHFL_CF_ACT_MASK_IF_NEW) >> 8;

	return if_exists < 4 && if_new < 2 ? actions[if_exists][if_new] : -1;
}

/* On a read-only share write access is dropped silently; nothing left: -1. */
static int open_access(uint32_t flags, bool writable)
{
	bool write = flags & SHFL_CF_ACCESS_WRITE;
	bool read = flags & SHFL_CF_ACCESS_READ;

	if (write && !writable)
		return read ? O_RDONLY : -1;
	if (!write)
		return O_RDONLY;
	return (read ? O_RDWR : O_WRONLY) | (flags & SHFL_CF_ACCESS_APPEND ? O_APPEND : 0);
}

static int32_t open_flags(const SHFLCREATEPARMS *parms, bool writable, int *ret_flags)
{
	int action = open_action(parms->CreateFlags);
	int access = open_access(parms->CreateFlags, writable);

	if (action < 0 || access < 0)
		return VERR_INVALID_PARAMETER;
	if ((action & O_TRUNC) && (access & O_ACCMODE) == O_RDONLY)
		return VERR_INVALID_PARAMETER;
	*ret_flags = action | access;
	return VINF_SUCCESS;
}

/* Permissions of a new file, from Unix or DOS attributes. */
static mode_t create_mode(const SHFLCREATEPARMS *parms)
{
	uint32_t wanted = parms->Info.Attr.fMode;
	mode_t mode = 0;

	if ((wanted & RTFS_DOS_MASK) && !(wanted & RTFS_UNIX_MASK)) {
		mode = 0444;
		if (!(wanted & RTFS_DOS_READONLY))
			mode |= 0222;
		if (wanted & RTFS_DOS_DIRECTORY)
			mode |= 0111;
	} else if (parms->Handle != SHFL_HANDLE_ROOT) { /* ancient guests leave 0, and no mode */
		mode = wanted & 0777;
	}
	return mode ? mode : 0600;
}

/* Some failures of an open are an answer: a result and success. */
static int32_t open_failed(struct sf_client *client, struct sf_path *path, int32_t status,
			   SHFLCREATEPARMS *parms)
{
	bool windows = has_windows_style(client);
	size_t length = strlen(path->text);
	struct stat info;

	switch (status) {
	case VERR_FILE_NOT_FOUND:
		parms->Result = windows && path_parent_is_missing(path) ? SHFL_PATH_NOT_FOUND
									: SHFL_FILE_NOT_FOUND;
		return VINF_SUCCESS;
	case VERR_PATH_NOT_FOUND:
		if (windows && path->text[length - 1] == '/' && !path_parent_is_missing(path))
			return VERR_INVALID_NAME;
		parms->Result = SHFL_PATH_NOT_FOUND;
		return VINF_SUCCESS;
	case VERR_ALREADY_EXISTS:
		parms->Result = SHFL_FILE_EXISTS;
		if (VBOX_SUCCESS(query(client, path, &info)))
			vbsf_info_from_stat(&info, path_last_name(path), &parms->Info);
		return VINF_SUCCESS;
	}
	return status;
}

/* Sizes a file that is written anew, and reports what it is now. */
static int32_t file_opened(int fd, enum rt_file_action action, struct stat *info,
			   SHFLCREATEPARMS *parms)
{
	static const int32_t results[] = {
		[RT_FILE_OPENED] = SHFL_FILE_EXISTS,
		[RT_FILE_CREATED] = SHFL_FILE_CREATED,
		[RT_FILE_TRUNCATED] = SHFL_FILE_REPLACED,
	};
	int32_t status = VINF_SUCCESS;

	if (parms->CreateFlags & SHFL_CF_ACT_REPLACE_IF_EXISTS) {
		RTFileSetSize(fd, (uint64_t)parms->Info.cbObject);
		status = RTFileQueryInfo(fd, info);
	}
	if (VBOX_FAILURE(status))
		return status;
	vbsf_info_from_stat(info, NULL, &parms->Info);
	parms->Result = results[action];
	return VINF_SUCCESS;
}

HOP int32_t vbsfOpenFile(struct sf_client *client, uint32_t root, struct sf_path *path,
			 SHFLCREATEPARMS *parms, mode_t mode)
{
	enum rt_file_action action;
	struct handle *handle;
	struct stat info;
	uint64_t number;
	int32_t status;
	int flags, fd;

	status = open_flags(parms, mapping_is_writable(path->mapping), &flags);
	if (VBOX_FAILURE(status))
		return status;
	handle = handle_reserve(&number);
	if (!handle)
		return VERR_NO_MEMORY;
	if (path->opened_unseen)
		flags |= O_NOFOLLOW;
	status = RTFileOpen(path->mapping->folder_fd, path->text, flags, mode, &fd, &action, &info);
	if (VBOX_FAILURE(status))
		return open_failed(client, path, status, parms);
	if (path->opened_unseen && S_ISDIR(info.st_mode))
		status = VERR_IS_A_DIRECTORY;
	else
		status = file_opened(fd, action, &info, parms);
	if (VBOX_FAILURE(status)) {
		RTFileClose(fd);
		return status;
	}
	*handle = (struct handle){
		.client = client,
		.type = HANDLE_FILE,
		.root = root,
		.mapping = path->mapping,
		.root_version = path->mapping->version,
		.file = {.fd = fd, .append = flags & O_APPEND},
	};
	parms->Handle = number;
	return VINF_SUCCESS;
}

static int32_t make_dir(struct sf_client *client, struct sf_path *path, SHFLCREATEPARMS *parms)
{
	int32_t status = RTDirCreate(path->mapping->folder_fd, path->text, 0777);

	parms->Result = SHFL_NO_RESULT;
	switch (status) {
	case VINF_SUCCESS:
		parms->Result = SHFL_FILE_CREATED;
		break;
	case VERR_ALREADY_EXISTS:
		parms->Result = SHFL_FILE_EXISTS;
		break;
	case VERR_PATH_NOT_FOUND:
		parms->Result = SHFL_PATH_NOT_FOUND;
		break;
	case VERR_FILE_NOT_FOUND:
		parms->Result = SHFL_FILE_NOT_FOUND;
		if (has_windows_style(client) && path_parent_is_missing(path)) {
			parms->Result = SHFL_PATH_NOT_FOUND;
			status = VERR_PATH_NOT_FOUND;
		}
		break;
	}
	return status;
}

static int32_t open_dir_failed(struct sf_client *client, struct sf_path *path, int32_t status,
			       SHFLCREATEPARMS *parms)
{
	struct stat info;

	parms->Result = SHFL_NO_RESULT;
	switch (status) {
	case VERR_FILE_NOT_FOUND:
		parms->Result = SHFL_FILE_NOT_FOUND;
		break;
	case VERR_PATH_NOT_FOUND:
		parms->Result = SHFL_PATH_NOT_FOUND;
		if (has_windows_style(client) && VBOX_SUCCESS(query(client, path, &info)) &&
		    !S_ISDIR(info.st_mode)) {
			parms->Result = SHFL_FILE_EXISTS;
			status = VERR_NOT_A_DIRECTORY;
		}
		break;
	case VERR_ACCESS_DENIED:
		parms->Result = SHFL_FILE_EXISTS;
		break;
	}
	return status;
}

/* Opens a directory into a free slot. */
static int32_t open_dir(struct sf_client *client, uint32_t root, struct sf_path *path,
			struct handle *handle, SHFLCREATEPARMS *parms)
{
	struct handle_dir *dir = calloc(1, sizeof(*dir));
	struct stat info;
	int32_t status = VERR_NO_MEMORY;

	if (dir)
		status = RTDirOpen(path->mapping->folder_fd, path->text, NULL, &dir->all.dir);
	if (VBOX_SUCCESS(status)) {
		status = RTDirQueryInfo(dir->all.dir, &info);
		if (VBOX_FAILURE(status))
			RTDirClose(dir->all.dir);
	}
	if (VBOX_FAILURE(status)) {
		free(dir);
		return status;
	}
	vbsf_info_from_stat(&info, NULL, &parms->Info);
	*handle = (struct handle){
		.client = client,
		.type = HANDLE_DIR,
		.root = root,
		.mapping = path->mapping,
		.root_version = path->mapping->version,
		.dir = dir,
	};
	return VINF_SUCCESS;
}

HOP int32_t vbsfOpenDir(struct sf_client *client, uint32_t root, struct sf_path *path,
			SHFLCREATEPARMS *parms)
{
	uint32_t if_exists = parms->CreateFlags & SHFL_CF_ACT_MASK_IF_EXISTS;
	uint32_t if_new = parms->CreateFlags & SHFL_CF_ACT_MASK_IF_NEW;
	struct handle *handle;
	uint64_t number;
	int32_t status = VINF_SUCCESS;
	bool made;

	handle = handle_reserve(&number);
	if (!handle)
		return VERR_NO_MEMORY;
	parms->Result = SHFL_FILE_EXISTS;
	if (if_new == SHFL_CF_ACT_CREATE_IF_NEW)
		status = make_dir(client, path, parms);
	if (VBOX_FAILURE(status) && if_exists != SHFL_CF_ACT_OPEN_IF_EXISTS)
		return status;
	made = parms->Result == SHFL_FILE_CREATED;
	status = open_dir(client, root, path, handle, parms);
	if (VBOX_FAILURE(status) && made)
		RTDirRemove(path->mapping->folder_fd, path->text);
	if (VBOX_FAILURE(status))
		return open_dir_failed(client, path, status, parms);
	parms->Handle = number;
	return VINF_SUCCESS;
}

/* What exists already may decide what is opened. */
static void adjust_to_existing(const struct stat *info, struct sf_path *path,
			       SHFLCREATEPARMS *parms)
{
	const uint32_t actions = SHFL_CF_ACT_MASK_IF_EXISTS | SHFL_CF_ACT_MASK_IF_NEW;

	if (S_ISDIR(info->st_mode))
		parms->CreateFlags |= SHFL_CF_DIRECTORY;
	if (parms->CreateFlags & SHFL_CF_OPEN_TARGET_DIRECTORY) {
		parms->CreateFlags &= ~actions;
		parms->CreateFlags |=
			SHFL_CF_DIRECTORY | SHFL_CF_ACT_OPEN_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW;
		path_strip_last(path->text);
	}
}

/* Devices, FIFOs and sockets: opening alone may have effects. */
static bool is_special(const struct sf_path *path, struct stat *info)
{
	if (S_ISLNK(info->st_mode) &&
	    VBOX_FAILURE(RTPathQueryInfo(path->mapping->folder_fd, path->text, true, info)))
		return false;
	return !S_ISREG(info->st_mode) && !S_ISDIR(info->st_mode) && !S_ISLNK(info->st_mode);
}

static bool wants_change(uint32_t flags)
{
	return (flags & SHFL_CF_ACT_REPLACE_IF_EXISTS) ||
	       (flags & SHFL_CF_ACT_MASK_IF_NEW) == SHFL_CF_ACT_CREATE_IF_NEW;
}

static bool is_exclusive(uint32_t flags)
{
	return (flags & SHFL_CF_ACT_MASK_IF_EXISTS) == SHFL_CF_ACT_FAIL_IF_EXISTS;
}

static int32_t open_object(struct sf_client *client, uint32_t root, struct sf_path *path,
			   SHFLCREATEPARMS *parms, mode_t mode)
{
	struct stat info;

	if (VBOX_SUCCESS(query(client, path, &info))) {
		adjust_to_existing(&info, path, parms);
		if (!is_exclusive(parms->CreateFlags) &&
		    !(parms->CreateFlags & SHFL_CF_DIRECTORY) && is_special(path, &info))
			return VERR_ACCESS_DENIED;
	}
	if (wants_change(parms->CreateFlags) && !mapping_is_writable(path->mapping))
		return VERR_WRITE_PROTECT;
	if (parms->CreateFlags & SHFL_CF_DIRECTORY)
		return vbsfOpenDir(client, root, path, parms);
	return vbsfOpenFile(client, root, path, parms, mode);
}

/*
 * Whether the path may be opened as a file before anybody has looked what is there:
 * if only a new file will do, or if nothing but a regular file can come of it.
 */
static bool may_open_unseen(const struct sf_path *path, uint32_t flags)
{
	const uint32_t others = SHFL_CF_DIRECTORY | SHFL_CF_OPEN_TARGET_DIRECTORY;

	if ((flags & others) || (wants_change(flags) && !mapping_is_writable(path->mapping)))
		return false;
	return is_exclusive(flags) ||
	       (!path->is_known &&
		rt_parent_may_open(path->mapping->folder_fd, path->text,
				   (flags & SHFL_CF_ACT_MASK_IF_NEW) == SHFL_CF_ACT_CREATE_IF_NEW));
}

static int32_t create_object(struct sf_client *client, uint32_t root, struct sf_path *path,
			     SHFLCREATEPARMS *parms, mode_t mode)
{
	SHFLCREATEPARMS asked = *parms;
	int32_t status;

	path->opened_unseen = may_open_unseen(path, parms->CreateFlags);
	if (!path->opened_unseen)
		return open_object(client, root, path, parms, mode);
	status = vbsfOpenFile(client, root, path, parms, mode);
	if (VBOX_SUCCESS(status) && parms->Handle != SHFL_HANDLE_NIL)
		return status;
	path->opened_unseen = false;
	*parms = asked;
	return open_object(client, root, path, parms, mode);
}

HOP int32_t vbsfCreate(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
		       uint32_t path_size, SHFLCREATEPARMS *parms)
{
	struct sf_path host;
	int32_t status = path_from_guest(client, root, path, 0, &host);
	mode_t mode;

	(void)path_size;
	if (VBOX_FAILURE(status))
		return status;
	mode = create_mode(parms);
	parms->Result = SHFL_NO_RESULT;
	parms->Handle = SHFL_HANDLE_NIL;
	if (parms->CreateFlags & SHFL_CF_LOOKUP)
		return vbsfLookup(client, root, &host, parms);
	return create_object(client, root, &host, parms, mode);
}

HOP int32_t vbsfClose(struct sf_client *client, uint32_t root, uint64_t handle)
{
	struct handle *found = handle_find(client, handle, HANDLE_FILE | HANDLE_DIR);

	if (!found || found->root != root)
		return VERR_INVALID_HANDLE;
	return handle_close(found);
}
