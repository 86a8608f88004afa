/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traces that nobody recorded: replaying them ends with a clear result, and
 * whatever they claim nothing is written outside of the scratch directory.
 */
#include "replay_tape.h"

static struct tape tape;

static void begin(void)
{
	tape_begin(&tape);
	tape_shell("mkdir %s/tmp %s/outside && echo untouched > %s/outside/file", tape.dir,
		   tape.dir, tape.dir);
	setenv("TMPDIR", strcat(strcpy((char[128]){0}, tape.dir), "/tmp"), 1);
}

/* The only change to the test's directory may be what is in the trace file. */
static void end(void)
{
	tape_shell("cd %s && test \"$(find tmp outside | sort | tr '\\n' ' ')\" ="
		   " 'outside outside/file tmp ' && grep -q untouched outside/file",
		   tape.dir);
	tape_end(&tape);
}

TestSuite(replay_hostile, .init = begin, .fini = end, .timeout = 300);

static struct trace_parm integer(uint32_t type, uint64_t in, uint64_t out)
{
	return (struct trace_parm){.type = type, .in = in, .out = out};
}

static struct trace_parm memory(const void *in, uint32_t in_size, const void *out,
				uint32_t out_size, uint32_t size)
{
	struct trace_parm parm = {.type = VBOX_HGCM_SVC_PARM_PTR, .size = size};

	if (in)
		parm.payload_in = tape_payload(&tape, in, in_size, in_size);
	if (out)
		parm.payload_out = tape_payload(&tape, out, out_size, out_size);
	return parm;
}

static struct trace_parm string(const char *text)
{
	VBOXHGCMSVCPARM parm = tape_string(text);

	return memory(parm.u.pointer.addr, parm.u.pointer.size, NULL, 0, parm.u.pointer.size);
}

static int64_t claim(uint32_t fn, int32_t status, uint32_t n, const struct trace_parm *parms)
{
	struct trace_call call = tape_event(&tape, TRACE_CALL, fn);

	call.status = status;
	call.n_parms = n;
	memcpy(call.parms, parms, n * sizeof(*parms));
	tape_add(&tape, &call);
	return call.call_id;
}

#define CLAIM(fn, status, ...)                                                        \
	claim(SHFL_FN_##fn, status,                                                   \
	      sizeof((struct trace_parm[]){__VA_ARGS__}) / sizeof(struct trace_parm), \
	      (struct trace_parm[]){__VA_ARGS__})

/* "This path existed, and I got this handle for it." */
static int64_t claim_created(const char *path, int32_t result, uint32_t mode, uint64_t handle)
{
	SHFLCREATEPARMS before = {.Handle = SHFL_HANDLE_NIL}, after = {.Handle = handle};

	after.Result = result;
	after.Info.Attr.fMode = mode;
	after.Info.Attr.enmAdditional = SHFLFSOBJATTRADD_UNIX;
	after.Info.cbObject = 5;
	return CLAIM(CREATE, 0, integer(1, tape.root, tape.root), string(path),
		     memory(&before, sizeof(before), &after, sizeof(after), sizeof(after)));
}

static int64_t claim_read(uint64_t handle, uint64_t offset, const char *data, uint64_t count)
{
	uint32_t size = (uint32_t)strlen(data);

	return CLAIM(READ, 0, integer(1, tape.root, tape.root), integer(2, handle, handle),
		     integer(2, offset, offset), integer(1, size, count),
		     memory(NULL, 0, data, size, size));
}

static int64_t claim_renamed(const char *from, const char *to)
{
	return CLAIM(RENAME, 0, integer(1, tape.root, tape.root), string(from), string(to),
		     integer(1, SHFL_RENAME_DIR, SHFL_RENAME_DIR));
}

static int64_t claim_link(const char *path, const char *text)
{
	return CLAIM(READLINK, 0, integer(1, tape.root, tape.root), string(path),
		     memory(NULL, 0, text, (uint32_t)strlen(text) + 1, 4096));
}

/* It ran, and did not find everything as claimed. */
static struct replay_result replay(void)
{
	struct replay_result result;
	int ret;

	tape_finish(&tape);
	ret = tape_replay(&tape, &result);
	cr_assert(ret == 0 || ret == 3 || ret == 4, "exit status %d", ret);
	return result;
}

