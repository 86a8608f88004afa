/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast replay makes calls, side by side with a bare loop that makes the
 * same calls on the same service.
 *
 * Records CALLS calls (rounds of one file each: lookup, create, four writes
 * and four reads of 4 KiB, attributes, close, open again, list the directory,
 * remove) into a trace, without a tracer. Then RUNS times in turn, each in a
 * process of its own and on an empty directory:
 *
 *   bare    all parameters were made before: every call has memory of its own
 *           for what it sends. The loop copies eight parameters, puts in the
 *           live handle, calls, and keeps the handle that a CREATE returned. It
 *           compares nothing.
 *   confined  the same loop, with the service kept inside of the directory as
 *           replay keeps it: the kernel then checks every path.
 *   replay  replay_run(): reads the trace, makes the calls, compares everything.
 *           "calls" is the rate from the first call to the last, "all" includes
 *           opening the trace and rebuilding what was there before.
 *
 * Blocks have 256 different contents, or with --distinct as many as there are
 * WRITEs: a trace stores equal contents once.
 *
 * Prints the rates, their ratios (medians of the pairs), the processor time
 * that a call takes in each thread (which says more on a busy machine: a
 * replay's threads share what the scheduler gives to one) and the largest
 * memory of a replay process.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "hgcm.h"
#include "replay.h"
#include "sandbox.h"
#include "trace.h"

#define BLOCK 4096u
#define BLOCKS 4 /* of a file */
#define FILES 64 /* in the directory at a time */
#define LIST_BYTES 16384u
#define MAX_RUNS 99
#define NSEC_PER_SEC 1e9

enum kind { BARE, CONFINED, REPLAY, N_KINDS };

static const char *const kinds[N_KINDS] = {"bare", "confined", "replay"};

struct bench {
	char dir[64];
	char file[96];
	long calls;
	int runs;
	bool distinct;
	struct trace *trace;
	struct hgcm_service *service;
	uint32_t client, root;
	int64_t last_id;
};

static void die(const char *what, const char *on)
{
	fprintf(stderr, "replay_bench: %s: %s\n", what, on);
	exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void load_service(struct bench *bench)
{
	char *message = NULL;

	if (hgcm_service_load(SFSERVICE_PATH, &bench->service, &message) < 0)
		die("cannot load the service", message);
}

/* What the processes of the runs return, by run: calls a second, microseconds a call. */
struct figures {
	double rate[N_KINDS][MAX_RUNS];
	double cpu[N_KINDS][MAX_RUNS]; /* in the calling thread */
	double all[MAX_RUNS], reader_cpu[MAX_RUNS];
};

/* Recording. */

static VBOXHGCMSVCPARM integer(uint64_t value, uint32_t type)
{
	VBOXHGCMSVCPARM parm = {.type = type};

	if (type == VBOX_HGCM_SVC_PARM_32BIT)
		parm.u.uint32 = (uint32_t)value;
	else
		parm.u.uint64 = value;
	return parm;
}

#define U32(value) integer(value, VBOX_HGCM_SVC_PARM_32BIT)
#define U64(value) integer(value, VBOX_HGCM_SVC_PARM_64BIT)

static VBOXHGCMSVCPARM memory(void *memory, uint32_t size)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_PTR, .u.pointer = {size, memory}};
}

static VBOXHGCMSVCPARM string(const char *text, bool utf16)
{
	static uint16_t room[4][512];
	static int next;
	uint16_t *at = room[next++ % 4];
	size_t length = strlen(text), unit = utf16 ? 2 : 1;

	memset(at, 0, sizeof(room[0]));
	at[0] = (uint16_t)((length + 1) * unit);
	at[1] = (uint16_t)(length * unit);
	for (size_t i = 0; i < length; i++)
		((char *)(at + 2))[i * unit] = text[i];
	return memory(at, 4 + at[0]);
}

static int64_t store(struct bench *bench, const VBOXHGCMSVCPARM *parm, uint32_t n)
{
	int64_t id = 0;

	if (trace_add_payload(bench->trace, parm->u.pointer.addr, n, n, &id) < 0)
		die("cannot store payload", trace_error(bench->trace));
	return id;
}

