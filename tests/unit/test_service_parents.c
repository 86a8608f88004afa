/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service keeps directories that paths have led to: what moves, goes, or comes
 * in their place must be seen by the very next call all the same.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include "service_guest.h"

TestSuite(service_parents, .fini = driver_finish);

static void start(void)
{
	guest_start();
	mkdir(host_path("rw/a"), 0755);
	mkdir(host_path("rw/a/b"), 0755);
	mkdir(host_path("outside"), 0755);
	mkdir(host_path("outside/b"), 0755);
	host_file("rw/a/b/file", "old");
	host_file("outside/file", "secret");
	host_file("outside/b/file", "secret");
}

/* Looks up often enough for the way to be kept; the size of what is there, or the result. */
static long long size_of(const char *path, unsigned times)
{
	SHFLCREATEPARMS made;
	int32_t status = VINF_SUCCESS;

	while (times--)
		status = lookup(guest, rw, path, &made);
	if (status != VINF_SUCCESS)
		return status;
	return made.Result == SHFL_FILE_EXISTS ? made.Info.cbObject : -made.Result;
}

/* How many directories are watched: 0, and nothing is kept. */
static unsigned watched(void)
{
	char path[64], target[64], line[256];
	unsigned n = 0;
	FILE *info;

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		memset(target, 0, sizeof(target));
		if (readlink(path, target, sizeof(target) - 1) < 0 ||
		    strcmp(target, "anon_inode:inotify"))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		info = fopen(path, "r");
		while (info && fgets(line, sizeof(line), info))
			n += !strncmp(line, "inotify wd:", 11);
		if (info)
			fclose(info);
	}
	return n;
}

Test(service_parents, renamed, .init = start)
{
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_assert_eq(rename(host_path("rw/a/b"), host_path("rw/a/c")), 0);
	cr_expect_eq(size_of("/a/b/file", 1), -SHFL_FILE_NOT_FOUND);
	cr_expect_eq(size_of("/a/c/file", 4), 3);
	mkdir(host_path("rw/a/b"), 0755);
	host_file("rw/a/b/file", "longer");
	cr_expect_eq(size_of("/a/b/file", 4), 6);
	cr_assert_eq(renameat2(AT_FDCWD, host_path("rw/a/b"), AT_FDCWD, host_path("rw/a/c"),
			       RENAME_EXCHANGE),
		     0);
	cr_expect_eq(size_of("/a/b/file", 1), 3);
	cr_expect_eq(size_of("/a/c/file", 1), 6);
}

Test(service_parents, ancestor_renamed, .init = start)
{
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_assert_eq(rename(host_path("rw/a"), host_path("rw/z")), 0);
	cr_expect_eq(size_of("/a/b/file", 1), -SHFL_FILE_NOT_FOUND);
	cr_expect_eq(size_of("/z/b/file", 1), 3);
}

/* What the guest does itself, too. */
Test(service_parents, renamed_by_the_guest, .init = start)
{
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_assert_eq(
		CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/a"), str8("/z"), P32(SHFL_RENAME_DIR)),
		VINF_SUCCESS);
	cr_expect_eq(size_of("/a/b/file", 1), -SHFL_FILE_NOT_FOUND);
}

