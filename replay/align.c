/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anchors as in patience diff, the rest by Myers' greedy algorithm. */
#include "align.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"

#define MAX_DEPTH 64 /* of anchors between anchors */
#define MAX_EDITS 1000 /* that are undone at once; memory grows with its square */

struct range_pair {
	size_t a, a_end, b, b_end;
};

struct alignment {
	const uint64_t *a, *b;
	size_t *match;
	int error;
};

/* How often a key occurs in each sequence. */
struct occurrence {
	size_t n_a, n_b;
	size_t in_b;
};

struct anchor {
	size_t a, b;
	size_t previous; /* in the longest ascending row that ends here, + 1 */
};

static void skip_ends(struct alignment *alignment, struct range_pair *range)
{
	while (range->a < range->a_end && range->b < range->b_end &&
	       alignment->a[range->a] == alignment->b[range->b])
		alignment->match[range->a++] = range->b++;
	while (range->a < range->a_end && range->b < range->b_end &&
	       alignment->a[range->a_end - 1] == alignment->b[range->b_end - 1])
		alignment->match[--range->a_end] = --range->b_end;
}

/* Fewest changes. */

/* rows[d] holds, for each diagonal -d..d, how far along a d changes lead. */
struct paths {
	size_t *rows[MAX_EDITS + 1];
	int n;
};

static bool is_down(const size_t *row, int d, int k)
{
	return k == -d || (k != d && row[k - 1 + d - 1] < row[k + 1 + d - 1]);
}

/* Follows the diagonals with d changes; true: one reaches the end. */
static bool paths_step(const struct alignment *alignment, const struct range_pair *range,
		       struct paths *paths, int d)
{
	const size_t *before = d ? paths->rows[d - 1] : NULL;
	size_t n_a = range->a_end - range->a, n_b = range->b_end - range->b;

	for (int k = -d; k <= d; k += 2) {
		size_t x = 0, y;

		if (d)
			x = is_down(before, d, k) ? before[k + 1 + d - 1]
						  : before[k - 1 + d - 1] + 1;
		y = (size_t)((long)x - k);
		while (x < n_a && y < n_b &&
		       alignment->a[range->a + x] == alignment->b[range->b + y]) {
			x++;
			y++;
		}
		paths->rows[d][k + d] = x;
		if (x >= n_a && y >= n_b)
			return true;
	}
	return false;
}

/* Walks back from a point that the last row reaches and takes the diagonals' steps as matches. */
static void paths_take(struct alignment *alignment, const struct range_pair *range,
		       const struct paths *paths, size_t x, size_t y)
{
	int d = paths->n - 1;

	for (; d >= 0; d--) {
		const size_t *before = d ? paths->rows[d - 1] : NULL;
		int k = (int)((long)x - (long)y);
		size_t from_x = 0;

		if (d)
			from_x = is_down(before, d, k) ? before[k + 1 + d - 1]
						       : before[k - 1 + d - 1] + 1;
		while (x > from_x)
			alignment->match[range->a + --x] = range->b + --y;
		if (!d)
			return;
		if (is_down(before, d, k))
			y--;
		else
			x--;
	}
}

static void paths_free(struct paths *paths)
{
	for (int i = 0; i < paths->n; i++)
		free(paths->rows[i]);
	paths->n = 0;
}

/* How far the last row has come: to the point that is the furthest along both. */
static void paths_furthest(const struct range_pair *range, const struct paths *paths, size_t *ret_x,
			   size_t *ret_y)
{
	int d = paths->n - 1;
	size_t best = 0;

	for (int k = -d; k <= d; k += 2) {
		size_t x = paths->rows[d][k + d], y = (size_t)((long)x - k);

		if (x > range->a_end - range->a || y > range->b_end - range->b || x + y < best)
			continue;
		best = x + y;
		*ret_x = x;
		*ret_y = y;
	}
}

/* Aligns until the end, or until there were too many changes; range begins behind that then. */
static void align_fewest(struct alignment *alignment, struct range_pair *range)
{
	struct paths paths = {.n = 0};
	bool found = false;
	size_t x = 0, y = 0;

	for (int d = 0; d <= MAX_EDITS && !found; d++) {
		paths.rows[d] = calloc(2 * (size_t)d + 1, sizeof(size_t));
		if (!paths.rows[d]) {
			alignment->error = -ENOMEM;
			break;
		}
		paths.n = d + 1;
		found = paths_step(alignment, range, &paths, d);
	}
	if (alignment->error) {
		paths_free(&paths);
		return;
	}
	if (found) {
		x = range->a_end - range->a;
		y = range->b_end - range->b;
	} else {
		paths_furthest(range, &paths, &x, &y);
	}
	paths_take(alignment, range, &paths, x, y);
	paths_free(&paths);
	range->a += x;
	range->b += y;
}