/* What a recorder captures of a parameter before or after the call. */
static void note(struct bench *bench, struct trace_call *call, const struct shfl_fn_info *info,
		 const VBOXHGCMSVCPARM *parms, bool out)
{
	int count = info ? shfl_parm_find(info, SHFL_ROLE_COUNT) : -1;

	for (uint32_t i = 0; i < call->n_parms; i++) {
		struct trace_parm *to = &call->parms[i];
		uint8_t role = info->parms[i].role;
		bool wanted = info->parms[i].direction & (out ? SHFL_DIR_OUT : SHFL_DIR_IN);
		uint32_t n;

		to->type = parms[i].type;
		if (to->type != VBOX_HGCM_SVC_PARM_PTR) {
			to->out = to->type == VBOX_HGCM_SVC_PARM_32BIT ? parms[i].u.uint32
								       : parms[i].u.uint64;
			to->in = out ? to->in : to->out;
			continue;
		}
		n = to->size = parms[i].u.pointer.size;
		if ((role == SHFL_ROLE_DATA || role == SHFL_ROLE_LIST_BUFFER) && count >= 0 &&
		    parms[count].u.uint32 < n)
			n = parms[count].u.uint32;
		if (wanted && n)
			*(out ? &to->payload_out : &to->payload_in) = store(bench, &parms[i], n);
	}
}

static struct trace_call event(struct bench *bench, enum trace_kind kind, uint32_t fn)
{
	int64_t id = ++bench->last_id;

	return (struct trace_call){
		.call_id = id,
		.kind = kind,
		.side = TRACE_SIDE_HOST,
		.client = kind == TRACE_HOST_CALL ? 0 : bench->client,
		.fn = fn,
		.complete = true,
		.start_ns = id * 1000,
		.end_ns = id * 1000 + 500,
		.comm = "bench",
	};
}

static void add(struct bench *bench, const struct trace_call *call)
{
	if (trace_add_call(bench->trace, call, NULL, 0) < 0)
		die("cannot store a call", trace_error(bench->trace));
}

static void record(struct bench *bench, uint32_t fn, uint32_t n, VBOXHGCMSVCPARM *parms)
{
	struct trace_call call = event(bench, TRACE_CALL, fn);

	call.n_parms = n;
	note(bench, &call, shfl_fn_find(fn), parms, false);
	call.status =
		hgcm_call(bench->service, bench->client, fn, n, parms, HGCM_WAIT_NEVER, NULL, NULL);
	note(bench, &call, shfl_fn_find(fn), parms, true);
	add(bench, &call);
}

#define RECORD(bench, fn, ...)                                                     \
	record(bench, SHFL_FN_##fn,                                                \
	       sizeof((VBOXHGCMSVCPARM[]){__VA_ARGS__}) / sizeof(VBOXHGCMSVCPARM), \
	       (VBOXHGCMSVCPARM[]){__VA_ARGS__})

static uint64_t record_create(struct bench *bench, const char *path, uint32_t flags)
{
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL, .CreateFlags = flags};

	parms.Info.Attr.fMode = RTFS_TYPE_FILE | 0644;
	RECORD(bench, CREATE, U32(bench->root), string(path, false), memory(&parms, sizeof(parms)));
	return parms.Handle;
}

static void record_close(struct bench *bench, uint64_t handle)
{
	RECORD(bench, CLOSE, U32(bench->root), U64(handle));
}

