/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A module that does what the environment variable ODD says when it is loaded as a service. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hgcm_svc.h"
#include "vbox_status.h"

static VBOXHGCMSVCHELPERS *volatile helpers;
static VBOXHGCMSVCHELPERS **volatile hidden;

static void call(void *service, VBOXHGCMCALLHANDLE handle, uint32_t client, void *client_data,
		 uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[], uint64_t ticks)
{
	(void)service, (void)client, (void)client_data, (void)fn, (void)n_parms, (void)parms;
	(void)ticks;
	helpers->pfnCallComplete(handle, VINF_SUCCESS);
}

static void odd_crash(VBOXHGCMSVCFNTABLE *table)
{
	(void)table;
	abort();
}

static void odd_hang(VBOXHGCMSVCFNTABLE *table)
{
	(void)table;
	for (;;)
		pause();
}

static void odd_exit(VBOXHGCMSVCFNTABLE *table)
{
	(void)table;
	_exit(0);
}

static void odd_empty(VBOXHGCMSVCFNTABLE *table)
{
	(void)table;
}

/* A function that is in no file. */
static void odd_nowhere(VBOXHGCMSVCFNTABLE *table)
{
	helpers = table->pHelpers;
	table->pfnCall = (void (*)(void *, VBOXHGCMCALLHANDLE, uint32_t, void *, uint32_t, uint32_t,
				   VBOXHGCMSVCPARM *, uint64_t))malloc(100);
}

/* Keeps the helpers where nobody finds them. */
static void odd_hide(VBOXHGCMSVCFNTABLE *table)
{
	hidden = malloc(sizeof(*hidden));
	*hidden = table->pHelpers;
	table->pfnCall = call;
}

static void odd_none(VBOXHGCMSVCFNTABLE *table)
{
	helpers = table->pHelpers;
	table->pfnCall = call;
}

__attribute__((visibility("default"))) FNVBOXHGCMSVCLOAD VBoxHGCMSvcLoad;

int VBoxHGCMSvcLoad(VBOXHGCMSVCFNTABLE *table)
{
	static const struct {
		const char *name;
		void (*run)(VBOXHGCMSVCFNTABLE *table);
	} ways[] = {
		{"crash", odd_crash}, {"hang", odd_hang},	{"exit", odd_exit},
		{"empty", odd_empty}, {"nowhere", odd_nowhere}, {"hide", odd_hide},
		{"none", odd_none},
	};
	const char *odd = getenv("ODD");

	for (size_t i = 0; odd && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(odd, ways[i].name)) {
			ways[i].run(table);
			return VINF_SUCCESS;
		}
	return VERR_NOT_SUPPORTED;
}
