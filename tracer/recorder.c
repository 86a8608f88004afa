/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recording of the host's side: see recorder.h. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "flight.h"
#include "recorder.h"
#include "vbox_status.h"

#define CONSUME_PAUSE_NS 1000000 /* a wake-up for each record would cost the traced more */
#define FLUSH_EVERY_NS 50000000ull
#define SNAPSHOT_EVERY_NS 2000000000ull
#define CONSUMER_NICE (-5)

#define NOTES_MAX 24
#define DUE_PART 4 /* a dump waits for no more than this part of what is held */
#define LOAD_TRIES 50 /* a service that is being loaded is looked into so often */
#define DUMP_NUMBER_MAX 1000000

struct note {
	char *key, *value;
};

struct recorder {
	struct probe *probe;
	struct rings *rings;
	struct spool *spool; /* of a flight recorder: the dump that is being written, or NULL */
	struct recorder_flight options;
	struct flight *flight; /* NULL: everything is spooled */
	struct note notes[NOTES_MAX]; /* each dump begins with them */
	size_t n_notes;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_bool snapshot;
	atomic_bool dump;
	atomic_uint dumped; /* number of a dump that has not been loaded; 0: none */
	uint64_t loads; /* of the service that have been looked into */
	unsigned int tries; /* how often that is still to be done */
	bool waits_for_loads;
	const char *due; /* a dump is to be made, and why; NULL */
	uint64_t due_bytes; /* that came since */
	unsigned int number; /* of the dump that is being written */
	_Atomic uint64_t calls, bytes, lost, dropped;
	atomic_int spool_error;
	uint64_t in_flight; /* calls of the latest round of snapshots */
	uint64_t rounds; /* snapshots of all rounds */
	uint64_t snapshots; /* these, and calls whose thread died */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Why a record makes a flight recorder dump; NULL: it does not. */
static const char *dump_reason(const struct recorder *recorder, const struct capture_header *record)
{
	const struct capture_call *call = (const struct capture_call *)record;
	const struct recorder_flight *options = &recorder->options;

	if (record->kind != CAPTURE_CALL || !(record->flags & CAPTURE_F_ENDED))
		return NULL;
	if (options->on_failed && VBOX_FAILURE(call->status))
		return "a call failed";
	if (options->slower_ns && call->end_ns - call->enter_ns >= options->slower_ns)
		return "a call was slow";
	return NULL;
}

char *recorder_dump_name(const char *output, unsigned int number, const char *suffix)
{
	const char *slash = strrchr(output, '/'), *dot = strrchr(output, '.');
	int stem = (int)strlen(output);
	char *name;

	if (dot && dot > (slash ? slash + 1 : output))
		stem = (int)(dot - output);
	if (asprintf(&name, "%.*s.%u%s%s", stem, output, number, output + stem, suffix) < 0)
		return NULL;
	return name;
}

/* Nothing that exists is replaced: such numbers are passed over. */
static char *dump_name_free(struct recorder *recorder)
{
	while (++recorder->number < DUMP_NUMBER_MAX) {
		char *trace = recorder_dump_name(recorder->options.output, recorder->number, "");
		char *spool = recorder_dump_name(recorder->options.output, recorder->number,
						 RECORDER_HOST_SPOOL);
		bool is_free = trace && spool && access(trace, F_OK) && access(spool, F_OK);

		free(trace);
		if (is_free || !spool)
			return spool;
		free(spool);
	}
	return NULL;
}

static void notes_spool(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->n_notes; i++)
		spool_meta(recorder->spool, recorder->notes[i].key, recorder->notes[i].value);
}

static void number_spool(struct recorder *recorder, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	spool_meta(recorder->spool, key, text);
}

/* Writes what is held, unless the last dump is still being loaded. */
static void dump_begin(struct recorder *recorder)
{
	const char *why = recorder->due;
	struct flight_counts counts;
	char *name;
	int err;

	recorder->due = NULL;
	if (recorder->spool || recorder->dumped)
		return;
	name = dump_name_free(recorder);
	err = name ? spool_create(name, CAPTURE_SIDE_HOST, &recorder->spool) : -ENOMEM;
	free(name);
	if (err) {
		recorder->spool_error = err;
		return;
	}
	flight_get_counts(recorder->flight, &counts);
	notes_spool(recorder);
	spool_meta(recorder->spool, "dump.reason", why);
	number_spool(recorder, "dump.number", recorder->number);
	number_spool(recorder, "dump.overwritten_calls", counts.overwritten_calls);
	number_spool(recorder, "dump.overwritten_bytes", counts.overwritten_bytes);
	flight_write(recorder->flight, recorder->spool);
}

