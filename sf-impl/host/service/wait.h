/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that wait for the table of shares to change. spec/shfl-service.md 10.22. */
#ifndef WAIT_H
#define WAIT_H

#include "service.h"

/*
 * Keeps the call until something changes. VINF_HGCM_ASYNC_EXECUTE, or
 * VERR_OUT_OF_RESOURCES if SHFL_MAX_WAITS calls wait. version: filled in when
 * the call ends.
 */
int32_t wait_park(const struct call *call, uint32_t *version);

/*
 * Ends all, or one client's, or those of its that the host has cancelled, with
 * VERR_CANCELLED: for guests, "look again".
 */
void wait_wake_all(void);
void wait_cancel(const struct sf_client *client);
void wait_end_cancelled(const struct sf_client *client);

#endif
