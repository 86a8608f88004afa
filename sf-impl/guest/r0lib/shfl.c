// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The functions of the shared-folders service. Each fills a call block, makes
 * one HGCM call, and takes its results out of the block.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "r0lib.h"

struct shfl_statistic shfl_statistics[SHFL_FN_LAST + 1];

struct shfl_call {
	struct VBoxGuestHGCMCallInfo info;
	HGCMFunctionParameter64 parms[SHFL_MAX_PARMS];
};

static inline HGCMFunctionParameter64 value32(u32 value)
{
	return (HGCMFunctionParameter64){ .type = VMMDevHGCMParmType_32bit, .u.value32 = value };
}

static inline HGCMFunctionParameter64 value64(u64 value)
{
	return (HGCMFunctionParameter64){ .type = VMMDevHGCMParmType_64bit, .u.value64 = value };
}

static inline HGCMFunctionParameter64 memory(u32 type, const void *address, u32 size)
{
	return (HGCMFunctionParameter64){ .type = type,
					  .u.Pointer = { size, (uintptr_t)address } };
}

static inline HGCMFunctionParameter64 input(const void *address, u32 size)
{
	return memory(VMMDevHGCMParmType_LinAddr_In, address, size);
}

static inline HGCMFunctionParameter64 output(void *address, u32 size)
{
	return memory(VMMDevHGCMParmType_LinAddr_Out, address, size);
}

static inline HGCMFunctionParameter64 string(const SHFLSTRING *text)
{
	return input(text, shflstring_size(text));
}

static void count_call(u32 function, int rc)
{
	atomic64_inc(&shfl_statistics[function].calls);
	if (VBOX_FAILURE(rc) && rc != VERR_NO_MORE_FILES)
		atomic64_inc(&shfl_statistics[function].errors);
}

static void count_bytes(u32 function, u32 bytes)
{
	atomic64_add(bytes, &shfl_statistics[function].bytes);
}

/* @size: of the block, when page lists follow the parameters. */
static int make_sized(struct VBGLHGCMHANDLE *client, struct VBoxGuestHGCMCallInfo *info,
		      u32 function, u32 count, u32 size)
{
	int rc;

	info->result = VERR_INTERNAL_ERROR;
	info->u32ClientID = client->client;
	info->u32Function = function;
	info->cParms = count;
	rc = VbglHGCMCall(client, info, size);
	if (VBOX_SUCCESS(rc))
		rc = info->result;
	count_call(function, rc);
	return rc;
}

static int make(struct VBGLHGCMHANDLE *client, struct shfl_call *call, u32 function, u32 count)
{
	return make_sized(client, &call->info, function, count,
			  sizeof(call->info) + count * sizeof(call->parms[0]));
}

noinline int vboxCallSetUtf8(struct VBGLHGCMHANDLE *client)
{
	struct shfl_call call;

	return make(client, &call, SHFL_FN_SET_UTF8, 0);
}

noinline int vboxCallSetSymlinks(struct VBGLHGCMHANDLE *client)
{
	struct shfl_call call;

	return make(client, &call, SHFL_FN_SET_SYMLINKS, 0);
}

noinline int vboxCallQueryFeatures(struct VBGLHGCMHANDLE *client, u64 *ret_features, u32 *ret_last)
{
	struct shfl_call call = { .parms = { value64(0), value32(0) } };
	int rc = make(client, &call, SHFL_FN_QUERY_FEATURES, 2);

	if (VBOX_SUCCESS(rc)) {
		*ret_features = call.parms[0].u.value64;
		*ret_last = call.parms[1].u.value32;
	}
	return rc;
}

noinline int vboxCallMapFolder(struct VBGLHGCMHANDLE *client, const SHFLSTRING *name,
			       struct shfl_map *ret_map)
{
	struct shfl_call call = { .parms = { string(name), value32(0), value32('/'), value32(1) } };
	int rc = make(client, &call, SHFL_FN_MAP_FOLDER, 4);

	if (VBOX_SUCCESS(rc))
		ret_map->root = call.parms[1].u.value32;
	return rc;
}

