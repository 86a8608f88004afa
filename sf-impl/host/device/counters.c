/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See counters.h. */
#include "counters.h"

#include <inttypes.h>

#include "shfl_table.h"

/* The count of a call that moves file contents, else 0. */
static uint64_t data_bytes(const struct shfl_fn_info *info, const struct vmmdev_call *call)
{
	int count = shfl_parm_find(info, SHFL_ROLE_COUNT);

	if (VBOX_FAILURE(call->status) || shfl_parm_find(info, SHFL_ROLE_DATA) < 0 || count < 0 ||
	    (uint32_t)count >= call->n_parms)
		return 0;
	return call->parms[count].u.uint32;
}

void counters_add(struct counters *counters, const struct vmmdev_call *call)
{
	const struct shfl_fn_info *info = shfl_fn_find(call->fn);
	struct counter *counter = info ? &counters->fns[call->fn] : &counters->unknown;

	counter->calls++;
	counter->failed += VBOX_FAILURE(call->status);
	if (info)
		counter->bytes += data_bytes(info, call);
}

static void print_row(const char *name, const struct counter *counter, FILE *to)
{
	if (counter->calls)
		fprintf(to, "SHFL_FN_%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name,
			counter->calls, counter->failed, counter->bytes);
}

void counters_print(const struct counters *counters, FILE *to)
{
	fputs("function calls failed bytes\n", to);
	for (uint32_t fn = 0; fn <= SHFL_FN_LAST; fn++) {
		const struct shfl_fn_info *info = shfl_fn_find(fn);

		if (info)
			print_row(info->name, &counters->fns[fn], to);
	}
	print_row("UNKNOWN", &counters->unknown, to);
}
