/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are no trace, and traces that somebody spoilt: clear words, no crash. */
#include "leak_check.h"
#include "trace_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

TestSuite(trace_open, .init = begin, .fini = end);

static void expect_refused(const char *file, const char *says)
{
	struct trace *trace = NULL;
	char *message = NULL;

	cr_assert_lt(trace_open(file, &trace, &message), 0);
	cr_assert_null(trace);
	cr_assert_not_null(message);
	cr_assert(strstr(message, says), "%s", message);
	free(message);
}

static void write_file(const void *bytes, size_t size)
{
	FILE *file = fopen(f.file, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

/* A finished trace of a few calls, with SQL run on it afterwards. */
static void make_trace(const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	finish_small(&f);
	cr_assert_eq(sqlite3_open(f.file, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &message), SQLITE_OK, "%s: %s", sql,
		     message);
	sqlite3_close(db);
}

Test(trace_open, no_file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/nothing", f.dir);
	expect_refused(path, "No such file");
	expect_refused(f.dir, "is no file");
}

Test(trace_open, another_kind_of_file)
{
	trace_close(f.trace);
	f.trace = NULL;
	write_file("", 0);
	expect_refused(f.file, "no SQLite database");
	write_file("SQLite format", 13);
	expect_refused(f.file, "no SQLite database");
	write_file("#!/bin/sh\necho this is a script\n", 32);
	expect_refused(f.file, "no SQLite database");
	write_file("SQLite format 3\0and then nothing of the kind", 44);
	expect_refused(f.file, "cannot read");
}

Test(trace_open, another_programs_database)
{
	make_trace("PRAGMA application_id = 1");
	expect_refused(f.file, "another program's database");
}

Test(trace_open, a_newer_schema)
{
	make_trace("PRAGMA user_version = 7");
	expect_refused(f.file, "has schema 7");
	expect_refused(f.file, "use a newer one");
}

Test(trace_open, an_older_schema)
{
	make_trace("PRAGMA user_version = 1");
	expect_refused(f.file, "has schema 1 of an older sftrace");
}

Test(trace_open, no_schema_version)
{
	make_trace("PRAGMA user_version = 0");
	expect_refused(f.file, "no schema version");
}

Test(trace_open, a_missing_table)
{
	make_trace("DROP TABLE span_merged");
	expect_refused(f.file, "no table span_merged");
}

Test(trace_open, a_missing_view)
{
	make_trace("DROP VIEW calls");
	expect_refused(f.file, "no view calls");
}

Test(trace_open, a_missing_column)
{
	make_trace("DROP TABLE guest_status; CREATE TABLE guest_status (call_id)");
	expect_refused(f.file, "no such column: status");
}

Test(trace_open, a_table_that_is_a_view)
{
	make_trace("ALTER TABLE loss RENAME TO other; CREATE VIEW loss AS SELECT * FROM other");
	expect_refused(f.file, "no table loss");
}

Test(trace_open, a_truncated_file)
{
	struct trace *trace = NULL;
	char *message = NULL;
	struct stat st;

	make_trace("SELECT 1");
	cr_assert_eq(stat(f.file, &st), 0);
	for (off_t size = st.st_size - 1; size > 0; size = size * 3 / 4) {
		struct trace_cursor *cursor;
		struct trace_call call;
		int rc;

		cr_assert_eq(truncate(f.file, size), 0);
		if (trace_open(f.file, &trace, &message)) {
			cr_assert_not_null(message);
			free(message);
			message = NULL;
			continue;
		}
		cr_assert_eq(trace_events(trace, &cursor), 0);
		while ((rc = trace_next(cursor, &call)) > 0)
			;
		trace_cursor_close(cursor);
		trace_close(trace);
	}
}

/* Reads everything that a trace has; whatever comes is fine as long as it comes to an end. */
static void read_all(struct trace *trace)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	char *why = NULL;

	if (trace_is_incomplete(trace, &why) > 0)
		free(why);
	if (trace_events(trace, &cursor))
		return;
	while (trace_next(cursor, &call) > 0) {
		for (int i = 0; i < SHFL_MAX_PARMS; i++) {
			uint32_t captured, length;
			void *data;

			if (call.parms[i].payload_in &&
			    !trace_get_payload(trace, call.parms[i].payload_in, &data, &captured,
					       &length))
				free(data);
		}
	}
	trace_cursor_close(cursor);
}

Test(trace_open, flipped_bits, .timeout = 120)
{
	static char bytes[2 << 20];
	size_t size;
	FILE *file;

	make_trace("SELECT 1");
	file = fopen(f.file, "r");
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	cr_assert(size > 100000 && size < sizeof(bytes));
	srand(3);
	for (int i = 0; i < 400; i++) {
		struct trace *trace = NULL;
		char *message = NULL;
		size_t at = (size_t)rand() % (i % 2 ? size : 20000);
		char old = bytes[at];

		bytes[at] ^= (char)(1 << rand() % 8);
		write_file(bytes, size);
		if (!trace_open(f.file, &trace, &message))
			read_all(trace);
		else
			cr_assert_not_null(message);
		trace_close(trace);
		free(message);
		if (i % 4)
			bytes[at] = old;
	}
}

/* One value of the event table spoilt: the cursor says which. */
static void expect_damaged(const char *sql, const char *says)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	char *message = NULL;
	int rc;

	make_trace(sql);
	cr_assert_eq(trace_open(f.file, &f.trace, &message), 0, "%s", message);
	cr_assert_eq(trace_events(f.trace, &cursor), 0);
	while ((rc = trace_next(cursor, &call)) > 0)
		;
	cr_assert_eq(rc, -EUCLEAN, "%d", rc);
	cr_assert(strstr(trace_error(f.trace), says), "%s", trace_error(f.trace));
	trace_cursor_close(cursor);
}

