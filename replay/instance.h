/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The services of a replay: each host process of a trace had one of its own,
 * with its own shares, roots and handles, and has one here.
 */
#ifndef REPLAY_INSTANCE_H
#define REPLAY_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "hgcm.h"

struct instance {
	struct instance *next;
	uint32_t process; /* 0: not known yet */
	bool prepared; /* the caller's: it has what was there before the trace */
	struct hgcm_service *service;
	int copy_fd; /* -1: loaded from the file itself */
};

/*
 * The instance for a process, loaded when it is first asked for. The first is
 * loaded from the file itself, others from copies of it, as a file is loaded
 * once only; so a module for several processes needs no files beside it. 0, or
 * negative errno and *ret_message (malloc'd).
 */
int instance_get(struct instance **list, const char *file, uint32_t process, struct instance **ret,
		 char **ret_message);

/* Unloads all; their calls end before that. */
void instances_unload(struct instance **list);

#endif
