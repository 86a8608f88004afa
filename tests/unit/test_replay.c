/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replays of traces that were recorded from the service itself. */
#include <errno.h>
#include <pthread.h>

#include "replay_tape.h"
#include "sandbox.h"

static struct tape tape;

static void begin(void)
{
	tape_begin(&tape);
}

static void end(void)
{
	tape_end(&tape);
}

TestSuite(replay, .init = begin, .fini = end, .timeout = 60);

/* A file written, read back, listed, renamed and removed. */
static void record_life_of_a_file(void)
{
	uint64_t handle;

	tape_mount(&tape);
	tape_create(&tape, "/new", SHFL_CF_LOOKUP);
	handle = tape_create(&tape, "/new", TAPE_NEW | TAPE_RW);
	tape_write(&tape, handle, 0, "hello, world");
	tape_write(&tape, handle, 12, ", never read back");
	tape_read(&tape, handle, 0, 12, NULL);
	tape_close(&tape, handle);
	tape_list(&tape, "/", TAPE_LIST_BYTES);
	tape_rename(&tape, "/new", "/old", SHFL_RENAME_FILE);
	tape_create(&tape, "/new", SHFL_CF_LOOKUP);
	tape_create(&tape, "/old", SHFL_CF_LOOKUP);
	tape_remove(&tape, "/old", SHFL_REMOVE_FILE);
	tape_disconnect(&tape);
}

Test(replay, exact_trace_is_as_recorded)
{
	record_life_of_a_file();
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, nothing_is_left_behind)
{
	struct replay_result result;

	record_life_of_a_file();
	tape_finish(&tape);
	cr_assert_eq(tape_replay(&tape, &result), 0);
	tape_shell("test -z \"$(ls -d %s/sftrace-replay-* 2>/dev/null)\"", tape.dir);
}

