/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * With offset(t) = a + b t, a pair demands offset(guest enter) <= U and
 * offset(guest exit) >= L, where U = host enter - guest enter and L = host end
 * - guest exit. For a given b only the lower hull of the points U and the upper
 * hull of the points L matter; the margin they leave is concave in b, so a
 * ternary search finds the best b.
 */
#include "clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MAX_DRIFT 0.01
#define DRIFT_COST_NS 1e8 /* see best_drift() */
#define SEARCH_STEPS 200
#define WINDOW_PAIRS 128 /* that should agree on an offset */
#define WINDOW_NS 1000000000

struct point {
	double t;
	double offset;
};

/* Bounds of the offset, and where they come from. Positions count from base and origin. */
struct bounds {
	struct point *upper; /* lower hull of the upper bounds */
	struct point *lower; /* upper hull of the lower bounds */
	size_t n_upper, n_lower;
	int64_t base_ns;
	int64_t origin_ns;
};

struct line {
	double a;
	double margin;
};

static int by_time(const void *a, const void *b)
{
	const struct point *left = a, *right = b;

	return (left->t > right->t) - (left->t < right->t);
}

static double turn(const struct point *a, const struct point *b, const struct point *c)
{
	return (b->t - a->t) * (c->offset - a->offset) - (b->offset - a->offset) * (c->t - a->t);
}

/* Reduces points to their lower hull (side 1) or upper hull (side -1). */
static size_t make_hull(struct point *points, size_t n, int side)
{
	size_t kept = 0;

	qsort(points, n, sizeof(*points), by_time);
	for (size_t i = 0; i < n; i++) {
		while (kept >= 2 &&
		       side * turn(&points[kept - 2], &points[kept - 1], &points[i]) <= 0)
			kept--;
		points[kept++] = points[i];
	}
	return kept;
}

static struct line line_with(const struct bounds *bounds, double drift)
{
	double most = INFINITY, least = -INFINITY;

	for (size_t i = 0; i < bounds->n_upper; i++)
		most = fmin(most, bounds->upper[i].offset - drift * bounds->upper[i].t);
	for (size_t i = 0; i < bounds->n_lower; i++)
		least = fmax(least, bounds->lower[i].offset - drift * bounds->lower[i].t);
	return (struct line){(most + least) / 2, (most - least) / 2};
}

/*
 * What a drift is worth: the margin that it leaves, less 10 us for each 100 ppm. Clocks drift
 * little, and the calls of a short recording allow much: there the line must not turn to where
 * a few calls happen to leave more room. A second of calls outweighs it.
 */
static double worth(const struct bounds *bounds, double drift)
{
	return line_with(bounds, drift).margin - DRIFT_COST_NS * fabs(drift);
}

static double best_drift(const struct bounds *bounds)
{
	double low = -MAX_DRIFT, high = MAX_DRIFT;

	for (int i = 0; i < SEARCH_STEPS; i++) {
		double left = low + (high - low) / 3, right = high - (high - low) / 3;

		if (worth(bounds, left) < worth(bounds, right))
			low = left;
		else
			high = right;
	}
	return (low + high) / 2;
}

