/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A private temporary directory for one run: sockets, the initramfs, logs. */
#ifndef LAB_SCRATCH_H
#define LAB_SCRATCH_H

#include "lab_error.h"

struct lab_scratch {
	char path[64]; /* short, for the names of UNIX sockets must be */
};

/* Makes the directory below $TMPDIR or /tmp; a negative errno with the reason in error. */
int lab_scratch_create(struct lab_scratch *scratch, struct lab_error *error);

/* The name of a file in it. */
struct lab_path {
	char text[96];
};
struct lab_path lab_scratch_file(const struct lab_scratch *scratch, const char *name);

/* Removes it with all files in it. */
void lab_scratch_remove(const struct lab_scratch *scratch);

#endif
