/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See qemu_args.h. */
#include "qemu_args.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_HINT                                                                                 \
	"-object memory-backend-memfd,id=ram,size=SIZE,share=on -machine memory-backend=ram -m " \
	"SIZE"

/*
 * The next option called "name" (or "alias", if given) at or after *at, as QEMU
 * takes it: one dash or two, the value as the next argument or after "=".
 * Returns its value and moves *at behind it; NULL if there is none.
 */
static const char *option_next(char *const argv[], int *at, const char *name, const char *alias)
{
	const char *names[2] = {name, alias};

	for (; argv[*at]; ++*at) {
		const char *arg = argv[*at];

		if (arg[0] != '-')
			continue;
		arg += arg[1] == '-' ? 2 : 1;
		for (int i = 0; i < 2 && names[i]; i++) {
			size_t n = strlen(names[i]);

			if (strncmp(arg, names[i], n) != 0 || (arg[n] && arg[n] != '='))
				continue;
			++*at;
			if (arg[n])
				return arg + n + 1;
			return argv[*at] ? argv[(*at)++] : "";
		}
	}
	return NULL;
}

/*
 * The value of KEY in "first,KEY=VALUE,...", or NULL. *ret_length is how long it
 * is; the last one counts.
 */
static const char *property(const char *list, const char *key, size_t *ret_length)
{
	size_t n = strlen(key);
	const char *value = NULL;

	while (list) {
		if (strncmp(list, key, n) == 0 && list[n] == '=') {
			value = list + n + 1;
			*ret_length = strcspn(value, ",");
		}
		list = strchr(list, ',');
		if (list)
			list++;
	}
	return value;
}

static bool property_is(const char *list, const char *key, const char *wanted)
{
	size_t n;
	const char *value = property(list, key, &n);

	return value && n == strlen(wanted) && strncmp(value, wanted, n) == 0;
}

/*
 * Is every number in a list 1? Whichever of them it is: sockets multiply cores.
 * Looks at those items only that begin with "prefix".
 */
static bool is_one_cpu(const char *list, const char *prefix)
{
	while (*list) {
		size_t n = strcspn(list, ",");
		const char *equals = memchr(list, '=', n);
		const char *number = equals ? equals + 1 : list;
		char *end;

		if (strncmp(list, prefix, strlen(prefix)) == 0 &&
		    (strtoul(number, &end, 0) != 1 || end != list + n))
			return false;
		list += n + (list[n] == ',');
	}
	return true;
}

static int check_cpus(char *const argv[], char **ret_message)
{
	static const struct {
		const char *option, *alias, *prefix;
	} places[] = {{"smp", NULL, ""}, {"machine", "M", "smp."}};
	const char *value;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int at = 0;

		while ((value = option_next(argv, &at, places[i].option, places[i].alias))) {
			if (is_one_cpu(value, places[i].prefix))
				continue;
			if (asprintf(ret_message,
				     "QEMU is told -%s %s: use -smp 1. QEMU drops accesses to the "
				     "device that two virtual CPUs make at once",
				     places[i].option, value) < 0)
				*ret_message = NULL;
			return -EINVAL;
		}
	}
	return 0;
}

/* Is there an -object with this id whose memory is shared? */
static bool is_shared_object(char *const argv[], const char *id)
{
	const char *value;
	int at = 0;

	while ((value = option_next(argv, &at, "object", NULL)))
		if (strncmp(value, "memory-backend-", 15) == 0 && property_is(value, "id", id) &&
		    (property_is(value, "share", "on") || property_is(value, "share", "yes") ||
		     property_is(value, "share", "true")))
			return true;
	return false;
}

/* The id that -machine memory-backend= gives, to free(); NULL: none. */
static char *machine_backend(char *const argv[])
{
	const char *value, *id;
	char *last = NULL;
	size_t n;
	int at = 0;

	while ((value = option_next(argv, &at, "machine", "M"))) {
		id = property(value, "memory-backend", &n);
		if (!id)
			continue;
		free(last);
		last = strndup(id, n);
	}
	return last;
}

static int check_memory(char *const argv[], char **ret_message)
{
	char *id = machine_backend(argv);
	bool shared = id && is_shared_object(argv, id);

	free(id);
	if (shared)
		return 0;
	*ret_message = strdup("QEMU's RAM is not shared, the device cannot see it: add " RAM_HINT);
	return -EINVAL;
}

int qemu_args_check(char *const argv[], char **ret_message)
{
	int error = check_cpus(argv, ret_message);

	return error ? error : check_memory(argv, ret_message);
}
