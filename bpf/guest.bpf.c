// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest side: one kprobe and one kretprobe program for all hops of a profile;
 * the cookie of a probe is the hop's id.
 *
 * A call is one crossing of vbg_hgcm_call, or of VbglHGCMCall, by a thread. It
 * is emitted when the outermost hop is left or when the next call of the same
 * op begins, so that the hops around it are among its spans. An outermost hop
 * that is an OP is emitted itself when it is left, whether it made calls or not.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "capture.h"
#include "vmmdev.h"

/* Records that are built in memory have room of their own behind them. */
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"

#define OP_NAMES_ROOM 1024
#define OP_NAMES_FULL 512 /* no further name is begun from here on */
#define OP_NAME_MAX 256
#define OP_DEPTH_MAX 24

struct op_record {
	struct capture_op op;
	char names[OP_NAMES_ROOM];
};
_Static_assert(OP_NAMES_ROOM <= CAPTURE_OP_NAMES_MAX, "fits in a record");
_Static_assert(OP_NAMES_FULL + OP_NAME_MAX + 8 <= OP_NAMES_ROOM, "the last name has room");

struct dentry;

struct side_state {
	unsigned long long parms; /* addresses of the call's parameters and status, */
	unsigned long long status;
	unsigned long long block; /* and of what its page lists' offsets count from; 0: none */
	unsigned long long request; /* address of what is sent to the device */
	struct dentry *dentry; /* what the op is about; NULL: not known */
	unsigned long long op; /* id of the op; 0: none */
	unsigned long long op_enter_ns;
	unsigned int n_calls; /* of the op so far */
	unsigned int mark; /* how many spans there were when the call ended */
	struct op_record record; /* scratch of op_finish() */
	struct capture_call event; /* a client that comes or goes, */
	unsigned long long client; /* where its number will be; 0: it is known */
	unsigned long long outcome; /* where the status will be */
};

#define CAPTURE_READ(to, size, from) bpf_probe_read_kernel(to, size, from)

/* Page lists hold physical addresses, and the first page's offset apart: see payload_list(). */
#define CAPTURE_PAGE(payload, page) \
	(page_base() + (page) + ((payload)->offset ? 0 : (payload)->from))

static unsigned long long page_base(void);

#include "common.bpf.h"
#include "object.bpf.h"

/*
 * The guest is recorded alone: contents of files and listings too, while names
 * and attributes are always sent, and clients that come and go.
 */
const volatile uint32_t opt_bulk;

enum hop_kind { CALL = 1, COMPLETE, CONNECT, DISCONNECT, HOST_CALL, INNER, OP };

#define HOPS_MAX 512

#define OP_NESTS 1
#define OP_SHARED 2
#define OP_VOID 4
#define OP_POINTER 8

struct op_rule {
	uint8_t object;
	uint8_t traits;
};

/* clang-format off */
static const uint8_t hop_kinds[HOPS_MAX] = {
#define HOP(id, profile, name, kind) [id] = kind,
#include "hops.def"
};

static const struct op_rule op_rules[HOPS_MAX] = {
#define HOP(id, profile, name, kind)
#define OP(id, profile, name, object, traits) [id] = {object, traits},
#include "hops.def"
};

enum hop_id {
#define HOP(id, profile, name, kind) HOP_##name = id,
#include "hops.def"
};
/* clang-format on */

/* errno, as vbg_hgcm_call returns it when there was no answer from the host. */
#define ERRNO_INTR 4
#define ERRNO_NOMEM 12
#define ERRNO_INVAL 22
#define ERRNO_TIMEDOUT 110
#define MAX_ERRNO 4095 /* of a pointer that is none */

/* What a driver hands to VbglHGCMCall; parameters follow, and behind them page lists. */
struct call_block {
	int32_t result;
	uint32_t client;
	uint32_t fn;
	uint32_t n_parms;
	HGCMFunctionParameter64 parms[];
};

/* Where the kernel keeps the start of its map of all memory; 0: the map does not move. */
const volatile uint64_t opt_page_base;
#define PAGE_OFFSET_BASE 0xffff888000000000ull

