/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running kernel's symbols, for probes on functions whose name the
 * compiler may have given a suffix.
 */
#ifndef KALLSYMS_H
#define KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KALLSYMS_PATH "/proc/kallsyms"
#define KALLSYMS_NAME_SIZE 128

struct kallsyms_wanted {
	const char *name; /* as in the source */
	bool data; /* a variable, not a function */
	char found[KALLSYMS_NAME_SIZE]; /* as in the kernel; "": there is none */
	uint64_t address; /* 0: not told to this process */
};

/*
 * Looks N functions and variables up in PATH, a file in the manner of /proc/kallsyms, in one
 * pass. A plain name wins over one with a suffix; a suffix is one that leaves
 * the function whole (.isra, .constprop, .llvm), never a part of it (.part,
 * .cold). So does it over one with a prefix, VBoxGuest_ or VBoxHost_. 0, or negative errno if PATH
 * cannot be read; names that were not found are no failure.
 */
int kallsyms_find(const char *path, struct kallsyms_wanted *wanted, size_t n);

#endif
