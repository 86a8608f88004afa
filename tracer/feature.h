/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the kernel the tracer needs, or makes use of. Each feature is found
 * out by trying it, not by the kernel's version.
 */
#ifndef FEATURE_H
#define FEATURE_H

#include <stdbool.h>
#include <stddef.h>

struct feature {
	const char *name;
	const char *purpose; /* what it is for, or what is done without it */
	bool needs_bpf; /* it cannot be tried without the right to use BPF */
	bool needed; /* recording on the host is not possible without it */
	int (*check)(void); /* 0: it is there; negative errno: why not */
};

extern const struct feature features[];
extern const size_t n_features;

/* The first needed feature that is not there; NULL: all are. Its errno in *ret_error. */
const struct feature *feature_missing(int *ret_error);

int feature_bpf(void); /* -EPERM: the kernel may have it, this process may not use it */
int feature_uprobe_multi(void); /* one link for many uprobes */
int feature_uprobe_session(void); /* one probe for entry and return */
int feature_sleepable_uprobe(void); /* programs that can page memory in */

/* This process sees the same numbers of processes as the kernel. */
int feature_pid_numbers(void);

#endif
