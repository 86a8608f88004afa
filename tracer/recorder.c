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

#include "recorder.h"

#define CONSUME_PAUSE_NS 1000000 /* a wake-up for each record would cost the traced more */
#define FLUSH_EVERY_NS 50000000ull
#define SNAPSHOT_EVERY_NS 2000000000ull
#define CONSUMER_NICE (-5)

struct recorder {
	struct probe *probe;
	struct rings *rings;
	struct spool *spool;
	char *spool_file;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_bool snapshot;
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

static void take_record(void *user, const struct capture_header *record)
{
	struct recorder *recorder = user;

	recorder->snapshots += !!(record->flags & CAPTURE_F_SNAPSHOT);
	spool_write(recorder->spool, record);
}

static void publish(struct recorder *recorder)
{
	struct spool_counts counts;

	spool_get_counts(recorder->spool, &counts);
	recorder->calls = counts.calls;
	recorder->bytes = counts.bytes;
	recorder->dropped = counts.dropped;
	recorder->spool_error = counts.error;
}

static void snapshot_write(struct recorder *recorder)
{
	int n = rings_snapshot(recorder->rings);

	recorder->in_flight = n > 0 ? n : 0;
	recorder->rounds += recorder->in_flight;
	rings_losses(recorder->rings);
	recorder->lost = rings_lost(recorder->rings);
}

static void *consume(void *user)
{
	static const struct timespec pause = {.tv_nsec = CONSUME_PAUSE_NS};
	struct recorder *recorder = user;
	uint64_t flushed_ns = now_ns(), snapshot_ns = flushed_ns;

	setpriority(PRIO_PROCESS, syscall(SYS_gettid), CONSUMER_NICE);
	while (!recorder->stop) {
		uint64_t ns = now_ns();

		rings_consume(recorder->rings);
		if (atomic_exchange(&recorder->snapshot, false) ||
		    ns - snapshot_ns >= SNAPSHOT_EVERY_NS) {
			snapshot_write(recorder);
			snapshot_ns = ns;
			flushed_ns = 0;
		}
		if (ns - flushed_ns >= FLUSH_EVERY_NS) {
			spool_flush(recorder->spool);
			publish(recorder);
			flushed_ns = ns;
		}
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
	free(recorder->spool_file);
	free(recorder);
}

int recorder_open(const struct probe_options *options, const struct probe_plan *plan,
		  size_t ring_bytes, const char *spool_file, struct recorder **ret,
		  char **ret_message)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int err;

	if (!recorder)
		return fail(ret_message, -ENOMEM, "cannot record", options->service);
	recorder->spool_file = strdup(spool_file);
	err = probe_open(options, plan, &recorder->probe, ret_message);
	if (err)
		goto cleanup;
	err = rings_open(probe_object(recorder->probe), ring_bytes, take_record, recorder,
			 &recorder->rings);
	if (err) {
		fail(ret_message, err, "cannot make ring buffers in", "the kernel");
		goto cleanup;
	}
	err = spool_create(spool_file, CAPTURE_SIDE_HOST, &recorder->spool);
	if (err)
		fail(ret_message, err, "cannot write", spool_file);
cleanup:
	if (err)
		recorder_free(recorder);
	else
		*ret = recorder;
	return err;
}

void recorder_note(struct recorder *recorder, const char *key, const char *value)
{
	spool_meta(recorder->spool, key, value);
}

int recorder_start(struct recorder *recorder, char **ret_message)
{
	int err;

	spool_flush(recorder->spool);
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
	char text[32];

	while (rings_consume(recorder->rings) > 0)
		;
	snapshot_write(recorder);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)now_ns());
	spool_meta(recorder->spool, "stopped_ns", text);
	publish(recorder);
}

void recorder_close(struct recorder *recorder, struct recorder_state *ret)
{
	int err;

	if (!recorder)
		return;
	probe_detach(recorder->probe);
	recorder->stop = true;
	if (recorder->running) {
		pthread_join(recorder->thread, NULL);
		drain(recorder);
	}
	err = spool_close(recorder->spool);
	recorder_get_state(recorder, ret);
	if (err && !ret->spool_error)
		ret->spool_error = err;
	recorder_free(recorder);
}
