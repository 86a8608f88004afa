/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One event of a trace as a line of text. */
#ifndef PRINT_CALL_H
#define PRINT_CALL_H

#include <stdio.h>

#include "trace.h"

struct print_context {
	FILE *out;
	struct trace *trace;
	int64_t first_ns; /* times are printed relative to this one */
	int64_t last_ns; /* what is unfinished is as old as this */
	size_t strlen; /* bytes of payload that are shown */
};

/* The name that -e selects by: "SHFL_FN_WRITE", "connect"; BUFFER for unknown functions. */
const char *print_call_name(const struct trace_call *call, char buffer[48]);

/* The value of an integer parameter, by names where it has them. */
void print_call_integer(const struct print_context *context, const struct trace_call *call,
			unsigned parm);

/* The HGCM type that a parameter has unless a caller is wrong; NULL: of an unknown function. */
uint32_t print_usual_type(const struct shfl_parm_info *info);

/* 0, or negative errno if the trace turns out to be damaged. */
int print_call(const struct print_context *context, const struct trace_call *call);

/* The same with nothing left out; "synth" makes a call of it again. */
int print_call_full(const struct print_context *context, const struct trace_call *call);

#endif