#define DAMAGED(name, sql, says)           \
	Test(trace_open, name)             \
	{                                  \
		expect_damaged(sql, says); \
	}

DAMAGED(more_parameters_than_stored, "UPDATE shape SET n_parms = 1000 WHERE n_parms = 5", "type5")
DAMAGED(fewer_parameters_than_stored, "UPDATE shape SET n_parms = 2 WHERE n_parms = 5", "type2")
DAMAGED(negative_parameters, "UPDATE shape SET n_parms = -1", "n_parms")
DAMAGED(no_kind, "UPDATE shape SET kind = 9", "kind")
DAMAGED(no_side, "UPDATE shape SET side = 0", "side")
DAMAGED(text_for_a_number, "UPDATE call SET in1 = 'seven' WHERE in1 = 9", "in1")
DAMAGED(a_blob_for_a_number, "UPDATE call SET start_ns = x'00'", "start_ns")
DAMAGED(a_status_too_large, "UPDATE call SET status = 1 << 40", "status")
DAMAGED(unknown_flags, "UPDATE call SET flags = 1 << 20", "flags")
DAMAGED(no_shape, "DELETE FROM shape", "shape_id")
DAMAGED(no_task, "DELETE FROM task", "task_id")
DAMAGED(a_time_out_of_this_world, "UPDATE call SET start_ns = 9223372036854775807", "start_ns")
DAMAGED(an_endless_duration, "UPDATE call SET duration_ns = -9223372036854775807", "duration_ns")
DAMAGED(a_size_too_large, "UPDATE call SET in4 = 1 << 40 WHERE in4 = 10", "in4")
DAMAGED(a_missing_value, "UPDATE call SET in0 = NULL WHERE in1 = 9", "in0")
DAMAGED(a_payload_below_zero, "UPDATE call SET mem4 = -1 WHERE mem4 > 0", "mem4")
DAMAGED(a_status_of_the_guest, "INSERT INTO guest_status SELECT call_id, 1 << 40 FROM call",
	"status")

