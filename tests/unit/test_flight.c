/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flight recorder's memory: what stays and what goes when it is full. What
 * is held is looked at through the spool file that it is written to.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flight.h"
#include "leak_check.h"
#include "vbox_status.h"

#define FILLER_BYTES 4096 /* of a call's payload that fills the memory */

static struct flight *flight;
static char path[64];
static char *content;
static size_t size;
static uint64_t next_id;

static void setup(void)
{
	strcpy(path, "/tmp/test-flight-XXXXXX");
	close(mkstemp(path));
	cr_assert_eq(flight_open(FLIGHT_MIN_BYTES, &flight), 0);
	next_id = 1;
}

static void teardown(void)
{
	flight_close(flight);
	unlink(path);
	free(content);
	content = NULL;
	leak_check();
}

TestSuite(flight, .init = setup, .fini = teardown);

static void dump(void)
{
	struct spool *spool;
	FILE *file;

	cr_assert_eq(spool_create(path, CAPTURE_SIDE_HOST, &spool), 0);
	flight_write(flight, spool);
	cr_assert_eq(spool_close(spool), 0);
	free(content);
	content = malloc(4 * FLIGHT_MIN_BYTES);
	file = fopen(path, "r");
	size = fread(content, 1, 4 * FLIGHT_MIN_BYTES, file);
	fclose(file);
}

/* How many records of that kind a dump has of that call; id 0: of any. */
static int held(uint16_t kind, uint64_t id)
{
	size_t at = sizeof(struct capture_file_header);
	int n = 0;

	while (at < size) {
		const struct capture_header *record = (const void *)(content + at);

		n += record->kind == kind && (!id || record->id == id);
		at += record->size;
	}
	cr_assert_eq(at, size, "records are whole");
	return n;
}

static struct capture_call call_make(uint16_t kind, uint32_t client, uint32_t fn)
{
	return (struct capture_call){
		.h = {.kind = kind,
		      .flags = CAPTURE_F_ENDED,
		      .size = sizeof(struct capture_call),
		      .id = next_id++},
		.pid = 100,
		.client = client,
		.fn = fn,
	};
}

static uint64_t put(struct capture_call call)
{
	flight_add(flight, &call.h);
	return call.h.id;
}

static void put_data(uint64_t id, uint8_t parm, uint8_t out, const void *bytes, uint32_t length)
{
	union {
		struct capture_data data;
		char room[sizeof(struct capture_data) + FILLER_BYTES];
	} record = {.data = {.h = {.kind = CAPTURE_DATA, .id = id},
			     .total = length,
			     .length = length,
			     .parm = parm,
			     .out = out}};

	memcpy(record.data.bytes, bytes, length);
	record.data.h.size = (uint32_t)sizeof(struct capture_data) + length;
	flight_add(flight, &record.data.h);
}

/* A WRITE with payload. */
static uint64_t put_write(void)
{
	static const char block[FILLER_BYTES];
	struct capture_call call = call_make(CAPTURE_CALL, 1, SHFL_FN_WRITE);

	put_data(call.h.id, 4, 0, block, sizeof(block));
	return put(call);
}

/* Enough WRITEs that nothing from before is in memory. */
static void fill(void)
{
	for (size_t i = 0; i < FLIGHT_MIN_BYTES / FILLER_BYTES; i++)
		put_write();
}

static uint64_t put_create(uint32_t client, uint64_t handle, int32_t status)
{
	struct capture_call call = call_make(CAPTURE_CALL, client, SHFL_FN_CREATE);
	SHFLCREATEPARMS parms = {.Handle = handle};

	call.status = status;
	put_data(call.h.id, 1, 0, "path", 5);
	put_data(call.h.id, 2, 1, &parms, sizeof(parms));
	return put(call);
}

static uint64_t put_close(uint32_t client, uint64_t handle)
{
	struct capture_call call = call_make(CAPTURE_CALL, client, SHFL_FN_CLOSE);

	call.parms[1].in = handle;
	return put(call);
}

