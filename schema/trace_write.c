/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filling a trace. Everything goes through statements that are prepared once. */
#include "trace_write.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (32u << 20) /* between commits */
#define MAX_SPANS 256 /* of a call */
#define ROW_BYTES 100 /* what a row counts as, roughly */

/* Places for SPAN_ROWS rows of eight columns. */
#define SPAN_PLACES "(?, ?, ?, ?, ?, ?, ?, ?)"
#define SPAN_PLACES_4 SPAN_PLACES "," SPAN_PLACES "," SPAN_PLACES "," SPAN_PLACES
#define SPAN_PLACES_16 SPAN_PLACES_4 "," SPAN_PLACES_4 "," SPAN_PLACES_4 "," SPAN_PLACES_4

static const char *const statements[N_TRACE_STATEMENTS] = {
	[INSERT_META] = "INSERT OR REPLACE INTO meta VALUES (?, ?)",
	[INSERT_FUNCTION] = "INSERT INTO function VALUES (?, ?, ?, ?, ?, ?, ?)",
	[INSERT_PARAMETER] = "INSERT INTO parameter VALUES (?, ?, ?, ?, ?, ?)",
	[INSERT_STATUS] = "INSERT OR IGNORE INTO status VALUES (?, ?)",
	[INSERT_CREATE_RESULT] = "INSERT INTO create_result VALUES (?, ?)",
	[INSERT_SHAPE] =
		"INSERT INTO shape VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_TASK] = "INSERT INTO task VALUES (?, ?, ?, ?)",
	[INSERT_HOP] = "INSERT INTO hop VALUES (?, ?, ?, NULL)",
	[INSERT_PATH] = "INSERT INTO path (path) VALUES (?)",
	[INSERT_PAYLOAD] = "INSERT INTO payload (length, checksum, data) VALUES (?, ?, ?)",
	[INSERT_CALL] = "INSERT INTO call VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
			" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_CALL_MORE] = "INSERT INTO call_more VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_GUEST_STATUS] = "INSERT INTO guest_status VALUES (?, ?)",
	[INSERT_SPAN] = "INSERT INTO span VALUES " SPAN_PLACES,
	[INSERT_SPANS] = "INSERT INTO span VALUES " SPAN_PLACES_16 "," SPAN_PLACES_16,
	[INSERT_SPAN_MERGED] = "INSERT INTO span_merged VALUES (?, ?, ?, ?)",
	[INSERT_OP] = "INSERT INTO op VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_OPENED] = "INSERT INTO opened VALUES (?, ?, ?, NULL)",
	[CLOSE_OPENED] = "UPDATE opened SET closed_by = ? WHERE call_id = ?",
	[INSERT_SHARE] = "INSERT INTO share (name, process) VALUES (?, ?)",
	[UPDATE_SHARE_ADDED] = "UPDATE share SET path = ?, mount_point = ?, flags = ?,"
			       " added_by = ? WHERE share_id = ?",
	[UPDATE_SHARE_ROOT] = "UPDATE share SET root = ? WHERE share_id = ?",
	[UPDATE_SHARE_REMOVED] = "UPDATE share SET removed_by = ? WHERE share_id = ?",
	[INSERT_CLIENT] = "INSERT INTO client (client, process, requestor, connected_by, utf8)"
			  " VALUES (?, ?, ?, ?, 0)",
	[UPDATE_CLIENT_GONE] = "UPDATE client SET disconnected_by = ? WHERE client_id = ?",
	[UPDATE_CLIENT_UTF8] = "UPDATE client SET utf8 = 1 WHERE client_id = ?",
	[INSERT_LOSS] = "INSERT INTO loss VALUES (?, ?, ?, ?, ?)",
	[INSERT_CLOCK] = "INSERT OR REPLACE INTO clock_fit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_HOP_SUMMARY] = "INSERT INTO hop_summary"
			       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_FUNCTION_SUMMARY] = "INSERT INTO function_summary"
				    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_FILE_SUMMARY] = "INSERT INTO file_summary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[INSERT_SLOW_CALL] = "INSERT INTO slow_call VALUES (?)",
	[UPDATE_SHAPE_CALLS] = "UPDATE shape SET n = ? WHERE shape_id = ?",
	[UPDATE_HOP_SPANS] = "UPDATE hop SET n = ? WHERE hop_id = ?",
	[UPDATE_SHARE_CALLS] = "UPDATE share SET calls = ? WHERE share_id = ?",
	[UPDATE_CLIENT_CALLS] = "UPDATE client SET calls = ? WHERE client_id = ?",
	[SELECT_PATH] = "SELECT path FROM path WHERE path_id = ?",
	[SELECT_PAYLOAD] = "SELECT length, data FROM payload WHERE payload_id = ?",
};

