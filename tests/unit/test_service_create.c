/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: CREATE in all of its modes. The numbers of a row are the original's. */
#include <sys/inotify.h>

#include "service_driver.h"

TestSuite(service_create, .fini = driver_finish);

#define NIL 0, false
#define OPENS 1, true

static struct client *client;
static uint32_t rw, ro, gone;

/* a: 5 bytes. sub/c: a directory with a file. lnk -> a, dlnk -> sub, out -> /etc, lost -> b0. */
static void start(void)
{
	driver_start();
	host_file("rw/a", "12345");
	mkdir(host_path("rw/sub"), 0755);
	host_file("rw/sub/c", "");
	host_file("rw/.hidden", "");
	cr_assert_eq(symlink("a", host_path("rw/lnk")), 0);
	cr_assert_eq(symlink("sub", host_path("rw/dlnk")), 0);
	cr_assert_eq(symlink("b0", host_path("rw/lost")), 0);
	host_file("ro/r", "xy");
	client = linux_client(true);
	rw = map_share(client, "rw");
	ro = map_share(client, "ro");
	gone = map_share(client, "gone");
}

struct row {
	const char *what;
	uint32_t *root;
	const char *path;
	uint32_t flags, mode;
	int32_t status, result;
	bool opens;
	uint32_t seen_mode; /* 0: not looked at */
	int64_t size; /* -1: not looked at */
};

static void check_row(const struct row *row)
{
	SHFLCREATEPARMS made;
	int32_t status = create_mode(client, *row->root, row->path, row->flags, row->mode, &made);

	cr_expect_eq(status, row->status, "%s: status %d", row->what, status);
	cr_expect_eq(made.Result, row->result, "%s: result %d", row->what, made.Result);
	cr_expect_eq(made.Handle != SHFL_HANDLE_NIL, row->opens, "%s: handle", row->what);
	if (row->seen_mode)
		cr_expect_eq(made.Info.Attr.fMode, row->seen_mode, "%s: mode %#o", row->what,
			     made.Info.Attr.fMode);
	if (row->size >= 0)
		cr_expect_eq(made.Info.cbObject, row->size, "%s: size", row->what);
	if (row->opens && made.Handle != SHFL_HANDLE_NIL)
		cr_expect_eq(close_handle(client, *row->root, made.Handle), VINF_SUCCESS);
}

#define FILE_644 040100644
#define DIR_755 04040755
#define DIRECTORY SHFL_CF_DIRECTORY
#define REPLACE_OLD (SHFL_CF_ACT_REPLACE_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW)
#define FAIL_BOTH (SHFL_CF_ACT_FAIL_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW)
#define TARGET_DIR SHFL_CF_OPEN_TARGET_DIRECTORY
#define LOOKUP SHFL_CF_LOOKUP

