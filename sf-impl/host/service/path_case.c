/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths of guests that ignore case, on a host that does not. spec/
 * shfl-service.md 7, step 7.
 */
#include <string.h>

#include "path.h"
#include "rt.h"
#include "unicode.h"

static bool exists(const struct sf_client *client, const struct sf_path *path, size_t length,
		   struct stat *ret_info)
{
	char prefix[PATH_MAX];

	memcpy(prefix, path->text, length);
	prefix[length] = '\0';
	return VBOX_SUCCESS(RTPathQueryInfo(path->mapping->folder_fd, prefix,
					    client_follows(client), ret_info));
}

/* An entry of as many bytes as the component that differs from it by case alone. */
static bool find_entry(struct rt_dir *dir, char *component, size_t length)
{
	char wanted[NAME_MAX + 1];
	const char *name;

	memcpy(wanted, component, length);
	wanted[length] = '\0';
	while ((name = rt_dir_next_name(dir))) {
		if (strlen(name) == length && unicode_equal_ignoring_case(name, wanted)) {
			memcpy(component, name, length);
			return true;
		}
	}
	return false;
}

/* Corrects the component [start, end); false if there is nothing like it. */
static bool correct_component(struct sf_path *path, size_t start, size_t end)
{
	char parent[PATH_MAX] = ".";
	struct rt_dir *dir;
	bool found;

	if (end - start > NAME_MAX)
		return false;
	if (start) {
		memcpy(parent, path->text, start);
		parent[start] = '\0';
	}
	if (VBOX_FAILURE(RTDirOpen(path->mapping->folder_fd, parent, NULL, &dir)))
		return false;
	found = find_entry(dir, path->text + start, end - start);
	RTDirClose(dir);
	return found;
}

/* How much of the path names things that may exist already. */
static size_t correctable_length(const char *path, unsigned options)
{
	size_t last = path_last_start(path);

	if ((options & PATH_KEEP_LAST) ||
	    ((options & PATH_WILDCARDS) && strpbrk(path + last, "*?<>\"")))
		return last;
	return strlen(path);
}

void path_correct_case(const struct sf_client *client, unsigned options, struct sf_path *path)
{
	const struct mapping *mapping = path->mapping;
	size_t length = correctable_length(path->text, options);
	struct stat info;
	size_t end;

	if (!mapping->host_case_sensitive || mapping->guest_case_sensitive || !length)
		return;
	if (exists(client, path, length, &path->info)) {
		path->is_known = !path->text[length];
		return;
	}
	for (size_t start = 0; start < length; start = end + 1) {
		end = start + strcspn(path->text + start, "/");
		if (!exists(client, path, end, &info) && !correct_component(path, start, end))
			return;
	}
}
