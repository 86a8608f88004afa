/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Iterating over a trace's events: one scan of the table of calls. What many
 * calls have in common is looked up when a call first refers to it, and kept;
 * what few calls have is read along with them. The file may be anything: every
 * value is checked for its type and range before it is used.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hgcm_svc.h"
#include "trace_internal.h"

/* Columns of table call in the cursor's query. */
enum {
	COLUMN_CALL_ID,
	COLUMN_OP,
	COLUMN_SHAPE,
	COLUMN_CLIENT,
	COLUMN_STATUS,
	COLUMN_FLAGS,
	COLUMN_START,
	COLUMN_DURATION,
	COLUMN_GUEST_START,
	COLUMN_GUEST_DURATION,
	COLUMN_TASK,
	COLUMN_SHARE,
	COLUMN_PATH,
	COLUMN_PARMS /* of each: in, out, mem */
};

static const char events_sql[] =
	"SELECT call_id, op_id, shape_id, client, status, flags, start_ns, duration_ns,"
	" guest_start_ns, guest_duration_ns, task_id, share_id, path_id,"
	" in0, out0, mem0, in1, out1, mem1, in2, out2, mem2, in3, out3, mem3, in4, out4, mem4"
	" FROM call ORDER BY call_id";

/* Tables with a row for few of the calls. */
enum aside_table { ASIDE_MORE, ASIDE_GUEST_STATUS, N_ASIDES };

static const char *const aside_sql[N_ASIDES] = {
	[ASIDE_MORE] = "SELECT call_id, in5, out5, mem5, in6, out6, mem6, in7, out7, mem7"
		       " FROM call_more ORDER BY call_id",
	[ASIDE_GUEST_STATUS] = "SELECT call_id, status FROM guest_status ORDER BY call_id",
};

struct aside {
	sqlite3_stmt *stmt;
	bool begun, ended;
	int64_t call_id; /* of the row that it is at */
};

/* Tables whose rows many calls refer to by their ids. */
enum known_table { KNOWN_SHAPE, KNOWN_TASK, KNOWN_SHARE, KNOWN_PATH, N_KNOWN };

static const char *const known_sql[N_KNOWN] = {
	[KNOWN_SHAPE] = ("SELECT kind, side, fn, n_parms, process, type0, type1, type2, type3,"
			 " type4, type5, type6, type7 FROM shape WHERE shape_id = ?"),
	[KNOWN_TASK] = "SELECT pid, tid, comm FROM task WHERE task_id = ?",
	[KNOWN_SHARE] = "SELECT name FROM share WHERE share_id = ?",
	[KNOWN_PATH] = "SELECT path FROM path WHERE path_id = ?",
};

#define KNOWN_SHAPES 64u /* kept, by the last digits of their ids */
#define KNOWN_TASKS 64u
#define KNOWN_SHARES 64u
#define KNOWN_PATHS 512u
#define KNOWN_TEXT_BYTES (64u << 10) /* longer ones are looked up each time */

struct known_shape {
	bool known;
	int64_t id;
	enum trace_kind kind;
	enum trace_side side;
	uint32_t fn, n_parms, process;
	uint32_t types[SHFL_MAX_PARMS];
};

struct known_task {
	bool known;
	int64_t id;
	uint32_t pid, tid;
	char comm[16];
};

struct known_text {
	bool known;
	int64_t id;
	char *text; /* NULL: there is no such row */
};

struct trace_cursor {
	struct trace *trace;
	sqlite3_stmt *stmt;
	int64_t last_call_id;
	struct aside asides[N_ASIDES];
	sqlite3_stmt *lookups[N_KNOWN];
	struct known_shape shapes[KNOWN_SHAPES];
	struct known_task tasks[KNOWN_TASKS];
	struct known_text shares[KNOWN_SHARES], paths[KNOWN_PATHS];
	struct known_text long_share, long_path;
};

