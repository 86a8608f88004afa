/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What recording costs a call: WRITEs of 4 KiB to a service in a process of
 * its own, on tmpfs, not traced and traced in several ways, in turns. Prints
 * medians, and the fastest tenth of the batches, which other work on the
 * machine changes less; see docs/performance.md.
 *
 * Usage: record_bench [ROUNDS [WAY]]
 * WAY: only ways to trace whose name contains this.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hgcm.h"
#include "shfl_table.h"

#define BLOCK_BYTES 4096
#define BLOCKS 64 /* the file stays small: the cache is not what is measured */
#define BATCH_CALLS 100
#define BATCHES 60 /* of one turn */
#define ROUNDS_MAX 100
#define PROBE_BATCHES 10 /* to see whether a tracer has attached */
#define ATTACHED_AT 2 /* times the untraced cost: no way to trace is as cheap */
#define DETACHED_AT 1.5 /* below this the last one is gone */
#define ATTACH_SECONDS 30
#define RESEND_EVERY 200 /* times 10 ms */

/* A histogram of a hop's duration, as bpftrace's documentation shows it. */
#define HISTOGRAM(hop)                                                \
	"uprobe:$SERVICE:" #hop " { @start_" #hop "[tid] = nsecs; } " \
	"uretprobe:$SERVICE:" #hop " /@start_" #hop "[tid]/ "         \
	"{ @" #hop " = hist(nsecs - @start_" #hop "[tid]); "          \
	"delete(@start_" #hop "[tid]); } "

#define PRINT(hop)                                                             \
	"uprobe:$SERVICE:" #hop " { printf(\\\"%d " #hop "\\\\n\\\", tid); } " \
	"uretprobe:$SERVICE:" #hop " { printf(\\\"%d " #hop " %d\\\\n\\\", tid, retval); } "

#define RECORD "exec \"$SFTRACE\" record --service \"$SERVICE\" -f -o \"$OUT\" -p $PID "
#define FLIGHT "exec \"$SFTRACE\" record --service \"$SERVICE\" --ring 64M -o \"$OUT\" -p $PID "
#define BPFTRACE "exec bpftrace -p $PID -e \""

enum {
	UNTRACED,
	RECORD_PARAMETERS,
	RECORD_PAYLOAD,
	RECORD_SYSCALLS,
	RECORD_FILTERED,
	RECORD_FLIGHT,
	HISTOGRAM_SAME,
	HISTOGRAM_TWO,
	PRINT_SAME,
	STRACE,
	N_WAYS
};

/* A way to trace; command: for the shell, NULL: none. */
struct way {
	const char *name, *command, *program;
	const char *missing; /* why it is left out */
	double *samples; /* ns of a call, one for each batch */
	size_t n_samples;
};

static struct way ways[N_WAYS] = {
	[UNTRACED] = {.name = "not traced"},
	[RECORD_PARAMETERS] = {"sftrace record, 4 hops, parameters",
			       RECORD "--no-syscalls --snaplen 0", "", NULL, NULL, 0},
	[RECORD_PAYLOAD] = {"sftrace record, 4 hops, payload", RECORD "--no-syscalls", "", NULL,
			    NULL, 0},
	[RECORD_SYSCALLS] = {"sftrace record, 4 hops and pwrite64, payload", RECORD, "", NULL, NULL,
			     0},
	[RECORD_FILTERED] = {"sftrace record, a filter drops every call",
			     RECORD "--no-syscalls -e CLOSE", "", NULL, NULL, 0},
	[RECORD_FLIGHT] = {"sftrace record, flight recorder, payload", FLIGHT "--no-syscalls", "",
			   NULL, NULL, 0},
	[HISTOGRAM_SAME] = {"bpftrace, histogram on the same 4 hops",
			    BPFTRACE HISTOGRAM(svcCall) HISTOGRAM(vbsfWrite) HISTOGRAM(RTFileWrite)
				    HISTOGRAM(svcComplete) "\"",
			    "bpftrace", NULL, NULL, 0},
	[HISTOGRAM_TWO] = {"bpftrace, histogram on 2 hops",
			   BPFTRACE HISTOGRAM(svcCall) HISTOGRAM(RTFileWrite) "\"", "bpftrace",
			   NULL, NULL, 0},
	[PRINT_SAME] = {"bpftrace, a line for each of 4 hops",
			BPFTRACE PRINT(svcCall) PRINT(vbsfWrite) PRINT(RTFileWrite)
				PRINT(svcComplete) "\"",
			"bpftrace", NULL, NULL, 0},
	[STRACE] = {"strace", "exec strace -f -o \"$OUT.strace\" -p $PID", "strace", NULL, NULL, 0},
};

