/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's clock is found again from calls with made-up offsets, drifts and noise. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "leak_check.h"

#define MAX_PAIRS 20000

static struct clock_pair pairs[MAX_PAIRS];
static unsigned seed;

static int64_t noise(int64_t limit)
{
	seed = seed * 1103515245 + 12345;
	return (int64_t)(seed >> 8) % limit;
}

/* Host time of a moment of the guest's clock. */
static int64_t truth(int64_t guest, int64_t offset, int64_t drift_ppb)
{
	return guest + offset + (int64_t)((__int128)guest * drift_ppb / 1000000000);
}

/* Calls of 30 us and more, the host's part somewhere within. */
static void make_pairs(size_t n, int64_t step_ns, int64_t offset, int64_t drift_ppb)
{
	int64_t guest = 7000000000;

	seed = 42;
	for (size_t i = 0; i < n; i++) {
		struct clock_pair *pair = &pairs[i];

		guest += step_ns + noise(step_ns);
		pair->guest_enter_ns = guest;
		pair->host_enter_ns = truth(guest, offset, drift_ppb) + 3000 + noise(20000);
		pair->host_end_ns = pair->host_enter_ns + 10000 + noise(50000);
		guest += 90000;
		pair->guest_exit_ns = guest;
		if (pair->host_end_ns > truth(guest, offset, drift_ppb) - 3000)
			pair->host_end_ns = truth(guest, offset, drift_ppb) - 3000;
	}
}

/* At both ends of the recording the error is what the bounds allow, or less. */
static void expect_close(const struct clock *clock, size_t n, int64_t offset, int64_t drift_ppb)
{
	size_t places[] = {0, n / 2, n - 1};

	for (size_t i = 0; i < 3; i++) {
		int64_t guest = pairs[places[i]].guest_enter_ns;
		int64_t error = clock_map(clock, guest) - truth(guest, offset, drift_ppb);

		cr_assert_leq(llabs(error), 12000, "off by %ld ns at %zu", error, places[i]);
	}
	cr_assert_geq(clock->pieces[0].error_ns, 2900);
	cr_assert_eq(clock->pieces[0].violations, 0);
}

static void expect_found(size_t n, int64_t step_ns, int64_t offset, int64_t drift_ppb)
{
	struct clock clock;

	make_pairs(n, step_ns, offset, drift_ppb);
	cr_assert_eq(clock_fit(pairs, n, &clock), 0);
	expect_close(&clock, n, offset, drift_ppb);
	cr_assert_eq(clock.pieces[0].fitted, (int64_t)(n + 1) / 2);
	cr_assert_eq(clock.pieces[0].checked, (int64_t)n / 2);
	if (step_ns > 10000000) /* long enough to tell */
		cr_assert_leq(llabs(clock.pieces[0].drift_ppb - drift_ppb), 1000, "%ld",
			      clock.pieces[0].drift_ppb);
}

TestSuite(clock, .fini = leak_check);

Test(clock, no_offset)
{
	expect_found(1000, 100000, 0, 0);
}

Test(clock, large_offsets)
{
	expect_found(1000, 100000, 86400000000000 * 365, 0);
	expect_found(1000, 100000, -86400000000000 * 365, 0);
}

Test(clock, drift)
{
	expect_found(2000, 20000000, 123456789, 50000);
	expect_found(2000, 20000000, 123456789, -50000);
	expect_found(2000, 20000000, -5, 800000);
}

Test(clock, a_long_recording)
{
	expect_found(MAX_PAIRS, 1000000000, 99, 12345);
}

Test(clock, a_few_calls_do_not_tell_a_drift)
{
	struct clock clock;

	make_pairs(10, 1000000, 123456789, 20000);
	cr_assert_eq(clock_fit(pairs, 10, &clock), 0);
	cr_assert_leq(llabs(clock.pieces[0].drift_ppb), 100000, "%ld", clock.pieces[0].drift_ppb);
	cr_assert_eq(clock.pieces[0].violations, 0);
}

Test(clock, one_call)
{
	struct clock clock;

	make_pairs(1, 1000, 500, 0);
	cr_assert_eq(clock_fit(pairs, 1, &clock), 0);
	cr_assert_eq(clock.pieces[0].fitted, 1);
	cr_assert_eq(clock.pieces[0].checked, 0);
	cr_assert_leq(clock_excess(&clock, &pairs[0]), 0);
}

Test(clock, none)
{
	struct clock clock;

	cr_assert_eq(clock_fit(pairs, 0, &clock), -ENODATA);
}

Test(clock, calls_that_were_matched_wrongly_do_not_count)
{
	struct clock clock;

	make_pairs(1000, 100000, 777777, 20000);
	for (size_t i = 100; i < 140; i++) {
		pairs[i].host_enter_ns -= 1000000;
		pairs[i].host_end_ns -= 1000000;
	}
	cr_assert_eq(clock_fit(pairs, 1000, &clock), 0);
	cr_assert_eq(clock.pieces[0].violations, 20);
	clock.pieces[0].violations = 0;
	expect_close(&clock, 1000, 777777, 20000);
}

