/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the device model share. */
#ifndef DEVICE_IMPL_H
#define DEVICE_IMPL_H

#include <pthread.h>

#include "device.h"
#include "pci.h"
#include "vmmdev.h"
#include "vbox_status.h"

#define REQUESTOR_CLASSES (VMMDEV_REQUESTOR_USR_MASK + 1)

struct command;

struct vmmdev {
	struct vmmdev_config config;
	pthread_mutex_t lock; /* of all that follows; not held inside of the service */
	struct pci_config pci;
	VMMDevMemory memory;
	bool irq_high;

	bool ready; /* the guest reported itself */
	bool requestor_given; /* it fills in the requestor */
	bool hgcm_enabled; /* it used HGCM since the reset */
	uint32_t mouse_features;
	uint32_t guest_caps;
	uint64_t session_id;

	uint32_t events_pending;
	uint32_t events_filter;
	bool filter_postponed; /* until the next acknowledge */
	uint32_t next_filter;

	struct command *running; /* will end later */
	struct command *given_up; /* ended, but their service still has the buffers */
	uint64_t heap_used[REQUESTOR_CLASSES];
};

/* A request's private copy: read once, everything is decided on it. */
struct request {
	uint64_t address;
	uint32_t size;
	union {
		uint8_t *bytes;
		VMMDevRequestHeader *header;
	};
	bool keep; /* "bytes" belongs to a command now */
	bool answered; /* the guest has its answer: nothing to write back */
};

/* Executes a request; returns what becomes its rc. The lock is held. */
typedef int32_t request_handler(struct vmmdev *dev, struct request *request);

request_handler request_get_mouse_status, request_set_mouse_status;
request_handler request_get_host_version, request_get_host_time;
request_handler request_get_hypervisor_info, request_set_hypervisor_info;
request_handler request_acknowledge_events, request_filter_mask;
request_handler request_report_guest_info, request_report_guest_info2;
request_handler request_report_guest_status;
request_handler request_report_capabilities, request_set_capabilities;
request_handler request_get_session_id;
request_handler request_heartbeat, request_heartbeat_configure;
request_handler request_hgcm_connect, request_hgcm_disconnect, request_hgcm_call;
request_handler request_hgcm_cancel, request_hgcm_cancel2;

void events_reset(struct vmmdev *dev);
void events_raise(struct vmmdev *dev, uint32_t events);
uint32_t events_acknowledge(struct vmmdev *dev);
void events_filter(struct vmmdev *dev, uint32_t or_mask, uint32_t not_mask);
void irq_set(struct vmmdev *dev, bool high);

/* Disconnects all clients; calls in flight end without an answer. Takes the lock. */
void hgcm_requests_reset(struct vmmdev *dev);

static inline void ram_read(const struct vmmdev *dev, uint64_t address, void *to, size_t bytes)
{
	dev->config.ram.read(dev->config.ram.user, address, to, bytes);
}

static inline void ram_write(const struct vmmdev *dev, uint64_t address, const void *from,
			     size_t bytes)
{
	dev->config.ram.write(dev->config.ram.user, address, from, bytes);
}

#endif