Test(replay_hostile, paths_that_lead_out)
{
	static const char *const paths[] = {
		"/../outside/file",	    "/a/../../outside/file", "..",
		"/../../../../../etc/evil", "//..//../outside",	     "/./../outside/new",
		"/a/b/../../../outside/new"};
	uint64_t handle = 100;

	tape_mount(&tape);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		claim_created(paths[i], SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0666, ++handle);
		claim_read(handle, 0, "evil!", 5);
		claim_created(paths[i], SHFL_FILE_CREATED, RTFS_TYPE_FILE | 0666, ++handle);
		claim_renamed("/x", paths[i]);
		claim_renamed(paths[i], "/x");
		claim_link(paths[i], "/etc/passwd");
	}
	cr_assert_gt(replay().n[REPLAY_DIVERGED], 0);
}

Test(replay_hostile, names_that_lead_out)
{
	static const char *const names[] = {"..", ".", "", "../../outside/new", "a/b", "/etc/evil"};
	uint8_t buffer[4096] = {0};
	uint32_t at = 0;

	tape_mount(&tape);
	claim_created("/", SHFL_FILE_EXISTS, RTFS_TYPE_DIRECTORY | 0755, 100);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		VBOXHGCMSVCPARM name = tape_string(names[i]);
		SHFLFSOBJINFO info = {.Attr.fMode = RTFS_TYPE_FILE | 0666,
				      .Attr.enmAdditional = SHFLFSOBJATTRADD_UNIX};

		memcpy(buffer + at, &info, sizeof(info));
		memcpy(buffer + at + offsetof(SHFLDIRINFO, name), name.u.pointer.addr,
		       name.u.pointer.size);
		at += offsetof(SHFLDIRINFO, name) + name.u.pointer.size;
	}
	CLAIM(LIST, 0, integer(1, tape.root, tape.root), integer(2, 100, 100), integer(1, 0, 0),
	      integer(1, sizeof(buffer), at), memory(NULL, 0, NULL, 0, 0),
	      memory(NULL, 0, buffer, at, sizeof(buffer)), integer(1, 0, 0), integer(1, 0, 6));
	cr_assert_gt(replay().n[REPLAY_DIVERGED], 0);
}

/* A directory that turns out to be a link to what is outside. */
Test(replay_hostile, links_that_lead_out)
{
	char outside[128];

	snprintf(outside, sizeof(outside), "%s/outside", tape.dir);
	tape_mount(&tape);
	claim_link("/l", outside);
	claim_created("/l/new", SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0666, 100);
	claim_read(100, 0, "evil!", 5);
	claim_created("/l/made", SHFL_FILE_CREATED, RTFS_TYPE_FILE | 0666, 101);
	claim_created("/m/f", SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0666, 102);
	claim_link("/m", outside);
	claim_created("/m/g", SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0666, 103);
	claim_link("/file", strcat(outside, "/file"));
	claim_created("/file", SHFL_FILE_REPLACED, RTFS_TYPE_FILE | 0666, 104);
	cr_assert_gt(replay().n[REPLAY_DIVERGED], 0);
}

Test(replay_hostile, shares_are_never_the_real_directory)
{
	struct trace_call call = tape_event(&tape, TRACE_HOST_CALL, SHFL_FN_ADD_MAPPING);
	VBOXHGCMSVCPARM path = tape_string_of("/", true), name = tape_string_of("../evil", true);
	struct replay_result result;

	call.n_parms = 4;
	call.parms[0] =
		memory(path.u.pointer.addr, path.u.pointer.size, NULL, 0, path.u.pointer.size);
	call.parms[1] =
		memory(name.u.pointer.addr, name.u.pointer.size, NULL, 0, name.u.pointer.size);
	call.parms[2] = integer(1, 7, 7);
	call.parms[3] = memory("\2\0\0\0\0\0", 6, NULL, 0, 6);
	tape_add(&tape, &call);
	tape_connect(&tape);
	tape_call(&tape, SHFL_FN_SET_UTF8, 0, NULL);
	CLAIM(MAP_FOLDER, 0, string("../evil"), integer(1, 0, 0), integer(1, '/', '/'),
	      integer(1, 1, 1));
	claim_created("/etc/passwd", SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0666, 100);
	claim_created("/new", SHFL_FILE_CREATED, RTFS_TYPE_FILE | 0666, 101);
	result = replay();
	cr_assert_eq(result.built, 2, "of etc/passwd");
	cr_assert_neq(access("/new", F_OK), 0);
}

