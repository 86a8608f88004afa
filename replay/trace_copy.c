/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads through the library's cursor, and rows that it has no function for from the tables. */
#include "trace_copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "map.h"

#define COPY_MAX_SPANS 256 /* of a call, as the library has it */

struct copy {
	struct trace *from, *to;
	const struct copy_hooks *hooks;
	sqlite3_stmt *spans;
	struct map payloads; /* their ids in the copy; unused if they are changed */
	struct map ops; /* that copied calls belong to */
	char **message;
};

static int copy_fail(struct copy *copy, int errno_, const char *what, const char *why)
{
	if (!*copy->message && asprintf(copy->message, "%s: %s", what, why) < 0)
		*copy->message = NULL;
	return errno_;
}

static int copy_unreadable(struct copy *copy, int errno_)
{
	return copy_fail(copy, errno_, "cannot read the trace", trace_error(copy->from));
}

static int copy_damaged(struct copy *copy, const char *what)
{
	return copy_fail(copy, -EUCLEAN, "the trace is damaged", what);
}

/* Passes on what a function of the trace that is written has returned. */
static int copy_wrote(struct copy *copy, int ret)
{
	return ret ? copy_fail(copy, ret, "cannot write", trace_error(copy->to)) : 0;
}

static int copy_prepare(struct copy *copy, const char *sql, sqlite3_stmt **ret)
{
	int rc = sqlite3_prepare_v2(trace_db(copy->from), sql, -1, ret, NULL);

	return rc == SQLITE_OK ? 0 : copy_damaged(copy, sqlite3_errmsg(trace_db(copy->from)));
}

/* Steps to the next row: 1, 0 at the end, or negative errno. */
static int copy_step(struct copy *copy, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return copy_damaged(copy, sqlite3_errmsg(trace_db(copy->from)));
}

static const char *column_text(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "";
}

/* Payload. */

static int copy_one_payload(struct copy *copy, const struct copy_payload *of, int64_t *id)
{
	struct payload payload;
	int ret = payload_read(copy->from, *id, &payload);

	if (ret < 0)
		return copy_unreadable(copy, ret);
	if (copy->hooks->payload)
		ret = copy->hooks->payload(copy->hooks->user, of, &payload);
	if (!ret)
		ret = copy_wrote(copy, trace_add_payload(copy->to, payload.data, payload.captured,
							 payload.length, id));
	payload_clear(&payload);
	return ret;
}

/* Gives *id, a payload's in the trace, the value that it has in the copy. */
static int copy_payload(struct copy *copy, const struct copy_payload *of, int64_t *id)
{
	uint64_t key = (uint64_t)*id;
	void *known = map_get(&copy->payloads, key);
	int ret;

	if (!*id)
		return 0;
	if (known) {
		*id = (int64_t)(intptr_t)known;
		return 0;
	}
	ret = copy_one_payload(copy, of, id);
	if (!ret && !copy->hooks->payload)
		ret = map_put(&copy->payloads, key, (void *)(intptr_t)*id);
	return ret;
}

static int copy_payloads(struct copy *copy, struct trace_call *call)
{
	const struct trace_call before = *call;
	unsigned n = call->n_parms < SHFL_MAX_PARMS ? call->n_parms : SHFL_MAX_PARMS;
	int ret = 0;

	for (unsigned i = 0; !ret && i < n; i++) {
		struct copy_payload of = {&before, i, false, &call->flags};

		ret = copy_payload(copy, &of, &call->parms[i].payload_in);
		of.out = true;
		if (!ret)
			ret = copy_payload(copy, &of, &call->parms[i].payload_out);
	}
	return ret;
}

/* Spans. */

static const char spans_sql[] =
	"SELECT h.name, h.side, s.depth, s.parent, s.enter_ns, s.duration_ns, s.ret, m.n, m.busy_ns"
	" FROM span AS s JOIN hop AS h ON h.hop_id = s.hop_id"
	" LEFT JOIN span_merged AS m ON m.call_id = s.call_id AND m.idx = s.idx"
	" WHERE s.call_id = ? ORDER BY s.idx";

