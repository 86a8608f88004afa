/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes calls to a service in this process, as a host would: for tests of
 * recording. Prints how many calls of each function it made, one a line.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hgcm.h"
#include "shfl_table.h"

#define KERNEL_REQUESTOR 0x1 /* a guest's driver */
#define PAGE_BYTES 4096u
#define LIST_BYTES 16384

struct drive {
	const char *file;
	struct hgcm_service *service;
	uint32_t client, root;
	uint64_t counts[64];
};

struct command {
	const char *name, *arguments;
	int n_arguments;
	void (*run)(struct drive *drive, char **arguments);
};

static void die(const char *what, const char *on)
{
	fprintf(stderr, "sf-drive: %s: %s\n", what, on);
	exit(1);
}

static void *allocate(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		die("no memory", "");
	return memory;
}

/* Memory that stays until the end: some calls use it long after they were made. */
static void *keep(size_t size)
{
	static struct kept {
		struct kept *previous;
		max_align_t memory[];
	} * last;
	struct kept *kept = allocate(sizeof(*kept) + size);

	kept->previous = last;
	last = kept;
	return kept->memory;
}

static VBOXHGCMSVCPARM parm32(uint32_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = value};
}

static VBOXHGCMSVCPARM parm64(uint64_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_64BIT, .u.uint64 = value};
}

static VBOXHGCMSVCPARM parm_pointer(void *memory, uint32_t size)
{
	return (VBOXHGCMSVCPARM){
		.type = VBOX_HGCM_SVC_PARM_PTR,
		.u.pointer = {.size = size, .addr = memory},
	};
}

/* An SHFLSTRING parameter. */
static VBOXHGCMSVCPARM parm_string(const char *text)
{
	size_t length = strlen(text);
	SHFLSTRING *string = keep(SHFLSTRING_HEADER_SIZE + length + 1);

	string->u16Length = length;
	string->u16Size = length + 1;
	memcpy((char *)string + SHFLSTRING_HEADER_SIZE, text, length + 1);
	return parm_pointer(string, SHFLSTRING_HEADER_SIZE + length + 1);
}

static int32_t call(struct drive *drive, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM *parms)
{
	drive->counts[fn & 63]++;
	return hgcm_call(drive->service, drive->client, fn, n_parms, parms, HGCM_WAIT_ALWAYS, NULL,
			 NULL);
}

static void must(struct drive *drive, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM *parms)
{
	int32_t status = call(drive, fn, n_parms, parms);
	const char *name = vbox_status_name(status);

	if (VBOX_FAILURE(status))
		die(shfl_fn_find(fn)->name, name ? name : "unknown status");
}

static uint64_t create(struct drive *drive, const char *path, uint32_t flags)
{
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = flags};
	VBOXHGCMSVCPARM args[] = {parm32(drive->root), parm_string(path),
				  parm_pointer(&parms, sizeof(parms))};

	must(drive, SHFL_FN_CREATE, 3, args);
	return parms.Handle;
}

static void close_handle(struct drive *drive, uint64_t handle)
{
	VBOXHGCMSVCPARM args[] = {parm32(drive->root), parm64(handle)};

	must(drive, SHFL_FN_CLOSE, 2, args);
}

static void transfer(struct drive *drive, uint32_t fn, uint64_t handle, uint64_t offset,
		     VBOXHGCMSVCPARM data, uint32_t size)
{
	VBOXHGCMSVCPARM args[] = {parm32(drive->root), parm64(handle), parm64(offset), parm32(size),
				  data};

	must(drive, fn, 5, args);
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 0);
}

#define NEW_FILE (SHFL_CF_ACT_REPLACE_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW)

/* Contents that are not the same in any two blocks. */
static void fill(unsigned char *block, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		block[i] = seed >> 24;
	}
}

