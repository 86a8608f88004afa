/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes as somebody writes them. */
#include "limit.h"

#include <criterion/criterion.h>

Test(limit, sizes_with_and_without_units)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = {
		{"1", 1},	 {"4096", 4096},  {"64k", 64 << 10}, {"64K", 64 << 10},
		{"1m", 1 << 20}, {"1M", 1 << 20}, {"2g", 2ll << 30}, {"2G", 2ll << 30},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t bytes = 0;

		cr_assert(limit_parse(good[i].text, &bytes), "%s", good[i].text);
		cr_assert_eq(bytes, good[i].bytes, "%s", good[i].text);
	}
}

Test(limit, what_is_no_size)
{
	static const char *const bad[] = {
		"",    "k",   "0",   "0k", "-1",   "+1",   " 1",	  "1 ",
		"1 k", "1kk", "1kB", "1t", "0x10", "1.5k", "99999999999", "99999999999999999999",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t bytes = 7;

		cr_assert_not(limit_parse(bad[i], &bytes), "%s", bad[i]);
		cr_assert_eq(bytes, 7, "%s", bad[i]);
	}
}
