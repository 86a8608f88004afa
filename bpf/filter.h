/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings that the kernel looks for in calls; also how user space hands them over. */
#ifndef FILTER_H
#define FILTER_H

#include <stdint.h>

#define PATTERN_MAX 255 /* bytes of UTF-8 */
#define PATTERN_ROOM 512 /* the same in UTF-16 */

enum pattern_encoding { PATTERN_UTF8, PATTERN_UTF16, PATTERN_ENCODINGS };

/* What is looked for: the keys of a map of patterns. */
enum { PATTERN_SHARE, PATTERN_PATH, PATTERNS };

/* Clients choose UTF-8 or UTF-16: a string is compared with both. */
struct pattern {
	uint8_t bytes[PATTERN_ENCODINGS][PATTERN_ROOM];
	uint32_t length[PATTERN_ENCODINGS]; /* in bytes; 0: no pattern */
};

#endif
