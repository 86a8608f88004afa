/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Follows spec/shfl-service.md 3, 7 and 10.11. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

static void client_note_delimiter(struct replay_client *client, const struct trace_call *call,
				  const struct shfl_fn_info *info)
{
	int i = shfl_parm_find(info, SHFL_ROLE_DELIMITER);
	uint16_t delimiter;

	if (i < 0 || call->n_parms != info->n_parms || client->delimiter)
		return;
	delimiter = (uint16_t)call->parms[i].in;
	if (delimiter == '/' || delimiter == '\\')
		client->delimiter = delimiter;
}

void client_note(struct replay_client *client, const struct trace_call *call)
{
	const struct shfl_fn_info *info = shfl_fn_find(call->fn);

	if (!info)
		return;
	client_note_delimiter(client, call, info);
	if (call->fn == SHFL_FN_SET_UTF8 && VBOX_SUCCESS(call->status))
		client->utf8 = true;
	if (call->fn == SHFL_FN_QUERY_MAPPINGS && VBOX_SUCCESS(call->status) &&
	    (call->parms[0].in & SHFL_MF_UTF8))
		client->utf8 = true;
}

/* Appends a component to what is there of a path, or takes the last one away. */
static bool path_step(char *path, size_t *length, const char *component, size_t size)
{
	if (size == 0 || (size == 1 && component[0] == '.'))
		return true;
	if (size == 2 && component[0] == '.' && component[1] == '.') {
		if (*length == 0)
			return false;
		while (*length > 0 && path[--*length] != '/')
			;
		return true;
	}
	if (memchr(component, '/', size))
		return false;
	if (*length > 0)
		path[(*length)++] = '/';
	memmove(path + *length, component, size);
	*length += size;
	return true;
}

char *client_path(const struct replay_client *client, const void *payload, size_t size)
{
	char *text = trace_shflstring(payload, size, !client->utf8);
	char delimiter = client->delimiter ? (char)client->delimiter : '/';
	size_t length = 0;
	char *from;
	bool valid = text != NULL;

	for (from = text; valid && *from;) {
		size_t n = strcspn(from, (char[]){delimiter, '\0'});
		char *next = from + n + (from[n] != '\0');

		valid = path_step(text, &length, from, n);
		from = next;
	}
	if (!valid) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}
