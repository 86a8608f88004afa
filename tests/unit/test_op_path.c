/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of a file and its directories become a path. */
#include "../../tracer/op_path.h"

#include "../../tracer/capture_check.h"

#include <criterion/criterion.h>
#include <string.h>

static union {
	struct capture_op op;
	char bytes[sizeof(struct capture_op) + CAPTURE_OP_NAMES_MAX];
} record;

/* What the record says with these names, LENGTH bytes; the text is in its last argument. */
static const char *path_of(const char *names, size_t length, char path[OP_PATH_SIZE])
{
	memset(&record, 0, sizeof(record));
	memcpy(record.bytes + sizeof(record.op), names, length);
	record.op.h.kind = CAPTURE_OP;
	record.op.h.size = (uint32_t)(sizeof(record.op) + ((length + 7) & ~(size_t)7));
	cr_assert_null(capture_check_record(&record.op.h));
	return op_path(&record.op, path);
}

#define EXPECT(names, wanted)                                                       \
	do {                                                                        \
		char path_[OP_PATH_SIZE];                                           \
		cr_assert_str_eq(path_of(names, sizeof(names) - 1, path_), wanted); \
	} while (0)

Test(op_path, names_from_the_file_up)
{
	EXPECT("file\0dir\0top\0\0", "/top/dir/file");
	EXPECT("f\0\0", "/f");
	EXPECT("\0", "/");
}

Test(op_path, nothing_is_known)
{
	char path[OP_PATH_SIZE];

	cr_assert_null(path_of("", 0, path));
}

/* Names up to the record's end: the root was not reached. */
Test(op_path, too_deep)
{
	EXPECT("seven77\0", ".../seven77");
	EXPECT("abc\0def\0", ".../def/abc");
}

Test(op_path, as_long_as_it_can_be)
{
	char names[CAPTURE_OP_NAMES_MAX], path[OP_PATH_SIZE];
	const char *result;

	for (size_t i = 0; i < sizeof(names); i++)
		names[i] = i % 2 ? '\0' : 'x';
	result = path_of(names, sizeof(names), path);
	cr_assert_eq(strlen(result), 3 + sizeof(names));
	memset(names, 'x', sizeof(names) - 1);
	result = path_of(names, sizeof(names), path);
	cr_assert_eq(strlen(result), 3 + sizeof(names));
}
