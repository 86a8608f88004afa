/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the events of a trace depend on: a call needs its client's connection
 * and settings, the mapping of its root, the CREATE of its handle; and what it
 * finds was left so by earlier changes of the same file. Files go by their
 * paths, whatever the share and the case; paths through links are not followed.
 */
#ifndef DEPEND_H
#define DEPEND_H

#include "trace.h"

struct depend;

/* How much of what an event depends on is taken. */
enum depend_what {
	DEPEND_CALL, /* without which the call cannot be made */
	DEPEND_STATE /* and what makes it find the files as it did */
};

/* Reads a trace once. 0, or negative errno with a malloc'd message. */
int depend_load(struct trace *trace, struct depend **ret, char **ret_message);
void depend_free(struct depend *depend);

/* The number of events; the i-th one of a cursor has index i. */
size_t depend_count(const struct depend *depend);

/* Adds to chosen[], one for each event, whatever those that are in it depend on. */
int depend_complete(struct depend *depend, bool *chosen, enum depend_what what);

/* Adds the CLOSE of what chosen events open, the disconnect of whom they connect. */
void depend_add_ends(const struct depend *depend, bool *chosen);

/* Takes out of chosen[] what depends, by DEPEND_CALL, on something that is not in it. */
void depend_prune(const struct depend *depend, bool *chosen);

#endif
