/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the views of the trace, once, when there is something to tell. */
#include "history.h"

#include <errno.h>

#define HISTORY_COLUMNS "call_id, fn_name, share, path, status_name, handle, offset, count_in"

static const char history_find_sql[] =
	"SELECT " HISTORY_COLUMNS " FROM calls WHERE call_id = ?1"
	" UNION ALL SELECT call_id, event, share, path, status_name, NULL, NULL, NULL"
	" FROM control WHERE call_id = ?1";

static const char history_before_sql[] =
	"SELECT * FROM (SELECT " HISTORY_COLUMNS " FROM calls AS c,"
	" (SELECT share AS its_share, path AS its_path, handle AS its_handle, client AS its_client,"
	"  process AS its_process FROM calls WHERE call_id = ?1)"
	" WHERE call_id < ?1 AND process IS its_process AND CASE WHEN its_path IS NULL"
	"  THEN client = its_client AND handle = its_handle AND handle NOT IN (0, -1)"
	"  ELSE path = its_path AND share IS its_share END"
	" ORDER BY call_id DESC LIMIT ?2) ORDER BY 1";

static const char *history_text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

static int64_t history_number(sqlite3_stmt *statement, int column, int64_t otherwise)
{
	if (sqlite3_column_type(statement, column) != SQLITE_INTEGER)
		return otherwise;
	return sqlite3_column_int64(statement, column);
}

static void history_row(sqlite3_stmt *statement, history_visit *visit, void *user)
{
	struct history_call call = {
		.call_id = sqlite3_column_int64(statement, 0),
		.function = history_text(statement, 1),
		.share = history_text(statement, 2),
		.path = history_text(statement, 3),
		.status = history_text(statement, 4),
		.handle = history_number(statement, 5, 0),
		.offset = history_number(statement, 6, -1),
		.count = history_number(statement, 7, -1),
	};

	visit(user, &call);
}

static int history_query(struct trace *trace, const char *sql, int64_t call_id, int n,
			 history_visit *visit, void *user)
{
	sqlite3_stmt *statement;
	int rows = 0, status;

	if (sqlite3_prepare_v2(trace_db(trace), sql, -1, &statement, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_bind_int64(statement, 1, call_id);
	if (sqlite3_bind_parameter_count(statement) > 1)
		sqlite3_bind_int(statement, 2, n);
	while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
		history_row(statement, visit, user);
		rows++;
	}
	sqlite3_finalize(statement);
	if (status != SQLITE_DONE)
		return -EIO;
	return rows ? 0 : -ENOENT;
}

int history_find(struct trace *trace, int64_t call_id, history_visit *visit, void *user)
{
	return history_query(trace, history_find_sql, call_id, 1, visit, user);
}

int history_before(struct trace *trace, int64_t call_id, int n, history_visit *visit, void *user)
{
	int ret = history_query(trace, history_before_sql, call_id, n, visit, user);

	return ret == -ENOENT ? 0 : ret;
}
