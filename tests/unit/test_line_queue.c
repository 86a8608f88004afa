/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What waits for a recorder, against a plain list of the records that were put. */
#include "../../tracer/line_queue.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leak_check.h"

TestSuite(line_queue, .timeout = 60, .fini = leak_check);

#define RECORDS 20000
#define SIZE_MAX_OF_TEST 4096

static uint64_t places[RECORDS + 1]; /* of each record; then the end */

static uint32_t size_of(uint64_t number)
{
	return sizeof(struct capture_header) + 8 * (number * 7919 % 500);
}

static bool put(struct line_queue *queue, uint64_t number)
{
	struct capture_header *record = calloc(1, SIZE_MAX_OF_TEST);
	bool taken;

	record->kind = CAPTURE_OP;
	record->size = size_of(number);
	record->id = number;
	memset(record + 1, (int)number, record->size - sizeof(*record));
	taken = line_queue_put(queue, record, 0);
	free(record);
	if (taken)
		places[number + 1] = places[number] + size_of(number);
	return taken;
}

/* Takes up to SIZE bytes and compares them with what the records are. */
static void take(struct line_queue *queue, size_t size)
{
	while (size && line_queue_waiting(queue)) {
		struct iovec pieces[2];
		uint64_t number = 0, place = queue->sent;
		size_t n;

		cr_assert_geq(line_queue_pieces(queue, pieces), 1);
		n = pieces[0].iov_len < size ? pieces[0].iov_len : size;
		for (number = queue->kept.records; places[number + 1] <= place;)
			number++;
		for (size_t i = 0; i < n; i++, place++) {
			const char *byte = (const char *)pieces[0].iov_base + i;

			if (place == places[number + 1])
				number++;
			if (place - places[number] >= sizeof(struct capture_header))
				cr_assert_eq(*byte, (char)number, "record %d", (int)number);
		}
		line_queue_sent(queue, n);
		size -= n;
	}
}

Test(line_queue, any_order_of_putting_sending_and_going_back)
{
	const size_t max = 700 << 10, keep = 300 << 10;
	struct line_queue queue;
	uint64_t number = 0;
	int refused = 0, back = 0;

	srandom(1);
	cr_assert_eq(line_queue_init(&queue, max, keep), 0);
	while (number < RECORDS) {
		int burst = (int)(random() % 400);

		for (int i = 0; i < burst && number < RECORDS; i++) {
			if (!put(&queue, number)) {
				cr_assert_lt(line_queue_room(&queue), size_of(number));
				refused++;
				break;
			}
			number++;
		}
		cr_assert_leq(line_queue_waiting(&queue), max + keep);
		cr_assert_leq(queue.capacity, max + keep);
		take(&queue, (size_t)random() % (512 << 10));
		if (random() % 4 == 0) {
			uint64_t records = queue.kept.records, steps = random() % 30;
			struct link_position theirs, ours;

			while (steps-- && places[records + 1] <= queue.sent && records < number)
				records++;
			theirs = (struct link_position){places[records], records};
			cr_assert_eq(line_queue_resume(&queue, &theirs, &ours), 0);
			cr_assert_eq(ours.bytes, theirs.bytes);
			cr_assert_eq(ours.records, theirs.records);
			back++;
		}
	}
	take(&queue, SIZE_MAX);
	cr_assert_eq(line_queue_waiting(&queue), 0);
	cr_assert_eq(queue.end.records, RECORDS);
	cr_assert_gt(refused, 0);
	cr_assert_gt(back, 10);
	line_queue_free(&queue);
}

Test(line_queue, takes_no_memory_before_it_is_needed)
{
	struct line_queue queue;

	cr_assert_eq(line_queue_init(&queue, 1u << 30, 4096), 0);
	for (uint64_t i = 0; i < 10000; i++) {
		cr_assert(put(&queue, i));
		take(&queue, SIZE_MAX);
	}
	cr_assert_leq(queue.capacity, 1u << 20);
	line_queue_free(&queue);
}

Test(line_queue, what_is_kept_makes_room_but_not_half_of_a_record)
{
	struct line_queue queue;
	struct link_position theirs = {0, 0}, ours;
	uint64_t number = 0;

	cr_assert_eq(line_queue_init(&queue, 256 << 10, 0), 0);
	while (put(&queue, number))
		number++;
	take(&queue, places[number - 1] + 8);
	while (put(&queue, number))
		number++;
	cr_assert_eq(line_queue_resume(&queue, &theirs, &ours), 0);
	cr_assert_gt(ours.records, 0, "everything was kept");
	cr_assert_eq(ours.bytes, places[ours.records]);
	take(&queue, SIZE_MAX);
	line_queue_restart(&queue);
	cr_assert_eq(line_queue_waiting(&queue), 0);
	cr_assert_eq(queue.base.records, number);
	line_queue_free(&queue);
}

Test(line_queue, an_impossible_record)
{
	struct capture_header record = {.kind = CAPTURE_END, .size = 8};
	struct line_queue queue;

	cr_assert_eq(line_queue_init(&queue, 4096, 0), 0);
	cr_assert_not(line_queue_put(&queue, &record, 0));
	record.size = 20;
	cr_assert_not(line_queue_put(&queue, &record, 0));
	line_queue_free(&queue);
}
