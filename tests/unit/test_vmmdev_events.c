/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events and the interrupt. The device itself raises no other event than HGCM's,
 * so this raises some from inside.
 */
#include "device_impl.h"
#include "device_fixture.h"

#define HGCM VMMDEV_EVENT_HGCM
#define BALLOON VMMDEV_EVENT_BALLOON_CHANGE_REQUEST
#define MOUSE VMMDEV_EVENT_MOUSE_POSITION_CHANGED
#define DISPLAY VMMDEV_EVENT_DISPLAY_CHANGE_REQUEST

static void start(void)
{
	device_start(&(struct vmmdev_config){0});
	guest_report();
}

TestSuite(vmmdev_events, .init = start, .fini = device_stop);

static void filter(uint32_t or_mask, uint32_t not_mask)
{
	cr_assert_eq(SEND(VMMDevReq_CtlGuestFilterMask, 32, or_mask, not_mask), VINF_SUCCESS);
}

static uint32_t acknowledge(void)
{
	return (uint32_t)vmmdev_bar_read(dev, false, PORT_BASE + 8, 4);
}

static uint64_t have_events(void)
{
	return vmmdev_bar_read(dev, true, MEMORY_BASE + 8, 1);
}

Test(vmmdev_events, only_wanted_events_interrupt)
{
	filter(MOUSE, 0);
	events_raise(dev, BALLOON);
	cr_assert_not(irq_level);
	cr_assert_eq(have_events(), 0);
	events_raise(dev, MOUSE);
	cr_assert(irq_level);
	cr_assert_eq(have_events(), 1);
	/* The other one is still there, and not told. */
	cr_assert_eq(acknowledge(), MOUSE);
	cr_assert_not(irq_level);
	cr_assert_eq(have_events(), 0);
	cr_assert_eq(acknowledge(), 0);
}

/* While an event waits, another one says nothing more: the flag and the line are up already. */
Test(vmmdev_events, one_interrupt_for_all)
{
	filter(MOUSE | BALLOON, 0);
	events_raise(dev, MOUSE);
	dev->memory.fHaveEvents = 7;
	events_raise(dev, BALLOON);
	cr_assert_eq(dev->memory.fHaveEvents, 7, "a second interrupt");
	cr_assert_eq(acknowledge(), MOUSE | BALLOON);
}

Test(vmmdev_events, wanting_a_waiting_event_interrupts)
{
	events_raise(dev, BALLOON);
	filter(MOUSE, 0);
	cr_assert_not(irq_level);
	filter(BALLOON, 0);
	cr_assert(irq_level);
	cr_assert_eq(acknowledge(), BALLOON);
}

/* While wanted events wait the new filter waits too. */
Test(vmmdev_events, filter_is_postponed)
{
	filter(MOUSE, 0);
	events_raise(dev, MOUSE);
	filter(BALLOON, MOUSE);
	events_raise(dev, BALLOON);
	cr_assert(irq_level);
	/* The change takes place now: the mouse is out, its event stays. */
	cr_assert_eq(acknowledge(), BALLOON);
	cr_assert_not(irq_level);
	filter(MOUSE, 0);
	cr_assert_eq(acknowledge(), MOUSE);
}

Test(vmmdev_events, postponed_changes_add_up)
{
	filter(MOUSE, 0);
	events_raise(dev, MOUSE | BALLOON | DISPLAY);
	filter(BALLOON, 0);
	filter(DISPLAY, 0);
	cr_assert_eq(acknowledge(), MOUSE | BALLOON | DISPLAY);
}

Test(vmmdev_events, postponed_change_is_made_once)
{
	filter(MOUSE, 0);
	events_raise(dev, MOUSE);
	filter(0, MOUSE);
	cr_assert_eq(acknowledge(), 0);
	filter(MOUSE, 0);
	cr_assert_eq(acknowledge(), MOUSE);
	events_raise(dev, MOUSE);
	cr_assert_eq(acknowledge(), MOUSE, "the old change was made again");
}

Test(vmmdev_events, hgcm_cannot_be_taken_out)
{
	filter(HGCM, 0);
	filter(0, UINT32_MAX);
	events_raise(dev, HGCM | MOUSE);
	cr_assert_eq(acknowledge(), HGCM);
}

/* Before the report events are remembered, no more. */
Test(vmmdev_events, unreported_guests_are_left_alone)
{
	vmmdev_reset(dev);
	dev->events_filter = MOUSE;
	events_raise(dev, MOUSE);
	events_filter(dev, BALLOON, 0);
	dev->events_filter = 0;
	events_filter(dev, MOUSE, 0);
	cr_assert_not(irq_level);
	cr_assert_eq(dev->memory.fHaveEvents, 0);
	cr_assert_eq(dev->events_pending, MOUSE);
}

Test(vmmdev_events, reset_keeps_the_display_event)
{
	filter(MOUSE | DISPLAY, 0);
	events_raise(dev, MOUSE | DISPLAY);
	filter(BALLOON, 0);
	vmmdev_reset(dev);
	cr_assert_not(irq_level);
	cr_assert_eq(dev->events_pending, DISPLAY);
	cr_assert_eq(dev->events_filter, 0);
	cr_assert_not(dev->filter_postponed);
	cr_assert_eq(dev->memory.fHaveEvents, 0);
}

Test(vmmdev_events, report_lowers_the_line)
{
	filter(MOUSE, 0);
	events_raise(dev, MOUSE);
	cr_assert_eq(report_info(VMMDEV_INTERFACE_VERSION), VINF_SUCCESS);
	cr_assert_not(irq_level);
	acknowledge();
	events_raise(dev, MOUSE);
	cr_assert(irq_level);
	cr_assert_eq(report_info2(6, 0, 0, "6.0.0"), VINF_SUCCESS);
	cr_assert_not(irq_level);
}

Test(vmmdev_events, capabilities_are_kept)
{
	cr_assert_eq(SEND(VMMDevReq_SetGuestCapabilities, 32, 5, 0), VINF_SUCCESS);
	cr_assert_eq(SEND(VMMDevReq_SetGuestCapabilities, 32, 2, 4), VINF_SUCCESS);
	cr_assert_eq(dev->guest_caps, 3);
	cr_assert_eq(SEND(VMMDevReq_ReportGuestCapabilities, 28, 8), VINF_SUCCESS);
	cr_assert_eq(dev->guest_caps, 8);
}
