/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: removing, renaming, links, copies, and names that differ by case. */
#include "service_driver.h"

TestSuite(service_name, .fini = driver_finish);

#define FILE_FLAG SHFL_RENAME_FILE
#define DIR_FLAG SHFL_RENAME_DIR
#define REPLACE SHFL_RENAME_REPLACE_IF_EXISTS

static struct client *client;
static uint32_t rw, ro, plain;

static void start(void)
{
	driver_start();
	host_file("rw/a", "aaa");
	host_file("rw/b", "b");
	mkdir(host_path("rw/sub"), 0755);
	host_file("rw/sub/c", "c");
	mkdir(host_path("rw/empty"), 0755);
	mkdir(host_path("rw/empty2"), 0755);
	host_file("ro/r", "r");
	cr_assert_eq(symlink("a", host_path("rw/lnk")), 0);
	client = linux_client(true);
	rw = map_share(client, "rw");
	ro = map_share(client, "ro");
	plain = map_share(client, "plain");
}

static int32_t remove_path(uint32_t root, const char *path, uint32_t flags)
{
	return CALL(client, SHFL_FN_REMOVE, P32(root), str8(path), P32(flags));
}

static int32_t rename_path(uint32_t root, const char *from, const char *to, uint32_t flags)
{
	return CALL(client, SHFL_FN_RENAME, P32(root), str8(from), str8(to), P32(flags));
}

static int32_t make_link(uint32_t root, const char *path, const char *target, SHFLFSOBJINFO *info)
{
	return CALL(client, SHFL_FN_SYMLINK, P32(root), str8(path), str8(target),
		    PBUF(info, sizeof(*info)));
}

static int32_t read_link(uint32_t root, const char *path, char *buffer, uint32_t size)
{
	return CALL(client, SHFL_FN_READLINK, P32(root), str8(path), PBUF(buffer, size));
}

static int32_t copy(uint32_t from_root, const char *from, uint32_t to_root, const char *to,
		    uint32_t flags)
{
	return CALL(client, SHFL_FN_COPY_FILE, P32(from_root), str8(from), P32(to_root), str8(to),
		    P32(flags));
}

