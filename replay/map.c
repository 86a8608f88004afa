/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing with linear probing, at most three quarters full. */
#include "map.h"

#include <errno.h>
#include <stdlib.h>

#define MAP_FIRST_ROOM 64

static size_t map_home(const struct map *map, uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15ull >> 20) & (map->room - 1);
}

static struct map_slot *map_slot(const struct map *map, uint64_t key)
{
	size_t i = map_home(map, key);

	while (map->slots[i].value && map->slots[i].key != key)
		i = (i + 1) & (map->room - 1);
	return &map->slots[i];
}

void *map_get(const struct map *map, uint64_t key)
{
	return map->room ? map_slot(map, key)->value : NULL;
}

static int map_grow(struct map *map)
{
	struct map wider = {.room = map->room ? map->room * 2 : MAP_FIRST_ROOM, .n = map->n};

	wider.slots = calloc(wider.room, sizeof(*wider.slots));
	if (!wider.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->room; i++)
		if (map->slots[i].value)
			*map_slot(&wider, map->slots[i].key) = map->slots[i];
	free(map->slots);
	*map = wider;
	return 0;
}

int map_put(struct map *map, uint64_t key, void *value)
{
	struct map_slot *slot;

	if (map->n * 4 >= map->room * 3) {
		int ret = map_grow(map);

		if (ret < 0)
			return ret;
	}
	slot = map_slot(map, key);
	if (!slot->value)
		map->n++;
	slot->key = key;
	slot->value = value;
	return 0;
}

/* Closes the gap that a removed slot leaves in the probe sequences across it. */
static void map_close_gap(struct map *map, size_t gap)
{
	size_t mask = map->room - 1;

	for (size_t i = (gap + 1) & mask; map->slots[i].value; i = (i + 1) & mask) {
		size_t home = map_home(map, map->slots[i].key);

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		map->slots[gap] = map->slots[i];
		map->slots[i].value = NULL;
		gap = i;
	}
}

void *map_take(struct map *map, uint64_t key)
{
	struct map_slot *slot;
	void *value;

	if (!map->room)
		return NULL;
	slot = map_slot(map, key);
	value = slot->value;
	if (!value)
		return NULL;
	slot->value = NULL;
	map->n--;
	map_close_gap(map, slot - map->slots);
	return value;
}

void *map_next(const struct map *map, size_t *position, uint64_t *ret_key)
{
	while (*position < map->room) {
		const struct map_slot *slot = &map->slots[(*position)++];

		if (!slot->value)
			continue;
		if (ret_key)
			*ret_key = slot->key;
		return slot->value;
	}
	return NULL;
}

void map_clear(struct map *map, void (*free_value)(void *value))
{
	for (size_t i = 0; free_value && i < map->room; i++)
		if (map->slots[i].value)
			free_value(map->slots[i].value);
	free(map->slots);
	*map = (struct map){0};
}
