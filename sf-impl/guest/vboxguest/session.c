// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sessions: who talks to the driver, and which HGCM clients are his. And the way
 * in for other drivers of the kernel.
 */
#include <linux/export.h>
#include <linux/slab.h>
#include "devext.h"

struct VBOXGUESTSESSION *VBoxGuestSessionCreate(bool user, u32 requestor)
{
	struct VBOXGUESTSESSION *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return NULL;
	session->user = user;
	session->requestor = requestor;
	spin_lock_init(&session->lock);
	spin_lock(&vboxguest_devext.session_lock);
	list_add(&session->list, &vboxguest_devext.sessions);
	spin_unlock(&vboxguest_devext.session_lock);
	return session;
}

static u32 wanted_events(void)
{
	const struct VBOXGUESTSESSION *session;
	u32 wanted = VMMDEV_EVENT_HGCM;

	spin_lock(&vboxguest_devext.session_lock);
	list_for_each_entry(session, &vboxguest_devext.sessions, list)
		wanted |= session->filter;
	spin_unlock(&vboxguest_devext.session_lock);
	return wanted;
}

/* The host is told what all sessions together want. */
int VBoxGuestSessionSetFilter(struct VBOXGUESTSESSION *session, u32 or_mask, u32 not_mask)
{
	u32 wanted;
	int rc;

	if ((or_mask | not_mask) & ~VMMDEV_EVENT_VALID_EVENT_MASK)
		return VERR_INVALID_PARAMETER;
	mutex_lock(&vboxguest_devext.filter_mutex);
	session->filter = (session->filter | or_mask) & ~not_mask;
	wanted = wanted_events();
	rc = VBoxGuestSetFilterMask(wanted, ~wanted);
	mutex_unlock(&vboxguest_devext.filter_mutex);
	return rc;
}

void VBoxGuestSessionClose(struct VBOXGUESTSESSION *session)
{
	u32 client;
	s32 result;
	int i;

	if (session->filter)
		VBoxGuestSessionSetFilter(session, 0, session->filter);
	spin_lock(&vboxguest_devext.session_lock);
	list_del(&session->list);
	spin_unlock(&vboxguest_devext.session_lock);
	for (i = 0; i < VBOXGUEST_MAX_CLIENTS; i++) {
		client = session->clients[i];
		if (client)
			VbglR0HGCMInternalDisconnect(client, session->requestor, &result);
	}
	kfree(session);
}

/* Puts @to in the place of @from. */
static bool replace_client(struct VBOXGUESTSESSION *session, u32 from, u32 to)
{
	bool found = false;
	int i;

	spin_lock(&session->lock);
	for (i = 0; i < VBOXGUEST_MAX_CLIENTS && !found; i++) {
		found = session->clients[i] == from;
		if (found)
			session->clients[i] = to;
	}
	spin_unlock(&session->lock);
	return found;
}

int VBoxGuestSessionAddClient(struct VBOXGUESTSESSION *session, u32 client)
{
	if (!client || client == VBOXGUEST_CLIENT_BUSY)
		return VERR_INVALID_HANDLE;
	return replace_client(session, 0, client) ? VINF_SUCCESS : VERR_TOO_MANY_OPEN_FILES;
}

bool VBoxGuestSessionHasClient(struct VBOXGUESTSESSION *session, u32 client)
{
	if (!client || client == VBOXGUEST_CLIENT_BUSY)
		return false;
	return replace_client(session, client, client);
}

/*
 * The id leaves the table first, so that nobody can call or disconnect it any
 * more. While its slot says "busy" two of them may be mixed up: no harm, a slot
 * is a slot.
 */
int VBoxGuestSessionDisconnect(struct VBOXGUESTSESSION *session, u32 client, s32 *ret_result)
{
	bool gone;
	int rc;

	if (!client || client == VBOXGUEST_CLIENT_BUSY ||
	    !replace_client(session, client, VBOXGUEST_CLIENT_BUSY))
		return VERR_INVALID_HANDLE;
	rc = VbglR0HGCMInternalDisconnect(client, session->requestor, ret_result);
	gone = VBOX_SUCCESS(rc) && VBOX_SUCCESS(*ret_result);
	replace_client(session, VBOXGUEST_CLIENT_BUSY, gone ? 0 : client);
	return rc;
}

int VBoxGuestIDCOpen(struct VBOXGUESTIDC *idc)
{
	struct VBOXGUESTSESSION *session;

	if (!READ_ONCE(vboxguest_devext.present))
		return VERR_NOT_AVAILABLE;
	session = VBoxGuestSessionCreate(false, VMMDEV_REQUESTOR_USR_DRV_OTHER);
	if (!session)
		return VERR_NO_MEMORY;
	idc->version = VBOXGUEST_DRIVER_VERSION;
	idc->revision = 0;
	idc->session = session;
	return VINF_SUCCESS;
}
EXPORT_SYMBOL_GPL(VBoxGuestIDCOpen);

void VBoxGuestIDCClose(struct VBOXGUESTSESSION *session)
{
	VBoxGuestSessionClose(session);
}
EXPORT_SYMBOL_GPL(VBoxGuestIDCClose);

/* The pointer is only looked at once it is known to be a session. */
static bool session_valid(const struct VBOXGUESTSESSION *session)
{
	const struct VBOXGUESTSESSION *each;
	bool found = false;

	spin_lock(&vboxguest_devext.session_lock);
	list_for_each_entry(each, &vboxguest_devext.sessions, list) {
		found = each == session;
		if (found)
			break;
	}
	spin_unlock(&vboxguest_devext.session_lock);
	return found;
}

noinline int VBoxGuestIDCCall(struct VBOXGUESTSESSION *session, unsigned int command, void *data,
			      size_t size, size_t *returned)
{
	int rc = VERR_INVALID_PARAMETER;

	if (session_valid(session)) {
		*returned = 0;
		rc = VBoxGuestCommonIOCtl(command, &vboxguest_devext, session, data, size,
					  returned);
	}
	return rc;
}
EXPORT_SYMBOL_GPL(VBoxGuestIDCCall);
