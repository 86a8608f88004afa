// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names and paths: the host has UTF-8 in an SHFLSTRING, and paths that begin at
 * the share; the guest has bytes, or a character set that a mount option names.
 */
#include <linux/dcache.h>
#include <linux/nls.h>
#include <linux/slab.h>
#include "sf.h"

#define SHORT_PATH_SIZE 256u /* enough for most */

static bool utf8_valid(const u8 *text, int length)
{
	unicode_t character;
	int bytes;

	while (length > 0) {
		if (*text < 0x80) {
			bytes = 1;
		} else {
			bytes = utf8_to_utf32(text, length, &character);
			if (bytes < 0)
				return false;
		}
		text += bytes;
		length -= bytes;
	}
	return true;
}

/* The length in UTF-8, or an error. */
static int nls_to_utf8(struct nls_table *nls, const char *text, char *buffer, int size)
{
	int length = strlen(text);
	int used = 0;
	wchar_t character;
	int bytes;

	while (length > 0) {
		bytes = nls->char2uni(text, length, &character);
		if (bytes <= 0)
			return -EILSEQ;
		text += bytes;
		length -= bytes;
		bytes = utf32_to_utf8(character, buffer + used, size - used);
		if (bytes < 0)
			return size - used < 4 ? -ENAMETOOLONG : -EILSEQ;
		used += bytes;
	}
	return used;
}

/*
 * Makes a string of @text, which may lie in the string's own buffer if it need
 * not be translated. @size: of the string with its header.
 */
static int fill_string(struct sf_share *share, SHFLSTRING *string, u32 size, const char *text)
{
	char *buffer = (char *)string->String.utf8;
	int room = size - SHFLSTRING_HEADER_SIZE - 1;
	int length;

	if (share->nls) {
		length = nls_to_utf8(share->nls, text, buffer, room);
	} else {
		length = strlen(text);
		if (length > room)
			return -ENAMETOOLONG;
		if (!utf8_valid(text, length))
			return -EILSEQ;
		memmove(buffer, text, length);
	}
	if (length < 0)
		return length;
	buffer[length] = 0;
	string->u16Length = length;
	string->u16Size = length + 1;
	return 0;
}

SHFLSTRING *sf_string_get(struct sf_share *share, const char *text)
{
	SHFLSTRING *string = kmalloc(SF_PATH_SIZE, GFP_KERNEL);
	int ret;

	if (!string)
		return ERR_PTR(-ENOMEM);
	ret = fill_string(share, string, SF_PATH_SIZE, text);
	if (!ret)
		return string;
	kfree(string);
	return ERR_PTR(ret);
}

static SHFLSTRING *translated_path(struct sf_share *share, struct dentry *dentry)
{
	char *buffer = __getname();
	SHFLSTRING *string;
	char *path;

	if (!buffer)
		return ERR_PTR(-ENOMEM);
	path = dentry_path_raw(dentry, buffer, PATH_MAX);
	string = IS_ERR(path) ? ERR_CAST(path) : sf_string_get(share, path);
	__putname(buffer);
	return string;
}

/* A path in a string of @size bytes, if it fits in there. */
static SHFLSTRING *plain_path(struct sf_share *share, struct dentry *dentry, u32 size)
{
	SHFLSTRING *string = kmalloc(size, GFP_KERNEL);
	char *path;
	int ret;

	if (!string)
		return ERR_PTR(-ENOMEM);
	path = dentry_path_raw(dentry, (char *)string->String.utf8, size - SHFLSTRING_HEADER_SIZE);
	ret = IS_ERR(path) ? PTR_ERR(path) : fill_string(share, string, size, path);
	if (!ret)
		return string;
	kfree(string);
	return ERR_PTR(ret);
}

SHFLSTRING *sf_path_get(struct sf_share *share, struct dentry *dentry)
{
	SHFLSTRING *path;

	if (share->nls)
		return translated_path(share, dentry);
	/* a kernel that clears what it allocates takes long for a page */
	path = plain_path(share, dentry, SHORT_PATH_SIZE);
	return path == ERR_PTR(-ENAMETOOLONG) ? plain_path(share, dentry, SF_PATH_SIZE) : path;
}

void sf_path_put(SHFLSTRING *path)
{
	if (!IS_ERR_OR_NULL(path))
		kfree(path);
}

static int utf8_to_nls(struct nls_table *nls, const u8 *name, u32 length, char *buffer, u32 size)
{
	unicode_t character;
	u32 used = 0;
	int bytes;

	while (length > 0) {
		bytes = utf8_to_utf32(name, length, &character);
		if (bytes < 0 || character > MAX_WCHAR_T)
			return -EILSEQ;
		name += bytes;
		length -= bytes;
		bytes = nls->uni2char(character, buffer + used, size - used);
		if (bytes <= 0)
			return -EILSEQ;
		used += bytes;
	}
	return used;
}

int sf_name_from_host(struct sf_share *share, const u8 *name, u32 length, char *buffer, u32 size)
{
	if (memchr(name, 0, length))
		return -EILSEQ;
	if (share->nls)
		return utf8_to_nls(share->nls, name, length, buffer, size);
	if (length > size)
		return -ENAMETOOLONG;
	memcpy(buffer, name, length);
	return length;
}
