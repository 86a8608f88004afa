/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sftrace agent: records inside of a guest, for a recorder outside. It attaches
 * to the guest's kernel, runs a command (or waits to be stopped) and sends what
 * it records over a line, in large pieces and only when there is a reason to:
 * guest and agent share the guest's processor.
 */
#include "agent_line.h"
#include "guest_probe.h"
#include "link.h"
#include "record_options.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_RINGS_BYTES (32u << 20) /* of all CPUs, */
#define DEFAULT_RING_MIN (256u << 10) /* but no less of one, */
#define DEFAULT_RING_MAX (8u << 20) /* and no more; */
#define PAYLOAD_FACTOR 4 /* so much more with payload: a call may have 16 MiB of it */
#define RING_BYTES_MAX (1u << 30)
#define LINE_ROOM_RINGS 2 /* so many times all rings fit in what waits to be sent */
#define TICK_MS 50 /* the rings are looked at */
#define SHIP_BYTES (256u << 10) /* that wait are sent, */
#define SHIP_MS 250 /* or what waits for so long */
#define SNAPSHOT_MS 2000 /* calls in flight are sent so often */
#define BEGIN_TIMEOUT_MS 20000
#define FINISH_TIMEOUT_MS 20000
#define EXIT_CANNOT_RUN 127

struct agent_options {
	enum agent_line_kind kind;
	const char *path; /* of the port or socket */
	int lines; /* how many were named */
	struct guest_probe_options probe;
	char **command; /* NULL: until a signal or the recorder ends it */
};

struct agent {
	struct agent_options options;
	struct agent_line *line;
	struct guest_probe *probe;
	bool line_broken;
	int signals; /* signalfd */
	pid_t child; /* 0: none (any more) */
	int child_status;
	bool stop;
	int64_t shipped_ms;
	int64_t snapshot_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Prints a message of a library function and frees it. */
static void complain(char *message)
{
	fprintf(stderr, "sftrace: %s\n", message ? message : "out of memory");
	free(message);
}

static void print_help(void)
{
	fputs("Usage: sftrace agent --port DEVICE|--socket PATH|--stdio|-o FILE [OPTION]...\n"
	      "                     [-- COMMAND...]\n"
	      "Records shared-folders calls inside of a guest, for 'sftrace record' outside.\n"
	      "Runs COMMAND and exits with its status, or records until it is interrupted.\n"
	      "\n"
	      "  --port DEVICE      a virtio-serial port, such as /dev/virtio-ports/sftrace\n"
	      "  --socket PATH      a UNIX socket that 'sftrace record --guest unix:PATH' made\n"
	      "  --stdio            standard input and output; COMMAND gets neither\n"
	      "  -o, --output FILE  a new spool file, for 'sftrace merge'\n"
	      "  --profile NAME     hops: sf (our modules), mainline (Linux's own vboxsf);\n"
	      "                     without: of whichever the kernel has\n"
	      "  --payload          contents of files and listings too: without a recorder on\n"
	      "                     the host's side nobody else has them\n"
	      "  --buffer SIZE      for each processor (at most 8M, with --payload 32M)\n"
	      "  -h, --help         this\n"
	      "\n"
	      "SIGUSR1 sends the calls that are in flight. A port or socket that is cut costs\n"
	      "nothing at first: what is recorded waits in memory, at most twice the buffers,\n"
	      "until the recorder is there again. What finds no room is counted as lost.\n"
	      "\n"
	      "Examples:\n"
	      "  sftrace agent --port /dev/virtio-ports/sftrace -- ls /mnt/work\n"
	      "  sftrace agent --payload -o guest.spool -- cp -r src /mnt/work\n",
	      stdout);
}

static int usage_error(const char *what, const char *on)
{
	fprintf(stderr, "sftrace: %s%s (see sftrace agent --help)\n", what, on);
	return SFTRACE_USAGE;
}

static size_t count_cpus(void)
{
	int n_cpus = libbpf_num_possible_cpus();

	return n_cpus > 0 ? (size_t)n_cpus : 1;
}

static size_t default_ring_bytes(bool payload)
{
	size_t bytes = DEFAULT_RINGS_BYTES / count_cpus();

	if (bytes < DEFAULT_RING_MIN)
		bytes = DEFAULT_RING_MIN;
	if (bytes > DEFAULT_RING_MAX)
		bytes = DEFAULT_RING_MAX;
	return payload ? bytes * PAYLOAD_FACTOR : bytes;
}

static void set_line(struct agent_options *options, enum agent_line_kind kind, const char *path)
{
	options->kind = kind;
	options->path = path;
	options->lines++;
}

/* -1: go on; else the exit status. */
static int parse_options(struct agent_options *options, int argc, char **argv)
{
	enum { PORT = 256, SOCKET, STDIO, PROFILE, PAYLOAD, BUFFER };
	static const struct option table[] = {
		{"port", required_argument, NULL, PORT},
		{"socket", required_argument, NULL, SOCKET},
		{"stdio", no_argument, NULL, STDIO},
		{"output", required_argument, NULL, 'o'},
		{"profile", required_argument, NULL, PROFILE},
		{"payload", no_argument, NULL, PAYLOAD},
		{"buffer", required_argument, NULL, BUFFER},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	uint64_t ring_bytes;
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "+ho:", table, NULL)) >= 0) {
		switch (option) {
		case PORT:
			set_line(options, AGENT_LINE_PORT, optarg);
			break;
		case SOCKET:
			set_line(options, AGENT_LINE_SOCKET, optarg);
			break;
		case STDIO:
			set_line(options, AGENT_LINE_STDIO, NULL);
			break;
		case 'o':
			set_line(options, AGENT_LINE_FILE, optarg);
			break;
		case PROFILE:
			options->probe.profile = optarg;
			break;
		case PAYLOAD:
			options->probe.bulk = true;
			break;
		case BUFFER:
			if (parse_bytes(optarg, RING_BYTES_MAX, &ring_bytes) || !ring_bytes)
				return usage_error("not a size: ", optarg);
			options->probe.ring_bytes = ring_bytes;
			break;
		case 'h':
			print_help();
			return SFTRACE_OK;
		default:
			return SFTRACE_USAGE;
		}
	}
	if (options->lines != 1)
		return usage_error("one of --port, --socket, --stdio and -o is needed", "");
	if (optind < argc)
		options->command = argv + optind;
	if (!options->probe.ring_bytes)
		options->probe.ring_bytes = default_ring_bytes(options->probe.bulk);
	return -1;
}

