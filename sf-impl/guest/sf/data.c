// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One transfer between a buffer in the kernel and a file of the host.
 */
#include <linux/printk.h>
#include "sf.h"

static int transfer_error(const char *caller, int rc, loff_t position)
{
	pr_debug("sf: %s at %lld: status %d\n", caller, position, rc);
	return vbgl_errno(rc);
}

noinline int sf_reg_read_aux(const char *caller, struct sf_share *share, struct sf_handle *handle,
			     void *buffer, u32 *count, loff_t position)
{
	int rc = vboxCallRead(&sf_client, &share->map, handle->host, position, count, buffer, false);

	return VBOX_SUCCESS(rc) ? 0 : transfer_error(caller, rc, position);
}

noinline int sf_reg_write_aux(const char *caller, struct sf_share *share, struct sf_handle *handle,
			      const void *buffer, u32 *count, loff_t position)
{
	int rc = vboxCallWrite(&sf_client, &share->map, handle->host, position, count, buffer, false);

	WRITE_ONCE(handle->unflushed, true);
	return VBOX_SUCCESS(rc) ? 0 : transfer_error(caller, rc, position);
}