int trace_statement(struct trace *trace, enum trace_statement which, sqlite3_stmt **ret)
{
	sqlite3_stmt **stmt = &trace->writer->statements[which];

	if (*stmt) {
		sqlite3_reset(*stmt);
	} else {
		int rc = sqlite3_prepare_v3(trace->db, statements[which], -1,
					    SQLITE_PREPARE_PERSISTENT, stmt, NULL);

		if (rc != SQLITE_OK)
			return trace_sql_failed(trace, rc);
	}
	*ret = *stmt;
	return 0;
}

static void bind_next(sqlite3_stmt *stmt, int i, char format, va_list *args)
{
	const char *text;
	int64_t value;

	switch (format) {
	case 'd':
		sqlite3_bind_double(stmt, i, va_arg(*args, double));
		break;
	case 't':
		text = va_arg(*args, const char *);
		if (text)
			sqlite3_bind_text(stmt, i, text, -1, SQLITE_TRANSIENT);
		else
			sqlite3_bind_null(stmt, i);
		break;
	default:
		value = va_arg(*args, int64_t);
		if (format == 'n' && !value)
			sqlite3_bind_null(stmt, i);
		else
			sqlite3_bind_int64(stmt, i, value);
	}
}

int trace_step(struct trace *trace, sqlite3_stmt *stmt, size_t n_rows)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_DONE)
		rc = trace_sql_failed(trace, rc);
	else
		rc = trace_written(trace, n_rows * ROW_BYTES);
	sqlite3_reset(stmt);
	return rc;
}

static int run(struct trace *trace, sqlite3_stmt *stmt)
{
	return trace_step(trace, stmt, 1);
}

int trace_run(struct trace *trace, enum trace_statement which, const char *formats, ...)
{
	sqlite3_stmt *stmt;
	va_list args;
	int rc = trace_statement(trace, which, &stmt);

	if (rc)
		return rc;
	va_start(args, formats);
	for (int i = 0; formats[i]; i++)
		bind_next(stmt, i + 1, formats[i], &args);
	va_end(args);
	return run(trace, stmt);
}

int64_t trace_last_id(struct trace *trace)
{
	return sqlite3_last_insert_rowid(trace->db);
}

int trace_written(struct trace *trace, size_t bytes)
{
	struct trace_writer *writer = trace->writer;
	int rc = 0;

	writer->pending += bytes;
	if (writer->pending >= BATCH_BYTES) {
		writer->pending = 0;
		rc = trace_exec(trace, "COMMIT; BEGIN");
	}
	return rc;
}

/* What is stored once. */

static void bind_or_null(sqlite3_stmt *stmt, int i, int64_t value)
{
	if (value)
		sqlite3_bind_int64(stmt, i, value);
}

static int find_shape(struct trace *trace, const struct trace_call *call, uint32_t n_kept,
		      int64_t *ret_id)
{
	struct shape_key key = {call->kind,    call->side,    call->fn,
				call->process, call->n_parms, {0}};
	sqlite3_stmt *stmt;
	int rc;

	for (uint32_t i = 0; i < n_kept; i++)
		key.types[i] = call->parms[i].type;
	rc = keys_find(&trace->writer->shapes, &key, sizeof(key), ret_id);
	if (rc <= 0)
		return rc;
	rc = trace_statement(trace, INSERT_SHAPE, &stmt);
	if (rc)
		return rc;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, 1, *ret_id);
	sqlite3_bind_int64(stmt, 2, key.kind);
	sqlite3_bind_int64(stmt, 3, key.side);
	sqlite3_bind_int64(stmt, 4, key.fn);
	bind_or_null(stmt, 5, key.process);
	sqlite3_bind_int64(stmt, 6, key.n_parms);
	for (uint32_t i = 0; i < n_kept; i++)
		sqlite3_bind_int64(stmt, 7 + (int)i, key.types[i]);
	return run(trace, stmt);
}