static void die(const char *what, const char *on)
{
	fprintf(stderr, "record_bench: %s: %s\n", what, on);
	exit(1);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* The worker: the process that makes the calls. */

struct worker {
	pid_t pid;
	int orders, answers; /* the parent's ends */
};

struct target {
	struct hgcm_service *service;
	uint32_t client, root;
	uint64_t handle;
};

static VBOXHGCMSVCPARM parm32(uint32_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = value};
}

static VBOXHGCMSVCPARM parm64(uint64_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_64BIT, .u.uint64 = value};
}

static VBOXHGCMSVCPARM parm_pointer(void *memory, uint32_t size)
{
	return (VBOXHGCMSVCPARM){
		.type = VBOX_HGCM_SVC_PARM_PTR,
		.u.pointer = {.size = size, .addr = memory},
	};
}

static void must(const char *what, int32_t status)
{
	if (VBOX_FAILURE(status))
		die("the service refuses", what);
}

static int32_t call(struct target *target, uint32_t fn, uint32_t n, VBOXHGCMSVCPARM *parms)
{
	return hgcm_call(target->service, target->client, fn, n, parms, HGCM_WAIT_ALWAYS, NULL,
			 NULL);
}

static VBOXHGCMSVCPARM string_make(char *memory, const char *text)
{
	SHFLSTRING *string = (SHFLSTRING *)memory;

	string->u16Length = strlen(text);
	string->u16Size = string->u16Length + 1;
	strcpy(memory + SHFLSTRING_HEADER_SIZE, text);
	return parm_pointer(memory, SHFLSTRING_HEADER_SIZE + string->u16Size);
}

static void target_open(struct target *target, const char *service, const char *directory)
{
	_Alignas(8) char name[32], path[32];
	SHFLCREATEPARMS create = {
		.Handle = SHFL_HANDLE_NIL,
		.CreateFlags = SHFL_CF_ACT_REPLACE_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW |
			       SHFL_CF_ACCESS_READWRITE,
	};
	VBOXHGCMSVCPARM map[] = {string_make(name, "bench"), parm32(0), parm32('/'), parm32(1)};
	VBOXHGCMSVCPARM open[] = {parm32(0), string_make(path, "/file"),
				  parm_pointer(&create, sizeof(create))};
	char *message = NULL;

	if (hgcm_service_load(service, &target->service, &message))
		die("cannot load", message);
	must("a share", hgcm_add_share(target->service, "bench", directory,
				       SHFL_ADD_MAPPING_F_WRITABLE, NULL));
	must("a client", hgcm_connect(target->service, 1, &target->client));
	must("UTF-8", call(target, SHFL_FN_SET_UTF8, 0, NULL));
	must("the share", call(target, SHFL_FN_MAP_FOLDER, 4, map));
	target->root = map[1].u.uint32;
	open[0] = parm32(target->root);
	must("a file", call(target, SHFL_FN_CREATE, 3, open));
	target->handle = create.Handle;
}

