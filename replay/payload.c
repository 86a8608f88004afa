/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of a payload grows and stays: most calls allocate nothing. */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

int payload_reread(struct trace *trace, int64_t id, struct payload *payload)
{
	int status;

	payload->data = NULL;
	payload->captured = 0;
	payload->length = 0;
	if (id == 0)
		return 0;
	status = trace_fetch_payload(trace, id, (void **)&payload->memory, &payload->room,
				     &payload->captured, &payload->length);
	if (status == 0)
		payload->data = payload->memory;
	return status;
}

int payload_read(struct trace *trace, int64_t id, struct payload *ret)
{
	int status;

	*ret = (struct payload){0};
	status = payload_reread(trace, id, ret);
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