/* write COUNT SIZE: a file drive-PID.bin of COUNT blocks. */
static void run_write(struct drive *drive, char **arguments)
{
	uint64_t count = number(arguments[0]), size = number(arguments[1]), handle;
	unsigned char *block = allocate(size);
	char name[64];

	snprintf(name, sizeof(name), "/drive-%d.bin", getpid());
	handle = create(drive, name, NEW_FILE | SHFL_CF_ACCESS_READWRITE);
	for (uint64_t i = 0; i < count; i++) {
		fill(block, size, i);
		transfer(drive, SHFL_FN_WRITE, handle, i * size, parm_pointer(block, size), size);
	}
	close_handle(drive, handle);
	free(block);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* spin SECONDS SIZE: writes as fast as it can, the n-th at offset n of spin-PID.bin. */
static void run_spin(struct drive *drive, char **arguments)
{
	double until = now() + number(arguments[0]);
	uint64_t size = number(arguments[1]), handle;
	unsigned char *block = allocate(size);
	char name[64];

	snprintf(name, sizeof(name), "/spin-%d.bin", getpid());
	handle = create(drive, name, NEW_FILE | SHFL_CF_ACCESS_READWRITE);
	for (uint64_t i = 0; now() < until; i++)
		transfer(drive, SHFL_FN_WRITE, handle, i, parm_pointer(block, size), size);
	close_handle(drive, handle);
	free(block);
}

/* read COUNT SIZE: what write wrote, from the name "/read.bin". */
static void run_read(struct drive *drive, char **arguments)
{
	uint64_t count = number(arguments[0]), size = number(arguments[1]), handle;
	unsigned char *block = allocate(size);

	handle = create(drive, "/read.bin", SHFL_CF_ACT_FAIL_IF_NEW | SHFL_CF_ACCESS_READ);
	for (uint64_t i = 0; i < count; i++)
		transfer(drive, SHFL_FN_READ, handle, i * size, parm_pointer(block, size), size);
	close_handle(drive, handle);
	free(block);
}

/* pages SIZE: one write and one read through a page list that begins within a page. */
static void run_pages(struct drive *drive, char **arguments)
{
	uint32_t size = number(arguments[0]), first = 100;
	uint32_t n = (first + size + PAGE_BYTES - 1) / PAGE_BYTES;
	unsigned char *memory = mmap(NULL, n * PAGE_BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void **pages = keep(n * sizeof(*pages));
	VBOXHGCMSVCPARM data = {
		.type = VBOX_HGCM_SVC_PARM_PAGES,
		.u.Pages = {.cb = size, .cPages = n, .papvPages = pages},
	};
	uint64_t handle;

	if (memory == MAP_FAILED)
		die("no memory", "");
	/* Every other page first, so that neighbours in the list are not so in memory. */
	for (uint32_t i = 0; i < n; i++)
		pages[i] = memory + PAGE_BYTES * (i < n / 2 ? 2 * i + 1 : 2 * (i - n / 2));
	pages[0] = (char *)pages[0] + first;
	fill(memory, n * PAGE_BYTES, 7);
	handle = create(drive, "/pages.bin", NEW_FILE | SHFL_CF_ACCESS_READWRITE);
	transfer(drive, SHFL_FN_WRITE, handle, 0, data, size);
	transfer(drive, SHFL_FN_READ, handle, 0, data, size);
	close_handle(drive, handle);
}

/*
 * paged SIZE: one write of data that is in no page of this process yet: it is
 * in a file that is mapped and has not been touched.
 */
static void run_paged(struct drive *drive, char **arguments)
{
	uint32_t size = number(arguments[0]);
	unsigned char *data = allocate(size);
	int fd = memfd_create("paged", MFD_CLOEXEC);
	void *memory;
	uint64_t handle;

	fill(data, size, 9);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		die("no memory", "");
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED || madvise(memory, size, MADV_RANDOM))
		die("no memory", "");
	handle = create(drive, "/paged.bin", NEW_FILE | SHFL_CF_ACCESS_READWRITE);
	transfer(drive, SHFL_FN_WRITE, handle, 0, parm_pointer(memory, size), size);
	close_handle(drive, handle);
	close(fd);
	free(data);
}

/*
 * reopen PATH OTHER COUNT: COUNT times a write to PATH and one to OTHER, at
 * offsets that count up from 1; each is opened anew, with a number that the
 * other has just had.
 */
static void run_reopen(struct drive *drive, char **arguments)
{
	char data[] = "data";
	uint64_t offset = 1;

	for (uint64_t i = 0; i < number(arguments[2]); i++)
		for (int j = 0; j < 2; j++) {
			uint64_t handle =
				create(drive, arguments[j],
				       SHFL_CF_ACT_OPEN_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW |
					       SHFL_CF_ACCESS_READWRITE);

			transfer(drive, SHFL_FN_WRITE, handle, offset++,
				 parm_pointer(data, sizeof(data)), sizeof(data));
			close_handle(drive, handle);
		}
}

/* hold PATH MILLISECONDS COUNT: opens a file, and writes to it so much later. */
static void run_hold(struct drive *drive, char **arguments)
{
	char data[] = "held";
	uint64_t handle = create(drive, arguments[0], NEW_FILE | SHFL_CF_ACCESS_READWRITE);

	usleep(1000 * number(arguments[1]));
	for (uint64_t i = 0; i < number(arguments[2]); i++)
		transfer(drive, SHFL_FN_WRITE, handle, i, parm_pointer(data, sizeof(data)),
			 sizeof(data));
	close_handle(drive, handle);
}

/* An SHFLSTRING of ASCII text in UTF-16. */
static VBOXHGCMSVCPARM parm_wide_string(const char *text)
{
	size_t n = strlen(text), size = SHFLSTRING_HEADER_SIZE + 2 * (n + 1);
	SHFLSTRING *string = keep(size);
	char *to = (char *)string + SHFLSTRING_HEADER_SIZE;

	string->u16Length = 2 * n;
	string->u16Size = 2 * (n + 1);
	for (size_t i = 0; i < n; i++)
		to[2 * i] = text[i];
	return parm_pointer(string, size);
}

/* wide SHARE PATH: a client that speaks UTF-16, as Windows does, writes to a file. */
static void run_wide(struct drive *drive, char **arguments)
{
	struct drive wide = {.service = drive->service};
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL,
				 .CreateFlags = NEW_FILE | SHFL_CF_ACCESS_READWRITE};
	char data[] = "wide";
	VBOXHGCMSVCPARM map[] = {parm_wide_string(arguments[0]), parm32(0), parm32('\\'),
				 parm32(1)};
	VBOXHGCMSVCPARM open[] = {parm32(0), parm_wide_string(arguments[1]),
				  parm_pointer(&parms, sizeof(parms))};

	if (VBOX_FAILURE(hgcm_connect(wide.service, KERNEL_REQUESTOR, &wide.client)))
		die("cannot", "connect");
	must(&wide, SHFL_FN_MAP_FOLDER, 4, map);
	wide.root = map[1].u.uint32;
	open[0] = map[1];
	must(&wide, SHFL_FN_CREATE, 3, open);
	transfer(&wide, SHFL_FN_WRITE, parms.Handle, 0, parm_pointer(data, sizeof(data)),
		 sizeof(data));
	close_handle(&wide, parms.Handle);
	hgcm_disconnect(wide.service, wide.client);
}

