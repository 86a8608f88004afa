/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: LIST, and its patterns. */
#include "service_driver.h"

TestSuite(service_dir, .fini = driver_finish);

static struct client *client;
static uint32_t rw;
static uint8_t buffer[8192];
static struct entry entries[64];

static void start(void)
{
	driver_start();
	mkdir(host_path("rw/sub"), 0755);
	host_file("rw/sub/c", "12345");
	mkdir(host_path("rw/names"), 0755);
	client = linux_client(true);
	rw = map_share(client, "rw");
}

static uint64_t open_dir(struct client *who, const char *path)
{
	return open_handle(who, rw, path, OPEN_OLD | SHFL_CF_DIRECTORY);
}

static unsigned listed(void)
{
	unsigned n = entries_of(buffer, parms[3].u.uint32, entries, 64);

	cr_expect_eq(parms[7].u.uint32, n);
	return n;
}

static const struct entry *find(unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(entries[i].name, name))
			return &entries[i];
	return NULL;
}

Test(service_dir, lists_all, .init = start)
{
	uint64_t dir = open_dir(client, "/sub");
	unsigned n;

	cr_assert_eq(list(client, rw, dir, 0, NULL, buffer, sizeof(buffer)), VINF_SUCCESS);
	cr_assert_eq(parms[6].u.uint32, 0);
	n = listed();
	cr_assert_eq(n, 3);
	cr_assert(find(n, ".") && find(n, "..") && find(n, "c"));
	cr_assert_eq(find(n, "c")->info.cbObject, 5);
	cr_assert_eq(find(n, "c")->info.Attr.fMode, 040100644);
	cr_assert_eq(find(n, ".")->info.Attr.fMode & RTFS_TYPE_MASK, RTFS_TYPE_DIRECTORY);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(list(client, rw, dir, 0, NULL, buffer, sizeof(buffer)),
			     VERR_NO_MORE_FILES);
		cr_expect_eq(parms[3].u.uint32, 0);
		cr_expect_eq(parms[6].u.uint32, 0);
		cr_expect_eq(parms[7].u.uint32, 0);
	}
	cr_expect_eq(list(client, rw, dir, SHFL_LIST_RESTART, NULL, buffer, sizeof(buffer)),
		     VINF_SUCCESS);
	cr_expect_eq(listed(), 3);
}

Test(service_dir, one_at_a_time, .init = start)
{
	uint64_t dir = open_dir(client, "/sub");
	unsigned seen = 0;

	while (list(client, rw, dir, SHFL_LIST_RETURN_ONE, NULL, buffer, sizeof(buffer)) == 0) {
		cr_assert_eq(listed(), 1);
		cr_assert_eq(parms[6].u.uint32, 1);
		seen++;
	}
	cr_assert_eq(seen, 3);
}

Test(service_dir, small_buffers, .init = start)
{
	uint64_t dir;
	unsigned seen = 0;
	int32_t status;

	host_file("rw/names/abcdefgh", "");
	dir = open_dir(client, "/names");
	cr_expect_eq(list(client, rw, dir, 0, NULL, buffer, 127), VERR_INVALID_PARAMETER);
	cr_expect_eq(parms[3].u.uint32, 127);
	cr_expect_eq(CALL(client, SHFL_FN_LIST, P32(rw), P64(dir), P32(0), P32(200), PBUF(NULL, 0),
			  PBUF(buffer, 199), P32(0), P32(0)),
		     VERR_INVALID_PARAMETER);
	/* "." and ".." fit into 129 bytes, the file does not */
	while ((status = list(client, rw, dir, 0, NULL, buffer, 129)) == VINF_SUCCESS)
		seen += listed();
	cr_expect_eq(status, VINF_BUFFER_OVERFLOW);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(parms[7].u.uint32, 0);
	cr_expect_eq(list(client, rw, dir, 0, NULL, buffer, 129), VINF_BUFFER_OVERFLOW);
	cr_expect_eq(list(client, rw, dir, 0, NULL, buffer, sizeof(buffer)), VINF_SUCCESS);
	seen += listed();
	cr_expect_eq(seen, 3);
	cr_expect(find(3, "abcdefgh"));
}

