/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry is a SHFLDIRINFO cut off after its name's room; entries are not aligned. */
#include "dirinfo.h"

#include <errno.h>
#include <string.h>

#include "trace.h"

int dirinfo_next(const void *buffer, size_t size, size_t *position, bool utf16, struct dirinfo *ret)
{
	const uint8_t *entry = (const uint8_t *)buffer + *position;
	size_t left = size - *position, name_at = offsetof(SHFLDIRINFO, name);
	uint16_t name_size;
	char *name;

	if (*position >= size)
		return 0;
	if (left < SHFLDIRINFO_SIZE(0))
		return -EBADMSG;
	memcpy(&name_size, entry + name_at, sizeof(name_size));
	if (SHFLDIRINFO_SIZE((size_t)name_size) > left)
		return -EBADMSG;
	name = trace_shflstring(entry + name_at, SHFLSTRING_HEADER_SIZE + name_size, utf16);
	if (!name)
		return -EBADMSG;
	memcpy(&ret->info, entry, sizeof(ret->info));
	ret->name = name;
	*position += SHFLDIRINFO_SIZE((size_t)name_size);
	return 1;
}
