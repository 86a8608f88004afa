/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matching names against NT wildcards, ignoring case:
 *   ?  one character         *  any run
 *   >  one character but a dot, or nothing at a dot or at the end
 *   <  any run that does not go beyond the last dot that is left, if there is one
 *   "  a dot, or the end
 */
#include <string.h>

#include "rt.h"
#include "unicode.h"

/* Where to resume with one more character swallowed, after the last * or <. */
struct restart {
	const char *filter;
	const char *name;
	const char *last_dot; /* NULL: any run */
};

static bool take_one(uint32_t wanted, const char **name)
{
	const char *next = *name;
	uint32_t got = utf8_next(&next);
	bool at_dot_or_end = !got || got == '.';

	switch (wanted) {
	case '>':
		if (at_dot_or_end)
			return true;
		break;
	case '"':
		if (!at_dot_or_end)
			return false;
		break;
	case '?':
		if (!got)
			return false;
		break;
	default:
		if (unicode_fold(wanted) != unicode_fold(got))
			return false;
	}
	*name = next;
	return true;
}

/* Lets the last run swallow one more character; false if it may not. */
static bool extend_run(struct restart *restart)
{
	if (!restart->filter || !*restart->name)
		return false;
	if (restart->last_dot && restart->name > restart->last_dot)
		return false;
	utf8_next(&restart->name);
	return true;
}

bool rt_filter_matches(const char *filter, const char *name)
{
	struct restart restart = {0};
	const char *next, *last_dot;
	uint32_t wanted;

	if (!strcmp(filter, "*") || !strcmp(filter, "<\""))
		return true;
	while (*filter || *name) {
		next = filter;
		wanted = utf8_next(&next);
		if (wanted == '*' || wanted == '<') {
			last_dot = wanted == '<' ? strrchr(name, '.') : NULL;
			restart = (struct restart){next, name, last_dot};
			filter = next;
		} else if (wanted && take_one(wanted, &name)) {
			filter = next;
		} else if (extend_run(&restart)) {
			filter = restart.filter;
			name = restart.name;
		} else {
			return false;
		}
	}
	return true;
}
