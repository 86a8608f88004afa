/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the events of a trace from lines of text, as "print" and "print --full" show them. */
#ifndef SYNTH_H
#define SYNTH_H

#include <stdio.h>

#include "trace.h"

/*
 * Adds what the lines of IN say to a trace that is being written, and finishes
 * it. NAME is what messages call the text. 0, or negative errno and
 * *ret_message (malloc'd) with the line that is wrong.
 */
int synth_read(FILE *in, const char *name, struct trace *trace, char **ret_message);

#endif
