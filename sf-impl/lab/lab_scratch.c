/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The temporary directory of a run. */
#include "lab_scratch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int lab_scratch_create(struct lab_scratch *scratch, struct lab_error *error)
{
	const char *parent = getenv("TMPDIR");
	int length;

	if (!parent || *parent != '/')
		parent = "/tmp";
	length = snprintf(scratch->path, sizeof(scratch->path), "%s/sf-lab-XXXXXX", parent);
	if (length >= (int)sizeof(scratch->path))
		return lab_fail(error, -ENAMETOOLONG,
				"TMPDIR=%s is too long for the names of sockets", parent);
	if (!mkdtemp(scratch->path)) {
		int code = -errno;

		return lab_fail(error, code, "cannot make a directory in %s: %s", parent,
				strerror(-code));
	}
	return 0;
}

struct lab_path lab_scratch_file(const struct lab_scratch *scratch, const char *name)
{
	struct lab_path path;

	snprintf(path.text, sizeof(path.text), "%s/%s", scratch->path, name);
	return path;
}

void lab_scratch_remove(const struct lab_scratch *scratch)
{
	DIR *directory = opendir(scratch->path);
	struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(scratch->path);
}
