/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of a payload grows and stays: most calls allocate nothing. */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

#define PAYLOAD_SMALL 256u
#define PAYLOAD_SLOTS 1024u

struct payload_slot {
	int64_t id; /* 0: free */
	uint32_t captured, length;
	uint8_t data[PAYLOAD_SMALL];
};

struct payload_cache {
	struct payload_slot slots[PAYLOAD_SLOTS];
};

struct payload_cache *payload_cache_new(void)
{
	return calloc(1, sizeof(struct payload_cache));
}

static struct payload_slot *payload_slot(struct payload_cache *cache, int64_t id)
{
	return &cache->slots[(uint64_t)id % PAYLOAD_SLOTS];
}

static bool payload_cached(const struct payload_slot *slot, int64_t id, struct payload *payload)
{
	if (slot->id != id)
		return false;
	if (payload->room < PAYLOAD_SMALL) {
		uint8_t *memory = malloc(PAYLOAD_SMALL);

		if (!memory)
			return false;
		free(payload->memory);
		payload->memory = memory;
		payload->room = PAYLOAD_SMALL;
	}
	memcpy(payload->memory, slot->data, slot->captured);
	payload->captured = slot->captured;
	payload->length = slot->length;
	payload->data = payload->memory;
	return true;
}

static void payload_keep(struct payload_slot *slot, int64_t id, const struct payload *payload)
{
	if (payload->captured > PAYLOAD_SMALL)
		return;
	slot->id = id;
	slot->captured = payload->captured;
	slot->length = payload->length;
	memcpy(slot->data, payload->data, payload->captured);
}

int payload_reread(struct trace *trace, struct payload_cache *cache, int64_t id,
		   struct payload *payload)
{
	int status;

	payload->data = NULL;
	payload->captured = 0;
	payload->length = 0;
	if (id == 0 || (cache && payload_cached(payload_slot(cache, id), id, payload)))
		return 0;
	status = trace_fetch_payload(trace, id, (void **)&payload->memory, &payload->room,
				     &payload->captured, &payload->length);
	if (status < 0)
		return status;
	payload->data = payload->memory;
	if (cache)
		payload_keep(payload_slot(cache, id), id, payload);
	return 0;
}

int payload_read(struct trace *trace, int64_t id, struct payload *ret)
{
	int status;

	*ret = (struct payload){0};
	status = payload_reread(trace, NULL, id, ret);
	if (status < 0)
		payload_clear(ret);
	return status;
}

void payload_clear(struct payload *payload)
{
	free(payload->memory);
	*payload = (struct payload){0};
}

bool payload_copy(const struct payload *payload, void *structure, size_t size)
{
	if (!payload->data || payload->captured < size)
		return false;
	memcpy(structure, payload->data, size);
	return true;
}
