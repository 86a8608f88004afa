/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running the command that is recorded. */
#ifndef CHILD_H
#define CHILD_H

#include <signal.h>
#include <sys/types.h>

/*
 * Starts a command with NAME=VALUE in its environment (VALUE may be NULL) and
 * a signal mask. Returns its pid, or negative errno if it cannot be executed.
 */
pid_t child_start(char **command, const char *name, const char *value, const sigset_t *mask);

/*
 * Whether it has ended: 1, then *ret_status is as a shell's $?. 0: not yet.
 * Reaps whatever else has become a child of this process.
 */
int child_ended(pid_t pid, int *ret_status);

#endif
