/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path of the file that a guest's op was about. */
#ifndef OP_PATH_H
#define OP_PATH_H

#include <stddef.h>

#include "../bpf/capture.h"

#define OP_PATH_SIZE (CAPTURE_OP_NAMES_MAX + 8)

/*
 * Makes a path, from the share's root on, of the names that a checked record
 * has (capture_check.h). Of one that is too deep only the end is known: it
 * begins with "...". NULL: the record has none; else PATH.
 */
const char *op_path(const struct capture_op *op, char path[OP_PATH_SIZE]);

#endif
