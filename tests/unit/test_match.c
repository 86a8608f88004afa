/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest and host calls find each other again, whatever is missing or moved. */
#include <criterion/criterion.h>
#include <string.h>

#include "match.h"
#include "leak_check.h"

#define MAX_CALLS 50000

static struct match_call guest[MAX_CALLS], host[MAX_CALLS];
static size_t n_guest, n_host;
static uint32_t guest_of[MAX_CALLS];
static struct match_counts counts;

/* A call that happened at a time, 40 us long for the guest, 20 us for the host. */
static struct match_call make(uint64_t key, int64_t at, int64_t length)
{
	return (struct match_call){.key = key, .client = 1, .enter_ns = at, .exit_ns = at + length};
}

static void both(uint64_t key)
{
	int64_t at = (int64_t)(n_guest + n_host) * 50000;

	guest[n_guest++] = make(key, at, 40000);
	host[n_host++] = make(key, at + 10000, 20000);
}

static void guest_only(uint64_t key)
{
	int64_t at = (int64_t)(n_guest + n_host) * 50000;

	guest[n_guest++] = make(key, at, 40000);
}

static void host_only(uint64_t key)
{
	int64_t at = (int64_t)(n_guest + n_host) * 50000;

	host[n_host++] = make(key, at + 10000, 20000);
}

static void match(void)
{
	cr_assert_eq(match_calls(guest, n_guest, host, n_host, guest_of, &counts), 0);
}

/* Host call h is guest call g, counting on. */
static void expect_run(size_t h, size_t g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(guest_of[h + i], g + i, "host %zu: guest %u, not %zu", h + i,
			     guest_of[h + i], g + i);
}

TestSuite(match, .fini = leak_check);

Test(match, nothing)
{
	match();
	cr_assert_eq(counts.matched, 0u);
	guest_only(1);
	match();
	cr_assert_eq(counts.matched, 0u);
}

Test(match, the_same_sequence)
{
	for (uint64_t i = 0; i < 1000; i++)
		both(i % 7);
	match();
	expect_run(0, 0, 1000);
	cr_assert_eq(counts.matched, 1000u);
	cr_assert_eq(counts.ambiguous, 0u);
}

Test(match, calls_that_one_side_did_not_see)
{
	for (uint64_t i = 0; i < 100; i++) {
		both(i);
		if (i == 10)
			guest_only(1000);
		if (i == 50)
			host_only(1001);
	}
	match();
	expect_run(0, 0, 11);
	expect_run(11, 12, 40);
	cr_assert_eq(guest_of[51], MATCH_NONE);
	expect_run(52, 52, 49);
	cr_assert_eq(counts.matched, 100u);
	cr_assert_eq(counts.ambiguous, 0u);
}

Test(match, a_long_gap)
{
	for (uint64_t i = 0; i < 100; i++)
		both(i);
	for (uint64_t i = 0; i < 5000; i++)
		guest_only(100000 + i);
	for (uint64_t i = 0; i < 100; i++)
		both(200 + i);
	match();
	expect_run(0, 0, 100);
	expect_run(100, 5100, 100);
	cr_assert_eq(counts.matched, 200u);
}

Test(match, a_gap_on_both_sides)
{
	both(1);
	for (uint64_t i = 0; i < 1000; i++)
		guest_only(100000 + i);
	for (uint64_t i = 0; i < 2000; i++)
		host_only(300000 + i);
	for (uint64_t i = 0; i < 100; i++)
		both(200 + i);
	match();
	expect_run(2001, 1001, 100);
	cr_assert_eq(counts.matched, 101u);
}

Test(match, nothing_in_common)
{
	for (uint64_t i = 0; i < MAX_CALLS; i++) {
		guest_only(i);
		host_only(1000000 + i);
	}
	match();
	cr_assert_eq(counts.matched, 0u);
}

Test(match, another_order)
{
	for (uint64_t i = 0; i < 20; i++)
		both(i);
	for (size_t i = 4; i < 16; i += 4) { /* two processors: the host saw the second first */
		struct match_call first = host[i];

		host[i] = host[i + 1];
		host[i + 1] = first;
	}
	match();
	cr_assert_eq(counts.matched, 20u);
	cr_assert_eq(guest_of[4], 5u);
	cr_assert_eq(guest_of[5], 4u);
	cr_assert_eq(guest_of[6], 6u);
	cr_assert_eq(counts.ambiguous, 0u);
}

