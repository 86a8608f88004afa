/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading takes three steps: index the spools, match guest and host and fit
 * the clock, then write everything in the service's order.
 */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_check.h"
#include "load_call.h"
#include "op_path.h"

#define PROGRESS_STEP (64u << 20)
#define LOSS_MAX (INT64_MAX / 1000000)

/* A guest call that the host has not seen, where it belongs among the host's. */
struct lonely {
	int64_t mapped_ns;
	uint32_t guest; /* index of the call */
};

/* Where something was lost. */
struct place {
	const struct spool_loss *loss;
	size_t index; /* of the call before it among its side's */
	int64_t call_id; /* the same in the trace; 0: none, or not written yet */
};

struct load {
	const struct load_options *options;
	struct spool_side sides[3]; /* by CAPTURE_SIDE_* */
	struct trace *trace;
	uint32_t *guest_of; /* for each of the host's calls: index of the guest's, or MATCH_NONE */
	struct lonely *lonely; /* sorted by time */
	size_t n_lonely;
	bool filtered; /* the host kept only some calls: of the guest's only those belong here */
	size_t n_filtered; /* calls of the guest that were left out for it */
	struct place *places[3]; /* of the sides' losses, by index */
	struct match_counts counts;
	uint32_t process; /* of the host: the guest's virtual machine */
	struct clock clock;
	bool has_clock;
	struct capture_call *record; /* CAPTURE_RECORD_MAX bytes each */
	struct capture_call *guest_record;
	void *buffer;
	struct load_call *call;
	int64_t next_id;
	uint64_t done; /* for the progress line */
	uint64_t shown;
	char **ret_message;
};

