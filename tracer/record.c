/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "sftrace record": attaches to the service, runs a command or waits, spools
 * what comes, then loads the spools into the trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "feature.h"
#include "guest_agent.h"
#include "link.h"
#include "load.h"
#include "record_options.h"
#include "recorder.h"
#include "ring.h"
#include "trace.h"
#include "verbs.h"
#include "view.h"

#define PROGRESS_NS 500000000
#define TICK_NS 5000000 /* while something else than time may have to be noticed */
#define GRACE_NS 5000000000ull /* for a command to end after it was told to */
#define GUEST_READY_MS 60000 /* for an agent of our own to attach */
#define GUEST_GRACE_MS 10000 /* for an agent to send the rest */

struct recording {
	struct record_options options;
	struct probe_plan plan;
	struct stat service; /* the file that the probes are in */
	struct recorder *recorder; /* NULL: the guest's side only, */
	struct spool *notes; /* then the host's spool has these alone */
	struct link *link;
	char directory[64]; /* of our own socket; "" */
	char *socket;
	char *host_spool, *guest_spool;
	bool files; /* the trace and the spool are there */
	sigset_t signals, old_signals;
	pid_t child; /* 0: none, or it has ended */
	int child_status;
	bool told; /* the command was told to end */
	uint64_t told_ns;
	bool terminal;
	bool spool_complained;
	int dump_status; /* of the dumps so far: SFTRACE_* */
	unsigned int n_dumps;
	struct recorder_state state;
	struct link_state guest;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Prints a message, which it frees. */
static int complain(char *message)
{
	fprintf(stderr, "sftrace: %s\n", message ? message : "out of memory");
	free(message);
	return SFTRACE_FAILED;
}

static int refuse(const char *format, const char *file, const char *more)
{
	fputs("sftrace: ", stderr);
	fprintf(stderr, format, file, more);
	fputc('\n', stderr);
	return SFTRACE_FAILED;
}

static int names_make(struct recording *recording)
{
	const char *output = recording->options.output;

	if (asprintf(&recording->host_spool, "%s" RECORDER_HOST_SPOOL, output) < 0 ||
	    asprintf(&recording->guest_spool, "%s.guest.spool", output) < 0)
		return complain(NULL);
	return 0;
}

/* Whether another recorder is at work with a spool of that name. */
static bool is_being_recorded(const char *spool)
{
	int fd = open(spool, O_RDONLY | O_CLOEXEC);
	bool busy = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return busy;
}

/* Even -f replaces nothing but our own: a mistyped name must not cost somebody's data. */
static bool is_replaceable(const char *file, const struct stat *st, bool is_spool)
{
	return !st->st_size || (is_spool ? spool_file_is_ours(file) : trace_file_is_ours(file));
}

/* Nothing is overwritten unless asked for, what a killed recorder left least of all. */
static int output_check(struct recording *recording)
{
	const char *names[] = {recording->options.output, recording->host_spool,
			       recording->guest_spool};
	struct stat st;

	if (is_being_recorded(names[1]))
		return refuse("another sftrace is recording into %s%s", names[0], "");
	for (size_t i = 0; i < 3; i++) {
		if (lstat(names[i], &st))
			continue;
		if (!S_ISREG(st.st_mode))
			return refuse("%s is no regular file; choose another with -o%s", names[i],
				      "");
		if (recording->options.force && !is_replaceable(names[i], &st, i > 0))
			return refuse("%s is no %s, and -f replaces only such; choose another "
				      "with -o",
				      names[i], i ? "spool" : "trace (uncompressed)");
		if (recording->options.force)
			continue;
		if (i == 0)
			return refuse("%s exists; choose another file with -o, or replace it with "
				      "-f%s",
				      names[i], "");
		return refuse(
			"%s is left of a recording that was interrupted; load it with sftrace "
			"merge -o FILE %s, or replace it with -f",
			names[i], names[i]);
	}
	return 0;
}

/* Dumps come later: then it is too late to say that there is no place for them. */
static int dumps_check(const char *output)
{
	char *copy = strdup(output), *directory = copy ? dirname(copy) : NULL;
	int status = 0;

	if (!directory)
		return complain(NULL);
	if (access(directory, W_OK))
		status = refuse("cannot write dumps into %s: %s", directory, strerror(errno));
	free(copy);
	return status;
}

/* From its first moment the trace says that it is incomplete. */
static int output_create(struct recording *recording)
{
	struct trace *trace = NULL;
	char *message = NULL;

	if (recording->options.force) {
		unlink(recording->options.output);
		unlink(recording->guest_spool);
	}
	if (trace_create(recording->options.output, &trace, &message))
		return complain(message);
	trace_close(trace);
	recording->files = true;
	return 0;
}

static int probes_open(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	struct recorder_options recorder = {
		.probe =
			{
				.service = options->service,
				.pid = options->pid,
				.ancestor = options->command ? getpid() : 0,
				.snaplen = options->snaplen,
				.filter = options->filter,
				.syscalls = options->syscalls,
				.one_link_each = getenv("SFTRACE_NO_UPROBE_MULTI") != NULL,
				.no_session = getenv("SFTRACE_NO_UPROBE_SESSION") != NULL,
			},
		.ring_bytes = options->ring_bytes ?: rings_default_bytes(),
		.flight = options->flight,
		.spool_file = recording->host_spool,
	};
	char *message = NULL;

	if (feature_pid_numbers() && (options->pid || options->command))
		return refuse("%s %s",
			      "in a PID namespace of its own only everything can be recorded:",
			      "leave the command and -p out, or run it outside");
	if (options->pid && kill(options->pid, 0) && errno == ESRCH)
		return refuse("there is no process of that number%s%s", "", "");
	stat(options->service, &recording->service);
	if (probe_plan_make(options->service, &recording->plan, &message))
		return complain(message);
	recorder.flight.output = options->output;
	if (recorder_open(&recorder, &recording->plan, &recording->recorder, &message))
		return complain(message);
	return 0;
}

static bool is_guest_only(const struct recording *recording)
{
	return recording->options.side && *recording->options.side == 'g';
}

/* The guest's side alone needs neither probes nor a service here. */
static int notes_open(struct recording *recording)
{
	int err = spool_create(recording->host_spool, CAPTURE_SIDE_HOST, &recording->notes);

	return err ? refuse("cannot write %s: %s", recording->host_spool, strerror(-err)) : 0;
}

static void note(struct recording *recording, const char *key, const char *value)
{
	if (recording->recorder)
		recorder_note(recording->recorder, key, value);
	else
		spool_meta(recording->notes, key, value);
}

/* "a 'b c'": the command as one line. */
static char *command_text(char **command)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (char **word = command; *word; word++)
		fprintf(out, strpbrk(*word, " \t\n'\"\\$") || !**word ? "%s'%s'" : "%s%s",
			word == command ? "" : " ", *word);
	fclose(out);
	return text;
}

