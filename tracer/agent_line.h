/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's end of the line to a recorder (the other one is link.h): a
 * virtio-serial port, a UNIX socket, or standard input and output. A spool file
 * may stand for the recorder, for sftrace merge to load later. Records
 * wait in memory and are written when the agent says so, because a port costs
 * the guest's processor time; writing never waits for the recorder. A *ret_message
 * is NULL or malloc'd beforehand, and replaced.
 */
#ifndef AGENT_LINE_H
#define AGENT_LINE_H

#include "../bpf/capture.h"

struct agent_line;

enum agent_line_kind { AGENT_LINE_PORT, AGENT_LINE_SOCKET, AGENT_LINE_STDIO, AGENT_LINE_FILE };

/*
 * Opens a line. path: of the port, the socket or the new file. room: bytes of records that can
 * wait. On failure *ret_message (malloc'd) says why not and what to do.
 */
int agent_line_open(enum agent_line_kind kind, const char *path, size_t room,
		    struct agent_line **ret, char **ret_message);

/* Begins the recording; waits at most timeout_ms for the recorder to accept it. */
int agent_line_begin(struct agent_line *line, int timeout_ms, char **ret_message);

/* Bytes of records for which there is room. */
size_t agent_line_room(const struct agent_line *line);

/* Bytes that wait. */
size_t agent_line_waiting(const struct agent_line *line);

/* Takes a copy of a record: record->size bytes. Without room it is dropped and counted. */
void agent_line_put(struct agent_line *line, const struct capture_header *record);

/* The same for a note. Too long values are cut. */
void agent_line_put_meta(struct agent_line *line, const char *key, const char *value);

/*
 * Writes what the recorder takes at once, and looks whether it said something.
 * A port or socket that is cut is no failure: records wait, and go out when the
 * recorder is there again; to be called several times a second for that.
 * 0, or negative errno once the line is of no use any more. *ret_message says
 * what happened, when something did.
 */
int agent_line_ship(struct agent_line *line, char **ret_message);

/* Whether the recorder asked to end the recording. It does not confirm the end then. */
bool agent_line_is_to_end(const struct agent_line *line);

/* Whether the recorder has asked for the calls that are in flight since this was called last. */
bool agent_line_wants_snapshot(struct agent_line *line);

/*
 * Ends the recording: what was dropped, CAPTURE_END; waits at most timeout_ms
 * until the recorder has confirmed that it has everything, less for one that is away.
 */
int agent_line_finish(struct agent_line *line, int timeout_ms, char **ret_message);

/* NULL is fine. */
void agent_line_close(struct agent_line *line);

#endif
