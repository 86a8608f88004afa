/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks of memory are counted, shared, and used again: most calls allocate nothing. */
#include "payload.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_SLOTS 4096u
#define PAYLOAD_KEPT_BYTES (8u << 20)
#define PAYLOAD_LARGE (64u << 10) /* larger ones are not kept */
#define PAYLOAD_SPARES 64u

struct payload_block {
	atomic_uint users; /* the cache is one */
	int64_t id;
	uint32_t captured, length;
	void *memory;
	size_t room;
};

struct payload_cache {
	struct payload_block *slots[PAYLOAD_SLOTS]; /* by the last bits of the id */
	size_t bytes; /* in those */
	size_t hand; /* the slot to be emptied next if they are too many */
	struct payload_block *spares[PAYLOAD_SPARES];
	size_t n_spares;
};

static void block_free(struct payload_block *block)
{
	free(block->memory);
	free(block);
}

/* One user less; the last one's block is spare, or freed. */
static void block_drop(struct payload_cache *cache, struct payload_block *block)
{
	if (atomic_fetch_sub(&block->users, 1) > 1)
		return;
	if (cache && cache->n_spares < PAYLOAD_SPARES && block->room <= PAYLOAD_LARGE)
		cache->spares[cache->n_spares++] = block;
	else
		block_free(block);
}

static struct payload_block *block_new(struct payload_cache *cache)
{
	if (cache && cache->n_spares)
		return cache->spares[--cache->n_spares];
	return calloc(1, sizeof(struct payload_block));
}

struct payload_cache *payload_cache_new(void)
{
	return calloc(1, sizeof(struct payload_cache));
}

static void cache_empty(struct payload_cache *cache, struct payload_block **slot)
{
	struct payload_block *block = *slot;

	if (!block)
		return;
	*slot = NULL;
	cache->bytes -= block->captured;
	block_drop(cache, block);
}

void payload_cache_free(struct payload_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < PAYLOAD_SLOTS; i++)
		cache_empty(cache, &cache->slots[i]);
	while (cache->n_spares)
		block_free(cache->spares[--cache->n_spares]);
	free(cache);
}

static struct payload_block **cache_slot(struct payload_cache *cache, int64_t id)
{
	return &cache->slots[(uint64_t)id % PAYLOAD_SLOTS];
}

static void cache_keep(struct payload_cache *cache, struct payload_block *block)
{
	struct payload_block **slot = cache_slot(cache, block->id);

	if (block->captured > PAYLOAD_LARGE)
		return;
	cache_empty(cache, slot);
	while (cache->bytes + block->captured > PAYLOAD_KEPT_BYTES)
		cache_empty(cache, &cache->slots[cache->hand++ % PAYLOAD_SLOTS]);
	atomic_fetch_add(&block->users, 1);
	cache->bytes += block->captured;
	*slot = block;
}

/* A block that the caller uses; one that the cache has, if it has it. */
static int block_get(struct trace *trace, struct payload_cache *cache, int64_t id,
		     struct payload_block **ret)
{
	struct payload_block *block = cache ? *cache_slot(cache, id) : NULL;
	int status;

	if (block && block->id == id) {
		atomic_fetch_add(&block->users, 1);
		*ret = block;
		return 0;
	}
	block = block_new(cache);
	if (!block)
		return -ENOMEM;
	block->id = id;
	atomic_store(&block->users, 1);
	status = trace_fetch_payload(trace, id, &block->memory, &block->room, &block->captured,
				     &block->length);
	if (status < 0) {
		block_drop(cache, block);
		return status;
	}
	if (cache)
		cache_keep(cache, block);
	*ret = block;
	return 0;
}

int payload_reread(struct trace *trace, struct payload_cache *cache, int64_t id,
		   struct payload *payload)
{
	struct payload_block *block;
	int status;

	if (payload->block)
		block_drop(cache, payload->block);
	*payload = (struct payload){0};
	if (id == 0)
		return 0;
	status = block_get(trace, cache, id, &block);
	if (status < 0)
		return status;
	*payload = (struct payload){block->memory, block->captured, block->length, block};
	return 0;
}

int payload_read(struct trace *trace, int64_t id, struct payload *ret)
{
	*ret = (struct payload){0};
	return payload_reread(trace, NULL, id, ret);
}

bool payload_is_private(const struct payload *payload)
{
	return !payload->block || atomic_load(&payload->block->users) == 1;
}

void payload_clear(struct payload *payload)
{
	if (payload->block)
		block_drop(NULL, payload->block);
	*payload = (struct payload){0};
}

bool payload_copy(const struct payload *payload, void *structure, size_t size)
{
	if (!payload->data || payload->captured < size)
		return false;
	memcpy(structure, payload->data, size);
	return true;
}
