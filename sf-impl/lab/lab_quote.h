/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing words so that a shell, or QEMU's option parser, reads them back byte for byte. */
#ifndef LAB_QUOTE_H
#define LAB_QUOTE_H

#include <stdio.h>

/* One word for a POSIX shell, always in single quotes. */
void lab_quote_shell(FILE *out, const char *word);

/* A value inside of a QEMU option such as file,path=VALUE: commas are doubled. */
void lab_quote_qemu(FILE *out, const char *value);

#endif
