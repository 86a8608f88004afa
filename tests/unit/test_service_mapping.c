/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: shares as guests see them, waiting for changes, the end of clients. */
#include "service_driver.h"

TestSuite(service_mapping, .fini = driver_finish);

static struct client *client;

static void start(void)
{
	driver_start();
	client = linux_client(true);
}

static int32_t map(struct client *who, const char *name, uint32_t delimiter, uint32_t sensitive)
{
	return CALL(who, SHFL_FN_MAP_FOLDER, str8(name), P32(99), P32(delimiter), P32(sensitive));
}

static int32_t query_mappings(uint32_t flags, uint32_t count, SHFLMAPPING *mappings)
{
	return CALL(client, SHFL_FN_QUERY_MAPPINGS, P32(flags), P32(count),
		    PBUF(mappings, count * sizeof(*mappings)));
}

static int32_t wait_for(struct client *who, uint32_t version)
{
	return CALL(who, SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES, P32(version));
}

Test(service_mapping, map_and_unmap, .init = start)
{
	cr_expect_eq(map(client, "rw", ':', 1), VERR_INVALID_PARAMETER);
	cr_expect_eq(map(client, "nothing", '/', 1), VERR_FILE_NOT_FOUND);
	/* the delimiter has stuck */
	cr_expect_eq(map(client, "rw", '\\', 1), VERR_INVALID_PARAMETER);
	cr_expect_eq(map(client, "RW", '/', 1), VINF_SUCCESS);
	cr_expect_eq(parms[1].u.uint32, 0);
	cr_expect_eq(map(client, "rw", '/', 1), VINF_SUCCESS);
	cr_expect_eq(map(client, "rw", '/', 0), VERR_INCOMPATIBLE_CONFIG);
	cr_expect_eq(CALL(client, SHFL_FN_MAP_FOLDER_OLD, str8("ro"), P32(99), P32('/')),
		     VINF_SUCCESS);
	cr_expect_eq(parms[1].u.uint32, 1);
	cr_expect_eq(map(client, "gone", '/', 1), VINF_SUCCESS);
	cr_expect_eq(parms[1].u.uint32, 2);
	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(50)), VERR_FILE_NOT_FOUND);
	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(0xffffffff)), VERR_FILE_NOT_FOUND);
	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(3)), VERR_INVALID_HANDLE);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(0)), VINF_SUCCESS);
	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(0)), VERR_INVALID_HANDLE);
}

Test(service_mapping, counts_maps_up_to_a_limit, .init = start)
{
	for (unsigned i = 0; i < 32768; i++)
		cr_assert_eq(map(client, "rw", '/', 1), VINF_SUCCESS);
	cr_assert_eq(map(client, "rw", '/', 1), VERR_TOO_MANY_OPENS);
	client_disconnect(client);
	cr_assert_eq(remove_share("rw"), VINF_SUCCESS, "a reference was left behind");
}

Test(service_mapping, query_mappings, .init = start)
{
	SHFLMAPPING mappings[8];

	memset(mappings, 0xaa, sizeof(mappings));
	cr_expect_eq(query_mappings(SHFL_MF_UTF8, 8, mappings), VINF_SUCCESS);
	cr_expect_eq(parms[1].u.uint32, 4);
	for (uint32_t i = 0; i < 4; i++) {
		cr_expect_eq(mappings[i].u32Status, SHFL_MS_NEW);
		cr_expect_eq(mappings[i].root, i);
	}
	cr_expect_eq(mappings[4].root, 0xaaaaaaaa);
	memset(mappings, 0xaa, sizeof(mappings));
	cr_expect_eq(query_mappings(0, 1, mappings), VINF_BUFFER_OVERFLOW);
	cr_expect_eq(parms[1].u.uint32, 4);
	cr_expect_eq(mappings[1].root, 0xaaaaaaaa);
	cr_expect_eq(query_mappings(SHFL_MF_AUTOMOUNT, 8, mappings), VINF_SUCCESS);
	cr_expect_eq(parms[1].u.uint32, 1);
	cr_expect_eq(mappings[0].root, 1);
	cr_expect_eq(query_mappings(0, 0, NULL), VINF_BUFFER_OVERFLOW);
	map(client, "ro", '/', 1);
	cr_expect_eq(remove_share("ro"), VINF_PERMISSION_DENIED);
	cr_expect_eq(query_mappings(SHFL_MF_AUTOMOUNT, 8, mappings), VINF_SUCCESS);
	cr_expect_eq(parms[1].u.uint32, 0, "removed, but held by a client");
	cr_expect_eq(query_mappings(2, 8, mappings), VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(client, SHFL_FN_QUERY_MAPPINGS, P32(0), P32(3), PBUF(mappings, 16)),
		     VERR_INVALID_PARAMETER);
}

