/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records a trace as the recorder would, without one: makes calls to
 * sfservice.so on a directory and puts down each with its payload.
 */
#ifndef REPLAY_TAPE_H
#define REPLAY_TAPE_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hgcm.h"
#include "leak_check.h"
#include "replay.h"
#include "trace.h"

#define TAPE_UNUSED __attribute__((unused))
#define TAPE_LIST_BYTES 16384
#define TAPE_OPEN (SHFL_CF_ACT_OPEN_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW)
#define TAPE_NEW (SHFL_CF_ACT_REPLACE_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW)
#define TAPE_RW SHFL_CF_ACCESS_READWRITE

struct tape {
	char dir[64]; /* holds everything of the test */
	char share[96]; /* the recorded host directory */
	char file[96];
	struct trace *trace;
	struct hgcm_service *service;
	uint32_t client;
	uint32_t alias; /* what the trace calls the client; 0: the same */
	uint32_t process; /* that the trace names */
	uint32_t root;
	int64_t last_id; /* of the event that was recorded last */
	int32_t status; /* of it */
	uint32_t snaplen; /* bytes kept of contents; 0: all */
	void *buffers[SHFL_MAX_PARMS];
	VBOXHGCMSVCPARM parms[SHFL_MAX_PARMS]; /* of the call that was made last */
};

TAPE_UNUSED static void tape_shell(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	cr_assert_eq(system(command), 0, "%s", command);
}

static VBOXHGCMSVCPARM tape_32(uint32_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = value};
}

static VBOXHGCMSVCPARM tape_64(uint64_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_64BIT, .u.uint64 = value};
}

static VBOXHGCMSVCPARM tape_memory(const void *memory, uint32_t size)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_PTR,
				 .u.pointer = {size, (void *)(uintptr_t)memory}};
}

/* An SHFLSTRING, in memory of the tape's that the next strings take over in turn. */
static VBOXHGCMSVCPARM tape_string_of(const char *text, bool utf16)
{
	static uint16_t rooms[4][4096];
	static int next;
	uint16_t *room = rooms[next++ % 4];
	size_t length = strlen(text), unit = utf16 ? 2 : 1;
	uint8_t *at = (uint8_t *)(room + 2);

	room[0] = (uint16_t)((length + 1) * unit);
	room[1] = (uint16_t)(length * unit);
	for (size_t i = 0; i <= length; i++, at += unit) {
		at[0] = (uint8_t)text[i];
		if (utf16)
			at[1] = 0;
	}
	return tape_memory(room, 4 + room[0]);
}

static VBOXHGCMSVCPARM tape_string(const char *text)
{
	return tape_string_of(text, false);
}

static int64_t tape_payload(struct tape *tape, const void *data, uint32_t captured, uint32_t length)
{
	int64_t id = 0;

	cr_assert_eq(trace_add_payload(tape->trace, data, captured, length, &id), 0);
	return id;
}

/* How much of a parameter's memory is captured: contents as far as COUNT goes. */
static uint32_t tape_captured(const struct shfl_fn_info *info, uint32_t n_parms, unsigned i,
			      const VBOXHGCMSVCPARM *parms)
{
	int count = info && n_parms == info->n_parms ? shfl_parm_find(info, SHFL_ROLE_COUNT) : -1;
	uint32_t size = parms[i].u.pointer.size;

	if (count < 0 ||
	    (info->parms[i].role != SHFL_ROLE_DATA && info->parms[i].role != SHFL_ROLE_LIST_BUFFER))
		return size;
	return parms[count].u.uint32 < size ? parms[count].u.uint32 : size;
}

static void tape_note(struct tape *tape, struct trace_call *call, const struct shfl_fn_info *info,
		      const VBOXHGCMSVCPARM *parms, bool out)
{
	for (uint32_t i = 0; i < call->n_parms && i < SHFL_MAX_PARMS; i++) {
		struct trace_parm *to = &call->parms[i];
		uint8_t wanted = out ? SHFL_DIR_OUT : SHFL_DIR_IN;
		int64_t *id = out ? &to->payload_out : &to->payload_in;

		to->type = parms[i].type;
		if (to->type == VBOX_HGCM_SVC_PARM_PTR) {
			uint32_t n = tape_captured(info, call->n_parms, i, parms);
			bool data =
				info && i < info->n_parms && info->parms[i].role == SHFL_ROLE_DATA;
			bool cut = data && tape->snaplen && tape->snaplen < n;

			to->size = parms[i].u.pointer.size;
			if (info && i < info->n_parms && (info->parms[i].direction & wanted) &&
			    to->size)
				*id = tape_payload(tape, parms[i].u.pointer.addr,
						   cut ? tape->snaplen : n, n);
			continue;
		}
		to->out = to->type == VBOX_HGCM_SVC_PARM_32BIT ? parms[i].u.uint32
							       : parms[i].u.uint64;
		if (!out)
			to->in = to->out;
	}
}