/*
 * A record that asks for a dump gets it at the end of the round: earlier calls
 * may still be in the ring of another CPU. It must not be overwritten by then.
 */
static void take_flight_record(struct recorder *recorder, const struct capture_header *record)
{
	const char *why = dump_reason(recorder, record);
	bool of_dump = record->flags & CAPTURE_F_SNAPSHOT || record->kind == CAPTURE_LOSS;

	if (!of_dump)
		flight_add(recorder->flight, record);
	else if (recorder->spool)
		spool_write(recorder->spool, record);
	if (recorder->due) {
		recorder->due_bytes += record->size;
		if (recorder->due_bytes > recorder->options.bytes / DUE_PART)
			dump_begin(recorder);
	} else if (why) {
		recorder->due = why;
		recorder->due_bytes = 0;
	}
}

static void take_record(void *user, const struct capture_header *record)
{
	struct recorder *recorder = user;

	recorder->snapshots += !!(record->flags & CAPTURE_F_SNAPSHOT);
	if (recorder->flight)
		take_flight_record(recorder, record);
	else
		spool_write(recorder->spool, record);
}

static void publish_flight(struct recorder *recorder)
{
	struct flight_counts counts;

	flight_get_counts(recorder->flight, &counts);
	recorder->calls = counts.calls;
	recorder->bytes = counts.bytes;
	recorder->lost = rings_lost(recorder->rings);
}

static void publish_spool(struct recorder *recorder)
{
	struct spool_counts counts;

	spool_get_counts(recorder->spool, &counts);
	recorder->calls = counts.calls;
	recorder->bytes = counts.bytes;
	recorder->dropped = counts.dropped;
	recorder->spool_error = counts.error;
}

static void publish(struct recorder *recorder)
{
	if (recorder->flight)
		publish_flight(recorder);
	else
		publish_spool(recorder);
}

static void snapshot_write(struct recorder *recorder)
{
	int n = rings_snapshot(recorder->rings);

	recorder->in_flight = n > 0 ? n : 0;
	recorder->rounds += recorder->in_flight;
	rings_losses(recorder->rings);
	recorder->lost = rings_lost(recorder->rings);
}

/* A dump that was begun gets what is in flight, and ends. */
static void dump_end(struct recorder *recorder)
{
	int err;

	if (!recorder->spool)
		return;
	snapshot_write(recorder);
	number_spool(recorder, "stopped_ns", now_ns());
	err = spool_close(recorder->spool);
	recorder->spool = NULL;
	recorder->spool_error = err;
	recorder->dumped = recorder->number;
}

static void flight_write_out(struct recorder *recorder)
{
	/* One that was asked for while the last is being loaded comes after it. */
	if (!recorder->dumped && !recorder->due && atomic_exchange(&recorder->dump, false))
		recorder->due = "SIGUSR2";
	if (recorder->due)
		rings_consume(recorder->rings);
	if (recorder->due)
		dump_begin(recorder);
	dump_end(recorder);
}

/* Every so often; of a flight recorder: after each round. */
static void write_out(struct recorder *recorder, uint64_t ns, uint64_t *snapshot_ns,
		      uint64_t *flushed_ns)
{
	if (recorder->flight) {
		flight_write_out(recorder);
	} else if (atomic_exchange(&recorder->snapshot, false) ||
		   ns - *snapshot_ns >= SNAPSHOT_EVERY_NS) {
		snapshot_write(recorder);
		*snapshot_ns = ns;
		*flushed_ns = 0;
	}
	if (ns - *flushed_ns < FLUSH_EVERY_NS)
		return;
	if (!recorder->flight)
		spool_flush(recorder->spool);
	publish(recorder);
	*flushed_ns = ns;
}

