/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sorted array: files are mostly read and written in order, so it stays short. */
#include "ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first item that ends at or after "at". */
static size_t ranges_find(const struct ranges *ranges, uint64_t at)
{
	size_t low = 0, high = ranges->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->items[middle].end < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int ranges_insert(struct ranges *ranges, size_t at, struct range item)
{
	if (ranges->n == ranges->room) {
		size_t room = ranges->room ? ranges->room * 2 : 4;
		struct range *items = realloc(ranges->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		ranges->items = items;
		ranges->room = room;
	}
	memmove(&ranges->items[at + 1], &ranges->items[at],
		(ranges->n - at) * sizeof(*ranges->items));
	ranges->items[at] = item;
	ranges->n++;
	return 0;
}

int ranges_add(struct ranges *ranges, uint64_t start, uint64_t end)
{
	size_t first = ranges_find(ranges, start), last = first;
	struct range merged = {start, end};

	if (start >= end)
		return 0;
	for (; last < ranges->n && ranges->items[last].start <= end; last++) {
		if (ranges->items[last].start < merged.start)
			merged.start = ranges->items[last].start;
		if (ranges->items[last].end > merged.end)
			merged.end = ranges->items[last].end;
	}
	if (first == last)
		return ranges_insert(ranges, first, merged);
	ranges->items[first] = merged;
	memmove(&ranges->items[first + 1], &ranges->items[last],
		(ranges->n - last) * sizeof(*ranges->items));
	ranges->n -= last - first - 1;
	return 0;
}

bool ranges_gap(const struct ranges *ranges, uint64_t start, uint64_t end, struct range *ret_gap)
{
	size_t i = ranges_find(ranges, start);

	if (i < ranges->n && ranges->items[i].start <= start) {
		start = ranges->items[i].end;
		i++;
	}
	if (start >= end)
		return false;
	if (i < ranges->n && ranges->items[i].start < end)
		end = ranges->items[i].start;
	*ret_gap = (struct range){start, end};
	return true;
}

void ranges_clear(struct ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct ranges){0};
}
