/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes an archive in cpio's "newc" format, what the kernel unpacks as its initramfs. */
#ifndef LAB_CPIO_H
#define LAB_CPIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct lab_cpio {
	FILE *out;
	uint32_t entries;
};

void lab_cpio_start(struct lab_cpio *cpio, FILE *out);

/*
 * Adds an entry; path is without a leading slash, and its directory must have been added before.
 * Everything belongs to root. 0 or a negative errno: -EINVAL for a path that is empty, absolute or
 * too long, -EFBIG for a file that the format cannot hold, -EIO when out cannot be written.
 */
int lab_cpio_add_directory(struct lab_cpio *cpio, const char *path);
int lab_cpio_add_data(struct lab_cpio *cpio, const char *path, mode_t permissions, const void *data,
		      size_t size);
/* The content of the regular file source, which must not change meanwhile (-EIO if it shrinks). */
int lab_cpio_add_file(struct lab_cpio *cpio, const char *path, mode_t permissions,
		      const char *source);

/* Writes the trailer and flushes; out stays open and is the caller's. */
int lab_cpio_finish(struct lab_cpio *cpio);

#endif