/* What is recorded here, and how. */
static void host_notes_write(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	char *service = realpath(options->service, NULL);
	char *filter = record_filter_text(&options->filter);
	char text[32];

	note(recording, "host.profile", recording->plan.profile);
	note(recording, "service.path", service ? service : options->service);
	note(recording, "service.build_id", recording->plan.build_id);
	snprintf(text, sizeof(text), "%u", options->snaplen);
	note(recording, "snaplen", options->snaplen == UINT32_MAX ? "all" : text);
	note(recording, "syscalls", options->syscalls ? "1" : "0");
	if (filter)
		note(recording, "filter", filter);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)options->flight.bytes);
	if (options->flight.bytes)
		note(recording, "dump.ring_bytes", text);
	free(filter);
	free(service);
}

static void notes_write(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	char *command = options->command ? command_text(options->command) : NULL;
	struct utsname name = {0};

	uname(&name);
	note(recording, "sftrace.version", SFTRACE_VERSION);
	note(recording, "host.kernel", name.release);
	if (command)
		note(recording, "command", command);
	if (recording->recorder)
		host_notes_write(recording);
	free(command);
}

/* Where a guest's agent can reach us: a place of our own, or the one asked for. */
static int guest_listen(struct recording *recording)
{
	struct link_options options = {.spool_path = recording->guest_spool};
	char *message = NULL, *own = NULL;
	int status = 0;

	if (recording->options.flight.bytes)
		return 0; /* the host's side only */
	if (recording->options.side && *recording->options.side == 'h')
		return 0;
	if (recording->options.guest) {
		const char *path = link_endpoint_path(recording->options.guest);

		options.command = link_endpoint_command(recording->options.guest);
		recording->socket = path ? strdup(path) : NULL;
	} else if (recording->options.here) {
		options.command = own = guest_agent_command(&recording->options);
	} else if (recording->options.command) {
		strcpy(recording->directory, "/tmp/sftrace-XXXXXX");
		if (!mkdtemp(recording->directory))
			return refuse("cannot make a directory for a socket in %s: %s", "/tmp",
				      strerror(errno));
		if (asprintf(&recording->socket, "%s/guest", recording->directory) < 0)
			recording->socket = NULL;
	} else {
		return 0;
	}
	options.socket_path = recording->socket;
	if ((!recording->socket && !options.command) ||
	    link_open(&options, &recording->link, &message))
		status = complain(message);
	free(own);
	return status;
}

