/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps a thread from changing files outside of some directories, whatever the
 * service that it calls makes of a trace's paths and links.
 */
#ifndef REPLAY_SANDBOX_H
#define REPLAY_SANDBOX_H

#include <stddef.h>

/*
 * Restricts the calling thread, and threads that it starts, for good.
 * -EOPNOTSUPP: this kernel cannot.
 */
int sandbox_enter(const char *const *dirs, size_t n);

#endif
