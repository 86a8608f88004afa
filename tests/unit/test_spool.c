/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The spool writer: what is on disk is well formed, also when the disk is full. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture_check.h"
#include "leak_check.h"
#include "spool.h"

static char path[64];
static char *content;
static size_t size;

static void setup(void)
{
	strcpy(path, "/tmp/test-spool-XXXXXX");
	close(mkstemp(path));
}

static void teardown(void)
{
	unlink(path);
	free(content);
	content = NULL;
	leak_check();
}

TestSuite(spool, .init = setup, .fini = teardown);

static void read_back(void)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	cr_assert_eq(fstat(fd, &st), 0);
	size = st.st_size;
	free(content);
	content = malloc(size + 1);
	cr_assert_eq(read(fd, content, size), (ssize_t)size);
	close(fd);
	cr_assert_geq(size, sizeof(struct capture_file_header));
}

/* The record after PREVIOUS (NULL: the first), checked; NULL: the file ends. */
static const struct capture_header *next(const struct capture_header *previous)
{
	const char *at = previous ? (const char *)previous + previous->size
				  : content + sizeof(struct capture_file_header);
	const struct capture_header *record = (const void *)at;
	const char *problem;

	if (at == content + size)
		return NULL;
	cr_assert_leq(at + sizeof(*record), content + size, "a piece of a header");
	cr_assert_leq(at + record->size, content + size, "a piece of a record");
	problem = capture_check_record(record);
	cr_assert_null(problem, "%s", problem);
	return record;
}

static void put_call(struct spool *spool, uint64_t id, uint16_t flags)
{
	struct capture_call call = {
		.h = {.kind = CAPTURE_CALL, .flags = flags, .size = sizeof(call), .id = id}};

	spool_write(spool, &call.h);
}

static void put_data(struct spool *spool, uint64_t id, uint32_t length)
{
	struct capture_data *data = calloc(1, sizeof(*data) + length);

	data->h.kind = CAPTURE_DATA;
	data->h.id = id;
	data->h.size = sizeof(*data) + length; /* not padded: the writer does that */
	data->total = data->length = length;
	memset(data->bytes, id, length);
	spool_write(spool, &data->h);
	free(data);
}

Test(spool, writes_a_header_records_and_an_end)
{
	struct spool *spool = NULL;
	struct spool_counts counts;
	const struct capture_file_header *header;
	const struct capture_header *record;
	const char *key, *value;

	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	spool_meta(spool, "colour", "blue");
	put_data(spool, 5, 13);
	put_call(spool, 5, CAPTURE_F_ENDED);
	put_call(spool, 6, CAPTURE_F_SNAPSHOT);
	spool_get_counts(spool, &counts);
	cr_expect_eq(counts.calls, 1, "a snapshot is no call that ended");
	cr_expect_eq(counts.records, 4);
	cr_expect_eq(counts.dropped, 0);
	cr_expect_eq(spool_close(spool), 0);

	read_back();
	header = (const void *)content;
	cr_expect_null(capture_check_file_header(header, CAPTURE_SIDE_HOST));
	cr_expect_gt(header->realtime_ns, header->monotonic_ns);
	record = next(NULL);
	cr_assert_eq(record->kind, CAPTURE_META);
	capture_meta_text((const void *)record, &key, &value);
	cr_expect_str_eq(key, "colour");
	cr_expect_str_eq(value, "blue");
	record = next(record);
	cr_assert_eq(record->kind, CAPTURE_DATA);
	cr_expect_eq(((const struct capture_data *)record)->length, 13);
	cr_expect_eq(((const struct capture_data *)record)->bytes[12], 5);
	record = next(record);
	cr_expect_eq(record->kind, CAPTURE_CALL);
	record = next(record);
	cr_expect_eq(record->id, 6);
	record = next(record);
	cr_expect_eq(record->kind, CAPTURE_END);
	cr_expect_null(next(record));
}

Test(spool, what_was_flushed_is_in_the_file)
{
	struct spool *spool = NULL;
	const struct capture_header *record;

	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	read_back();
	cr_expect_eq(size, sizeof(struct capture_file_header), "the header is there at once");
	put_call(spool, 1, 0);
	spool_flush(spool);
	put_call(spool, 2, 0);
	read_back();
	record = next(NULL);
	cr_expect_eq(record->id, 1);
	cr_expect_null(next(record));
	spool_close(spool);
}

Test(spool, more_than_its_buffer_goes_through)
{
	struct spool *spool = NULL;
	const struct capture_header *record = NULL;
	struct spool_counts counts;

	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	for (int i = 1; i <= 100; i++)
		put_data(spool, i, CAPTURE_CHUNK_MAX);
	spool_get_counts(spool, &counts);
	cr_expect_eq(counts.bytes, 100 * (sizeof(struct capture_data) + CAPTURE_CHUNK_MAX));
	cr_expect_eq(spool_close(spool), 0);
	read_back();
	for (uint64_t i = 1; i <= 100; i++) {
		record = next(record);
		cr_assert_eq(record->id, i);
	}
	cr_expect_eq(next(record)->kind, CAPTURE_END);
}