/* Tries to change files inside and outside of what its thread is confined to. */
static void *try_to_write(void *argument)
{
	int *outcome = argument;
	char path[128];

	*outcome = sandbox_enter((const char *const[]){tape.share}, 1);
	if (*outcome < 0)
		return NULL;
	cr_assert_lt(open(tape.file, O_WRONLY), 0, "the trace can be written");
	snprintf(path, sizeof(path), "%s/new", tape.dir);
	cr_assert_lt(open(path, O_WRONLY | O_CREAT, 0600), 0, "files can be made outside");
	cr_assert_lt(mkdir(path, 0700), 0, "directories can be made outside");
	cr_assert_lt(unlink(tape.file), 0, "files can be removed outside");
	snprintf(path, sizeof(path), "%s/new", tape.share);
	cr_assert_eq(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
	cr_assert_eq(unlink(path), 0);
	return NULL;
}

Test(replay, the_service_is_confined_where_the_kernel_can)
{
	struct replay_result result;
	pthread_t thread;
	int supported = 0;

	cr_assert_eq(pthread_create(&thread, NULL, try_to_write, &supported), 0);
	pthread_join(thread, NULL);
	cr_assert(supported == 0 || supported == -EOPNOTSUPP);
	tape_mount(&tape);
	tape_finish(&tape);
	cr_assert_eq(tape_replay(&tape, &result), 0);
	cr_assert_eq(result.confined, supported == 0);
}

Test(replay, the_recorded_directory_is_not_touched)
{
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	tape_write(&tape, handle, 0, "from the recording");
	tape_close(&tape, handle);
	tape_finish(&tape);
	tape_shell("echo -n changed > %s/f", tape.share);
	tape_assert_same(&tape);
	tape_shell("test changed = \"$(cat %s/f)\"", tape.share);
}

Test(replay, what_was_there_before_is_rebuilt)
{
	char text[100] = "";
	uint64_t handle;

	tape_shell("cd %s && mkdir -p a/b && echo -n 'old contents of the file' > a/b/f &&"
		   " chmod 640 a/b/f && ln -s b/f a/link && echo x > gone && mkdir empty &&"
		   " touch -d 2020-02-02 a/b/f",
		   tape.share);
	tape_mount(&tape);
	tape_create(&tape, "/a", SHFL_CF_LOOKUP);
	handle = tape_create(&tape, "/a/b/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, handle, 4, 100, NULL);
	tape_write(&tape, handle, 0, "new");
	tape_read(&tape, handle, 0, 100, NULL);
	tape_close(&tape, handle);
	tape_list(&tape, "/a", TAPE_LIST_BYTES);
	TAPE_CALL(&tape, READLINK, tape_32(tape.root), tape_string("/a/link"),
		  tape_memory(text, sizeof(text)));
	cr_assert_str_eq(text, "b/f");
	tape_remove(&tape, "/gone", SHFL_REMOVE_FILE);
	tape_remove(&tape, "/empty", SHFL_REMOVE_DIR);
	tape_remove(&tape, "/a", SHFL_REMOVE_DIR);
	cr_assert_eq(tape.status, VERR_DIR_NOT_EMPTY);
	tape_rename(&tape, "/a", "/c", SHFL_RENAME_DIR);
	tape_create(&tape, "/c/b/f", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, a_directory_that_was_not_empty_is_not)
{
	tape_shell("mkdir -p %s/full/of", tape.share);
	tape_mount(&tape);
	tape_remove(&tape, "/full", SHFL_REMOVE_DIR);
	cr_assert_eq(tape.status, VERR_DIR_NOT_EMPTY);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, modes_follow_the_recorded_umask)
{
	umask(027);
	tape_mount(&tape);
	tape_close(&tape,
		   tape_create_mode(&tape, "/f", TAPE_NEW | TAPE_RW, RTFS_TYPE_FILE | 0666, NULL));
	tape_close(&tape, tape_create(&tape, "/d", SHFL_CF_DIRECTORY | SHFL_CF_ACT_FAIL_IF_EXISTS));
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	umask(077);
	tape_assert_same(&tape);
	cr_assert_eq(umask(022), 077u, "the umask is not as it was");
}

Test(replay, appended_bytes_and_truncation)
{
	uint64_t handle;

	tape_shell("echo -n 0123456789 > %s/log", tape.share);
	tape_mount(&tape);
	handle = tape_create(&tape, "/log", TAPE_OPEN | TAPE_RW | SHFL_CF_ACCESS_APPEND);
	tape_write(&tape, handle, 0, "abc");
	cr_assert_eq(tape.parms[2].u.uint64, 13u);
	tape_read(&tape, handle, 0, 100, NULL);
	TAPE_CALL(&tape, SET_FILE_SIZE, tape_32(tape.root), tape_64(handle), tape_64(4));
	tape_read(&tape, handle, 0, 100, NULL);
	tape_close(&tape, handle);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, attributes_are_set_and_compared)
{
	SHFLFSOBJINFO info = {0};
	uint64_t handle;

	tape_shell("echo x > %s/f && chmod 600 %s/f", tape.share, tape.share);
	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	TAPE_CALL(&tape, INFORMATION, tape_32(tape.root), tape_64(handle),
		  tape_32(SHFL_INFO_GET | SHFL_INFO_FILE), tape_32(sizeof(info)),
		  tape_memory(&info, sizeof(info)));
	info.Attr.fMode = RTFS_TYPE_FILE | 0444;
	info.ModificationTime = 1000000000;
	TAPE_CALL(&tape, INFORMATION, tape_32(tape.root), tape_64(handle),
		  tape_32(SHFL_INFO_SET | SHFL_INFO_FILE), tape_32(sizeof(info)),
		  tape_memory(&info, sizeof(info)));
	tape_close(&tape, handle);
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, volume_and_mappings_are_compared)
{
	SHFLMAPPING mappings[8] = {{0, 0}};
	SHFLVOLINFO volume = {0};
	uint16_t name[100] = {sizeof(name) - SHFLSTRING_HEADER_SIZE, 0};
	uint64_t handle;

	tape_mount(&tape);
	TAPE_CALL(&tape, QUERY_MAPPINGS, tape_32(SHFL_MF_UTF8), tape_32(8),
		  tape_memory(mappings, sizeof(mappings)));
	TAPE_CALL(&tape, QUERY_MAP_NAME, tape_32(tape.root), tape_memory(name, sizeof(name)));
	handle = tape_create(&tape, "/", SHFL_CF_DIRECTORY | TAPE_OPEN);
	TAPE_CALL(&tape, INFORMATION, tape_32(tape.root), tape_64(handle),
		  tape_32(SHFL_INFO_GET | SHFL_INFO_VOLUME), tape_32(sizeof(volume)),
		  tape_memory(&volume, sizeof(volume)));
	TAPE_CALL(&tape, QUERY_FEATURES, tape_64(0), tape_32(0));
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, two_shares_and_two_clients)
{
	char other[128];
	uint32_t first;
	uint64_t handle;

	snprintf(other, sizeof(other), "%s/other", tape.dir);
	tape_shell("mkdir %s && echo -n two > %s/f && echo -n one > %s/f", other, other,
		   tape.share);
	tape_mount(&tape);
	first = tape.client;
	tape_add_share(&tape, "other", other, SHFL_ADD_MAPPING_F_WRITABLE);
	tape_connect(&tape);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_map(&tape, "other");
	handle = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, handle, 0, 10, NULL);
	tape_disconnect(&tape);
	tape.client = first;
	tape_map(&tape, "work");
	handle = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, handle, 0, 10, NULL);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, a_share_that_was_added_before_the_trace)
{
	uint64_t handle;

	tape_shell("echo -n before > %s/f", tape.share);
	cr_assert_eq(
		hgcm_add_share(tape.service, "work", tape.share, SHFL_ADD_MAPPING_F_WRITABLE, NULL),
		0);
	tape_connect(&tape);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_map(&tape, "work");
	handle = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, handle, 0, 10, NULL);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, refused_calls_are_refused_again)
{
	tape_mount(&tape);
	tape_close(&tape, 77);
	cr_assert_eq(tape.status, VERR_INVALID_HANDLE);
	tape_close(&tape, 0);
	tape_call(&tape, 10, 0, NULL);
	TAPE_CALL(&tape, CLOSE, tape_32(tape.root));
	TAPE_CALL(&tape, CLOSE, tape_64(tape.root), tape_64(1));
	TAPE_CALL(&tape, WRITE, tape_32(0));
	tape_remove(&tape, "/nothing", SHFL_REMOVE_FILE);
	tape_create(&tape, "/../../etc/passwd", SHFL_CF_LOOKUP);
	tape_rename(&tape, "/a", "/b", 0xff);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

/* An open that is not on tape: the handles of the replay are other numbers. */
static void open_off_the_record(void)
{
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = TAPE_NEW | TAPE_RW};
	VBOXHGCMSVCPARM call[] = {tape_32(tape.root), tape_string("/hidden"),
				  tape_memory(&parms, sizeof(parms))};

	cr_assert_eq(hgcm_call(tape.service, tape.client, SHFL_FN_CREATE, 3, call, HGCM_WAIT_NEVER,
			       NULL, NULL),
		     0);
}

