/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sftrace test: every trace in a directory is a test. Each runs in a process
 * of its own, so that a service which crashes or hangs costs one test.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "scratch.h"
#include "test_case.h"
#include "verbs.h"

#define DEFAULT_TIMEOUT 60 /* seconds for one trace */
#define MAX_TIMEOUT 86400
#define MAX_JOBS 64

static const char usage[] =
	"usage: sftrace test [OPTIONS] DIR|FILE...\n"
	"Replays every trace of DIR (NAME.db, or NAME.db.xz that xz has compressed); one\n"
	"that is not as recorded is a test that fails. NAME.txt beside it says what it\n"
	"shows: the first line is its title, and these are instructions, everything else\n"
	"is for people:\n"
	"  diverges: CALL WHAT   known: this call differs in WHAT\n"
	"  compare: WORDS        as replay's --compare\n"
	"  incomplete: WHY       a part of the trace is missing on purpose\n"
	"  descriptors: N        as replay's --descriptors\n"
	"  disk: SIZE            as replay's --disk\n"
	"Before the first empty line, no other line may begin with a word of small letters\n"
	"and ':'. Prints TAP, one line for each trace.\n"
	"  --service SO     the service to call (sfservice.so of this sftrace)\n"
	"  --compare WHAT   see sftrace replay --help\n"
	"  --junit          print JUnit XML instead\n"
	"  -j, --jobs N     replay N traces at once (as many as there are processors)\n"
	"  --timeout S      seconds that one trace may take (60)\n"
	"Exit status: 0 all passed, 3 one diverged, 4 one lacks something, 1 one could not\n"
	"be replayed, 2 usage.\n"
	"Examples:\n"
	"  sftrace test tests/regress           the whole collection\n"
	"  sftrace test --service ./new.so --junit tests/regress >junit.xml\n"
	"                                       another service, for a CI system\n";

struct test_arguments {
	const char *service;
	unsigned compare;
	int jobs;
	unsigned timeout_s;
	bool junit;
};

struct test_suite {
	const struct test_arguments *arguments;
	struct scratch scratch; /* each test has a directory in it */
	struct test_case *tests;
	struct test_outcome *outcomes; /* shared with the processes that run them */
	pid_t *pids; /* 0: not running */
	size_t n;
	size_t room;
};

/* clang-format off */
static const struct option long_options[] = {
	{"service", required_argument, NULL, 's'},
	{"compare", required_argument, NULL, 'c'},
	{"junit", no_argument, NULL, 'x'},
	{"jobs", required_argument, NULL, 'j'},
	{"timeout", required_argument, NULL, 't'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}
};
/* clang-format on */

static int suite_add(struct test_suite *suite, const char *file)
{
	int ret;

	if (suite->n == suite->room) {
		size_t room = suite->room ? suite->room * 2 : 64;
		struct test_case *tests = reallocarray(suite->tests, room, sizeof(*tests));

		if (!tests)
			return -ENOMEM;
		suite->tests = tests;
		suite->room = room;
	}
	ret = test_case_read(file, &suite->tests[suite->n++]);
	if (ret < 0)
		fprintf(stderr, "sftrace: cannot test with %s: %s\n", file, strerror(-ret));
	return ret;
}

static int is_trace(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && test_case_suffix(entry->d_name) > 0;
}

static int suite_add_directory(struct test_suite *suite, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_trace, alphasort), ret = 0;

	if (n < 0)
		return -errno;
	if (n == 0)
		fprintf(stderr, "sftrace: there is no trace (NAME.db, NAME.db.xz) in %s\n", dir);
	for (int i = 0; i < n; i++) {
		char *file = NULL;

		if (!ret && asprintf(&file, "%s/%s", dir, entries[i]->d_name) < 0)
			ret = -ENOMEM;
		if (!ret)
			ret = suite_add(suite, file);
		free(file);
		free(entries[i]);
	}
	free(entries);
	return n == 0 ? -ENOENT : ret;
}