Test(spool, long_notes_are_cut_but_stay_notes)
{
	struct spool *spool = NULL;
	char *text = malloc(10001);
	const struct capture_header *record;
	const char *key, *value;

	memset(text, 'x', 10000);
	text[10000] = '\0';
	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	spool_meta(spool, "command", text);
	spool_meta(spool, text, text);
	cr_expect_eq(spool_close(spool), 0);
	free(text);
	read_back();
	record = next(NULL);
	capture_meta_text((const void *)record, &key, &value);
	cr_expect_str_eq(key, "command");
	cr_expect_gt(strlen(value), 4000);
	record = next(record);
	cr_expect_eq(record->kind, CAPTURE_META);
	cr_expect_eq(next(record)->kind, CAPTURE_END);
}

Test(spool, impossible_records_are_left_out)
{
	struct spool *spool = NULL;
	struct capture_header tiny = {.kind = CAPTURE_CALL, .size = 3};
	struct capture_header huge = {.kind = CAPTURE_CALL, .size = UINT32_MAX};

	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	spool_write(spool, &tiny);
	spool_write(spool, &huge);
	cr_expect_eq(spool_close(spool), 0);
	read_back();
	cr_expect_eq(next(NULL)->kind, CAPTURE_END);
}

Test(spool, belongs_to_one_recorder)
{
	struct spool *spool, *other;

	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	cr_expect_eq(spool_create(path, CAPTURE_SIDE_HOST, &other), -EBUSY);
	cr_expect_eq(spool_close(spool), 0);
	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	cr_expect_eq(spool_close(spool), 0);
}

Test(spool, says_why_it_cannot_be_created)
{
	struct spool *spool = NULL;

	cr_expect_eq(spool_create("/no/such/folder/x", CAPTURE_SIDE_HOST, &spool), -ENOENT);
	cr_expect_eq(spool_create("/dev/full", CAPTURE_SIDE_HOST, &spool), -ENOSPC);
	cr_expect_null(spool);
}

/* A file-size limit stands in for a full disk: writes come out short, then fail. */
Test(spool, a_full_disk_leaves_whole_records_and_a_count)
{
	struct rlimit limit = {300000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
	struct spool *spool = NULL;
	const struct capture_header *record = NULL;
	struct spool_counts counts;
	uint64_t in_file = 0;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 1; i <= 100; i++)
		put_data(spool, i, 10000);
	spool_flush(spool);
	put_call(spool, 101, CAPTURE_F_ENDED);
	spool_get_counts(spool, &counts);
	cr_expect_eq(counts.error, -EFBIG);
	cr_expect_eq(counts.records + counts.dropped, 101);
	cr_expect_eq(counts.calls, 0);
	setrlimit(RLIMIT_FSIZE, &none);
	cr_expect_eq(spool_close(spool), -EFBIG, "the file is not whole");

	read_back();
	while ((record = next(record))->kind == CAPTURE_DATA)
		cr_assert_eq(record->id, ++in_file);
	cr_expect_eq(in_file, 300000 / (sizeof(struct capture_data) + 10000));
	cr_expect_eq(in_file, counts.records);
	cr_assert_eq(record->kind, CAPTURE_LOSS);
	cr_expect_eq(((const struct capture_loss *)record)->reason, CAPTURE_LOSS_CUT_SHORT);
	cr_expect_eq(((const struct capture_loss *)record)->n, counts.dropped);
	cr_expect_eq(next(record)->kind, CAPTURE_END);
}

Test(spool, a_disk_that_stays_full_leaves_a_file_without_an_end)
{
	struct rlimit limit = {sizeof(struct capture_file_header) + 4096, RLIM_INFINITY};
	struct spool *spool = NULL;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	put_data(spool, 1, 4096 - sizeof(struct capture_data));
	put_data(spool, 2, 832);
	cr_expect_eq(spool_close(spool), -EFBIG);
	read_back();
	cr_expect_eq(next(NULL)->id, 1);
	cr_expect_null(next(next(NULL)));
}

Test(spool, is_told_from_other_files)
{
	struct spool *spool;
	char fifo[80];

	cr_expect_not(spool_file_is_ours(path), "empty");
	cr_expect_not(spool_file_is_ours("/no/such/file"));
	cr_expect_not(spool_file_is_ours("/tmp"));
	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	cr_assert_eq(spool_close(spool), 0);
	cr_expect(spool_file_is_ours(path));
	cr_assert_eq(truncate(path, 7), 0);
	cr_expect_not(spool_file_is_ours(path), "cut within the magic");
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_expect_not(spool_file_is_ours(fifo), "nobody writes to it");
	unlink(fifo);
}
