/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A service with the hops of sfservice that behaves badly, for tests of
 * recording. By function: 2 is completed by another thread before svcCall
 * returns, 3 by another thread after it, 4 takes 200 hops, 5 nests them 30
 * deep, 6 leaves two by a jump, 7 sleeps for ever within the call, 8 is never
 * completed, others end at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <unistd.h>

#include "hgcm_svc.h"
#include "shfl.h"
#include "vbox_status.h"

#ifdef __clang__
#define HOP __attribute__((noinline, used))
#else
#define HOP __attribute__((noipa, used))
#endif

static VBOXHGCMSVCHELPERS *helpers;
static volatile int sink;

enum {
	COMPLETE_EARLY = 2,
	COMPLETE_LATE,
	MANY_HOPS,
	DEEP_HOPS,
	JUMP,
	SLEEP_FOREVER = SHFL_FN_LOCK,
	COMPLETE_NEVER
};

HOP static void svcComplete(VBOXHGCMCALLHANDLE handle, int32_t status)
{
	helpers->pfnCallComplete(handle, status);
	sink++;
}

HOP static int RTFileRead(int i)
{
	sink += i;
	return i;
}

HOP static int vbsfRead(int n)
{
	for (int i = 0; i < n; i++)
		sink += RTFileRead(i);
	return 7;
}

HOP static int RTDirRead(int depth)
{
	if (depth)
		sink = RTDirRead(depth - 1); /* no loop can do that */
	return sink;
}

HOP static int RTFileWrite(jmp_buf back)
{
	if (sink >= 0)
		longjmp(back, 1);
	return sink;
}

HOP static int RTFileFlush(jmp_buf back)
{
	return RTFileWrite(back) + 1;
}

static void jump_back(void)
{
	jmp_buf back;

	if (!setjmp(back))
		sink += RTFileFlush(back);
}

static void *complete_now(void *handle)
{
	svcComplete(handle, VINF_SUCCESS);
	return NULL;
}

static void *complete_later(void *handle)
{
	usleep(20000);
	svcComplete(handle, VERR_CANCELLED);
	return NULL;
}

static void sleep_forever(void)
{
	for (;;)
		pause();
}

HOP static void svcCall(void *service, VBOXHGCMCALLHANDLE handle, uint32_t client,
			void *client_data, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[],
			uint64_t ticks)
{
	pthread_t thread;

	(void)service, (void)client, (void)client_data, (void)n_parms, (void)parms, (void)ticks;
	switch (fn) {
	case SLEEP_FOREVER:
		sink += vbsfRead(1);
		sleep_forever();
		break;
	case COMPLETE_EARLY:
		pthread_create(&thread, NULL, complete_now, handle);
		pthread_join(thread, NULL);
		usleep(20000);
		break;
	case COMPLETE_LATE:
		pthread_create(&thread, NULL, complete_later, handle);
		pthread_detach(thread);
		break;
	case MANY_HOPS:
		sink += vbsfRead(200);
		svcComplete(handle, VINF_SUCCESS);
		break;
	case DEEP_HOPS:
		sink += RTDirRead(30);
		svcComplete(handle, VINF_SUCCESS);
		break;
	case JUMP:
		jump_back();
		svcComplete(handle, VINF_SUCCESS);
		break;
	case COMPLETE_NEVER:
		break;
	default:
		svcComplete(handle, VINF_SUCCESS);
	}
	sink++;
}

HOP static int svcConnect(void *service, uint32_t client, void *client_data, uint32_t requestor,
			  bool restoring)
{
	(void)service, (void)client, (void)client_data, (void)requestor, (void)restoring;
	return VINF_SUCCESS;
}

HOP static int svcDisconnect(void *service, uint32_t client, void *client_data)
{
	(void)service, (void)client, (void)client_data;
	return VINF_SUCCESS;
}

static int svcHostCall(void *service, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[])
{
	(void)service, (void)fn, (void)n_parms, (void)parms;
	return VINF_SUCCESS;
}

static int svcUnload(void *service)
{
	(void)service;
	return VINF_SUCCESS;
}

FNVBOXHGCMSVCLOAD VBoxHGCMSvcLoad;

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	if (table->cbSize != sizeof(*table) || table->u32Version != VBOX_HGCM_SVC_VERSION)
		return VERR_VERSION_MISMATCH;
	helpers = table->pHelpers;
	table->cbClient = 16;
	for (int i = 0; i < HGCM_CLIENT_CATEGORY_MAX; i++) {
		table->acMaxClients[i] = 64;
		table->acMaxCallsPerClient[i] = 64;
	}
	table->pfnUnload = svcUnload;
	table->pfnConnect = svcConnect;
	table->pfnDisconnect = svcDisconnect;
	table->pfnCall = svcCall;
	table->pfnHostCall = svcHostCall;
	return VINF_SUCCESS;
}