Test(trace_open, a_spoilt_payload)
{
	uint32_t captured, length;
	void *data;
	char *message = NULL;

	make_trace("UPDATE payload SET length = 3 WHERE length = 10;"
		   "UPDATE payload SET data = 17 WHERE payload_id = 1");
	cr_assert_eq(trace_open(f.file, &f.trace, &message), 0, "%s", message);
	cr_assert_eq(trace_get_payload(f.trace, 1, &data, &captured, &length), -EUCLEAN);
	cr_assert_query(&f, "SELECT payload_id FROM payload WHERE length = 3", "8");
	cr_assert_eq(trace_get_payload(f.trace, 8, &data, &captured, &length), -EUCLEAN);
	cr_assert(strstr(trace_error(f.trace), "payload"), "%s", trace_error(f.trace));
}

Test(trace_open, no_state)
{
	char *why = NULL, *message = NULL;

	make_trace("DELETE FROM meta WHERE key = 'state'");
	cr_assert_eq(trace_open(f.file, &f.trace, &message), 0, "%s", message);
	cr_assert_eq(trace_is_incomplete(f.trace, &why), 1);
	free(why);
}

Test(trace_open, losses_count_even_if_the_state_says_complete)
{
	char *why = NULL, *message = NULL;

	make_trace("INSERT INTO loss VALUES (2, 'svcCall', 'ring full', 3, NULL)");
	cr_assert_eq(trace_open(f.file, &f.trace, &message), 0, "%s", message);
	cr_assert_eq(trace_is_incomplete(f.trace, &why), 1);
	cr_assert(strstr(why, "3 things were lost"), "%s", why);
	free(why);
}

/* Creating. */

Test(trace_open, what_is_there_is_not_overwritten)
{
	struct trace *trace = NULL;
	char *message = NULL;

	make_trace("SELECT 1");
	cr_assert_eq(trace_create(f.file, &trace, &message), -EEXIST);
	cr_assert(strstr(message, "is there already"), "%s", message);
	free(message);
	cr_assert_eq(trace_create("/nonexistent/t.db", &trace, &message), -ENOENT);
	free(message);
	cr_assert_eq(trace_create(f.dir, &trace, &message), -EEXIST);
	free(message);
}

Test(trace_open, an_empty_file_is_filled)
{
	char *message = NULL;

	trace_close(f.trace);
	f.trace = NULL;
	write_file("", 0);
	cr_assert_eq(trace_create(f.file, &f.trace, &message), 0, "%s", message);
}

Test(trace_open, the_first_moment_says_recording)
{
	struct trace *reader = NULL;
	char *why = NULL, *message = NULL;

	cr_assert_eq(trace_open(f.file, &reader, &message), 0, "%s", message);
	cr_assert_eq(trace_is_incomplete(reader, &why), 1);
	cr_assert(strstr(why, "has not ended"), "%s", why);
	free(why);
	trace_close(reader);
}

static void write_for_ever(void)
{
	char bytes[8192] = "";

	trace_close(f.trace);
	f.trace = NULL;
	cr_assert_eq(trace_create(f.file, &f.trace, NULL), 0);
	f.next_id = 1;
	for (int i = 0;; i++) {
		struct trace_call call = write_call(&f, 1, 0, 8192);

		memcpy(bytes, &i, sizeof(i));
		call.parms[4].payload_in = add_payload(&f, bytes, sizeof(bytes));
		add_call(&f, &call);
	}
}

/* Whenever the writer is killed, there is a trace that opens and is not corrupt. */
Test(trace_open, killed_writers, .timeout = 120)
{
	for (int i = 0; i < 12; i++) {
		char *message = NULL, *why = NULL;
		pid_t child = fork();
		int rc;

		if (!child)
			write_for_ever();
		usleep(5000 + 30000 * (useconds_t)i);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		trace_close(f.trace);
		f.trace = NULL;
		rc = trace_open(f.file, &f.trace, &message);
		cr_assert_eq(rc, 0, "%s", message);
		cr_assert_eq(trace_is_incomplete(f.trace, &why), 1);
		cr_assert_query(&f, "PRAGMA integrity_check", "ok");
		free(why);
	}
}
