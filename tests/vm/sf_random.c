/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seeded random operations on files, each compared with a model in memory: reads, writes, appends,
 * truncates, mappings, renames, reopens, through two descriptors and an appending one.
 * usage: sf_random DIR SEED COUNT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 4
#define MAX_SIZE (1u << 20)
#define DESCRIPTORS 3
#define APPENDING 2

struct file {
	char path[32];
	int number; /* in the path: renames give new ones */
	int fd[DESCRIPTORS];
	unsigned char *data;
	size_t size;
};

static struct file files[FILES];
static unsigned char buffer[MAX_SIZE];
static unsigned long long state;
static long step;
static const char *doing = "nothing";

static unsigned int rnd(unsigned int limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(state >> 33) % limit;
}

static void die(const struct file *file, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "sf_random: step %ld, %s, %s: ", step, doing, file->path);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, " (errno: %s)\n", strerror(errno));
	exit(1);
}

/* Mostly small, sometimes whole pages, sometimes large. */
static size_t random_length(void)
{
	switch (rnd(8)) {
	case 0:
		return 4096;
	case 1:
		return 1 + rnd(200000);
	case 2:
		return 4096 * (1 + rnd(40));
	default:
		return 1 + rnd(6000);
	}
}

static size_t random_offset(const struct file *file)
{
	switch (rnd(4)) {
	case 0:
		return rnd(MAX_SIZE / 4096) * 4096;
	case 1:
		return file->size;
	default:
		return rnd((unsigned int)file->size + 5000);
	}
}

static void fill(size_t length)
{
	unsigned char value = (unsigned char)(1 + rnd(255));

	for (size_t i = 0; i < length; i++)
		buffer[i] = (unsigned char)(value + i * 7 + i / 251);
}

static void grow(struct file *file, size_t end)
{
	if (end > file->size)
		file->size = end;
}

static size_t clip(size_t offset, size_t length)
{
	if (offset >= MAX_SIZE)
		return 0;
	return length > MAX_SIZE - offset ? MAX_SIZE - offset : length;
}

static void compare(const struct file *file, size_t offset, const unsigned char *got, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (got[i] != file->data[offset + i])
			die(file,
			    "byte %zu is %02x, should be %02x (from %zu, %zu bytes, size %zu)",
			    offset + i, got[i], file->data[offset + i], offset, length, file->size);
}

static void do_write(struct file *file)
{
	size_t offset = random_offset(file);
	size_t length = clip(offset, random_length());
	ssize_t done;

	fill(length);
	done = pwrite(file->fd[rnd(2)], buffer, length, (off_t)offset);
	if (done != (ssize_t)length)
		die(file, "wrote %zd of %zu at %zu", done, length, offset);
	memcpy(file->data + offset, buffer, length);
	if (length)
		grow(file, offset + length);
}

static void do_append(struct file *file)
{
	size_t length = clip(file->size, random_length());
	ssize_t done;

	fill(length);
	done = write(file->fd[APPENDING], buffer, length);
	if (done != (ssize_t)length)
		die(file, "appended %zd of %zu", done, length);
	memcpy(file->data + file->size, buffer, length);
	grow(file, file->size + length);
}

static void do_read(struct file *file)
{
	size_t offset = random_offset(file);
	size_t length = clip(offset, random_length());
	size_t there = offset < file->size ? file->size - offset : 0;
	ssize_t done = pread(file->fd[rnd(DESCRIPTORS)], buffer, length, (off_t)offset);

	if (there > length)
		there = length;
	if (done != (ssize_t)there)
		die(file, "read %zd, should be %zu (of %zu at %zu, size %zu)", done, there, length,
		    offset, file->size);
	compare(file, offset, buffer, there);
}

static void do_truncate(struct file *file)
{
	size_t size = rnd(3) ? rnd((unsigned int)file->size + 1) : rnd(MAX_SIZE);

	if (rnd(2) ? ftruncate(file->fd[0], (off_t)size) : truncate(file->path, (off_t)size))
		die(file, "cannot truncate to %zu", size);
	if (size < file->size)
		memset(file->data + size, 0, file->size - size);
	file->size = size;
}

