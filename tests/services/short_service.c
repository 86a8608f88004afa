/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A service that writes less than it is asked to: loads the one that SF_TEST_REAL_SERVICE names and
 * passes everything on to it, but of a write 1000 bytes at most, and of one at 1 TiB nothing at
 * all.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "hgcm_svc.h"
#include "shfl.h"
#include "vbox_status.h"

#define WRITE_MAX 1000u
#define NOTHING_FROM ((uint64_t)1 << 40)

FNVBOXHGCMSVCLOAD VBoxHGCMSvcLoad;

static VBOXHGCMSVCFNTABLE real;

static void call(void *service, VBOXHGCMCALLHANDLE handle, uint32_t client, void *data, uint32_t fn,
		 uint32_t n_parms, VBOXHGCMSVCPARM parms[], uint64_t arrival_ticks)
{
	if (fn == SHFL_FN_WRITE && n_parms == 5) {
		if (parms[2].u.uint64 >= NOTHING_FROM) {
			parms[3].u.uint32 = 0;
			real.pHelpers->pfnCallComplete(handle, VINF_SUCCESS);
			return;
		}
		if (parms[3].u.uint32 > WRITE_MAX)
			parms[3].u.uint32 = WRITE_MAX;
	}
	real.pfnCall(service, handle, client, data, fn, n_parms, parms, arrival_ticks);
}

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	const char *file = getenv("SF_TEST_REAL_SERVICE");
	void *module = file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;
	FNVBOXHGCMSVCLOAD *load =
		module ? (FNVBOXHGCMSVCLOAD *)dlsym(module, VBOX_HGCM_SVCLOAD_NAME) : NULL;
	int status = load ? load(table) : VERR_NOT_FOUND;

	real = *table;
	table->pfnCall = call;
	return status;
}
