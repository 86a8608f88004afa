/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shares that the host offers, by root id, and which client uses which. A
 * root id is the mapping's place in the table: the lowest free one when it was
 * added. spec/shfl-service.md 5.
 */
#ifndef MAPPING_H
#define MAPPING_H

#include "service.h"

struct mapping {
	char *folder; /* absolute and normalised; "" is the host's root; NULL: no mapping */
	char *name; /* UTF-8, as mount_point */
	char *mount_point; /* may be empty */
	int folder_fd; /* O_PATH of folder; -1 while it is not there */
	uint32_t references; /* MAPs of all clients */
	uint32_t flags; /* SHFL_ADD_MAPPING_F_* */
	uint32_t version; /* of the root id: changes when it is given away and taken back */
	bool host_case_sensitive;
	bool guest_case_sensitive;
	bool missing; /* no access */
	bool placeholder; /* removed while in use: cannot be mapped, goes with its last reference */
};

/* NULL: unknown root. */
struct mapping *mapping_get(uint32_t root);

/* Of the whole table. */
uint32_t mapping_table_version(void);

static inline bool mapping_is_writable(const struct mapping *mapping)
{
	return mapping && !mapping->missing && (mapping->flags & SHFL_ADD_MAPPING_F_WRITABLE);
}

/*
 * The mapping in which this client may use paths: VERR_INVALID_PARAMETER if the
 * root is unknown or not mapped by the client, VERR_NOT_FOUND if its folder is
 * missing; on success its folder_fd is open.
 */
int32_t mapping_for_path(const struct sf_client *client, uint32_t root, struct mapping **ret);

/* Opens folder_fd unless it is open: VERR_NOT_FOUND if there is no such folder. */
int32_t mapping_open_folder(struct mapping *mapping);

/* Strings are UTF-8 and copied. Wakes who waits for changes. */
int32_t mapping_add(const char *folder, const char *name, const char *mount_point, uint32_t flags);
int32_t mapping_remove(const char *name);

/* A client's MAP by name; its UNMAP; all UNMAPs that it owes. */
int32_t mapping_map(struct sf_client *client, const char *name, bool case_sensitive,
		    uint32_t *ret_root);
int32_t mapping_unmap(struct sf_client *client, uint32_t root);
void mapping_unmap_all(struct sf_client *client);

/* Forgets all mappings, at unload. */
void mapping_clear(void);

#endif