static void list(struct drive *drive)
{
	static char buffer[LIST_BYTES];
	uint64_t handle = create(drive, "/dir",
				 SHFL_CF_DIRECTORY | SHFL_CF_ACT_FAIL_IF_NEW | SHFL_CF_ACCESS_READ);

	VBOXHGCMSVCPARM args[] = {
		parm32(drive->root),
		parm64(handle),
		parm32(0),
		parm32(sizeof(buffer)),
		parm_string("/dir/*"),
		parm_pointer(buffer, sizeof(buffer)),
		parm32(0),
		parm32(0),
	};
	must(drive, SHFL_FN_LIST, 8, args);
	close_handle(drive, handle);
}

static void info(struct drive *drive, uint64_t handle)
{
	SHFLFSOBJINFO attributes = {0};
	VBOXHGCMSVCPARM args[] = {
		parm32(drive->root), parm64(handle), parm32(SHFL_INFO_GET | SHFL_INFO_FILE),
		parm32(sizeof(attributes)), parm_pointer(&attributes, sizeof(attributes))};

	must(drive, SHFL_FN_INFORMATION, 5, args);
}

static void two_paths(struct drive *drive, uint32_t fn, const char *from, const char *to)
{
	SHFLFSOBJINFO attributes = {0};
	VBOXHGCMSVCPARM last = fn == SHFL_FN_RENAME ? parm32(SHFL_RENAME_FILE)
						    : parm_pointer(&attributes, sizeof(attributes));
	VBOXHGCMSVCPARM args[] = {parm32(drive->root), parm_string(from), parm_string(to), last};

	must(drive, fn, 4, args);
}

