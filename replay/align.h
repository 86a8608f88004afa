/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aligns two sequences of keys: which elements of one are which of the other,
 * in order. Keys that occur once on both sides are anchors; what is between
 * them is aligned by the fewest changes, a thousand at a time.
 */
#ifndef ALIGN_H
#define ALIGN_H

#include <stddef.h>
#include <stdint.h>

#define ALIGN_NONE SIZE_MAX

/*
 * Fills match[], one for each element of a: its index in b, ascending, or
 * ALIGN_NONE. 0 or -ENOMEM.
 */
int align(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b, size_t *match);

#endif