Test(replay, handles_are_mapped)
{
	uint64_t first, second;

	tape_mount(&tape);
	open_off_the_record();
	first = tape_create(&tape, "/a", TAPE_NEW | TAPE_RW);
	second = tape_create(&tape, "/b", TAPE_NEW | TAPE_RW);
	tape_write(&tape, first, 0, "a");
	tape_write(&tape, second, 0, "bb");
	tape_read(&tape, first, 0, 10, NULL);
	tape_close(&tape, first);
	tape_close(&tape, first);
	cr_assert_eq(tape.status, VERR_INVALID_HANDLE);
	tape_read(&tape, second, 0, 10, NULL);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

static int64_t record_with_unknown_handle(void)
{
	int64_t call_id;

	tape_mount(&tape);
	open_off_the_record();
	call_id = tape_write(&tape, 1, 0, "where?");
	cr_assert_eq(tape.status, 0);
	return call_id;
}

/* What opened it may be what was lost: nobody knows which file it is. */
Test(replay, unknown_handles_of_incomplete_traces_are_left_out)
{
	struct replay_result result;
	int64_t call_id = record_with_unknown_handle();

	tape_finish_because(&tape, "the ring was full");
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.n[REPLAY_INHERITED], 1);
	cr_assert_eq(result.first_left_out.call_id, call_id);
}

