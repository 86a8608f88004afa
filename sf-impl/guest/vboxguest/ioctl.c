// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands of the driver as a table, for kernel and user sessions alike.
 */
#include <linux/ratelimit.h>
#include <linux/string.h>
#include "devext.h"

#define LOG_TEXT_MAX 512

struct ioctl_context {
	struct VBOXGUESTDEVEXT *devext;
	struct VBOXGUESTSESSION *session;
	void *data;
	size_t size;
	size_t *returned;
};

static int driver_version(const struct ioctl_context *ioctl)
{
	struct VBoxGuestDriverVersion *version = ioctl->data;

	if (version->minimum > version->requested)
		return VERR_INVALID_PARAMETER;
	version->driver = VBOXGUEST_DRIVER_VERSION;
	version->session = VBOXGUEST_DRIVER_VERSION;
	version->revision = 0;
	*ioctl->returned = sizeof(*version);
	/* Versions are compatible while their high halves are equal. */
	if (version->minimum > VBOXGUEST_DRIVER_VERSION ||
	    version->requested >> 16 != VBOXGUEST_DRIVER_VERSION >> 16) {
		version->session = U32_MAX;
		return VERR_VERSION_MISMATCH;
	}
	return VINF_SUCCESS;
}

/* Requests that a program may make, and whether any program may. */
static const struct {
	u32 type;
	bool anyone;
} permitted_requests[] = {
	{ VMMDevReq_GetHostVersion, true },
	{ VMMDevReq_GetHostTime, true },
	{ VMMDevReq_GetSessionId, true },
	{ VMMDevReq_ReportGuestStatus, false },
	{ VMMDevReq_WriteCoreDump, false },
};

static bool request_permitted(const struct VBOXGUESTSESSION *session, u32 type)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(permitted_requests); i++)
		if (permitted_requests[i].type == type)
			return permitted_requests[i].anyone ||
			       !(session->requestor & VMMDEV_REQUESTOR_USER_DEVICE);
	return false;
}

static int vmm_request(const struct ioctl_context *ioctl)
{
	VMMDevRequestHeader *from = ioctl->data;
	VMMDevRequestHeader *request;
	u32 size = from->size;
	u32 type = from->requestType;
	int rc;

	if (size > ioctl->size || size < sizeof(*from) ||
	    from->version != VMMDEV_REQUEST_HEADER_VERSION)
		return VERR_INVALID_PARAMETER;
	if (!request_permitted(ioctl->session, type))
		return VERR_PERMISSION_DENIED;
	rc = VbglGRAlloc((void **)&request, size, type, ioctl->session->requestor);
	if (VBOX_FAILURE(rc))
		return rc;
	memcpy(request + 1, from + 1, size - sizeof(*from));
	rc = VbglGRPerform(request);
	memcpy(from + 1, request + 1, size - sizeof(*from));
	from->rc = rc;
	*ioctl->returned = size;
	VbglGRFree(request, size);
	return rc;
}

static int hgcm_connect(const struct ioctl_context *ioctl)
{
	struct VBoxGuestHGCMConnectInfo *info = ioctl->data;
	s32 result;
	int rc;

	if (strnlen(info->service, sizeof(info->service)) == sizeof(info->service))
		return VERR_INVALID_PARAMETER;
	rc = VbglR0HGCMInternalConnect(info, ioctl->session->requestor);
	if (VBOX_FAILURE(rc))
		return rc;
	*ioctl->returned = sizeof(*info);
	if (VBOX_FAILURE(info->result))
		return VINF_SUCCESS;
	rc = VBoxGuestSessionAddClient(ioctl->session, info->u32ClientID);
	if (VBOX_FAILURE(rc))
		VbglR0HGCMInternalDisconnect(info->u32ClientID, ioctl->session->requestor,
					     &result);
	return rc;
}

static int hgcm_disconnect(const struct ioctl_context *ioctl)
{
	struct VBoxGuestHGCMDisconnectInfo *info = ioctl->data;
	int rc = VBoxGuestSessionDisconnect(ioctl->session, info->u32ClientID, &info->result);

	if (VBOX_SUCCESS(rc))
		*ioctl->returned = sizeof(*info);
	return rc;
}

static noinline int VBoxGuestCommonIOCtl_HGCMCall(struct VBOXGUESTDEVEXT *devext,
						  struct VBOXGUESTSESSION *session,
						  struct VBoxGuestHGCMCallInfo *info,
						  u32 timeout_ms, bool interruptible,
						  bool user_data, size_t extra, size_t size,
						  size_t *returned)
{
	struct vboxguest_wait wait = { .timeout_ms = timeout_ms, .interruptible = interruptible };
	size_t room = size - extra;
	int rc;

	if (info->cParms > VMMDEV_MAX_HGCM_PARMS ||
	    room < sizeof(*info) + info->cParms * sizeof(HGCMFunctionParameter64))
		return VERR_INVALID_PARAMETER;
	if (!VBoxGuestSessionHasClient(session, info->u32ClientID))
		return VERR_INVALID_HANDLE;
	rc = VbglR0HGCMInternalCall(info, room, user_data ? VBGLR0_HGCM_USER : 0,
				    session->requestor, &wait);
	if (VBOX_SUCCESS(rc))
		*returned = size;
	return rc;
}

