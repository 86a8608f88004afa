/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Iterating over events that have more tasks, shapes and paths than the cursor
 * keeps, and rows aside for some of them.
 */
#include "leak_check.h"
#include "trace_fixture.h"

#include <errno.h>

#define CALLS 4000
#define PATHS 1500u
#define TASKS 150u
#define PROCESSES 90u

static struct fixture f;

static void begin(void)
{
	fixture_begin(&f);
}

static void end(void)
{
	fixture_end(&f);
	leak_check();
}

TestSuite(trace_events, .init = begin, .fini = end);

/* What belongs to the i-th call of the trace: neighbours differ, all come again. */
static unsigned path_of(unsigned i)
{
	return i * 769 % PATHS;
}

static unsigned task_of(unsigned i)
{
	return i * 67 % TASKS;
}

static unsigned process_of(unsigned i)
{
	return 1 + i / 3 % PROCESSES;
}

static bool is_list(unsigned i)
{
	return i % 5 == 3;
}

static bool is_cancelled(unsigned i)
{
	return i % 7 == 2;
}

/* Every client is its process's: each has a root, and maps it on its first call. */
static void fill(void)
{
	for (unsigned i = 0; i < CALLS; i++) {
		struct trace_call call = next_call(&f, SHFL_FN_CREATE, 0, 3);
		char path[32];

		snprintf(path, sizeof(path), "/path-%u", path_of(i));
		call.parms[0] = int32_parm(0, 0);
		call.parms[1] = string_parm(&f, path, false);
		call.parms[2] = create_parm(&f, 0, SHFL_HANDLE_NIL, SHFL_FILE_NOT_FOUND);
		if (is_list(i)) {
			call.fn = SHFL_FN_LIST;
			call.n_parms = SHFL_MAX_PARMS;
			call.parms[2] = (struct trace_parm){0};
			for (unsigned k = 0; k < SHFL_MAX_PARMS; k++)
				call.parms[k] = int32_parm(i + k, i * k);
		}
		call.process = process_of(i);
		call.tid = task_of(i);
		snprintf(call.comm, sizeof(call.comm), "task-%u", task_of(i));
		call.guest_start_ns = 1;
		call.guest_end_ns = 2;
		call.guest_status = is_cancelled(i) ? VERR_INTERRUPTED : call.status;
		add_call(&f, &call);
	}
	fixture_reopen(&f, NULL);
}

static void check_list(const struct trace_call *call, unsigned i)
{
	cr_assert_eq(call->fn, (uint32_t)SHFL_FN_LIST);
	cr_assert_eq(call->n_parms, (uint32_t)SHFL_MAX_PARMS);
	for (unsigned k = 0; k < SHFL_MAX_PARMS; k++) {
		cr_assert_eq(call->parms[k].in, i + k, "%u of %u", k, i);
		cr_assert_eq(call->parms[k].out, i * k, "%u of %u", k, i);
	}
}

static void check_create(const struct trace_call *call, unsigned i)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "/path-%u", path_of(i));
	cr_assert_eq(call->fn, (uint32_t)SHFL_FN_CREATE);
	cr_assert_not_null(call->path, "call %u", i);
	cr_assert_str_eq(call->path, expected);
	cr_assert_eq(call->parms[5].type, 0u, "left over from another call");
}

static void check(const struct trace_call *call, unsigned i)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "task-%u", task_of(i));
	cr_assert_eq(call->call_id, i + 1);
	cr_assert_eq(call->process, process_of(i), "call %u", i);
	cr_assert_eq(call->tid, task_of(i), "call %u", i);
	cr_assert_str_eq(call->comm, expected);
	cr_assert_eq(call->guest_status, is_cancelled(i) ? VERR_INTERRUPTED : 0, "call %u", i);
	if (is_list(i))
		check_list(call, i);
	else
		check_create(call, i);
}

Test(trace_events, each_has_what_belongs_to_it)
{
	struct trace_cursor *cursor;
	struct trace_call call;

	fill();
	cr_assert_eq(trace_events(f.trace, &cursor), 0);
	for (unsigned i = 0; i < CALLS; i++) {
		cr_assert_eq(trace_next(cursor, &call), 1, "%s", trace_error(f.trace));
		check(&call, i);
	}
	cr_assert_eq(trace_next(cursor, &call), 0);
	trace_cursor_close(cursor);
}

static void run_sql(const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(f.file, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* Texts too long to be kept come all the same, and no other's in their place. */
Test(trace_events, long_paths)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	int rc;

	for (unsigned i = 0; i < 6; i++)
		add_create(&f, i % 2 ? "/odd" : "/even", SHFL_HANDLE_NIL, SHFL_FILE_NOT_FOUND);
	fixture_reopen(&f, NULL);
	run_sql("UPDATE path SET path = path || hex(zeroblob(100000))");
	cr_assert_eq(trace_events(f.trace, &cursor), 0);
	for (unsigned i = 0; (rc = trace_next(cursor, &call)) == 1; i++) {
		const char *start = i % 2 ? "/odd0" : "/even0";

		cr_assert_eq(strlen(call.path), 200000 + strlen(start) - 1);
		cr_assert_eq(strncmp(call.path, start, strlen(start)), 0, "%.9s", call.path);
	}
	cr_assert_eq(rc, 0, "%s", trace_error(f.trace));
	trace_cursor_close(cursor);
}

/* Rows that belong to no call, before, between and behind those that do. */
Test(trace_events, rows_aside_of_nobody)
{
	struct trace_cursor *cursor;
	struct trace_call call;

	fill();
	run_sql("DELETE FROM call WHERE call_id % 3 = 0;"
		"INSERT INTO guest_status VALUES (-5, 1), (0, 2), (100000, 3)");
	cr_assert_eq(trace_events(f.trace, &cursor), 0);
	for (unsigned i = 0; i < CALLS; i++) {
		if ((i + 1) % 3 == 0)
			continue;
		cr_assert_eq(trace_next(cursor, &call), 1, "%s", trace_error(f.trace));
		check(&call, i);
	}
	cr_assert_eq(trace_next(cursor, &call), 0);
	trace_cursor_close(cursor);
}

Test(trace_events, further_parameters_that_are_not_there)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	int rc;

	fill();
	run_sql("DELETE FROM call_more WHERE call_id > 100");
	cr_assert_eq(trace_events(f.trace, &cursor), 0);
	while ((rc = trace_next(cursor, &call)) == 1)
		;
	cr_assert_eq(rc, -EUCLEAN);
	cr_assert(strstr(trace_error(f.trace), "after 103"), "%s", trace_error(f.trace));
	trace_cursor_close(cursor);
}
