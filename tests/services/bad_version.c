/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A service made for another version of the interface. */
#include "hgcm_svc.h"
#include "vbox_status.h"

FNVBOXHGCMSVCLOAD VBoxHGCMSvcLoad;

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	return table->u32Version == VBOX_HGCM_SVC_VERSION + 1 ? VINF_SUCCESS
							      : VERR_VERSION_MISMATCH;
}
