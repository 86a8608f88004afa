/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See inherit.h. */
#include "inherit.h"

#include <errno.h>
#include <stdio.h>

#include "host_call.h"

#define INHERIT_REQUESTOR 1 /* a guest's driver */

int inherit_shares(struct hgcm_service *service, const struct image_result *image, uint32_t process,
		   char **ret_message)
{
	for (size_t i = 0; i < image->n_inherited; i++) {
		const struct image_share *share = &image->inherited[i];
		int32_t status;

		if (share->process != process)
			continue;
		status = hgcm_add_share(service, share->name, share->path, share->flags, NULL);
		if (VBOX_FAILURE(status)) {
			if (asprintf(ret_message, "the service refuses the share %s: %d",
				     share->name, (int)status) < 0)
				*ret_message = NULL;
			return -EPROTO;
		}
	}
	return 0;
}

static int32_t inherit_call(struct live *live, const struct replay_client *client, uint32_t fn,
			    uint32_t n_parms, VBOXHGCMSVCPARM *parms)
{
	return hgcm_call(live->service, client->live, fn, n_parms, parms, HGCM_WAIT_NEVER, NULL,
			 NULL);
}

/* While the client is new to the service: its strings are UTF-16. */
static bool inherit_root(struct live *live, const struct replay_client *client,
			 const struct trace_call *event, const char *name, uint64_t recorded)
{
	uint16_t string[UINT16_MAX / sizeof(uint16_t)];
	VBOXHGCMSVCPARM parms[] = {
		{.type = VBOX_HGCM_SVC_PARM_PTR,
		 .u.pointer = {host_string(name, string, sizeof(string)), string}},
		{.type = VBOX_HGCM_SVC_PARM_32BIT},
		{.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = '/'},
		{.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = 1},
	};

	return parms[0].u.pointer.size > 0 &&
	       VBOX_SUCCESS(inherit_call(live, client, SHFL_FN_MAP_FOLDER, 4, parms)) &&
	       live_map_root(live, event->process, recorded, parms[1].u.uint32) == 0;
}

static bool inherit_state(struct live *live, const struct image_result *image,
			  const struct image_client *was, const struct replay_client *client,
			  const struct trace_call *event)
{
	bool fine = true;

	for (size_t i = 0; fine && i < image->n_roots; i++)
		if (image->roots[i].client == was->key && image->roots[i].share != IMAGE_MAPPED)
			fine = inherit_root(live, client, event,
					    image->inherited[image->roots[i].share].name,
					    image->roots[i].root);
	if (fine && was->utf8)
		fine = VBOX_SUCCESS(inherit_call(live, client, SHFL_FN_SET_UTF8, 0, NULL));
	if (fine && was->links)
		fine = VBOX_SUCCESS(inherit_call(live, client, SHFL_FN_SET_SYMLINKS, 0, NULL));
	return fine;
}

struct replay_client *inherit_client(struct live *live, const struct image_result *image,
				     const struct trace_call *event)
{
	const struct trace_call connect = {
		.process = event->process,
		.client = event->client,
		.parms[0].in = INHERIT_REQUESTOR,
	};
	struct replay_client *client;
	int32_t status;
	size_t i = 0;

	while (i < image->n_clients && image->clients[i].key != client_key(event))
		i++;
	if (i == image->n_clients || live_connect(live, &connect, &status) < 0)
		return NULL;
	live->gaps = true; /* it may have opened handles */
	client = live_client_of(live, event);
	if (!client || !inherit_state(live, image, &image->clients[i], client, event))
		return NULL;
	client->utf8 = image->clients[i].utf8;
	return client;
}
