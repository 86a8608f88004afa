/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver's inside: the device, its requests, sessions and HGCM calls.
 * Functions that return an int return a VBox status unless they say errno.
 */
#ifndef SF_DEVEXT_H
#define SF_DEVEXT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "vbox_status.h"
#include "vboxguest.h"

struct pci_dev;

/*
 * There is one device at most. Its request port takes one request at a time:
 * port_mutex keeps tasks apart, port_lock keeps them and the interrupt handler
 * apart. (A device in another process may drop an access that comes while it
 * works on one.)
 */
struct VBOXGUESTDEVEXT {
	struct pci_dev *pci;
	unsigned long port;
	VMMDevMemory __iomem *memory;
	bool present; /* under port_mutex */
	u32 host_features; /* VMMDEV_HVF_* */
	struct mutex port_mutex;
	spinlock_t port_lock; /* the registers, and ack */
	VMMDevEvents *ack; /* the interrupt handler's request */
	wait_queue_head_t hgcm_waiters;
	wait_queue_head_t event_waiters;
	spinlock_t event_lock;
	u32 events; /* that happened and nobody has taken, under event_lock */
	struct mutex filter_mutex; /* keeps changes of the host's filter in order */
	spinlock_t session_lock;
	struct list_head sessions;
};

extern struct VBOXGUESTDEVEXT vboxguest_devext;

#define VBOXGUEST_MAX_CLIENTS 64
#define VBOXGUEST_CLIENT_BUSY U32_MAX /* is being disconnected */

struct VBOXGUESTSESSION {
	struct list_head list;
	bool user;
	u32 requestor; /* VMMDEV_REQUESTOR_* */
	bool cancel_waits;
	u32 filter; /* events that it wants, under filter_mutex */
	spinlock_t lock; /* clients */
	u32 clients[VBOXGUEST_MAX_CLIENTS]; /* 0 is a free slot */
};

/* request.c */
int vboxguest_request_init(void); /* errno */
void vboxguest_request_exit(void);

/* Memory below 4 GiB with a request's header filled in; the rest is zero. */
int VbglGRAlloc(void **ret_request, u32 size, u32 type, u32 requestor);
void VbglGRFree(void *request, u32 size);

/* Hands a request to the host; gives the status that the host wrote in it. */
int VbglGRPerform(VMMDevRequestHeader *request);
u32 VBoxGuestAcknowledgeEvents(struct VBOXGUESTDEVEXT *devext);

/* report.c: introduces the guest to the host, and takes leave. */
int VBoxGuestReportToHost(struct VBOXGUESTDEVEXT *devext);
void VBoxGuestReportInactive(struct VBOXGUESTDEVEXT *devext);
int VBoxGuestSetFilterMask(u32 or_mask, u32 not_mask);

/* wait.c */
struct vboxguest_wait {
	u32 timeout_ms;
	bool interruptible;
	bool leaked; /* out: the host may still write to the request: never free it */
};

/* Hands over an HGCM request and waits until the host has finished it. */
int VBoxGuestHGCMPerformAndWait(VMMDevHGCMRequestHeader *request, struct vboxguest_wait *wait);
int VBoxGuestWaitEvent(struct VBOXGUESTSESSION *session, struct VBoxGuestWaitEventInfo *info);
void VBoxGuestCancelWaits(struct VBOXGUESTSESSION *session);

/* hgcm.c */
#define VBGLR0_HGCM_USER 1u /* buffers are user memory */

int VbglR0HGCMInternalConnect(struct VBoxGuestHGCMConnectInfo *info, u32 requestor);
int VbglR0HGCMInternalDisconnect(u32 client, u32 requestor, s32 *ret_result);
int VbglR0HGCMInternalCall(struct VBoxGuestHGCMCallInfo *info, size_t size, u32 flags,
			   u32 requestor, struct vboxguest_wait *wait);

/* ioctl.c */
int VBoxGuestCommonIOCtl(unsigned int command, struct VBOXGUESTDEVEXT *devext,
			 struct VBOXGUESTSESSION *session, void *data, size_t size,
			 size_t *returned);

/* session.c */
struct VBOXGUESTSESSION *VBoxGuestSessionCreate(bool user, u32 requestor);
void VBoxGuestSessionClose(struct VBOXGUESTSESSION *session);
int VBoxGuestSessionAddClient(struct VBOXGUESTSESSION *session, u32 client);
bool VBoxGuestSessionHasClient(struct VBOXGUESTSESSION *session, u32 client);
int VBoxGuestSessionSetFilter(struct VBOXGUESTSESSION *session, u32 or_mask, u32 not_mask);
int VBoxGuestSessionDisconnect(struct VBOXGUESTSESSION *session, u32 client, s32 *ret_result);

/* node.c: /dev/vboxguest and /dev/vboxuser; errno */
int vboxguest_nodes_register(void);
void vboxguest_nodes_unregister(void);

#endif
