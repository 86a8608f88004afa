/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's function that ends calls, of a service without symbols: read from
 * the memory of the processes that have loaded it.
 */
#ifndef COMPLETION_H
#define COMPLETION_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct completion {
	pid_t pid; /* whose memory it was read from */
	char file[PATH_MAX]; /* that the function is in; a path that can be opened from here */
	char name[PATH_MAX]; /* as that process knows the file */
	uint64_t offset; /* in the file */
	uint64_t device, inode; /* of the file */
};

/*
 * HELPERS: see struct survey. -ESRCH: the process does not use the service;
 * -EAGAIN: it has mapped it, but not told it its helpers yet; else other errno.
 */
int completion_find(pid_t pid, const char *service, uint64_t helpers, struct completion *ret);

/* Calls EACH for every process that uses the service, in the order of their numbers. */
int completion_each(const char *service, uint64_t helpers,
		    void (*each)(void *user, const struct completion *found), void *user);

#endif
