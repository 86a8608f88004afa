/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces to test with: a scratch file, payload of the protocol's kinds, calls. */
#ifndef TRACE_FIXTURE_H
#define TRACE_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

struct fixture {
	char dir[64];
	char file[96];
	struct trace *trace;
	int64_t next_id;
	int64_t now_ns;
};

__attribute__((unused)) static void fixture_begin(struct fixture *f)
{
	char *message = NULL;
	int rc;

	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/sftrace-test-XXXXXX");
	cr_assert_not_null(mkdtemp(f->dir));
	snprintf(f->file, sizeof(f->file), "%s/t.db", f->dir);
	rc = trace_create(f->file, &f->trace, &message);
	cr_assert_eq(rc, 0, "%s", message);
	f->next_id = 1;
	f->now_ns = 1000000;
}

__attribute__((unused)) static void fixture_end(struct fixture *f)
{
	char command[128];

	trace_close(f->trace);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	cr_assert_eq(system(command), 0);
}

/* Finishes the trace and opens it for reading. */
__attribute__((unused)) static void fixture_reopen(struct fixture *f, const char *because)
{
	char *message = NULL;
	int rc = trace_finish(f->trace, because);

	cr_assert_eq(rc, 0, "%s", trace_error(f->trace));
	trace_close(f->trace);
	f->trace = NULL;
	rc = trace_open(f->file, &f->trace, &message);
	cr_assert_eq(rc, 0, "%s", message);
}

/* The first column of the first row as text ("NULL" if it is, "none" without a row). */
__attribute__((unused)) static const char *query(struct fixture *f, const char *sql)
{
	static char result[512];
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(trace_db(f->trace), sql, -1, &stmt, NULL);

	cr_assert_eq(rc, SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(trace_db(f->trace)));
	rc = sqlite3_step(stmt);
	cr_assert(rc == SQLITE_ROW || rc == SQLITE_DONE, "%s", sqlite3_errmsg(trace_db(f->trace)));
	if (rc == SQLITE_DONE)
		strcpy(result, "none");
	else if (sqlite3_column_type(stmt, 0) == SQLITE_NULL)
		strcpy(result, "NULL");
	else
		snprintf(result, sizeof(result), "%s", sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return result;
}

#define cr_assert_query(f, sql, expected)                                                \
	do {                                                                             \
		const char *got_ = query(f, sql);                                        \
		cr_assert_str_eq(got_, expected, "%s: %s, not %s", sql, got_, expected); \
	} while (0)

__attribute__((unused)) static int64_t add_payload(struct fixture *f, const void *data,
						   uint32_t size)
{
	int64_t id = 0;
	int rc = trace_add_payload(f->trace, data, size, size, &id);

	cr_assert_eq(rc, 0, "%s", trace_error(f->trace));
	cr_assert_gt(id, 0);
	return id;
}

/* An SHFLSTRING in UTF-8 or, of ASCII text, in UTF-16; returns its size. */
__attribute__((unused)) static uint32_t put_string(uint8_t *out, const char *text, bool utf16)
{
	size_t unit = utf16 ? 2 : 1;
	size_t length = strlen(text) * unit;

	memset(out, 0, 4 + length + unit);
	out[0] = (uint8_t)(length + unit);
	out[1] = (uint8_t)((length + unit) >> 8);
	out[2] = (uint8_t)length;
	out[3] = (uint8_t)(length >> 8);
	for (size_t i = 0; text[i]; i++)
		out[4 + i * unit] = (uint8_t)text[i];
	return (uint32_t)(4 + length + unit);
}

__attribute__((unused)) static struct trace_parm int32_parm(uint64_t in, uint64_t out)
{
	return (struct trace_parm){.type = 1, .in = in, .out = out};
}

__attribute__((unused)) static struct trace_parm int64_parm(uint64_t in, uint64_t out)
{
	return (struct trace_parm){.type = 2, .in = in, .out = out};
}

__attribute__((unused)) static struct trace_parm string_parm(struct fixture *f, const char *text,
							     bool utf16)
{
	uint8_t bytes[512];
	uint32_t size = put_string(bytes, text, utf16);

	return (struct trace_parm){
		.type = 3, .size = size, .payload_in = add_payload(f, bytes, size)};
}

__attribute__((unused)) static struct trace_parm create_parm(struct fixture *f, uint32_t flags,
							     uint64_t handle, int32_t result)
{
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = flags};
	struct trace_parm parm = {.type = 3, .size = sizeof(parms)};

	parm.payload_in = add_payload(f, &parms, sizeof(parms));
	parms.Handle = handle;
	parms.Result = result;
	parms.Info.Attr.fMode = RTFS_TYPE_FILE | 0644;
	parms.Info.cbObject = 1000;
	parm.payload_out = add_payload(f, &parms, sizeof(parms));
	return parm;
}

