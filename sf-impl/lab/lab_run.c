/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run loop: one poll over signals and the guest's three ports. */
#include "lab_run.h"
#include "lab_control.h"
#include "lab_guest.h"
#include "lab_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum stream_index { STREAM_CONTROL, STREAM_STDOUT, STREAM_STDERR, STREAM_COUNT };

static const struct {
	const char *port;
	int sink;
} stream_table[STREAM_COUNT] = {
	[STREAM_CONTROL] = {LAB_PORT_CONTROL, -1},
	[STREAM_STDOUT] = {LAB_PORT_STDOUT, STDOUT_FILENO},
	[STREAM_STDERR] = {LAB_PORT_STDERR, STDERR_FILENO},
};

struct run {
	struct lab_stream streams[STREAM_COUNT];
	struct lab_outcome *outcome;
	int signals;
	pid_t child;
	bool child_gone;
	bool decided; /* the outcome stands */
	bool stopping; /* the guest is being killed */
	bool reported; /* the guest's last message is there */
	struct lab_message last;
	int64_t deadline_ms;
	int64_t grace_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* In the child: becomes the leader of a group that dies with sf-lab. */
static _Noreturn void become(const struct lab_launch *launch, pid_t parent)
{
	int input = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &launch->signals, NULL);
	dup2(input, STDIN_FILENO);
	dup2(launch->log, STDOUT_FILENO);
	dup2(launch->log, STDERR_FILENO);
	execvp(launch->argv[0], launch->argv);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", launch->argv[0], strerror(errno));
	_exit(127);
}

static int run_start_child(struct run *run, const struct lab_launch *launch)
{
	pid_t parent = getpid();

	run->child = fork();
	if (run->child < 0)
		return -errno;
	if (!run->child)
		become(launch, parent);
	setpgid(run->child, run->child);
	return 0;
}

static sigset_t handled_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return set;
}

void lab_run_block_signals(sigset_t *ret_before)
{
	sigset_t set = handled_signals();

	sigprocmask(SIG_BLOCK, &set, ret_before);
	signal(SIGPIPE, SIG_IGN);
}

static int run_watch_signals(struct run *run)
{
	sigset_t set = handled_signals();

	run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return run->signals < 0 ? -errno : 0;
}

static void run_decide(struct run *run, enum lab_end end, int status)
{
	if (run->decided)
		return;
	run->decided = true;
	run->outcome->end = end;
	run->outcome->status = status;
}

/* Asks first, and kills when called again. */
static void run_stop(struct run *run)
{
	if (!run->child_gone)
		kill(-run->child, run->stopping ? SIGKILL : SIGTERM);
	run->stopping = true;
	run->deadline_ms = now_ms() + run->grace_ms;
}

static void run_reap(struct run *run)
{
	if (run->child_gone ||
	    waitpid(run->child, &run->outcome->host_status, WNOHANG) != run->child)
		return;
	run->child_gone = true;
	kill(-run->child, SIGKILL);
	for (size_t i = 0; i < STREAM_COUNT; i++)
		lab_stream_hang_up(&run->streams[i]);
}

static void run_take_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			run_reap(run);
		} else {
			run_decide(run, LAB_END_SIGNAL, (int)info.ssi_signo);
			run_stop(run);
		}
	}
}

static void run_take_message(struct run *run, const char *line)
{
	struct lab_message message;

	if (lab_message_parse(&message, line)) {
		snprintf(run->outcome->text, sizeof(run->outcome->text),
			 "the guest sent nonsense over its control port: %.200s", line);
		run_decide(run, LAB_END_FAIL, 0);
		run_stop(run);
	} else if (message.kind == LAB_MESSAGE_BOOTED) {
		run->outcome->booted = true;
	} else if (!run->reported) {
		run->reported = true;
		run->last = message;
		if (message.kind == LAB_MESSAGE_FAIL)
			snprintf(run->outcome->text, sizeof(run->outcome->text), "%s",
				 message.text);
	}
}

/* Takes the complete lines out of the control port's buffer. */
static void run_take_messages(struct run *run)
{
	struct lab_stream *control = &run->streams[STREAM_CONTROL];
	char *newline;

	while ((newline = memchr(control->buffer, '\n', control->end))) {
		size_t length = (size_t)(newline - control->buffer) + 1;

		*newline = 0;
		run_take_message(run, control->buffer);
		memmove(control->buffer, control->buffer + length, control->end - length);
		control->end -= length;
	}
}

