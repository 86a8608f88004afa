/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all of the service shares: a client's state, a call, and the mark of a
 * hop. The service keeps its tables as statics of their modules and one thread
 * at a time is inside of it: the HGCM contract, hence no mutexes, but for the one
 * of its own thread (lock_wait.h). Statuses are VBox statuses throughout.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "hgcm_svc.h"
#include "shfl.h"
#include "vbox_status.h"

/*
 * A hop: a function that a probe attaches to by its name. It has to exist as
 * such, with its arguments where the ABI puts them.
 */
#define HOP __attribute__((noinline, used))

#define SF_CLIENT_UTF8 0x4u
#define SF_CLIENT_SYMLINKS 0x8u /* sees links as links */
#define SF_CLIENT_CANCEL_NEXT_WAIT 0x10u

/* The per-client bytes of the ABI; the layout is the saved state's. */
struct sf_client {
	uint32_t flags; /* SF_CLIENT_* */
	uint16_t delimiter; /* 0 until the first MAP */
	uint8_t error_style; /* SHFL_ERROR_STYLE_* */
	uint8_t has_map_counts;
	uint16_t map_counts[SHFL_MAX_MAPPINGS]; /* MAPs of each root */
};
SF_SIZE(struct sf_client, 136);

struct call {
	VBOXHGCMCALLHANDLE handle;
	struct sf_client *client;
	uint32_t fn;
	uint32_t n_parms;
	VBOXHGCMSVCPARM *parms;
};

static inline bool client_is_utf8(const struct sf_client *client)
{
	return client->flags & SF_CLIENT_UTF8;
}

/* Whether paths of this client resolve a link in their last component. */
static inline bool client_follows(const struct sf_client *client)
{
	return !(client->flags & SF_CLIENT_SYMLINKS);
}

/* Entry points of the ABI; arguments as in hgcm_svc.h. */
int svcUnload(void *service);
int svcConnect(void *service, uint32_t client_id, void *client_data, uint32_t requestor,
	       bool restoring);
int svcDisconnect(void *service, uint32_t client_id, void *client_data);
void svcCall(void *service, VBOXHGCMCALLHANDLE handle, uint32_t client_id, void *client_data,
	     uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[], uint64_t arrival);
void svcCancelled(void *service, uint32_t client_id, void *client_data);
int svcHostCall(void *service, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[]);

/* Ends a call, from any thread: every completion passes here. The parameters are gone afterwards.
 */
void svcComplete(VBOXHGCMCALLHANDLE handle, int32_t status);

/* Whether the call was made before the machine's state was saved. */
bool svc_call_is_restored(VBOXHGCMCALLHANDLE handle);

/* Whether nobody waits for the call any more. Any thread may ask. */
bool svc_call_is_cancelled(VBOXHGCMCALLHANDLE handle);

/* Before the first call. calls.c. */
void call_start(void);

/*
 * Checks a call's parameters, then runs it: the status to complete it with, or
 * VINF_HGCM_ASYNC_EXECUTE for a call that is completed later. calls.c.
 */
int32_t call_run(struct call *call);
int32_t host_call_run(struct call *call);

#endif
