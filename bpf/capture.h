/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture record: what the BPF programs of either side emit and what a
 * spool file and the agent's stream consist of. Records are 8-byte aligned and
 * begin with a capture_header; unknown kinds are skipped by their size. Times
 * are ns of the recording side's CLOCK_MONOTONIC. Compiled for BPF as well.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "shfl.h"

#define CAPTURE_VERSION 1
#define CAPTURE_MAGIC "SFSPOOL\n"
#define CAPTURE_MAX_SPANS 64 /* of one call; more are merged or counted as lost */
#define CAPTURE_MAX_DEPTH 16 /* open hops of one call */
#define CAPTURE_COMM_SIZE 16 /* TASK_COMM_LEN */
#define CAPTURE_CHUNK_MAX 65536 /* payload bytes in one capture_data */

/* A span's hop is an id of hops.def, or this plus the number of a system call. */
#define CAPTURE_HOP_SYSCALL 0x1000

enum capture_side { CAPTURE_SIDE_GUEST = 1, CAPTURE_SIDE_HOST = 2 };

/* A spool file, and the agent's stream, begins with one of these. */
struct capture_file_header {
	char magic[8]; /* CAPTURE_MAGIC */
	uint32_t version; /* CAPTURE_VERSION */
	uint32_t side; /* enum capture_side */
	uint64_t monotonic_ns; /* the two clocks of that side at one moment */
	uint64_t realtime_ns;
};
SF_SIZE(struct capture_file_header, 32);

enum capture_kind {
	CAPTURE_CALL = 1, /* capture_call: a guest's SHFL call */
	CAPTURE_HOST_CALL = 2, /* capture_call: pfnHostCall, a share added or removed */
	CAPTURE_CONNECT = 3, /* capture_call: parms[0].in is the requestor */
	CAPTURE_DISCONNECT = 4, /* capture_call without parameters */
	CAPTURE_OP = 5, /* capture_op: a guest VFS operation that ended */
	CAPTURE_DATA = 6, /* capture_data: comes before the call record it belongs to */
	CAPTURE_LOSS = 7, /* capture_loss */
	CAPTURE_META = 8, /* capture_meta */
	CAPTURE_END = 9 /* header only: the recorder stopped in good order */
};

/* capture_header.flags */
#define CAPTURE_F_ENDED 0x1 /* the call ended: end_ns, status and outputs are valid */
#define CAPTURE_F_SNAPSHOT 0x2 /* still in flight when written; a later record replaces it */
#define CAPTURE_F_UNREADABLE 0x4 /* some parameter memory could not be read */
#define CAPTURE_F_DATA_CUT 0x8 /* payload shortened on request (snaplen) */
#define CAPTURE_F_DATA_LOST 0x10 /* payload is missing: ring full */
#define CAPTURE_F_SPANS_LOST 0x20 /* spans are missing */
#define CAPTURE_F_EXIT_LOST 0x40 /* some span's exit was not seen */
#define CAPTURE_F_OTHER_THREAD 0x80 /* completed by another thread than it began in */

struct capture_header {
	uint16_t kind; /* enum capture_kind */
	uint16_t flags; /* CAPTURE_F_* */
	uint32_t size; /* bytes of the record, this header included */
	uint64_t id; /* of the call or op: counts up in the order of entry */
};
SF_SIZE(struct capture_header, 16);

struct capture_parm {
	uint32_t type; /* VBOX_HGCM_SVC_PARM_* on the host, HGCM parameter type on the guest */
	uint32_t size; /* bytes, for pointers and page lists */
	uint64_t in; /* value, for integers; address of the memory otherwise */
	uint64_t out; /* value after the call, for integers */
};
SF_SIZE(struct capture_parm, 24);

/* A hop crossed by a call. Spans stand in order of entry. */
struct capture_span {
	uint64_t enter_ns; /* of the first crossing */
	uint64_t exit_ns; /* of the last; 0: not left, or not seen to be */
	uint64_t busy_ns; /* sum over the crossings */
	int64_t ret; /* of the last */
	uint32_t n; /* crossings merged into this span, usually 1 */
	uint16_t hop;
	uint8_t depth; /* 0: outermost */
	uint8_t parent; /* index of the enclosing span, 0xff: none */
};
SF_SIZE(struct capture_span, 40);

struct capture_call {
	struct capture_header h;
	uint64_t op; /* guest: the op it belongs to, 0: none */
	uint64_t call_handle; /* host */
	uint64_t enter_ns; /* of svcCall, vbg_hgcm_call ... */
	uint64_t end_ns; /* of the completion (host), of the return (guest); 0: not ended */
	uint32_t pid;
	uint32_t tid;
	char comm[CAPTURE_COMM_SIZE];
	uint32_t client;
	uint32_t fn;
	int32_t status;
	uint32_t n_parms; /* as the caller said; at most SHFL_MAX_PARMS are in parms */
	uint32_t n_spans;
	uint32_t lost_spans;
	struct capture_parm parms[SHFL_MAX_PARMS];
	struct capture_span spans[]; /* n_spans of them */
};
SF_SIZE(struct capture_call, 288);

/* The largest call record. */
#define CAPTURE_CALL_MAX \
	(sizeof(struct capture_call) + CAPTURE_MAX_SPANS * sizeof(struct capture_span))

/* Bytes of the names in a capture_op at most. */
#define CAPTURE_OP_NAMES_MAX 1024

/*
 * An op that made no call has behind it what it was about, if that is known:
 * the file's name, its directory's and so on, each with its NUL; an empty one
 * for the share's root; zeroes up to 8 bytes.
 */
struct capture_op {
	struct capture_header h;
	uint64_t enter_ns;
	uint64_t exit_ns;
	int64_t ret;
	uint32_t pid;
	uint32_t tid;
	char comm[CAPTURE_COMM_SIZE];
	uint32_t hop;
	uint32_t n_calls;
	char names[];
};
SF_SIZE(struct capture_op, 72);

/* Bytes of a pointer parameter. Chunks of one parameter come in order. */
struct capture_data {
	struct capture_header h; /* id: of the call */
	uint32_t total; /* bytes that the parameter has to capture */
	uint32_t offset; /* of this chunk */
	uint32_t length; /* of this chunk; at most CAPTURE_CHUNK_MAX */
	uint8_t parm; /* index */
	uint8_t out; /* 0: as the call began, 1: as it ended */
	uint8_t pad[2];
	uint8_t bytes[]; /* length, then padding to 8 */
};
SF_OFFSET(struct capture_data, bytes, 32);

enum capture_loss_reason {
	CAPTURE_LOSS_RING_FULL = 1,
	CAPTURE_LOSS_STATE_FULL = 2, /* more calls in flight than there is room for */
	CAPTURE_LOSS_SPANS_FULL = 3,
	CAPTURE_LOSS_UNREADABLE = 4,
	CAPTURE_LOSS_EXIT_MISSED = 5,
	CAPTURE_LOSS_CUT_SHORT = 6, /* the stream or the spool ended early */
	CAPTURE_LOSS_LINE_CUT = 7 /* sent while the line to the recorder was cut */
};
#define CAPTURE_LOSS_REASONS 8

struct capture_loss {
	struct capture_header h;
	uint16_t hop;
	uint16_t reason; /* enum capture_loss_reason */
	uint32_t pad;
	uint64_t n; /* since the recording began; a later record replaces it */
};
SF_SIZE(struct capture_loss, 32);

/* "key", NUL, "value", NUL, padding: the recorder's own notes. */
struct capture_meta {
	struct capture_header h;
	char text[];
};

#endif
