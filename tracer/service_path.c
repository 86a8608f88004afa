/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which service is meant: see service_path.h. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service_path.h"

char *service_path(const char *given)
{
	char self[PATH_MAX], *path, *real;
	ssize_t n;

	if (given)
		return strdup(given);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return NULL;
	self[n] = '\0';
	if (asprintf(&path, "%s/../lib/sfservice.so", dirname(self)) < 0)
		return NULL;
	real = realpath(path, NULL);
	if (!real)
		return path;
	free(path);
	return real;
}
