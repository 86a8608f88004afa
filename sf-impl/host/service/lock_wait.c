/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LOCKs that wait; lock_wait.h says how. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lock_wait.h"
#include "rt.h"

#define POLL_NS 20000000

struct waiter {
	struct waiter *next;
	VBOXHGCMCALLHANDLE call;
	const struct sf_client *client;
	struct lock_wait lock;
};

atomic_uint lock_waits;

/*
 * Guards the list. Calls are completed under it, so that nobody gives up a call
 * that has just got its lock.
 */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct waiter *waiters; /* in the order of arrival */
static bool polls; /* there is a thread */
static bool stopping;
static pthread_t poller;
static pthread_cond_t something_new; /* a first waiter, or stopping */

/* The waiter that *link leads to is over; it counts until its call has ended. */
static void end(struct waiter **link, int32_t status)
{
	struct waiter *waiter = *link;

	*link = waiter->next;
	svcComplete(waiter->call, status);
	atomic_fetch_sub(&lock_waits, 1);
	free(waiter);
}

/* VERR_FILE_LOCK_VIOLATION: not yet. */
static int32_t try_lock(const struct lock_wait *lock)
{
	return rt_file_lock(lock->file, lock->exclusive, lock->offset, lock->length);
}

static void try_all(void)
{
	struct waiter **link = &waiters;

	while (*link) {
		bool cancelled = svc_call_is_cancelled((*link)->call);
		int32_t status = VERR_FILE_LOCK_VIOLATION;

		if (!cancelled)
			status = try_lock(&(*link)->lock);
		if (status == VERR_FILE_LOCK_VIOLATION && !cancelled)
			link = &(*link)->next;
		else
			end(link, status);
	}
}

static void wait_a_while(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += POLL_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&something_new, &mutex, &until);
}

static void *poll_locks(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&mutex);
	while (!stopping) {
		if (!waiters) {
			pthread_cond_wait(&something_new, &mutex);
			continue;
		}
		wait_a_while();
		try_all();
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

/* The program's signals are none of its business. */
static int start_thread(void)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int error;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&something_new, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&poller, NULL, poll_locks, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	polls = !error;
	return error;
}

static bool has_room(const struct sf_client *client)
{
	unsigned all = 0, of_client = 0;

	for (const struct waiter *waiter = waiters; waiter; waiter = waiter->next) {
		all++;
		of_client += waiter->client == client;
	}
	return all < LOCK_WAITS && of_client < LOCK_WAITS_OF_CLIENT;
}

static int32_t park(struct waiter *waiter)
{
	struct waiter **link = &waiters;

	if (!has_room(waiter->client) || (!polls && start_thread()))
		return VERR_OUT_OF_RESOURCES;
	if (!waiters)
		pthread_cond_signal(&something_new);
	while (*link)
		link = &(*link)->next;
	*link = waiter;
	atomic_fetch_add(&lock_waits, 1);
	return VINF_HGCM_ASYNC_EXECUTE;
}

int32_t lock_wait_park(const struct call *call, const struct lock_wait *lock)
{
	struct waiter *waiter = malloc(sizeof(*waiter));
	int32_t status;

	if (!waiter)
		return VERR_NO_MEMORY;
	*waiter = (struct waiter){.call = call->handle, .client = call->client, .lock = *lock};
	pthread_mutex_lock(&mutex);
	status = park(waiter);
	pthread_mutex_unlock(&mutex);
	if (VBOX_FAILURE(status))
		free(waiter);
	return status;
}

void lock_wait_retry(void)
{
	if (!atomic_load(&lock_waits))
		return;
	pthread_mutex_lock(&mutex);
	try_all();
	pthread_mutex_unlock(&mutex);
}

typedef bool is_meant_fn(const struct waiter *waiter, const void *what);

static void end_those(is_meant_fn *is_meant, const void *what)
{
	struct waiter **link = &waiters;

	if (!atomic_load(&lock_waits))
		return;
	pthread_mutex_lock(&mutex);
	while (*link) {
		if (is_meant(*link, what))
			end(link, VERR_CANCELLED);
		else
			link = &(*link)->next;
	}
	pthread_mutex_unlock(&mutex);
}

static bool is_of_file(const struct waiter *waiter, const void *file)
{
	return waiter->lock.file == *(const int *)file;
}

void lock_wait_end_file(int file)
{
	end_those(is_of_file, &file);
}

static bool is_of_client(const struct waiter *waiter, const void *client)
{
	return waiter->client == client;
}

void lock_wait_end_client(const struct sf_client *client)
{
	end_those(is_of_client, client);
}

static bool is_any(const struct waiter *waiter, const void *unused)
{
	(void)waiter, (void)unused;
	return true;
}

void lock_wait_stop(void)
{
	end_those(is_any, NULL);
	if (!polls)
		return;
	pthread_mutex_lock(&mutex);
	stopping = true;
	pthread_cond_signal(&something_new);
	pthread_mutex_unlock(&mutex);
	pthread_join(poller, NULL);
	pthread_cond_destroy(&something_new);
	polls = false;
	stopping = false;
}
