/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device in front of another service than shared folders. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "device_fixture.h"

static void start(void)
{
	load_service(ECHO_SERVICE);
	device_start(&(struct vmmdev_config){.service_name = "Echo", .service = service});
	guest_connect("Echo");
}

TestSuite(vmmdev_other, .init = start, .fini = device_stop, .timeout = 60);

Test(vmmdev_other, shared_folders_are_not_there)
{
	cr_assert_eq(hgcm_send_connect(SHFL_SERVICE_NAME), VINF_SUCCESS);
	cr_assert_eq(request_result(), VERR_HGCM_SERVICE_NOT_FOUND);
}

static atomic_bool ended;

static void *release(void *other)
{
	while (!ended) {
		usleep(1000);
		hgcm_call(service, *(uint32_t *)other, ECHO_FN_RELEASE, 0, NULL, HGCM_WAIT_ALWAYS,
			  NULL, NULL);
	}
	return NULL;
}

/* Numbers of shared-folders functions that may wait mean nothing here: calls are waited for. */
Test(vmmdev_other, every_call_is_waited_for)
{
	uint32_t other;
	pthread_t thread;

	cr_assert_eq(hgcm_connect(service, VMMDEV_REQUESTOR_USR_ROOT, &other), VINF_SUCCESS);
	call_begin(ECHO_FN_PARK, 1, 60);
	parm32(0, 1);
	cr_assert_eq(pthread_create(&thread, NULL, release, &other), 0);
	cr_assert_eq(submit(), VINF_SUCCESS);
	ended = true;
	pthread_join(thread, NULL);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), 2);
}
