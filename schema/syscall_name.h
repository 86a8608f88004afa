/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of Linux's x86-64 system calls. */
#ifndef SYSCALL_NAME_H
#define SYSCALL_NAME_H

#include <stdint.h>

/* "pwrite64" for 18; NULL if there is no such system call. */
const char *syscall_name(uint32_t number);

#endif
