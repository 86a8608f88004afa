/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives a replay: the second pass over the trace, with a service behind it. */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "asked.h"
#include "feed.h"
#include "host_call.h"
#include "inherit.h"
#include "instance.h"
#include "parms.h"
#include "peer.h"
#include "sandbox.h"
#include "scratch.h"
#include "taint.h"
#include "verbs.h"

#define REPLAY_WAITS 100 /* for calls that another thread of the service may end */
#define REPLAY_WAIT_US 10000

/* A call that the service has taken and not ended. */
struct replay_parked {
	struct replay_parked *next;
	struct replay_call *call;
	atomic_bool ended; /* then call->status is valid */
};

struct replay {
	struct trace *trace;
	const struct replay_options *options;
	struct replay_result *result;
	struct scratch scratch;
	struct image_result image;
	struct instance *instances;
	struct instance *instance; /* of the process that made the current event */
	struct live live;
	struct taint taint;
	struct pace pace;
	struct host_led led;
	struct feed *feed;
	struct replay_call *call; /* the one that is being made, the feed's */
	struct replay_parked *parked;
	struct replay_parked *spare; /* for the next call that may wait */
	struct replay_lent lent; /* for what calls write */
	char *message; /* why it cannot go on */
	int error;
};

static int replay_fail(struct replay *replay, int error, const char *what)
{
	if (!replay->message && asprintf(&replay->message, "%s: %s", what, strerror(-error)) < 0)
		replay->message = NULL;
	return error;
}

/* The trace library knows what is wrong with the file. */
static int replay_damaged(struct replay *replay, int error)
{
	if (!replay->message)
		replay->message = strdup(trace_error(replay->trace));
	return error;
}

/* Counts what was found out about a call and passes it on. */
static void replay_found(struct replay *replay, const struct trace_call *event,
			 struct replay_finding *finding)
{
	struct replay_result *result = replay->result;

	finding->call_id = event->call_id;
	result->n[finding->verdict]++;
	if (finding->verdict == REPLAY_SAME)
		return;
	if (finding->verdict == REPLAY_DIVERGED && result->n[REPLAY_DIVERGED] == 1)
		result->first = *finding;
	if (finding->verdict != REPLAY_DIVERGED && !result->first_left_out.verdict)
		result->first_left_out = *finding;
	if (finding->verdict != REPLAY_DIVERGED) {
		replay->live.gaps = true;
		taint_not_made(&replay->taint, replay->trace, event);
	}
	if (finding->verdict != REPLAY_DIVERGED && replay->options->peer &&
	    replay->options->peer->sends && !replay->error)
		replay->error = peer_send_left_out(replay->options->peer, event->call_id);
	if (replay->options->report)
		replay->options->report(replay->options->user, event, finding);
}

static void replay_left_out(struct replay *replay, const struct trace_call *event,
			    enum replay_verdict verdict, const char *what)
{
	struct replay_finding finding;

	replay_finding_init(&finding, verdict);
	snprintf(finding.what, sizeof(finding.what), "%s", what);
	replay_found(replay, event, &finding);
}

/* listing_source.more: the same handle once more, without a pattern or a restart. */
static int replay_list_more(void *user, void *buffer, uint32_t size, bool *ret_ended)
{
	struct replay *replay = user;
	const struct replay_call *call = replay->call;
	VBOXHGCMSVCPARM parms[SHFL_MAX_PARMS];
	const struct replay_client *client = live_client_of(&replay->live, &call->event);
	int32_t status;

	memcpy(parms, call->parms, sizeof(parms));
	parms[2].u.uint32 = SHFL_LIST_NONE;
	parms[3].u.uint32 = size;
	parms[5].u.pointer.size = size;
	parms[5].u.pointer.addr = buffer;
	parms[6].u.uint32 = 0;
	parms[7].u.uint32 = 0;
	status = hgcm_call(replay->live.service, client->live, SHFL_FN_LIST, SHFL_MAX_PARMS, parms,
			   HGCM_WAIT_NEVER, NULL, NULL);
	if (VBOX_FAILURE(status) && status != VERR_NO_MORE_FILES)
		return -EIO;
	*ret_ended = parms[6].u.uint32 == 0;
	return (int)(parms[3].u.uint32 < size ? parms[3].u.uint32 : size);
}

