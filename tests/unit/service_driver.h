/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives the service through its ABI alone: loads the module, is its host, and
 * makes calls as a guest would. Every test starts with driver_start() (Criterion
 * runs each in a process of its own), every suite has .fini = driver_finish, which
 * looks for what has been left behind, and these shares lie in a directory of the
 * test's own:
 *   rw    writable, symlinks allowed       ro    read-only, automount, "/m"
 *   gone  with the "missing" flag          plain writable, no symlinks
 */
#ifndef SERVICE_DRIVER_H
#define SERVICE_DRIVER_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hgcm_svc.h"
#include "leak_check.h"
#include "shfl.h"
#include "shfl_table.h"

#define DRIVER_UNUSED __attribute__((unused))

/* What driver_call() returns for a call that has not been completed. */
#define NOT_COMPLETED (-99999)

#define P32(value) ((VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = (value)})
#define P64(value) ((VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_64BIT, .u.uint64 = (value)})
#define PBUF(address, bytes)                               \
	((VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_PTR, \
			   .u.pointer = {.size = (uint32_t)(bytes), .addr = (address)}})
#define PPAGES(list, pages, bytes)                                  \
	((VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_PAGES,        \
			   .u.Pages = {.cb = (uint32_t)(bytes),     \
				       .cPages = (uint16_t)(pages), \
				       .papvPages = (list)}})

/* Makes a call with these parameters, which stay readable as "parms". */
#define CALL(client, fn, ...)                                   \
	({                                                      \
		VBOXHGCMSVCPARM list_[] = {__VA_ARGS__};        \
		unsigned n_ = sizeof(list_) / sizeof(list_[0]); \
		memcpy(parms, list_, sizeof(list_));            \
		driver_call(client, fn, n_, parms);             \
	})

struct driver_call_state { /* what a call handle points to */
	atomic_int completions; /* maybe by another thread */
	int32_t status;
	atomic_bool cancelled; /* what pfnIsCallCancelled says */
};

struct client {
	uint32_t id;
	uint8_t *data;
};

struct entry {
	char name[256];
	SHFLFSOBJINFO info;
};

static void *driver_module;
static VBOXHGCMSVCFNTABLE table;
static char driver_dir[64];
static VBOXHGCMSVCPARM parms[VBOX_HGCM_MAX_PARMS]; /* of the last CALL */
static struct driver_call_state driver_calls[256];
static unsigned driver_next_call;
static struct client *driver_clients[128]; /* by id */
static uint32_t driver_next_client;
static int driver_descriptors; /* before the service was loaded */
static bool driver_restored; /* what pfnIsCallRestored says */

static int driver_complete(VBOXHGCMCALLHANDLE call, int32_t status)
{
	struct driver_call_state *state = (struct driver_call_state *)call;

	state->status = status;
	state->completions++;
	return VINF_SUCCESS;
}

static bool driver_is_cancelled(VBOXHGCMCALLHANDLE call)
{
	return ((struct driver_call_state *)call)->cancelled;
}

static bool driver_is_restored(VBOXHGCMCALLHANDLE call)
{
	(void)call;
	return driver_restored;
}

static VBOXHGCMSVCHELPERS driver_helpers = {
	.pfnCallComplete = driver_complete,
	.pfnIsCallRestored = driver_is_restored,
	.pfnIsCallCancelled = driver_is_cancelled,
};

