/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks for "out dx, eax; mfence": see port_write.h. */
#include "port_write.h"

#include <errno.h>
#include <string.h>

int port_write_find(const uint8_t *code, size_t size, struct port_write *ret)
{
	static const uint8_t pattern[] = {0xef, 0x0f, 0xae, 0xf0};
	const uint8_t *found = memmem(code, size, pattern, sizeof(pattern));

	if (!found)
		return -ENOENT;
	ret->before = (size_t)(found - code);
	ret->after = ret->before + 1;
	return 0;
}
