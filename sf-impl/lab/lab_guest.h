/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that one guest is made of. */
#ifndef LAB_GUEST_H
#define LAB_GUEST_H

#include "lab_kernel.h"
#include "lab_options.h"
#include "lab_scratch.h"

/* The virtio-serial ports; each but the agent's is a socket of that name in the scratch directory.
 */
#define LAB_PORT_CONTROL "sf-lab.control"
#define LAB_PORT_STDOUT "sf-lab.stdout"
#define LAB_PORT_STDERR "sf-lab.stderr"
#define LAB_PORT_AGENT "sftrace"

#define LAB_INITRAMFS "initramfs.cpio"
#define LAB_BUSYBOX "/bin/busybox"
#define LAB_QEMU "qemu-system-x86_64"

struct lab_guest {
	const struct lab_options *options;
	const struct lab_kernel *kernel;
	const struct lab_scratch *scratch;
	const char *programs; /* directory of ours that the guest must be able to reach */
	const char *host; /* path of sf-host */
	const char *agent; /* path of sftrace, NULL: the guest is not traced */
	const char *agent_socket; /* where the recorder listens, if it is */
	const char *console; /* file for what the guest's kernel prints */
};

#endif