Test(replay_hostile, shares_whose_directory_is_not_told)
{
	VBOXHGCMSVCPARM good = tape_string_of("/tmp", true);
	struct replay_result result;

	for (int i = 0; i < 4; i++) {
		struct trace_call call = tape_event(&tape, TRACE_HOST_CALL, SHFL_FN_ADD_MAPPING);

		call.n_parms = i == 0 ? 3 : 4;
		for (int j = 0; j < 4; j++)
			call.parms[j] = memory(good.u.pointer.addr, good.u.pointer.size, NULL, 0,
					       good.u.pointer.size);
		call.parms[2] = integer(1, 7, 7);
		if (i == 1) /* longer than its memory */
			call.parms[0] = memory("\xff\xff\xff\xff", 4, NULL, 0, 4);
		if (i == 2)
			call.parms[0] = integer(1, 5, 5);
		if (i == 3)
			call.parms[0].payload_in = 0;
		if (call.n_parms == 3)
			memset(&call.parms[3], 0, sizeof(call.parms[3]));
		tape_add(&tape, &call);
	}
	result = replay();
	cr_assert_eq(result.n[REPLAY_UNPLAYABLE], 4);
	cr_assert_eq(result.control, 0);
}

Test(replay_hostile, sizes_beyond_reason)
{
	struct replay_result result;

	tape_mount(&tape);
	CLAIM(WRITE, 0, integer(1, 0, 0), integer(2, 5, 5), integer(2, 0, 0),
	      integer(1, 0xffffffff, 0xffffffff), memory("x", 1, NULL, 0, 0xffffffff));
	CLAIM(READ, 0, integer(1, 0, 0), integer(2, 5, 5), integer(2, 0, 0),
	      integer(1, 0xffffffff, 0xffffffff), memory(NULL, 0, "x", 1, 0xffffffff));
	CLAIM(CREATE, 0, integer(1, 0, 0), memory("x", 1, NULL, 0, 100),
	      memory("x", 1, "x", 1, 108));
	CLAIM(LIST, 0, integer(1, 0, 0), integer(2, 5, 5), integer(1, 0, 0),
	      integer(1, 64, 0xffffffff), memory(NULL, 0, NULL, 0, 0), memory(NULL, 0, "x", 1, 64),
	      integer(1, 0, 0), integer(1, 0, 0));
	result = replay();
	cr_assert_eq(result.n[REPLAY_UNPLAYABLE], 3);
	cr_assert_eq(result.n[REPLAY_INHERITED], 1);
}

Test(replay_hostile, parameters_without_end)
{
	struct trace_parm parms[SHFL_MAX_PARMS] = {{0}};
	struct replay_result result;
	struct trace_call call;

	tape_mount(&tape);
	for (int i = 0; i < SHFL_MAX_PARMS; i++)
		parms[i] = integer(1, 1, 1);
	call = tape_event(&tape, TRACE_CALL, SHFL_FN_READ);
	call.status = VERR_WRONG_PARAMETER_COUNT;
	call.n_parms = 100;
	memcpy(call.parms, parms, sizeof(parms));
	tape_add(&tape, &call);
	call.call_id = ++tape.last_id;
	call.n_parms = 20;
	tape_add(&tape, &call);
	result = replay();
	cr_assert_eq(result.n[REPLAY_UNPLAYABLE], 1);
	cr_assert_eq(result.n[REPLAY_DIVERGED], 0, "20 parameters are passed on");
}

Test(replay_hostile, clients_functions_and_kinds_that_do_not_exist)
{
	struct replay_result result;
	struct trace_call call;

	tape_mount(&tape);
	claim(0xffffffff, VERR_NOT_IMPLEMENTED, 0, (struct trace_parm[1]){{0}});
	claim(0, VERR_NOT_IMPLEMENTED, 0, (struct trace_parm[1]){{0}});
	tape.client = 4711;
	claim(SHFL_FN_SET_UTF8, 0, 0, (struct trace_parm[1]){{0}});
	tape.client = 4712;
	tape_disconnect(&tape);
	call = tape_event(&tape, TRACE_HOST_CALL, 4711);
	call.status = VERR_NOT_IMPLEMENTED;
	tape_add(&tape, &call);
	result = replay();
	cr_assert_eq(result.inherited_clients, 1);
	cr_assert_eq(result.n[REPLAY_INHERITED], 1);
	cr_assert_eq(result.n[REPLAY_DIVERGED], 0);
}

