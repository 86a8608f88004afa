/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of "sftrace record". */
#ifndef RECORD_OPTIONS_H
#define RECORD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "recorder.h"

struct record_options {
	const char *output;
	char *service; /* malloc'd */
	pid_t pid; /* 0: any */
	const char *guest; /* where the agent is: link.h; NULL: at a socket of our own */
	const char *side; /* "host" or "guest": only this; NULL: both */
	bool here; /* this machine is the guest */
	uint32_t snaplen;
	size_t ring_bytes; /* 0: whatever is usual */
	bool syscalls;
	struct probe_filter filter;
	struct recorder_flight flight; /* bytes 0: no flight recorder */
	bool force;
	bool keep_spools;
	char **command; /* NULL: none */
};

enum { RECORD_RUN, RECORD_HELP, RECORD_USAGE };

/*
 * Fills options in. RECORD_HELP: help was printed; RECORD_USAGE: what is wrong
 * was printed. options->service is the caller's to free.
 */
int record_options_parse(int argc, char **argv, struct record_options *options);

/* The filter in words, malloc'd; NULL: none, or no memory. */
char *record_filter_text(const struct probe_filter *filter);

/* "4096", "16M": a number of bytes. 0 or -EINVAL. */
int parse_bytes(const char *text, uint64_t max, uint64_t *ret);

/* "500us", "10ms", "1s": in ns. 0 or -EINVAL. */
int parse_duration(const char *text, uint64_t *ret_ns);

#endif
