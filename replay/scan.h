/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes a line of text apart; the first thing that is wrong is kept as a message. */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_WORD 128

struct scan {
	const char *line, *at;
	char *message; /* malloc'd; NULL: nothing is wrong */
};

struct scan_bytes {
	uint8_t *data;
	size_t n, room;
};

/* Notes what is wrong at this place, unless something was before; returns false. */
bool scan_fail(struct scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));

void scan_spaces(struct scan *scan);

/* Whether a text stands here, which is then behind. */
bool scan_is(struct scan *scan, const char *text);
/* The same; if not, that is wrong. */
bool scan_expect(struct scan *scan, const char *text);

/* Letters, digits, '_' and '.'; false and untouched if there are none. */
bool scan_word(struct scan *scan, char word[SCAN_WORD]);

/* A decimal, hexadecimal or octal number, as C has them; negative ones wrap. */
bool scan_number(struct scan *scan, uint64_t *ret);
/* A number up to max. */
bool scan_u32(struct scan *scan, uint32_t max, uint32_t *ret);

/* Seconds with a fraction as ns. */
bool scan_seconds(struct scan *scan, int64_t *ret);
/* A number with ns, us, ms or s behind it. */
bool scan_duration(struct scan *scan, int64_t *ret);

/* "..." with C's escapes, appended to *bytes. */
bool scan_quoted(struct scan *scan, struct scan_bytes *bytes);

bool scan_append(struct scan *scan, struct scan_bytes *bytes, const void *data, size_t size);

#endif
