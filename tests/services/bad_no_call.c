/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A service that leaves out a function which it must have. */
#include "hgcm_svc.h"
#include "vbox_status.h"

FNVBOXHGCMSVCLOAD VBoxHGCMSvcLoad;

static int unload(void *service)
{
	(void)service;
	return VINF_SUCCESS;
}

static int connect_client(void *service, uint32_t client, void *data, uint32_t requestor,
			  bool restoring)
{
	(void)service, (void)client, (void)data, (void)requestor, (void)restoring;
	return VINF_SUCCESS;
}

static int disconnect_client(void *service, uint32_t client, void *data)
{
	(void)service, (void)client, (void)data;
	return VINF_SUCCESS;
}

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	table->pfnUnload = unload;
	table->pfnConnect = connect_client;
	table->pfnDisconnect = disconnect_client;
	return VINF_SUCCESS;
}
