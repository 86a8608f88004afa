/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VMM device as a model: a PCI function that executes the requests in its
 * guest's memory and passes HGCM calls on to a service. What connects it to a
 * machine is a transport (transport.h). spec/vmmdev-hgcm.md describes it.
 *
 * All functions may be called from one thread at a time; calls that end later
 * may do so on any other.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include "hgcm_svc.h"

struct hgcm_service;
struct vmmdev;

/* The guest's memory by physical address; called from any thread. */
struct guest_ram {
	/* Bytes that are not RAM read as 0xff; writes to them are dropped. */
	void (*read)(void *user, uint64_t address, void *to, size_t bytes);
	void (*write)(void *user, uint64_t address, const void *from, size_t bytes);
	/*
	 * Where these bytes lie in this process, or NULL if they are not RAM in
	 * one piece. Holds until the device returns to the transport.
	 */
	void *(*map)(void *user, uint64_t address, size_t bytes);
	void *user;
};

/* A call that has ended; "parms" as the service left them. */
struct vmmdev_call {
	uint32_t client;
	uint32_t fn;
	uint32_t n_parms;
	const VBOXHGCMSVCPARM *parms;
	int32_t status;
};

struct vmmdev_config {
	const char *service_name; /* the only service; not copied */
	struct hgcm_service *service; /* NULL: HGCM is not supported */
	struct guest_ram ram;

	/* Sets the level of interrupt pin INTA. Must not call the device. */
	void (*set_irq)(void *user, bool high);
	void *irq_user;

	/*
	 * Whether a request may end after the guest went on, with an interrupt.
	 * Without it a call that waits for another one ends with VERR_CANCELLED.
	 */
	bool can_finish_later;

	/* Told of each call that the service saw; may be NULL. Must not call the device. */
	void (*call_ended)(void *user, const struct vmmdev_call *call);
	void *call_user;

	/* Most bytes that the requests of a class of requestors hold; 0: by the host's RAM. */
	uint64_t heap_bytes;
};

/* Returns NULL if there is no memory. */
struct vmmdev *vmmdev_new(const struct vmmdev_config *config);
void vmmdev_free(struct vmmdev *dev);

/* The machine's reset: back to the state after vmmdev_new(). */
void vmmdev_reset(struct vmmdev *dev);

/* PCI configuration space; bytes is 1, 2 or 4, what lies outside reads as ones. */
uint32_t vmmdev_config_read(struct vmmdev *dev, uint32_t address, unsigned int bytes);
void vmmdev_config_write(struct vmmdev *dev, uint32_t address, uint32_t value, unsigned int bytes);

/*
 * An access to the address space of ports, or of memory, at an absolute address.
 * What is not ours reads as ones.
 */
uint64_t vmmdev_bar_read(struct vmmdev *dev, bool memory, uint64_t address, unsigned int bytes);
void vmmdev_bar_write(struct vmmdev *dev, bool memory, uint64_t address, uint64_t value,
		      unsigned int bytes);

/* The level of INTA: a transport looks after the guest ended an interrupt. */
bool vmmdev_irq_level(struct vmmdev *dev);

#endif
