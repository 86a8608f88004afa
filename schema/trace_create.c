/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New trace files. The file comes into being under another name, complete with
 * schema and state, so that nobody ever sees half of one.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace_write.h"

#define STRING_(value) #value
#define STRING(value) STRING_(value)

static const char *const directions[] = {
	[SHFL_DIR_IN] = "in",
	[SHFL_DIR_OUT] = "out",
	[SHFL_DIR_INOUT] = "inout",
};

static const char *const roles[] = {
	[SHFL_ROLE_NONE] = "none",
	[SHFL_ROLE_ROOT] = "root",
	[SHFL_ROLE_HANDLE] = "handle",
	[SHFL_ROLE_OFFSET] = "offset",
	[SHFL_ROLE_LENGTH] = "length",
	[SHFL_ROLE_COUNT] = "count",
	[SHFL_ROLE_FLAGS] = "flags",
	[SHFL_ROLE_DELIMITER] = "delimiter",
	[SHFL_ROLE_RESUME] = "resume",
	[SHFL_ROLE_ENTRIES] = "entries",
	[SHFL_ROLE_VERSION] = "version",
	[SHFL_ROLE_PATH] = "path",
	[SHFL_ROLE_PATTERN] = "pattern",
	[SHFL_ROLE_NAME] = "name",
	[SHFL_ROLE_TARGET] = "target",
	[SHFL_ROLE_LINK_TEXT] = "link text",
	[SHFL_ROLE_DATA] = "data",
	[SHFL_ROLE_CREATE_PARMS] = "create parms",
	[SHFL_ROLE_LIST_BUFFER] = "list buffer",
	[SHFL_ROLE_INFO_BUFFER] = "info buffer",
	[SHFL_ROLE_OBJ_INFO] = "object info",
	[SHFL_ROLE_MAPPINGS] = "mappings",
	[SHFL_ROLE_LED] = "led",
};

static const char *const create_results[] = {
	[SHFL_NO_RESULT] = "SHFL_NO_RESULT",
	[SHFL_PATH_NOT_FOUND] = "SHFL_PATH_NOT_FOUND",
	[SHFL_FILE_NOT_FOUND] = "SHFL_FILE_NOT_FOUND",
	[SHFL_FILE_EXISTS] = "SHFL_FILE_EXISTS",
	[SHFL_FILE_CREATED] = "SHFL_FILE_CREATED",
	[SHFL_FILE_REPLACED] = "SHFL_FILE_REPLACED",
};

static const struct {
	int32_t status;
	const char *name;
} statuses[] = {
#define VBOX_STATUS(name, value) {value, #name},
#include "vbox_status.def"
};

/* The column that holds the parameter with a role, as table "function" has it. */
static int64_t role_column(const struct shfl_fn_info *info, enum shfl_role role)
{
	int i = shfl_parm_find(info, role);

	if (i >= 0 && role == SHFL_ROLE_ROOT && info->parms[i].direction == SHFL_DIR_OUT)
		return i + SHFL_MAX_PARMS;
	return i;
}

static int bind_column(sqlite3_stmt *stmt, int at, int64_t column)
{
	return column < 0 ? sqlite3_bind_null(stmt, at) : sqlite3_bind_int64(stmt, at, column);
}

