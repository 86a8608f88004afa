/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes to a file through a mapping: map_file FILE. The file has a page at least; its first byte
 * becomes 'M' before an msync, its second one before the munmap.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 4096

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
	char *map =
		fd < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		perror("map_file");
		return 1;
	}
	map[0] = 'M';
	if (msync(map, SIZE, MS_SYNC))
		perror("msync");
	map[1] = 'M';
	if (munmap(map, SIZE))
		perror("munmap");
	return close(fd);
}
