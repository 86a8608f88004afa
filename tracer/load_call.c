/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conversion of capture records: flags, parameters, spans, payload. */
#include "load_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_check.h"
#include "hgcm_svc.h"
#include "hop.h"
#include "intern.h"
#include "syscall_name.h"
#include "vmmdev.h"

#define NUMBERED_HOPS 1024
#define PAYLOAD_MAX VMMDEV_MAX_HGCM_DATA_SIZE

static const struct {
	uint16_t capture;
	uint32_t trace;
} flags[] = {
	{CAPTURE_F_UNREADABLE, TRACE_F_UNREADABLE}, {CAPTURE_F_DATA_CUT, TRACE_F_DATA_CUT},
	{CAPTURE_F_DATA_LOST, TRACE_F_DATA_LOST},   {CAPTURE_F_SPANS_LOST, TRACE_F_SPANS_LOST},
	{CAPTURE_F_EXIT_LOST, TRACE_F_SPANS_LOST},
};

/* With one of these something of the call is missing. */
#define DAMAGE_FLAGS (TRACE_F_UNREADABLE | TRACE_F_DATA_LOST | TRACE_F_SPANS_LOST)

static uint32_t convert_flags(uint16_t capture)
{
	uint32_t trace = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (capture & flags[i].capture)
			trace |= flags[i].trace;
	return trace;
}

static const uint32_t guest_types[] = {
	[VMMDevHGCMParmType_32bit] = VBOX_HGCM_SVC_PARM_32BIT,
	[VMMDevHGCMParmType_64bit] = VBOX_HGCM_SVC_PARM_64BIT,
	[VMMDevHGCMParmType_LinAddr] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_LinAddr_In] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_LinAddr_Out] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_LinAddr_Locked] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_LinAddr_Locked_In] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_LinAddr_Locked_Out] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_PageList] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_Embedded] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_ContiguousPageList] = VBOX_HGCM_SVC_PARM_PTR,
	[VMMDevHGCMParmType_NoBouncePageList] = VBOX_HGCM_SVC_PARM_PAGES,
};

uint32_t load_parm_type(uint32_t type, enum capture_side side)
{
	if (side == CAPTURE_SIDE_HOST)
		return type;
	if (type >= sizeof(guest_types) / sizeof(guest_types[0]))
		return VBOX_HGCM_SVC_PARM_INVALID;
	return guest_types[type];
}

/* Numbers that no recorder has are one hop: a hostile spool could name thousands. */
static void number_name(char name[LOAD_NAME_SIZE], const char *what, unsigned number)
{
	if (number < NUMBERED_HOPS)
		snprintf(name, LOAD_NAME_SIZE, "%s_%u", what, number);
	else
		snprintf(name, LOAD_NAME_SIZE, "%s_unknown", what);
}

const char *load_hop_name(uint16_t hop, char name[LOAD_NAME_SIZE])
{
	const struct hop *known = hop_find(hop);
	const char *text;

	if (known)
		return known->name;
	if (hop < CAPTURE_HOP_SYSCALL) {
		number_name(name, "hop", hop);
		return name;
	}
	text = syscall_name(hop - CAPTURE_HOP_SYSCALL);
	if (text)
		return text;
	number_name(name, "syscall", hop - CAPTURE_HOP_SYSCALL);
	return name;
}

/* An end before the beginning is none of this world. */
static int64_t end_of(int64_t start_ns, int64_t end_ns)
{
	return end_ns < start_ns ? start_ns : end_ns;
}

static int64_t map(const struct clock *clock, uint64_t ns)
{
	return clock && ns ? clock_map(clock, (int64_t)ns) : (int64_t)ns;
}

/* svcCall and the completion return nothing; what is in the register means nothing. */
static bool returns_nothing(uint16_t hop)
{
	const struct hop *known = hop_find(hop);

	return known && known->profile == HOP_PROFILE_SFSERVICE &&
	       (known->kind == HOP_KIND_CALL || known->kind == HOP_KIND_COMPLETE);
}

