/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What loading costs a call: spools of files that are opened, written in 4 KiB
 * pieces and closed, loaded in a process of their own, beside one prepared
 * INSERT a table of the very rows that came of it. Prints processor time,
 * memory and size; see docs/performance.md.
 *
 * Usage: load_bench [--dir DIR] [CALLS...]
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "load.h"
#include "trace.h"
#include "vmmdev.h"

#define CALLS_A_FILE 100 /* a CREATE, WRITEs, a CLOSE */
#define BLOCK_BYTES 4096
#define CALL_NS 20000 /* from one to the next */
#define GUEST_BEHIND_NS 5000000000ull
#define ROWS_AT_ONCE 20000
#define BATCH_ROWS 300000 /* between commits: about as often as the loader */
#define COLUMNS_MAX 32
#define ROUNDS 3 /* loading and bare INSERTs in turns; medians are printed */

/* Hops of hops.def, outermost first, and the system call that ends the chain. */
static const uint16_t host_hops[] = {1, 17, 63, CAPTURE_HOP_SYSCALL + 18};
static const uint16_t guest_hops[] = {300, 273, 256, 258, 257};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct maker {
	FILE *out;
	enum capture_side side;
	uint64_t random;
};

/* A call record with all the spans that are made here. */
struct record {
	struct capture_call call;
	struct capture_span spans[8];
};

static void die(const char *what, const char *on)
{
	fprintf(stderr, "load_bench: %s: %s\n", what, on);
	exit(1);
}

static uint64_t noise(struct maker *maker, uint64_t below)
{
	maker->random = maker->random * 6364136223846793005u + 1442695040888963407u;
	return (maker->random >> 33) % below;
}

static void put(struct maker *maker, const void *bytes, size_t size)
{
	if (fwrite(bytes, size, 1, maker->out) != 1)
		die("cannot write", "a spool");
}

static void put_data(struct maker *maker, uint64_t id, uint8_t parm, bool out, const void *bytes,
		     uint32_t length)
{
	static const char zeroes[8];
	uint32_t padded = (length + 7) & ~7u;
	struct capture_data data = {
		.h = {.kind = CAPTURE_DATA, .size = (uint32_t)sizeof(data) + padded, .id = id},
		.total = length,
		.length = length,
		.parm = parm,
		.out = out,
	};

	put(maker, &data, sizeof(data));
	put(maker, bytes, length);
	put(maker, zeroes, padded - length);
}

static void put_parm(struct record *record, uint32_t type, uint64_t in, uint64_t out)
{
	struct capture_parm *parm = &record->call.parms[record->call.n_parms++];

	parm->type = type;
	if (type == 1 || type == 2) {
		parm->in = in;
		parm->out = out;
	} else {
		parm->size = (uint32_t)in;
	}
}

static void put_span(struct record *record, uint16_t hop, uint8_t depth, uint64_t enter_ns,
		     uint64_t exit_ns)
{
	record->spans[record->call.n_spans++] = (struct capture_span){
		.enter_ns = enter_ns,
		.exit_ns = exit_ns,
		.busy_ns = exit_ns - enter_ns,
		.n = 1,
		.hop = hop,
		.depth = depth,
		.parent = depth ? depth - 1 : 0xff,
	};
}

/* Nested hops within the call's time, and the host's completion. */
static void put_spans(struct maker *maker, struct record *record)
{
	bool host = maker->side == CAPTURE_SIDE_HOST;
	const uint16_t *hops = host ? host_hops : guest_hops;
	size_t n = host ? COUNT_OF(host_hops) : COUNT_OF(guest_hops);
	uint64_t enter = record->call.enter_ns, exit = record->call.end_ns;

	for (size_t i = 0; i < n; i++) {
		put_span(record, hops[i], (uint8_t)i, enter, exit);
		enter += 200 + noise(maker, 200);
		exit -= 200 + noise(maker, 200);
	}
	if (host)
		put_span(record, 2, 1, record->call.end_ns - 100, record->call.end_ns);
}

