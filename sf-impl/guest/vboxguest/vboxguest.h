/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the driver of the VMM device offers to other drivers (IDC, inter-driver
 * communication): sessions, and commands with their data. Functions return a
 * VBox status. Layouts: spec/guest-linux.md part A.
 */
#ifndef SF_VBOXGUEST_H
#define SF_VBOXGUEST_H

#include <linux/ioctl.h>
#include <linux/limits.h>
#include "vmmdev.h"

struct VBOXGUESTSESSION;

/* A command's number; variable sizes are compared with the size stripped. */
#define VBOXGUEST_IOCTL_CODE(function, size)                                   \
	_IOC(_IOC_READ | _IOC_WRITE, 'V', (function), (size) & _IOC_SIZEMASK)
#define VBOXGUEST_IOCTL_STRIP_SIZE(command) VBOXGUEST_IOCTL_CODE(_IOC_NR(command), 0)

enum vboxguest_function {
	VBOXGUEST_FUNCTION_DRIVER_VERSION = 0,
	VBOXGUEST_FUNCTION_VMMREQUEST = 2,
	VBOXGUEST_FUNCTION_HGCM_CONNECT = 4,
	VBOXGUEST_FUNCTION_HGCM_DISCONNECT = 5,
	VBOXGUEST_FUNCTION_HGCM_CALL = 7,
	VBOXGUEST_FUNCTION_HGCM_CALL_USERDATA = 8,
	VBOXGUEST_FUNCTION_LOG = 9,
	VBOXGUEST_FUNCTION_WAIT_EVENT = 10,
	VBOXGUEST_FUNCTION_CANCEL_ALL_WAITEVENTS = 11,
	VBOXGUEST_FUNCTION_CTL_FILTER_MASK = 12,
	VBOXGUEST_FUNCTION_HGCM_CALL_TIMED = 18,
};

#define VBOXGUEST_IOCTL_DRIVER_VERSION                                         \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_DRIVER_VERSION,                \
			     sizeof(struct VBoxGuestDriverVersion))
#define VBOXGUEST_IOCTL_VMMREQUEST(size)                                       \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_VMMREQUEST, size)
#define VBOXGUEST_IOCTL_HGCM_CONNECT                                           \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_HGCM_CONNECT,                  \
			     sizeof(struct VBoxGuestHGCMConnectInfo))
#define VBOXGUEST_IOCTL_HGCM_DISCONNECT                                        \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_HGCM_DISCONNECT,               \
			     sizeof(struct VBoxGuestHGCMDisconnectInfo))
#define VBOXGUEST_IOCTL_HGCM_CALL(size)                                        \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_HGCM_CALL, size)
#define VBOXGUEST_IOCTL_HGCM_CALL_TIMED(size)                                  \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_HGCM_CALL_TIMED, size)
#define VBOXGUEST_IOCTL_HGCM_CALL_USERDATA(size)                               \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_HGCM_CALL_USERDATA, size)
#define VBOXGUEST_IOCTL_LOG(size) VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_LOG, size)
#define VBOXGUEST_IOCTL_WAIT_EVENT                                             \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_WAIT_EVENT,                    \
			     sizeof(struct VBoxGuestWaitEventInfo))
#define VBOXGUEST_IOCTL_CANCEL_ALL_WAITEVENTS                                  \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_CANCEL_ALL_WAITEVENTS, 0)
#define VBOXGUEST_IOCTL_CTL_FILTER_MASK                                        \
	VBOXGUEST_IOCTL_CODE(VBOXGUEST_FUNCTION_CTL_FILTER_MASK,               \
			     sizeof(struct VBoxGuestFilterMaskInfo))

#define VBOXGUEST_DRIVER_VERSION 0x00010000u
#define VBOXGUEST_TIMEOUT_NEVER U32_MAX

struct VBoxGuestDriverVersion {
	u32 requested;
	u32 minimum;
	u32 session; /* out: the version that this session speaks */
	u32 driver;  /* out */
	u32 revision; /* out */
};

struct VBoxGuestHGCMConnectInfo {
	s32 result; /* out: the service's status */
	u32 location_type;
	char service[VMMDEV_HGCM_SERVICE_NAME_SIZE];
	u32 u32ClientID; /* out */
};
SF_SIZE(struct VBoxGuestHGCMConnectInfo, 140);

struct VBoxGuestHGCMDisconnectInfo {
	s32 result; /* out */
	u32 u32ClientID;
};
SF_SIZE(struct VBoxGuestHGCMDisconnectInfo, 8);

/*
 * cParms times HGCMFunctionParameter64 follow. A kernel caller's page lists
 * (HGCMPageListInfo) come behind those; their offsets count from here.
 */
struct VBoxGuestHGCMCallInfo {
	s32 result; /* out: the service's status */
	u32 u32ClientID;
	u32 u32Function;
	u32 cParms;
};
SF_SIZE(struct VBoxGuestHGCMCallInfo, 16);

struct VBoxGuestHGCMCallInfoTimed {
	u32 timeout_ms;
	u32 interruptible;
	struct VBoxGuestHGCMCallInfo info;
};
SF_SIZE(struct VBoxGuestHGCMCallInfoTimed, 24);

struct VBoxGuestWaitEventInfo {
	u32 timeout_ms;
	u32 mask;
	u32 events; /* out */
};

struct VBoxGuestFilterMaskInfo {
	u32 or_mask;
	u32 not_mask;
};

/* The most bytes of one parameter's buffer, by who calls. */
#define VBOXGUEST_MAX_KERNEL_DATA (16u << 20)
#define VBOXGUEST_MAX_USER_DATA (24u << 20)

struct VBOXGUESTIDC {
	u32 version;
	u32 revision;
	struct VBOXGUESTSESSION *session;
};

/* Opens a session for a driver of the kernel. Ends it with VBoxGuestIDCClose. */
int VBoxGuestIDCOpen(struct VBOXGUESTIDC *idc);
void VBoxGuestIDCClose(struct VBOXGUESTSESSION *session);

/*
 * Carries out @command on @data, @size bytes, which also take the outcome. The
 * status says how the command went; a service's own is in the data's result.
 */
int VBoxGuestIDCCall(struct VBOXGUESTSESSION *session, unsigned int command, void *data,
		     size_t size, size_t *returned);

#endif
