/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares two traces of the same work: calls that only one has, and calls of
 * both that were given or gave something else. Clients, roots and handles go by
 * what they stand for, so their numbers need not agree.
 */
#ifndef DIFF_H
#define DIFF_H

#include "compare.h"

enum diff_kind { DIFF_MISSING, DIFF_ADDED, DIFF_CHANGED };

struct diff_result {
	int64_t same;
	int64_t n[DIFF_CHANGED + 1];
	int64_t uncompared; /* of the same: payload to compare is not all there */
};

struct diff_options {
	unsigned what; /* COMPARE_* */
	/* Called for each difference, in the order of the calls; a or b may be NULL. */
	void (*report)(void *user, enum diff_kind kind, const struct trace_call *a,
		       const struct trace_call *b, const struct replay_finding *finding);
	void *user;
};

/* 0, or negative errno and *ret_message (malloc'd). */
int diff_traces(struct trace *a, struct trace *b, const struct diff_options *options,
		struct diff_result *ret, char **ret_message);

#endif
