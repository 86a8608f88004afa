/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One BPF link for many uprobes of a file. The system call is made by hand:
 * the libbpf and the kernel headers of stable distributions do not know it.
 */
#ifndef UPROBE_MULTI_H
#define UPROBE_MULTI_H

#include <stdbool.h>
#include <stdint.h>

/* What its programs are for; also their expected attach type. */
enum uprobe_multi {
	UPROBE_MULTI = 48, /* entries or returns */
	UPROBE_SESSION = 57 /* both; the entry's program returns 1 to do without the return */
};

/*
 * Returns the link's file descriptor, or negative errno. cookies may be NULL.
 * at_return: the probes are on the functions' returns (not with sessions).
 */
int uprobe_multi_link(int program_fd, enum uprobe_multi type, const char *file,
		      const uint64_t *offsets, const uint64_t *cookies, uint32_t n, bool at_return);

#endif
