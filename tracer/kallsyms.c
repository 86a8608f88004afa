/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads /proc/kallsyms: lines of "address type name [module]".
 */
#include "kallsyms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_function(char type)
{
	return strchr("tTwW", type);
}

static bool is_data(char type)
{
	return strchr("bBdDrRvV", type);
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

/* How long a prefix is that the additions' own modules may put before a name. */
static size_t prefix_length(const char *symbol)
{
	static const char *const prefixes[] = {"VBoxGuest_", "VBoxHost_"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(symbol, prefixes[i], strlen(prefixes[i])))
			return strlen(prefixes[i]);
	return 0;
}

/* Most symbols differ in their first letters: nothing else is looked at for them. */
static bool is_wanted(const struct kallsyms_wanted *wanted, bool data, const char *symbol,
		      size_t base)
{
	return wanted->name[0] == symbol[0] && !strncmp(wanted->name, symbol, base) &&
	       !wanted->name[base] && wanted->data == data;
}

/* Its type stands before it. skip: bytes of a prefix. A name with prefix or suffix is taken for
 * want of a plain one. */
static void take_symbol(const char *line, const char *symbol, size_t skip,
			struct kallsyms_wanted *wanted, size_t n)
{
	bool data = is_data(symbol[-2]);
	size_t length = strcspn(symbol, " \t\n"), base = strcspn(symbol, ". \t\n");
	char name[KALLSYMS_NAME_SIZE];

	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(&wanted[i], data, symbol + skip, base - skip) ||
		    length >= sizeof(name))
			continue;
		memcpy(name, symbol, length);
		name[length] = '\0';
		if ((skip || name[base]) && (wanted[i].found[0] || !is_whole(name + base)))
			continue;
		strcpy(wanted[i].found, name);
		wanted[i].address = strtoull(line, NULL, 16);
	}
}

static void take_line(const char *line, struct kallsyms_wanted *wanted, size_t n)
{
	const char *type = strchr(line, ' ');
	const char *symbol;

	if (!type || !type[1] || type[2] != ' ' || !(is_function(type[1]) || is_data(type[1])))
		return;
	symbol = type + 3;
	take_symbol(line, symbol, 0, wanted, n);
	if (prefix_length(symbol))
		take_symbol(line, symbol, prefix_length(symbol), wanted, n);
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
	while (fgets(line, sizeof(line), file))
		take_line(line, wanted, n);
	if (ferror(file))
		ret = -EIO;
	fclose(file);
	return ret;
}
