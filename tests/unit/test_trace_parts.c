/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The smaller parts of the trace library: strings, latencies, interning, system calls. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "intern.h"
#include "latency.h"
#include "leak_check.h"
#include "syscall_name.h"
#include "trace.h"

TestSuite(trace_parts, .fini = leak_check);

/* Strings. */

static void expect_string(const void *payload, size_t size, bool utf16, const char *expected)
{
	char *text = trace_shflstring(payload, size, utf16);

	if (!expected)
		cr_assert_null(text, "\"%s\"", text);
	else
		cr_assert_str_eq(text, expected);
	free(text);
}

Test(trace_parts, strings_in_utf8)
{
	expect_string("\3\0\2\0/a\0", 7, false, "/a");
	expect_string("\1\0\0\0\0", 5, false, "");
	expect_string("\3\0\2\0\303\244\0", 7, false, "\303\244");
	expect_string("\3\0\2\0/a", 6, false, "/a"); /* captured without its end */
}

Test(trace_parts, strings_in_utf16)
{
	expect_string("\6\0\4\0/\0a\0\0\0", 10, true, "/a");
	expect_string("\4\0\2\0\344\0\0\0", 8, true, "\303\244");
	expect_string("\4\0\2\0\254\40\0\0", 8, true, "\342\202\254");
	expect_string("\6\0\4\0\75\330\0\336\0\0", 10, true, "\360\237\230\200");
	expect_string("\4\0\2\0\75\330\0\0", 8, true, "\357\277\275"); /* half a pair */
	expect_string("\6\0\4\0\0\336a\0\0\0", 10, true, "\357\277\275a");
}

Test(trace_parts, what_is_no_string)
{
	expect_string(NULL, 0, false, NULL);
	expect_string("\3\0\2", 3, false, NULL);
	expect_string("\3\0\3\0/a", 6, false, NULL); /* longer than its memory */
	expect_string("\377\377\377\377/a", 6, false, NULL);
	expect_string("\4\0\3\0a\0b\0", 8, false, NULL); /* NUL inside */
	expect_string("\5\0\3\0a\0b\0\0", 9, true, NULL); /* half a unit */
	expect_string("\6\0\4\0\0\0a\0\0\0", 10, true, NULL);
}

/* Latencies. */

Test(trace_parts, latencies_are_exact_enough)
{
	struct latency latency = {0};

	for (int64_t ns = 1; ns <= 100000; ns++)
		cr_assert_eq(latency_add(&latency, ns * 10), 0);
	cr_assert_eq(latency.n, 100000u);
	cr_assert_eq(latency.min_ns, 10);
	cr_assert_eq(latency.max_ns, 1000000);
	cr_assert_eq(latency.total_ns, 50000500000);
	for (int percent = 1; percent < 100; percent++) {
		double exact = percent * 10000.0;
		double got = (double)latency_percentile(&latency, percent);

		cr_assert(got > exact * 0.996 - 1 && got < exact * 1.004 + 1, "p%d is %f", percent,
			  got);
	}
	cr_assert_eq(latency_percentile(&latency, 100), 1000000);
	latency_free(&latency);
}

Test(trace_parts, few_latencies)
{
	struct latency latency = {0};

	cr_assert_eq(latency_percentile(&latency, 50), 0);
	latency_add(&latency, 123457);
	cr_assert_eq(latency_percentile(&latency, 50), 123457);
	cr_assert_eq(latency_percentile(&latency, 99), 123457);
	latency_add(&latency, 7);
	cr_assert_eq(latency_percentile(&latency, 50), 7);
	cr_assert_eq(latency_percentile(&latency, 99), 123457);
	latency_free(&latency);
}

Test(trace_parts, absurd_latencies)
{
	struct latency latency = {0};

	latency_add(&latency, -5);
	cr_assert_eq(latency.max_ns, 0);
	for (int i = 0; i < 3; i++)
		latency_add(&latency, INT64_MAX);
	cr_assert_eq(latency.total_ns, INT64_MAX); /* no overflow */
	cr_assert_eq(latency_percentile(&latency, 99), INT64_MAX);
	latency_free(&latency);
}

/* Interning. */

static int never(void *context, int64_t id)
{
	int *asked = context;

	(void)id;
	(*asked)++;
	return 0;
}

static int is_five(void *context, int64_t id)
{
	(void)context;
	return id == 5;
}

Test(trace_parts, interned_things_are_found)
{
	struct intern intern = {0};
	int64_t id = 0;

	cr_assert_eq(intern_find(&intern, 1, is_five, NULL, &id), 0);
	for (int64_t i = 1; i <= 5000; i++)
		cr_assert_eq(intern_add(&intern, intern_hash(&i, sizeof(i)), i), 0);
	for (int64_t i = 1; i <= 5000; i++)
		cr_assert_eq(intern_find(&intern, intern_hash(&i, sizeof(i)), is_five, NULL, &id),
			     i == 5);
	cr_assert_eq(id, 5);
	intern_free(&intern);
}

Test(trace_parts, equal_hashes_do_not_take_for_ever)
{
	struct intern intern = {0};
	int asked = 0;
	int64_t id;

	for (int64_t i = 1; i <= 1000; i++)
		cr_assert_eq(intern_add(&intern, 42, i), 0);
	cr_assert_eq(intern_find(&intern, 42, never, &asked, &id), 0);
	cr_assert_leq(asked, 16);
	intern_free(&intern);
}

Test(trace_parts, hashes_depend_on_every_byte_and_the_size)
{
	char bytes[64] = "";
	uint64_t empty = intern_hash(bytes, sizeof(bytes));

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1;
		cr_assert_neq(intern_hash(bytes, sizeof(bytes)), empty);
		bytes[i] ^= 1;
		cr_assert_neq(intern_hash(bytes, i), empty);
	}
}

Test(trace_parts, system_calls)
{
	cr_assert_str_eq(syscall_name(18), "pwrite64");
	cr_assert_str_eq(syscall_name(437), "openat2");
	cr_assert_null(syscall_name(400)); /* there is a gap */
	cr_assert_null(syscall_name(60000));
}
