/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace reduce": the few calls of a trace that it takes. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "reduce.h"
#include "scratch.h"
#include "trace_copy.h"
#include "verbs.h"
#include "view.h"

static const char help[] =
	"Usage: sftrace reduce --check CMD -o OUT [OPTIONS] FILE\n"
	"Writes to OUT a trace of as few calls of FILE as still are of interest. CMD is a\n"
	"shell command that gets a part of the trace as its first argument, $1, and says by\n"
	"its exit status whether that is of interest: 0 yes, anything else no (as with\n"
	"creduce; \"git bisect run\" has it the other way round). Calls go with what they\n"
	"depend on: a handle's without its CREATE are not tried.\n"
	"\n"
	"  --check CMD        what decides; its output is not shown\n"
	"  -o FILE            the new trace\n"
	"  -f, --force        replace OUT if it is a trace\n"
	"  -v, --verbose      say on stderr how far it is\n"
	"  -h, --help         this\n"
	"\n"
	"Examples:\n"
	"  sftrace reduce --check 'sftrace replay \"$1\" | grep -q \"expected "
	"VERR_ACCESS_DENIED\"' \\\n"
	"        -o small.db t.db    the fewest calls whose replay still says that; only\n"
	"                            \"it diverges\" may end at another divergence: fewer\n"
	"                            calls may give one of their own\n"
	"  sftrace reduce --check 'sftrace replay --service ./new.so \"$1\"; test $? -gt 127' \\\n"
	"        -o crash.db t.db    the fewest that crash a service\n"
	"\n"
	"Exit status: 0, 1 failed (also if CMD is not interested in all of FILE), 2 usage,\n"
	"4 the trace is incomplete.\n";

struct reduction {
	const char *file, *out, *command;
	bool force, verbose;
	struct trace *trace;
	struct scratch scratch; /* holds the part that is tried */
	char *part;
	const bool *chosen; /* that are copied */
	size_t next;
	size_t n_checks;
	char *message;
};

static int take_option(int letter, void *user)
{
	struct reduction *reduction = user;

	switch (letter) {
	case 'o':
		reduction->out = optarg;
		return -1;
	case 'c':
		reduction->command = optarg;
		return -1;
	case 'f':
		reduction->force = true;
		return -1;
	case 'v':
		reduction->verbose = true;
		return -1;
	}
	return SFTRACE_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_options(struct reduction *reduction, int argc, char **argv)
{
	static const struct option table[] = {
		{"check", required_argument, NULL, 'c'},
		{"force", no_argument, NULL, 'f'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = argument_parse(argc, argv, help, "o:fvh", table, take_option, reduction);

	if (status >= 0)
		return status;
	if (argc - optind != 1)
		return view_usage("reduce", "one trace file is needed", "");
	if (!reduction->command || !reduction->out)
		return view_usage("reduce", "--check and -o are needed", "");
	reduction->file = argv[optind];
	return -1;
}

/* copy_hooks.wants */
static bool is_chosen(void *user, const struct trace_call *call)
{
	struct reduction *reduction = user;

	(void)call;
	return reduction->chosen[reduction->next++];
}

static int write_part(struct reduction *reduction, const bool *chosen, const char *file,
		      bool replace, const char *note)
{
	struct copy_hooks hooks = {.wants = is_chosen, .user = reduction};

	reduction->chosen = chosen;
	reduction->next = 0;
	free(reduction->message);
	return trace_copy(reduction->trace, file, replace, &hooks, note ? "reduced" : NULL, note,
			  &reduction->message);
}

static void exec_command(const struct reduction *reduction)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	execl("/bin/sh", "sh", "-c", reduction->command, "sh", reduction->part, (char *)NULL);
	_exit(127);
}

/* 1 if the command is interested in the part, 0 if not. */
static int run_command(const struct reduction *reduction)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		exec_command(reduction);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGQUIT))
		return -EINTR;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* reduce.check */
static int check(void *user, const bool *chosen)
{
	struct reduction *reduction = user;
	int rc = write_part(reduction, chosen, reduction->part, true, NULL);

	reduction->n_checks++;
	if (!rc)
		rc = run_command(reduction);
	if (rc == 1 && reduction->verbose) {
		size_t left = 0;

		for (size_t i = 0; i < reduction->next; i++)
			left += chosen[i];
		fprintf(stderr, "sftrace: %zu events left after %zu checks\n", left,
			reduction->n_checks);
	}
	return rc;
}

static int reduce_chosen(struct reduction *reduction, struct depend *depend, bool *chosen)
{
	struct reduce reduce = {.check = check, .user = reduction};
	char note[80];
	int rc;

	memset(chosen, true, depend_count(depend));
	rc = check(reduction, chosen);
	if (rc == 0) {
		fprintf(stderr,
			"sftrace: the command of --check is not interested in %s as a whole: "
			"its exit status must be 0 for that\n",
			reduction->file);
		return -ECANCELED;
	}
	if (rc == 1)
		rc = reduce_events(depend, &reduce, chosen);
	if (rc)
		return rc;
	snprintf(note, sizeof(note), "%zu of %zu events, after %zu checks", reduce.n_left,
		 depend_count(depend), reduction->n_checks);
	rc = write_part(reduction, chosen, reduction->out, reduction->force, note);
	if (!rc)
		printf("%s: %s\n", reduction->out, note);
	return rc;
}

static int reduce_in_scratch(struct reduction *reduction)
{
	struct depend *depend = NULL;
	bool *chosen = NULL;
	int rc = depend_load(reduction->trace, &depend, &reduction->message);

	if (rc)
		return rc;
	chosen = calloc(depend_count(depend) + 1, sizeof(*chosen));
	if (!chosen || asprintf(&reduction->part, "%s/part.db", reduction->scratch.path) < 0)
		rc = -ENOMEM;
	else
		rc = reduce_chosen(reduction, depend, chosen);
	free(reduction->part);
	free(chosen);
	depend_free(depend);
	return rc;
}

static int reduce_trace(struct reduction *reduction)
{
	int rc = trace_copy_make_way(reduction->trace, reduction->out, reduction->force,
				     &reduction->message);

	if (!rc)
		rc = scratch_create(NULL, false, &reduction->scratch);
	if (!rc) {
		rc = reduce_in_scratch(reduction);
		scratch_remove(&reduction->scratch);
		scratch_clear(&reduction->scratch);
	}
	if (rc && rc != -ECANCELED)
		fprintf(stderr, "sftrace: cannot reduce %s: %s\n", reduction->file,
			reduction->message ? reduction->message : strerror(-rc));
	free(reduction->message);
	return rc ? SFTRACE_FAILED : view_status(reduction->trace, reduction->file);
}

int verb_reduce(int argc, char **argv)
{
	struct reduction reduction = {0};
	int status = parse_options(&reduction, argc, argv);

	if (status >= 0)
		return status;
	reduction.trace = view_open(reduction.file);
	if (!reduction.trace)
		return SFTRACE_FAILED;
	status = reduce_trace(&reduction);
	trace_close(reduction.trace);
	return status;
}
