// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host side: uprobes on the service. Each program serves many functions: the
 * cookie of the probe is the hop's id.
 *
 * A call begins at the entry of svcCall and ends at the entry of svcComplete
 * with its handle: there outputs and status are read, afterwards the host may
 * free the parameters. It is emitted when svcCall returns. If it has not ended
 * by then it is parked under its handle, and emitted after its completion.
 * A completion by another thread before svcCall returned waits in "early".
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "hgcm_svc.h"

const volatile unsigned int opt_sleepable; /* loaded so that memory may be paged in */

static long read_user(void *to, unsigned int size, const void *from);
#define CAPTURE_READ(to, size, from) read_user(to, size, from)

#define STRING_ROOM 1024 /* a power of two, with room for STRING_READ */
#define STRING_READ                                                                  \
	516 /* of a string that is compared: its header, and a pattern of any length \
	     */

struct side_state {
	unsigned long long parms_address;
	unsigned int n_parms; /* of the call's parms: those that were read */
	unsigned int completing_tgid; /* the key of a parked call that this thread is completing */
	unsigned long long completing; /* 0: none */
	unsigned int filter; /* enum filter */
	unsigned int dropped; /* the call dropped_handle is being made, and not recorded */
	unsigned long long dropped_handle;
	unsigned int silent; /* the call is followed, and not recorded */
	unsigned int share_matched, path_matched; /* by its parameters: see filter.bpf.h */
	unsigned char string[STRING_ROOM]; /* that was read last */
};

#include "common.bpf.h"

const volatile uint32_t opt_pid; /* only this process; 0: any */
const volatile uint32_t opt_ancestor; /* only descendants of this process; 0: any */
const volatile uint32_t opt_own_pid; /* never this process */

#define PARKED_MAX 256
#define ANCESTORS_MAX 32 /* how far up opt_ancestor is looked for */
#define SYSCALL_URETPROBE 335
#define SYSCALL_UPROBE 336
#define SYSCALL_MASK 0xfff

/* Linux 6.13; only in programs of sessions. */
extern bool bpf_session_is_return(void) __ksym __weak;

enum filter { FILTER_UNKNOWN, FILTER_YES, FILTER_NO };

struct call_key {
	uint64_t call_handle;
	uint64_t tgid;
};

/* Calls that svcCall left without an end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PARKED_MAX);
	__type(key, struct call_key);
	__type(value, struct call_state);
} parked SEC(".maps");

struct early_end {
	uint64_t end_ns;
	int32_t status;
	uint32_t pad;
};

/* Completions from other threads while svcCall was still running. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PARKED_MAX);
	__type(key, struct call_key);
	__type(value, struct early_end);
} early SEC(".maps");

enum hop_kind { CALL = 1, COMPLETE, CONNECT, DISCONNECT, HOST_CALL, INNER, OP };

#define HOPS_MAX 512
#define HOST_HOP_COMPLETE 2
#define HOST_HOP_HANDLERS 10 /* vbsf*: what svcCall hands a call to, up to */
#define HOST_HOP_RUNTIME 60

/* clang-format off */
static const uint8_t hop_kinds[HOPS_MAX] = {
#define HOP(id, profile, name, kind) [id] = kind,
#include "hops.def"
};
/* clang-format on */

/* Nearly always the memory is there: then not sleeping is cheaper. */
static __noinline long read_user(void *to, unsigned int size, const void *from)
{
	long err = bpf_probe_read_user(to, size, from);

	if (err && opt_sleepable)
		err = bpf_copy_from_user(to, size, from);
	return err;
}

#include "filter.bpf.h"

/* Whether a thread of the current process is to be recorded. */
static __always_inline bool filter_passes(void)
{
	uint32_t tgid = bpf_get_current_pid_tgid() >> 32;
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	if (tgid == opt_own_pid || (opt_pid && tgid != opt_pid))
		return false;
	if (!opt_ancestor)
		return true;
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		task = BPF_CORE_READ(task, real_parent);
		if (!task)
			break;
		tgid = BPF_CORE_READ(task, tgid);
		if (tgid == opt_ancestor)
			return true;
		if (tgid <= 1)
			break;
	}
	return false;
}