Test(service_create, files, .init = start)
{
	const struct row rows[] = {
		{"existing", &rw, "/a", OPEN_OR_CREATE | RW, 0, 0, 3, true, FILE_644, 5},
		{"missing", &rw, "/b", OPEN_OLD | RW, 0, 0, 2, false, 0, -1},
		{"missing parent", &rw, "/no/b", OPEN_OLD | RW, 0, 0, 2, false, 0, -1},
		{"under a file", &rw, "/a/b", OPEN_OLD | RW, 0, 0, 1, false, 0, -1},
		{"file with a slash", &rw, "/a/", OPEN_OLD | RW, 0, 0, 1, false, 0, -1},
		{"new, no mode", &rw, "/n0", CREATE_NEW | RW, 0, 0, 4, true, 040100600, 0},
		{"new, 0640", &rw, "/n1", CREATE_NEW | RW, 0100640, 0, 4, true, 040100640, 0},
		{"new, set-id", &rw, "/n2", CREATE_NEW | RW, 0104777, 0, 4, true, 040100755, 0},
		{"new, DOS", &rw, "/n3", CREATE_NEW | RW, RTFS_DOS_READONLY, 0, 4, true, 0300444,
		 0},
		{"new, DOS dir bit", &rw, "/n4", CREATE_NEW | RW, RTFS_DOS_DIRECTORY, 0, 4, true,
		 040100755, 0},
		{"exclusive, exists", &rw, "/a", CREATE_NEW | RW, 0, 0, 3, false, FILE_644, 5},
		{"fail and fail", &rw, "/a", FAIL_BOTH | RW, 0, -2, 0, false, 0, -1},
		{"if-new of 0x200", &rw, "/a", 0x200 | RW, 0, -2, 0, false, 0, -1},
		{"if-exists of 0x40", &rw, "/a", 0x40 | RW, 0, -2, 0, false, 0, -1},
		{"replace old, missing", &rw, "/b", REPLACE_OLD | RW, 0, 0, 2, false, 0, -1},
		{"no access", &rw, "/a", OPEN_OLD, 0, 0, 3, true, FILE_644, 5},
		{"truncate for reading", &rw, "/a", OVERWRITE | SHFL_CF_ACCESS_READ, 0, -2, 0,
		 false, 0, -1},
		{"overwrite", &rw, "/a", OVERWRITE | RW, 0, 0, 5, true, FILE_644, 0},
		{"replace old", &rw, "/a", REPLACE_OLD | RW, 0, 0, 5, true, FILE_644, 0},
		{"overwrite, new", &rw, "/n5", OVERWRITE | RW, 0100600, 0, 4, true, 040100600, 0},
		{"through a link", &rw, "/lnk", OPEN_OLD | RW, 0, 0, 3, true, FILE_644, 0},
		{"hidden name, by handle", &rw, "/.hidden", OPEN_OLD | RW, 0, 0, 3, true, FILE_644,
		 0},
		{"long name", &rw, NULL, OPEN_OLD | RW, 0, -120, 0, false, 0, -1},
		{"through a link to nothing", &rw, "/lost", OPEN_OR_CREATE | RW, 0100644, 0, 4,
		 true, FILE_644, 0},
		{"read-only: open", &ro, "/r", OPEN_OLD | RW, 0, 0, 3, true, FILE_644, 2},
		{"read-only: write alone", &ro, "/r", OPEN_OLD | SHFL_CF_ACCESS_WRITE, 0, -2, 0,
		 false, 0, -1},
		{"read-only: create", &ro, "/n", OPEN_OR_CREATE | SHFL_CF_ACCESS_READ, 0, -113, 0,
		 false, 0, -1},
		{"read-only: open or create", &ro, "/r", OPEN_OR_CREATE | SHFL_CF_ACCESS_READ, 0,
		 -113, 0, false, 0, -1},
		{"read-only: replace", &ro, "/r", REPLACE_OLD | RW, 0, -113, 0, false, 0, -1},
		{"read-only: directory", &ro, "/d", CREATE_NEW | DIRECTORY, 0, -113, 0, false, 0,
		 -1},
	};
	char longest[302] = "/";

	memset(longest + 1, 'x', 300);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row row = rows[i];

		if (!row.path)
			row.path = longest;
		check_row(&row);
	}
	cr_expect(host_exists("rw/b0"), "the target of a link to nothing");
	cr_expect_not(host_exists("ro/n"));
}

