/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names come in the order in which the kernel finds them, the file's own first: see op_path.h. */
#include "op_path.h"

#include <string.h>

/* Puts "/NAME" before what is at TO; gives where that begins. */
static char *put_name(char *to, const char *name)
{
	size_t length = strlen(name);

	to -= length + 1;
	*to = '/';
	memcpy(to + 1, name, length);
	return to;
}

const char *op_path(const struct capture_op *op, char path[OP_PATH_SIZE])
{
	const char *name = op->names, *end = (const char *)op + op->h.size;
	char *to = path + OP_PATH_SIZE - 1;

	if (op->h.size <= sizeof(*op))
		return NULL;
	*to = '\0';
	for (; name < end && *name; name += strlen(name) + 1)
		to = put_name(to, name);
	if (name >= end)
		return memcpy(to - 3, "...", 3);
	return *to ? to : put_name(to, "");
}