static void add_spans(struct load_call *load, const struct capture_call *record,
		      enum trace_side side, const struct clock *clock)
{
	for (uint32_t i = 0; i < record->n_spans; i++) {
		const struct capture_span *from = &record->spans[i];
		struct trace_span *to = &load->spans[load->n_spans];

		*to = (struct trace_span){
			.side = side,
			.depth = from->depth,
			.parent = from->parent == 0xff ? -1 : from->parent,
			.n = from->n,
			.enter_ns = map(clock, from->enter_ns),
			.exit_ns = map(clock, from->exit_ns),
			.busy_ns = (int64_t)from->busy_ns,
			.ret = returns_nothing(from->hop) ? 0 : from->ret,
		};
		if (to->exit_ns)
			to->exit_ns = end_of(to->enter_ns, to->exit_ns);
		load->hops[load->n_spans++] = from->hop;
	}
}

void load_call_name_hops(struct load_call *load)
{
	for (size_t i = 0; i < load->n_spans; i++)
		load->spans[i].hop = load_hop_name(load->hops[i], load->names[i]);
}

static void convert_parms(struct trace_call *call, const struct capture_call *record,
			  enum capture_side side)
{
	for (uint32_t i = 0; i < SHFL_MAX_PARMS && i < record->n_parms; i++) {
		const struct capture_parm *from = &record->parms[i];
		struct trace_parm *to = &call->parms[i];

		to->type = load_parm_type(from->type, side);
		if (to->type == VBOX_HGCM_SVC_PARM_32BIT || to->type == VBOX_HGCM_SVC_PARM_64BIT) {
			to->in = from->in;
			to->out = from->out;
		} else {
			to->size = from->size;
		}
	}
}

static void set_task(struct trace_call *call, const struct capture_call *record)
{
	call->pid = record->pid;
	call->tid = record->tid;
	memcpy(call->comm, record->comm, sizeof(call->comm) - 1);
}

static void set_guest(struct trace_call *call, const struct capture_call *record)
{
	call->op_id = (int64_t)record->op;
	call->guest_start_ns = (int64_t)record->enter_ns;
	if (record->h.flags & CAPTURE_F_ENDED)
		call->guest_end_ns = end_of(call->guest_start_ns, (int64_t)record->end_ns);
	call->guest_status = record->status;
	set_task(call, record);
}

void load_call_begin(struct load_call *load, const struct capture_call *record,
		     enum capture_side side, const struct clock *clock)
{
	struct trace_call *call = &load->call;
	bool ended = record->h.flags & CAPTURE_F_ENDED;

	*call = (struct trace_call){
		.kind = (enum trace_kind)record->h.kind,
		.side = side == CAPTURE_SIDE_GUEST ? TRACE_SIDE_GUEST : TRACE_SIDE_HOST,
		.client = record->client,
		.process = side == CAPTURE_SIDE_HOST ? record->pid : 0,
		.fn = record->fn,
		.n_parms = record->n_parms,
		.status = ended ? record->status : 0,
		.flags = convert_flags(record->h.flags) | (ended ? 0 : TRACE_F_UNFINISHED),
		.start_ns = map(clock, record->enter_ns),
	};
	if (ended)
		call->end_ns = end_of(call->start_ns, map(clock, record->end_ns));
	call->complete = ended && !(call->flags & DAMAGE_FLAGS);
	if (side == CAPTURE_SIDE_GUEST)
		set_guest(call, record);
	set_task(call, record);
	convert_parms(call, record, side);
	load->n_spans = 0;
	add_spans(load, record, call->side, clock);
}

/* The guest's deepest span around a moment, or the deepest at all; -1: there are none. */
static int innermost_at(const struct load_call *load, int64_t ns)
{
	int best = -1, deepest = -1;

	for (size_t i = 0; i < load->n_spans; i++) {
		const struct trace_span *span = &load->spans[i];

		if (deepest < 0 || span->depth >= load->spans[deepest].depth)
			deepest = (int)i;
		if (span->enter_ns > ns || (span->exit_ns && span->exit_ns < ns))
			continue;
		if (best < 0 || span->depth >= load->spans[best].depth)
			best = (int)i;
	}
	return best >= 0 ? best : deepest;
}