/* Once all that the guest sent has been written its last message counts, and it may switch off. */
static void run_check_report(struct run *run)
{
	const struct lab_stream *out = &run->streams[STREAM_STDOUT];
	const struct lab_stream *err = &run->streams[STREAM_STDERR];

	if (!run->reported || run->decided)
		return;
	if (out->received < run->last.stdout_bytes || err->received < run->last.stderr_bytes ||
	    !lab_stream_idle(out) || !lab_stream_idle(err))
		return;
	run_decide(run, run->last.kind == LAB_MESSAGE_EXIT ? LAB_END_EXIT : LAB_END_FAIL,
		   run->last.status);
	if (run->streams[STREAM_CONTROL].socket >= 0)
		send(run->streams[STREAM_CONTROL].socket, "bye\n", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void run_check_deadline(struct run *run)
{
	if (now_ms() < run->deadline_ms)
		return;
	run_decide(run, LAB_END_TIMEOUT, 0);
	run_stop(run);
}

static bool run_is_over(const struct run *run)
{
	bool ended = true;

	for (size_t i = 0; i < STREAM_COUNT; i++)
		ended = ended && lab_stream_ended(&run->streams[i]);
	return run->child_gone && (ended || run->stopping);
}

static void run_step_streams(struct run *run, const struct pollfd *events)
{
	for (size_t i = 0; i < STREAM_COUNT; i++) {
		int ret = lab_stream_step(&run->streams[i], events[i].revents);

		if (ret) {
			run_decide(run, LAB_END_OUTPUT, -ret);
			run_stop(run);
			run->streams[i].sink = -1;
		}
	}
}

static int run_loop(struct run *run)
{
	while (!run_is_over(run)) {
		struct pollfd events[STREAM_COUNT + 1];
		int64_t wait_ms = run->deadline_ms - now_ms();

		for (size_t i = 0; i < STREAM_COUNT; i++)
			events[i] = lab_stream_wants(&run->streams[i]);
		events[STREAM_COUNT] = (struct pollfd){.fd = run->signals, .events = POLLIN};
		if (poll(events, STREAM_COUNT + 1, wait_ms > 0 ? (int)wait_ms : 0) < 0 &&
		    errno != EINTR)
			return -errno;
		run_take_signals(run);
		run_step_streams(run, events);
		run_take_messages(run);
		run_check_report(run);
		run_check_deadline(run);
	}
	return 0;
}

static int run_listen(struct run *run, const struct lab_scratch *scratch)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < STREAM_COUNT; i++) {
		struct lab_path path = lab_scratch_file(scratch, stream_table[i].port);

		ret = lab_stream_listen(&run->streams[i], path.text, stream_table[i].sink);
	}
	return ret;
}

static struct run *run_new(const struct lab_launch *launch, struct lab_outcome *outcome)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	*outcome = (struct lab_outcome){.end = LAB_END_DIED};
	run->outcome = outcome;
	run->signals = -1;
	run->deadline_ms = now_ms() + launch->timeout_s * 1000ll;
	run->grace_ms = launch->grace_s * 1000ll;
	for (size_t i = 0; i < STREAM_COUNT; i++)
		run->streams[i].listener = run->streams[i].socket = -1;
	return run;
}

static void run_free(struct run *run)
{
	for (size_t i = 0; i < STREAM_COUNT; i++)
		lab_stream_close(&run->streams[i]);
	if (run->signals >= 0)
		close(run->signals);
	free(run);
}

int lab_run(const struct lab_launch *launch, struct lab_outcome *outcome, struct lab_error *error)
{
	struct run *run = run_new(launch, outcome);
	int ret;

	if (!run)
		return lab_fail(error, -ENOMEM, "out of memory");
	ret = run_listen(run, launch->scratch);
	ret = ret ?: run_watch_signals(run);
	ret = ret ?: run_start_child(run, launch);
	ret = ret ?: run_loop(run);
	if (ret)
		lab_fail(error, ret, "cannot run the guest: %s", strerror(-ret));
	run_free(run);
	return ret;
}