Test(service_parents, removed_and_made_anew, .init = start)
{
	SHFLCREATEPARMS made;

	cr_assert_eq(size_of("/a/b/file", 4), 3);
	unlink(host_path("rw/a/b/file"));
	rmdir(host_path("rw/a/b"));
	cr_expect_eq(create(guest, rw, "/a/b/new", CREATE_NEW | RW, &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_NOT_FOUND);
	mkdir(host_path("rw/a/b"), 0755);
	host_file("rw/a/b/file", "anew!");
	cr_expect_eq(size_of("/a/b/file", 1), 5);
	cr_expect_eq(size_of("/a/b/file", 4), 5);
	unlink(host_path("rw/a/b/file"));
	rmdir(host_path("rw/a/b"));
	mkdir(host_path("rw/a/b"), 0755);
	host_file("rw/a/b/file", "thirdly");
	cr_expect_eq(CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/a/b/file"), P32(SHFL_REMOVE_FILE)),
		     VINF_SUCCESS);
	cr_expect_not(host_exists("rw/a/b/file"));
}

/* The way becomes a link out: nothing that was kept leads along it. */
Test(service_parents, replaced_by_a_link_out, .init = start)
{
	SHFLCREATEPARMS made;

	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_assert_eq(rename(host_path("rw/a"), host_path("moved-out")), 0);
	cr_expect_eq(size_of("/a/b/file", 1), -SHFL_FILE_NOT_FOUND, "it is no longer in the share");
	cr_assert_eq(symlink("../outside", host_path("rw/a")), 0);
	cr_expect_eq(size_of("/a/b/file", 4), VERR_ACCESS_DENIED);
	cr_expect_eq(create(guest, rw, "/a/b/file", OVERWRITE | RW, &made), VERR_ACCESS_DENIED);
	cr_expect_eq(CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/a/b/file"), P32(1)),
		     VERR_ACCESS_DENIED);
	cr_expect(host_exists("moved-out/b/file") && host_exists("outside/b/file"));
}

Test(service_parents, last_component_is_a_link, .init = start)
{
	SHFLCREATEPARMS made;
	struct client *follower = linux_client(false);

	map_share(follower, "rw");
	cr_assert_eq(symlink("file", host_path("rw/a/b/in")), 0);
	cr_assert_eq(symlink("../../../outside/file", host_path("rw/a/b/out")), 0);
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_expect_eq(lookup(follower, rw, "/a/b/in", &made), VINF_SUCCESS);
	cr_expect_eq(made.Info.cbObject, 3);
	cr_expect_eq(lookup(follower, rw, "/a/b/out", &made), VERR_ACCESS_DENIED);
	cr_expect_eq(create(guest, rw, "/a/b/out", OPEN_OLD | RW, &made), VERR_ACCESS_DENIED);
	cr_expect_eq(create(guest, rw, "/a/b/in", OPEN_OLD | RW, &made), VINF_SUCCESS);
	cr_expect_neq(made.Handle, SHFL_HANDLE_NIL);
}

Test(service_parents, mounted_over, .init = start)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		cr_skip_test("mounting is not permitted here");
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_assert_eq(mount("test", host_path("rw/a"), "tmpfs", 0, NULL), 0);
	cr_expect_eq(size_of("/a/b/file", 1), -SHFL_FILE_NOT_FOUND);
	cr_assert_eq(umount(host_path("rw/a")), 0);
	cr_expect_eq(size_of("/a/b/file", 1), 3);
}

/* A network's file system changes without this kernel's doing; ramfs stands for those. */
Test(service_parents, other_file_systems, .init = start)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		cr_skip_test("mounting is not permitted here");
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_expect_gt(watched(), 0, "nothing is kept at all");
	cr_assert_eq(mount("test", host_path("plain"), "ramfs", 0, NULL), 0);
	cr_assert_eq(map_share(guest, "plain"), 3);
	mkdir(host_path("plain/d"), 0755);
	host_file("plain/d/file", "here");
	cr_assert_eq(CALL(guest, SHFL_FN_UNMAP_FOLDER, P32(rw)), VINF_SUCCESS);
	cr_assert_eq(map_share(guest, "rw"), rw); /* forgets what was kept */
	cr_assert_eq(watched(), 0);
	rw = 3;
	cr_expect_eq(size_of("/d/file", 4), 4);
	cr_expect_eq(watched(), 0, "directories of a file system that is not trusted are kept");
	client_disconnect(guest);
	remove_share("plain");
	umount2(host_path("plain"), MNT_DETACH);
}

