/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds again what was stored before: a hash table from hash values to ids.
 * The owner compares the things themselves, so equal hashes are harmless.
 */
#ifndef INTERN_H
#define INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern_slot {
	uint64_t hash;
	int64_t id; /* 0: free */
};

struct intern {
	struct intern_slot *slots;
	size_t n_slots; /* a power of two, or 0 */
	size_t n_used;
};

/* Whether the thing with this id is the one that is looked for: 1, 0, negative errno. */
typedef int intern_same(void *context, int64_t id);

/* Also the checksum of payload in the file: it must not change. */
uint64_t intern_hash(const void *data, size_t size);

/*
 * 1 and the id, 0 if there is none, or negative errno. Of many with the same
 * hash only some are compared, so that crafted data costs space and not time.
 */
int intern_find(const struct intern *intern, uint64_t hash, intern_same *same, void *context,
		int64_t *ret_id);

/* Adds an id (not 0) under a hash. */
int intern_add(struct intern *intern, uint64_t hash, int64_t id);

void intern_free(struct intern *intern);

#endif
