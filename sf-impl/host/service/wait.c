/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that wait for the table of shares to change. */
#include "mapping.h"
#include "wait.h"

static struct waiter {
	VBOXHGCMCALLHANDLE call; /* NULL: free */
	const struct sf_client *client;
	uint32_t *version;
} waiters[SHFL_MAX_WAITS];

int32_t wait_park(const struct call *call, uint32_t *version)
{
	for (unsigned i = 0; i < SHFL_MAX_WAITS; i++) {
		if (!waiters[i].call) {
			waiters[i] = (struct waiter){call->handle, call->client, version};
			return VINF_HGCM_ASYNC_EXECUTE;
		}
	}
	return VERR_OUT_OF_RESOURCES;
}

/* The slot is free before the host hears of it. */
static void wake(bool (*is_meant)(const struct waiter *waiter, const struct sf_client *client),
		 const struct sf_client *client)
{
	for (unsigned i = 0; i < SHFL_MAX_WAITS; i++) {
		struct waiter waiter = waiters[i];

		if (!waiter.call || !is_meant(&waiter, client))
			continue;
		waiters[i].call = NULL;
		*waiter.version = mapping_table_version();
		svcComplete(waiter.call, VERR_CANCELLED);
	}
}

static bool is_any(const struct waiter *waiter, const struct sf_client *unused)
{
	(void)waiter, (void)unused;
	return true;
}

static bool is_of_client(const struct waiter *waiter, const struct sf_client *client)
{
	return waiter->client == client;
}

static bool is_cancelled(const struct waiter *waiter, const struct sf_client *client)
{
	return waiter->client == client && svc_call_is_cancelled(waiter->call);
}

void wait_wake_all(void)
{
	wake(is_any, NULL);
}

void wait_cancel(const struct sf_client *client)
{
	wake(is_of_client, client);
}

void wait_end_cancelled(const struct sf_client *client)
{
	wake(is_cancelled, client);
}