static int suite_collect(struct test_suite *suite, char **paths)
{
	for (; *paths; paths++) {
		struct stat st;
		int ret;

		if (stat(*paths, &st) < 0) {
			fprintf(stderr, "sftrace: cannot test with %s: %s\n", *paths,
				strerror(errno));
			return -errno;
		}
		ret = S_ISDIR(st.st_mode) ? suite_add_directory(suite, *paths)
					  : suite_add(suite, *paths);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void suite_clear(struct test_suite *suite)
{
	for (size_t i = 0; i < suite->n; i++)
		test_case_clear(&suite->tests[i]);
	if (suite->outcomes)
		munmap(suite->outcomes, suite->n * sizeof(*suite->outcomes));
	free(suite->tests);
	free(suite->pids);
	scratch_remove(&suite->scratch); /* what tests that died have left */
	scratch_clear(&suite->scratch);
}

static void suite_run_one(struct test_suite *suite, size_t i)
{
	const struct test_arguments *arguments = suite->arguments;
	struct replay_options options = {
		.service = arguments->service,
		.compare = arguments->compare,
	};
	char *scratch = NULL;

	alarm(arguments->timeout_s);
	if (asprintf(&scratch, "%s/%zu", suite->scratch.path, i) < 0)
		return;
	options.scratch = scratch;
	test_case_run(&suite->tests[i], &options, &suite->outcomes[i]);
	free(scratch);
}

static int suite_start(struct test_suite *suite, size_t i)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		suite_run_one(suite, i);
		_exit(0);
	}
	suite->pids[i] = pid;
	return 0;
}

/* Waits for one of the tests that run. */
static int suite_wait(struct test_suite *suite)
{
	int status;
	pid_t pid = wait(&status);

	if (pid < 0)
		return -errno;
	for (size_t i = 0; i < suite->n; i++) {
		if (suite->pids[i] != pid)
			continue;
		suite->pids[i] = 0;
		if (WIFSIGNALED(status))
			test_case_died(&suite->tests[i], WTERMSIG(status), &suite->outcomes[i]);
	}
	return 0;
}

static void print_escaped(const char *text, bool xml)
{
	static const struct {
		char c;
		const char *escaped;
	} escapes[] = {
		{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"},
	};

	for (; *text; text++) {
		const char *escaped = *text == '#' && !xml ? "\\#" : NULL;

		for (size_t i = 0; xml && i < sizeof(escapes) / sizeof(escapes[0]); i++)
			if (escapes[i].c == *text)
				escaped = escapes[i].escaped;
		if (escaped)
			fputs(escaped, stdout);
		else
			putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
	}
}

static void print_tap(const struct test_suite *suite, size_t i)
{
	const struct test_case *test = &suite->tests[i];
	const struct test_outcome *outcome = &suite->outcomes[i];

	printf("%s %zu - ", outcome->verdict == TEST_PASSED ? "ok" : "not ok", i + 1);
	print_escaped(test->name, false);
	if (test->title[0]) {
		printf(": ");
		print_escaped(test->title, false);
	}
	if (outcome->verdict != TEST_PASSED) {
		printf(": ");
		print_escaped(outcome->text, false);
	} else if (test->n_known) {
		printf(" (known divergences: %zu)", test->n_known);
	}
	printf("\n");
	fflush(stdout);
}

static const char *const junit_elements[] = {
	[TEST_NOT_RUN] = "error",
	[TEST_DIVERGED] = "failure",
	[TEST_INCOMPLETE] = "failure",
	[TEST_FAILED] = "error",
};

static void print_junit(const struct test_suite *suite, size_t i)
{
	const struct test_outcome *outcome = &suite->outcomes[i];

	printf("<testcase classname=\"sftrace\" name=\"");
	print_escaped(suite->tests[i].name, true);
	printf("\" time=\"%.3f\"", (double)outcome->duration_ns / 1e9);
	if (outcome->verdict == TEST_PASSED) {
		printf("/>\n");
		return;
	}
	printf("><%s message=\"", junit_elements[outcome->verdict]);
	print_escaped(outcome->text, true);
	printf("\"/></testcase>\n");
}

static size_t suite_count(const struct test_suite *suite, enum test_verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < suite->n; i++)
		n += suite->outcomes[i].verdict == verdict;
	return n;
}

/* JUnit has its sums first, so it comes when all have run. */
static void suite_print_junit(const struct test_suite *suite)
{
	size_t failures = suite_count(suite, TEST_DIVERGED) + suite_count(suite, TEST_INCOMPLETE);
	size_t passed = suite_count(suite, TEST_PASSED);

	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<testsuite name=\"sftrace\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\">\n",
	       suite->n, failures, suite->n - failures - passed);
	for (size_t i = 0; i < suite->n; i++)
		print_junit(suite, i);
	printf("</testsuite>\n");
}

