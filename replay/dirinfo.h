/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks the entries that SHFL_FN_LIST has put into a buffer. */
#ifndef REPLAY_DIRINFO_H
#define REPLAY_DIRINFO_H

#include <stdbool.h>

#include "shfl.h"

struct dirinfo {
	SHFLFSOBJINFO info;
	char *name; /* UTF-8, malloc'd: the caller frees it */
};

/*
 * Reads the entry at *position of a buffer and moves on. 1: there was one, 0:
 * end of the buffer, -EBADMSG: what is there is no entry, -ENOMEM.
 */
int dirinfo_next(const void *buffer, size_t size, size_t *position, bool utf16,
		 struct dirinfo *ret);

#endif
