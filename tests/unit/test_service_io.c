/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: open files, through pointers and page lists. */
#include <sys/mman.h>
#include <sys/resource.h>
#include <signal.h>

#include "service_driver.h"

TestSuite(service_io, .fini = driver_finish);

#define BEYOND (1ull << 63)

static struct client *client;
static uint32_t rw, ro;
static uint64_t file, dir, read_only;

static void start(void)
{
	driver_start();
	host_file("rw/a", "12345");
	host_file("rw/b", "bbb");
	host_file("ro/r", "xy");
	mkdir(host_path("rw/sub"), 0755);
	client = linux_client(true);
	rw = map_share(client, "rw");
	ro = map_share(client, "ro");
	file = open_handle(client, rw, "/a", OPEN_OLD | RW);
	dir = open_handle(client, rw, "/sub", OPEN_OLD | SHFL_CF_DIRECTORY);
	read_only = open_handle(client, ro, "/r", OPEN_OLD | RW);
}

Test(service_io, writes_and_reads_back, .init = start)
{
	char data[16] = "";

	cr_assert_eq(write_at(client, rw, file, 3, "hello", 5), VINF_SUCCESS);
	cr_assert_eq(parms[3].u.uint32, 5);
	cr_assert_eq(parms[2].u.uint64, 8);
	cr_assert_eq(read_at(client, rw, file, 0, data, sizeof(data)), VINF_SUCCESS);
	cr_assert_eq(parms[3].u.uint32, 8);
	cr_assert_arr_eq(data, "123hello", 8);
	cr_assert_eq(read_at(client, rw, file, 8, data, 4), VINF_SUCCESS, "at the end");
	cr_assert_eq(parms[3].u.uint32, 0);
}

Test(service_io, handles_that_are_not_good, .init = start)
{
	struct client *other = linux_client(true);
	char data[8];

	map_share(other, "rw");
	map_share(other, "ro");
	const struct {
		const char *what;
		struct client *who;
		uint32_t root;
		uint64_t handle;
		int32_t status;
	} rows[] = {
		{"0", client, rw, 0, -2},
		{"NIL", client, rw, SHFL_HANDLE_NIL, -4},
		{"unused", client, rw, 4000, -4},
		{"over the table", client, rw, 4096, -4},
		{"far over the table", client, rw, 1ull << 32 | file, -4},
		{"a directory's", client, rw, dir, -4},
		{"another root", client, ro, file, -4},
		{"another client's", other, rw, file, -4},
		{"unknown root", client, 60, file, -4},
		{"root beyond the table", client, 0xffffffff, file, -4},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client *who = rows[i].who;
		uint32_t root = rows[i].root;
		uint64_t handle = rows[i].handle;
		int32_t status = rows[i].status;

		cr_expect_eq(read_at(who, root, handle, 0, data, 8), status, "READ %s",
			     rows[i].what);
		cr_expect_eq(write_at(who, root, handle, 0, data, 0), status, "WRITE %s",
			     rows[i].what);
		cr_expect_eq(write_at(who, root, handle, 0, data, 8), status, "WRITE %s",
			     rows[i].what);
		cr_expect_eq(CALL(who, SHFL_FN_FLUSH, P32(root), P64(handle)), status, "FLUSH %s",
			     rows[i].what);
		cr_expect_eq(
			CALL(who, SHFL_FN_LOCK, P32(root), P64(handle), P64(0), P64(1), P32(1)),
			status, "LOCK %s", rows[i].what);
		cr_expect_eq(CALL(who, SHFL_FN_SET_FILE_SIZE, P32(root), P64(handle), P64(0)), -4,
			     "SET_FILE_SIZE %s", rows[i].what);
		if (handle != dir)
			cr_expect_eq(close_handle(who, root, handle), status, "CLOSE %s",
				     rows[i].what);
	}
	host_read("rw/a", data, sizeof(data));
	cr_expect_str_eq(data, "12345");
}

