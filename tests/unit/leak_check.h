/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a test program fail that leaks. The processes in which Criterion runs
 * tests end without AddressSanitizer's check at exit, so a suite's .fini calls
 * this. It aborts: Criterion takes no notice of an assertion in there.
 */
#ifndef LEAK_CHECK_H
#define LEAK_CHECK_H

#include <stdlib.h>

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static inline void leak_check(void)
{
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
		abort();
}

#endif
