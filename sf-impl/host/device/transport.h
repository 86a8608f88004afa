/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A transport connects the device to a virtual machine: it brings the machine's
 * accesses to the device and gives it the machine's memory and interrupt pin.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "device.h"

struct transport {
	struct guest_ram ram; /* for the device; empty until the machine shows its memory */
	void (*set_irq)(void *transport, bool high);
	/*
	 * Passes accesses on to the device until the machine is gone: then 0.
	 * Otherwise negative errno, with a message to free() that says what the
	 * machine did wrong.
	 */
	int (*serve)(struct transport *transport, struct vmmdev *dev, char **ret_message);
	/* Makes serve return 0 soon; from any thread. */
	void (*stop)(struct transport *transport);
	void (*free)(struct transport *transport); /* the descriptor with it */
};

/*
 * QEMU's x-pci-proxy-dev over a connected stream socket, which it takes over
 * (spec/qemu-device.md). Returns NULL if there is no memory.
 */
struct transport *qemu_transport_new(int fd);

/* What QEMU is to be told: the argument of its -device option; NULL: no memory. */
char *qemu_transport_argument(int peer_fd);

#endif
