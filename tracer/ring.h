/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user side of bpf/common.bpf.h: makes the ring of each CPU, takes records
 * out of them, writes snapshots of what is in flight and counts losses. For
 * the recorder and the agent alike; one thread at a time. Functions return 0
 * or negative errno.
 */
#ifndef RING_H
#define RING_H

#include <bpf/libbpf.h>

#include "../bpf/capture.h"

struct rings;

/* Takes one record: record->size bytes, valid during the call. */
typedef void ring_sink(void *user, const struct capture_header *record);

/* Bytes of one CPU's ring unless somebody says otherwise. */
size_t rings_default_bytes(void);

/* Before the object is loaded: room for the ring of each CPU. */
int rings_prepare(struct bpf_object *object);

/* After it was loaded. ring_bytes is rounded up to a power of two of pages. */
int rings_open(struct bpf_object *object, size_t ring_bytes, ring_sink *sink, void *user,
	       struct rings **ret);

/* Passes on what has arrived; the number of records, or negative errno. */
int rings_consume(struct rings *rings);

/*
 * Passes on what is in flight, as records with CAPTURE_F_SNAPSHOT. A call that
 * ends meanwhile is left out: nothing of it comes after its own record. Returns
 * how many they are, or negative errno.
 */
int rings_snapshot(struct rings *rings);

/* Passes on a CAPTURE_LOSS record for each hop and reason that lost something. */
int rings_losses(struct rings *rings);

/* How much was lost, of all hops, for all reasons; 0 if that cannot be told. */
uint64_t rings_lost(struct rings *rings);

/* NULL is fine. */
void rings_close(struct rings *rings);

#endif
