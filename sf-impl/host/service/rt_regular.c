/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names that were those of regular files when they were looked at, by the watch of
 * their directory: they are good for as long as that has seen no name come. A slot
 * a hash; long names are not kept.
 */
#include <string.h>

#include "rt.h"

#define N_NAMES 256 /* power of two */
#define MAX_NAME 55

static struct name {
	int watch; /* 0: free */
	char text[MAX_NAME + 1];
} names[N_NAMES];

static struct name *slot_of(int watch, const char *name)
{
	uint32_t hash = 2166136261u ^ (uint32_t)watch;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return &names[(hash ^ hash >> 16) % N_NAMES];
}

void rt_regular_add(int watch, const char *name)
{
	struct name *slot = slot_of(watch, name);

	if (strlen(name) > MAX_NAME)
		return;
	slot->watch = watch;
	strcpy(slot->text, name);
}

bool rt_regular_has(int watch, const char *name)
{
	const struct name *slot = slot_of(watch, name);

	return slot->watch == watch && !strcmp(slot->text, name);
}

void rt_regular_clear(void)
{
	memset(names, 0, sizeof(names));
}