static void remove_path(struct drive *drive, const char *path, uint32_t flags)
{
	VBOXHGCMSVCPARM args[] = {parm32(drive->root), parm_string(path), parm32(flags)};

	must(drive, SHFL_FN_REMOVE, 3, args);
}

static void read_link(struct drive *drive, const char *path)
{
	char text[256];
	VBOXHGCMSVCPARM args[] = {parm32(drive->root), parm_string(path),
				  parm_pointer(text, sizeof(text))};

	must(drive, SHFL_FN_READLINK, 3, args);
}

/* mix: something of everything, one call of it refused. Leaves /kept. */
static void run_mix(struct drive *drive, char **arguments)
{
	char data[] = "The quick brown fox jumps over the lazy dog.\n", back[sizeof(data)];
	VBOXHGCMSVCPARM bad[] = {parm32(drive->root), parm64(4000)};
	uint64_t handle;

	(void)arguments;
	close_handle(drive,
		     create(drive, "/dir",
			    SHFL_CF_DIRECTORY | SHFL_CF_ACT_CREATE_IF_NEW | SHFL_CF_ACCESS_READ));
	handle = create(drive, "/dir/new", NEW_FILE | SHFL_CF_ACCESS_READWRITE);
	transfer(drive, SHFL_FN_WRITE, handle, 0, parm_pointer(data, sizeof(data) - 1),
		 sizeof(data) - 1);
	transfer(drive, SHFL_FN_READ, handle, 0, parm_pointer(back, sizeof(back)), sizeof(back));
	info(drive, handle);
	close_handle(drive, handle);
	list(drive);
	two_paths(drive, SHFL_FN_RENAME, "/dir/new", "/kept");
	two_paths(drive, SHFL_FN_SYMLINK, "/link", "kept");
	read_link(drive, "/link");
	remove_path(drive, "/link", SHFL_REMOVE_FILE | SHFL_REMOVE_SYMLINK);
	remove_path(drive, "/dir", SHFL_REMOVE_DIR);
	if (call(drive, SHFL_FN_CLOSE, 2, bad) >= 0)
		die("a handle that nobody opened", "was closed");
}

static void waited(void *user, int32_t status)
{
	*(int32_t *)user = status;
}

static void lock_ended(void *user, int32_t status)
{
	*(_Atomic int32_t *)user = status;
}

/* wait DIR: a call that ends only when a share is added. */
static void run_wait(struct drive *drive, char **arguments)
{
	int32_t status = VINF_SUCCESS, answer;
	VBOXHGCMSVCPARM version = parm32(UINT32_MAX);

	drive->counts[SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES] += 2;
	/* The first asks for the version: it answers at once, or the next would. */
	hgcm_call(drive->service, drive->client, SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES, 1, &version,
		  HGCM_WAIT_NEVER, NULL, NULL);
	answer = hgcm_call(drive->service, drive->client, SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES, 1,
			   &version, HGCM_WAIT_LATER, waited, &status);
	if (answer != VINF_HGCM_ASYNC_EXECUTE)
		die("WAIT_FOR_MAPPINGS_CHANGES", "did not wait");
	usleep(10000);
	hgcm_add_share(drive->service, "later", arguments[0], SHFL_ADD_MAPPING_F_WRITABLE, NULL);
	if (status == VINF_SUCCESS)
		die("WAIT_FOR_MAPPINGS_CHANGES", "was not completed");
}

static VBOXHGCMSVCPARM *lock_of(struct drive *drive, uint64_t handle, uint32_t flags)
{
	static VBOXHGCMSVCPARM parms[5];

	parms[0] = parm32(drive->root);
	parms[1] = parm64(handle);
	parms[2] = parm64(0);
	parms[3] = parm64(1);
	parms[4] = parm32(flags);
	return parms;
}

