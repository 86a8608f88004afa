/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace as a test. What it shows stands in a text file beside it, NAME.txt
 * for NAME.db or NAME.db.xz: the first line is its title, and any line may be one of
 *   diverges: CALL WHAT   known: this call differs in WHAT (as replay names it)
 *   compare: WORDS        as replay's --compare
 *   incomplete: WHY       a part of the trace is missing on purpose
 *   descriptors: N        as replay's --descriptors
 *   disk: SIZE            as replay's --disk
 * Everything else is for people. Before the first empty line, though, a line
 * that begins with a word of small letters and ':' must be one of these.
 */
#ifndef REPLAY_TEST_CASE_H
#define REPLAY_TEST_CASE_H

#include "replay.h"

#define TEST_MAX_KNOWN 64 /* known divergences of one trace */
#define TEST_TEXT_SIZE 640

struct test_known {
	int64_t call_id;
	char what[64]; /* what it begins with; empty: anything */
	bool met;
};

struct test_case {
	char *file;
	char *name; /* of the file, without directory and suffix */
	char title[128]; /* empty: there is no text */
	char *broken; /* what is wrong with the text; NULL: nothing */
	struct test_known known[TEST_MAX_KNOWN];
	size_t n_known;
	char compare[128]; /* empty: as usual */
	bool may_be_incomplete;
	struct limits limits;
};

enum test_verdict {
	TEST_NOT_RUN,
	TEST_PASSED,
	TEST_DIVERGED, /* or the service crashed or hung */
	TEST_INCOMPLETE, /* as recorded, as far as the trace goes */
	TEST_FAILED /* could not be run */
};

/* How a test went; lives in memory that processes share. */
struct test_outcome {
	enum test_verdict verdict;
	int64_t calls;
	int64_t at; /* the call that is being made */
	int64_t duration_ns;
	char text[TEST_TEXT_SIZE]; /* why it did not pass, one line */
};

/* How long the end of NAME is that makes it a trace's, ".db" or ".db.xz"; 0: it has none. */
size_t test_case_suffix(const char *name);

/*
 * Takes FILE for a test and reads its text. One whose text is ->broken can be
 * run, and fails. 0 or -ENOMEM.
 */
int test_case_read(const char *file, struct test_case *ret);
void test_case_clear(struct test_case *test);

/* Replays it in this process, with these options and its own, and judges. */
void test_case_run(struct test_case *test, const struct replay_options *options,
		   struct test_outcome *outcome);

/* The process that ran it died of a signal: fills in the verdict. */
void test_case_died(const struct test_case *test, int signal, struct test_outcome *outcome);

#endif
