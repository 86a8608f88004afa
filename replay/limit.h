/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lets a replay have less of something than this machine has. */
#ifndef REPLAY_LIMIT_H
#define REPLAY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

struct limits {
	int64_t descriptors; /* this many more than are open; 0: as they are */
	int64_t disk; /* bytes that the scratch directory takes; 0: as it is */
};

/* Both return 0 or negative errno. *before is for limit_descriptors_end(). */
int limit_descriptors(int64_t more, struct rlimit *before);
void limit_descriptors_end(const struct rlimit *before);

/* Makes DIR a file system of its own, for this thread and those that it starts. -EPERM: not root.
 */
int limit_disk(const char *dir, int64_t bytes);
void limit_disk_end(const char *dir);

/* "4096", "64k", "1M": bytes; units in small or capital letters. */
bool limit_parse(const char *text, int64_t *ret);

#endif