static struct record begin(struct maker *maker, uint64_t id, uint32_t fn)
{
	bool host = maker->side == CAPTURE_SIDE_HOST;
	uint64_t at = 8000000000000ull + id * CALL_NS - (host ? 0 : GUEST_BEHIND_NS + 4000);
	struct record record = {
		.call = {.h = {.kind = CAPTURE_CALL, .flags = CAPTURE_F_ENDED, .id = id},
			 .enter_ns = at + noise(maker, 400),
			 .end_ns = at + (host ? 8000 : 15000) + noise(maker, 400),
			 .pid = host ? 1000 : 412,
			 .tid = host ? 1000 : 412,
			 .comm = "fio",
			 .client = 1,
			 .fn = fn},
	};

	if (!host)
		record.call.op = id;
	return record;
}

static void end(struct maker *maker, struct record *record)
{
	put_spans(maker, record);
	record->call.h.size =
		(uint32_t)(sizeof(record->call) + record->call.n_spans * sizeof(record->spans[0]));
	put(maker, record, record->call.h.size);
}

static void put_create(struct maker *maker, uint64_t id, uint64_t file)
{
	struct record record = begin(maker, id, SHFL_FN_CREATE);
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL};
	uint8_t path[64] = {0};
	int length = snprintf((char *)path + 4, sizeof(path) - 4, "/work/file-%06u",
			      (unsigned)(file % 1000000));

	path[0] = (uint8_t)(length + 1);
	path[2] = (uint8_t)length;
	put_parm(&record, 1, 0, 0);
	put_parm(&record, 3, (uint64_t)length + 5, 0);
	put_parm(&record, 3, sizeof(parms), 0);
	put_data(maker, id, 1, false, path, (uint32_t)length + 5);
	if (maker->side == CAPTURE_SIDE_HOST) {
		put_data(maker, id, 2, false, &parms, sizeof(parms));
		parms.Handle = file + 1;
		parms.Result = SHFL_FILE_CREATED;
		put_data(maker, id, 2, true, &parms, sizeof(parms));
	}
	end(maker, &record);
}

static void put_write(struct maker *maker, uint64_t id, uint64_t file, uint64_t offset)
{
	struct record record = begin(maker, id, SHFL_FN_WRITE);
	bool host = maker->side == CAPTURE_SIDE_HOST;

	put_parm(&record, 1, 0, 0);
	put_parm(&record, 2, file + 1, file + 1);
	put_parm(&record, 2, offset, offset);
	put_parm(&record, 1, BLOCK_BYTES, BLOCK_BYTES);
	put_parm(&record, host ? 4 : VMMDevHGCMParmType_PageList, BLOCK_BYTES, 0);
	end(maker, &record);
}

static void put_close(struct maker *maker, uint64_t id, uint64_t file)
{
	struct record record = begin(maker, id, SHFL_FN_CLOSE);

	put_parm(&record, 1, 0, 0);
	put_parm(&record, 2, file + 1, file + 1);
	end(maker, &record);
}

static void put_call(struct maker *maker, uint64_t i)
{
	uint64_t file = i / CALLS_A_FILE, at = i % CALLS_A_FILE;

	if (at == 0)
		put_create(maker, i + 1, file);
	else if (at < CALLS_A_FILE - 1)
		put_write(maker, i + 1, file, (at - 1) * BLOCK_BYTES);
	else
		put_close(maker, i + 1, file);
}

static void make_spool(const char *file, enum capture_side side, uint64_t n_calls)
{
	struct maker maker = {fopen(file, "we"), side, 1};
	struct capture_file_header header = {
		.magic = CAPTURE_MAGIC,
		.version = CAPTURE_VERSION,
		.side = side,
	};
	struct capture_header last = {.kind = CAPTURE_END, .size = sizeof(last)};

	if (!maker.out)
		die("cannot create", file);
	put(&maker, &header, sizeof(header));
	for (uint64_t i = 0; i < n_calls; i++)
		put_call(&maker, i);
	put(&maker, &last, sizeof(last));
	if (fclose(maker.out))
		die("cannot write", file);
}