Test(replay, unknown_handles_of_complete_traces_are_no_handles)
{
	int64_t call_id = record_with_unknown_handle();
	struct replay_finding finding;

	tape_finish(&tape);
	finding = tape_assert_diverges(&tape, call_id);
	cr_assert_str_eq(finding.what, "status, on a handle that the trace did not open");
	cr_assert_str_eq(finding.got, "VERR_INVALID_HANDLE");
}

Test(replay, a_changed_byte_that_was_read_back)
{
	int64_t call_id;
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	call_id = tape_write(&tape, handle, 0, "hello");
	tape_read(&tape, handle, 0, 100, NULL);
	tape_finish(&tape);
	tape_sql(&tape,
		 "UPDATE payload SET data = CAST('hellO' AS BLOB) WHERE payload_id ="
		 " (SELECT mem4 FROM call WHERE call_id = %lld)",
		 (long long)call_id);
	tape_assert_diverges(&tape, call_id);
}

Test(replay, a_changed_byte_that_nobody_reads)
{
	int64_t call_id;
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	call_id = tape_write(&tape, handle, 0, "hello");
	tape_close(&tape, handle);
	tape_finish(&tape);
	tape_sql(&tape,
		 "UPDATE payload SET data = CAST('hellO' AS BLOB) WHERE payload_id ="
		 " (SELECT mem4 FROM call WHERE call_id = %lld)",
		 (long long)call_id);
	cr_assert(strstr(tape_assert_diverges(&tape, call_id).got, "checksum"));
}

/* What another service would have read: the checksum is right. */
Test(replay, other_data_is_a_divergence)
{
	struct replay_finding finding;
	int64_t call_id, other;
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	tape_write(&tape, handle, 0, "hello");
	call_id = tape_read(&tape, handle, 0, 100, NULL);
	other = tape_write(&tape, handle, 0, "hellx");
	tape_finish(&tape);
	tape_sql(&tape,
		 "UPDATE call SET out4 = (SELECT mem4 FROM call WHERE call_id = %lld)"
		 " WHERE call_id = %lld",
		 (long long)other, (long long)call_id);
	finding = tape_assert_diverges(&tape, call_id);
	cr_assert_str_eq(finding.what, "data");
	cr_assert_str_eq(finding.expected, "byte 4 of 5 is 0x78");
	cr_assert_str_eq(finding.got, "0x6f");
}

/* Whatever call it is: another status is told, and told of that call. */
Test(replay, a_changed_status_of_any_call)
{
	static const int32_t statuses[] = {VERR_INVALID_PARAMETER, VERR_ACCESS_DENIED,
					   VINF_BUFFER_OVERFLOW};
	int64_t last;

	record_life_of_a_file();
	last = tape.last_id;
	tape_finish(&tape);
	for (int64_t id = 1; id <= last; id++) {
		int32_t status = statuses[id % 3];
		int32_t before;
		char sql[100];
		sqlite3_stmt *statement;

		snprintf(sql, sizeof(sql), "SELECT status FROM call WHERE call_id = %d", (int)id);
		cr_assert_eq(sqlite3_prepare_v2(trace_db(tape.trace), sql, -1, &statement, NULL),
			     SQLITE_OK);
		cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
		before = sqlite3_column_int(statement, 0);
		sqlite3_finalize(statement);
		tape_sql(&tape, "UPDATE call SET status = %d WHERE call_id = %d", status, (int)id);
		tape_assert_diverges(&tape, id);
		tape_sql(&tape, "UPDATE call SET status = %d WHERE call_id = %d", before, (int)id);
	}
	tape_assert_same(&tape);
}

/* Not taken for a share that was there before. */
Test(replay, a_share_that_was_refused_in_the_trace_only)
{
	tape_mount(&tape);
	tape_finish(&tape);
	tape_sql(&tape, "UPDATE call SET status = %d WHERE call_id = 1", VERR_ALREADY_EXISTS);
	tape_assert_diverges(&tape, 1);
}