static void take_record(void *user, const struct capture_header *record)
{
	struct agent *agent = user;

	agent_line_put(agent->line, record);
}

static size_t all_rings_bytes(const struct agent *agent)
{
	return agent->options.probe.ring_bytes * count_cpus();
}

/* The recorder is gone: the guest's work goes on, but is not recorded any more. */
static void give_up_line(struct agent *agent, char *message)
{
	complain(message);
	agent->line_broken = true;
	guest_probe_detach(agent->probe);
	if (!agent->options.command)
		agent->stop = true;
}

static void ship(struct agent *agent)
{
	char *message = NULL;

	agent->shipped_ms = now_ms();
	if (agent->line_broken)
		return;
	if (agent_line_ship(agent->line, &message))
		give_up_line(agent, message);
	else if (message)
		complain(message);
}

/*
 * What has been recorded moves to the line as long as it takes everything that
 * the rings can hold: otherwise it stays there, and the kernel counts what
 * finds no room.
 */
static void drain(struct agent *agent)
{
	if (agent->line_broken)
		return;
	if (agent_line_room(agent->line) >= all_rings_bytes(agent))
		rings_consume(guest_probe_rings(agent->probe));
	if (agent_line_waiting(agent->line) >= SHIP_BYTES ||
	    now_ms() - agent->shipped_ms >= SHIP_MS)
		ship(agent);
}

static void snapshot(struct agent *agent)
{
	agent->snapshot_ms = now_ms();
	if (!agent->line_broken && agent_line_room(agent->line) >= all_rings_bytes(agent))
		rings_snapshot(guest_probe_rings(agent->probe));
}

static void put_notes(struct agent *agent)
{
	struct utsname kernel;

	if (!uname(&kernel))
		agent_line_put_meta(agent->line, "guest.kernel", kernel.release);
	agent_line_put_meta(agent->line, "guest.profile", guest_probe_profiles(agent->probe));
	agent_line_put_meta(agent->line, "guest.hops", guest_probe_attached(agent->probe));
	agent_line_put_meta(agent->line, "guest.missing", guest_probe_missing(agent->probe));
}

/* In the child: what the agent blocked or took is as it was. */
static void run_command(const struct agent *agent, const sigset_t *signals)
{
	char **command = agent->options.command;

	if (agent->options.kind == AGENT_LINE_STDIO) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, STDIN_FILENO);
		dup2(STDERR_FILENO, STDOUT_FILENO);
	}
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, signals, NULL);
	execvp(command[0], command);
	fprintf(stderr, "sftrace: cannot run %s: %s\n", command[0], strerror(errno));
	_exit(EXIT_CANNOT_RUN);
}

