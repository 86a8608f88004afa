/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The span list of a call while it is being built: which hops are open, which
 * were crossed. Plain C without helpers, so that unit tests compile it as well.
 * The includer defines span_lose(hop, reason), which counts a loss, and
 * SPAN_OPAQUE(x), which hides the value of x from the compiler.
 */
#ifndef SPANS_H
#define SPANS_H

#include "capture.h"

#ifdef __clang__ /* the span array at a call record's end has room of its own here */
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#endif

#define SPAN_NONE 0xff /* no span: a hop that found no room, or no parent */
#define SPAN_MERGE_FROM (CAPTURE_MAX_SPANS / 2) /* from here on repeats are merged */

/* The largest call record. */
struct call_record {
	struct capture_call call;
	struct capture_span spans[CAPTURE_MAX_SPANS];
};
SF_SIZE(struct call_record, CAPTURE_CALL_MAX);

/* A hop that was entered and not yet left. */
struct call_frame {
	uint64_t sp; /* where its return address is */
	uint64_t enter_ns;
	uint16_t hop;
	uint8_t span; /* its span, or SPAN_NONE */
	uint8_t near; /* its span, or the nearest enclosing one that has one */
	uint8_t no_exit; /* its return is not looked at: it ends when that is seen otherwise */
	uint8_t pad[3];
};

struct span_list {
	struct call_record rec; /* first: snapshots read it */
	struct call_frame frames[CAPTURE_MAX_DEPTH];
	uint32_t n_frames;
	uint32_t mark; /* merging looks no further back than this */
	uint8_t moved[256]; /* scratch of spans_carry() */
	volatile uint32_t forget; /* scratch of span_forget() */
};

/*
 * The same value, but the verifier knows nothing of it any more: so it does not
 * follow each path for each value.
 */
static inline uint32_t span_forget(struct span_list *list, uint32_t value)
{
	list->forget = value;
	return list->forget;
}

static inline struct call_frame *span_frame(struct span_list *list, uint32_t i)
{
	SPAN_OPAQUE(i);
	return &list->frames[i & (CAPTURE_MAX_DEPTH - 1)];
}

static inline struct capture_span *span_at(struct span_list *list, uint32_t i)
{
	SPAN_OPAQUE(i);
	return &list->rec.spans[i & (CAPTURE_MAX_SPANS - 1)];
}

/* Starts an empty list. The call's own fields are left alone. */
static inline void spans_reset(struct span_list *list)
{
	list->n_frames = 0;
	list->mark = 0;
	list->rec.call.n_spans = 0;
	list->rec.call.lost_spans = 0;
}

static inline void span_close(struct span_list *list, const struct call_frame *frame, uint64_t ts,
			      int64_t ret)
{
	if (frame->span == SPAN_NONE)
		return;

	struct capture_span *span = span_at(list, frame->span);

	span->exit_ns = ts;
	span->busy_ns += ts - frame->enter_ns;
	span->ret = ret;
}

/* A hop must have been left by TS, and its return was not seen. */
static inline void span_left_unseen(struct span_list *list, const struct call_frame *frame,
				    uint64_t ts)
{
	if (frame->no_exit) {
		span_close(list, frame, ts, 0);
		return;
	}
	list->rec.call.h.flags |= CAPTURE_F_EXIT_LOST;
	span_lose(frame->hop, CAPTURE_LOSS_EXIT_MISSED);
}

/*
 * Takes frames off whose function must have returned: the stack is already
 * used by somebody else. An equal stack pointer with another function is a
 * tail call: both are open. Nothing is entered within a system call; and one
 * says nothing about functions, as it may be a signal handler's, on a stack of
 * its own.
 */
