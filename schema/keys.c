/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing array of keys, and a hash table of their places. */
#include "keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wanted_key {
	const struct keys *keys;
	const void *key;
};

static int same_key(void *context, int64_t id)
{
	const struct wanted_key *wanted = context;
	size_t size = wanted->keys->key_size;

	return !memcmp((const char *)wanted->keys->keys + (size_t)(id - 1) * size, wanted->key,
		       size);
}

int array_reach(void *array, size_t *room, size_t size, size_t at)
{
	void **elements = array;
	size_t wanted = *room ? *room : 64;
	void *grown;

	if (at < *room)
		return 0;
	while (wanted <= at)
		wanted *= 2;
	grown = reallocarray(*elements, wanted, size);
	if (!grown)
		return -ENOMEM;
	memset((char *)grown + *room * size, 0, (wanted - *room) * size);
	*elements = grown;
	*room = wanted;
	return 0;
}

int keys_find(struct keys *keys, const void *key, size_t key_size, int64_t *ret_id)
{
	struct wanted_key wanted = {keys, key};
	uint64_t hash = intern_hash(key, key_size);
	int rc;

	keys->key_size = key_size;
	rc = intern_find(&keys->intern, hash, same_key, &wanted, ret_id);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = array_reach(&keys->keys, &keys->room, key_size, keys->n);
	if (rc)
		return rc;
	memcpy((char *)keys->keys + keys->n++ * key_size, key, key_size);
	*ret_id = (int64_t)keys->n;
	rc = intern_add(&keys->intern, hash, *ret_id);
	return rc ? rc : 1;
}

void keys_free(struct keys *keys)
{
	intern_free(&keys->intern);
	free(keys->keys);
}