Test(replay, success_in_place_of_failure_is_told)
{
	int64_t call_id;

	tape_mount(&tape);
	tape_create(&tape, "/nothing", SHFL_CF_LOOKUP);
	call_id = tape_remove(&tape, "/nothing", SHFL_REMOVE_FILE);
	cr_assert_eq(tape.status, VERR_FILE_NOT_FOUND);
	tape_finish(&tape);
	tape_sql(&tape, "UPDATE call SET status = 0 WHERE call_id = %d", (int)call_id);
	tape_assert_diverges(&tape, call_id);
}

Test(replay, another_listing_is_a_divergence)
{
	int64_t call_id;
	uint64_t handle;

	tape_shell("cd %s && touch a b c", tape.share);
	tape_mount(&tape);
	tape_create(&tape, "/d", SHFL_CF_LOOKUP);
	tape_create(&tape, "/b", SHFL_CF_LOOKUP);
	tape_remove(&tape, "/b", SHFL_REMOVE_FILE);
	handle = tape_create(&tape, "/", SHFL_CF_DIRECTORY | TAPE_OPEN);
	tape_shell("touch %s/b", tape.share); /* the host did it, so the replay cannot */
	call_id = tape_list_sized(&tape, handle, NULL, TAPE_LIST_BYTES);
	tape_finish(&tape);
	cr_assert_str_eq(tape_assert_diverges(&tape, call_id).expected, "\"b\"");
}

/* More names than a call takes, in whatever order this file system has them. */
Test(replay, long_listings_are_compared_as_sets)
{
	tape_shell("cd %s && mkdir d && cd d && for i in $(seq 300); do touch name-$i-$((i*i));"
		   " done",
		   tape.share);
	tape_mount(&tape);
	cr_assert_gt(tape_list(&tape, "/d", 2048), 10);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, calls_that_never_ended_are_not_made)
{
	struct replay_result result;
	struct trace_call call;

	tape_mount(&tape);
	call = tape_event(&tape, TRACE_CALL, SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES);
	call.n_parms = 1;
	call.parms[0] = (struct trace_parm){.type = VBOX_HGCM_SVC_PARM_32BIT};
	call.flags = TRACE_F_UNFINISHED;
	call.complete = false;
	call.end_ns = 0;
	tape_add(&tape, &call);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_finish(&tape);
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.n[REPLAY_UNFINISHED], 1);
	cr_assert_eq(result.first_left_out.call_id, call.call_id);
	cr_assert_eq(result.calls + result.control, tape.last_id - 1);
}

static struct trace_call waiting_call;

static void waiting_ended(void *user, int32_t status)
{
	(void)user;
	waiting_call.status = status;
}

/* A call that waits, and one that ends it. */
Test(replay, parked_calls_end_later)
{
	VBOXHGCMSVCPARM version[1];
	struct trace_call wait;
	char other[128];
	struct tape *t = &tape;

	tape_mount(t);
	TAPE_CALL(t, WAIT_FOR_MAPPINGS_CHANGES, tape_32(0xffffffff));
	version[0] = t->parms[0];
	wait = tape_event(t, TRACE_CALL, SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES);
	wait.n_parms = 1;
	tape_note(t, &wait, shfl_fn_find(wait.fn), version, false);
	cr_assert_eq(hgcm_call(t->service, t->client, wait.fn, 1, version, HGCM_WAIT_LATER,
			       waiting_ended, NULL),
		     VINF_HGCM_ASYNC_EXECUTE);
	snprintf(other, sizeof(other), "%s/other", tape.dir);
	mkdir(other, 0755);
	hgcm_add_share(t->service, "other", other, 0, NULL);
	tape_note(t, &wait, shfl_fn_find(wait.fn), version, true);
	wait.status = waiting_call.status;
	tape_add(t, &wait);
	hgcm_remove_share(t->service, "other");
	tape_add_share(t, "other", other, 0);
	tape_finish(t);
	/* the removal above is not in the trace: its version was not seen by anybody */
	tape_assert_same(t);
	/* and if nothing ends it */
	tape_sql(t, "DELETE FROM call WHERE call_id = %d", (int)t->last_id);
	cr_assert_str_eq(tape_assert_diverges(t, wait.call_id).got, "it still waits");
}