static int find_task(struct trace *trace, uint32_t pid, uint32_t tid, const char *comm,
		     int64_t *ret_id)
{
	struct task_key key = {pid, tid, ""};
	int rc;

	if (comm)
		strncpy(key.comm, comm, sizeof(key.comm) - 1);
	rc = keys_find(&trace->writer->tasks, &key, sizeof(key), ret_id);
	if (rc <= 0)
		return rc;
	return trace_run(trace, INSERT_TASK, "iiit", *ret_id, (int64_t)pid, (int64_t)tid, key.comm);
}

struct wanted_hop {
	const struct trace_writer *writer;
	const char *name;
	enum trace_side side;
};

static int same_hop(void *context, int64_t id)
{
	const struct wanted_hop *wanted = context;
	const struct hop_state *hop = &wanted->writer->hops[id - 1];

	return hop->side == wanted->side && !strcmp(hop->name, wanted->name);
}

static int add_hop(struct trace *trace, const struct wanted_hop *wanted, uint64_t hash,
		   int64_t *ret_id)
{
	struct trace_writer *writer = trace->writer;
	struct hop_state *hops = reallocarray(writer->hops, writer->n_hops + 1, sizeof(*hops));
	char *name = strdup(wanted->name);
	int rc;

	if (hops)
		writer->hops = hops;
	if (!hops || !name) {
		free(name);
		return -ENOMEM;
	}
	hops[writer->n_hops++] = (struct hop_state){.name = name, .side = wanted->side};
	*ret_id = (int64_t)writer->n_hops;
	rc = intern_add(&writer->hop_names, hash, *ret_id);
	if (rc)
		return rc;
	return trace_run(trace, INSERT_HOP, "iit", *ret_id, (int64_t)wanted->side, name);
}

static int find_hop(struct trace *trace, enum trace_side side, const char *name, int64_t *ret_id)
{
	struct wanted_hop wanted = {trace->writer, name, side};
	uint64_t hash = intern_hash(name, strlen(name)) + side;
	int rc = intern_find(&trace->writer->hop_names, hash, same_hop, &wanted, ret_id);

	if (!rc)
		return add_hop(trace, &wanted, hash, ret_id);
	return rc < 0 ? rc : 0;
}

/* Calls. */

static bool is_integer(uint32_t type)
{
	return type == 1 || type == 2; /* VBOX_HGCM_SVC_PARM_32BIT, _64BIT */
}

static void bind_parm(sqlite3_stmt *stmt, int i, const struct trace_parm *parm, bool ended)
{
	if (is_integer(parm->type)) {
		sqlite3_bind_int64(stmt, i, (int64_t)parm->in);
		if (ended && parm->out != parm->in)
			sqlite3_bind_int64(stmt, i + 1, (int64_t)parm->out);
		return;
	}
	sqlite3_bind_int64(stmt, i, parm->size);
	if (parm->payload_out)
		sqlite3_bind_int64(stmt, i + 1, parm->payload_out);
	if (parm->payload_in)
		sqlite3_bind_int64(stmt, i + 2, parm->payload_in);
}

static int64_t stored_flags(const struct trace_call *call, const struct derived *derived)
{
	uint32_t flags = call->flags & TRACE_F_ALL & ~TRACE_F_UTF16;

	if (derived->utf16)
		flags |= TRACE_F_UTF16;
	if (!call->complete || call->flags & TRACE_F_UNFINISHED)
		flags |= FLAG_NOT_COMPLETE;
	if (call->kind != TRACE_CALL)
		flags |= FLAG_CONTROL;
	return flags;
}

