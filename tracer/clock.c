/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * With offset(t) = a + b t, a pair demands offset(guest enter) <= U and
 * offset(guest exit) >= L, where U = host enter - guest enter and L = host end
 * - guest exit. For a given b only the lower hull of the points U and the upper
 * hull of the points L matter; the margin they leave is concave in b, so a
 * ternary search finds the best b. Where the clock steps there is a new line.
 */
#include "clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DRIFT 0.01
#define DRIFT_COST_NS 1e8 /* see best_drift() */
#define SEARCH_STEPS 200
#define WINDOW_PAIRS 128 /* that should agree on an offset */
#define WINDOW_NS 1000000000
#define STEP_NS 1000000 /* what the clock jumps by is more */
#define STEP_DRIFT 1000 /* and more than 1/1000 of the time since the last call */
#define STEP_PAIRS 16 /* that prove one */

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

/* The offset in the middle of those that most pairs of a window allow. */
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
			best = i + 1 < 2 * n ? edges[i].offset + difference(edges[i + 1].offset,
									    edges[i].offset) /
									 2
					     : edges[i].offset;
		}
	}
	return best;
}

static size_t window_end(const struct clock_pair *pairs, size_t n, size_t begin, size_t most)
{
	size_t end = begin + 1;

	while (end < n && end - begin < most &&
	       difference(pairs[end].guest_enter_ns, pairs[begin].guest_enter_ns) < WINDOW_NS)
		end++;
	return end;
}

/* How far a pair is from allowing an offset; not above 0: it does. */
static int64_t misses(const struct clock_pair *pair, int64_t offset)
{
	int64_t above = difference(offset, difference(pair->host_enter_ns, pair->guest_enter_ns));
	int64_t below = difference(difference(pair->host_end_ns, pair->guest_exit_ns), offset);

	return above > below ? above : below;
}

/* Marks the pairs that contradict most of those around them. */
static void find_outliers(const struct clock_pair *pairs, size_t n, bool *ret_left_out)
{
	for (size_t begin = 0, end; begin < n; begin = end) {
		int64_t offset;

		end = window_end(pairs, n, begin, WINDOW_PAIRS);
		offset = most_allowed(pairs + begin, end - begin);
		for (size_t i = begin; i < end; i++)
			ret_left_out[i] = ret_left_out[i] || misses(&pairs[i], offset) > 0;
	}
}

static size_t count_fitted(const bool *left_out, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i += 2)
		used += !left_out[i];
	return used;
}

/* Steps. */

/* Pairs that agree on an offset, give or take drift. */
struct stretch {
	size_t begin, end;
	int64_t first_offset, last_offset; /* of its first and last window */
};

/* Whether the clock stepped between two moments at which it had these offsets. */
static bool is_step(const struct clock_pair *before, int64_t offset_before,
		    const struct clock_pair *after, int64_t offset_after)
{
	int64_t apart = difference(after->guest_enter_ns, before->guest_enter_ns);
	int64_t step = difference(offset_after, offset_before);
	int64_t drift = apart > 0 ? apart / STEP_DRIFT : 0;

	return step > STEP_NS + drift || step < -STEP_NS - drift;
}

static bool may_join(const struct clock_pair *pairs, const struct stretch *before,
		     const struct stretch *after)
{
	return !is_step(&pairs[before->end - 1], before->last_offset, &pairs[after->begin],
			after->first_offset);
}

static void leave_out(const struct stretch *stretch, bool *left_out)
{
	memset(left_out + stretch->begin, true, stretch->end - stretch->begin);
}

/* Takes a stretch up: joins it to the last, drops a last one that was too short to be true. */
static size_t add_stretch(const struct clock_pair *pairs, struct stretch *stretches, size_t n,
			  const struct stretch *next, bool *left_out)
{
	if (n && !may_join(pairs, &stretches[n - 1], next)) {
		if (stretches[n - 1].end - stretches[n - 1].begin >= STEP_PAIRS) {
			stretches[n] = *next;
			return n + 1;
		}
		/* A few pairs that were none. */
		leave_out(&stretches[n - 1], left_out);
		if (n == 1 || !may_join(pairs, &stretches[n - 2], next)) {
			stretches[n - 1] = *next;
			return n;
		}
		n--;
	}
	if (!n) {
		stretches[0] = *next;
		return 1;
	}
	stretches[n - 1].end = next->end;
	stretches[n - 1].last_offset = next->last_offset;
	return n;
}

/* The stretches between steps; more than there is room for end up in the last. */
static size_t find_stretches(const struct clock_pair *pairs, size_t n,
			     struct stretch stretches[CLOCK_PIECES_MAX], bool *left_out)
{
	size_t found = 0;

	for (size_t begin = 0, end; begin < n; begin = end) {
		int64_t offset;
		struct stretch next;

		end = window_end(pairs, n, begin, STEP_PAIRS / 2);
		offset = most_allowed(pairs + begin, end - begin);
		next = (struct stretch){begin, end, offset, offset};
		if (found == CLOCK_PIECES_MAX)
			break;
		found = add_stretch(pairs, stretches, found, &next, left_out);
	}
	if (found > 1 && stretches[found - 1].end - stretches[found - 1].begin < STEP_PAIRS)
		leave_out(&stretches[--found], left_out);
	stretches[0].begin = 0;
	stretches[found - 1].end = n;
	return found;
}

