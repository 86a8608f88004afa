/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checking, converting and comparing UTF-8 and UTF-16. */
#include <locale.h>
#include <string.h>
#include <wctype.h>

#include "unicode.h"

#define NOT_UNICODE 0x110000u /* added to a byte that is not UTF-8 */

static locale_t upper_case; /* 0: only ASCII letters have a case */

void unicode_start(void)
{
	upper_case = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

void unicode_stop(void)
{
	if (upper_case)
		freelocale(upper_case);
	upper_case = (locale_t)0;
}

static bool point_valid(uint32_t point)
{
	return point && point < 0x110000 && (point < 0xd800 || point > 0xdfff) && point != 0xfffe &&
	       point != 0xffff;
}

/* Length of the sequence that starts with this byte and its payload bits; 0: none does. */
static unsigned sequence_start(uint8_t byte, uint32_t *ret_bits)
{
	static const struct {
		uint8_t mask, value, length;
	} starts[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}};

	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if ((byte & starts[i].mask) == starts[i].value) {
			*ret_bits = byte & (uint8_t)~starts[i].mask;
			return starts[i].length;
		}
	}
	return 0;
}

/* Decodes one code point from at most room bytes; returns its length, 0 if it is invalid. */
static unsigned utf8_decode(const uint8_t *text, size_t room, uint32_t *ret_point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t point = 0;
	unsigned length = sequence_start(text[0], &point);

	if (!length || length > room)
		return 0;
	for (unsigned i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3f);
	}
	if (point < smallest[length] || !point_valid(point))
		return 0;
	*ret_point = point;
	return length;
}

static unsigned utf8_encode(uint32_t point, char ret_bytes[4])
{
	static const uint8_t lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
	unsigned length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	for (unsigned i = length; i-- > 1; point >>= 6)
		ret_bytes[i] = (char)(0x80 | (point & 0x3f));
	ret_bytes[0] = (char)(lead[length] | point);
	return length;
}

static uint16_t unit_at(const void *text, size_t index)
{
	uint16_t unit;

	memcpy(&unit, (const char *)text + index * sizeof(unit), sizeof(unit));
	return unit;
}

/* As utf8_decode, in units. */
static unsigned utf16_decode(const void *text, size_t room, uint32_t *ret_point)
{
	uint32_t unit = unit_at(text, 0);
	uint32_t low;

	if (unit >= 0xd800 && unit <= 0xdbff && room > 1) {
		low = unit_at(text, 1);
		if (low < 0xdc00 || low > 0xdfff)
			return 0;
		*ret_point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		return 2;
	}
	*ret_point = unit;
	return point_valid(unit) ? 1 : 0;
}

bool utf8_valid(const void *text, size_t length)
{
	const uint8_t *at = text;
	uint32_t point;
	unsigned n;

	for (; length; at += n, length -= n) {
		n = utf8_decode(at, length, &point);
		if (!n)
			return false;
	}
	return true;
}

bool utf16_valid(const void *text, size_t units)
{
	const char *at = text;
	uint32_t point;
	unsigned n;

	for (; units; at += n * sizeof(uint16_t), units -= n) {
		n = utf16_decode(at, units, &point);
		if (!n)
			return false;
	}
	return true;
}

uint32_t utf8_next(const char **text)
{
	const uint8_t *at = (const uint8_t *)*text;
	size_t room = strnlen(*text, 4);
	uint32_t point = 0;
	unsigned n;

	if (!room)
		return 0;
	n = utf8_decode(at, room, &point);
	*text += n ? n : 1;
	return n ? point : NOT_UNICODE + at[0];
}

void utf8_repair(const char *text, char *ret_text, size_t size)
{
	static const char replacement[] = "\xef\xbf\xbd";
	const char *start = text;
	bool bad = false, was_bad;
	uint32_t point;
	size_t n;

	for (; (point = utf8_next(&text)); start = text) {
		was_bad = bad;
		bad = point >= NOT_UNICODE;
		if (bad && was_bad)
			continue;
		n = bad ? sizeof(replacement) - 1 : (size_t)(text - start);
		if (n >= size)
			break;
		memcpy(ret_text, bad ? replacement : start, n);
		ret_text += n;
		size -= n;
	}
	*ret_text = '\0';
}

uint32_t unicode_fold(uint32_t point)
{
	if (upper_case && point < NOT_UNICODE)
		return towupper_l((wint_t)point, upper_case);
	return point >= 'a' && point <= 'z' ? point - 'a' + 'A' : point;
}

bool unicode_equal_ignoring_case(const char *left, const char *right)
{
	uint32_t l, r;

	do {
		l = utf8_next(&left);
		r = utf8_next(&right);
		if (unicode_fold(l) != unicode_fold(r))
			return false;
	} while (l);
	return true;
}

long utf16_to_utf8(const void *text, size_t units, char *ret_text, size_t size)
{
	const char *at = text;
	size_t length = 0;
	char bytes[4];
	uint32_t point;
	unsigned n, n_bytes;

	for (; units; at += n * sizeof(uint16_t), units -= n) {
		n = utf16_decode(at, units, &point);
		if (!n)
			return -1;
		n_bytes = utf8_encode(point, bytes);
		if (length + n_bytes >= size)
			return -1;
		memcpy(ret_text + length, bytes, n_bytes);
		length += n_bytes;
	}
	ret_text[length] = '\0';
	return (long)length;
}

size_t utf8_utf16_units(const char *text)
{
	size_t units = 0;
	uint32_t point;

	while ((point = utf8_next(&text)))
		units += point < 0x10000 ? 1 : 2;
	return units;
}

void utf8_to_utf16(const char *text, void *ret_units)
{
	uint8_t *out = ret_units;
	uint16_t units[2];
	uint32_t point;
	size_t n;

	for (; (point = utf8_next(&text)); out += n) {
		n = sizeof(units[0]);
		units[0] = (uint16_t)point;
		if (point >= 0x10000) {
			n = sizeof(units);
			units[0] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
			units[1] = (uint16_t)(0xdc00 + (point & 0x3ff));
		}
		memcpy(out, units, n);
	}
}