/* Prints those that have ended, in order; *printed of them were. */
static void suite_print_tap(const struct test_suite *suite, size_t started, size_t *printed)
{
	while (*printed < started && !suite->pids[*printed])
		print_tap(suite, (*printed)++);
}

static int suite_run(struct test_suite *suite)
{
	size_t started = 0, running = 0, printed = 0;
	bool tap = !suite->arguments->junit;
	int ret = 0;

	if (tap)
		printf("TAP version 13\n1..%zu\n", suite->n);
	while (started < suite->n || running > 0) {
		if (started < suite->n && running < (size_t)suite->arguments->jobs) {
			ret = suite_start(suite, started);
			if (ret < 0)
				return ret;
			started++;
			running++;
			continue;
		}
		ret = suite_wait(suite);
		if (ret < 0)
			return ret;
		running--;
		if (tap)
			suite_print_tap(suite, started, &printed);
	}
	if (!tap)
		suite_print_junit(suite);
	return 0;
}

static int suite_status(const struct test_suite *suite)
{
	if (suite_count(suite, TEST_DIVERGED))
		return SFTRACE_DIFFERS;
	if (suite_count(suite, TEST_FAILED) + suite_count(suite, TEST_NOT_RUN))
		return SFTRACE_FAILED;
	return suite_count(suite, TEST_INCOMPLETE) ? SFTRACE_INCOMPLETE : SFTRACE_OK;
}

static int suite_prepare(struct test_suite *suite)
{
	void *memory = mmap(NULL, suite->n * sizeof(*suite->outcomes), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	suite->pids = calloc(suite->n, sizeof(*suite->pids));
	if (memory != MAP_FAILED)
		suite->outcomes = memory;
	return suite->outcomes && suite->pids ? scratch_create(NULL, false, &suite->scratch)
					      : -ENOMEM;
}

static int test_paths(const struct test_arguments *arguments, char **paths)
{
	struct test_suite suite = {.arguments = arguments};
	int status = SFTRACE_FAILED;

	if (suite_collect(&suite, paths) == 0) {
		int ret = suite_prepare(&suite);

		if (!ret)
			ret = suite_run(&suite);
		if (ret < 0)
			fprintf(stderr, "sftrace: cannot run the tests: %s\n", strerror(-ret));
		else
			status = suite_status(&suite);
	}
	suite_clear(&suite);
	return status;
}

static int parse_number(const char *option, const char *text, int max, int *ret)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < 1 || value > max) {
		fprintf(stderr, "sftrace: %s takes a number from 1 to %d, not %s\n", option, max,
			text);
		return SFTRACE_USAGE;
	}
	*ret = (int)value;
	return -1;
}

static int parse_option(int letter, void *user)
{
	struct test_arguments *arguments = user;
	int number = 0, status;

	switch (letter) {
	case 's':
		arguments->service = optarg;
		return -1;
	case 'c':
		return argument_compare(optarg, &arguments->compare);
	case 'x':
		arguments->junit = true;
		return -1;
	case 'j':
		return parse_number("--jobs", optarg, MAX_JOBS, &arguments->jobs);
	case 't':
		status = parse_number("--timeout", optarg, MAX_TIMEOUT, &number);
		arguments->timeout_s = (unsigned)number;
		return status;
	default:
		return SFTRACE_USAGE;
	}
}

static int parse(int argc, char **argv, struct test_arguments *arguments)
{
	int status = argument_parse(argc, argv, usage, "j:", long_options, parse_option, arguments);

	if (status == -1)
		status = argument_operands(argc, 1, INT_MAX, usage);
	return status;
}

int verb_test(int argc, char **argv)
{
	struct test_arguments arguments = {.compare = COMPARE_USUAL, .timeout_s = DEFAULT_TIMEOUT};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	char *service = NULL;
	int ret;

	arguments.jobs = processors < 1 ? 1 : processors > MAX_JOBS ? MAX_JOBS : (int)processors;
	ret = parse(argc, argv, &arguments);
	if (ret != -1)
		return ret;
	if (!arguments.service) {
		service = argument_service();
		arguments.service = service;
	}
	ret = arguments.service ? test_paths(&arguments, argv + optind) : SFTRACE_FAILED;
	free(service);
	return ret;
}
