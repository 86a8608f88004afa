/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table is generated from the kernel's header (gen-syscalls.sh). */
#include "syscall_name.h"

#include <stddef.h>

static const char *const names[] = {
#include "syscalls.inc"
};

const char *syscall_name(uint32_t number)
{
	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}
