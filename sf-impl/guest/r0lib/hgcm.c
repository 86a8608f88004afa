// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HGCM for drivers of the kernel: each step hands on to the next, down to the
 * driver of the VMM device.
 */
#include <linux/string.h>
#include "r0lib.h"

/* On Linux the other driver is a function call away. */
noinline int vbglDriverIOCtl(struct VBOXGUESTIDC *driver, unsigned int command, void *data,
			     u32 size)
{
	size_t returned;

	return VBoxGuestIDCCall(driver->session, command, data, size, &returned);
}

noinline int VbglHGCMCall(struct VBGLHGCMHANDLE *handle, struct VBoxGuestHGCMCallInfo *info,
			  u32 size)
{
	if (WARN_ON_ONCE(size < sizeof(*info) + info->cParms * sizeof(HGCMFunctionParameter64)))
		return VERR_INVALID_PARAMETER;
	return vbglDriverIOCtl(&handle->driver, VBOXGUEST_IOCTL_HGCM_CALL(size), info, size);
}

static int connect_service(struct VBGLHGCMHANDLE *handle, const char *service)
{
	struct VBoxGuestHGCMConnectInfo info = {
		.result = VERR_INTERNAL_ERROR,
		.location_type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING,
	};
	int rc;

	strscpy(info.service, service, sizeof(info.service));
	rc = vbglDriverIOCtl(&handle->driver, VBOXGUEST_IOCTL_HGCM_CONNECT, &info, sizeof(info));
	if (VBOX_SUCCESS(rc))
		rc = info.result;
	handle->client = info.u32ClientID;
	return rc;
}

int VbglHGCMConnect(struct VBGLHGCMHANDLE *handle, const char *service)
{
	int rc = VBoxGuestIDCOpen(&handle->driver);

	if (VBOX_FAILURE(rc))
		return rc;
	if (handle->driver.version >> 16 != VBOXGUEST_DRIVER_VERSION >> 16)
		rc = VERR_VERSION_MISMATCH;
	else
		rc = connect_service(handle, service);
	if (VBOX_FAILURE(rc))
		VBoxGuestIDCClose(handle->driver.session);
	return rc;
}

void VbglHGCMDisconnect(struct VBGLHGCMHANDLE *handle)
{
	struct VBoxGuestHGCMDisconnectInfo info = { .u32ClientID = handle->client };

	vbglDriverIOCtl(&handle->driver, VBOXGUEST_IOCTL_HGCM_DISCONNECT, &info, sizeof(info));
	VBoxGuestIDCClose(handle->driver.session);
}
