/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See arguments.h. */
#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "verbs.h"

#define DEFAULT_SERVICE "../lib/sfservice.so" /* from the executable's directory */

int argument_parse(int argc, char **argv, const char *usage, const char *letters,
		   const struct option *options, argument_option *take, void *user)
{
	int letter, status = -1;

	optind = 0;
	while (status == -1 && (letter = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (letter != 'h' && letter != '?') {
			status = take(letter, user);
			continue;
		}
		fputs(usage, letter == 'h' ? stdout : stderr);
		status = letter == 'h' ? SFTRACE_OK : SFTRACE_USAGE;
	}
	return status;
}

int argument_operands(int argc, int min, int max, const char *usage)
{
	int n = argc - optind;

	if (n >= min && n <= max)
		return -1;
	fputs(usage, stderr);
	return SFTRACE_USAGE;
}

int argument_call_id(const char *option, const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (errno || *end || end == text || *ret < 1) {
		fprintf(stderr, "sftrace: %s takes the id of a call, not %s\n", option, text);
		return SFTRACE_USAGE;
	}
	return -1;
}

int argument_compare(const char *text, unsigned *what)
{
	if (compare_parse(text, what))
		return -1;
	fprintf(stderr, "sftrace: --compare does not know %s; see sftrace replay --help\n", text);
	return SFTRACE_USAGE;
}

char *argument_service(void)
{
	char executable[4096], *slash, *path = NULL;
	ssize_t n = readlink("/proc/self/exe", executable, sizeof(executable) - 1);

	if (n > 0) {
		executable[n] = '\0';
		slash = strrchr(executable, '/');
		*slash = '\0';
		if (asprintf(&path, "%s/" DEFAULT_SERVICE, executable) < 0)
			path = NULL;
	}
	if (!path)
		fprintf(stderr, "sftrace: cannot tell where sfservice.so is, use --service\n");
	return path;
}
