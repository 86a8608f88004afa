/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digits only: strtod and strtoll take much that nobody means. */
#include "range_option.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool number_parse(const char *text, int64_t max, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : -1;
	return *ret >= 0 && !errno && !*end && *ret <= max;
}

static bool edge_parse(const char *text, size_t length, double unit, int64_t *ret)
{
	char copy[32], *end;
	double value;

	if (!length)
		return true;
	if (length >= sizeof(copy) || !isdigit((unsigned char)*text))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (unit <= 1)
		return number_parse(copy, INT64_MAX, ret);
	if (strspn(copy, "0123456789.") != length)
		return false;
	value = strtod(copy, &end) * unit;
	if (*end || value > 1e18)
		return false;
	*ret = (int64_t)(value + 0.5);
	return true;
}

bool range_parse(const char *text, double unit, struct range *ret)
{
	const char *dots = strstr(text, "..");
	size_t length = dots ? (size_t)(dots - text) : strlen(text);
	const char *last = dots ? dots + 2 : text;
	struct range range = RANGE_ALL;

	if (!strcmp(text, "") || !strcmp(text, "..") ||
	    !edge_parse(text, length, unit, &range.first) ||
	    !edge_parse(last, strlen(last), unit, &range.last) || range.first > range.last)
		return false;
	if (unit > 1 && *last)
		range.last += 999; /* what is shown as this microsecond is in it */
	*ret = range;
	return true;
}