Test(service_io, read_only_shares, .init = start)
{
	char data[8] = "";

	cr_expect_eq(read_at(client, ro, read_only, 0, data, 8), VINF_SUCCESS);
	cr_expect_eq(parms[3].u.uint32, 2);
	cr_expect_eq(write_at(client, ro, read_only, 0, "zz", 2), VERR_WRITE_PROTECT);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(CALL(client, SHFL_FN_FLUSH, P32(ro), P64(read_only)), VERR_WRITE_PROTECT);
	cr_expect_eq(CALL(client, SHFL_FN_SET_FILE_SIZE, P32(ro), P64(read_only), P64(0)),
		     VERR_WRITE_PROTECT);
	host_read("ro/r", data, sizeof(data));
	cr_expect_str_eq(data, "xy");
}

Test(service_io, counts_and_offsets, .init = start)
{
	char data[8] = "";
	uint64_t writer = open_handle(client, rw, "/b", OPEN_OLD | SHFL_CF_ACCESS_WRITE);
	uint64_t reader = open_handle(client, rw, "/b", OPEN_OLD | SHFL_CF_ACCESS_READ);

	cr_expect_eq(CALL(client, SHFL_FN_READ, P32(rw), P64(file), P64(0), P32(9), PBUF(data, 8)),
		     VERR_INVALID_HANDLE, "count over the buffer");
	cr_expect_eq(parms[3].u.uint32, 9, "the parameters are left alone");
	cr_expect_eq(CALL(client, SHFL_FN_WRITE, P32(rw), P64(file), P64(0), P32(9), PBUF(data, 8)),
		     VERR_INVALID_HANDLE);
	cr_expect_eq(CALL(client, SHFL_FN_READ, P32(rw), P64(file), P64(0), P32(0), PBUF(NULL, 0)),
		     VINF_SUCCESS);
	cr_expect_eq(write_at(client, rw, file, 77, NULL, 0), VINF_SUCCESS);
	cr_expect_eq(parms[2].u.uint64, 77, "nothing written, nowhere gone");
	cr_expect_eq(read_at(client, rw, file, BEYOND, data, 8), VERR_INVALID_PARAMETER);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(write_at(client, rw, file, BEYOND, data, 8), VERR_INVALID_PARAMETER);
	cr_expect_eq(parms[2].u.uint64, BEYOND);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(read_at(client, rw, writer, 0, data, 1), VERR_INVALID_HANDLE);
	cr_expect_eq(write_at(client, rw, reader, 0, data, 1), VERR_INVALID_HANDLE);
	cr_expect_eq(CALL(client, SHFL_FN_SET_FILE_SIZE, P32(rw), P64(file), P64(BEYOND)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(client, SHFL_FN_SET_FILE_SIZE, P32(rw), P64(file), P64(3)), VINF_SUCCESS);
	cr_expect_eq(CALL(client, SHFL_FN_FLUSH, P32(rw), P64(file)), VINF_SUCCESS);
	cr_expect_eq(host_read("rw/a", data, sizeof(data)), 3);
}

Test(service_io, a_short_write_says_so, .init = start)
{
	struct rlimit limit = {100, 100};
	char data[64] = "";

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_expect_eq(write_at(client, rw, file, 90, data, 64), VINF_SUCCESS);
	cr_expect_eq(parms[3].u.uint32, 10);
	cr_expect_eq(parms[2].u.uint64, 100);
	cr_expect_eq(write_at(client, rw, file, 100, data, 64), VERR_FILE_TOO_BIG);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(parms[2].u.uint64, 100);
}

Test(service_io, appending, .init = start)
{
	uint64_t handle = open_handle(client, rw, "/b", OPEN_OLD | RW | SHFL_CF_ACCESS_APPEND);
	char data[16];

	cr_expect_eq(write_at(client, rw, handle, 0, "tail", 4), VINF_SUCCESS);
	cr_expect_eq(parms[3].u.uint32, 4);
	cr_expect_eq(parms[2].u.uint64, 7);
	host_read("rw/b", data, sizeof(data));
	cr_expect_str_eq(data, "bbbtail");
}

Test(service_io, a_directory_as_a_file, .init = start)
{
	uint64_t handle;
	char data[4];

	cr_assert_eq(symlink("sub", host_path("rw/dlnk")), 0);
	handle = open_handle(client, rw, "/dlnk", OPEN_OLD | SHFL_CF_ACCESS_READ);
	cr_expect_eq(read_at(client, rw, handle, 0, data, 4), VERR_IS_A_DIRECTORY);
}

Test(service_io, closing, .init = start)
{
	int before = count_descriptors();

	cr_expect_eq(close_handle(client, rw, file), VINF_SUCCESS);
	cr_expect_eq(close_handle(client, rw, file), VERR_INVALID_HANDLE);
	cr_expect_eq(close_handle(client, rw, dir), VINF_SUCCESS);
	cr_expect_eq(close_handle(client, rw, dir), VERR_INVALID_HANDLE);
	cr_expect_eq(count_descriptors(), before - 2);
	/* without a map, and after removal */
	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(ro)), VINF_SUCCESS);
	cr_expect_eq(close_handle(client, ro, read_only), VINF_SUCCESS);
}

