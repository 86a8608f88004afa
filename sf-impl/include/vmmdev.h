/* SPDX-License-Identifier: MIT */
/*
 * The VMM device as a guest sees it: PCI identity, registers, requests, and how
 * HGCM calls and their parameters are laid out in guest memory. Little endian,
 * addresses are guest-physical. Source: spec/vmmdev-hgcm.md.
 */
#ifndef VMMDEV_H
#define VMMDEV_H

#include "sf_types.h"

/* PCI identity */
#define VMMDEV_VENDORID 0x80eeu
#define VMMDEV_DEVICEID 0xcafeu
#define VMMDEV_CLASS 0x0880u /* base system peripheral, other */

/* BAR 0: ports, 32-bit accesses */
#define VMMDEV_PORT_REGION_SIZE 0x20u
#define VMMDEV_PORT_REQUEST 0u /* write: address of a request, executed before this returns */
#define VMMDEV_PORT_REQUEST_FAST 8u /* write: the same; read: acknowledge events */

/* BAR 1: memory */
#define VMMDEV_MEMORY_VERSION 1u
typedef struct VMMDevMemory {
	uint32_t u32Size; /* of what follows in BAR 1, this header included */
	uint32_t u32Version;
	uint8_t fHaveEvents; /* an interrupt needs acknowledging */
	uint8_t abPadding[23];
} VMMDevMemory;
SF_SIZE(VMMDevMemory, 32);
SF_OFFSET(VMMDevMemory, u32Version, 4);
SF_OFFSET(VMMDevMemory, fHaveEvents, 8);

/* Requests */
#define VMMDEV_REQUEST_HEADER_VERSION 0x00010001u
#define VMMDEV_MAX_REQUEST_SIZE 0x100000u

enum VMMDevRequestType {
	VMMDevReq_GetMouseStatus = 1,
	VMMDevReq_SetMouseStatus = 2,
	VMMDevReq_GetHostVersion = 4,
	VMMDevReq_GetHostTime = 10,
	VMMDevReq_GetHypervisorInfo = 20,
	VMMDevReq_SetHypervisorInfo = 21,
	VMMDevReq_AcknowledgeEvents = 41,
	VMMDevReq_CtlGuestFilterMask = 42,
	VMMDevReq_ReportGuestInfo = 50,
	VMMDevReq_ReportGuestCapabilities = 55,
	VMMDevReq_SetGuestCapabilities = 56,
	VMMDevReq_ReportGuestInfo2 = 58,
	VMMDevReq_ReportGuestStatus = 59,
	VMMDevReq_HGCMConnect = 60,
	VMMDevReq_HGCMDisconnect = 61,
	VMMDevReq_HGCMCall32 = 62,
	VMMDevReq_HGCMCall64 = 63,
	VMMDevReq_HGCMCancel = 64,
	VMMDevReq_HGCMCancel2 = 65,
	VMMDevReq_GetMemBalloonChangeRequest = 111,
	VMMDevReq_ChangeMemBalloon = 113,
	VMMDevReq_GetSessionId = 217,
	VMMDevReq_WriteCoreDump = 218,
	VMMDevReq_GuestHeartbeat = 219,
	VMMDevReq_HeartbeatConfigure = 220
};

/* Begins every request. */
typedef struct VMMDevRequestHeader {
	uint32_t size; /* of the request, this header included */
	uint32_t version;
	uint32_t requestType;
	int32_t rc; /* VBox status, written by the host */
	uint32_t reserved1;
	uint32_t fRequestor; /* VMMDEV_REQUESTOR_*; counts if the guest announced it */
} VMMDevRequestHeader;
SF_SIZE(VMMDevRequestHeader, 24);
SF_OFFSET(VMMDevRequestHeader, version, 4);
SF_OFFSET(VMMDevRequestHeader, requestType, 8);
SF_OFFSET(VMMDevRequestHeader, rc, 12);
SF_OFFSET(VMMDevRequestHeader, reserved1, 16);
SF_OFFSET(VMMDevRequestHeader, fRequestor, 20);