/* What there is to compare of a call; *uncompared: some of it is not as it was. */
static unsigned replay_comparable(const struct replay *replay, const struct replay_call *call,
				  bool *uncompared)
{
	unsigned what = taint_compare(&replay->taint, call, replay->options->compare);

	*uncompared = what != replay->options->compare;
	return what;
}

/* What a call that was made means for those after it. */
static void replay_taint(struct replay *replay, const struct replay_call *call)
{
	if (call->filled) {
		replay->result->filled++;
		taint_filled(&replay->taint, &call->event);
	}
	taint_made(&replay->taint, call);
}

/* Compares with what was recorded, or with what "expected" has of it. */
static void replay_compare(struct replay *replay, const struct compare_options *options,
			   const struct replay_call *call, struct replay_finding *finding,
			   bool *uncompared)
{
	struct listing_source more = {replay_list_more, replay};
	struct live_handle *handle = NULL;

	if (call->event.kind == TRACE_CALL)
		handle = live_handle_of(&replay->live, call);
	if (handle && (replay->options->compare & ~options->what & COMPARE_LISTINGS))
		handle->listing.unknown = true; /* for its later parts, too */
	if (!compare_call(options, call, handle ? &handle->listing : NULL, &more, finding,
			  uncompared) &&
	    call->unknown_handle && call->event.kind == TRACE_CALL) {
		snprintf(finding->what, sizeof(finding->what),
			 "status, on a handle that the trace did not open");
		replay->result->unknown_handles++;
	}
}

/* Both replays lack the same: there is nothing that cannot be compared. */
static void replay_compare_peer(struct replay *replay, const struct replay_call *call,
				struct replay_finding *finding)
{
	const struct compare_options options = {.what = replay->options->compare};
	struct replay_call expected;
	struct peer_answer *answer = NULL;
	bool uncompared;
	int ret = replay->options->peer->sends
			  ? peer_send(replay->options->peer, call)
			  : peer_ask(replay->options->peer, call, &expected, &answer);

	if (ret < 0)
		replay->error = ret;
	if (ret == -EPIPE)
		compare_differs(finding, "call", "no answer", "an answer");
	else if (answer && ret == 1)
		replay_compare(replay, &options, &expected, finding, &uncompared);
	else if (answer)
		compare_differs(finding, "call", "not made", "made");
	peer_done(answer);
}

static void replay_compare_recording(struct replay *replay, const struct replay_call *call,
				     struct replay_finding *finding)
{
	bool uncompared;
	const struct compare_options options = {
		.what = replay_comparable(replay, call, &uncompared),
		.ignore_versions = replay->image.n_inherited > 0,
	};

	replay_compare(replay, &options, call, finding, &uncompared);
	replay->result->uncompared += uncompared;
}

/* Success that was none is told, whether it is as it was or not. */
static void replay_note_asked(struct replay *replay, const struct replay_call *call)
{
	struct replay_result *result = replay->result;
	struct replay_finding finding;

	if (asked_is_given(call, &finding))
		return;
	finding.verdict = REPLAY_SAME;
	finding.call_id = call->event.call_id;
	if (result->ignored++ == 0)
		result->first_ignored = finding;
}

/* A call has ended on both sides: compares, and learns what it opened. */
static void replay_ended(struct replay *replay, const struct replay_call *call)
{
	struct replay_finding finding;

	replay_finding_init(&finding, REPLAY_SAME);
	if (replay->options->peer)
		replay_compare_peer(replay, call, &finding);
	else
		replay_compare_recording(replay, call, &finding);
	replay_note_asked(replay, call);
	replay_found(replay, &call->event, &finding);
	replay_taint(replay, call);
	if (call->event.kind == TRACE_CALL && live_learn(&replay->live, call) < 0)
		replay->error = -ENOMEM;
}

