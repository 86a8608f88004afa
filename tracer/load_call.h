/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capture records as the trace library wants them. */
#ifndef LOAD_CALL_H
#define LOAD_CALL_H

#include "../bpf/capture.h"
#include "clock.h"
#include "match.h"
#include "spool_index.h"
#include "trace.h"

#define LOAD_SPANS_MAX (2 * CAPTURE_MAX_SPANS)
#define LOAD_NAME_SIZE 24

/* A call on its way into the trace. */
struct load_call {
	struct trace_call call;
	struct trace_span spans[LOAD_SPANS_MAX];
	uint16_t hops[LOAD_SPANS_MAX]; /* of the spans; load_call_name_hops() names them */
	size_t n_spans;
	char names[LOAD_SPANS_MAX][LOAD_NAME_SIZE]; /* of hops that nobody has heard of */
};

/* The name of a hop or system call; NAME is room for one that has none. */
const char *load_hop_name(uint16_t hop, char name[LOAD_NAME_SIZE]);

/* A guest's parameter type as the service sees it. */
uint32_t load_parm_type(uint32_t type, enum capture_side side);

/* Starts from a record of one side. Guest times are mapped by clock, unless that is NULL. */
void load_call_begin(struct load_call *load, const struct capture_call *record,
		     enum capture_side side, const struct clock *clock);

/* Adds the guest's half to a call that began from the host's record. */
void load_call_join(struct load_call *load, const struct capture_call *guest,
		    const struct clock *clock);

/* The last step: the spans get the names of their hops. */
void load_call_name_hops(struct load_call *load);

/* Stores the payload of a record and refers to it in the call's parameters. */
int load_payload(struct trace *trace, const struct spool_side *side,
		 const struct capture_call *record, struct load_call *load);

/* What matching goes by. buffer: CAPTURE_RECORD_MAX bytes to read a path into. */
void load_match_key(const struct spool_side *side, const struct capture_call *record,
		    enum capture_side from, void *buffer, struct match_call *ret);

#endif
