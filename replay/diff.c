/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A first pass over both makes a key of each event for the alignment, a second
 * one compares the pairs as replay does: one side as what was recorded, the
 * other as what came back.
 */
#include "diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "intern.h"
#include "map.h"
#include "parms.h"

struct keys {
	uint64_t *keys;
	size_t n, room;
};

struct diff_side {
	struct trace *trace;
	struct trace_cursor *cursor;
	struct trace_call call;
	size_t next; /* index of the event that the cursor gives next */
};

struct diff {
	const struct diff_options *options;
	struct diff_result *result;
	struct diff_side a, b;
	struct replay_call pair;
	struct map listings; /* by a's handle: struct listing */
	bool uncompared; /* something of this pair is not all there */
	char **message;
};

static int diff_fail(struct diff *diff, int errno_, const char *what)
{
	if (!*diff->message && asprintf(diff->message, "%s", what) < 0)
		*diff->message = NULL;
	return errno_;
}

static int diff_unreadable(struct diff *diff, struct trace *trace, int errno_)
{
	return diff_fail(diff, errno_, errno_ == -ENOMEM ? "out of memory" : trace_error(trace));
}

static const struct shfl_fn_info *info_of(const struct trace_call *call)
{
	if (call->kind == TRACE_HOST_CALL)
		return shfl_host_fn_find(call->fn);
	return call->kind == TRACE_CALL ? shfl_fn_find(call->fn) : NULL;
}

/* What makes a call the same one: function, path, offset. Of host calls the share. */
static uint64_t key_of(const struct trace_call *call)
{
	const struct shfl_fn_info *info = info_of(call);
	const char *text = call->kind == TRACE_HOST_CALL ? call->share : call->path;
	int offset = info ? shfl_parm_find(info, SHFL_ROLE_OFFSET) : -1;
	uint64_t key[4] = {call->kind, call->fn, 0, 0};

	if (text)
		key[2] = intern_hash(text, strlen(text));
	if (offset >= 0 && (uint32_t)offset < call->n_parms)
		key[3] = call->parms[offset].in;
	return intern_hash(key, sizeof(key));
}

