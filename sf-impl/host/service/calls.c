/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a call's parameters to its vbsf function. Counts, types and what a role
 * implies are checked by shfl.def, the rest by a check of the function's own.
 */
#include <string.h>

#include "mapping.h"
#include "path.h"
#include "shfl_table.h"
#include "vbsf.h"
#include "wait.h"

#define MAX_COPY_PART (1ull << 60)

/* Parameters by index; their types have been checked. */
static uint32_t u32(const struct call *call, unsigned i)
{
	return call->parms[i].u.uint32;
}

static uint64_t u64(const struct call *call, unsigned i)
{
	return call->parms[i].u.uint64;
}

static void *ptr(const struct call *call, unsigned i)
{
	return call->parms[i].u.pointer.addr;
}

static uint32_t ptr_size(const struct call *call, unsigned i)
{
	return call->parms[i].u.pointer.size;
}

/* A check of parameter i's value; its type has been checked. */
typedef int32_t check_fn(const struct call *call, unsigned i);

/* Checks by role. */

static int32_t check_path(const struct call *call, unsigned i)
{
	bool utf8 = call->client && client_is_utf8(call->client);
	bool valid = string_valid_in(ptr(call, i), ptr_size(call, i), utf8);

	return valid ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

static int32_t check_pattern(const struct call *call, unsigned i)
{
	return ptr_size(call, i) ? check_path(call, i) : VINF_SUCCESS;
}

static int32_t check_create_parms(const struct call *call, unsigned i)
{
	bool fits = ptr_size(call, i) == sizeof(SHFLCREATEPARMS);

	return fits ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

static int32_t check_obj_info(const struct call *call, unsigned i)
{
	bool fits = ptr_size(call, i) == sizeof(SHFLFSOBJINFO);

	return fits ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

static check_fn *const role_checks[] = {
	[SHFL_ROLE_PATH] = check_path,	       [SHFL_ROLE_PATTERN] = check_pattern,
	[SHFL_ROLE_TARGET] = check_path,       [SHFL_ROLE_CREATE_PARMS] = check_create_parms,
	[SHFL_ROLE_OBJ_INFO] = check_obj_info, [SHFL_ROLE_LED] = NULL, /* the last */
};

/* Checks by function. */

static int32_t check_name_out(const struct call *call, unsigned i)
{
	bool valid = string_valid_out(ptr(call, i), ptr_size(call, i));

	return valid ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

static int32_t check_mapping_flags(const struct call *call, unsigned i)
{
	return u32(call, i) & ~SHFL_MF_MASK ? VERR_INVALID_PARAMETER : VINF_SUCCESS;
}

static int32_t check_mapping_room(const struct call *call, unsigned i)
{
	bool fits = ptr_size(call, i) / sizeof(SHFLMAPPING) == u32(call, 1);

	return fits ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

/* 0 is what ancient guests take for no handle. */
static int32_t check_handle(const struct call *call, unsigned i)
{
	if (u64(call, i) == SHFL_HANDLE_ROOT)
		return VERR_INVALID_PARAMETER;
	return u64(call, i) == SHFL_HANDLE_NIL ? VERR_INVALID_HANDLE : VINF_SUCCESS;
}

static int32_t check_removed_handle(const struct call *call, unsigned i)
{
	return u64(call, i) == SHFL_HANDLE_ROOT ? VERR_INVALID_HANDLE : VINF_SUCCESS;
}

static int32_t check_data(const struct call *call, unsigned i)
{
	const VBOXHGCMSVCPARM *data = &call->parms[i];

	if (data->type == VBOX_HGCM_SVC_PARM_PAGES)
		return u32(call, 3) > data->u.Pages.cb ? VERR_OUT_OF_RANGE : VINF_SUCCESS;
	return u32(call, 3) > data->u.pointer.size ? VERR_INVALID_HANDLE : VINF_SUCCESS;
}

static int32_t check_entry_room(const struct call *call, unsigned i)
{
	return u32(call, i) < sizeof(SHFLDIRINFO) ? VERR_INVALID_PARAMETER : VINF_SUCCESS;
}

static int32_t check_buffer(const struct call *call, unsigned i)
{
	return u32(call, 3) > ptr_size(call, i) ? VERR_INVALID_PARAMETER : VINF_SUCCESS;
}

static int32_t check_remove_flags(const struct call *call, unsigned i)
{
	const uint32_t known = SHFL_REMOVE_FILE | SHFL_REMOVE_DIR | SHFL_REMOVE_SYMLINK;

	return u32(call, i) & ~known ? VERR_INVALID_FLAGS : VINF_SUCCESS;
}

static int32_t check_rename_flags(const struct call *call, unsigned i)
{
	const uint32_t known = SHFL_RENAME_FILE | SHFL_RENAME_DIR | SHFL_RENAME_REPLACE_IF_EXISTS;

	return u32(call, i) & ~known ? VERR_INVALID_PARAMETER : VINF_SUCCESS;
}

static int32_t check_link_room(const struct call *call, unsigned i)
{
	return ptr_size(call, i) ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

static int32_t check_map_info_flags(const struct call *call, unsigned i)
{
	const uint64_t known = SHFL_MIQF_DRIVE_LETTER | SHFL_MIQF_PATH;

	return u64(call, i) & ~known ? VERR_INVALID_PARAMETER : VINF_SUCCESS;
}

static int32_t check_no_flags(const struct call *call, unsigned i)
{
	return u32(call, i) ? VERR_INVALID_FLAGS : VINF_SUCCESS;
}

static int32_t check_copy_offset(const struct call *call, unsigned i)
{
	return u64(call, i) > INT64_MAX ? VERR_NEGATIVE_SEEK : VINF_SUCCESS;
}

static int32_t check_copy_count(const struct call *call, unsigned i)
{
	return u64(call, i) >= MAX_COPY_PART ? VERR_OUT_OF_RANGE : VINF_SUCCESS;
}

static int32_t check_error_style(const struct call *call, unsigned i)
{
	uint32_t style = u32(call, i);
	bool known = style == SHFL_ERROR_STYLE_WINDOWS || style == SHFL_ERROR_STYLE_LINUX;

	return known ? VINF_SUCCESS : VERR_WRONG_PARAMETER_TYPE;
}

static int32_t check_reserved(const struct call *call, unsigned i)
{
	return u32(call, i) ? VERR_WRONG_PARAMETER_TYPE : VINF_SUCCESS;
}

/* The functions. */

static int32_t call_query_mappings(struct call *call)
{
	return vbsfMappingsQuery(call->client, u32(call, 0), ptr(call, 2),
				 &call->parms[1].u.uint32);
}

static int32_t call_query_map_name(struct call *call)
{
	return vbsfQueryMapName(call->client, u32(call, 0), ptr(call, 1));
}

static int32_t call_create(struct call *call)
{
	return vbsfCreate(call->client, u32(call, 0), ptr(call, 1), ptr_size(call, 1),
			  ptr(call, 2));
}

static int32_t call_close(struct call *call)
{
	return vbsfClose(call->client, u32(call, 0), u64(call, 1));
}

static int32_t call_read(struct call *call)
{
	uint32_t *count = &call->parms[3].u.uint32;

	if (call->parms[4].type == VBOX_HGCM_SVC_PARM_PAGES)
		return vbsfReadPages(call->client, u32(call, 0), u64(call, 1), u64(call, 2), count,
				     &call->parms[4]);
	return vbsfRead(call->client, u32(call, 0), u64(call, 1), u64(call, 2), count,
			ptr(call, 4));
}

static int32_t call_write(struct call *call)
{
	uint64_t *offset = &call->parms[2].u.uint64;
	uint32_t *count = &call->parms[3].u.uint32;

	if (call->parms[4].type == VBOX_HGCM_SVC_PARM_PAGES)
		return vbsfWritePages(call->client, u32(call, 0), u64(call, 1), offset, count,
				      &call->parms[4]);
	return vbsfWrite(call->client, u32(call, 0), u64(call, 1), offset, count, ptr(call, 4));
}

/* Who holds the lock may need this thread to let it go: it never waits here. */
static int32_t call_lock(struct call *call)
{
	uint32_t flags = u32(call, 4);
	int32_t status;

	if ((flags & SHFL_LOCK_MODE_MASK) == SHFL_LOCK_CANCEL)
		return vbsfUnlock(call->client, u32(call, 0), u64(call, 1), u64(call, 2),
				  u64(call, 3), flags);
	status = vbsfLock(call->client, u32(call, 0), u64(call, 1), u64(call, 2), u64(call, 3),
			  flags);
	if (status != VERR_FILE_LOCK_VIOLATION || !(flags & SHFL_LOCK_WAIT))
		return status;
	return vbsf_lock_wait(call, u64(call, 1), u64(call, 2), u64(call, 3), flags);
}

static int32_t call_list(struct call *call)
{
	VBOXHGCMSVCPARM *parms = call->parms;

	return vbsfDirList(call->client, u32(call, 0), u64(call, 1),
			   ptr_size(call, 4) ? ptr(call, 4) : NULL, u32(call, 2),
			   &parms[3].u.uint32, ptr(call, 5), &parms[6].u.uint32,
			   &parms[7].u.uint32);
}

static int32_t call_information(struct call *call)
{
	return vbsfFileInfo(call->client, u32(call, 0), u64(call, 1), u32(call, 2),
			    &call->parms[3].u.uint32, ptr(call, 4));
}

static int32_t call_remove(struct call *call)
{
	return vbsfRemove(call->client, u32(call, 0), ptr(call, 1), ptr_size(call, 1),
			  u32(call, 2));
}

/* Some guests count the terminator of their UTF-16 name. */
static bool name_is_valid(const struct call *call)
{
	SHFLSTRING *name = ptr(call, 0);
	uint32_t size = ptr_size(call, 0);
	uint16_t length;

	if (string_valid_in(name, size, client_is_utf8(call->client)))
		return true;
	if (call->fn != SHFL_FN_MAP_FOLDER || client_is_utf8(call->client) ||
	    size < sizeof(SHFLSTRING) || string_length(name) < 2)
		return false;
	length = (uint16_t)(string_length(name) - 2);
	if (length + 2u > size - SHFLSTRING_HEADER_SIZE ||
	    memcmp((char *)name + SHFLSTRING_HEADER_SIZE + length, "\0", 2))
		return false;
	memcpy((char *)name + offsetof(SHFLSTRING, u16Length), &length, sizeof(length));
	return string_valid_in(name, size, false);
}

static int32_t map_folder(struct call *call, bool case_sensitive)
{
	if (!name_is_valid(call))
		return VERR_INVALID_PARAMETER;
	return vbsfMapFolder(call->client, ptr(call, 0), (uint16_t)u32(call, 2), case_sensitive,
			     &call->parms[1].u.uint32);
}

static int32_t call_map_folder_old(struct call *call)
{
	return map_folder(call, false);
}

static int32_t call_map_folder(struct call *call)
{
	return map_folder(call, u32(call, 3));
}

static int32_t call_unmap_folder(struct call *call)
{
	return vbsfUnmapFolder(call->client, u32(call, 0));
}

static int32_t call_rename(struct call *call)
{
	return vbsfRename(call->client, u32(call, 0), ptr(call, 1), ptr(call, 2), u32(call, 3));
}

static int32_t call_flush(struct call *call)
{
	return vbsfFlush(call->client, u32(call, 0), u64(call, 1));
}

static int32_t call_set_utf8(struct call *call)
{
	call->client->flags |= SF_CLIENT_UTF8;
	return VINF_SUCCESS;
}

static int32_t call_set_symlinks(struct call *call)
{
	call->client->flags |= SF_CLIENT_SYMLINKS;
	return VINF_SUCCESS;
}

static int32_t call_readlink(struct call *call)
{
	return vbsfReadLink(call->client, u32(call, 0), ptr(call, 1), ptr_size(call, 1),
			    ptr(call, 2), ptr_size(call, 2));
}

static int32_t call_symlink(struct call *call)
{
	return vbsfSymlink(call->client, u32(call, 0), ptr(call, 1), ptr(call, 2), ptr(call, 3));
}

static int32_t call_query_map_info(struct call *call)
{
	return vbsfQueryMapInfo(call->client, u32(call, 0), ptr(call, 1), ptr(call, 2),
				&call->parms[3].u.uint64, &call->parms[4].u.uint32);
}

static int32_t call_wait_for_mappings_changes(struct call *call)
{
	return vbsfMappingsWait(call, &call->parms[0].u.uint32);
}

static int32_t call_cancel_mappings_changes_waits(struct call *call)
{
	return vbsfMappingsCancelWait(call->client);
}

static int32_t call_set_file_size(struct call *call)
{
	return vbsfSetFileSize(call->client, u32(call, 0), u64(call, 1), u64(call, 2));
}

static int32_t call_query_features(struct call *call)
{
	call->parms[0].u.uint64 = SHFL_FEATURE_WRITE_UPDATES_OFFSET;
	call->parms[1].u.uint32 = SHFL_FN_LAST;
	return VINF_SUCCESS;
}

static int32_t call_copy_file(struct call *call)
{
	return vbsfCopyFile(call->client, u32(call, 0), ptr(call, 1), u32(call, 2), ptr(call, 3));
}

static int32_t call_copy_file_part(struct call *call)
{
	return vbsfCopyFilePart(call->client, u32(call, 0), u64(call, 1), u64(call, 2),
				u32(call, 3), u64(call, 4), u64(call, 5), &call->parms[6].u.uint64);
}

static int32_t call_close_and_remove(struct call *call)
{
	return vbsfCloseAndRemove(call->client, u32(call, 0), ptr(call, 1), ptr_size(call, 1),
				  u32(call, 2), u64(call, 3));
}

static int32_t call_set_error_style(struct call *call)
{
	call->client->error_style = (uint8_t)u32(call, 0);
	return VINF_SUCCESS;
}

/* Host strings are UTF-16 always; *ret_text has PATH_TEXT_MAX bytes. */
static int32_t host_string(const struct call *call, unsigned i, char *ret_text)
{
	if (!string_valid_in(ptr(call, i), ptr_size(call, i), false))
		return VERR_INVALID_PARAMETER;
	return string_to_utf8(ptr(call, i), false, ret_text, PATH_TEXT_MAX);
}

static int32_t host_add_mapping(struct call *call)
{
	char folder[PATH_TEXT_MAX], name[PATH_TEXT_MAX], mount_point[PATH_TEXT_MAX];
	int32_t status = host_string(call, 0, folder);

	if (VBOX_SUCCESS(status))
		status = host_string(call, 1, name);
	if (VBOX_SUCCESS(status))
		status = host_string(call, 3, mount_point);
	if (VBOX_FAILURE(status))
		return status;
	return mapping_add(folder, name, mount_point, u32(call, 2));
}

static int32_t host_remove_mapping(struct call *call)
{
	char name[PATH_TEXT_MAX];
	int32_t status = host_string(call, 0, name);

	return VBOX_SUCCESS(status) ? mapping_remove(name) : status;
}

static int32_t host_set_status_led(struct call *call)
{
	if (ptr_size(call, 0) != 4 * sizeof(uint32_t))
		return VERR_INVALID_PARAMETER;
	vbsf_set_led(ptr(call, 0));
	return VINF_SUCCESS;
}

struct function {
	int32_t (*run)(struct call *call);
	check_fn *checks[SHFL_MAX_PARMS]; /* what the parameters' roles do not say */
};

static const struct function functions[] = {
	[SHFL_FN_QUERY_MAPPINGS] = {call_query_mappings,
				    {[0] = check_mapping_flags, [2] = check_mapping_room}},
	[SHFL_FN_QUERY_MAP_NAME] = {call_query_map_name, {[1] = check_name_out}},
	[SHFL_FN_CREATE] = {call_create, {NULL}},
	[SHFL_FN_CLOSE] = {call_close, {[1] = check_handle}},
	[SHFL_FN_READ] = {call_read, {[1] = check_handle, [4] = check_data}},
	[SHFL_FN_WRITE] = {call_write, {[1] = check_handle, [4] = check_data}},
	[SHFL_FN_LOCK] = {call_lock, {[1] = check_handle}},
	[SHFL_FN_LIST] = {call_list, {[3] = check_entry_room, [5] = check_buffer}},
	[SHFL_FN_INFORMATION] = {call_information, {[4] = check_buffer}},
	[SHFL_FN_REMOVE] = {call_remove, {[2] = check_remove_flags}},
	[SHFL_FN_MAP_FOLDER_OLD] = {call_map_folder_old, {NULL}},
	[SHFL_FN_UNMAP_FOLDER] = {call_unmap_folder, {NULL}},
	[SHFL_FN_RENAME] = {call_rename, {[3] = check_rename_flags}},
	[SHFL_FN_FLUSH] = {call_flush, {[1] = check_handle}},
	[SHFL_FN_SET_UTF8] = {call_set_utf8, {NULL}},
	[SHFL_FN_MAP_FOLDER] = {call_map_folder, {NULL}},
	[SHFL_FN_READLINK] = {call_readlink, {[2] = check_link_room}},
	[SHFL_FN_SYMLINK] = {call_symlink, {NULL}},
	[SHFL_FN_SET_SYMLINKS] = {call_set_symlinks, {NULL}},
	[SHFL_FN_QUERY_MAP_INFO] =
		{call_query_map_info,
		 {[1] = check_name_out, [2] = check_name_out, [3] = check_map_info_flags}},
	[SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES] = {call_wait_for_mappings_changes, {NULL}},
	[SHFL_FN_CANCEL_MAPPINGS_CHANGES_WAITS] = {call_cancel_mappings_changes_waits, {NULL}},
	[SHFL_FN_SET_FILE_SIZE] = {call_set_file_size, {NULL}},
	[SHFL_FN_QUERY_FEATURES] = {call_query_features, {NULL}},
	[SHFL_FN_COPY_FILE] = {call_copy_file, {[4] = check_no_flags}},
	[SHFL_FN_COPY_FILE_PART] = {call_copy_file_part,
				    {[2] = check_copy_offset,
				     [5] = check_copy_offset,
				     [6] = check_copy_count,
				     [7] = check_no_flags}},
	[SHFL_FN_CLOSE_AND_REMOVE] = {call_close_and_remove,
				      {[2] = check_remove_flags, [3] = check_removed_handle}},
	[SHFL_FN_SET_ERROR_STYLE] = {call_set_error_style,
				     {[0] = check_error_style, [1] = check_reserved}},
};

/* ALLOW_SYMLINKS_CREATE is a number that no version of the service implements. */
static const struct function host_functions[] = {
	[SHFL_FN_ADD_MAPPING] = {host_add_mapping, {NULL}},
	[SHFL_FN_REMOVE_MAPPING] = {host_remove_mapping, {NULL}},
	[SHFL_FN_SET_STATUS_LED] = {host_set_status_led, {NULL}},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The parameters of each that have a check, by their roles or here, a bit each. */
static uint8_t checked[COUNT_OF(functions)];
static uint8_t host_checked[COUNT_OF(host_functions)];

static const struct table {
	const struct function *functions;
	uint8_t *checked;
	size_t n;
	const struct shfl_fn_info *(*find)(uint32_t fn);
} guest_table = {functions, checked, COUNT_OF(functions), shfl_fn_find},
  host_table = {host_functions, host_checked, COUNT_OF(host_functions), shfl_host_fn_find};

static bool type_is_right(const VBOXHGCMSVCPARM *parm, uint8_t kind)
{
	static const uint8_t types[] = {
		/* bit t: type t will do */
		[SHFL_KIND_32BIT] = 1 << VBOX_HGCM_SVC_PARM_32BIT,
		[SHFL_KIND_64BIT] = 1 << VBOX_HGCM_SVC_PARM_64BIT,
		[SHFL_KIND_PTR] = 1 << VBOX_HGCM_SVC_PARM_PTR,
		[SHFL_KIND_DATA] = 1 << VBOX_HGCM_SVC_PARM_PTR | 1 << VBOX_HGCM_SVC_PARM_PAGES,
		[SHFL_KIND_ANY] = 0xff,
	};

	if (parm->type > VBOX_HGCM_SVC_PARM_PAGES)
		return kind == SHFL_KIND_ANY;
	return types[kind] & 1u << parm->type;
}

static bool points_nowhere(const VBOXHGCMSVCPARM *parm)
{
	return parm->type == VBOX_HGCM_SVC_PARM_PTR && parm->u.pointer.size &&
	       !parm->u.pointer.addr;
}

/* How many parameters are right in type, up to the first that is not: it has *ret_status. */
static unsigned check_types(const struct call *call, const struct shfl_fn_info *info,
			    int32_t *ret_status)
{
	unsigned n = 0;

	*ret_status = VINF_SUCCESS;
	for (; n < info->n_parms; n++) {
		if (!type_is_right(&call->parms[n], info->parms[n].kind))
			*ret_status = info->type_status;
		else if (points_nowhere(&call->parms[n]))
			*ret_status = VERR_INVALID_POINTER;
		else
			continue;
		break;
	}
	return n;
}

static int32_t check_value(const struct call *call, const struct shfl_fn_info *info,
			   const struct function *function, unsigned i)
{
	check_fn *by_role = role_checks[info->parms[i].role];
	int32_t status = by_role ? by_role(call, i) : VINF_SUCCESS;

	if (function->checks[i] && VBOX_SUCCESS(status))
		status = function->checks[i](call, i);
	return status;
}

/*
 * One of two orders, which guests can tell apart: every type before any value,
 * or type and value parameter by parameter. spec/shfl-service.md 9.1.
 */
static int32_t check_parms(const struct call *call, const struct shfl_fn_info *info,
			   const struct table *table)
{
	bool in_order = info->type_status == VERR_WRONG_PARAMETER_TYPE ||
			(info->flags & SHFL_FNF_TYPES_IN_ORDER);
	int32_t type_status, status;
	unsigned n;

	if (call->n_parms != info->n_parms && !(info->flags & SHFL_FNF_ANY_COUNT))
		return info->count_status;
	n = check_types(call, info, &type_status);
	if (n < info->n_parms && !in_order)
		return type_status;
	for (unsigned left = table->checked[call->fn] & ((1u << n) - 1); left; left &= left - 1) {
		status = check_value(call, info, &table->functions[call->fn],
				     (unsigned)__builtin_ctz(left));
		if (VBOX_FAILURE(status))
			return status;
	}
	return n < info->n_parms ? type_status : VINF_SUCCESS;
}

static int32_t run(struct call *call, const struct shfl_fn_info *info, const struct table *table)
{
	int32_t status;

	if (!info || call->fn >= table->n || !table->functions[call->fn].run)
		return VERR_NOT_IMPLEMENTED;
	status = check_parms(call, info, table);
	return VBOX_SUCCESS(status) ? table->functions[call->fn].run(call) : status;
}

static void note_checks(const struct table *table)
{
	for (uint32_t fn = 0; fn < table->n; fn++) {
		const struct shfl_fn_info *info = table->find(fn);

		for (unsigned i = 0; info && i < info->n_parms; i++)
			if (role_checks[info->parms[i].role] || table->functions[fn].checks[i])
				table->checked[fn] |= (uint8_t)(1 << i);
	}
}

void call_start(void)
{
	note_checks(&guest_table);
	note_checks(&host_table);
}

int32_t call_run(struct call *call)
{
	return run(call, shfl_fn_find(call->fn), &guest_table);
}

int32_t host_call_run(struct call *call)
{
	return run(call, shfl_host_fn_find(call->fn), &host_table);
}
