/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs of both sides share: the state of a thread, span lists,
 * output, payload, the protocol table, snapshots.
 *
 * Each side defines before it includes this
 *   struct side_state           what it keeps for a thread besides
 *   CAPTURE_READ(dst, n, from)  reads payload memory; 0 or negative
 * and if the addresses in page lists are not those of payload memory
 *   CAPTURE_PAGE(payload, page) makes one of them such an address
 *
 * A thread's state lives in task storage, so that it goes away with the
 * thread; the program "snapshot" (an iterator over tasks) writes what is in
 * flight as capture_call records. A state sends all of its records to one
 * ring, that of the CPU it began on: so they stay in order.
 *
 * Large functions are global: the verifier looks at such once, not at every
 * call. They must check their pointers and return a number.
 *
 * How a side uses it: state_get(); state_open() at its outermost hop;
 * call_begin() when it is a call; hop_push(), hop_pop(); call_emit(), then
 * state_close(), or hops_carry() and call_begin() again.
 */
#ifndef COMMON_BPF_H
#define COMMON_BPF_H

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "capture.h"
#include "shfl_table.h"

static void count_loss(uint32_t hop, uint32_t reason);
#define span_lose count_loss
#define SPAN_OPAQUE(x) barrier_var(x)
#include "spans.h"

/* Kernel structs, as far as they are needed. */
struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

/* Options, set before the programs are loaded. */
const volatile uint32_t opt_snaplen = 0xffffffff; /* payload bytes kept of file data and listings */
const volatile uint32_t opt_payload = 1; /* 0: send no payload at all */

/* What a thread is doing. */
struct call_state {
	struct span_list list; /* list.rec.call: the call; first, user space reads it */
	uint32_t open; /* between state_open() and state_close() */
	uint32_t in_call; /* list.rec.call is a call that has not been emitted */
	uint32_t ring;
	uint32_t hop; /* outermost: losses are counted under it */
	struct side_state side;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call_state);
} states SEC(".maps");

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* One for each CPU; user space makes and inserts them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__array(values, struct ring);
} rings SEC(".maps");

/* Key: a hop's id; system calls share the upper half by number. */
#define LOSS_SLOTS 1024
#define LOSS_SLOT_SYSCALL 512

struct loss_counts {
	uint64_t n[CAPTURE_LOSS_REASONS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_SLOTS);
	__type(key, uint32_t);
	__type(value, struct loss_counts);
} losses SEC(".maps");

uint64_t last_id; /* of calls and ops */

static __noinline void count_loss(uint32_t hop, uint32_t reason)
{
	uint32_t slot = hop & (LOSS_SLOT_SYSCALL - 1);
	struct loss_counts *counts;

	if (hop & CAPTURE_HOP_SYSCALL)
		slot += LOSS_SLOT_SYSCALL;
	counts = bpf_map_lookup_elem(&losses, &slot);
	if (counts)
		__sync_fetch_and_add(&counts->n[reason & (CAPTURE_LOSS_REASONS - 1)], 1);
}

static __always_inline uint64_t next_id(void)
{
	return __sync_fetch_and_add(&last_id, 1) + 1;
}