/* An agent that a guest starts by itself comes when it is there. */
static int guest_wait(struct recording *recording)
{
	if (!recording->link || recording->socket ||
	    link_wait_ready(recording->link, GUEST_READY_MS))
		return 0;
	if (recording->options.here)
		return refuse("this guest's side cannot be recorded%s%s", "", "");
	fprintf(stderr, "sftrace: the guest's agent is not ready: what it misses is not in the "
			"trace\n");
	return 0;
}

static void signals_block(struct recording *recording)
{
	sigemptyset(&recording->signals);
	sigaddset(&recording->signals, SIGINT);
	sigaddset(&recording->signals, SIGTERM);
	sigaddset(&recording->signals, SIGUSR1);
	sigaddset(&recording->signals, SIGUSR2);
	sigaddset(&recording->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &recording->signals, &recording->old_signals);
}

static int command_start(struct recording *recording)
{
	char **command = recording->options.command;
	pid_t pid;

	if (!command)
		return 0;
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans of the command stay our descendants */
	pid = child_start(command, "SFTRACE_GUEST", recording->socket, &recording->old_signals);
	if (pid < 0)
		return refuse("cannot run %s: %s", command[0], strerror(-pid));
	recording->child = pid;
	return 0;
}

static int start(struct recording *recording)
{
	char *message = NULL;
	int status = is_guest_only(recording) ? notes_open(recording) : probes_open(recording);

	if (!status && !recording->options.flight.bytes)
		status = output_create(recording);
	if (!status)
		status = guest_listen(recording);
	if (status)
		return status;
	notes_write(recording);
	signals_block(recording);
	if (recording->recorder && recorder_start(recording->recorder, &message))
		return complain(message);
	status = guest_wait(recording);
	return status ? status : command_start(recording);
}

static void spool_complain(struct recording *recording, const struct recorder_state *state)
{
	if (!state->spool_error || recording->spool_complained)
		return;
	recording->spool_complained = true;
	fprintf(stderr, "%ssftrace: cannot write %s: %s; %s\n",
		recording->terminal ? "\r\033[K" : "",
		recording->options.flight.bytes ? "a dump" : recording->host_spool,
		strerror(-state->spool_error),
		recording->options.flight.bytes ? "what it lacks is lost"
						: "nothing more is recorded");
}