Test(flight, sizes_that_make_no_sense)
{
	struct flight *other = NULL;

	cr_expect_eq(flight_open(0, &other), -EINVAL);
	cr_expect_eq(flight_open(FLIGHT_MIN_BYTES - 1, &other), -EINVAL);
	cr_expect_eq(flight_open(FLIGHT_MAX_BYTES + 1, &other), -EINVAL);
	cr_expect_eq(flight_open(UINT64_MAX, &other), -EINVAL);
	cr_expect_null(other);
}

Test(flight, the_last_records_are_held_whole)
{
	struct flight_counts counts;
	uint64_t n = 1000, last = 0;

	for (uint64_t i = 0; i < n; i++)
		last = put_write();
	dump();
	flight_get_counts(flight, &counts);
	cr_expect_eq(counts.calls, n);
	cr_expect_gt(counts.bytes, FLIGHT_MIN_BYTES - 2 * FILLER_BYTES);
	cr_expect_leq(counts.bytes, FLIGHT_MIN_BYTES);
	cr_expect_eq(counts.overwritten_calls + held(CAPTURE_CALL, 0), n);
	cr_expect_eq(held(CAPTURE_CALL, last), 1);
	cr_expect_eq(held(CAPTURE_DATA, 0), held(CAPTURE_CALL, 0), "each has its payload");
	cr_expect_eq(held(CAPTURE_DATA, last - held(CAPTURE_CALL, 0) + 1), 1);
	cr_expect_eq(held(CAPTURE_LOSS, 0), 0);
}

Test(flight, records_of_bad_sizes_are_left_out)
{
	struct capture_call call = call_make(CAPTURE_CALL, 1, 1);
	struct flight_counts counts;

	call.h.size = 8;
	put(call);
	call.h.size = FLIGHT_MIN_BYTES + 8;
	put(call);
	flight_get_counts(flight, &counts);
	cr_expect_eq(counts.bytes, 0);
	cr_expect_eq(counts.calls, 0);
}

Test(flight, what_explains_later_calls_stays)
{
	uint64_t share = put(call_make(CAPTURE_HOST_CALL, 0, SHFL_FN_ADD_MAPPING));
	uint64_t client = put(call_make(CAPTURE_CONNECT, 1, 0));
	uint64_t utf8 = put(call_make(CAPTURE_CALL, 1, SHFL_FN_SET_UTF8));
	uint64_t mapped = put(call_make(CAPTURE_CALL, 1, SHFL_FN_MAP_FOLDER));
	uint64_t open = put_create(1, 7, VINF_SUCCESS);
	uint64_t lookup = put_create(1, SHFL_HANDLE_NIL, VINF_SUCCESS);
	uint64_t failed = put_create(1, 9, VERR_ACCESS_DENIED);
	struct flight_counts counts;

	fill();
	dump();
	cr_expect_eq(held(CAPTURE_HOST_CALL, share), 1);
	cr_expect_eq(held(CAPTURE_CONNECT, client), 1);
	cr_expect_eq(held(CAPTURE_CALL, utf8), 1);
	cr_expect_eq(held(CAPTURE_CALL, mapped), 1);
	cr_expect_eq(held(CAPTURE_CALL, open), 1);
	cr_expect_eq(held(CAPTURE_DATA, open), 2);
	cr_expect_eq(held(CAPTURE_CALL, lookup) + held(CAPTURE_CALL, failed), 0);
	cr_expect_eq(held(CAPTURE_DATA, lookup) + held(CAPTURE_DATA, failed), 0);
	flight_get_counts(flight, &counts);
	cr_expect_eq(counts.overwritten_calls + held(CAPTURE_CALL, 0) + held(CAPTURE_CONNECT, 0) +
			     held(CAPTURE_HOST_CALL, 0),
		     counts.calls);
}

