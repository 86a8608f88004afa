/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: contents of files through pointers and page lists. */
#include "service_driver.h"

Test(service_io, writes_and_reads_back)
{
	char data[16] = "";
	uint64_t handle;
	struct client *client;
	uint32_t root;

	driver_start();
	client = linux_client(true);
	root = map_share(client, "rw");
	handle = open_handle(client, root, "/a", OPEN_OR_CREATE | RW);
	cr_assert_eq(write_at(client, root, handle, 3, "hello", 5), VINF_SUCCESS);
	cr_assert_eq(parms[3].u.uint32, 5);
	cr_assert_eq(parms[2].u.uint64, 8);
	cr_assert_eq(read_at(client, root, handle, 0, data, sizeof(data)), VINF_SUCCESS);
	cr_assert_eq(parms[3].u.uint32, 8);
	cr_assert_arr_eq(data, "\0\0\0hello", 8);
	cr_assert_eq(close_handle(client, root, handle), VINF_SUCCESS);
	client_disconnect(client);
	driver_stop();
}
