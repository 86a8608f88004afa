/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why something failed, in words for the user; the library itself prints nothing. */
#ifndef LAB_ERROR_H
#define LAB_ERROR_H

struct lab_error {
	char text[1024];
};

/* Puts the message into error and returns code, a negative errno. */
int lab_fail(struct lab_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