static void chown_tree(uid_t uid)
{
	static const char *const names[] = {"", "rw", "rw/a", "rw/a/b", "rw/a/b/file"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert_eq(chown(host_path(names[i]), uid, (gid_t)-1), 0);
}

/* A service that is not root's: a way that is closed is closed at once, and opens again. */
Test(service_parents, permissions, .init = start)
{
	if (geteuid())
		cr_skip_test("this needs another user to be");
	chown_tree(65534);
	cr_assert_eq(seteuid(65534), 0);
	prctl(PR_SET_DUMPABLE, 1); /* or /proc/self is root's */
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_expect_gt(watched(), 0);
	for (unsigned i = 0; i < 2; i++) {
		const char *closed = i ? "rw/a/b" : "rw/a";

		cr_assert_eq(chmod(host_path(closed), 0600), 0);
		cr_expect_eq(size_of("/a/b/file", 1), VERR_ACCESS_DENIED, "%s", closed);
		cr_assert_eq(chmod(host_path(closed), 0700), 0);
		cr_expect_eq(size_of("/a/b/file", 4), 3, "%s", closed);
	}
	cr_assert_eq(seteuid(0), 0);
}

/* What happens to the files in a directory does not make it forgotten. */
Test(service_parents, changed_files, .init = start)
{
	unsigned before;

	cr_assert_eq(size_of("/a/b/file", 4), 3);
	before = watched();
	cr_assert_gt(before, 0);
	cr_assert_eq(chmod(host_path("rw/a/b/file"), 0600), 0);
	cr_assert_eq(utimensat(AT_FDCWD, host_path("rw/a/b/file"), NULL, 0), 0);
	cr_expect_eq(size_of("/a/b/file", 1), 3);
	cr_expect_eq(watched(), before);
}

/* More directories than are kept, deeper than is watched. */
Test(service_parents, many, .init = start)
{
	char path[400], host[512];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++) {
			snprintf(host, sizeof(host), "rw/a/d%u", i);
			mkdir(host_path(host), 0755);
			strcat(host, "/f");
			snprintf(path, sizeof(path), "%*s", (int)(i + 1), "x");
			host_file(host, path);
			snprintf(path, sizeof(path), "/a/d%u/f", i);
			cr_assert_eq(size_of(path, 3), i + 1);
		}
	}
	strcpy(host, "rw");
	strcpy(path, "");
	for (unsigned i = 0; i < 60; i++) {
		strcat(host, "/deep");
		strcat(path, "/deep");
		mkdir(host_path(host), 0755);
		strcat(host, "/f");
		host_file(host, "deep");
		host[strlen(host) - 2] = '\0';
		strcat(path, "/f");
		cr_assert_eq(size_of(path, 3), 4, "%s", path);
		path[strlen(path) - 2] = '\0';
	}
}

/* Another folder by the same root and descriptor numbers. */
Test(service_parents, another_folder, .init = start)
{
	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_assert_eq(CALL(guest, SHFL_FN_UNMAP_FOLDER, P32(rw)), VINF_SUCCESS);
	cr_assert_eq(remove_share("rw"), VINF_SUCCESS);
	mkdir(host_path("second"), 0755);
	mkdir(host_path("second/a"), 0755);
	mkdir(host_path("second/a/b"), 0755);
	host_file("second/a/b/file", "second");
	cr_assert_eq(add_share("rw", host_path("second"), SHFL_ADD_MAPPING_F_WRITABLE, ""),
		     VINF_SUCCESS);
	cr_assert_eq(map_share(guest, "rw"), rw);
	cr_expect_eq(size_of("/a/b/file", 1), 6);
}