static VBOXHGCMSVCPARM room(uint8_t *buffer, uint16_t bytes)
{
	memset(buffer, 0xee, 64);
	memcpy(buffer, &bytes, 2);
	memset(buffer + 2, 0, 2);
	return PBUF(buffer, SHFLSTRING_HEADER_SIZE + bytes);
}

Test(service_mapping, query_map_name, .init = start)
{
	_Alignas(2) uint8_t name[64];
	struct client *old = client_connect(); /* UTF-16 */

	cr_expect_eq(CALL(client, SHFL_FN_QUERY_MAP_NAME, P32(0), room(name, 16)), VINF_SUCCESS);
	cr_expect_eq(name[2], 2);
	cr_expect_str_eq((char *)name + 4, "rw");
	cr_expect_eq(CALL(client, SHFL_FN_QUERY_MAP_NAME, P32(0), room(name, 2)),
		     VERR_BUFFER_OVERFLOW);
	cr_expect_eq(name[2], 2);
	cr_expect_eq(name[4], 0xee);
	cr_expect_eq(CALL(client, SHFL_FN_QUERY_MAP_NAME, P32(50), room(name, 16)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(client, SHFL_FN_QUERY_MAP_NAME, P32(0), PBUF(name, 4)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(old, SHFL_FN_QUERY_MAP_NAME, P32(0), room(name, 6)), VINF_SUCCESS);
	cr_expect_arr_eq(name + 2, "\4\0r\0w\0\0\0", 8);
	cr_expect_eq(CALL(old, SHFL_FN_QUERY_MAP_NAME, P32(0), room(name, 5)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(name[4], 0xee);
}

static int32_t map_info(uint32_t root, uint64_t flags, uint16_t name_room, uint16_t mount_room)
{
	static _Alignas(2) uint8_t name[64], mount_point[64];

	return CALL(client, SHFL_FN_QUERY_MAP_INFO, P32(root), room(name, name_room),
		    room(mount_point, mount_room), P64(flags), P32(0));
}

Test(service_mapping, query_map_info, .init = start)
{
	map(client, "rw", '/', 1);
	cr_expect_eq(map_info(0, 3, 16, 16), VINF_SUCCESS);
	cr_expect_eq(parms[3].u.uint64, 29);
	cr_expect_eq(parms[4].u.uint32, 1);
	cr_expect_eq(map_info(1, 0, 16, 16), VINF_SUCCESS);
	cr_expect_eq(parms[3].u.uint64, SHFL_MIF_AUTO_MOUNT | SHFL_MIF_HOST_ICASE);
	cr_expect_str_eq((char *)parms[2].u.pointer.addr + 4, "/m");
	cr_expect_eq(map_info(1, 0, 2, 16), VERR_BUFFER_OVERFLOW);
	cr_expect_eq(parms[4].u.uint32, 1);
	cr_expect_eq(map_info(1, 0, 16, 2), VERR_BUFFER_OVERFLOW);
	cr_expect_eq(map_info(1, 4, 16, 16), VERR_INVALID_PARAMETER);
	cr_expect_eq(map_info(50, 0, 16, 16), VERR_INVALID_PARAMETER);
}

/* Some guests count the terminator of a UTF-16 name. */
Test(service_mapping, utf16_names, .init = start)
{
	struct client *old = client_connect();
	VBOXHGCMSVCPARM name = str16("rw");

	((SHFLSTRING *)name.u.pointer.addr)->u16Length += 2;
	cr_expect_eq(CALL(old, SHFL_FN_MAP_FOLDER, name, P32(99), P32('\\'), P32(0)), VINF_SUCCESS);
	name = str16("ro");
	((SHFLSTRING *)name.u.pointer.addr)->u16Length += 2;
	cr_expect_eq(CALL(old, SHFL_FN_MAP_FOLDER_OLD, name, P32(99), P32('\\')),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(old, SHFL_FN_MAP_FOLDER, str8("rw"), P32(99), P32('\\'), P32(0)),
		     VERR_INVALID_PARAMETER);
}

Test(service_mapping, waits_end_when_the_table_changes, .init = start)
{
	struct driver_call_state *parked;
	uint32_t version;

	cr_expect_eq(wait_for(client, 0), VINF_SUCCESS);
	version = parms[0].u.uint32;
	cr_expect_eq(version, 4);
	parked = &driver_calls[driver_next_call];
	cr_expect_eq(wait_for(client, version), NOT_COMPLETED);
	cr_expect_eq(add_share("more", driver_dir, 0, ""), VINF_SUCCESS);
	cr_expect_eq(parked->completions, 1);
	cr_expect_eq(parked->status, VERR_CANCELLED);
	cr_expect_eq(parms[0].u.uint32, version + 1);
	/* no slot has been lost */
	for (unsigned i = 0; i < SHFL_MAX_WAITS; i++)
		cr_expect_eq(wait_for(client, version + 1), NOT_COMPLETED);
	cr_expect_eq(wait_for(client, version + 1), VERR_OUT_OF_RESOURCES);
	cr_expect_eq(remove_share("more"), VINF_SUCCESS);
	cr_expect_eq(wait_for(client, version + 2), NOT_COMPLETED);
}

Test(service_mapping, waits_are_cancelled, .init = start)
{
	struct client *other = linux_client(true);
	struct driver_call_state *parked = &driver_calls[driver_next_call];

	cr_expect_eq(wait_for(client, 4), NOT_COMPLETED);
	cr_expect_eq(driver_call(other, SHFL_FN_CANCEL_MAPPINGS_CHANGES_WAITS, 0, NULL),
		     VINF_SUCCESS);
	cr_expect_eq(parked->completions, 0, "another client's wait was cancelled");
	cr_expect_eq(driver_call(client, SHFL_FN_CANCEL_MAPPINGS_CHANGES_WAITS, 0, NULL),
		     VINF_SUCCESS);
	cr_expect_eq(parked->completions, 1);
	cr_expect_eq(parked->status, VERR_CANCELLED);
	cr_expect_eq(wait_for(client, 4), VERR_CANCELLED, "the next wait after a cancel");
	parked = &driver_calls[driver_next_call];
	cr_expect_eq(wait_for(client, 4), NOT_COMPLETED);
	client_disconnect(client);
	cr_expect_eq(parked->completions, 1);
}

Test(service_mapping, waits_that_the_host_cancels, .init = start)
{
	struct driver_call_state *other;

	cr_expect_eq(wait_for(client, 4), NOT_COMPLETED);
	other = last_call();
	for (unsigned i = 0; i < SHFL_MAX_WAITS; i++) {
		cr_expect_eq(wait_for(client, 4), NOT_COMPLETED, "wait %u", i);
		cancel_call(client, last_call());
		cr_expect_eq(status_of(last_call()), VERR_CANCELLED);
		cr_expect_eq(status_of(other), NOT_COMPLETED);
	}
}

Test(service_mapping, waits_from_a_saved_state, .init = start)
{
	driver_restored = true;
	cr_expect_eq(wait_for(client, 4), VINF_TRY_AGAIN);
	cr_expect_eq(parms[0].u.uint32, 0x55555555);
	cr_expect_eq(wait_for(client, 3), VINF_TRY_AGAIN);
	cr_expect_eq(parms[0].u.uint32, 4);
}

Test(service_mapping, a_share_removed_while_mapped, .init = start)
{
	uint32_t root = map_share(client, "rw");
	uint64_t handle = open_handle(client, root, "/a", OPEN_OR_CREATE | RW);
	SHFLCREATEPARMS made;
	SHFLMAPPING mappings[8];
	char data[4];

	cr_expect_eq(remove_share("rw"), VINF_PERMISSION_DENIED);
	cr_expect_eq(lookup(client, root, "/a", &made), VERR_NOT_FOUND);
	cr_expect_eq(read_at(client, root, handle, 0, data, 4), VERR_ACCESS_DENIED);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(map(client, "rw", '/', 1), VERR_FILE_NOT_FOUND);
	query_mappings(0, 8, mappings);
	cr_expect_eq(parms[1].u.uint32, 4, "the placeholder is still listed");
	/* the name is free, the root id is not */
	cr_expect_eq(add_share("rw", driver_dir, SHFL_ADD_MAPPING_F_WRITABLE, ""), VINF_SUCCESS);
	cr_expect_eq(map_share(client, "rw"), 4);
	cr_expect_eq(close_handle(client, root, handle), VINF_SUCCESS);
	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(root)), VINF_SUCCESS);
	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(root)), VERR_FILE_NOT_FOUND);
}

