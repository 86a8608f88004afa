/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says how a replay went: for people, or as JSON. */
#ifndef REPLAY_VERDICT_H
#define REPLAY_VERDICT_H

#include <stdio.h>

#include "replay.h"

#define VERDICT_BEFORE 5 /* calls shown before the first divergence */

void verdict_text(FILE *out, struct trace *trace, const struct replay_result *result);
void verdict_json(FILE *out, struct trace *trace, const struct replay_result *result);

/* What a call is, and what was different in it, without an end of line. */
void verdict_call(FILE *out, struct trace *trace, int64_t call_id);
void verdict_difference(FILE *out, const struct replay_finding *finding);

/* One line about one call, as -v shows it. */
void verdict_line(FILE *out, const struct trace_call *event, const struct replay_finding *finding);

#endif
