/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: INFORMATION, read and written. */
#include <sys/statvfs.h>

#include "service_driver.h"

TestSuite(service_info, .fini = driver_finish);

#define GET_FILE (SHFL_INFO_GET | SHFL_INFO_FILE)
#define SET_FILE (SHFL_INFO_SET | SHFL_INFO_FILE)
#define SET_SIZE (SHFL_INFO_SET | SHFL_INFO_SIZE)
#define GET_VOLUME (SHFL_INFO_GET | SHFL_INFO_VOLUME)
#define SECOND 1000000000ll

static struct client *client;
static uint32_t rw, ro;
static uint64_t file, dir, read_only;
static SHFLFSOBJINFO info;

static void start(void)
{
	driver_start();
	host_file("rw/a", "1234567");
	host_file("ro/r", "");
	mkdir(host_path("rw/sub"), 0755);
	client = linux_client(true);
	rw = map_share(client, "rw");
	ro = map_share(client, "ro");
	file = open_handle(client, rw, "/a", OPEN_OLD | RW);
	dir = open_handle(client, rw, "/sub", OPEN_OLD | SHFL_CF_DIRECTORY);
	read_only = open_handle(client, ro, "/r", OPEN_OLD | RW);
}

static int32_t information(uint32_t root, uint64_t handle, uint32_t flags, uint32_t bytes)
{
	return CALL(client, SHFL_FN_INFORMATION, P32(root), P64(handle), P32(flags), P32(bytes),
		    PBUF(&info, sizeof(info)));
}

static int32_t set_mode(uint64_t handle, uint32_t mode)
{
	memset(&info, 0, sizeof(info));
	info.Attr.fMode = mode;
	return information(rw, handle, SET_FILE, sizeof(info));
}

Test(service_info, get, .init = start)
{
	cr_assert_eq(information(rw, file, GET_FILE, sizeof(info)), VINF_SUCCESS);
	cr_expect_eq(parms[3].u.uint32, 92);
	cr_expect_eq(info.cbObject, 7);
	cr_expect_eq(info.Attr.fMode, 040100644);
	cr_expect_eq(info.Attr.enmAdditional, SHFLFSOBJATTRADD_UNIX);
	cr_assert_eq(information(rw, dir, GET_FILE, sizeof(info)), VINF_SUCCESS);
	cr_expect_eq(info.Attr.fMode, 04040755);
	cr_assert_eq(rmdir(host_path("rw/sub")), 0);
	cr_expect_eq(information(rw, dir, GET_FILE, sizeof(info)), VINF_SUCCESS,
		     "the directory is still open");
	cr_expect_eq(information(ro, read_only, GET_FILE, sizeof(info)), VINF_SUCCESS);
}

Test(service_info, refusals, .init = start)
{
	const struct {
		const char *what;
		uint32_t root;
		uint64_t handle;
		uint32_t flags, bytes;
		int32_t status;
	} rows[] = {
		{"no such handle", rw, 4000, GET_FILE, 92, -2},
		{"handle 0", rw, 0, GET_FILE, 92, -2},
		{"NIL", rw, SHFL_HANDLE_NIL, SET_FILE, 92, -2},
		{"another root", ro, file, GET_FILE, 92, -4},
		{"a byte too few", rw, file, GET_FILE, 91, -2},
		{"a byte too few to set", rw, file, SET_FILE, 91, -2},
		{"name", rw, file, SHFL_INFO_NAME, 92, -2},
		{"nothing", rw, file, 0, 92, -2},
		{"set nothing", rw, file, 1, 92, -2},
		{"set volume", rw, file, SHFL_INFO_SET | SHFL_INFO_VOLUME, 92, -2},
		{"read-only", ro, read_only, SET_FILE, 92, -113},
		{"size, read-only", ro, read_only, SET_SIZE, 92, -113},
		{"size of a directory", rw, dir, SET_SIZE, 92, -2},
		{"volume, few bytes", rw, 0, GET_VOLUME, 39, -2},
		{"volume, unknown root", 50, 0, GET_VOLUME, 40, -2},
		{"volume, not mapped", 3, 0, GET_VOLUME, 40, -2},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(
			information(rows[i].root, rows[i].handle, rows[i].flags, rows[i].bytes),
			rows[i].status, "%s", rows[i].what);
		cr_expect_eq(parms[3].u.uint32, 0, "%s", rows[i].what);
	}
	cr_expect_eq(information(rw, file, GET_FILE, 93), VERR_INVALID_PARAMETER);
	cr_expect_eq(parms[3].u.uint32, 93, "not looked at yet");
}

