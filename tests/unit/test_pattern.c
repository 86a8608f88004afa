/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patterns for the kernel's filters: both encodings, and what is no pattern. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "pattern.h"

static void expect_bytes(const struct pattern *pattern, enum pattern_encoding encoding,
			 const void *bytes, size_t length)
{
	cr_assert_eq(pattern->length[encoding], length);
	cr_expect_arr_eq(pattern->bytes[encoding], bytes, length);
}

Test(pattern, a_name_in_both_encodings)
{
	struct pattern pattern;

	cr_assert_eq(pattern_name("a\xc3\xa4\xf0\x9f\x98\x80", &pattern), 0);
	expect_bytes(&pattern, PATTERN_UTF8, "a\xc3\xa4\xf0\x9f\x98\x80", 7);
	expect_bytes(&pattern, PATTERN_UTF16, "a\0\xe4\0\x3d\xd8\x00\xde", 8);
}

Test(pattern, a_path_is_brought_into_one_form)
{
	static const char *const same[] = {"/a/b", "a/b", "\\a\\b", "/a/b/", "a\\b///"};
	struct pattern pattern;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		cr_assert_eq(pattern_path(same[i], &pattern), 0, "%s", same[i]);
		expect_bytes(&pattern, PATTERN_UTF8, "/a/b", 4);
		expect_bytes(&pattern, PATTERN_UTF16, "/\0a\0/\0b\0", 8);
	}
}

Test(pattern, the_longest_fits)
{
	struct pattern pattern;
	char text[PATTERN_MAX + 2];

	memset(text, 'x', sizeof(text));
	text[PATTERN_MAX + 1] = '\0';
	cr_expect_eq(pattern_name(text, &pattern), -EINVAL);
	text[PATTERN_MAX] = '\0';
	cr_expect_eq(pattern_name(text, &pattern), 0);
	cr_expect_eq(pattern.length[PATTERN_UTF16], 2 * PATTERN_MAX);
	cr_expect_eq(pattern_path(text, &pattern), -EINVAL, "a separator goes before it");
	text[PATTERN_MAX - 1] = '\0';
	cr_expect_eq(pattern_path(text, &pattern), 0);
	cr_expect_eq(pattern.length[PATTERN_UTF8], PATTERN_MAX);
}

Test(pattern, what_is_none)
{
	static const char *const bad[] = {"", "\xff", "a\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80"};
	struct pattern pattern = {.length = {7, 7}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(pattern_name(bad[i], &pattern), -EINVAL, "%zu", i);
		cr_expect_eq(pattern_path(bad[i], &pattern), -EINVAL, "%zu", i);
	}
	cr_expect_eq(pattern_path("/", &pattern), -EINVAL, "every path");
	cr_expect_eq(pattern_path("\\//", &pattern), -EINVAL);
	cr_expect_eq(pattern.length[PATTERN_UTF8], 7, "untouched on failure");
}
