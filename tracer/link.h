/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line between the agent in a guest and the recorder outside.
 *
 * The agent sends a capture_file_header, waits for a link_reply, then sends
 * capture records, CAPTURE_END as the last one, and waits for a second reply.
 * The recorder's end is a thread that listens on a UNIX socket, or speaks to a
 * command that it started; it takes one agent and appends what it sends to a spool file. The guest
 * is not trusted: everything is checked, and what is wrong ends the line with a reason.
 *
 * A line that was cut can be made again. The header, with its two times in ns,
 * says that it is the same agent; the recorder answers LINK_RESUMED and the
 * link_position up to which it has whole records; the agent sends the position
 * from which it goes on. What lies between is lost, and stands in the spool as
 * a loss. A recorder that does not know the agent takes it for a new one.
 */
#ifndef LINK_H
#define LINK_H

#include "../bpf/capture.h"

#define LINK_MAGIC "SFREPLY\n"
#define LINK_DEFAULT_MAX_BYTES (64ull << 30)

/* Notes that the agent sends as meta records. */
#define LINK_META_READY "guest.hops" /* it is attached */
#define LINK_META_ERROR "agent.error" /* why it could not record */
#define LINK_META_RESUMED "guest.line_cuts" /* the recorder's own note: how many it survived */

enum link_verdict {
	LINK_ACCEPTED = 1, /* records may come */
	LINK_FINISHED = 2, /* everything up to the end is in the spool file */
	LINK_REFUSED = 3, /* it is not a recording, or a record of it is malformed */
	LINK_REFUSED_VERSION = 4,
	LINK_REFUSED_BUSY = 5, /* another agent was first */
	LINK_REFUSED_FULL = 6, /* the spool file cannot be written, or is too large */
	LINK_RESUMED = 7, /* a link_position follows, and is waited for */
	LINK_SNAPSHOT = 8 /* at any time in between: calls in flight are to be sent now */
};

/* What the recorder says to the agent. */
struct link_reply {
	char magic[8]; /* LINK_MAGIC */
	uint32_t version; /* CAPTURE_VERSION */
	uint32_t verdict; /* enum link_verdict */
};
SF_SIZE(struct link_reply, 16);

/* A place in the stream behind the header: so much lies before it. */
struct link_position {
	uint64_t bytes;
	uint64_t records;
};
SF_SIZE(struct link_position, 16);

struct link_options {
	const char *socket_path; /* created here, removed at the end; NULL: command */
	const char *command; /* for the shell: an agent on its standard input and output */
	const char *spool_path; /* written once an agent has been accepted */
	uint64_t max_bytes; /* of the spool file; 0: LINK_DEFAULT_MAX_BYTES */
};

struct link_state {
	bool agent; /* one came and was accepted: there is a spool file */
	bool ready; /* and it is attached */
	bool ended; /* it said so itself: nothing is missing */
	uint64_t records;
	uint64_t bytes; /* of the spool file */
	uint64_t lost; /* records that a cut of the line cost */
	unsigned int resumed; /* how often the agent came back */
	char error[160]; /* what was wrong with the line, in words; "" */
	char agent_error[256]; /* what the agent says it failed on; "" */
};

struct link;

/* Listens. On failure *ret_message (malloc'd) says on what. */
int link_open(const struct link_options *options, struct link **ret, char **ret_message);

/* How it stands now. */
void link_get_state(struct link *link, struct link_state *ret);

/*
 * Waits until the agent is attached. False: something went wrong, as the state
 * says, or it took longer than timeout_ms.
 */
bool link_wait_ready(struct link *link, int timeout_ms);

/* Has the agent send the calls that are in flight. */
void link_snapshot(struct link *link);

/*
 * Asks an agent that was started here to come to its end. Waits at most
 * timeout_ms for an agent that is still sending (negative: for
 * ever), shortly for one whose line was cut, ends the line, closes the spool file and frees link.
 * What came of it is in *ret, unless that is NULL.
 */
void link_close(struct link *link, int timeout_ms, struct link_state *ret);

/* The path in an endpoint "unix:PATH", NULL if it is not of this form. */
const char *link_endpoint_path(const char *endpoint);

/* The command in an endpoint "exec:COMMAND", NULL if it is not of this form. */
const char *link_endpoint_command(const char *endpoint);

#endif
