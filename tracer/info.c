/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace info": what a trace holds, how it was made, whether it is whole. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "print_value.h"
#include "verbs.h"
#include "view.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* How many calls: from the summary, or counted where a trace was never finished. */
#define COUNT_CALLS(shapes, calls)                                               \
	"SELECT CASE WHEN EXISTS (SELECT 1 FROM shape WHERE n IS NOT NULL)"      \
	" THEN (SELECT coalesce(sum(n), 0) FROM shape WHERE kind = 1" shapes ")" \
	" ELSE (SELECT count(*) FROM calls" calls ") END"

static const struct {
	const char *key;
	const char *label;
	const char *sql;
} counts[] = {
	{"calls", "calls", COUNT_CALLS("", "")},
	{"both", "  seen on both sides", COUNT_CALLS(" AND side = 3", " WHERE side = 'both'")},
	{"guest_only", "  by the guest only",
	 COUNT_CALLS(" AND side = 1", " WHERE side = 'guest'")},
	{"host_only", "  by the host only", COUNT_CALLS(" AND side = 2", " WHERE side = 'host'")},
	{"failed", "  failed", "SELECT coalesce(sum(n), 0) FROM errors"},
	{"unfinished", "  unfinished", "SELECT count(*) FROM unfinished"},
	{"incomplete", "  incomplete otherwise",
	 "SELECT count(*) FROM call AS c JOIN shape AS s ON s.shape_id = c.shape_id AND s.kind = 1"
	 " WHERE c.flags & 128 AND c.duration_ns IS NOT NULL"},
	{"control", "control events", "SELECT count(*) FROM control"},
	{"ops", "guest operations", "SELECT count(*) FROM op"},
	{"spans", "spans",
	 "SELECT CASE WHEN EXISTS (SELECT 1 FROM hop WHERE n IS NOT NULL)"
	 " THEN (SELECT sum(n) FROM hop) ELSE (SELECT count(*) FROM span) END"},
	{"paths", "paths", "SELECT coalesce(max(path_id), 0) FROM path"},
	{"payloads", "distinct payloads", "SELECT coalesce(max(payload_id), 0) FROM payload"},
	{"payload_bytes", "  bytes of them",
	 "SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'payload_bytes'),"
	 " (SELECT sum(length(data)) FROM payload), 0)"},
};

struct info {
	const char *file;
	struct trace *trace;
	bool json;
	bool first; /* no row of this list has been printed yet */
	int64_t value;
};

static const char *text_of(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "-";
}

/* Text from the trace, safe for a terminal. */
static void put_text(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void take_value(void *user, sqlite3_stmt *stmt)
{
	struct info *info = user;

	info->value = sqlite3_column_int64(stmt, 0);
}

static int show_counts(struct info *info)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < COUNT_OF(counts); i++) {
		info->value = 0;
		rc = view_rows(info->trace, info->file, counts[i].sql, take_value, info);
		if (info->json)
			printf("%s    \"%s\": %" PRId64, i ? ",\n" : "", counts[i].key,
			       info->value);
		else
			printf("  %-24s %12" PRId64 "\n", counts[i].label, info->value);
	}
	return rc;
}

static void show_meta(void *user, sqlite3_stmt *stmt)
{
	struct info *info = user;

	if (info->json) {
		printf("%s    ", info->first ? "" : ",\n");
		print_json_string(stdout, text_of(stmt, 0));
		fputs(": ", stdout);
		print_json_string(stdout, text_of(stmt, 1));
	} else {
		fputs("  ", stdout);
		put_text(text_of(stmt, 0));
		printf("%*s",
		       (int)(24 - strlen(text_of(stmt, 0))) > 1
			       ? (int)(24 - strlen(text_of(stmt, 0)))
			       : 1,
		       "");
		put_text(text_of(stmt, 1));
		putchar('\n');
	}
	info->first = false;
}

static void show_share(void *user, sqlite3_stmt *stmt)
{
	struct info *info = user;
	bool known = sqlite3_column_type(stmt, 2) != SQLITE_NULL;

	if (info->json) {
		printf("%s    {\"name\": ", info->first ? "" : ",\n");
		print_json_string(stdout, (const char *)sqlite3_column_text(stmt, 0));
		fputs(", \"path\": ", stdout);
		print_json_string(stdout, (const char *)sqlite3_column_text(stmt, 1));
		printf(", \"writable\": %s, \"calls\": %" PRId64 "}",
		       !known			     ? "null"
		       : sqlite3_column_int(stmt, 2) ? "true"
						     : "false",
		       (int64_t)sqlite3_column_int64(stmt, 3));
	} else {
		fputs("  ", stdout);
		put_text(text_of(stmt, 0));
		fputs(known ? " = " : " (added before the trace began)", stdout);
		if (known)
			put_text(text_of(stmt, 1));
		printf("%s, %" PRId64 " calls\n",
		       known && !sqlite3_column_int(stmt, 2) ? ", read-only" : "",
		       (int64_t)sqlite3_column_int64(stmt, 3));
	}
	info->first = false;
}