noinline int vboxCallQueryMapInfo(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
				  SHFLSTRING *name, SHFLSTRING *mount_point, u64 *ret_flags)
{
	struct shfl_call call = {
		.parms = { value32(map->root),
			   memory(VMMDevHGCMParmType_LinAddr, name, shflstring_size(name)),
			   memory(VMMDevHGCMParmType_LinAddr, mount_point,
				  shflstring_size(mount_point)),
			   value64(0), value32(0) },
	};
	int rc = make(client, &call, SHFL_FN_QUERY_MAP_INFO, 5);

	if (VBOX_SUCCESS(rc))
		*ret_flags = call.parms[3].u.value64;
	return rc;
}

noinline int vboxCallUnmapFolder(struct VBGLHGCMHANDLE *client, const struct shfl_map *map)
{
	struct shfl_call call = { .parms = { value32(map->root) } };

	return make(client, &call, SHFL_FN_UNMAP_FOLDER, 1);
}

noinline int vboxCallCreate(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
			    const SHFLSTRING *path, SHFLCREATEPARMS *parms)
{
	struct shfl_call call = {
		.parms = { value32(map->root), string(path),
			   memory(VMMDevHGCMParmType_LinAddr, parms, sizeof(*parms)) },
	};

	return make(client, &call, SHFL_FN_CREATE, 3);
}

noinline int vboxCallClose(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle)
{
	struct shfl_call call = { .parms = { value32(map->root), value64(handle) } };

	return make(client, &call, SHFL_FN_CLOSE, 2);
}

/* Both ways of data: the buffer's form differs, the outcome does not. */
static int transfer(struct VBGLHGCMHANDLE *client, struct shfl_call *call, u32 function,
		    u32 *count)
{
	u32 asked = *count;
	int rc = make(client, call, function, 5);

	if (VBOX_FAILURE(rc))
		return rc;
	*count = min(call->parms[3].u.value32, asked);
	count_bytes(function, *count);
	return rc;
}

noinline int vboxCallRead(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
			  u64 offset, u32 *count, void *buffer, bool locked)
{
	u32 type = locked ? VMMDevHGCMParmType_LinAddr_Locked_Out : VMMDevHGCMParmType_LinAddr_Out;
	struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value64(offset), value32(*count),
			   memory(type, buffer, *count) },
	};

	return transfer(client, &call, SHFL_FN_READ, count);
}

noinline int vboxCallWrite(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
			   u64 offset, u32 *count, const void *buffer, bool locked)
{
	u32 type = locked ? VMMDevHGCMParmType_LinAddr_Locked_In : VMMDevHGCMParmType_LinAddr_In;
	struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value64(offset), value32(*count),
			   memory(type, buffer, *count) },
	};

	return transfer(client, &call, SHFL_FN_WRITE, count);
}

noinline int vboxCallAppend(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
			    u64 *offset, u32 *count, const void *buffer)
{
	struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value64(*offset), value32(*count),
			   input(buffer, *count) },
	};
	int rc = transfer(client, &call, SHFL_FN_WRITE, count);

	if (VBOX_SUCCESS(rc))
		*offset = call.parms[2].u.value64;
	return rc;
}

struct pages_call {
	struct shfl_call call; /* with less parameters than there is room for */
	HGCMPageListInfo list;
};

/* The list lies behind all eight parameters, used or not. */
static struct pages_call *pages_call_new(const struct shfl_pages *pages, u32 flags, u32 *ret_size)
{
	u32 size = struct_size((struct pages_call *)NULL, list.aPages, pages->count);
	struct pages_call *call = kvmalloc(size, GFP_NOFS);
	u32 i;

	if (!call)
		return NULL;
	call->list.flags = flags;
	call->list.offFirstPage = pages->offset;
	call->list.cPages = pages->count;
	for (i = 0; i < pages->count; i++)
		call->list.aPages[i] = page_to_phys(pages->pages[i]);
	*ret_size = size;
	return call;
}

static int transfer_pages(struct VBGLHGCMHANDLE *client, const struct shfl_call *template,
			  u32 function, u32 *count, const struct shfl_pages *pages, u64 *ret_end)
{
	u32 flags = function == SHFL_FN_READ ? VBOX_HGCM_F_PARM_DIRECTION_FROM_HOST :
					       VBOX_HGCM_F_PARM_DIRECTION_TO_HOST;
	u32 size;
	struct pages_call *block = pages_call_new(pages, flags, &size);
	int rc;

	if (!block)
		return VERR_NO_MEMORY;
	block->call = *template;
	block->call.parms[4] = (HGCMFunctionParameter64){
		.type = VMMDevHGCMParmType_NoBouncePageList,
		.u.PageList = { *count, offsetof(struct pages_call, list) },
	};
	rc = make_sized(client, &block->call.info, function, 5, size);
	if (VBOX_SUCCESS(rc)) {
		*count = min(block->call.parms[3].u.value32, *count);
		*ret_end = block->call.parms[2].u.value64;
		count_bytes(function, *count);
	}
	kvfree(block);
	return rc;
}

