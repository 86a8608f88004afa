/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of "sftrace record". */
#ifndef RECORD_OPTIONS_H
#define RECORD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct record_options {
	const char *output;
	char *service; /* malloc'd */
	pid_t pid; /* 0: any */
	const char *guest; /* path of the socket for agents; NULL: one of our own */
	uint32_t snaplen;
	size_t ring_bytes;
	bool syscalls;
	bool force;
	char **command; /* NULL: none */
};

enum { RECORD_RUN, RECORD_HELP, RECORD_USAGE };

/*
 * Fills options in. RECORD_HELP: help was printed; RECORD_USAGE: what is wrong
 * was printed. options->service is the caller's to free.
 */
int record_options_parse(int argc, char **argv, struct record_options *options);

/* "4096", "16M": a number of bytes. 0 or -EINVAL. */
int parse_bytes(const char *text, uint64_t max, uint64_t *ret);

#endif
