// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests: memory that the host can reach, and the port that takes them. The
 * host can write all of that memory at any time, so nothing in it is trusted:
 * whoever allocates a request remembers its size.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "devext.h"

#define SMALL_REQUEST 1024u

static struct kmem_cache *small_requests;
static void *spare; /* a small one that nobody uses: mostly one is needed at a time */

int vboxguest_request_init(void)
{
	small_requests = kmem_cache_create("vboxguest_request", SMALL_REQUEST, 0,
					   SLAB_CACHE_DMA32, NULL);
	return small_requests ? 0 : -ENOMEM;
}

void vboxguest_request_exit(void)
{
	if (spare)
		kmem_cache_free(small_requests, spare);
	spare = NULL;
	kmem_cache_destroy(small_requests);
}

static void *request_memory(u32 size)
{
	void *request;

	if (size > SMALL_REQUEST)
		return alloc_pages_exact(size, GFP_NOFS | GFP_DMA32);
	request = xchg(&spare, NULL);
	return request ? request : kmem_cache_alloc(small_requests, GFP_NOFS);
}

int VbglGRAlloc(void **ret_request, u32 size, u32 type, u32 requestor)
{
	VMMDevRequestHeader *request;

	if (size < sizeof(*request) || size > VMMDEV_MAX_REQUEST_SIZE)
		return VERR_INVALID_PARAMETER;
	request = request_memory(size);
	if (!request)
		return VERR_NO_MEMORY;
	memset(request, 0, size);
	request->size = size;
	request->version = VMMDEV_REQUEST_HEADER_VERSION;
	request->requestType = type;
	request->rc = VERR_GENERAL_FAILURE;
	request->fRequestor = requestor;
	*ret_request = request;
	return VINF_SUCCESS;
}

void VbglGRFree(void *request, u32 size)
{
	if (size > SMALL_REQUEST)
		free_pages_exact(request, size);
	else if (cmpxchg(&spare, NULL, request))
		kmem_cache_free(small_requests, request);
}

/* The device has carried the request out, or taken it over, when this returns. */
static void port_write(struct VBOXGUESTDEVEXT *devext, VMMDevRequestHeader *request)
{
	wmb(); /* the request is complete before the host reads it */
	outl(virt_to_phys(request), devext->port + VMMDEV_PORT_REQUEST);
	mb(); /* the host's answer is not read earlier */
}

noinline int VbglGRPerform(VMMDevRequestHeader *request)
{
	struct VBOXGUESTDEVEXT *devext = &vboxguest_devext;
	unsigned long flags;
	int rc = VERR_NOT_AVAILABLE;

	mutex_lock(&devext->port_mutex);
	if (devext->present) {
		spin_lock_irqsave(&devext->port_lock, flags);
		port_write(devext, request);
		spin_unlock_irqrestore(&devext->port_lock, flags);
		rc = READ_ONCE(request->rc);
	}
	mutex_unlock(&devext->port_mutex);
	return rc;
}

/* For the interrupt handler, which holds port_lock. Gives the events. */
u32 VBoxGuestAcknowledgeEvents(struct VBOXGUESTDEVEXT *devext)
{
	VMMDevEvents *ack = devext->ack;

	ack->events = 0;
	ack->header.rc = VERR_GENERAL_FAILURE;
	port_write(devext, &ack->header);
	if (VBOX_FAILURE(READ_ONCE(ack->header.rc)))
		return 0;
	return READ_ONCE(ack->events) & VMMDEV_EVENT_VALID_EVENT_MASK;
}