static int64_t difference(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* Pairs 0, 2, 4 ... that are not in "left_out" (which may be NULL). */
static int make_bounds(const struct clock_pair *pairs, size_t n, const bool *left_out,
		       struct bounds *ret)
{
	struct bounds bounds = {.base_ns = pairs[0].guest_enter_ns};
	size_t used = 0;

	bounds.origin_ns = difference(pairs[0].host_enter_ns, pairs[0].guest_enter_ns);
	bounds.upper = calloc(n / 2 + 1, sizeof(*bounds.upper));
	bounds.lower = calloc(n / 2 + 1, sizeof(*bounds.lower));
	if (!bounds.upper || !bounds.lower) {
		free(bounds.upper);
		free(bounds.lower);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i += 2) {
		const struct clock_pair *pair = &pairs[i];
		int64_t upper = difference(pair->host_enter_ns, pair->guest_enter_ns);
		int64_t lower = difference(pair->host_end_ns, pair->guest_exit_ns);

		if (left_out && left_out[i])
			continue;
		bounds.upper[used] =
			(struct point){(double)difference(pair->guest_enter_ns, bounds.base_ns),
				       (double)difference(upper, bounds.origin_ns)};
		bounds.lower[used++] =
			(struct point){(double)difference(pair->guest_exit_ns, bounds.base_ns),
				       (double)difference(lower, bounds.origin_ns)};
	}
	bounds.n_upper = make_hull(bounds.upper, used, 1);
	bounds.n_lower = make_hull(bounds.lower, used, -1);
	*ret = bounds;
	return 0;
}

/* The best clock for some pairs; *ret_margin is negative if there is none that suits all. */
static int fit(const struct clock_pair *pairs, size_t n, const bool *left_out,
	       struct trace_clock *ret, double *ret_margin)
{
	struct bounds bounds;
	struct line line;
	int rc = make_bounds(pairs, n, left_out, &bounds);

	if (rc)
		return rc;
	ret->side = TRACE_SIDE_GUEST;
	ret->base_ns = bounds.base_ns;
	ret->drift_ppb = llround(best_drift(&bounds) * 1e9);
	line = line_with(&bounds, (double)ret->drift_ppb / 1e9);
	ret->offset_ns = (int64_t)((uint64_t)bounds.origin_ns + (uint64_t)llround(line.a));
	ret->error_ns = (int64_t)fabs(line.margin);
	*ret_margin = line.margin;
	free(bounds.upper);
	free(bounds.lower);
	return 0;
}

/* Outliers: pairs that are none. */

struct edge {
	int64_t offset;
	int step; /* 1: a pair's interval begins, -1: it ended */
};

static int by_offset(const void *a, const void *b)
{
	const struct edge *left = a, *right = b;

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	return right->step - left->step;
}

/* The offset that most pairs of a window allow. */
static int64_t most_allowed(const struct clock_pair *pairs, size_t n)
{
	struct edge edges[2 * WINDOW_PAIRS];
	int64_t best = 0;
	int depth = 0, deepest = 0;

	for (size_t i = 0; i < n; i++) {
		edges[2 * i].offset = difference(pairs[i].host_end_ns, pairs[i].guest_exit_ns);
		edges[2 * i].step = 1;
		edges[2 * i + 1].offset =
			difference(pairs[i].host_enter_ns, pairs[i].guest_enter_ns);
		edges[2 * i + 1].step = -1;
	}
	qsort(edges, 2 * n, sizeof(edges[0]), by_offset);
	for (size_t i = 0; i < 2 * n; i++) {
		depth += edges[i].step;
		if (depth > deepest) {
			deepest = depth;
			best = edges[i].offset;
		}
	}
	return best;
}

static size_t window_end(const struct clock_pair *pairs, size_t n, size_t begin)
{
	size_t end = begin + 1;

	while (end < n && end - begin < WINDOW_PAIRS &&
	       difference(pairs[end].guest_enter_ns, pairs[begin].guest_enter_ns) < WINDOW_NS)
		end++;
	return end;
}

/* Marks the pairs that contradict most of those around them. */
static void find_outliers(const struct clock_pair *pairs, size_t n, bool *ret_left_out)
{
	for (size_t begin = 0, end; begin < n; begin = end) {
		int64_t offset;

		end = window_end(pairs, n, begin);
		offset = most_allowed(pairs + begin, end - begin);
		for (size_t i = begin; i < end; i++)
			ret_left_out[i] =
				difference(pairs[i].host_enter_ns, pairs[i].guest_enter_ns) <
					offset ||
				difference(pairs[i].host_end_ns, pairs[i].guest_exit_ns) > offset;
	}
}

static size_t count_fitted(const bool *left_out, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i += 2)
		used += !left_out[i];
	return used;
}

static void check(const struct clock_pair *pairs, size_t n, struct trace_clock *clock)
{
	for (size_t i = 1; i < n; i += 2) {
		clock->checked++;
		clock->violations += !clock_holds(clock, &pairs[i], 0);
	}
}

int clock_fit(const struct clock_pair *pairs, size_t n, struct trace_clock *ret)
{
	struct trace_clock clock = {0};
	bool *left_out;
	double margin;
	int rc;

	if (!n)
		return -ENODATA;
	left_out = calloc(n, sizeof(*left_out));
	if (!left_out)
		return -ENOMEM;
	rc = fit(pairs, n, NULL, &clock, &margin);
	if (!rc && margin < 0) {
		find_outliers(pairs, n, left_out);
		if (count_fitted(left_out, n))
			rc = fit(pairs, n, left_out, &clock, &margin);
	}
	if (!rc) {
		clock.fitted = (int64_t)count_fitted(left_out, n);
		check(pairs, n, &clock);
		*ret = clock;
	}
	free(left_out);
	return rc;
}

int64_t clock_map(const struct trace_clock *clock, int64_t guest_ns)
{
	__int128 since = (__int128)guest_ns - clock->base_ns;
	__int128 mapped =
		guest_ns + (__int128)clock->offset_ns + since * clock->drift_ppb / 1000000000;

	return (int64_t)mapped;
}

bool clock_holds(const struct trace_clock *clock, const struct clock_pair *pair, int64_t slack_ns)
{
	return clock_map(clock, pair->guest_enter_ns) <= pair->host_enter_ns + slack_ns &&
	       clock_map(clock, pair->guest_exit_ns) >= pair->host_end_ns - slack_ns;
}
