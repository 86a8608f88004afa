/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See against.h. The processes leave what they found out in shared memory. */
#include "against.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"
#include "scratch.h"

#define AGAINST_MESSAGE 512

struct against_side {
	struct replay_result result;
	int64_t at; /* the call that is being made */
	int ret; /* replay_run()'s */
	char message[AGAINST_MESSAGE];
};

struct against {
	struct against_side *sides; /* two; shared with the processes */
	struct trace *trace;
	const struct replay_options *options;
	const char *services[2];
	struct scratch scratch;
	int pipe[2];
	pid_t pids[2];
	int statuses[2]; /* of waitpid() */
};

static void against_replay(struct against *against, int i)
{
	struct against_side *side = &against->sides[i];
	struct peer peer = {.fd = against->pipe[i == 0], .sends = i == 0};
	struct replay_options options = *against->options;
	char *message = NULL, *scratch = NULL;
	struct trace *trace = NULL;

	side->ret = trace_open_again(against->trace, &trace, &message);
	if (asprintf(&scratch, "%s/%s", against->scratch.path, i == 0 ? "first" : "second") < 0)
		side->ret = -ENOMEM;
	options.service = against->services[i];
	options.scratch = scratch;
	options.peer = &peer;
	options.at = &side->at;
	if (i == 0)
		options.report = NULL;
	if (side->ret == 0)
		side->ret = replay_run(trace, &options, &side->result, &message);
	snprintf(side->message, sizeof(side->message), "%s", message ? message : "");
}

static int against_start(struct against *against, int i)
{
	fflush(NULL);
	against->pids[i] = fork();
	if (against->pids[i] < 0)
		return -errno;
	if (against->pids[i] > 0)
		return 0;
	signal(SIGPIPE, SIG_IGN); /* the other's end is told by write() */
	close(against->pipe[i]);
	against_replay(against, i);
	_exit(0);
}

static void against_wait(struct against *against)
{
	for (int i = 0; i < 2; i++)
		if (against->pids[i] > 0)
			waitpid(against->pids[i], &against->statuses[i], 0);
}

static const char *against_fate(const struct against *against, int i)
{
	int status = against->statuses[i];

	return WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it returns";
}

/* One of them died: that is the first divergence, unless there was one in an earlier call. */
static void against_died(const struct against *against, int i, struct replay_result *ret)
{
	struct replay_finding finding = {.verdict = REPLAY_DIVERGED};

	finding.call_id = against->sides[i].at;
	snprintf(finding.what, sizeof(finding.what), "the service");
	snprintf(finding.expected, sizeof(finding.expected), "%s", against_fate(against, 0));
	snprintf(finding.got, sizeof(finding.got), "%s", against_fate(against, 1));
	if (ret->n[REPLAY_DIVERGED] == 0 || ret->first.call_id >= finding.call_id)
		ret->first = finding;
	ret->n[REPLAY_DIVERGED] += ret->n[REPLAY_DIVERGED] == 0;
}

static bool against_is_dead(const struct against *against, int i)
{
	return WIFSIGNALED(against->statuses[i]);
}

static int against_result(struct against *against, struct replay_result *ret, char **ret_message)
{
	bool dead[2] = {against_is_dead(against, 0), against_is_dead(against, 1)};

	*ret = against->sides[1].result;
	ret->against = true;
	ret->scratch = NULL;
	if (dead[0] || dead[1]) {
		against_died(against, dead[0] ? 0 : 1, ret);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		const struct against_side *side = &against->sides[i];

		if (side->ret == 0 || side->ret == -EPIPE)
			continue;
		if (*side->message)
			*ret_message = strdup(side->message);
		return side->ret;
	}
	return 0;
}

static int against_both(struct against *against)
{
	int ret = 0;

	if (pipe(against->pipe) < 0)
		return -errno;
	for (int i = 0; i < 2 && !ret; i++)
		ret = against_start(against, i);
	close(against->pipe[0]);
	close(against->pipe[1]);
	against_wait(against);
	return ret;
}

static int against_in_scratch(struct against *against, struct replay_result *ret,
			      char **ret_message)
{
	int status = against_both(against);

	if (!status)
		status = against_result(against, ret, ret_message);
	if (against->options->keep)
		ret->scratch = strdup(against->scratch.path);
	else if (scratch_remove(&against->scratch) < 0 && !status)
		status = -EIO;
	return status;
}

int against_run(struct trace *trace, const struct replay_options *options, const char *other,
		struct replay_result *ret, char **ret_message)
{
	struct against against = {
		.trace = trace,
		.options = options,
		.services = {options->service, other},
	};
	int status = scratch_create(options->scratch, false, &against.scratch);

	if (status < 0)
		return status;
	against.sides = mmap(NULL, 2 * sizeof(*against.sides), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (against.sides == MAP_FAILED) {
		status = -ENOMEM;
	} else {
		status = against_in_scratch(&against, ret, ret_message);
		munmap(against.sides, 2 * sizeof(*against.sides));
	}
	scratch_clear(&against.scratch);
	return status;
}