Test(service_info, modes, .init = start)
{
	static const struct {
		uint32_t mode, file, dir; /* what is seen afterwards */
	} rows[] = {
		{0600, 040100644, 04040755}, /* without a type it means nothing */
		{06111, 040100644, 04040755},
		{0100600, 040100600, 04040700},
		{0100111, 0300511, 0400000 | 04040511},
		{0755, 0300511, 04440511},
		{0107755, 040100755, 04040755},
		{RTFS_DOS_READONLY, 0300444, 04040777},
		{RTFS_DOS_NT_NORMAL, 040100666, 04040777},
		{0, 040100666, 04040777},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t wanted_dir = rows[i].dir & ~0400000u;

		if (!(wanted_dir & 0222))
			wanted_dir |= RTFS_DOS_READONLY;
		cr_expect_eq(set_mode(file, rows[i].mode), VINF_SUCCESS);
		cr_expect_eq(parms[3].u.uint32, 92);
		cr_expect_eq(info.Attr.fMode, rows[i].file, "file %#o: %#o", rows[i].mode,
			     info.Attr.fMode);
		cr_expect_eq(set_mode(dir, rows[i].mode), VINF_SUCCESS);
		cr_expect_eq(info.Attr.fMode, wanted_dir, "dir %#o: %#o", rows[i].mode,
			     info.Attr.fMode);
	}
}

static void check_times(uint64_t handle, const char *name)
{
	struct stat now;

	memset(&info, 0, sizeof(info));
	info.ModificationTime = 1000000000 * SECOND + 123456789;
	info.AccessTime = 5 * SECOND + 1;
	cr_assert_eq(information(rw, handle, SET_FILE, sizeof(info)), VINF_SUCCESS);
	cr_expect_eq(info.ModificationTime, 1000000000 * SECOND + 123456789);
	cr_expect_eq(info.AccessTime, 5 * SECOND + 1);
	/* the one that is 0 stays */
	memset(&info, 0, sizeof(info));
	info.ModificationTime = -1;
	cr_assert_eq(information(rw, handle, SET_FILE, sizeof(info)), VINF_SUCCESS);
	cr_assert_eq(stat(host_path(name), &now), 0);
	cr_expect_eq(now.st_mtim.tv_sec, -1);
	cr_expect_eq(now.st_mtim.tv_nsec, 999999999);
	cr_expect_eq(now.st_atim.tv_sec, 5);
	memset(&info, 0, sizeof(info));
	info.BirthTime = info.ChangeTime = SECOND;
	cr_assert_eq(information(rw, handle, SET_FILE, sizeof(info)), VINF_SUCCESS);
	cr_expect_eq(info.ModificationTime, -1);
}

Test(service_info, times, .init = start)
{
	check_times(file, "rw/a");
	check_times(dir, "rw/sub");
}

Test(service_info, sizes, .init = start)
{
	uint64_t reader = open_handle(client, rw, "/a", OPEN_OLD | SHFL_CF_ACCESS_READ);
	char data[32];

	memset(&info, 0, sizeof(info));
	info.cbObject = 10;
	cr_expect_eq(information(rw, file, SET_SIZE, sizeof(info)), VINF_SUCCESS);
	cr_expect_eq(info.cbObject, 10);
	cr_expect_eq(parms[3].u.uint32, 92);
	cr_expect_eq(host_read("rw/a", data, sizeof(data)), 10);
	info.cbObject = -1;
	cr_expect_eq(information(rw, file, SET_SIZE, sizeof(info)), VERR_INVALID_PARAMETER);
	info.cbObject = 1;
	cr_expect_eq(information(rw, reader, SET_SIZE, sizeof(info)), VERR_INVALID_PARAMETER);
	cr_expect_eq(parms[3].u.uint32, 0);
}

Test(service_info, volume, .init = start)
{
	SHFLVOLINFO volume;
	struct statvfs fs;
	struct stat root;

	cr_assert_eq(information(rw, 0, GET_VOLUME, 40), VINF_SUCCESS);
	cr_expect_eq(parms[3].u.uint32, 40);
	memcpy(&volume, &info, sizeof(volume));
	cr_assert_eq(statvfs(host_path("rw"), &fs), 0);
	cr_assert_eq(stat(host_path("rw"), &root), 0);
	cr_expect_eq(volume.ullTotalAllocationBytes, (int64_t)(fs.f_blocks * fs.f_frsize));
	cr_expect_gt(volume.ullAvailableAllocationBytes, 0);
	cr_expect_eq(volume.ulBytesPerAllocationUnit, fs.f_frsize);
	cr_expect_eq(volume.ulBytesPerSector, 512);
	cr_expect_eq(volume.ulSerial, (uint32_t)root.st_dev);
	cr_expect_eq(volume.fsProperties.cbMaxComponent, fs.f_namemax);
	cr_expect_eq(volume.fsProperties.fCaseSensitive, 1);
	cr_expect_eq(volume.fsProperties.fSupportsUnicode, 1);
	cr_expect_eq(volume.fsProperties.fReadOnly, 0);
}
