/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several processes of one host: clients, shares, roots and handles of the same numbers. */
#include "load_fixture.h"
#include "view.h"

TestSuite(load_process, .init = load_begin, .fini = load_end);

#define SECOND 1000000000u

/* An event of a process. */
static void put(uint32_t pid, enum capture_kind kind, struct made_call *made)
{
	made->call.h.kind = kind;
	made->call.pid = pid;
	made->call.tid = pid;
	put_call(&host, made);
}

static void put_text(uint64_t id, uint8_t parm, const char *text, bool utf16)
{
	uint8_t bytes[256];
	uint32_t size = put_string(bytes, text, utf16);

	put_data(&host, id, parm, false, bytes, size);
}

static void put_mount(uint32_t pid, uint64_t id, const char *directory)
{
	struct made_call made = make_call(id, SHFL_FN_ADD_MAPPING, id * SECOND, id * SECOND + 100);

	set_parm(&made, 0, 3, 64, 0);
	set_parm(&made, 1, 3, 64, 0);
	set_parm(&made, 2, 1, SHFL_ADD_MAPPING_F_WRITABLE, SHFL_ADD_MAPPING_F_WRITABLE);
	set_parm(&made, 3, 3, 6, 0);
	put_text(id, 0, directory, true);
	put_text(id, 1, "work", true);
	put(pid, CAPTURE_HOST_CALL, &made);

	id++;
	made = make_call(id, 0, id * SECOND, id * SECOND + 100);
	set_parm(&made, 0, 1, pid, pid);
	put(pid, CAPTURE_CONNECT, &made);

	id++;
	made = make_call(id, SHFL_FN_MAP_FOLDER, id * SECOND, id * SECOND + 100);
	set_parm(&made, 0, 3, 64, 0);
	set_parm(&made, 1, 1, 0, 0);
	set_parm(&made, 2, 1, '/', '/');
	set_parm(&made, 3, 1, 1, 1);
	put_text(id, 0, "work", true);
	put(pid, CAPTURE_CALL, &made);
}

static void put_create(uint32_t pid, uint64_t id, const char *path, uint64_t handle)
{
	struct made_call made = make_call(id, SHFL_FN_CREATE, id * SECOND, id * SECOND + 100);
	SHFLCREATEPARMS parms = {.Handle = handle, .Result = SHFL_FILE_EXISTS};

	set_parm(&made, 0, 1, 0, 0);
	set_parm(&made, 1, 3, 64, 0);
	set_parm(&made, 2, 3, sizeof(parms), 0);
	put_text(id, 1, path, true);
	put_data(&host, id, 2, true, &parms, sizeof(parms));
	put(pid, CAPTURE_CALL, &made);
}

static void put_close(uint32_t pid, uint64_t id, uint64_t handle)
{
	struct made_call made = make_call(id, SHFL_FN_CLOSE, id * SECOND, id * SECOND + 100);

	set_parm(&made, 0, 1, 0, 0);
	set_parm(&made, 1, 2, handle, handle);
	put(pid, CAPTURE_CALL, &made);
}

static void put_disconnect(uint32_t pid, uint64_t id)
{
	struct made_call made = make_call(id, 0, id * SECOND, id * SECOND + 100);

	put(pid, CAPTURE_DISCONNECT, &made);
}

/* Both have client 1, share "work" as root 0 and handle 7. */
static void put_two(void)
{
	put_mount(100, 1, "/srv/a");
	put_mount(200, 11, "/srv/b");
	put_create(100, 21, "/of-a", 7);
	put_create(200, 22, "/of-b", 7);
}

Test(load_process, clients_are_kept_apart)
{
	put_two();
	load_host(true);
	cr_assert_query(
		&f, "SELECT group_concat(process || ':' || client || ':' || calls) FROM clients",
		"100:1:2,200:1:2");
	cr_assert_query(&f, "SELECT group_concat(requestor) FROM clients", "100,200");
	cr_assert_query(&f, "SELECT count(DISTINCT process) FROM control", "2");
	cr_assert_query(&f,
			"SELECT group_concat(process || path) FROM calls"
			" WHERE client = 1 AND fn_name = 'SHFL_FN_CREATE'",
			"100/of-a,200/of-b");
}

