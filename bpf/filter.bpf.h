/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which calls are recorded, of the host's side. What is known when a function
 * is entered is looked at by call_passes(), what is in the call's parameters by
 * objects_pass(). Control events are always recorded, but for other clients';
 * so are the calls that tell how to read, and to replay, a client's others:
 * its settings, and the shares that it maps.
 *
 * A share and a path are looked for in the strings of a call. What MAP_FOLDER
 * and CREATE of a client returned for them is noted: so calls by root and by
 * handle are known. Such calls are followed even if they are not to be
 * recorded: they are "silent".
 */
#ifndef FILTER_BPF_H
#define FILTER_BPF_H

#include "filter.h"

const volatile uint64_t opt_functions; /* a bit for each; 0: all */
const volatile uint32_t opt_client; /* only this one; 0: any */
const volatile char opt_comm[CAPTURE_COMM_SIZE]; /* only threads of that name; "": any */
const volatile uint32_t opt_failed; /* only calls that failed */
const volatile uint64_t opt_slower_ns; /* only calls that took that long */
const volatile uint32_t opt_has_share, opt_has_path;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PATTERNS);
	__type(key, uint32_t);
	__type(value, struct pattern);
} patterns SEC(".maps");

#define MATCHES_MAX 16384 /* roots and handles; the ones used least go first */

enum { MATCH_ROOT, MATCH_HANDLE };

struct match_key {
	uint64_t object; /* root or handle */
	uint32_t tgid;
	uint32_t client;
	uint32_t kind;
	uint32_t pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MATCHES_MAX);
	__type(key, struct match_key);
	__type(value, uint8_t);
} matches SEC(".maps");

static __always_inline bool client_passes(uint32_t client)
{
	return !opt_client || client == opt_client;
}

