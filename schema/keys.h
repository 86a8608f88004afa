/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Things of one size with ids from 1, kept in memory to be found again. */
#ifndef KEYS_H
#define KEYS_H

#include "intern.h"

struct keys {
	struct intern intern;
	void *keys;
	size_t key_size;
	size_t n;
	size_t room;
};

/* The id of a key, compared as bytes: 0 and an old one, 1 and a new one, or negative errno. */
int keys_find(struct keys *keys, const void *key, size_t key_size, int64_t *ret_id);

void keys_free(struct keys *keys);

/*
 * Makes sure that an array of ROOM elements has one with index AT; what is new
 * is zeroed. ARRAY: address of the pointer to it. -ENOMEM.
 */
int array_reach(void *array, size_t *room, size_t size, size_t at);

#endif