Test(replay_hostile, directories_in_themselves)
{
	tape_mount(&tape);
	claim_created("/a/b/c", SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0644, 100);
	claim_renamed("/a", "/a/b/d");
	claim_renamed("/a/b", "/a");
	claim_renamed("/a", "/a");
	claim_renamed("/", "/a");
	claim_renamed("/a", "/");
	claim_renamed("/a/b", "/b");
	claim_renamed("/a", "/b/a");
	claim_created("/b/a/x", SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0644, 101);
	CLAIM(REMOVE, 0, integer(1, 0, 0), string("/"), integer(1, 2, 2));
	CLAIM(REMOVE, 0, integer(1, 0, 0), string("/b"), integer(1, 2, 2));
	CLAIM(SYMLINK, 0, integer(1, 0, 0), string("/"), string("x"), memory(NULL, 0, NULL, 0, 92));
	replay();
}

/* Deeper than paths are long, than the stack and than there are descriptors. */
Test(replay_hostile, trees_without_bottom)
{
	char path[3000] = "";
	struct replay_result result;
	uint64_t handle = 100;

	tape_mount(&tape);
	for (int i = 0; i < 1000; i++)
		strcat(path, "/d");
	for (int i = 0; i < 20; i++) {
		claim_created(path, SHFL_FILE_EXISTS, RTFS_TYPE_DIRECTORY | 0755, ++handle);
		claim_renamed("/d", "/x");
		claim_created("/d", SHFL_FILE_CREATED, RTFS_TYPE_DIRECTORY | 0755, ++handle);
		claim_renamed("/x", "/d/d");
	}
	result = replay();
	cr_assert_lt(result.built, 500);
}

Test(replay_hostile, deep_trees_are_removed)
{
	tape_mount(&tape);
	for (int i = 0; i < 600; i++) {
		tape_close(&tape, tape_create(&tape, "/n", SHFL_CF_DIRECTORY));
		if (i > 0)
			tape_rename(&tape, "/d", "/n/d", SHFL_RENAME_DIR);
		tape_rename(&tape, "/n", "/d", SHFL_RENAME_DIR);
	}
	cr_assert_eq(replay().n[REPLAY_DIVERGED], 0);
}

Test(replay_hostile, offsets_and_sizes_of_no_file)
{
	SHFLCREATEPARMS after = {.Handle = 101, .Result = SHFL_FILE_EXISTS};

	tape_mount(&tape);
	claim_created("/f", SHFL_FILE_EXISTS, RTFS_TYPE_FILE | 0644, 100);
	claim_read(100, INT64_MAX - 2, "wraps around", 12);
	claim_read(100, UINT64_MAX - 2, "wraps around", 12);
	claim_read(100, 1ull << 62, "too far", 7);
	claim_read(100, 0, "less than counted", 0xffffffff);
	after.Info.cbObject = -1;
	after.Info.ModificationTime = INT64_MIN;
	after.Info.Attr.fMode = RTFS_TYPE_FILE | 07777;
	after.Info.Attr.enmAdditional = SHFLFSOBJATTRADD_UNIX;
	CLAIM(CREATE, 0, integer(1, 0, 0), string("/negative"),
	      memory(&after, sizeof(after), &after, sizeof(after), sizeof(after)));
	after.Info.cbObject = INT64_MAX;
	after.Info.Attr.fMode = RTFS_TYPE_DEV_BLOCK | 0666;
	CLAIM(CREATE, 0, integer(1, 0, 0), string("/device"),
	      memory(&after, sizeof(after), &after, sizeof(after), sizeof(after)));
	after.Info.Attr.fMode = RTFS_TYPE_FILE | 0666;
	CLAIM(CREATE, 0, integer(1, 0, 0), string("/huge"),
	      memory(&after, sizeof(after), &after, sizeof(after), sizeof(after)));
	cr_assert_gt(replay().unbuilt, 0);
}

/* Columns that replaying reads, and values that are at the edges of something. */
static const char *const columns[] = {"client", "status", "flags", "in0",  "in1",  "in2",
				      "in3",	"in4",	  "out0",  "out1", "out2", "out3",
				      "out4",	"mem0",	  "mem1",  "mem2", "mem4", "shape_id"};
static const char *const more_columns[] = {"in5", "out5", "mem5", "in6", "out6", "in7", "out7"};
static const char *const memory_columns[] = {"mem0", "mem1", "mem2", "mem4", "out1",
					     "out2", "out3", "out4", "out5"};

#define PICK(array, number) (array)[(number) % (sizeof(array) / sizeof((array)[0]))]