static struct trace_call tape_event(struct tape *tape, enum trace_kind kind, uint32_t fn)
{
	int64_t id = ++tape->last_id;

	return (struct trace_call){
		.call_id = id,
		.kind = kind,
		.side = TRACE_SIDE_HOST,
		.client = kind == TRACE_HOST_CALL ? 0
			  : tape->alias		  ? tape->alias
						  : tape->client,
		.process = tape->process,
		.fn = fn,
		.complete = true,
		.start_ns = id * 1000,
		.end_ns = id * 1000 + 500,
		.comm = "tape",
	};
}

TAPE_UNUSED static void tape_add(struct tape *tape, const struct trace_call *call)
{
	int ret = trace_add_call(tape->trace, call, NULL, 0);

	cr_assert_eq(ret, 0, "%s", trace_error(tape->trace));
	tape->status = call->status;
}

/* Makes a call and records it; its id. */
TAPE_UNUSED static int64_t tape_call(struct tape *tape, uint32_t fn, uint32_t n_parms,
				     const VBOXHGCMSVCPARM *parms)
{
	struct trace_call call = tape_event(tape, TRACE_CALL, fn);
	const struct shfl_fn_info *info = shfl_fn_find(fn);

	memset(tape->parms, 0, sizeof(tape->parms));
	if (n_parms)
		memcpy(tape->parms, parms, n_parms * sizeof(*parms));
	call.n_parms = n_parms;
	tape_note(tape, &call, info, tape->parms, false);
	call.status = hgcm_call(tape->service, tape->client, fn, n_parms, tape->parms,
				HGCM_WAIT_NEVER, NULL, NULL);
	tape_note(tape, &call, info, tape->parms, true);
	tape_add(tape, &call);
	return call.call_id;
}

#define TAPE_CALL(tape, fn, ...)                                                      \
	tape_call(tape, SHFL_FN_##fn,                                                 \
		  sizeof((VBOXHGCMSVCPARM[]){__VA_ARGS__}) / sizeof(VBOXHGCMSVCPARM), \
		  (VBOXHGCMSVCPARM[]){__VA_ARGS__})

TAPE_UNUSED static int64_t tape_add_share(struct tape *tape, const char *name, const char *dir,
					  uint32_t flags)
{
	VBOXHGCMSVCPARM parms[] = {tape_string_of(dir, true), tape_string_of(name, true),
				   tape_32(flags), tape_string_of("", true)};
	struct trace_call call = tape_event(tape, TRACE_HOST_CALL, SHFL_FN_ADD_MAPPING);

	call.n_parms = 4;
	tape_note(tape, &call, shfl_host_fn_find(call.fn), parms, false);
	call.status = hgcm_host_call(tape->service, call.fn, 4, parms);
	tape_note(tape, &call, shfl_host_fn_find(call.fn), parms, true);
	tape_add(tape, &call);
	return call.call_id;
}

TAPE_UNUSED static void tape_connect(struct tape *tape)
{
	struct trace_call call = tape_event(tape, TRACE_CONNECT, 0);

	call.n_parms = 1;
	call.parms[0] = (struct trace_parm){.type = VBOX_HGCM_SVC_PARM_32BIT, .in = 1, .out = 1};
	call.status = hgcm_connect(tape->service, 1, &tape->client);
	call.client = tape->alias ? tape->alias : tape->client;
	tape_add(tape, &call);
}

TAPE_UNUSED static void tape_disconnect(struct tape *tape)
{
	struct trace_call call = tape_event(tape, TRACE_DISCONNECT, 0);

	call.status = hgcm_disconnect(tape->service, tape->client);
	tape_add(tape, &call);
}

TAPE_UNUSED static void tape_map(struct tape *tape, const char *name)
{
	TAPE_CALL(tape, MAP_FOLDER, tape_string(name), tape_32(0), tape_32('/'), tape_32(1));
	tape->root = tape->parms[1].u.uint32;
}