#define TAPE_LOCK(tape, handle, flags) \
	TAPE_CALL(tape, LOCK, tape_32(0), tape_64(handle), tape_64(0), tape_64(1), tape_32(flags))

/* A LOCK that ended when another handle was closed; then one that nobody waited for. */
Test(replay, locks_that_wait)
{
	uint64_t holder, waiter, third;
	VBOXHGCMSVCPARM range[5];
	struct trace_call wait;
	struct tape *t = &tape;

	tape_mount(t);
	holder = tape_create(t, "/f", TAPE_NEW | TAPE_RW);
	waiter = tape_create(t, "/f", SHFL_CF_ACT_FAIL_IF_NEW | TAPE_RW);
	third = tape_create(t, "/f", SHFL_CF_ACT_FAIL_IF_NEW | TAPE_RW);
	TAPE_LOCK(t, holder, SHFL_LOCK_EXCLUSIVE | SHFL_LOCK_WAIT);
	wait = tape_event(t, TRACE_CALL, SHFL_FN_LOCK);
	wait.n_parms = 5;
	memcpy(range, t->parms, sizeof(range));
	range[1] = tape_64(waiter);
	tape_note(t, &wait, shfl_fn_find(wait.fn), range, false);
	cr_assert_eq(hgcm_call(t->service, t->client, wait.fn, 5, range, HGCM_WAIT_LATER,
			       waiting_ended, NULL),
		     VINF_HGCM_ASYNC_EXECUTE);
	waiting_call.status = VERR_CANCELLED;
	tape_note(t, &wait, shfl_fn_find(wait.fn), range, true);
	wait.status = VINF_SUCCESS;
	tape_add(t, &wait);
	TAPE_CALL(t, CLOSE, tape_32(0), tape_64(holder));
	cr_assert_eq(waiting_call.status, VINF_SUCCESS);
	TAPE_LOCK(t, third, SHFL_LOCK_SHARED | SHFL_LOCK_WAIT);
	cr_assert_eq(t->status, VERR_FILE_LOCK_VIOLATION);
	TAPE_LOCK(t, waiter, SHFL_LOCK_CANCEL);
	TAPE_LOCK(t, waiter, SHFL_LOCK_EXCLUSIVE);
	cr_assert_eq(t->status, VINF_SUCCESS);
	tape_finish(t);
	tape_assert_same(t);
}

/* A host that has to get on with it does not wait for changes: neither does the replay. */
Test(replay, waits_that_were_cancelled)
{
	char other[128];

	tape_mount(&tape);
	TAPE_CALL(&tape, WAIT_FOR_MAPPINGS_CHANGES, tape_32(0xffffffff));
	TAPE_CALL(&tape, WAIT_FOR_MAPPINGS_CHANGES, tape.parms[0]);
	cr_assert_eq(tape.status, VERR_CANCELLED);
	snprintf(other, sizeof(other), "%s/other", tape.dir);
	mkdir(other, 0755);
	tape_add_share(&tape, "other", other, 0);
	tape_finish(&tape);
	tape_assert_same(&tape);
}

Test(replay, stops_before_a_call_and_keeps_the_files)
{
	struct replay_options options = {
		.service = SFSERVICE_PATH, .compare = COMPARE_USUAL, .keep = true};
	struct replay_result result;
	char directory[128];
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	tape_write(&tape, handle, 0, "first");
	options.to = tape_write(&tape, handle, 0, "second");
	tape_finish(&tape);
	snprintf(directory, sizeof(directory), "%s/here", tape.dir);
	options.scratch = directory;
	cr_assert_eq(tape_replay_with(&tape, &options, &result), 0);
	cr_assert_str_eq(result.scratch, directory);
	tape_shell("test first = \"$(cat %s/0-work/f)\"", directory);
	replay_result_clear(&result);
}