/* The state of a thread that is recorded; NULL: it is not, or there is no memory. */
static __always_inline struct call_state *host_state(uint32_t hop)
{
	struct call_state *state = state_get(true);

	if (!state) {
		if (filter_passes())
			count_loss(hop, CAPTURE_LOSS_STATE_FULL);
		return NULL;
	}
	if (state->side.filter == FILTER_UNKNOWN)
		state->side.filter = filter_passes() ? FILTER_YES : FILTER_NO;
	return state->side.filter == FILTER_YES ? state : NULL;
}

/* One of the service's parameters, as the record has it. */
static __always_inline void parm_take(struct capture_parm *parm, const VBOXHGCMSVCPARM *from)
{
	parm->type = from->type;
	switch (from->type) {
	case VBOX_HGCM_SVC_PARM_32BIT:
		parm->in = parm->out = from->u.uint32;
		break;
	case VBOX_HGCM_SVC_PARM_64BIT:
		parm->in = parm->out = from->u.uint64;
		break;
	case VBOX_HGCM_SVC_PARM_PTR:
	case VBOX_HGCM_SVC_PARM_PAGES:
		parm->size = from->u.pointer.size;
		parm->in = (uint64_t)from->u.pointer.addr;
		break;
	}
}

static __always_inline bool payload_is_wanted(const struct capture_call *call, uint32_t parm,
					      bool out)
{
	uint32_t type = call->parms[parm].type;

	if (type != VBOX_HGCM_SVC_PARM_PTR && type != VBOX_HGCM_SVC_PARM_PAGES)
		return false;
	return parm_rule(call->h.kind, call->fn, parm).direction &
	       (out ? SHFL_DIR_OUT : SHFL_DIR_IN);
}

/* Whether there was any. */
static __always_inline bool payloads_capture(struct call_state *state, bool out)
{
	const struct capture_call *call = &state->list.rec.call;
	bool any = false;

	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		uint64_t address = call->parms[i].in;

		if (i >= state->side.n_parms)
			break;
		if (!payload_is_wanted(call, i, out))
			continue;
		any = true;
		if (call->parms[i].type == VBOX_HGCM_SVC_PARM_PTR)
			payload_capture(state, i, out, address, 0);
		else
			payload_capture(state, i, out, 0, address);
	}
	return any;
}

static __always_inline void unreadable(struct call_state *state)
{
	state->list.rec.call.h.flags |= CAPTURE_F_UNREADABLE;
	count_loss(state->hop, CAPTURE_LOSS_UNREADABLE);
}

/* Reads what goes into the call. n_parms is the caller's word, not to be trusted. */
__noinline int inputs_read(struct call_state *state, uint64_t address, uint32_t n_parms)
{
	VBOXHGCMSVCPARM parms[SHFL_MAX_PARMS];
	uint32_t n = n_parms;

	if (!state)
		return 0;
	state->list.rec.call.n_parms = n_parms;
	state->side.parms_address = address;
	barrier_var(n);
	if (n > SHFL_MAX_PARMS)
		n = SHFL_MAX_PARMS;
	if (!n)
		return 0;
	if (read_user(parms, n * sizeof(VBOXHGCMSVCPARM), (void *)address)) {
		unreadable(state);
		return 0;
	}
	state->side.n_parms = n;
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		if (i >= n)
			break;
		parm_take(&state->list.rec.call.parms[i], &parms[i]);
	}
	return 0;
}

/* Reads what came out of it; pointers are those that went in. Whether there is payload. */
__noinline int outputs_read(struct call_state *state)
{
	VBOXHGCMSVCPARM parms[SHFL_MAX_PARMS];
	uint32_t n;

	if (!state)
		return 0;
	n = state->side.n_parms;
	barrier_var(n);
	if (n > SHFL_MAX_PARMS)
		n = SHFL_MAX_PARMS;
	if (!n)
		return 0;
	if (read_user(parms, n * sizeof(VBOXHGCMSVCPARM), (void *)state->side.parms_address)) {
		unreadable(state);
		return 0;
	}
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		struct capture_parm *parm = &state->list.rec.call.parms[i];

		if (i >= n)
			break;
		if (parm->type == VBOX_HGCM_SVC_PARM_32BIT)
			parm->out = parms[i].u.uint32;
		else if (parm->type == VBOX_HGCM_SVC_PARM_64BIT)
			parm->out = parms[i].u.uint64;
	}
	if (opt_has_share || opt_has_path)
		call_learn(state);
	return !state->side.silent && payloads_capture(state, true);
}

