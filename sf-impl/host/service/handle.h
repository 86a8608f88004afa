/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open files and directories. A handle is a slot of one table for the whole
 * service; it belongs to the client and the root that it was opened by. spec/
 * shfl-service.md 6.
 */
#ifndef HANDLE_H
#define HANDLE_H

#include "rt.h"
#include "service.h"

#define HANDLE_DIR 0x1u
#define HANDLE_FILE 0x2u

/* One enumeration of a directory. */
struct listing {
	struct rt_dir *dir; /* NULL: none */
	bool has_saved; /* an entry that did not fit into the last buffer */
	int32_t saved_status; /* RTDirRead's */
	struct rt_dir_entry saved;
};

struct handle_dir {
	struct listing all; /* the directory itself */
	struct listing search; /* made when a LIST brings a pattern */
};

struct handle {
	const struct sf_client *client; /* NULL: free */
	uint32_t type; /* HANDLE_* */
	uint32_t root;
	uint32_t root_version; /* mapping's: a root id may be given to another share */
	const struct mapping *mapping; /* of the root */
	union {
		struct {
			int fd;
			bool append;
			uint32_t locks; /* ranges that it may have locked: at most so many */
		} file;
		struct handle_dir *dir;
	};
};

/*
 * A free slot, to be filled in by the caller: NULL if there is none. The slot is
 * taken when its client is set.
 */
struct handle *handle_reserve(uint64_t *ret_handle);

/* NULL unless it is this client's and of one of these types. */
struct handle *handle_find(const struct sf_client *client, uint64_t handle, uint32_t types);

/*
 * As handle_find, and checks the root: VERR_INVALID_HANDLE; VERR_ACCESS_DENIED if
 * its share is gone; VERR_WRITE_PROTECT if write and it is read-only.
 */
int32_t handle_access(const struct sf_client *client, uint32_t root, uint64_t handle,
		      uint32_t types, bool write, struct handle **ret);

/*
 * Counts one range more that a file's handle may have locked, by locking or by
 * unlocking the middle of one: each takes memory of the host's kernel. False if all
 * handles together have "most".
 */
bool handle_count_lock(struct handle *handle, uint32_t most);

/* The attributes of what is open. */
int32_t handle_query(const struct handle *handle, struct stat *ret_info);

/* Closes the object and frees the slot; the status is the object's close. */
int32_t handle_close(struct handle *handle);
void handle_close_all(const struct sf_client *client);
/* All of them, and the numbers begin anew; at unload. */
void handle_clear(void);

#endif