Test(service_name, removing, .init = start)
{
	const struct {
		const char *what;
		uint32_t root;
		const char *path;
		uint32_t flags;
		int32_t status;
		const char *gone; /* what is no more, on the host; NULL: all is there */
	} rows[] = {
		{"unknown flag", rw, "/a", 8, -13, NULL},
		{"directory as file", rw, "/empty", SHFL_REMOVE_FILE, -127, NULL},
		{"file as directory", rw, "/a", SHFL_REMOVE_DIR, -126, NULL},
		{"file, no flag", rw, "/a", 0, -126, NULL},
		{"full directory", rw, "/sub", SHFL_REMOVE_DIR, -125, NULL},
		{"file as link", rw, "/a", SHFL_REMOVE_SYMLINK, -19, NULL},
		{"file as file or link", rw, "/a", SHFL_REMOVE_SYMLINK | SHFL_REMOVE_FILE, -19,
		 NULL},
		{"outside", rw, "../x", SHFL_REMOVE_FILE, -104, NULL},
		{"missing", rw, "/x", SHFL_REMOVE_FILE, -102, NULL},
		{"missing parent", rw, "/x/y", SHFL_REMOVE_FILE, -102, NULL},
		{"under a file", rw, "/a/y", SHFL_REMOVE_FILE, -103, NULL},
		{"under a file, directory", rw, "/a/y", SHFL_REMOVE_DIR, -103, NULL},
		{"file with a slash", rw, "/a/", SHFL_REMOVE_FILE, -103, NULL},
		{"link with a slash", rw, "/lnk/", SHFL_REMOVE_SYMLINK, -103, NULL},
		{"read-only", ro, "/r", SHFL_REMOVE_FILE, -113, NULL},
		{"read-only, missing", ro, "/x", SHFL_REMOVE_FILE, -113, NULL},
		{"the share", plain, "/", SHFL_REMOVE_DIR, -38, NULL},
		{"the share as file", plain, "", SHFL_REMOVE_FILE, -38, NULL},
		{"the share, up and down", rw, "/sub/..", SHFL_REMOVE_DIR, -38, NULL},
		{"the share by its name", plain, "/../plain", SHFL_REMOVE_DIR, -38, NULL},
		{"unknown root", 50, "/a", SHFL_REMOVE_FILE, -2, NULL},
		{"file", rw, "/b", SHFL_REMOVE_FILE, 0, "rw/b"},
		{"directory", rw, "/empty", SHFL_REMOVE_DIR, 0, "rw/empty"},
		{"directory with a slash", rw, "/empty2/", SHFL_REMOVE_DIR, 0, "rw/empty2"},
		{"link as link", rw, "/lnk", SHFL_REMOVE_SYMLINK, 0, "rw/lnk"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int32_t status = remove_path(rows[i].root, rows[i].path, rows[i].flags);

		cr_expect_eq(status, rows[i].status, "%s: %d", rows[i].what, status);
		if (rows[i].gone)
			cr_expect_not(host_exists(rows[i].gone), "%s", rows[i].what);
	}
	cr_expect(host_exists("plain") && host_exists("rw/a") && host_exists("ro/r"));
	cr_assert_eq(symlink("a", host_path("rw/lnk")), 0);
	cr_expect_eq(remove_path(rw, "/lnk", SHFL_REMOVE_FILE), VINF_SUCCESS, "link as file");
	cr_expect(host_exists("rw/a"), "the link's target");
}

static int32_t close_and_remove(const char *path, uint32_t flags, VBOXHGCMSVCPARM handle)
{
	return CALL(client, SHFL_FN_CLOSE_AND_REMOVE, P32(rw), str8(path), P32(flags), handle);
}

Test(service_name, closing_and_removing, .init = start)
{
	uint64_t handle = open_handle(client, rw, "/a", OPEN_OLD | RW);
	VBOXHGCMSVCPARM odd;

	host_file("rw/sub/d", "");
	cr_expect_eq(close_and_remove("/a", 8, P64(handle)), VERR_INVALID_FLAGS);
	cr_expect_eq(close_and_remove("/a", SHFL_REMOVE_FILE, P64(0)), VERR_INVALID_HANDLE);
	cr_expect_eq(close_and_remove("/a", SHFL_REMOVE_FILE, P64(4000)), VERR_INVALID_HANDLE);
	cr_expect(host_exists("rw/a"));
	cr_expect_eq(close_and_remove("/a", SHFL_REMOVE_FILE, P64(handle)), VINF_SUCCESS);
	cr_expect_not(host_exists("rw/a"));
	cr_expect_eq(close_handle(client, rw, handle), VERR_INVALID_HANDLE);
	cr_expect_eq(close_and_remove("/a", SHFL_REMOVE_FILE, P64(handle)), VERR_INVALID_HANDLE);
	cr_expect_eq(close_and_remove("/b", SHFL_REMOVE_FILE, P64(SHFL_HANDLE_NIL)), VINF_SUCCESS);
	cr_expect_not(host_exists("rw/b"));
	/* a path that is not what the handle has open */
	handle = open_handle(client, rw, "/sub/c", OPEN_OLD | RW);
	cr_expect_eq(close_and_remove("/sub/d", SHFL_REMOVE_FILE, P64(handle)),
		     VERR_FILE_NOT_FOUND);
	cr_expect(host_exists("rw/sub/c") && host_exists("rw/sub/d"));
	cr_expect_eq(close_handle(client, rw, handle), VERR_INVALID_HANDLE, "it is closed");
	handle = open_handle(client, rw, "/sub/d", OPEN_OLD | RW);
	cr_assert_eq(rename(host_path("rw/sub/c"), host_path("rw/sub/d")), 0);
	cr_expect_eq(close_and_remove("/sub/d", SHFL_REMOVE_FILE, P64(handle)),
		     VERR_FILE_NOT_FOUND);
	cr_expect(host_exists("rw/sub/d"), "another file was removed");
	cr_assert_eq(rename(host_path("rw/sub/d"), host_path("rw/sub/c")), 0);
	/* a directory, and a link that was opened by its target */
	mkdir(host_path("rw/sub/dir"), 0755);
	handle = open_handle(client, rw, "/sub/dir", OPEN_OLD | SHFL_CF_DIRECTORY);
	cr_expect_eq(close_and_remove("/sub/dir", SHFL_REMOVE_DIR, P64(handle)), VINF_SUCCESS);
	cr_assert_eq(symlink("c", host_path("rw/sub/link")), 0);
	handle = open_handle(client, rw, "/sub/link", OPEN_OLD | RW);
	cr_expect_eq(close_and_remove("/sub/link", SHFL_REMOVE_SYMLINK, P64(handle)), VINF_SUCCESS);
	cr_expect(host_exists("rw/sub/c") && !host_exists("rw/sub/link"));
	/* the type of the handle is nobody's concern: its 64 bits count */
	handle = open_handle(client, rw, "/sub/c", OPEN_OLD | RW);
	odd = P64(handle);
	odd.type = VBOX_HGCM_SVC_PARM_INVALID;
	cr_expect_eq(close_and_remove("/sub/c", SHFL_REMOVE_FILE, odd), VINF_SUCCESS);
}

Test(service_name, renaming, .init = start)
{
	const struct {
		const char *what;
		uint32_t root;
		const char *from, *to;
		uint32_t flags;
		int32_t status;
	} rows[] = {
		{"unknown flag", rw, "/a", "/x", 8, -2},
		{"read-only", ro, "/r", "/x", FILE_FLAG, -113},
		{"missing", rw, "/no", "/x", FILE_FLAG, -102},
		{"missing, onto something", rw, "/no", "/a", FILE_FLAG, -102},
		{"directory as file", rw, "/sub", "/x", FILE_FLAG, -127},
		{"file as directory", rw, "/a", "/x", DIR_FLAG, -126},
		{"no flags", rw, "/a", "/x", 0, -126},
		{"onto a file", rw, "/a", "/b", FILE_FLAG, -105},
		{"file onto a directory", rw, "/a", "/empty", FILE_FLAG | REPLACE, -105},
		{"onto an empty directory", rw, "/sub", "/empty", DIR_FLAG | REPLACE, -105},
		{"into nothing", rw, "/a", "/no/x", FILE_FLAG, -102},
		{"under a file", rw, "/a", "/b/x", FILE_FLAG, -103},
		{"out", rw, "/a", "/../x", FILE_FLAG, -104},
		{"in", rw, "/../plain/x", "/x", FILE_FLAG, -104},
		{"the share", rw, "/", "/x", DIR_FLAG, -38},
		{"onto the share", rw, "/empty", "/", DIR_FLAG | REPLACE, -105},
		{"into itself", rw, "/sub", "/sub/x", DIR_FLAG, -2},
		{"file", rw, "/a", "/a1", FILE_FLAG, 0},
		{"file onto file", rw, "/a1", "/b", FILE_FLAG | REPLACE, 0},
		{"directory", rw, "/sub", "/sub1", DIR_FLAG, 0},
		{"no flags, directory", rw, "/sub1", "/sub", 0, 0},
		{"either, file", rw, "/b", "/sub/a", FILE_FLAG | DIR_FLAG, 0},
		{"either, directory", rw, "/empty", "/sub/d", FILE_FLAG | DIR_FLAG, 0},
		{"link", rw, "/lnk", "/sub/lnk", FILE_FLAG, 0},
		{"to itself", rw, "/sub/a", "/sub/a", FILE_FLAG, 0},
		{"directory onto a file", rw, "/sub/d", "/sub/a", DIR_FLAG | REPLACE, 0},
	};
	struct stat info;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int32_t status = rename_path(rows[i].root, rows[i].from, rows[i].to, rows[i].flags);

		cr_expect_eq(status, rows[i].status, "%s: %d", rows[i].what, status);
	}
	cr_expect_not(host_exists("rw/a") || host_exists("rw/a1") || host_exists("rw/b") ||
		      host_exists("rw/sub1") || host_exists("x"));
	cr_expect_eq(stat(host_path("rw/sub/a"), &info), 0);
	cr_expect(S_ISDIR(info.st_mode));
	cr_expect_eq(lstat(host_path("rw/sub/lnk"), &info), 0);
	cr_expect(S_ISLNK(info.st_mode));
	cr_assert_eq(CALL(client, SHFL_FN_SET_ERROR_STYLE, P32(1), P32(0)), VINF_SUCCESS);
	cr_expect_eq(rename_path(rw, "/empty2", "/no/x", DIR_FLAG), VERR_PATH_NOT_FOUND);
	cr_expect_eq(rename_path(rw, "/no/x", "/x", DIR_FLAG), VERR_PATH_NOT_FOUND);
	cr_expect_eq(rename_path(rw, "/no", "/x", DIR_FLAG), VERR_FILE_NOT_FOUND);
}

