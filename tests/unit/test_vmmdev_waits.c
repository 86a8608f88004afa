/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real service behind a device that can end calls later: a guest's wait for changes
 * of the shares goes on until there is one, or the guest cancels it, or goes away.
 */
#include <stdio.h>
#include <unistd.h>

#include "device_fixture.h"

#define WAITING 0x8000u /* the waiting request's address */

static char share[] = "/tmp/sf-test-XXXXXX";

static void start(void)
{
	cr_assert_not_null(mkdtemp(share));
	load_service(SFSERVICE_PATH);
	device_start(&(struct vmmdev_config){
		.service_name = SHFL_SERVICE_NAME,
		.service = service,
		.can_finish_later = true,
	});
	guest_report();
	cr_assert_eq(hgcm_send_connect(SHFL_SERVICE_NAME), VINF_HGCM_ASYNC_EXECUTE);
	client = get32(REQUEST + 164);
}

static void stop(void)
{
	device_stop();
	rmdir(share);
}

TestSuite(vmmdev_waits, .init = start, .fini = stop);

static void wait_for_changes(uint32_t version)
{
	call_begin(SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES, 1, 60);
	parm32(0, version);
	memcpy(ram + WAITING, ram + REQUEST, 60);
	vmmdev_bar_write(dev, false, PORT_BASE, WAITING, 4);
}

static bool has_ended(void)
{
	return get32(WAITING + 24) & VBOX_HGCM_REQ_DONE;
}

static int32_t result(void)
{
	return (int32_t)get32(WAITING + 28);
}

/* What the table's version is: a wait for another one ends at once. */
static uint32_t version(void)
{
	wait_for_changes(UINT32_MAX);
	cr_assert(has_ended());
	return get32(WAITING + 48);
}

static void expect_waiting(void)
{
	vmmdev_bar_read(dev, false, PORT_BASE + 8, 4); /* acknowledges what was before */
	wait_for_changes(version());
	vmmdev_bar_read(dev, false, PORT_BASE + 8, 4);
	cr_assert_not(has_ended());
	cr_assert_not(irq_level);
}

Test(vmmdev_waits, a_change_ends_them)
{
	uint32_t before = version();

	expect_waiting();
	cr_assert_eq(hgcm_add_share(service, "work", share, 0, NULL), VINF_SUCCESS);
	cr_expect(has_ended());
	cr_expect_eq(result(), VERR_CANCELLED); /* what the original says */
	cr_expect_neq(get32(WAITING + 48), before, "the version is the old one");
	cr_expect(irq_level, "the guest is not told");
	expect_waiting();
}

Test(vmmdev_waits, the_guest_cancels_them)
{
	expect_waiting();
	call_begin(SHFL_FN_CANCEL_MAPPINGS_CHANGES_WAITS, 0, 44);
	submit();
	cr_expect_eq(request_result(), VINF_SUCCESS);
	cr_expect(has_ended());
	cr_expect_eq(result(), VERR_CANCELLED);
	cr_expect(irq_level);
}

Test(vmmdev_waits, they_end_with_their_client)
{
	expect_waiting();
	cr_assert_eq(hgcm_send_disconnect(client), VINF_HGCM_ASYNC_EXECUTE);
	cr_expect(has_ended());
	cr_expect(VBOX_FAILURE(result()));
	cr_assert_eq(hgcm_add_share(service, "work", share, 0, NULL), VINF_SUCCESS,
		     "nobody is woken twice");
}

/* A request that the guest has given up is not written to. */
Test(vmmdev_waits, a_cancelled_request_is_left_alone)
{
	expect_waiting();
	cr_assert_eq(SEND(VMMDevReq_HGCMCancel2, 28, WAITING), VINF_SUCCESS);
	put32(WAITING + 24, 0x5a5a5a5a);
	cr_assert_eq(hgcm_add_share(service, "work", share, 0, NULL), VINF_SUCCESS);
	cr_expect_eq(get32(WAITING + 24), 0x5a5a5a5a);
}