static void record_round(struct bench *bench, long round)
{
	const uint32_t open = SHFL_CF_ACT_OPEN_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW;
	static uint8_t data[BLOCK], list[LIST_BYTES];
	SHFLFSOBJINFO info = {0};
	char path[32];
	uint64_t handle;

	snprintf(path, sizeof(path), "/file-%03ld", round % FILES);
	record_create(bench, path, SHFL_CF_LOOKUP);
	handle = record_create(bench, path,
			       SHFL_CF_ACT_REPLACE_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW |
				       SHFL_CF_ACCESS_READWRITE);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		memset(data, (int)(round + i), sizeof(data));
		if (bench->distinct)
			memcpy(data, &bench->last_id, sizeof(bench->last_id));
		RECORD(bench, WRITE, U32(bench->root), U64(handle), U64(i * BLOCK), U32(BLOCK),
		       memory(data, BLOCK));
	}
	for (uint32_t i = 0; i < BLOCKS; i++)
		RECORD(bench, READ, U32(bench->root), U64(handle), U64(i * BLOCK), U32(BLOCK),
		       memory(data, BLOCK));
	RECORD(bench, INFORMATION, U32(bench->root), U64(handle),
	       U32(SHFL_INFO_GET | SHFL_INFO_FILE), U32(sizeof(info)), memory(&info, sizeof(info)));
	record_close(bench, handle);
	if (round % FILES == 0) {
		handle = record_create(bench, "/", SHFL_CF_DIRECTORY | open);
		RECORD(bench, LIST, U32(bench->root), U64(handle), U32(0), U32(LIST_BYTES),
		       memory(NULL, 0), memory(list, LIST_BYTES), U32(0), U32(0));
		record_close(bench, handle);
	}
	handle = record_create(bench, path, open | SHFL_CF_ACCESS_READ);
	record_close(bench, handle);
	RECORD(bench, REMOVE, U32(bench->root), string(path, false), U32(SHFL_REMOVE_FILE));
}

static void record_mount(struct bench *bench, char *share)
{
	VBOXHGCMSVCPARM parms[] = {string(share, true), string("work", true),
				   U32(SHFL_ADD_MAPPING_F_WRITABLE), string("", true)};
	struct trace_call call = event(bench, TRACE_HOST_CALL, SHFL_FN_ADD_MAPPING);

	call.n_parms = 4;
	note(bench, &call, shfl_host_fn_find(call.fn), parms, false);
	call.status = hgcm_host_call(bench->service, call.fn, 4, parms);
	add(bench, &call);
	call = event(bench, TRACE_CONNECT, 0);
	call.n_parms = 1;
	call.parms[0] = (struct trace_parm){.type = VBOX_HGCM_SVC_PARM_32BIT, .in = 1, .out = 1};
	call.status = hgcm_connect(bench->service, 1, &bench->client);
	call.client = bench->client;
	add(bench, &call);
	record(bench, SHFL_FN_SET_UTF8, 0, NULL);
	RECORD(bench, MAP_FOLDER, string("work", false), U32(0), U32('/'), U32(1));
}

static void record_trace(struct bench *bench)
{
	char share[96], *message = NULL;

	snprintf(share, sizeof(share), "%s/share", bench->dir);
	if (mkdir(share, 0755) < 0 || trace_create(bench->file, &bench->trace, &message) < 0)
		die("cannot make the trace", message ? message : share);
	load_service(bench);
	record_mount(bench, share);
	for (long round = 0; bench->last_id < bench->calls; round++)
		record_round(bench, round);
	hgcm_service_unload(bench->service);
	if (trace_finish(bench->trace, NULL) < 0)
		die("cannot finish the trace", trace_error(bench->trace));
	trace_close(bench->trace);
}

/* The bare loop. */

struct bare_call {
	uint32_t fn;
	uint32_t n_parms;
	int handle; /* parameter, -1: none */
	uint64_t opened; /* recorded handle that it gave, SHFL_HANDLE_NIL: none */
	VBOXHGCMSVCPARM parms[SHFL_MAX_PARMS];
};

static void bare_fill(struct bench *bench, const struct trace_call *call, struct bare_call *to)
{
	static uint8_t results[SHFL_MAX_PARMS][64 << 10]; /* for what calls only return */
	const struct shfl_fn_info *info = shfl_fn_find(call->fn);

	to->fn = call->fn;
	to->n_parms = call->n_parms;
	to->handle = shfl_parm_find(info, SHFL_ROLE_HANDLE);
	to->opened = SHFL_HANDLE_NIL;
	for (uint32_t i = 0; i < call->n_parms; i++) {
		const struct trace_parm *parm = &call->parms[i];
		void *data = results[i];
		uint32_t captured, length;

		if (parm->type != VBOX_HGCM_SVC_PARM_PTR) {
			to->parms[i] = integer(parm->in, parm->type);
			continue;
		}
		if (parm->payload_in && trace_get_payload(bench->trace, parm->payload_in, &data,
							  &captured, &length) < 0)
			die("cannot read the trace", trace_error(bench->trace));
		to->parms[i] = memory(parm->size ? data : NULL, parm->size);
	}
	if (call->fn == SHFL_FN_CREATE) {
		SHFLCREATEPARMS *after;
		uint32_t captured, length;

		if (trace_get_payload(bench->trace, call->parms[2].payload_out, (void **)&after,
				      &captured, &length) < 0)
			die("cannot read the trace", trace_error(bench->trace));
		to->opened = after->Handle;
		free(after);
	}
}

