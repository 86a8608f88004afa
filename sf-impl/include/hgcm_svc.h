/* SPDX-License-Identifier: MIT */
/*
 * The binary interface between a HGCM host and a service module (version
 * 10.1, Linux x86-64). A module exports VBoxHGCMSvcLoad and nothing else.
 * Source: spec/hgcm-abi.md 1 and 2.
 */
#ifndef HGCM_SVC_H
#define HGCM_SVC_H

#include <stdarg.h>

#include "sf_types.h"

#define VBOX_HGCM_SVC_VERSION 0x000a0001u
#define VBOX_HGCM_SVCLOAD_NAME "VBoxHGCMSvcLoad"
#define VBOX_HGCM_MAX_PARMS 32 /* of one call; spec/vmmdev-hgcm.md 9.4 */

/* By requestor: drivers, root and system, everything else. */
enum {
	HGCM_CLIENT_CATEGORY_KERNEL = 0,
	HGCM_CLIENT_CATEGORY_ROOT = 1,
	HGCM_CLIENT_CATEGORY_USER = 2,
	HGCM_CLIENT_CATEGORY_MAX = 3
};

typedef enum HGCMNOTIFYEVENT {
	HGCMNOTIFYEVENT_INVALID = 0,
	HGCMNOTIFYEVENT_POWER_ON = 1,
	HGCMNOTIFYEVENT_RESUME = 2,
	HGCMNOTIFYEVENT_SUSPEND = 3,
	HGCMNOTIFYEVENT_RESET = 4,
	HGCMNOTIFYEVENT_POWER_OFF = 5
} HGCMNOTIFYEVENT;

enum {
	VBOX_HGCM_SVC_PARM_INVALID = 0,
	VBOX_HGCM_SVC_PARM_32BIT = 1,
	VBOX_HGCM_SVC_PARM_64BIT = 2,
	VBOX_HGCM_SVC_PARM_PTR = 3,
	VBOX_HGCM_SVC_PARM_PAGES = 4
};

/* A parameter of a call as the service sees it. */
typedef struct VBOXHGCMSVCPARM {
	uint32_t type; /* VBOX_HGCM_SVC_PARM_* */
	union {
		uint32_t uint32;
		uint64_t uint64;
		struct {
			uint32_t size;
			void *addr; /* may be NULL if size is 0 */
		} pointer;
		struct {
			uint32_t cb;
			uint16_t cPages;
			uint16_t u16Padding;
			void **papvPages; /* [0] includes the offset in its page */
		} Pages;
	} u;
} VBOXHGCMSVCPARM;
SF_SIZE(VBOXHGCMSVCPARM, 24);
SF_OFFSET(VBOXHGCMSVCPARM, u, 8);
SF_OFFSET(VBOXHGCMSVCPARM, u.pointer.addr, 16);
SF_OFFSET(VBOXHGCMSVCPARM, u.Pages.cPages, 12);
SF_OFFSET(VBOXHGCMSVCPARM, u.Pages.papvPages, 16);

/* Opaque to the service: identifies a call until it is completed. */
typedef struct VBOXHGCMCALLHANDLE_TYPEDEF *VBOXHGCMCALLHANDLE;

