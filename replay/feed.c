/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of calls between two threads. Calls change hands in batches, so that
 * a lock is taken and a thread woken once for many of them.
 */
#include "feed.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "parms.h"

#define FEED_SLOTS 2048u /* calls held: some milliseconds of work, as long as a thread may wait */
#define FEED_BATCH 32u /* change hands at a time */
#define FEED_WAKE 256u /* are there before a caller that waits is woken */
#define FEED_BYTES (16u << 20) /* of payload held, but for one call */
#define FEED_ROOM (24u << 20) /* of memory kept for reuse */
#define FEED_LINE 64u /* of the processor's cache */
#define FEED_PARMS 5u /* that most calls have at most */
#define FEED_SMALL 256u /* bytes of small memory that most calls have at most */
#define FEED_EXPECTED 1024u /* bytes: the processor sees by itself how it goes on */

struct feed {
	pthread_t thread;
	struct trace *trace;
	struct trace_cursor *cursor;
	int64_t to;
	struct replay_call *slots[FEED_SLOTS];
	/* The reader's own. */
	struct payload_cache *cache;
	size_t next; /* events read */
	size_t reclaimed; /* events done with whose memory was looked at */
	size_t room; /* memory of all slots */
	uint32_t process; /* of the last event that had one */
	/* The caller's own. */
	size_t at; /* events given away, with the current one */
	size_t limit; /* events that it may take without asking */
	/* Both threads', under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	size_t head; /* events there to be taken */
	size_t tail; /* events done with */
	size_t bytes; /* in those between */
	bool ended, stopped;
	int error;
	int64_t cpu_ns; /* that the reader took */
	char *message;
};

static struct replay_call *feed_slot(const struct feed *feed, size_t i)
{
	return feed->slots[i % FEED_SLOTS];
}

/* The reader. */

/* Strings of an event are the cursor's, which moves on. */
static int feed_own_path(struct replay_call *call)
{
	size_t size = call->event.path ? strlen(call->event.path) + 1 : 0;

	call->event.share = NULL;
	if (size > call->path_room) {
		char *path = realloc(call->path, size * 2);

		if (!path)
			return -ENOMEM;
		call->path = path;
		call->path_room = size * 2;
	}
	if (size)
		call->event.path = memcpy(call->path, call->event.path, size);
	return 0;
}

static int feed_fill(struct feed *feed, struct replay_call *call)
{
	int ret;

	client_guess_process(&call->event, &feed->process);
	call->info = NULL;
	call->missing = NULL;
	call->load_error = 0;
	if (call->event.kind == TRACE_CALL)
		call->info = shfl_fn_find(call->event.fn);
	else if (call->event.kind == TRACE_HOST_CALL)
		call->info = shfl_host_fn_find(call->event.fn);
	ret = feed_own_path(call);
	if (ret < 0 || (call->event.flags & TRACE_F_UNFINISHED))
		return ret;
	call->load_error = parms_load(feed->trace, feed->cache, call, &call->load_parm);
	return call->load_error ? 0 : parms_build(call, &call->missing);
}

/* Reads the next event into a slot: 1, 0 at the end, or negative errno. */
static int feed_read(struct feed *feed, struct replay_call *call)
{
	int ret;

	ret = trace_next(feed->cursor, &call->event);
	if (ret != 1)
		return ret;
	if (feed->to && call->event.call_id >= feed->to)
		return 0;
	feed->room -= call->room;
	ret = feed_fill(feed, call);
	call->room = parms_room(call, &call->bytes);
	feed->room += call->room;
	return ret < 0 ? ret : 1;
}

/* What is done with keeps its memory for the next event in its place, within bounds. */
static void feed_reclaim(struct feed *feed, size_t tail)
{
	for (; feed->reclaimed < tail; feed->reclaimed++) {
		struct replay_call *call = feed_slot(feed, feed->reclaimed);

		if (feed->room <= FEED_ROOM)
			continue;
		parms_clear(call);
		feed->room -= call->room;
		call->room = 0;
	}
}

