/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's file system promises, check by check. DIR is a mounted share, TWIN another
 * mount of the same share: it has caches of its own, so it is another party.
 * usage: sf_check DIR TWIN [CHECK ...]
 */
#include <dirent.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "check.h"

#define TTL_US 1200000 /* longer than attributes are believed */
#define NODE_HEADER_VERSION 0x10001u

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
}

static void check_append(void)
{
	char record[32];
	int fd[3], ends;
	char text[8192];

	for (int i = 0; i < 3; i++)
		fd[i] = open(i == 2 ? other("log") : "log", O_RDWR | O_CREAT | O_APPEND, 0644);
	for (int i = 0; i < 300; i++) {
		snprintf(record, sizeof(record), "record %03d\n", i);
		OK(write(fd[i % 3], record, 11) == 11);
	}
	usleep(TTL_US);
	OK(pread(fd[0], text, sizeof(text), 0) == 3300);
	for (int i = 0; i < 300; i++)
		OK(sscanf(text + 11 * i, "record %d\n", &ends) == 1 && ends == i);
	for (int i = 0; i < 3; i++)
		OK(!close(fd[i]));
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
	FAILS(chown("plain", 77, (gid_t)-1), EPERM);
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

/* What another party changes is seen at the next open, and by reads after a while. */
static void check_coherence(void)
{
	char text[8] = "";
	int fd;

	put("shared", "one");
	fd = open("shared", O_RDONLY);
	OK(pread(fd, text, 8, 0) == 3 && !memcmp(text, "one", 3));
	put(other("shared"), "two");
	OK(holds("shared", "two"));
	put(other("shared"), "six");
	usleep(TTL_US);
	OK(pread(fd, text, 8, 0) == 3 && !memcmp(text, "six", 3));
	put(other("shared"), "longer");
	usleep(TTL_US);
	OK(pread(fd, text, 8, 0) == 6 && !memcmp(text, "longer", 6));
	OK(lseek(fd, 0, SEEK_END) == 6 && !close(fd));
	/* both write at the same time, each another part */
	fd = open("shared", O_RDWR);
	put(other("shared"), "ABCDEF");
	OK(pwrite(fd, "xy", 2, 2) == 2 && holds(other("shared"), "ABxyEF"));
	usleep(TTL_US);
	OK(pread(fd, text, 8, 0) == 6 && !memcmp(text, "ABxyEF", 6) && !close(fd));
}

static void check_sparse(void)
{
	const off_t far = (off_t)5 << 30;
	struct stat attributes;
	char text[16];
	int fd = open("sparse", O_RDWR | O_CREAT, 0644);

	OK(pwrite(fd, "end", 3, far) == 3 && !fstat(fd, &attributes));
	OK(attributes.st_size == far + 3 && attributes.st_blocks < 1000);
	OK(pread(fd, text, 16, far - 8) == 11 && !memcmp(text, "\0\0\0\0\0\0\0\0end", 11));
	OK(pread(fd, text, 16, far + 3) == 0 && pread(fd, text, 16, far + 4096) == 0);
	OK(pwrite(fd, text, 0, 0) == 0);
	OK(!ftruncate(fd, far - 1) && pread(fd, text, 16, far - 2) == 1);
	OK(!close(fd));
}

static void check_map(void)
{
	static const char *const ways[] = {"msync", "munmap", "close"};
	char text[3] = "";
	char *map;
	int fd;

	for (int i = 0; i < 3; i++) {
		put("mapped", "0123456789");
		fd = open("mapped", O_RDWR);
		map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		OK(map != MAP_FAILED);
		memcpy(map + 3, ways[i], 2);
		if (i == 0)
			OK(!msync(map, 4096, MS_SYNC));
		if (i == 2)
			OK(!close(fd));
		if (i != 0)
			OK(!munmap(map, 4096));
		if (i != 2)
			OK(!close(fd));
		OK((fd = open(other("mapped"), O_RDONLY)) >= 0);
		OK(pread(fd, text, 2, 3) == 2 && !memcmp(text, ways[i], 2));
		close(fd);
		OK(!unlink("mapped"));
	}
}

static void check_flush(void)
{
	long before = calls_of("FLUSH");
	int fd = open("flushed", O_RDWR | O_CREAT, 0644);

	OK(write(fd, "x", 1) == 1 && !fsync(fd) && calls_of("FLUSH") == before + 1);
	OK(write(fd, "x", 1) == 1 && !fdatasync(fd) && calls_of("FLUSH") == before + 2);
	OK(write(fd, "x", 1) == 1 && !syncfs(fd) && calls_of("FLUSH") == before + 3);
	OK(!syncfs(fd) && calls_of("FLUSH") == before + 3);
	OK(!close(fd));
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

/* The script's tmpfs of 1 MiB lies below "small". */
static void check_disk_full(void)
{
	static char data[1 << 20];
	ssize_t total = 0, done;
	int fd = open("small/file", O_WRONLY | O_CREAT, 0644);
	char *map;

	if (fd < 0 && errno == ENOENT)
		return;
	while ((done = write(fd, data, 100000)) > 0)
		total += done;
	OK(done < 0 && errno == ENOSPC && total > 500000 && total <= 1 << 20);
	OK(lseek(fd, 0, SEEK_CUR) == total && !close(fd));
	/* a hole has no room: the error comes when pages are written, and only once */
	OK((fd = open("small/hole", O_RDWR | O_CREAT, 0644)) >= 0 && !ftruncate(fd, 1 << 16));
	map = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OK(map != MAP_FAILED);
	memset(map, 1, 1 << 16);
	FAILS(fsync(fd), ENOSPC);
	OK(!fsync(fd));
	OK(!munmap(map, 1 << 16) && !close(fd) && !unlink("small/file") && !unlink("small/hole"));
}

static int call_node(int fd, unsigned int number, void *request, size_t size)
{
	uint32_t *header = request;

	header[0] = (uint32_t)size;
	header[1] = NODE_HEADER_VERSION;
	OK(!ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'V', number, size), request));
	return (int)header[3];
}