/* What a Linux guest does to mount a share. */
TAPE_UNUSED static void tape_mount(struct tape *tape)
{
	tape_add_share(tape, "work", tape->share,
		       SHFL_ADD_MAPPING_F_WRITABLE | SHFL_ADD_MAPPING_F_CREATE_SYMLINKS);
	tape_connect(tape);
	tape_call(tape, SHFL_FN_SET_UTF8, 0, NULL);
	tape_call(tape, SHFL_FN_SET_SYMLINKS, 0, NULL);
	tape_map(tape, "work");
}

/* A new test: an empty share, a service without shares, an empty trace. */
TAPE_UNUSED static void tape_begin(struct tape *tape)
{
	char *message = NULL;

	memset(tape, 0, sizeof(*tape));
	umask(022);
	strcpy(tape->dir, "/tmp/sftrace-tape-XXXXXX");
	cr_assert_not_null(mkdtemp(tape->dir));
	snprintf(tape->share, sizeof(tape->share), "%s/share", tape->dir);
	snprintf(tape->file, sizeof(tape->file), "%s/t.db", tape->dir);
	cr_assert_eq(mkdir(tape->share, 0755), 0);
	setenv("TMPDIR", tape->dir, 1); /* where scratch directories go */
	cr_assert_eq(trace_create(tape->file, &tape->trace, &message), 0, "%s", message);
	cr_assert_eq(hgcm_service_load(SFSERVICE_PATH, &tape->service, &message), 0, "%s", message);
}

/* Ends the recording, complete if "because" is NULL; then it can be replayed. */
TAPE_UNUSED static void tape_finish_because(struct tape *tape, const char *because)
{
	char *message = NULL;

	hgcm_service_unload(tape->service);
	tape->service = NULL;
	cr_assert_eq(trace_finish(tape->trace, because), 0, "%s", trace_error(tape->trace));
	trace_close(tape->trace);
	cr_assert_eq(trace_open(tape->file, &tape->trace, &message), 0, "%s", message);
}

TAPE_UNUSED static void tape_finish(struct tape *tape)
{
	tape_finish_because(tape, NULL);
}

/* Changes the finished trace. */
TAPE_UNUSED static void tape_sql(struct tape *tape, const char *format, ...)
{
	char sql[512], *message = NULL;
	va_list args;
	sqlite3 *db;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	trace_close(tape->trace);
	cr_assert_eq(sqlite3_open(tape->file, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &message), SQLITE_OK, "%s: %s", sql,
		     message);
	cr_assert_gt(sqlite3_total_changes(db), 0, "%s changed nothing", sql);
	sqlite3_close(db);
	cr_assert_eq(trace_open(tape->file, &tape->trace, &message), 0, "%s", message);
}

TAPE_UNUSED static void tape_end(struct tape *tape)
{
	hgcm_service_unload(tape->service);
	trace_close(tape->trace);
	for (unsigned i = 0; i < SHFL_MAX_PARMS; i++)
		free(tape->buffers[i]);
	tape_shell("chmod -R u+rwx %s && rm -rf %s", tape->dir, tape->dir);
	leak_check();
}

/* Opens, creates or looks up; the handle. */
TAPE_UNUSED static uint64_t tape_create_mode(struct tape *tape, const char *path, uint32_t flags,
					     uint32_t mode, SHFLCREATEPARMS *ret)
{
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = flags};

	parms.Info.Attr.fMode = mode;
	TAPE_CALL(tape, CREATE, tape_32(tape->root), tape_string(path),
		  tape_memory(&parms, sizeof(parms)));
	if (ret)
		*ret = parms;
	return parms.Handle;
}

TAPE_UNUSED static uint64_t tape_create(struct tape *tape, const char *path, uint32_t flags)
{
	return tape_create_mode(tape, path, flags, RTFS_TYPE_FILE | 0644, NULL);
}

TAPE_UNUSED static int64_t tape_close(struct tape *tape, uint64_t handle)
{
	return TAPE_CALL(tape, CLOSE, tape_32(tape->root), tape_64(handle));
}

