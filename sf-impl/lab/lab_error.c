/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error messages that travel up to the program. */
#include "lab_error.h"

#include <stdarg.h>
#include <stdio.h>

int lab_fail(struct lab_error *error, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return code;
}
