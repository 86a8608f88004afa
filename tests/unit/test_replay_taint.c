/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call that cannot be made is nobody's fault, and neither is what later calls
 * then see: one function after the other is left out of a trace that uses all.
 */
#include "replay_tape.h"

static struct tape tape;

static void begin(void)
{
	tape_begin(&tape);
}

static void end(void)
{
	tape_end(&tape);
}

TestSuite(replay_taint, .init = begin, .fini = end, .timeout = 60);

static void read_file(const char *path)
{
	uint64_t handle = tape_create(&tape, path, TAPE_OPEN | SHFL_CF_ACCESS_READ);

	tape_read(&tape, handle, 0, 100, NULL);
	tape_close(&tape, handle);
}

static uint64_t make_file(const char *path, const char *text)
{
	uint64_t handle = tape_create(&tape, path, TAPE_NEW | TAPE_RW);

	if (*text)
		tape_write(&tape, handle, 0, text);
	return handle;
}

static void assert_fine(void)
{
	cr_assert_eq(tape.status, VINF_SUCCESS, "call %lld: %d", (long long)tape.last_id,
		     tape.status);
}

static void copy_part(uint64_t from, uint64_t to)
{
	TAPE_CALL(&tape, COPY_FILE_PART, tape_32(tape.root), tape_64(from), tape_64(2),
		  tape_32(tape.root), tape_64(to), tape_64(0), tape_64(3), tape_32(0));
	assert_fine();
}

static void copy_file(const char *from, const char *to)
{
	TAPE_CALL(&tape, COPY_FILE, tape_32(tape.root), tape_string(from), tape_32(tape.root),
		  tape_string(to), tape_32(0));
	assert_fine();
}

static void make_link(const char *path, const char *target)
{
	SHFLFSOBJINFO info = {0};

	TAPE_CALL(&tape, SYMLINK, tape_32(tape.root), tape_string(path), tape_string(target),
		  tape_memory(&info, sizeof(info)));
	assert_fine();
	TAPE_CALL(&tape, READLINK, tape_32(tape.root), tape_string(path),
		  tape_memory((char[64]){0}, 64));
}

static void set_mode(uint64_t handle, uint32_t mode)
{
	SHFLFSOBJINFO info = {0};

	info.Attr.fMode = RTFS_TYPE_FILE | mode;
	TAPE_CALL(&tape, INFORMATION, tape_32(tape.root), tape_64(handle),
		  tape_32(SHFL_INFO_SET | SHFL_INFO_FILE), tape_32(sizeof(info)),
		  tape_memory(&info, sizeof(info)));
	assert_fine();
}

/* Every function that changes something, each followed by a look at what it did. */
static void record(void)
{
	uint64_t from, to;

	tape_mount(&tape);
	tape_create_mode(&tape, "/d",
			 SHFL_CF_DIRECTORY | SHFL_CF_ACT_CREATE_IF_NEW | SHFL_CF_ACT_FAIL_IF_EXISTS,
			 RTFS_TYPE_DIRECTORY | 0755, NULL);
	from = make_file("/d/f", "0123456789");
	to = make_file("/d/part", "");
	copy_part(from, to);
	read_file("/d/part");
	copy_file("/d/f", "/d/copy");
	read_file("/d/copy");
	make_link("/d/l", "f");
	tape_list(&tape, "/d", TAPE_LIST_BYTES);
	set_mode(from, 0600);
	tape_create(&tape, "/d/f", SHFL_CF_LOOKUP);
	tape_close(&tape, from);
	tape_close(&tape, to);
	tape_rename(&tape, "/d", "/e", SHFL_RENAME_DIR);
	assert_fine();
	read_file("/e/f");
	tape_create(&tape, "/d/f", SHFL_CF_LOOKUP);
	tape_list(&tape, "/e", TAPE_LIST_BYTES);
	to = tape_create(&tape, "/e/copy", TAPE_OPEN | TAPE_RW);
	TAPE_CALL(&tape, CLOSE_AND_REMOVE, tape_32(tape.root), tape_string("/e/copy"),
		  tape_32(SHFL_REMOVE_FILE), tape_64(to));
	assert_fine();
	tape_create(&tape, "/e/copy", SHFL_CF_LOOKUP);
	tape_list(&tape, "/e", TAPE_LIST_BYTES);
	tape_finish(&tape);
}

Test(replay_taint, of_nothing)
{
	record();
	tape_assert_same(&tape);
}

/* Leaves the calls of a function out: what depends on them is not compared, the rest is. */
static void assert_left_out(uint32_t fn)
{
	struct replay_result result;
	int64_t n;

	record();
	n = tape.last_id;
	tape_sql(&tape,
		 "UPDATE call SET flags = flags | %d WHERE call_id IN"
		 " (SELECT call_id FROM calls WHERE fn = %u)",
		 TRACE_F_UNFINISHED, fn);
	cr_assert_eq(tape_replay(&tape, &result), 4, "call %d: %s, %s not %s",
		     (int)result.first.call_id, result.first.what, result.first.got,
		     result.first.expected);
	cr_assert_eq(result.n[REPLAY_UNFINISHED], 1);
	cr_assert_gt(result.uncompared, 0);
	cr_assert_lt(result.uncompared, n / 2, "nearly nothing is compared");
}

Test(replay_taint, of_copy_file)
{
	assert_left_out(SHFL_FN_COPY_FILE);
}

Test(replay_taint, of_copy_file_part)
{
	assert_left_out(SHFL_FN_COPY_FILE_PART);
}

Test(replay_taint, of_symlink)
{
	assert_left_out(SHFL_FN_SYMLINK);
}

Test(replay_taint, of_close_and_remove)
{
	assert_left_out(SHFL_FN_CLOSE_AND_REMOVE);
}

Test(replay_taint, of_attributes)
{
	assert_left_out(SHFL_FN_INFORMATION);
}

Test(replay_taint, of_a_directory_that_was_renamed)
{
	assert_left_out(SHFL_FN_RENAME);
}
