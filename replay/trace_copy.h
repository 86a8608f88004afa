/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies a trace into a new file, without some of its events, or with other
 * payload. Calls keep their ids, times, spans and operations.
 */
#ifndef TRACE_COPY_H
#define TRACE_COPY_H

#include "payload.h"

/* A payload on its way: whose it is, before (or after) the call. */
struct copy_payload {
	const struct trace_call *call;
	unsigned parm;
	bool out;
	uint32_t *flags; /* of the call: what becomes of the payload may change them */
};

struct copy_hooks {
	/* Whether an event goes into the copy; NULL: all do. */
	bool (*wants)(void *user, const struct trace_call *call);
	/* Changes a payload; 0 or negative errno. NULL: it stays as it is. */
	int (*payload)(void *user, const struct copy_payload *of, struct payload *payload);
	/* Another name for a program; valid until the next call. NULL: it stays. */
	const char *(*comm)(void *user, const char *comm);
	/* Whether a meta entry goes into the copy; NULL: all do. */
	bool (*wants_meta)(void *user, const char *key);
	void *user;
};

/*
 * Writes the copy to FILE, which must not exist; replace: may be a trace that
 * is not "from" itself. extra_key, if not NULL, is added to its meta. On
 * failure there is no FILE, and *ret_message (malloc'd) says why.
 */
int trace_copy(struct trace *from, const char *file, bool replace, const struct copy_hooks *hooks,
	       const char *extra_key, const char *extra_value, char **ret_message);

/*
 * Makes way for a trace that is going to be written to FILE, by the same
 * rules. beside: a trace that is being read, NULL if none is.
 */
int trace_copy_make_way(struct trace *beside, const char *file, bool replace, char **ret_message);

#endif