static void *consume(void *user)
{
	static const struct timespec pause = {.tv_nsec = CONSUME_PAUSE_NS};
	struct recorder *recorder = user;
	uint64_t flushed_ns = now_ns(), snapshot_ns = flushed_ns;

	setpriority(PRIO_PROCESS, syscall(SYS_gettid), CONSUMER_NICE);
	while (!recorder->stop) {
		rings_consume(recorder->rings);
		write_out(recorder, now_ns(), &snapshot_ns, &flushed_ns);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static int fail(char **ret_message, int err, const char *what, const char *on)
{
	if (asprintf(ret_message, "%s %s: %s", what, on, strerror(-err)) < 0)
		*ret_message = NULL;
	return err;
}

static void recorder_free(struct recorder *recorder)
{
	rings_close(recorder->rings);
	probe_close(recorder->probe);
	flight_close(recorder->flight);
	for (size_t i = 0; i < recorder->n_notes; i++) {
		free(recorder->notes[i].key);
		free(recorder->notes[i].value);
	}
	free(recorder);
}

/* Where records go: memory, or a file. */
static int sink_open(struct recorder *recorder, const struct recorder_options *options,
		     char **ret_message)
{
	int err;

	recorder->options = options->flight;
	if (options->flight.bytes) {
		err = flight_open(options->flight.bytes, &recorder->flight);
		return err ? fail(ret_message, err, "cannot hold so much in", "memory") : 0;
	}
	err = spool_create(options->spool_file, CAPTURE_SIDE_HOST, &recorder->spool);
	return err ? fail(ret_message, err, "cannot write", options->spool_file) : 0;
}

int recorder_open(const struct recorder_options *options, const struct probe_plan *plan,
		  struct recorder **ret, char **ret_message)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int err;

	if (!recorder)
		return fail(ret_message, -ENOMEM, "cannot record", options->probe.service);
	err = probe_open(&options->probe, plan, &recorder->probe, ret_message);
	if (err)
		goto cleanup;
	recorder->waits_for_loads = plan->helpers != 0;
	err = rings_open(probe_object(recorder->probe), options->ring_bytes, take_record, recorder,
			 &recorder->rings);
	if (err) {
		fail(ret_message, err, "cannot make ring buffers in", "the kernel");
		goto cleanup;
	}
	err = sink_open(recorder, options, ret_message);
cleanup:
	if (err)
		recorder_free(recorder);
	else
		*ret = recorder;
	return err;
}

void recorder_note(struct recorder *recorder, const char *key, const char *value)
{
	struct note *note = &recorder->notes[recorder->n_notes];

	if (recorder->n_notes == NOTES_MAX)
		return;
	note->key = strdup(key);
	note->value = strdup(value);
	if (note->key && note->value) {
		recorder->n_notes++;
		return;
	}
	free(note->key);
	free(note->value);
}

int recorder_start(struct recorder *recorder, char **ret_message)
{
	int err;

	if (recorder->spool) {
		notes_spool(recorder);
		spool_flush(recorder->spool);
	}
	err = probe_attach(recorder->probe, ret_message);
	if (err)
		return err;
	err = -pthread_create(&recorder->thread, NULL, consume, recorder);
	if (err)
		return fail(ret_message, err, "cannot start", "a thread");
	recorder->running = true;
	return 0;
}

void recorder_snapshot(struct recorder *recorder)
{
	recorder->snapshot = true;
}

bool recorder_tick(struct recorder *recorder)
{
	if (!recorder->waits_for_loads)
		return false;
	if (probe_loads(recorder->probe) != recorder->loads) {
		recorder->loads = probe_loads(recorder->probe);
		recorder->tries = LOAD_TRIES;
	}
	if (recorder->tries) {
		recorder->tries--;
		probe_attach_completions(recorder->probe);
	}
	return true;
}

void recorder_dump(struct recorder *recorder)
{
	recorder->dump = true;
}

unsigned int recorder_dump_ready(struct recorder *recorder)
{
	return recorder->dumped;
}

void recorder_dump_done(struct recorder *recorder)
{
	recorder->dumped = 0;
}

void recorder_get_state(const struct recorder *recorder, struct recorder_state *ret)
{
	ret->calls = recorder->calls;
	ret->bytes = recorder->bytes;
	ret->lost = recorder->lost;
	ret->dropped = recorder->dropped;
	ret->spool_error = recorder->spool_error;
	ret->unfinished = recorder->in_flight + recorder->snapshots - recorder->rounds;
}

/* What is still in the rings and in flight, and when it stopped. */
static void drain(struct recorder *recorder)
{
	while (rings_consume(recorder->rings) > 0)
		;
	if (recorder->flight) {
		flight_write_out(recorder);
	} else {
		snapshot_write(recorder);
		number_spool(recorder, "stopped_ns", now_ns());
	}
	publish(recorder);
}

/* Ends the consumer; a dump that is ready then still is. */
void recorder_stop(struct recorder *recorder)
{
	probe_detach(recorder->probe);
	recorder->stop = true;
	if (!recorder->running)
		return;
	pthread_join(recorder->thread, NULL);
	recorder->running = false;
	drain(recorder);
}

void recorder_close(struct recorder *recorder, struct recorder_state *ret)
{
	int err;

	if (!recorder)
		return;
	recorder_stop(recorder);
	err = spool_close(recorder->spool);
	recorder_get_state(recorder, ret);
	if (err && !ret->spool_error)
		ret->spool_error = err;
	recorder_free(recorder);
}
