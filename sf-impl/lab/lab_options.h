/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sf-lab's command line. */
#ifndef LAB_OPTIONS_H
#define LAB_OPTIONS_H

#include "lab_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LAB_MAX_SHARES 64 /* what the host service can map */
#define LAB_MAX_ENVIRONMENT 256
#define LAB_DEFAULT_TIMEOUT_S 600

struct lab_share {
	const char *specification; /* NAME=DIR[:ro][:symlinks], as sf-host takes it */
	char name[256];
};

/* Strings belong to argv or to the environment. */
#define LAB_GUEST_MAINLINE "mainline"
#define LAB_GUEST_SF "sf"

struct lab_options {
	struct lab_share shares[LAB_MAX_SHARES];
	size_t share_count;
	const char *environment[LAB_MAX_ENVIRONMENT]; /* NAME=VALUE or NAME, validated and set */
	size_t environment_count;
	const char *guest;
	const char *memory;
	unsigned int timeout_s;
	const char *append; /* NULL: nothing */
	const char *service; /* NULL: sf-host's own */
	const char *console; /* NULL: kept only if the guest dies */
	const char *host_log; /* the same for what sf-host and QEMU print */
	const char *kernel_dir; /* NULL: look in the usual places */
	bool help;
	char **command; /* NULL-terminated, not empty unless help */
};

/* Fills options; -EINVAL with the reason in error when the command line is wrong. */
int lab_options_parse(struct lab_options *options, int argc, char **argv, struct lab_error *error);

void lab_options_print_help(FILE *out);

#endif
