/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See share_watch.h. */
#include "share_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shfl_table.h"

#define NAME_ROOM (4 * SHFL_MAX_LEN)

struct text {
	char bytes[NAME_ROOM + 1];
	size_t n;
};

/* The name is the guest's: what could play tricks with a terminal is shown as "?". */
static void text_add(struct text *text, uint32_t unit)
{
	if (text->n < NAME_ROOM)
		text->bytes[text->n++] = unit >= ' ' && unit < 0x7f ? (char)unit : '?';
}

/*
 * Clients use UTF-16 until they ask for UTF-8, and a call does not tell which.
 * Names of shares have ASCII in them, whose upper bytes are zero in UTF-16.
 */
static void text_add_name(struct text *text, const uint8_t *bytes, size_t n)
{
	bool wide = n % 2 == 0 && memchr(bytes, 0, n);

	for (size_t i = 0; i < n; i += wide ? 2 : 1)
		text_add(text, wide ? bytes[i] | (uint32_t)bytes[i + 1] << 8 : bytes[i]);
}

static bool read_name(const struct vmmdev_call *call, int index, struct text *text)
{
	const VBOXHGCMSVCPARM *parm;
	const SHFLSTRING *string;

	if (index < 0 || (uint32_t)index >= call->n_parms)
		return false;
	parm = &call->parms[index];
	if (parm->type != VBOX_HGCM_SVC_PARM_PTR || parm->u.pointer.size < SHFLSTRING_HEADER_SIZE)
		return false;
	string = parm->u.pointer.addr;
	if (string->u16Length > parm->u.pointer.size - SHFLSTRING_HEADER_SIZE)
		return false;
	text_add_name(text, string->String.utf8, string->u16Length);
	return true;
}

char *share_watch(const struct vmmdev_call *call, const char *shares)
{
	struct text name = {.n = 0};
	const char *status = vbox_status_name(call->status);
	char *message;
	int n;

	if ((call->fn != SHFL_FN_MAP_FOLDER && call->fn != SHFL_FN_MAP_FOLDER_OLD) ||
	    VBOX_SUCCESS(call->status) ||
	    !read_name(call, shfl_parm_find(shfl_fn_find(call->fn), SHFL_ROLE_NAME), &name))
		return NULL;
	if (call->status == VERR_FILE_NOT_FOUND)
		n = asprintf(&message,
			     "the guest asked for share \"%s\", which is not there (shares: %s)",
			     name.bytes, shares);
	else
		n = asprintf(&message, "the guest could not map share \"%s\": %s (%d)", name.bytes,
			     status ? status : "status", call->status);
	return n < 0 ? NULL : message;
}