static __always_inline void call_end(struct call_state *state, int32_t status, uint64_t ts)
{
	struct capture_call *call = &state->list.rec.call;

	call->h.flags |= CAPTURE_F_ENDED;
	call->status = status;
	call->end_ns = ts;
	if (call->tid != (uint32_t)bpf_get_current_pid_tgid())
		call->h.flags |= CAPTURE_F_OTHER_THREAD;
}

/* What is known only when a call has ended. One that hangs is always of interest. */
static __always_inline bool call_is_kept(const struct capture_call *call)
{
	if (call->h.kind != CAPTURE_CALL || !(call->h.flags & CAPTURE_F_ENDED) ||
	    call_explains(call->fn))
		return true;
	if (opt_failed && !VBOX_FAILURE(call->status))
		return false;
	return call->end_ns - call->enter_ns >= opt_slower_ns;
}

static __always_inline void call_send(struct call_state *state)
{
	if (!state->side.silent && call_is_kept(&state->list.rec.call))
		call_emit(state, state->list.rec.call.n_spans);
	else
		state->in_call = 0;
}

static __always_inline struct call_key call_key(const struct call_state *state)
{
	struct call_key key = {state->list.rec.call.call_handle, state->list.rec.call.pid};

	return key;
}

/* An early completion of this very call ends it. Its outputs were not read. */
static __always_inline bool early_take(struct call_state *state, struct call_key *key)
{
	struct early_end *end = bpf_map_lookup_elem(&early, key), copy;

	if (!end || end->end_ns < state->list.rec.call.enter_ns)
		return false;
	copy = *end;
	if (bpf_map_delete_elem(&early, key))
		return false;
	state->list.rec.call.h.flags |= CAPTURE_F_OTHER_THREAD;
	unreadable(state);
	state->list.rec.call.h.flags |= CAPTURE_F_ENDED;
	state->list.rec.call.status = copy.status;
	state->list.rec.call.end_ns = copy.end_ns;
	return true;
}

/*
 * svcCall returned and nobody completed the call. The order matters: first
 * parked, then looked for an early completion, as early_add() does it in the
 * other order; one of the two sees the other, and only one can delete. The
 * state is looked up: Linux 6.1 takes for a map only what a map or the stack
 * holds, and refuses a global function's parameter.
 */
__noinline int call_park(void)
{
	struct call_state *state = state_get(false);
	struct call_key key;

	if (!state)
		return 0;
	key = call_key(state);
	if (bpf_map_update_elem(&parked, &key, state, BPF_ANY)) {
		count_loss(state->hop, CAPTURE_LOSS_STATE_FULL);
		call_send(state);
		return 0;
	}
	if (early_take(state, &key)) {
		bpf_map_delete_elem(&parked, &key);
		call_send(state);
	}
	return 0;
}

__noinline int early_add(uint64_t call_handle, uint64_t tgid, int32_t status, uint64_t ts)
{
	struct early_end end = {.end_ns = ts, .status = status};
	struct call_key key = {call_handle, tgid};
	struct call_state *state;

	bpf_map_update_elem(&early, &key, &end, BPF_ANY);
	state = bpf_map_lookup_elem(&parked, &key);
	if (state && early_take(state, &key)) {
		call_send(state);
		bpf_map_delete_elem(&parked, &key);
	}
	return 0;
}

/* The outermost hop is over, or its return was not seen. */
__noinline int call_finish(struct call_state *state)
{
	if (!state)
		return 0;
	if (state->in_call && (state->list.rec.call.h.flags & CAPTURE_F_ENDED))
		call_send(state);
	else if (state->in_call && state->list.rec.call.h.kind == CAPTURE_CALL)
		call_park();
	else if (state->in_call)
		call_send(state);
	state_close(state);
	return 0;
}

/* svcComplete returned: the parked call that it ended goes out. */
__noinline int parked_finish(struct call_state *state, uint64_t sp, uint64_t ts, int64_t ret)
{
	struct call_key key;
	struct call_state *other;

	if (!state)
		return 0;
	key.call_handle = state->side.completing;
	key.tgid = state->side.completing_tgid;
	state->side.completing = 0;
	other = bpf_map_lookup_elem(&parked, &key);
	if (!other)
		return 0;
	if (sp)
		hop_pop(other, HOST_HOP_COMPLETE, sp, ts, ret);
	call_send(other);
	bpf_map_delete_elem(&parked, &key);
	return 0;
}

