/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's file system on a host that writes 1000 bytes a call at most, and nothing at all at
 * 1 TiB (tests/services/short_service.c): what was not written is told or tried again, and nobody
 * tries for ever. With SF_WRITEBACK set DIR is mounted with cache=writeback.
 * usage: sf_short DIR DIR
 */
#include <sys/mman.h>

#include "check.h"

#define SIZE 65536
#define NOWHERE ((off_t)1 << 40)

static char data[SIZE], back[SIZE];

static int open_new(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	OK(fd >= 0);
	alarm(60); /* ends the program if it is still busy then */
	for (int i = 0; i < SIZE; i++)
		data[i] = (char)(i * 31 + i / 253);
	return fd;
}

/* Short writes are reported as such, or nothing of them is short. */
static void check_write(void)
{
	int fd = open_new("written"), calls = 0;
	ssize_t total = 0, done;

	for (; total < SIZE; total += done, calls++) {
		done = write(fd, data + total, (size_t)(SIZE - total));
		OK(done > 0 && lseek(fd, 0, SEEK_CUR) == total + done);
		OK(pread(fd, back, SIZE, 0) == total + done);
		OK(!memcmp(back, data, (size_t)(total + done)));
	}
	OK(!fsync(fd) && calls > 1 && !close(fd));
}

static void check_small(void)
{
	int fd = open_new("small"), i;

	for (i = 0; i < SIZE; i += 4096)
		OK(write(fd, data + i, 4096) > 0);
	OK(!fsync(fd) && pread(fd, back, 1000, 0) == 1000 && !memcmp(back, data, 1000));
	OK(!close(fd));
}

static void check_mapped(void)
{
	int fd = open_new("mapped");
	char *map;

	OK(!ftruncate(fd, SIZE - 77));
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OK(map != MAP_FAILED);
	memcpy(map, data, SIZE - 77);
	OK(!msync(map, SIZE, MS_SYNC) && !munmap(map, SIZE) && !close(fd));
	OK((fd = open(other("mapped"), O_RDONLY)) >= 0);
	OK(read(fd, back, SIZE) == SIZE - 77 && !memcmp(back, data, SIZE - 77) && !close(fd));
}

static void check_nothing(void)
{
	int fd = open_new("nothing");

	if (getenv("SF_WRITEBACK")) {
		OK(pwrite(fd, data, 10, NOWHERE) == 10);
		FAILS(fsync(fd), EIO);
		OK(!fsync(fd));
	} else {
		FAILS(pwrite(fd, data, 10, NOWHERE), EIO);
	}
	FAILS(pwrite(fd, data, SIZE, NOWHERE), EIO);
	OK(!close(fd));
}

static const struct check checks[] = {
	{"write", check_write},
	{"small", check_small},
	{"mapped", check_mapped},
	{"nothing", check_nothing},
};

int main(int argc, char **argv)
{
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