Test(flight, what_is_over_explains_nothing)
{
	uint64_t other = put_create(2, 7, VINF_SUCCESS);
	uint64_t closed = put_create(1, 7, VINF_SUCCESS), mapped, again, utf8;
	struct capture_call call;

	put_close(1, 7);
	mapped = put(call_make(CAPTURE_CALL, 1, SHFL_FN_MAP_FOLDER));
	put(call_make(CAPTURE_CALL, 1, SHFL_FN_UNMAP_FOLDER));
	again = put(call_make(CAPTURE_CALL, 1, SHFL_FN_MAP_FOLDER));
	call = call_make(CAPTURE_CALL, 1, SHFL_FN_SET_UTF8);
	utf8 = put(call);
	put(call_make(CAPTURE_CALL, 1, SHFL_FN_SET_UTF8));
	fill();
	dump();
	cr_expect_eq(held(CAPTURE_CALL, closed) + held(CAPTURE_DATA, closed), 0);
	cr_expect_eq(held(CAPTURE_CALL, other), 1,
		     "a handle of the same number, of another client");
	cr_expect_eq(held(CAPTURE_CALL, mapped), 0);
	cr_expect_eq(held(CAPTURE_CALL, again), 1);
	cr_expect_eq(held(CAPTURE_CALL, utf8), 0);
	cr_expect_eq(held(CAPTURE_CALL, utf8 + 1), 1);
}

Test(flight, a_client_that_went_explains_nothing)
{
	uint64_t first = put(call_make(CAPTURE_CONNECT, 1, 0)), second, open, same_number;
	struct capture_call call = call_make(CAPTURE_CONNECT, 1, 0);

	call.pid = 200;
	same_number = put(call);
	second = put(call_make(CAPTURE_CONNECT, 2, 0));
	open = put_create(1, 5, VINF_SUCCESS);
	put(call_make(CAPTURE_DISCONNECT, 1, 0));
	fill();
	dump();
	cr_expect_eq(held(CAPTURE_CONNECT, first), 0);
	cr_expect_eq(held(CAPTURE_CALL, open), 0);
	cr_expect_eq(held(CAPTURE_CONNECT, second), 1);
	cr_expect_eq(held(CAPTURE_CONNECT, same_number), 1, "of another process");
}

Test(flight, payload_waits_for_a_call_that_has_not_ended)
{
	struct capture_call call = call_make(CAPTURE_CALL, 1, SHFL_FN_LOCK);

	put_data(call.h.id, 1, 0, "early", 5);
	fill();
	dump();
	cr_expect_eq(held(CAPTURE_DATA, call.h.id), 1);
	put(call);
	dump();
	cr_expect_eq(held(CAPTURE_CALL, call.h.id), 1);
	cr_expect_eq(held(CAPTURE_DATA, call.h.id), 1);
	fill();
	dump();
	cr_expect_eq(held(CAPTURE_CALL, call.h.id) + held(CAPTURE_DATA, call.h.id), 0);
	cr_expect_eq(held(CAPTURE_LOSS, 0), 0);
}

Test(flight, payload_that_cannot_wait_is_told)
{
	static const char block[FILLER_BYTES];

	for (uint64_t id = 100000; id < 100000 + 2000; id++)
		put_data(id, 0, 0, block, sizeof(block));
	dump();
	cr_expect_eq(held(CAPTURE_LOSS, 0), 1);
	cr_expect_leq(size, 3 * FLIGHT_MIN_BYTES, "memory has a limit");
}

Test(flight, kept_calls_have_a_limit)
{
	for (uint64_t handle = 1; handle < 100000; handle++)
		put_create(1, handle, VINF_SUCCESS);
	dump();
	cr_expect_leq(size, 3 * FLIGHT_MIN_BYTES, "memory has a limit");
	cr_expect_geq(held(CAPTURE_CALL, 0), 100);
}