/* ns of one call. */
static double batch_run(struct target *target)
{
	static char block[BLOCK_BYTES];
	double begin = now_ns();

	for (int i = 0; i < BATCH_CALLS; i++) {
		VBOXHGCMSVCPARM parms[] = {parm32(target->root), parm64(target->handle),
					   parm64((uint64_t)(i % BLOCKS) * BLOCK_BYTES),
					   parm32(BLOCK_BYTES), parm_pointer(block, BLOCK_BYTES)};

		must("WRITE", call(target, SHFL_FN_WRITE, 5, parms));
	}
	return (now_ns() - begin) / BATCH_CALLS;
}

static void worker_main(const char *service, const char *directory, int orders, int answers)
{
	struct target target;
	int n;

	target_open(&target, service, directory);
	while (read(orders, &n, sizeof(n)) == sizeof(n))
		while (n--) {
			double sample = batch_run(&target);

			if (write(answers, &sample, sizeof(sample)) != sizeof(sample))
				_exit(1);
		}
	hgcm_service_unload(target.service);
	_exit(0);
}

static void worker_start(struct worker *worker, const char *service, const char *directory)
{
	int orders[2], answers[2];

	if (pipe2(orders, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		die("cannot make a pipe", strerror(errno));
	worker->pid = fork();
	if (worker->pid < 0)
		die("cannot fork", strerror(errno));
	if (!worker->pid) {
		close(orders[1]);
		worker_main(service, directory, orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	worker->orders = orders[1];
	worker->answers = answers[0];
}

static void worker_run(struct worker *worker, int n, double *samples)
{
	if (write(worker->orders, &n, sizeof(n)) != sizeof(n))
		die("the worker", "ended");
	for (int i = 0; i < n; i++)
		if (read(worker->answers, &samples[i], sizeof(*samples)) != sizeof(*samples))
			die("the worker", "ended");
}

/* The tracers. */

static double smallest(const double *samples, size_t n)
{
	double least = samples[0];

	for (size_t i = 1; i < n; i++)
		if (samples[i] < least)
			least = samples[i];
	return least;
}

/* A tracer has attached when even the fastest calls are slower: not all of them say so. */
static void wait_attached(struct worker *worker, const struct way *way, pid_t pid, double untraced)
{
	double samples[PROBE_BATCHES], until = now_ns() + ATTACH_SECONDS * 1e9;

	do {
		usleep(100000);
		worker_run(worker, PROBE_BATCHES, samples);
		if (now_ns() > until || waitpid(pid, NULL, WNOHANG))
			die("did not attach", way->name);
	} while (smallest(samples, PROBE_BATCHES) < ATTACHED_AT * untraced);
	usleep(300000); /* its last probe may be still to come */
}

/* Probes of a tracer that has ended may stay for a moment: they are not the next one's. */
static void wait_detached(struct worker *worker, double untraced)
{
	double samples[PROBE_BATCHES], until = now_ns() + ATTACH_SECONDS * 1e9;

	do {
		worker_run(worker, PROBE_BATCHES, samples);
		if (now_ns() > until)
			die("did not become as fast again as", ways[UNTRACED].name);
	} while (smallest(samples, PROBE_BATCHES) >= DETACHED_AT * untraced);
}

static pid_t tracer_start(const struct way *way)
{
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork", strerror(errno));
	if (pid)
		return pid;
	if (!freopen("/dev/null", "w", stdout))
		_exit(1);
	if (!getenv("SFTRACE_DEBUG") && !freopen("/dev/null", "w", stderr))
		_exit(1);
	execl("/bin/sh", "sh", "-c", way->command, NULL);
	_exit(127);
}

static void tracer_stop(const struct way *way, pid_t pid)
{
	char text[32];
	int status;

	/* bpftrace forgets a signal that comes while it is still about to begin. */
	for (int tries = 0; waitpid(pid, &status, WNOHANG) == 0; tries++) {
		if (tries % RESEND_EVERY == 0)
			kill(pid, SIGINT);
		usleep(10000);
	}
	snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(status));
	/* What a recorder loses is cheap: then nothing was measured. */
	if (!*way->program && (!WIFEXITED(status) || WEXITSTATUS(status)))
		die(way->name, text);
}

static void turn(struct worker *worker, struct way *way, double untraced)
{
	pid_t pid = way->command ? tracer_start(way) : 0;

	if (pid)
		wait_attached(worker, way, pid, untraced);
	worker_run(worker, BATCHES, way->samples + way->n_samples);
	way->n_samples += BATCHES;
	if (!pid)
		return;
	tracer_stop(way, pid);
	wait_detached(worker, untraced);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The cost of a call so that this part of the batches is faster. */
static double quantile(const struct way *way, double part)
{
	if (way->missing)
		return 0;
	qsort(way->samples, way->n_samples, sizeof(double), compare);
	return way->samples[(size_t)(way->n_samples * part)];
}

static void print_row(const struct way *way, double part)
{
	double untraced = quantile(&ways[UNTRACED], part), ns = quantile(way, part);
	double same = quantile(&ways[HISTOGRAM_SAME], part) - untraced;
	double two = quantile(&ways[HISTOGRAM_TWO], part) - untraced;

	printf("%-46s %9.0f", way->name, ns);
	if (way == &ways[UNTRACED])
		printf("\n");
	else if (same > 0 && two > 0)
		printf(" %9.0f %9.2f %9.2f\n", ns - untraced, (ns - untraced) / same,
		       (ns - untraced) / two);
	else
		printf(" %9.0f\n", ns - untraced);
}

static void print(const char *what, double part)
{
	printf("%-46s %9s %9s %9s %9s\n", what, "ns", "added", "x same", "x two");
	for (int i = 0; i < N_WAYS; i++)
		if (ways[i].missing)
			printf("%-46s left out: %s\n", ways[i].name, ways[i].missing);
		else
			print_row(&ways[i], part);
}

/* only: ways whose name does not contain it are left out, but for the untraced calls. */
static void ways_open(int rounds, const char *only)
{
	char test[128];

	for (int i = 0; i < N_WAYS; i++) {
		struct way *way = &ways[i];

		way->samples = calloc(rounds * BATCHES, sizeof(double));
		if (!way->samples)
			die("no memory", "");
		snprintf(test, sizeof(test), "command -v %s >/dev/null",
			 way->program ? way->program : "");
		if (way->program && *way->program && system(test))
			way->missing = "it is not installed";
		if (i != UNTRACED && only && !strstr(way->name, only))
			way->missing = "not asked for";
	}
}

int main(int argc, char **argv)
{
	char directory[] = "/dev/shm/record_bench-XXXXXX", text[64], command[128];
	int rounds = argc > 1 ? atoi(argv[1]) : 5;
	struct worker worker;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		die("usage", "record_bench [ROUNDS [WAY]], 1 to 100 rounds");
	if (!mkdtemp(directory))
		die(directory, strerror(errno));
	worker_start(&worker, SFSERVICE_PATH, directory);
	snprintf(text, sizeof(text), "%d", worker.pid);
	setenv("PID", text, 1);
	setenv("SERVICE", SFSERVICE_PATH, 1);
	setenv("SFTRACE", SFTRACE_PATH, 1);
	snprintf(text, sizeof(text), "%s/t.db", directory);
	setenv("OUT", text, 1);
	ways_open(rounds, argc > 2 ? argv[2] : NULL);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < N_WAYS; i++)
			if (!ways[i].missing)
				turn(&worker, &ways[i],
				     smallest(ways[UNTRACED].samples,
					      ways[UNTRACED].n_samples ? ways[UNTRACED].n_samples
								       : 1));
	print("WRITE of 4 KiB, medians", 0.5);
	print("the fastest tenth", 0.1);
	close(worker.orders);
	waitpid(worker.pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command) ? 1 : 0;
}