static inline void span_leave_stale(struct span_list *list, uint32_t hop, uint64_t sp, uint64_t ts)
{
	for (int i = 0; i < CAPTURE_MAX_DEPTH && list->n_frames; i++) {
		struct call_frame *frame = span_frame(list, list->n_frames - 1);
		bool encloses = frame->sp > sp || (frame->sp == sp && frame->hop != hop) ||
				hop >= CAPTURE_HOP_SYSCALL;

		if (frame->hop < CAPTURE_HOP_SYSCALL && encloses)
			break;
		span_left_unseen(list, frame, ts);
		list->n_frames--;
	}
}

/* The same, where every hop's return is looked for: the time does not matter. */
static inline void span_drop_stale(struct span_list *list, uint32_t hop, uint64_t sp)
{
	span_leave_stale(list, hop, sp, 0);
}

/* A span of the same hop under the same parent to merge with, or SPAN_NONE. */
static inline uint32_t span_find_same(struct span_list *list, uint32_t hop, uint32_t parent)
{
	uint32_t n = list->rec.call.n_spans;

	for (uint32_t i = 1; i <= CAPTURE_MAX_SPANS; i++) {
		if (i > n || n - i < list->mark)
			break;
		struct capture_span *span = span_at(list, n - i);

		if (span->hop == hop && span->parent == parent)
			return n - i;
	}
	return SPAN_NONE;
}

static inline uint32_t span_new(struct span_list *list, uint32_t hop, uint32_t parent, uint64_t ts)
{
	uint32_t n = list->rec.call.n_spans;

	if (n >= SPAN_MERGE_FROM) {
		uint32_t same = span_find_same(list, hop, parent);

		if (same != SPAN_NONE) {
			span_at(list, same)->n++;
			span_at(list, same)->exit_ns = 0;
			return same;
		}
	}
	if (n >= CAPTURE_MAX_SPANS)
		return SPAN_NONE;

	struct capture_span *span = span_at(list, n);

	span->enter_ns = ts;
	span->exit_ns = 0;
	span->busy_ns = 0;
	span->ret = 0;
	span->n = 1;
	span->hop = hop;
	span->depth = list->n_frames;
	span->parent = parent;
	list->rec.call.n_spans = n + 1;
	return n;
}

static inline void span_no_room(struct span_list *list, uint32_t hop)
{
	list->rec.call.lost_spans++;
	list->rec.call.h.flags |= CAPTURE_F_SPANS_LOST;
	span_lose(hop, CAPTURE_LOSS_SPANS_FULL);
}

/* A hop is entered. sp: the address of its return address. */
static inline void span_push(struct span_list *list, uint32_t hop, uint64_t sp, uint64_t ts)
{
	uint32_t parent = SPAN_NONE, span;

	span_leave_stale(list, hop, sp, ts);
	if (list->n_frames >= CAPTURE_MAX_DEPTH) {
		span_no_room(list, hop);
		return;
	}
	if (list->n_frames)
		parent = span_frame(list, list->n_frames - 1)->near;
	span = span_new(list, hop, parent, ts);
	if (span == SPAN_NONE)
		span_no_room(list, hop);

	struct call_frame *frame = span_frame(list, list->n_frames);

	frame->sp = sp;
	frame->enter_ns = ts;
	frame->hop = hop;
	frame->span = span;
	frame->near = span != SPAN_NONE ? span : parent;
	frame->no_exit = 0;
	list->n_frames++;
}

/* The return of the hop that was entered last will not be seen: what ends next ends it. */
static inline void span_no_exit(struct span_list *list)
{
	if (list->n_frames)
		span_frame(list, list->n_frames - 1)->no_exit = 1;
}

/*
 * A function whose stack began above SP is entered at TS: if the return of the
 * hop that was entered last is not looked at, it was left by then, with RET.
 */
static inline void span_left(struct span_list *list, uint64_t sp, uint64_t ts, int64_t ret)
{
	struct call_frame *frame;

	if (!list->n_frames)
		return;
	frame = span_frame(list, list->n_frames - 1);
	if (!frame->no_exit || frame->sp > sp)
		return;
	span_close(list, frame, ts, ret);
	list->n_frames--;
}

