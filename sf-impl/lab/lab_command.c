/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The script that the guest runs as the command. */
#include "lab_command.h"
#include "lab_quote.h"

#include <stdlib.h>
#include <string.h>

static const char *const always_passed[] = {"PATH", "HOME", "TERM", "LANG"};

static void export_variable(FILE *out, const char *name, size_t length, const char *value)
{
	fprintf(out, "export %.*s=", (int)length, name);
	lab_quote_shell(out, value);
	fputc('\n', out);
}

void lab_command_write(FILE *out, const struct lab_options *options)
{
	for (size_t i = 0; i < sizeof(always_passed) / sizeof(always_passed[0]); i++) {
		const char *value = getenv(always_passed[i]);

		if (value)
			export_variable(out, always_passed[i], strlen(always_passed[i]), value);
	}
	for (size_t i = 0; i < options->environment_count; i++) {
		const char *name = options->environment[i];
		size_t length = strcspn(name, "=");
		const char *value = name[length] ? name + length + 1 : getenv(name);

		export_variable(out, name, length, value ? value : "");
	}
	fputs("exec", out);
	for (char **word = options->command; *word; word++) {
		fputc(' ', out);
		lab_quote_shell(out, *word);
	}
	fputc('\n', out);
}
