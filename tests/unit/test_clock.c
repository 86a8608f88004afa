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
static void expect_close(const struct trace_clock *clock, size_t n, int64_t offset,
			 int64_t drift_ppb)
{
	size_t places[] = {0, n / 2, n - 1};

	for (size_t i = 0; i < 3; i++) {
		int64_t guest = pairs[places[i]].guest_enter_ns;
		int64_t error = clock_map(clock, guest) - truth(guest, offset, drift_ppb);

		cr_assert_leq(llabs(error), 12000, "off by %ld ns at %zu", error, places[i]);
	}
	cr_assert_geq(clock->error_ns, 2900);
	cr_assert_eq(clock->violations, 0);
}

static void expect_found(size_t n, int64_t step_ns, int64_t offset, int64_t drift_ppb)
{
	struct trace_clock clock;

	make_pairs(n, step_ns, offset, drift_ppb);
	cr_assert_eq(clock_fit(pairs, n, &clock), 0);
	expect_close(&clock, n, offset, drift_ppb);
	cr_assert_eq(clock.fitted, (int64_t)(n + 1) / 2);
	cr_assert_eq(clock.checked, (int64_t)n / 2);
	if (step_ns > 10000000) /* long enough to tell */
		cr_assert_leq(llabs(clock.drift_ppb - drift_ppb), 1000, "%ld", clock.drift_ppb);
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
	struct trace_clock clock;

	make_pairs(10, 1000000, 123456789, 20000);
	cr_assert_eq(clock_fit(pairs, 10, &clock), 0);
	cr_assert_leq(llabs(clock.drift_ppb), 100000, "%ld", clock.drift_ppb);
	cr_assert_eq(clock.violations, 0);
}

Test(clock, one_call)
{
	struct trace_clock clock;

	make_pairs(1, 1000, 500, 0);
	cr_assert_eq(clock_fit(pairs, 1, &clock), 0);
	cr_assert_eq(clock.fitted, 1);
	cr_assert_eq(clock.checked, 0);
	cr_assert(clock_holds(&clock, &pairs[0], 0));
}

Test(clock, none)
{
	struct trace_clock clock;

	cr_assert_eq(clock_fit(pairs, 0, &clock), -ENODATA);
}

Test(clock, calls_that_were_matched_wrongly_do_not_count)
{
	struct trace_clock clock;

	make_pairs(1000, 100000, 777777, 20000);
	for (size_t i = 100; i < 140; i++) {
		pairs[i].host_enter_ns -= 1000000;
		pairs[i].host_end_ns -= 1000000;
	}
	cr_assert_eq(clock_fit(pairs, 1000, &clock), 0);
	cr_assert_eq(clock.violations, 20);
	clock.violations = 0;
	expect_close(&clock, 1000, 777777, 20000);
}

Test(clock, contradictions_are_reported)
{
	struct trace_clock clock;

	make_pairs(4, 100000, 0, 0);
	for (size_t i = 0; i < 4; i++) /* the host took longer than the guest waited */
		pairs[i].host_end_ns = pairs[i].host_enter_ns + 1000000;
	cr_assert_eq(clock_fit(pairs, 4, &clock), 0);
	cr_assert_gt(clock.error_ns, 0);
	cr_assert_eq(clock.violations, 2);
}

Test(clock, absurd_times)
{
	struct trace_clock clock;

	pairs[0] = (struct clock_pair){1ll << 57, 0, 0, 1ll << 57};
	pairs[1] = (struct clock_pair){0, 1ll << 57, 1ll << 57, 0};
	pairs[2] = (struct clock_pair){5, 4, 3, 2};
	cr_assert_eq(clock_fit(pairs, 3, &clock), 0);
	clock_map(&clock, 1ll << 57);
	clock_map(&clock, -(1ll << 57));
}
