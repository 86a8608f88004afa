/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values for people: flags by name, strings with escapes, times with units. */
#ifndef PRINT_VALUE_H
#define PRINT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Sets of flags with names. */
enum flag_set {
	FLAGS_CREATE = 1,
	FLAGS_INFORMATION,
	FLAGS_LIST,
	FLAGS_LOCK,
	FLAGS_REMOVE,
	FLAGS_RENAME,
	FLAGS_QUERY_MAPPINGS,
	FLAGS_MAP_INFO_IN,
	FLAGS_MAP_INFO_OUT,
	FLAGS_ADD_MAPPING,
	FLAGS_FEATURES,
	FLAGS_ERROR_STYLE
};

/* "SHFL_LIST_RESTART|0x80", "0" */
void print_flags(FILE *out, enum flag_set set, uint64_t value);

/* The values of the names that these functions print; false: no such name. */
bool find_flag(const char *name, uint64_t *ret);
bool find_create_result(const char *name, uint64_t *ret);
bool find_status(const char *name, int32_t *ret);

/* "SHFL_FILE_CREATED", or the number */
void print_create_result(FILE *out, int32_t result);

/* "VERR_FILE_NOT_FOUND", or the number */
void print_status(FILE *out, int32_t status);

/* In quotes with C's escapes; after at most LIMIT bytes "...". */
void print_bytes(FILE *out, const void *data, size_t size, size_t limit);
void print_string(FILE *out, const char *text);

/* Without quotes, on one line: what is no UTF-8, or a control character, becomes '?'. */
void print_plain(FILE *out, const char *text);

/* "812ns", "31.2us", "4.71ms", "2.00s" */
void print_duration(FILE *out, int64_t ns);
/* The same as text of at most 15 characters. */
const char *format_duration(char buffer[16], int64_t ns);

/* In quotes as JSON wants it; what is no UTF-8 becomes U+FFFD. NULL: null. */
void print_json_string(FILE *out, const char *text);

#endif