/* What did not fit is not in the way of a restart. */
Test(service_dir, restart_forgets_the_saved_entry, .init = start)
{
	uint64_t dir;
	unsigned n = 0;

	host_file("rw/names/abcdefgh", "");
	dir = open_dir(client, "/names");
	while (list(client, rw, dir, 0, NULL, buffer, 129) == VINF_SUCCESS)
		;
	cr_assert_eq(list(client, rw, dir, SHFL_LIST_RESTART, NULL, buffer, sizeof(buffer)), 0);
	n = listed();
	cr_assert_eq(n, 3);
}

Test(service_dir, many_entries_over_many_calls, .init = start)
{
	static bool seen[500];
	unsigned total = 0;
	uint64_t dir;
	char name[32];

	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "rw/names/file-%03u", i);
		host_file(name, "");
	}
	dir = open_dir(client, "/names");
	while (list(client, rw, dir, 0, NULL, buffer, 1000) == VINF_SUCCESS) {
		unsigned n = listed();

		for (unsigned i = 0; i < n; i++) {
			unsigned number;

			total++;
			if (sscanf(entries[i].name, "file-%u", &number) == 1) {
				cr_assert_not(seen[number], "%u twice", number);
				seen[number] = true;
			}
		}
	}
	cr_assert_eq(total, 502);
}

Test(service_dir, handles, .init = start)
{
	uint64_t file = open_handle(client, rw, "/sub/c", OPEN_OLD);
	uint64_t dir = open_dir(client, "/sub");
	uint32_t ro = map_share(client, "ro");
	struct client *other = linux_client(true);

	map_share(other, "rw");
	cr_expect_eq(list(client, rw, file, 0, NULL, buffer, 500), VERR_INVALID_HANDLE);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(list(client, ro, dir, 0, NULL, buffer, 500), VERR_INVALID_HANDLE);
	cr_expect_eq(list(other, rw, dir, 0, NULL, buffer, 500), VERR_INVALID_HANDLE);
	cr_expect_eq(list(client, rw, 0, 0, NULL, buffer, 500), VERR_INVALID_HANDLE);
}

/* The host's file names are bytes: those that no guest could ask for are seen. */
Test(service_dir, names_that_are_not_utf8, .init = start)
{
	char longest[32 + 256] = "rw/names/", shown[256] = "";
	SHFLCREATEPARMS made;

	host_file("rw/names/gr\xc3\xbc\xc3\x9f", "");
	host_file("rw/names/\xff"
		  "bad\xc3\x28\xa0\xa1",
		  "text");
	for (unsigned i = 0; i < 127; i++) {
		strcat(longest, "\xffx");
		if (strlen(shown) < 252)
			strcat(shown, "\xef\xbf\xbdx");
	}
	strcat(shown, "\xef\xbf\xbd");
	host_file(longest, "");
	cr_assert_eq(list(client, rw, open_dir(client, "/names"), 0, NULL, buffer, 5000), 0);
	cr_assert_eq(listed(), 5);
	cr_assert(find(5, "gr\xc3\xbc\xc3\x9f"));
	cr_assert(find(5, "\xef\xbf\xbd"
			  "bad\xef\xbf\xbd(\xef\xbf\xbd"));
	cr_assert_eq(find(5, "\xef\xbf\xbd"
			     "bad\xef\xbf\xbd(\xef\xbf\xbd")
			     ->info.cbObject,
		     4);
	cr_assert(find(5, shown), "a name that has grown too long");
	cr_assert_eq(lookup(client, rw,
			    "/names/\xef\xbf\xbd"
			    "bad\xef\xbf\xbd(\xef\xbf\xbd",
			    &made),
		     0);
	cr_assert_eq(made.Result, SHFL_FILE_NOT_FOUND);
}