/* fRequestor */
#define VMMDEV_REQUESTOR_USR_MASK 0x7u
#define VMMDEV_REQUESTOR_USR_NOT_GIVEN 0x0u
#define VMMDEV_REQUESTOR_USR_DRV 0x1u /* the guest driver itself */
#define VMMDEV_REQUESTOR_USR_DRV_OTHER 0x2u /* another driver, such as the file system */
#define VMMDEV_REQUESTOR_USR_ROOT 0x3u
#define VMMDEV_REQUESTOR_USR_SYSTEM 0x4u
#define VMMDEV_REQUESTOR_USR_USER 0x6u
#define VMMDEV_REQUESTOR_USR_GUEST 0x7u
#define VMMDEV_REQUESTOR_USERMODE 0x8u
#define VMMDEV_REQUESTOR_CON_MASK 0x30u
#define VMMDEV_REQUESTOR_GRP_VBOX 0x80u
#define VMMDEV_REQUESTOR_GRP_WHEEL 0x100u
#define VMMDEV_REQUESTOR_TRUST_MASK 0x7000u
#define VMMDEV_REQUESTOR_USER_DEVICE 0x8000u
#define VMMDEV_REQUESTOR_NO_USER_DEVICE 0x10000u
#define VMMDEV_REQUESTOR_LEGACY 0xffffffffu /* of a guest that does not give it */

/* Events */
#define VMMDEV_EVENT_MOUSE_CAPABILITIES_CHANGED 0x1u
#define VMMDEV_EVENT_HGCM 0x2u /* some request has its DONE flag set */
#define VMMDEV_EVENT_DISPLAY_CHANGE_REQUEST 0x4u
#define VMMDEV_EVENT_JUDGE_CREDENTIALS 0x8u
#define VMMDEV_EVENT_RESTORED 0x10u
#define VMMDEV_EVENT_SEAMLESS_MODE_CHANGE_REQUEST 0x20u
#define VMMDEV_EVENT_BALLOON_CHANGE_REQUEST 0x40u
#define VMMDEV_EVENT_STATISTICS_INTERVAL_CHANGE_REQUEST 0x80u
#define VMMDEV_EVENT_VRDP 0x100u
#define VMMDEV_EVENT_MOUSE_POSITION_CHANGED 0x200u
#define VMMDEV_EVENT_CPU_HOTPLUG 0x400u
#define VMMDEV_EVENT_VALID_EVENT_MASK 0x7ffu

typedef struct VMMDevReqMouseStatus {
	VMMDevRequestHeader header;
	uint32_t mouseFeatures;
	int32_t pointerXPos;
	int32_t pointerYPos;
} VMMDevReqMouseStatus;
SF_SIZE(VMMDevReqMouseStatus, 36);
SF_OFFSET(VMMDevReqMouseStatus, mouseFeatures, 24);
SF_OFFSET(VMMDevReqMouseStatus, pointerXPos, 28);
SF_OFFSET(VMMDevReqMouseStatus, pointerYPos, 32);

typedef struct VMMDevReqHostVersion {
	VMMDevRequestHeader header;
	uint16_t major;
	uint16_t minor;
	uint32_t build;
	uint32_t revision;
	uint32_t features; /* VMMDEV_HVF_* */
} VMMDevReqHostVersion;
SF_SIZE(VMMDevReqHostVersion, 40);
SF_OFFSET(VMMDevReqHostVersion, major, 24);
SF_OFFSET(VMMDevReqHostVersion, minor, 26);
SF_OFFSET(VMMDevReqHostVersion, build, 28);
SF_OFFSET(VMMDevReqHostVersion, revision, 32);
SF_OFFSET(VMMDevReqHostVersion, features, 36);

#define VMMDEV_HVF_HGCM_PHYS_PAGE_LIST 0x1u
#define VMMDEV_HVF_HGCM_EMBEDDED_BUFFERS 0x2u
#define VMMDEV_HVF_HGCM_CONTIGUOUS_PAGE_LIST 0x4u
#define VMMDEV_HVF_HGCM_NO_BOUNCE_PAGE_LIST 0x8u
#define VMMDEV_HVF_FAST_IRQ_ACK 0x80000000u