noinline int vboxCallReadPages(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
			       u64 handle, u64 offset, u32 *count, const struct shfl_pages *pages)
{
	const struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value64(offset), value32(*count) },
	};
	u64 end;

	return transfer_pages(client, &call, SHFL_FN_READ, count, pages, &end);
}

noinline int vboxCallWritePages(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
				u64 handle, u64 offset, u32 *count,
				const struct shfl_pages *pages, u64 *ret_end)
{
	const struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value64(offset), value32(*count) },
	};

	return transfer_pages(client, &call, SHFL_FN_WRITE, count, pages, ret_end);
}

noinline int vboxCallDirInfo(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
			     u32 flags, u32 *bytes, void *buffer, u32 *ret_entries, bool *ret_more)
{
	struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value32(flags), value32(*bytes),
			   input(NULL, 0), output(buffer, *bytes), value32(0), value32(0) },
	};
	int rc = make(client, &call, SHFL_FN_LIST, 8);

	if (VBOX_FAILURE(rc))
		return rc;
	*bytes = min(call.parms[3].u.value32, *bytes);
	*ret_more = call.parms[6].u.value32 != 0;
	*ret_entries = call.parms[7].u.value32;
	count_bytes(SHFL_FN_LIST, *bytes);
	return rc;
}

noinline int vboxCallFSInfo(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
			    u32 flags, u32 *bytes, void *buffer)
{
	struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value32(flags), value32(*bytes),
			   memory(VMMDevHGCMParmType_LinAddr, buffer, *bytes) },
	};
	int rc = make(client, &call, SHFL_FN_INFORMATION, 5);

	if (VBOX_SUCCESS(rc))
		*bytes = min(call.parms[3].u.value32, *bytes);
	return rc;
}

noinline int vboxCallRemove(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
			    const SHFLSTRING *path, u32 flags)
{
	struct shfl_call call = {
		.parms = { value32(map->root), string(path), value32(flags) },
	};

	return make(client, &call, SHFL_FN_REMOVE, 3);
}

noinline int vboxCallRename(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
			    const SHFLSTRING *from, const SHFLSTRING *to, u32 flags)
{
	struct shfl_call call = {
		.parms = { value32(map->root), string(from), string(to), value32(flags) },
	};

	return make(client, &call, SHFL_FN_RENAME, 4);
}

noinline int vboxCallFlush(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle)
{
	struct shfl_call call = { .parms = { value32(map->root), value64(handle) } };

	return make(client, &call, SHFL_FN_FLUSH, 2);
}

noinline int vboxCallLock(struct VBGLHGCMHANDLE *client, const struct shfl_map *map, u64 handle,
			  u64 offset, u64 length, u32 flags)
{
	struct shfl_call call = {
		.parms = { value32(map->root), value64(handle), value64(offset), value64(length),
			   value32(flags) },
	};

	return make(client, &call, SHFL_FN_LOCK, 5);
}

noinline int vboxCallReadLink(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
			      const SHFLSTRING *path, u32 size, char *buffer)
{
	struct shfl_call call = {
		.parms = { value32(map->root), string(path), output(buffer, size) },
	};
	int rc = make(client, &call, SHFL_FN_READLINK, 3);

	if (VBOX_SUCCESS(rc) && !memchr(buffer, 0, size))
		return VERR_BUFFER_OVERFLOW;
	return rc;
}

noinline int vboxCallSymlink(struct VBGLHGCMHANDLE *client, const struct shfl_map *map,
			     const SHFLSTRING *path, const SHFLSTRING *target,
			     SHFLFSOBJINFO *ret_info)
{
	struct shfl_call call = {
		.parms = { value32(map->root), string(path), string(target),
			   output(ret_info, sizeof(*ret_info)) },
	};

	return make(client, &call, SHFL_FN_SYMLINK, 4);
}
