// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The requests that a guest sends once: who it is, which events it wants, and
 * that it goes. In the order of spec/vmmdev-hgcm.md 6.1.
 */
#include <linux/pci.h>
#include "devext.h"

#define ADDITIONS_MAJOR 6
#define ADDITIONS_REVISION 127566
#define ADDITIONS_NAME "6.0.0"
#define OS_LINUX26_X64 0x53100

/* Sends a request whose answer is only a status, and frees it. */
static int perform_and_free(void *request, u32 size)
{
	int rc = VbglGRPerform(request);

	VbglGRFree(request, size);
	return rc;
}

static int query_host_version(struct VBOXGUESTDEVEXT *devext)
{
	VMMDevReqHostVersion *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), VMMDevReq_GetHostVersion,
			     VMMDEV_REQUESTOR_USR_DRV);

	if (VBOX_FAILURE(rc))
		return rc;
	rc = VbglGRPerform(&request->header);
	if (VBOX_SUCCESS(rc)) {
		devext->host_features = request->features;
		dev_info(&devext->pci->dev, "host %u.%u.%u, features %#x\n", request->major,
			 request->minor, request->build, devext->host_features);
		if (!(devext->host_features & VMMDEV_HVF_HGCM_PHYS_PAGE_LIST))
			rc = VERR_NOT_SUPPORTED;
	}
	VbglGRFree(request, sizeof(*request));
	return rc;
}

static int report_guest_info2(void)
{
	VMMDevReportGuestInfo2 *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), VMMDevReq_ReportGuestInfo2,
			     VMMDEV_REQUESTOR_USR_DRV);

	if (VBOX_FAILURE(rc))
		return rc;
	request->additionsMajor = ADDITIONS_MAJOR;
	request->additionsRevision = ADDITIONS_REVISION;
	request->additionsFeatures = VMMDEV_GUEST_INFO2_FEATURE_REQUESTOR;
	strscpy(request->szName, ADDITIONS_NAME, sizeof(request->szName));
	return perform_and_free(request, sizeof(*request));
}

static int report_guest_info(void)
{
	VMMDevReportGuestInfo *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), VMMDevReq_ReportGuestInfo,
			     VMMDEV_REQUESTOR_USR_DRV);

	if (VBOX_FAILURE(rc))
		return rc;
	request->interfaceVersion = VMMDEV_INTERFACE_VERSION;
	request->osType = OS_LINUX26_X64;
	return perform_and_free(request, sizeof(*request));
}

/* Hosts differ in which of the two reports they want first. */
static int report_guest(void)
{
	int rc = report_guest_info2();

	if (VBOX_SUCCESS(rc))
		return report_guest_info();
	if (rc != VERR_NOT_SUPPORTED && rc != VERR_NOT_IMPLEMENTED)
		return rc;
	rc = report_guest_info();
	if (VBOX_FAILURE(rc))
		return rc;
	rc = report_guest_info2();
	return rc == VERR_NOT_IMPLEMENTED ? VINF_SUCCESS : rc;
}

static int set_mask(u32 type, u32 or_mask, u32 not_mask)
{
	VMMDevReqMask *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), type,
			     VMMDEV_REQUESTOR_USR_DRV);

	if (VBOX_FAILURE(rc))
		return rc;
	request->u32OrMask = or_mask;
	request->u32NotMask = not_mask;
	return perform_and_free(request, sizeof(*request));
}

int VBoxGuestSetFilterMask(u32 or_mask, u32 not_mask)
{
	return set_mask(VMMDevReq_CtlGuestFilterMask, or_mask, not_mask);
}

static int clear_mouse_status(void)
{
	VMMDevReqMouseStatus *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), VMMDevReq_SetMouseStatus,
			     VMMDEV_REQUESTOR_USR_DRV);

	return VBOX_FAILURE(rc) ? rc : perform_and_free(request, sizeof(*request));
}

static int report_status(u32 status)
{
	VMMDevReportGuestStatus *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), VMMDevReq_ReportGuestStatus,
			     VMMDEV_REQUESTOR_USR_DRV);

	if (VBOX_FAILURE(rc))
		return rc;
	request->facility = VMMDEV_FACILITY_GUEST_DRIVER;
	request->status = status;
	return perform_and_free(request, sizeof(*request));
}

int VBoxGuestReportToHost(struct VBOXGUESTDEVEXT *devext)
{
	int rc = query_host_version(devext);

	if (VBOX_SUCCESS(rc))
		rc = report_guest();
	if (VBOX_SUCCESS(rc))
		rc = VBoxGuestSetFilterMask(VMMDEV_EVENT_HGCM, ~VMMDEV_EVENT_HGCM);
	if (VBOX_SUCCESS(rc))
		rc = set_mask(VMMDevReq_SetGuestCapabilities, 0, U32_MAX);
	if (VBOX_SUCCESS(rc))
		rc = clear_mouse_status();
	if (VBOX_FAILURE(rc))
		return rc;
	report_status(VMMDEV_FACILITY_STATUS_ACTIVE);
	return VINF_SUCCESS;
}

void VBoxGuestReportInactive(struct VBOXGUESTDEVEXT *devext)
{
	report_status(VMMDEV_FACILITY_STATUS_INACTIVE);
	VBoxGuestSetFilterMask(0, U32_MAX);
	set_mask(VMMDevReq_SetGuestCapabilities, 0, U32_MAX);
	clear_mouse_status();
}
