// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting: for an HGCM request that the host finishes later, for one that is to
 * be cancelled, and for the device's events.
 */
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include "devext.h"

/*
 * An interrupt ends a wait. Looking at the flag from time to time as well costs
 * nothing, and makes a host without an interrupt slow instead of hanging.
 */
#define POLL_FIRST_MS 1
#define POLL_LAST_MS 250
#define CANCEL_RACE_MS 500
#define CANCEL_OTHER_MS 2000

static bool request_done(VMMDevHGCMRequestHeader *request)
{
	/* what the host wrote before the flag is read after it */
	return smp_load_acquire(&request->fu32Flags) & VBOX_HGCM_REQ_DONE;
}

static bool wait_over(VMMDevHGCMRequestHeader *request)
{
	return request_done(request) || !READ_ONCE(vboxguest_devext.present);
}

static long wait_slice(VMMDevHGCMRequestHeader *request, bool interruptible, long slice)
{
	wait_queue_head_t *waiters = &vboxguest_devext.hgcm_waiters;

	if (interruptible)
		return wait_event_interruptible_timeout(*waiters, wait_over(request), slice);
	return wait_event_timeout(*waiters, wait_over(request), slice);
}

static int wait_done(VMMDevHGCMRequestHeader *request, u32 timeout_ms, bool interruptible)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	unsigned int poll_ms = POLL_FIRST_MS;
	long left;

	for (;;) {
		left = msecs_to_jiffies(poll_ms);
		if (timeout_ms != VBOXGUEST_TIMEOUT_NEVER)
			left = clamp_t(long, end - jiffies, 0, left);
		if (wait_slice(request, interruptible, left) == -ERESTARTSYS)
			return VERR_INTERRUPTED;
		if (request_done(request))
			return VINF_SUCCESS;
		if (!READ_ONCE(vboxguest_devext.present))
			return VERR_NOT_AVAILABLE;
		if (timeout_ms != VBOXGUEST_TIMEOUT_NEVER && time_after_eq(jiffies, end))
			return VERR_TIMEOUT;
		poll_ms = min_t(unsigned int, poll_ms * 2, POLL_LAST_MS);
	}
}

static int cancel_by_address(VMMDevHGCMRequestHeader *request)
{
	VMMDevHGCMCancel2 *cancel;
	int rc = VbglGRAlloc((void **)&cancel, sizeof(*cancel), VMMDevReq_HGCMCancel2,
			     VMMDEV_REQUESTOR_USR_DRV);

	if (VBOX_FAILURE(rc))
		return rc;
	cancel->physReqToCancel = virt_to_phys(request);
	rc = VbglGRPerform(&cancel->header);
	VbglGRFree(cancel, sizeof(*cancel));
	return rc;
}

/* How older hosts want it: the request itself is turned into its cancellation. */
static int cancel_in_place(VMMDevHGCMRequestHeader *request)
{
	int rc;

	request->fu32Flags |= VBOX_HGCM_REQ_CANCELLED;
	request->header.requestType = VMMDevReq_HGCMCancel;
	rc = VbglGRPerform(&request->header);
	return rc == VERR_INVALID_PARAMETER ? VERR_NOT_FOUND : rc;
}

/*
 * Success: the host has let go of the request. Otherwise it may have finished it
 * meanwhile; if that cannot be seen, the request is leaked.
 */
static int cancel_request(VMMDevHGCMRequestHeader *request, int why, bool *ret_leaked)
{
	int rc = cancel_by_address(request);

	if (rc == VERR_NOT_IMPLEMENTED)
		rc = cancel_in_place(request);
	if (VBOX_SUCCESS(rc))
		return why;
	rc = wait_done(request, rc == VERR_NOT_FOUND ? CANCEL_RACE_MS : CANCEL_OTHER_MS, false);
	if (VBOX_SUCCESS(rc))
		return VINF_SUCCESS;
	*ret_leaked = true;
	return why;
}

int VBoxGuestHGCMPerformAndWait(VMMDevHGCMRequestHeader *request, struct vboxguest_wait *wait)
{
	int rc = VbglGRPerform(&request->header);

	wait->leaked = false;
	if (rc != VINF_HGCM_ASYNC_EXECUTE)
		return rc;
	rc = wait_done(request, wait->timeout_ms, wait->interruptible);
	if (VBOX_SUCCESS(rc))
		return rc;
	if (rc == VERR_NOT_AVAILABLE) {
		wait->leaked = true;
		return rc;
	}
	return cancel_request(request, rc, &wait->leaked);
}

/* Takes the events of @mask that have happened. */
static u32 take_events(u32 mask)
{
	struct VBOXGUESTDEVEXT *devext = &vboxguest_devext;
	unsigned long flags;
	u32 events;

	spin_lock_irqsave(&devext->event_lock, flags);
	events = devext->events & mask;
	devext->events &= ~events;
	spin_unlock_irqrestore(&devext->event_lock, flags);
	return events;
}

int VBoxGuestWaitEvent(struct VBOXGUESTSESSION *session, struct VBoxGuestWaitEventInfo *info)
{
	struct VBOXGUESTDEVEXT *devext = &vboxguest_devext;
	long timeout = info->timeout_ms == VBOXGUEST_TIMEOUT_NEVER ?
			       MAX_SCHEDULE_TIMEOUT : msecs_to_jiffies(info->timeout_ms);
	long left;

	WRITE_ONCE(session->cancel_waits, false);
	left = wait_event_interruptible_timeout(devext->event_waiters,
						(info->events = take_events(info->mask)) ||
						READ_ONCE(session->cancel_waits) ||
						!READ_ONCE(devext->present), timeout);
	if (info->events)
		return VINF_SUCCESS;
	if (!READ_ONCE(devext->present))
		return VERR_NOT_AVAILABLE;
	return left ? VERR_INTERRUPTED : VERR_TIMEOUT;
}

void VBoxGuestCancelWaits(struct VBOXGUESTSESSION *session)
{
	WRITE_ONCE(session->cancel_waits, true);
	wake_up_all(&vboxguest_devext.event_waiters);
}