static bool feed_is_full(const struct feed *feed)
{
	return feed->tail < feed->head &&
	       (feed->head - feed->tail > FEED_SLOTS - FEED_BATCH || feed->bytes > FEED_BYTES);
}

/* So much is drained that it is worth waking the reader. */
static bool feed_is_low(const struct feed *feed)
{
	return feed->tail == feed->head ||
	       (feed->head - feed->tail <= FEED_SLOTS / 2 && feed->bytes <= FEED_BYTES / 2);
}

/* Hands over what was read, and waits until there is a free slot. False: stop. */
static bool feed_publish(struct feed *feed, size_t *bytes)
{
	size_t tail;
	bool goes_on;

	pthread_mutex_lock(&feed->lock);
	feed->head = feed->next;
	feed->bytes += *bytes;
	if (feed->head - feed->tail >= FEED_WAKE || feed->head <= FEED_BATCH || feed_is_full(feed))
		pthread_cond_signal(&feed->filled);
	if (feed_is_full(feed))
		while (!feed->stopped && !feed_is_low(feed))
			pthread_cond_wait(&feed->drained, &feed->lock);
	goes_on = !feed->stopped;
	tail = feed->tail;
	pthread_mutex_unlock(&feed->lock);
	feed_reclaim(feed, tail);
	*bytes = 0;
	return goes_on;
}

static void feed_end(struct feed *feed, int error)
{
	const char *why = error < 0 ? trace_error(feed->trace) : NULL;
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	feed->cpu_ns = cpu.tv_sec * 1000000000ll + cpu.tv_nsec;
	pthread_mutex_lock(&feed->lock);
	feed->head = feed->next;
	feed->ended = true;
	feed->error = error < 0 ? error : 0;
	feed->message = why ? strdup(why) : NULL;
	pthread_cond_signal(&feed->filled);
	pthread_mutex_unlock(&feed->lock);
}

static void *feed_thread(void *argument)
{
	struct feed *feed = argument;
	size_t bytes = 0;
	int ret = 1;

	pthread_setname_np(pthread_self(), "sftrace-feed");
	while (ret == 1) {
		struct replay_call *call = feed_slot(feed, feed->next);

		ret = feed_read(feed, call);
		if (ret != 1)
			break;
		feed->next++;
		bytes += call->bytes;
		/* The first ones at once: who waits for them has nothing else to do. */
		if ((feed->next % FEED_BATCH == 0 || feed->next < FEED_BATCH ||
		     bytes > FEED_BYTES / 4) &&
		    !feed_publish(feed, &bytes))
			break;
	}
	feed_end(feed, ret);
	return NULL;
}

/* The caller. */

static void feed_free_slots(struct feed *feed)
{
	for (size_t i = 0; i < FEED_SLOTS; i++)
		feed_free(feed->slots[i]);
}

static int feed_open(struct feed *feed, struct trace *trace, char **ret_message)
{
	int ret;

	for (size_t i = 0; i < FEED_SLOTS; i++) {
		feed->slots[i] = calloc(1, sizeof(*feed->slots[i]));
		if (!feed->slots[i])
			return -ENOMEM;
	}
	feed->cache = payload_cache_new();
	if (!feed->cache)
		return -ENOMEM;
	ret = trace_open_again(trace, &feed->trace, ret_message);
	return ret < 0 ? ret : trace_events(feed->trace, &feed->cursor);
}

static void feed_close(struct feed *feed)
{
	trace_cursor_close(feed->cursor);
	trace_close(feed->trace);
	feed_free_slots(feed);
	payload_cache_free(feed->cache);
	free(feed->message);
	free(feed);
}