/* A LOCK that waits until act() has been done. */
static void wait_for_lock(struct drive *drive, uint64_t handle,
			  void (*act)(struct drive *drive, uint64_t with), uint64_t with)
{
	_Atomic int32_t status = VINF_HGCM_ASYNC_EXECUTE;
	uint32_t flags = SHFL_LOCK_EXCLUSIVE | SHFL_LOCK_WAIT;

	drive->counts[SHFL_FN_LOCK]++;
	if (hgcm_call(drive->service, drive->client, SHFL_FN_LOCK, 5, lock_of(drive, handle, flags),
		      HGCM_WAIT_LATER, lock_ended, &status) != VINF_HGCM_ASYNC_EXECUTE)
		die("LOCK", "did not wait");
	usleep(10000);
	act(drive, with);
	while (status == VINF_HGCM_ASYNC_EXECUTE)
		usleep(1000);
	if (status != VINF_SUCCESS)
		die("LOCK", "failed");
}

static void unlock_file(struct drive *drive, uint64_t file)
{
	(void)drive;
	close((int)file);
}

/* lock PATH FILE: locks that wait, for another process (the host's FILE) and a handle. */
static void run_lock(struct drive *drive, char **arguments)
{
	uint64_t first = create(drive, arguments[0], NEW_FILE | SHFL_CF_ACCESS_READWRITE);
	uint64_t second =
		create(drive, arguments[0], SHFL_CF_ACT_FAIL_IF_NEW | SHFL_CF_ACCESS_READWRITE);
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int file = open(arguments[1], O_RDWR | O_CLOEXEC);

	if (file < 0 || fcntl(file, F_OFD_SETLK, &range))
		die("cannot lock", arguments[1]);
	wait_for_lock(drive, first, unlock_file, (uint64_t)file);
	wait_for_lock(drive, second, close_handle, first);
	close_handle(drive, second);
}

/* bad: an unknown function with parameters that point nowhere. */
static void run_bad(struct drive *drive, char **arguments)
{
	VBOXHGCMSVCPARM parms[4] = {
		parm_pointer((void *)1, 5000),
		parm_pointer((void *)-4096l, UINT32_MAX),
		{.type = VBOX_HGCM_SVC_PARM_PAGES,
		 .u.Pages = {.cb = UINT32_MAX, .cPages = 9, .papvPages = (void **)16}},
		{.type = 99, .u.uint64 = 1},
	};

	(void)arguments;
	call(drive, 60, 4, parms);
	call(drive, 60, 0, NULL);
}

static int completed(VBOXHGCMCALLHANDLE handle, int32_t status)
{
	(void)handle;
	return status;
}

/*
 * raw: a call that no host would pass on, to a service loaded by ourselves: it
 * says that it has 2^32 - 1 parameters, and memory ends behind the second. Must
 * be the last: the service does not know the library's helpers any more.
 */
static void run_raw(struct drive *drive, char **arguments)
{
	VBOXHGCMSVCHELPERS helpers = {.pfnCallComplete = completed};
	VBOXHGCMSVCFNTABLE table = {
		.cbSize = sizeof(table), .u32Version = VBOX_HGCM_SVC_VERSION, .pHelpers = &helpers};
	FNVBOXHGCMSVCLOAD *load =
		(FNVBOXHGCMSVCLOAD *)dlsym(dlopen(drive->file, RTLD_NOW), VBOX_HGCM_SVCLOAD_NAME);
	char *memory = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	VBOXHGCMSVCPARM *edge = (VBOXHGCMSVCPARM *)(memory + PAGE_BYTES) - 2;

	(void)arguments;
	if (memory == MAP_FAILED || munmap(memory + PAGE_BYTES, PAGE_BYTES))
		die("no memory", "");
	if (!load || VBOX_FAILURE(load(&table)))
		die("cannot load", drive->file);
	table.pfnCall(table.pvService, (VBOXHGCMCALLHANDLE)1, 1, NULL, 61, UINT32_MAX, edge, 0);
	table.pfnCall(table.pvService, (VBOXHGCMCALLHANDLE)2, 1, NULL, 62, UINT32_MAX, NULL, 0);
	exit(0);
}

/* call FN: one without parameters. */
static void run_call(struct drive *drive, char **arguments)
{
	call(drive, number(arguments[0]), 0, NULL);
}