static int hgcm_call(const struct ioctl_context *ioctl)
{
	return VBoxGuestCommonIOCtl_HGCMCall(ioctl->devext, ioctl->session, ioctl->data,
					     VBOXGUEST_TIMEOUT_NEVER, ioctl->session->user,
					     ioctl->session->user, 0, ioctl->size,
					     ioctl->returned);
}

static int hgcm_call_userdata(const struct ioctl_context *ioctl)
{
	return VBoxGuestCommonIOCtl_HGCMCall(ioctl->devext, ioctl->session, ioctl->data,
					     VBOXGUEST_TIMEOUT_NEVER, true, true, 0, ioctl->size,
					     ioctl->returned);
}

static int hgcm_call_timed(const struct ioctl_context *ioctl)
{
	struct VBoxGuestHGCMCallInfoTimed *timed = ioctl->data;

	return VBoxGuestCommonIOCtl_HGCMCall(ioctl->devext, ioctl->session, &timed->info,
					     timed->timeout_ms,
					     timed->interruptible || ioctl->session->user,
					     ioctl->session->user,
					     offsetof(struct VBoxGuestHGCMCallInfoTimed, info),
					     ioctl->size, ioctl->returned);
}

static int log_text(const struct ioctl_context *ioctl)
{
	const char *text = ioctl->data;
	int length = strnlen(text, min_t(size_t, ioctl->size, LOG_TEXT_MAX));

	if (length && text[length - 1] == '\n')
		length--;
	pr_info_ratelimited("vboxguest: log: %*pE\n", length, text);
	return VINF_SUCCESS;
}

static int wait_event_info(const struct ioctl_context *ioctl)
{
	*ioctl->returned = sizeof(struct VBoxGuestWaitEventInfo);
	return VBoxGuestWaitEvent(ioctl->session, ioctl->data);
}

static int cancel_wait_events(const struct ioctl_context *ioctl)
{
	VBoxGuestCancelWaits(ioctl->session);
	return VINF_SUCCESS;
}

static int filter_mask(const struct ioctl_context *ioctl)
{
	const struct VBoxGuestFilterMaskInfo *mask = ioctl->data;

	return VBoxGuestSessionSetFilter(ioctl->session, mask->or_mask, mask->not_mask);
}

static const struct ioctl_entry {
	unsigned int command; /* its size stripped */
	size_t minimum; /* of data; 0 if it takes none */
	int (*handle)(const struct ioctl_context *ioctl);
} ioctl_table[] = {
	/* what happens most comes first */
	{ VBOXGUEST_IOCTL_HGCM_CALL(0), sizeof(struct VBoxGuestHGCMCallInfo), hgcm_call },
	{ VBOXGUEST_IOCTL_HGCM_CALL_TIMED(0), sizeof(struct VBoxGuestHGCMCallInfoTimed),
	  hgcm_call_timed },
	{ VBOXGUEST_IOCTL_HGCM_CALL_USERDATA(0), sizeof(struct VBoxGuestHGCMCallInfo),
	  hgcm_call_userdata },
	{ VBOXGUEST_IOCTL_STRIP_SIZE(VBOXGUEST_IOCTL_HGCM_CONNECT),
	  sizeof(struct VBoxGuestHGCMConnectInfo), hgcm_connect },
	{ VBOXGUEST_IOCTL_STRIP_SIZE(VBOXGUEST_IOCTL_HGCM_DISCONNECT),
	  sizeof(struct VBoxGuestHGCMDisconnectInfo), hgcm_disconnect },
	{ VBOXGUEST_IOCTL_STRIP_SIZE(VBOXGUEST_IOCTL_DRIVER_VERSION),
	  sizeof(struct VBoxGuestDriverVersion), driver_version },
	{ VBOXGUEST_IOCTL_VMMREQUEST(0), sizeof(VMMDevRequestHeader), vmm_request },
	{ VBOXGUEST_IOCTL_LOG(0), 1, log_text },
	{ VBOXGUEST_IOCTL_STRIP_SIZE(VBOXGUEST_IOCTL_WAIT_EVENT),
	  sizeof(struct VBoxGuestWaitEventInfo), wait_event_info },
	{ VBOXGUEST_IOCTL_CANCEL_ALL_WAITEVENTS, 0, cancel_wait_events },
	{ VBOXGUEST_IOCTL_STRIP_SIZE(VBOXGUEST_IOCTL_CTL_FILTER_MASK),
	  sizeof(struct VBoxGuestFilterMaskInfo), filter_mask },
};

static const struct ioctl_entry *find_entry(unsigned int command)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ioctl_table); i++)
		if (ioctl_table[i].command == VBOXGUEST_IOCTL_STRIP_SIZE(command))
			return &ioctl_table[i];
	return NULL;
}

noinline int VBoxGuestCommonIOCtl(unsigned int command, struct VBOXGUESTDEVEXT *devext,
				  struct VBOXGUESTSESSION *session, void *data, size_t size,
				  size_t *returned)
{
	const struct ioctl_entry *entry = find_entry(command);
	struct ioctl_context ioctl = { devext, session, data, size, returned };

	*returned = 0;
	if (!entry)
		return VERR_NOT_SUPPORTED;
	if (entry->minimum && !data)
		return VERR_INVALID_POINTER;
	if (size < entry->minimum)
		return VERR_BUFFER_OVERFLOW;
	return entry->handle(&ioctl);
}
