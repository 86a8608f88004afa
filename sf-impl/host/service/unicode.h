/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UTF-8 and UTF-16 as the protocol wants them: no overlong forms, no lone
 * surrogates, no U+FFFE and U+FFFF, no embedded NUL. UTF-16 is little endian
 * and may lie at odd addresses.
 */
#ifndef UNICODE_H
#define UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Loads and frees the table of letter cases. */
void unicode_start(void);
void unicode_stop(void);

bool utf8_valid(const void *text, size_t length);
bool utf16_valid(const void *text, size_t units);

/*
 * Next code point of valid UTF-8, advancing *text; 0 at the end. Bytes that are
 * not UTF-8 (file names of the host) come one by one, above the Unicode range.
 */
uint32_t utf8_next(const char **text);

/*
 * The text with U+FFFD for each run of bytes that are not UTF-8, terminated, and cut
 * after a whole character if it does not fit in size bytes.
 */
void utf8_repair(const char *text, char *ret_text, size_t size);

/* The code point with its letter case taken away. */
uint32_t unicode_fold(uint32_t point);

/* Whether two terminated UTF-8 strings are equal but for letter case. */
bool unicode_equal_ignoring_case(const char *left, const char *right);

/*
 * Converts valid UTF-16 to terminated UTF-8. Returns the length without the
 * terminator, or -1 if it does not fit in size bytes.
 */
long utf16_to_utf8(const void *text, size_t units, char *ret_text, size_t size);

/* How many UTF-16 units a valid UTF-8 string takes, and its conversion (no terminator). */
size_t utf8_utf16_units(const char *text);
void utf8_to_utf16(const char *text, void *ret_units);

#endif