static int fail(struct load *load, int errno_, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Says what went wrong, unless that has been said. */
static int fail(struct load *load, int errno_, const char *format, ...)
{
	va_list args;

	if (*load->ret_message)
		return errno_;
	va_start(args, format);
	if (vasprintf(load->ret_message, format, args) < 0)
		*load->ret_message = NULL;
	va_end(args);
	return errno_;
}

static int trace_failed(struct load *load, int rc)
{
	return rc ? fail(load, rc, "cannot write the trace: %s", trace_error(load->trace)) : 0;
}

static void count_bytes(void *user, uint64_t bytes)
{
	struct load *load = user;

	load->done += bytes;
	if (!load->options->progress || load->done - load->shown < PROGRESS_STEP)
		return;
	load->shown = load->done;
	fprintf(stderr, "\r\033[Ksftrace: reading what was recorded, %" PRIu64 " MiB",
		load->done >> 20);
}

static void show_calls(struct load *load)
{
	if (load->options->progress && load->next_id % 16384 == 0)
		fprintf(stderr, "\r\033[Ksftrace: writing the trace, %" PRId64 " of %zu calls",
			load->next_id, load->sides[CAPTURE_SIDE_HOST].calls.n + load->n_lonely);
}

static void show_end(struct load *load)
{
	if (load->options->progress)
		fprintf(stderr, "\r\033[K");
}

static int read_record(struct load *load, const struct spool_side *side,
		       const struct spool_place *place, struct capture_call *ret)
{
	int rc = spool_read(side, place, &ret->h);

	return rc ? fail(load, rc, "cannot read a spool file again: %s", strerror(-rc)) : 0;
}

/* Matching. */

struct match_side {
	struct match_call *calls;
	uint32_t *index; /* of each among the side's calls and control events */
	size_t n;
};

/* Clients that come and go are the host's to tell of, unless it was not recorded. */
static bool is_to_match(const struct load *load)
{
	return load->record->h.kind == CAPTURE_CALL || !load->sides[CAPTURE_SIDE_HOST].n_files;
}

static int match_side_init(struct load *load, enum capture_side which, struct match_side *ret)
{
	const struct spool_side *side = &load->sides[which];
	int rc = 0;

	ret->calls = calloc(side->calls.n + 1, sizeof(*ret->calls));
	ret->index = calloc(side->calls.n + 1, sizeof(*ret->index));
	if (!ret->calls || !ret->index)
		return -ENOMEM;
	for (size_t i = 0; !rc && i < side->calls.n; i++) {
		rc = read_record(load, side, &side->calls.places[i], load->record);
		if (rc || !is_to_match(load))
			continue;
		load_match_key(side, load->record, which, load->buffer, &ret->calls[ret->n]);
		ret->index[ret->n++] = (uint32_t)i;
	}
	return rc;
}

static void match_side_free(struct match_side *side)
{
	free(side->calls);
	free(side->index);
}

static size_t make_pairs(const struct match_side *guest, const struct match_side *host,
			 const uint32_t *guest_of, struct clock_pair *pairs)
{
	size_t n = 0;

	for (size_t i = 0; i < host->n; i++) {
		const struct match_call *g, *h = &host->calls[i];

		if (guest_of[i] == MATCH_NONE)
			continue;
		g = &guest->calls[guest_of[i]];
		if (g->exit_ns && h->exit_ns)
			pairs[n++] = (struct clock_pair){g->enter_ns, g->exit_ns, h->enter_ns,
							 h->exit_ns};
	}
	return n;
}

/* Fits the clock; pairs that it disproves are matched again, and it is fitted once more. */
static int align_clock(struct load *load, const struct match_side *guest,
		       const struct match_side *host, uint32_t *guest_of)
{
	struct clock_pair *pairs = calloc(host->n + 1, sizeof(*pairs));
	long repaired;
	int rc;

	if (!pairs)
		return -ENOMEM;
	rc = clock_fit(pairs, make_pairs(guest, host, guest_of, pairs), &load->clock);
	if (!rc) {
		load->has_clock = true;
		repaired = match_repair(guest->calls, guest->n, host->calls, host->n, &load->clock,
					guest_of, &load->counts);
		if (repaired > 0)
			rc = clock_fit(pairs, make_pairs(guest, host, guest_of, pairs),
				       &load->clock);
		else
			rc = (int)repaired;
	}
	free(pairs);
	return rc == -ENODATA ? 0 : rc;
}

static bool is_filtered(const struct spool_side *host)
{
	for (size_t i = 0; i < host->n_notes; i++)
		if (host->notes[i].key && !strcmp(host->notes[i].key, "filter"))
			return true;
	return false;
}

static int by_key(const void *a, const void *b)
{
	const struct match_call *left = a, *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return (left->path > right->path) - (left->path < right->path);
}

/*
 * What a filter on the host dropped is no part of the order either: only guest
 * calls that look like one that the host kept are left.
 */
static int filter_guest(struct match_side *guest, const struct match_side *host)
{
	struct match_call *kept = calloc(host->n + 1, sizeof(*kept));
	size_t n = 0;

	if (!kept)
		return -ENOMEM;
	memcpy(kept, host->calls, host->n * sizeof(*kept));
	qsort(kept, host->n, sizeof(*kept), by_key);
	for (size_t i = 0; i < guest->n; i++) {
		if (!bsearch(&guest->calls[i], kept, host->n, sizeof(*kept), by_key))
			continue;
		guest->calls[n] = guest->calls[i];
		guest->index[n++] = guest->index[i];
	}
	guest->n = n;
	free(kept);
	return 0;
}

/* Keeps the result in terms of the index; what the host did not see becomes lonely. */
static int keep_matches(struct load *load, const struct match_side *guest,
			const struct match_side *host, const uint32_t *guest_of)
{
	const struct spool_places *guest_calls = &load->sides[CAPTURE_SIDE_GUEST].calls;
	bool *seen = calloc(guest_calls->n + 1, sizeof(*seen));

	load->lonely = calloc(guest_calls->n + 1, sizeof(*load->lonely));
	if (!seen || !load->lonely) {
		free(seen);
		return -ENOMEM;
	}
	for (size_t i = 0; i < host->n; i++) {
		if (guest_of[i] == MATCH_NONE)
			continue;
		load->guest_of[host->index[i]] = guest->index[guest_of[i]];
		seen[guest->index[guest_of[i]]] = true;
	}
	for (size_t i = 0; !load->filtered && i < guest->n; i++)
		if (!seen[guest->index[i]])
			load->lonely[load->n_lonely++] = (struct lonely){
				guest->calls[i].enter_ns,
				guest->index[i],
			};
	free(seen);
	return 0;
}

static int by_mapped_time(const void *a, const void *b)
{
	const struct lonely *left = a, *right = b;

	if (left->mapped_ns != right->mapped_ns)
		return left->mapped_ns < right->mapped_ns ? -1 : 1;
	return left->guest < right->guest ? -1 : 1;
}

static const struct clock *guest_clock(const struct load *load)
{
	return load->has_clock ? &load->clock : NULL;
}

/* Without a matched call the time of day has to do. */
static void use_wall_clock(struct load *load)
{
	const struct spool_side *guest = &load->sides[CAPTURE_SIDE_GUEST];
	const struct spool_side *host = &load->sides[CAPTURE_SIDE_HOST];
	int64_t limit = INT64_MAX / 8;
	int64_t offset = (int64_t)((uint64_t)guest->realtime_ns - (uint64_t)host->realtime_ns);

	if (!guest->n_files || !host->n_files || load->has_clock || offset > limit ||
	    offset < -limit)
		return;
	load->clock.n_pieces = 1;
	load->clock.pieces[0] = (struct trace_clock){
		.side = TRACE_SIDE_GUEST,
		.offset_ns = offset,
		.error_ns = 1000000000,
	};
	load->has_clock = true;
}

static void sort_lonely(struct load *load)
{
	for (size_t i = 0; i < load->n_lonely; i++)
		if (load->has_clock)
			load->lonely[i].mapped_ns =
				clock_map(&load->clock, load->lonely[i].mapped_ns);
	qsort(load->lonely, load->n_lonely, sizeof(*load->lonely), by_mapped_time);
}

/* Of a host with several virtual machines, the calls of the one that the guest is. */
static int choose_process(struct load *load, const struct match_side *guest,
			  struct match_side *host)
{
	size_t kept = 0;
	int rc = match_process(guest->calls, guest->n, host->calls, host->n, &load->process);

	for (size_t i = 0; !rc && i < host->n; i++) {
		if (host->calls[i].process != load->process)
			continue;
		host->calls[kept] = host->calls[i];
		host->index[kept++] = host->index[i];
	}
	host->n = kept;
	return rc;
}

static int match_sides(struct load *load, struct match_side *guest, struct match_side *host)
{
	uint32_t *guest_of = NULL;
	int rc = match_side_init(load, CAPTURE_SIDE_GUEST, guest);
	size_t n_guest = guest->n;

	load->filtered = is_filtered(&load->sides[CAPTURE_SIDE_HOST]);
	if (!rc)
		rc = match_side_init(load, CAPTURE_SIDE_HOST, host);
	if (!rc && load->filtered)
		rc = filter_guest(guest, host);
	if (!rc)
		rc = choose_process(load, guest, host);
	if (!rc) {
		guest_of = calloc(host->n + 1, sizeof(*guest_of));
		rc = guest_of ? match_calls(guest->calls, guest->n, host->calls, host->n, guest_of,
					    &load->counts)
			      : -ENOMEM;
	}
	if (!rc)
		rc = align_clock(load, guest, host, guest_of);
	if (!rc)
		rc = keep_matches(load, guest, host, guest_of);
	if (!rc && load->filtered)
		load->n_filtered = n_guest - load->counts.matched;
	free(guest_of);
	return rc;
}

static int match(struct load *load)
{
	struct match_side guest = {0}, host = {0};
	int rc;

	if (!load->sides[CAPTURE_SIDE_GUEST].n_files)
		return 0;
	rc = match_sides(load, &guest, &host);
	if (!rc) {
		use_wall_clock(load);
		sort_lonely(load);
	}
	match_side_free(&guest);
	match_side_free(&host);
	return rc;
}

/* Losses. */

static int by_index(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	return (left->index > right->index) - (left->index < right->index);
}

static int find_places(struct load *load, enum capture_side which)
{
	const struct spool_side *side = &load->sides[which];
	struct place *places = calloc(side->n_losses + 1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < side->n_losses; i++)
		places[i] = (struct place){
			.loss = &side->losses[i],
			.index = spool_loss_after(side, &side->losses[i]),
		};
	qsort(places, side->n_losses, sizeof(*places), by_index);
	load->places[which] = places;
	return 0;
}

/* A call has got its id: what was lost after it now has a place. */
static void note_places(struct load *load, enum capture_side which, size_t index)
{
	struct place *places = load->places[which];
	size_t low = 0, high = load->sides[which].n_losses;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < load->sides[which].n_losses && places[low].index == index; low++)
		places[low].call_id = load->next_id;
}

