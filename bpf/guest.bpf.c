// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guest side: one kprobe and one kretprobe program for all hops of a profile;
 * the cookie of a probe is the hop's id.
 *
 * A call is one crossing of vbg_hgcm_call by a thread. It is emitted when the
 * outermost hop is left or when the next call of the same op begins, so that
 * the hops around it are among its spans. An outermost hop that is an OP is
 * emitted itself when it is left, whether it made calls or not.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "vmmdev.h"

struct side_state {
	unsigned long long parms; /* addresses of the call's parameters and status */
	unsigned long long status;
	unsigned long long request; /* address of what is sent to the device */
	unsigned long long op; /* id of the op; 0: none */
	unsigned long long op_enter_ns;
	unsigned int n_calls; /* of the op so far */
	unsigned int mark; /* how many spans there were when the call ended */
};

#define CAPTURE_READ(to, size, from) bpf_probe_read_kernel(to, size, from)

#include "common.bpf.h"

/* Contents of files and listings too; names and attributes are always sent. */
const volatile uint32_t opt_bulk;

enum hop_kind { CALL = 1, COMPLETE, CONNECT, DISCONNECT, HOST_CALL, INNER, OP };

#define HOPS_MAX 512

/* clang-format off */
static const uint8_t hop_kinds[HOPS_MAX] = {
#define HOP(id, profile, name, kind) [id] = kind,
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

static __always_inline uint32_t hop_kind(uint32_t hop)
{
	return hop_kinds[hop & (HOPS_MAX - 1)];
}

/* Ops that the kernel calls within others; any other op is always outermost. */
static __always_inline bool op_nests(uint32_t hop)
{
	return hop == HOP_vboxsf_writepage || hop == HOP_vboxsf_read_folio ||
	       hop == HOP_vboxsf_dir_lookup || hop == HOP_vbg_hgcm_connect ||
	       hop == HOP_vbg_hgcm_disconnect;
}

/* Pointers into kernel memory; the others are recorded, but not followed. */
static __always_inline bool parm_is_pointer(uint32_t type)
{
	return type == VMMDevHGCMParmType_LinAddr_Locked ||
	       type == VMMDevHGCMParmType_LinAddr_Locked_In ||
	       type == VMMDevHGCMParmType_LinAddr_Locked_Out;
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

static __noinline int payloads_capture(struct call_state *state, bool out)
{
	if (!state)
		return 0;
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		const struct capture_call *call = &state->list.rec.call;

		if (parm_is_pointer(call->parms[i].type) && parm_wanted(call, i))
			payload_capture(state, i, out, call->parms[i].in, 0);
	}
	return 0;
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
		uint64_t value;

		if (i >= n)
			break;
		if (!out)
			parm->type = parms[i].type;
		if (parm->type == VMMDevHGCMParmType_32bit)
			value = parms[i].u.value32;
		else if (parm->type == VMMDevHGCMParmType_64bit)
			value = parms[i].u.value64;
		else if (!out)
			value = parms[i].u.Pointer.linearAddr;
		else
			continue;
		parm->out = value;
		if (out)
			continue;
		parm->in = value;
		if (parm->type > VMMDevHGCMParmType_64bit)
			parm->size = parms[i].u.Pointer.size;
	}
	return 0;
}

/* The outermost hop is over: what it holds is emitted. ts 0: its exit was not seen. */
static __noinline int op_finish(struct call_state *state, uint64_t ts, int64_t ret)
{
	struct capture_op op = {.h = {.kind = CAPTURE_OP, .size = sizeof(op)}};
	uint64_t pid_tgid = bpf_get_current_pid_tgid();

	if (!state)
		return 0;
	if (state->in_call)
		call_emit(state, state->list.rec.call.n_spans);
	if (state->side.op) {
		op.h.id = state->side.op;
		op.h.flags = ts ? CAPTURE_F_ENDED : CAPTURE_F_EXIT_LOST;
		op.enter_ns = state->side.op_enter_ns;
		op.exit_ns = ts;
		op.ret = ret;
		op.pid = pid_tgid >> 32;
		op.tid = (uint32_t)pid_tgid;
		bpf_get_current_comm(op.comm, sizeof(op.comm));
		op.hop = state->hop;
		op.n_calls = state->side.n_calls;
		ring_output(state, &op, sizeof(op));
	}
	state_close(state);
	return 0;
}

/* Hops that must have been left long ago: kretprobes can miss a return. */
static __always_inline void op_drop_stale(struct call_state *state, uint32_t hop, uint64_t sp)
{
	bool outermost = hop_kind(hop) == OP && !op_nests(hop);

	/* Nothing encloses an op of this kind: no stack pointer is above this one. */
	span_drop_stale(&state->list, hop, outermost ? ~0ull : sp);
	if (!state->list.n_frames)
		op_finish(state, 0, 0);
}