/* Processor time of this process so far. */
static double cpu_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static double now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return cpu_seconds(&usage);
}

static struct rusage load(const char *const spools[], size_t n_spools, const char *trace)
{
	struct load_options options = {0};
	struct rusage usage;
	char *message = NULL;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork", "");
	if (!pid) {
		if (load_spools(spools, n_spools, trace, &options, &message))
			die("cannot load", message ? message : "out of memory");
		_exit(0);
	}
	if (wait4(pid, &status, 0, &usage) != pid || status)
		exit(1);
	return usage;
}

/* The bare INSERTs. */

struct rows {
	sqlite3_value *values[ROWS_AT_ONCE][COLUMNS_MAX];
	int n_rows;
	int n_columns;
};

static void must(sqlite3 *db, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		die("SQLite", sqlite3_errmsg(db));
}

static void rows_read(struct rows *rows, sqlite3_stmt *select)
{
	rows->n_rows = 0;
	rows->n_columns = sqlite3_column_count(select);
	while (rows->n_rows < ROWS_AT_ONCE && sqlite3_step(select) == SQLITE_ROW) {
		for (int i = 0; i < rows->n_columns; i++)
			rows->values[rows->n_rows][i] =
				sqlite3_value_dup(sqlite3_column_value(select, i));
		rows->n_rows++;
	}
}

static void rows_insert(struct rows *rows, sqlite3 *db, sqlite3_stmt *insert)
{
	for (int row = 0; row < rows->n_rows; row++) {
		for (int i = 0; i < rows->n_columns; i++)
			sqlite3_bind_value(insert, i + 1, rows->values[row][i]);
		must(db, sqlite3_step(insert));
		sqlite3_reset(insert);
	}
}

static void rows_free(struct rows *rows)
{
	for (int row = 0; row < rows->n_rows; row++)
		for (int i = 0; i < rows->n_columns; i++)
			sqlite3_value_free(rows->values[row][i]);
}

static sqlite3_stmt *prepare(sqlite3 *db, char *sql)
{
	sqlite3_stmt *stmt = NULL;

	must(db, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL));
	sqlite3_free(sql);
	return stmt;
}

/* Seconds that the INSERTs of one table's rows took. */
static double copy_table(sqlite3 *from, sqlite3 *to, const char *table)
{
	static struct rows rows;
	char marks[2 * COLUMNS_MAX] = "?";
	sqlite3_stmt *select, *insert;
	double seconds = 0, began;
	int since = 0;

	select = prepare(from, sqlite3_mprintf("SELECT * FROM %s", table));
	for (int i = 1; i < sqlite3_column_count(select); i++)
		strcat(marks, ",?");
	insert = prepare(to, sqlite3_mprintf("INSERT INTO %s VALUES (%s)", table, marks));
	do {
		rows_read(&rows, select);
		began = now();
		rows_insert(&rows, to, insert);
		since += rows.n_rows;
		if (since >= BATCH_ROWS) {
			must(to, sqlite3_exec(to, "COMMIT; BEGIN", NULL, NULL, NULL));
			since = 0;
		}
		seconds += now() - began;
		rows_free(&rows);
	} while (rows.n_rows == ROWS_AT_ONCE);
	sqlite3_finalize(select);
	sqlite3_finalize(insert);
	return seconds;
}

static void make_tables(sqlite3 *from, sqlite3 *to)
{
	sqlite3_stmt *stmt = prepare(
		from, sqlite3_mprintf("SELECT sql FROM sqlite_schema WHERE type = 'table'"));

	must(to, sqlite3_exec(to,
			      "PRAGMA page_size = 4096; PRAGMA synchronous = NORMAL;"
			      "PRAGMA cache_size = -32768; BEGIN",
			      NULL, NULL, NULL));
	while (sqlite3_step(stmt) == SQLITE_ROW)
		must(to, sqlite3_exec(to, (const char *)sqlite3_column_text(stmt, 0), NULL, NULL,
				      NULL));
	sqlite3_finalize(stmt);
}

