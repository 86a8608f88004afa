/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the programs that check the guest's file system: each check says where it
 * failed and ends the program. The name of the one that runs is in "check".
 */
#ifndef TESTS_VM_CHECK_H
#define TESTS_VM_CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct check {
	const char *name;
	void (*run)(void);
};

static const char *check;
static const char *twin; /* another mount of the same share: another party */

static void die(int line, const char *what)
{
	fprintf(stderr, "%s, line %d: %s (errno: %s)\n", check, line, what, strerror(errno));
	_exit(1);
}

#define OK(condition)                              \
	do {                                       \
		if (!(condition))                  \
			die(__LINE__, #condition); \
	} while (0)
#define FAILS(call, error) OK((call) < 0 && errno == (error))

/* The name in the other mount. */
static inline const char *other(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", twin, name);
	return path;
}

static inline void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	OK(fd >= 0);
	OK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	OK(!close(fd));
}

static inline bool holds(const char *path, const char *text)
{
	char data[4096] = "";
	int fd = open(path, O_RDONLY);
	ssize_t length;

	OK(fd >= 0);
	length = read(fd, data, sizeof(data));
	OK(!close(fd));
	return length == (ssize_t)strlen(text) && !memcmp(data, text, strlen(text));
}

/* Calls of an SHFL function that the module has made so far. */
static inline long calls_of(const char *function)
{
	FILE *in = fopen("/sys/kernel/debug/sf/calls", "re");
	char name[64];
	long calls, found = 0;

	OK(in);
	while (fscanf(in, "%63s %ld %*d %*d", name, &calls) == 2)
		if (!strcmp(name, function))
			found = calls;
	fclose(in);
	return found;
}

/* argv: DIR TWIN [CHECK ...]. Runs those that are named, or all. */
static inline int run_checks(const struct check *checks, size_t count, int argc, char **argv)
{
	bool wanted;

	if (argc < 3 || chdir(argv[1])) {
		fprintf(stderr, "usage: %s DIR TWIN [CHECK ...]\n", argv[0]);
		return 2;
	}
	twin = argv[2];
	for (size_t i = 0; i < count; i++) {
		wanted = argc == 3;
		for (int j = 3; j < argc; j++)
			wanted |= !strcmp(argv[j], checks[i].name);
		check = checks[i].name;
		if (wanted) {
			checks[i].run();
			printf("ok: %s\n", check);
			fflush(stdout);
		}
	}
	return 0;
}

#endif