Test(service_create, directories, .init = start)
{
	const struct row rows[] = {
		{"as a file", &rw, "/sub", OPEN_OR_CREATE | RW, 0, 0, 3, true, DIR_755, -1},
		{"missing", &rw, "/d", OPEN_OLD | DIRECTORY, 0, -102, 2, false, 0, -1},
		{"new", &rw, "/d", CREATE_NEW | DIRECTORY, 0100, 0, 4, true, DIR_755, -1},
		{"exists", &rw, "/sub", CREATE_NEW | DIRECTORY, 0, -105, 3, false, 0, -1},
		{"open or create", &rw, "/sub", OPEN_OR_CREATE | DIRECTORY, 0, 0, 3, true, DIR_755,
		 -1},
		{"missing parent", &rw, "/no/d", CREATE_NEW | DIRECTORY, 0, -102, 2, false, 0, -1},
		{"under a file", &rw, "/a/d", CREATE_NEW | DIRECTORY, 0, -103, 1, false, 0, -1},
		{"a file", &rw, "/a", OPEN_OLD | DIRECTORY, 0, -103, 1, false, 0, -1},
		{"slash", &rw, "/sub/", OPEN_OLD | DIRECTORY, 0, 0, 3, true, DIR_755, -1},
		{"new, slash", &rw, "/d2/", CREATE_NEW | DIRECTORY, 0, 0, 4, true, DIR_755, -1},
		{"the share", &rw, "/", OPEN_OLD | DIRECTORY, 0, 0, 3, true, DIR_755, -1},
		{"making the share", &rw, "/", CREATE_NEW | DIRECTORY, 0, -105, 3, false, 0, -1},
		{"through a link", &rw, "/dlnk", OPEN_OLD | DIRECTORY, 0, 0, 3, true, DIR_755, -1},
		{"parent of a file", &rw, "/sub/c", OPEN_OLD | TARGET_DIR, 0, 0, 3, true, DIR_755,
		 -1},
		{"parent of the share", &rw, "/", OPEN_OLD | TARGET_DIR, 0, 0, 3, true, DIR_755,
		 -1},
		{"parent of nothing", &rw, "/sub/no", OPEN_OLD | TARGET_DIR, 0, 0, 2, false, 0, -1},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

Test(service_create, lookups, .init = start)
{
	const struct row rows[] = {
		{"file", &rw, "/a", LOOKUP, 0, 0, 3, false, FILE_644, 5},
		{"directory", &rw, "/sub", LOOKUP, 0, 0, 3, false, DIR_755, -1},
		{"under a file", &rw, "/a/x", LOOKUP, 0, 0, 1, false, 0, -1},
		{"missing", &rw, "/x", LOOKUP, 0, 0, 2, false, 0, -1},
		{"missing parent", &rw, "/x/y", LOOKUP, 0, 0, 2, false, 0, -1},
		{"empty path", &rw, "", LOOKUP, 0, 0, 3, false, DIR_755, -1},
		{"slash", &rw, "/", LOOKUP, 0, 0, 3, false, DIR_755, -1},
		{"slashes", &rw, "///", LOOKUP, 0, 0, 3, false, DIR_755, -1},
		{"dots", &rw, "/./sub/./", LOOKUP, 0, 0, 3, false, DIR_755, -1},
		{"up and down", &rw, "sub/../a", LOOKUP, 0, 0, 3, false, FILE_644, 5},
		{"up from nothing", &rw, "no/../a", LOOKUP, 0, 0, 3, false, FILE_644, 5},
		{"up", &rw, "..", LOOKUP, 0, -104, 0, false, 0, -1},
		{"out and back in", &rw, "sub/../../rw/a", LOOKUP, 0, 0, 3, false, FILE_644, 5},
		{"into another share", &rw, "/../ro/r", LOOKUP, 0, -104, 0, false, 0, -1},
		{"a name that starts alike", &rw, "/../rwx", LOOKUP, 0, -104, 0, false, 0, -1},
		{"hidden", &rw, "/.hidden", LOOKUP, 0, 0, 3, false, 040500644, 0},
		{"link", &rw, "/lnk", LOOKUP, 0, 0, 3, false, 040120777, 1},
		{"every other flag", &ro, "/r", LOOKUP | OVERWRITE | RW, 0, 0, 3, false, FILE_644,
		 2},
		{"missing folder", &gone, "/a", LOOKUP, 0, -78, 0, false, 0, -1},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row row = rows[i];

		if (row.status) { /* the parameters are left alone */
			SHFLCREATEPARMS made;

			cr_expect_eq(lookup(client, *row.root, row.path, &made), row.status, "%s",
				     row.what);
		} else {
			check_row(&row);
		}
	}
	cr_expect_eq(truncate(host_path("ro/r"), 2), 0);
}

Test(service_create, sizes_and_roots, .init = start)
{
	uint8_t made[120] = {0};
	SHFLCREATEPARMS parameters;

	cr_expect_eq(CALL(client, SHFL_FN_CREATE, P32(rw), str8("/a"), PBUF(made, 107)), -2);
	cr_expect_eq(CALL(client, SHFL_FN_CREATE, P32(rw), str8("/a"), PBUF(made, 109)), -2);
	cr_expect_eq(lookup(client, 50, "/a", &parameters), -2);
	cr_expect_eq(lookup(client, 0xffffffff, "/a", &parameters), -2);
	cr_expect_eq(lookup(client, 3, "/a", &parameters), -2, "a share not mapped");
}

/* Other clients see what a link leads to. */
Test(service_create, clients_that_follow, .init = start)
{
	struct client *windows = linux_client(false);
	uint32_t root = map_share(windows, "rw");
	SHFLCREATEPARMS made;

	cr_expect_eq(lookup(windows, root, "/lnk", &made), VINF_SUCCESS);
	cr_expect_eq(made.Info.Attr.fMode, FILE_644);
	cr_expect_eq(lookup(windows, root, "/lost", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_NOT_FOUND);
}

Test(service_create, windows_error_style, .init = start)
{
	const struct row rows[] = {
		{"lookup", &rw, "/no/b", LOOKUP, 0, 0, 2, false, 0, -1},
		{"open", &rw, "/no/b", OPEN_OLD | RW, 0, 0, 1, false, 0, -1},
		{"open, parent there", &rw, "/b", OPEN_OLD | RW, 0, 0, 2, false, 0, -1},
		{"file with a slash", &rw, "/a/", OPEN_OLD | RW, 0, -104, 0, false, 0, -1},
		{"directory, missing parent", &rw, "/no/d", CREATE_NEW | DIRECTORY, 0, -103, 1,
		 false, 0, -1},
		{"a file as directory", &rw, "/a", OPEN_OLD | DIRECTORY, 0, -126, 3, false, 0, -1},
	};

	cr_assert_eq(CALL(client, SHFL_FN_SET_ERROR_STYLE, P32(1), P32(0)), VINF_SUCCESS);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

/* REPLACE and OVERWRITE give the file the size that the guest says; ancient guests no mode. */
Test(service_create, input_fields, .init = start)
{
	SHFLCREATEPARMS made = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = OVERWRITE | RW};
	VBOXHGCMSVCPARM path = str8("/a");

	made.Info.cbObject = 77;
	cr_assert_eq(CALL(client, SHFL_FN_CREATE, P32(rw), path, PBUF(&made, sizeof(made))), 0);
	cr_expect_eq(made.Info.cbObject, 77);
	made = (SHFLCREATEPARMS){.Handle = SHFL_HANDLE_ROOT, .CreateFlags = CREATE_NEW | RW};
	made.Info.Attr.fMode = 0100666;
	path = str8("/ancient");
	cr_assert_eq(CALL(client, SHFL_FN_CREATE, P32(rw), path, PBUF(&made, sizeof(made))), 0);
	cr_expect_eq(made.Info.Attr.fMode, 040100600);
}

Test(service_create, attributes, .init = start)
{
	SHFLCREATEPARMS made;
	struct stat info;

	cr_assert_eq(stat(host_path("rw/a"), &info), 0);
	cr_assert_eq(lookup(client, rw, "/a", &made), VINF_SUCCESS);
	cr_expect_eq(made.Info.cbAllocated, info.st_blocks * 512);
	cr_expect_eq(made.Info.ModificationTime,
		     info.st_mtim.tv_sec * 1000000000ll + info.st_mtim.tv_nsec);
	cr_expect_eq(made.Info.BirthTime, made.Info.ChangeTime);
	cr_expect_eq(made.Info.Attr.enmAdditional, SHFLFSOBJATTRADD_UNIX);
	cr_expect_eq(made.Info.Attr.u.Unix.uid, info.st_uid);
	cr_expect_eq(made.Info.Attr.u.Unix.cHardlinks, info.st_nlink);
	cr_expect_eq(made.Info.Attr.u.Unix.INodeId, info.st_ino);
	cr_expect_eq(made.Info.Attr.u.Unix.INodeIdDevice, (uint32_t)info.st_dev);
}

/* All handles of the service, then one more; and that each can be used. */
Test(service_create, handles_run_out, .init = start)
{
	struct client *other = linux_client(true);
	uint32_t root = map_share(other, "rw");
	static uint8_t seen[SHFL_MAX_HANDLES];
	SHFLCREATEPARMS made;

	for (unsigned i = 1; i < SHFL_MAX_HANDLES; i++) {
		struct client *who = i % 2 ? client : other;

		cr_assert_eq(create(who, root, "/a", OPEN_OLD, &made), VINF_SUCCESS, "%u", i);
		cr_assert_lt(made.Handle, SHFL_MAX_HANDLES);
		cr_assert_gt(made.Handle, 0);
		cr_assert_eq(seen[made.Handle]++, 0);
	}
	cr_expect_eq(create(client, root, "/a", OPEN_OLD, &made), VERR_NO_MEMORY);
	cr_expect_eq(made.Handle, SHFL_HANDLE_NIL);
	cr_expect_eq(create(client, root, "/sub", OPEN_OLD | DIRECTORY, &made), VERR_NO_MEMORY);
	cr_expect_eq(create(client, root, "/full", CREATE_NEW, &made), VERR_NO_MEMORY);
	cr_expect_not(host_exists("rw/full"));
	client_disconnect(other);
	cr_expect_eq(create(client, root, "/a", OPEN_OLD, &made), VINF_SUCCESS);
}

/* Whether a file has been opened since the watch was set; looking does not count. */
static bool opens_seen(int watch)
{
	char events[4096];

	return read(watch, events, sizeof(events)) > 0;
}

/* Files of the host whose opening may wait (a FIFO) or have an effect (a device: never opened). */
Test(service_create, nothing_but_files_and_directories, .init = start, .timeout = 20)
{
	static const uint32_t accesses[] = {SHFL_CF_ACCESS_READ, SHFL_CF_ACCESS_WRITE, RW};
	static const char *const paths[] = {"/fifo", "/null", "/to-fifo", "/to-null"};
	struct client *windows = linux_client(false);
	SHFLCREATEPARMS made;

	int watch = inotify_init1(IN_NONBLOCK);

	map_share(windows, "rw");
	cr_assert_eq(mkfifo(host_path("rw/fifo"), 0666), 0);
	if (mknod(host_path("rw/null"), S_IFCHR | 0666, 0x103))
		host_file("rw/null", ""); /* not root: just a file */
	cr_assert_geq(inotify_add_watch(watch, host_path("rw/null"), IN_OPEN), 0);
	cr_assert_eq(symlink("fifo", host_path("rw/to-fifo")), 0);
	cr_assert_eq(symlink("null", host_path("rw/to-null")), 0);
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (unsigned j = 0; j < sizeof(accesses) / sizeof(accesses[0]); j++) {
			struct stat info;

			cr_assert_eq(stat(host_path("rw"), &info), 0);
			if (!strstr(paths[i], "fifo") && !stat(host_path("rw/null"), &info) &&
			    S_ISREG(info.st_mode))
				continue;
			cr_expect_eq(create(client, rw, paths[i], OPEN_OLD | accesses[j], &made),
				     VERR_ACCESS_DENIED, "%s", paths[i]);
			cr_expect_eq(made.Handle, SHFL_HANDLE_NIL);
			cr_expect_eq(
				create(windows, rw, paths[i], OPEN_OR_CREATE | accesses[j], &made),
				VERR_ACCESS_DENIED, "%s", paths[i]);
		}
	}
	cr_expect_not(opens_seen(watch), "refused, but after opening it");
	close(watch);
	cr_expect_eq(CALL(client, SHFL_FN_COPY_FILE, P32(rw), str8("/fifo"), P32(rw), str8("/copy"),
			  P32(0)),
		     VERR_ACCESS_DENIED);
	cr_expect_eq(lookup(client, rw, "/fifo", &made), VINF_SUCCESS);
	cr_expect_eq(made.Info.Attr.fMode & RTFS_TYPE_MASK, RTFS_TYPE_FIFO);
	cr_expect_eq(create(client, rw, "/fifo", CREATE_NEW | RW, &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	cr_expect_eq(create(client, rw, "/fifo", OPEN_OLD | DIRECTORY, &made), VERR_PATH_NOT_FOUND);
}