static __always_inline unsigned long long page_base(void)
{
	unsigned long long base = PAGE_OFFSET_BASE;

	if (opt_page_base)
		CAPTURE_READ(&base, sizeof(base), (void *)opt_page_base);
	return base;
}

static __always_inline uint32_t hop_kind(uint32_t hop)
{
	return hop_kinds[hop & (HOPS_MAX - 1)];
}

static __always_inline struct op_rule op_rule(uint32_t hop)
{
	return op_rules[hop & (HOPS_MAX - 1)];
}

/* Pointers into kernel memory: calls of programs are not recorded. */
static __always_inline bool parm_is_pointer(uint32_t type)
{
	return type >= VMMDevHGCMParmType_LinAddr && type <= VMMDevHGCMParmType_LinAddr_Locked_Out;
}

static __always_inline bool parm_is_page_list(uint32_t type)
{
	return type == VMMDevHGCMParmType_PageList || type == VMMDevHGCMParmType_NoBouncePageList;
}

/* What is worth sending although the host has it too: matching and printing need it. */
static __always_inline bool parm_wanted(const struct capture_call *call, uint32_t parm)
{
	if (opt_bulk)
		return true;
	switch (parm_rule(CAPTURE_CALL, call->fn, parm).role) {
	case SHFL_ROLE_PATH:
	case SHFL_ROLE_PATTERN:
	case SHFL_ROLE_NAME:
	case SHFL_ROLE_TARGET:
	case SHFL_ROLE_CREATE_PARMS:
	case SHFL_ROLE_OBJ_INFO:
		return true;
	}
	return false;
}

static __always_inline void unreadable(struct call_state *state)
{
	state->list.rec.call.h.flags |= CAPTURE_F_UNREADABLE;
	count_loss(state->hop, CAPTURE_LOSS_UNREADABLE);
}

/* What the pages of a list hold. */
static __always_inline void payload_list(struct call_state *state, uint32_t parm, bool out)
{
	const HGCMPageListInfo *list = (void *)state->list.rec.call.parms[parm].in;
	uint16_t first = 0;

	if (CAPTURE_READ(&first, sizeof(first), &list->offFirstPage))
		unreadable(state);
	else
		payload_capture(state, parm, out, first, (uint64_t)list->aPages);
}

static __noinline int payloads_capture(struct call_state *state, bool out)
{
	if (!state)
		return 0;
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		const struct capture_call *call = &state->list.rec.call;
		uint32_t type = call->parms[i].type;

		if (!parm_wanted(call, i))
			continue;
		if (parm_is_pointer(type))
			payload_capture(state, i, out, call->parms[i].in, 0);
		else if (parm_is_page_list(type))
			payload_list(state, i, out);
	}
	return 0;
}

/* A parameter's value; of memory: its address. */
static __always_inline uint64_t parm_value(const struct call_state *state,
					   const HGCMFunctionParameter64 *parm)
{
	if (parm->type == VMMDevHGCMParmType_32bit)
		return parm->u.value32;
	if (parm->type == VMMDevHGCMParmType_64bit)
		return parm->u.value64;
	if (parm_is_page_list(parm->type))
		return state->side.block + parm->u.PageList.offset;
	return parm->u.Pointer.linearAddr;
}

/* Reads the call's parameters: at its entry all of them, at its end what integers became. */
static __noinline int parms_read(struct call_state *state, bool out)
{
	HGCMFunctionParameter64 parms[SHFL_MAX_PARMS];
	struct capture_call *call;
	uint32_t n;

	if (!state)
		return 0;
	call = &state->list.rec.call;
	n = call->n_parms;
	barrier_var(n);
	if (n > SHFL_MAX_PARMS)
		n = SHFL_MAX_PARMS;
	if (n && CAPTURE_READ(parms, n * sizeof(parms[0]), (void *)state->side.parms)) {
		unreadable(state);
		return 0;
	}
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		struct capture_parm *parm = &call->parms[i];
		bool memory = parms[i].type > VMMDevHGCMParmType_64bit;

		if (i >= n)
			break;
		if (!out) {
			parm->type = parms[i].type;
			parm->in = parm_value(state, &parms[i]);
			if (memory)
				parm->size = parms[i].u.Pointer.size;
		}
		if (!out || !memory)
			parm->out = parm_value(state, &parms[i]);
	}
	return 0;
}

