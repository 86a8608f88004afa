/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of sf-host. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "shfl.h"

struct share {
	char *name;
	char *dir; /* absolute */
	bool writable;
	bool symlinks; /* guests may create symbolic links */
};

struct options {
	struct share shares[SHFL_MAX_MAPPINGS];
	size_t n_shares;
	const char *service; /* NULL: ours */
	const char *counters; /* NULL: stderr */
	bool help;
	char **qemu; /* QEMU's command, ends with NULL */
};

/*
 * Reads the command line. Returns 0, or negative errno and a message to free()
 * that says what is wrong with it. options_free() either way.
 */
int options_parse(struct options *options, int argc, char **argv, char **ret_message);
void options_free(struct options *options);

const char *options_help(void);

#endif