/* hgcm_done of parked calls; any thread. */
static void replay_wake(void *user, int32_t status)
{
	struct replay_parked *parked = user;

	parked->call->status = status;
	atomic_store(&parked->ended, true);
}

static void replay_parked_free(struct replay_parked *parked)
{
	feed_free(parked->call);
	free(parked);
}

/* Finishes the parked calls that have ended meanwhile. */
static void replay_collect(struct replay *replay)
{
	struct replay_parked **link = &replay->parked;

	while (*link) {
		struct replay_parked *parked = *link;

		if (!atomic_load(&parked->ended)) {
			link = &parked->next;
			continue;
		}
		*link = parked->next;
		replay_ended(replay, parked->call);
		replay_parked_free(parked);
	}
}

/* The call waits: keeps all of it. */
static int replay_park(struct replay *replay, struct replay_parked *parked)
{
	struct replay_parked **link = &replay->parked;

	if (feed_keep(replay->feed) < 0)
		return replay_fail(replay, -ENOMEM, "a call that waits");
	while (*link)
		link = &(*link)->next;
	*link = parked;
	replay->spare = NULL;
	return 0;
}

/*
 * Whether the recorded host did not wait for the call's end, as one that has to get on with
 * it: nothing else ends a LOCK that waits so, or a wait for changes without any.
 */
static bool replay_was_cancelled(const struct trace_call *event)
{
	if (event->fn == SHFL_FN_LOCK)
		return event->status == VERR_FILE_LOCK_VIOLATION;
	return event->fn == SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES && event->status == VERR_CANCELLED &&
	       event->parms[0].in == event->parms[0].out;
}

/* Makes a guest's call that is ready. */
static int replay_call_service(struct replay *replay, const struct replay_client *client)
{
	struct replay_call *call = replay->call;
	struct replay_parked *parked = replay->spare ? replay->spare : calloc(1, sizeof(*parked));
	int ret;

	if (!parked)
		return -ENOMEM;
	parked->call = call;
	replay->spare = parked;
	replay->result->calls++;
	if (parms_lend(call, &replay->lent) < 0)
		return replay_fail(replay, -ENOMEM, "memory for what a call gives");
	call->status = hgcm_call(replay->live.service, client->live, call->event.fn, call->n_parms,
				 call->parms, HGCM_WAIT_LATER, replay_wake, parked);
	if (call->status != VINF_HGCM_ASYNC_EXECUTE) {
		replay_ended(replay, call);
		parms_take_back(call, &replay->lent);
		return 0;
	}
	ret = replay_park(replay, parked);
	if (!ret && replay_was_cancelled(&call->event))
		hgcm_cancel(replay->live.service, parked);
	return ret;
}

/* Payload whose bytes are not those that were recorded is a difference by itself. */
static int replay_load(struct replay *replay, bool *ret_ready)
{
	struct replay_finding finding;
	int ret = replay->call->load_error;

	*ret_ready = ret == 0;
	if (ret != -EBADMSG && ret != -EUCLEAN && ret != -ENOENT)
		return ret < 0 ? replay_fail(replay, ret, "cannot read payload") : 0;
	replay_finding_init(&finding, REPLAY_DIVERGED);
	snprintf(finding.what, sizeof(finding.what), "payload of parameter %u",
		 replay->call->load_parm);
	snprintf(finding.expected, sizeof(finding.expected), "the bytes that were recorded");
	snprintf(finding.got, sizeof(finding.got), "%s",
		 ret == -ENOENT ? "none" : "others: the checksum does not match");
	replay_found(replay, &replay->call->event, &finding);
	return 0;
}

/* Looks at what the feed could make of the current event; *ret_ready: it can be made. */
static int replay_prepare(struct replay *replay, bool *ret_ready)
{
	struct replay_call *call = replay->call;
	const char *missing = call->missing;
	int ret = replay_load(replay, ret_ready);

	if (ret < 0 || !*ret_ready)
		return ret;
	if (!missing && call->event.kind == TRACE_HOST_CALL)
		missing = host_call_confine(call, &replay->scratch, &replay->led);
	*ret_ready = !missing;
	if (missing)
		replay_left_out(replay, &call->event, REPLAY_UNPLAYABLE, missing);
	return 0;
}