static void guest_progress(struct recording *recording)
{
	struct link_state state;

	link_get_state(recording->link, &state);
	if (recording->terminal)
		fprintf(stderr, "\r\033[Ksftrace: %llu records of the guest, %.1f MiB, %llu lost",
			(unsigned long long)state.records, state.bytes / 1048576.0,
			(unsigned long long)state.lost);
}

static void progress(struct recording *recording)
{
	struct recorder_state state;

	if (!recording->recorder) {
		guest_progress(recording);
		return;
	}
	recorder_get_state(recording->recorder, &state);
	spool_complain(recording, &state);
	if (recording->terminal)
		fprintf(stderr, "\r\033[Ksftrace: %llu calls, %.1f MiB, %llu lost",
			(unsigned long long)state.calls, state.bytes / 1048576.0,
			(unsigned long long)(state.lost + state.dropped));
}

/* The terminal sends its signals to the command as well; others have to be passed on. */
static void command_tell(struct recording *recording, const siginfo_t *info)
{
	if (recording->told)
		kill(recording->child, SIGKILL);
	else if (info->si_code <= 0)
		kill(recording->child, info->si_signo);
	recording->told = true;
	recording->told_ns = now_ns();
}

/* What is in flight on either side. */
static void snapshot(struct recording *recording)
{
	if (recording->recorder)
		recorder_snapshot(recording->recorder);
	if (recording->link)
		link_snapshot(recording->link);
}

/* Whether the recording is over. */
static bool wait_for_event(struct recording *recording)
{
	bool soon = recording->recorder && recorder_tick(recording->recorder);
	struct timespec timeout = {.tv_nsec = soon ? TICK_NS : PROGRESS_NS};
	siginfo_t info = {0};
	int number = sigtimedwait(&recording->signals, &info, &timeout);

	if (number == SIGUSR1)
		snapshot(recording);
	if (number == SIGUSR2 && recording->recorder)
		recorder_dump(recording->recorder);
	if (recording->child && child_ended(recording->child, &recording->child_status)) {
		recording->child = 0;
		return true;
	}
	if (number == SIGINT || number == SIGTERM) {
		if (!recording->child)
			return true;
		command_tell(recording, &info);
	}
	if (recording->told && now_ns() - recording->told_ns > GRACE_NS)
		kill(recording->child, SIGKILL);
	return false;
}

static void notes_close(struct recording *recording)
{
	int err = spool_close(recording->notes);

	recording->notes = NULL;
	if (err)
		recording->state.spool_error = err;
}

/* Ends what writes the spools. */
static void stop(struct recording *recording)
{
	recorder_close(recording->recorder, &recording->state);
	recording->recorder = NULL;
	notes_close(recording);
	spool_complain(recording, &recording->state);
	if (recording->link)
		link_close(recording->link, GUEST_GRACE_MS, &recording->guest);
	recording->link = NULL;
	if (recording->guest.resumed)
		fprintf(stderr,
			"sftrace: the line to the guest's agent was cut %u times and made again: "
			"%llu records are lost\n",
			recording->guest.resumed, (unsigned long long)recording->guest.lost);
	if (*recording->guest.error)
		fprintf(stderr, "sftrace: the guest's agent: %s\n", recording->guest.error);
	if (*recording->guest.agent_error)
		fprintf(stderr, "sftrace: the guest's agent: %s\n", recording->guest.agent_error);
}

static void files_remove(struct recording *recording)
{
	unlink(recording->options.output);
	unlink(recording->host_spool);
	unlink(recording->guest_spool);
}

/* The trace's own word on whether it is complete. */
static int completeness(const char *file)
{
	struct trace *trace = NULL;
	char *why = NULL;
	int incomplete;

	if (trace_open(file, &trace, &why))
		return complain(why);
	incomplete = trace_is_incomplete(trace, &why);
	trace_close(trace);
	if (incomplete)
		fprintf(stderr, "sftrace: the trace is incomplete: %s\n",
			why ? why : "something was lost");
	free(why);
	return incomplete ? SFTRACE_INCOMPLETE : SFTRACE_OK;
}

