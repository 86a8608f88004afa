/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs one guest to its end: starts it, carries the command's output, watches the time and signals.
 */
#ifndef LAB_RUN_H
#define LAB_RUN_H

#include "lab_error.h"
#include "lab_scratch.h"

#include <signal.h>
#include <stdbool.h>

struct lab_launch {
	char **argv; /* sf-host's or QEMU's command line */
	const struct lab_scratch *scratch; /* where the ports' sockets are made */
	int log; /* gets what sf-host and QEMU print */
	unsigned int timeout_s;
	unsigned int grace_s; /* between asking the guest's processes to end and killing them */
	sigset_t signals; /* the mask for the child: what lab_run_block_signals gave */
};

enum lab_end {
	LAB_END_DIED, /* sf-host or QEMU ended before the guest had said how the command did */
	LAB_END_EXIT, /* status is the command's */
	LAB_END_FAIL, /* the guest could not run it, text says why */
	LAB_END_TIMEOUT, /* the time was up */
	LAB_END_SIGNAL, /* status is the signal that ended sf-lab */
	LAB_END_OUTPUT, /* status is the errno of writing stdout or stderr */
};

struct lab_outcome {
	enum lab_end end;
	int status;
	bool booted; /* the guest came as far as its session */
	int host_status; /* wait status of sf-host or QEMU */
	char text[512];
};

/*
 * From here on the signals that lab_run handles wait for it: so none ends the program with its
 * scratch directory left behind.
 */
void lab_run_block_signals(sigset_t *ret_before);

/*
 * Returns once the guest and all of its processes are gone: 0 with the outcome, or a negative errno
 * with the reason in error if it could not be started. stdout and stderr get the command's.
 */
int lab_run(const struct lab_launch *launch, struct lab_outcome *outcome, struct lab_error *error);

#endif
