/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: parameters that are wrong in number, type, order or value. */
#include "service_driver.h"

TestSuite(service_calls, .fini = driver_finish);

static struct client *client;
static uint32_t root;

static void start(void)
{
	driver_start();
	client = linux_client(true);
	root = map_share(client, "rw");
}

/* Answers for one parameter too many, and for types that are all 0. */
Test(service_calls, wrong_counts_and_types, .init = start)
{
	static const struct {
		uint32_t fn;
		int32_t count_status, type_status;
	} rows[] = {
		{SHFL_FN_QUERY_MAPPINGS, -2, -2},
		{SHFL_FN_QUERY_MAP_NAME, -2, -2},
		{SHFL_FN_CREATE, -2, -2},
		{SHFL_FN_CLOSE, -2, -2},
		{SHFL_FN_READ, -22415, -22416},
		{SHFL_FN_WRITE, -22415, -22416},
		{SHFL_FN_LOCK, -2, -2},
		{SHFL_FN_LIST, -2, -2},
		{SHFL_FN_INFORMATION, -2, -2},
		{10, -12, -12},
		{SHFL_FN_REMOVE, -22415, -22416},
		{SHFL_FN_MAP_FOLDER_OLD, -2, -2},
		{SHFL_FN_UNMAP_FOLDER, -2, -2},
		{SHFL_FN_RENAME, -2, -2},
		{SHFL_FN_FLUSH, -2, -2},
		{SHFL_FN_SET_UTF8, 0, 0},
		{SHFL_FN_MAP_FOLDER, -2, -2},
		{SHFL_FN_READLINK, -2, -2},
		{SHFL_FN_SYMLINK, -2, -2},
		{SHFL_FN_SET_SYMLINKS, 0, 0},
		{SHFL_FN_QUERY_MAP_INFO, -2, -2},
		{SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES, -2, -2},
		{SHFL_FN_CANCEL_MAPPINGS_CHANGES_WAITS, -2, 0},
		{SHFL_FN_SET_FILE_SIZE, -22415, -22416},
		{SHFL_FN_QUERY_FEATURES, -22415, -22416},
		{SHFL_FN_COPY_FILE, -22415, -22416},
		{SHFL_FN_COPY_FILE_PART, -22415, -22416},
		{SHFL_FN_CLOSE_AND_REMOVE, -22415, -22416},
		{SHFL_FN_SET_ERROR_STYLE, -22415, -22416},
		{30, -12, -12},
		{0, -12, -12},
		{0xffffffff, -12, -12},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct shfl_fn_info *info = shfl_fn_find(rows[i].fn);
		uint32_t n = info ? info->n_parms : 0;

		memset(parms, 0, sizeof(parms));
		cr_expect_eq(driver_call(client, rows[i].fn, n + 1, parms), rows[i].count_status,
			     "count of function %u", rows[i].fn);
		cr_expect_eq(driver_call(client, rows[i].fn, n, parms), rows[i].type_status,
			     "types of function %u", rows[i].fn);
	}
}

/* Every pointer parameter of every function, as NULL with a size. */
Test(service_calls, null_pointers_with_a_size, .init = start)
{
	for (uint32_t fn = 1; fn <= SHFL_FN_LAST; fn++) {
		const struct shfl_fn_info *info = shfl_fn_find(fn);

		for (unsigned bad = 0; info && bad < info->n_parms; bad++) {
			int32_t status;

			if (info->parms[bad].kind != SHFL_KIND_PTR &&
			    info->parms[bad].kind != SHFL_KIND_DATA)
				continue;
			for (unsigned i = 0; i < info->n_parms; i++) {
				uint8_t kind = info->parms[i].kind;

				parms[i] = kind == SHFL_KIND_32BIT   ? P32(root)
					   : kind == SHFL_KIND_64BIT ? P64(1)
								     : str8("/x");
			}
			parms[bad] = PBUF(NULL, 200);
			status = driver_call(client, fn, info->n_parms, parms);
			cr_expect_eq(status, VERR_INVALID_POINTER, "function %u parameter %u: %d",
				     fn, bad, status);
		}
	}
}