/* Writing. */

static int add_call(struct load *load)
{
	load->call->call.call_id = ++load->next_id;
	load_call_name_hops(load->call);
	show_calls(load);
	return trace_failed(load, trace_add_call(load->trace, &load->call->call, load->call->spans,
						 load->call->n_spans));
}

static int write_guest_call(struct load *load, uint32_t index)
{
	const struct spool_side *side = &load->sides[CAPTURE_SIDE_GUEST];
	int rc = read_record(load, side, &side->calls.places[index], load->guest_record);

	if (rc)
		return rc;
	load_call_begin(load->call, load->guest_record, CAPTURE_SIDE_GUEST, guest_clock(load));
	load->call->call.process = load->process;
	rc = load_payload(load->trace, side, load->guest_record, load->call);
	if (rc)
		return fail(load, rc, "cannot store payload: %s", strerror(-rc));
	rc = add_call(load);
	note_places(load, CAPTURE_SIDE_GUEST, index);
	return rc;
}

static int write_host_call(struct load *load, size_t index)
{
	const struct spool_side *side = &load->sides[CAPTURE_SIDE_HOST];
	const struct spool_side *guest = &load->sides[CAPTURE_SIDE_GUEST];
	uint32_t match = load->guest_of[index];
	int rc = 0;

	load_call_begin(load->call, load->record, CAPTURE_SIDE_HOST, NULL);
	if (match != MATCH_NONE) {
		rc = read_record(load, guest, &guest->calls.places[match], load->guest_record);
		if (!rc)
			load_call_join(load->call, load->guest_record, guest_clock(load));
	}
	if (rc)
		return rc;
	rc = load_payload(load->trace, side, load->record, load->call);
	if (rc)
		return fail(load, rc, "cannot store payload: %s", strerror(-rc));
	rc = add_call(load);
	note_places(load, CAPTURE_SIDE_HOST, index);
	if (match != MATCH_NONE)
		note_places(load, CAPTURE_SIDE_GUEST, match);
	return rc;
}

