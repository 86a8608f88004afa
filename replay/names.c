/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A name is a row of digits, each to a base of its own: letters to 26, say. In
 * each round a hash of all the others is added to each digit, which can be
 * undone, so no two names become one.
 */
#include "names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_ROUNDS 4
#define NAMES_MAX 128 /* characters that are hashed together */
#define EXTENSION_MAX 5
#define NO_CHARACTER 0x110000u /* plus a byte that belongs to none */

static uint64_t rotate(uint64_t value, int by)
{
	return value << by | value >> (64 - by);
}

static void hash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void hash_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	hash_round(v);
	hash_round(v);
	v[0] ^= word;
}

uint64_t names_hash(const struct names *names, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t last = (uint64_t)size << 56, word;
	uint64_t v[4] = {
		names->key[0] ^ 0x736f6d6570736575ull,
		names->key[1] ^ 0x646f72616e646f6dull,
		names->key[0] ^ 0x6c7967656e657261ull,
		names->key[1] ^ 0x7465646279746573ull,
	};

	for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash_word(v, word);
	}
	for (size_t i = 0; i < size; i++)
		last |= (uint64_t)bytes[i] << 8 * i;
	hash_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Characters that are replaced by ones of their kind: from first on, so many. */
static const struct {
	uint32_t first, n;
} kinds[] = {
	{'a', 26},	 {'A', 26},	   {'0', 10},		{0x80, 0x800 - 0x80},
	{0x800, 0xd000}, {0xe000, 0x2000}, {0x10000, 0x100000}, {NO_CHARACTER + 0x80, 0x80},
};

/* The character's kind, or -1: it stays. */
static int kind_of(uint32_t character)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (character - kinds[i].first < kinds[i].n)
			return (int)i;
	return -1;
}

static bool is_alphanumeric(uint32_t c)
{
	int kind = kind_of(c);

	return kind >= 0 && kind <= 2;
}

/* Where the extension begins, with its dot: the end if there is none. */
static size_t extension_of(const uint32_t *name, size_t n)
{
	size_t at = n;

	while (at > 0 && n - at <= EXTENSION_MAX && is_alphanumeric(name[at - 1]))
		at--;
	return at > 1 && at < n && name[at - 1] == '.' ? at - 1 : n;
}

/* What is left of a name when its case is taken away: so case conflicts stay such. */
static void fold(const uint32_t *name, size_t n, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 'a' - 'A' : name[i];
}

static void replace_part(const struct names *names, uint32_t *name, size_t n)
{
	struct {
		uint32_t round, at, text[NAMES_MAX];
	} hashed = {0};
	size_t head = offsetof(__typeof__(hashed), text);

	fold(name, n, hashed.text);
	for (hashed.round = 0; hashed.round < NAMES_ROUNDS; hashed.round++) {
		for (hashed.at = 0; hashed.at < n; hashed.at++) {
			uint32_t own = hashed.text[hashed.at];
			int kind = kind_of(own);
			uint64_t add;

			if (kind < 0)
				continue;
			hashed.text[hashed.at] = 0;
			add = names_hash(names, &hashed, head + n * sizeof(uint32_t));
			own = (uint32_t)((own - kinds[kind].first + add % kinds[kind].n) %
					 kinds[kind].n) +
			      kinds[kind].first;
			hashed.text[hashed.at] = own;
		}
	}
	for (size_t i = 0; i < n; i++) {
		bool upper = name[i] >= 'A' && name[i] <= 'Z';

		name[i] = upper ? hashed.text[i] - 'a' + 'A' : hashed.text[i];
	}
}

static void replace_component(const struct names *names, uint32_t *name, size_t n)
{
	n = extension_of(name, n);
	for (size_t at = 0; at < n; at += NAMES_MAX)
		replace_part(names, name + at, n - at < NAMES_MAX ? n - at : NAMES_MAX);
}

static void replace_path(const struct names *names, uint32_t *path, size_t n)
{
	size_t from = 0;

	for (size_t at = 0; at <= n; at++) {
		if (at < n && path[at] != '/' && path[at] != '\\' && path[at] != 0)
			continue;
		replace_component(names, path + from, at - from);
		from = at + 1;
	}
}

/* The character at text and its bytes in *ret_size. */
static uint32_t utf8_get(const uint8_t *text, size_t size, size_t *ret_size)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	*ret_size = 1;
	if (text[0] < 0x80)
		return text[0];
	for (size_t n = 2; n <= 4 && n <= size; n++) {
		uint32_t c = text[0] & (uint8_t)~forms[n - 2].mask;
		bool valid = (text[0] & forms[n - 2].mask) == forms[n - 2].lead;

		for (size_t i = 1; i < n; i++) {
			valid = valid && (text[i] & 0xc0) == 0x80;
			c = c << 6 | (text[i] & 0x3f);
		}
		if (!valid || c < forms[n - 2].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			continue;
		*ret_size = n;
		return c;
	}
	return NO_CHARACTER + text[0];
}

/* Writes a character over one of as many bytes. */
static void utf8_put(uint8_t *text, size_t size, uint32_t c)
{
	static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = size; i-- > 1; c >>= 6)
		text[i] = 0x80 | (c & 0x3f);
	text[0] = (uint8_t)(leads[size] | c);
}

int names_replace_utf8(const struct names *names, uint8_t *text, size_t size)
{
	uint32_t *path = calloc(size + 1, sizeof(*path));
	size_t n = 0, length;

	if (!path)
		return -ENOMEM;
	for (size_t at = 0; at < size; at += length)
		path[n++] = utf8_get(text + at, size - at, &length);
	replace_path(names, path, n);
	n = 0;
	for (size_t at = 0; at < size; at += length) {
		utf8_get(text + at, size - at, &length);
		utf8_put(text + at, length, path[n++] % NO_CHARACTER);
	}
	free(path);
	return 0;
}

static uint32_t unit_at(const uint8_t *text)
{
	return text[0] | (uint32_t)text[1] << 8;
}

static uint32_t utf16_get(const uint8_t *text, size_t size, size_t *ret_size)
{
	uint32_t high = unit_at(text), low = size >= 4 ? unit_at(text + 2) : 0;

	*ret_size = 2;
	if ((high & 0xfc00) != 0xd800 || (low & 0xfc00) != 0xdc00)
		return high;
	*ret_size = 4;
	return 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
}

static void utf16_put(uint8_t *text, size_t size, uint32_t c)
{
	uint32_t units[2] = {c, 0};

	if (size == 4) {
		units[0] = 0xd800 | (c - 0x10000) >> 10;
		units[1] = 0xdc00 | ((c - 0x10000) & 0x3ff);
	}
	for (size_t i = 0; i < size; i++)
		text[i] = (uint8_t)(units[i / 2] >> 8 * (i & 1));
}

int names_replace_utf16(const struct names *names, uint8_t *text, size_t size)
{
	uint32_t *path = calloc(size / 2 + 1, sizeof(*path));
	size_t n = 0, length;

	if (!path)
		return -ENOMEM;
	for (size_t at = 0; at + 1 < size; at += length)
		path[n++] = utf16_get(text + at, size - at, &length);
	replace_path(names, path, n);
	n = 0;
	for (size_t at = 0; at + 1 < size; at += length) {
		utf16_get(text + at, size - at, &length);
		utf16_put(text + at, length, path[n++]);
	}
	free(path);
	return 0;
}