Test(service_dir, utf16_clients, .init = start)
{
	struct client *old = client_connect();
	SHFLCREATEPARMS made = {.CreateFlags = OPEN_OLD | SHFL_CF_DIRECTORY};
	static const uint8_t wanted[] = "\x7c\x00\x05\x27\x3d\xd8\x00\xde"; /* | U+2705 U+1F600 */
	bool found = false;
	uint32_t root;
	SHFLDIRINFO info;

	host_file("rw/names/|\xe2\x9c\x85\xf0\x9f\x98\x80", "");
	cr_assert_eq(CALL(old, SHFL_FN_MAP_FOLDER, str16("rw"), P32(0), P32('\\'), P32(1)), 0);
	root = parms[1].u.uint32;
	cr_assert_eq(
		CALL(old, SHFL_FN_CREATE, P32(root), str16("\\names"), PBUF(&made, sizeof(made))),
		VINF_SUCCESS);
	cr_assert_eq(list(old, root, made.Handle, 0, NULL, buffer, sizeof(buffer)), VINF_SUCCESS);
	for (uint32_t at = 0; at < parms[3].u.uint32; at += SHFLDIRINFO_SIZE(info.name.u16Size)) {
		memcpy(&info, buffer + at, SHFLDIRINFO_SIZE(0));
		cr_expect_eq(info.name.u16Size, info.name.u16Length + 2);
		if (info.name.u16Length == 8)
			found = !memcmp(buffer + at + SHFLDIRINFO_SIZE(0), wanted, 8);
	}
	cr_assert(found);
}

Test(service_dir, patterns, .init = start)
{
	static const struct {
		const char *pattern;
		const char *names; /* of those below, in that order */
	} rows[] = {
		{"*", "a.txt B.TXT c d.e.f z. "},
		{"*.txt", "a.txt B.TXT "},
		{"?", "c "},
		{"?.*", "a.txt B.TXT d.e.f z. "},
		{"*.*", "a.txt B.TXT d.e.f z. "},
		{"C", "c "},
		{"<.f", "d.e.f "},
		{"<\"*", "a.txt B.TXT c d.e.f z. "},
		{"d<", ""},
		{">>>", "c "},
		{">>>.txt", "a.txt B.TXT "},
		{"c\"", "c "},
		{"*.e*", "d.e.f "},
		{"nothing*", ""},
		{"z<", "z. "},
		{"a.<", "a.txt "},
		{"z\"", "z. "},
		{"d<<f", "d.e.f "},
		{"a.tx", ""},
		{"<.e.f", "d.e.f "},
		{"d*e*", "d.e.f "},
		{"*t", "a.txt B.TXT "},
	};
	static const char *const names[] = {"a.txt", "B.TXT", "c", "d.e.f", "z."};

	for (unsigned i = 0; i < 5; i++) {
		char path[64];

		snprintf(path, sizeof(path), "rw/names/%s", names[i]);
		host_file(path, "");
	}
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t dir = open_dir(client, "/names");
		char pattern[64], got[256] = "";
		unsigned n;
		int32_t status;

		snprintf(pattern, sizeof(pattern), "/names/%s", rows[i].pattern);
		status = list(client, rw, dir, 0, pattern, buffer, sizeof(buffer));
		n = listed();
		for (unsigned j = 0; j < 5; j++)
			if (find(n, names[j]))
				strcat(strcat(got, names[j]), " ");
		cr_expect_str_eq(got, rows[i].names, "%s gave \"%s\"", rows[i].pattern, got);
		cr_expect_eq(status, n ? VINF_SUCCESS : VERR_NO_MORE_FILES, "%s: %d",
			     rows[i].pattern, status);
		cr_expect_eq(list(client, rw, dir, 0, pattern, buffer, sizeof(buffer)),
			     VERR_NO_MORE_FILES);
		cr_expect_eq(close_handle(client, rw, dir), VINF_SUCCESS);
	}
}

