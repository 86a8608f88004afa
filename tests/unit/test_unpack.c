/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces that xz has compressed: they are read, and what is wrong with one is said. */
#include "leak_check.h"
#include "trace_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>

#include "unpack.h"

#define MANY (6 << 20) /* more than any of the traces here */

static struct fixture f;
static uint8_t plain[MANY], packed[MANY];
static size_t plain_size, packed_size;

static void pack(uint32_t preset)
{
	packed_size = 0;
	cr_assert_eq(lzma_easy_buffer_encode(preset, LZMA_CHECK_CRC64, NULL, plain, plain_size,
					     packed, &packed_size, sizeof(packed)),
		     LZMA_OK);
}

static void put(size_t size)
{
	FILE *file = fopen(f.file, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(packed, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

/* A finished trace, which ->file has compressed. */
static void begin(void)
{
	FILE *file;

	fixture_begin(&f);
	finish_small(&f);
	file = fopen(f.file, "r");
	plain_size = fread(plain, 1, sizeof(plain), file);
	fclose(file);
	cr_assert(plain_size > 0 && plain_size < sizeof(plain));
	pack(6);
	put(packed_size);
	setenv("TMPDIR", f.dir, 1);
}

static void end(void)
{
	fixture_end(&f);
	leak_check();
}

/* Beside the file; an assertion in end() would not be noticed. */
static void expect_nothing_left(void)
{
	char command[128];

	snprintf(command, sizeof(command), "test \"$(ls -A %s)\" = t.db", f.dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(unpack, .init = begin, .fini = end, .timeout = 120);

static int count_events(struct trace *trace)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	int n = 0, rc;

	cr_assert_eq(trace_events(trace, &cursor), 0);
	while ((rc = trace_next(cursor, &call)) > 0)
		n++;
	cr_assert_eq(rc, 0);
	trace_cursor_close(cursor);
	return n;
}

static void expect_opens(void)
{
	char *message = NULL;
	char *absolute = realpath(f.file, NULL);

	cr_assert_eq(trace_open(f.file, &f.trace, &message), 0, "%s", message);
	cr_assert_eq(count_events(f.trace), 6);
	cr_assert_str_eq(trace_file(f.trace), absolute);
	free(absolute);
}

static void expect_refused(int error, const char *says)
{
	struct trace *trace = NULL;
	char *message = NULL;

	cr_assert_eq(trace_open(f.file, &trace, &message), error, "%s", message);
	cr_assert_null(trace);
	cr_assert_not_null(message);
	cr_assert(strstr(message, says), "%s", message);
	free(message);
}

static void expect_beyond(uint64_t bytes, uint64_t memory, const char *says)
{
	const struct unpack_limits limits = {.bytes = bytes, .memory = memory};
	char *message = NULL;
	int fd = open(f.file, O_RDONLY), to = -1;

	cr_assert_eq(unpack_xz(fd, "t.db", &limits, &to, &message), -EFBIG, "%s", message);
	cr_assert_eq(to, -1);
	cr_assert(strstr(message, says), "%s", message);
	free(message);
	close(fd);
}

Test(unpack, a_trace_is_read)
{
	uint32_t captured, length;
	void *data;

	expect_opens();
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn_name = 'SHFL_FN_WRITE'", "/f");
	cr_assert_query(&f, "PRAGMA quick_check", "ok");
	cr_assert_eq(trace_get_payload(f.trace, 1, &data, &captured, &length), 0);
	free(data);
	expect_nothing_left();
}

Test(unpack, it_cannot_be_written)
{
	expect_opens();
	cr_assert_eq(sqlite3_exec(trace_db(f.trace), "DELETE FROM call", NULL, NULL, NULL),
		     SQLITE_READONLY);
}

/* With the file gone, and with the first closed: neither needs the other. */
Test(unpack, it_is_opened_again)
{
	struct trace *again = NULL;
	char *message = NULL;

	expect_opens();
	cr_assert_eq(trace_open_again(f.trace, &again, &message), 0, "%s", message);
	cr_assert_str_eq(trace_file(again), trace_file(f.trace));
	trace_close(f.trace);
	f.trace = NULL;
	cr_assert_eq(count_events(again), 6);
	trace_close(again);
}

/* Unpacking is not needed for that: a confined process may not make a file. */
Test(unpack, it_is_opened_again_without_a_temporary_file)
{
	struct trace *again = NULL;
	char *message = NULL;

	expect_opens();
	setenv("TMPDIR", "/nonexistent", 1);
	cr_assert_eq(trace_open_again(f.trace, &again, &message), 0, "%s", message);
	trace_close(again);
}

Test(unpack, two_streams_and_padding)
{
	size_t half = plain_size / 2, all = plain_size, first;

	plain_size = half;
	pack(6);
	first = packed_size;
	memset(packed + first, 0, 8);
	first += 8;
	cr_assert_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, plain + half, all - half,
					     packed, &first, sizeof(packed)),
		     LZMA_OK);
	put(first);
	expect_opens();
}

Test(unpack, the_name_is_not_looked_at)
{
	memcpy(packed, plain, plain_size);
	put(plain_size);
	expect_opens();
}

Test(unpack, cut_off)
{
	for (size_t size = packed_size - 1; size > 6; size = size * 7 / 8) {
		put(size);
		expect_refused(-EUCLEAN, "is damaged: its compressed data ends early");
	}
	expect_nothing_left();
	put(5); /* less than the magic bytes */
	expect_refused(-EINVAL, "no SQLite database");
}

Test(unpack, garbage_behind_the_magic)
{
	for (size_t i = 6; i < packed_size; i++)
		packed[i] = (uint8_t)(i * 37);
	put(packed_size);
	expect_refused(-EUCLEAN, "is damaged: its compressed data");
}

Test(unpack, garbage_behind_the_end)
{
	memcpy(packed + packed_size, "garbage.", 8);
	put(packed_size + 8);
	expect_refused(-EUCLEAN, "is damaged: its compressed data");
}

Test(unpack, flipped_bits)
{
	srand(5);
	for (int i = 0; i < 200; i++) {
		size_t at = 6 + (size_t)rand() % (packed_size - 6);
		uint8_t old = packed[at];

		packed[at] ^= (uint8_t)(1 << rand() % 8);
		put(packed_size);
		cr_assert_neq(trace_open(f.file, &f.trace, NULL), 0, "byte %zu", at);
		packed[at] = old;
	}
}

Test(unpack, an_unknown_check_or_filter)
{
	packed[7] = 0x8a; /* of the header: reserved flags */
	packed[8] = packed[9] = 0;
	((uint32_t *)(void *)packed)[2] = lzma_crc32(packed + 6, 2, 0);
	put(packed_size);
	expect_refused(-EPROTO, "in a way that liblzma does not know");
}

Test(unpack, something_else_is_compressed)
{
	memset(plain, 'x', plain_size);
	pack(6);
	put(packed_size);
	expect_refused(-EINVAL, "what is compressed in it is no SQLite database");
	plain_size = 0;
	pack(6);
	put(packed_size);
	expect_refused(-EINVAL, "what is compressed in it is no SQLite database");
}

Test(unpack, a_compressed_database_that_is_cut_off)
{
	plain_size = 5000;
	pack(6);
	put(packed_size);
	expect_refused(-EUCLEAN, "cannot read");
}

Test(unpack, another_schema)
{
	plain[63] = 7; /* of the header: user_version */
	pack(6);
	put(packed_size);
	expect_refused(-EPROTO, "has schema 7");
}

Test(unpack, a_bomb)
{
	plain_size = sizeof(plain);
	memset(plain, 0, plain_size);
	pack(6);
	put(packed_size);
	cr_assert(packed_size < 10000);
	expect_beyond(5 << 20, UNPACK_MAX_MEMORY, "unpacks to more than 5 MiB");
}

Test(unpack, the_limits_are_those_that_the_text_says)
{
	cr_assert_eq(UNPACK_MAX_BYTES, 4294967296);
	cr_assert_eq(UNPACK_MAX_MEMORY, 134217728);
}

Test(unpack, more_memory_than_allowed)
{
	pack(9);
	put(packed_size);
	expect_beyond(UNPACK_MAX_BYTES, 1 << 20, "takes more than 1 MiB of memory");
	expect_opens();
}

Test(unpack, no_temporary_directory)
{
	setenv("TMPDIR", "/nonexistent", 1);
	expect_refused(-ENOENT, "to /nonexistent: No such file or directory (TMPDIR");
	setenv("TMPDIR", "/proc", 1);
	cr_assert_neq(trace_open(f.file, &f.trace, NULL), 0);
}

Test(unpack, it_is_not_written_to)
{
	struct trace *trace = NULL;
	char *message = NULL;

	cr_assert_eq(trace_create(f.file, &trace, &message), -EEXIST);
	cr_assert(strstr(message, "is there already"), "%s", message);
	free(message);
	cr_assert_not(trace_file_is_ours(f.file));
	expect_opens();
}

/* An unfinished trace is replaced, but not if it is compressed. */
Test(unpack, an_unfinished_one_is_not_written_to)
{
	struct trace *trace = NULL;
	sqlite3 *db;
	FILE *file;

	memcpy(packed, plain, plain_size);
	put(plain_size);
	cr_assert_eq(sqlite3_open(f.file, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "UPDATE meta SET value = 'recording' WHERE key = 'state'",
				  NULL, NULL, NULL),
		     SQLITE_OK);
	sqlite3_close(db);
	file = fopen(f.file, "r");
	cr_assert_eq(fread(plain, 1, plain_size, file), plain_size);
	fclose(file);
	pack(6);
	put(packed_size);
	cr_assert_eq(trace_create(f.file, &trace, NULL), -EEXIST);
}
