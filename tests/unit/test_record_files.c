/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files "record -f" takes for traces, and may replace. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leak_check.h"
#include "trace.h"

#define APPLICATION_ID_AT 68 /* in the header of a SQLite file */

static char path[64];

static void setup(void)
{
	strcpy(path, "/tmp/test-record-files-XXXXXX");
	close(mkstemp(path));
}

static void teardown(void)
{
	unlink(path);
	leak_check();
}

TestSuite(record_files, .init = setup, .fini = teardown);

static void trace_make(void)
{
	struct trace *trace = NULL;
	char *message = NULL;

	cr_assert_eq(trace_create(path, &trace, &message), 0, "%s", message);
	trace_close(trace);
}

static void overwrite(off_t at, const char *byte)
{
	int fd = open(path, O_WRONLY);

	cr_assert_eq(pwrite(fd, byte, 1, at), 1);
	close(fd);
}

Test(record_files, a_trace)
{
	trace_make();
	cr_expect(trace_file_is_ours(path));
}

Test(record_files, what_is_none)
{
	cr_expect_not(trace_file_is_ours(path), "empty");
	cr_expect_not(trace_file_is_ours("/no/such/file"));
	cr_expect_not(trace_file_is_ours("/tmp"), "a folder");
}

Test(record_files, another_programs_database)
{
	trace_make();
	overwrite(APPLICATION_ID_AT, "?");
	cr_expect_not(trace_file_is_ours(path));
}

Test(record_files, no_database_in_spite_of_the_id)
{
	trace_make();
	overwrite(0, "?");
	cr_expect_not(trace_file_is_ours(path));
}

Test(record_files, a_trace_that_ends_in_its_header)
{
	trace_make();
	cr_assert_eq(truncate(path, APPLICATION_ID_AT + 3), 0);
	cr_expect_not(trace_file_is_ours(path));
}
