/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors are the lowest free numbers, so a limit on the number leaves just as many. */
#include "limit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

/* The limit below which so many descriptor numbers are free. */
static int64_t limit_for(const bool *open, int64_t n, int64_t more)
{
	int64_t at = 0;

	for (; more > 0; at++)
		more -= at >= n || !open[at];
	return at;
}

static int find_open(bool *open, int64_t n)
{
	DIR *dir = opendir("/proc/thread-self/fd");
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		int64_t fd = isdigit((unsigned char)entry->d_name[0])
				     ? strtoll(entry->d_name, NULL, 10)
				     : n;

		if (fd < n && fd != dirfd(dir))
			open[fd] = true;
	}
	closedir(dir);
	return 0;
}

int limit_descriptors(int64_t more, struct rlimit *before)
{
	enum { SEEN = 4096 };
	static bool open[SEEN];
	struct rlimit limit;
	int ret = getrlimit(RLIMIT_NOFILE, before) ? -errno : find_open(open, SEEN);

	if (ret)
		return ret;
	limit = *before;
	limit.rlim_cur = (rlim_t)limit_for(open, SEEN, more);
	if (limit.rlim_cur > before->rlim_cur)
		return -EMFILE;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

void limit_descriptors_end(const struct rlimit *before)
{
	setrlimit(RLIMIT_NOFILE, before);
}

int limit_disk(const char *dir, int64_t bytes)
{
	char options[48];

	snprintf(options, sizeof(options), "size=%" PRId64 ",mode=755", bytes);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sftrace", dir, "tmpfs", MS_NOSUID | MS_NODEV, options))
		return -errno;
	return 0;
}

void limit_disk_end(const char *dir)
{
	umount2(dir, MNT_DETACH);
}

bool limit_parse(const char *text, int64_t *ret)
{
	static const char units[] = "kmg";
	int64_t value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || value < 1 || value > 1 << 30)
		return false;
	for (const char *unit = units; *unit && *end; unit++) {
		value *= 1024;
		if (tolower((unsigned char)*end) == *unit && !end[1])
			end++;
	}
	if (*end)
		return false;
	*ret = value;
	return true;
}
