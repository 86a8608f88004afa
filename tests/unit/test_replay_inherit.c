/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces that begin in the middle, or that only a guest has recorded. */
#include "instance.h"
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

TestSuite(replay_inherit, .init = begin, .fini = end, .timeout = 60);

/* A mount, and some work with links, listings and contents that were there. */
static int64_t record_session(void)
{
	SHFLCREATEPARMS parms;
	int64_t mounted;
	uint64_t handle;

	tape_shell("mkdir %s/d && echo -n before > %s/d/f && ln -s f %s/d/l", tape.share,
		   tape.share, tape.share);
	tape_mount(&tape);
	mounted = tape.last_id;
	tape_create_mode(&tape, "/d/l", SHFL_CF_LOOKUP, 0, &parms);
	cr_assert_eq(parms.Info.Attr.fMode & RTFS_TYPE_MASK, RTFS_TYPE_SYMLINK);
	TAPE_CALL(&tape, READLINK, tape_32(tape.root), tape_string("/d/l"),
		  tape_memory((char[64]){0}, 64));
	tape_list(&tape, "/d", TAPE_LIST_BYTES);
	handle = tape_create(&tape, "/d/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, handle, 0, 10, NULL);
	tape_write(&tape, handle, 2, "after");
	tape_close(&tape, handle);
	tape_remove(&tape, "/d/l", SHFL_REMOVE_SYMLINK);
	return mounted;
}

/* Replays what is left of the trace: all of it is as recorded. */
static struct replay_result assert_same(int64_t left)
{
	struct replay_result result;
	int ret = tape_replay(&tape, &result);

	cr_assert_eq(ret, 0, "exit status %d, first: call %lld, %s: expected %s, got %s", ret,
		     (long long)result.first.call_id, result.first.what, result.first.expected,
		     result.first.got);
	cr_assert_eq(result.calls, left);
	return result;
}

Test(replay_inherit, only_the_guest_recorded)
{
	struct replay_result result;
	int64_t n;

	record_session();
	n = tape.last_id;
	tape_finish(&tape);
	/* the share was added and the client connected at the host */
	tape_sql(&tape, "delete from call where shape_id in"
			" (select shape_id from shape where kind <> 1)");
	tape_sql(&tape, "update shape set side = 1");
	result = assert_same(n - 2);
	cr_assert_eq(result.inherited_clients, 1);
	cr_assert_eq(result.inherited_shares, 1);
}

Test(replay_inherit, the_share_was_mounted_before)
{
	struct replay_result result;
	int64_t mounted = record_session(), n = tape.last_id;

	tape_finish(&tape);
	tape_sql(&tape, "delete from call where call_id <= %lld", (long long)mounted);
	result = assert_same(n - mounted);
	cr_assert_eq(result.inherited_clients, 1);
	cr_assert_eq(result.inherited_shares, 1);
}

Test(replay_inherit, what_it_was_not_allowed_to_do)
{
	int64_t mounted;

	tape_shell("echo -n before > %s/f", tape.share);
	tape_add_share(&tape, "work", tape.share, 0);
	tape_connect(&tape);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_map(&tape, "work");
	mounted = tape.last_id;
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_remove(&tape, "/f", SHFL_REMOVE_FILE);
	cr_assert_eq(tape.status, VERR_WRITE_PROTECT);
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	tape_sql(&tape, "delete from call where call_id <= %lld", (long long)mounted);
	assert_same(3);
}

/* The guest asked: a share that is written to, without the right to make links. */
Test(replay_inherit, how_the_share_had_been_added)
{
	int64_t added;

	tape_add_share(&tape, "work", tape.share, SHFL_ADD_MAPPING_F_WRITABLE);
	added = tape.last_id;
	tape_connect(&tape);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_map(&tape, "work");
	TAPE_CALL(&tape, QUERY_MAP_INFO, tape_32(tape.root),
		  tape_string("room for the name of the share"),
		  tape_string("room for its mount point"), tape_64(0), tape_32(0));
	cr_assert_eq(tape.status, VINF_SUCCESS);
	tape_finish(&tape);
	tape_sql(&tape, "delete from call where call_id = %lld", (long long)added);
	assert_same(3);
}

Test(replay_inherit, a_handle_from_before_is_left_out)
{
	struct replay_result result;
	int64_t opened, written;
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	opened = tape.last_id;
	written = tape_write(&tape, handle, 0, "hello");
	tape_create(&tape, "/g", TAPE_NEW | TAPE_RW);
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	tape_sql(&tape, "delete from call where call_id <= %lld", (long long)opened);
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.n[REPLAY_DIVERGED], 0);
	cr_assert_eq(result.n[REPLAY_INHERITED], 1);
	cr_assert_eq(result.first_left_out.call_id, written);
	cr_assert_eq(result.calls, 2);
}

Test(replay_inherit, a_client_that_hgcm_refused_was_never_there)
{
	struct replay_result result;
	struct trace_call call;

	tape_mount(&tape);
	tape.client = 4711;
	call = tape_event(&tape, TRACE_CALL, SHFL_FN_SET_UTF8);
	call.status = VERR_HGCM_INVALID_CLIENT_ID;
	tape_add(&tape, &call);
	tape_finish(&tape);
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.inherited_clients, 0);
	cr_assert_eq(result.n[REPLAY_INHERITED], 1);
}