/* Events of the host in its order, the guest's own where they fall in time. */
static int write_calls(struct load *load)
{
	const struct spool_side *host = &load->sides[CAPTURE_SIDE_HOST];
	size_t lonely = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < host->calls.n; i++) {
		rc = read_record(load, host, &host->calls.places[i], load->record);
		while (!rc && lonely < load->n_lonely &&
		       load->lonely[lonely].mapped_ns < (int64_t)load->record->enter_ns)
			rc = write_guest_call(load, load->lonely[lonely++].guest);
		if (!rc)
			rc = write_host_call(load, i);
	}
	while (!rc && lonely < load->n_lonely)
		rc = write_guest_call(load, load->lonely[lonely++].guest);
	return rc;
}

static int write_op(struct load *load, const struct capture_op *record)
{
	const struct clock *clock = guest_clock(load);
	char name[LOAD_NAME_SIZE], path[OP_PATH_SIZE];
	int64_t start = (int64_t)record->enter_ns, end = (int64_t)record->exit_ns;
	struct trace_op op = {
		.op_id = (int64_t)record->h.id,
		.name = load_hop_name((uint16_t)record->hop, name),
		.start_ns = clock ? clock_map(clock, start) : start,
		.ret = record->ret,
		.pid = record->pid,
		.tid = record->tid,
		.comm = record->comm,
		.n_calls = record->n_calls,
		.path = op_path(record, path),
	};

	if (end)
		op.end_ns = clock ? clock_map(clock, end) : end;
	if (end && op.end_ns < op.start_ns)
		op.end_ns = op.start_ns;
	return trace_failed(load, trace_add_op(load->trace, &op));
}