/* This thread's state; NULL if there is none, or no memory for one. */
static __always_inline struct call_state *state_get(bool create)
{
	return bpf_task_storage_get(&states, (void *)bpf_get_current_task_btf(), NULL,
				    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

/* An outermost hop begins: an empty span list, no call yet. */
static __always_inline void state_open(struct call_state *state, uint32_t hop)
{
	spans_reset(&state->list);
	state->list.rec.call.h.flags = 0;
	state->open = 1;
	state->in_call = 0;
	state->ring = bpf_get_smp_processor_id();
	state->hop = hop;
}

static __always_inline void state_close(struct call_state *state)
{
	state->open = 0;
	state->in_call = 0;
}

/* Fills in what a call is known by. The spans so far stay, and become its own. */
static __always_inline struct capture_call *call_begin(struct call_state *state, uint32_t kind)
{
	struct capture_call *call = &state->list.rec.call;
	uint64_t pid_tgid = bpf_get_current_pid_tgid();

	call->h.kind = kind;
	call->h.flags &= CAPTURE_F_SPANS_LOST | CAPTURE_F_EXIT_LOST;
	call->h.id = next_id();
	call->op = 0;
	call->call_handle = 0;
	call->end_ns = 0;
	call->pid = pid_tgid >> 32;
	call->tid = (uint32_t)pid_tgid;
	bpf_get_current_comm(call->comm, sizeof(call->comm));
	call->client = 0;
	call->fn = 0;
	call->status = 0;
	call->n_parms = 0;
	__builtin_memset(call->parms, 0, sizeof(call->parms));
	state->in_call = 1;
	return call;
}

__noinline int hop_push(struct call_state *state, uint32_t hop, uint64_t sp, uint64_t ts)
{
	if (state)
		span_push(&state->list, hop, sp, ts);
	return 0;
}

/* How many hops are still open after this one; -1: its entry was not seen. */
__noinline int hop_pop(struct call_state *state, uint32_t hop, uint64_t sp, uint64_t ts,
		       int64_t ret)
{
	return state ? span_pop(&state->list, hop, sp, ts, ret) : -1;
}

/* Begins the span list of the next call in the same outermost hop: see spans_carry(). */
__noinline int hops_carry(struct call_state *state, uint32_t mark)
{
	if (state)
		spans_carry(&state->list, mark);
	return 0;
}

/* Sends a record to the ring of this state. 0, or negative and counted. */
static __always_inline int ring_output(struct call_state *state, void *record, uint64_t size)
{
	uint32_t cpu = state->ring;
	void *ring = bpf_map_lookup_elem(&rings, &cpu);

	if (ring && !bpf_ringbuf_output(ring, record, size, BPF_RB_NO_WAKEUP))
		return 0;
	count_loss(state->hop, CAPTURE_LOSS_RING_FULL);
	return -1;
}

/* Sends the call with its first N_SPANS spans. */
__noinline int call_emit(struct call_state *state, uint32_t n_spans)
{
	uint32_t n = n_spans, all;
	uint64_t size;

	if (!state)
		return -1;
	all = state->list.rec.call.n_spans;
	barrier_var(n);
	if (n > CAPTURE_MAX_SPANS)
		n = CAPTURE_MAX_SPANS;
	size = sizeof(struct capture_call) + n * sizeof(struct capture_span);
	state->list.rec.call.h.size = size;
	state->list.rec.call.n_spans = n;
	state->in_call = 0;
	n = ring_output(state, &state->list.rec, size);
	state->list.rec.call.n_spans = all;
	return n;
}

/* The protocol table: what is captured of which parameter. */

struct parm_rule {
	uint8_t direction; /* enum shfl_direction; 0: nobody knows this parameter */
	uint8_t role; /* enum shfl_role */
};

#define RULE_FNS 32
#define RULE_HOST_FNS 8

/* clang-format off */
#define RULE(fn, index, name, kind, dir, parm_role)                             \
	[SHFL_FN_##fn][index] = { SHFL_DIR_##dir, SHFL_ROLE_##parm_role },

static const struct parm_rule parm_rules[RULE_FNS][SHFL_MAX_PARMS] = {
#define SHFL_PARM RULE
#include "shfl.def"
};

static const struct parm_rule host_parm_rules[RULE_HOST_FNS][SHFL_MAX_PARMS] = {
#define SHFL_HOST_PARM RULE
#include "shfl.def"
};
/* clang-format on */

_Static_assert(SHFL_FN_LAST < RULE_FNS, "functions in the table");

/* The rule of a parameter; kind: CAPTURE_CALL or CAPTURE_HOST_CALL. */
static __always_inline struct parm_rule parm_rule(uint32_t kind, uint32_t fn, uint32_t parm)
{
	static const struct parm_rule unknown = {SHFL_DIR_INOUT, SHFL_ROLE_NONE};
	struct parm_rule rule = {0, 0};

	barrier_var(fn);
	barrier_var(parm);
	parm &= SHFL_MAX_PARMS - 1;
	if (kind == CAPTURE_HOST_CALL && fn < RULE_HOST_FNS)
		rule = host_parm_rules[fn & (RULE_HOST_FNS - 1)][parm];
	else if (kind == CAPTURE_CALL && fn < RULE_FNS)
		rule = parm_rules[fn & (RULE_FNS - 1)][parm];
	return rule.direction ? rule : unknown;
}

/*
 * How many of a pointer parameter's bytes matter. out: as the call ended.
 * Contents are as long as the call's COUNT says, and worth nothing if it
 * failed; a list of shares as long as ENTRIES. Not yet cut to opt_snaplen.
 */
__noinline int payload_size(const struct call_state *state, uint32_t parm, bool out)
{
	const struct capture_call *call;
	uint32_t size, limit = 0xffffffff;
	struct parm_rule rule;

	if (!state || parm >= SHFL_MAX_PARMS)
		return 0;
	call = &state->list.rec.call;
	rule = parm_rule(call->h.kind, call->fn, parm);
	size = call->parms[parm].size;
	if (!(rule.direction & (out ? SHFL_DIR_OUT : SHFL_DIR_IN)) || rule.role == SHFL_ROLE_LED)
		return 0;
	if (rule.role != SHFL_ROLE_DATA && rule.role != SHFL_ROLE_LIST_BUFFER &&
	    rule.role != SHFL_ROLE_MAPPINGS)
		return size;
	if (out && VBOX_FAILURE(call->status))
		return 0;
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		uint64_t value = out ? call->parms[i].out : call->parms[i].in;
		uint32_t role = parm_rule(call->h.kind, call->fn, i).role;

		if (rule.role == SHFL_ROLE_MAPPINGS && role == SHFL_ROLE_ENTRIES)
			limit = value > size / sizeof(SHFLMAPPING) ? size
								   : value * sizeof(SHFLMAPPING);
		else if (rule.role != SHFL_ROLE_MAPPINGS && role == SHFL_ROLE_COUNT)
			limit = value > size ? size : value;
	}
	return size < limit ? size : limit;
}

/* How many of them to send: cut to the snap length, which is noted. */
static __always_inline uint32_t payload_cut(struct call_state *state, uint32_t parm, uint32_t size)
{
	struct capture_call *call = &state->list.rec.call;
	uint32_t role = parm_rule(call->h.kind, call->fn, parm).role;

	if (size <= opt_snaplen)
		return size;
	if (role != SHFL_ROLE_DATA && role != SHFL_ROLE_LIST_BUFFER && role != SHFL_ROLE_NONE)
		return size;
	call->h.flags |= CAPTURE_F_DATA_CUT;
	return opt_snaplen;
}

struct payload {
	uint64_t from; /* address of the next byte */
	uint64_t pages; /* page lists: address of the array of page addresses */
	uint32_t total;
	uint32_t offset;
	uint32_t end; /* send up to here */
	uint8_t parm;
	uint8_t out;
};

static __always_inline int payload_lost(struct call_state *state, uint32_t flag, uint32_t reason)
{
	state->list.rec.call.h.flags |= flag;
	count_loss(state->hop, reason);
	return -1;
}

/* Sends LENGTH bytes in one record that has room for ROOM (a constant). */
static __always_inline int payload_send(struct call_state *state, const struct payload *payload,
					uint32_t length, const uint32_t room)
{
	uint32_t cpu = state->ring;
	void *ring = bpf_map_lookup_elem(&rings, &cpu);
	struct capture_data *data;

	if (!ring)
		return payload_lost(state, CAPTURE_F_DATA_LOST, CAPTURE_LOSS_RING_FULL);
	data = bpf_ringbuf_reserve(ring, sizeof(*data) + room, 0);
	if (!data)
		return payload_lost(state, CAPTURE_F_DATA_LOST, CAPTURE_LOSS_RING_FULL);
	data->h.kind = CAPTURE_DATA;
	data->h.flags = 0;
	data->h.size = sizeof(*data) + ((length + 7) & ~7u);
	data->h.id = state->list.rec.call.h.id;
	data->total = payload->total;
	data->offset = payload->offset;
	data->length = length;
	data->parm = payload->parm;
	data->out = payload->out;
	data->pad[0] = data->pad[1] = 0;
	barrier_var(length);
	if (length > room)
		length = room;
	if (CAPTURE_READ(data->bytes, length, (const void *)payload->from)) {
		bpf_ringbuf_discard(data, BPF_RB_NO_WAKEUP);
		return payload_lost(state, CAPTURE_F_UNREADABLE, CAPTURE_LOSS_UNREADABLE);
	}
	bpf_ringbuf_submit(data, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Records are reserved in sizes of a few classes: the verifier wants constants. */
__noinline int payload_chunk(struct call_state *state, const struct payload *payload,
			     uint32_t length)
{
	if (!state || !payload)
		return -1;
	if (length <= 256)
		return payload_send(state, payload, length, 256);
	if (length <= 4096)
		return payload_send(state, payload, length, 4096);
	if (length <= 16384)
		return payload_send(state, payload, length, 16384);
	return payload_send(state, payload, length, CAPTURE_CHUNK_MAX);
}

#ifndef CAPTURE_PAGE
#define CAPTURE_PAGE(payload, page) (page)
#endif

/*
 * A page list's next piece: to the end of its page. The first address has the
 * offset in its page, the others are page-aligned.
 */
static __always_inline uint32_t payload_next_page(struct payload *payload)
{
	uint64_t page = 0;

	if (CAPTURE_READ(&page, sizeof(page), (const void *)payload->pages))
		return 0;
	payload->pages += sizeof(page);
	page = CAPTURE_PAGE(payload, page);
	payload->from = page;
	return 4096 - (page & 4095);
}

struct payload_loop {
	struct call_state *state;
	struct payload *payload;
};

/* bpf_loop() callback: 1 ends the loop. */
static long payload_step(uint32_t i, struct payload_loop *loop)
{
	struct payload *payload = loop->payload;
	uint32_t rest = payload->end - payload->offset, length = CAPTURE_CHUNK_MAX;

	(void)i;
	if (!rest)
		return 1;
	if (payload->pages)
		length = payload_next_page(payload);
	if (!length) {
		payload_lost(loop->state, CAPTURE_F_UNREADABLE, CAPTURE_LOSS_UNREADABLE);
		return 1;
	}
	if (length > rest)
		length = rest;
	if (payload_chunk(loop->state, payload, length))
		return 1;
	payload->offset += length;
	payload->from += length;
	return 0;
}

/*
 * Sends what has to be captured of one parameter. from: its memory, or for
 * page lists pages: the array of their addresses (from is then ignored).
 */
__noinline int payload_capture(struct call_state *state, uint32_t parm, bool out, uint64_t from,
			       uint64_t pages)
{
	struct payload payload = {.from = from, .pages = pages, .parm = parm, .out = out};
	struct payload_loop loop = {state, &payload};

	if (!state || !opt_payload)
		return 0;
	payload.total = payload_size(state, parm, out);
	payload.end = payload_cut(state, parm, payload.total);
	if (!payload.end)
		return 0;
	if (!pages && payload.end <= CAPTURE_CHUNK_MAX)
		return payload_chunk(state, &payload, payload.end);
	bpf_loop(payload.end / (pages ? 1024 : CAPTURE_CHUNK_MAX) + 2, payload_step, &loop, 0);
	return 0;
}

/* Writes the calls that threads are in as records. */
SEC("iter/task")
int snapshot(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct call_state *state;

	if (!task)
		return 0;
	state = bpf_task_storage_get(&states, (void *)task, NULL, 0);
	if (state && state->in_call)
		bpf_seq_write(ctx->meta->seq, &state->list.rec, sizeof(state->list.rec));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

#endif
