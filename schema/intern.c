/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing with linear probing; entries are never removed. */
#include "intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256
#define MAX_COMPARED 16

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t intern_hash(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t hash = 0x9e3779b97f4a7c15u ^ size;
	uint64_t word;

	for (; size >= 8; bytes += 8, size -= 8) {
		memcpy(&word, bytes, 8);
		hash = mix(hash ^ word, 0xd6e8feb86659fd93u);
	}
	word = 0;
	if (size)
		memcpy(&word, bytes, size);
	return mix(hash ^ word, 0xa0761d6478bd642fu);
}

int intern_find(const struct intern *intern, uint64_t hash, intern_same *same, void *context,
		int64_t *ret_id)
{
	size_t mask = intern->n_slots - 1;
	int compared = 0;

	if (!intern->n_slots)
		return 0;
	for (size_t i = hash & mask; intern->slots[i].id; i = (i + 1) & mask) {
		int rc;

		if (intern->slots[i].hash != hash)
			continue;
		rc = same(context, intern->slots[i].id);
		if (rc > 0)
			*ret_id = intern->slots[i].id;
		if (rc)
			return rc;
		if (++compared == MAX_COMPARED)
			return 0;
	}
	return 0;
}

static void place(struct intern_slot *slots, size_t n_slots, uint64_t hash, int64_t id)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i].id)
		i = (i + 1) & (n_slots - 1);
	slots[i] = (struct intern_slot){hash, id};
}

static int grow(struct intern *intern)
{
	size_t n_slots = intern->n_slots ? intern->n_slots * 2 : FIRST_SLOTS;
	struct intern_slot *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < intern->n_slots; i++)
		if (intern->slots[i].id)
			place(slots, n_slots, intern->slots[i].hash, intern->slots[i].id);
	free(intern->slots);
	intern->slots = slots;
	intern->n_slots = n_slots;
	return 0;
}

int intern_add(struct intern *intern, uint64_t hash, int64_t id)
{
	if (intern->n_used * 4 >= intern->n_slots * 3) {
		int rc = grow(intern);

		if (rc)
			return rc;
	}
	place(intern->slots, intern->n_slots, hash, id);
	intern->n_used++;
	return 0;
}

void intern_free(struct intern *intern)
{
	free(intern->slots);
	*intern = (struct intern){0};
}
