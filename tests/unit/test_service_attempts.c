/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every way of naming something outside of a share, tried with every function that
 * takes a path, by clients of each kind. Whatever the service answers: nothing
 * outside may change, be read, be listed or be described.
 */
#include <sys/sysmacros.h>

#include "service_driver.h"

TestSuite(service_attempts, .fini = driver_finish);

#define SECRET "the secret outside of the share"
#define MIN_ATTEMPTS 200

static const char *const links[][2] = {
	/* link in the share, target; "%" at the start is the test's directory */
	{"up", ".."},
	{"file", "../outside/secret"},
	{"dir", "../outside"},
	{"abs", "%/outside/secret"},
	{"absdir", "%/outside"},
	{"top", "/"},
	{"self", "/proc/self/root"},
	{"cwd", "/proc/self/cwd"},
	{"fds", "/proc/self/fd"},
	{"chain1", "chain2"},
	{"chain2", "sub/chain3"},
	{"sub/chain3", "../dir"},
	{"sub/updir", "../../outside"},
	{"round", "../rw/../outside/secret"},
	{"other", "../plain/theirs"},
	{"otherdir", "../plain"},
	{"new", "../outside/new"},
	{"sub/inner", ".."},
	{"twice", "sub/inner/up/outside/secret"},
	{"loop", "loop"},
};

static const char *const paths[] = {
	"/..",
	"/../outside/secret",
	"../outside/secret",
	"/./../outside/secret",
	"/sub/../../outside/secret",
	"/sub/../../outside",
	"/../rw/../outside/secret",
	"//..//outside//secret",
	"/../rwx/secret",
	"/../plain/theirs",
	"/up",
	"/up/",
	"/up/outside/secret",
	"/up/outside",
	"/up/plain/theirs",
	"/up/rw/up/outside",
	"/file",
	"/file/",
	"/dir",
	"/dir/",
	"/dir/secret",
	"/dir/new",
	"/dir/sub/deep",
	"/dir/.",
	"/abs",
	"/absdir",
	"/absdir/secret",
	"/top",
	"/top/etc/passwd",
	"/top/tmp",
	"/self/etc/passwd",
	"/self",
	"/cwd",
	"/fds",
	"/fds/0",
	"/fds/3",
	"/fds/4/..",
	"/chain1",
	"/chain1/secret",
	"/chain2/secret",
	"/sub/chain3/secret",
	"/sub/updir/secret",
	"/sub/updir",
	"/round",
	"/other",
	"/otherdir/theirs",
	"/otherdir",
	"/new",
	"/new/",
	"/sub/inner/up/outside/secret",
	"/sub/inner/dir/secret",
	"/twice",
	"/loop",
	"/loop/secret",
	"/hard\xff/../../outside/secret",
	"/a\xc0\xaf..\xc0\xaf/outside",
	"/..\\outside\\secret",
	"..\\outside\\secret",
	"/fifo",
	"/fifo/secret",
	"/device",
	"/socket",
};
#define N_PATHS (sizeof(paths) / sizeof(paths[0]))

static struct client *guests[3]; /* sees links, follows links, ignores case */
static uint32_t roots[3]; /* of the one folder, for each of them */
static uint32_t rw; /* the root of the guest whose turn it is */
static unsigned attempts;
static ino_t outside_inodes[5];

static const char *const outside_things[] = {"outside", "outside/secret", "outside/sub", "plain",
					     "plain/theirs"};

static void start(void)
{
	struct stat info;

	driver_start();
	mkdir(host_path("outside"), 0755);
	mkdir(host_path("outside/sub"), 0755);
	host_file("outside/secret", SECRET);
	host_file("plain/theirs", SECRET);
	mkdir(host_path("rw/sub"), 0755);
	mkfifo(host_path("rw/fifo"), 0666);
	if (mknod(host_path("rw/device"), S_IFCHR | 0666, makedev(1, 3)))
		host_file("rw/device", "no device may be made here");
	mknod(host_path("rw/socket"), S_IFSOCK | 0666, 0);
	for (unsigned i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		char link[64], target[256];

		snprintf(link, sizeof(link), "rw/%s", links[i][0]);
		snprintf(target, sizeof(target), "%s%s", links[i][1][0] == '%' ? driver_dir : "",
			 links[i][1] + (links[i][1][0] == '%'));
		cr_assert_eq(symlink(target, host_path(link)), 0, "%s", link);
	}
	for (unsigned i = 0; i < sizeof(outside_things) / sizeof(outside_things[0]); i++) {
		cr_assert_eq(stat(host_path(outside_things[i]), &info), 0);
		outside_inodes[i] = info.st_ino;
	}
	for (unsigned i = 0; i < 3; i++)
		guests[i] = linux_client(i == 0);
	roots[0] = rw = map_share(guests[0], "rw");
	roots[1] = map_share(guests[1], "rw");
	add_share("nocase", host_path("rw"),
		  SHFL_ADD_MAPPING_F_WRITABLE | SHFL_ADD_MAPPING_F_CREATE_SYMLINKS, "");
	cr_assert_eq(CALL(guests[2], SHFL_FN_MAP_FOLDER, str8("nocase"), P32(0), P32('/'), P32(0)),
		     VINF_SUCCESS);
	roots[2] = parms[1].u.uint32;
}