static int replay_guest_call(struct replay *replay)
{
	struct replay_call *call = replay->call;
	const struct replay_client *client = live_client_of(&replay->live, &call->event);
	struct replay_finding finding;
	bool ready;
	int ret;

	replay_finding_init(&finding, REPLAY_SAME);
	if (!client)
		client = inherit_client(&replay->live, &replay->image, &call->event);
	if (!client) {
		snprintf(finding.what, sizeof(finding.what), "client %" PRIu32, call->event.client);
		replay_left_out(replay, &call->event, REPLAY_INHERITED, finding.what);
		return 0;
	}
	call->utf16 = !client->utf8;
	ret = replay_prepare(replay, &ready);
	if (ret < 0 || !ready)
		return ret;
	if (!live_map(&replay->live, call, &finding)) {
		replay_found(replay, &call->event, &finding);
		return 0;
	}
	return replay_call_service(replay, client);
}

static int replay_host_call(struct replay *replay)
{
	struct replay_call *call = replay->call;
	bool ready;
	int ret;

	call->utf16 = true;
	ret = replay_prepare(replay, &ready);
	if (ret < 0 || !ready)
		return ret;
	replay->result->control++;
	call->status =
		hgcm_host_call(replay->live.service, call->event.fn, call->n_parms, call->parms);
	replay_ended(replay, call);
	return 0;
}

static int replay_connect(struct replay *replay)
{
	struct replay_call *call = replay->call;
	int ret = live_connect(&replay->live, &call->event, &call->status);

	if (ret < 0)
		return replay_fail(replay, ret, "a client");
	replay->result->control++;
	replay_ended(replay, call);
	return 0;
}

static int replay_disconnect(struct replay *replay)
{
	struct replay_call *call = replay->call;
	char what[32];

	if (!live_client_of(&replay->live, &call->event)) {
		snprintf(what, sizeof(what), "client %" PRIu32, call->event.client);
		replay_left_out(replay, &call->event, REPLAY_INHERITED, what);
		return 0;
	}
	live_disconnect(&replay->live, &call->event, &call->status);
	replay->result->control++;
	replay_ended(replay, call);
	return 0;
}

/* The service of the process that an event belongs to is the one that calls go to. */
static int replay_enter(struct replay *replay, uint32_t process)
{
	struct instance *instance = replay->instance;
	int ret = 0;

	if (instance && instance->prepared && instance->process == process)
		return 0;
	ret = instance_get(&replay->instances, replay->options->service, process, &instance,
			   &replay->message);
	if (ret < 0)
		return ret;
	replay->instance = instance;
	replay->live.service = instance->service;
	if (!instance->prepared)
		ret = inherit_shares(instance->service, &replay->image, process, &replay->message);
	instance->prepared = true;
	return ret;
}

static int replay_event(struct replay *replay)
{
	const struct trace_call *event = &replay->call->event;
	int ret;

	if (replay->options->at)
		*replay->options->at = event->call_id;
	if (event->flags & TRACE_F_UNFINISHED) {
		replay_left_out(replay, event, REPLAY_UNFINISHED, "its end");
		return 0;
	}
	ret = replay_enter(replay, event->process);
	if (ret < 0)
		return ret;
	pace_wait(&replay->pace, event->start_ns);
	switch (event->kind) {
	case TRACE_CALL:
		ret = replay_guest_call(replay);
		break;
	case TRACE_HOST_CALL:
		ret = replay_host_call(replay);
		break;
	case TRACE_CONNECT:
		ret = replay_connect(replay);
		break;
	case TRACE_DISCONNECT:
		ret = replay_disconnect(replay);
		break;
	}
	return ret < 0 ? ret : replay->error;
}

