/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a kernel driver to a service of the host: VbglHGCM* for any
 * service, vboxCall* for the functions of the shared-folders service. These
 * give a VBox status; vbgl_errno turns it into a negative errno.
 */
#ifndef SF_R0LIB_H
#define SF_R0LIB_H

#include <linux/mm_types.h>
#include "shfl.h"
#include "vbox_status.h"
#include "vboxguest.h"

/* A connection to one service. */
struct VBGLHGCMHANDLE {
	struct VBOXGUESTIDC driver;
	u32 client;
};

/* The driver must be there. Nothing is left open on failure. */
int VbglHGCMConnect(struct VBGLHGCMHANDLE *handle, const char *service);
void VbglHGCMDisconnect(struct VBGLHGCMHANDLE *handle);

/*
 * One call: @info with its parameters, @size bytes in all. The status is the
 * transport's; the service's own is in info->result.
 */
int VbglHGCMCall(struct VBGLHGCMHANDLE *handle, struct VBoxGuestHGCMCallInfo *info, u32 size);
int vbglDriverIOCtl(struct VBOXGUESTIDC *driver, unsigned int command, void *data, u32 size);

int vbgl_errno(int status);

/* A share, mapped by a client. */
struct shfl_map {
	u32 root;
};

/* Pages for a transfer; the data begin in the first, @offset bytes after its start. */
struct shfl_pages {
	struct page **pages;
	u32 count;
	u32 offset;
};

/*
 * All of these: handle, map, and in the function's own order what it needs.
 * Strings are SHFLSTRINGs in UTF-8. Buffers are kernel memory, none of them
 * static data of a module.
 */
int vboxCallSetUtf8(struct VBGLHGCMHANDLE *client);
int vboxCallSetSymlinks(struct VBGLHGCMHANDLE *client);
int vboxCallQueryFeatures(struct VBGLHGCMHANDLE *client, u64 *ret_features, u32 *ret_last);
int vboxCallMapFolder(struct VBGLHGCMHANDLE *client, const SHFLSTRING *name,
		      struct shfl_map *ret_map);
/* @ret_flags: SHFL_MIF_* */
int vboxCallQueryMapInfo(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
			 SHFLSTRING *name, SHFLSTRING *mount_point, u64 *ret_flags);
int vboxCallUnmapFolder(struct VBGLHGCMHANDLE *client, const struct shfl_map *map);
int vboxCallCreate(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
		   const SHFLSTRING *path, SHFLCREATEPARMS *parms);
int vboxCallClose(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle);
int vboxCallRead(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		 u64 offset, u32 *count, void *buffer, bool locked);
int vboxCallWrite(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		  u64 offset, u32 *count, const void *buffer, bool locked);
int vboxCallReadPages(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		      u64 offset, u32 *count, const struct shfl_pages *pages);
/* @ret_end: where the next write would go on; an appending one says so where it has been. */
int vboxCallWritePages(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		       u64 offset, u32 *count, const struct shfl_pages *pages, u64 *ret_end);
int vboxCallAppend(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		   u64 *offset, u32 *count, const void *buffer);
/* @bytes: room in, filled out. @ret_more: whether there is more to list. */
int vboxCallDirInfo(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		    u32 flags, u32 *bytes, void *buffer, u32 *ret_entries, bool *ret_more);
int vboxCallFSInfo(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		   u32 flags, u32 *bytes, void *buffer);
int vboxCallRemove(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
		   const SHFLSTRING *path, u32 flags);
int vboxCallRename(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
		   const SHFLSTRING *from, const SHFLSTRING *to, u32 flags);
/* @flags: SHFL_LOCK_*; a conflict is VERR_FILE_LOCK_VIOLATION. */
int vboxCallLock(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
		 u64 offset, u64 length, u32 flags);
int vboxCallFlush(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle);
/* @buffer gets a terminated string, or the status is a failure. */
int vboxCallReadLink(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
		     const SHFLSTRING *path, u32 size, char *buffer);
int vboxCallSymlink(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
		    const SHFLSTRING *path, const SHFLSTRING *target, SHFLFSOBJINFO *ret_info);

/* What has been asked of the host so far, by function number. */
struct shfl_statistic {
	atomic64_t calls;
	atomic64_t errors;
	atomic64_t bytes; /* file data and listings carried */
};
extern struct shfl_statistic shfl_statistics[SHFL_FN_LAST + 1];

static inline u32 shflstring_size(const SHFLSTRING *string)
{
	return SHFLSTRING_HEADER_SIZE + string->u16Size;
}

#endif