static __always_inline bool comm_passes(void)
{
	char comm[CAPTURE_COMM_SIZE];

	if (!opt_comm[0])
		return true;
	bpf_get_current_comm(comm, sizeof(comm));
	for (int i = 0; i < CAPTURE_COMM_SIZE; i++) {
		if (comm[i] != opt_comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

static __always_inline bool maps_folder(uint32_t fn)
{
	return fn == SHFL_FN_MAP_FOLDER || fn == SHFL_FN_MAP_FOLDER_OLD;
}

/* Other calls depend on it: no filter drops it. */
static __always_inline bool call_explains(uint32_t fn)
{
	return fn == SHFL_FN_SET_UTF8 || fn == SHFL_FN_SET_SYMLINKS || maps_folder(fn) ||
	       fn == SHFL_FN_UNMAP_FOLDER;
}

static __always_inline bool call_passes(uint32_t fn)
{
	if (call_explains(fn))
		return true;
	if (opt_functions && (fn >= 64 || !(opt_functions >> (fn & 63) & 1)))
		return false;
	return comm_passes();
}

/* What such a call returns tells whether later ones pass. */
static __always_inline bool call_teaches(uint32_t fn)
{
	return (opt_has_share && maps_folder(fn)) || (opt_has_path && fn == SHFL_FN_CREATE);
}

/* A separator of either kind; only the low byte of a unit is one. */
static __always_inline uint8_t path_byte(const struct side_state *side, uint32_t i, uint32_t wide)
{
	uint8_t byte = side->string[(SHFLSTRING_HEADER_SIZE + i) & (STRING_ROOM - 1)];

	return byte == '\\' && !(wide & i & 1) ? '/' : byte;
}

/* Whether the string read last begins with a pattern of that encoding. */
__noinline int string_begins_with(struct call_state *state, uint32_t which, uint32_t encoding)
{
	struct pattern *pattern = bpf_map_lookup_elem(&patterns, &which);
	uint32_t wide = encoding & 1;

	if (!pattern || !state)
		return 0;
	for (uint32_t i = 0; i < PATTERN_ROOM; i++) {
		if (i >= pattern->length[wide])
			break;
		if (path_byte(&state->side, i, wide) != pattern->bytes[wide][i])
			return 0;
	}
	return 1;
}

/* Reads an SHFLSTRING; its length in bytes as far as it was read, or negative. */
static __always_inline int string_read(struct call_state *state, const struct capture_parm *parm)
{
	uint8_t *string = state->side.string;
	uint32_t size = parm->size, length;

	barrier_var(size);
	if (parm->type != VBOX_HGCM_SVC_PARM_PTR || size < SHFLSTRING_HEADER_SIZE)
		return -1;
	if (size > STRING_READ)
		size = STRING_READ;
	if (read_user(string, size, (void *)parm->in))
		return -1;
	length = ((SHFLSTRING *)string)->u16Length;
	return length > size - SHFLSTRING_HEADER_SIZE ? size - SHFLSTRING_HEADER_SIZE : length;
}

/* Whether a string is the pattern, or (prefix) a path at or below it. */
static __noinline int string_matches(struct call_state *state, const struct capture_parm *parm,
				     uint32_t which, bool prefix)
{
	struct pattern *pattern = bpf_map_lookup_elem(&patterns, &which);
	int length = string_read(state, parm);

	if (!pattern || length < 0)
		return 0;
	for (uint32_t wide = 0; wide < PATTERN_ENCODINGS; wide++) {
		uint32_t end = pattern->length[wide];

		if ((uint32_t)length < end || !string_begins_with(state, which, wide))
			continue;
		if ((uint32_t)length == end ||
		    (prefix && path_byte(&state->side, end, wide) == '/'))
			return 1;
	}
	return 0;
}

static __always_inline struct match_key match_key(const struct capture_call *call, uint32_t kind,
						  uint64_t object)
{
	struct match_key key = {object, call->pid, call->client, kind, 0};

	return key;
}

static __always_inline bool share_matches(struct call_state *state, uint32_t i)
{
	const struct capture_call *call = &state->list.rec.call;
	struct parm_rule rule = parm_rule(call->h.kind, call->fn, i);
	struct match_key key = match_key(call, MATCH_ROOT, (uint32_t)call->parms[i].in);

	if (rule.role == SHFL_ROLE_ROOT && rule.direction == SHFL_DIR_IN)
		return bpf_map_lookup_elem(&matches, &key) != NULL;
	return maps_folder(call->fn) && rule.role == SHFL_ROLE_NAME &&
	       string_matches(state, &call->parms[i], PATTERN_SHARE, false);
}

static __always_inline bool path_matches(struct call_state *state, uint32_t i)
{
	const struct capture_call *call = &state->list.rec.call;
	uint32_t role = parm_rule(call->h.kind, call->fn, i).role;
	struct match_key key = match_key(call, MATCH_HANDLE, call->parms[i].in);

	if (role == SHFL_ROLE_HANDLE)
		return bpf_map_lookup_elem(&matches, &key) != NULL;
	return role == SHFL_ROLE_PATH && string_matches(state, &call->parms[i], PATTERN_PATH, true);
}

/* Whether some parameter is of the share, and some of the path. */
__noinline int objects_match(struct call_state *state)
{
	bool share = !opt_has_share, path = !opt_has_path;

	if (!state)
		return 0;
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++) {
		if (i >= state->side.n_parms)
			break;
		share = share || share_matches(state, i);
		path = path || path_matches(state, i);
	}
	state->side.share_matched = share;
	state->side.path_matched = path;
	return share && path;
}

/* The call's parameters have been read: whether it goes on. */
static __always_inline bool objects_pass(struct call_state *state)
{
	const struct capture_call *call = &state->list.rec.call;

	if (!opt_has_share && !opt_has_path)
		return true;
	if (objects_match(state) || call_explains(call->fn))
		return true;
	state->side.silent = 1;
	return call_teaches(call->fn);
}

/* Notes what a call returned, or that a number has another meaning now. */
static __always_inline void match_note(const struct capture_call *call, uint32_t kind,
				       uint64_t object, bool matched)
{
	struct match_key key = match_key(call, kind, object);
	uint8_t yes = 1;

	if (matched)
		bpf_map_update_elem(&matches, &key, &yes, BPF_ANY);
	else
		bpf_map_delete_elem(&matches, &key);
}

/* A call ended whose results may be of use. */
__noinline int call_learn(struct call_state *state)
{
	const struct capture_call *call;
	uint64_t handle = SHFL_HANDLE_NIL;

	if (!state)
		return 0;
	call = &state->list.rec.call;
	if (VBOX_FAILURE(call->status) || !call_teaches(call->fn))
		return 0;
	if (maps_folder(call->fn))
		match_note(call, MATCH_ROOT, (uint32_t)call->parms[1].out,
			   state->side.share_matched);
	else if (!read_user(&handle, sizeof(handle),
			    (void *)(call->parms[2].in + offsetof(SHFLCREATEPARMS, Handle))) &&
		 handle != SHFL_HANDLE_NIL)
		match_note(call, MATCH_HANDLE, handle, state->side.path_matched);
	return 0;
}

#endif