/* Anchors. */

static int count_keys(const struct alignment *alignment, const struct range_pair *range,
		      struct map *keys, struct occurrence *rooms)
{
	size_t n = 0;

	for (int side = 0; side < 2; side++) {
		const uint64_t *of = side ? alignment->b : alignment->a;
		size_t end = side ? range->b_end : range->a_end;

		for (size_t i = side ? range->b : range->a; i < end; i++) {
			struct occurrence *seen = map_get(keys, of[i]);

			if (!seen) {
				seen = &rooms[n++];
				if (map_put(keys, of[i], seen))
					return -ENOMEM;
			}
			if (side)
				seen->in_b = i;
			(*(side ? &seen->n_b : &seen->n_a))++;
		}
	}
	return 0;
}

static size_t find_anchors(const struct alignment *alignment, const struct range_pair *range,
			   const struct map *keys, struct anchor *anchors)
{
	size_t n = 0;

	for (size_t i = range->a; i < range->a_end; i++) {
		const struct occurrence *seen = map_get(keys, alignment->a[i]);

		if (seen->n_a == 1 && seen->n_b == 1)
			anchors[n++] = (struct anchor){.a = i, .b = seen->in_b};
	}
	return n;
}

/* The longest row of anchors that ascends in b, too: marks it in order; its length. */
static size_t longest_row(struct anchor *anchors, size_t n, size_t *row)
{
	size_t length = 0, at;

	for (size_t i = 0; i < n; i++) { /* row[l]: the least end of a row of l + 1 */
		size_t low = 0, high = length;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (anchors[row[middle]].b < anchors[i].b)
				low = middle + 1;
			else
				high = middle;
		}
		anchors[i].previous = low ? row[low - 1] + 1 : 0;
		row[low] = i;
		length += low == length;
	}
	at = length ? row[length - 1] + 1 : 0;
	for (size_t l = length; l-- > 0; at = anchors[at - 1].previous)
		row[l] = at - 1;
	return length;
}

static void align_range(struct alignment *alignment, struct range_pair range, int depth);

static void align_between(struct alignment *alignment, const struct range_pair *range,
			  const struct anchor *anchors, const size_t *row, size_t n, int depth)
{
	struct range_pair gap = *range;

	for (size_t l = 0; l < n; l++) {
		const struct anchor *anchor = &anchors[row[l]];

		gap.a_end = anchor->a;
		gap.b_end = anchor->b;
		align_range(alignment, gap, depth + 1);
		alignment->match[anchor->a] = anchor->b;
		gap.a = anchor->a + 1;
		gap.b = anchor->b + 1;
	}
	gap.a_end = range->a_end;
	gap.b_end = range->b_end;
	align_range(alignment, gap, depth + 1);
}

static void align_range(struct alignment *alignment, struct range_pair range, int depth)
{
	size_t total, n = 0;
	struct map keys = {0};
	struct occurrence *rooms;
	struct anchor *anchors;
	size_t *row;

	skip_ends(alignment, &range);
	if (range.a == range.a_end || range.b == range.b_end)
		return;
	total = range.a_end - range.a + range.b_end - range.b;
	rooms = calloc(total, sizeof(*rooms));
	anchors = calloc(range.a_end - range.a, sizeof(*anchors));
	row = calloc(range.a_end - range.a, sizeof(*row));
	if (!rooms || !anchors || !row || count_keys(alignment, &range, &keys, rooms))
		alignment->error = -ENOMEM;
	else if (depth < MAX_DEPTH)
		n = longest_row(anchors, find_anchors(alignment, &range, &keys, anchors), row);
	map_clear(&keys, NULL);
	free(rooms);
	if (n)
		align_between(alignment, &range, anchors, row, n, depth);
	while (!n && !alignment->error && (range.a < range.a_end || range.b < range.b_end))
		align_fewest(alignment, &range);
	free(anchors);
	free(row);
}

int align(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b, size_t *match)
{
	struct alignment alignment = {.a = a, .b = b, .match = match};

	for (size_t i = 0; i < n_a; i++)
		match[i] = ALIGN_NONE;
	align_range(&alignment, (struct range_pair){0, n_a, 0, n_b}, 0);
	return alignment.error;
}