/* Restores what an attempt may do within the share: a file to start from. */
static void host_bait(void)
{
	host_file("rw/bait", "bait");
}

static unsigned count_entries(const char *dir)
{
	DIR *stream = opendir(host_path(dir));
	unsigned n = 0;

	while (readdir(stream))
		n++;
	closedir(stream);
	return n;
}

static void expect_untouched(const char *path, const char *what)
{
	char data[64];
	struct stat info;

	attempts++;
	host_read("outside/secret", data, sizeof(data));
	cr_assert_str_eq(data, SECRET, "%s of %s", what, path);
	host_read("plain/theirs", data, sizeof(data));
	cr_assert_str_eq(data, SECRET, "%s of %s", what, path);
	cr_assert_eq(count_entries("outside"), 4, "%s of %s", what, path);
	cr_assert_eq(count_entries("outside/sub"), 2, "%s of %s", what, path);
	cr_assert_eq(count_entries("plain"), 3, "%s of %s", what, path);
	cr_assert_eq(stat(host_path("outside/secret"), &info), 0);
	cr_assert_eq(info.st_mode & 0777, 0644, "%s of %s", what, path);
	cr_assert(info.st_mtim.tv_sec > 1000000000, "%s of %s", what, path);
}

static void expect_not_outside(const SHFLFSOBJINFO *info, const char *path)
{
	for (unsigned i = 0; i < sizeof(outside_inodes) / sizeof(outside_inodes[0]); i++)
		cr_assert_neq(info->Attr.u.Unix.INodeId, outside_inodes[i], "%s describes %s", path,
			      outside_things[i]);
}

/* Whatever a handle was got for: reads, writes, sizes, dates and lists it. */
static void use_handle(struct client *guest, const char *path, uint64_t handle)
{
	static uint8_t buffer[8192];
	static struct entry entries[64];
	SHFLFSOBJINFO info = {.ModificationTime = 1000, .Attr.fMode = 0100777};
	unsigned n;

	memset(buffer, 0, sizeof(buffer));
	read_at(guest, rw, handle, 0, buffer, 64);
	cr_assert_neq(memcmp(buffer, SECRET, 10), 0, "%s was read", path);
	CALL(guest, SHFL_FN_INFORMATION, P32(rw), P64(handle), P32(SHFL_INFO_FILE), P32(92),
	     PBUF(&info, sizeof(info)));
	expect_not_outside(&info, path);
	info = (SHFLFSOBJINFO){.ModificationTime = 1000, .Attr.fMode = 0100777};
	CALL(guest, SHFL_FN_INFORMATION, P32(rw), P64(handle), P32(SHFL_INFO_SET | SHFL_INFO_FILE),
	     P32(92), PBUF(&info, sizeof(info)));
	write_at(guest, rw, handle, 0, "overwritten", 11);
	CALL(guest, SHFL_FN_SET_FILE_SIZE, P32(rw), P64(handle), P64(3));
	if (list(guest, rw, handle, 0, NULL, buffer, sizeof(buffer)) == VINF_SUCCESS) {
		n = entries_of(buffer, parms[3].u.uint32, entries, 64);
		for (unsigned i = 0; i < n; i++) {
			cr_assert_str_neq(entries[i].name, "secret", "%s was listed", path);
			expect_not_outside(&entries[i].info, path);
		}
	}
	close_handle(guest, rw, handle);
}

static void try_create(struct client *guest, const char *path)
{
	static const uint32_t flags[] = {
		OPEN_OLD | RW,
		OPEN_OLD | SHFL_CF_ACCESS_READ,
		OPEN_OR_CREATE | RW,
		CREATE_NEW | RW,
		OVERWRITE | RW,
		OPEN_OLD | SHFL_CF_DIRECTORY,
		CREATE_NEW | SHFL_CF_DIRECTORY,
		OPEN_OLD | SHFL_CF_OPEN_TARGET_DIRECTORY,
		SHFL_CF_LOOKUP,
	};
	SHFLCREATEPARMS made;

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (create(guest, rw, path, flags[i], &made) == VINF_SUCCESS) {
			expect_not_outside(&made.Info, path);
			if (made.Handle != SHFL_HANDLE_NIL)
				use_handle(guest, path, made.Handle);
		}
		expect_untouched(path, "CREATE");
	}
}