Test(replay_inherit, a_call_that_the_host_did_not_see)
{
	int64_t call_id;

	tape.process = 100;
	tape_mount(&tape);
	tape.process = 0;
	call_id = tape.last_id + 1;
	tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	tape_finish(&tape);
	tape_sql(&tape,
		 "update shape set side = 1 where shape_id = (select shape_id from call"
		 " where call_id = %lld)",
		 (long long)call_id);
	tape_assert_same(&tape);
}

/* Each process has a client 1, a root 0 and handles of its own. */
Test(replay_inherit, clients_of_two_processes)
{
	uint32_t first, first_root;
	char other[128];
	uint64_t a, b;

	snprintf(other, sizeof(other), "%s/other", tape.dir);
	tape_shell("mkdir %s && echo -n first > %s/f && echo -n second > %s/f", other, tape.share,
		   other);
	tape.process = 100;
	tape_mount(&tape);
	first = tape.client;
	first_root = tape.root;
	a = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape.process = 200;
	tape_add_share(&tape, "other", other, SHFL_ADD_MAPPING_F_WRITABLE);
	tape.alias = 1;
	tape_connect(&tape);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_map(&tape, "other");
	b = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, b, 0, 10, NULL);
	tape_close(&tape, b);
	tape_disconnect(&tape);
	tape.process = 100;
	tape.alias = 0;
	tape.client = first;
	tape.root = first_root;
	tape_read(&tape, a, 0, 10, NULL);
	tape_close(&tape, a);
	tape_disconnect(&tape);
	tape_finish(&tape);
	/* as the other service would have numbered it */
	tape_sql(&tape, "update call set in0 = 0 where call_id in (select call_id from call"
			" join shape using (shape_id) where process = 200 and kind = 1 and"
			" fn in (3, 4, 5))");
	tape_sql(&tape,
		 "update call set out1 = 0 where call_id in (select call_id from call"
		 " join shape using (shape_id) where process = 200 and kind = 1 and fn = 17)");
	tape_assert_same(&tape);
}

/* Both call their only share "work", and find "first" and "second" in it. */
static void record_two_processes(void)
{
	struct instance first = {.process = 100, .service = tape.service}, *second = &first;
	uint32_t client, root;
	char other[128], *message = NULL;
	uint64_t a, b;

	cr_assert_eq(instance_get(&second, SFSERVICE_PATH, 200, &second, &message), 0, "%s",
		     message);
	snprintf(other, sizeof(other), "%s/other", tape.dir);
	tape_shell("mkdir %s && echo -n first > %s/f && echo -n second > %s/f", other, tape.share,
		   other);
	tape.process = 100;
	tape_mount(&tape);
	client = tape.client;
	root = tape.root;
	a = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape.service = second->service;
	tape.process = 200;
	tape_add_share(&tape, "work", other, SHFL_ADD_MAPPING_F_WRITABLE);
	cr_assert_eq(tape.status, VINF_SUCCESS, "the recorded services are one");
	tape_connect(&tape);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_map(&tape, "work");
	b = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, b, 0, 10, NULL);
	tape_write(&tape, b, 0, "SECOND");
	tape_close(&tape, b);
	tape_disconnect(&tape);
	second->next = NULL;
	instances_unload(&second);
	tape.service = first.service;
	tape.process = 100;
	tape.client = client;
	tape.root = root;
	tape_read(&tape, a, 0, 10, NULL);
	tape_close(&tape, a);
	tape_disconnect(&tape);
	tape_finish(&tape);
}

Test(replay_inherit, processes_with_shares_of_one_name)
{
	record_two_processes();
	tape_assert_same(&tape);
}

/* Whose directory is whose the trace does not tell: two, for each guest found its own files. */
Test(replay_inherit, inherited_shares_are_each_process_s_own)
{
	record_two_processes();
	tape_sql(&tape, "delete from call where shape_id in (select shape_id from shape"
			" where kind = 2 and fn = 1)");
	/* but for two shares added, two clients connected and two disconnected: calls */
	cr_assert_eq(assert_same(tape.last_id - 6).inherited_shares, 2);
}

/* The same as far as the trace does not tell: both shares were there before it. */
Test(replay_inherit, inherited_shares_of_one_name)
{
	struct replay_result result;

	tape_shell("echo -n text > %s/f", tape.share);
	for (tape.process = 100; tape.process <= 200; tape.process += 100) {
		uint64_t handle;

		if (tape.process == 100)
			tape_mount(&tape);
		else
			tape_map(&tape, "work");
		handle = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
		tape_read(&tape, handle, 0, 10, NULL);
		tape_close(&tape, handle);
	}
	tape_finish(&tape);
	tape_sql(&tape, "delete from call where call_id = 1");
	cr_assert_leq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.n[REPLAY_DIVERGED], 0, "%s", result.first.what);
	cr_assert_eq(result.inherited_shares, 2);
}