static bool replay_goes_on(const struct replay *replay)
{
	if (replay->result->n[REPLAY_DIVERGED] < REPLAY_MAX_DIVERGED)
		return true;
	replay->result->stopped = true;
	return false;
}

static int replay_events(struct replay *replay)
{
	int ret;

	while ((ret = feed_next(replay->feed, &replay->call)) == 1 && replay_goes_on(replay)) {
		ret = replay_event(replay);
		if (ret < 0)
			return ret;
		replay_collect(replay);
	}
	if (ret == -EUCLEAN && feed_error(replay->feed) && !replay->message)
		replay->message = strdup(feed_error(replay->feed));
	return ret < 0 ? replay_fail(replay, ret, "cannot read the trace") : 0;
}

/* Whether a call that waits here has not ended in the other replay, either. */
static bool replay_peer_waits(struct replay *replay, const struct replay_call *call)
{
	struct replay_call expected;
	struct peer_answer *answer = NULL;
	struct peer *peer = replay->options->peer;
	bool waits = peer && (peer->sends || peer_ask(peer, call, &expected, &answer) < 0);

	peer_done(answer);
	return waits;
}

/* What still waits although it had ended in the recording. */
static void replay_report_parked(struct replay *replay)
{
	for (int i = 0; i < REPLAY_WAITS && replay->parked; i++) {
		replay_collect(replay);
		if (replay->parked)
			usleep(REPLAY_WAIT_US);
	}
	for (struct replay_parked *parked = replay->parked; parked; parked = parked->next) {
		struct replay_finding finding = {0};

		if (replay_peer_waits(replay, parked->call))
			continue;
		compare_differs(&finding, "status", "", "it still waits");
		compare_status_text(parked->call->event.status, finding.expected);
		replay_found(replay, &parked->call->event, &finding);
	}
}

static int64_t replay_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int replay_limited(struct replay *replay, struct rlimit *before)
{
	int64_t more = replay->options->limits.descriptors;
	int ret = more ? limit_descriptors(more, before) : 0;

	if (ret < 0)
		return replay_fail(replay, ret, "cannot limit the descriptors");
	ret = replay_events(replay);
	if (more)
		limit_descriptors_end(before);
	return ret;
}

/* What the replay's own timing was like. */
static void replay_timing(struct replay *replay)
{
	const struct latency *late = &replay->pace.late;

	replay->result->late_p50_ns = latency_percentile(late, 50);
	replay->result->late_p99_ns = latency_percentile(late, 99);
	replay->result->late_max_ns = late->max_ns;
	pace_clear(&replay->pace);
}

static int replay_with_service(struct replay *replay)
{
	struct instance *first; /* whose it is the first event says */
	int ret = instance_get(&replay->instances, replay->options->service, 0, &first,
			       &replay->message);
	struct rlimit before;

	if (ret < 0)
		return ret;
	live_init(&replay->live, first->service);
	replay->live.gaps = trace_is_incomplete(replay->trace, NULL) != 0;
	pace_init(&replay->pace, &replay->options->pace);
	replay->result->duration_ns = -replay_clock_ns(CLOCK_MONOTONIC);
	replay->result->cpu_ns = -replay_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	ret = replay_limited(replay, &before);
	replay->result->duration_ns += replay_clock_ns(CLOCK_MONOTONIC);
	replay->result->cpu_ns += replay_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (!ret)
		replay_report_parked(replay);
	instances_unload(&replay->instances);
	while (replay->parked) { /* not before: until then the service may end them */
		struct replay_parked *next = replay->parked->next;

		replay_parked_free(replay->parked);
		replay->parked = next;
	}
	replay_timing(replay);
	free(replay->spare);
	parms_lent_clear(&replay->lent);
	live_clear(&replay->live);
	taint_clear(&replay->taint);
	return ret;
}

static int replay_confine(const struct replay *replay)
{
	const char *dirs[1 + REPLAY_MAX_ONTO] = {replay->scratch.path};

	for (size_t i = 0; i < replay->options->n_onto; i++)
		dirs[i + 1] = replay->options->onto[i].path;
	return sandbox_enter(dirs, replay->options->n_onto + 1);
}

