/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trace file: a SQLite database of SHFL calls, their parameters, payload,
 * spans and control events. This library creates, fills, opens and iterates
 * it; people read it through the views of views.sql. Times are ns on the
 * host's CLOCK_MONOTONIC unless a name says otherwise. Functions return 0 or
 * negative errno; *ret_message is malloc'd and says what is wrong in words.
 */
#ifndef TRACE_H
#define TRACE_H

#include <sqlite3.h>

#include "shfl_table.h"

#define TRACE_APPLICATION_ID 0x73665452 /* "sfTR" */
#define TRACE_USER_VERSION 2 /* of the schema; others are refused */

enum trace_side { TRACE_SIDE_GUEST = 1, TRACE_SIDE_HOST = 2, TRACE_SIDE_BOTH = 3 };

/* An event of the trace: a call, or a control event. */
enum trace_kind {
	TRACE_CALL = 1, /* a guest's SHFL call */
	TRACE_HOST_CALL = 2, /* a share added or removed: fn is of enum shfl_host_fn */
	TRACE_CONNECT = 3, /* parms[0].in is the requestor */
	TRACE_DISCONNECT = 4
};

/* trace_call.flags */
#define TRACE_F_UNREADABLE 0x1 /* some parameter could not be read */
#define TRACE_F_DATA_CUT 0x2 /* payload shortened on request */
#define TRACE_F_DATA_LOST 0x4 /* payload missing */
#define TRACE_F_SPANS_LOST 0x8 /* spans missing, or an exit not seen */
#define TRACE_F_UNFINISHED 0x10 /* had not ended when it was written */
#define TRACE_F_UTF16 0x20 /* its strings are UTF-16; set by trace_add_call */

struct trace_parm {
	uint32_t type; /* VBOX_HGCM_SVC_PARM_* */
	uint32_t size; /* bytes, for pointers and page lists */
	uint64_t in; /* integers: before and after the call */
	uint64_t out;
	int64_t payload_in; /* payload_id of the memory before and after; 0: none captured */
	int64_t payload_out;
};

struct trace_call {
	int64_t call_id; /* also the order in which the service saw them */
	enum trace_kind kind;
	enum trace_side side;
	uint32_t client; /* as the host numbers it: another process has others of that number */
	uint32_t process; /* pid of the host process that served it; 0: the host did not see it */
	uint32_t fn;
	uint32_t n_parms; /* as the caller said; at most SHFL_MAX_PARMS are in parms */
	int32_t status; /* the service's; the guest's where there is no host */
	int32_t guest_status; /* what the guest got, where it was seen there */
	uint32_t flags; /* TRACE_F_* */
	bool complete; /* ended, and nothing of it is missing */
	int64_t start_ns; /* host's entry; guest's (mapped) where there is no host */
	/*
	 * Read only: which share and which path (of the handle, if the call has
	 * one), NULL if none or unknown. Valid until the cursor moves.
	 */
	const char *share;
	const char *path;
	struct trace_parm parms[SHFL_MAX_PARMS];
	int64_t op_id; /* 0: none */
	int64_t end_ns; /* 0: not ended */
	int64_t guest_start_ns; /* guest's own clock, raw; 0: not seen there */
	int64_t guest_end_ns;
	uint32_t pid, tid; /* guest's where it was seen there, else host's */
	char comm[16];
};

struct trace_span {
	const char *hop;
	enum trace_side side;
	uint8_t depth;
	int parent; /* index in the same array, -1: none */
	uint32_t n; /* crossings merged into one row */
	int64_t enter_ns; /* of the first crossing */
	int64_t exit_ns; /* of the last; 0: not left */
	int64_t busy_ns; /* sum over the crossings; used if n > 1 */
	int64_t ret;
};

struct trace_op {
	int64_t op_id;
	const char *name;
	int64_t start_ns;
	int64_t end_ns;
	int64_t ret;
	uint32_t pid, tid;
	const char *comm;
	uint32_t n_calls;
	const char *path; /* NULL: not known, or that of its calls */
};

struct trace_clock {
	enum trace_side side;
	int64_t from_ns; /* raw: holds from here to the next one's from_ns */
	int64_t offset_ns; /* host = guest + offset + drift * (guest - base) */
	int64_t drift_ppb;
	int64_t base_ns;
	int64_t error_ns; /* half the width of what causality allows */
	int64_t fitted, checked, violations; /* numbers of calls */
	int64_t worst_ns; /* the most that a call of the host sticks out of the guest's */
};