static void do_map(struct file *file)
{
	size_t offset, length;
	unsigned char *map;

	if (!file->size)
		return;
	map = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd[rnd(DESCRIPTORS)],
		   0);
	if (map == MAP_FAILED)
		die(file, "cannot map %zu", file->size);
	offset = rnd((unsigned int)file->size);
	length = random_length();
	if (length > file->size - offset)
		length = file->size - offset;
	compare(file, offset, map + offset, length);
	if (rnd(2)) {
		fill(length);
		memcpy(map + offset, buffer, length);
		memcpy(file->data + offset, buffer, length);
	}
	if (!rnd(3) && msync(map, file->size, MS_SYNC))
		die(file, "cannot msync");
	if (!rnd(3))
		do_read(file);
	munmap(map, file->size);
}

static void do_rename(struct file *file)
{
	char path[sizeof(file->path)];

	file->number += FILES;
	snprintf(path, sizeof(path), "file%d", file->number);
	if (rename(file->path, path))
		die(file, "cannot rename");
	strcpy(file->path, path);
}

static void open_files(struct file *file)
{
	file->fd[0] = open(file->path, O_RDWR | O_CREAT, 0644);
	file->fd[1] = open(file->path, O_RDWR);
	file->fd[APPENDING] = open(file->path, O_RDWR | O_APPEND);
	for (int i = 0; i < DESCRIPTORS; i++)
		if (file->fd[i] < 0)
			die(file, "cannot open");
}

static void do_reopen(struct file *file)
{
	for (int i = 0; i < DESCRIPTORS; i++)
		if (close(file->fd[i]))
			die(file, "cannot close");
	open_files(file);
}

static void do_sync(struct file *file)
{
	if (rnd(2) ? fsync(file->fd[rnd(DESCRIPTORS)]) : fdatasync(file->fd[rnd(DESCRIPTORS)]))
		die(file, "cannot fsync");
}

static void do_stat(struct file *file)
{
	struct stat attributes;

	if (rnd(2) ? fstat(file->fd[rnd(DESCRIPTORS)], &attributes) : stat(file->path, &attributes))
		die(file, "cannot stat");
	if (attributes.st_size != (off_t)file->size)
		die(file, "size %lld, should be %zu", (long long)attributes.st_size, file->size);
}

static const struct {
	const char *name;
	void (*run)(struct file *file);
	unsigned int weight;
} operations[] = {
	{"write", do_write, 30},      {"append", do_append, 10}, {"read", do_read, 30},
	{"truncate", do_truncate, 4}, {"map", do_map, 10},	 {"rename", do_rename, 3},
	{"reopen", do_reopen, 4},     {"sync", do_sync, 3},	 {"stat", do_stat, 6},
};

static void run_one(void)
{
	unsigned int number = rnd(100);
	unsigned int i = 0;

	while (number >= operations[i].weight)
		number -= operations[i++].weight;
	doing = operations[i].name;
	operations[i].run(&files[rnd(FILES)]);
}

static void check_all(struct file *file)
{
	doing = "last look";
	do_reopen(file);
	if (pread(file->fd[0], buffer, MAX_SIZE, 0) != (ssize_t)file->size)
		die(file, "not %zu bytes long", file->size);
	compare(file, 0, buffer, file->size);
	if (unlink(file->path))
		die(file, "cannot unlink");
	if (pread(file->fd[1], buffer, MAX_SIZE, 0) != (ssize_t)file->size)
		die(file, "cannot be read after its removal");
	compare(file, 0, buffer, file->size);
}

int main(int argc, char **argv)
{
	long count;

	if (argc != 4 || chdir(argv[1])) {
		fprintf(stderr, "usage: sf_random DIR SEED COUNT\n");
		return 2;
	}
	state = strtoull(argv[2], NULL, 0);
	count = strtol(argv[3], NULL, 0);
	for (int i = 0; i < FILES; i++) {
		files[i].number = i;
		snprintf(files[i].path, sizeof(files[i].path), "file%d", i);
		files[i].data = calloc(1, MAX_SIZE);
		open_files(&files[i]);
	}
	for (step = 0; step < count; step++)
		run_one();
	for (int i = 0; i < FILES; i++)
		check_all(&files[i]);
	printf("sf_random: %ld operations with seed %s\n", count, argv[2]);
	return 0;
}