Test(match, clients_are_matched_apart)
{
	for (uint64_t i = 0; i < 100; i++) {
		guest_only(i);
		guest[n_guest - 1].client = 1 + i % 2;
	}
	for (uint64_t client = 2; client >= 1; client--) {
		for (uint64_t i = client - 1; i < 100; i += 2) {
			host_only(i);
			host[n_host - 1].client = (uint32_t)client;
		}
	}
	match();
	cr_assert_eq(counts.matched, 100u);
	cr_assert_eq(guest_of[0], 1u);
	cr_assert_eq(guest_of[50], 0u);
}

Test(match, the_path_tells_calls_apart)
{
	both(1);
	both(1);
	guest[0].path = host[1].path = 11;
	guest[1].path = host[0].path = 22;
	match();
	cr_assert_eq(guest_of[0], 1u);
	cr_assert_eq(guest_of[1], 0u);
	guest[0].path = guest[1].path = 0; /* not known to the guest */
	match();
	expect_run(0, 0, 2);
}

Test(match, what_looks_the_same_is_ambiguous)
{
	for (uint64_t i = 0; i < 10; i++)
		both(i);
	for (uint64_t i = 0; i < 5; i++)
		both(77);
	guest_only(77); /* any of the six */
	for (uint64_t i = 0; i < 10; i++)
		both(100 + i);
	match();
	cr_assert_eq(counts.matched, 25u);
	cr_assert_eq(counts.ambiguous, 5u);
}

Test(match, times_repair_what_looks_the_same)
{
	struct clock clock = {.pieces = {{.error_ns = 1000}}, .n_pieces = 1};

	for (uint64_t i = 0; i < 5; i++)
		both(77);
	guest_only(77);
	for (uint64_t i = 0; i < 5; i++)
		both(77);
	match();
	expect_run(5, 5, 5); /* all wrong */
	cr_assert_gt(match_repair(guest, n_guest, host, n_host, &clock, guest_of, &counts), 0);
	expect_run(0, 0, 5);
	expect_run(5, 6, 5);
	cr_assert_eq(counts.matched, 10u);
	cr_assert_eq(match_repair(guest, n_guest, host, n_host, &clock, guest_of, &counts), 0);
}

Test(match, order_stands_where_time_knows_no_better)
{
	struct clock clock = {.pieces = {{.offset_ns = 1000000000}}, .n_pieces = 1};

	for (uint64_t i = 0; i < 10; i++)
		both(i);
	match();
	cr_assert_eq(match_repair(guest, n_guest, host, n_host, &clock, guest_of, &counts), 0);
	expect_run(0, 0, 10);
	cr_assert_eq(counts.matched, 10u);
}

Test(match, unfinished_calls_are_matched)
{
	struct clock clock = {.pieces = {{.error_ns = 1000}}, .n_pieces = 1};

	both(1);
	both(2);
	guest[1].exit_ns = host[1].exit_ns = 0;
	match();
	cr_assert_eq(match_repair(guest, n_guest, host, n_host, &clock, guest_of, &counts), 0);
	expect_run(0, 0, 2);
}

static unsigned seed = 7;

static unsigned any(unsigned limit)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % limit;
}

/* Few kinds of calls, one in a hundred lost on either side: nothing is matched twice. */
Test(match, random_losses)
{
	static bool used[MAX_CALLS];
	size_t right = 0, expected = 0;
	static size_t truth[MAX_CALLS];

	for (size_t i = 0; i < 20000; i++) {
		uint64_t key = any(50);
		bool in_guest = any(100) != 0, in_host = any(100) != 0;

		if (in_guest && in_host) {
			truth[n_host] = n_guest;
			both(key);
			expected++;
		} else if (in_guest) {
			guest_only(key);
		} else if (in_host) {
			truth[n_host] = MATCH_NONE;
			host_only(key);
		}
	}
	match();
	for (size_t i = 0; i < n_host; i++) {
		if (guest_of[i] == MATCH_NONE)
			continue;
		cr_assert(!used[guest_of[i]], "guest %u twice", guest_of[i]);
		cr_assert_eq(guest[guest_of[i]].key, host[i].key);
		used[guest_of[i]] = true;
		right += guest_of[i] == truth[i];
	}
	cr_assert_gt(right, expected * 97 / 100, "%zu of %zu", right, expected);
}