struct trace;

/* Whether a call ended and failed. The end of a listing is no failure. */
bool trace_call_failed(const struct trace_call *call);

/* Whether FILE begins like a trace that is not compressed, damaged or of another schema as it may
 * be. */
bool trace_file_is_ours(const char *file);

/* Writing. */

/*
 * Creates FILE, which must not exist or be an unfinished trace of ours, with
 * the schema and meta "state" = "recording": readers see that it is incomplete.
 */
int trace_create(const char *file, struct trace **ret, char **ret_message);

/*
 * Everything below runs in transactions that the library commits in batches.
 * Calls and control events are added in the order of their ids: what a handle
 * or a root means is derived on the way. -EINVAL for what cannot be stored.
 */
int trace_set_meta(struct trace *trace, const char *key, const char *value);

/*
 * Stores bytes once for equal content. length: as in the call, captured <=
 * length: how many of them are in data.
 */
int trace_add_payload(struct trace *trace, const void *data, uint32_t captured, uint32_t length,
		      int64_t *ret_payload_id);
int trace_add_call(struct trace *trace, const struct trace_call *call,
		   const struct trace_span *spans, size_t n_spans);
int trace_add_op(struct trace *trace, const struct trace_op *op);
int trace_add_loss(struct trace *trace, enum trace_side side, const char *hop, const char *reason,
		   int64_t n);
/* The same, with the last event before the place where it happened; 0: not known. */
int trace_add_loss_after(struct trace *trace, enum trace_side side, const char *hop,
			 const char *reason, int64_t n, int64_t after);
/* Several, if the clock stepped: each for what follows its from_ns. */
int trace_set_clock(struct trace *trace, const struct trace_clock *clock);

/*
 * Derives roots, handles and paths, builds indexes and latency summaries, sets
 * meta "state" to "complete", or to "incomplete" with the reason if that is
 * not NULL, and commits.
 */
int trace_finish(struct trace *trace, const char *incomplete_because);

/* Reading. */

/*
 * Opens a trace read-only, for one thread at a time. One that xz has compressed is unpacked to an
 * unlinked file in TMPDIR. Says in words what a file that is not one is: not there, not SQLite,
 * another application's, of a newer schema, damaged.
 */
int trace_open(const char *file, struct trace **ret, char **ret_message);

/* The same trace once more, for another thread or process; it is not unpacked a second time. */
int trace_open_again(const struct trace *trace, struct trace **ret, char **ret_message);

/* The absolute name of a trace that is read; owned by the trace. */
const char *trace_file(const struct trace *trace);

/* Closes; commits what is pending of a written trace. NULL is fine. */
void trace_close(struct trace *trace);

/* For queries of one's own; owned by the trace. */
sqlite3 *trace_db(struct trace *trace);

/* What the last failed function found wrong, in words; owned by the trace. */
const char *trace_error(const struct trace *trace);

/* The value of a meta key in RET_VALUE (malloc'd); -ENOENT if there is none. */
int trace_get_meta(struct trace *trace, const char *key, char **ret_value);

/* 0 if the trace lost nothing and was finished, else 1 and why in words. */
int trace_is_incomplete(struct trace *trace, char **ret_why);

/* Iterates over calls and control events in the order of their ids. */
struct trace_cursor;
int trace_events(struct trace *trace, struct trace_cursor **ret);
/* 1: *call holds the next event; 0: no more; negative errno (-EUCLEAN: damaged). */
int trace_next(struct trace_cursor *cursor, struct trace_call *call);
void trace_cursor_close(struct trace_cursor *cursor);

/*
 * A payload's bytes: malloc'd, *ret_captured of them; *ret_length as in the
 * call. -ENOENT if there is no such payload, -EBADMSG if its bytes are not
 * those that were stored, by their checksum.
 */
int trace_get_payload(struct trace *trace, int64_t payload_id, void **ret_data,
		      uint32_t *ret_captured, uint32_t *ret_length);

/* The same, into *buffer of *room bytes (malloc'd or NULL), which grows as needed. */
int trace_fetch_payload(struct trace *trace, int64_t payload_id, void **buffer, size_t *room,
			uint32_t *ret_captured, uint32_t *ret_length);

/*
 * The string in an SHFLSTRING payload (malloc'd), NULL if it is none. UTF-16 is
 * converted to UTF-8, lone surrogates to U+FFFD; UTF-8 is taken as it stands.
 */
char *trace_shflstring(const void *payload, size_t size, bool utf16);

#endif