/* The names from a file to its share's root: see capture_op. Gives the bytes that they take. */
static __noinline uint32_t names_read(struct op_record *record, struct dentry *dentry)
{
	uint32_t length = 0;

	if (!record)
		return 0;
	for (int i = 0; dentry && i < OP_DEPTH_MAX && length < OP_NAMES_FULL; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
		long n;

		if (parent == dentry) {
			length++;
			break;
		}
		barrier_var(length);
		n = bpf_probe_read_kernel_str(&record->names[length & (OP_NAMES_FULL - 1)],
					      OP_NAME_MAX, name);
		if (n <= 1)
			break;
		length += n;
		barrier_var(length);
		__builtin_memset(&record->names[length & (OP_NAMES_ROOM - 1)], 0, 8);
		dentry = parent;
	}
	return (length + 7) & ~7u;
}

static __always_inline void op_emit(struct call_state *state, uint64_t ts, int64_t ret)
{
	struct op_record *record = &state->side.record;
	uint64_t pid_tgid = bpf_get_current_pid_tgid();
	struct capture_op *op = &record->op;
	uint32_t names = 0;

	__builtin_memset(record->names, 0, 8);
	if (!state->side.n_calls)
		names = names_read(record, state->side.dentry);
	barrier_var(names);
	if (names > OP_NAMES_ROOM)
		names = 0;
	op->h.kind = CAPTURE_OP;
	op->h.flags = ts ? CAPTURE_F_ENDED : CAPTURE_F_EXIT_LOST;
	op->h.size = sizeof(*op) + names;
	op->h.id = state->side.op;
	op->enter_ns = state->side.op_enter_ns;
	op->exit_ns = ts;
	op->ret = ret;
	op->pid = pid_tgid >> 32;
	op->tid = (uint32_t)pid_tgid;
	bpf_get_current_comm(op->comm, sizeof(op->comm));
	op->hop = state->hop;
	op->n_calls = state->side.n_calls;
	ring_output(state, record, sizeof(*op) + names);
}

/* The outermost hop is over: what it holds is emitted. ts 0: its exit was not seen. */
static __noinline int op_finish(struct call_state *state, uint64_t ts, int64_t ret)
{
	if (!state)
		return 0;
	if (state->in_call)
		call_emit(state, state->list.rec.call.n_spans);
	if (state->side.op)
		op_emit(state, ts, ret);
	state_close(state);
	return 0;
}

/* Hops that must have been left long ago: kretprobes can miss a return. */
static __always_inline void op_drop_stale(struct call_state *state, uint32_t hop, uint64_t sp)
{
	bool outermost = hop_kind(hop) == OP && !(op_rule(hop).traits & OP_NESTS);

	/* Nothing encloses an op of this kind: no stack pointer is above this one. */
	span_drop_stale(&state->list, hop, outermost ? ~0ull : sp);
	if (!state->list.n_frames)
		op_finish(state, 0, 0);
}

static __always_inline void op_open(struct call_state *state, uint32_t hop, uint64_t ts,
				    const struct object *object)
{
	state_open(state, hop);
	state->side.dentry = object->dentry;
	state->side.op = hop_kind(hop) == OP ? next_id() : 0;
	state->side.op_enter_ns = ts;
	state->side.n_calls = 0;
}

/* vbg_hgcm_call(device, requestor, client, fn, timeout, parms, n_parms, status) */
static __always_inline void begin_mainline(struct call_state *state, struct pt_regs *ctx)
{
	struct capture_call *call = &state->list.rec.call;
	uint64_t stack[2] = {0, 0}; /* arguments 7 and 8 */

	if (CAPTURE_READ(stack, sizeof(stack), (void *)(PT_REGS_SP(ctx) + 8)))
		unreadable(state);
	call->client = PT_REGS_PARM3(ctx);
	call->fn = PT_REGS_PARM4(ctx);
	call->n_parms = (uint32_t)stack[0];
	state->side.parms = ctx->r9;
	state->side.status = stack[1];
	state->side.block = 0;
}