/* What was left open, as its return was not seen, is closed. */
static __always_inline void host_close_left(struct call_state *state)
{
	if (state->side.completing)
		parked_finish(state, 0, 0, 0);
	if (!state->open)
		return;
	count_loss(state->hop, CAPTURE_LOSS_EXIT_MISSED);
	state->list.rec.call.h.flags |= CAPTURE_F_EXIT_LOST;
	call_finish(state);
}

/* Opens the state for a call or a control event. */
static __always_inline struct capture_call *host_begin(struct call_state *state, uint32_t hop,
						       uint32_t kind)
{
	host_close_left(state);
	state->side.dropped = 0;
	state_open(state, hop);
	state->side.n_parms = 0;
	state->side.silent = 0;
	return call_begin(state, kind);
}

/* The service's code begins after our own work: that is not part of the span. */
static __always_inline void host_enter(struct call_state *state, uint32_t hop, uint64_t sp)
{
	uint64_t ts = bpf_ktime_get_ns();

	state->list.rec.call.enter_ns = ts;
	hop_push(state, hop, sp, ts);
}

/* A call that is not to be recorded: its completion is not looked for either. */
static __always_inline void call_drop(struct call_state *state, uint64_t handle)
{
	state_close(state);
	state->side.dropped = 1;
	state->side.dropped_handle = handle;
}

/* svcCall(service, call handle, client, client data, fn, n_parms, parms, ticks) */
static __always_inline bool enter_call(struct call_state *state, struct pt_regs *ctx, uint32_t hop)
{
	struct capture_call *call = host_begin(state, hop, CAPTURE_CALL);
	uint64_t sp = PT_REGS_SP(ctx), parms = 0;

	call->call_handle = PT_REGS_PARM2(ctx);
	call->client = PT_REGS_PARM3(ctx);
	call->fn = PT_REGS_PARM5(ctx);
	state->side.silent = !call_passes(call->fn);
	if (read_user(&parms, sizeof(parms), (void *)(sp + 8)))
		unreadable(state);
	else
		inputs_read(state, parms, (uint32_t)ctx->r9);
	if (!objects_pass(state)) {
		call_drop(state, call->call_handle);
		return false;
	}
	if (!state->side.silent)
		payloads_capture(state, false);
	host_enter(state, hop, sp);
	return true;
}

/*
 * svcComplete(call handle, status). Whether its return is of interest: within
 * its own svcCall, which does nothing after it, it ends with that.
 */
static __always_inline bool enter_complete(struct call_state *state, struct pt_regs *ctx,
					   uint32_t hop)
{
	uint64_t handle = PT_REGS_PARM1(ctx), sp = PT_REGS_SP(ctx), ts = bpf_ktime_get_ns();
	int32_t status = PT_REGS_PARM2(ctx);
	uint32_t tgid = bpf_get_current_pid_tgid() >> 32;
	struct call_key key = {handle, tgid};
	struct call_state *other;

	if (state->side.completing)
		parked_finish(state, 0, 0, 0);
	if (state->in_call && state->list.rec.call.h.kind == CAPTURE_CALL &&
	    state->list.rec.call.call_handle == handle) {
		if (!(state->list.rec.call.h.flags & CAPTURE_F_ENDED)) {
			span_left(&state->list, sp, ts, status);
			call_end(state, status, ts);
			if (outputs_read(state))
				ts = bpf_ktime_get_ns();
		}
		hop_push(state, hop, sp, ts);
		span_no_exit(&state->list);
		return false;
	}
	other = bpf_map_lookup_elem(&parked, &key);
	if (!other) {
		early_add(handle, tgid, status, ts);
		return false;
	}
	call_end(other, status, ts);
	outputs_read(other);
	state->side.completing = handle;
	state->side.completing_tgid = tgid;
	hop_push(other, hop, sp, bpf_ktime_get_ns());
	return true;
}

/* svcConnect(service, client, client data, requestor, restoring) */
static __always_inline void enter_connect(struct call_state *state, struct pt_regs *ctx,
					  uint32_t hop)
{
	struct capture_call *call = host_begin(state, hop, CAPTURE_CONNECT);

	call->client = PT_REGS_PARM2(ctx);
	call->n_parms = 1;
	call->parms[0].type = VBOX_HGCM_SVC_PARM_32BIT;
	call->parms[0].in = call->parms[0].out = (uint32_t)PT_REGS_PARM4(ctx);
	host_enter(state, hop, PT_REGS_SP(ctx));
}

