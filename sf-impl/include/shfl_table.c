/* SPDX-License-Identifier: MIT */
/* shfl.def and vbox_status.def as arrays. */
#include "shfl_table.h"

/* clang-format off */
#define PARM(fn, index, parm_name, parm_kind, dir, parm_role)                   \
	[SHFL_FN_##fn].parms[index] = {                                         \
		.name = #parm_name,                                             \
		.kind = SHFL_KIND_##parm_kind,                                  \
		.direction = SHFL_DIR_##dir,                                    \
		.role = SHFL_ROLE_##parm_role },
#define FN(number, fn_name, count, on_count, on_type, fn_flags, fn_changes)               \
	[number].name = #fn_name,                                               \
	[number].n_parms = (count),                                             \
	[number].count_status = (on_count),                                     \
	[number].type_status = (on_type),                                       \
	[number].flags = (fn_flags),                                            \
	[number].changes = (fn_changes),

static const struct shfl_fn_info shfl_fns[] = {
#define SHFL_FN FN
#define SHFL_PARM PARM
#include "shfl.def"
};

static const struct shfl_fn_info shfl_host_fns[] = {
#define SHFL_HOST_FN FN
#define SHFL_HOST_PARM PARM
#include "shfl.def"
};
/* clang-format on */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const struct shfl_fn_info *shfl_fn_find(uint32_t fn)
{
	return fn < COUNT_OF(shfl_fns) && shfl_fns[fn].name ? &shfl_fns[fn] : NULL;
}

const struct shfl_fn_info *shfl_host_fn_find(uint32_t fn)
{
	return fn < COUNT_OF(shfl_host_fns) && shfl_host_fns[fn].name ? &shfl_host_fns[fn] : NULL;
}

const char *vbox_status_name(int32_t status)
{
	switch (status) {
#define VBOX_STATUS(name, value) \
	case value:              \
		return #name;
#include "vbox_status.def"
	}
	return NULL;
}