static bool is_null(sqlite3_stmt *stmt, int column)
{
	return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

/* Times of a damaged trace may be anything: sums wrap, the library refuses the outcome. */
static int64_t sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* The hop's name is the caller's to free. */
static int span_read(sqlite3_stmt *stmt, const struct trace_call *call, struct trace_span *ret)
{
	int64_t side = sqlite3_column_int64(stmt, 1);

	if (side != TRACE_SIDE_GUEST && side != TRACE_SIDE_HOST)
		return -EUCLEAN;
	*ret = (struct trace_span){
		.side = (enum trace_side)side,
		.depth = (uint8_t)sqlite3_column_int64(stmt, 2),
		.parent = is_null(stmt, 3) ? -1 : sqlite3_column_int(stmt, 3),
		.n = is_null(stmt, 7) ? 1 : (uint32_t)sqlite3_column_int64(stmt, 7),
		.enter_ns = sum(call->start_ns, sqlite3_column_int64(stmt, 4)),
		.busy_ns = sqlite3_column_int64(stmt, 8),
		.ret = sqlite3_column_int64(stmt, 6),
	};
	if (!is_null(stmt, 5))
		ret->exit_ns = sum(ret->enter_ns, sqlite3_column_int64(stmt, 5));
	if (ret->parent < -1)
		return -EUCLEAN;
	ret->hop = strdup(column_text(stmt, 0));
	return ret->hop ? 0 : -ENOMEM;
}

static int copy_read_spans(struct copy *copy, const struct trace_call *call,
			   struct trace_span *spans, size_t *n)
{
	int ret;

	sqlite3_reset(copy->spans);
	sqlite3_bind_int64(copy->spans, 1, call->call_id);
	while ((ret = copy_step(copy, copy->spans)) == 1) {
		if (*n == COPY_MAX_SPANS)
			return copy_damaged(copy, "a call has too many spans");
		ret = span_read(copy->spans, call, &spans[*n]);
		if (ret < 0)
			return copy_damaged(copy, "a span makes no sense");
		(*n)++;
	}
	return ret;
}

static int copy_call(struct copy *copy, struct trace_call *call)
{
	struct trace_span spans[COPY_MAX_SPANS];
	const struct copy_hooks *hooks = copy->hooks;
	size_t n = 0;
	int ret = copy_read_spans(copy, call, spans, &n);

	if (!ret)
		ret = copy_payloads(copy, call);
	if (hooks->comm)
		snprintf(call->comm, sizeof(call->comm), "%s",
			 hooks->comm(hooks->user, call->comm));
	if (!ret)
		ret = copy_wrote(copy, trace_add_call(copy->to, call, spans, n));
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)spans[i].hop);
	if (!ret && call->op_id)
		ret = map_put(&copy->ops, (uint64_t)call->op_id, copy);
	return ret;
}

static int copy_calls(struct copy *copy)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	int ret = copy_prepare(copy, spans_sql, &copy->spans);

	if (ret)
		return ret;
	ret = trace_events(copy->from, &cursor);
	if (ret)
		return copy_unreadable(copy, ret);
	while ((ret = trace_next(cursor, &call)) == 1) {
		if (copy->hooks->wants && !copy->hooks->wants(copy->hooks->user, &call))
			continue;
		ret = copy_call(copy, &call);
		if (ret)
			break;
	}
	trace_cursor_close(cursor);
	return ret < 0 ? copy_unreadable(copy, ret) : 0;
}

/* The rest. */

/* The library checks the times of calls itself. */
static bool is_time(int64_t ns)
{
	return ns > -INT64_MAX / 4 && ns < INT64_MAX / 4;
}

static int copy_op(struct copy *copy, sqlite3_stmt *stmt)
{
	const struct copy_hooks *hooks = copy->hooks;
	struct trace_op op = {
		.op_id = sqlite3_column_int64(stmt, 0),
		.name = column_text(stmt, 1),
		.start_ns = sqlite3_column_int64(stmt, 2),
		.ret = sqlite3_column_int64(stmt, 4),
		.pid = (uint32_t)sqlite3_column_int64(stmt, 5),
		.tid = (uint32_t)sqlite3_column_int64(stmt, 6),
		.comm = column_text(stmt, 7),
		.n_calls = (uint32_t)sqlite3_column_int64(stmt, 8),
	};

	if (!map_get(&copy->ops, (uint64_t)op.op_id))
		return 0;
	if (!is_time(op.start_ns) || !is_time(sqlite3_column_int64(stmt, 3)))
		return copy_damaged(copy, "an operation has an impossible time");
	if (!is_null(stmt, 3))
		op.end_ns = sum(op.start_ns, sqlite3_column_int64(stmt, 3));
	if (hooks->comm)
		op.comm = hooks->comm(hooks->user, op.comm);
	return copy_wrote(copy, trace_add_op(copy->to, &op));
}

static int copy_meta(struct copy *copy, sqlite3_stmt *stmt)
{
	static const char *const own[] = {"state", "incomplete_because", "first_ns", "last_ns"};
	const char *key = column_text(stmt, 0);

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(key, own[i]))
			return 0;
	if (copy->hooks->wants_meta && !copy->hooks->wants_meta(copy->hooks->user, key))
		return 0;
	return copy_wrote(copy, trace_set_meta(copy->to, key, column_text(stmt, 1)));
}

static int copy_loss(struct copy *copy, sqlite3_stmt *stmt)
{
	int64_t side = sqlite3_column_int64(stmt, 0);
	const char *hop = (const char *)sqlite3_column_text(stmt, 1);

	if (side < TRACE_SIDE_GUEST || side > TRACE_SIDE_BOTH)
		return copy_damaged(copy, "a loss is of no side");
	return copy_wrote(copy,
			  trace_add_loss_after(copy->to, (enum trace_side)side, hop,
					       column_text(stmt, 2), sqlite3_column_int64(stmt, 3),
					       sqlite3_column_int64(stmt, 4)));
}

