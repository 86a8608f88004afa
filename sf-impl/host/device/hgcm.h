/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HGCM host: loads a service module by its binary interface (hgcm_svc.h),
 * gives clients their ids and passes calls on. The device, the replay and test
 * programs are its users. One thread at a time is inside of a service, the
 * others wait; "done" must not enter it.
 */
#ifndef HGCM_H
#define HGCM_H

#include "hgcm_svc.h"

struct hgcm_service;

/*
 * What hgcm_call() makes of a call that the service has not completed when
 * its pfnCall returns.
 */
enum hgcm_wait {
	/*
	 * Cancel it: the service may end it at once, with a status of its own; if not it
	 * ends with VERR_CANCELLED, and the service's later completion is dropped.
	 */
	HGCM_WAIT_NEVER,
	HGCM_WAIT_ALWAYS, /* wait for the completion, from whatever thread it comes */
	HGCM_WAIT_LATER /* return; "done" is called when it completes */
};

/* Called once when a call ends, from whatever thread completes it. */
typedef void hgcm_done(void *user, int32_t status);

/*
 * Loads the module and calls its VBoxHGCMSvcLoad. On failure returns negative
 * errno, and *ret_message (malloc'd, the caller frees it) says what is wrong
 * with the file: not there, no shared object, no entry point, refused (with
 * its status), or a required function left out.
 */
int hgcm_service_load(const char *file, struct hgcm_service **ret, char **ret_message);

/* Disconnects all clients, then unloads. NULL is fine. */
void hgcm_service_unload(struct hgcm_service *service);

/* The machine was reset: disconnects all clients and tells the service. */
void hgcm_reset(struct hgcm_service *service, uint64_t session_id);

/*
 * The following return a VBox status: the service's, or HGCM's own refusal
 * (VERR_HGCM_INVALID_CLIENT_ID, VERR_HGCM_TOO_MANY_CLIENTS,
 * VERR_HGCM_TOO_MANY_CLIENT_CALLS, VERR_NOT_SUPPORTED).
 *
 * requestor: VMMDev requestor bits (spec/vmmdev-hgcm.md 2); decides the
 * client's category. Ids count up from 1.
 */
int32_t hgcm_connect(struct hgcm_service *service, uint32_t requestor, uint32_t *ret_client);
int32_t hgcm_disconnect(struct hgcm_service *service, uint32_t client);
int32_t hgcm_host_call(struct hgcm_service *service, uint32_t fn, uint32_t n_parms,
		       VBOXHGCMSVCPARM *parms);

/* Would a call of this client be refused by HGCM itself? VINF_SUCCESS: no. */
int32_t hgcm_call_check(struct hgcm_service *service, uint32_t client);

/*
 * Makes a guest call. With HGCM_WAIT_LATER a call that waits returns
 * VINF_HGCM_ASYNC_EXECUTE, parms must stay until "done" ran, and "done" is not
 * called for calls that ended at once. With the other modes "done" may be NULL
 * and the call's own status is returned. After HGCM_WAIT_NEVER gave up on a
 * call the library keeps a copy of the parameter array and the caller's
 * buffers must stay until the client is disconnected.
 */
int32_t hgcm_call(struct hgcm_service *service, uint32_t client, uint32_t fn, uint32_t n_parms,
		  VBOXHGCMSVCPARM *parms, enum hgcm_wait wait, hgcm_done *done, void *user);

/*
 * Tells the service that nobody is interested in the call that was made with
 * HGCM_WAIT_LATER and this "user" any more. Its "done" is called all the same,
 * when the service completes it.
 */
void hgcm_cancel(struct hgcm_service *service, void *user);

/*
 * Adds a share: ADD_MAPPING with UTF-16 strings made of UTF-8 ones.
 * flags: SHFL_ADD_MAPPING_F_*. mount_point may be NULL.
 */
int32_t hgcm_add_share(struct hgcm_service *service, const char *name, const char *dir,
		       uint32_t flags, const char *mount_point);
int32_t hgcm_remove_share(struct hgcm_service *service, const char *name);

#endif