static void no_calls_say(const struct recording *recording)
{
	if (!is_guest_only(recording))
		fprintf(stderr,
			"sftrace: no calls: nothing that was recorded used %s (--service names "
			"another%s)\n",
			recording->options.service,
			guest_agent_can_be_here() ? "; --side guest records this guest" : "");
	else
		fprintf(stderr, "sftrace: no calls: %s\n",
			recording->guest.agent ? "the guest's agent saw none"
					       : "no agent in a guest connected");
}

/* Of either side, control events included. */
struct tally {
	int64_t ended, unfinished;
};

static void take_tally(void *user, sqlite3_stmt *stmt)
{
	struct tally *tally = user;

	tally->unfinished = sqlite3_column_int64(stmt, 1);
	tally->ended = sqlite3_column_int64(stmt, 0) - tally->unfinished;
}

/* What is in the trace, by its own word: the recorder knows the host's side only. */
static int summary(struct recording *recording)
{
	const char *file = recording->options.output;
	struct trace *trace = view_open(file);
	struct tally tally = {0};

	if (!trace)
		return SFTRACE_FAILED;
	view_rows(trace, file,
		  "SELECT (SELECT sum(n) FROM shape),"
		  " (SELECT count(*) FROM call WHERE duration_ns IS NULL)",
		  take_tally, &tally);
	if (!tally.ended && !tally.unfinished)
		no_calls_say(recording);
	fprintf(stderr, "sftrace: %s: %lld calls and control events, %lld unfinished\n", file,
		(long long)tally.ended, (long long)tally.unfinished);
	if (!recording->options.side)
		view_one_sided(trace, file);
	trace_close(trace);
	return completeness(file);
}

/* Another file has its name now: probes are in the old one. */
static bool service_replaced(const struct recording *recording)
{
	struct stat st;

	return stat(recording->options.service, &st) || st.st_ino != recording->service.st_ino ||
	       st.st_dev != recording->service.st_dev;
}

/* What is known to be missing, but not to the spools. */
static const char *missing(const struct recording *recording)
{
	if (recording->state.spool_error)
		return "the spool file could not be written";
	if (!is_guest_only(recording) && service_replaced(recording))
		return "the service's file was replaced, calls to the new one are missing";
	if (*recording->guest.agent_error)
		return "the guest's agent could not record";
	return *recording->guest.error ? "the line to the guest's agent broke" : NULL;
}

/* Spools become a trace, and are removed; GUEST: NULL if there was none. */
static int spools_load(struct recording *recording, const char *host, const char *guest,
		       const char *output)
{
	const char *spools[] = {host, guest};
	struct load_options options = {
		.progress = recording->terminal,
		.incomplete_because = missing(recording),
	};
	char *message = NULL;

	if (load_spools(spools, guest ? 2 : 1, output, &options, &message)) {
		complain(message);
		fprintf(stderr,
			"sftrace: what was recorded is in %s; load it with sftrace merge -o FILE "
			"%s%s%s\n",
			host, host, guest ? " " : "", guest ? guest : "");
		return SFTRACE_FAILED;
	}
	if (!recording->options.keep_spools || is_guest_only(recording))
		unlink(host);
	if (guest && !recording->options.keep_spools)
		unlink(guest);
	return SFTRACE_OK;
}

static int load(struct recording *recording)
{
	int status = spools_load(recording, recording->host_spool,
				 recording->guest.agent ? recording->guest_spool : NULL,
				 recording->options.output);

	return status ? status : summary(recording);
}

static char *meta_get(const char *file, const char *key)
{
	struct trace *trace = NULL;
	char *value = NULL, *message = NULL;

	if (trace_open(file, &trace, &message))
		free(message);
	else if (trace_get_meta(trace, key, &value))
		value = NULL;
	trace_close(trace);
	return value;
}

