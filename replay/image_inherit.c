/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients that were connected before the trace began, and what they had
 * mapped: a call that succeeded proves it.
 */
#include "image_model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define INHERIT_INFO_FLAGS 3 /* parameter of SHFL_FN_QUERY_MAP_INFO */

static struct image_client *inherited_client(const struct image *image, uint64_t key)
{
	for (size_t i = 0; i < image->result->n_clients; i++)
		if (image->result->clients[i].key == key)
			return &image->result->clients[i];
	return NULL;
}

static int inherit_client(struct image *image, const struct trace_call *call)
{
	struct image_result *result = image->result;
	struct image_client *clients =
		reallocarray(result->clients, result->n_clients + 1, sizeof(*clients));

	if (!clients)
		return -ENOMEM;
	result->clients = clients;
	clients[result->n_clients++] = (struct image_client){
		.key = client_key(call),
		.utf8 = true,
	};
	return 0;
}

struct replay_client *image_client_of(struct image *image, const struct trace_call *call)
{
	uint64_t key = client_key(call);
	struct replay_client *client = map_get(&image->clients, key);

	if (client || call->status == VERR_HGCM_INVALID_CLIENT_ID ||
	    (call->flags & TRACE_F_UNFINISHED))
		return client;
	client = calloc(1, sizeof(*client));
	if (!client || map_put(&image->clients, key, client) < 0) {
		free(client);
		image->error = -ENOMEM;
		return NULL;
	}
	client->utf8 = !(call->flags & TRACE_F_UTF16);
	if (!inherited_client(image, key) && inherit_client(image, call) < 0)
		image->error = -ENOMEM;
	return client;
}

static void add_root(struct image *image, const struct trace_call *call, uint64_t root,
		     size_t share)
{
	struct image_result *result = image->result;
	struct image_root *roots = reallocarray(result->roots, result->n_roots + 1, sizeof(*roots));

	if (!roots) {
		image->error = -ENOMEM;
		return;
	}
	result->roots = roots;
	roots[result->n_roots++] = (struct image_root){client_key(call), root, share};
}

/* Nobody knows the name of a share that was mapped before; this is no absolute path either. */
static void inherit_root(struct image *image, const struct trace_call *call, uint64_t root)
{
	struct image_volume *volume = image_volume_of_root(image, call->process, root);
	char name[48];

	if (!volume) {
		snprintf(name, sizeof(name), "root-%" PRIu64, root);
		if (call->process)
			snprintf(name, sizeof(name), "root-%" PRIu64 "-%" PRIu32, root,
				 call->process);
		volume = image_volume_of_name(image, call->process, name);
		image_map_root(image, call->process, root, volume, false);
	}
	if (volume && volume->inherited >= 0)
		add_root(image, call, root, (size_t)volume->inherited);
}

/* Whether it is known where an inherited client has this root from. */
static bool has_root(const struct image *image, const struct trace_call *call, uint64_t root)
{
	const struct image_result *result = image->result;

	for (size_t i = 0; i < result->n_roots; i++)
		if (result->roots[i].client == client_key(call) && result->roots[i].root == root)
			return true;
	return false;
}

/* What was refused for being read only tells how the share had been added. */
static void note_refusal(struct image *image, const struct trace_call *call, uint64_t root)
{
	const struct image_volume *volume = image_volume_of_root(image, call->process, root);
	uint32_t without = call->fn == SHFL_FN_SYMLINK ? SHFL_ADD_MAPPING_F_CREATE_SYMLINKS
						       : SHFL_ADD_MAPPING_F_WRITABLE;

	if (volume && volume->inherited >= 0)
		image->result->inherited[volume->inherited].flags &= ~without;
}

/* What the guest was told of how its share had been added. */
static void note_map_info(struct image *image, const struct trace_call *call, uint64_t root)
{
	static const struct {
		uint32_t shown, added;
	} flags[] = {
		{SHFL_MIF_WRITABLE, SHFL_ADD_MAPPING_F_WRITABLE},
		{SHFL_MIF_AUTO_MOUNT, SHFL_ADD_MAPPING_F_AUTOMOUNT},
		{SHFL_MIF_SYMLINK_CREATION, SHFL_ADD_MAPPING_F_CREATE_SYMLINKS},
	};
	const struct image_volume *volume = image_volume_of_root(image, call->process, root);
	uint32_t *added;

	if (!volume || volume->inherited < 0)
		return;
	added = &image->result->inherited[volume->inherited].flags;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (call->parms[INHERIT_INFO_FLAGS].out & flags[i].shown)
			*added |= flags[i].added;
		else
			*added &= ~flags[i].added;
	}
}

static bool maps_root(const struct trace_call *call, const struct shfl_fn_info *info)
{
	return (call->fn == SHFL_FN_MAP_FOLDER || call->fn == SHFL_FN_MAP_FOLDER_OLD) &&
	       call->n_parms == info->n_parms && VBOX_SUCCESS(call->status);
}

static bool saw_link(const struct trace_call *call)
{
	return call->fn == SHFL_FN_READLINK && VBOX_SUCCESS(call->status);
}

void image_inherit(struct image *image, const struct trace_call *call,
		   const struct shfl_fn_info *info)
{
	int i = shfl_parm_find(info, SHFL_ROLE_ROOT);
	bool uses_root = i >= 0 && call->n_parms == info->n_parms &&
			 (info->parms[i].direction & SHFL_DIR_IN) &&
			 call->parms[i].in < SHFL_MAX_MAPPINGS;
	struct image_client *client;

	if (uses_root && call->status == VERR_WRITE_PROTECT)
		note_refusal(image, call, call->parms[i].in);
	if (uses_root && call->fn == SHFL_FN_QUERY_MAP_INFO && VBOX_SUCCESS(call->status))
		note_map_info(image, call, call->parms[i].in);
	client = inherited_client(image, client_key(call));
	if (!client)
		return;
	client->links |= saw_link(call);
	if (call->flags & TRACE_F_UTF16)
		client->utf8 = false;
	if (uses_root && VBOX_SUCCESS(call->status) && call->fn != SHFL_FN_UNMAP_FOLDER &&
	    !has_root(image, call, call->parms[i].in))
		inherit_root(image, call, call->parms[i].in);
	if (maps_root(call, info) && !has_root(image, call, call->parms[1].out))
		add_root(image, call, call->parms[1].out, IMAGE_MAPPED);
}