typedef struct VMMDevReqHostTime {
	VMMDevRequestHeader header;
	uint64_t time; /* ms since 1970-01-01 UTC */
} VMMDevReqHostTime;
SF_SIZE(VMMDevReqHostTime, 32);
SF_OFFSET(VMMDevReqHostTime, time, 24);

typedef struct VMMDevReqHypervisorInfo {
	VMMDevRequestHeader header;
	uint32_t hypervisorStart;
	uint32_t hypervisorSize; /* 0: no space is wanted */
} VMMDevReqHypervisorInfo;
SF_SIZE(VMMDevReqHypervisorInfo, 32);
SF_OFFSET(VMMDevReqHypervisorInfo, hypervisorStart, 24);
SF_OFFSET(VMMDevReqHypervisorInfo, hypervisorSize, 28);

typedef struct VMMDevEvents {
	VMMDevRequestHeader header;
	uint32_t events;
} VMMDevEvents;
SF_SIZE(VMMDevEvents, 28);
SF_OFFSET(VMMDevEvents, events, 24);

/* CtlGuestFilterMask and SetGuestCapabilities: new = (old | or) & ~not */
typedef struct VMMDevReqMask {
	VMMDevRequestHeader header;
	uint32_t u32OrMask;
	uint32_t u32NotMask;
} VMMDevReqMask;
SF_SIZE(VMMDevReqMask, 32);
SF_OFFSET(VMMDevReqMask, u32OrMask, 24);
SF_OFFSET(VMMDevReqMask, u32NotMask, 28);

typedef struct VMMDevReqGuestCapabilities {
	VMMDevRequestHeader header;
	uint32_t caps;
} VMMDevReqGuestCapabilities;
SF_SIZE(VMMDevReqGuestCapabilities, 28);
SF_OFFSET(VMMDevReqGuestCapabilities, caps, 24);

#define VMMDEV_INTERFACE_VERSION 0x00010004u
#define VMMDEV_INTERFACE_VERSION_1_03 0x00010003u /* events without interrupts' flag */
typedef struct VMMDevReportGuestInfo {
	VMMDevRequestHeader header;
	uint32_t interfaceVersion;
	uint32_t osType;
} VMMDevReportGuestInfo;
SF_SIZE(VMMDevReportGuestInfo, 32);
SF_OFFSET(VMMDevReportGuestInfo, interfaceVersion, 24);
SF_OFFSET(VMMDevReportGuestInfo, osType, 28);

#define VMMDEV_GUEST_INFO2_FEATURE_REQUESTOR 0x1u
typedef struct VMMDevReportGuestInfo2 {
	VMMDevRequestHeader header;
	uint16_t additionsMajor;
	uint16_t additionsMinor;
	uint32_t additionsBuild;
	uint32_t additionsRevision;
	uint32_t additionsFeatures;
	char szName[128]; /* terminated */
} VMMDevReportGuestInfo2;
SF_SIZE(VMMDevReportGuestInfo2, 168);
SF_OFFSET(VMMDevReportGuestInfo2, additionsMajor, 24);
SF_OFFSET(VMMDevReportGuestInfo2, additionsMinor, 26);
SF_OFFSET(VMMDevReportGuestInfo2, additionsBuild, 28);
SF_OFFSET(VMMDevReportGuestInfo2, additionsRevision, 32);
SF_OFFSET(VMMDevReportGuestInfo2, additionsFeatures, 36);
SF_OFFSET(VMMDevReportGuestInfo2, szName, 40);

#define VMMDEV_FACILITY_GUEST_DRIVER 20u
#define VMMDEV_FACILITY_STATUS_INACTIVE 0u
#define VMMDEV_FACILITY_STATUS_ACTIVE 50u
typedef struct VMMDevReportGuestStatus {
	VMMDevRequestHeader header;
	uint32_t facility;
	uint32_t status;
	uint32_t flags;
} VMMDevReportGuestStatus;
SF_SIZE(VMMDevReportGuestStatus, 36);
SF_OFFSET(VMMDevReportGuestStatus, facility, 24);
SF_OFFSET(VMMDevReportGuestStatus, status, 28);
SF_OFFSET(VMMDevReportGuestStatus, flags, 32);

