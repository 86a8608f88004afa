/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See life.h. Asks the trace once, when there is something to tell. */
#include "life.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every call on the share: a rename says only in its payload where it leads. */
static const char life_sql[] =
	"SELECT c.call_id, c.fn, c.path, c.result, c.handle, c.count_out, r.in2, r.mem2, r.mem3,"
	" c.flags"
	" FROM calls AS c JOIN call AS r ON r.call_id = c.call_id,"
	" (SELECT share AS its_share, process AS its_process FROM calls WHERE call_id = ?1)"
	" WHERE c.call_id < ?1 AND c.status >= 0 AND c.share IS its_share"
	" AND c.process IS its_process AND (c.path = ?2 OR c.fn IN (?3, ?4))"
	" ORDER BY c.call_id DESC";

enum {
	COLUMN_CALL,
	COLUMN_FN,
	COLUMN_PATH,
	COLUMN_RESULT,
	COLUMN_HANDLE,
	COLUMN_COUNT,
	COLUMN_IN2,
	COLUMN_MEM2,
	COLUMN_MEM3,
	COLUMN_FLAGS
};

struct life_walk {
	struct trace *trace;
	struct life *life;
	sqlite3_stmt *row;
	char *path; /* of the file before the row */
	bool born; /* what comes before is about another file */
	bool moved; /* it had another path */
};

static const struct {
	uint32_t fn;
	const char *what;
} life_whats[] = {
	{SHFL_FN_WRITE, "written"},
	{SHFL_FN_SET_FILE_SIZE, "resized"},
	{SHFL_FN_REMOVE, "removed"},
	{SHFL_FN_CLOSE_AND_REMOVE, "removed"},
};

static void life_add(struct life_walk *walk, const char *what, int64_t bytes, char *path)
{
	struct life *life = walk->life;
	struct life_stage *stage = life->n ? &life->stages[life->n - 1] : NULL;
	int64_t call_id = sqlite3_column_int64(walk->row, COLUMN_CALL);

	if (!stage || strcmp(stage->what, what) != 0 || path) {
		if (life->n == LIFE_STAGES) {
			free(path);
			return;
		}
		stage = &life->stages[life->n++];
		*stage = (struct life_stage){.what = what, .last = call_id, .path = path};
		stage->bytes = bytes < 0 ? -1 : 0;
	}
	stage->first = call_id;
	stage->n++;
	if (bytes > 0)
		stage->bytes += bytes;
}

/* The destination of the call in the row; malloc'd. */
static char *life_destination(const struct life_walk *walk, int column)
{
	int64_t id = sqlite3_column_int64(walk->row, column);
	bool utf16 = sqlite3_column_int64(walk->row, COLUMN_FLAGS) & TRACE_F_UTF16;
	uint32_t captured, length;
	char *path;
	void *data;

	if (!id || trace_get_payload(walk->trace, id, &data, &captured, &length) < 0)
		return NULL;
	path = trace_shflstring(data, captured, utf16);
	free(data);
	return path;
}

static void life_create(struct life_walk *walk)
{
	int64_t result = sqlite3_column_int64(walk->row, COLUMN_RESULT);

	if (result == SHFL_FILE_CREATED) {
		life_add(walk, "created", -1, NULL);
		walk->born = true;
	} else if (result == SHFL_FILE_REPLACED) {
		life_add(walk, "emptied", -1, NULL);
	} else if (sqlite3_column_type(walk->row, COLUMN_HANDLE) == SQLITE_INTEGER &&
		   sqlite3_column_int64(walk->row, COLUMN_HANDLE) != -1) {
		life_add(walk, "opened", -1, NULL);
	}
}

/* From here back the file had another name. */
static void life_renamed(struct life_walk *walk, const char *from)
{
	char *copy = strdup(from);

	life_add(walk, "renamed", -1, strdup(from));
	if (!copy)
		return;
	free(walk->path);
	walk->path = copy;
	walk->moved = true;
}

