/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The replay engine: rebuilds the state before a trace's first call in a
 * scratch directory, makes the trace's calls again on a live service, in the
 * recorded order and with clients, roots and handles mapped, and compares what
 * comes back. Memory grows with the files and open handles of a trace, not
 * with its length.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "compare.h"
#include "pace.h"
#include "limit.h"
#include "replay_call.h"
#include "scratch.h"

#define REPLAY_MAX_DIVERGED 1000 /* then it is another trace, and replaying ends */

#define REPLAY_MAX_ONTO 8

struct peer;

struct replay_options {
	const char *service; /* file of the service module */
	const char *scratch; /* directory to replay in; NULL: a temporary one */
	bool keep; /* leave it there */
	/* Directories of the user's that shares get as they are, and that calls change. */
	struct scratch_onto onto[REPLAY_MAX_ONTO];
	size_t n_onto;
	int64_t to; /* stop before this call; 0: make all */
	unsigned compare; /* COMPARE_* */
	struct pace_options pace;
	struct limits limits;
	/* Called for every call that was not as recorded or not made; may be NULL. */
	void (*report)(void *user, const struct trace_call *event,
		       const struct replay_finding *finding);
	void *user;
	struct peer *peer; /* another replay to compare with; NULL: the recording */
	int64_t *at; /* the call that is being made, for other processes; may be NULL */
};

struct replay_result {
	int64_t calls; /* made */
	int64_t control; /* connects, disconnects, shares added and removed: made */
	int64_t n[REPLAY_UNPLAYABLE + 1]; /* of both, by enum replay_verdict */
	int64_t filled; /* WRITEs made with zeroes for data that is not in the trace */
	int64_t uncompared; /* made, but not all of it can be compared */
	int64_t unknown_handles; /* divergences on handles that the trace never opened */
	int64_t ignored; /* set-attribute calls that succeeded and did not do all of it */
	int64_t duration_ns; /* from the first event to the last */
	int64_t cpu_ns; /* of it, processor time of the thread that made the calls */
	int64_t reader_cpu_ns; /* of the thread that read the trace ahead */
	/* How much later than at the wanted speed calls were made; 0 without one. */
	int64_t late_p50_ns, late_p99_ns, late_max_ns;
	int64_t built, unbuilt; /* files of the state before the trace */
	int64_t inherited_clients, inherited_shares; /* there before the trace */
	bool confined; /* the kernel kept the service inside of the scratch directory */
	bool against; /* it was compared with another service, not with the recording */
	bool stopped; /* at REPLAY_MAX_DIVERGED */
	struct replay_finding first; /* divergence; if n[REPLAY_DIVERGED] */
	struct replay_finding first_left_out; /* if something was not made */
	struct replay_finding first_ignored; /* what was asked for, and got; if ignored */
	char *scratch; /* where it is if it was kept, else NULL */
};

/*
 * Replays a trace. 0: it ran, *ret says how it went; negative errno: it could
 * not, and *ret_message (malloc'd) says why.
 */
int replay_run(struct trace *trace, const struct replay_options *options, struct replay_result *ret,
	       char **ret_message);

void replay_result_clear(struct replay_result *result);

/* 0 if everything that can be compared was and is as recorded, else 3 or 4 (verbs.h). */
int replay_exit_status(const struct replay_result *result, bool trace_incomplete);

#endif
