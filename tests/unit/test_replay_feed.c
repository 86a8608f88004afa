/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading ahead: every event comes once and in order, and memory does not grow with their number.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "feed.h"
#include "replay_tape.h"

#define FEED_CALLS 3000 /* many times what is held at once, in number and in bytes */
#define FEED_DATA 8192

static struct tape tape;

static void begin(void)
{
	tape_begin(&tape);
}

static void end(void)
{
	tape_end(&tape);
}

TestSuite(replay_feed, .init = begin, .fini = end, .timeout = 120);

static void fill(char data[FEED_DATA + 1], int64_t call_id)
{
	memset(data, 'a' + (int)(call_id % 26), FEED_DATA);
	snprintf(data, 24, "%020lld", (long long)call_id);
	data[20] = 'x';
	data[FEED_DATA] = '\0';
}

/* WRITEs whose data says which call it is. */
static void record_writes(int n)
{
	char data[FEED_DATA + 1];
	uint64_t handle;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	for (int i = 0; i < n; i++) {
		fill(data, tape.last_id + 1);
		tape_write(&tape, handle, 0, data);
	}
	tape_finish(&tape);
}

static void assert_write(const struct replay_call *call)
{
	char data[FEED_DATA + 1];

	if (call->event.kind != TRACE_CALL || call->event.fn != SHFL_FN_WRITE)
		return;
	fill(data, call->event.call_id);
	cr_assert_str_eq(call->event.path, "/f");
	cr_assert_eq(call->in[4].captured, FEED_DATA);
	cr_assert_eq(memcmp(call->parms[4].u.pointer.addr, data, FEED_DATA), 0, "call %lld",
		     (long long)call->event.call_id);
}

/* At each pace: without a pause, and so slowly that the reader has to wait, or the caller. */
Test(replay_feed, gives_every_event_once_and_in_order)
{
	record_writes(FEED_CALLS);
	for (int pause = 0; pause < 3; pause++) {
		struct replay_call *call;
		struct feed *feed;
		char *message = NULL;
		int64_t last = 0;
		int ret;

		cr_assert_eq(feed_start(tape.trace, 0, &feed, &message), 0);
		while ((ret = feed_next(feed, &call)) == 1) {
			cr_assert_eq(call->event.call_id, ++last);
			assert_write(call);
			if (pause && (last < 4 || last % (pause == 1 ? 37 : 400) == 0))
				usleep(pause * 3000);
		}
		cr_assert_eq(ret, 0);
		cr_assert_eq(last, tape.last_id);
		feed_stop(feed);
	}
}

Test(replay_feed, a_call_that_is_kept_stays_as_it_is)
{
	struct replay_call *call, *kept[3];
	struct feed *feed;
	char *message = NULL;
	int n = 0;

	record_writes(FEED_CALLS);
	cr_assert_eq(feed_start(tape.trace, 0, &feed, &message), 0);
	while (feed_next(feed, &call) == 1) {
		if (call->event.call_id % 700 != 0 || n == 3)
			continue;
		kept[n++] = call;
		cr_assert_eq(feed_keep(feed), 0);
	}
	feed_stop(feed);
	cr_assert_eq(n, 3);
	for (int i = 0; i < n; i++) {
		cr_assert_eq(kept[i]->event.call_id, 700 * (i + 1));
		assert_write(kept[i]);
		feed_free(kept[i]);
	}
}

Test(replay_feed, stops_early)
{
	struct replay_call *call;
	struct feed *feed;
	char *message = NULL;
	int64_t last = 0;

	record_writes(FEED_CALLS);
	cr_assert_eq(feed_start(tape.trace, 0, &feed, &message), 0);
	feed_stop(feed);
	cr_assert_eq(feed_start(tape.trace, 100, &feed, &message), 0);
	while (feed_next(feed, &call) == 1)
		last = call->event.call_id;
	cr_assert_eq(last, 99);
	feed_stop(feed);
}

/* The largest memory of a process that replays the trace, in KiB. */
static long replay_memory_kib(void)
{
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct replay_options options = {.service = SFSERVICE_PATH,
						 .compare = COMPARE_USUAL};
		struct replay_result result;
		struct trace *trace;
		char *message = NULL;

		if (trace_open(tape.file, &trace, &message) < 0 ||
		    replay_run(trace, &options, &result, &message) < 0)
			_exit(1);
		_exit(replay_exit_status(&result, false));
	}
	cr_assert_eq(wait4(pid, &status, 0, &usage), pid);
	cr_assert_eq(status, 0);
	return usage.ru_maxrss;
}

/* 16 times as many calls, 200 MiB of data: what is held is bounded by far less. */
Test(replay_feed, memory_does_not_grow_with_the_trace)
{
	long few, many;

#ifdef __SANITIZE_ADDRESS__
	cr_skip("the sanitizer keeps what was freed");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	cr_skip("the sanitizer keeps what was freed");
#endif
#endif
	record_writes(1500);
	few = replay_memory_kib();
	end();
	begin();
	record_writes(24000);
	many = replay_memory_kib();
	cr_assert_lt(many, 100 << 10, "%ld KiB", many);
	cr_assert_lt(many, few + (16 << 10), "%ld KiB, with few calls %ld", many, few);
}

/* What comes again is shared; what is shared is not what a service gets its hands on. */
Test(replay_feed, the_service_gets_a_copy_of_what_is_expected)
{
	struct replay_call *call;
	struct feed *feed;
	char *message = NULL, got[8];
	uint64_t handle;
	int n = 0;

	tape_mount(&tape);
	handle = tape_create(&tape, "/f", TAPE_NEW | TAPE_RW);
	tape_write(&tape, handle, 0, "content");
	tape_read(&tape, handle, 0, 7, got);
	tape_finish(&tape);
	cr_assert_eq(feed_start(tape.trace, 0, &feed, &message), 0);
	while (feed_next(feed, &call) == 1) {
		if (call->event.fn == SHFL_FN_WRITE && ++n)
			memset(call->parms[4].u.pointer.addr, 'x', 7);
		if (call->event.fn == SHFL_FN_READ && ++n)
			cr_assert_eq(memcmp(call->out[4].data, "content", 7), 0);
	}
	cr_assert_eq(n, 2);
	feed_stop(feed);
}
