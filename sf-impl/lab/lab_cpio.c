/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The newc format: a header of 8-digit hex fields, the name, the data, each padded to 4 bytes. */
#include "lab_cpio.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define CPIO_TRAILER "TRAILER!!!"
#define CPIO_HEADER_SIZE 110

void lab_cpio_start(struct lab_cpio *cpio, FILE *out)
{
	*cpio = (struct lab_cpio){.out = out};
}

static void cpio_pad(struct lab_cpio *cpio, size_t written)
{
	static const char zeros[4];

	fwrite(zeros, 1, -written & 3, cpio->out);
}

static void cpio_header(struct lab_cpio *cpio, const char *path, mode_t mode, uint32_t size)
{
	uint32_t inode = ++cpio->entries;
	uint32_t links = S_ISDIR(mode) ? 2 : 1;
	uint32_t name_size = (uint32_t)strlen(path) + 1;
	const uint32_t fields[] = {inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0};

	fputs("070701", cpio->out);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		fprintf(cpio->out, "%08X", fields[i]);
	fwrite(path, 1, name_size, cpio->out);
	cpio_pad(cpio, CPIO_HEADER_SIZE + name_size);
}

static int cpio_status(const struct lab_cpio *cpio)
{
	return ferror(cpio->out) ? -EIO : 0;
}

static int cpio_check(const char *path, uint64_t size)
{
	if (!*path || *path == '/' || strlen(path) >= PATH_MAX)
		return -EINVAL;
	return size > UINT32_MAX ? -EFBIG : 0;
}

int lab_cpio_add_directory(struct lab_cpio *cpio, const char *path)
{
	int ret = cpio_check(path, 0);

	if (ret)
		return ret;
	cpio_header(cpio, path, S_IFDIR | 0755, 0);
	return cpio_status(cpio);
}

int lab_cpio_add_data(struct lab_cpio *cpio, const char *path, mode_t permissions, const void *data,
		      size_t size)
{
	int ret = cpio_check(path, size);

	if (ret)
		return ret;
	cpio_header(cpio, path, S_IFREG | permissions, (uint32_t)size);
	fwrite(data, 1, size, cpio->out);
	cpio_pad(cpio, size);
	return cpio_status(cpio);
}

/* Copies exactly size bytes: the header has promised them. */
static int cpio_copy(struct lab_cpio *cpio, FILE *in, uint64_t size)
{
	char buffer[65536];

	while (size) {
		size_t want = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
		size_t got = fread(buffer, 1, want, in);

		if (!got)
			return -EIO;
		fwrite(buffer, 1, got, cpio->out);
		size -= got;
	}
	return cpio_status(cpio);
}

int lab_cpio_add_file(struct lab_cpio *cpio, const char *path, mode_t permissions,
		      const char *source)
{
	struct stat status;
	FILE *in = fopen(source, "re");
	int ret;

	if (!in)
		return -errno;
	ret = fstat(fileno(in), &status) ? -errno : 0;
	if (!ret && !S_ISREG(status.st_mode))
		ret = -EINVAL;
	if (!ret)
		ret = cpio_check(path, (uint64_t)status.st_size);
	if (ret)
		goto cleanup;
	cpio_header(cpio, path, S_IFREG | permissions, (uint32_t)status.st_size);
	ret = cpio_copy(cpio, in, (uint64_t)status.st_size);
	cpio_pad(cpio, (size_t)status.st_size);
cleanup:
	fclose(in);
	return ret;
}

int lab_cpio_finish(struct lab_cpio *cpio)
{
	cpio_header(cpio, CPIO_TRAILER, 0, 0);
	return fflush(cpio->out) ? -EIO : cpio_status(cpio);
}
