/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HGCM requests that end after the guest went on: events, the interrupt, cancelling. */
#include <unistd.h>

#include "device_fixture.h"

#define OTHER 0x8000u /* a second request's address */

static void start(void)
{
	load_service(ECHO_SERVICE);
	device_start(&(struct vmmdev_config){
		.service_name = "Echo",
		.service = service,
		.can_finish_later = true,
	});
	guest_report();
	cr_assert_eq(hgcm_send_connect("Echo"), VINF_HGCM_ASYNC_EXECUTE);
	cr_assert(request_is_done());
	client = get32(REQUEST + 164);
}

TestSuite(vmmdev_later, .init = start, .fini = device_stop);

static uint32_t acknowledge(void)
{
	return (uint32_t)vmmdev_bar_read(dev, false, PORT_BASE + 8, 4);
}

static uint64_t have_events(void)
{
	return vmmdev_bar_read(dev, true, MEMORY_BASE + 8, 1);
}

/* Parks a call whose request is moved to OTHER. */
static void park(uint32_t type)
{
	uint32_t list = type == VMMDevReq_HGCMCall64 ? 76 : 68;

	call_begin_as(type, ECHO_FN_PARK, 2, list + 16);
	parm32(0, 5);
	parm_pages(1, VMMDevHGCMParmType_NoBouncePageList, 4, list);
	page_list(list, 3, 0, 1, DATA);
	put32(DATA, 0);
	memcpy(ram + OTHER, ram + REQUEST, list + 16);
	vmmdev_bar_write(dev, false, PORT_BASE, OTHER, 4);
}

static int32_t release(void)
{
	call_begin(ECHO_FN_RELEASE, 0, 44);
	return submit();
}

/* The event comes even for the connect: the guest waits for it. */
Test(vmmdev_later, interrupt_tells_of_the_end)
{
	cr_assert(irq_level);
	cr_assert_eq(n_irqs, 1);
	cr_assert_eq(have_events(), 1);
	cr_assert_eq(acknowledge(), VMMDEV_EVENT_HGCM);
	cr_assert_not(irq_level);
	cr_assert_eq(have_events(), 0);
	cr_assert_eq(acknowledge(), 0);

	park(VMMDevReq_HGCMCall64);
	cr_assert_eq((int32_t)get32(OTHER + 12), VINF_HGCM_ASYNC_EXECUTE);
	cr_assert_eq(get32(OTHER + 24), 0);
	cr_assert_not(irq_level);
	cr_assert_eq(n_calls, 0);

	cr_assert_eq(release(), VINF_HGCM_ASYNC_EXECUTE);
	cr_assert_eq(get32(OTHER + 24), VBOX_HGCM_REQ_DONE);
	cr_assert_eq((int32_t)get32(OTHER + 12), VINF_HGCM_ASYNC_EXECUTE, "rc is not written late");
	cr_assert_eq((int32_t)get32(OTHER + 28), VINF_SUCCESS);
	cr_assert_eq(get32(OTHER + 48), 6);
	cr_assert_eq(get32(DATA), UINT32_MAX);
	cr_assert(irq_level);
	cr_assert_eq(n_irqs, 2);
	cr_assert_eq(n_calls, 2);
}

Test(vmmdev_later, acknowledges_by_request_too)
{
	request_begin(VMMDevReq_AcknowledgeEvents, 28);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 24), VMMDEV_EVENT_HGCM);
	cr_assert_not(irq_level);
	cr_assert_eq(acknowledge(), 0);
}

/* A second end before the acknowledge adds nothing; one after it interrupts again. */
Test(vmmdev_later, ends_are_told_together)
{
	release();
	release();
	cr_assert_eq(n_irqs, 1);
	acknowledge();
	release();
	cr_assert_eq(n_irqs, 2);
}

/* Pages may go away while a call runs: it gets a copy. */
Test(vmmdev_later, service_gets_no_pages)
{
	call_begin(ECHO_FN_TYPES, 2, 76 + 16);
	parm32(0, 0);
	parm_pages(1, VMMDevHGCMParmType_NoBouncePageList, 4, 76);
	page_list(76, 3, 0, 1, DATA);
	submit();
	cr_assert_eq(get32(parm_at(0) + 4), VBOX_HGCM_SVC_PARM_PTR);
}

Test(vmmdev_later, ends_from_another_thread)
{
	call_begin(ECHO_FN_THREAD, 1, 60);
	parm32(0, 1);
	acknowledge();
	cr_assert_eq(submit(), VINF_HGCM_ASYNC_EXECUTE);
	for (int i = 0; i < 30000 && !vmmdev_irq_level(dev); i++)
		usleep(1000);
	cr_assert_eq(acknowledge(), VMMDEV_EVENT_HGCM);
	cr_assert(request_is_done());
	cr_assert_eq(get32(parm_at(0) + 4), 2);
}

/* Refusals are still at once, with neither mark nor interrupt. */
Test(vmmdev_later, refuses_at_once)
{
	acknowledge();
	client = 77;
	call_begin(ECHO_FN_RELEASE, 0, 44);
	cr_assert_eq(submit(), VERR_HGCM_INVALID_CLIENT_ID);
	cr_assert_not(request_is_done());
	call_begin(ECHO_FN_RELEASE, 1, 60);
	put32(parm_at(0), 99);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	cr_assert_not(irq_level);
}

/* --- events ------------------------------------------------------------------ */

static int32_t filter(uint32_t or_mask, uint32_t not_mask)
{
	return SEND(VMMDevReq_CtlGuestFilterMask, 32, or_mask, not_mask);
}