/* What is opened before it is looked at is still a file, or nothing. */
Test(service_parents, special_files, .init = start, .timeout = 20)
{
	SHFLCREATEPARMS made;
	char byte[1];

	cr_assert_eq(size_of("/a/b/file", 4), 3);
	cr_assert_eq(mkfifo(host_path("rw/a/b/fifo"), 0666), 0);
	cr_expect_eq(create(guest, rw, "/a/b/fifo", OPEN_OLD | RW, &made), VERR_ACCESS_DENIED);
	cr_expect_eq(create(guest, rw, "/a/b/fifo", OPEN_OLD | SHFL_CF_ACCESS_READ, &made),
		     VERR_ACCESS_DENIED);
	cr_expect_eq(create(guest, rw, "/a/b/fifo", CREATE_NEW | RW, &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	cr_expect_eq(create(guest, rw, "/a/b", OPEN_OLD | SHFL_CF_ACCESS_READ, &made),
		     VINF_SUCCESS);
	cr_expect_eq(read_at(guest, rw, made.Handle, 0, byte, 1), VERR_INVALID_HANDLE,
		     "a directory, whatever it was opened as");
}

/* How a FIFO comes to a name that was a regular file's. */
static void replace(const char *fifo, const char *file)
{
	cr_assert_eq(rename(host_path(fifo), host_path(file)), 0);
}

static void exchange(const char *fifo, const char *file)
{
	cr_assert_eq(
		renameat2(AT_FDCWD, host_path(fifo), AT_FDCWD, host_path(file), RENAME_EXCHANGE),
		0);
}

static void link_anew(const char *fifo, const char *file)
{
	unlink(host_path(file));
	cr_assert_eq(link(host_path(fifo), host_path(file)), 0);
}

static void guest_renames(const char *fifo, const char *file)
{
	uint32_t how = SHFL_RENAME_FILE | SHFL_RENAME_REPLACE_IF_EXISTS;

	cr_assert_eq(CALL(guest, SHFL_FN_RENAME, P32(rw), str8(fifo + 2), str8(file + 2), P32(how)),
		     VINF_SUCCESS);
}

/* Opens it again and again, until nothing is looked at any more; or once. */
static int32_t open_times(const char *path, unsigned times)
{
	int32_t status = VINF_SUCCESS;
	SHFLCREATEPARMS made;

	while (times-- && status == VINF_SUCCESS) {
		status = create(guest, rw, path, OPEN_OLD | RW, &made);
		if (status == VINF_SUCCESS)
			close_handle(guest, rw, made.Handle);
	}
	return status;
}

/* A FIFO is not opened, not even to find out that it is one: that would wake a writer. */
Test(service_parents, fifos, .init = start)
{
	static void (*const ways[])(const char *, const char *) = {replace, exchange, link_anew,
								   guest_renames};
	static const char *const names[][2] = {{"rw/a/b/fifo", "rw/a/b/name"},
					       {"rw/fifo", "rw/name"}};
	char events[256];

	for (unsigned i = 0; i < 2 * 4; i++) {
		const char *fifo = names[i % 2][0], *file = names[i % 2][1];
		int opened = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

		host_file(file, "");
		cr_assert_eq(mkfifo(host_path(fifo), 0666), 0);
		cr_assert_geq(inotify_add_watch(opened, host_path(fifo), IN_OPEN), 0);
		cr_assert_eq(open_times(file + 2, 40), VINF_SUCCESS);
		ways[i / 2](fifo, file);
		cr_expect_eq(open_times(file + 2, 40), VERR_ACCESS_DENIED, "way %u", i);
		cr_expect_eq(open_times(file + 2, 1), VERR_ACCESS_DENIED, "way %u, again", i);
		cr_expect_eq(CALL(guest, SHFL_FN_COPY_FILE, P32(rw), str8(file + 2), P32(rw),
				  str8("/copy"), P32(0)),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(read(opened, events, sizeof(events)), -1, "way %u: opened", i);
		close(opened);
		unlink(host_path(file));
		unlink(host_path(fifo));
	}
}

static volatile bool swapping;

static void *swap_files(void *unused)
{
	char file[4400], device[4400];

	(void)unused;
	strcpy(file, host_path("rw/a/b/file"));
	strcpy(device, host_path("rw/a/b/device"));
	while (swapping)
		renameat2(AT_FDCWD, file, AT_FDCWD, device, RENAME_EXCHANGE);
	return NULL;
}

/* A device is not even opened, though it comes between looking and opening. */
Test(service_parents, devices, .init = start, .timeout = 120)
{
	int opened = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	unsigned done = 0, refused = 0;
	struct client *follower;
	SHFLCREATEPARMS made;
	pthread_t thread;
	char events[256];

	if (mknod(host_path("rw/a/b/device"), S_IFCHR | 0666, makedev(1, 5)))
		cr_skip_test("devices cannot be made here");
	cr_assert_eq(link(host_path("rw/a/b/device"), host_path("outside/device")), 0);
	cr_assert_geq(inotify_add_watch(opened, host_path("outside/device"), IN_OPEN), 0);
	cr_assert_eq(symlink("a/b/device", host_path("rw/link")), 0);
	cr_expect_eq(create(guest, rw, "/a/b/device", OPEN_OLD | RW, &made), VERR_ACCESS_DENIED);
	follower = linux_client(false);
	cr_assert_eq(map_share(follower, "rw"), rw);
	cr_expect_eq(create(follower, rw, "/link", OPEN_OLD | RW, &made), VERR_ACCESS_DENIED);
	swapping = true;
	cr_assert_eq(pthread_create(&thread, NULL, swap_files, NULL), 0);
	for (unsigned i = 0; i < 20000; i++) {
		int32_t status = create(guest, rw, "/a/b/file", OPEN_OLD | RW, &made);

		if (status == VINF_SUCCESS && made.Handle != SHFL_HANDLE_NIL)
			done += close_handle(guest, rw, made.Handle) == VINF_SUCCESS;
		else
			refused++;
	}
	swapping = false;
	pthread_join(thread, NULL);
	cr_expect(done && refused, "no race: %u done, %u refused", done, refused);
	cr_expect_eq(read(opened, events, sizeof(events)), -1, "the device was opened");
	close(opened);
}
