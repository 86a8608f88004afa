/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: its entry point and what it tells a host about itself. */
#include "service_driver.h"

TestSuite(service_load, .fini = driver_finish);

static VBOXHGCMSVCFNTABLE good_table(void)
{
	return (VBOXHGCMSVCFNTABLE){
		.cbSize = sizeof(VBOXHGCMSVCFNTABLE),
		.u32Version = VBOX_HGCM_SVC_VERSION,
		.pHelpers = &driver_helpers,
	};
}

Test(service_load, refuses_tables_that_are_not_its_own)
{
	FNVBOXHGCMSVCLOAD *load = driver_entry();
	VBOXHGCMSVCHELPERS no_completion = driver_helpers;

	cr_assert_eq(load(NULL), VERR_INVALID_PARAMETER);
	table = good_table();
	table.cbSize += 8;
	cr_assert_eq(load(&table), VERR_VERSION_MISMATCH);
	table = good_table();
	table.cbSize -= 8;
	cr_assert_eq(load(&table), VERR_VERSION_MISMATCH);
	table = good_table();
	table.u32Version++;
	cr_assert_eq(load(&table), VERR_VERSION_MISMATCH);
	cr_assert_null(table.pfnCall);
	table = good_table();
	table.pHelpers = NULL;
	cr_assert_eq(load(&table), VERR_INVALID_PARAMETER);
	table = good_table();
	no_completion.pfnCallComplete = NULL;
	table.pHelpers = &no_completion;
	cr_assert_eq(load(&table), VERR_INVALID_PARAMETER);
}

Test(service_load, fills_the_table)
{
	static const uint32_t max_calls[] = {65536, 16384, 1024};

	table = good_table();
	table.pfnNotify = (void (*)(void *, HGCMNOTIFYEVENT))1;
	cr_assert_eq(driver_entry()(&table), VINF_SUCCESS);
	cr_assert_eq(table.cbClient, 136);
	for (unsigned i = 0; i < HGCM_CLIENT_CATEGORY_MAX; i++) {
		cr_assert_eq(table.acMaxClients[i], 66);
		cr_assert_eq(table.acMaxCallsPerClient[i], max_calls[i]);
	}
	cr_assert_eq(table.idxLegacyClientCategory, HGCM_CLIENT_CATEGORY_KERNEL);
	cr_assert(table.pfnUnload && table.pfnConnect && table.pfnDisconnect && table.pfnCall &&
		  table.pfnHostCall);
	cr_assert_not_null(table.pfnCancelled);
	cr_assert_null(table.pfnNotify);
}

Test(service_load, is_there_once_and_loads_again_after_unload)
{
	FNVBOXHGCMSVCLOAD *load;
	VBOXHGCMSVCFNTABLE second = good_table();

	driver_start();
	load = (FNVBOXHGCMSVCLOAD *)dlsym(driver_module, VBOX_HGCM_SVCLOAD_NAME);
	cr_assert_eq(load(&second), VERR_HGCM_SERVICE_EXISTS);
	cr_assert_eq(table.pfnUnload(NULL), VINF_SUCCESS);
	cr_assert_eq(load(&second), VINF_SUCCESS);
	/* the shares of the first life are forgotten */
	table = second;
	cr_assert_eq(add_share("rw", driver_dir, 0, ""), VINF_SUCCESS);
}

/* A host that leaves out the disconnects. */
Test(service_load, unload_closes_what_is_open)
{
	FNVBOXHGCMSVCLOAD *load;
	struct client *client;

	driver_start();
	load = (FNVBOXHGCMSVCLOAD *)dlsym(driver_module, VBOX_HGCM_SVCLOAD_NAME);
	client = linux_client(true);
	open_handle(client, map_share(client, "rw"), "/a", OPEN_OR_CREATE | RW);
	open_handle(client, 0, "/", OPEN_OLD | SHFL_CF_DIRECTORY);
	cr_assert_eq(table.pfnUnload(NULL), VINF_SUCCESS);
	cr_expect_eq(count_descriptors(), driver_descriptors);
	cr_assert_eq(load(&table), VINF_SUCCESS);
	cr_assert_eq(add_share("rw", host_path("rw"), 0, ""), VINF_SUCCESS);
	client = linux_client(true);
	cr_expect_eq(open_handle(client, map_share(client, "rw"), "/a", OPEN_OLD), 1);
}

Test(service_load, prepares_a_client)
{
	struct client *client;
	uint32_t flags;

	driver_start();
	client = client_connect();
	memcpy(&flags, client->data, sizeof(flags));
	cr_assert_eq(flags, 0);
	cr_assert_eq(client->data[6], SHFL_ERROR_STYLE_LINUX);
	cr_assert_eq(client->data[7], 1);
	client_disconnect(client);
}
