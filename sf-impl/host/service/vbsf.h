/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SHFL functions: what a guest's call does once its parameters have been
 * checked. Each is a hop, named as in VirtualBox; the client is the first
 * argument, the root (or the share's name) the second. All return the status
 * that the call is completed with.
 */
#ifndef VBSF_H
#define VBSF_H

#include <sys/stat.h>

#include "path.h"
#include "service.h"

/* vbsf_map.c; mappings: room for *count, unaligned. */
int32_t vbsfMappingsQuery(struct sf_client *client, uint32_t flags, void *mappings,
			  uint32_t *count);
int32_t vbsfQueryMapName(struct sf_client *client, uint32_t root, SHFLSTRING *name);
int32_t vbsfQueryMapInfo(struct sf_client *client, uint32_t root, SHFLSTRING *name,
			 SHFLSTRING *mount_point, uint64_t *flags, uint32_t *version);
int32_t vbsfMapFolder(struct sf_client *client, const SHFLSTRING *name, uint16_t delimiter,
		      bool case_sensitive, uint32_t *root);
int32_t vbsfUnmapFolder(struct sf_client *client, uint32_t root);
int32_t vbsfMappingsWait(struct call *call, uint32_t *version);
int32_t vbsfMappingsCancelWait(struct sf_client *client);
int32_t vbsfDisconnect(struct sf_client *client);

/* vbsf_create.c */
int32_t vbsfCreate(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
		   uint32_t path_size, SHFLCREATEPARMS *parms);
int32_t vbsfLookup(struct sf_client *client, uint32_t root, struct sf_path *path,
		   SHFLCREATEPARMS *parms);
int32_t vbsfOpenFile(struct sf_client *client, uint32_t root, struct sf_path *path,
		     SHFLCREATEPARMS *parms, mode_t mode);
int32_t vbsfOpenDir(struct sf_client *client, uint32_t root, struct sf_path *path,
		    SHFLCREATEPARMS *parms);
int32_t vbsfClose(struct sf_client *client, uint32_t root, uint64_t handle);

/* vbsf_io.c; *count: wanted, then done (0 on failure). pages: of type PAGES. */
int32_t vbsfRead(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
		 uint32_t *count, void *buffer);
int32_t vbsfWrite(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t *offset,
		  uint32_t *count, const void *buffer);
int32_t vbsfReadPages(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
		      uint32_t *count, const VBOXHGCMSVCPARM *pages);
int32_t vbsfWritePages(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t *offset,
		       uint32_t *count, const VBOXHGCMSVCPARM *pages);
int32_t vbsfFlush(struct sf_client *client, uint32_t root, uint64_t handle);
int32_t vbsfSetFileSize(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t size);
int32_t vbsfLock(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
		 uint64_t length, uint32_t flags);
/* For a vbsfLock that found it locked: the call ends later. */
int32_t vbsf_lock_wait(const struct call *call, uint64_t handle, uint64_t offset, uint64_t length,
		       uint32_t flags);
int32_t vbsfUnlock(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
		   uint64_t length, uint32_t flags);
/* The host's light for activity, or NULL: struct of four 32-bit words. */
void vbsf_set_led(uint32_t *led);

/* vbsf_dir.c; pattern: NULL for none. *count: room, then bytes filled. */
int32_t vbsfDirList(struct sf_client *client, uint32_t root, uint64_t handle,
		    const SHFLSTRING *pattern, uint32_t flags, uint32_t *count, uint8_t *buffer,
		    uint32_t *resume, uint32_t *entries);

/* vbsf_info.c; *count: room, then bytes filled (0 on failure). */
int32_t vbsfFileInfo(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t flags,
		     uint32_t *count, uint8_t *buffer);
int32_t vbsfQueryFSInfo(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t flags,
			uint32_t *count, uint8_t *buffer);
int32_t vbsfSetFSInfo(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t flags,
		      uint32_t *count, uint8_t *buffer);
int32_t vbsfQueryFileInfo(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t *count,
			  uint8_t *buffer);
int32_t vbsfQueryVolumeInfo(struct sf_client *client, uint32_t root, uint32_t *count,
			    uint8_t *buffer);
int32_t vbsfSetFileInfo(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t *count,
			uint8_t *buffer);
int32_t vbsfSetEndOfFile(struct sf_client *client, uint32_t root, uint64_t handle, uint32_t *count,
			 uint8_t *buffer);
/* name: the last component, for names that count as hidden; NULL if it is not known. */
void vbsf_info_from_stat(const struct stat *info, const char *name, SHFLFSOBJINFO *ret_info);

/* vbsf_name.c */
int32_t vbsfRemove(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
		   uint32_t path_size, uint32_t flags);
int32_t vbsfCloseAndRemove(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
			   uint32_t path_size, uint32_t flags, uint64_t handle);
int32_t vbsfRename(struct sf_client *client, uint32_t root, const SHFLSTRING *source,
		   const SHFLSTRING *destination, uint32_t flags);
int32_t vbsfReadLink(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
		     uint32_t path_size, char *buffer, uint32_t buffer_size);
int32_t vbsfSymlink(struct sf_client *client, uint32_t root, const SHFLSTRING *path,
		    const SHFLSTRING *target, SHFLFSOBJINFO *info);

/* vbsf_copy.c */
int32_t vbsfCopyFile(struct sf_client *client, uint32_t source_root, const SHFLSTRING *source,
		     uint32_t destination_root, const SHFLSTRING *destination);
int32_t vbsfCopyFilePart(struct sf_client *client, uint32_t source_root, uint64_t source,
			 uint64_t source_offset, uint32_t destination_root, uint64_t destination,
			 uint64_t destination_offset, uint64_t *count);

#endif