Test(replay, a_directory_with_something_in_it_is_refused)
{
	struct replay_options options = {.service = SFSERVICE_PATH, .compare = COMPARE_USUAL};
	struct replay_result result;
	char *message = NULL;

	tape_mount(&tape);
	tape_finish(&tape);
	options.scratch = tape.dir;
	cr_assert_eq(replay_run(tape.trace, &options, &result, &message), -ENOTEMPTY);
	cr_assert_not_null(message);
	free(message);
	cr_assert_eq(access(tape.share, F_OK), 0);
}

Test(replay, a_missing_service_is_said)
{
	struct replay_options options = {.service = "/nonexistent.so", .compare = COMPARE_USUAL};
	struct replay_result result;
	char *message = NULL;

	tape_mount(&tape);
	tape_finish(&tape);
	cr_assert_lt(replay_run(tape.trace, &options, &result, &message), 0);
	cr_assert(strstr(message, "/nonexistent.so"), "%s", message);
	free(message);
}

static int64_t record_write_and_look(void)
{
	int64_t call_id;
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	call_id = tape_write(&tape, handle, 0, "lost, wholly or in part");
	tape_read(&tape, handle, 0, 100, NULL);
	tape_close(&tape, handle);
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_finish(&tape);
	return call_id;
}

Test(replay, lost_payload_becomes_zeroes_that_are_not_compared)
{
	struct replay_result result;
	int64_t call_id = record_write_and_look();

	tape_sql(&tape, "UPDATE call SET mem4 = NULL WHERE call_id = %d", (int)call_id);
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.n[REPLAY_DIVERGED], 0);
	cr_assert_eq(result.filled, 1);
	cr_assert_eq(result.uncompared, 1, "%d", (int)result.uncompared);
}

/* The size is compared: it is right with zeroes, too. */
Test(replay, sizes_are_compared_where_data_is_not)
{
	struct replay_result result;
	int64_t call_id = record_write_and_look();

	tape_sql(&tape, "UPDATE call SET mem4 = NULL WHERE call_id = %d", (int)call_id);
	tape_sql(&tape, "UPDATE call SET out3 = 7 WHERE call_id = %d", (int)call_id + 1);
	cr_assert_eq(tape_replay(&tape, &result), 3);
	cr_assert_eq(result.first.call_id, call_id + 1);
	cr_assert_str_eq(result.first.what, "count");
}

/* Another file than the one whose data was cut is compared as ever. */
Test(replay, taint_stays_with_its_file)
{
	struct replay_result result;
	int64_t call_id, other;
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	call_id = tape_write(&tape, handle, 0, "lost");
	tape_close(&tape, handle);
	handle = tape_create(&tape, "/g", TAPE_NEW | TAPE_RW);
	tape_write(&tape, handle, 0, "hello");
	other = tape_read(&tape, handle, 0, 100, NULL);
	tape_finish(&tape);
	tape_sql(&tape, "UPDATE call SET mem4 = NULL WHERE call_id = %d", (int)call_id);
	cr_assert_eq(tape_replay(&tape, &result), 4);
	tape_sql(&tape,
		 "UPDATE call SET out4 = (SELECT mem1 FROM call WHERE call_id = 6)"
		 " WHERE call_id = %d",
		 (int)other);
	cr_assert_eq(tape_replay(&tape, &result), 3);
	cr_assert_eq(result.first.call_id, other);
}

/* Not made: the file is still there, or not there yet, under all of its names. */
static int64_t record_for_taint(void)
{
	uint64_t handle;
	int64_t first;

	tape_mount(&tape);
	first = tape.last_id;
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	tape_write(&tape, handle, 0, "hello");
	TAPE_CALL(&tape, SET_FILE_SIZE, tape_32(tape.root), tape_64(handle), tape_64(3));
	tape_read(&tape, handle, 0, 100, NULL);
	tape_close(&tape, handle);
	tape_rename(&tape, "/f", "/g", SHFL_RENAME_FILE);
	handle = tape_create(&tape, "/g", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, handle, 0, 100, NULL);
	tape_close(&tape, handle);
	tape_list(&tape, "/", TAPE_LIST_BYTES);
	tape_remove(&tape, "/g", SHFL_REMOVE_FILE);
	tape_create(&tape, "/g", SHFL_CF_LOOKUP);
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_list(&tape, "/", TAPE_LIST_BYTES);
	tape_finish(&tape);
	return first;
}

