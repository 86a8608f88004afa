/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The initramfs writer: what it writes is read back here, field by field. */
#include "lab_cpio.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
	unsigned int inode, mode, links, size, name_size;
	const char *name;
	const char *data;
};

static struct lab_cpio cpio;
static char *archive;
static size_t archive_size;
static char source[] = "/tmp/test_lab_cpio.XXXXXX";

static void start(void)
{
	lab_cpio_start(&cpio, open_memstream(&archive, &archive_size));
}

static void stop(void)
{
	fclose(cpio.out);
	free(archive);
	unlink(source);
}

TestSuite(lab_cpio, .init = start, .fini = stop);

static unsigned int field(const char *header, int index)
{
	char digits[9] = {0};

	memcpy(digits, header + 6 + 8 * index, 8);
	return (unsigned int)strtoul(digits, NULL, 16);
}

/* Reads the entry at *offset and moves on to the next one. */
static struct entry read_entry(size_t *offset)
{
	const char *header = archive + *offset;
	struct entry entry;
	size_t padded;

	cr_assert_leq(*offset + 110, archive_size);
	cr_assert(!memcmp(header, "070701", 6), "no header at %zu", *offset);
	entry = (struct entry){.inode = field(header, 0),
			       .mode = field(header, 1),
			       .links = field(header, 4),
			       .size = field(header, 6),
			       .name_size = field(header, 11),
			       .name = header + 110};
	cr_assert_eq(strlen(entry.name) + 1, entry.name_size);
	padded = (110 + entry.name_size + 3) & ~(size_t)3;
	entry.data = header + padded;
	*offset += padded + ((entry.size + 3) & ~(size_t)3);
	cr_assert_leq(*offset, archive_size);
	return entry;
}

static void write_source(const void *data, size_t size)
{
	int descriptor = mkstemp(source);

	cr_assert_geq(descriptor, 0);
	cr_assert_eq(write(descriptor, data, size), (ssize_t)size);
	close(descriptor);
}

Test(lab_cpio, entries_read_back)
{
	size_t offset = 0;
	struct entry entry;

	cr_assert_eq(lab_cpio_add_directory(&cpio, "bin"), 0);
	cr_assert_eq(lab_cpio_add_data(&cpio, "bin/program", 0755, "a\0b", 3), 0);
	cr_assert_eq(lab_cpio_finish(&cpio), 0);

	entry = read_entry(&offset);
	cr_assert_str_eq(entry.name, "bin");
	cr_assert_eq(entry.mode, S_IFDIR | 0755);
	cr_assert_eq(entry.links, 2);
	cr_assert_eq(entry.size, 0);
	entry = read_entry(&offset);
	cr_assert_str_eq(entry.name, "bin/program");
	cr_assert_eq(entry.mode, S_IFREG | 0755);
	cr_assert_eq(entry.links, 1);
	cr_assert_eq(entry.inode, 2);
	cr_assert_eq(entry.size, 3);
	cr_assert(!memcmp(entry.data, "a\0b", 3));
	entry = read_entry(&offset);
	cr_assert_str_eq(entry.name, "TRAILER!!!");
	cr_assert_eq(offset, archive_size);
}

Test(lab_cpio, every_length_of_name_and_data_is_padded)
{
	size_t offset = 0;

	for (size_t i = 1; i <= 8; i++)
		for (size_t size = 0; size <= 8; size++)
			cr_assert_eq(lab_cpio_add_data(&cpio, &"abcdefgh"[8 - i], 0644, "12345678",
						       size),
				     0);
	lab_cpio_finish(&cpio);
	for (size_t i = 1; i <= 8; i++) {
		for (size_t size = 0; size <= 8; size++) {
			struct entry entry = read_entry(&offset);

			cr_assert_str_eq(entry.name, &"abcdefgh"[8 - i]);
			cr_assert_eq(entry.size, size);
			cr_assert(!memcmp(entry.data, "12345678", size));
		}
	}
	cr_assert_str_eq(read_entry(&offset).name, "TRAILER!!!");
}

Test(lab_cpio, file_is_copied)
{
	size_t size = 200003; /* more than one buffer */
	char *data = malloc(size);
	size_t offset = 0;
	struct entry entry;

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 + i / 256);
	write_source(data, size);
	cr_assert_eq(lab_cpio_add_file(&cpio, "file", 0600, source), 0);
	lab_cpio_finish(&cpio);
	entry = read_entry(&offset);
	cr_assert_eq(entry.mode, S_IFREG | 0600);
	cr_assert_eq(entry.size, size);
	cr_assert(!memcmp(entry.data, data, size));
	cr_assert_str_eq(read_entry(&offset).name, "TRAILER!!!");
	free(data);
}

Test(lab_cpio, bad_paths_are_refused)
{
	char longest[PATH_MAX + 1];

	memset(longest, 'a', PATH_MAX);
	longest[PATH_MAX] = 0;
	cr_assert_eq(lab_cpio_add_directory(&cpio, ""), -EINVAL);
	cr_assert_eq(lab_cpio_add_directory(&cpio, "/bin"), -EINVAL);
	cr_assert_eq(lab_cpio_add_data(&cpio, longest, 0644, "", 0), -EINVAL);
	cr_assert_eq(lab_cpio_add_file(&cpio, "/x", 0644, "/etc/passwd"), -EINVAL);
	fflush(cpio.out);
	cr_assert_eq(archive_size, 0, "something was written all the same");
}

Test(lab_cpio, bad_sources_are_refused)
{
	write_source("", 0);
	cr_assert_eq(lab_cpio_add_file(&cpio, "x", 0644, "/nonexistent"), -ENOENT);
	cr_assert_eq(lab_cpio_add_file(&cpio, "x", 0644, "/tmp"), -EINVAL);
	cr_assert_eq(lab_cpio_add_file(&cpio, "x", 0644, "/dev/null"), -EINVAL);
	cr_assert_eq(truncate(source, 5ll << 30), 0);
	cr_assert_eq(lab_cpio_add_file(&cpio, "x", 0644, source), -EFBIG);
	fflush(cpio.out);
	cr_assert_eq(archive_size, 0, "something was written all the same");
}

Test(lab_cpio, a_full_disk_is_noticed)
{
	struct lab_cpio full;

	lab_cpio_start(&full, fopen("/dev/full", "w"));
	lab_cpio_add_data(&full, "x", 0644, "x", 1);
	cr_assert_eq(lab_cpio_finish(&full), -EIO);
	fclose(full.out);
}