Test(service_name, making_and_reading_links, .init = start)
{
	SHFLFSOBJINFO info = {0};
	char text[64];

	cr_expect_eq(make_link(rw, "/ln", "a", &info), VINF_SUCCESS);
	cr_expect_eq(info.Attr.fMode, 040120777);
	cr_expect_eq(info.cbObject, 1);
	cr_expect_eq(make_link(rw, "/ln", "a", &info), VERR_ALREADY_EXISTS);
	cr_expect_eq(make_link(rw, "/", "a", &info), VERR_ALREADY_EXISTS);
	cr_expect_eq(make_link(rw, "/out", "../../etc/passwd", &info), VINF_SUCCESS);
	cr_expect_eq(make_link(rw, "/abs", "/abs", &info), VINF_SUCCESS);
	cr_expect_eq(make_link(rw, "/../out", "a", &info), VERR_INVALID_NAME);
	cr_expect_eq(make_link(rw, "/no/ln", "a", &info), VERR_FILE_NOT_FOUND);
	cr_expect_eq(make_link(plain, "/ln", "a", &info), VERR_WRITE_PROTECT, "policy");
	cr_expect_eq(make_link(ro, "/ln", "a", &info), VERR_WRITE_PROTECT);
	cr_expect_eq(make_link(50, "/ln", "a", &info), VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(client, SHFL_FN_SYMLINK, P32(rw), str8("/x"), str8("a"), PBUF(text, 91)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(read_link(rw, "/out", text, sizeof(text)), VINF_SUCCESS);
	cr_expect_str_eq(text, "../../etc/passwd");
	cr_expect_eq(read_link(rw, "/out", text, 17), VINF_SUCCESS, "it just fits");
	cr_expect_eq(read_link(rw, "/out", text, 16), VERR_BUFFER_OVERFLOW);
	cr_expect_str_eq(text, "../../etc/passw");
	cr_expect_eq(read_link(rw, "/ln", text, 1), VERR_BUFFER_OVERFLOW);
	cr_expect_str_eq(text, "");
	cr_expect_eq(read_link(rw, "/a", text, sizeof(text)), VERR_NOT_SYMLINK);
	cr_expect_eq(read_link(rw, "/sub", text, sizeof(text)), VERR_NOT_SYMLINK);
	cr_expect_eq(read_link(rw, "/", text, sizeof(text)), VERR_NOT_SYMLINK);
	cr_expect_eq(read_link(rw, "/no", text, sizeof(text)), VERR_FILE_NOT_FOUND);
	cr_expect_eq(CALL(client, SHFL_FN_READLINK, P32(rw), str8("/ln"), PBUF(NULL, 0)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(client, SHFL_FN_READLINK, P32(rw), PBUF(NULL, 0), PBUF(text, 9)),
		     VERR_INVALID_PARAMETER);
}

/* A share that allows links but is not writable. */
Test(service_name, links_need_a_writable_share, .init = start)
{
	SHFLFSOBJINFO info;
	uint32_t root;

	cr_assert_eq(add_share("links", host_path("ro"), SHFL_ADD_MAPPING_F_CREATE_SYMLINKS, ""),
		     VINF_SUCCESS);
	root = map_share(client, "links");
	cr_expect_eq(make_link(root, "/ln", "a", &info), VERR_WRITE_PROTECT);
	cr_expect_not(host_exists("ro/ln"));
}

/* Delimiters of guests that are not Unix: in paths, in link targets, and what is none. */
Test(service_name, backslashes, .init = start)
{
	struct client *windows = linux_client(false);
	SHFLFSOBJINFO info;
	SHFLCREATEPARMS made;
	char text[32];

	cr_assert_eq(CALL(windows, SHFL_FN_MAP_FOLDER, str8("rw"), P32(0), P32('\\'), P32(1)), 0);
	cr_assert_eq(symlink("../rw/a", host_path("rw/deep")), 0);
	cr_expect_eq(lookup(windows, rw, "\\sub\\.\\..\\sub\\c", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	cr_expect_eq(lookup(windows, rw, "/sub/c", &made), VERR_INVALID_NAME);
	cr_expect_eq(lookup(windows, rw, "\\..\\ro", &made), VERR_INVALID_NAME);
	cr_expect_eq(CALL(windows, SHFL_FN_READLINK, P32(rw), str8("\\deep"), PBUF(text, 32)),
		     VINF_SUCCESS);
	cr_expect_str_eq(text, "..\\rw\\a");
	cr_expect_eq(CALL(windows, SHFL_FN_SYMLINK, P32(rw), str8("\\l"), str8("sub/c"),
			  PBUF(&info, sizeof(info))),
		     VERR_INVALID_NAME);
	/* for others a backslash is a character of a name */
	cr_expect_eq(lookup(client, rw, "\\sub", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_NOT_FOUND);
}

Test(service_name, utf16_clients, .init = start)
{
	struct client *old = client_connect();
	SHFLCREATEPARMS made = {.CreateFlags = SHFL_CF_LOOKUP};
	SHFLFSOBJINFO info;
	char text[8];

	cr_assert_eq(CALL(old, SHFL_FN_MAP_FOLDER, str16("RW"), P32(0), P32('\\'), P32(1)), 0);
	cr_expect_eq(
		CALL(old, SHFL_FN_CREATE, P32(rw), str16("\\sub\\c"), PBUF(&made, sizeof(made))),
		VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	cr_expect_eq(CALL(old, SHFL_FN_RENAME, P32(rw), str16("\\a"), str16("\\sub\\a"), P32(1)),
		     VINF_SUCCESS);
	cr_expect(host_exists("rw/sub/a"));
	cr_expect_eq(CALL(old, SHFL_FN_SYMLINK, P32(rw), str16("\\l"), str16("a"),
			  PBUF(&info, sizeof(info))),
		     VERR_NOT_IMPLEMENTED);
	cr_expect_eq(CALL(old, SHFL_FN_READLINK, P32(rw), str16("\\lnk"), PBUF(text, 8)),
		     VINF_SUCCESS);
	cr_expect_str_eq(text, "a", "UTF-8 for every client");
	cr_expect_eq(CALL(old, SHFL_FN_REMOVE, P32(rw), str8("\\b"), P32(1)),
		     VERR_INVALID_PARAMETER);
}

Test(service_name, copying, .init = start)
{
	char data[16];

	cr_expect_eq(copy(rw, "/a", rw, "/b", 0), VERR_ALREADY_EXISTS);
	cr_expect_eq(copy(rw, "/no", rw, "/x", 0), VERR_FILE_NOT_FOUND);
	cr_expect_eq(copy(rw, "/a", ro, "/x", 0), VERR_WRITE_PROTECT);
	cr_expect_not(host_exists("ro/x"));
	cr_expect_eq(copy(rw, "/a", rw, "/x", 1), VERR_INVALID_FLAGS);
	cr_expect_eq(copy(rw, "/sub", rw, "/x", 0), VERR_IS_A_DIRECTORY);
	cr_expect_eq(copy(rw, "/a", 50, "/x", 0), VERR_INVALID_PARAMETER);
	cr_expect_eq(copy(rw, "/../ro/r", rw, "/x", 0), VERR_INVALID_NAME);
	cr_expect_not(host_exists("rw/x"));
	cr_expect_eq(copy(ro, "/r", rw, "/x", 0), VINF_SUCCESS);
	host_read("rw/x", data, sizeof(data));
	cr_expect_str_eq(data, "r");
	cr_expect_eq(copy(rw, "/a", plain, "/y", 0), VINF_SUCCESS);
	host_read("plain/y", data, sizeof(data));
	cr_expect_str_eq(data, "aaa");
}

/* A share mapped without regard to case, on a file system that has regard to it. */
Test(service_name, ignoring_case, .init = start)
{
	struct client *windows = linux_client(false);
	static uint8_t buffer[4096];
	SHFLCREATEPARMS made;
	uint32_t root;

	client_disconnect(client); /* it has the share mapped with regard to case */
	client = windows;
	cr_assert_eq(CALL(client, SHFL_FN_MAP_FOLDER, str8("rw"), P32(0), P32('/'), P32(0)), 0);
	root = parms[1].u.uint32;
	mkdir(host_path("rw/\xc3\x84rger"), 0755);
	host_file("rw/\xc3\x84rger/Mixed.TXT", "found");
	cr_expect_eq(lookup(client, root, "/\xc3\xa4RGER/mixed.txt", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	cr_expect_eq(made.Info.cbObject, 5);
	cr_expect_eq(lookup(client, root, "/SUB/nothing", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_NOT_FOUND);
	cr_expect_eq(create(client, root, "/SUB/New", CREATE_NEW | RW, &made), VINF_SUCCESS);
	cr_expect(host_exists("rw/sub/New"));
	cr_expect_eq(create(client, root, "/sub/nEW", CREATE_NEW | RW, &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	/* a new name keeps its case */
	cr_expect_eq(rename_path(root, "/SUB/new", "/sUb/NEW", FILE_FLAG), VINF_SUCCESS);
	cr_expect(host_exists("rw/sub/NEW"));
	cr_expect_not(host_exists("rw/sub/New"));
	cr_expect_eq(list(client, root,
			  open_handle(client, root, "/SUB", OPEN_OLD | SHFL_CF_DIRECTORY), 0,
			  "/SUB/n*", buffer, sizeof(buffer)),
		     VINF_SUCCESS);
	cr_expect_eq(parms[7].u.uint32, 1);
	cr_expect_eq(remove_path(root, "/A", SHFL_REMOVE_FILE), VINF_SUCCESS);
	cr_expect_not(host_exists("rw/a"));
}