static int keys_add(struct keys *keys, uint64_t key)
{
	if (keys->n == keys->room) {
		size_t room = keys->room ? keys->room * 2 : 1024;
		uint64_t *grown = reallocarray(keys->keys, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		keys->keys = grown;
		keys->room = room;
	}
	keys->keys[keys->n++] = key;
	return 0;
}

static int keys_read(struct diff *diff, struct trace *trace, struct keys *ret)
{
	struct trace_cursor *cursor;
	struct trace_call call;
	int rc = trace_events(trace, &cursor);

	if (rc)
		return diff_unreadable(diff, trace, rc);
	while ((rc = trace_next(cursor, &call)) == 1) {
		rc = keys_add(ret, key_of(&call));
		if (rc)
			break;
	}
	trace_cursor_close(cursor);
	return rc ? diff_unreadable(diff, trace, rc) : 0;
}

/* What went in. */

static bool differs(struct diff *diff, struct replay_finding *finding, const char *what)
{
	(void)diff;
	return compare_differs(finding, what, "", "");
}

static bool is_cut(const struct payload *payload)
{
	return payload->captured < payload->length;
}

static bool same_bytes(struct diff *diff, const struct payload *a, const struct payload *b)
{
	uint32_t n = a->captured < b->captured ? a->captured : b->captured;

	diff->uncompared |= is_cut(a) || is_cut(b);
	if (!n || a->length != b->length)
		return a->length == b->length;
	return memcmp(a->data, b->data, n) == 0;
}

/* What a guest asks for: flags, mode and size; times and handles are anything. */
static bool same_request(struct diff *diff, const struct payload *a, const struct payload *b)
{
	SHFLCREATEPARMS before, after;

	if (!payload_copy(a, &before, sizeof(before)) || !payload_copy(b, &after, sizeof(after)))
		return same_bytes(diff, a, b);
	return before.CreateFlags == after.CreateFlags &&
	       before.Info.Attr.fMode == after.Info.Attr.fMode &&
	       before.Info.cbObject == after.Info.cbObject;
}

static bool same_settings(struct diff *diff, const struct payload *a, const struct payload *b)
{
	SHFLFSOBJINFO before, after;

	if (!payload_copy(a, &before, sizeof(before)) || !payload_copy(b, &after, sizeof(after)))
		return same_bytes(diff, a, b);
	return before.Attr.fMode == after.Attr.fMode && before.cbObject == after.cbObject;
}

static bool same_memory(struct diff *diff, const struct shfl_parm_info *info,
			const struct payload *a, const struct payload *b)
{
	bool sets =
		diff->a.call.fn == SHFL_FN_INFORMATION && diff->a.call.parms[2].in & SHFL_INFO_SET;

	if (info->role == SHFL_ROLE_CREATE_PARMS)
		return same_request(diff, a, b);
	if (info->role == SHFL_ROLE_INFO_BUFFER)
		return !sets || same_settings(diff, a, b);
	if (info->direction != SHFL_DIR_IN) /* only its room matters */
		return true;
	return (diff->a.call.kind == TRACE_HOST_CALL && info->role == SHFL_ROLE_PATH) ||
	       same_bytes(diff, a, b);
}

static bool is_compared(const struct shfl_parm_info *info)
{
	return info->direction & SHFL_DIR_IN && info->role != SHFL_ROLE_ROOT &&
	       info->role != SHFL_ROLE_HANDLE && info->role != SHFL_ROLE_VERSION;
}

static bool is_integer(const struct trace_parm *parm)
{
	return parm->type == VBOX_HGCM_SVC_PARM_32BIT || parm->type == VBOX_HGCM_SVC_PARM_64BIT;
}

/* The second trace's payload of a parameter before the call. */
static int same_input(struct diff *diff, unsigned i, struct replay_finding *finding, bool *same)
{
	const struct shfl_parm_info *info = &diff->pair.info->parms[i];
	const struct trace_parm *a = &diff->a.call.parms[i], *b = &diff->b.call.parms[i];
	struct payload payload;
	int rc;

	*same = true;
	if (!is_compared(info))
		return 0;
	if (is_integer(a)) {
		*same = a->in == b->in || differs(diff, finding, info->name);
		snprintf(finding->expected, sizeof(finding->expected), "%llu given",
			 (unsigned long long)a->in);
		snprintf(finding->got, sizeof(finding->got), "%llu", (unsigned long long)b->in);
		return 0;
	}
	rc = payload_read(diff->b.trace, b->payload_in, &payload);
	if (rc)
		return diff_unreadable(diff, diff->b.trace, rc);
	*same = same_memory(diff, info, &diff->pair.in[i], &payload) ||
		compare_differs(finding, info->name, "something else given", "this");
	payload_clear(&payload);
	return 0;
}

static int same_inputs(struct diff *diff, struct replay_finding *finding, bool *same)
{
	const struct trace_call *a = &diff->a.call, *b = &diff->b.call;
	unsigned n = replay_recorded_parms(a);
	int rc = 0;

	*same = a->n_parms == b->n_parms || differs(diff, finding, "number of parameters");
	for (unsigned i = 0; *same && i < n; i++)
		*same = a->parms[i].type == b->parms[i].type ||
			(!is_integer(&a->parms[i]) && !is_integer(&b->parms[i])) ||
			differs(diff, finding, "type of a parameter");
	for (unsigned i = 0;
	     !rc && *same && diff->pair.info && i < n && i < diff->pair.info->n_parms; i++)
		rc = same_input(diff, i, finding, same);
	return rc;
}

/* What came out: the second trace's as the live side of a replay. */

/* What the second trace lacks cannot be expected: the first one's is cut as short. */
static void cut_alike(struct payload *expected, const struct payload *got)
{
	if ((is_cut(got) || !got->data) && got->captured < expected->captured)
		expected->captured = got->captured;
}

static int pair_memory(struct diff *diff, unsigned i)
{
	struct replay_call *pair = &diff->pair;
	uint32_t size = diff->a.call.parms[i].size;
	struct payload payload;
	int rc = payload_read(diff->b.trace, diff->b.call.parms[i].payload_out, &payload);

	if (rc)
		return diff_unreadable(diff, diff->b.trace, rc);
	free(pair->buffers[i].memory);
	pair->buffers[i].memory = size <= PARMS_MAX_BYTES ? calloc(1, (size_t)size + 1) : NULL;
	if (pair->buffers[i].memory && payload.captured)
		memcpy(pair->buffers[i].memory, payload.data,
		       payload.captured < size ? payload.captured : size);
	cut_alike(&pair->out[i], &payload);
	payload_clear(&payload);
	return pair->buffers[i].memory ? 0 : diff_fail(diff, -EINVAL, "a parameter is too big");
}

static int pair_results(struct diff *diff)
{
	struct replay_call *pair = &diff->pair;
	unsigned n = replay_recorded_parms(&diff->a.call);
	int rc = 0;

	memset(pair->parms, 0, sizeof(pair->parms));
	pair->n_parms = diff->b.call.n_parms;
	pair->status = diff->b.call.status;
	for (unsigned i = 0; !rc && i < n; i++) {
		const struct trace_parm *b = &diff->b.call.parms[i];

		pair->parms[i].type = b->type;
		if (b->type == VBOX_HGCM_SVC_PARM_32BIT)
			pair->parms[i].u.uint32 = (uint32_t)b->out;
		else if (is_integer(b))
			pair->parms[i].u.uint64 = b->out;
		else
			rc = pair_memory(diff, i);
	}
	return rc;
}

/* listing_source.more: the other trace has no more than it has. */
static int no_more(void *user, void *buffer, uint32_t size, bool *ret_ended)
{
	(void)user;
	(void)buffer;
	(void)size;
	*ret_ended = true;
	return 0;
}

static void listing_free(void *value)
{
	listing_clear(value);
	free(value);
}

/* The state of the listing by a's handle; a CREATE or CLOSE begins anew. */
static struct listing *listing_of(struct diff *diff)
{
	const struct trace_call *a = &diff->a.call;
	uint64_t handle = a->n_parms > 1 ? a->parms[1].in : 0;
	struct listing *listing = map_get(&diff->listings, handle);

	if (a->kind != TRACE_CALL)
		return NULL;
	if (a->fn == SHFL_FN_CLOSE && listing)
		listing_free(map_take(&diff->listings, handle));
	if (a->fn != SHFL_FN_LIST || listing)
		return listing;
	listing = calloc(1, sizeof(*listing));
	if (listing && map_put(&diff->listings, handle, listing)) {
		free(listing);
		listing = NULL;
	}
	return listing;
}

static int same_results(struct diff *diff, struct replay_finding *finding, bool *same)
{
	static const struct listing_source more = {no_more, NULL};
	struct compare_options options = {.what = diff->options->what};
	int rc = pair_results(diff);

	if (rc)
		return rc;
	*same = compare_call(&options, &diff->pair, listing_of(diff), &more, finding,
			     &diff->uncompared);
	return 0;
}

static int load_pair(struct diff *diff)
{
	struct replay_call *pair = &diff->pair;
	unsigned parm;
	int rc;

	pair->event = diff->a.call;
	pair->info = info_of(&diff->a.call);
	pair->utf16 = diff->a.call.flags & TRACE_F_UTF16;
	rc = parms_load(diff->a.trace, NULL, pair, &parm);
	return rc ? diff_unreadable(diff, diff->a.trace, rc) : 0;
}

static void found(struct diff *diff, enum diff_kind kind, const struct replay_finding *finding)
{
	const struct trace_call *a = kind == DIFF_ADDED ? NULL : &diff->a.call;
	const struct trace_call *b = kind == DIFF_MISSING ? NULL : &diff->b.call;

	diff->result->n[kind]++;
	if (diff->options->report)
		diff->options->report(diff->options->user, kind, a, b, finding);
}

static int compare_pair(struct diff *diff)
{
	struct replay_finding finding = {0};
	uint32_t unfinished = TRACE_F_UNFINISHED;
	bool same = true;
	int rc = load_pair(diff);

	diff->uncompared = false;
	if (!rc && (diff->a.call.flags & unfinished) != (diff->b.call.flags & unfinished))
		same = differs(diff, &finding, "whether it ended");
	else if (!rc)
		rc = same_inputs(diff, &finding, &same);
	if (!rc && same && !(diff->a.call.flags & unfinished))
		rc = same_results(diff, &finding, &same);
	if (rc)
		return rc;
	if (!same) {
		found(diff, DIFF_CHANGED, &finding);
		return 0;
	}
	diff->result->same++;
	diff->result->uncompared += diff->uncompared;
	return 0;
}

/* The next event of one side: 1, or negative errno (there is one: it was counted). */
static int advance(struct diff *diff, struct diff_side *side)
{
	int rc = trace_next(side->cursor, &side->call);

	side->next++;
	if (rc == 1)
		return 1;
	return diff_unreadable(diff, side->trace, rc ? rc : -EUCLEAN);
}

static int added_until(struct diff *diff, size_t end)
{
	int rc = 1;

	while (rc == 1 && diff->b.next < end) {
		rc = advance(diff, &diff->b);
		if (rc == 1)
			found(diff, DIFF_ADDED, NULL);
	}
	return rc < 0 ? rc : 0;
}

static int walk(struct diff *diff, const size_t *match, size_t n_a, size_t n_b)
{
	int rc = 0;

	while (!rc && diff->a.next < n_a) {
		size_t other = match[diff->a.next];

		if (other != ALIGN_NONE)
			rc = added_until(diff, other);
		if (!rc && advance(diff, &diff->a) != 1)
			rc = -EUCLEAN;
		if (!rc && other == ALIGN_NONE) {
			found(diff, DIFF_MISSING, NULL);
			continue;
		}
		if (!rc && advance(diff, &diff->b) != 1)
			rc = -EUCLEAN;
		if (!rc)
			rc = compare_pair(diff);
	}
	return rc ? rc : added_until(diff, n_b);
}

static int diff_aligned(struct diff *diff, const size_t *match, size_t n_a, size_t n_b)
{
	int rc = trace_events(diff->a.trace, &diff->a.cursor);

	if (rc)
		return diff_unreadable(diff, diff->a.trace, rc);
	rc = trace_events(diff->b.trace, &diff->b.cursor);
	if (rc)
		diff_unreadable(diff, diff->b.trace, rc);
	else
		rc = walk(diff, match, n_a, n_b);
	trace_cursor_close(diff->a.cursor);
	trace_cursor_close(diff->b.cursor);
	return rc;
}

int diff_traces(struct trace *a, struct trace *b, const struct diff_options *options,
		struct diff_result *ret, char **ret_message)
{
	struct diff *diff = calloc(1, sizeof(*diff));
	struct keys keys[2] = {{0}};
	size_t *match = NULL;
	int rc = -ENOMEM;

	*ret_message = NULL;
	*ret = (struct diff_result){0};
	if (!diff)
		return rc;
	diff->options = options;
	diff->result = ret;
	diff->message = ret_message;
	diff->a.trace = a;
	diff->b.trace = b;
	rc = keys_read(diff, a, &keys[0]);
	if (!rc)
		rc = keys_read(diff, b, &keys[1]);
	if (!rc) {
		match = calloc(keys[0].n + 1, sizeof(*match));
		rc = match ? align(keys[0].keys, keys[0].n, keys[1].keys, keys[1].n, match)
			   : -ENOMEM;
	}
	if (!rc)
		rc = diff_aligned(diff, match, keys[0].n, keys[1].n);
	for (int i = 0; i < 2; i++)
		free(keys[i].keys);
	free(match);
	map_clear(&diff->listings, listing_free);
	parms_clear(&diff->pair);
	free(diff);
	return rc;
}