Test(service_mapping, a_root_id_given_to_another_share, .init = start)
{
	uint32_t root = map_share(client, "rw");
	uint64_t handle = open_handle(client, root, "/a", OPEN_OR_CREATE | RW);

	cr_expect_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(root)), VINF_SUCCESS);
	cr_expect_eq(remove_share("rw"), VINF_SUCCESS);
	cr_expect_eq(add_share("next", host_path("plain"), SHFL_ADD_MAPPING_F_WRITABLE, ""),
		     VINF_SUCCESS);
	cr_expect_eq(map_share(client, "next"), root);
	cr_expect_eq(write_at(client, root, handle, 0, "x", 1), VERR_ACCESS_DENIED,
		     "a handle of the share before");
	cr_expect_eq(close_handle(client, root, handle), VINF_SUCCESS);
}

Test(service_mapping, the_table_fills_up, .init = start)
{
	SHFLCREATEPARMS made;
	char name[8];

	for (unsigned i = 4; i < SHFL_MAX_MAPPINGS; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		cr_assert_eq(add_share(name, driver_dir, 0, ""), VINF_SUCCESS);
	}
	cr_assert_eq(add_share("over", driver_dir, 0, ""), VERR_TOO_MUCH_DATA);
	for (unsigned i = 4; i < SHFL_MAX_MAPPINGS; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		cr_assert_eq(map_share(client, name), i);
		cr_assert_eq(lookup(client, i, "/rw", &made), VINF_SUCCESS);
		cr_assert_eq(made.Result, SHFL_FILE_EXISTS);
	}
	cr_assert_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(30)), VINF_SUCCESS);
	cr_assert_eq(remove_share("s30"), VINF_SUCCESS);
	cr_assert_eq(add_share("over", driver_dir, 0, ""), VINF_SUCCESS);
	cr_assert_eq(map_share(client, "over"), 30);
}