/* The host's spans follow the guest's, and hang on the one around them. */
static void nest_spans(struct load_call *load, const struct trace_span *spans, const uint16_t *ids,
		       size_t n_spans)
{
	size_t n_guest = load->n_spans;
	int around = innermost_at(load, load->call.start_ns);
	int depth = around < 0 ? 0 : load->spans[around].depth + 1;

	for (size_t i = 0; i < n_spans && load->n_spans < LOAD_SPANS_MAX; i++) {
		struct trace_span *span = &load->spans[load->n_spans];

		*span = spans[i];
		span->depth = (uint8_t)(span->depth + depth);
		span->parent = span->parent < 0 ? around : span->parent + (int)n_guest;
		load->hops[load->n_spans++] = ids[i];
	}
}

void load_call_join(struct load_call *load, const struct capture_call *guest,
		    const struct clock *clock)
{
	struct trace_call *call = &load->call;
	struct trace_span spans[CAPTURE_MAX_SPANS];
	uint16_t ids[CAPTURE_MAX_SPANS];
	size_t n_spans = load->n_spans;

	memcpy(spans, load->spans, n_spans * sizeof(spans[0]));
	memcpy(ids, load->hops, n_spans * sizeof(ids[0]));
	load->n_spans = 0;
	add_spans(load, guest, TRACE_SIDE_GUEST, clock);
	nest_spans(load, spans, ids, n_spans);
	call->side = TRACE_SIDE_BOTH;
	call->flags |= convert_flags(guest->h.flags);
	call->complete = call->complete && !(call->flags & DAMAGE_FLAGS);
	set_guest(call, guest);
}

/* Payload. */

struct assembly {
	uint8_t *bytes;
	size_t n;
	size_t room;
	uint32_t total;
	bool started;
	bool broken; /* a chunk is missing */
};

static int append_chunk(struct assembly *assembly, const struct capture_data *chunk)
{
	size_t end = (size_t)chunk->offset + chunk->length;

	if (!assembly->started)
		assembly->total = chunk->total;
	assembly->started = true;
	if (assembly->broken || chunk->offset != assembly->n || chunk->total != assembly->total ||
	    end > PAYLOAD_MAX) {
		assembly->broken = true;
		return 0;
	}
	if (end > assembly->room) {
		size_t room = end > 2 * assembly->room ? end : 2 * assembly->room;
		void *grown = realloc(assembly->bytes, room);

		if (!grown)
			return -ENOMEM;
		assembly->bytes = grown;
		assembly->room = room;
	}
	memcpy(assembly->bytes + assembly->n, chunk->bytes, chunk->length);
	assembly->n = end;
	return 0;
}

/* Whether the payload of a parameter is whole; what was cut on request is. */
static bool is_whole(const struct assembly *assembly, const struct capture_call *record)
{
	return !assembly->broken &&
	       (assembly->n == assembly->total || record->h.flags & CAPTURE_F_DATA_CUT);
}

static int store(struct trace *trace, const struct assembly *assembly,
		 const struct capture_call *record, uint8_t parm, bool out, struct load_call *load)
{
	struct trace_parm *to = &load->call.parms[parm];
	int64_t id;
	int rc;

	if (!is_whole(assembly, record)) {
		load->call.flags |= TRACE_F_DATA_LOST;
		load->call.complete = false;
	}
	rc = trace_add_payload(trace, assembly->bytes, (uint32_t)assembly->n, assembly->total, &id);
	if (rc)
		return rc;
	if (out)
		to->payload_out = id;
	else
		to->payload_in = id;
	return 0;
}

static bool holds_memory(const struct load_call *load, uint8_t parm)
{
	const struct trace_call *call = &load->call;

	return parm < call->n_parms && call->parms[parm].type != VBOX_HGCM_SVC_PARM_32BIT &&
	       call->parms[parm].type != VBOX_HGCM_SVC_PARM_64BIT;
}

/* Puts the chunks of one parameter's memory together. */
static int gather(const struct spool_side *side, const struct spool_place *chunks, size_t n,
		  uint8_t parm, bool out, struct capture_data *buffer, struct assembly *assembly)
{
	int rc = 0;

	assembly->n = 0;
	assembly->started = assembly->broken = false;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = spool_read(side, &chunks[i], &buffer->h);
		if (!rc && buffer->parm == parm && buffer->out == out)
			rc = append_chunk(assembly, buffer);
	}
	return rc;
}