/* A thread of its own, so that only it is confined and the rest can tidy up. */
static void *replay_thread(void *argument)
{
	struct replay *replay = argument;
	int confined = replay_confine(replay);
	mode_t before = umask(replay->image.umask);

	pthread_setname_np(pthread_self(), "sftrace-calls");
	/* A table of descriptors that no other thread uses costs less with each system call. */
	unshare(CLONE_FILES);
	replay->result->confined = confined == 0;
	replay->error = replay_with_service(replay);
	umask(before);
	return NULL;
}

static int replay_in_thread(struct replay *replay)
{
	pthread_t thread;
	int ret;

	ret = feed_start(replay->trace, replay->options->to, &replay->feed, &replay->message);
	if (ret < 0)
		return ret;
	ret = pthread_create(&thread, NULL, replay_thread, replay);
	if (ret)
		replay->error = replay_fail(replay, -ret, "cannot start a thread");
	else
		pthread_join(thread, NULL);
	replay->result->reader_cpu_ns = feed_stop(replay->feed);
	return replay->error;
}

static int replay_in_scratch(struct replay *replay)
{
	const struct image_options options = {.to = replay->options->to};
	int ret = image_rebuild(replay->trace, &options, &replay->scratch, &replay->image);

	if (ret == -EUCLEAN)
		return replay_damaged(replay, ret);
	if (ret < 0)
		return replay_fail(replay, ret, "cannot rebuild the state before the trace");
	replay->result->built = replay->image.built;
	replay->result->unbuilt = replay->image.unbuilt;
	replay->result->inherited_clients = (int64_t)replay->image.n_clients;
	replay->result->inherited_shares = (int64_t)replay->image.n_inherited;
	ret = replay_in_thread(replay);
	image_result_clear(&replay->image);
	return ret;
}

static int replay_leave_scratch(struct replay *replay, int ret)
{
	if (replay->options->keep) {
		replay->result->scratch = strdup(replay->scratch.path);
		return ret;
	}
	if (scratch_remove(&replay->scratch) < 0 && !ret)
		return replay_fail(replay, -EIO, "cannot remove the scratch directory");
	return ret;
}

/* The scratch directory may be given a small disk of its own. */
static int replay_on_disk(struct replay *replay)
{
	int64_t bytes = replay->options->limits.disk;
	int ret = bytes ? limit_disk(replay->scratch.path, bytes) : 0;

	if (ret < 0)
		return replay_fail(replay, ret, "cannot make a small disk");
	ret = replay_in_scratch(replay);
	if (bytes)
		limit_disk_end(replay->scratch.path);
	return ret;
}

int replay_run(struct trace *trace, const struct replay_options *options, struct replay_result *ret,
	       char **ret_message)
{
	struct replay replay = {.trace = trace, .options = options, .result = ret};
	int status = scratch_create(options->scratch, false, &replay.scratch);

	memset(ret, 0, sizeof(*ret));
	replay.scratch.onto = options->onto;
	replay.scratch.n_onto = options->n_onto;
	if (status < 0) {
		replay_fail(&replay, status, "cannot make a scratch directory");
	} else {
		status = replay_on_disk(&replay);
		status = replay_leave_scratch(&replay, status);
	}
	scratch_clear(&replay.scratch);
	*ret_message = replay.message;
	return status;
}

void replay_result_clear(struct replay_result *result)
{
	free(result->scratch);
	result->scratch = NULL;
}

int replay_exit_status(const struct replay_result *result, bool trace_incomplete)
{
	if (result->n[REPLAY_DIVERGED])
		return SFTRACE_DIFFERS;
	if (trace_incomplete || result->uncompared || result->filled ||
	    result->n[REPLAY_UNFINISHED] || result->n[REPLAY_INHERITED] ||
	    result->n[REPLAY_UNPLAYABLE])
		return SFTRACE_INCOMPLETE;
	return SFTRACE_OK;
}