static void try_names(struct client *guest, const char *path)
{
	char text[256] = "";
	SHFLFSOBJINFO info = {0};

	host_bait();
	CALL(guest, SHFL_FN_RENAME, P32(rw), str8(path), str8("/taken"), P32(7));
	expect_untouched(path, "RENAME from");
	CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/bait"), str8(path), P32(7));
	expect_untouched(path, "RENAME to");
	host_bait();
	CALL(guest, SHFL_FN_SYMLINK, P32(rw), str8(path), str8("x"), PBUF(&info, sizeof(info)));
	expect_not_outside(&info, path);
	expect_untouched(path, "SYMLINK");
	CALL(guest, SHFL_FN_READLINK, P32(rw), str8(path), PBUF(text, sizeof(text)));
	expect_untouched(path, "READLINK");
	for (uint32_t flags = 1; flags <= 4; flags *= 2) {
		CALL(guest, SHFL_FN_REMOVE, P32(rw), str8(path), P32(flags));
		expect_untouched(path, "REMOVE");
	}
	CALL(guest, SHFL_FN_CLOSE_AND_REMOVE, P32(rw), str8(path), P32(1), P64(SHFL_HANDLE_NIL));
	expect_untouched(path, "CLOSE_AND_REMOVE");
}

static void try_copies(struct client *guest, const char *path)
{
	char data[64];

	host_bait();
	CALL(guest, SHFL_FN_COPY_FILE, P32(rw), str8(path), P32(rw), str8("/copied"), P32(0));
	host_read("rw/copied", data, sizeof(data));
	cr_assert_str_neq(data, SECRET, "%s was copied", path);
	expect_untouched(path, "COPY_FILE from");
	CALL(guest, SHFL_FN_COPY_FILE, P32(rw), str8("/bait"), P32(rw), str8(path), P32(0));
	expect_untouched(path, "COPY_FILE to");
	unlink(host_path("rw/copied"));
}

/* The share as it was: an attempt may do what it likes in there. */
static void again(void)
{
	driver_finish();
	start();
}

static void try_pattern(struct client *guest, const char *path)
{
	static uint8_t buffer[8192];
	static struct entry entries[64];
	uint64_t handle = open_handle(guest, rw, "/", OPEN_OLD | SHFL_CF_DIRECTORY);
	char pattern[256];
	unsigned n = 0;

	snprintf(pattern, sizeof(pattern), "%s/*", path);
	if (list(guest, rw, handle, 0, pattern, buffer, sizeof(buffer)) == VINF_SUCCESS)
		n = entries_of(buffer, parms[3].u.uint32, entries, 64);
	for (unsigned i = 0; i < n; i++) {
		cr_assert_str_neq(entries[i].name, "secret", "%s was listed", pattern);
		expect_not_outside(&entries[i].info, pattern);
	}
	close_handle(guest, rw, handle);
	expect_untouched(path, "LIST");
}

Test(service_attempts, all, .init = start, .timeout = 300)
{
	static void (*const tries[])(struct client * guest, const char *path) = {
		try_create, try_names, try_copies, try_pattern};

	for (unsigned i = 0; i < N_PATHS; i++) {
		for (unsigned j = 0; j < sizeof(tries) / sizeof(tries[0]); j++)
			for (unsigned k = 0; k < 3; k++) {
				rw = roots[k];
				tries[j](guests[k], paths[i]);
			}
		again();
	}
	fprintf(stderr, "escapes: %u attempts by %zu paths\n", attempts, N_PATHS);
	cr_expect_gt(attempts, MIN_ATTEMPTS);
}

/* A name with a NUL in it, and strings that say they are longer than they are. */
Test(service_attempts, strings, .init = start)
{
	SHFLCREATEPARMS made = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = SHFL_CF_LOOKUP};
	uint8_t bytes[64] = {20, 0, 10, 0};

	memcpy(bytes + 4, "/sub\0/../x", 11);
	cr_expect_eq(CALL(guests[0], SHFL_FN_CREATE, P32(rw), PBUF(bytes, 64),
			  PBUF(&made, sizeof(made))),
		     VERR_INVALID_PARAMETER, "NUL within");
	bytes[2] = 20;
	cr_expect_eq(CALL(guests[0], SHFL_FN_CREATE, P32(rw), PBUF(bytes, 64),
			  PBUF(&made, sizeof(made))),
		     VERR_INVALID_PARAMETER, "longer than its room");
	bytes[0] = 61;
	bytes[2] = 10;
	cr_expect_eq(CALL(guests[0], SHFL_FN_CREATE, P32(rw), PBUF(bytes, 64),
			  PBUF(&made, sizeof(made))),
		     VERR_INVALID_PARAMETER, "more room than the parameter");
}