TAPE_UNUSED static int64_t tape_read(struct tape *tape, uint64_t handle, uint64_t offset,
				     uint32_t count, char *buffer)
{
	char room[8192];

	return TAPE_CALL(tape, READ, tape_32(tape->root), tape_64(handle), tape_64(offset),
			 tape_32(count), tape_memory(buffer ? buffer : room, count));
}

TAPE_UNUSED static int64_t tape_write(struct tape *tape, uint64_t handle, uint64_t offset,
				      const char *text)
{
	uint32_t n = (uint32_t)strlen(text);

	return TAPE_CALL(tape, WRITE, tape_32(tape->root), tape_64(handle), tape_64(offset),
			 tape_32(n), tape_memory(text, n));
}

/* One LIST; pattern may be NULL. */
TAPE_UNUSED static int64_t tape_list_sized(struct tape *tape, uint64_t handle, const char *pattern,
					   uint32_t size)
{
	static uint8_t buffer[TAPE_LIST_BYTES];

	memset(buffer, 0, sizeof(buffer));
	return TAPE_CALL(tape, LIST, tape_32(tape->root), tape_64(handle), tape_32(0),
			 tape_32(size), pattern ? tape_string(pattern) : tape_memory(NULL, 0),
			 tape_memory(buffer, size), tape_32(0), tape_32(0));
}

/* Lists a directory to its end; the number of calls. */
TAPE_UNUSED static int tape_list(struct tape *tape, const char *path, uint32_t size)
{
	uint64_t handle = tape_create(tape, path, SHFL_CF_DIRECTORY | TAPE_OPEN);
	int n = 0;

	do {
		tape_list_sized(tape, handle, NULL, size);
		n++;
	} while (VBOX_SUCCESS(tape->status));
	tape_close(tape, handle);
	return n;
}

TAPE_UNUSED static int64_t tape_remove(struct tape *tape, const char *path, uint32_t flags)
{
	return TAPE_CALL(tape, REMOVE, tape_32(tape->root), tape_string(path), tape_32(flags));
}

TAPE_UNUSED static int64_t tape_rename(struct tape *tape, const char *from, const char *to,
				       uint32_t flags)
{
	return TAPE_CALL(tape, RENAME, tape_32(tape->root), tape_string(from), tape_string(to),
			 tape_32(flags));
}

TAPE_UNUSED static void tape_show(void *user, const struct trace_call *event,
				  const struct replay_finding *finding)
{
	(void)user;
	fprintf(stderr, "call %lld: %d: %s: expected %s, got %s\n", (long long)event->call_id,
		finding->verdict, finding->what, finding->expected, finding->got);
}

/* Replays; the exit status. */
TAPE_UNUSED static int tape_replay_with(struct tape *tape, const struct replay_options *options,
					struct replay_result *result)
{
	char *message = NULL, *why = NULL;
	int incomplete = trace_is_incomplete(tape->trace, &why);
	int ret = replay_run(tape->trace, options, result, &message);

	cr_assert_eq(ret, 0, "%d: %s", ret, message);
	free(message);
	free(why);
	return replay_exit_status(result, incomplete);
}

TAPE_UNUSED static int tape_replay(struct tape *tape, struct replay_result *result)
{
	struct replay_options options = {
		.service = SFSERVICE_PATH, .compare = COMPARE_USUAL, .report = tape_show};

	return tape_replay_with(tape, &options, result);
}

/* Replaying gives what was recorded, in every call. */
TAPE_UNUSED static void tape_assert_same(struct tape *tape)
{
	struct replay_result result;
	int ret = tape_replay(tape, &result);

	cr_assert_eq(ret, 0, "exit status %d, first: call %lld, %s: expected %s, got %s", ret,
		     (long long)result.first.call_id, result.first.what, result.first.expected,
		     result.first.got);
	cr_assert_eq(result.calls + result.control, tape->last_id);
	cr_assert_eq(result.n[REPLAY_SAME], tape->last_id);
	cr_assert_eq(result.unbuilt, 0);
}

/* Replaying diverges, and this call is the first. */
TAPE_UNUSED static struct replay_finding tape_assert_diverges(struct tape *tape, int64_t call_id)
{
	struct replay_result result;
	int ret = tape_replay(tape, &result);

	cr_assert_eq(ret, 3, "exit status %d", ret);
	cr_assert_eq(result.first.call_id, call_id, "call %lld diverged instead of %lld: %s",
		     (long long)result.first.call_id, (long long)call_id, result.first.what);
	return result.first;
}

#endif