static int prepare(struct trace *trace, const char *sql, sqlite3_stmt **ret)
{
	int rc = sqlite3_prepare_v3(trace->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

	return rc == SQLITE_OK ? 0 : trace_sql_failed(trace, rc);
}

int trace_events(struct trace *trace, struct trace_cursor **ret)
{
	struct trace_cursor *cursor = calloc(1, sizeof(*cursor));
	int rc;

	if (!cursor)
		return -ENOMEM;
	cursor->trace = trace;
	rc = prepare(trace, events_sql, &cursor->stmt);
	for (int i = 0; !rc && i < N_ASIDES; i++)
		rc = prepare(trace, aside_sql[i], &cursor->asides[i].stmt);
	for (int i = 0; !rc && i < N_KNOWN; i++)
		rc = prepare(trace, known_sql[i], &cursor->lookups[i]);
	if (rc) {
		trace_cursor_close(cursor);
		return rc;
	}
	*ret = cursor;
	return 0;
}

static void free_texts(struct known_text *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i].text);
}

void trace_cursor_close(struct trace_cursor *cursor)
{
	if (!cursor)
		return;
	sqlite3_finalize(cursor->stmt);
	for (int i = 0; i < N_ASIDES; i++)
		sqlite3_finalize(cursor->asides[i].stmt);
	for (int i = 0; i < N_KNOWN; i++)
		sqlite3_finalize(cursor->lookups[i]);
	free_texts(cursor->shares, KNOWN_SHARES);
	free_texts(cursor->paths, KNOWN_PATHS);
	free_texts(&cursor->long_share, 1);
	free_texts(&cursor->long_path, 1);
	free(cursor);
}

/* Values. */

static int damaged(struct trace_cursor *cursor, sqlite3_stmt *stmt, int column)
{
	return trace_fail(cursor->trace, -EUCLEAN,
			  "damaged: %s of the event after %" PRId64 " makes no sense",
			  sqlite3_column_name(stmt, column), cursor->last_call_id);
}

