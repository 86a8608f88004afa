/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps a thread from changing files outside of one directory, whatever the
 * service that it calls makes of a trace's paths and links.
 */
#ifndef REPLAY_SANDBOX_H
#define REPLAY_SANDBOX_H

/*
 * Restricts the calling thread, and threads that it starts, for good.
 * -EOPNOTSUPP: this kernel cannot.
 */
int sandbox_enter(const char *dir);

#endif