/* Which memory the chunks are of: bit parm, and bit 8 + parm as the call ended. */
static int find_memory(const struct spool_side *side, const struct spool_place *chunks, size_t n,
		       struct capture_data *buffer, uint32_t *ret)
{
	uint32_t memory = 0;

	for (size_t i = 0; i < n; i++) {
		int rc = spool_read(side, &chunks[i], &buffer->h);

		if (rc)
			return rc;
		memory |= 1u << (buffer->parm + (buffer->out ? SHFL_MAX_PARMS : 0));
	}
	*ret = memory;
	return 0;
}

int load_payload(struct trace *trace, const struct spool_side *side,
		 const struct capture_call *record, struct load_call *load)
{
	struct capture_data *buffer;
	struct assembly assembly = {0};
	uint32_t memory = 0;
	size_t n;
	const struct spool_place *chunks = spool_chunks(side, record->h.id, &n);
	int rc;

	if (!chunks)
		return 0;
	buffer = malloc(CAPTURE_RECORD_MAX);
	rc = buffer ? 0 : -ENOMEM;
	if (!rc)
		rc = find_memory(side, chunks, n, buffer, &memory);
	for (uint8_t i = 0; !rc && i < 2 * SHFL_MAX_PARMS; i++) {
		uint8_t parm = i % SHFL_MAX_PARMS;
		bool out = i >= SHFL_MAX_PARMS;

		if (!(memory & 1u << i) || !holds_memory(load, parm))
			continue;
		rc = gather(side, chunks, n, parm, out, buffer, &assembly);
		if (!rc)
			rc = store(trace, &assembly, record, parm, out, load);
	}
	free(assembly.bytes);
	free(buffer);
	return rc;
}

/* Matching. */

static uint32_t path_hash(const struct spool_side *side, const struct capture_call *record,
			  int parm, struct capture_data *buffer)
{
	size_t n;
	const struct spool_place *chunks = spool_chunks(side, record->h.id, &n);

	for (size_t i = 0; i < n; i++) {
		if (spool_read(side, &chunks[i], &buffer->h))
			return 0;
		if (buffer->parm == parm && !buffer->out && !buffer->offset)
			return (uint32_t)intern_hash(buffer->bytes, buffer->length) | 1;
	}
	return 0;
}

static bool is_pointer(uint32_t type)
{
	return type == VBOX_HGCM_SVC_PARM_PTR || type == VBOX_HGCM_SVC_PARM_PAGES;
}

void load_match_key(const struct spool_side *side, const struct capture_call *record,
		    enum capture_side from, void *buffer, struct match_call *ret)
{
	const struct shfl_fn_info *info = shfl_fn_find(record->fn);
	uint64_t words[2 + 2 * SHFL_MAX_PARMS] = {record->fn, record->n_parms};
	int path = info ? shfl_parm_find(info, SHFL_ROLE_PATH) : -1;

	if (info && path < 0)
		path = shfl_parm_find(info, SHFL_ROLE_NAME);
	for (uint32_t i = 0; i < SHFL_MAX_PARMS && i < record->n_parms; i++) {
		uint32_t type = load_parm_type(record->parms[i].type, from);

		/* Whether memory comes as a pointer or as pages is the transport's choice. */
		words[2 + 2 * i] = is_pointer(type) ? VBOX_HGCM_SVC_PARM_PTR : type;
		words[3 + 2 * i] = is_pointer(type) ? record->parms[i].size : record->parms[i].in;
	}
	*ret = (struct match_call){
		.key = intern_hash(words, sizeof(words)),
		.client = record->client,
		.process = from == CAPTURE_SIDE_HOST ? record->pid : 0,
		.enter_ns = (int64_t)record->enter_ns,
		.exit_ns = record->h.flags & CAPTURE_F_ENDED ? (int64_t)record->end_ns : 0,
	};
	if (path >= 0)
		ret->path = path_hash(side, record, path, buffer);
}
