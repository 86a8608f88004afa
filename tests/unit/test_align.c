/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alignments: of what is equal, of what is inserted and deleted, of much and of anything. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "leak_check.h"

static uint64_t seed = 7;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Aligns; what is matched must be equal and ascend. The number of matches. */
static size_t matches(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b, size_t *match)
{
	size_t n = 0, next = 0;

	cr_assert_eq(align(a, n_a, b, n_b, match), 0);
	for (size_t i = 0; i < n_a; i++) {
		if (match[i] == ALIGN_NONE)
			continue;
		cr_assert(match[i] >= next && match[i] < n_b, "match %zu of %zu", match[i], i);
		cr_assert_eq(a[i], b[match[i]]);
		next = match[i] + 1;
		n++;
	}
	return n;
}

static size_t matches_of(const char *a, const char *b)
{
	uint64_t left[64], right[64];
	size_t match[64];

	for (size_t i = 0; i < strlen(a); i++)
		left[i] = (uint64_t)a[i];
	for (size_t i = 0; i < strlen(b); i++)
		right[i] = (uint64_t)b[i];
	return matches(left, strlen(a), right, strlen(b), match);
}

Test(align, small)
{
	cr_assert_eq(matches_of("", ""), 0);
	cr_assert_eq(matches_of("abc", ""), 0);
	cr_assert_eq(matches_of("", "abc"), 0);
	cr_assert_eq(matches_of("abc", "abc"), 3);
	cr_assert_eq(matches_of("abcd", "acd"), 3);
	cr_assert_eq(matches_of("acd", "abcd"), 3);
	cr_assert_eq(matches_of("aaaa", "aaa"), 3);
	cr_assert_eq(matches_of("xaxbxcx", "yaybycy"), 3);
	cr_assert_eq(matches_of("ababab", "bababa"), 5);
	cr_assert_eq(matches_of("abcabba", "cbabac"), 4);
	cr_assert_eq(matches_of("abc", "xyz"), 0);
}

static size_t longest_common(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b)
{
	size_t best[41][41] = {{0}};

	for (size_t i = 1; i <= n_a; i++)
		for (size_t j = 1; j <= n_b; j++) {
			best[i][j] =
				best[i - 1][j] > best[i][j - 1] ? best[i - 1][j] : best[i][j - 1];
			if (a[i - 1] == b[j - 1] && best[i - 1][j - 1] + 1 > best[i][j])
				best[i][j] = best[i - 1][j - 1] + 1;
		}
	return best[n_a][n_b];
}

/* Where every key occurs twice or more there are no anchors, and the fewest changes are found. */
Test(align, fewest_changes)
{
	for (int round = 0; round < 2000; round++) {
		uint64_t a[40], b[40];
		size_t match[40], n_a = 20 + draw() % 21, n_b = 20 + draw() % 21, unique = 0;
		size_t counts[2][3] = {{0}};

		for (size_t i = 0; i < n_a; i++)
			counts[0][a[i] = draw() % 3]++;
		for (size_t i = 0; i < n_b; i++)
			counts[1][b[i] = draw() % 3]++;
		for (int k = 0; k < 3; k++)
			unique += counts[0][k] == 1 || counts[1][k] == 1;
		if (!unique)
			cr_assert_geq(matches(a, n_a, b, n_b, match) + 1,
				      longest_common(a, n_a, b, n_b));
	}
}

/* A hundred thousand, with one in a hundred changed, added or gone. */
Test(align, many)
{
	enum { N = 100000 };
	uint64_t *a = calloc(N, sizeof(*a)), *b = calloc(2 * N, sizeof(*b));
	size_t *match = calloc(N, sizeof(*match)), n_b = 0, kept = 0;

	for (size_t i = 0; i < N; i++) {
		uint64_t what = draw() % 300;

		a[i] = draw() % 5000;
		if (what == 0)
			b[n_b++] = 5000 + draw() % 10;
		if (what == 1)
			continue;
		b[n_b++] = what == 2 ? 6000 : a[i];
		kept += what != 2;
	}
	cr_assert_geq(matches(a, N, b, n_b, match), kept * 99 / 100);
	free(a);
	free(b);
	free(match);
}

/* Nothing in common in any order that helps: it still ends, and soon. */
Test(align, nothing_alike)
{
	enum { N = 20000 };
	uint64_t *a = calloc(N, sizeof(*a)), *b = calloc(N, sizeof(*b));
	size_t *match = calloc(N, sizeof(*match));

	for (size_t i = 0; i < N; i++) {
		a[i] = draw() % 100;
		b[i] = draw() % 100;
	}
	cr_assert_gt(matches(a, N, b, N, match), 0);
	for (size_t i = 0; i < N; i++) /* all unique, in the opposite order */
		b[N - 1 - i] = a[i] = i;
	cr_assert_eq(matches(a, N, b, N, match), 1);
	free(a);
	free(b);
	free(match);
}
