/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, complaining, querying. */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verbs.h"

#define CHECK_MAX_BYTES (64 << 20) /* within half a second */

struct trace *view_open(const char *file)
{
	struct trace *trace = NULL;
	char *message = NULL;

	if (trace_open(file, &trace, &message))
		fprintf(stderr, "sftrace: %s\n", message ? message : "out of memory");
	free(message);
	return trace;
}

int64_t view_number(struct trace *trace, const char *key)
{
	char *value = NULL;
	int64_t number = 0;

	if (!trace_get_meta(trace, key, &value))
		number = strtoll(value, NULL, 10);
	free(value);
	return number;
}

int64_t view_last_ns(struct trace *trace)
{
	int64_t event = view_number(trace, "last_ns"), stop = view_number(trace, "stopped_ns");

	return stop > event ? stop : event;
}

int view_status(struct trace *trace, const char *file)
{
	char *why = NULL;
	int rc = trace_is_incomplete(trace, &why);

	if (rc < 0)
		return view_damaged(file, trace_error(trace));
	if (rc)
		fprintf(stderr, "sftrace: %s is incomplete: %s\n", file, why ? why : "?");
	free(why);
	return rc ? SFTRACE_INCOMPLETE : SFTRACE_OK;
}

/* Takes SQLite's word on the first thing that is wrong. */
static void take_check(void *user, sqlite3_stmt *stmt)
{
	const char *word = (const char *)sqlite3_column_text(stmt, 0);
	char **wrong = user;

	if (!*wrong && word && strcmp(word, "ok"))
		*wrong = strdup(word);
}

static void take_size(void *user, sqlite3_stmt *stmt)
{
	*(int64_t *)user = sqlite3_column_int64(stmt, 0);
}

int view_check(struct trace *trace, const char *file)
{
	int64_t size = 0; /* of the database, which may be compressed in the file */
	char *wrong = NULL;
	int rc = view_rows(trace, file,
			   "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
			   take_size, &size);

	if (rc || size > CHECK_MAX_BYTES)
		return rc;
	rc = view_rows(trace, file, "PRAGMA quick_check(1)", take_check, &wrong);
	if (wrong) {
		view_damaged(file, wrong);
		rc = -EUCLEAN;
	}
	free(wrong);
	return rc;
}

int view_damaged(const char *file, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "sftrace: cannot read %s: %s\n", file, why);
	return SFTRACE_FAILED;
}

static void take_sides(void *user, sqlite3_stmt *stmt)
{
	int64_t *calls = user;

	calls[0] = sqlite3_column_int64(stmt, 0);
	calls[1] = sqlite3_column_int64(stmt, 1);
}

void view_one_sided(struct trace *trace, const char *file)
{
	int64_t calls[2] = {0};
	char *matched = NULL;

	if (trace_get_meta(trace, "match.calls", &matched))
		return;
	free(matched);
	if (view_rows(trace, file,
		      "SELECT sum(n) FILTER (WHERE side = 1), sum(n) FILTER (WHERE side = 2)"
		      " FROM shape WHERE kind = 1",
		      take_sides, calls) ||
	    !(calls[0] + calls[1]))
		return;
	fprintf(stderr,
		"sftrace: %s: %lld calls were seen by the guest only, %lld by the host only\n",
		file, (long long)calls[0], (long long)calls[1]);
}

int view_usage(const char *verb, const char *what, const char *on)
{
	fprintf(stderr, "sftrace: %s%s (see sftrace %s --help)\n", what, on, verb);
	return SFTRACE_USAGE;
}

int view_rows(struct trace *trace, const char *file, const char *sql,
	      void (*row)(void *user, sqlite3_stmt *stmt), void *user)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(trace_db(trace), sql, -1, &stmt, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			row(user, stmt);
	}
	if (rc != SQLITE_DONE)
		view_damaged(file, sqlite3_errmsg(trace_db(trace)));
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : -EUCLEAN;
}

bool view_is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	while (length && directory[length - 1] == '/')
		length--;
	return path && !strncmp(path, directory, length) &&
	       (path[length] == '/' || path[length] == '\\' || !path[length]);
}
