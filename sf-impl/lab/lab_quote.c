/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quoting for the shell and for QEMU. */
#include "lab_quote.h"

void lab_quote_shell(FILE *out, const char *word)
{
	fputc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	}
	fputc('\'', out);
}

void lab_quote_qemu(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == ',')
			fputc(',', out);
		fputc(*value, out);
	}
}
