/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads /proc/kallsyms: lines of "address type name [module]".
 */
#include "kallsyms.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
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

static void take_symbol(const char *symbol, uint64_t address, struct kallsyms_wanted *wanted,
			size_t n)
{
	size_t base = strcspn(symbol, ".");

	if (strlen(symbol) >= KALLSYMS_NAME_SIZE)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strlen(wanted[i].name) != base || memcmp(wanted[i].name, symbol, base))
			continue;
		if (symbol[base] && (wanted[i].found[0] || !is_whole(symbol + base)))
			continue;
		strcpy(wanted[i].found, symbol);
		wanted[i].address = address;
	}
}

int kallsyms_find(const char *path, struct kallsyms_wanted *wanted, size_t n)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	char symbol[512];
	char type;
	unsigned long long address;
	int ret = 0;

	if (!file)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		wanted[i].found[0] = '\0';
		wanted[i].address = 0;
	}
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %c %511s", &address, &type, symbol) == 3 &&
		    is_function(type))
			take_symbol(symbol, address, wanted, n);
	if (ferror(file))
		ret = -EIO;
	fclose(file);
	return ret;
}
