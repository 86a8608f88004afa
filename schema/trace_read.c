/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a trace, and what is read of it by key. The file may be anything:
 * every value is checked for its type and range before it is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace_internal.h"
#include "unpack.h"

#define SQLITE_MAGIC "SQLite format 3"
#define MAX_VALUE_BYTES (256 << 20) /* more than the largest parameter */

/* What a trace must have for this library and its users to work. */
static const struct {
	const char *type;
	const char *name;
} objects[] = {
	{"table", "meta"},
	{"table", "function"},
	{"table", "parameter"},
	{"table", "status"},
	{"table", "create_result"},
	{"table", "shape"},
	{"table", "task"},
	{"table", "hop"},
	{"table", "path"},
	{"table", "payload"},
	{"table", "call"},
	{"table", "call_more"},
	{"table", "guest_status"},
	{"table", "span"},
	{"table", "span_merged"},
	{"table", "op"},
	{"table", "opened"},
	{"table", "share"},
	{"table", "client"},
	{"table", "loss"},
	{"table", "clock_fit"},
	{"table", "hop_summary"},
	{"table", "function_summary"},
	{"table", "file_summary"},
	{"table", "slow_call"},
	{"view", "calls"},
	{"view", "spans"},
	{"view", "ops"},
	{"view", "params"},
	{"view", "payloads"},
	{"view", "control"},
	{"view", "shares"},
	{"view", "clients"},
	{"view", "hop_latency"},
	{"view", "function_latency"},
	{"view", "errors"},
	{"view", "slowest"},
	{"view", "files"},
	{"view", "open_handles"},
	{"view", "unfinished"},
	{"view", "losses"},
	{"view", "loss_places"},
	{"view", "clock"},
};

/* Opening. */