/* svcDisconnect(service, client, client data) */
static __always_inline void enter_disconnect(struct call_state *state, struct pt_regs *ctx,
					     uint32_t hop)
{
	host_begin(state, hop, CAPTURE_DISCONNECT)->client = PT_REGS_PARM2(ctx);
	host_enter(state, hop, PT_REGS_SP(ctx));
}

/* svcHostCall(service, fn, n_parms, parms) */
static __always_inline void enter_host_call(struct call_state *state, struct pt_regs *ctx,
					    uint32_t hop)
{
	host_begin(state, hop, CAPTURE_HOST_CALL)->fn = PT_REGS_PARM2(ctx);
	inputs_read(state, PT_REGS_PARM4(ctx), (uint32_t)PT_REGS_PARM3(ctx));
	payloads_capture(state, false);
	host_enter(state, hop, PT_REGS_SP(ctx));
}

/* A function of one of these kinds begins something that is to be recorded. */
static __always_inline bool begin_passes(struct call_state *state, struct pt_regs *ctx,
					 uint32_t kind)
{
	if (kind == CONNECT || kind == DISCONNECT)
		return client_passes(PT_REGS_PARM2(ctx));
	if (kind == COMPLETE)
		return !state->side.dropped || state->side.dropped_handle != PT_REGS_PARM1(ctx);
	if (kind != CALL)
		return true;
	if (client_passes(PT_REGS_PARM3(ctx)) &&
	    (call_passes(PT_REGS_PARM5(ctx)) || call_teaches(PT_REGS_PARM5(ctx))))
		return true;
	host_close_left(state);
	call_drop(state, PT_REGS_PARM2(ctx));
	return false;
}

/* A function that begins or ends something is entered. Whether its return is to be seen. */
static __always_inline bool call_entered(struct pt_regs *ctx)
{
	uint32_t hop = bpf_get_attach_cookie(ctx);
	uint32_t kind = hop_kinds[hop & (HOPS_MAX - 1)];
	struct call_state *state = host_state(hop);

	if (!state || !begin_passes(state, ctx, kind))
		return false;
	switch (kind) {
	case CALL:
		return enter_call(state, ctx, hop);
	case COMPLETE:
		return enter_complete(state, ctx, hop);
	case CONNECT:
		enter_connect(state, ctx, hop);
		break;
	case DISCONNECT:
		enter_disconnect(state, ctx, hop);
		break;
	case HOST_CALL:
		enter_host_call(state, ctx, hop);
		break;
	}
	return true;
}

/* A bit for each function that may return before its call has ended. */
static const uint64_t waiting_functions =
#define SHFL_FN(number, name, parms, count_status, type_status, flags, changes) \
	((flags)&SHFL_FNF_BLOCKS ? 1ull << (number) : 0) |
#include "shfl.def"
	0;

/*
 * The hop that was just entered is what svcCall hands the call to: when it
 * returns, svcComplete is entered next, with its status. So its return need
 * not be looked at, which costs as much as an entry.
 */
static __always_inline bool hop_ends_call(const struct call_state *state, uint32_t hop)
{
	const struct capture_call *call = &state->list.rec.call;

	return hop >= HOST_HOP_HANDLERS && hop < HOST_HOP_RUNTIME && state->list.n_frames == 2 &&
	       state->in_call && call->h.kind == CAPTURE_CALL && call->fn <= SHFL_FN_LAST &&
	       !(waiting_functions >> call->fn & 1);
}

/* Whether its return is to be seen. */
static __always_inline bool hop_entered(struct pt_regs *ctx)
{
	struct call_state *state = state_get(false);
	uint32_t hop;

	if (!state || !state->open)
		return false;
	hop = bpf_get_attach_cookie(ctx);
	hop_push(state, hop, PT_REGS_SP(ctx), bpf_ktime_get_ns());
	if (!hop_ends_call(state, hop))
		return true;
	span_no_exit(&state->list);
	return false;
}

/*
 * A return has popped the return address already: 8 bytes further up. Hops
 * return a status (int), but for svcCall and svcComplete, which return nothing.
 */