static void dump_say(const struct recording *recording, const char *file)
{
	char *why = meta_get(file, "dump.reason");
	char *overwritten = meta_get(file, "dump.overwritten_calls");

	fprintf(stderr, "%ssftrace: %s: dumped: %s; %s earlier calls are overwritten\n",
		recording->terminal ? "\r\033[K" : "", file, why ? why : "?",
		overwritten ? overwritten : "?");
	free(why);
	free(overwritten);
}

/* A dump that is ready becomes a trace. */
static void dump_load(struct recording *recording)
{
	unsigned int number = recording->recorder ? recorder_dump_ready(recording->recorder) : 0;
	const char *output = recording->options.output;
	char *spool, *file;
	int status;

	if (!number)
		return;
	spool = recorder_dump_name(output, number, RECORDER_HOST_SPOOL);
	file = recorder_dump_name(output, number, "");
	status = spool && file ? spools_load(recording, spool, NULL, file) : complain(NULL);
	if (!status) {
		dump_say(recording, file);
		status = completeness(file);
	}
	if (!recording->dump_status || status == SFTRACE_FAILED)
		recording->dump_status = status;
	recording->n_dumps++;
	recorder_dump_done(recording->recorder);
	free(spool);
	free(file);
}

/* What was dumped is all that is left, and what was asked for while it was loaded. */
static int dumps_end(struct recording *recording)
{
	static const struct timespec at_once;
	sigset_t asked;

	sigemptyset(&asked);
	sigaddset(&asked, SIGUSR2);
	dump_load(recording);
	if (sigtimedwait(&asked, NULL, &at_once) == SIGUSR2)
		recorder_dump(recording->recorder);
	recorder_stop(recording->recorder);
	dump_load(recording);
	recorder_close(recording->recorder, &recording->state);
	recording->recorder = NULL;
	spool_complain(recording, &recording->state);
	if (!recording->state.calls && !recording->state.unfinished)
		no_calls_say(recording);
	fprintf(stderr, "sftrace: %llu calls and control events, %u dump%s\n",
		(unsigned long long)recording->state.calls, recording->n_dumps,
		recording->n_dumps == 1 ? "" : "s");
	if (recording->state.spool_error)
		return SFTRACE_FAILED;
	return recording->dump_status;
}

static void run(struct recording *recording)
{
	if (!recording->options.command)
		fprintf(stderr, "sftrace: recording%s; stop with Ctrl-C\n",
			recording->options.pid ? " one process" : "");
	do {
		progress(recording);
		dump_load(recording);
	} while (!wait_for_event(recording));
	if (recording->terminal)
		fputs("\r\033[K", stderr);
}

static int end(struct recording *recording)
{
	stop(recording);
	return load(recording);
}

static void recording_free(struct recording *recording)
{
	struct recorder_state state;

	recorder_close(recording->recorder, &state);
	notes_close(recording);
	if (recording->link)
		link_close(recording->link, 0, NULL);
	if (*recording->directory)
		rmdir(recording->directory);
	probe_plan_free(&recording->plan);
	free(recording->socket);
	free(recording->host_spool);
	free(recording->guest_spool);
	free(recording->options.service);
}

int verb_record(int argc, char **argv)
{
	struct recording recording = {.terminal = isatty(STDERR_FILENO)};
	int status = record_options_parse(argc, argv, &recording.options);

	if (status == RECORD_HELP || status == RECORD_USAGE)
		return status == RECORD_HELP ? SFTRACE_OK : SFTRACE_USAGE;
	status = names_make(&recording);
	if (!status && recording.options.flight.bytes)
		status = dumps_check(recording.options.output);
	else if (!status)
		status = output_check(&recording);
	if (!status)
		status = start(&recording);
	if (!status) {
		run(&recording);
		status = recording.options.flight.bytes ? dumps_end(&recording) : end(&recording);
		if (recording.child_status)
			status = recording.child_status;
	} else if (recording.files) {
		files_remove(&recording);
	}
	recording_free(&recording);
	return status;
}
