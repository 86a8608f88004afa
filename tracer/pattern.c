/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patterns in both of a client's encodings: see pattern.h. */
#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "pattern.h"

int pattern_name(const char *text, struct pattern *ret)
{
	struct pattern pattern = {0};
	size_t left = strlen(text), room = PATTERN_ROOM;
	char *from = (char *)pattern.bytes[PATTERN_UTF8];
	char *to = (char *)pattern.bytes[PATTERN_UTF16];
	iconv_t encoder;
	size_t bad;

	if (!left || left > PATTERN_MAX)
		return -EINVAL;
	memcpy(from, text, left);
	pattern.length[PATTERN_UTF8] = (uint32_t)left;
	encoder = iconv_open("UTF-16LE", "UTF-8");
	if (encoder == (iconv_t)-1)
		return -errno;
	bad = iconv(encoder, &from, &left, &to, &room);
	iconv_close(encoder);
	if (bad)
		return -EINVAL;
	pattern.length[PATTERN_UTF16] = PATTERN_ROOM - (uint32_t)room;
	*ret = pattern;
	return 0;
}

int pattern_path(const char *text, struct pattern *ret)
{
	char path[PATTERN_MAX + 1] = "/";
	size_t length;

	text += *text == '/' || *text == '\\';
	if (strlen(text) > PATTERN_MAX - 1)
		return -EINVAL;
	strcat(path, text);
	for (char *at = path; *at; at++)
		if (*at == '\\')
			*at = '/';
	for (length = strlen(path); length && path[length - 1] == '/'; length--)
		path[length - 1] = '\0';
	return pattern_name(path, ret);
}