static void life_two_paths(struct life_walk *walk, bool rename, const char *from)
{
	char *to = life_destination(walk, rename ? COLUMN_MEM2 : COLUMN_MEM3);

	if (to && from && strcmp(to, walk->path) == 0) {
		if (rename) {
			life_renamed(walk, from);
		} else {
			life_add(walk, "copied", -1, strdup(from));
			walk->born = true;
		}
	} else if (from && rename && strcmp(from, walk->path) == 0) {
		life_add(walk, "renamed away", -1, NULL);
	}
	free(to);
}

static void life_row(struct life_walk *walk)
{
	uint32_t fn = (uint32_t)sqlite3_column_int64(walk->row, COLUMN_FN);
	const char *path = (const char *)sqlite3_column_text(walk->row, COLUMN_PATH);
	int64_t count = sqlite3_column_int64(walk->row, COLUMN_COUNT);

	if (fn == SHFL_FN_RENAME || fn == SHFL_FN_COPY_FILE) {
		life_two_paths(walk, fn == SHFL_FN_RENAME, path);
		return;
	}
	if (fn == SHFL_FN_CREATE)
		life_create(walk);
	if (fn == SHFL_FN_SYMLINK)
		life_add(walk, "created", -1, NULL);
	if (fn == SHFL_FN_INFORMATION &&
	    (sqlite3_column_int64(walk->row, COLUMN_IN2) & SHFL_INFO_SET))
		life_add(walk, "attributes set", -1, NULL);
	for (size_t i = 0; i < sizeof(life_whats) / sizeof(life_whats[0]); i++)
		if (life_whats[i].fn == fn)
			life_add(walk, life_whats[i].what, fn == SHFL_FN_WRITE ? count : -1, NULL);
	walk->born |= fn == SHFL_FN_SYMLINK;
}

/* Walks back from a call to where the path changed: 1 and the call; 0: that is all. */
static int life_query(struct life_walk *walk, int64_t *call_id)
{
	int status;

	walk->moved = false;
	if (sqlite3_prepare_v2(trace_db(walk->trace), life_sql, -1, &walk->row, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_bind_int64(walk->row, 1, *call_id);
	sqlite3_bind_text(walk->row, 2, walk->path, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(walk->row, 3, SHFL_FN_RENAME);
	sqlite3_bind_int(walk->row, 4, SHFL_FN_COPY_FILE);
	while ((status = sqlite3_step(walk->row)) == SQLITE_ROW && !walk->born && !walk->moved) {
		*call_id = sqlite3_column_int64(walk->row, COLUMN_CALL);
		life_row(walk);
	}
	sqlite3_finalize(walk->row);
	if (status != SQLITE_ROW && status != SQLITE_DONE)
		return -EIO;
	return walk->moved && walk->life->n < LIFE_STAGES;
}

static int life_path(struct trace *trace, int64_t call_id, char **ret)
{
	sqlite3_stmt *row;
	const char *path;

	*ret = NULL;
	if (sqlite3_prepare_v2(trace_db(trace), "SELECT path FROM calls WHERE call_id = ?", -1,
			       &row, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_bind_int64(row, 1, call_id);
	if (sqlite3_step(row) == SQLITE_ROW) {
		path = (const char *)sqlite3_column_text(row, 0);
		*ret = path ? strdup(path) : NULL;
	}
	sqlite3_finalize(row);
	return 0;
}

int life_read(struct trace *trace, int64_t call_id, struct life *ret)
{
	struct life_walk walk = {.trace = trace, .life = ret};
	int status;

	ret->n = 0;
	status = life_path(trace, call_id, &walk.path);
	if (status < 0 || !walk.path)
		return status;
	do
		status = life_query(&walk, &call_id);
	while (status == 1);
	free(walk.path);
	if (status < 0)
		life_clear(ret);
	return status;
}

void life_clear(struct life *life)
{
	for (size_t i = 0; i < life->n; i++)
		free(life->stages[i].path);
	life->n = 0;
}
