/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INFORMATION: attributes of files, directories and the share's file system. */
#include <fcntl.h>
#include <string.h>

#include "handle.h"
#include "mapping.h"
#include "vbsf.h"

#define SECTOR_BYTES 512
#define NS_PER_S 1000000000

static int64_t ns_of(struct timespec time)
{
	return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static struct timespec time_of(int64_t ns)
{
	struct timespec time = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	if (time.tv_nsec < 0) {
		time.tv_sec--;
		time.tv_nsec += NS_PER_S;
	}
	return time;
}

static bool is_hidden(const char *name)
{
	return name && name[0] == '.' && strcmp(name, ".") && strcmp(name, "..");
}

static uint32_t dos_attributes(mode_t mode, const char *name)
{
	uint32_t dos = 0;

	if (!(mode & 0222))
		dos |= RTFS_DOS_READONLY;
	if (S_ISDIR(mode))
		dos |= RTFS_DOS_DIRECTORY;
	if (!dos)
		dos = RTFS_DOS_NT_NORMAL;
	if (is_hidden(name))
		dos |= RTFS_DOS_HIDDEN;
	return dos;
}

void vbsf_info_from_stat(const struct stat *info, const char *name, SHFLFSOBJINFO *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	ret_info->cbObject = info->st_size;
	ret_info->cbAllocated = info->st_blocks * SECTOR_BYTES;
	ret_info->AccessTime = ns_of(info->st_atim);
	ret_info->ModificationTime = ns_of(info->st_mtim);
	ret_info->ChangeTime = ns_of(info->st_ctim);
	ret_info->BirthTime = ret_info->ChangeTime;
	ret_info->Attr.fMode =
		(info->st_mode & (RTFS_TYPE_MASK | 0777)) | dos_attributes(info->st_mode, name);
	ret_info->Attr.enmAdditional = SHFLFSOBJATTRADD_UNIX;
	ret_info->Attr.u.Unix.uid = info->st_uid;
	ret_info->Attr.u.Unix.gid = info->st_gid;
	ret_info->Attr.u.Unix.cHardlinks = (uint32_t)info->st_nlink;
	ret_info->Attr.u.Unix.INodeIdDevice = (uint32_t)info->st_dev;
	ret_info->Attr.u.Unix.INodeId = info->st_ino;
	ret_info->Attr.u.Unix.Device = (uint32_t)info->st_rdev;
}

static int32_t report(struct handle *handle, uint32_t *count, uint8_t *buffer)
{
	struct stat info;
	int32_t status = handle_query(handle, &info);

	if (VBOX_FAILURE(status))
		return status;
	vbsf_info_from_stat(&info, NULL, (SHFLFSOBJINFO *)buffer);
	*count = sizeof(SHFLFSOBJINFO);
	return VINF_SUCCESS;
}

/* A live handle of these types and room for its attributes; then as handle_access(). */
static int32_t info_handle(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t types,
			   bool write, uint32_t room, struct handle **ret)
{
	if (!handle_find(client, handle, types) || room < sizeof(SHFLFSOBJINFO))
		return VERR_INVALID_PARAMETER;
	return handle_access(client, root, handle, types, write, ret);
}

HOP int32_t vbsfQueryFileInfo(struct sf_client *client, uint32_t root, uint64_t handle,
			      uint32_t *count, uint8_t *buffer)
{
	struct handle *object;
	int32_t status =
		info_handle(client, root, handle, HANDLE_FILE | HANDLE_DIR, false, *count, &object);

	return VBOX_SUCCESS(status) ? report(object, count, buffer) : status;
}

HOP int32_t vbsfQueryVolumeInfo(struct sf_client *client, uint32_t root, uint32_t *count,
				uint8_t *buffer)
{
	SHFLVOLINFO volume = {0};
	struct mapping *mapping;
	struct statvfs fs;
	dev_t device;
	int32_t status;

	if (*count < sizeof(volume))
		return VERR_INVALID_PARAMETER;
	status = mapping_for_path(client, root, &mapping);
	if (VBOX_SUCCESS(status))
		status = RTFsQueryInfo(mapping->folder_fd, &fs, &device);
	if (VBOX_FAILURE(status))
		return status;
	volume.ullTotalAllocationBytes = (int64_t)(fs.f_blocks * fs.f_frsize);
	volume.ullAvailableAllocationBytes = (int64_t)(fs.f_bavail * fs.f_frsize);
	volume.ulBytesPerAllocationUnit = (uint32_t)fs.f_frsize;
	volume.ulBytesPerSector = SECTOR_BYTES;
	volume.ulSerial = (uint32_t)device;
	volume.fsProperties.cbMaxComponent = (uint32_t)fs.f_namemax;
	volume.fsProperties.fCaseSensitive = 1;
	volume.fsProperties.fReadOnly = (fs.f_flag & ST_RDONLY) != 0;
	volume.fsProperties.fSupportsUnicode = 1;
	memcpy(buffer, &volume, sizeof(volume));
	*count = sizeof(volume);
	return VINF_SUCCESS;
}

/* 0 leaves a time as it is; the other two cannot be set on this host. */
static void set_times(struct handle *handle, const SHFLFSOBJINFO *wanted)
{
	const struct timespec leave = {.tv_nsec = UTIME_OMIT};
	const struct timespec times[2] = {
		wanted->AccessTime ? time_of(wanted->AccessTime) : leave,
		wanted->ModificationTime ? time_of(wanted->ModificationTime) : leave,
	};

	if (!wanted->AccessTime && !wanted->ModificationTime)
		return;
	if (handle->type == HANDLE_DIR)
		RTDirSetTimes(handle->dir->all.dir, times);
	else
		RTFileSetTimes(handle->file.fd, times);
}

/*
 * The permissions that a mode from the guest means: false for none. Unix bits
 * count only together with a type. The owner can always look inside.
 */
static bool wanted_permissions(uint32_t mode, bool is_dir, mode_t *ret)
{
	if (mode & RTFS_UNIX_MASK) {
		if (!(mode & RTFS_TYPE_MASK))
			return false;
		*ret = (mode & 0777) | (is_dir ? 0500 : 0400);
		return true;
	}
	if (!(mode & RTFS_DOS_MASK))
		return false;
	*ret = 0444;
	if (is_dir || !(mode & RTFS_DOS_READONLY))
		*ret |= 0222;
	if (is_dir)
		*ret |= 0111;
	return true;
}

static void set_mode(struct handle *handle, uint32_t mode)
{
	bool is_dir = handle->type == HANDLE_DIR;
	mode_t permissions;

	if (!wanted_permissions(mode, is_dir, &permissions))
		return;
	if (is_dir)
		RTDirSetMode(handle->dir->all.dir, permissions);
	else
		RTFileSetMode(handle->file.fd, permissions);
}

/* That times or mode could not be set shows in the attributes that come back. */
HOP int32_t vbsfSetFileInfo(struct sf_client *client, uint32_t root, uint64_t handle,
			    uint32_t *count, uint8_t *buffer)
{
	const SHFLFSOBJINFO *wanted = (const SHFLFSOBJINFO *)buffer;
	struct handle *object;
	int32_t status =
		info_handle(client, root, handle, HANDLE_FILE | HANDLE_DIR, true, *count, &object);

	if (VBOX_FAILURE(status))
		return status;
	set_times(object, wanted);
	set_mode(object, wanted->Attr.fMode);
	return report(object, count, buffer);
}

HOP int32_t vbsfSetEndOfFile(struct sf_client *client, uint32_t root, uint64_t handle,
			     uint32_t *count, uint8_t *buffer)
{
	const SHFLFSOBJINFO *wanted = (const SHFLFSOBJINFO *)buffer;
	struct handle *file;
	int32_t status = info_handle(client, root, handle, HANDLE_FILE, true, *count, &file);

	if (VBOX_SUCCESS(status))
		status = RTFileSetSize(file->file.fd, (uint64_t)wanted->cbObject);
	return VBOX_SUCCESS(status) ? report(file, count, buffer) : status;
}

HOP int32_t vbsfQueryFSInfo(struct sf_client *client, uint32_t root, uint64_t handle,
			    uint32_t flags, uint32_t *count, uint8_t *buffer)
{
	if (flags & SHFL_INFO_FILE)
		return vbsfQueryFileInfo(client, root, handle, count, buffer);
	if (flags & SHFL_INFO_VOLUME)
		return vbsfQueryVolumeInfo(client, root, count, buffer);
	return VERR_INVALID_PARAMETER;
}

HOP int32_t vbsfSetFSInfo(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t flags,
			  uint32_t *count, uint8_t *buffer)
{
	if (flags & SHFL_INFO_FILE)
		return vbsfSetFileInfo(client, root, handle, count, buffer);
	if (flags & SHFL_INFO_SIZE)
		return vbsfSetEndOfFile(client, root, handle, count, buffer);
	return VERR_INVALID_PARAMETER;
}

HOP int32_t vbsfFileInfo(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t flags,
			 uint32_t *count, uint8_t *buffer)
{
	int32_t status = flags & SHFL_INFO_SET
				 ? vbsfSetFSInfo(client, root, handle, flags, count, buffer)
				 : vbsfQueryFSInfo(client, root, handle, flags, count, buffer);

	if (VBOX_FAILURE(status))
		*count = 0;
	return status;
}
