/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a flight recorder must not overwrite: calls that later ones cannot be
 * understood without. These are control events, the modes and mapped shares of
 * clients that are connected, and the opening of handles that are open.
 */
#ifndef FLIGHT_CONTEXT_H
#define FLIGHT_CONTEXT_H

#include "spool.h"

struct flight_context;

/* At most BYTES are kept; NULL: no memory. */
struct flight_context *flight_context_open(uint64_t bytes);

/*
 * Takes a record that is overwritten. Payload waits for its call, which is then
 * kept with it or dropped with it. Returns how many calls were dropped.
 */
uint64_t flight_context_add(struct flight_context *context, const struct capture_header *record);

/* Calls that are kept, and payload of calls that have not ended. */
void flight_context_write(const struct flight_context *context, struct spool *spool);

/* NULL is fine. */
void flight_context_close(struct flight_context *context);

#endif
