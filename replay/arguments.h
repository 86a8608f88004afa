/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command lines of the verbs that replay have in common. */
#ifndef REPLAY_ARGUMENTS_H
#define REPLAY_ARGUMENTS_H

#include <stdint.h>

struct option;

/* A verb's options: takes one, by its letter. -1: go on, else an exit status. */
typedef int argument_option(int letter, void *user);

/*
 * Takes all options of a command line; --help ('h') and what is unknown print
 * the usage. -1: optind is at the first operand, else an exit status.
 */
int argument_parse(int argc, char **argv, const char *usage, const char *letters,
		   const struct option *options, argument_option *take, void *user);

/* -1: so many operands are left, else complains and returns an exit status. */
int argument_operands(int argc, int min, int max, const char *usage);

/* Both complain on stderr. -1: fine, *ret is set, else an exit status. */
int argument_call_id(const char *option, const char *text, int64_t *ret);
int argument_compare(const char *text, unsigned *what);

/* sfservice.so beside this executable, malloc'd; complains and returns NULL if it is not known. */
char *argument_service(void);

#endif