/* VbglHGCMCall(handle, block, size) */
static __always_inline void begin_classic(struct call_state *state, struct pt_regs *ctx)
{
	struct capture_call *call = &state->list.rec.call;
	const struct call_block *block = (void *)PT_REGS_PARM2(ctx);
	struct call_block copy = {0};

	if (CAPTURE_READ(&copy, sizeof(copy), block))
		unreadable(state);
	call->client = copy.client;
	call->fn = copy.fn;
	call->n_parms = copy.n_parms;
	state->side.parms = (uint64_t)block->parms;
	state->side.status = (uint64_t)&block->result;
	state->side.block = (uint64_t)block;
}

static __noinline int enter_call(struct call_state *state, struct pt_regs *ctx, uint32_t hop,
				 uint64_t ts)
{
	struct capture_call *call;

	if (!state || !ctx)
		return 0;
	if (state->in_call) {
		call_emit(state, state->side.mark);
		hops_carry(state, state->side.mark);
	}
	call = call_begin(state, CAPTURE_CALL);
	call->op = state->side.op;
	call->enter_ns = ts;
	state->side.n_calls++;
	state->side.mark = CAPTURE_MAX_SPANS;
	if (hop == HOP_vbg_hgcm_call)
		begin_mainline(state, ctx);
	else
		begin_classic(state, ctx);
	return 0;
}

static __always_inline int32_t status_from_errno(int32_t error)
{
	switch (-error) {
	case ERRNO_INTR:
		return VERR_INTERRUPTED;
	case ERRNO_NOMEM:
		return VERR_NO_MEMORY;
	case ERRNO_INVAL:
		return VERR_INVALID_PARAMETER;
	case ERRNO_TIMEDOUT:
		return VERR_TIMEOUT;
	}
	return VERR_GENERAL_FAILURE;
}

/* What the call function says of a call that did not reach the service; 0: it did. */
static __always_inline int32_t transport_status(uint32_t hop, int32_t ret)
{
	if (hop == HOP_vbg_hgcm_call)
		return ret ? status_from_errno(ret) : 0;
	return VBOX_FAILURE(ret) ? ret : 0;
}

static __noinline int exit_call(struct call_state *state, uint32_t hop, uint64_t ts, int32_t ret)
{
	int32_t status = transport_status(hop, ret);
	struct capture_call *call;

	if (!state)
		return 0;
	call = &state->list.rec.call;
	if (!status && CAPTURE_READ(&status, sizeof(status), (void *)state->side.status))
		unreadable(state);
	call->status = status;
	call->end_ns = ts;
	call->h.flags |= CAPTURE_F_ENDED;
	parms_read(state, true);
	payloads_capture(state, true);
	state->side.mark = call->n_spans;
	return 0;
}

static __always_inline struct capture_call *
event_begin(struct call_state *state, uint32_t kind, uint64_t ts, uint64_t client, uint64_t outcome)
{
	struct capture_call *event = &state->side.event;
	uint64_t pid_tgid = bpf_get_current_pid_tgid();

	__builtin_memset(event, 0, sizeof(*event));
	event->h.kind = kind;
	event->h.flags = CAPTURE_F_ENDED;
	event->h.size = sizeof(*event);
	event->h.id = next_id();
	event->op = state->side.op;
	event->enter_ns = ts;
	event->pid = pid_tgid >> 32;
	event->tid = (uint32_t)pid_tgid;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	state->side.client = client;
	state->side.outcome = outcome;
	return event;
}

static __always_inline void connect_begin(struct call_state *state, uint64_t ts, uint32_t requestor,
					  uint64_t client, uint64_t outcome)
{
	struct capture_call *event = event_begin(state, CAPTURE_CONNECT, ts, client, outcome);

	event->n_parms = 1;
	event->parms[0].type = VMMDevHGCMParmType_32bit;
	event->parms[0].in = requestor;
	event->parms[0].out = requestor;
}

static __always_inline void disconnect_begin(struct call_state *state, uint64_t ts, uint32_t client,
					     uint64_t outcome)
{
	event_begin(state, CAPTURE_DISCONNECT, ts, 0, outcome)->client = client;
}

/* What VbglR0HGCMInternalConnect takes. */
struct connect_block {
	int32_t result;
	uint32_t location_type;
	char service[VMMDEV_HGCM_SERVICE_NAME_SIZE];
	uint32_t client;
};

