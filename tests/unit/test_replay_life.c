/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a report tells of a file: what had happened to it, and what it did not get. */
#include "asked.h"
#include "history.h"
#include "life.h"
#include "replay_tape.h"

static struct tape tape;
static struct life life;

static void begin(void)
{
	tape_begin(&tape);
}

static void end(void)
{
	life_clear(&life);
	tape_end(&tape);
}

TestSuite(replay_life, .init = begin, .fini = end, .timeout = 60);
TestSuite(replay_asked, .fini = leak_check);

static void assert_stage(size_t i, const char *what, int64_t n, int64_t bytes, const char *path)
{
	const struct life_stage *stage = &life.stages[life.n - 1 - i];

	cr_assert_lt(i, life.n);
	cr_assert_str_eq(stage->what, what, "stage %zu", i);
	cr_assert_eq(stage->n, n, "%s", what);
	cr_assert_eq(stage->bytes, bytes, "%s", what);
	cr_assert_eq(stage->path != NULL, path != NULL, "%s", what);
	if (path)
		cr_assert_str_eq(stage->path, path);
}

Test(replay_life, through_renames_back_to_its_creation)
{
	int64_t first, last;
	uint64_t handle;

	tape_mount(&tape);
	tape_create(&tape, "/a", TAPE_NEW | TAPE_RW);
	tape_remove(&tape, "/a", SHFL_REMOVE_FILE); /* another file of that name */
	handle = tape_create(&tape, "/a", TAPE_NEW | TAPE_RW);
	first = tape_write(&tape, handle, 0, "hello");
	tape_write(&tape, handle, 5, "world!");
	tape_create(&tape, "/other", TAPE_NEW | TAPE_RW);
	tape_rename(&tape, "/a", "/b", SHFL_RENAME_FILE);
	tape_create(&tape, "/b", SHFL_CF_LOOKUP);
	tape_close(&tape, tape_create(&tape, "/b", TAPE_OPEN | TAPE_RW));
	handle = tape_create(&tape, "/b", TAPE_OPEN | TAPE_RW);
	TAPE_CALL(&tape, SET_FILE_SIZE, tape_32(tape.root), tape_64(handle), tape_64(3));
	tape_rename(&tape, "/b", "/a", SHFL_RENAME_FILE);
	tape_remove(&tape, "/a", SHFL_REMOVE_FILE);
	last = tape.last_id + 1;
	tape_create(&tape, "/a", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	cr_assert_eq(life_read(tape.trace, last, &life), 0);
	cr_assert_eq(life.n, 7);
	assert_stage(0, "created", 1, -1, NULL);
	assert_stage(1, "written", 2, 11, NULL);
	assert_stage(2, "renamed", 1, -1, "/a");
	assert_stage(3, "opened", 2, -1, NULL);
	assert_stage(4, "resized", 1, -1, NULL);
	assert_stage(5, "renamed", 1, -1, "/b");
	assert_stage(6, "removed", 1, -1, NULL);
	cr_assert_eq(life.stages[5].first, first);
	cr_assert_eq(life.stages[5].last, first + 1);
}

Test(replay_life, calls_without_a_file_have_none)
{
	tape_mount(&tape);
	tape_finish(&tape);
	cr_assert_eq(life_read(tape.trace, 1, &life), 0);
	cr_assert_eq(life.n, 0);
	cr_assert_eq(life_read(tape.trace, 4711, &life), 0);
	cr_assert_eq(life.n, 0);
}

Test(replay_life, of_a_file_that_changes_without_end)
{
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/a", TAPE_NEW | TAPE_RW);
	for (int i = 0; i < LIFE_STAGES; i++) {
		tape_write(&tape, handle, 0, "x");
		TAPE_CALL(&tape, SET_FILE_SIZE, tape_32(tape.root), tape_64(handle), tape_64(3));
		tape_rename(&tape, i % 2 ? "/b" : "/a", i % 2 ? "/a" : "/b", SHFL_RENAME_FILE);
	}
	tape_create(&tape, "/a", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	cr_assert_eq(life_read(tape.trace, tape.last_id, &life), 0);
	cr_assert_eq(life.n, LIFE_STAGES);
	cr_assert_str_eq(life.stages[0].what, "renamed");
}

static void count_call(void *user, const struct history_call *call)
{
	(void)call;
	++*(int *)user;
}

/* Another process's share of the same name has files of its own. */
Test(replay_life, the_calls_before_it_are_of_its_process)
{
	int n = 0;

	for (tape.process = 100; tape.process <= 200; tape.process += 100) {
		if (tape.process == 100)
			tape_mount(&tape);
		else
			tape_map(&tape, "work");
		tape_create(&tape, "/f", SHFL_CF_LOOKUP);
		tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	}
	tape_finish(&tape);
	cr_assert_eq(history_before(tape.trace, tape.last_id, 10, count_call, &n), 0);
	cr_assert_eq(n, 1);
}

/* A set-attribute call that succeeded: what it asked for, and what it got. */
static bool is_given(SHFLFSOBJINFO asked, SHFLFSOBJINFO got, struct replay_finding *finding)
{
	struct replay_call call = {.info = shfl_fn_find(SHFL_FN_INFORMATION)};

	call.event.kind = TRACE_CALL;
	call.event.fn = SHFL_FN_INFORMATION;
	call.event.n_parms = 5;
	call.event.parms[2].in = SHFL_INFO_SET | SHFL_INFO_FILE;
	call.event.parms[4].size = sizeof(got);
	call.parms[4].type = VBOX_HGCM_SVC_PARM_PTR;
	call.in[4].data = (uint8_t *)&asked;
	call.in[4].captured = sizeof(asked);
	call.buffers[4].memory = &got;
	return asked_is_given(&call, finding);
}

Test(replay_asked, what_was_asked_for_and_not_given)
{
	SHFLFSOBJINFO asked = {0}, got = {0};
	struct replay_finding finding;

	got.Attr.fMode = RTFS_TYPE_FILE | 0644;
	got.ModificationTime = 5000;
	cr_assert(is_given(asked, got, &finding), "nothing was asked for");
	asked.Attr.fMode = RTFS_TYPE_FILE | 0644;
	asked.ModificationTime = 5000;
	cr_assert(is_given(asked, got, &finding));
	asked.Attr.fMode = RTFS_TYPE_FILE | 0600;
	cr_assert_not(is_given(asked, got, &finding));
	cr_assert_str_eq(finding.what, "mode");
	cr_assert_str_eq(finding.expected, "0600");
	cr_assert_str_eq(finding.got, "0644");
	asked.Attr.fMode = 0;
	asked.ModificationTime = 7000;
	cr_assert_not(is_given(asked, got, &finding));
	cr_assert_str_eq(finding.what, "modification time");
	cr_assert_str_eq(finding.expected, "7000 ns");
	asked.ModificationTime = 0;
	asked.AccessTime = 9000;
	cr_assert_not(is_given(asked, got, &finding));
	cr_assert_str_eq(finding.what, "access time");
	got.AccessTime = 9000;
	cr_assert(is_given(asked, got, &finding));
}
