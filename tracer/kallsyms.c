/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads /proc/kallsyms: lines of "address type name [module]".
 */
#include "kallsyms.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_function(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

/* Whether a suffix is one of a whole function: each of its parts is known, or a number. */
static bool is_whole(const char *suffix)
{
	static const char *const parts[] = {"isra", "constprop", "llvm"};

	while (*suffix == '.') {
		size_t length = strcspn(++suffix, ".");
		bool known = length && strspn(suffix, "0123456789") >= length;

		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			known |= length == strlen(parts[i]) && !memcmp(suffix, parts[i], length);
		if (!known)
			return false;
		suffix += length;
	}
	return true;
}

/* Most symbols differ in their first letters: nothing else is looked at for them. */
static bool is_wanted(const struct kallsyms_wanted *wanted, const char *symbol, size_t base)
{
	return wanted->name[0] == symbol[0] && !strncmp(wanted->name, symbol, base) &&
	       !wanted->name[base];
}

static void take_symbol(const char *line, const char *symbol, struct kallsyms_wanted *wanted,
			size_t n)
{
	size_t length = strcspn(symbol, " \t\n"), base = strcspn(symbol, ". \t\n");
	char name[KALLSYMS_NAME_SIZE];

	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(&wanted[i], symbol, base) || length >= sizeof(name))
			continue;
		memcpy(name, symbol, length);
		name[length] = '\0';
		if (name[base] && (wanted[i].found[0] || !is_whole(name + base)))
			continue;
		strcpy(wanted[i].found, name);
		wanted[i].address = strtoull(line, NULL, 16);
	}
}

int kallsyms_find(const char *path, struct kallsyms_wanted *wanted, size_t n)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	int ret = 0;

	if (!file)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		wanted[i].found[0] = '\0';
		wanted[i].address = 0;
	}
	while (fgets(line, sizeof(line), file)) {
		const char *type = strchr(line, ' ');

		if (type && is_function(type[1]) && type[2] == ' ')
			take_symbol(line, type + 3, wanted, n);
	}
	if (ferror(file))
		ret = -EIO;
	fclose(file);
	return ret;
}