static void assert_unfinished_is_no_divergence(uint32_t fn, int64_t after)
{
	struct replay_result result;

	tape_sql(
		&tape,
		"UPDATE call SET flags = flags | %d WHERE call_id = (SELECT min(call_id) FROM calls"
		" WHERE fn = %u AND call_id > %d)",
		TRACE_F_UNFINISHED, fn, (int)after);
	cr_assert_eq(tape_replay(&tape, &result), 4, "function %u: call %d: %s, %s not %s", fn,
		     (int)result.first.call_id, result.first.what, result.first.got,
		     result.first.expected);
	cr_assert_geq(result.n[REPLAY_UNFINISHED], 1);
	cr_assert_gt(result.uncompared, 0);
}

#define TAINT_TEST(name, fn)                                                \
	Test(replay, taint_of_##name)                                       \
	{                                                                   \
		assert_unfinished_is_no_divergence(fn, record_for_taint()); \
	}

TAINT_TEST(create, SHFL_FN_CREATE)
TAINT_TEST(write, SHFL_FN_WRITE)
TAINT_TEST(set_file_size, SHFL_FN_SET_FILE_SIZE)
TAINT_TEST(rename, SHFL_FN_RENAME)
TAINT_TEST(remove, SHFL_FN_REMOVE)

/* Nothing of it can be made, and nobody is blamed. */
Test(replay, a_share_that_was_not_added_taints_all_of_its_calls)
{
	struct replay_result result;

	record_life_of_a_file();
	tape_finish(&tape);
	tape_sql(&tape, "UPDATE call SET flags = flags | %d WHERE call_id = 1", TRACE_F_UNFINISHED);
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.n[REPLAY_DIVERGED], 0);
	cr_assert_gt(result.n[REPLAY_INHERITED], 5);
}

Test(replay, cut_payload_becomes_zeroes_that_are_not_compared)
{
	struct replay_result result;

	tape.snaplen = 4;
	record_write_and_look();
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.filled, 1);
	cr_assert_eq(result.n[REPLAY_UNPLAYABLE], 0);
}

Test(replay, a_trace_without_calls)
{
	struct replay_result result;

	tape_finish(&tape);
	cr_assert_eq(tape_replay(&tape, &result), 0);
	cr_assert_eq(result.calls, 0);
}

Test(replay, an_incomplete_trace_without_calls)
{
	struct replay_result result;

	tape_finish_because(&tape, "the ring was full");
	cr_assert_eq(tape_replay(&tape, &result), 4);
	cr_assert_eq(result.calls, 0);
}

/* A call each 20 ms; at half of the speed that is 40. */
Test(replay, calls_are_made_when_they_were)
{
	static const struct {
		double speed;
		int64_t max_sleep_ns, at_least_ns, at_most_ns;
	} cases[] = {
		{0, 0, 0, 79000000},
		{1, 0, 80000000, 159000000},
		{0.5, 0, 160000000, INT64_MAX},
		{1, 1000000, 4000000, 79000000},
	};

	tape_mount(&tape);
	tape_finish(&tape);
	tape_sql(&tape, "update call set start_ns = 5000 + 20000000 * (call_id - 1)");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct replay_options options = {
			.service = SFSERVICE_PATH,
			.compare = COMPARE_USUAL,
			.pace = {cases[i].speed, cases[i].max_sleep_ns},
		};
		struct replay_result result;

		cr_assert_eq(tape.last_id, 5);
		cr_assert_eq(tape_replay_with(&tape, &options, &result), 0);
		cr_assert_geq(result.duration_ns, cases[i].at_least_ns, "case %zu", i);
		cr_assert_eq(result.late_max_ns > 0, cases[i].speed > 0);
		cr_assert_leq(result.duration_ns - result.calls * result.late_max_ns,
			      cases[i].at_most_ns, "case %zu", i);
	}
}