static int copy_clock(struct copy *copy, sqlite3_stmt *stmt)
{
	int64_t values[10];
	struct trace_clock clock;

	for (int i = 0; i < 10; i++)
		values[i] = sqlite3_column_int64(stmt, i);
	if (values[0] != TRACE_SIDE_GUEST && values[0] != TRACE_SIDE_HOST)
		return copy_damaged(copy, "a clock is of no side");
	clock = (struct trace_clock){
		.side = (enum trace_side)values[0],
		.offset_ns = values[1],
		.drift_ppb = values[2],
		.base_ns = values[3],
		.error_ns = values[4],
		.fitted = values[5],
		.checked = values[6],
		.violations = values[7],
		.from_ns = values[8],
		.worst_ns = values[9],
	};
	return copy_wrote(copy, trace_set_clock(copy->to, &clock));
}

static const struct {
	const char *sql;
	int (*row)(struct copy *copy, sqlite3_stmt *stmt);
} copied_rows[] = {
	{"SELECT key, value FROM meta", copy_meta},
	{"SELECT o.op_id, h.name, o.start_ns, o.duration_ns, o.ret, t.pid, t.tid, t.comm, o.n_calls"
	 " FROM op AS o JOIN hop AS h ON h.hop_id = o.hop_id"
	 " JOIN task AS t ON t.task_id = o.task_id ORDER BY o.op_id",
	 copy_op},
	{"SELECT side, hop, reason, n, after FROM loss", copy_loss},
	{"SELECT side, offset_ns, drift_ppb, base_ns, error_ns, fitted, checked, violations,"
	 " from_ns, worst_ns FROM clock_fit",
	 copy_clock},
};

static int copy_rows(struct copy *copy, size_t which)
{
	sqlite3_stmt *stmt = NULL;
	int ret = copy_prepare(copy, copied_rows[which].sql, &stmt);

	while (!ret && (ret = copy_step(copy, stmt)) == 1)
		ret = copied_rows[which].row(copy, stmt);
	sqlite3_finalize(stmt);
	return ret;
}

static int copy_all(struct copy *copy, const char *extra_key, const char *extra_value)
{
	char *why = NULL;
	int incomplete = trace_is_incomplete(copy->from, &why);
	int ret = incomplete < 0 ? copy_unreadable(copy, incomplete) : copy_calls(copy);

	for (size_t i = 0; !ret && i < sizeof(copied_rows) / sizeof(copied_rows[0]); i++)
		ret = copy_rows(copy, i);
	if (!ret && extra_key)
		ret = copy_wrote(copy, trace_set_meta(copy->to, extra_key, extra_value));
	if (!ret)
		ret = copy_wrote(copy,
				 trace_finish(copy->to,
					      incomplete ? why ? why : "so was its source" : NULL));
	free(why);
	return ret;
}

static int refuse(char **ret_message, int errno_, const char *file, const char *why)
{
	if (asprintf(ret_message, "%s %s", file, why) < 0)
		*ret_message = NULL;
	return errno_;
}

static bool is_file_of(struct trace *trace, const struct stat *st)
{
	const char *name = trace ? trace_file(trace) : NULL;
	struct stat own;

	return name && stat(name, &own) == 0 && own.st_dev == st->st_dev &&
	       own.st_ino == st->st_ino;
}

int trace_copy_make_way(struct trace *beside, const char *file, bool replace, char **ret_message)
{
	struct stat st;

	if (lstat(file, &st))
		return 0;
	if (!replace)
		return refuse(ret_message, -EEXIST, file,
			      "exists; choose another file with -o, or replace it with -f");
	if (!S_ISREG(st.st_mode) || (st.st_size && !trace_file_is_ours(file)))
		return refuse(ret_message, -EINVAL, file,
			      "is no trace (uncompressed), and -f replaces only such");
	if (is_file_of(beside, &st))
		return refuse(ret_message, -EINVAL, file, "is the trace that is read");
	if (unlink(file))
		return refuse(ret_message, -errno, file, "cannot be replaced");
	return 0;
}

int trace_copy(struct trace *from, const char *file, bool replace, const struct copy_hooks *hooks,
	       const char *extra_key, const char *extra_value, char **ret_message)
{
	struct copy copy = {.from = from, .hooks = hooks, .message = ret_message};
	int ret;

	*ret_message = NULL;
	ret = trace_copy_make_way(from, file, replace, ret_message);
	if (!ret)
		ret = trace_create(file, &copy.to, ret_message);
	if (ret)
		return ret;
	ret = copy_all(&copy, extra_key, extra_value);
	sqlite3_finalize(copy.spans);
	map_clear(&copy.payloads, NULL);
	map_clear(&copy.ops, NULL);
	trace_close(copy.to);
	if (ret)
		unlink(file);
	return ret;
}