static double insert_bare(const char *trace, const char *copy)
{
	static const char *const tables[] = {"payload", "path",		"call",	       "call_more",
					     "span",	"span_merged",	"op",	       "opened",
					     "task",	"file_summary", "guest_status"};
	sqlite3 *from = NULL, *to = NULL;
	double seconds = 0, began;

	unlink(copy);
	must(from, sqlite3_open_v2(trace, &from, SQLITE_OPEN_READONLY, NULL));
	must(to, sqlite3_open(copy, &to));
	make_tables(from, to);
	for (size_t i = 0; i < COUNT_OF(tables); i++)
		seconds += copy_table(from, to, tables[i]);
	began = now();
	must(to, sqlite3_exec(to, "COMMIT", NULL, NULL, NULL));
	seconds += now() - began;
	sqlite3_close(from);
	sqlite3_close(to);
	unlink(copy);
	malloc_trim(0); /* what is left would count as the next loader's */
	return seconds;
}

static int64_t payload_bytes(const char *file)
{
	struct trace *trace = NULL;
	char *value = NULL, *message = NULL;
	int64_t bytes = 0;

	if (trace_open(file, &trace, &message))
		die("cannot open", message ? message : file);
	if (!trace_get_meta(trace, "payload_bytes", &value))
		bytes = strtoll(value, NULL, 10);
	free(value);
	trace_close(trace);
	return bytes;
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

static void bench(const char *directory, bool both, uint64_t n_calls)
{
	char names[4][256];
	const char *const spools[] = {names[0], names[1]};
	double loaded[ROUNDS], bare[ROUNDS], ratios[ROUNDS];
	struct rusage usage = {0};
	struct stat st;

	snprintf(names[0], sizeof(names[0]), "%s/load_bench.host.spool", directory);
	snprintf(names[1], sizeof(names[1]), "%s/load_bench.guest.spool", directory);
	snprintf(names[2], sizeof(names[2]), "%s/load_bench.db", directory);
	snprintf(names[3], sizeof(names[3]), "%s/load_bench.copy.db", directory);
	make_spool(names[0], CAPTURE_SIDE_HOST, n_calls);
	if (both)
		make_spool(names[1], CAPTURE_SIDE_GUEST, n_calls);
	for (int i = 0; i < ROUNDS; i++) {
		unlink(names[2]);
		usage = load(spools, both ? 2 : 1, names[2]);
		loaded[i] = cpu_seconds(&usage) * 1e9 / (double)n_calls;
		bare[i] = insert_bare(names[2], names[3]) * 1e9 / (double)n_calls;
		ratios[i] = bare[i] / loaded[i];
	}
	if (stat(names[2], &st))
		die("cannot stat", names[2]);
	printf("%-5s %9llu %8.0f %8.0f %6.2f %11.0f %4.0f\n", both ? "both" : "host",
	       (unsigned long long)n_calls, median(loaded), median(bare), median(ratios),
	       (double)(st.st_size - payload_bytes(names[2])) / (double)n_calls,
	       (double)usage.ru_maxrss / 1024);
	fflush(stdout);
	for (size_t i = 0; i < COUNT_OF(names) - 1; i++)
		unlink(names[i]);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = {10000, 100000, 1000000};
	const char *directory = "/tmp";
	int first = 1;

	if (argc > 2 && !strcmp(argv[1], "--dir")) {
		directory = argv[2];
		first = 3;
	}
	puts("side      calls  load ns  bare ns  ratio  bytes/call  MiB");
	for (int both = 0; both < 2; both++) {
		for (int i = first; i < argc; i++)
			bench(directory, both, strtoull(argv[i], NULL, 10));
		for (size_t i = 0; first == argc && i < COUNT_OF(sizes); i++)
			bench(directory, both, sizes[i]);
	}
	return 0;
}
