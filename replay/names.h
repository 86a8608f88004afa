/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replaces names by others, by a key: the same name always by the same, no two
 * by one. A letter becomes a letter of the same case, a digit a digit, another
 * character one that takes as many bytes in both encodings; separators,
 * punctuation, wildcards and the extension stay. So names keep their length
 * and paths their depth, and names that differ in case only still do.
 */
#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names {
	uint64_t key[2];
};

/* SipHash-2-4 of some bytes. */
uint64_t names_hash(const struct names *names, const void *data, size_t size);

/* Change a path in place; each takes and gives the same characters. 0 or -ENOMEM. */
int names_replace_utf8(const struct names *names, uint8_t *text, size_t size);
int names_replace_utf16(const struct names *names, uint8_t *text, size_t size);

#endif