/* What a host offers to a service. */
typedef struct VBOXHGCMSVCHELPERS {
	/* Ends a call; afterwards its parameters are gone. */
	int (*pfnCallComplete)(VBOXHGCMCALLHANDLE call, int32_t rc);
	void *pvInstance;
	int (*pfnDisconnectClient)(void *instance, uint32_t client);
	bool (*pfnIsCallRestored)(VBOXHGCMCALLHANDLE call);
	bool (*pfnIsCallCancelled)(VBOXHGCMCALLHANDLE call);
	int (*pfnStamRegisterV)(void *instance, void *sample, int type, int visibility, int unit,
				const char *desc, const char *name_format, va_list args);
	int (*pfnStamDeregisterV)(void *instance, const char *pattern_format, va_list args);
	int (*pfnInfoRegister)(void *instance, const char *name, const char *desc, void *handler,
			       void *user);
	int (*pfnInfoDeregister)(void *instance, const char *name);
	uint32_t (*pfnGetRequestor)(VBOXHGCMCALLHANDLE call);
	uint64_t (*pfnGetVMMDevSessionId)(void *instance);
} VBOXHGCMSVCHELPERS;
SF_SIZE(VBOXHGCMSVCHELPERS, 88);
SF_OFFSET(VBOXHGCMSVCHELPERS, pvInstance, 8);
SF_OFFSET(VBOXHGCMSVCHELPERS, pfnStamRegisterV, 40);
SF_OFFSET(VBOXHGCMSVCHELPERS, pfnGetRequestor, 72);
SF_OFFSET(VBOXHGCMSVCHELPERS, pfnGetVMMDevSessionId, 80);

/* The host fills the first three fields, the service the others. */
typedef struct VBOXHGCMSVCFNTABLE {
	uint32_t cbSize;
	uint32_t u32Version;
	VBOXHGCMSVCHELPERS *pHelpers;
	uint32_t cbClient; /* zeroed bytes that the host keeps for each client */
	uint32_t acMaxClients[HGCM_CLIENT_CATEGORY_MAX];
	uint32_t acMaxCallsPerClient[HGCM_CLIENT_CATEGORY_MAX];
	uint32_t idxLegacyClientCategory;
	int (*pfnUnload)(void *service);
	int (*pfnConnect)(void *service, uint32_t client, void *client_data, uint32_t requestor,
			  bool restoring);
	int (*pfnDisconnect)(void *service, uint32_t client, void *client_data);
	/* Ends with pfnCallComplete, during the call or later. */
	void (*pfnCall)(void *service, VBOXHGCMCALLHANDLE call, uint32_t client, void *client_data,
			uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[],
			uint64_t arrival_ticks);
	/* Optional from here on; pfnHostCall and pfnUnload are always set by this service. */
	void (*pfnCancelled)(void *service, uint32_t client, void *client_data);
	int (*pfnHostCall)(void *service, uint32_t fn, uint32_t n_parms, VBOXHGCMSVCPARM parms[]);
	int (*pfnSaveState)(void *service, uint32_t client, void *client_data, void *ssm);
	int (*pfnLoadState)(void *service, uint32_t client, void *client_data, void *ssm,
			    uint32_t version);
	int (*pfnRegisterExtension)(void *service, void *extension, void *user);
	void (*pfnNotify)(void *service, HGCMNOTIFYEVENT event);
	void *pvService; /* first argument of all of the above */
} VBOXHGCMSVCFNTABLE;
SF_SIZE(VBOXHGCMSVCFNTABLE, 136);
SF_OFFSET(VBOXHGCMSVCFNTABLE, pHelpers, 8);
SF_OFFSET(VBOXHGCMSVCFNTABLE, cbClient, 16);
SF_OFFSET(VBOXHGCMSVCFNTABLE, acMaxClients, 20);
SF_OFFSET(VBOXHGCMSVCFNTABLE, acMaxCallsPerClient, 32);
SF_OFFSET(VBOXHGCMSVCFNTABLE, idxLegacyClientCategory, 44);
SF_OFFSET(VBOXHGCMSVCFNTABLE, pfnUnload, 48);
SF_OFFSET(VBOXHGCMSVCFNTABLE, pfnCall, 72);
SF_OFFSET(VBOXHGCMSVCFNTABLE, pfnHostCall, 88);
SF_OFFSET(VBOXHGCMSVCFNTABLE, pfnNotify, 120);
SF_OFFSET(VBOXHGCMSVCFNTABLE, pvService, 128);

/*
 * The one export of a service module. Returns a VBox status;
 * VERR_VERSION_MISMATCH if cbSize or u32Version are not its own.
 */
typedef int FNVBOXHGCMSVCLOAD(VBOXHGCMSVCFNTABLE *table);

#endif