static void show_client(void *user, sqlite3_stmt *stmt)
{
	struct info *info = user;
	int64_t client = sqlite3_column_int64(stmt, 0), calls = sqlite3_column_int64(stmt, 3);
	int64_t process = sqlite3_column_int64(stmt, 4);
	char of[40] = "";
	bool inherited = sqlite3_column_int(stmt, 1), utf8 = sqlite3_column_int(stmt, 2);

	if (process)
		snprintf(of, sizeof(of), " of process %" PRId64, process);
	if (info->json)
		printf("%s    {\"client\": %" PRId64 ", \"process\": %" PRId64
		       ", \"inherited\": %s, \"utf8\": %s, \"calls\": %" PRId64 "}",
		       info->first ? "" : ",\n", client, process, inherited ? "true" : "false",
		       utf8 ? "true" : "false", calls);
	else
		printf("  %" PRId64 "%s%s%s, %" PRId64 " calls\n", client, of,
		       inherited ? ", connected before the trace began" : "", utf8 ? ", UTF-8" : "",
		       calls);
	info->first = false;
}

/* A list of rows under a heading. */
static int show_list(struct info *info, const char *key, const char *title, const char *brackets,
		     const char *sql, void (*row)(void *user, sqlite3_stmt *stmt))
{
	int rc;

	info->first = true;
	if (info->json)
		printf(",\n  \"%s\": %c\n", key, brackets[0]);
	else
		printf("%s\n", title);
	rc = view_rows(info->trace, info->file, sql, row, info);
	if (info->json)
		printf("%s  %c", info->first ? "" : "\n", brackets[1]);
	else if (info->first)
		puts("  none");
	return rc;
}

static void show_when(struct info *info)
{
	int64_t first = view_number(info->trace, "first_ns");
	int64_t last = view_number(info->trace, "last_ns");
	int64_t offset = view_number(info->trace, "host.realtime_offset_ns");
	time_t began = (time_t)((first + offset) / 1000000000);
	char text[32] = "unknown";
	struct tm tm;

	/* Without the offset, as in a redacted trace, nobody knows the date. */
	if (first && offset && gmtime_r(&began, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (info->json) {
		printf(",\n  \"began\": \"%s\",\n  \"length_ns\": %" PRId64, text, last - first);
	} else {
		if (offset)
			printf("began %s, ", text);
		print_duration(stdout, last - first);
		puts(" long");
	}
}

static void show_head(struct info *info)
{
	int incomplete;
	struct stat st = {0};
	char *why = NULL;

	stat(info->file, &st);
	incomplete = trace_is_incomplete(info->trace, &why);
	if (info->json) {
		fputs("{\n  \"file\": ", stdout);
		print_json_string(stdout, info->file);
		printf(",\n  \"bytes\": %" PRId64
		       ",\n  \"complete\": %s,\n  \"incomplete_because\": ",
		       (int64_t)st.st_size, incomplete ? "false" : "true");
		print_json_string(stdout, why);
	} else {
		printf("%s: %" PRId64 " bytes, %s", info->file, (int64_t)st.st_size,
		       incomplete ? "incomplete: " : "complete");
		put_text(why ? why : "");
		putchar('\n');
	}
	free(why);
}

static int show(struct info *info)
{
	int rc;

	show_head(info);
	show_when(info);
	fputs(info->json ? ",\n  \"counts\": {\n" : "holds\n", stdout);
	rc = show_counts(info);
	if (info->json)
		fputs("\n  }", stdout);
	if (!rc)
		rc = show_list(info, "shares", "shares", "[]",
			       "SELECT name, path, writable, calls FROM shares", show_share);
	if (!rc)
		rc = show_list(info, "clients", "clients", "[]",
			       "SELECT client, inherited, utf8, calls, process FROM clients",
			       show_client);
	if (!rc)
		rc = show_list(info, "meta", "notes", "{}",
			       "SELECT key, value FROM meta ORDER BY key", show_meta);
	if (info->json)
		puts("\n}");
	return rc;
}

static void print_help(void)
{
	fputs("Usage: sftrace info [--json] FILE\n"
	      "Says what a trace holds, how it was made, and whether anything is missing or\n"
	      "damaged (of a file larger than 64 MiB the latter is found by print, or by\n"
	      "sqlite3 FILE 'pragma quick_check').\n"
	      "\n"
	      "  --json             as JSON, times in ns\n"
	      "  -h, --help         this\n"
	      "\n"
	      "Examples:\n"
	      "  sftrace info t.db\n"
	      "  sftrace info --json t.db | jq .shares\n"
	      "\n"
	      "Exit status: 0, 1 failed, 2 usage, 4 the trace is incomplete.\n",
	      stdout);
}

int verb_info(int argc, char **argv)
{
	static const struct option table[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct info info = {0};
	int option, status;

	optind = 0;
	while ((option = getopt_long(argc, argv, "h", table, NULL)) >= 0) {
		if (option == 'h') {
			print_help();
			return SFTRACE_OK;
		}
		if (option != 'j')
			return SFTRACE_USAGE;
		info.json = true;
	}
	if (argc - optind != 1)
		return view_usage("info", "one trace file is needed", "");
	info.file = argv[optind];
	info.trace = view_open(info.file);
	if (!info.trace)
		return SFTRACE_FAILED;
	status = show(&info) || view_check(info.trace, info.file)
			 ? SFTRACE_FAILED
			 : view_status(info.trace, info.file);
	trace_close(info.trace);
	return status;
}
