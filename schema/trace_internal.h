/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the trace library share. */
#ifndef TRACE_INTERNAL_H
#define TRACE_INTERNAL_H

#include "intern.h"
#include "trace.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define PARMS_IN_CALL 5 /* of the columns of table call; the others are in call_more */
#define TRACE_F_ALL 0x3f
#define FLAG_NOT_COMPLETE 0x80 /* in the column beside TRACE_F_* */
#define FLAG_CONTROL 0x100 /* likewise: no call of a guest */

struct trace_writer;

struct trace {
	sqlite3 *db;
	char *error; /* the last one, in words */
	struct trace_writer *writer; /* NULL: opened for reading */
	sqlite3_stmt *get_payload; /* prepared when it is first used */
	char *file; /* absolute; NULL: opened for writing */
	void *unpacked; /* the database, mapped; NULL: the file itself is one */
	size_t unpacked_bytes;
	int unpacked_fd; /* if there is ->unpacked */
};

/* SQL embedded from the files of the same names. */
extern const char trace_trace_sql[];
extern const char trace_views_sql[];
extern const char trace_indexes_sql[];

/* Takes over what SQLite says about its last failure; returns it as negative errno. */
int trace_sql_failed(struct trace *trace, int sqlite_rc);

/* Keeps a message for trace_error and returns errno_. */
int trace_fail(struct trace *trace, int errno_, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

int trace_exec(struct trace *trace, const char *sql);

/* Sets *ret_message, if that is wanted, to a malloc'd message. Returns errno_. */
int trace_message(char **ret_message, int errno_, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Statements of a writer; prepared when they are first used. */
enum trace_statement {
	INSERT_META,
	INSERT_FUNCTION,
	INSERT_PARAMETER,
	INSERT_STATUS,
	INSERT_CREATE_RESULT,
	INSERT_SHAPE,
	INSERT_TASK,
	INSERT_HOP,
	INSERT_PATH,
	INSERT_PAYLOAD,
	INSERT_CALL,
	INSERT_CALL_MORE,
	INSERT_GUEST_STATUS,
	INSERT_SPAN,
	INSERT_SPANS, /* SPAN_ROWS of them */
	INSERT_SPAN_MERGED,
	INSERT_OP,
	INSERT_OPENED,
	CLOSE_OPENED,
	INSERT_SHARE,
	UPDATE_SHARE_ADDED,
	UPDATE_SHARE_ROOT,
	UPDATE_SHARE_REMOVED,
	INSERT_CLIENT,
	UPDATE_CLIENT_GONE,
	UPDATE_CLIENT_UTF8,
	INSERT_LOSS,
	INSERT_CLOCK,
	INSERT_HOP_SUMMARY,
	INSERT_FUNCTION_SUMMARY,
	INSERT_FILE_SUMMARY,
	INSERT_SLOW_CALL,
	UPDATE_SHAPE_CALLS,
	UPDATE_HOP_SPANS,
	UPDATE_SHARE_CALLS,
	UPDATE_CLIENT_CALLS,
	SELECT_PATH,
	SELECT_PAYLOAD,
	N_TRACE_STATEMENTS
};

/* The statement, reset and without bindings, in *ret. */
int trace_statement(struct trace *trace, enum trace_statement which, sqlite3_stmt **ret);

/*
 * Binds and runs a statement without result rows. formats: a letter for each
 * value: i int64_t, n int64_t where 0 stands for NULL, t const char * (may be
 * NULL), d double.
 */
int trace_run(struct trace *trace, enum trace_statement which, const char *formats, ...);

/* Runs a statement that inserts N_ROWS, and resets it. */
int trace_step(struct trace *trace, sqlite3_stmt *stmt, size_t n_rows);

/* The id of the row that was inserted last. */
int64_t trace_last_id(struct trace *trace);

/* Counts BYTES written; commits when a batch is full. */
int trace_written(struct trace *trace, size_t bytes);

/*
 * The captured bytes of a payload that this writer stored; valid until the next
 * call. *ret_data is NULL for id 0.
 */
int trace_peek_payload(struct trace *trace, int64_t payload_id, const void **ret_data,
		       uint32_t *ret_captured);

/* What is known of clients, roots, handles and paths while calls come in. */
struct derive;
struct derived {
	int64_t share_id; /* 0: none */
	int64_t path_id; /* 0: none */
	bool utf16;
	bool opened; /* the call opened a handle */
};
struct derive *derive_new(void);
void derive_free(struct derive *derive);

/* Learns from an event, which is written next, and says what belongs to it. */
int derive_event(struct trace *trace, struct derive *derive, const struct trace_call *call,
		 struct derived *ret);

/* Writes how many calls each client and each share had. */
int derive_finish(struct trace *trace, struct derive *derive);

/* The path's id; the same for equal paths. */
int trace_intern_path(struct trace *trace, const char *path, int64_t *ret_path_id);

void trace_writer_free(struct trace *trace);

#endif
