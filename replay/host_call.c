/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A share of a replay never is the recorded directory. */
#include "host_call.h"

#include <iconv.h>
#include <stdlib.h>
#include <string.h>

/* Parameters of SHFL_FN_ADD_MAPPING */
enum { ADD_PATH, ADD_NAME, ADD_PARMS = 4 };

static char *host_parm_string(const struct replay_call *call, unsigned i)
{
	if (call->parms[i].type != VBOX_HGCM_SVC_PARM_PTR || !call->in[i].data)
		return NULL;
	return trace_shflstring(call->in[i].data, call->in[i].captured, true);
}

uint32_t host_string(const char *text, void *memory, size_t room)
{
	char *from = (char *)(uintptr_t)text, *to = (char *)memory + SHFLSTRING_HEADER_SIZE;
	size_t left = strlen(text) + 1, to_left = room - SHFLSTRING_HEADER_SIZE;
	iconv_t convert = iconv_open("UTF-16LE", "UTF-8");
	uint16_t header[2];
	size_t rest;

	if (convert == (iconv_t)-1)
		return 0;
	rest = iconv(convert, &from, &left, &to, &to_left);
	iconv_close(convert);
	if (rest == (size_t)-1 || left || room - to_left > UINT16_MAX)
		return 0;
	header[0] = (uint16_t)(room - SHFLSTRING_HEADER_SIZE - to_left);
	header[1] = header[0] - sizeof(uint16_t);
	memcpy(memory, header, sizeof(header));
	return SHFLSTRING_HEADER_SIZE + header[0];
}

static bool host_call_replace_path(struct replay_call *call, const char *path)
{
	size_t room = SHFLSTRING_HEADER_SIZE + (strlen(path) + 1) * sizeof(uint16_t);
	struct replay_buffer *buffer = &call->buffers[ADD_PATH];
	VBOXHGCMSVCPARM *parm = &call->parms[ADD_PATH];

	if (buffer->room < room) {
		void *memory = realloc(buffer->memory, room);

		if (!memory)
			return false;
		buffer->memory = memory;
		buffer->room = room;
	}
	parm->u.pointer.addr = buffer->memory;
	parm->u.pointer.size = host_string(path, buffer->memory, room);
	return parm->u.pointer.size > 0;
}

static bool host_call_add(struct replay_call *call, struct scratch *scratch)
{
	const struct scratch_share *share;
	char *key = host_parm_string(call, ADD_PATH);
	char *name = host_parm_string(call, ADD_NAME);
	bool done = false;

	if (key && name && scratch_share(scratch, key, name, &share) == 0)
		done = host_call_replace_path(call, share->path);
	free(key);
	free(name);
	return done;
}

const char *host_call_confine(struct replay_call *call, struct scratch *scratch,
			      struct host_led *led)
{
	VBOXHGCMSVCPARM *first = &call->parms[0];

	if (call->event.fn == SHFL_FN_ADD_MAPPING &&
	    (call->event.n_parms != ADD_PARMS || !host_call_add(call, scratch)))
		return "a share's directory and name";
	if (call->event.fn == SHFL_FN_SET_STATUS_LED && call->event.n_parms == 1 &&
	    first->type == VBOX_HGCM_SVC_PARM_PTR && first->u.pointer.size == sizeof(*led)) {
		memcpy(led, first->u.pointer.addr, sizeof(*led));
		first->u.pointer.addr = led;
	}
	return NULL;
}