/* While events wait the new filter waits too. */
Test(vmmdev_later, filter_is_postponed)
{
	cr_assert_eq(filter(0x202, ~0x202u), VINF_SUCCESS);
	cr_assert(irq_level);
	cr_assert_eq(acknowledge(), VMMDEV_EVENT_HGCM);
	release();
	cr_assert_eq(n_irqs, 2);
}

Test(vmmdev_later, hgcm_event_cannot_be_taken_out)
{
	acknowledge();
	cr_assert_eq(filter(0, UINT32_MAX), VINF_SUCCESS);
	release();
	cr_assert(irq_level);
	/* Postponed ones add up. */
	cr_assert_eq(filter(0x40, 0), VINF_SUCCESS);
	cr_assert_eq(filter(0, 0x40 | 0x2), VINF_SUCCESS);
	cr_assert_eq(acknowledge(), VMMDEV_EVENT_HGCM);
	release();
	cr_assert(irq_level);
}

/* Calls in flight at a reset end to nowhere. */
Test(vmmdev_later, reset_clears_events)
{
	park(VMMDevReq_HGCMCall64);
	vmmdev_reset(dev);
	cr_assert_not(irq_level);
	cr_assert_eq(get32(OTHER + 24), 0, "a reset machine's memory is left alone");
	vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
	vmmdev_config_write(dev, 0x14, MEMORY_BASE, 4);
	cr_assert_eq(have_events(), 0);
	cr_assert_eq(acknowledge(), UINT32_MAX);
	guest_report();
	cr_assert_eq(acknowledge(), 0);
}

/* --- what ends a call early ------------------------------------------------------ */

Test(vmmdev_later, cancelled_request_is_left_alone)
{
	park(VMMDevReq_HGCMCall64);
	cr_assert_eq(SEND(VMMDevReq_HGCMCancel2, 28, OTHER), VINF_SUCCESS);
	acknowledge();
	memset(ram + OTHER, 0x77, 100);
	put32(DATA, 0x77777777);
	cr_assert_eq(SEND(VMMDevReq_HGCMCancel2, 28, OTHER), VERR_NOT_FOUND);

	call_begin(ECHO_FN_CANCELS, 2, 76);
	parm32(0, 0);
	parm32(1, 0);
	submit();
	cr_assert_eq(get32(parm_at(0) + 4), 1, "the service was not told");
	cr_assert_eq(get32(parm_at(1) + 4), 1);
	release();
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(ram[OTHER + i], 0x77);
	cr_assert_eq(get32(DATA), 0x77777777);
	cr_assert_eq(SEND(VMMDevReq_HGCMCancel2, 28, OTHER), VERR_NOT_FOUND);
}

Test(vmmdev_later, the_old_form_of_cancel)
{
	park(VMMDevReq_HGCMCall32);
	put32(OTHER + 8, VMMDevReq_HGCMCancel);
	vmmdev_bar_write(dev, false, PORT_BASE, OTHER, 4);
	cr_assert_eq((int32_t)get32(OTHER + 12), VINF_SUCCESS);
	release();
	cr_assert_eq(get32(OTHER + 24), 0);
	cr_assert_eq(get32(DATA), 0);
	vmmdev_bar_write(dev, false, PORT_BASE, OTHER, 4);
	cr_assert_eq((int32_t)get32(OTHER + 12), VERR_INVALID_PARAMETER);
}

/* The guest set the type for the old form, but the end came first. */
Test(vmmdev_later, end_wins_over_the_old_form_of_cancel)
{
	park(VMMDevReq_HGCMCall64);
	put32(OTHER + 8, VMMDevReq_HGCMCancel);
	release();
	cr_assert_eq(get32(OTHER + 24), VBOX_HGCM_REQ_DONE);
	cr_assert_eq((int32_t)get32(OTHER + 28), VINF_SUCCESS);
	cr_assert_eq(get32(DATA), UINT32_MAX);
}

Test(vmmdev_later, request_that_became_another)
{
	park(VMMDevReq_HGCMCall64);
	put32(OTHER + 8, VMMDevReq_GetHostTime);
	release();
	cr_assert_eq(get32(OTHER + 24), VBOX_HGCM_REQ_DONE);
	cr_assert_eq((int32_t)get32(OTHER + 28), VERR_INVALID_PARAMETER);
	cr_assert_eq(get32(DATA), 0);
}

/* A guest must not wait for ever for a call whose client is gone. */
Test(vmmdev_later, disconnect_ends_calls)
{
	park(VMMDevReq_HGCMCall64);
	hgcm_send_disconnect(client);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	cr_assert_eq(get32(OTHER + 24), VBOX_HGCM_REQ_DONE);

	hgcm_send_connect("Echo");
	client = get32(REQUEST + 164);
	call_begin(ECHO_FN_ABANDON, 0, 44);
	memcpy(ram + OTHER, ram + REQUEST, 44);
	vmmdev_bar_write(dev, false, PORT_BASE, OTHER, 4);
	cr_assert_eq(get32(OTHER + 24), 0);
	hgcm_send_disconnect(client);
	cr_assert_eq(get32(OTHER + 24), VBOX_HGCM_REQ_DONE);
	cr_assert_eq((int32_t)get32(OTHER + 28), VERR_CANCELLED);
}

/* Calls that run when the device goes away must neither leak nor be used any more. */
Test(vmmdev_later, goes_away_with_calls_running)
{
	park(VMMDevReq_HGCMCall64);
	call_begin(ECHO_FN_ABANDON, 0, 44);
	submit();
}
