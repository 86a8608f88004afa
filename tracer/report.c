/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "sftrace report": tables of functions, hops, errors, losses, unfinished calls
 * and the clock. Each is a query on the views; people get columns with units,
 * --json everything as it stands in the views.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print_value.h"
#include "verbs.h"
#include "view.h"

#define COLUMNS_MAX 12
#define CELL_SIZE 64

enum cell {
	CELL_TEXT = 't', /* left-aligned */
	CELL_NUMBER = 'n',
	CELL_TIME = 'd',
	CELL_PERCENT = 'p' /* of a part of 1 */
};

struct section {
	const char *key; /* in JSON */
	const char *title; /* NULL: no table, only JSON */
	const char *empty; /* shown instead of no rows; NULL: the title goes too */
	const char *columns; /* headings, separated by | */
	const char *cells; /* enum cell of each */
	const char *sql; /* %s: the order */
};

#define FUNCTION_COLUMNS "n, errors, total_ns, share, p50, p90, p99, max"

/* clang-format off */
static const struct section sections[] = {
	{"functions", "Functions", "no calls", "function|calls|errors|total|share|p50|p90|p99|max",
	 "tnndpdddd", "SELECT fn_name, " FUNCTION_COLUMNS " FROM function_latency ORDER BY %s"},
	{"hops", "Hops, each below the one that it was mostly entered from", "no spans",
	 "side|hop|n|errors|total|self|share|p50|p90|p99|max", "ttnnddpdddd",
	 "SELECT side, substr('                    ', 1, level * 2) || hop, n, errors, total_ns, self_ns, share, p50, p90, p99, max"
	 " FROM hop_latency"},
	{"errors", "Errors", NULL, "function|status|n|first|example", "ttnnt",
	 "SELECT fn_name, status_name, n, first_call_id, example_path FROM errors"},
	{"unfinished", "Unfinished calls", NULL, "call|function|path|who|age|in", "ntttdt",
	 "SELECT call_id, fn_name, path, comm || '[' || pid || ']', age_ns, hop FROM unfinished"},
	{"open_handles", "Handles still open at the end", NULL, "call|client|share|path|handle", "nnttn",
	 "SELECT call_id, client, share, path, handle FROM open_handles"},
	{"losses", "Lost", NULL, "side|hop|reason|n|first after call|last after call", "tttnnn",
	 "SELECT side, hop, reason, n, first_after_call_id, last_after_call_id FROM losses"},
	{"clock", "Guest clock", NULL,
	 "from (ns)|offset (ns)|drift (ppb)|error|fitted on|checked on|violations|worst", "nnndnnnd",
	 "SELECT from_ns, offset_ns, drift_ppb, error_ns, fitted, checked, violations, worst_ns FROM clock"},
};
/* clang-format on */

