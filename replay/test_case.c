/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See test_case.h. */
#include "test_case.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verbs.h"
#include "verdict.h"

#define TEST_NSEC_PER_SEC 1000000000ll

/* The replay of a test while it runs. */
struct test_run {
	struct test_case *test;
	struct trace *trace;
	struct test_outcome *outcome;
	int64_t unexpected; /* divergences that nobody knows of */
};

static bool read_diverges(struct test_case *test, const char *value)
{
	struct test_known *known = &test->known[test->n_known];
	int used = 0;

	if (test->n_known == TEST_MAX_KNOWN ||
	    sscanf(value, "%" SCNd64 "%n", &known->call_id, &used) != 1 || known->call_id < 1)
		return false;
	value += used;
	value += strspn(value, " ");
	snprintf(known->what, sizeof(known->what), "%s", value);
	test->n_known++;
	return true;
}

static bool read_compare(struct test_case *test, const char *value)
{
	unsigned what = COMPARE_USUAL;

	snprintf(test->compare, sizeof(test->compare), "%s", value);
	return strlen(value) < sizeof(test->compare) && compare_parse(value, &what);
}

static bool read_incomplete(struct test_case *test, const char *value)
{
	test->may_be_incomplete = true;
	return *value != '\0';
}

static bool read_descriptors(struct test_case *test, const char *value)
{
	return limit_parse(value, &test->limits.descriptors);
}

static bool read_disk(struct test_case *test, const char *value)
{
	return limit_parse(value, &test->limits.disk);
}

static const struct {
	const char *key;
	bool (*read)(struct test_case *test, const char *value);
} test_keys[] = {
	{"diverges:", read_diverges},
	{"compare:", read_compare},
	{"incomplete:", read_incomplete},
	{"descriptors:", read_descriptors},
	{"disk:", read_disk},
};

/* Has the form of a key; prose may have it as well, so only the head is that strict. */
static bool looks_like_key(const char *line)
{
	size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz");

	return n > 0 && line[n] == ':';
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct test_case *test, const char *line, bool in_head)
{
	for (size_t i = 0; i < sizeof(test_keys) / sizeof(test_keys[0]); i++) {
		size_t n = strlen(test_keys[i].key);

		if (strncmp(line, test_keys[i].key, n) != 0)
			continue;
		return test_keys[i].read(test, line + n + strspn(line + n, " ")) ? NULL
										 : "makes no sense";
	}
	if (in_head && looks_like_key(line))
		return "has an unknown key";
	if (!test->title[0])
		snprintf(test->title, sizeof(test->title), "%s", line);
	return NULL;
}

static int read_lines(struct test_case *test, FILE *in, const char *text)
{
	bool in_head = true;
	size_t room = 0;
	char *line = NULL;
	int ret = 0;

	for (int n = 1; !ret && !test->broken && getline(&line, &room, in) >= 0; n++) {
		const char *wrong;

		line[strcspn(line, "\r\n")] = '\0';
		in_head = in_head && *line;
		wrong = read_line(test, line, in_head);
		if (wrong &&
		    asprintf(&test->broken, "line %d of %s %s: %s", n, text, wrong, line) < 0)
			ret = -ENOMEM;
	}
	free(line);
	return ret;
}

static int text_unreadable(struct test_case *test, const char *text, int error)
{
	return asprintf(&test->broken, "cannot read %s: %s", text, strerror(error)) < 0 ? -ENOMEM
											: 0;
}

static int read_text(struct test_case *test, const char *text)
{
	FILE *in = fopen(text, "re");
	int ret;

	if (!in)
		return errno == ENOENT ? 0 : text_unreadable(test, text, errno);
	errno = 0;
	ret = read_lines(test, in, text);
	if (!ret && !test->broken && ferror(in))
		ret = text_unreadable(test, text, errno);
	fclose(in);
	return ret;
}

size_t test_case_suffix(const char *name)
{
	static const char *const suffixes[] = {".db", ".db.xz"};
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (n > suffix && strcmp(name + n - suffix, suffixes[i]) == 0)
			return suffix;
	}
	return 0;
}

int test_case_read(const char *file, struct test_case *ret)
{
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	size_t n = strlen(name) - test_case_suffix(name);
	char *text = NULL;
	int status;

	memset(ret, 0, sizeof(*ret));
	ret->file = strdup(file);
	ret->name = strndup(name, n);
	if (!ret->file || !ret->name ||
	    asprintf(&text, "%.*s.txt", (int)(name - file + (ptrdiff_t)n), file) < 0)
		return -ENOMEM;
	status = read_text(ret, text);
	free(text);
	return status;
}

void test_case_clear(struct test_case *test)
{
	free(test->file);
	free(test->name);
	free(test->broken);
}

