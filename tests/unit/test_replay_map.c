/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small containers of the replay: ids and byte ranges, against simple models. */
#include <criterion/criterion.h>
#include <string.h>

#include "leak_check.h"
#include "map.h"
#include "ranges.h"

#define MODEL_SIZE 512

TestSuite(replay_map, .fini = leak_check);
TestSuite(replay_ranges, .fini = leak_check);

Test(replay_map, behaves_like_an_array)
{
	static int values[MODEL_SIZE];
	bool there[MODEL_SIZE] = {false};
	struct map map = {0};
	uint32_t seed = 1;
	size_t n = 0;

	for (int step = 0; step < 200000; step++) {
		unsigned i;

		seed = seed * 1664525 + 1013904223;
		i = (seed >> 16) % MODEL_SIZE;
		if (seed & 0x8000) {
			cr_assert_eq(map_put(&map, i * 64, &values[i]), 0);
			n += !there[i];
			there[i] = true;
		} else {
			cr_assert_eq(map_take(&map, i * 64), there[i] ? &values[i] : NULL);
			n -= there[i];
			there[i] = false;
		}
		i = (seed >> 8) % MODEL_SIZE;
		cr_assert_eq(map_get(&map, i * 64), there[i] ? &values[i] : NULL);
		cr_assert_eq(map.n, n);
	}
	map_clear(&map, NULL);
}

Test(replay_map, walks_every_entry_once)
{
	static int values[100];
	int seen[100] = {0};
	struct map map = {0};
	size_t position = 0;
	uint64_t key;
	int *value;

	for (uint64_t i = 0; i < 100; i++)
		cr_assert_eq(map_put(&map, ~i, &values[i]), 0);
	while ((value = map_next(&map, &position, &key))) {
		cr_assert_eq(~key, (uint64_t)(value - values));
		seen[value - values]++;
	}
	for (int i = 0; i < 100; i++)
		cr_assert_eq(seen[i], 1);
	map_clear(&map, NULL);
}

Test(replay_map, empty_map_has_nothing)
{
	struct map map = {0};
	size_t position = 0;

	cr_assert_null(map_get(&map, 1));
	cr_assert_null(map_take(&map, 1));
	cr_assert_null(map_next(&map, &position, NULL));
	map_clear(&map, NULL);
}

/* The first gap as the bytes of an array show it. */
static bool model_gap(const bool *bytes, uint64_t start, uint64_t end, struct range *ret)
{
	while (start < end && bytes[start])
		start++;
	if (start == end)
		return false;
	ret->start = start;
	while (start < end && !bytes[start])
		start++;
	ret->end = start;
	return true;
}

Test(replay_ranges, behave_like_bytes)
{
	bool bytes[MODEL_SIZE] = {false};
	struct ranges ranges = {0};
	uint32_t seed = 7;

	for (int step = 0; step < 20000; step++) {
		struct range expected = {0}, got = {0};
		uint64_t start, end;

		seed = seed * 1664525 + 1013904223;
		start = (seed >> 8) % MODEL_SIZE;
		end = start + (seed >> 20) % 9;
		if (end > MODEL_SIZE)
			end = MODEL_SIZE;
		if (step % 512 == 0) {
			ranges_clear(&ranges);
			memset(bytes, 0, sizeof(bytes));
		}
		if (step % 3 == 0) {
			cr_assert_eq(ranges_add(&ranges, start, end), 0);
			memset(bytes + start, true, end - start);
		}
		cr_assert_eq(ranges_gap(&ranges, start, MODEL_SIZE, &got),
			     model_gap(bytes, start, MODEL_SIZE, &expected));
		cr_assert_eq(got.start, expected.start);
		cr_assert_eq(got.end, expected.end);
		for (size_t i = 1; i < ranges.n; i++)
			cr_assert_gt(ranges.items[i].start, ranges.items[i - 1].end, "not merged");
	}
	ranges_clear(&ranges);
}

Test(replay_ranges, sequential_ones_stay_one)
{
	struct ranges ranges = {0};

	for (uint64_t i = 0; i < 1000; i++)
		cr_assert_eq(ranges_add(&ranges, i * 4096, (i + 1) * 4096), 0);
	cr_assert_eq(ranges.n, 1u);
	cr_assert_eq(ranges_add(&ranges, 5, INT64_MAX), 0);
	cr_assert_eq(ranges.n, 1u);
	ranges_clear(&ranges);
}