/* The next call, of client 1: 10 us long. */
__attribute__((unused)) static struct trace_call next_call(struct fixture *f, uint32_t fn,
							   int32_t status, uint32_t n_parms)
{
	struct trace_call call = {
		.call_id = f->next_id++,
		.kind = TRACE_CALL,
		.side = TRACE_SIDE_HOST,
		.client = 1,
		.fn = fn,
		.n_parms = n_parms,
		.status = status,
		.complete = true,
		.start_ns = f->now_ns,
		.end_ns = f->now_ns + 10000,
		.pid = 412,
		.tid = 413,
		.comm = "dd",
	};

	f->now_ns += 20000;
	return call;
}

__attribute__((unused)) static void add_call(struct fixture *f, const struct trace_call *call)
{
	int rc = trace_add_call(f->trace, call, NULL, 0);

	cr_assert_eq(rc, 0, "%s", trace_error(f->trace));
}

__attribute__((unused)) static void add_event(struct fixture *f, enum trace_kind kind, uint32_t fn)
{
	struct trace_call call = next_call(f, fn, 0, kind == TRACE_CONNECT ? 1 : 0);

	call.kind = kind;
	call.parms[0] = int32_parm(2, 2);
	add_call(f, &call);
}

__attribute__((unused)) static void add_share(struct fixture *f, const char *name, const char *path)
{
	struct trace_call call = next_call(f, SHFL_FN_ADD_MAPPING, 0, 4);

	call.kind = TRACE_HOST_CALL;
	call.client = 0;
	call.parms[0] = string_parm(f, path, true);
	call.parms[1] = string_parm(f, name, true);
	call.parms[2] = int32_parm(SHFL_ADD_MAPPING_F_WRITABLE, SHFL_ADD_MAPPING_F_WRITABLE);
	call.parms[3] = string_parm(f, "", true);
	add_call(f, &call);
}

__attribute__((unused)) static void add_map(struct fixture *f, const char *name, uint32_t root,
					    bool utf16)
{
	struct trace_call call = next_call(f, SHFL_FN_MAP_FOLDER, 0, 4);

	call.parms[0] = string_parm(f, name, utf16);
	call.parms[1] = int32_parm(0, root);
	call.parms[2] = int32_parm('/', '/');
	call.parms[3] = int32_parm(1, 1);
	add_call(f, &call);
}

/* A CREATE; returns its id. */
__attribute__((unused)) static int64_t add_create(struct fixture *f, const char *path,
						  uint64_t handle, int32_t result)
{
	struct trace_call call = next_call(f, SHFL_FN_CREATE, 0, 3);

	call.parms[0] = int32_parm(0, 0);
	call.parms[1] = string_parm(f, path, false);
	call.parms[2] = create_parm(f, SHFL_CF_ACCESS_READWRITE, handle, result);
	add_call(f, &call);
	return call.call_id;
}

__attribute__((unused)) static struct trace_call write_call(struct fixture *f, uint64_t handle,
							    uint64_t offset, uint32_t count)
{
	struct trace_call call = next_call(f, SHFL_FN_WRITE, 0, 5);

	call.parms[0] = int32_parm(0, 0);
	call.parms[1] = int64_parm(handle, handle);
	call.parms[2] = int64_parm(offset, offset + count);
	call.parms[3] = int32_parm(count, count);
	call.parms[4] = (struct trace_parm){.type = 3, .size = count};
	return call;
}

__attribute__((unused)) static void add_close(struct fixture *f, uint64_t handle, int32_t status)
{
	struct trace_call call = next_call(f, SHFL_FN_CLOSE, status, 2);

	call.parms[0] = int32_parm(0, 0);
	call.parms[1] = int64_parm(handle, handle);
	add_call(f, &call);
}

/* A share mounted by a UTF-8 client 1, as a Linux guest does it. */
__attribute__((unused)) static void add_mount(struct fixture *f)
{
	struct trace_call call;

	add_share(f, "work", "/srv/work");
	add_event(f, TRACE_CONNECT, 0);
	call = next_call(f, SHFL_FN_SET_UTF8, 0, 0);
	add_call(f, &call);
	add_map(f, "work", 0, false);
}

/* A trace of a few calls, finished and closed. */
__attribute__((unused)) static void finish_small(struct fixture *f)
{
	struct trace_call call;

	add_mount(f);
	add_create(f, "/f", 9, SHFL_FILE_EXISTS);
	call = write_call(f, 9, 0, 10);
	call.parms[4].payload_in = add_payload(f, "0123456789", 10);
	add_call(f, &call);
	cr_assert_eq(trace_finish(f->trace, NULL), 0);
	trace_close(f->trace);
	f->trace = NULL;
}

#endif