/* pause MILLISECONDS */
static void run_pause(struct drive *drive, char **arguments)
{
	(void)drive;
	usleep(1000 * number(arguments[0]));
}

static const struct command commands[] = {
	{"write", " COUNT SIZE", 2, run_write},
	{"read", " COUNT SIZE", 2, run_read},
	{"spin", " SECONDS SIZE", 2, run_spin},
	{"pages", " SIZE", 1, run_pages},
	{"paged", " SIZE", 1, run_paged},
	{"reopen", " PATH OTHER COUNT", 3, run_reopen},
	{"hold", " PATH MILLISECONDS COUNT", 3, run_hold},
	{"wide", " SHARE PATH", 2, run_wide},
	{"mix", "", 0, run_mix},
	{"wait", " DIR", 1, run_wait},
	{"lock", " PATH FILE", 2, run_lock},
	{"bad", "", 0, run_bad},
	{"raw", "", 0, run_raw},
	{"call", " FN", 1, run_call},
	{"pause", " MILLISECONDS", 1, run_pause},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void usage(void)
{
	fputs("Usage: sf-drive --service FILE [--pause MILLISECONDS] [--share NAME=DIR]... "
	      "COMMAND...\n",
	      stderr);
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		fprintf(stderr, "  %s%s\n", commands[i].name, commands[i].arguments);
	exit(2);
}

static void share_add(struct drive *drive, char *text)
{
	char *directory = strchr(text, '=');

	if (!directory || !drive->service)
		usage();
	*directory++ = '\0';
	if (VBOX_FAILURE(hgcm_add_share(
		    drive->service, text, directory,
		    SHFL_ADD_MAPPING_F_WRITABLE | SHFL_ADD_MAPPING_F_CREATE_SYMLINKS, NULL)))
		die("cannot share", directory);
}

/* Connects as the Linux driver does: UTF-8, links shown. */
static void connect_client(struct drive *drive, const char *share)
{
	VBOXHGCMSVCPARM args[] = {parm_string(share ? share : ""), parm32(0), parm32('/'),
				  parm32(1)};

	if (VBOX_FAILURE(hgcm_connect(drive->service, KERNEL_REQUESTOR, &drive->client)))
		die("cannot", "connect");
	must(drive, SHFL_FN_SET_UTF8, 0, NULL);
	must(drive, SHFL_FN_SET_SYMLINKS, 0, NULL);
	if (!share)
		return;
	must(drive, SHFL_FN_MAP_FOLDER, 4, args);
	drive->root = args[1].u.uint32;
}

static char **run_command(struct drive *drive, char **words)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (strcmp(commands[i].name, words[0]))
			continue;
		for (int j = 1; j <= commands[i].n_arguments; j++)
			if (!words[j])
				usage();
		commands[i].run(drive, words + 1);
		return words + 1 + commands[i].n_arguments;
	}
	usage();
	return NULL;
}

static void counts_print(const struct drive *drive)
{
	for (uint32_t fn = 0; fn < COUNT_OF(drive->counts); fn++) {
		const struct shfl_fn_info *info_of = shfl_fn_find(fn);

		if (drive->counts[fn])
			printf("%s %llu\n", info_of ? info_of->name : "unknown",
			       (unsigned long long)drive->counts[fn]);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"service", required_argument, NULL, 's'},
						{"share", required_argument, NULL, 'd'},
						{"pause", required_argument, NULL, 'p'},
						{0}};
	struct drive drive = {0};
	char *message = NULL, *share = NULL, **words;
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 's')
			drive.file = optarg;
		if (option == 's' && hgcm_service_load(optarg, &drive.service, &message))
			die("cannot load", message ? message : optarg);
		else if (option == 'p')
			usleep(1000 * number(optarg));
		else if (option == 'd')
			share_add(&drive, share = optarg);
		else if (option == '?')
			usage();
	}
	if (!drive.service || optind == argc)
		usage();
	connect_client(&drive, share);
	for (words = argv + optind; *words;)
		words = run_command(&drive, words);
	hgcm_disconnect(drive.service, drive.client);
	counts_print(&drive);
	hgcm_service_unload(drive.service);
	return 0;
}
