/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recording of the host's side: probes, rings and the spool file, with a
 * thread that carries records from the rings to the file.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "probe.h"
#include "spool.h"

#define RECORDER_HOST_SPOOL ".host.spool" /* the spool's name: the trace's and this */

struct recorder;

/*
 * A flight recorder: only the last BYTES are held, in memory. A dump of them is
 * a spool file, named after the trace that it is for.
 */
struct recorder_flight {
	uint64_t bytes; /* 0: everything is written to the spool file */
	bool on_failed; /* dump when a call has failed */
	uint64_t slower_ns; /* dump when a call took that long; 0: no matter how long */
	const char *output; /* what traces are named after: see recorder_dump_name() */
};

struct recorder_options {
	struct probe_options probe;
	size_t ring_bytes;
	struct recorder_flight flight;
	const char *spool_file; /* not of a flight recorder */
};

/*
 * Writes the spool file and loads the programs; nothing is recorded yet. On
 * failure negative errno, *ret_message (malloc'd) says why, and there is no file.
 */
int recorder_open(const struct recorder_options *options, const struct probe_plan *plan,
		  struct recorder **ret, char **ret_message);

/* A note for the spool file; before recorder_start() only. */
void recorder_note(struct recorder *recorder, const char *key, const char *value);

/* From here on calls are recorded. */
int recorder_start(struct recorder *recorder, char **ret_message);

/* Has what is in flight written soon. Safe in a signal handler. */
void recorder_snapshot(struct recorder *recorder);

/*
 * To be called every so often, the more so if it says that it waits for
 * something: then within a few ms.
 */
bool recorder_tick(struct recorder *recorder);

/* Flight recorder: has what is held dumped soon. Safe in a signal handler. */
void recorder_dump(struct recorder *recorder);

/*
 * A dump that is ready to be loaded; 0: there is none. Its files are made by
 * recorder_dump_name(). Until recorder_dump_done() there is no further one:
 * what would be dumped meanwhile is not, but stays in memory.
 */
unsigned int recorder_dump_ready(struct recorder *recorder);
void recorder_dump_done(struct recorder *recorder);

/* "t.db", 3 and ".host.spool": "t.3.db.host.spool", malloc'd; NULL: no memory. */
char *recorder_dump_name(const char *output, unsigned int number, const char *suffix);

struct recorder_state {
	uint64_t calls; /* that ended, control events included */
	uint64_t bytes; /* of the spool file, or held */
	uint64_t lost; /* by the kernel's side: see capture_loss_reason */
	uint64_t unfinished; /* in flight when it stopped */
	uint64_t dropped; /* by the spool file */
	int spool_error; /* negative errno: the spool file, or a dump, cannot be written */
};

void recorder_get_state(const struct recorder *recorder, struct recorder_state *ret);

/* Detaches and drains. A dump that waits to be loaded can be asked for afterwards. */
void recorder_stop(struct recorder *recorder);

/* recorder_stop(), ends the spool file and frees the recorder. NULL is fine. */
void recorder_close(struct recorder *recorder, struct recorder_state *ret);

#endif
