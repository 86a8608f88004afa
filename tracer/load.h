/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spool files become a trace. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>

struct load_options {
	bool progress; /* show it on stderr */
	const char *incomplete_because; /* what the recorder knows is missing; NULL: nothing */
};

/*
 * Writes what is in the spools of one recording, of either side or of both, to
 * TRACE_FILE, which must not exist or be a trace in state "recording". Spools
 * that end early, or go wrong in the middle, are loaded up to there, and the
 * trace says so. Memory is used per call, not per byte of payload. Returns 0,
 * or negative errno and *ret_message (malloc'd).
 */
int load_spools(const char *const spools[], size_t n_spools, const char *trace_file,
		const struct load_options *options, char **ret_message);

#endif