static inline int span_find_frame(struct span_list *list, uint32_t hop, uint64_t sp)
{
	uint32_t n = list->n_frames;

	for (uint32_t i = 1; i <= CAPTURE_MAX_DEPTH; i++) {
		if (i > n)
			break;
		struct call_frame *frame = span_frame(list, n - i);

		if (frame->hop == hop && frame->sp == sp)
			return n - i;
		if (frame->sp > sp)
			break;
	}
	return -1;
}

/*
 * A hop is left; sp as at its entry. Inner hops that are still open are closed
 * as lost. Returns how many hops remain open, or -1 if its entry was not seen.
 */
static inline int span_pop(struct span_list *list, uint32_t hop, uint64_t sp, uint64_t ts,
			   int64_t ret)
{
	int found = span_find_frame(list, hop, sp);

	if (found < 0)
		return -1;
	for (int i = 0; i < CAPTURE_MAX_DEPTH; i++) {
		if (list->n_frames <= (uint32_t)found + 1)
			break;
		span_left_unseen(list, span_frame(list, list->n_frames - 1), ts);
		list->n_frames--;
	}
	span_close(list, span_frame(list, found), ts, ret);
	list->n_frames = found;
	return found;
}

/* Moves the spans before MARK of hops that are open to the front; how many. */
static inline uint32_t spans_keep_open(struct span_list *list, uint32_t mark)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < CAPTURE_MAX_SPANS; i++)
		list->moved[i] = SPAN_NONE;
	for (uint32_t i = 0; i < CAPTURE_MAX_DEPTH; i++) {
		struct call_frame *frame = span_frame(list, i);
		struct capture_span *span;

		if (i >= list->n_frames)
			break;
		open = span_forget(list, open);
		mark = span_forget(list, mark);
		if (frame->span >= mark || frame->span == SPAN_NONE)
			continue;
		span = span_at(list, open);
		*span = *span_at(list, frame->span);
		span->enter_ns = frame->enter_ns;
		span->busy_ns = 0;
		span->n = 1;
		span->parent = open ? open - 1 : SPAN_NONE;
		list->moved[frame->span] = open++;
	}
	return span_forget(list, open);
}

/* Moves the spans from MARK on behind the first OPEN ones. */
static inline void spans_keep_new(struct span_list *list, uint32_t mark, uint32_t open)
{
	uint32_t n = list->rec.call.n_spans, i;

	for (i = 0; i < CAPTURE_MAX_SPANS; i++) {
		uint32_t from = mark + i;
		struct capture_span *span = span_at(list, open + i);
		uint8_t parent;

		if (from >= n)
			break;
		*span = *span_at(list, from);
		parent = span->parent;
		if (parent != SPAN_NONE)
			span->parent = list->moved[parent];
		if (parent != SPAN_NONE && span->parent == SPAN_NONE && open)
			span->parent = 0;
		SPAN_OPAQUE(from);
		list->moved[from & 0xff] = open + i;
		open = span_forget(list, open);
		mark = span_forget(list, mark);
		n = span_forget(list, n);
	}
	list->rec.call.n_spans = open + i;
}

/*
 * Begins the list of the next call inside of the same outermost hop: what was
 * entered before span number MARK is dropped but for the hops that are still
 * open, the spans from MARK on stay.
 */
static inline void spans_carry(struct span_list *list, uint32_t mark)
{
	uint32_t open = spans_keep_open(list, mark);

	spans_keep_new(list, span_forget(list, mark), open);
	for (uint32_t i = 0; i < CAPTURE_MAX_DEPTH; i++) {
		struct call_frame *frame = span_frame(list, i);

		frame->span = frame->span == SPAN_NONE ? SPAN_NONE : list->moved[frame->span];
		frame->near = frame->near == SPAN_NONE ? SPAN_NONE : list->moved[frame->near];
	}
	list->rec.call.lost_spans = 0;
	list->mark = 0;
}

#endif