/* Page lists: guest memory in an order of its own, the first page with an offset. */

static uint8_t *memory; /* 8 pages between two that must not be touched */

static void start_with_memory(void)
{
	uint8_t *all = mmap(NULL, 10 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	start();
	memory = all + 4096;
	cr_assert_eq(mprotect(memory, 8 * 4096, PROT_READ | PROT_WRITE), 0);
}

static int32_t transfer(uint32_t fn, uint64_t offset, void **pages, unsigned n, uint32_t cb,
			uint32_t count)
{
	return CALL(client, fn, P32(rw), P64(file), P64(offset), P32(count), PPAGES(pages, n, cb));
}

Test(service_io, page_lists, .init = start_with_memory)
{
	/* two neighbours, one apart, one before them, all of it from byte 100 on */
	void *out[] = {memory + 100, memory + 4096, memory + 5 * 4096, memory + 3 * 4096};
	void *in[] = {memory + 6 * 4096, memory + 2 * 4096, memory + 7 * 4096, memory + 4 * 4096};
	uint32_t bytes = 4 * 4096 - 100;
	uint8_t *expected = malloc(bytes);

	for (unsigned i = 0; i < 8 * 4096; i++)
		memory[i] = (uint8_t)(i * 7 + i / 4096);
	memcpy(expected, out[0], 3996);
	for (unsigned i = 1; i < 4; i++)
		memcpy(expected + 3996 + (i - 1) * 4096, out[i], 4096);
	cr_assert_eq(transfer(SHFL_FN_WRITE, 5, out, 4, bytes, bytes), VINF_SUCCESS);
	cr_assert_eq(parms[3].u.uint32, bytes);
	cr_assert_eq(parms[2].u.uint64, 5 + bytes);
	cr_assert_eq(transfer(SHFL_FN_READ, 5, in, 4, 4 * 4096, 4 * 4096), VINF_SUCCESS);
	cr_assert_eq(parms[3].u.uint32, bytes);
	for (unsigned i = 0; i < bytes; i++)
		cr_assert_eq(((uint8_t *)in[i / 4096])[i % 4096], expected[i], "byte %u", i);
	free(expected);
}

/* More parts than one system call takes, none next to another. */
Test(service_io, long_page_lists, .init = start_with_memory)
{
	static void *pages[600];
	static char back[600 * 8];
	uint32_t bytes = 600 * 8;

	for (unsigned i = 0; i < 600; i++) {
		/* each ends at a page's end, so that it holds 8 bytes */
		pages[i] = memory + (i % 8) * 4096 + 4088;
	}
	for (unsigned i = 0; i < 8; i++)
		memcpy(memory + i * 4096 + 4088, "abcdefgh", 8);
	cr_assert_eq(transfer(SHFL_FN_WRITE, 0, pages, 600, bytes, bytes), VINF_SUCCESS);
	cr_assert_eq(parms[3].u.uint32, bytes);
	cr_assert_eq(read_at(client, rw, file, 0, back, bytes), VINF_SUCCESS);
	for (unsigned i = 0; i < bytes; i++)
		cr_assert_eq(back[i], "abcdefgh"[i % 8]);
}

Test(service_io, page_lists_that_lie, .init = start_with_memory)
{
	void *last = memory + 7 * 4096;
	void *late = memory + 7 * 4096 + 4000;
	void *with_null[] = {memory, NULL};

	for (uint32_t fn = SHFL_FN_READ; fn <= SHFL_FN_WRITE; fn++) {
		cr_expect_eq(transfer(fn, 0, &last, 1, 10, 11), VERR_OUT_OF_RANGE);
		cr_expect_eq(parms[3].u.uint32, 11);
		cr_expect_eq(transfer(fn, 0, NULL, 0, 10, 10), VERR_INTERNAL_ERROR_3);
		cr_expect_eq(parms[3].u.uint32, 0);
		cr_expect_eq(transfer(fn, 0, &last, 0, 10, 10), VERR_INTERNAL_ERROR_3);
		cr_expect_eq(transfer(fn, 0, &last, 1, 5000, 5000), VERR_INTERNAL_ERROR_3);
		cr_expect_eq(transfer(fn, 0, &late, 1, 5000, 97), VERR_INTERNAL_ERROR_3);
		cr_expect_eq(transfer(fn, 0, NULL, 4, 10, 10), VERR_INTERNAL_ERROR_3);
		cr_expect_eq(transfer(fn, 0, with_null, 2, 5000, 5000), VERR_INVALID_POINTER);
		cr_expect_eq(transfer(fn, 0, NULL, 0, 0, 0), VINF_SUCCESS);
	}
	cr_expect_eq(host_read("rw/a", (char *)memory, 100), 5, "nothing was written");
}

Test(service_io, the_led, .init = start)
{
	uint32_t led[4] = {0x11335577, 0, 0, 0};
	VBOXHGCMSVCPARM parm = PBUF(led, sizeof(led));
	char data[4];

	cr_assert_eq(host_call(SHFL_FN_SET_STATUS_LED, 1, &parm), VINF_SUCCESS);
	read_at(client, rw, file, 0, data, 4);
	cr_expect_eq(led[3], 1);
	write_at(client, rw, file, 0, data, 4);
	cr_expect_eq(led[3], 3);
	cr_expect_eq(led[2], 0);
	cr_expect_eq(led[0], 0x11335577);
}

static int32_t lock(struct client *who, uint64_t handle, uint64_t offset, uint64_t length,
		    uint32_t flags)
{
	return CALL(who, SHFL_FN_LOCK, P32(rw), P64(handle), P64(offset), P64(length), P32(flags));
}

Test(service_io, locks, .init = start, .timeout = 20)
{
	struct client *other = linux_client(true);
	uint64_t handle;

	map_share(other, "rw");
	handle = open_handle(other, rw, "/a", OPEN_OLD | RW);
	cr_expect_eq(lock(client, file, 0, 10, SHFL_LOCK_EXCLUSIVE | SHFL_LOCK_WAIT), VINF_SUCCESS);
	cr_expect_eq(lock(other, handle, 5, 10, SHFL_LOCK_SHARED), VERR_FILE_LOCK_VIOLATION);
	cr_expect_eq(lock(other, handle, 10, 10, SHFL_LOCK_EXCLUSIVE), VINF_SUCCESS);
	cr_expect_eq(lock(client, file, 0, 5, SHFL_LOCK_CANCEL), VINF_SUCCESS);
	cr_expect_eq(lock(other, handle, 0, 5, SHFL_LOCK_SHARED), VINF_SUCCESS);
	cr_expect_eq(lock(client, file, 0, 1, SHFL_LOCK_SHARED), VINF_SUCCESS);
	cr_expect_eq(lock(client, file, 0, 1, SHFL_LOCK_EXCLUSIVE), VERR_FILE_LOCK_VIOLATION);
	cr_expect_eq(close_handle(other, rw, handle), VINF_SUCCESS);
	cr_expect_eq(lock(client, file, 0, ~0ull, SHFL_LOCK_EXCLUSIVE), VINF_SUCCESS);
	cr_expect_eq(lock(client, file, ~0ull, ~0ull, SHFL_LOCK_EXCLUSIVE), VINF_SUCCESS);
	cr_expect_eq(lock(client, file, 5, 0, SHFL_LOCK_EXCLUSIVE), VINF_SUCCESS);
	cr_expect_eq(lock(client, file, 0, 1, 3), VERR_INVALID_PARAMETER);
	cr_expect_eq(lock(client, file, 0, 1, SHFL_LOCK_ENTIRE | 1), VERR_INVALID_PARAMETER);
	cr_expect_eq(lock(client, file, 0, 1, SHFL_LOCK_ENTIRE), VERR_INVALID_PARAMETER);
	cr_expect_eq(lock(client, dir, 0, 1, 1), VERR_INVALID_HANDLE);
}

Test(service_io, copying_parts, .init = start)
{
	uint64_t target = open_handle(client, rw, "/b", OPEN_OLD | RW);
	char data[32];

	cr_expect_eq(CALL(client, SHFL_FN_COPY_FILE_PART, P32(rw), P64(file), P64(1), P32(rw),
			  P64(target), P64(4), P64(1000), P32(0)),
		     VINF_SUCCESS);
	cr_expect_eq(parms[6].u.uint64, 4);
	cr_expect_eq(host_read("rw/b", data, sizeof(data)), 8);
	cr_expect_arr_eq(data,
			 "bbb\0"
			 "2345",
			 8);

	static const struct {
		uint64_t from, to, count;
		uint32_t flags;
		int32_t status;
	} rows[] = {
		{BEYOND, 0, 1, 0, VERR_NEGATIVE_SEEK},
		{0, BEYOND, 1, 0, VERR_NEGATIVE_SEEK},
		{0, 0, 1ull << 60, 0, VERR_OUT_OF_RANGE},
		{0, 0, 1, 1, VERR_INVALID_FLAGS},
		{100, 0, 10, 0, VINF_SUCCESS},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(CALL(client, SHFL_FN_COPY_FILE_PART, P32(rw), P64(file),
				  P64(rows[i].from), P32(rw), P64(target), P64(rows[i].to),
				  P64(rows[i].count), P32(rows[i].flags)),
			     rows[i].status, "row %u", i);
	cr_expect_eq(CALL(client, SHFL_FN_COPY_FILE_PART, P32(rw), P64(file), P64(0), P32(ro),
			  P64(read_only), P64(0), P64(1), P32(0)),
		     VERR_WRITE_PROTECT);
	cr_expect_eq(parms[6].u.uint64, 0);
	cr_expect_eq(CALL(client, SHFL_FN_COPY_FILE_PART, P32(rw), P64(dir), P64(0), P32(rw),
			  P64(target), P64(0), P64(1), P32(0)),
		     VERR_INVALID_HANDLE);
}

/* A hole of a size that no machine can copy byte by byte. */
Test(service_io, copying_holes_is_quick, .init = start, .timeout = 60)
{
	uint64_t huge = 1ull << 42;
	struct stat info;

	cr_assert_eq(CALL(client, SHFL_FN_SET_FILE_SIZE, P32(rw), P64(file), P64(huge)), 0);
	cr_expect_eq(CALL(client, SHFL_FN_COPY_FILE, P32(rw), str8("/a"), P32(rw), str8("/copy"),
			  P32(0)),
		     VINF_SUCCESS);
	cr_expect_eq(stat(host_path("rw/copy"), &info), 0);
	cr_expect_eq((uint64_t)info.st_size, huge);
}