static __always_inline void op_open(struct call_state *state, uint32_t hop, uint64_t ts)
{
	state_open(state, hop);
	state->side.op = hop_kind(hop) == OP ? next_id() : 0;
	state->side.op_enter_ns = ts;
	state->side.n_calls = 0;
}

/* vbg_hgcm_call(device, requestor, client, fn, timeout, parms, n_parms, status) */
static __noinline int enter_call(struct call_state *state, struct pt_regs *ctx, uint64_t ts)
{
	struct capture_call *call;
	uint64_t stack[2] = {0, 0}; /* arguments 7 and 8 */

	if (!state || !ctx)
		return 0;
	if (state->in_call) {
		call_emit(state, state->side.mark);
		hops_carry(state, state->side.mark);
	}
	call = call_begin(state, CAPTURE_CALL);
	call->op = state->side.op;
	call->enter_ns = ts;
	call->client = PT_REGS_PARM3(ctx);
	call->fn = PT_REGS_PARM4(ctx);
	state->side.n_calls++;
	state->side.parms = ctx->r9;
	state->side.mark = CAPTURE_MAX_SPANS;
	if (CAPTURE_READ(stack, sizeof(stack), (void *)(PT_REGS_SP(ctx) + 8)))
		unreadable(state);
	state->side.status = stack[1];
	call->n_parms = (uint32_t)stack[0];
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

static __noinline int exit_call(struct call_state *state, uint64_t ts, int32_t error)
{
	struct capture_call *call;
	int32_t status = VERR_GENERAL_FAILURE;

	if (!state)
		return 0;
	call = &state->list.rec.call;
	if (error)
		status = status_from_errno(error);
	else if (CAPTURE_READ(&status, sizeof(status), (void *)state->side.status))
		unreadable(state);
	call->status = status;
	call->end_ns = ts;
	call->h.flags |= CAPTURE_F_ENDED;
	parms_read(state, true);
	payloads_capture(state, true);
	state->side.mark = call->n_spans;
	return 0;
}

/* vbg_req_perform(device, request): only requests of HGCM belong to a call. */
static __always_inline bool is_hgcm_request(struct pt_regs *ctx)
{
	const VMMDevRequestHeader *request = (void *)PT_REGS_PARM2(ctx);
	uint32_t type = 0;

	CAPTURE_READ(&type, sizeof(type), &request->requestType);
	return type >= VMMDevReq_HGCMConnect && type <= VMMDevReq_HGCMCancel2;
}

/*
 * Whether a hop may be entered without another around it. The driver sends
 * requests of its own; user space makes calls that no file system asked for.
 */
static __always_inline bool may_be_outermost(struct pt_regs *ctx, uint32_t hop)
{
	if (hop == HOP_vbg_req_perform)
		return false;
	if (hop == HOP_vbg_hgcm_call || hop == HOP_vbg_hgcm_connect ||
	    hop == HOP_vbg_hgcm_disconnect)
		return !(PT_REGS_PARM2(ctx) & VMMDEV_REQUESTOR_USERMODE);
	return true;
}

/* What a hop returned. Of a pointer only the error that it may stand for. */
static __always_inline int64_t hop_result(struct pt_regs *ctx, uint32_t hop)
{
	int64_t rc = PT_REGS_RC(ctx);

	if (hop == HOP_vboxsf_put_super)
		return 0;
	if (hop == HOP_vboxsf_dir_lookup || hop == HOP_vboxsf_get_link)
		return rc < 0 && rc >= -MAX_ERRNO ? rc : 0;
	return (int32_t)rc;
}

SEC("kprobe")
int hop_enter(struct pt_regs *ctx)
{
	uint64_t ts = bpf_ktime_get_ns(), sp = PT_REGS_SP(ctx);
	uint32_t hop = bpf_get_attach_cookie(ctx);
	bool outermost = may_be_outermost(ctx, hop);
	struct call_state *state = state_get(outermost);

	if (!state && outermost)
		count_loss(hop, CAPTURE_LOSS_STATE_FULL);
	if (!state || (hop == HOP_vbg_req_perform && !is_hgcm_request(ctx)))
		return 0;
	if (state->open)
		op_drop_stale(state, hop, sp);
	if (!state->open && !outermost)
		return 0;
	if (!state->open)
		op_open(state, hop, ts);
	if (hop == HOP_vbg_hgcm_do_call)
		state->side.request = PT_REGS_PARM2(ctx);
	if (hop != HOP_vbg_hgcm_call) {
		hop_push(state, hop, sp, ts);
		return 0;
	}
	enter_call(state, ctx, ts);
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
	if (hop == HOP_vbg_hgcm_call)
		exit_call(state, ts, ret);
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
