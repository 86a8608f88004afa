/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs that show a trace have in common. */
#ifndef VIEW_H
#define VIEW_H

#include <stdio.h>

#include "trace.h"

/* Opens a trace for a verb; complains on stderr and returns NULL if it cannot be. */
struct trace *view_open(const char *file);

/* A number from meta, 0 if it is not there. */
int64_t view_number(struct trace *trace, const char *key);

/* The last moment that the trace knows of: of an event, or the recorder's end. */
int64_t view_last_ns(struct trace *trace);

/* The exit status at the end: says on stderr why the trace is incomplete, if it is. */
int view_status(struct trace *trace, const char *file);

/*
 * For verbs that read summaries only: whether the rest of FILE can be read as
 * well. 0, or negative errno after complaining. Large files are not checked.
 */
int view_check(struct trace *trace, const char *file);

/* Complains that FILE could not be read to its end; returns the exit status. */
int view_damaged(const char *file, const char *why);

/*
 * If both sides were recorded, says on stderr how many calls only one of them
 * saw: an agent that came late, or a host process that is not the guest's.
 */
void view_one_sided(struct trace *trace, const char *file);

/* Whether a path is "directory" or below it, whatever separates its components. */
bool view_is_below(const char *path, const char *directory);

int view_usage(const char *verb, const char *what, const char *on);

/*
 * Calls ROW for each row of a query. 0, or negative errno after complaining
 * about FILE.
 */
int view_rows(struct trace *trace, const char *file, const char *sql,
	      void (*row)(void *user, sqlite3_stmt *stmt), void *user);

#endif