Test(load_process, shares_of_one_name_are_two)
{
	put_two();
	load_host(true);
	cr_assert_query(&f, "SELECT group_concat(process || path || root || calls) FROM shares",
			"100/srv/a02,200/srv/b02");
	cr_assert_query(&f,
			"SELECT group_concat(process || share || path) FROM (SELECT * FROM files"
			" ORDER BY process)",
			"100work/of-a,200work/of-b");
}

Test(load_process, a_handle_is_its_own_process_s)
{
	put_two();
	put_close(200, 23, 7);
	load_host(true);
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn_name = 'SHFL_FN_CLOSE'", "/of-b");
	cr_assert_query(&f, "SELECT group_concat(process || path) FROM open_handles", "100/of-a");
}

Test(load_process, a_client_that_goes_leaves_the_other_s_handles)
{
	put_two();
	put_disconnect(100, 23);
	load_host(true);
	cr_assert_query(&f, "SELECT group_concat(process || path) FROM open_handles", "200/of-b");
	cr_assert_query(&f, "SELECT process FROM clients WHERE disconnected_ns IS NOT NULL", "100");
}

Test(load_process, a_client_that_comes_back_is_another)
{
	struct made_call made;

	put_mount(100, 1, "/srv/a");
	put_disconnect(100, 11);
	made = make_call(12, 0, 12 * SECOND, 12 * SECOND + 100);
	set_parm(&made, 0, 1, 5, 5);
	put(100, CAPTURE_CONNECT, &made);
	put_create(100, 13, "/of-a", 7);
	load_host(true);
	cr_assert_query(&f, "SELECT group_concat(client_id || ':' || calls) FROM clients",
			"1:1,2:1");
}

/* The other machine makes calls that look the same, but fewer of them are the guest's. */
Test(load_process, the_guest_finds_its_own)
{
	struct made_call lonely;

	for (uint64_t i = 1; i <= 40; i++) {
		struct made_call own = host_write(2 * i, i * SECOND + 10000000000, i * 4096);
		struct made_call other =
			host_write(2 * i + 1, i * SECOND + 10000500000, i % 2 ? i * 4096 : 4096);
		struct made_call seen = guest_write(i, i * SECOND + 10000000000, i * 4096);

		put(200, CAPTURE_CALL, &own);
		put(100, CAPTURE_CALL, &other);
		if (i != 20)
			put_call(&guest, &seen);
	}
	lonely = guest_write(41, 51 * 1000000000ull, 1); /* of the same client */
	put_call(&guest, &lonely);
	load_both();
	cr_assert_query(&f, "SELECT count(*) || process FROM calls WHERE side = 'both'", "39200");
	cr_assert_query(&f, "SELECT group_concat(DISTINCT process) FROM calls WHERE side = 'guest'",
			"200");
	cr_assert_query(
		&f, "SELECT group_concat(process || ':' || calls) FROM clients ORDER BY process",
		"200:41,100:40");
}

Test(load_process, calls_of_one_side_are_said)
{
	char text[512] = "", said[128];
	FILE *out;

	snprintf(said, sizeof(said), "%s/said", f.dir);
	for (uint64_t i = 1; i <= 9; i++) {
		struct made_call seen = host_write(i, i * SECOND + 10000000000, i);
		struct made_call made = guest_write(i, i * SECOND + 10000000000, i);

		if (i != 4)
			put_call(&host, &seen);
		if (i < 7)
			put_call(&guest, &made);
	}
	load_both();
	cr_assert_not_null(freopen(said, "w", stderr));
	view_one_sided(f.trace, "t.db");
	fflush(stderr);
	out = fopen(said, "r");
	cr_assert_gt(fread(text, 1, sizeof(text) - 1, out), 0u);
	fclose(out);
	cr_assert(strstr(text, "t.db: 1 calls were seen by the guest only, 3 by the host only"),
		  "%s", text);
}