static int insert_call(struct trace *trace, const struct trace_call *call, int64_t shape_id,
		       int64_t task_id, const struct derived *derived, uint32_t n_kept)
{
	bool ended = !(call->flags & TRACE_F_UNFINISHED);
	sqlite3_stmt *stmt;
	int rc = trace_statement(trace, INSERT_CALL, &stmt);

	if (rc)
		return rc;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, 1, call->call_id);
	sqlite3_bind_int64(stmt, 2, shape_id);
	sqlite3_bind_int64(stmt, 3, call->client);
	sqlite3_bind_int64(stmt, 4, ended ? call->status : 0);
	sqlite3_bind_int64(stmt, 5, stored_flags(call, derived));
	sqlite3_bind_int64(stmt, 6, call->start_ns);
	if (ended)
		sqlite3_bind_int64(stmt, 7, call->end_ns - call->start_ns);
	bind_or_null(stmt, 8, call->guest_start_ns);
	if (call->guest_end_ns)
		sqlite3_bind_int64(stmt, 9, call->guest_end_ns - call->guest_start_ns);
	sqlite3_bind_int64(stmt, 10, task_id);
	bind_or_null(stmt, 11, call->op_id);
	bind_or_null(stmt, 12, derived->share_id);
	bind_or_null(stmt, 13, derived->path_id);
	for (uint32_t i = 0; i < n_kept && i < PARMS_IN_CALL; i++)
		bind_parm(stmt, 14 + 3 * (int)i, &call->parms[i], ended);
	return run(trace, stmt);
}

static int insert_call_more(struct trace *trace, const struct trace_call *call, uint32_t n_kept)
{
	bool ended = !(call->flags & TRACE_F_UNFINISHED);
	sqlite3_stmt *stmt;
	int rc;

	if (n_kept <= PARMS_IN_CALL)
		return 0;
	rc = trace_statement(trace, INSERT_CALL_MORE, &stmt);
	if (rc)
		return rc;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, 1, call->call_id);
	for (uint32_t i = PARMS_IN_CALL; i < n_kept; i++)
		bind_parm(stmt, 2 + 3 * (int)(i - PARMS_IN_CALL), &call->parms[i], ended);
	return run(trace, stmt);
}

static int insert_guest_status(struct trace *trace, const struct trace_call *call)
{
	if (!call->guest_end_ns || call->guest_status == call->status)
		return 0;
	return trace_run(trace, INSERT_GUEST_STATUS, "ii", call->call_id,
			 (int64_t)call->guest_status);
}

static int insert_span(struct trace *trace, const struct trace_call *call, size_t i,
		       const struct trace_span *span, int64_t hop_id)
{
	struct span_row row = {
		.call_id = call->call_id,
		.idx = (int64_t)i,
		.hop_id = hop_id,
		.depth = span->depth,
		.parent = span->parent,
		.enter_ns = span->enter_ns - call->start_ns,
		.left = span->exit_ns != 0,
		.duration_ns = span->exit_ns - span->enter_ns,
		.ret = span->ret,
	};
	int rc = span_rows_add(trace, &row);

	if (!rc && span->n > 1)
		rc = trace_run(trace, INSERT_SPAN_MERGED, "iiii", call->call_id, (int64_t)i,
			       (int64_t)span->n, span->busy_ns);
	return rc;
}

static int64_t span_busy(const struct trace_span *span)
{
	if (span->n > 1)
		return span->busy_ns;
	return span->exit_ns ? span->exit_ns - span->enter_ns : 0;
}

/*
 * What a span spent itself. A hop around several calls is in all of them and
 * left in the last one: in the others it counts less than nothing.
 */
static int64_t span_self(const struct trace_span *spans, size_t n_spans, size_t i)
{
	uint64_t self = (uint64_t)span_busy(&spans[i]);

	for (size_t k = i + 1; k < n_spans; k++)
		if (spans[k].parent == (int)i)
			self -= (uint64_t)span_busy(&spans[k]);
	return (int64_t)self;
}

/* Times from a hostile guest may be absurd. */
static int64_t wrapping_sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int summarise_span(struct trace *trace, const struct trace_span *spans, size_t n_spans,
			  size_t i, const int64_t *hop_ids)
{
	struct hop_state *hop = &trace->writer->hops[hop_ids[i] - 1];

	hop->self_ns = wrapping_sum(hop->self_ns, span_self(spans, n_spans, i));
	if (!spans[i].exit_ns)
		return 0;
	hop->errors += spans[i].ret < 0 && spans[i].ret != VERR_NO_MORE_FILES;
	hop->depths += spans[i].depth;
	hop_count_caller(hop, spans[i].parent < 0 ? 0 : hop_ids[spans[i].parent]);
	return latency_add(&hop->busy, span_busy(&spans[i]));
}