static int unpack_database(int fd, const char *file, int *ret_fd, char **ret_message)
{
	static const struct unpack_limits limits = {.bytes = UNPACK_MAX_BYTES,
						    .memory = UNPACK_MAX_MEMORY};
	char magic[sizeof(SQLITE_MAGIC)] = "";
	int rc = unpack_xz(fd, file, &limits, ret_fd, ret_message);

	if (rc)
		return rc;
	if (pread(*ret_fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    !memcmp(magic, SQLITE_MAGIC, sizeof(magic)))
		return 0;
	close(*ret_fd);
	*ret_fd = -1;
	return trace_message(ret_message, -EINVAL,
			     "%s is not a trace: what is compressed in it is no SQLite database",
			     file);
}

/* *ret_unpacked: the database, if it was compressed; else -1, FILE is it. */
static int find_database(const char *file, int *ret_unpacked, char **ret_message)
{
	char magic[sizeof(SQLITE_MAGIC)] = "";
	struct stat st;
	ssize_t got;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc = 0;

	*ret_unpacked = -1;
	if (fd < 0)
		return trace_message(ret_message, -errno, "cannot open %s: %s", file,
				     strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		rc = trace_message(ret_message, -EINVAL, "%s is not a trace: it is no file", file);
	} else {
		got = pread(fd, magic, sizeof(magic), 0);
		if (got > 0 && unpack_is_xz(magic, (size_t)got))
			rc = unpack_database(fd, file, ret_unpacked, ret_message);
		else if (got != sizeof(magic) || memcmp(magic, SQLITE_MAGIC, sizeof(magic)))
			rc = trace_message(ret_message, -EINVAL,
					   "%s is not a trace: it is no SQLite database", file);
	}
	close(fd);
	return rc;
}

static int open_database(const char *file, int flags, struct trace *trace)
{
	int rc = sqlite3_open_v2(file, &trace->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK)
		return trace_sql_failed(trace, rc);
	sqlite3_busy_timeout(trace->db, 5000);
	sqlite3_limit(trace->db, SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
	sqlite3_db_config(trace->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(trace->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

/* The first column of the first row; -ENODATA if there is none. */
static int query_int(struct trace *trace, const char *sql, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(trace->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	else if (rc != SQLITE_DONE)
		trace_sql_failed(trace, rc);
	sqlite3_finalize(stmt);
	if (rc == SQLITE_ROW)
		return 0;
	return rc == SQLITE_DONE ? -ENODATA : trace_sql_failed(trace, rc);
}

/* Rolls back what a killed writer left behind. */
static void recover(const char *file)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		sqlite3_busy_timeout(db, 5000);
		sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	}
	sqlite3_close(db);
}

static int open_recovered(const char *file, struct trace *trace)
{
	int64_t n;
	int rc = open_database(file, SQLITE_OPEN_READONLY, trace);

	if (rc)
		return rc;
	rc = query_int(trace, "SELECT count(*) FROM sqlite_schema", &n);
	if (!rc)
		return 0;
	recover(file);
	return query_int(trace, "SELECT count(*) FROM sqlite_schema", &n);
}

/* SQLite takes names only: a file without one is mapped. FD is the trace's from here on. */
static int open_unpacked(int fd, struct trace *trace)
{
	struct stat st;
	int64_t n;
	int rc = fstat(fd, &st) ? -errno : 0;

	trace->unpacked_fd = fd;
	if (!rc)
		trace->unpacked = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (rc || trace->unpacked == MAP_FAILED) {
		rc = rc ? rc : -errno;
		trace->unpacked = NULL;
		close(fd);
		return trace_fail(trace, rc, "cannot map it: %s", strerror(-rc));
	}
	trace->unpacked_bytes = (size_t)st.st_size;
	rc = open_database(":memory:", SQLITE_OPEN_READWRITE, trace);
	if (rc)
		return rc;
	rc = sqlite3_deserialize(trace->db, "main", trace->unpacked, st.st_size, st.st_size,
				 SQLITE_DESERIALIZE_READONLY);
	if (rc != SQLITE_OK)
		return trace_sql_failed(trace, rc);
	return query_int(trace, "SELECT count(*) FROM sqlite_schema", &n);
}

static int check_identity(struct trace *trace, const char *file, char **ret_message)
{
	int64_t application_id, user_version;
	int rc = query_int(trace, "PRAGMA application_id", &application_id);

	if (!rc)
		rc = query_int(trace, "PRAGMA user_version", &user_version);
	if (rc)
		return trace_message(ret_message, rc, "%s is damaged: %s", file, trace->error);
	if (application_id != TRACE_APPLICATION_ID)
		return trace_message(ret_message, -EINVAL,
				     "%s is not a trace: it is another program's database", file);
	if (user_version > TRACE_USER_VERSION)
		return trace_message(ret_message, -EPROTO,
				     "%s has schema %" PRId64
				     ": this sftrace reads %d, use a newer one",
				     file, user_version, TRACE_USER_VERSION);
	if (user_version < 1)
		return trace_message(ret_message, -EUCLEAN,
				     "%s is damaged: it has no schema version", file);
	if (user_version < TRACE_USER_VERSION)
		return trace_message(ret_message, -EPROTO,
				     "%s has schema %" PRId64
				     " of an older sftrace: this one reads %d, record it again",
				     file, user_version, TRACE_USER_VERSION);
	return 0;
}

static int check_object(struct trace *trace, size_t i)
{
	char *sql = sqlite3_mprintf("SELECT 1 FROM sqlite_schema WHERE type = %Q AND name = %Q",
				    objects[i].type, objects[i].name);
	int64_t found;
	int rc = sql ? query_int(trace, sql, &found) : -ENOMEM;

	sqlite3_free(sql);
	if (rc == -ENODATA)
		rc = trace_fail(trace, -EUCLEAN, "it has no %s %s", objects[i].type,
				objects[i].name);
	return rc;
}

static int check_objects(struct trace *trace, const char *file, char **ret_message)
{
	struct trace_cursor *cursor;
	int rc = 0;

	for (size_t i = 0; !rc && i < COUNT_OF(objects); i++)
		rc = check_object(trace, i);
	if (!rc) {
		rc = trace_events(trace, &cursor);
		if (!rc)
			trace_cursor_close(cursor);
	}
	if (rc)
		trace_message(ret_message, rc, "%s is damaged: %s", file, trace->error);
	return rc;
}

/* UNPACKED: the database, which is taken; -1: FILE is it. */
static int open_checked(const char *file, int unpacked, struct trace **ret, char **ret_message)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int rc;

	if (!trace) {
		if (unpacked >= 0)
			close(unpacked);
		return -ENOMEM;
	}
	rc = unpacked < 0 ? open_recovered(file, trace) : open_unpacked(unpacked, trace);
	if (rc)
		trace_message(ret_message, rc, "cannot read %s: %s", file, trace->error);
	else
		rc = check_identity(trace, file, ret_message);
	if (!rc)
		rc = check_objects(trace, file, ret_message);
	if (!rc) {
		trace->file = realpath(file, NULL);
		if (!trace->file)
			rc = trace_message(ret_message, -errno, "cannot find %s again: %s", file,
					   strerror(errno));
	}
	if (rc) {
		trace_close(trace);
		return rc;
	}
	*ret = trace;
	return 0;
}

int trace_open(const char *file, struct trace **ret, char **ret_message)
{
	int unpacked;
	int rc = find_database(file, &unpacked, ret_message);

	return rc ? rc : open_checked(file, unpacked, ret, ret_message);
}

int trace_open_again(const struct trace *trace, struct trace **ret, char **ret_message)
{
	int unpacked;

	if (!trace->unpacked)
		return trace_open(trace->file, ret, ret_message);
	unpacked = fcntl(trace->unpacked_fd, F_DUPFD_CLOEXEC, 0);
	if (unpacked < 0)
		return trace_message(ret_message, -errno, "cannot open %s again: %s", trace->file,
				     strerror(errno));
	return open_checked(trace->file, unpacked, ret, ret_message);
}

const char *trace_file(const struct trace *trace)
{
	return trace->file;
}

/* Meta. */

int trace_get_meta(struct trace *trace, const char *key, char **ret_value)
{
	sqlite3_stmt *stmt = NULL;
	const char *text = NULL;
	char *value = NULL;
	int rc = sqlite3_prepare_v2(trace->db, "SELECT value FROM meta WHERE key = ?", -1, &stmt,
				    NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(stmt, 0);
		value = text ? strdup(text) : NULL;
		rc = text && !value ? -ENOMEM : text ? 0 : -ENOENT;
	} else {
		rc = rc == SQLITE_DONE ? -ENOENT : trace_sql_failed(trace, rc);
	}
	sqlite3_finalize(stmt);
	if (!rc)
		*ret_value = value;
	return rc;
}

static int incomplete_reason(struct trace *trace, char **ret_why)
{
	char *reason = NULL;

	if (trace_get_meta(trace, "incomplete_because", &reason))
		reason = strdup("nobody knows why");
	if (ret_why)
		*ret_why = reason;
	else
		free(reason);
	return 1;
}

int trace_is_incomplete(struct trace *trace, char **ret_why)
{
	char *state = NULL;
	int64_t lost = 0;
	int rc = trace_get_meta(trace, "state", &state);

	if (rc == -ENOENT) {
		trace_message(ret_why, 1, "it does not say whether it was finished");
		rc = 1;
	} else if (!rc && !strcmp(state, "recording")) {
		trace_message(ret_why, 1, "its recording has not ended, or was killed");
		rc = 1;
	} else if (!rc && strcmp(state, "complete")) {
		rc = incomplete_reason(trace, ret_why);
	} else if (!rc && !query_int(trace, "SELECT sum(n) FROM loss", &lost) && lost > 0) {
		trace_message(ret_why, 1, "%" PRId64 " things were lost", lost);
		rc = 1;
	}
	free(state);
	return rc;
}

/* Payload. */

static int check_payload(struct trace *trace, int64_t payload_id, sqlite3_stmt *stmt)
{
	int64_t length = sqlite3_column_int64(stmt, 0);
	const void *blob = sqlite3_column_blob(stmt, 2);
	int captured = sqlite3_column_bytes(stmt, 2);

	if (sqlite3_column_type(stmt, 0) != SQLITE_INTEGER || length < captured ||
	    length > UINT32_MAX || sqlite3_column_type(stmt, 1) != SQLITE_INTEGER ||
	    sqlite3_column_type(stmt, 2) != SQLITE_BLOB)
		return trace_fail(trace, -EUCLEAN, "damaged: payload %" PRId64 " makes no sense",
				  payload_id);
	if ((uint64_t)sqlite3_column_int64(stmt, 1) != intern_hash(blob, (size_t)captured))
		return trace_fail(trace, -EBADMSG,
				  "damaged: payload %" PRId64 " does not match its checksum",
				  payload_id);
	return 0;
}

static int copy_payload(sqlite3_stmt *stmt, void **buffer, size_t *room, uint32_t *ret_captured,
			uint32_t *ret_length)
{
	size_t captured = (size_t)sqlite3_column_bytes(stmt, 2);

	if (!*buffer || captured > *room) {
		void *data = malloc(captured ? captured : 1);

		if (!data)
			return -ENOMEM;
		free(*buffer);
		*buffer = data;
		*room = captured;
	}
	if (captured)
		memcpy(*buffer, sqlite3_column_blob(stmt, 2), captured);
	*ret_captured = (uint32_t)captured;
	*ret_length = (uint32_t)sqlite3_column_int64(stmt, 0);
	return 0;
}

static int select_payload(struct trace *trace, int64_t payload_id)
{
	int rc = SQLITE_OK;

	if (!trace->get_payload)
		rc = sqlite3_prepare_v3(
			trace->db,
			"SELECT length, checksum, data FROM payload WHERE payload_id = ?", -1,
			SQLITE_PREPARE_PERSISTENT, &trace->get_payload, NULL);
	if (rc != SQLITE_OK)
		return trace_sql_failed(trace, rc);
	sqlite3_bind_int64(trace->get_payload, 1, payload_id);
	rc = sqlite3_step(trace->get_payload);
	if (rc == SQLITE_DONE)
		return trace_fail(trace, -ENOENT, "there is no payload %" PRId64, payload_id);
	return rc == SQLITE_ROW ? 0 : trace_sql_failed(trace, rc);
}

int trace_fetch_payload(struct trace *trace, int64_t payload_id, void **buffer, size_t *room,
			uint32_t *ret_captured, uint32_t *ret_length)
{
	int rc = select_payload(trace, payload_id);

	if (!rc)
		rc = check_payload(trace, payload_id, trace->get_payload);
	if (!rc)
		rc = copy_payload(trace->get_payload, buffer, room, ret_captured, ret_length);
	if (trace->get_payload)
		sqlite3_reset(trace->get_payload);
	return rc;
}

int trace_get_payload(struct trace *trace, int64_t payload_id, void **ret_data,
		      uint32_t *ret_captured, uint32_t *ret_length)
{
	void *buffer = NULL;
	size_t room = 0;
	int rc = trace_fetch_payload(trace, payload_id, &buffer, &room, ret_captured, ret_length);

	if (!rc)
		*ret_data = buffer;
	return rc;
}

/* A SQLite file has its application_id, big endian, at offset 68 of its header. */
bool trace_file_is_ours(const char *file)
{
	static const char magic[16] = "SQLite format 3";
	unsigned char header[72];
	FILE *in = fopen(file, "re");
	size_t n = in ? fread(header, 1, sizeof(header), in) : 0;
	uint32_t id = 0;

	if (in)
		fclose(in);
	for (size_t i = 68; n == sizeof(header) && i < sizeof(header); i++)
		id = id << 8 | header[i];
	return id == TRACE_APPLICATION_ID && memcmp(header, magic, sizeof(magic)) == 0;
}
