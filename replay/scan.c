/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every function looks at *at only as far as the line's end. */
#include "scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool scan_fail(struct scan *scan, const char *format, ...)
{
	char what[256];
	va_list args;

	if (scan->message)
		return false;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (asprintf(&scan->message, "column %d: %s", (int)(scan->at - scan->line) + 1, what) < 0)
		scan->message = NULL;
	return false;
}

void scan_spaces(struct scan *scan)
{
	scan->at += strspn(scan->at, " \t\r\n");
}

bool scan_is(struct scan *scan, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(scan->at, text, length) != 0)
		return false;
	scan->at += length;
	return true;
}

bool scan_expect(struct scan *scan, const char *text)
{
	scan_spaces(scan);
	return scan_is(scan, text) ||
	       scan_fail(scan, "'%s' should stand before '%.20s'", text, scan->at);
}

bool scan_word(struct scan *scan, char word[SCAN_WORD])
{
	size_t n = 0;

	while (isalnum((unsigned char)scan->at[n]) || (scan->at[n] && strchr("_.", scan->at[n])))
		n++;
	if (!n || n >= SCAN_WORD)
		return false;
	memcpy(word, scan->at, n);
	word[n] = '\0';
	scan->at += n;
	return true;
}

bool scan_number(struct scan *scan, uint64_t *ret)
{
	bool negative = *scan->at == '-';
	const char *digits = scan->at + negative;
	char *end;

	errno = 0;
	if (!isdigit((unsigned char)*digits))
		return scan_fail(scan, "a number should stand before '%.20s'", scan->at);
	*ret = strtoull(digits, &end, 0);
	if (errno)
		return scan_fail(scan, "the number is too big");
	if (negative)
		*ret = 0 - *ret;
	scan->at = end;
	return true;
}

bool scan_u32(struct scan *scan, uint32_t max, uint32_t *ret)
{
	uint64_t value;

	if (!scan_number(scan, &value))
		return false;
	if (value > max)
		return scan_fail(scan, "the number before '%.20s' is more than %u", scan->at, max);
	*ret = (uint32_t)value;
	return true;
}

bool scan_seconds(struct scan *scan, int64_t *ret)
{
	bool negative = scan_is(scan, "-");
	int64_t ns = 0, unit = 1000000000;

	if (!isdigit((unsigned char)*scan->at))
		return scan_fail(scan, "seconds should stand before '%.20s'", scan->at);
	for (; isdigit((unsigned char)*scan->at) && ns < INT64_MAX / 10 - 1000000000; scan->at++)
		ns = ns * 10 + (*scan->at - '0') * unit;
	if (isdigit((unsigned char)*scan->at))
		return scan_fail(scan, "too many seconds");
	if (scan_is(scan, "."))
		for (; isdigit((unsigned char)*scan->at); scan->at++)
			ns += (*scan->at - '0') * (unit /= 10);
	*ret = negative ? -ns : ns;
	return true;
}

bool scan_duration(struct scan *scan, int64_t *ret)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	int64_t value;

	if (!scan_seconds(scan, &value))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!scan_is(scan, units[i].name))
			continue;
		*ret = value / (1000000000 / units[i].ns);
		return true;
	}
	return scan_fail(scan, "ns, us, ms or s should stand before '%.20s'", scan->at);
}

bool scan_append(struct scan *scan, struct scan_bytes *bytes, const void *data, size_t size)
{
	if (bytes->room - bytes->n < size) {
		size_t room = (bytes->n + size) * 2;
		uint8_t *grown = room < UINT32_MAX ? realloc(bytes->data, room) : NULL;

		if (!grown)
			return scan_fail(scan, "too many bytes");
		bytes->data = grown;
		bytes->room = room;
	}
	if (size)
		memcpy(bytes->data + bytes->n, data, size);
	bytes->n += size;
	return true;
}

/* Behind a backslash. */
static bool scan_escape(struct scan *scan, uint8_t *ret)
{
	static const char letters[] = "ntrfv\"\\", meanings[] = "\n\t\r\f\v\"\\";
	const char *found = *scan->at ? strchr(letters, *scan->at) : NULL;
	unsigned value = 0;
	int n = 0;

	if (found) {
		*ret = (uint8_t)meanings[found - letters];
		scan->at++;
		return true;
	}
	for (; n < 3 && *scan->at >= '0' && *scan->at <= '7'; n++)
		value = value * 8 + (unsigned)(*scan->at++ - '0');
	if (!n || value > 255)
		return scan_fail(scan, "unknown escape");
	*ret = (uint8_t)value;
	return true;
}

bool scan_quoted(struct scan *scan, struct scan_bytes *bytes)
{
	if (!scan_expect(scan, "\""))
		return false;
	while (*scan->at != '"') {
		size_t plain = strcspn(scan->at, "\"\\\n");
		uint8_t byte;

		if (!scan_append(scan, bytes, scan->at, plain))
			return false;
		scan->at += plain;
		if (!*scan->at || *scan->at == '\n')
			return scan_fail(scan, "a quote is not closed");
		if (*scan->at != '\\')
			continue;
		scan->at++;
		if (!scan_escape(scan, &byte) || !scan_append(scan, bytes, &byte, 1))
			return false;
	}
	scan->at++;
	if (strncmp(scan->at, "...", 3) == 0)
		return scan_fail(scan, "the text is cut short: print it with --full");
	return true;
}
