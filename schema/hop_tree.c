/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hops of a trace as one tree, for a table that reads from the top down. */
#include <errno.h>
#include <stdlib.h>

#include "trace_write.h"

void hop_count_caller(struct hop_state *hop, int64_t caller)
{
	for (size_t i = 0; i < MAX_CALLERS; i++) {
		if (hop->callers[i].n && hop->callers[i].hop_id != caller)
			continue;
		hop->callers[i].hop_id = caller;
		hop->callers[i].n++;
		return;
	}
}

static int64_t most_frequent(const struct hop_state *hop)
{
	const struct hop_caller *best = &hop->callers[0];

	for (size_t i = 1; i < MAX_CALLERS; i++)
		if (hop->callers[i].n > best->n)
			best = &hop->callers[i];
	return best->hop_id;
}

/* Whether HOP is above or the same as BELOW, as far as parents are chosen. */
static bool is_above(const struct hop_state *hops, int64_t hop, int64_t below)
{
	for (; below; below = hops[below - 1].parent)
		if (below == hop)
			return true;
	return false;
}

/* Guest before host, then the one that took longest. */
static int by_weight(const void *a, const void *b)
{
	const struct hop_state *left = *(struct hop_state *const *)a;
	const struct hop_state *right = *(struct hop_state *const *)b;

	if (left->side != right->side)
		return left->side < right->side ? -1 : 1;
	if (left->busy.total_ns != right->busy.total_ns)
		return left->busy.total_ns > right->busy.total_ns ? -1 : 1;
	return (left > right) - (left < right);
}

/* The first in the order that has this parent and no position; NULL: none is left. */
static struct hop_state *next_child(struct hop_state **order, size_t n_hops, int64_t parent)
{
	for (size_t i = 0; i < n_hops; i++)
		if (order[i]->parent == parent && !order[i]->position)
			return order[i];
	return NULL;
}

/* Down to a child as long as there is one, then back up. */
static void walk(struct hop_state *hops, struct hop_state **order, size_t n_hops)
{
	int64_t at = 0, position = 0, level = 0;

	for (;;) {
		struct hop_state *child = next_child(order, n_hops, at);

		if (child) {
			child->position = ++position;
			child->level = level++;
			at = child - hops + 1;
		} else if (at) {
			at = hops[at - 1].parent;
			level--;
		} else {
			return;
		}
	}
}

int hop_tree_make(struct hop_state *hops, size_t n_hops)
{
	struct hop_state **order = calloc(n_hops + 1, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < n_hops; i++) {
		int64_t parent = most_frequent(&hops[i]);

		order[i] = &hops[i];
		if (!is_above(hops, (int64_t)i + 1, parent))
			hops[i].parent = parent;
	}
	qsort(order, n_hops, sizeof(*order), by_weight);
	walk(hops, order, n_hops);
	free(order);
	return 0;
}
