/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest strings and guest paths. */
#include <string.h>

#include "path.h"
#include "rt.h"
#include "unicode.h"

static uint16_t u16_at(const void *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

uint16_t string_size(const SHFLSTRING *string)
{
	return u16_at(string);
}

uint16_t string_length(const SHFLSTRING *string)
{
	return u16_at((const char *)string + offsetof(SHFLSTRING, u16Length));
}

static const char *string_text(const SHFLSTRING *string)
{
	return (const char *)string + SHFLSTRING_HEADER_SIZE;
}

bool string_valid_out(const SHFLSTRING *string, uint32_t size)
{
	return string && size > SHFLSTRING_HEADER_SIZE &&
	       string_size(string) + SHFLSTRING_HEADER_SIZE <= size &&
	       string_length(string) < string_size(string);
}

bool string_valid_in(const SHFLSTRING *string, uint32_t size, bool utf8)
{
	const char *text;
	size_t length;

	if (!string_valid_out(string, size))
		return false;
	text = string_text(string);
	length = string_length(string);
	if (utf8)
		return !text[length] && utf8_valid(text, length);
	return length % 2 == 0 && length + 2 <= string_size(string) && !u16_at(text + length) &&
	       utf16_valid(text, length / 2);
}

int32_t string_to_utf8(const SHFLSTRING *string, bool utf8, char *ret_text, size_t size)
{
	size_t length = string_length(string);

	if (!utf8)
		return utf16_to_utf8(string_text(string), length / 2, ret_text, size) < 0
			       ? VERR_FILENAME_TOO_LONG
			       : VINF_SUCCESS;
	if (length >= size)
		return VERR_FILENAME_TOO_LONG;
	memcpy(ret_text, string_text(string), length);
	ret_text[length] = '\0';
	return VINF_SUCCESS;
}

static void drop_component(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

int32_t path_join(char *path, size_t size, const char *text, size_t length, char delimiter)
{
	const char *end = text + length;
	const char *next;
	size_t used = strlen(path);

	for (; text < end; text = next + 1) {
		next = memchr(text, delimiter, (size_t)(end - text));
		if (!next)
			next = end;
		length = (size_t)(next - text);
		if (!length || (length == 1 && text[0] == '.'))
			continue;
		if (length == 2 && text[0] == '.' && text[1] == '.') {
			drop_component(path);
			used = strlen(path);
			continue;
		}
		if (used + 1 + length >= size)
			return VERR_FILENAME_TOO_LONG;
		path[used] = '/';
		memcpy(path + used + 1, text, length);
		used += 1 + length;
		path[used] = '\0';
	}
	return VINF_SUCCESS;
}

/* Where the path goes on after the folder; NULL: it is outside of it. */
static const char *beneath_folder(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	if (strncmp(path, folder, length))
		return NULL;
	path += length;
	return *path == '/' ? path + 1 : *path ? NULL : ".";
}

/* Only a client's own delimiter separates; a slash of another kind is no character of a name. */
static bool characters_are_legal(const struct sf_client *client, const char *text)
{
	return client->delimiter == '/' || !strchr(text, '/');
}

static int32_t resolve(const struct mapping *mapping, const char *text, char delimiter, char *ret)
{
	char joined[2 * PATH_MAX];
	size_t length = strlen(text);
	const char *beneath;
	int32_t status;

	strcpy(joined, mapping->folder);
	status = path_join(joined, sizeof(joined), text, length, delimiter);
	if (VBOX_FAILURE(status))
		return status;
	beneath = beneath_folder(joined, mapping->folder);
	if (!beneath)
		return VERR_INVALID_NAME;
	if (strlen(beneath) + 2 > PATH_MAX)
		return VERR_FILENAME_TOO_LONG;
	strcpy(ret, beneath);
	if (length && text[length - 1] == delimiter && strcmp(ret, "."))
		strcat(ret, "/");
	return VINF_SUCCESS;
}

int32_t path_from_guest(const struct sf_client *client, uint32_t root, const SHFLSTRING *string,
			unsigned options, struct sf_path *ret_path)
{
	char text[PATH_TEXT_MAX];
	int32_t status = mapping_for_path(client, root, &ret_path->mapping);

	if (VBOX_SUCCESS(status))
		status = string_to_utf8(string, client_is_utf8(client), text, sizeof(text));
	if (VBOX_FAILURE(status))
		return status;
	if (!characters_are_legal(client, text))
		return VERR_INVALID_NAME;
	status = resolve(ret_path->mapping, text, (char)client->delimiter, ret_path->text);
	ret_path->is_known = ret_path->opened_unseen = false;
	if (VBOX_SUCCESS(status))
		path_correct_case(client, options, ret_path);
	return status;
}

int32_t path_check_target(const struct sf_client *client, const char *target)
{
	return characters_are_legal(client, target) ? VINF_SUCCESS : VERR_INVALID_NAME;
}

size_t path_last_start(const char *path)
{
	size_t at = strlen(path);

	while (at && path[at - 1] == '/')
		at--;
	while (at && path[at - 1] != '/')
		at--;
	return at;
}

void path_strip_last(char *path)
{
	size_t at = path_last_start(path);

	strcpy(path + at, at ? "" : ".");
}

const char *path_last_name(const struct sf_path *path)
{
	const char *text = strcmp(path->text, ".") ? path->text : path->mapping->folder;

	return text + path_last_start(text);
}

bool path_parent_is_missing(const struct sf_path *path)
{
	char parent[PATH_MAX];
	struct stat info;

	strcpy(parent, path->text);
	path_strip_last(parent);
	return VBOX_FAILURE(RTPathQueryInfo(path->mapping->folder_fd, parent, true, &info)) ||
	       !S_ISDIR(info.st_mode);
}
