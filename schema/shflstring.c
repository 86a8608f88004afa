/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings as they stand in parameters. */
#include <stdlib.h>
#include <string.h>

#include "trace.h"

#define REPLACEMENT 0xfffdu

static char *put_utf8(char *out, uint32_t code)
{
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
		*out++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	} else {
		*out++ = (char)(0xf0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 0x3f));
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	}
	return out;
}

static uint32_t unit_at(const uint8_t *bytes, size_t i)
{
	return bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
}

/* NULL if there is a NUL inside. A unit takes at most three bytes in UTF-8. */
static char *from_utf16(const uint8_t *bytes, size_t units)
{
	char *text = malloc(units * 3 + 1);
	char *out = text;

	for (size_t i = 0; text && i < units; i++) {
		uint32_t code = unit_at(bytes, i);
		uint32_t next = i + 1 < units ? unit_at(bytes, i + 1) : 0;

		if (!code) {
			free(text);
			return NULL;
		}
		if ((code & 0xfc00) == 0xd800 && (next & 0xfc00) == 0xdc00) {
			code = 0x10000 + ((code & 0x3ff) << 10 | (next & 0x3ff));
			i++;
		} else if ((code & 0xf800) == 0xd800) {
			code = REPLACEMENT;
		}
		out = put_utf8(out, code);
	}
	if (text)
		*out = '\0';
	return text;
}

char *trace_shflstring(const void *payload, size_t size, bool utf16)
{
	const uint8_t *bytes = payload;
	size_t length;

	if (!payload || size < SHFLSTRING_HEADER_SIZE)
		return NULL;
	length = bytes[2] | (size_t)bytes[3] << 8;
	bytes += SHFLSTRING_HEADER_SIZE;
	if (length > size - SHFLSTRING_HEADER_SIZE)
		return NULL;
	if (utf16)
		return length % 2 ? NULL : from_utf16(bytes, length / 2);
	if (memchr(bytes, '\0', length))
		return NULL;
	return strndup((const char *)bytes, length);
}
