/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Payload and paths: stored once for equal content, told apart by comparing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace_write.h"

struct wanted_payload {
	struct trace *trace;
	const void *data;
	uint32_t captured;
	uint32_t length;
};

struct wanted_path {
	struct trace *trace;
	const char *path;
	size_t length;
};

/* Steps a SELECT of one row: 1 row, 0 none, negative errno. */
static int select_row(struct trace *trace, enum trace_statement which, int64_t id,
		      sqlite3_stmt **ret)
{
	int rc = trace_statement(trace, which, ret);

	if (rc)
		return rc;
	sqlite3_bind_int64(*ret, 1, id);
	rc = sqlite3_step(*ret);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : trace_sql_failed(trace, rc);
}

static int same_payload(void *context, int64_t id)
{
	const struct wanted_payload *wanted = context;
	sqlite3_stmt *stmt;
	int rc = select_row(wanted->trace, SELECT_PAYLOAD, id, &stmt);

	if (rc <= 0)
		return rc;
	rc = sqlite3_column_int64(stmt, 0) == wanted->length &&
	     (uint32_t)sqlite3_column_bytes(stmt, 1) == wanted->captured &&
	     (!wanted->captured ||
	      !memcmp(sqlite3_column_blob(stmt, 1), wanted->data, wanted->captured));
	sqlite3_reset(stmt);
	return rc;
}

static int insert_payload(struct trace *trace, const struct wanted_payload *wanted,
			  int64_t *ret_payload_id)
{
	sqlite3_stmt *stmt;
	int rc = trace_statement(trace, INSERT_PAYLOAD, &stmt);

	if (rc)
		return rc;
	sqlite3_bind_int64(stmt, 1, wanted->length);
	sqlite3_bind_int64(stmt, 2, (int64_t)intern_hash(wanted->data, wanted->captured));
	if (wanted->captured)
		sqlite3_bind_blob64(stmt, 3, wanted->data, wanted->captured, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(stmt, 3, 0);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_DONE)
		return trace_sql_failed(trace, rc);
	*ret_payload_id = trace_last_id(trace);
	trace->writer->payload_bytes += wanted->captured;
	return trace_written(trace, wanted->captured);
}

int trace_add_payload(struct trace *trace, const void *data, uint32_t captured, uint32_t length,
		      int64_t *ret_payload_id)
{
	struct wanted_payload wanted = {trace, data, captured, length};
	uint64_t hash = intern_hash(data, captured) ^ length;
	int64_t id;
	int rc;

	if (!trace->writer || captured > length)
		return trace_fail(trace, -EINVAL, "payload of %u bytes out of %u", captured,
				  length);
	rc = intern_find(&trace->writer->payloads, hash, same_payload, &wanted, &id);
	if (!rc) {
		rc = insert_payload(trace, &wanted, &id);
		if (!rc)
			rc = intern_add(&trace->writer->payloads, hash, id);
	}
	if (rc < 0)
		return rc;
	*ret_payload_id = id;
	return 0;
}

int trace_peek_payload(struct trace *trace, int64_t payload_id, const void **ret_data,
		       uint32_t *ret_captured)
{
	sqlite3_stmt *stmt;
	int rc;

	*ret_data = NULL;
	*ret_captured = 0;
	if (!payload_id)
		return 0;
	rc = select_row(trace, SELECT_PAYLOAD, payload_id, &stmt);
	if (rc < 0)
		return rc;
	if (!rc)
		return trace_fail(trace, -EINVAL, "a call refers to a payload that was not added");
	*ret_data = sqlite3_column_blob(stmt, 1);
	*ret_captured = (uint32_t)sqlite3_column_bytes(stmt, 1);
	return 0;
}

static int same_path(void *context, int64_t id)
{
	const struct wanted_path *wanted = context;
	sqlite3_stmt *stmt;
	int rc = select_row(wanted->trace, SELECT_PATH, id, &stmt);

	if (rc <= 0)
		return rc;
	rc = (size_t)sqlite3_column_bytes(stmt, 0) == wanted->length &&
	     !memcmp(sqlite3_column_text(stmt, 0), wanted->path, wanted->length);
	sqlite3_reset(stmt);
	return rc;
}

int trace_intern_path(struct trace *trace, const char *path, int64_t *ret_path_id)
{
	struct wanted_path wanted = {trace, path, strlen(path)};
	uint64_t hash = intern_hash(path, wanted.length);
	int rc = intern_find(&trace->writer->paths, hash, same_path, &wanted, ret_path_id);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = trace_run(trace, INSERT_PATH, "t", path);
	if (rc)
		return rc;
	*ret_path_id = trace_last_id(trace);
	return intern_add(&trace->writer->paths, hash, *ret_path_id);
}
