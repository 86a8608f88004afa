/* SPDX-License-Identifier: MIT */
/*
 * shfl.def as data: what code that treats functions or parameters differently
 * looks up instead of a switch of its own.
 */
#ifndef SHFL_TABLE_H
#define SHFL_TABLE_H

#include "shfl.h"
#include "vbox_status.h"

/* Flags of a function. */
#define SHFL_FNF_ANY_COUNT 0x1 /* the number of parameters is not checked */
#define SHFL_FNF_BLOCKS 0x2 /* may wait for something that another call does */
#define SHFL_FNF_TYPES_IN_ORDER 0x4 /* type and value checked parameter by parameter */
#define SHFL_FNF_MAPPINGS 0x8 /* about shares and roots, not about files */

/*
 * What a function can change in the file of its first path or handle, and, as
 * SHFL_CHANGES_TO(), in that of its second.
 */
#define SHFL_CHANGES_DATA 0x1
#define SHFL_CHANGES_SIZE 0x2
#define SHFL_CHANGES_ATTRIBUTES 0x4 /* mode, owner, times */
#define SHFL_CHANGES_EXISTENCE 0x8 /* there is a file of that name */
#define SHFL_CHANGES_ALL 0xf
#define SHFL_CHANGES_TO(changes) ((changes) << 4)

enum shfl_kind {
	SHFL_KIND_NONE,
	SHFL_KIND_32BIT,
	SHFL_KIND_64BIT,
	SHFL_KIND_PTR,
	SHFL_KIND_DATA, /* pointer or page list */
	SHFL_KIND_ANY /* the service does not check the type */
};

enum shfl_direction { SHFL_DIR_IN = 1, SHFL_DIR_OUT = 2, SHFL_DIR_INOUT = 3 };

/* What a parameter means: decides how it is captured, printed, mapped, compared. */
enum shfl_role {
	SHFL_ROLE_NONE,
	SHFL_ROLE_ROOT,
	SHFL_ROLE_HANDLE,
	SHFL_ROLE_OFFSET,
	SHFL_ROLE_LENGTH, /* bytes, never changed by the service */
	SHFL_ROLE_COUNT, /* bytes wanted, bytes done */
	SHFL_ROLE_FLAGS,
	SHFL_ROLE_DELIMITER,
	SHFL_ROLE_RESUME,
	SHFL_ROLE_ENTRIES, /* a number of entries */
	SHFL_ROLE_VERSION,
	SHFL_ROLE_PATH, /* SHFLSTRING, a path in a share */
	SHFL_ROLE_PATTERN, /* SHFLSTRING, a path with wildcards; may be absent */
	SHFL_ROLE_NAME, /* SHFLSTRING, a share's name or mount point */
	SHFL_ROLE_TARGET, /* SHFLSTRING, what a symlink holds */
	SHFL_ROLE_LINK_TEXT, /* plain bytes, terminated */
	SHFL_ROLE_DATA, /* file contents, as many as COUNT says */
	SHFL_ROLE_CREATE_PARMS, /* SHFLCREATEPARMS */
	SHFL_ROLE_LIST_BUFFER, /* SHFLDIRINFO entries, as many bytes as COUNT says */
	SHFL_ROLE_INFO_BUFFER, /* SHFLFSOBJINFO or SHFLVOLINFO */
	SHFL_ROLE_OBJ_INFO, /* SHFLFSOBJINFO */
	SHFL_ROLE_MAPPINGS, /* SHFLMAPPING[ENTRIES] */
	SHFL_ROLE_LED
};

struct shfl_parm_info {
	const char *name;
	uint8_t kind; /* enum shfl_kind */
	uint8_t direction; /* enum shfl_direction */
	uint8_t role; /* enum shfl_role */
};

struct shfl_fn_info {
	const char *name; /* without SHFL_FN_; NULL: no such function */
	uint8_t n_parms;
	uint8_t flags; /* SHFL_FNF_* */
	uint8_t changes; /* SHFL_CHANGES_* */
	int32_t count_status; /* answer to a wrong number of parameters */
	int32_t type_status; /* answer to a parameter of the wrong type */
	struct shfl_parm_info parms[SHFL_MAX_PARMS];
};

/*
 * Looks a guest function up; host: one of pfnHostCall's instead.
 * NULL: there is no such function.
 */
const struct shfl_fn_info *shfl_fn_find(uint32_t fn);
const struct shfl_fn_info *shfl_host_fn_find(uint32_t fn);

/* The name of a status, "VERR_..."; NULL if it is not in vbox_status.def. */
const char *vbox_status_name(int32_t status);

/*
 * Which parameter of a function has a role: the index of the first, or -1.
 */
static inline int shfl_parm_find(const struct shfl_fn_info *info, enum shfl_role role)
{
	for (int i = 0; i < info->n_parms; i++)
		if (info->parms[i].role == role)
			return i;
	return -1;
}

/* What a function changes in the file of its second path or handle. */
static inline unsigned shfl_changes_to(const struct shfl_fn_info *info)
{
	return info->changes >> 4;
}

#endif