static void note_time(struct trace_writer *writer, int64_t ns)
{
	if (ns && ns < writer->first_ns)
		writer->first_ns = ns;
	if (ns > writer->last_ns)
		writer->last_ns = ns;
}

static int add_spans(struct trace *trace, const struct trace_call *call,
		     const struct trace_span *spans, size_t n_spans)
{
	int64_t hop_ids[MAX_SPANS];

	for (size_t i = 0; i < n_spans; i++) {
		int rc = find_hop(trace, spans[i].side, spans[i].hop, &hop_ids[i]);

		if (!rc)
			rc = insert_span(trace, call, i, &spans[i], hop_ids[i]);
		if (!rc)
			trace->writer->hops[hop_ids[i] - 1].n_spans++;
		if (!rc && !(call->flags & TRACE_F_UNFINISHED))
			rc = summarise_span(trace, spans, n_spans, i, hop_ids);
		if (rc)
			return rc;
		note_time(trace->writer, spans[i].enter_ns);
		note_time(trace->writer, spans[i].exit_ns);
	}
	return 0;
}

static int summarise_call(struct trace_writer *writer, const struct trace_call *call)
{
	struct function_state *function;

	note_time(writer, call->start_ns);
	note_time(writer, call->end_ns);
	if (call->flags & TRACE_F_UNFINISHED)
		return 0;
	writer->n_damaged += !call->complete;
	if (call->kind != TRACE_CALL || call->fn >= MAX_FUNCTIONS)
		return 0;
	function = &writer->functions[call->fn];
	function->errors += trace_call_failed(call);
	return latency_add(&function->latency, call->end_ns - call->start_ns);
}

/* Differences and sums of a few of these do not overflow. */
static bool is_time(int64_t ns)
{
	return ns > -INT64_MAX / 4 && ns < INT64_MAX / 4;
}

static bool are_times(const struct trace_call *call, const struct trace_span *spans, size_t n_spans)
{
	for (size_t i = 0; i < n_spans; i++)
		if (!is_time(spans[i].enter_ns) || !is_time(spans[i].exit_ns) ||
		    !is_time(spans[i].busy_ns))
			return false;
	return is_time(call->start_ns) && is_time(call->end_ns) && is_time(call->guest_start_ns) &&
	       is_time(call->guest_end_ns);
}

static int check_call(struct trace *trace, const struct trace_call *call,
		      const struct trace_span *spans, size_t n_spans)
{
	if (!trace->writer || trace->writer->finished)
		return trace_fail(trace, -EINVAL, "the trace is not being written");
	if (call->call_id <= trace->writer->last_call_id)
		return trace_fail(trace, -EINVAL, "call %" PRId64 " comes after call %" PRId64,
				  call->call_id, trace->writer->last_call_id);
	if (call->kind < TRACE_CALL || call->kind > TRACE_DISCONNECT)
		return trace_fail(trace, -EINVAL, "call %" PRId64 " is of no kind", call->call_id);
	if (call->side < TRACE_SIDE_GUEST || call->side > TRACE_SIDE_BOTH)
		return trace_fail(trace, -EINVAL, "call %" PRId64 " is of no side", call->call_id);
	if (n_spans > MAX_SPANS)
		return trace_fail(trace, -EINVAL, "call %" PRId64 " has too many spans",
				  call->call_id);
	if (!are_times(call, spans, n_spans))
		return trace_fail(trace, -EINVAL, "call %" PRId64 " has an impossible time",
				  call->call_id);
	for (size_t i = 0; i < n_spans; i++)
		if (!spans[i].hop || spans[i].parent >= (int)i)
			return trace_fail(trace, -EINVAL, "call %" PRId64 " has a bad span",
					  call->call_id);
	return 0;
}