static struct test_known *known_divergence(struct test_case *test,
					   const struct replay_finding *finding)
{
	for (size_t i = 0; i < test->n_known; i++) {
		struct test_known *known = &test->known[i];

		if (known->call_id == finding->call_id &&
		    strncmp(finding->what, known->what, strlen(known->what)) == 0)
			return known;
	}
	return NULL;
}

/* Begins the outcome's text; fclose() ends it. */
static FILE *outcome_open(struct test_outcome *outcome)
{
	return fmemopen(outcome->text, sizeof(outcome->text), "w");
}

/* replay_options.report: keeps the first divergence that is not known. */
static void run_found(void *user, const struct trace_call *event,
		      const struct replay_finding *finding)
{
	struct test_run *run = user;
	struct test_known *known;
	FILE *out;

	(void)event;
	if (finding->verdict != REPLAY_DIVERGED)
		return;
	known = known_divergence(run->test, finding);
	if (known) {
		known->met = true;
		return;
	}
	out = run->unexpected++ ? NULL : outcome_open(run->outcome);
	if (!out)
		return;
	fprintf(out, "call %" PRId64 ", ", finding->call_id);
	verdict_call(out, run->trace, finding->call_id);
	fprintf(out, ": ");
	verdict_difference(out, finding);
	fclose(out);
}

static const struct test_known *first_unmet(const struct test_case *test)
{
	for (size_t i = 0; i < test->n_known; i++)
		if (!test->known[i].met)
			return &test->known[i];
	return NULL;
}

__attribute__((format(printf, 3, 4))) static void
outcome_set(struct test_outcome *outcome, enum test_verdict verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(outcome->text, sizeof(outcome->text), format, args);
	va_end(args);
	outcome->verdict = verdict;
}

static void judge(const struct test_run *run, const struct replay_result *result, int incomplete,
		  const char *why)
{
	const struct test_known *unmet = first_unmet(run->test);
	struct test_outcome *outcome = run->outcome;
	struct replay_result rest = *result;

	rest.n[REPLAY_DIVERGED] = 0; /* those that are known */
	outcome->calls = result->calls;
	if (run->unexpected)
		outcome->verdict = TEST_DIVERGED;
	else if (unmet)
		outcome_set(outcome, TEST_DIVERGED,
			    "call %" PRId64 ": no difference%s%s, but it is named as known",
			    unmet->call_id, unmet->what[0] ? " in " : "", unmet->what);
	else if (run->test->may_be_incomplete || replay_exit_status(&rest, incomplete) == 0)
		outcome->verdict = TEST_PASSED;
	else
		outcome_set(outcome, TEST_INCOMPLETE, "as recorded as far as the trace goes%s%s",
			    why ? ": " : "", why ? why : "");
}

static void run_opened(struct test_run *run, const struct replay_options *options)
{
	struct replay_result result;
	char *message = NULL, *why = NULL;
	int incomplete = trace_is_incomplete(run->trace, &why);
	int ret = replay_run(run->trace, options, &result, &message);

	if (ret < 0) {
		outcome_set(run->outcome, TEST_FAILED, "%s", message ? message : strerror(-ret));
	} else {
		judge(run, &result, incomplete != 0, why);
		replay_result_clear(&result);
	}
	free(message);
	free(why);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * TEST_NSEC_PER_SEC + now.tv_nsec;
}

void test_case_run(struct test_case *test, const struct replay_options *options,
		   struct test_outcome *outcome)
{
	struct test_run run = {.test = test, .outcome = outcome};
	struct replay_options own = *options;
	int64_t start_ns = now_ns();
	char *message = NULL;
	int ret;

	if (test->broken) {
		outcome_set(outcome, TEST_FAILED, "%s", test->broken);
		return;
	}
	ret = trace_open(test->file, &run.trace, &message);
	own.report = run_found;
	own.user = &run;
	own.at = &outcome->at;
	own.limits = test->limits;
	compare_parse(test->compare, &own.compare);
	if (ret < 0) {
		outcome_set(outcome, TEST_FAILED, "%s", message ? message : strerror(-ret));
		free(message);
		return;
	}
	run_opened(&run, &own);
	trace_close(run.trace);
	outcome->duration_ns = now_ns() - start_ns;
}

void test_case_died(const struct test_case *test, int signal, struct test_outcome *outcome)
{
	struct trace *trace;
	char *message = NULL;
	FILE *out = outcome_open(outcome);

	outcome->verdict = TEST_DIVERGED;
	if (!out)
		return;
	fprintf(out, "the service %s in call %" PRId64,
		signal == SIGALRM ? "did not return" : "crashed", outcome->at);
	if (outcome->at && trace_open(test->file, &trace, &message) == 0) {
		fprintf(out, ", ");
		verdict_call(out, trace, outcome->at);
		trace_close(trace);
	}
	if (signal != SIGALRM)
		fprintf(out, ": %s", strsignal(signal));
	free(message);
	fclose(out);
}
