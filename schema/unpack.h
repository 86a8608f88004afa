/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xz has compressed, as a file without a name. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNPACK_MAX_BYTES (4ull << 30)
#define UNPACK_MAX_MEMORY (128ull << 20) /* twice what xz -9 asks for */

struct unpack_limits {
	uint64_t bytes; /* of the result */
	uint64_t memory; /* of the decoder, in bytes */
};

/* Whether it begins as xz's files do. */
bool unpack_is_xz(const void *data, size_t size);

/*
 * Unpacks FD, from its beginning, to an unlinked file in TMPDIR: *ret_fd, for the caller to close.
 * NAME: how messages call it. -EUCLEAN: it is damaged or cut off; -EFBIG: more than a limit allows;
 * -EPROTO: of a kind that liblzma does not know; or what the temporary file met with.
 */
int unpack_xz(int fd, const char *name, const struct unpack_limits *limits, int *ret_fd,
	      char **ret_message);

#endif