/* Functions of one family answer to types before values, those of the other in order. */
Test(service_calls, order_of_checks, .init = start)
{
	/* REMOVE: the bad path comes before the bad type of the flags */
	cr_expect_eq(CALL(client, SHFL_FN_REMOVE, P32(root), PBUF("", 1), P64(1)), -2);
	cr_expect_eq(CALL(client, SHFL_FN_REMOVE, P32(root), str8("/x"), P64(1)), -22416);
	/* READ: handle 0 before the type of the buffer */
	cr_expect_eq(CALL(client, SHFL_FN_READ, P32(root), P64(0), P64(0), P32(1), P32(0)), -2);
	cr_expect_eq(CALL(client, SHFL_FN_READ, P32(root), P64(1), P64(0), P32(1), P32(0)), -22416);
	/* RENAME: types first, whatever the path is */
	cr_expect_eq(CALL(client, SHFL_FN_RENAME, P32(root), PBUF("", 1), str8("/x"), P64(0)), -2);
	/* SET_ERROR_STYLE and COPY_FILE: a value's status wins over a later type's */
	cr_expect_eq(
		CALL(client, SHFL_FN_COPY_FILE, P32(root), PBUF("", 1), P64(0), str8("/x"), P32(0)),
		-2);
	cr_expect_eq(CALL(client, SHFL_FN_SET_ERROR_STYLE, P32(3), P64(0)), -22416);
	/* no page list but for READ and WRITE */
	cr_expect_eq(CALL(client, SHFL_FN_REMOVE, P32(root), PPAGES(NULL, 0, 8), P32(1)), -22416);
	cr_expect_eq(CALL(client, SHFL_FN_READLINK, P32(root), str8("/x"), PPAGES(NULL, 0, 8)), -2);
}

Test(service_calls, features_and_error_style, .init = start)
{
	static const struct {
		uint32_t style, reserved;
		int32_t status;
	} rows[] = {{1, 0, 0},	    {2, 0, 0},	    {0, 0, -22416},
		    {3, 0, -22416}, {1, 1, -22416}, {257, 0, -22416}};

	cr_assert_eq(CALL(client, SHFL_FN_QUERY_FEATURES, P64(0), P32(0)), VINF_SUCCESS);
	cr_assert_eq(parms[0].u.uint64, SHFL_FEATURE_WRITE_UPDATES_OFFSET);
	cr_assert_eq(parms[1].u.uint32, 29);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(CALL(client, SHFL_FN_SET_ERROR_STYLE, P32(rows[i].style),
				  P32(rows[i].reserved)),
			     rows[i].status, "row %u", i);
}

/* SHFLSTRINGs whose sizes or bytes are wrong, in a buffer of exactly these bytes. */
Test(service_calls, malformed_strings, .init = start)
{
	static const struct {
		const char *what;
		uint16_t room, length;
		const char *bytes;
		uint32_t n_bytes;
	} rows[] = {
		{"header alone", 0, 0, "", 0},
		{"no terminator", 2, 1, "ab", 2},
		{"no room for a terminator", 1, 1, "a", 1},
		{"room beyond the buffer", 9, 1, "a\0", 2},
		{"length beyond the room", 2, 5, "a\0", 2},
		{"embedded NUL", 4, 3, "a\0b\0", 4},
		{"lone continuation", 3, 2,
		 "\x80"
		 "a\0",
		 3},
		{"cut off sequence", 3, 2, "a\xc3\0", 3},
		{"overlong", 3, 2, "\xc0\xaf\0", 3},
		{"surrogate", 4, 3, "\xed\xa0\x80\0", 4},
		{"U+FFFE", 4, 3, "\xef\xbf\xbe\0", 4},
		{"U+FFFF", 4, 3, "\xef\xbf\xbf\0", 4},
		{"beyond Unicode", 5, 4, "\xf4\x90\x80\x80\0", 5},
		{"six-byte form", 7, 6, "\xfc\x84\x80\x80\x80\x80\0", 7},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t size = SHFLSTRING_HEADER_SIZE + rows[i].n_bytes;
		uint8_t *buffer = malloc(size); /* of this size: reading on is seen by ASan */
		SHFLCREATEPARMS made = {.CreateFlags = SHFL_CF_LOOKUP, .Result = 77};

		memcpy(buffer, &rows[i].room, 2);
		memcpy(buffer + 2, &rows[i].length, 2);
		memcpy(buffer + 4, rows[i].bytes, rows[i].n_bytes);
		cr_expect_eq(CALL(client, SHFL_FN_CREATE, P32(root), PBUF(buffer, size),
				  PBUF(&made, sizeof(made))),
			     VERR_INVALID_PARAMETER, "%s", rows[i].what);
		cr_expect_eq(made.Result, 77);
		free(buffer);
	}
	for (uint32_t size = 0; size <= SHFLSTRING_HEADER_SIZE; size++)
		cr_expect_eq(
			CALL(client, SHFL_FN_REMOVE, P32(root), PBUF("\0\0\0\0", size), P32(1)),
			VERR_INVALID_PARAMETER);
}

