/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's file system promises about names and attributes, check by check. DIR is a
 * mounted share, TWIN another mount of it: another party with caches of its own.
 * usage: sf_check DIR TWIN [CHECK ...]
 */
#include <dirent.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "check.h"

/* Directory in directory, until the path is too long to be said: an error, no other name. */
static void check_deep(void)
{
	char name[201];
	int fd = open(".", O_RDONLY | O_DIRECTORY), below, depth = 0;

	memset(name, 'd', 200);
	name[200] = 0;
	while (!mkdirat(fd, name, 0755)) {
		OK((below = openat(fd, name, O_RDONLY | O_DIRECTORY)) >= 0);
		close(fd);
		fd = below;
		depth++;
	}
	OK(errno == ENAMETOOLONG && depth >= 18 && depth <= 20);
	OK((below = openat(fd, "f", O_WRONLY | O_CREAT, 0644)) >= 0 && write(below, "x", 1) == 1);
	OK(!close(below) && !close(fd));
}

static void check_names(void)
{
	char name[258];

	memset(name, 'n', sizeof(name));
	name[255] = 0;
	put(name, "long");
	OK(holds(other(name), "long"));
	name[255] = 'n';
	name[256] = 0;
	FAILS(open(name, O_RDONLY), ENAMETOOLONG);
	FAILS(open(name, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
	put("back\\slash", "b");
	OK(holds(other("back\\slash"), "b"));
	put("\xc3\xa4 \xe2\x82\xac", "u");
	OK(holds(other("\xc3\xa4 \xe2\x82\xac"), "u"));
	FAILS(open("\xff\xfe", O_RDONLY), ENOENT);
	FAILS(open("\xff\xfe", O_WRONLY | O_CREAT, 0600), EILSEQ);
	FAILS(mkdir("\xc0\x80", 0700), EILSEQ);
	FAILS(rename("back\\slash", "\xff"), EILSEQ);
	FAILS(unlink("\xff\xfe"), ENOENT);
	/* 255 bytes are 85 of these, and a path of 4096 is longer than the host can be told */
	for (int i = 0; i < 255; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 3);
	name[255] = 0;
	put(name, "wide");
	OK(holds(other(name), "wide"));
	check_deep();
}

static void check_open(void)
{
	struct stat attributes;

	FAILS(open("none", O_RDONLY), ENOENT);
	FAILS(open("none/below", O_WRONLY | O_CREAT, 0600), ENOENT);
	put("file", "text");
	FAILS(open("file", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	FAILS(open("file/below", O_RDONLY), ENOTDIR);
	FAILS(mkdir("file", 0700), EEXIST);
	OK(!mkdir("directory", 0700));
	OK(!stat("directory", &attributes) && (attributes.st_mode & 07777) == 0700);
	FAILS(mkdir("directory", 0700), EEXIST);
	FAILS(open("directory", O_WRONLY), EISDIR);
	FAILS(open("directory", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	FAILS(rmdir("file"), ENOTDIR);
	FAILS(unlink("directory"), EISDIR);
	/* the other party makes a file whose absence we have cached */
	FAILS(open("late", O_RDONLY), ENOENT);
	put(other("late"), "theirs");
	OK(close(open("late", O_WRONLY | O_CREAT, 0644)) == 0);
	OK(holds("late", "theirs"));
	put("file", "");
	OK(holds("file", ""));
	put("file", "cut");
	OK(close(open("file", O_RDONLY | O_TRUNC)) == 0 && holds(other("file"), ""));
}

static void check_rename(void)
{
	put("from", "from");
	put("to", "to");
	FAILS(renameat2(AT_FDCWD, "from", AT_FDCWD, "to", RENAME_NOREPLACE), EEXIST);
	FAILS(renameat2(AT_FDCWD, "from", AT_FDCWD, "to", RENAME_EXCHANGE), EINVAL);
	OK(!rename("from", "to") && holds("to", "from"));
	FAILS(open("from", O_RDONLY), ENOENT);
	OK(!renameat2(AT_FDCWD, "to", AT_FDCWD, "new", RENAME_NOREPLACE));
	OK(!mkdir("a", 0755) && !mkdir("b", 0755));
	put("a/inside", "inside");
	FAILS(rename("new", "b"), EISDIR);
	FAILS(rename("b", "a"), ENOTEMPTY);
	OK(!rename("a", "b") && holds("b/inside", "inside") && holds(other("b/inside"), "inside"));
	FAILS(access("a", F_OK), ENOENT);
	FAILS(rename("none", "x"), ENOENT);
}

static void check_removed(void)
{
	struct stat attributes;
	char text[8] = "";
	int fd;

	put("gone", "text");
	fd = open("gone", O_RDWR);
	OK(!unlink("gone"));
	FAILS(access(other("gone"), F_OK), ENOENT);
	OK(pwrite(fd, "more", 4, 4) == 4);
	OK(!fstat(fd, &attributes) && attributes.st_nlink == 0 && attributes.st_size == 8);
	OK(pread(fd, text, 8, 0) == 8 && !memcmp(text, "textmore", 8));
	OK(!ftruncate(fd, 2) && !fstat(fd, &attributes) && attributes.st_size == 2);
	put("gone", "another");
	OK(pread(fd, text, 8, 0) == 2 && holds("gone", "another"));
	OK(!close(fd));
	fd = open("gone", O_WRONLY | O_APPEND);
	OK(!unlink("gone") && !ftruncate(fd, 3) && write(fd, "end", 3) == 3 && !fsync(fd));
	OK(!fstat(fd, &attributes) && attributes.st_size == 6 && !close(fd));
}

static void check_refused(void)
{
	struct stat attributes;
	char value[8];

	put("plain", "x");
	FAILS(link("plain", "hard"), EPERM);
	FAILS(mknod("pipe", S_IFIFO | 0600, 0), EPERM);
	FAILS(mknod("null", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	FAILS(setxattr("plain", "user.a", "b", 1, 0), EOPNOTSUPP);
	FAILS(getxattr("plain", "user.a", value, sizeof(value)), EOPNOTSUPP);
	FAILS(removexattr("plain", "user.a"), EOPNOTSUPP);
	FAILS(setxattr(".", "trusted.a", "b", 1, 0), EOPNOTSUPP);
	FAILS(setxattr("plain", "system.posix_acl_access", "b", 1, 0), EOPNOTSUPP);
	OK(listxattr("plain", value, sizeof(value)) == 0);
	FAILS(open(".", O_RDWR | O_TMPFILE, 0600), EOPNOTSUPP);
	FAILS(fallocate(open("plain", O_RDWR), 0, 0, 100), EOPNOTSUPP);
	FAILS(chown("plain", 77, (gid_t)-1), EPERM);
	FAILS(chown("plain", (uid_t)-1, 77), EPERM);
	OK(!chown("plain", getuid(), getgid()) && !lchown("plain", (uid_t)-1, (gid_t)-1));
	FAILS(chmod("plain", 04755), EPERM);
	OK(!chmod("plain", 0640) && !stat(other("plain"), &attributes));
	OK((attributes.st_mode & 07777) == 0640);
}

static void check_links(void)
{
	char text[64];
	struct stat attributes;

	put("target", "hit");
	FAILS(symlink("target", "link"), EPERM);
	OK(!symlink("target", other("link")));
	OK(!lstat("link", &attributes) && S_ISLNK(attributes.st_mode));
	OK(readlink("link", text, sizeof(text)) == 6 && !memcmp(text, "target", 6));
	OK(holds("link", "hit"));
	FAILS(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	FAILS(open("link", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	put("link", "through");
	OK(holds("target", "through"));
	OK(!unlink("link") && holds("target", "through"));
	/* renamed, over a file, and replaced by one: the link itself each time */
	OK(!symlink("target", other("link2")) && !rename("link2", "renamed"));
	OK(readlink("renamed", text, sizeof(text)) == 6);
	put("file-below", "b");
	OK(!rename("renamed", "file-below") && holds("file-below", "through"));
	put("file-above", "above");
	OK(!rename("file-above", "file-below") && holds("file-below", "above"));
	OK(holds("target", "through") && !lstat("file-below", &attributes));
	OK(S_ISREG(attributes.st_mode));
	/* the protocol has no times and modes of links */
	OK(!symlink("target", other("link3")));
	FAILS(utimensat(AT_FDCWD, "link3", NULL, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	OK(!mkdir("linked", 0755) && !symlink("linked", other("dirlink")));
	put("dirlink/inside", "in");
	OK(holds("linked/inside", "in") && rmdir("dirlink") < 0 && errno == ENOTDIR);
	OK(!unlink("dirlink") && holds("linked/inside", "in"));
}

static void check_times(void)
{
	const struct timespec times[2] = {{1000000000, 123456789}, {-5, 987654321}};
	struct stat attributes;

	put("dated", "x");
	OK(!utimensat(AT_FDCWD, "dated", times, 0) && !stat(other("dated"), &attributes));
	OK(!memcmp(&attributes.st_atim, &times[0], sizeof(times[0])));
	OK(!memcmp(&attributes.st_mtim, &times[1], sizeof(times[1])));
}

/* The script has made "many" with its files on the host: f0, f1 ... */
static void check_listing(void)
{
	DIR *directory = opendir("many");
	struct dirent *entry;
	struct stat attributes;
	char path[300], middle_name[256] = "";
	long count = 0, middle = 0, creates;

	OK(directory);
	for (; (entry = readdir(directory)); count++) {
		OK(entry->d_type == (entry->d_name[0] == '.' ? DT_DIR : DT_REG));
		if (count == 1000) {
			middle = telldir(directory);
			OK((entry = readdir(directory)));
			strcpy(middle_name, entry->d_name);
			count++;
		}
	}
	snprintf(path, sizeof(path), "%s", getenv("SF_MANY") ?: "0");
	OK(count == atol(path) + 2);
	seekdir(directory, middle);
	OK((entry = readdir(directory)) && !strcmp(entry->d_name, middle_name));
	rewinddir(directory);
	creates = calls_of("CREATE");
	for (int i = 0; i < 200 && (entry = readdir(directory)); i++) {
		snprintf(path, sizeof(path), "many/%s", entry->d_name);
		OK(!stat(path, &attributes) && attributes.st_ino == entry->d_ino);
	}
	/* a slow machine asks for what has aged: "many" itself, a few names */
	OK(calls_of("CREATE") <= creates + 20);
	closedir(directory);
}

/* The script has made "types" on the host. */
static void check_types(void)
{
	static const struct {
		const char *name;
		unsigned char type;
	} expected[] = {
		{"file", DT_REG}, {"directory", DT_DIR}, {"link", DT_LNK}, {"pipe", DT_FIFO}};
	DIR *directory = opendir("types");
	struct stat one, two;
	struct dirent *entry;
	int found = 0;

	OK(directory);
	while ((entry = readdir(directory)))
		for (int i = 0; i < 4; i++)
			if (!strcmp(entry->d_name, expected[i].name)) {
				OK(entry->d_type == expected[i].type);
				found++;
			}
	OK(found == 4 && !closedir(directory));
	FAILS(open("types/pipe", O_RDONLY), ENXIO);
	OK(!stat("types/file", &one) && !stat("types/again", &two) && one.st_nlink == 2);
	OK(one.st_ino == two.st_ino && !truncate("types/again", 77));
	OK(!stat("types/file", &one) && one.st_size == 77);
	OK(!unlink("types/again") && !stat("types/file", &one) && one.st_nlink == 1);
	/* a path that is a file's cannot be gone through */
	FAILS(open("types/file/x", O_RDONLY), ENOTDIR);
}

/* Where the host cannot change a mode it says so: the script has made "frozen" read-only. */
static void check_frozen(void)
{
	struct stat before, after;

	if (stat("frozen/file", &before))
		return;
	OK(chmod("frozen/file", 0600) < 0 && (errno == EPERM || errno == EROFS));
	OK(!stat("frozen/file", &after) && after.st_mode == before.st_mode);
	FAILS(open("frozen/file", O_WRONLY), EROFS);
	FAILS(open("frozen/new", O_WRONLY | O_CREAT, 0600), EROFS);
	FAILS(unlink("frozen/file"), EROFS);
	OK(holds("frozen/file", "frozen\n"));
}

/* A listing while files come and go has the others once each. */
static void check_listing_changing(void)
{
	static char seen[2000];
	struct dirent *entry;
	char path[300];
	DIR *directory;
	int number;

	OK(!mkdir("changing", 0755));
	for (int i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "changing/keep%d", i);
		OK(!close(open(path, O_WRONLY | O_CREAT, 0644)));
	}
	directory = opendir("changing");
	for (int i = 0; (entry = readdir(directory)); i++) {
		if (sscanf(entry->d_name, "keep%d", &number) == 1)
			seen[number]++;
		snprintf(path, sizeof(path), "changing/come%d", i);
		if (i % 10 == 0)
			OK(!close(open(path, O_WRONLY | O_CREAT, 0644)));
		if (i % 10 == 5)
			OK(!unlink(path) || errno == ENOENT);
	}
	closedir(directory);
	for (int i = 0; i < 2000; i++)
		OK(seen[i] == 1);
}

#define POSITIONS 300

/* Places that were noted are found again, in any order, through small buffers and large ones. */
static void check_positions(void)
{
	static char names[POSITIONS][256];
	static long places[POSITIONS];
	struct dirent *entry;
	DIR *directory;
	char path[32];

	OK(!mkdir("positions", 0755));
	for (int i = 0; i < POSITIONS - 2; i++) {
		snprintf(path, sizeof(path), "positions/entry%d", i);
		OK(!close(open(path, O_WRONLY | O_CREAT, 0644)));
	}
	OK((directory = opendir("positions")));
	for (int i = 0; i < POSITIONS; i++) {
		places[i] = telldir(directory);
		OK((entry = readdir(directory)));
		strcpy(names[i], entry->d_name);
	}
	OK(!readdir(directory));
	for (int i = 0; i < POSITIONS; i++) {
		int wanted = (i * 107 + 11) % POSITIONS;

		seekdir(directory, places[wanted]);
		OK((entry = readdir(directory)) && !strcmp(entry->d_name, names[wanted]));
	}
	rewinddir(directory);
	OK((entry = readdir(directory)) && !strcmp(entry->d_name, "."));
	closedir(directory);
}

static void check_locks(void)
{
	int first = open("locked", O_RDWR | O_CREAT, 0644);
	int second = open("locked", O_RDWR);

	OK(!flock(first, LOCK_EX));
	FAILS(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	OK(!flock(first, LOCK_UN) && !flock(second, LOCK_EX | LOCK_NB));
	OK(!close(first) && !close(second));
}

static void check_statfs(void)
{
	struct statvfs volume;

	OK(!statvfs(".", &volume) && volume.f_namemax == 255);
	OK(volume.f_blocks && volume.f_bavail <= volume.f_blocks);
}

static const struct check checks[] = {
	{"names", check_names},
	{"open", check_open},
	{"rename", check_rename},
	{"removed", check_removed},
	{"refused", check_refused},
	{"links", check_links},
	{"times", check_times},
	{"types", check_types},
	{"frozen", check_frozen},
	{"listing", check_listing},
	{"listing_changing", check_listing_changing},
	{"positions", check_positions},
	{"locks", check_locks},
	{"statfs", check_statfs},
};

int main(int argc, char **argv)
{
	umask(022);
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