static struct bare_call *bare_load(struct bench *bench, size_t *ret_n)
{
	struct bare_call *calls = calloc((size_t)bench->last_id + 1, sizeof(*calls));
	struct trace_cursor *cursor = NULL;
	struct trace_call call;
	size_t n = 0;

	if (!calls || trace_events(bench->trace, &cursor) < 0)
		die("cannot read the trace", bench->file);
	while (trace_next(cursor, &call) == 1)
		if (call.kind == TRACE_CALL)
			bare_fill(bench, &call, &calls[n++]);
	trace_cursor_close(cursor);
	*ret_n = n;
	return calls;
}

static void bare_loop(struct bench *bench, struct bare_call *calls, size_t n)
{
	uint64_t live = SHFL_HANDLE_NIL; /* one is open at a time */

	for (size_t i = 0; i < n; i++) {
		struct bare_call *call = &calls[i];
		VBOXHGCMSVCPARM parms[SHFL_MAX_PARMS];

		memcpy(parms, call->parms, sizeof(parms));
		if (call->handle >= 0)
			parms[call->handle].u.uint64 = live;
		hgcm_call(bench->service, bench->client, call->fn, call->n_parms, parms,
			  HGCM_WAIT_NEVER, NULL, NULL);
		if (call->opened != SHFL_HANDLE_NIL)
			live = ((const SHFLCREATEPARMS *)parms[2].u.pointer.addr)->Handle;
	}
}

static void run_bare(struct bench *bench, struct figures *figures, enum kind kind, int i)
{
	const char *const dirs[] = {bench->dir};
	char share[96], *message = NULL;
	struct bare_call *calls;
	int64_t start, cpu;
	size_t n;

	snprintf(share, sizeof(share), "%s/bare", bench->dir);
	if (mkdir(share, 0755) < 0 || trace_open(bench->file, &bench->trace, &message) < 0)
		die("cannot begin", message ? message : share);
	calls = bare_load(bench, &n);
	if (kind == CONFINED && sandbox_enter(dirs, 1) < 0)
		die("cannot confine the service", share);
	load_service(bench);
	hgcm_add_share(bench->service, "work", share, SHFL_ADD_MAPPING_F_WRITABLE, NULL);
	hgcm_connect(bench->service, 1, &bench->client);
	start = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	bare_loop(bench, calls, n);
	figures->cpu[kind][i] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / 1e3 / (double)n;
	figures->rate[kind][i] =
		(double)n * NSEC_PER_SEC / (double)(clock_ns(CLOCK_MONOTONIC) - start);
	hgcm_service_unload(bench->service);
	rmdir(share);
}

/* The replay. */

static void run_replay(struct bench *bench, struct figures *figures, int i)
{
	const struct replay_options options = {.service = SFSERVICE_PATH, .compare = COMPARE_USUAL};
	struct replay_result result;
	char *message = NULL;
	int64_t start = clock_ns(CLOCK_MONOTONIC);

	if (trace_open(bench->file, &bench->trace, &message) < 0 ||
	    replay_run(bench->trace, &options, &result, &message) < 0)
		die("cannot replay", message);
	start = clock_ns(CLOCK_MONOTONIC) - start;
	if (replay_exit_status(&result, false) != 0)
		die("the replay diverged", result.first.what);
	figures->all[i] = (double)result.calls * NSEC_PER_SEC / (double)start;
	figures->rate[REPLAY][i] = (double)result.calls * NSEC_PER_SEC / (double)result.duration_ns;
	figures->cpu[REPLAY][i] = (double)result.cpu_ns / 1e3 / (double)result.calls;
	figures->reader_cpu[i] = (double)result.reader_cpu_ns / 1e3 / (double)result.calls;
}