/*
 * vbg_hgcm_connect(device, requestor, location, client, status)
 * vbg_hgcm_disconnect(device, requestor, client, status)
 * VbglR0HGCMInternalConnect(block, requestor)
 * VbglR0HGCMInternalDisconnect(client, requestor, status)
 */
static __noinline int enter_connection(struct call_state *state, struct pt_regs *ctx, uint32_t hop,
				       uint64_t ts)
{
	const struct connect_block *block = (void *)PT_REGS_PARM1(ctx);
	uint64_t third = PT_REGS_PARM3(ctx);

	if (!state)
		return 0;
	switch (hop) {
	case HOP_vbg_hgcm_connect:
		connect_begin(state, ts, PT_REGS_PARM2(ctx), PT_REGS_PARM4(ctx),
			      PT_REGS_PARM5(ctx));
		break;
	case HOP_vbg_hgcm_disconnect:
		disconnect_begin(state, ts, third, PT_REGS_PARM4(ctx));
		break;
	case HOP_VbglR0HGCMInternalConnect:
		connect_begin(state, ts, PT_REGS_PARM2(ctx), (uint64_t)&block->client,
			      (uint64_t)&block->result);
		break;
	case HOP_VbglR0HGCMInternalDisconnect:
		disconnect_begin(state, ts, PT_REGS_PARM1(ctx), third);
		break;
	}
	return 0;
}

static __always_inline bool is_connection(uint32_t hop)
{
	return hop == HOP_vbg_hgcm_connect || hop == HOP_vbg_hgcm_disconnect ||
	       hop == HOP_VbglR0HGCMInternalConnect || hop == HOP_VbglR0HGCMInternalDisconnect;
}

static __noinline int exit_connection(struct call_state *state, uint64_t ts, int32_t ret)
{
	struct capture_call *event;

	if (!state)
		return 0;
	event = &state->side.event;
	event->end_ns = ts;
	event->status = ret;
	if (!ret)
		CAPTURE_READ(&event->status, sizeof(event->status), (void *)state->side.outcome);
	if (state->side.client)
		CAPTURE_READ(&event->client, sizeof(event->client), (void *)state->side.client);
	ring_output(state, event, sizeof(*event));
	return 0;
}

/* Functions of the driver that are entered for other purposes as well. */
static __always_inline bool is_driver(uint32_t hop)
{
	switch (hop) {
	case HOP_vbg_req_perform:
	case HOP_vbglDriverIOCtl:
	case HOP_VBoxGuestIDCCall:
	case HOP_VBoxGuestCommonIOCtl:
	case HOP_VBoxGuestCommonIOCtl_HGCMCall:
	case HOP_VbglR0HGCMInternalCall:
	case HOP_VbglR0HGCMInternalConnect:
	case HOP_VbglR0HGCMInternalDisconnect:
	case HOP_VbglGRPerform:
		return true;
	}
	return false;
}

/* vbg_req_perform(device, request), VbglGRPerform(request): only HGCM's belong to a call. */
static __always_inline bool is_other_request(struct pt_regs *ctx, uint32_t hop)
{
	const VMMDevRequestHeader *request = (void *)PT_REGS_PARM1(ctx);
	uint32_t type = 0;

	if (hop != HOP_vbg_req_perform && hop != HOP_VbglGRPerform)
		return false;
	if (hop == HOP_vbg_req_perform)
		request = (void *)PT_REGS_PARM2(ctx);
	CAPTURE_READ(&type, sizeof(type), &request->requestType);
	return type < VMMDevReq_HGCMConnect || type > VMMDevReq_HGCMCancel2;
}

/*
 * Whether a hop may be entered without another around it. The driver sends
 * requests of its own; user space makes calls that no file system asked for.
 */
static __always_inline bool may_be_outermost(struct pt_regs *ctx, uint32_t hop)
{
	if (hop == HOP_vbg_hgcm_call || hop == HOP_vbg_hgcm_connect ||
	    hop == HOP_vbg_hgcm_disconnect)
		return !(PT_REGS_PARM2(ctx) & VMMDEV_REQUESTOR_USERMODE);
	return !is_driver(hop);
}