Test(clock, contradictions_are_reported)
{
	struct clock clock;

	make_pairs(4, 100000, 0, 0);
	for (size_t i = 0; i < 4; i++) /* the host took longer than the guest waited */
		pairs[i].host_end_ns = pairs[i].host_enter_ns + 1000000;
	cr_assert_eq(clock_fit(pairs, 4, &clock), 0);
	cr_assert_gt(clock.pieces[0].error_ns, 0);
	cr_assert_eq(clock.pieces[0].violations, 2);
}

Test(clock, absurd_times)
{
	struct clock clock;

	pairs[0] = (struct clock_pair){1ll << 57, 0, 0, 1ll << 57};
	pairs[1] = (struct clock_pair){0, 1ll << 57, 1ll << 57, 0};
	pairs[2] = (struct clock_pair){5, 4, 3, 2};
	cr_assert_eq(clock_fit(pairs, 3, &clock), 0);
	clock_map(&clock, 1ll << 57);
	clock_map(&clock, -(1ll << 57));
}

/* From pair FROM on the guest's clock has lost STEP_NS: it was suspended. */
static void suspend(size_t from, size_t n, int64_t step_ns)
{
	for (size_t i = from; i < n; i++) {
		pairs[i].host_enter_ns += step_ns;
		pairs[i].host_end_ns += step_ns;
	}
}

/* All calls are where they belong. */
static void expect_exact(const struct clock *clock, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_leq(clock_excess(clock, &pairs[i]), 0, "pair %zu", i);
}

static void expect_step(size_t n, size_t at, int64_t step_ns, int64_t drift_ppb)
{
	struct clock clock;

	make_pairs(n, 200000, 987654321, drift_ppb);
	suspend(at, n, step_ns);
	cr_assert_eq(clock_fit(pairs, n, &clock), 0);
	cr_assert_eq(clock.n_pieces, 2u, "%zu pieces", clock.n_pieces);
	cr_assert_eq(clock.pieces[0].from_ns, 0);
	cr_assert_eq(clock.pieces[1].from_ns, pairs[at].guest_enter_ns);
	cr_assert_eq(clock.pieces[0].worst_ns + clock.pieces[1].worst_ns, 0);
	cr_assert_eq(clock.pieces[0].violations + clock.pieces[1].violations, 0);
	expect_exact(&clock, n);
}

Test(clock, a_step_forward)
{
	expect_step(5000, 2345, 7000000000, 0);
}

Test(clock, a_step_back)
{
	expect_step(5000, 1111, -3000000000, 0);
}

Test(clock, a_small_step_of_a_clock_that_drifts)
{
	expect_step(5000, 3333, 2500000, 50000);
}

Test(clock, a_step_near_the_beginning)
{
	expect_step(3000, 40, 1000000000, 0);
}

Test(clock, a_step_near_the_end)
{
	expect_step(3000, 2970, 1000000000, 0);
}

Test(clock, many_steps)
{
	struct clock clock;

	make_pairs(10000, 200000, 5, 20000);
	for (size_t at = 500; at < 10000; at += 1000)
		suspend(at, 10000, 60000000000);
	cr_assert_eq(clock_fit(pairs, 10000, &clock), 0);
	cr_assert_eq(clock.n_pieces, 11u, "%zu pieces", clock.n_pieces);
	expect_exact(&clock, 10000);
}

/* More than can be kept: the rest is said to contradict. */
Test(clock, more_steps_than_pieces)
{
	struct clock clock;
	int64_t violations = 0;

	make_pairs(MAX_PAIRS, 200000, 5, 0);
	for (size_t at = 200; at < MAX_PAIRS; at += 200)
		suspend(at, MAX_PAIRS, 60000000000);
	cr_assert_eq(clock_fit(pairs, MAX_PAIRS, &clock), 0);
	cr_assert_leq(clock.n_pieces, (size_t)CLOCK_PIECES_MAX);
	for (size_t i = 0; i < clock.n_pieces; i++)
		violations += clock.pieces[i].violations;
	cr_assert_gt(violations, 0);
}

/* A few calls that were matched wrongly are no step. */
Test(clock, wrong_matches_are_no_step)
{
	struct clock clock;

	make_pairs(3000, 2000000000, 5, 0); /* a window has one call */
	for (size_t i = 1000; i < 1010; i++) {
		pairs[i].host_enter_ns += 500000000;
		pairs[i].host_end_ns += 500000000;
	}
	cr_assert_eq(clock_fit(pairs, 3000, &clock), 0);
	cr_assert_eq(clock.n_pieces, 1u, "%zu pieces", clock.n_pieces);
	cr_assert_eq(clock.pieces[0].violations, 5);
	cr_assert_geq(clock.pieces[0].worst_ns, 490000000);
}
