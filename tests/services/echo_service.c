/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See echo_service.h. */
#include "echo_service.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hgcm_svc.h"
#include "shfl.h"
#include "vbox_status.h"

#define PAGE_SIZE 4096u

FNVBOXHGCMSVCLOAD VBoxHGCMSvcLoad;

struct echo_call {
	VBOXHGCMCALLHANDLE handle;
	uint32_t client;
	uint32_t n_parms;
	VBOXHGCMSVCPARM *parms;
	pthread_t thread;
};

static VBOXHGCMSVCHELPERS *helpers;
static struct echo_call parked;
static uint32_t n_clients, n_connects, n_resets, n_cancels;
static uint8_t last_strings[4][1024];
static uint32_t last_flags;

static void complete(VBOXHGCMCALLHANDLE call, int32_t status)
{
	helpers->pfnCallComplete(call, status);
}

static void complement_bytes(uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)~bytes[i];
}

static void complement_pages(VBOXHGCMSVCPARM *parm)
{
	uint32_t left = parm->u.Pages.cb;

	for (uint16_t i = 0; i < parm->u.Pages.cPages && left; i++) {
		uint8_t *at = parm->u.Pages.papvPages[i];
		uint32_t in_page = PAGE_SIZE - (uint32_t)((uintptr_t)at % PAGE_SIZE);
		uint32_t n = left < in_page ? left : in_page;

		complement_bytes(at, n);
		left -= n;
	}
}

static void complement_parm(VBOXHGCMSVCPARM *parm)
{
	switch (parm->type) {
	case VBOX_HGCM_SVC_PARM_32BIT:
		parm->u.uint32++;
		break;
	case VBOX_HGCM_SVC_PARM_64BIT:
		parm->u.uint64++;
		break;
	case VBOX_HGCM_SVC_PARM_PTR:
		complement_bytes(parm->u.pointer.addr, parm->u.pointer.size);
		break;
	case VBOX_HGCM_SVC_PARM_PAGES:
		complement_pages(parm);
		break;
	}
}

static void echo_complement(struct echo_call *call)
{
	for (uint32_t i = 0; i < call->n_parms; i++)
		complement_parm(&call->parms[i]);
	complete(call->handle, VINF_SUCCESS);
}

static void echo_status(struct echo_call *call)
{
	complete(call->handle, (int32_t)call->parms[0].u.uint32);
}

static void *thread_main(void *user)
{
	struct echo_call *call = user;

	usleep(20000);
	echo_complement(call);
	free(call);
	return NULL;
}

static void echo_thread(struct echo_call *call)
{
	struct echo_call *copy = malloc(sizeof(*copy));

	*copy = *call;
	if (pthread_create(&copy->thread, NULL, thread_main, copy) != 0)
		abort();
	pthread_detach(copy->thread);
}

static void echo_park(struct echo_call *call)
{
	parked = *call;
}

static void release_parked(void)
{
	struct echo_call call = parked;

	parked.handle = NULL;
	if (call.handle)
		echo_complement(&call);
}

static void echo_release(struct echo_call *call)
{
	release_parked();
	complete(call->handle, VINF_SUCCESS);
}

static void echo_twice(struct echo_call *call)
{
	VBOXHGCMCALLHANDLE handle = parked.handle;

	release_parked();
	call->parms[0].u.uint32 = (uint32_t)helpers->pfnCallComplete(handle, VINF_SUCCESS);
	complete(call->handle, VINF_SUCCESS);
}

static void echo_requestor(struct echo_call *call)
{
	call->parms[0].u.uint32 = helpers->pfnGetRequestor(call->handle);
	call->parms[1].u.uint64 = helpers->pfnGetVMMDevSessionId(helpers->pvInstance);
	complete(call->handle, VINF_SUCCESS);
}

/* The size of pointers and of pages lies at the same place. */
static void resize(struct echo_call *call, uint32_t times, uint32_t over)
{
	for (uint32_t i = 0; i < call->n_parms; i++)
		if (call->parms[i].type >= VBOX_HGCM_SVC_PARM_PTR)
			call->parms[i].u.pointer.size =
				call->parms[i].u.pointer.size / over * times;
	echo_complement(call);
}

static void echo_shrink(struct echo_call *call)
{
	resize(call, 1, 2);
}

static void echo_grow(struct echo_call *call)
{
	for (uint32_t i = 0; i < call->n_parms; i++)
		if (call->parms[i].type >= VBOX_HGCM_SVC_PARM_PTR)
			call->parms[i].u.pointer.size *= 2;
	complete(call->handle, VINF_SUCCESS);
}

static void echo_types(struct echo_call *call)
{
	call->parms[0].u.uint32 = call->parms[1].type;
	complete(call->handle, VINF_SUCCESS);
}

static void echo_abandon(struct echo_call *call)
{
	(void)call;
}

static void echo_cancels(struct echo_call *call)
{
	call->parms[0].u.uint32 = n_cancels;
	call->parms[1].u.uint32 = helpers->pfnIsCallCancelled(parked.handle);
	complete(call->handle, VINF_SUCCESS);
}