static const struct {
	const char *name;
	const char *order;
} orders[] = {
	{"total", "total_ns DESC"}, {"n", "n DESC"},	 {"errors", "errors DESC"},
	{"p50", "p50 DESC"},	    {"p99", "p99 DESC"}, {"max", "max DESC"},
	{"name", "fn_name"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct report_options {
	const char *file;
	const char *order;
	bool json;
};

/* Rows of a section, as text, until their widths are known. */
struct table {
	const struct section *section;
	char (*cells)[COLUMNS_MAX][CELL_SIZE];
	size_t n_rows;
	bool out_of_memory;
};

static void format_cell(char cell[CELL_SIZE], char kind, sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	char buffer[16];

	if (!text)
		snprintf(cell, CELL_SIZE, "-");
	else if (kind == CELL_TIME)
		snprintf(cell, CELL_SIZE, "%s",
			 format_duration(buffer, sqlite3_column_int64(stmt, column)));
	else if (kind == CELL_PERCENT)
		snprintf(cell, CELL_SIZE, "%.1f%%", sqlite3_column_double(stmt, column) * 100);
	else
		snprintf(cell, CELL_SIZE, "%s", text);
	for (char *c = cell; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

static void add_row(void *user, sqlite3_stmt *stmt)
{
	struct table *table = user;
	void *grown = reallocarray(table->cells, table->n_rows + 1, sizeof(*table->cells));

	if (!grown) {
		table->out_of_memory = true;
		return;
	}
	table->cells = grown;
	for (int i = 0; table->section->cells[i]; i++)
		format_cell(table->cells[table->n_rows][i], table->section->cells[i], stmt, i);
	table->n_rows++;
}

static bool is_left(char kind)
{
	return kind == CELL_TEXT;
}

/* Characters, not bytes: names may be UTF-8. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void print_cell(const char *text, int width, bool left, bool last)
{
	int padding = width - width_of(text);

	printf("%*s%s%*s", left ? 0 : padding, "", text, left && !last ? padding : 0, "");
	fputs(last ? "\n" : "  ", stdout);
}

static void split_headings(const char *columns, char headings[COLUMNS_MAX][CELL_SIZE])
{
	for (int i = 0; i < COLUMNS_MAX && columns; i++) {
		const char *end = strchrnul(columns, '|');

		snprintf(headings[i], CELL_SIZE, "%.*s", (int)(end - columns), columns);
		columns = *end ? end + 1 : NULL;
	}
}

static void print_table(const struct table *table)
{
	const char *cells = table->section->cells;
	char headings[COLUMNS_MAX][CELL_SIZE] = {""};
	int n_columns = (int)strlen(cells);
	int widths[COLUMNS_MAX];

	split_headings(table->section->columns, headings);
	for (int i = 0; i < n_columns; i++) {
		widths[i] = width_of(headings[i]);
		for (size_t row = 0; row < table->n_rows; row++)
			if (width_of(table->cells[row][i]) > widths[i])
				widths[i] = width_of(table->cells[row][i]);
	}
	for (int i = 0; i < n_columns; i++)
		print_cell(headings[i], widths[i], is_left(cells[i]), i + 1 == n_columns);
	for (size_t row = 0; row < table->n_rows; row++)
		for (int i = 0; i < n_columns; i++)
			print_cell(table->cells[row][i], widths[i], is_left(cells[i]),
				   i + 1 == n_columns);
}

/* The section's query; only the first has an order to choose. */
static void make_sql(const struct section *section, const struct report_options *options,
		     char sql[512])
{
	const char *place = strstr(section->sql, "%s");

	if (place)
		snprintf(sql, 512, "%.*s%s", (int)(place - section->sql), section->sql,
			 options->order);
	else
		snprintf(sql, 512, "%s", section->sql);
}

static int report_section(struct trace *trace, const struct report_options *options,
			  const struct section *section, bool first)
{
	struct table table = {.section = section};
	char sql[512];
	int rc;

	make_sql(section, options, sql);
	rc = view_rows(trace, options->file, sql, add_row, &table);
	if (!rc && table.out_of_memory)
		rc = view_damaged(options->file, "out of memory");
	if (!rc && (table.n_rows || section->empty)) {
		printf("%s%s%s\n", first ? "" : "\n", section->title,
		       table.n_rows ? "" : ": none recorded");
		if (table.n_rows)
			print_table(&table);
	}
	free(table.cells);
	return rc;
}

/* JSON. */

static void print_json_value(sqlite3_stmt *stmt, int column)
{
	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		printf("%" PRId64, (int64_t)sqlite3_column_int64(stmt, column));
		break;
	case SQLITE_FLOAT:
		printf("%.6g", sqlite3_column_double(stmt, column));
		break;
	default:
		print_json_string(stdout, (const char *)sqlite3_column_text(stmt, column));
	}
}

static void print_json_row(void *user, sqlite3_stmt *stmt)
{
	bool *first = user;

	printf("%s\n    {", *first ? "" : ",");
	*first = false;
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		fputs(i ? ", " : "", stdout);
		print_json_string(stdout, sqlite3_column_name(stmt, i));
		fputs(": ", stdout);
		print_json_value(stmt, i);
	}
	putchar('}');
}

static int report_json(struct trace *trace, const struct report_options *options)
{
	static const struct {
		const char *key;
		const char *view;
	} views[] = {
		{"functions", "function_latency"},
		{"hops", "hop_latency"},
		{"errors", "errors"},
		{"unfinished", "unfinished"},
		{"open_handles", "open_handles"},
		{"losses", "losses"},
		{"loss_places", "loss_places"},
		{"clock", "clock"},
	};
	char sql[128];
	int rc = 0;

	putchar('{');
	for (size_t i = 0; !rc && i < COUNT_OF(views); i++) {
		bool first = true;

		printf("%s\n  \"%s\": [", i ? "," : "", views[i].key);
		snprintf(sql, sizeof(sql), "SELECT * FROM %s%s%s", views[i].view,
			 i ? "" : " ORDER BY ", i ? "" : options->order);
		rc = view_rows(trace, options->file, sql, print_json_row, &first);
		fputs(first ? "]" : "\n  ]", stdout);
	}
	printf(",\n  \"complete\": %s\n}\n", trace_is_incomplete(trace, NULL) ? "false" : "true");
	return rc;
}

static void print_help(void)
{
	fputs("Usage: sftrace report [OPTIONS] FILE\n"
	      "Shows where the time of a trace went: functions, the hops of their path with\n"
	      "latencies, errors, unfinished calls, what was lost, how well the clocks agree.\n"
	      "total is with everything below, self without; share is of all calls, of hops\n"
	      "the part of the time that was spent in each itself. It is made of summaries; a\n"
	      "file of up to 64 MiB is also checked for damage.\n"
	      "\n"
	      "  --sort KEY         functions by total (default), n, errors, p50, p99, max, name\n"
	      "  --json             everything, as JSON, times in ns\n"
	      "  -h, --help         this\n"
	      "\n"
	      "Examples:\n"
	      "  sftrace report t.db\n"
	      "  sftrace report --json t.db\n"
	      "\n"
	      "Exit status: 0, 1 failed, 2 usage, 4 the trace is incomplete.\n",
	      stdout);
}

static bool find_order(const char *name, const char **ret)
{
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		if (strcmp(orders[i].name, name))
			continue;
		*ret = orders[i].order;
		return true;
	}
	return false;
}

/* -1: go on; else the exit status. */
static int parse_options(struct report_options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{"sort", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "h", table, NULL)) >= 0) {
		if (option == 'h') {
			print_help();
			return SFTRACE_OK;
		}
		if (option == 'j')
			options->json = true;
		else if (option != 's')
			return SFTRACE_USAGE;
		else if (!find_order(optarg, &options->order))
			return view_usage("report", "cannot sort by ", optarg);
	}
	if (argc - optind != 1)
		return view_usage("report", "one trace file is needed", "");
	options->file = argv[optind];
	return -1;
}

int verb_report(int argc, char **argv)
{
	struct report_options options = {.order = orders[0].order};
	struct trace *trace;
	int status = parse_options(&options, argc, argv), rc = 0;

	if (status >= 0)
		return status;
	trace = view_open(options.file);
	if (!trace)
		return SFTRACE_FAILED;
	if (options.json)
		rc = report_json(trace, &options);
	for (size_t i = 0; !options.json && !rc && i < COUNT_OF(sections); i++)
		rc = report_section(trace, &options, &sections[i], i == 0);
	rc = rc ? rc : view_check(trace, options.file);
	status = rc ? SFTRACE_FAILED : view_status(trace, options.file);
	trace_close(trace);
	return status;
}