Test(service_dir, the_first_pattern_stays, .init = start)
{
	uint64_t dir = open_dir(client, "/sub");

	host_file("rw/names/n1", "");
	cr_expect_eq(list(client, rw, dir, 0, "/../x*", buffer, 500), VERR_INVALID_NAME);
	cr_expect_eq(list(client, rw, dir, 0, "/no/x*", buffer, 500), VERR_FILE_NOT_FOUND);
	cr_expect_eq(list(client, rw, dir, 0, "/names/n*", buffer, 500), VINF_SUCCESS);
	cr_expect_eq(listed(), 1);
	cr_expect_eq(list(client, rw, dir, SHFL_LIST_RESTART, "/sub/*", buffer, 500), VINF_SUCCESS);
	cr_expect_eq(listed(), 1);
	cr_expect_str_eq(entries[0].name, "n1");
	/* and the directory itself goes its own way */
	cr_expect_eq(list(client, rw, dir, 0, NULL, buffer, 500), VINF_SUCCESS);
	cr_expect_eq(listed(), 3);
	/* a slash at the end: all of a directory */
	dir = open_dir(client, "/sub");
	cr_expect_eq(list(client, rw, dir, 0, "/names/", buffer, 500), VINF_SUCCESS);
	cr_expect_eq(listed(), 3);
	cr_expect_eq(CALL(client, SHFL_FN_LIST, P32(rw), P64(dir), P32(0), P32(500), PBUF("", 1),
			  PBUF(buffer, 500), P32(0), P32(0)),
		     VERR_INVALID_PARAMETER);
}

/* Links in listings: as links, or what they lead to from the share's root on. */
Test(service_dir, links, .init = start)
{
	struct client *windows = linux_client(false);
	unsigned n;

	cr_assert_eq(symlink("../sub/c", host_path("rw/names/up")), 0);
	cr_assert_eq(symlink("../../ro/r", host_path("rw/names/out")), 0);
	cr_assert_eq(symlink("nothing", host_path("rw/names/dangling")), 0);
	host_file("ro/r", "secret");
	map_share(windows, "rw");
	cr_assert_eq(list(client, rw, open_dir(client, "/names"), 0, NULL, buffer, 5000), 0);
	n = listed();
	cr_assert_eq(n, 5);
	cr_expect_eq(find(n, "up")->info.Attr.fMode, 040120777);
	cr_expect_eq(list(windows, rw, open_dir(windows, "/names"), 0, NULL, buffer, 5000), 0);
	n = listed();
	cr_assert_eq(n, 5);
	cr_expect_eq(find(n, "up")->info.Attr.fMode, 040100644);
	cr_expect_eq(find(n, "up")->info.cbObject, 5);
	cr_expect_eq(find(n, "out")->info.Attr.fMode, RTFS_TYPE_SYMLINK);
	cr_expect_eq(find(n, "out")->info.cbObject, 0);
	cr_expect_eq(find(n, "out")->info.Attr.u.Unix.INodeId, 0);
	cr_expect_eq(find(n, "dangling")->info.Attr.fMode, RTFS_TYPE_SYMLINK);
}

/* What is above the share is none of the guest's business. */
Test(service_dir, the_parent_of_the_share, .init = start)
{
	struct stat share;
	unsigned n;

	cr_assert_eq(stat(host_path("rw"), &share), 0);
	cr_assert_eq(list(client, rw, open_dir(client, "/"), 0, NULL, buffer, 5000), VINF_SUCCESS);
	n = listed();
	cr_expect_eq(find(n, "..")->info.Attr.u.Unix.INodeId, share.st_ino);
	cr_assert_eq(list(client, rw, open_dir(client, "/sub"), 0, NULL, buffer, 5000), 0);
	n = listed();
	cr_expect_eq(find(n, "..")->info.Attr.u.Unix.INodeId, share.st_ino);
}