static const int64_t values[] = {
	0,     1,	  -1,	     2,	       7,	   16,	      127,	 128, 4095, 4096,
	65535, INT32_MAX, INT32_MIN, 1u << 31, 0xffffffff, INT64_MAX, INT64_MIN, 108, 92};

static void record_something(void)
{
	uint64_t handle;

	tape_shell("cd %s && mkdir d && seq 50 > d/f && ln -s d l", tape.share);
	tape_mount(&tape);
	handle = tape_create(&tape, "/d/f", TAPE_OPEN | TAPE_RW);
	tape_read(&tape, handle, 0, 100, NULL);
	tape_write(&tape, handle, 3, "written");
	tape_close(&tape, handle);
	tape_list(&tape, "/d", 400);
	tape_rename(&tape, "/d", "/e", SHFL_RENAME_DIR);
	TAPE_CALL(&tape, READLINK, tape_32(tape.root), tape_string("/l"),
		  tape_memory((char[64]){0}, 64));
	tape_remove(&tape, "/e/f", SHFL_REMOVE_FILE);
	tape_disconnect(&tape);
	tape_finish(&tape);
}

/* Replays what may be no trace any more: opening or running it may fail, with words. */
static void replay_whatever(const char *file)
{
	struct replay_options options = {.service = SFSERVICE_PATH, .compare = COMPARE_USUAL};
	struct replay_result result;
	struct trace *trace;
	char *message = NULL;

	if (trace_open(file, &trace, &message) == 0) {
		if (replay_run(trace, &options, &result, &message) < 0)
			cr_assert_not_null(message);
		trace_close(trace);
	}
	free(message);
}

static void change(const char *file, const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sql);
	sqlite3_close(db);
}

Test(replay_hostile, columns_changed_at_random)
{
	uint32_t seed = 20;
	char copy[128], sql[200];

	record_something();
	snprintf(copy, sizeof(copy), "%s/copy.db", tape.dir);
	for (int variant = 0; variant < 150; variant++) {
		tape_shell("cp %s %s", tape.file, copy);
		for (int i = 0; i < 1 + variant % 4; i++) {
			bool more = variant % 8 == 0;

			seed = seed * 1664525 + 1013904223;
			snprintf(sql, sizeof(sql),
				 "UPDATE %s SET %s = %lld WHERE call_id %% %u = 1",
				 more ? "call_more" : "call",
				 more ? PICK(more_columns, seed >> 16) : PICK(columns, seed >> 16),
				 (long long)PICK(values, seed >> 24), 1 + (seed >> 8) % 12);
			change(copy, sql);
		}
		replay_whatever(copy);
	}
}

/* Payload of other contents, with a checksum that fits: as an attacker would make it. */
Test(replay_hostile, payload_swapped_at_random)
{
	uint32_t seed = 3;
	char copy[128], sql[300];

	record_something();
	snprintf(copy, sizeof(copy), "%s/copy.db", tape.dir);
	for (int variant = 0; variant < 100; variant++) {
		const char *column;

		seed = seed * 1664525 + 1013904223;
		column = PICK(memory_columns, seed >> 16);
		tape_shell("cp %s %s", tape.file, copy);
		snprintf(sql, sizeof(sql),
			 "UPDATE %s SET %s = (SELECT payload_id FROM payload ORDER BY (payload_id"
			 " * 7919 + %u) %% 101 LIMIT 1) WHERE call_id %% 3 = %u",
			 strcmp(column, "out5") == 0 ? "call_more" : "call", column,
			 (seed >> 8) % 101, seed >> 30);
		change(copy, sql);
		replay_whatever(copy);
	}
}

Test(replay_hostile, bytes_of_the_file_changed_at_random)
{
	uint32_t seed = 11;
	char copy[128];
	struct stat status;

	record_something();
	cr_assert_eq(stat(tape.file, &status), 0);
	snprintf(copy, sizeof(copy), "%s/copy.db", tape.dir);
	for (int variant = 0; variant < 100; variant++) {
		int fd;

		tape_shell("cp %s %s", tape.file, copy);
		fd = open(copy, O_WRONLY);
		for (int change = 0; change < 20; change++) {
			uint8_t byte;

			seed = seed * 1664525 + 1013904223;
			byte = (uint8_t)(seed >> 24);
			cr_assert_eq(
				pwrite(fd, &byte, 1, 100 + (seed >> 4) % (status.st_size - 100)),
				1);
		}
		if (variant % 5 == 0)
			cr_assert_eq(ftruncate(fd, (seed >> 6) % status.st_size), 0);
		close(fd);
		replay_whatever(copy);
	}
}
