/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzz targets share: reading the input as numbers, and a share with a
 * directory beside it that must stay as it is.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUZZ_UNUSED __attribute__((unused)) static

struct input {
	const uint8_t *at;
	size_t left;
};

/* The next bytes; zeroes when there are no more. */
FUZZ_UNUSED void take(struct input *input, void *to, size_t bytes)
{
	size_t n = bytes < input->left ? bytes : input->left;

	memset(to, 0, bytes);
	memcpy(to, input->at, n);
	input->at += n;
	input->left -= n;
}

#define TAKE(type)                                            \
	FUZZ_UNUSED type##_t take_##type(struct input *input) \
	{                                                     \
		type##_t value;                               \
                                                              \
		take(input, &value, sizeof(value));           \
		return value;                                 \
	}
TAKE(uint8)
TAKE(uint16)
TAKE(uint32)
TAKE(uint64)

static char fuzz_dir[64]; /* holds "share" and "outside" */

/* A path in there, good until the third after it. */
FUZZ_UNUSED const char *fuzz_path(const char *name)
{
	static char paths[3][128];
	static unsigned next;
	char *path = paths[next++ % 3];

	snprintf(path, sizeof(paths[0]), "%s/%s", fuzz_dir, name);
	return path;
}

FUZZ_UNUSED int fuzz_remove_entry(const char *path, const struct stat *info, int type,
				  struct FTW *level)
{
	(void)info, (void)type, (void)level;
	return remove(path);
}

FUZZ_UNUSED void fuzz_file(const char *name, const char *contents)
{
	int fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, contents, strlen(contents)) < 0)
		abort();
	close(fd);
}

/* The share anew: files, directories, and links that stay and that leave. */
FUZZ_UNUSED void fuzz_make_share(void)
{
	nftw(fuzz_path("share"), fuzz_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	if (mkdir(fuzz_path("share"), 0755) || mkdir(fuzz_path("share/d"), 0755) ||
	    mkdir(fuzz_path("share/d/e"), 0755))
		abort();
	fuzz_file("share/f", "contents");
	fuzz_file("share/d/g", "more");
	fuzz_file("share/d/e/Mixed", "case");
	if (symlink("f", fuzz_path("share/in")) ||
	    symlink("../outside/secret", fuzz_path("share/out")) ||
	    symlink("../outside", fuzz_path("share/outdir")) ||
	    symlink("d", fuzz_path("share/dirlink")) || mkfifo(fuzz_path("share/fifo"), 0644))
		abort();
}

FUZZ_UNUSED void fuzz_remove_all(void)
{
	if (fuzz_dir[0])
		nftw(fuzz_dir, fuzz_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

FUZZ_UNUSED void fuzz_make_world(void)
{
	struct rlimit limit = {1 << 24, 1 << 24}; /* a guest may fill a disk, but not this one */

	strcpy(fuzz_dir, "/dev/shm/sf_fuzz_XXXXXX");
	if (!mkdtemp(fuzz_dir) || mkdir(fuzz_path("outside"), 0755))
		abort();
	atexit(fuzz_remove_all);
	fuzz_file("outside/secret", "secret");
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* Nothing may have come of it outside of the share. */
FUZZ_UNUSED void fuzz_check_outside(void)
{
	DIR *dir = opendir(fuzz_path("outside"));
	struct stat info;
	unsigned n = 0;

	if (!dir || lstat(fuzz_path("outside/secret"), &info) || info.st_size != 6 ||
	    (info.st_mode & 07777) != 0644)
		abort();
	while (readdir(dir))
		n++;
	closedir(dir);
	if (n != 3)
		abort();
	dir = opendir(fuzz_dir);
	for (n = 0; readdir(dir);)
		n++;
	closedir(dir);
	if (n != 4)
		abort();
}

#endif
