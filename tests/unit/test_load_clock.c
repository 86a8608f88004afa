/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's clock that is off, drifts and steps: the order of the calls comes back. */
#include "load_fixture.h"

TestSuite(load_clock, .init = load_begin, .fini = load_end);

#define CALLS 3000
#define HOST_BEGIN 500000000000ull
#define APART 3000000ull

struct skew {
	int64_t offset_ns; /* of the host before the guest */
	int64_t drift_ppb;
	int64_t step_ns; /* that the guest missed, from the middle on */
};

/* What the guest's clock shows at a moment of the host's. */
static uint64_t guest_time(const struct skew *skew, uint64_t host_ns, uint64_t i)
{
	int64_t since = (int64_t)(host_ns - HOST_BEGIN);
	int64_t lost = skew->offset_ns + since / 1000 * skew->drift_ppb / 1000000 +
		       (i > CALLS / 2 ? skew->step_ns : 0);

	return (uint64_t)((int64_t)host_ns - lost);
}

static void skew_call(const struct skew *skew, struct made_call *made, uint64_t i)
{
	/* Made with an offset of its own. */
	made->call.enter_ns = guest_time(skew, made->call.enter_ns + GUEST_OFFSET, i);
	made->call.end_ns = guest_time(skew, made->call.end_ns + GUEST_OFFSET, i);
	for (uint32_t k = 0; k < made->call.n_spans; k++) {
		struct capture_span *span = &made->spans[k];

		span->enter_ns = guest_time(skew, span->enter_ns + GUEST_OFFSET, i);
		span->exit_ns = guest_time(skew, span->exit_ns + GUEST_OFFSET, i);
	}
}

/* Call I writes at offset I; every tenth is seen by one side only, the guest or the host. */
static void load_skewed(const struct skew *skew)
{
	for (uint64_t i = 1; i <= CALLS; i++) {
		uint64_t at = HOST_BEGIN + i * APART + (i > CALLS / 2 ? skew->step_ns : 0);
		struct made_call seen = host_write(i, at, i), made = guest_write(i, at, i);

		skew_call(skew, &made, i);
		if (i % 10 != 3)
			put_call(&host, &seen);
		if (i % 10 != 7)
			put_call(&guest, &made);
	}
	load_both();
}

static void expect_order(void)
{
	cr_assert_query(&f, "SELECT count(*) FROM calls", "3000");
	cr_assert_query(&f, "SELECT count(*) FROM calls WHERE side = 'both'", "2400");
	cr_assert_query(&f, "SELECT count(*) FROM calls WHERE offset <> call_id", "0");
	cr_assert_query(&f,
			"SELECT count(*) FROM (SELECT start_ns < lag(start_ns) OVER"
			" (ORDER BY call_id) AS back FROM calls) WHERE back",
			"0");
	cr_assert_query(
		&f,
		"SELECT count(*) FROM spans AS c JOIN spans AS p ON p.call_id = c.call_id"
		" AND p.idx = c.parent WHERE c.enter_ns < p.enter_ns OR c.exit_ns > p.exit_ns",
		"0");
	cr_assert_query(&f, "SELECT sum(violations) || ' ' || max(worst_ns) FROM clock", "0 0");
}

Test(load_clock, an_offset)
{
	load_skewed(&(struct skew){.offset_ns = -77123456789});
	expect_order();
	cr_assert_query(&f, "SELECT count(*) FROM clock", "1");
}

Test(load_clock, a_drift)
{
	load_skewed(&(struct skew){.offset_ns = 123456, .drift_ppb = 80000});
	expect_order();
	cr_assert_query(&f, "SELECT count(*) FROM clock", "1");
	cr_assert_query(&f, "SELECT drift_ppb BETWEEN 75000 AND 85000 FROM clock", "1");
}

Test(load_clock, a_step)
{
	load_skewed(
		&(struct skew){.offset_ns = 123456, .drift_ppb = -20000, .step_ns = 90000000000});
	expect_order();
	cr_assert_query(&f, "SELECT count(*) FROM clock", "2");
	cr_assert_query(&f,
			"SELECT max(offset_ns) - min(offset_ns) BETWEEN 89900000000 AND "
			"90100000000 FROM clock",
			"1");
}

/* The host's part was longer than the guest waited: nobody's clock explains that. */
Test(load_clock, what_cannot_be_is_said)
{
	for (uint64_t i = 1; i <= 100; i++) {
		uint64_t at = HOST_BEGIN + i * APART;
		struct made_call seen = host_write(i, at, i), made = guest_write(i, at, i);

		if (i == 50)
			seen.call.end_ns += 500000;
		put_call(&host, &seen);
		put_call(&guest, &made);
	}
	load_both();
	cr_assert_query(&f, "SELECT violations FROM clock", "1");
	cr_assert_query(&f, "SELECT worst_ns BETWEEN 400000 AND 500000 FROM clock", "1");
	cr_assert_query(&f, "SELECT error_ns < 20000 FROM clock", "1");
}