typedef struct VMMDevReqSessionId {
	VMMDevRequestHeader header;
	uint64_t idSession; /* another one after each reset */
} VMMDevReqSessionId;
SF_SIZE(VMMDevReqSessionId, 32);
SF_OFFSET(VMMDevReqSessionId, idSession, 24);

typedef struct VMMDevReqHeartbeat {
	VMMDevRequestHeader header;
	uint64_t cNsInterval; /* out */
	uint8_t fEnabled; /* in */
	uint8_t abPadding[3];
} SF_PACKED VMMDevReqHeartbeat;
SF_SIZE(VMMDevReqHeartbeat, 36);
SF_OFFSET(VMMDevReqHeartbeat, cNsInterval, 24);
SF_OFFSET(VMMDevReqHeartbeat, fEnabled, 32);

/* Begins every HGCM request. */
typedef struct VMMDevHGCMRequestHeader {
	VMMDevRequestHeader header;
	uint32_t fu32Flags; /* VBOX_HGCM_REQ_* */
	int32_t result; /* the service's status; counts once DONE is set */
} VMMDevHGCMRequestHeader;
SF_SIZE(VMMDevHGCMRequestHeader, 32);
SF_OFFSET(VMMDevHGCMRequestHeader, fu32Flags, 24);
SF_OFFSET(VMMDevHGCMRequestHeader, result, 28);

#define VBOX_HGCM_REQ_DONE 0x1u /* the host's last write to the request */
#define VBOX_HGCM_REQ_CANCELLED 0x2u

#define VMMDEV_HGCM_LOC_LOCALHOST 1u
#define VMMDEV_HGCM_LOC_LOCALHOST_EXISTING 2u
#define VMMDEV_HGCM_SERVICE_NAME_SIZE 128
typedef struct VMMDevHGCMConnect {
	VMMDevHGCMRequestHeader header;
	uint32_t locationType;
	char szService[VMMDEV_HGCM_SERVICE_NAME_SIZE];
	uint32_t u32ClientID; /* out */
} VMMDevHGCMConnect;
SF_SIZE(VMMDevHGCMConnect, 168);
SF_OFFSET(VMMDevHGCMConnect, locationType, 32);
SF_OFFSET(VMMDevHGCMConnect, szService, 36);
SF_OFFSET(VMMDevHGCMConnect, u32ClientID, 164);

typedef struct VMMDevHGCMDisconnect {
	VMMDevHGCMRequestHeader header;
	uint32_t u32ClientID;
} VMMDevHGCMDisconnect;
SF_SIZE(VMMDevHGCMDisconnect, 36);
SF_OFFSET(VMMDevHGCMDisconnect, u32ClientID, 32);

/*
 * Parameters follow this header, page lists and embedded data follow the
 * parameters. Offsets in parameters count from the start of the request.
 */
typedef struct VMMDevHGCMCall {
	VMMDevHGCMRequestHeader header;
	uint32_t u32ClientID;
	uint32_t u32Function;
	uint32_t cParms;
} VMMDevHGCMCall;
SF_SIZE(VMMDevHGCMCall, 44);
SF_OFFSET(VMMDevHGCMCall, u32ClientID, 32);
SF_OFFSET(VMMDevHGCMCall, u32Function, 36);
SF_OFFSET(VMMDevHGCMCall, cParms, 40);

#define VMMDEV_MAX_HGCM_PARMS 32u
#define VMMDEV_MAX_HGCM_DATA_SIZE 0x8000000u /* of one parameter, 128 MiB */

typedef struct VMMDevHGCMCancel {
	VMMDevHGCMRequestHeader header;
} VMMDevHGCMCancel;
SF_SIZE(VMMDevHGCMCancel, 32);

typedef struct VMMDevHGCMCancel2 {
	VMMDevRequestHeader header;
	uint32_t physReqToCancel;
} VMMDevHGCMCancel2;
SF_SIZE(VMMDevHGCMCancel2, 28);
SF_OFFSET(VMMDevHGCMCancel2, physReqToCancel, 24);

