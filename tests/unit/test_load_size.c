/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a trace takes, and that its views do not look at every call. */
#include <sys/stat.h>

#include "load_fixture.h"

#define FEW 1000
#define SMALL 10000 /* so few that the pages which every trace has matter */
#define MANY 40000
#define APART_NS 77000

/* Of a machine that has been up for a while: the numbers are as long as real ones. */
#define BEGIN_NS 3000000000000000ull

TestSuite(load_size, .init = load_begin, .fini = load_end);

/* A WRITE that crosses as many hops as the real one, each with a time of its own. */
static void put_write(struct spool_maker *maker, struct made_call made, uint64_t i,
		      const uint16_t *hops, size_t n_hops)
{
	uint64_t noise = i * 7919 % 1000;

	made.call.n_spans = 0;
	made.call.end_ns += noise;
	for (size_t k = 0; k < n_hops; k++)
		add_span(&made, hops[k], (uint8_t)k, k ? (uint8_t)(k - 1) : 0xff,
			 made.call.enter_ns + k * 1300 + noise, made.call.end_ns - k * 700);
	put_call(maker, &made);
}

static void put_writes(uint64_t n, bool both)
{
	static const uint16_t host_hops[] = {SVC_CALL, VBSF_WRITE, RT_FILE_WRITE,
					     CAPTURE_HOP_SYSCALL + 18, SVC_COMPLETE};
	static const uint16_t guest_hops[] = {VBOXSF_WRITE_END, VBOXSF_WRITE, 272,
					      VBG_HGCM_CALL,	258,	      VBG_REQ_PERFORM};

	for (uint64_t i = 1; i <= n; i++) {
		uint64_t at = BEGIN_NS + i * APART_NS, offset = i * 4096;

		put_write(&host, host_write(i, at, offset), i, host_hops, 5);
		if (both)
			put_write(&guest, guest_write(i, at, offset), i, guest_hops, 6);
	}
}

static double bytes_a_call(uint64_t n)
{
	struct stat st;

	cr_assert_eq(stat(f.file, &st), 0);
	return (double)st.st_size / (double)n;
}

Test(load_size, a_call_of_the_host)
{
	put_writes(MANY, false);
	load_host(true);
	cr_assert_query(&f, "SELECT count(*) FROM span", "200000");
	cr_assert_leq(bytes_a_call(MANY), 200, "%.0f bytes", bytes_a_call(MANY));
}

Test(load_size, a_call_of_both_sides)
{
	put_writes(MANY, true);
	load_both();
	cr_assert_query(&f, "SELECT count(*) FROM calls WHERE side = 'both'", "40000");
	cr_assert_query(&f, "SELECT count(*) FROM span", "440000");
	cr_assert_leq(bytes_a_call(MANY), 450, "%.0f bytes", bytes_a_call(MANY));
}

Test(load_size, a_call_of_a_small_trace)
{
	put_writes(SMALL, false);
	load_host(true);
	cr_assert_leq(bytes_a_call(SMALL), 200, "%.0f bytes", bytes_a_call(SMALL));
}

/* The whole plan of a query, in one line. */
static void get_plan(const char *sql, char *plan, size_t size)
{
	char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
	sqlite3_stmt *stmt = NULL;

	plan[0] = '\0';
	cr_assert_eq(sqlite3_prepare_v2(trace_db(f.trace), explain, -1, &stmt, NULL), SQLITE_OK,
		     "%s: %s", sql, sqlite3_errmsg(trace_db(f.trace)));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		strncat(plan, (const char *)sqlite3_column_text(stmt, 3), size - strlen(plan) - 1);
		strncat(plan, "; ", size - strlen(plan) - 1);
	}
	sqlite3_finalize(stmt);
	sqlite3_free(explain);
}

/* Whether a plan goes through a whole table or index of this name. */
static bool scans(const char *plan, const char *name)
{
	char scan[64];
	const char *at;

	snprintf(scan, sizeof(scan), "SCAN %s", name);
	at = strstr(plan, scan);
	return at &&
	       (at[strlen(scan)] == ';' || !strncmp(at + strlen(scan), " USING COVERING", 15));
}