/*
 * The windows do not know where in them a step is: it is where fewest pairs
 * contradict the offsets before and after it.
 */
static void place_step(const struct clock_pair *pairs, struct stretch *before,
		       struct stretch *after)
{
	size_t begin = before->end > before->begin + WINDOW_PAIRS ? before->end - WINDOW_PAIRS
								  : before->begin;
	size_t end =
		after->begin + WINDOW_PAIRS < after->end ? after->begin + WINDOW_PAIRS : after->end;
	size_t best = begin, least = 0, wrong = 0;

	for (size_t i = begin; i < end; i++)
		wrong += misses(&pairs[i], after->first_offset) > STEP_NS / 2;
	least = wrong;
	for (size_t i = begin; i < end; i++) {
		wrong += misses(&pairs[i], before->last_offset) > STEP_NS / 2;
		wrong -= misses(&pairs[i], after->first_offset) > STEP_NS / 2;
		if (wrong >= least)
			continue;
		least = wrong;
		best = i + 1;
	}
	before->end = after->begin = best;
}

/* One piece. */

static void check(const struct clock_pair *pairs, size_t n, const struct clock *clock,
		  struct trace_clock *piece)
{
	for (size_t i = 0; i < n; i++) {
		int64_t excess = clock_excess(clock, &pairs[i]);

		piece->checked += i % 2;
		piece->violations += i % 2 && excess > 0;
		if (excess > piece->worst_ns)
			piece->worst_ns = excess;
	}
}

/* Without the pairs in left_out, to which outliers are added. */
static int fit_piece(const struct clock_pair *pairs, size_t n, bool *left_out,
		     struct trace_clock *ret)
{
	struct trace_clock piece = {.from_ns = ret->from_ns};
	double margin;
	int rc = fit(pairs, n, count_fitted(left_out, n) ? left_out : NULL, &piece, &margin);

	if (!rc && margin < 0) {
		find_outliers(pairs, n, left_out);
		if (count_fitted(left_out, n))
			rc = fit(pairs, n, left_out, &piece, &margin);
	}
	if (!rc) {
		piece.fitted = (int64_t)count_fitted(left_out, n);
		check(pairs, n, &(struct clock){.pieces = {piece}, .n_pieces = 1}, &piece);
		*ret = piece;
	}
	return rc;
}

static int fit_pieces(const struct clock_pair *pairs, struct stretch *stretches, size_t n,
		      bool *left_out, struct clock *ret)
{
	int rc = 0;

	for (size_t i = 1; i < n; i++)
		place_step(pairs, &stretches[i - 1], &stretches[i]);
	ret->n_pieces = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		const struct stretch *stretch = &stretches[i];
		struct trace_clock *piece = &ret->pieces[ret->n_pieces];

		if (stretch->begin >= stretch->end)
			continue;
		*piece = (struct trace_clock){0};
		if (ret->n_pieces++)
			piece->from_ns = pairs[stretch->begin].guest_enter_ns;
		rc = fit_piece(pairs + stretch->begin, stretch->end - stretch->begin,
			       left_out + stretch->begin, piece);
	}
	return rc;
}

int clock_fit(const struct clock_pair *pairs, size_t n, struct clock *ret)
{
	struct stretch stretches[CLOCK_PIECES_MAX];
	bool *left_out;
	size_t found;
	int rc;

	if (!n)
		return -ENODATA;
	left_out = calloc(n, sizeof(*left_out));
	if (!left_out)
		return -ENOMEM;
	ret->pieces[0] = (struct trace_clock){0};
	ret->n_pieces = 1;
	rc = fit_piece(pairs, n, left_out, &ret->pieces[0]);
	if (!rc && ret->pieces[0].worst_ns) {
		memset(left_out, 0, n * sizeof(*left_out));
		found = find_stretches(pairs, n, stretches, left_out);
		rc = fit_pieces(pairs, stretches, found, left_out, ret);
	}
	free(left_out);
	return rc;
}

/* Using it. */

const struct trace_clock *clock_piece(const struct clock *clock, int64_t guest_ns)
{
	size_t i = clock->n_pieces - 1;

	while (i > 0 && clock->pieces[i].from_ns > guest_ns)
		i--;
	return &clock->pieces[i];
}

int64_t clock_map(const struct clock *clock, int64_t guest_ns)
{
	const struct trace_clock *piece = clock_piece(clock, guest_ns);
	__int128 since = (__int128)guest_ns - piece->base_ns;
	__int128 mapped =
		guest_ns + (__int128)piece->offset_ns + since * piece->drift_ppb / 1000000000;

	return (int64_t)mapped;
}

int64_t clock_excess(const struct clock *clock, const struct clock_pair *pair)
{
	int64_t early = difference(clock_map(clock, pair->guest_enter_ns), pair->host_enter_ns);
	int64_t late = difference(pair->host_end_ns, clock_map(clock, pair->guest_exit_ns));

	return early > late ? early : late;
}
