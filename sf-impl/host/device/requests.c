/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requests that have nothing to do with HGCM: what Linux guests send while
 * they probe the device and later (spec/vmmdev-hgcm.md 4 and 6).
 */
#include "device_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The host that this one behaves like. Guests look at it to learn what they may use. */
#define HOST_MAJOR 6
#define HOST_MINOR 1
#define HOST_BUILD 36
#define HOST_REVISION 152435

#define HOST_FEATURES                                                                 \
	(VMMDEV_HVF_HGCM_PHYS_PAGE_LIST | VMMDEV_HVF_HGCM_EMBEDDED_BUFFERS |          \
	 VMMDEV_HVF_HGCM_CONTIGUOUS_PAGE_LIST | VMMDEV_HVF_HGCM_NO_BOUNCE_PAGE_LIST | \
	 VMMDEV_HVF_FAST_IRQ_ACK)

#define HEARTBEAT_NS 2000000000ull

/* There is no screen and so no pointer. */
int32_t request_get_mouse_status(struct vmmdev *dev, struct request *request)
{
	VMMDevReqMouseStatus *mouse = (VMMDevReqMouseStatus *)request->bytes;

	mouse->mouseFeatures = dev->mouse_features;
	mouse->pointerXPos = 0;
	mouse->pointerYPos = 0;
	return VINF_SUCCESS;
}

int32_t request_set_mouse_status(struct vmmdev *dev, struct request *request)
{
	const VMMDevReqMouseStatus *mouse = (VMMDevReqMouseStatus *)request->bytes;

	dev->mouse_features = mouse->mouseFeatures;
	return VINF_SUCCESS;
}

int32_t request_get_host_version(struct vmmdev *dev, struct request *request)
{
	VMMDevReqHostVersion *version = (VMMDevReqHostVersion *)request->bytes;

	(void)dev;
	version->major = HOST_MAJOR;
	version->minor = HOST_MINOR;
	version->build = HOST_BUILD;
	version->revision = HOST_REVISION;
	version->features = HOST_FEATURES;
	return VINF_SUCCESS;
}

int32_t request_get_host_time(struct vmmdev *dev, struct request *request)
{
	VMMDevReqHostTime *host_time = (VMMDevReqHostTime *)request->bytes;
	struct timespec now;

	(void)dev;
	clock_gettime(CLOCK_REALTIME, &now);
	host_time->time = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	return VINF_SUCCESS;
}

int32_t request_get_hypervisor_info(struct vmmdev *dev, struct request *request)
{
	VMMDevReqHypervisorInfo *info = (VMMDevReqHypervisorInfo *)request->bytes;

	(void)dev;
	info->hypervisorStart = 0;
	info->hypervisorSize = 0;
	return VINF_SUCCESS;
}

/* No space was asked for: the guest can only say that it gives none. */
int32_t request_set_hypervisor_info(struct vmmdev *dev, struct request *request)
{
	const VMMDevReqHypervisorInfo *info = (VMMDevReqHypervisorInfo *)request->bytes;

	(void)dev;
	return info->hypervisorStart == 0 ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

int32_t request_acknowledge_events(struct vmmdev *dev, struct request *request)
{
	((VMMDevEvents *)request->bytes)->events = events_acknowledge(dev);
	return VINF_SUCCESS;
}

int32_t request_filter_mask(struct vmmdev *dev, struct request *request)
{
	const VMMDevReqMask *mask = (VMMDevReqMask *)request->bytes;

	events_filter(dev, mask->u32OrMask, mask->u32NotMask);
	return VINF_SUCCESS;
}

/* Events without the flag in BAR 1 (interface 1.03) are left out: no Linux guest uses them. */
int32_t request_report_guest_info(struct vmmdev *dev, struct request *request)
{
	const VMMDevReportGuestInfo *info = (VMMDevReportGuestInfo *)request->bytes;

	if (info->interfaceVersion >> 16 != VMMDEV_INTERFACE_VERSION >> 16 ||
	    info->interfaceVersion > VMMDEV_INTERFACE_VERSION ||
	    info->interfaceVersion == VMMDEV_INTERFACE_VERSION_1_03)
		return VERR_VERSION_MISMATCH;
	dev->ready = true;
	irq_set(dev, false);
	return VINF_SUCCESS;
}

/* Older additions may put anything behind the numbers; these are told apart. */
static bool has_strict_name(const VMMDevReportGuestInfo2 *info)
{
	if (info->additionsMajor != 4)
		return info->additionsMajor > 4;
	if (info->additionsMinor != 1)
		return info->additionsMinor > 1;
	return info->additionsBuild >= 50;
}

/* A build tag or a publisher tag: "_" and printable characters. */
static bool is_tag(const char *text)
{
	if (*text++ != '_' || !*text)
		return false;
	while (isgraph((unsigned char)*text))
		text++;
	return !*text;
}

static bool is_version_name(const VMMDevReportGuestInfo2 *info)
{
	char numbers[32];
	size_t n;

	if (!memchr(info->szName, 0, sizeof(info->szName)))
		return false;
	n = (size_t)snprintf(numbers, sizeof(numbers), "%u.%u.%u", info->additionsMajor,
			     info->additionsMinor, info->additionsBuild);
	if (strncmp(info->szName, numbers, n) != 0)
		return false;
	return !info->szName[n] || is_tag(info->szName + n) || !has_strict_name(info);
}

int32_t request_report_guest_info2(struct vmmdev *dev, struct request *request)
{
	const VMMDevReportGuestInfo2 *info = (VMMDevReportGuestInfo2 *)request->bytes;

	if (info->additionsMajor < 3)
		return VERR_INVALID_PARAMETER;
	if (info->additionsMajor > UINT8_MAX || info->additionsMinor > UINT8_MAX ||
	    info->additionsBuild > UINT16_MAX)
		return VERR_OUT_OF_RANGE;
	if (!is_version_name(info))
		return VERR_INVALID_PARAMETER;
	dev->requestor_given = info->additionsFeatures & VMMDEV_GUEST_INFO2_FEATURE_REQUESTOR;
	irq_set(dev, false);
	return VINF_SUCCESS;
}

/* Nobody here wants to know which parts of the guest additions run. */
int32_t request_report_guest_status(struct vmmdev *dev, struct request *request)
{
	(void)dev, (void)request;
	return VINF_SUCCESS;
}

int32_t request_report_capabilities(struct vmmdev *dev, struct request *request)
{
	dev->guest_caps = ((VMMDevReqGuestCapabilities *)request->bytes)->caps;
	return VINF_SUCCESS;
}

int32_t request_set_capabilities(struct vmmdev *dev, struct request *request)
{
	const VMMDevReqMask *mask = (VMMDevReqMask *)request->bytes;

	dev->guest_caps = (dev->guest_caps | mask->u32OrMask) & ~mask->u32NotMask;
	return VINF_SUCCESS;
}

int32_t request_get_session_id(struct vmmdev *dev, struct request *request)
{
	((VMMDevReqSessionId *)request->bytes)->idSession = dev->session_id;
	return VINF_SUCCESS;
}

/* No watchdog listens; an interval of 0 would make guests beat without a pause. */
int32_t request_heartbeat_configure(struct vmmdev *dev, struct request *request)
{
	(void)dev;
	((VMMDevReqHeartbeat *)request->bytes)->cNsInterval = HEARTBEAT_NS;
	return VINF_SUCCESS;
}

int32_t request_heartbeat(struct vmmdev *dev, struct request *request)
{
	(void)dev, (void)request;
	return VINF_SUCCESS;
}