static void echo_hook(struct echo_call *call)
{
	void (*hook)(void) = (void (*)(void))(uintptr_t)call->parms[0].u.uint64;

	hook();
	complete(call->handle, VINF_SUCCESS);
}

static void (*const functions[])(struct echo_call *) = {
	[ECHO_FN_COMPLEMENT] = echo_complement,
	[ECHO_FN_STATUS] = echo_status,
	[ECHO_FN_THREAD] = echo_thread,
	[ECHO_FN_PARK] = echo_park,
	[ECHO_FN_RELEASE] = echo_release,
	[ECHO_FN_TWICE] = echo_twice,
	[ECHO_FN_REQUESTOR] = echo_requestor,
	[ECHO_FN_SHRINK] = echo_shrink,
	[ECHO_FN_GROW] = echo_grow,
	[ECHO_FN_TYPES] = echo_types,
	[ECHO_FN_ABANDON] = echo_abandon,
	[ECHO_FN_CANCELS] = echo_cancels,
	[ECHO_FN_HOOK] = echo_hook,
};

static int echo_unload(void *service)
{
	(void)service;
	return VINF_SUCCESS;
}

static int echo_connect(void *service, uint32_t client, void *data, uint32_t requestor,
			bool restoring)
{
	(void)service, (void)restoring;
	if (requestor == ECHO_REJECTED_REQUESTOR)
		return VERR_PERMISSION_DENIED;
	*(uint32_t *)data = client;
	n_clients++;
	n_connects++;
	return VINF_SUCCESS;
}

static int echo_disconnect(void *service, uint32_t client, void *data)
{
	(void)service;
	if (*(uint32_t *)data != client)
		return VERR_INTERNAL_ERROR;
	if (parked.client == client)
		release_parked();
	n_clients--;
	return VINF_SUCCESS;
}

static void echo_call(void *service, VBOXHGCMCALLHANDLE handle, uint32_t client, void *data,
		      uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[],
		      uint64_t arrival_ticks)
{
	struct echo_call call = {
		.handle = handle, .client = client, .n_parms = n_parms, .parms = parms};

	(void)service, (void)data, (void)arrival_ticks;
	if (fn >= sizeof(functions) / sizeof(functions[0]) || !functions[fn])
		complete(handle, VERR_NOT_IMPLEMENTED);
	else
		functions[fn](&call);
}

static void echo_cancelled(void *service, uint32_t client, void *data)
{
	(void)service, (void)client, (void)data;
	n_cancels++;
}

static void echo_notify(void *service, HGCMNOTIFYEVENT event)
{
	(void)service;
	n_resets += event == HGCMNOTIFYEVENT_RESET;
}

static int remember_strings(uint32_t n_parms, VBOXHGCMSVCPARM parms[])
{
	for (uint32_t i = 0; i < n_parms; i++) {
		const SHFLSTRING *string = parms[i].u.pointer.addr;

		if (parms[i].type == VBOX_HGCM_SVC_PARM_32BIT) {
			last_flags = parms[i].u.uint32;
			continue;
		}
		if (parms[i].u.pointer.size != SHFLSTRING_HEADER_SIZE + (uint32_t)string->u16Size ||
		    string->u16Size != string->u16Length + 2 ||
		    string->u16Size > sizeof(last_strings[i]))
			return VERR_INVALID_PARAMETER;
		memcpy(last_strings[i], string->String.utf8, string->u16Size);
	}
	return VINF_SUCCESS;
}

static int echo_host_call(void *service, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[])
{
	(void)service;
	switch (fn) {
	case SHFL_FN_ADD_MAPPING:
	case SHFL_FN_REMOVE_MAPPING:
		return remember_strings(n_parms, parms);
	case ECHO_HOST_FN_COUNT:
		parms[0].u.uint32 = n_clients;
		parms[1].u.uint32 = n_connects;
		parms[2].u.uint32 = n_resets;
		return VINF_SUCCESS;
	case ECHO_HOST_FN_STRING:
		memcpy(parms[1].u.pointer.addr, last_strings[parms[0].u.uint32],
		       parms[1].u.pointer.size);
		parms[2].u.uint32 = last_flags;
		return VINF_SUCCESS;
	}
	return VERR_NOT_IMPLEMENTED;
}

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	if (table->cbSize != sizeof(*table) || table->u32Version != VBOX_HGCM_SVC_VERSION)
		return VERR_VERSION_MISMATCH;
	helpers = table->pHelpers;
	table->cbClient = sizeof(uint32_t);
	for (int i = 0; i < HGCM_CLIENT_CATEGORY_MAX; i++) {
		table->acMaxClients[i] = ECHO_MAX_CLIENTS;
		table->acMaxCallsPerClient[i] = ECHO_MAX_CALLS;
	}
	table->idxLegacyClientCategory = HGCM_CLIENT_CATEGORY_KERNEL;
	table->pfnUnload = echo_unload;
	table->pfnConnect = echo_connect;
	table->pfnDisconnect = echo_disconnect;
	table->pfnCall = echo_call;
	table->pfnCancelled = echo_cancelled;
	table->pfnHostCall = echo_host_call;
	table->pfnNotify = echo_notify;
	return VINF_SUCCESS;
}