/* Tables with a row a call, a span or an operation, under all their names in the views. */
static const char *const large[] = {"c", "s", "o", "call", "span", "opened", "op"};

/* What views and programs ask of a trace of any size. docs/trace-schema.md says so. */
Test(load_size, summaries_and_lookups_scan_nothing_large)
{
	static const char *const queries[] = {
		"SELECT * FROM shares",
		"SELECT * FROM clients",
		"SELECT * FROM control",
		"SELECT * FROM errors",
		"SELECT * FROM slowest",
		"SELECT * FROM files LIMIT 20",
		"SELECT * FROM open_handles",
		"SELECT * FROM unfinished",
		"SELECT * FROM calls WHERE call_id = 7",
		"SELECT * FROM calls WHERE call_id BETWEEN 7 AND 9",
		"SELECT * FROM calls WHERE op_id = 7",
		"SELECT * FROM spans WHERE call_id = 7",
		"SELECT * FROM spans WHERE call_id IN (SELECT call_id FROM slowest)",
		"SELECT * FROM params WHERE call_id = 7",
		"SELECT * FROM ops WHERE op_id = 7",
	};
	char plan[8192];

	put_writes(FEW, false);
	load_host(true);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		get_plan(queries[i], plan, sizeof(plan));
		cr_assert(strstr(plan, "SEARCH") || strstr(plan, "SCAN"), "%s", queries[i]);
		for (size_t k = 0; k < sizeof(large) / sizeof(large[0]); k++)
			cr_assert_not(scans(plan, large[k]), "%s scans %s: %s", queries[i],
				      large[k], plan);
	}
}

/* These have a few rows, whatever the trace holds: nothing large may be in their plans at all. */
Test(load_size, latencies_are_read_from_summaries)
{
	static const char *const views[] = {"hop_latency", "function_latency", "losses",
					    "loss_places", "clock"};
	char sql[64], plan[8192];

	put_writes(FEW, false);
	load_host(true);
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", views[i]);
		get_plan(sql, plan, sizeof(plan));
		cr_assert_null(strstr(plan, " call"), "%s: %s", sql, plan);
		cr_assert_null(strstr(plan, " span"), "%s: %s", sql, plan);
	}
}

/* What is said here to scan does: else the check above would see nothing. */
Test(load_size, a_scan_is_seen)
{
	char plan[8192];

	put_writes(FEW, false);
	load_host(true);
	get_plan("SELECT * FROM calls WHERE path = '/a'", plan, sizeof(plan));
	cr_assert(scans(plan, "c"), "%s", plan);
	get_plan("SELECT * FROM spans WHERE hop = 'vbsfWrite'", plan, sizeof(plan));
	cr_assert(scans(plan, "s") || scans(plan, "c"), "%s", plan);
	get_plan("SELECT count(*) FROM call WHERE duration_ns > 5", plan, sizeof(plan));
	cr_assert(scans(plan, "call"), "%s", plan);
}

/* Summaries say what counting would. */
Test(load_size, summaries_are_the_counts)
{
	static const struct {
		const char *summary, *count;
	} pairs[] = {
		{"SELECT sum(n) FROM shape WHERE kind = 1", "SELECT count(*) FROM calls"},
		{"SELECT calls FROM clients", "SELECT count(*) FROM calls WHERE client = 1"},
		{"SELECT sum(n) FROM hop", "SELECT count(*) FROM spans"},
		{"SELECT max(duration_ns) || min(duration_ns) || count(*) FROM slowest",
		 "SELECT max(duration_ns) || min(duration_ns) || count(*) FROM"
		 " (SELECT duration_ns FROM calls ORDER BY duration_ns DESC LIMIT 100)"},
	};

	put_writes(FEW, false);
	load_host(true);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char expected[512];

		strcpy(expected, query(&f, pairs[i].count));
		cr_assert_query(&f, pairs[i].summary, expected);
	}
}