int trace_add_call(struct trace *trace, const struct trace_call *call,
		   const struct trace_span *spans, size_t n_spans)
{
	uint32_t n_kept = call->n_parms < SHFL_MAX_PARMS ? call->n_parms : SHFL_MAX_PARMS;
	struct derived derived = {0};
	int64_t shape_id, task_id;
	int rc = check_call(trace, call, spans, n_spans);

	if (!rc)
		rc = find_shape(trace, call, n_kept, &shape_id);
	if (!rc)
		rc = find_task(trace, call->pid, call->tid, call->comm, &task_id);
	if (!rc)
		rc = derive_event(trace, trace->writer->derive, call, &derived);
	if (!rc)
		rc = insert_call(trace, call, shape_id, task_id, &derived, n_kept);
	if (!rc)
		rc = insert_call_more(trace, call, n_kept);
	if (!rc)
		rc = insert_guest_status(trace, call);
	if (!rc)
		rc = add_spans(trace, call, spans, n_spans);
	if (!rc)
		rc = summary_add(&trace->writer->summary, call, shape_id, &derived);
	if (!rc)
		rc = summarise_call(trace->writer, call);
	if (!rc)
		trace->writer->last_call_id = call->call_id;
	return rc;
}

int trace_add_op(struct trace *trace, const struct trace_op *op)
{
	int64_t hop_id, task_id, path_id = 0;
	sqlite3_stmt *stmt;
	int rc = find_hop(trace, TRACE_SIDE_GUEST, op->name, &hop_id);

	if (!rc)
		rc = find_task(trace, op->pid, op->tid, op->comm, &task_id);
	if (!rc && op->path)
		rc = trace_intern_path(trace, op->path, &path_id);
	if (!rc)
		rc = trace_statement(trace, INSERT_OP, &stmt);
	if (rc)
		return rc;
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_int64(stmt, 1, op->op_id);
	sqlite3_bind_int64(stmt, 2, hop_id);
	sqlite3_bind_int64(stmt, 3, op->start_ns);
	if (op->end_ns)
		sqlite3_bind_int64(stmt, 4, op->end_ns - op->start_ns);
	sqlite3_bind_int64(stmt, 5, op->ret);
	sqlite3_bind_int64(stmt, 6, task_id);
	sqlite3_bind_int64(stmt, 7, op->n_calls);
	bind_or_null(stmt, 8, path_id);
	note_time(trace->writer, op->start_ns);
	note_time(trace->writer, op->end_ns);
	return run(trace, stmt);
}

int trace_set_meta(struct trace *trace, const char *key, const char *value)
{
	return trace_run(trace, INSERT_META, "tt", key, value);
}

int trace_add_loss_after(struct trace *trace, enum trace_side side, const char *hop,
			 const char *reason, int64_t n, int64_t after)
{
	if (n <= 0)
		return 0;
	trace->writer->n_lost += n;
	return trace_run(trace, INSERT_LOSS, "ittin", (int64_t)side, hop, reason, n, after);
}

int trace_add_loss(struct trace *trace, enum trace_side side, const char *hop, const char *reason,
		   int64_t n)
{
	return trace_add_loss_after(trace, side, hop, reason, n, 0);
}

int trace_set_clock(struct trace *trace, const struct trace_clock *clock)
{
	return trace_run(trace, INSERT_CLOCK, "iiiiiiiiii", (int64_t)clock->side, clock->from_ns,
			 clock->offset_ns, clock->drift_ppb, clock->base_ns, clock->error_ns,
			 clock->fitted, clock->checked, clock->violations, clock->worst_ns);
}

void trace_writer_free(struct trace *trace)
{
	struct trace_writer *writer = trace->writer;

	for (size_t i = 0; i < N_TRACE_STATEMENTS; i++)
		sqlite3_finalize(writer->statements[i]);
	for (size_t i = 0; i < writer->n_hops; i++) {
		free(writer->hops[i].name);
		latency_free(&writer->hops[i].busy);
	}
	for (size_t i = 0; i < MAX_FUNCTIONS; i++)
		latency_free(&writer->functions[i].latency);
	free(writer->hops);
	intern_free(&writer->hop_names);
	intern_free(&writer->payloads);
	intern_free(&writer->paths);
	keys_free(&writer->shapes);
	keys_free(&writer->tasks);
	summary_free(&writer->summary);
	derive_free(writer->derive);
	free(writer);
	trace->writer = NULL;
}
