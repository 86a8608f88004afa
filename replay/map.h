/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table from 64-bit ids of a trace (clients, handles) to what stands
 * for them now. It owns its slots, not the values.
 */
#ifndef REPLAY_MAP_H
#define REPLAY_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t key;
	void *value; /* NULL: free */
};

struct map {
	struct map_slot *slots;
	size_t room; /* 0 or a power of two */
	size_t n;
};

/* The value of a key, NULL if there is none. */
void *map_get(const struct map *map, uint64_t key);

/* Adds or replaces; value is not NULL. 0 or -ENOMEM. */
int map_put(struct map *map, uint64_t key, void *value);

/* Removes a key and returns the value that it had. */
void *map_take(struct map *map, uint64_t key);

/*
 * Walks all entries: starts at *position 0, returns the next value or NULL.
 * The map must not change meanwhile.
 */
void *map_next(const struct map *map, size_t *position, uint64_t *ret_key);

/* Frees the slots, and the values if free_value is not NULL. */
void map_clear(struct map *map, void (*free_value)(void *value));

#endif