Test(service_mapping, a_folder_that_comes_later, .init = start)
{
	SHFLCREATEPARMS made;
	uint32_t root;

	cr_assert_eq(add_share("later", host_path("later"), 0, ""), VINF_SUCCESS);
	root = map_share(client, "later");
	cr_assert_eq(lookup(client, root, "/", &made), VERR_NOT_FOUND);
	mkdir(host_path("later"), 0755);
	cr_assert_eq(lookup(client, root, "/", &made), VINF_SUCCESS);
	cr_assert_eq(made.Result, SHFL_FILE_EXISTS);
}

/* Mapping anew finds a folder that the host has replaced. */
Test(service_mapping, a_folder_made_anew, .init = start)
{
	uint32_t root = map_share(client, "plain");
	SHFLCREATEPARMS made;

	cr_assert_eq(CALL(client, SHFL_FN_UNMAP_FOLDER, P32(root)), VINF_SUCCESS);
	cr_assert_eq(rename(host_path("plain"), host_path("old")), 0);
	mkdir(host_path("plain"), 0755);
	host_file("plain/new", "");
	map_share(client, "plain");
	cr_assert_eq(lookup(client, root, "/new", &made), VINF_SUCCESS);
	cr_assert_eq(made.Result, SHFL_FILE_EXISTS);
}

Test(service_mapping, relative_folders, .init = start)
{
	SHFLCREATEPARMS made;
	uint32_t root;

	host_file("rw/x", "");
	cr_assert_eq(chdir(host_path("ro")), 0);
	cr_assert_eq(add_share("relative", "./../rw//", 0, ""), VINF_SUCCESS);
	root = map_share(client, "relative");
	cr_assert_eq(chdir("/"), 0);
	cr_assert_eq(lookup(client, root, "/x", &made), VINF_SUCCESS);
	cr_assert_eq(made.Result, SHFL_FILE_EXISTS);
}

Test(service_mapping, disconnecting_closes_and_unmaps, .init = start)
{
	struct client *other = linux_client(false);
	uint32_t root = map_share(other, "plain");
	int before;

	host_file("plain/f", "");
	mkdir(host_path("plain/d"), 0755);
	for (int i = 0; i < 10; i++) /* directories that are kept, and watched, anyway */
		close_handle(other, root, open_handle(other, root, "/f", OPEN_OLD | RW));
	before = count_descriptors();
	for (int i = 0; i < 20; i++) {
		open_handle(other, root, "/f", OPEN_OLD | RW);
		open_handle(other, root, "/d", OPEN_OLD | SHFL_CF_DIRECTORY);
	}
	cr_assert_geq(count_descriptors(), before + 40);
	client_disconnect(other);
	cr_assert_eq(count_descriptors(), before);
	cr_assert_eq(remove_share("plain"), VINF_SUCCESS, "a map was left");
}