/* The service's entry point, from the module as it lies in the build folder. */
DRIVER_UNUSED static FNVBOXHGCMSVCLOAD *driver_entry(void)
{
	driver_module = dlopen(SFSERVICE_PATH, RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(driver_module, "%s", dlerror());
	return (FNVBOXHGCMSVCLOAD *)dlsym(driver_module, VBOX_HGCM_SVCLOAD_NAME);
}

/* A SHFLSTRING, good for the next 16 of them. UTF-16 ones of ASCII text only. */
DRIVER_UNUSED static VBOXHGCMSVCPARM str8(const char *text)
{
	static _Alignas(8) uint8_t ring[16][70000];
	static unsigned next;
	uint8_t *bytes = ring[next++ % 16];
	size_t length = strlen(text);
	SHFLSTRING header = {.u16Size = (uint16_t)(length + 1), .u16Length = (uint16_t)length};

	memcpy(bytes, &header, SHFLSTRING_HEADER_SIZE);
	memcpy(bytes + SHFLSTRING_HEADER_SIZE, text, length + 1);
	return PBUF(bytes, SHFLSTRING_HEADER_SIZE + length + 1);
}

DRIVER_UNUSED static VBOXHGCMSVCPARM str16(const char *text)
{
	static uint16_t ring[8][4096];
	static unsigned next;
	uint16_t *units = ring[next++ % 8];
	size_t n = strlen(text);

	units[0] = (uint16_t)(2 * n + 2);
	units[1] = (uint16_t)(2 * n);
	for (size_t i = 0; i <= n; i++)
		units[2 + i] = (uint8_t)text[i];
	return PBUF(units, 2 * (n + 3));
}

static int32_t driver_call(struct client *client, uint32_t fn, uint32_t n, VBOXHGCMSVCPARM *list)
{
	struct driver_call_state *state =
		&driver_calls[driver_next_call++ %
			      (sizeof(driver_calls) / sizeof(driver_calls[0]))];

	state->completions = 0;
	state->cancelled = false;
	table.pfnCall(table.pvService, (VBOXHGCMCALLHANDLE)state, client->id, client->data, fn, n,
		      list, 0);
	cr_assert_leq(state->completions, 1, "function %u completed %d times", fn,
		      state->completions);
	return state->completions ? state->status : NOT_COMPLETED;
}

/* The last call's, good for 256 calls. */
DRIVER_UNUSED static struct driver_call_state *last_call(void)
{
	return &driver_calls[(driver_next_call - 1) %
			     (sizeof(driver_calls) / sizeof(driver_calls[0]))];
}

DRIVER_UNUSED static int32_t status_of(const struct driver_call_state *state)
{
	cr_assert_leq(state->completions, 1, "completed %d times", state->completions);
	return state->completions ? state->status : NOT_COMPLETED;
}

/* The guest, or the transport, does not wait for the call any more. */
DRIVER_UNUSED static void cancel_call(struct client *client, struct driver_call_state *state)
{
	state->cancelled = true;
	table.pfnCancelled(table.pvService, client->id, client->data);
}

DRIVER_UNUSED static int32_t host_call(uint32_t fn, uint32_t n, VBOXHGCMSVCPARM *list)
{
	return table.pfnHostCall(table.pvService, fn, n, list);
}

/* A path on the host, in the test's directory. */
DRIVER_UNUSED static const char *host_path(const char *name)
{
	static char paths[8][4400];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", driver_dir, name);
	return path;
}

DRIVER_UNUSED static void host_file(const char *name, const char *contents)
{
	FILE *file = fopen(host_path(name), "w");

	cr_assert_not_null(file, "%s", name);
	fputs(contents, file);
	fclose(file);
}

DRIVER_UNUSED static size_t host_read(const char *name, char *buffer, size_t size)
{
	FILE *file = fopen(host_path(name), "r");
	size_t n = 0;

	if (file) {
		n = fread(buffer, 1, size - 1, file);
		fclose(file);
	}
	buffer[n] = '\0';
	return n;
}

DRIVER_UNUSED static bool host_exists(const char *name)
{
	struct stat info;

	return !lstat(host_path(name), &info);
}

DRIVER_UNUSED static int32_t add_share(const char *name, const char *dir, uint32_t flags,
				       const char *mount_point)
{
	VBOXHGCMSVCPARM list[] = {str16(dir), str16(name), P32(flags), str16(mount_point)};

	return host_call(SHFL_FN_ADD_MAPPING, 4, list);
}

DRIVER_UNUSED static int32_t remove_share(const char *name)
{
	VBOXHGCMSVCPARM list[] = {str16(name)};

	return host_call(SHFL_FN_REMOVE_MAPPING, 1, list);
}

DRIVER_UNUSED static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Loads the service, without shares, and makes the test's directory. */
DRIVER_UNUSED static void driver_load(void)
{
	umask(022);
	strcpy(driver_dir, "/tmp/test_service_XXXXXX");
	cr_assert_not_null(mkdtemp(driver_dir));
	driver_descriptors = count_descriptors();
	driver_next_client = 1;
	table = (VBOXHGCMSVCFNTABLE){
		.cbSize = sizeof(table),
		.u32Version = VBOX_HGCM_SVC_VERSION,
		.pHelpers = &driver_helpers,
	};
	cr_assert_eq(driver_entry()(&table), VINF_SUCCESS);
}

DRIVER_UNUSED static void driver_start(void)
{
	static const struct {
		const char *name, *mount_point;
		uint32_t flags;
	} shares[] = {
		{"rw", "", SHFL_ADD_MAPPING_F_WRITABLE | SHFL_ADD_MAPPING_F_CREATE_SYMLINKS},
		{"ro", "/m", SHFL_ADD_MAPPING_F_AUTOMOUNT},
		{"gone", "", SHFL_ADD_MAPPING_F_MISSING},
		{"plain", "", SHFL_ADD_MAPPING_F_WRITABLE},
	};

	driver_load();
	for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		mkdir(host_path(shares[i].name), 0755);
		cr_assert_eq(add_share(shares[i].name, host_path(shares[i].name), shares[i].flags,
				       shares[i].mount_point),
			     VINF_SUCCESS);
	}
}