/* Side by side. */

static long in_child(struct bench *bench, struct figures *figures, enum kind kind, int i)
{
	struct rusage usage;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (kind == REPLAY)
			run_replay(bench, figures, i);
		else
			run_bare(bench, figures, kind, i);
		_exit(0);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0 || status != 0)
		die("a run failed", kinds[kind]);
	return usage.ru_maxrss;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), by_value);
	return values[n / 2];
}

/* Of replays to loops of a kind, pair by pair. */
static void print_ratio(const struct bench *bench, const struct figures *figures, enum kind kind)
{
	double rates[MAX_RUNS], times[MAX_RUNS];

	for (int i = 0; i < bench->runs; i++) {
		double slower = figures->cpu[REPLAY][i] > figures->reader_cpu[i]
					? figures->cpu[REPLAY][i]
					: figures->reader_cpu[i];

		rates[i] = figures->rate[REPLAY][i] / figures->rate[kind][i];
		times[i] = figures->cpu[kind][i] / slower;
	}
	printf("replay / %-8s     %11.2f", kinds[kind], median(rates, bench->runs));
	printf("  (%.2f to %.2f in %d pairs)", rates[0], rates[bench->runs - 1], bench->runs);
	printf("; by processor time of its slower thread %.2f", median(times, bench->runs));
	printf(" (%.2f to %.2f)\n", times[0], times[bench->runs - 1]);
}

static void print_figures(struct bench *bench, struct figures *figures)
{
	print_ratio(bench, figures, BARE);
	print_ratio(bench, figures, CONFINED);
	for (enum kind kind = BARE; kind < N_KINDS; kind++)
		printf("%-20s %11.0f calls/s, %.2f us of processor time a call\n", kinds[kind],
		       median(figures->rate[kind], bench->runs),
		       median(figures->cpu[kind], bench->runs));
	printf("replay's reader                          %.2f us of processor time a call\n",
	       median(figures->reader_cpu, bench->runs));
	printf("replay, all          %11.0f calls/s\n", median(figures->all, bench->runs));
}

static void compare_runs(struct bench *bench)
{
	struct figures *figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long rss = 0;

	if (figures == MAP_FAILED)
		die("no memory", "");
	for (int i = 0; i < bench->runs; i++) {
		long used;

		in_child(bench, figures, BARE, i);
		in_child(bench, figures, CONFINED, i);
		used = in_child(bench, figures, REPLAY, i);
		rss = used > rss ? used : rss;
	}
	printf("calls                %11" PRId64 "\n", bench->last_id);
	print_figures(bench, figures);
	printf("memory of a replay   %11ld KiB\n", rss);
}

static void usage(void)
{
	fputs("usage: replay_bench [--calls N] [--runs N] [--distinct]\n"
	      "Rates of a replay and of a bare loop with the same calls; works in $TMPDIR.\n",
	      stdout);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"calls", required_argument, NULL, 'c'},
						{"runs", required_argument, NULL, 'r'},
						{"distinct", no_argument, NULL, 'd'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct bench bench = {.calls = 100000, .runs = 5};
	const char *parent = getenv("TMPDIR");
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (letter == 'c') {
			bench.calls = atol(optarg);
		} else if (letter == 'r') {
			bench.runs = atoi(optarg);
		} else if (letter == 'd') {
			bench.distinct = true;
		} else {
			usage();
			return letter == 'h' ? 0 : 2;
		}
	}
	if (bench.calls < 1 || bench.runs < 1 || bench.runs > MAX_RUNS)
		die("needs 1 to 99 runs and some calls", "see --help");
	snprintf(bench.dir, sizeof(bench.dir), "%.32s/replay_bench-XXXXXX",
		 parent ? parent : "/tmp");
	if (!mkdtemp(bench.dir))
		die("cannot make a directory", bench.dir);
	snprintf(bench.file, sizeof(bench.file), "%s/t.db", bench.dir);
	setenv("TMPDIR", bench.dir, 1);
	record_trace(&bench);
	compare_runs(&bench);
	unlink(bench.file);
	snprintf(bench.file, sizeof(bench.file), "%s/share", bench.dir);
	rmdir(bench.file);
	return rmdir(bench.dir) < 0;
}
