/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that are replaced: what stays, that no two become one, both encodings alike. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "leak_check.h"
#include "names.h"
#include "trace.h"

static const struct names names = {{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};

static void replaced(const char *from, char *to)
{
	strcpy(to, from);
	cr_assert_eq(names_replace_utf8(&names, (uint8_t *)to, strlen(to)), 0);
	cr_assert_eq(strlen(to), strlen(from));
}

/* The published vectors of SipHash-2-4, for bytes 0, 1, 2, ... */
Test(names, hash)
{
	static const uint64_t expected[] = {
		0x726fdb47dd0e0e31ull, 0x74f839c593dc67fdull, 0x0d6c8009d9a94f5aull,
		0x85676696d7fb7e2dull, 0xcf2794e0277187b7ull, 0x18765564cd99a68dull,
		0xcbc9466e58fee3ceull, 0xab0200f58b01d137ull, 0x93f5f5799a932462ull};
	uint8_t bytes[16];

	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	for (size_t n = 0; n < sizeof(expected) / sizeof(expected[0]); n++)
		cr_assert_eq(names_hash(&names, bytes, n), expected[n], "of %zu bytes", n);
}

Test(names, what_stays)
{
	static const char *const paths[] = {"/", "", ".", "..", "/../.././", "*", "/?/*.*", "***"};
	char to[256];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		replaced(paths[i], to);
		cr_assert_str_eq(to, paths[i]);
	}
	replaced("/Secret dir/My-File 12.tar.gz", to);
	cr_assert_str_neq(to, "/Secret dir/My-File 12.tar.gz");
	for (const char *c = "/Secret dir/My-File 12.tar.gz", *d = to; *c; c++, d++) {
		cr_assert_eq(!isupper((unsigned char)*c), !isupper((unsigned char)*d));
		cr_assert_eq(!islower((unsigned char)*c), !islower((unsigned char)*d));
		cr_assert_eq(!isdigit((unsigned char)*c), !isdigit((unsigned char)*d));
		if (!isalnum((unsigned char)*c))
			cr_assert_eq(*c, *d);
	}
	cr_assert_str_eq(strrchr(to, '.'), ".gz");
	cr_assert_null(strstr(to, "Secret"));
	cr_assert_null(strstr(to, "tar"));
}

Test(names, same_by_same)
{
	char a[64], b[64], other[64];
	struct names another = {{1, 2}};

	replaced("/dir/file", a);
	replaced("/other/file", b);
	cr_assert_str_eq(strrchr(a, '/'), strrchr(b, '/'));
	strcpy(other, "/dir/file");
	cr_assert_eq(names_replace_utf8(&another, (uint8_t *)other, strlen(other)), 0);
	cr_assert_str_neq(a, other);
	replaced("ReadMe", a);
	replaced("README", b);
	cr_assert_str_neq(a, b);
	cr_assert_eq(strcasecmp(a, b), 0, "%s, %s", a, b);
}

/* All names of two letters, and of three digits: each once. */
Test(names, no_two_become_one)
{
	static bool seen[26 * 26], digits[1000];
	char from[8], to[8];

	for (int i = 0; i < 26 * 26; i++) {
		snprintf(from, sizeof(from), "%c%c", 'a' + i / 26, 'a' + i % 26);
		replaced(from, to);
		cr_assert_not(seen[(to[0] - 'a') * 26 + to[1] - 'a'], "%s", to);
		seen[(to[0] - 'a') * 26 + to[1] - 'a'] = true;
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(from, sizeof(from), "%03d", i);
		replaced(from, to);
		cr_assert_not(digits[atoi(to)], "%s", to);
		digits[atoi(to)] = true;
	}
}

/* As SHFLSTRINGs: the same characters, whichever way they are encoded. */
Test(names, encodings_agree)
{
	static const uint8_t utf16[] = {18,   0,    16,	  0,	'a',  0,    0xe4, 0,   '/', 0, 0xe5,
					0x65, 0x2c, 0x67, 0x3d, 0xd8, 0x27, 0xdc, 'Z', 0,   0, 0};
	uint8_t wide[sizeof(utf16)];
	char narrow[64], *from = trace_shflstring(utf16, sizeof(utf16), true), *to;

	memcpy(wide, utf16, sizeof(wide));
	cr_assert_eq(names_replace_utf16(&names, wide + 4, 16), 0);

	to = trace_shflstring(wide, sizeof(wide), true);
	replaced(from, narrow);
	cr_assert_str_neq(narrow, from);
	cr_assert_str_eq(to, narrow);
	free(from);
	free(to);
}

/* Bytes that are no UTF-8 stay such, however many. */
Test(names, anything)
{
	enum { N = 20000 };
	uint8_t *bytes = malloc(N), *before = malloc(N);

	for (size_t i = 0; i < N; i++)
		before[i] = bytes[i] = (uint8_t)(i * 7919 >> 3);
	cr_assert_eq(names_replace_utf8(&names, bytes, N), 0);
	for (size_t i = 0; i < N; i++)
		cr_assert_eq(before[i] < 0x80, bytes[i] < 0x80, "byte %zu", i);
	cr_assert_neq(memcmp(bytes, before, N), 0);
	cr_assert_eq(names_replace_utf16(&names, bytes, N - 1), 0);
	cr_assert_eq(names_replace_utf8(&names, bytes, 0), 0);
	free(bytes);
	free(before);
}
