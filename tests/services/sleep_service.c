/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A service that hangs: loads the one that SF_TEST_REAL_SERVICE names, passes
 * everything on to it, but sleeps for ever in the SF_TEST_SLEEP_NTH call (1 by
 * default) of function SF_TEST_SLEEP_FN; with SF_TEST_CRASH set it dies there,
 * with SF_TEST_FAIL it ends the call with that status.
 * It has a svcCall and a svcComplete of its own, so that a tracer finds the
 * same hops.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "hgcm_svc.h"
#include "vbox_status.h"

FNVBOXHGCMSVCLOAD VBoxHGCMSvcLoad;
void svcCall(void *service, VBOXHGCMCALLHANDLE call, uint32_t client, void *data, uint32_t fn,
	     uint32_t n_parms, VBOXHGCMSVCPARM parms[], uint64_t arrival_ticks);
int svcComplete(VBOXHGCMCALLHANDLE call, int32_t status);

static VBOXHGCMSVCFNTABLE real;
static VBOXHGCMSVCHELPERS *host_helpers, own_helpers;
static uint32_t sleep_fn;
static unsigned long sleep_nth, n_seen;

__attribute__((noinline)) int svcComplete(VBOXHGCMCALLHANDLE call, int32_t status)
{
	return host_helpers->pfnCallComplete(call, status);
}

__attribute__((noinline)) void svcCall(void *service, VBOXHGCMCALLHANDLE call, uint32_t client,
				       void *data, uint32_t fn, uint32_t n_parms,
				       VBOXHGCMSVCPARM parms[], uint64_t arrival_ticks)
{
	if (fn == sleep_fn && ++n_seen == sleep_nth) {
		if (getenv("SF_TEST_CRASH"))
			raise(SIGSEGV);
		if (getenv("SF_TEST_FAIL")) {
			svcComplete(call, atoi(getenv("SF_TEST_FAIL")));
			return;
		}
		for (;;)
			pause();
	}
	real.pfnCall(service, call, client, data, fn, n_parms, parms, arrival_ticks);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static FNVBOXHGCMSVCLOAD *real_entry(void)
{
	const char *file = getenv("SF_TEST_REAL_SERVICE");
	void *module = file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;

	return module ? (FNVBOXHGCMSVCLOAD *)dlsym(module, VBOX_HGCM_SVCLOAD_NAME) : NULL;
}

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	FNVBOXHGCMSVCLOAD *load = real_entry();
	int status;

	if (!load)
		return VERR_NOT_FOUND;
	host_helpers = table->pHelpers;
	own_helpers = *table->pHelpers;
	own_helpers.pfnCallComplete = svcComplete;
	table->pHelpers = &own_helpers;
	status = load(table);
	table->pHelpers = host_helpers;

	sleep_fn = (uint32_t)number("SF_TEST_SLEEP_FN", 0);
	sleep_nth = number("SF_TEST_SLEEP_NTH", 1);
	real = *table;
	table->pfnCall = svcCall;
	return status;
}