Test(service_calls, strings_at_odd_addresses, .init = start)
{
	uint8_t buffer[64], made[1 + sizeof(SHFLCREATEPARMS)] = {0};
	VBOXHGCMSVCPARM path = str8("/some");
	uint32_t flags = SHFL_CF_LOOKUP;
	int32_t result;

	memcpy(buffer + 1, path.u.pointer.addr, path.u.pointer.size);
	memcpy(made + 1 + offsetof(SHFLCREATEPARMS, CreateFlags), &flags, sizeof(flags));
	cr_assert_eq(CALL(client, SHFL_FN_CREATE, P32(root), PBUF(buffer + 1, path.u.pointer.size),
			  PBUF(made + 1, sizeof(SHFLCREATEPARMS))),
		     VINF_SUCCESS);
	memcpy(&result, made + 1 + offsetof(SHFLCREATEPARMS, Result), sizeof(result));
	cr_assert_eq(result, SHFL_FILE_NOT_FOUND);
}

Test(service_calls, host_calls, .init = start)
{
	uint32_t led[4] = {0x11335577};

	memset(parms, 0, sizeof(parms));
	cr_expect_eq(host_call(99, 0, parms), VERR_NOT_IMPLEMENTED);
	cr_expect_eq(host_call(0, 0, parms), VERR_NOT_IMPLEMENTED);
	cr_expect_eq(host_call(4, 0, parms), VERR_NOT_IMPLEMENTED);
	cr_expect_eq(host_call(SHFL_FN_ADD_MAPPING, 3, parms), VERR_INVALID_PARAMETER);
	cr_expect_eq(host_call(SHFL_FN_ADD_MAPPING, 4, parms), VERR_INVALID_PARAMETER);
	cr_expect_eq(host_call(SHFL_FN_REMOVE_MAPPING, 2, parms), VERR_INVALID_PARAMETER);
	cr_expect_eq(add_share("x", "", 0, ""), VERR_INVALID_PARAMETER, "empty host path");
	cr_expect_eq(add_share("RW", driver_dir, 0, ""), VERR_ALREADY_EXISTS);
	parms[0] = str8("/x"); /* not UTF-16 */
	parms[1] = str16("x");
	parms[2] = P32(0);
	parms[3] = str16("");
	cr_expect_eq(host_call(SHFL_FN_ADD_MAPPING, 4, parms), VERR_INVALID_PARAMETER);
	parms[0] = PBUF(led, 15);
	cr_expect_eq(host_call(SHFL_FN_SET_STATUS_LED, 1, parms), VERR_INVALID_PARAMETER);
	parms[0] = PBUF(led, 16);
	cr_expect_eq(host_call(SHFL_FN_SET_STATUS_LED, 1, parms), VINF_SUCCESS);
	cr_expect_eq(remove_share("nothing"), VERR_FILE_NOT_FOUND);
}