static int start_command(struct agent *agent, const sigset_t *signals)
{
	pid_t child = fork();

	if (child < 0) {
		fprintf(stderr, "sftrace: cannot start %s: %s\n", agent->options.command[0],
			strerror(errno));
		return -errno;
	}
	if (!child)
		run_command(agent, signals);
	agent->child = child;
	return 0;
}

static void reap(struct agent *agent)
{
	int status;

	if (!agent->child || waitpid(agent->child, &status, WNOHANG) != agent->child)
		return;
	agent->child = 0;
	agent->child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	agent->stop = true;
}

static void take_signals(struct agent *agent)
{
	struct signalfd_siginfo info;

	while (read(agent->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			reap(agent);
		} else if (info.ssi_signo == SIGUSR1) {
			snapshot(agent);
			ship(agent);
		} else if (agent->child) {
			kill(agent->child, (int)info.ssi_signo);
		} else {
			agent->stop = true;
		}
	}
}

static void record_until_stopped(struct agent *agent)
{
	struct pollfd signals = {.fd = agent->signals, .events = POLLIN};

	while (!agent->stop) {
		if (poll(&signals, 1, TICK_MS) > 0)
			take_signals(agent);
		if (now_ms() - agent->snapshot_ms >= SNAPSHOT_MS ||
		    agent_line_wants_snapshot(agent->line))
			snapshot(agent);
		drain(agent);
		if (!agent->options.command && agent_line_is_to_end(agent->line))
			agent->stop = true;
	}
}

/* Everything that is left goes out, and the recorder confirms it. */
static int finish(struct agent *agent)
{
	struct rings *rings = guest_probe_rings(agent->probe);
	char *message = NULL;
	int error;

	if (agent->line_broken)
		return -EPIPE;
	guest_probe_detach(agent->probe);
	rings_snapshot(rings);
	rings_losses(rings);
	error = agent_line_finish(agent->line, FINISH_TIMEOUT_MS, &message);
	if (error || message)
		complain(message);
	return error;
}

/* The recorder gets to know why there will be nothing to record. */
static void report_failure(struct agent *agent, char *message)
{
	char *another = NULL;
	int error;

	if (message)
		agent_line_put_meta(agent->line, LINK_META_ERROR, message);
	error = agent_line_finish(agent->line, FINISH_TIMEOUT_MS, &another);
	if (error || another)
		complain(another);
	if (agent->options.kind == AGENT_LINE_FILE)
		unlink(agent->options.path);
	complain(message);
}

static int set_up(struct agent *agent, sigset_t *ret_signals)
{
	struct agent_options *options = &agent->options;
	char *message = NULL;
	sigset_t taken;

	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	sigaddset(&taken, SIGUSR1);
	sigaddset(&taken, SIGINT);
	sigaddset(&taken, SIGTERM);
	sigaddset(&taken, SIGHUP);
	sigprocmask(SIG_BLOCK, &taken, ret_signals);
	signal(SIGPIPE, SIG_IGN);
	agent->signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	if (agent_line_open(options->kind, options->path, LINE_ROOM_RINGS * all_rings_bytes(agent),
			    &agent->line, &message) ||
	    agent_line_begin(agent->line, BEGIN_TIMEOUT_MS, &message)) {
		complain(message);
		return -EPIPE;
	}
	if (guest_probe_open(&options->probe, take_record, agent, &agent->probe, &message)) {
		report_failure(agent, message);
		return -ENOTSUP;
	}
	put_notes(agent);
	ship(agent);
	return 0;
}

static int exit_status(const struct agent *agent, int finished)
{
	if (agent->options.command)
		return agent->child_status;
	return finished ? SFTRACE_INCOMPLETE : SFTRACE_OK;
}

int verb_agent(int argc, char **argv)
{
	struct agent agent = {.signals = -1};
	int status = parse_options(&agent.options, argc, argv);
	sigset_t signals;

	if (status >= 0)
		return status;
	status = SFTRACE_FAILED;
	if (set_up(&agent, &signals))
		goto cleanup;
	if (!agent.options.command || !start_command(&agent, &signals)) {
		record_until_stopped(&agent);
		status = exit_status(&agent, finish(&agent));
	}
cleanup:
	guest_probe_close(agent.probe);
	agent_line_close(agent.line);
	if (agent.signals >= 0)
		close(agent.signals);
	return status;
}