static __always_inline void hop_left(struct pt_regs *ctx)
{
	struct call_state *state = state_get(false);
	uint64_t ts = bpf_ktime_get_ns(), sp = PT_REGS_SP(ctx) - 8;
	uint32_t hop, kind;
	int64_t ret = (int32_t)PT_REGS_RC(ctx);

	if (!state)
		return;
	hop = bpf_get_attach_cookie(ctx);
	kind = hop_kinds[hop & (HOPS_MAX - 1)];
	if (kind == CALL || kind == COMPLETE)
		ret = 0;
	if (hop == HOST_HOP_COMPLETE && state->side.completing) {
		parked_finish(state, sp, ts, ret);
		return;
	}
	if (!state->open || hop_pop(state, hop, sp, ts, ret) != 0)
		return;
	if (state->in_call && state->list.rec.call.h.kind != CAPTURE_CALL)
		call_end(state, ret, ts);
	call_finish(state);
}

/*
 * The programs: a session of entry and return where the kernel has those, as
 * its entry can do without the return; else one for each. "call": sleepable
 * where the kernel can.
 */
SEC("uprobe")
int call_session(struct pt_regs *ctx)
{
	if (!bpf_session_is_return())
		return !call_entered(ctx);
	hop_left(ctx);
	return 0;
}

SEC("uprobe")
int hop_session(struct pt_regs *ctx)
{
	if (!bpf_session_is_return())
		return !hop_entered(ctx);
	hop_left(ctx);
	return 0;
}

SEC("uprobe")
int call_enter(struct pt_regs *ctx)
{
	call_entered(ctx);
	return 0;
}

SEC("uprobe")
int hop_enter(struct pt_regs *ctx)
{
	hop_entered(ctx);
	return 0;
}

SEC("uprobe")
int hop_exit(struct pt_regs *ctx)
{
	hop_left(ctx);
	return 0;
}

uint64_t loads; /* of the service, by processes that are recorded */

/* VBoxHGCMSvcLoad, of services without symbols: user space has something to look up. */
SEC("uprobe")
int service_loaded(struct pt_regs *ctx)
{
	(void)ctx;
	if (filter_passes())
		__sync_fetch_and_add(&loads, 1);
	return 0;
}

/* The frame of a system call: below every function's, equal ones included. */
static __always_inline uint64_t syscall_sp(const struct pt_regs *regs)
{
	uint64_t sp = 0;

	bpf_probe_read_kernel(&sp, sizeof(sp), &regs->rsp);
	return sp - 8;
}

/* The kernel's own way back from a probe is a system call as well: not the service's. */
static __always_inline bool syscall_is_hop(uint64_t nr)
{
	return nr != SYSCALL_URETPROBE && nr != SYSCALL_UPROBE;
}

SEC("raw_tp/sys_enter")
int syscall_enter(struct bpf_raw_tracepoint_args *ctx)
{
	uint64_t nr = ctx->args[1];
	struct call_state *state = syscall_is_hop(nr) ? state_get(false) : NULL;

	if (state && state->open)
		hop_push(state, CAPTURE_HOP_SYSCALL | (nr & SYSCALL_MASK),
			 syscall_sp((void *)ctx->args[0]), bpf_ktime_get_ns());
	return 0;
}

SEC("raw_tp/sys_exit")
int syscall_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct call_state *state = state_get(false);
	struct pt_regs *regs = (void *)ctx->args[0];
	uint64_t nr = 0;

	if (!state || !state->open)
		return 0;
	bpf_probe_read_kernel(&nr, sizeof(nr), &regs->orig_rax);
	if (syscall_is_hop(nr))
		hop_pop(state, CAPTURE_HOP_SYSCALL | (nr & SYSCALL_MASK), syscall_sp(regs),
			bpf_ktime_get_ns(), ctx->args[1]);
	return 0;
}

/* A thread that dies within a call takes its state with it: the call goes out as it is. */
SEC("raw_tp/sched_process_exit")
int thread_exit(void *ctx)
{
	struct call_state *state = state_get(false);

	(void)ctx;
	if (!state || !state->open)
		return 0;
	if (state->in_call && !(state->list.rec.call.h.flags & CAPTURE_F_ENDED))
		state->list.rec.call.h.flags |= CAPTURE_F_SNAPSHOT;
	if (state->in_call)
		call_send(state);
	state_close(state);
	return 0;
}