int feed_start(struct trace *trace, int64_t to, struct feed **ret, char **ret_message)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	int status;

	if (!feed)
		return -ENOMEM;
	feed->to = to;
	status = feed_open(feed, trace, ret_message);
	if (status < 0) {
		feed_close(feed);
		return status;
	}
	pthread_mutex_init(&feed->lock, NULL);
	pthread_cond_init(&feed->filled, NULL);
	pthread_cond_init(&feed->drained, NULL);
	status = -pthread_create(&feed->thread, NULL, feed_thread, feed);
	if (status < 0) {
		feed_close(feed);
		return status;
	}
	*ret = feed;
	return 0;
}

/* Gives back what was taken, and waits until there is more. */
static int feed_more(struct feed *feed)
{
	int ret;

	pthread_mutex_lock(&feed->lock);
	for (; feed->tail < feed->at; feed->tail++)
		feed->bytes -= feed_slot(feed, feed->tail)->bytes;
	if (feed_is_low(feed))
		pthread_cond_signal(&feed->drained);
	while (feed->head == feed->at && !feed->ended)
		pthread_cond_wait(&feed->filled, &feed->lock);
	feed->limit = feed->head;
	if (feed->limit > feed->at + FEED_BATCH)
		feed->limit = feed->at + FEED_BATCH;
	ret = feed->head > feed->at ? 1 : feed->error;
	pthread_mutex_unlock(&feed->lock);
	return ret;
}

/* To be written as well as read. */
static void feed_prefetch(const void *memory, size_t size)
{
	for (size_t at = 0; at < size; at += FEED_LINE)
		__builtin_prefetch((const uint8_t *)memory + at, 1);
}

/* The other thread wrote it: has it fetched while calls before it are made. */
static void feed_prefetch_call(const struct replay_call *call)
{
	feed_prefetch(call, offsetof(struct replay_call, event.parms[FEED_PARMS]));
	feed_prefetch(call->out, FEED_PARMS * sizeof(call->out[0]));
	feed_prefetch(&call->small_used, FEED_SMALL);
	feed_prefetch(call->parms, FEED_PARMS * sizeof(call->parms[0]));
}

/* What a call is compared with; the call itself is at hand. */
static void feed_prefetch_expected(const struct replay_call *call)
{
	for (unsigned i = 0; i < FEED_PARMS; i++)
		for (size_t at = 0; at < call->out[i].captured && at < FEED_EXPECTED;
		     at += FEED_LINE)
			__builtin_prefetch(call->out[i].data + at);
}

int feed_next(struct feed *feed, struct replay_call **ret)
{
	if (feed->at == feed->limit) {
		int status = feed_more(feed);

		if (status != 1)
			return status;
	}
	*ret = feed_slot(feed, feed->at++);
	if (feed->limit - feed->at >= 2) {
		feed_prefetch_call(feed_slot(feed, feed->at + 1));
		feed_prefetch_expected(feed_slot(feed, feed->at));
	}
	return 1;
}

int feed_keep(struct feed *feed)
{
	struct replay_call **slot = &feed->slots[(feed->at - 1) % FEED_SLOTS];
	struct replay_call *fresh = calloc(1, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	fresh->bytes = (*slot)->bytes; /* as both threads have counted them */
	fresh->room = (*slot)->room;
	*slot = fresh;
	return 0;
}

void feed_free(struct replay_call *call)
{
	if (!call)
		return;
	parms_clear(call);
	free(call->path);
	free(call);
}

const char *feed_error(const struct feed *feed)
{
	return feed->message;
}

int64_t feed_stop(struct feed *feed)
{
	int64_t cpu_ns;

	pthread_mutex_lock(&feed->lock);
	feed->stopped = true;
	pthread_cond_signal(&feed->drained);
	pthread_mutex_unlock(&feed->lock);
	pthread_join(feed->thread, NULL);
	pthread_mutex_destroy(&feed->lock);
	pthread_cond_destroy(&feed->filled);
	pthread_cond_destroy(&feed->drained);
	cpu_ns = feed->cpu_ns;
	feed_close(feed);
	return cpu_ns;
}