static bool is_null(sqlite3_stmt *stmt, int column)
{
	return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

/* An integer between min and max. */
static int read_int(struct trace_cursor *cursor, sqlite3_stmt *stmt, int column, int64_t min,
		    int64_t max, int64_t *ret)
{
	sqlite3_value *value = sqlite3_column_value(stmt, column);
	int64_t number = sqlite3_value_int64(value);

	if (sqlite3_value_type(value) != SQLITE_INTEGER || number < min || number > max)
		return damaged(cursor, stmt, column);
	*ret = number;
	return 0;
}

/* The same; false in *ret_there and 0 for NULL. */
static int read_optional(struct trace_cursor *cursor, sqlite3_stmt *stmt, int column, int64_t min,
			 int64_t max, bool *ret_there, int64_t *ret)
{
	*ret_there = !is_null(stmt, column);
	if (*ret_there)
		return read_int(cursor, stmt, column, min, max, ret);
	*ret = 0;
	return 0;
}

static int read_u32(struct trace_cursor *cursor, sqlite3_stmt *stmt, int column, uint32_t *ret)
{
	int64_t value;
	int rc = read_int(cursor, stmt, column, 0, UINT32_MAX, &value);

	if (!rc)
		*ret = (uint32_t)value;
	return rc;
}

/* What calls refer to. */

/* 1: the row is in *ret, until it is reset; 0: there is none. */
static int look_up(struct trace_cursor *cursor, enum known_table table, int64_t id,
		   sqlite3_stmt **ret)
{
	sqlite3_stmt *stmt = cursor->lookups[table];
	int rc;

	sqlite3_reset(stmt);
	sqlite3_bind_int64(stmt, 1, id);
	rc = sqlite3_step(stmt);
	*ret = stmt;
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : trace_sql_failed(cursor->trace, rc);
}

static int read_types(struct trace_cursor *cursor, sqlite3_stmt *stmt, struct known_shape *shape)
{
	const int first = 5;
	int rc = 0;

	for (int i = 0; !rc && i < SHFL_MAX_PARMS; i++) {
		if ((uint32_t)i < shape->n_parms)
			rc = read_u32(cursor, stmt, first + i, &shape->types[i]);
		else if (!is_null(stmt, first + i))
			rc = damaged(cursor, stmt, first + i);
	}
	return rc;
}

static int read_shape(struct trace_cursor *cursor, sqlite3_stmt *stmt, struct known_shape *shape)
{
	int64_t kind, side, process;
	bool there;
	int rc = read_int(cursor, stmt, 0, TRACE_CALL, TRACE_DISCONNECT, &kind);

	if (!rc)
		rc = read_int(cursor, stmt, 1, TRACE_SIDE_GUEST, TRACE_SIDE_BOTH, &side);
	if (!rc)
		rc = read_u32(cursor, stmt, 2, &shape->fn);
	if (!rc)
		rc = read_u32(cursor, stmt, 3, &shape->n_parms);
	if (!rc)
		rc = read_optional(cursor, stmt, 4, 0, UINT32_MAX, &there, &process);
	if (rc)
		return rc;
	shape->kind = (enum trace_kind)kind;
	shape->side = (enum trace_side)side;
	shape->process = (uint32_t)process;
	return read_types(cursor, stmt, shape);
}

static int known_shape(struct trace_cursor *cursor, const struct known_shape **ret)
{
	int64_t id = sqlite3_column_int64(cursor->stmt, COLUMN_SHAPE);
	struct known_shape *slot = &cursor->shapes[(uint64_t)id % KNOWN_SHAPES];
	struct known_shape shape = {.known = true, .id = id};
	sqlite3_stmt *stmt;
	int rc;

	*ret = slot;
	if (slot->known && slot->id == id)
		return 0;
	rc = look_up(cursor, KNOWN_SHAPE, id, &stmt);
	if (rc == 1)
		rc = read_shape(cursor, stmt, &shape);
	else if (!rc)
		rc = damaged(cursor, cursor->stmt, COLUMN_SHAPE);
	if (!rc)
		*slot = shape;
	return rc;
}

static int read_task(struct trace_cursor *cursor, sqlite3_stmt *stmt, struct known_task *task)
{
	const char *comm = (const char *)sqlite3_column_text(stmt, 2);
	int rc = read_u32(cursor, stmt, 0, &task->pid);

	if (!rc)
		rc = read_u32(cursor, stmt, 1, &task->tid);
	if (!rc && !comm)
		rc = damaged(cursor, stmt, 2);
	if (!rc)
		strncpy(task->comm, comm, sizeof(task->comm) - 1);
	return rc;
}

static int known_task(struct trace_cursor *cursor, const struct known_task **ret)
{
	int64_t id = sqlite3_column_int64(cursor->stmt, COLUMN_TASK);
	struct known_task *slot = &cursor->tasks[(uint64_t)id % KNOWN_TASKS];
	struct known_task task = {.known = true, .id = id};
	sqlite3_stmt *stmt;
	int rc;

	*ret = slot;
	if (slot->known && slot->id == id)
		return 0;
	rc = look_up(cursor, KNOWN_TASK, id, &stmt);
	if (rc == 1)
		rc = read_task(cursor, stmt, &task);
	else if (!rc)
		rc = damaged(cursor, cursor->stmt, COLUMN_TASK);
	if (!rc)
		*slot = task;
	return rc;
}

/* The text of a row; NULL if the column of the call is, or there is no such row. */
static int known_text(struct trace_cursor *cursor, enum known_table table, int column,
		      struct known_text *slot, struct known_text *slot_if_long, const char **ret)
{
	int64_t id = sqlite3_column_int64(cursor->stmt, column);
	const char *text = NULL;
	sqlite3_stmt *stmt;
	int rc;

	*ret = slot->text;
	if (slot->known && slot->id == id)
		return 0;
	rc = look_up(cursor, table, id, &stmt);
	if (rc < 0)
		return rc;
	if (rc == 1)
		text = (const char *)sqlite3_column_text(stmt, 0);
	if (text && sqlite3_column_bytes(stmt, 0) > (int)KNOWN_TEXT_BYTES)
		slot = slot_if_long;
	free(slot->text);
	*slot = (struct known_text){.text = text ? strdup(text) : NULL, .id = id};
	if (text && !slot->text)
		return -ENOMEM;
	slot->known = slot != slot_if_long;
	*ret = slot->text;
	return 0;
}

static int known_texts(struct trace_cursor *cursor, struct trace_call *call)
{
	uint64_t share = (uint64_t)sqlite3_column_int64(cursor->stmt, COLUMN_SHARE);
	uint64_t path = (uint64_t)sqlite3_column_int64(cursor->stmt, COLUMN_PATH);
	int rc = 0;

	if (!is_null(cursor->stmt, COLUMN_SHARE))
		rc = known_text(cursor, KNOWN_SHARE, COLUMN_SHARE,
				&cursor->shares[share % KNOWN_SHARES], &cursor->long_share,
				&call->share);
	if (!rc && !is_null(cursor->stmt, COLUMN_PATH))
		rc = known_text(cursor, KNOWN_PATH, COLUMN_PATH, &cursor->paths[path % KNOWN_PATHS],
				&cursor->long_path, &call->path);
	return rc;
}

/* What few calls have. */

/* 1: the table's row for a call is the statement's; 0: it has none. */
static int aside_find(struct trace_cursor *cursor, enum aside_table table, int64_t call_id,
		      sqlite3_stmt **ret)
{
	struct aside *aside = &cursor->asides[table];

	*ret = aside->stmt;
	while (!aside->ended && (!aside->begun || aside->call_id < call_id)) {
		int rc = sqlite3_step(aside->stmt);

		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return trace_sql_failed(cursor->trace, rc);
		aside->begun = true;
		aside->ended = rc == SQLITE_DONE;
		if (!aside->ended)
			aside->call_id = sqlite3_column_int64(aside->stmt, 0);
	}
	return !aside->ended && aside->call_id == call_id;
}

/* The event. */

/* Columns: in, out, mem. */
static int read_parm(struct trace_cursor *cursor, sqlite3_stmt *stmt, int column, bool ended,
		     struct trace_parm *parm)
{
	bool integer =
		parm->type == VBOX_HGCM_SVC_PARM_32BIT || parm->type == VBOX_HGCM_SVC_PARM_64BIT;
	bool has_out, has_mem;
	int64_t in, out, mem;
	int rc = read_int(cursor, stmt, column, INT64_MIN, INT64_MAX, &in);

	if (!rc)
		rc = read_optional(cursor, stmt, column + 1, INT64_MIN, INT64_MAX, &has_out, &out);
	if (!rc)
		rc = read_optional(cursor, stmt, column + 2, 1, INT64_MAX, &has_mem, &mem);
	if (rc)
		return rc;
	if (integer) {
		parm->in = (uint64_t)in;
		parm->out = ended && has_out ? (uint64_t)out : (uint64_t)in;
		return 0;
	}
	if (in < 0 || in > UINT32_MAX || out < 0)
		return damaged(cursor, stmt, column);
	parm->size = (uint32_t)in;
	parm->payload_in = mem;
	parm->payload_out = out;
	return 0;
}

static int read_parms(struct trace_cursor *cursor, const struct known_shape *shape,
		      struct trace_call *call)
{
	uint32_t n_kept = call->n_parms < SHFL_MAX_PARMS ? call->n_parms : SHFL_MAX_PARMS;
	bool ended = !(call->flags & TRACE_F_UNFINISHED);
	sqlite3_stmt *stmt = cursor->stmt;
	int column = COLUMN_PARMS, rc = 0;

	for (uint32_t i = 0; i < n_kept; i++, column += 3) {
		if (i == PARMS_IN_CALL) {
			rc = aside_find(cursor, ASIDE_MORE, call->call_id, &stmt);
			if (rc < 0)
				return rc;
			if (!rc)
				return damaged(cursor, cursor->stmt, COLUMN_SHAPE);
			column = 1;
		}
		call->parms[i].type = shape->types[i];
		rc = read_parm(cursor, stmt, column, ended, &call->parms[i]);
		if (rc)
			return rc;
	}
	return 0;
}

/* A moment or length in time; sums of a few of them do not overflow. */
static int read_time(struct trace_cursor *cursor, int column, bool *ret_there, int64_t *ret)
{
	int64_t limit = INT64_MAX / 4;

	return read_optional(cursor, cursor->stmt, column, -limit, limit, ret_there, ret);
}

static int read_times(struct trace_cursor *cursor, struct trace_call *call)
{
	int64_t duration, guest_duration;
	bool started, ended, in_guest, ended_in_guest;
	int rc = read_time(cursor, COLUMN_START, &started, &call->start_ns);

	if (!rc && !started)
		rc = damaged(cursor, cursor->stmt, COLUMN_START);
	if (!rc)
		rc = read_time(cursor, COLUMN_DURATION, &ended, &duration);
	if (!rc)
		rc = read_time(cursor, COLUMN_GUEST_START, &in_guest, &call->guest_start_ns);
	if (!rc)
		rc = read_time(cursor, COLUMN_GUEST_DURATION, &ended_in_guest, &guest_duration);
	if (rc)
		return rc;
	if (ended)
		call->end_ns = call->start_ns + duration;
	else
		call->flags |= TRACE_F_UNFINISHED;
	if (ended_in_guest)
		call->guest_end_ns = call->guest_start_ns + guest_duration;
	return 0;
}

static int read_head(struct trace_cursor *cursor, struct trace_call *call)
{
	sqlite3_stmt *stmt = cursor->stmt;
	int64_t status, flags;
	bool has_op;
	int rc = read_int(cursor, stmt, COLUMN_CALL_ID, INT64_MIN, INT64_MAX, &call->call_id);

	if (!rc)
		rc = read_optional(cursor, stmt, COLUMN_OP, INT64_MIN, INT64_MAX, &has_op,
				   &call->op_id);
	if (!rc)
		rc = read_u32(cursor, stmt, COLUMN_CLIENT, &call->client);
	if (!rc)
		rc = read_int(cursor, stmt, COLUMN_STATUS, INT32_MIN, INT32_MAX, &status);
	if (!rc)
		rc = read_int(cursor, stmt, COLUMN_FLAGS, 0,
			      TRACE_F_ALL | FLAG_NOT_COMPLETE | FLAG_CONTROL, &flags);
	if (rc)
		return rc;
	call->status = (int32_t)status;
	call->flags = (uint32_t)flags & TRACE_F_ALL;
	call->complete = !(flags & FLAG_NOT_COMPLETE);
	return 0;
}

static int read_guest_status(struct trace_cursor *cursor, struct trace_call *call)
{
	int64_t status = call->status;
	sqlite3_stmt *stmt;
	int rc = aside_find(cursor, ASIDE_GUEST_STATUS, call->call_id, &stmt);

	if (rc == 1)
		rc = read_int(cursor, stmt, 1, INT32_MIN, INT32_MAX, &status);
	if (rc < 0)
		return rc;
	call->guest_status = call->guest_end_ns ? (int32_t)status : 0;
	return 0;
}

static void take_shape(struct trace_call *call, const struct known_shape *shape,
		       const struct known_task *task)
{
	call->kind = shape->kind;
	call->side = shape->side;
	call->fn = shape->fn;
	call->n_parms = shape->n_parms;
	call->process = shape->process;
	call->pid = task->pid;
	call->tid = task->tid;
	memcpy(call->comm, task->comm, sizeof(call->comm));
}

static int read_event(struct trace_cursor *cursor, struct trace_call *call)
{
	const struct known_shape *shape;
	const struct known_task *task;
	int rc = read_head(cursor, call);

	if (!rc)
		rc = known_shape(cursor, &shape);
	if (!rc)
		rc = known_task(cursor, &task);
	if (!rc)
		rc = read_times(cursor, call);
	if (rc)
		return rc;
	take_shape(call, shape, task);
	rc = read_parms(cursor, shape, call);
	if (!rc)
		rc = read_guest_status(cursor, call);
	if (!rc)
		rc = known_texts(cursor, call);
	return rc;
}

int trace_next(struct trace_cursor *cursor, struct trace_call *call)
{
	struct trace_call next = {0};
	int rc = sqlite3_step(cursor->stmt);

	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return trace_sql_failed(cursor->trace, rc);
	rc = read_event(cursor, &next);
	if (rc)
		return rc;
	cursor->last_call_id = next.call_id;
	*call = next;
	return 1;
}
