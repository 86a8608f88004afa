/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does what can be seen on the wire, with looks at names in between ("mark-...") that divide the
 * trace: guest_sf_trace_test.sh asks the trace for it. DIR and TWIN are mounts of one share.
 * usage: sf_wire DIR TWIN [CHECK ...]
 */
#include <dirent.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "check.h"

static void mark(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "mark-%s", name);
	FAILS(access(path, F_OK), ENOENT);
}

static char *map_file(int fd)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	OK(map != MAP_FAILED);
	return map;
}

static void wire_map(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT, 0644);
	char *map;

	OK(!ftruncate(fd, 8192));
	map = map_file(fd);
	mark("map");
	map[0] = 'm';
	mark("msync");
	OK(!msync(map, 8192, MS_SYNC));
	mark("msynced");
	map[4096] = 'u';
	OK(!munmap(map, 8192));
	mark("munmapped");
	map = map_file(fd);
	map[1] = 'c';
	OK(!close(fd));
	mark("closed");
	OK(!munmap(map, 8192));
}

static void wire_append(void)
{
	int fd[3] = {open("log", O_WRONLY | O_CREAT | O_APPEND, 0644),
		     open("log", O_WRONLY | O_APPEND), open(other("log"), O_WRONLY | O_APPEND)};

	for (int i = 0; i < 60; i++)
		OK(write(fd[i % 3], "0123456789abcdef", 1 + i % 16) == 1 + i % 16);
	for (int i = 0; i < 3; i++)
		OK(!close(fd[i]));
}

static void wire_sync(void)
{
	int root = open(".", O_RDONLY), fd = open("synced", O_RDWR | O_CREAT, 0644);

	OK(write(fd, "x", 1) == 1);
	mark("fsync");
	OK(!fsync(fd));
	mark("fsynced");
	put("left", "x");
	mark("sync");
	OK(!syncfs(root));
	mark("synced");
	OK(!close(fd) && !close(root));
}

static void wire_far(void)
{
	int fd = open("far", O_RDWR | O_CREAT, 0644);
	char byte;

	OK(pwrite(fd, "x", 1, (off_t)5 << 30) == 1 && pread(fd, &byte, 1, (off_t)5 << 30) == 1);
	mark("end");
	OK(pread(fd, &byte, 1, ((off_t)5 << 30) + 1) == 0 && write(fd, "", 0) == 0);
	mark("ended");
	OK(!close(fd));
}

static void wire_large(void)
{
	static char data[4 << 20];
	int fd = open("large", O_RDWR | O_CREAT, 0644);

	OK(write(fd, data, sizeof(data)) == sizeof(data));
	OK(pread(fd, data, sizeof(data), 0) == sizeof(data) && !close(fd));
}

static void wire_full(void)
{
	static char data[1 << 16];
	int fd = open("small/full", O_WRONLY | O_CREAT, 0644);
	ssize_t done;

	if (fd < 0)
		return;
	while ((done = write(fd, data, sizeof(data))) > 0)
		;
	OK(errno == ENOSPC && !close(fd));
	OK(chmod("frozen/file", 0600) < 0);
}

static void wire_names(void)
{
	put("one", "1");
	put("two", "2");
	FAILS(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE), EEXIST);
	OK(!rename("one", "two"));
	FAILS(symlink("two", "refused"), EPERM);
	OK(!access("two", F_OK));
	mark("refused");
	FAILS(link("two", "hard"), EPERM);
	FAILS(setxattr("two", "user.x", "y", 1, 0), EOPNOTSUPP);
	FAILS(chmod("two", 04755), EPERM);
	mark("none");
}

/* The script has made 1000 files in "many". */
static void wire_list(void)
{
	DIR *directory = opendir("many");
	struct stat attributes;
	struct dirent *entry;
	int count = 0;

	OK(directory);
	while ((entry = readdir(directory)))
		count++;
	OK(count == 1002);
	mark("listed");
	rewinddir(directory);
	for (int i = 0; i < 20; i++) {
		entry = readdir(directory);
		OK(entry && !fstatat(dirfd(directory), entry->d_name, &attributes, 0));
	}
	mark("known");
	OK(!closedir(directory));
}

static const struct check checks[] = {
	{"map", wire_map},     {"append", wire_append}, {"sync", wire_sync},   {"far", wire_far},
	{"large", wire_large}, {"full", wire_full},	{"names", wire_names}, {"list", wire_list},
};

int main(int argc, char **argv)
{
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