#define MAX_PARAMETERS 40

/* A parameter is three words: type, value or size, address. */
static int call_service(int fd, uint32_t client, uint32_t function, int count, uint64_t *parameters)
{
	uint32_t request[10 + 4 * MAX_PARAMETERS] = {0};
	size_t size = 40 + 16 * (size_t)count;

	request[6] = client;
	request[7] = function;
	request[8] = UINT32_MAX;
	request[9] = (uint32_t)count << 16;
	for (int i = 0; i < count; i++) {
		request[10 + 4 * i] = (uint32_t)parameters[3 * i];
		request[11 + 4 * i] = (uint32_t)parameters[3 * i + 1];
		memcpy(&request[12 + 4 * i], &parameters[3 * i + 2], 8);
	}
	return call_node(fd, 7, request, size);
}

/* Programs make HGCM calls; what they must not do is refused. */
static void check_ioctl(void)
{
	uint32_t connect[39] = {[6] = 2};
	uint32_t disconnect[7] = {0};
	uint32_t report[42] = {[2] = 58};
	uint32_t mappings[128] = {0};
	uint64_t parameters[3 * MAX_PARAMETERS] = {1, 1, 0, 1, 64, 0, 6, 512, (uintptr_t)mappings};
	uint64_t lists[3] = {10, 512, 64}, locked[3] = {7, 512, (uintptr_t)mappings};
	uint64_t kernel[9] = {1, 1, 0, 1, 64, 0, 4, 512, 0xffff888000000000ull};
	uint32_t bad[6] = {24, NODE_HEADER_VERSION + 1};
	int fd = open("/dev/vboxuser", O_RDWR);

	strcpy((char *)&connect[7], "VBoxSharedFolders");
	OK(fd >= 0 && call_node(fd, 4, connect, sizeof(connect)) == 0);
	OK(call_service(fd, connect[6], 1, 3, parameters) == 0 && mappings[0] == 1);
	OK(call_service(fd, connect[6] + 1, 1, 3, parameters) == -4);
	OK(call_service(fd, connect[6], 1, 40, parameters) == -2);
	OK(call_service(fd, connect[6], 1, 1, lists) == -2);
	OK(call_service(fd, connect[6], 1, 1, locked) == -2);
	OK(call_service(fd, connect[6], 1, 3, kernel) == -6);
	OK(call_node(fd, 2, report, sizeof(report)) == -10);
	OK(call_node(fd, 200, connect, sizeof(connect)) == -37);
	FAILS(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'V', 0, 24), bad), EINVAL);
	disconnect[6] = connect[6];
	OK(call_node(fd, 5, disconnect, sizeof(disconnect)) == 0);
	OK(call_node(fd, 5, disconnect, sizeof(disconnect)) == -4);
	OK(!close(fd));
}

static const struct check checks[] = {
	{"names", check_names},
	{"open", check_open},
	{"append", check_append},
	{"rename", check_rename},
	{"removed", check_removed},
	{"refused", check_refused},
	{"links", check_links},
	{"times", check_times},
	{"coherence", check_coherence},
	{"sparse", check_sparse},
	{"map", check_map},
	{"flush", check_flush},
	{"listing", check_listing},
	{"listing_changing", check_listing_changing},
	{"locks", check_locks},
	{"statfs", check_statfs},
	{"disk_full", check_disk_full},
	{"ioctl", check_ioctl},
};

int main(int argc, char **argv)
{
	umask(022);
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