static int add_function(struct trace *trace, int64_t kind, uint32_t fn,
			const struct shfl_fn_info *info)
{
	char name[64];
	sqlite3_stmt *stmt;
	int rc = trace_statement(trace, INSERT_FUNCTION, &stmt);

	if (rc)
		return rc;
	snprintf(name, sizeof(name), "SHFL_FN_%s", info->name);
	sqlite3_bind_int64(stmt, 1, kind);
	sqlite3_bind_int64(stmt, 2, fn);
	sqlite3_bind_text(stmt, 3, name, -1, SQLITE_TRANSIENT);
	bind_column(stmt, 4, role_column(info, SHFL_ROLE_ROOT));
	bind_column(stmt, 5, role_column(info, SHFL_ROLE_HANDLE));
	bind_column(stmt, 6, role_column(info, SHFL_ROLE_OFFSET));
	bind_column(stmt, 7, role_column(info, SHFL_ROLE_COUNT));
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_DONE)
		return trace_sql_failed(trace, rc);
	for (int64_t i = 0; i < info->n_parms; i++) {
		rc = trace_run(trace, INSERT_PARAMETER, "iiittt", kind, (int64_t)fn, i,
			       info->parms[i].name, directions[info->parms[i].direction],
			       roles[info->parms[i].role]);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_protocol(struct trace *trace)
{
	int rc = 0;

	for (uint32_t fn = 0; !rc && fn < MAX_FUNCTIONS; fn++) {
		if (shfl_fn_find(fn))
			rc = add_function(trace, TRACE_CALL, fn, shfl_fn_find(fn));
		if (!rc && shfl_host_fn_find(fn))
			rc = add_function(trace, TRACE_HOST_CALL, fn, shfl_host_fn_find(fn));
	}
	for (size_t i = 0; !rc && i < COUNT_OF(statuses); i++)
		rc = trace_run(trace, INSERT_STATUS, "it", (int64_t)statuses[i].status,
			       statuses[i].name);
	for (size_t i = 0; !rc && i < COUNT_OF(create_results); i++)
		rc = trace_run(trace, INSERT_CREATE_RESULT, "it", (int64_t)i, create_results[i]);
	return rc;
}

/* NAME: how messages call the file. */
static int open_writable(const char *file, const char *name, struct trace **ret, char **ret_message)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int rc;

	if (!trace)
		return -ENOMEM;
	trace->writer = calloc(1, sizeof(*trace->writer));
	if (trace->writer)
		trace->writer->derive = derive_new();
	if (!trace->writer || !trace->writer->derive) {
		trace_close(trace);
		return -ENOMEM;
	}
	trace->writer->first_ns = INT64_MAX;
	rc = sqlite3_open_v2(file, &trace->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (rc != SQLITE_OK) {
		int system_errno = sqlite3_system_errno(trace->db);

		rc = system_errno ? -system_errno : trace_sql_failed(trace, rc);
		trace_message(ret_message, rc, "cannot create %s: %s", name,
			      system_errno ? strerror(system_errno) : trace->error);
		trace_close(trace);
		return rc;
	}
	sqlite3_busy_timeout(trace->db, 5000);
	*ret = trace;
	return 0;
}

static int fill_new(struct trace *trace)
{
	int rc = trace_exec(trace, "PRAGMA page_size = 4096; PRAGMA synchronous = NORMAL; BEGIN;"
				   "PRAGMA application_id = " STRING(
					   TRACE_APPLICATION_ID) ";"
								 "PRAGMA user_version = " STRING(
									 TRACE_USER_VERSION));

	if (!rc)
		rc = trace_exec(trace, trace_trace_sql);
	if (!rc)
		rc = trace_exec(trace, trace_views_sql);
	if (!rc)
		rc = add_protocol(trace);
	if (!rc)
		rc = trace_set_meta(trace, "state", "recording");
	return rc ? rc : trace_exec(trace, "COMMIT");
}

static int create_as(const char *temporary, const char *name, char **ret_message)
{
	struct trace *trace = NULL;
	int rc = open_writable(temporary, name, &trace, ret_message);

	if (rc)
		return rc;
	rc = fill_new(trace);
	if (rc)
		trace_message(ret_message, rc, "cannot create %s: %s", name, trace->error);
	trace_close(trace);
	return rc;
}

/* Removes what SQLite keeps beside a file. */
static void remove_companions(const char *file)
{
	static const char *const suffixes[] = {"-journal", "-wal", "-shm"};
	char name[PATH_MAX];

	for (size_t i = 0; i < COUNT_OF(suffixes); i++)
		if (snprintf(name, sizeof(name), "%s%s", file, suffixes[i]) < (int)sizeof(name))
			unlink(name);
}

/* Whether FILE may be replaced: it is not there, empty, or an unfinished trace. */
static int check_replaceable(const char *file, char **ret_message)
{
	struct trace *trace = NULL;
	struct stat st;
	char *state = NULL;
	bool ours;

	if (stat(file, &st))
		return errno == ENOENT
			       ? 0
			       : trace_message(ret_message, -errno, "cannot create %s: %m", file);
	if (S_ISREG(st.st_mode) && !st.st_size)
		return 0;
	ours = S_ISREG(st.st_mode) && trace_file_is_ours(file) && !trace_open(file, &trace, NULL) &&
	       !trace_get_meta(trace, "state", &state) && !strcmp(state, "recording");
	trace_close(trace);
	free(state);
	if (ours)
		return 0;
	return trace_message(ret_message, -EEXIST,
			     "%s is there already: name another file, or remove it", file);
}

static int begin_writing(const char *file, struct trace **ret, char **ret_message)
{
	struct trace *trace = NULL;
	int rc = open_writable(file, file, &trace, ret_message);

	if (!rc)
		rc = trace_exec(trace, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;"
				       "BEGIN");
	if (rc) {
		trace_close(trace);
		return rc;
	}
	*ret = trace;
	return 0;
}

int trace_create(const char *file, struct trace **ret, char **ret_message)
{
	char temporary[PATH_MAX];
	int rc = check_replaceable(file, ret_message);

	if (rc)
		return rc;
	if (snprintf(temporary, sizeof(temporary), "%s.new", file) >= (int)sizeof(temporary))
		return trace_message(ret_message, -ENAMETOOLONG, "cannot create %s: name too long",
				     file);
	unlink(temporary);
	remove_companions(temporary);
	rc = create_as(temporary, file, ret_message);
	if (rc) {
		unlink(temporary);
		return rc;
	}
	remove_companions(file);
	if (rename(temporary, file)) {
		rc = -errno;
		unlink(temporary);
		return trace_message(ret_message, rc, "cannot create %s: %s", file, strerror(-rc));
	}
	return begin_writing(file, ret, ret_message);
}
