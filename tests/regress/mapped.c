/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes a file through shared mappings: what "record mapped-writes" runs in a guest. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 10000

int main(int argc, char **argv)
{
	static char contents[SIZE];
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
	char *map;

	memset(contents, 'a', SIZE);
	if (fd < 0 || write(fd, contents, SIZE) != SIZE)
		return 1;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return 2;
	memcpy(map + 4000, "within a page", 13);
	map[4090] = 'x';
	memset(map + 4094, 'y', 4);
	if (msync(map, SIZE, MS_SYNC))
		return 3;
	map[9999] = 'z';
	munmap(map, SIZE);
	/* What is read next is to come from the host, not out of the page cache. */
	if (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		return 4;
	if (pread(fd, contents, SIZE, 0) != SIZE || contents[9999] != 'z' || contents[4095] != 'y')
		return 5;
	return close(fd) ? 6 : 0;
}