static int write_ops(struct load *load)
{
	const struct spool_side *guest = &load->sides[CAPTURE_SIDE_GUEST];
	int rc = 0;

	for (size_t i = 0; !rc && i < guest->ops.n; i++) {
		rc = read_record(load, guest, &guest->ops.places[i], load->record);
		if (!rc)
			rc = write_op(load, (const struct capture_op *)load->record);
	}
	return rc;
}

static const char *const loss_reasons[CAPTURE_LOSS_REASONS] = {
	[CAPTURE_LOSS_RING_FULL] = "ring full",
	[CAPTURE_LOSS_STATE_FULL] = "too many calls in flight",
	[CAPTURE_LOSS_SPANS_FULL] = "too many spans",
	[CAPTURE_LOSS_UNREADABLE] = "memory unreadable",
	[CAPTURE_LOSS_EXIT_MISSED] = "exit missed",
	[CAPTURE_LOSS_CUT_SHORT] = "cut short",
	[CAPTURE_LOSS_LINE_CUT] = "line cut",
};

static int write_loss(struct load *load, enum trace_side side, const struct place *place)
{
	const struct spool_loss *loss = place->loss;
	const char *reason = loss_reasons[loss->reason];
	char name[LOAD_NAME_SIZE];

	return trace_add_loss_after(
		load->trace, side, loss->hop ? load_hop_name(loss->hop, name) : NULL,
		reason ? reason : "unknown", loss->n > LOSS_MAX ? LOSS_MAX : (int64_t)loss->n,
		place->call_id);
}

static int write_losses(struct load *load, enum capture_side which)
{
	const struct spool_side *side = &load->sides[which];
	enum trace_side trace_side =
		which == CAPTURE_SIDE_GUEST ? TRACE_SIDE_GUEST : TRACE_SIDE_HOST;
	int rc = 0;

	for (size_t i = 0; !rc && i < side->n_losses; i++)
		rc = write_loss(load, trace_side, &load->places[which][i]);
	if (!rc && side->cut_short)
		rc = trace_add_loss_after(load->trace, trace_side, NULL,
					  loss_reasons[CAPTURE_LOSS_CUT_SHORT], 1, load->next_id);
	if (!rc)
		rc = trace_add_loss(load->trace, trace_side, NULL, "recorded twice",
				    (int64_t)side->duplicates);
	return trace_failed(load, rc);
}

/* Keys that the library keeps itself. */
static bool is_reserved(const char *key)
{
	return !strcmp(key, "state") || !strcmp(key, "incomplete_because") ||
	       !strcmp(key, "payload_bytes") || !strcmp(key, "first_ns") ||
	       !strcmp(key, "last_ns") || !strncmp(key, "match.", 6);
}

/* A guest is not trusted to speak for others: its notes are all under "guest.". */
static int write_note(struct load *load, enum capture_side which, const struct spool_note *note)
{
	bool prefixed = !strncmp(note->key, "guest.", 6) || !strncmp(note->key, "agent.", 6);
	char *key = NULL;
	int rc;

	if (is_reserved(note->key))
		return 0;
	if (which == CAPTURE_SIDE_HOST || prefixed)
		return trace_failed(load, trace_set_meta(load->trace, note->key, note->value));
	if (asprintf(&key, "guest.%s", note->key) < 0)
		return -ENOMEM;
	rc = trace_failed(load, trace_set_meta(load->trace, key, note->value));
	free(key);
	return rc;
}

static int write_number(struct load *load, const char *key, int64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return trace_failed(load, trace_set_meta(load->trace, key, text));
}

static int write_notes(struct load *load, enum capture_side which)
{
	const struct spool_side *side = &load->sides[which];
	const char *key = which == CAPTURE_SIDE_GUEST ? "guest.realtime_offset_ns"
						      : "host.realtime_offset_ns";
	int rc = 0;

	for (size_t i = 0; !rc && i < side->n_notes; i++)
		rc = side->notes[i].key && side->notes[i].value
			     ? write_note(load, which, &side->notes[i])
			     : -ENOMEM;
	if (!rc && side->n_files)
		rc = write_number(load, key, side->realtime_ns);
	return rc;
}

