/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds a small part of a trace's events that is still of interest (delta
 * debugging): leaves out ever smaller pieces, with whatever depends on them.
 */
#ifndef REDUCE_H
#define REDUCE_H

#include "depend.h"

struct reduce {
	/*
	 * Whether the events in chosen[] still do it: 1, 0, or negative errno,
	 * which ends the search; -EINTR: with what was found so far.
	 */
	int (*check)(void *user, const bool *chosen);
	void *user;
	/* Results. */
	size_t n_left, n_checks;
};

/*
 * chosen[], one for each event, is what to begin with, and becomes what is
 * left. 0 or negative errno.
 */
int reduce_events(struct depend *depend, struct reduce *reduce, bool *chosen);

#endif
