/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's entry points (hgcm_svc.h): loading, clients, calls, and the one
 * place where calls end.
 */
#include "handle.h"
#include "lock_wait.h"
#include "mapping.h"
#include "rt.h"
#include "unicode.h"
#include "vbsf.h"
#include "wait.h"

/* What each category of clients may use; spec/shfl-service.md 13.1. */
static const uint32_t max_clients = 66;
static const uint32_t max_calls[HGCM_CLIENT_CATEGORY_MAX] = {65536, 16384, 1024};

static const VBOXHGCMSVCHELPERS *helpers; /* NULL: not loaded */

HOP void svcComplete(VBOXHGCMCALLHANDLE handle, int32_t status)
{
	helpers->pfnCallComplete(handle, status);
}

bool svc_call_is_restored(VBOXHGCMCALLHANDLE handle)
{
	return helpers->pfnIsCallRestored && helpers->pfnIsCallRestored(handle);
}

bool svc_call_is_cancelled(VBOXHGCMCALLHANDLE handle)
{
	return helpers->pfnIsCallCancelled && helpers->pfnIsCallCancelled(handle);
}

HOP int svcConnect(void *service, uint32_t client_id, void *client_data, uint32_t requestor,
		   bool restoring)
{
	struct sf_client *client = client_data;

	(void)service, (void)client_id, (void)requestor, (void)restoring;
	*client = (struct sf_client){
		.error_style = SHFL_ERROR_STYLE_NATIVE,
		.has_map_counts = 1,
	};
	return VINF_SUCCESS;
}

HOP int svcDisconnect(void *service, uint32_t client_id, void *client_data)
{
	(void)service, (void)client_id;
	return vbsfDisconnect(client_data);
}

HOP void svcCall(void *service, VBOXHGCMCALLHANDLE handle, uint32_t client_id, void *client_data,
		 uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[], uint64_t arrival)
{
	struct call call = {
		.handle = handle,
		.client = client_data,
		.fn = fn,
		.n_parms = n_parms,
		.parms = parms,
	};
	int32_t status;

	(void)service, (void)client_id, (void)arrival;
	rt_parent_check_again();
	status = call_run(&call);
	if (status != VINF_HGCM_ASYNC_EXECUTE)
		svcComplete(handle, status);
}

/* Of those calls that wait; which one, the host tells for each. */
HOP void svcCancelled(void *service, uint32_t client_id, void *client_data)
{
	(void)service, (void)client_id;
	wait_end_cancelled(client_data);
	lock_wait_retry();
}

HOP int svcHostCall(void *service, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[])
{
	struct call call = {.fn = fn, .n_parms = n_parms, .parms = parms};

	(void)service;
	return host_call_run(&call);
}

HOP int svcUnload(void *service)
{
	(void)service;
	lock_wait_stop();
	wait_wake_all();
	handle_clear();
	mapping_clear();
	rt_parent_stop();
	unicode_stop();
	vbsf_set_led(NULL);
	helpers = NULL;
	return VINF_SUCCESS;
}

/* The tables are the module's, so there is one service a process. */
__attribute__((visibility("default"))) int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table);

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	if (!table)
		return VERR_INVALID_PARAMETER;
	if (table->cbSize != sizeof(*table) || table->u32Version != VBOX_HGCM_SVC_VERSION)
		return VERR_VERSION_MISMATCH;
	if (!table->pHelpers || !table->pHelpers->pfnCallComplete)
		return VERR_INVALID_PARAMETER;
	if (helpers)
		return VERR_HGCM_SERVICE_EXISTS;
	helpers = table->pHelpers;
	call_start();
	unicode_start();
	table->cbClient = sizeof(struct sf_client);
	table->idxLegacyClientCategory = HGCM_CLIENT_CATEGORY_KERNEL;
	for (unsigned i = 0; i < HGCM_CLIENT_CATEGORY_MAX; i++) {
		table->acMaxClients[i] = max_clients;
		table->acMaxCallsPerClient[i] = max_calls[i];
	}
	table->pfnUnload = svcUnload;
	table->pfnConnect = svcConnect;
	table->pfnDisconnect = svcDisconnect;
	table->pfnCall = svcCall;
	table->pfnCancelled = svcCancelled;
	table->pfnHostCall = svcHostCall;
	table->pfnSaveState = NULL;
	table->pfnLoadState = NULL;
	table->pfnRegisterExtension = NULL;
	table->pfnNotify = NULL;
	table->pvService = NULL;
	return VINF_SUCCESS;
}
