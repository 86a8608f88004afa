/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recording of the host's side: probes, rings and the spool file, with a
 * thread that carries records from the rings to the file.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "probe.h"
#include "spool.h"

struct recorder;

/*
 * Writes the spool file and loads the programs; nothing is recorded yet. On
 * failure negative errno, *ret_message (malloc'd) says why, and there is no file.
 */
int recorder_open(const struct probe_options *options, const struct probe_plan *plan,
		  size_t ring_bytes, const char *spool_file, struct recorder **ret,
		  char **ret_message);

/* A note for the spool file; before recorder_start() only. */
void recorder_note(struct recorder *recorder, const char *key, const char *value);

/* From here on calls are recorded. */
int recorder_start(struct recorder *recorder, char **ret_message);

/* Has what is in flight written soon. Safe in a signal handler. */
void recorder_snapshot(struct recorder *recorder);

struct recorder_state {
	uint64_t calls; /* that ended, control events included */
	uint64_t bytes; /* of the spool file */
	uint64_t lost; /* by the kernel's side: see capture_loss_reason */
	uint64_t unfinished; /* in flight when it stopped */
	uint64_t dropped; /* by the spool file */
	int spool_error; /* negative errno: the spool file cannot be written */
};

void recorder_get_state(const struct recorder *recorder, struct recorder_state *ret);

/* Detaches, drains, ends the spool file and frees the recorder. NULL is fine. */
void recorder_close(struct recorder *recorder, struct recorder_state *ret);

#endif
