/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Payload is fetched when a call needs it and freed with the call. */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

int payload_read(struct trace *trace, int64_t id, struct payload *ret)
{
	void *data;
	int status;

	*ret = (struct payload){0};
	if (id == 0)
		return 0;
	status = trace_get_payload(trace, id, &data, &ret->captured, &ret->length);
	if (status < 0)
		return status;
	ret->data = data;
	return 0;
}

void payload_clear(struct payload *payload)
{
	free(payload->data);
	*payload = (struct payload){0};
}

bool payload_copy(const struct payload *payload, void *structure, size_t size)
{
	if (!payload->data || payload->captured < size)
		return false;
	memcpy(structure, payload->data, size);
	return true;
}