/* What a hop returned. Of a pointer only the error that it may stand for. */
static __always_inline int64_t hop_result(struct pt_regs *ctx, uint32_t hop)
{
	uint32_t traits = op_rule(hop).traits;
	int64_t rc = PT_REGS_RC(ctx);

	if (traits & OP_VOID)
		return 0;
	if (traits & OP_POINTER)
		return rc < 0 && rc >= -MAX_ERRNO ? rc : 0;
	return (int32_t)rc;
}

/* Whether an op is about a shared folder. What it is about is found out for every op. */
static __always_inline bool op_counts(struct pt_regs *ctx, uint32_t hop, struct object *object)
{
	struct op_rule rule = op_rule(hop);

	object_find(ctx, rule.object, object);
	return !(rule.traits & OP_SHARED) || object_is_shared(object);
}

SEC("kprobe")
int hop_enter(struct pt_regs *ctx)
{
	uint64_t ts = bpf_ktime_get_ns(), sp = PT_REGS_SP(ctx);
	uint32_t hop = bpf_get_attach_cookie(ctx);
	bool outermost = may_be_outermost(ctx, hop);
	struct object object = {0};
	struct call_state *state;

	if (hop_kind(hop) == OP && !op_counts(ctx, hop, &object))
		return 0;
	state = state_get(outermost);
	if (!state && outermost)
		count_loss(hop, CAPTURE_LOSS_STATE_FULL);
	if (!state || is_other_request(ctx, hop))
		return 0;
	if (state->open)
		op_drop_stale(state, hop, sp);
	if (!state->open && !outermost)
		return 0;
	if (!state->open)
		op_open(state, hop, ts, &object);
	if (hop == HOP_vbg_hgcm_do_call)
		state->side.request = PT_REGS_PARM2(ctx);
	if (opt_bulk && is_connection(hop))
		enter_connection(state, ctx, hop, ts);
	if (hop_kind(hop) != CALL) {
		hop_push(state, hop, sp, ts);
		return 0;
	}
	enter_call(state, ctx, hop, ts);
	hop_push(state, hop, sp, ts);
	parms_read(state, false);
	payloads_capture(state, false);
	return 0;
}

/* A return has popped the return address already: 8 bytes further up. */
SEC("kretprobe")
int hop_exit(struct pt_regs *ctx)
{
	uint64_t ts = bpf_ktime_get_ns(), sp = PT_REGS_SP(ctx) - 8;
	uint32_t hop = bpf_get_attach_cookie(ctx);
	struct call_state *state = state_get(false);
	int64_t ret = hop_result(ctx, hop);
	int left;

	if (!state || !state->open)
		return 0;
	left = hop_pop(state, hop, sp, ts, ret);
	if (left < 0)
		return 0;
	if (hop_kind(hop) == CALL)
		exit_call(state, hop, ts, ret);
	if (opt_bulk && is_connection(hop))
		exit_connection(state, ts, ret);
	if (!left)
		op_finish(state, ts, ret);
	return 0;
}

/*
 * A hop that the compiler inlined: vbg_req_perform in vbg_hgcm_do_call. These
 * are at its only instruction that counts, the port write, and right behind.
 */
SEC("kprobe")
int inlined_enter(struct pt_regs *ctx)
{
	struct call_state *state = state_get(false);

	if (state && state->open)
		hop_push(state, bpf_get_attach_cookie(ctx), PT_REGS_SP(ctx), bpf_ktime_get_ns());
	return 0;
}

SEC("kprobe")
int inlined_exit(struct pt_regs *ctx)
{
	uint64_t ts = bpf_ktime_get_ns();
	struct call_state *state = state_get(false);
	const VMMDevRequestHeader *request;
	int32_t rc = 0;

	if (!state || !state->open)
		return 0;
	request = (void *)state->side.request;
	CAPTURE_READ(&rc, sizeof(rc), &request->rc);
	hop_pop(state, bpf_get_attach_cookie(ctx), PT_REGS_SP(ctx), ts, rc);
	return 0;
}

/* A function's instructions: user space looks for such a place in them. */
uint8_t code[512];

SEC("syscall")
int read_code(const uint64_t *address)
{
	return CAPTURE_READ(code, sizeof(code), (void *)*address);
}
