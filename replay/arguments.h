/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command lines of the verbs that replay have in common. */
#ifndef REPLAY_ARGUMENTS_H
#define REPLAY_ARGUMENTS_H

#include <stdint.h>

/* Both complain on stderr. -1: fine, *ret is set, else an exit status. */
int argument_call_id(const char *option, const char *text, int64_t *ret);
int argument_compare(const char *text, unsigned *what);

/* sfservice.so beside this executable, malloc'd; complains and returns NULL if it is not known. */
char *argument_service(void);

#endif