DRIVER_UNUSED static struct client *client_connect(void)
{
	struct client *client = malloc(sizeof(*client));

	client->id = driver_next_client++;
	client->data = calloc(1, table.cbClient);
	cr_assert_eq(table.pfnConnect(table.pvService, client->id, client->data, 0, false),
		     VINF_SUCCESS);
	driver_clients[client->id] = client;
	return client;
}

DRIVER_UNUSED static void client_disconnect(struct client *client)
{
	cr_assert_eq(table.pfnDisconnect(table.pvService, client->id, client->data), VINF_SUCCESS);
	driver_clients[client->id] = NULL;
	free(client->data);
	free(client);
}

static int driver_remove_entry(const char *path, const struct stat *info, int type,
			       struct FTW *level)
{
	(void)info, (void)type, (void)level;
	return remove(path);
}

/* Ends all clients and the service; neither descriptors nor memory may remain. */
DRIVER_UNUSED static void driver_finish(void)
{
	if (!driver_dir[0])
		return;
	for (unsigned i = 0; i < sizeof(driver_clients) / sizeof(driver_clients[0]); i++)
		if (driver_clients[i])
			client_disconnect(driver_clients[i]);
	table.pfnUnload(table.pvService);
	if (count_descriptors() != driver_descriptors) {
		fprintf(stderr, "the service left descriptors open\n");
		abort(); /* an assertion in .fini fails nothing */
	}
	nftw(driver_dir, driver_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	driver_dir[0] = '\0';
	leak_check();
}

DRIVER_UNUSED static uint32_t map_share(struct client *client, const char *name)
{
	int32_t status = CALL(client, SHFL_FN_MAP_FOLDER, str8(name), P32(0), P32('/'), P32(1));

	cr_assert_eq(status, VINF_SUCCESS, "mapping %s: %d", name, status);
	return parms[1].u.uint32;
}

/* A client as Linux guests are: UTF-8, delimiter "/". links: sees links as links. */
DRIVER_UNUSED static struct client *linux_client(bool links)
{
	struct client *client = client_connect();

	cr_assert_eq(driver_call(client, SHFL_FN_SET_UTF8, 0, NULL), VINF_SUCCESS);
	if (links)
		cr_assert_eq(driver_call(client, SHFL_FN_SET_SYMLINKS, 0, NULL), VINF_SUCCESS);
	return client;
}

#define RW (SHFL_CF_ACCESS_READWRITE)
#define OPEN_OLD (SHFL_CF_ACT_OPEN_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW)
#define OPEN_OR_CREATE (SHFL_CF_ACT_OPEN_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW)
#define CREATE_NEW (SHFL_CF_ACT_FAIL_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW)
#define OVERWRITE (SHFL_CF_ACT_OVERWRITE_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW)

/* CREATE; what comes back is in *ret. */
DRIVER_UNUSED static int32_t create_mode(struct client *client, uint32_t root, const char *path,
					 uint32_t flags, uint32_t mode, SHFLCREATEPARMS *ret)
{
	*ret = (SHFLCREATEPARMS){.Handle = SHFL_HANDLE_NIL, .CreateFlags = flags};
	ret->Info.Attr.fMode = mode;
	return CALL(client, SHFL_FN_CREATE, P32(root), str8(path), PBUF(ret, sizeof(*ret)));
}

DRIVER_UNUSED static int32_t create(struct client *client, uint32_t root, const char *path,
				    uint32_t flags, SHFLCREATEPARMS *ret)
{
	return create_mode(client, root, path, flags, 0100644, ret);
}

/* Opens what must be there to open; its handle. */
DRIVER_UNUSED static uint64_t open_handle(struct client *client, uint32_t root, const char *path,
					  uint32_t flags)
{
	SHFLCREATEPARMS made;
	int32_t status = create(client, root, path, flags, &made);

	cr_assert_eq(status, VINF_SUCCESS, "opening %s: %d", path, status);
	cr_assert_neq(made.Handle, SHFL_HANDLE_NIL, "opening %s: result %d", path, made.Result);
	return made.Handle;
}

DRIVER_UNUSED static int32_t lookup(struct client *client, uint32_t root, const char *path,
				    SHFLCREATEPARMS *ret)
{
	return create(client, root, path, SHFL_CF_LOOKUP, ret);
}

DRIVER_UNUSED static int32_t close_handle(struct client *client, uint32_t root, uint64_t handle)
{
	return CALL(client, SHFL_FN_CLOSE, P32(root), P64(handle));
}

/* WRITE; the count that was written is parms[3], the new offset parms[2]. */
DRIVER_UNUSED static int32_t write_at(struct client *client, uint32_t root, uint64_t handle,
				      uint64_t offset, const void *data, uint32_t count)
{
	return CALL(client, SHFL_FN_WRITE, P32(root), P64(handle), P64(offset), P32(count),
		    PBUF((void *)data, count));
}

/* READ; the count that was read is parms[3]. */
DRIVER_UNUSED static int32_t read_at(struct client *client, uint32_t root, uint64_t handle,
				     uint64_t offset, void *data, uint32_t count)
{
	return CALL(client, SHFL_FN_READ, P32(root), P64(handle), P64(offset), P32(count),
		    PBUF(data, count));
}

/* LIST into a buffer of size bytes; resume is parms[6], entries parms[7]. */
DRIVER_UNUSED static int32_t list(struct client *client, uint32_t root, uint64_t handle,
				  uint32_t flags, const char *pattern, void *buffer, uint32_t size)
{
	return CALL(client, SHFL_FN_LIST, P32(root), P64(handle), P32(flags), P32(size),
		    pattern ? str8(pattern) : PBUF(NULL, 0), PBUF(buffer, size), P32(0), P32(0));
}

/* The entries of a UTF-8 client's buffer, checked for where each one ends. */
DRIVER_UNUSED static unsigned entries_of(const uint8_t *buffer, uint32_t bytes,
					 struct entry *ret_entries, unsigned max)
{
	unsigned n = 0;
	SHFLDIRINFO info;

	for (uint32_t at = 0; at < bytes; n++) {
		cr_assert_leq(at + SHFLDIRINFO_SIZE(1), bytes);
		cr_assert_lt(n, max);
		memcpy(&info, buffer + at, SHFLDIRINFO_SIZE(0));
		at += SHFLDIRINFO_SIZE(0);
		cr_assert_eq(info.name.u16Size, info.name.u16Length + 1);
		cr_assert_leq(at + info.name.u16Size, bytes);
		cr_assert_eq(buffer[at + info.name.u16Length], 0);
		strcpy(ret_entries[n].name, (const char *)buffer + at);
		ret_entries[n].info = info.Info;
		at += info.name.u16Size;
	}
	return n;
}

#endif