/* How a parameter is passed. */
enum VMMDevHGCMParmType {
	VMMDevHGCMParmType_Invalid = 0,
	VMMDevHGCMParmType_32bit = 1,
	VMMDevHGCMParmType_64bit = 2,
	VMMDevHGCMParmType_PhysAddr = 3, /* dead */
	VMMDevHGCMParmType_LinAddr = 4, /* guest-virtual address; in and out */
	VMMDevHGCMParmType_LinAddr_In = 5,
	VMMDevHGCMParmType_LinAddr_Out = 6,
	VMMDevHGCMParmType_LinAddr_Locked = 7, /* 7 to 9 never leave the guest */
	VMMDevHGCMParmType_LinAddr_Locked_In = 8,
	VMMDevHGCMParmType_LinAddr_Locked_Out = 9,
	VMMDevHGCMParmType_PageList = 10,
	VMMDevHGCMParmType_Embedded = 11, /* the data lies in the request */
	VMMDevHGCMParmType_ContiguousPageList = 12, /* the first page's address stands for all */
	VMMDevHGCMParmType_NoBouncePageList = 13 /* the service works on the guest's pages */
};

typedef struct HGCMFunctionParameter32 {
	uint32_t type;
	union {
		uint32_t value32;
		uint64_t value64;
		struct {
			uint32_t size;
			uint32_t linearAddr;
		} SF_PACKED Pointer;
		struct {
			uint32_t size;
			uint32_t offset;
		} SF_PACKED PageList; /* all three forms */
		struct {
			uint32_t cbData;
			uint32_t offFlags; /* VBOX_HGCM_F_* | offset << 8 */
		} SF_PACKED Embedded;
	} SF_PACKED u;
} SF_PACKED HGCMFunctionParameter32;
SF_SIZE(HGCMFunctionParameter32, 12);
SF_OFFSET(HGCMFunctionParameter32, u.value64, 4);
SF_OFFSET(HGCMFunctionParameter32, u.Pointer.linearAddr, 8);
SF_OFFSET(HGCMFunctionParameter32, u.PageList.offset, 8);
SF_OFFSET(HGCMFunctionParameter32, u.Embedded.offFlags, 8);

typedef struct HGCMFunctionParameter64 {
	uint32_t type;
	union {
		uint32_t value32;
		uint64_t value64;
		struct {
			uint32_t size;
			uint64_t linearAddr;
		} SF_PACKED Pointer;
		struct {
			uint32_t size;
			uint32_t offset;
		} SF_PACKED PageList;
		struct {
			uint32_t cbData;
			uint32_t offFlags;
		} SF_PACKED Embedded;
	} SF_PACKED u;
} SF_PACKED HGCMFunctionParameter64;
SF_SIZE(HGCMFunctionParameter64, 16);
SF_OFFSET(HGCMFunctionParameter64, u.value64, 4);
SF_OFFSET(HGCMFunctionParameter64, u.Pointer.linearAddr, 8);
SF_OFFSET(HGCMFunctionParameter64, u.PageList.offset, 8);
SF_OFFSET(HGCMFunctionParameter64, u.Embedded.offFlags, 8);

/* Directions of embedded data and of page lists */
#define VBOX_HGCM_F_PARM_DIRECTION_TO_HOST 0x1u
#define VBOX_HGCM_F_PARM_DIRECTION_FROM_HOST 0x2u
#define VBOX_HGCM_F_PARM_DIRECTION_BOTH 0x3u

#define VMMDEV_PAGE_SIZE 4096u /* of page lists, whatever the guest's own pages are */

typedef struct HGCMPageListInfo {
	uint32_t flags; /* VBOX_HGCM_F_PARM_DIRECTION_* */
	uint16_t offFirstPage;
	uint16_t cPages;
	uint64_t aPages[1]; /* cPages addresses; only one in the contiguous form */
} SF_PACKED HGCMPageListInfo;
SF_SIZE(HGCMPageListInfo, 16);
SF_OFFSET(HGCMPageListInfo, offFirstPage, 4);
SF_OFFSET(HGCMPageListInfo, cPages, 6);
SF_OFFSET(HGCMPageListInfo, aPages, 8);

#endif
