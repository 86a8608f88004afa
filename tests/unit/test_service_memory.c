/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transfers, lookups and opening files allocate nothing. This program's malloc counts;
 * it is the service's as well. Sanitizers have one of their own.
 */
#include "service_guest.h"

TestSuite(service_memory, .fini = driver_finish);

#ifndef SF_SANITIZE

#define TIMES 50

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

static unsigned long allocations;

void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	allocations++;
	return __libc_calloc(n, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	allocations++;
	return __libc_realloc(memory, bytes);
}

static uint64_t handle;
static SHFLCREATEPARMS made;
static _Alignas(4096) char data[8192];

static void start(void)
{
	guest_start();
	mkdir(host_path("rw/a"), 0755);
	mkdir(host_path("rw/a/b"), 0755);
	host_file("rw/a/b/file", "text");
	handle = open_handle(guest, rw, "/a/b/file", OPEN_OLD | RW);
}

static void do_write(void)
{
	write_at(guest, rw, handle, 0, data, sizeof(data));
}

static void do_read(void)
{
	read_at(guest, rw, handle, 0, data, sizeof(data));
}

static void do_pages(void)
{
	void *pages[] = {data + 4096, data};

	CALL(guest, SHFL_FN_WRITE, P32(rw), P64(handle), P64(0), P32(8192), PPAGES(pages, 2, 8192));
	CALL(guest, SHFL_FN_READ, P32(rw), P64(handle), P64(0), P32(8192), PPAGES(pages, 2, 8192));
}

static void do_lookup(void)
{
	lookup(guest, rw, "/a/b/file", &made);
}

static void do_lookup_missing(void)
{
	lookup(guest, rw, "/a/b/none", &made);
	lookup(guest, rw, "/none/b/file", &made);
}

static void do_open(void)
{
	close_handle(guest, rw, open_handle(guest, rw, "/a/b/file", OPEN_OLD | RW));
}

/* A handle of a directory is memory: the counter counts. */
static void do_open_dir(void)
{
	close_handle(guest, rw, open_handle(guest, rw, "/a", OPEN_OLD | SHFL_CF_DIRECTORY));
}

static const struct {
	const char *name;
	void (*act)(void);
	bool allocates;
} acts[] = {
	{"WRITE", do_write, false},
	{"READ", do_read, false},
	{"WRITE and READ of pages", do_pages, false},
	{"lookup", do_lookup, false},
	{"lookup of nothing", do_lookup_missing, false},
	{"CREATE(open) and CLOSE", do_open, false},
	{"CREATE(directory)", do_open_dir, true},
};

Test(service_memory, allocations, .init = start)
{
	for (unsigned i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		unsigned long before = allocations, n;

		for (unsigned time = 0; time < TIMES; time++)
			acts[i].act();
		n = allocations - before;
		cr_expect_eq(n > 0, acts[i].allocates, "%s: %lu allocations", acts[i].name, n);
	}
}

/* Correcting names' case reads directories; names that are spelt right need none. */
Test(service_memory, case_insensitive_lookups, .init = start)
{
	unsigned long before;
	int32_t status = CALL(guest, SHFL_FN_MAP_FOLDER, str8("plain"), P32(0), P32('/'), P32(0));
	uint32_t plain = parms[1].u.uint32;

	cr_assert_eq(status, VINF_SUCCESS);
	mkdir(host_path("plain/d"), 0755);
	host_file("plain/d/file", "text");
	before = allocations;
	for (unsigned time = 0; time < TIMES; time++)
		cr_expect_eq(lookup(guest, plain, "/d/file", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	cr_expect_eq(allocations - before, 0);
}

#else

Test(service_memory, allocations)
{
	cr_skip_test("the sanitizer's allocator does not count");
}

#endif