static int write_match(struct load *load)
{
	int rc = 0;

	for (size_t i = 0; !rc && load->has_clock && i < load->clock.n_pieces; i++)
		rc = trace_failed(load, trace_set_clock(load->trace, &load->clock.pieces[i]));
	if (!rc && load->sides[CAPTURE_SIDE_GUEST].n_files &&
	    load->sides[CAPTURE_SIDE_HOST].n_files) {
		rc = write_number(load, "match.calls", (int64_t)load->counts.matched);
		if (!rc)
			rc = write_number(load, "match.ambiguous", (int64_t)load->counts.ambiguous);
		if (!rc && load->filtered)
			rc = write_number(load, "match.filtered", (int64_t)load->n_filtered);
	}
	return rc;
}

static const char *why_incomplete(const struct load *load)
{
	if (load->options->incomplete_because)
		return load->options->incomplete_because;
	if (load->sides[CAPTURE_SIDE_HOST].cut_short)
		return load->sides[CAPTURE_SIDE_HOST].cut_why;
	if (load->sides[CAPTURE_SIDE_GUEST].cut_short)
		return load->sides[CAPTURE_SIDE_GUEST].cut_why;
	return NULL;
}

static int write_all(struct load *load)
{
	int rc = 0;

	for (int side = CAPTURE_SIDE_GUEST; !rc && side <= CAPTURE_SIDE_HOST; side++)
		rc = write_notes(load, (enum capture_side)side);
	if (!rc)
		rc = write_calls(load);
	if (!rc)
		rc = write_ops(load);
	for (int side = CAPTURE_SIDE_GUEST; !rc && side <= CAPTURE_SIDE_HOST; side++)
		rc = write_losses(load, (enum capture_side)side);
	if (!rc)
		rc = write_match(load);
	return rc ? rc : trace_failed(load, trace_finish(load->trace, why_incomplete(load)));
}

static int index_spools(struct load *load, const char *const spools[], size_t n_spools)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < n_spools; i++)
		rc = spool_index_add(load->sides, spools[i], count_bytes, load, load->ret_message);
	for (int side = CAPTURE_SIDE_GUEST; !rc && side <= CAPTURE_SIDE_HOST; side++) {
		rc = spool_index_finish(&load->sides[side]);
		if (!rc)
			rc = find_places(load, (enum capture_side)side);
	}
	return rc;
}

static int make_room(struct load *load)
{
	size_t n_host = load->sides[CAPTURE_SIDE_HOST].calls.n;

	load->guest_of = malloc((n_host + 1) * sizeof(*load->guest_of));
	load->record = malloc(CAPTURE_RECORD_MAX);
	load->guest_record = malloc(CAPTURE_RECORD_MAX);
	load->buffer = malloc(CAPTURE_RECORD_MAX);
	load->call = malloc(sizeof(*load->call));
	if (!load->guest_of || !load->record || !load->guest_record || !load->buffer || !load->call)
		return -ENOMEM;
	memset(load->guest_of, 0xff, (n_host + 1) * sizeof(*load->guest_of));
	return 0;
}

static void load_free(struct load *load)
{
	spool_side_free(&load->sides[CAPTURE_SIDE_GUEST]);
	spool_side_free(&load->sides[CAPTURE_SIDE_HOST]);
	trace_close(load->trace);
	free(load->places[CAPTURE_SIDE_GUEST]);
	free(load->places[CAPTURE_SIDE_HOST]);
	free(load->guest_of);
	free(load->lonely);
	free(load->record);
	free(load->guest_record);
	free(load->buffer);
	free(load->call);
}

int load_spools(const char *const spools[], size_t n_spools, const char *trace_file,
		const struct load_options *options, char **ret_message)
{
	struct load load = {.options = options, .ret_message = ret_message};
	int rc;

	*ret_message = NULL;
	rc = index_spools(&load, spools, n_spools);
	if (!rc)
		rc = make_room(&load);
	if (!rc)
		rc = trace_create(trace_file, &load.trace, ret_message);
	if (!rc)
		rc = match(&load);
	if (!rc)
		rc = write_all(&load);
	show_end(&load);
	if (rc)
		fail(&load, rc, "cannot load what was recorded: %s", strerror(-rc));
	load_free(&load);
	return rc;
}
