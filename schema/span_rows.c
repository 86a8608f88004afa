/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spans are most of a trace's rows: they are inserted many at a time, which
 * takes two thirds of the time.
 */
#include "trace_write.h"

#define COLUMNS 8

static void bind_row(sqlite3_stmt *stmt, int at, const struct span_row *row)
{
	sqlite3_bind_int64(stmt, at, row->call_id);
	sqlite3_bind_int64(stmt, at + 1, row->idx);
	sqlite3_bind_int64(stmt, at + 2, row->hop_id);
	sqlite3_bind_int64(stmt, at + 3, row->depth);
	if (row->parent >= 0)
		sqlite3_bind_int64(stmt, at + 4, row->parent);
	else
		sqlite3_bind_null(stmt, at + 4);
	sqlite3_bind_int64(stmt, at + 5, row->enter_ns);
	if (row->left)
		sqlite3_bind_int64(stmt, at + 6, row->duration_ns);
	else
		sqlite3_bind_null(stmt, at + 6);
	sqlite3_bind_int64(stmt, at + 7, row->ret);
}

/* Inserts N rows with a statement for just so many. */
static int insert(struct trace *trace, enum trace_statement which, const struct span_row *rows,
		  size_t n)
{
	sqlite3_stmt *stmt;
	int rc = trace_statement(trace, which, &stmt);

	for (size_t i = 0; !rc && i < n; i++)
		bind_row(stmt, 1 + COLUMNS * (int)i, &rows[i]);
	return rc ? rc : trace_step(trace, stmt, n);
}

int span_rows_flush(struct trace *trace)
{
	struct trace_writer *writer = trace->writer;
	size_t n = writer->n_span_rows;
	int rc = 0;

	writer->n_span_rows = 0;
	if (n == SPAN_ROWS)
		return insert(trace, INSERT_SPANS, writer->span_rows, n);
	for (size_t i = 0; !rc && i < n; i++)
		rc = insert(trace, INSERT_SPAN, &writer->span_rows[i], 1);
	return rc;
}

int span_rows_add(struct trace *trace, const struct span_row *row)
{
	struct trace_writer *writer = trace->writer;

	writer->span_rows[writer->n_span_rows++] = *row;
	return writer->n_span_rows == SPAN_ROWS ? span_rows_flush(trace) : 0;
}
