/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the end to the beginning: what comes last has the fewest that depend on it. */
#include "reduce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t count(const bool *chosen, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += chosen[i];
	return sum;
}

/* Takes up to "size" chosen events before *end out of without[]; moves *end. */
static void take_out(bool *without, size_t *end, size_t size)
{
	while (*end > 0 && size > 0) {
		size -= without[--*end];
		without[*end] = false;
	}
}

/* Tries to leave out each piece of a size. 1: some were, 0: none, or negative errno. */
static int reduce_pass(struct depend *depend, struct reduce *reduce, bool *chosen, bool *without,
		       size_t size)
{
	size_t n = depend_count(depend), end = n;
	int progress = 0;

	while (end > 0) {
		size_t before = count(chosen, n), left;
		int rc;

		memcpy(without, chosen, n * sizeof(*chosen));
		take_out(without, &end, size);
		depend_prune(depend, without);
		left = count(without, n);
		if (left == before)
			break;
		reduce->n_checks++;
		rc = left ? reduce->check(reduce->user, without) : 0;
		if (rc < 0)
			return rc;
		if (!rc)
			continue;
		memcpy(chosen, without, n * sizeof(*chosen));
		progress = 1;
	}
	return progress;
}

int reduce_events(struct depend *depend, struct reduce *reduce, bool *chosen)
{
	size_t n = depend_count(depend), size = (count(chosen, n) + 1) / 2;
	bool *without = calloc(n + 1, sizeof(*without));
	int rc = without ? 1 : -ENOMEM;

	while (rc >= 0 && size) {
		size_t left;

		rc = reduce_pass(depend, reduce, chosen, without, size);
		left = count(chosen, n);
		if (size == 1 && rc <= 0)
			break;
		if (rc == 0 || size > left)
			size = size > 1 ? size / 2 : 1;
		if (size > (left + 1) / 2 && left > 1)
			size = (left + 1) / 2;
	}
	reduce->n_left = count(chosen, n);
	free(without);
	return rc < 0 && rc != -EINTR ? rc : 0;
}
