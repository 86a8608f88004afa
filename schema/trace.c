/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reading and writing of traces have in common: errors and closing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace_write.h"

static const struct {
	int sqlite;
	int errno_;
} error_numbers[] = {
	{SQLITE_NOMEM, -ENOMEM},      {SQLITE_CORRUPT, -EUCLEAN}, {SQLITE_NOTADB, -EUCLEAN},
	{SQLITE_FULL, -ENOSPC},	      {SQLITE_IOERR, -EIO},	  {SQLITE_BUSY, -EBUSY},
	{SQLITE_LOCKED, -EBUSY},      {SQLITE_PERM, -EACCES},	  {SQLITE_READONLY, -EROFS},
	{SQLITE_CANTOPEN, -EACCES},   {SQLITE_TOOBIG, -EFBIG},	  {SQLITE_ERROR, -EUCLEAN},
	{SQLITE_CONSTRAINT, -EEXIST}, {SQLITE_SCHEMA, -EUCLEAN},
};

static int errno_of(int sqlite_rc)
{
	for (size_t i = 0; i < COUNT_OF(error_numbers); i++)
		if (error_numbers[i].sqlite == (sqlite_rc & 0xff))
			return error_numbers[i].errno_;
	return -EIO;
}

int trace_fail(struct trace *trace, int errno_, const char *format, ...)
{
	va_list args;

	free(trace->error);
	va_start(args, format);
	if (vasprintf(&trace->error, format, args) < 0)
		trace->error = NULL;
	va_end(args);
	return errno_;
}

int trace_sql_failed(struct trace *trace, int sqlite_rc)
{
	return trace_fail(trace, errno_of(sqlite_rc), "%s", sqlite3_errmsg(trace->db));
}

int trace_message(char **ret_message, int errno_, const char *format, ...)
{
	va_list args;

	if (!ret_message)
		return errno_;
	va_start(args, format);
	if (vasprintf(ret_message, format, args) < 0)
		*ret_message = NULL;
	va_end(args);
	return errno_;
}

const char *trace_error(const struct trace *trace)
{
	return trace->error ? trace->error : "no error";
}

int trace_exec(struct trace *trace, const char *sql)
{
	int rc = sqlite3_exec(trace->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : trace_sql_failed(trace, rc);
}

bool trace_call_failed(const struct trace_call *call)
{
	return call->status < 0 && !(call->flags & TRACE_F_UNFINISHED) &&
	       !(call->kind == TRACE_CALL && call->fn == SHFL_FN_LIST &&
		 call->status == VERR_NO_MORE_FILES);
}

sqlite3 *trace_db(struct trace *trace)
{
	return trace->db;
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	if (trace->writer) {
		if (trace->db)
			span_rows_flush(trace);
		trace_writer_free(trace);
		if (trace->db && !sqlite3_get_autocommit(trace->db))
			trace_exec(trace, "COMMIT");
	}
	sqlite3_finalize(trace->get_payload);
	sqlite3_close_v2(trace->db);
	if (trace->unpacked) {
		munmap(trace->unpacked, trace->unpacked_bytes);
		close(trace->unpacked_fd);
	}
	free(trace->file);
	free(trace->error);
	free(trace);
}
