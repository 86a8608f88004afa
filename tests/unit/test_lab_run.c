/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop, with a stand-in for QEMU: perl, which connects to the ports as QEMU does and then
 * plays the guest. What sf-lab passes on is read back from pipes put in the place of stdout and
 * stderr.
 */
#include "lab_run.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECT                                                                 \
	"use IO::Socket::UNIX; use IO::Handle; sub port {"                      \
	" my $s = IO::Socket::UNIX->new(\"$ARGV[0]/sf-lab.$_[0]\") or exit 99;" \
	" $s->autoflush(1); $s }"                                               \
	" ($c, $o, $e) = map { port($_) } qw(control stdout stderr);"

static struct lab_scratch scratch;
static struct lab_outcome outcome;
static struct lab_error error;
static int out, err, log_file;

static int temporary(void)
{
	char path[] = "/tmp/test_lab_run.XXXXXX";
	int descriptor = mkstemp(path);

	unlink(path);
	return descriptor;
}

static void start(void)
{
	cr_assert_eq(lab_scratch_create(&scratch, &error), 0, "%s", error.text);
	out = temporary();
	err = temporary();
	log_file = temporary();
}

static void stop(void)
{
	lab_scratch_remove(&scratch);
	cr_assert(access(scratch.path, F_OK), "the scratch directory is still there");
	close(out);
	close(err);
	close(log_file);
}

TestSuite(lab_run, .init = start, .fini = stop, .timeout = 60);

static int run_words(char **words, unsigned int timeout_s, int sink)
{
	struct lab_launch launch = {.argv = words,
				    .scratch = &scratch,
				    .log = log_file,
				    .timeout_s = timeout_s,
				    .grace_s = 1};
	int saved_out = dup(STDOUT_FILENO);
	int saved_err = dup(STDERR_FILENO);
	int ret;

	lab_run_block_signals(&launch.signals);
	dup2(sink, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	ret = lab_run(&launch, &outcome, &error);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	return ret;
}

static void run_perl(const char *script, unsigned int timeout_s)
{
	char *words[] = {"perl", "-e", (char *)script, scratch.path, NULL};

	cr_assert_eq(run_words(words, timeout_s, out), 0, "%s", error.text);
}

static const char *content(int descriptor)
{
	static char text[4096];
	ssize_t length = pread(descriptor, text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = 0;
	return text;
}

Test(lab_run, command_ends)
{
	run_perl(CONNECT "print $c \"booted\\n\"; print $o 'out'; print $e 'error';"
			 "print $c \"exit 3 5 42\\n\"; <$c> eq \"bye\\n\" or exit 7",
		 30);
	cr_assert_eq(outcome.end, LAB_END_EXIT);
	cr_assert_eq(outcome.status, 42);
	cr_assert(outcome.booted);
	cr_assert_eq(outcome.host_status, 0);
	cr_assert_str_eq(content(out), "out");
	cr_assert_str_eq(content(err), "error");
}

Test(lab_run, output_that_comes_after_the_status_counts)
{
	run_perl(CONNECT "print $c \"exit 6 0 1\\n\"; print $o 'abc'; sleep 1; print $o 'def';"
			 "<$c> eq \"bye\\n\" or exit 7",
		 30);
	cr_assert_eq(outcome.end, LAB_END_EXIT);
	cr_assert_eq(outcome.host_status, 0);
	cr_assert_str_eq(content(out), "abcdef");
}

Test(lab_run, lost_output_is_no_success)
{
	run_perl(CONNECT "print $o 'abc'; print $c \"booted\\nexit 6 0 0\\n\"", 30);
	cr_assert_eq(outcome.end, LAB_END_DIED);
	cr_assert_str_eq(content(out), "abc");
}

Test(lab_run, guest_cannot_run_the_command)
{
	run_perl(CONNECT "print $c \"fail 0 0 no such share\\n\"; <$c>", 30);
	cr_assert_eq(outcome.end, LAB_END_FAIL);
	cr_assert_str_eq(outcome.text, "no such share");
	cr_assert_not(outcome.booted);
}

Test(lab_run, nonsense_ends_it)
{
	run_perl(CONNECT "print $c \"hello\\n\"; sleep 50", 30);
	cr_assert_eq(outcome.end, LAB_END_FAIL);
	cr_assert(strstr(outcome.text, "hello"), "%s", outcome.text);
}

Test(lab_run, endless_line_ends_it)
{
	run_perl(CONNECT "print $c 'x' x 1000000; <$c>; exit 5", 30);
	cr_assert_neq(outcome.end, LAB_END_EXIT);
	cr_assert_neq(outcome.end, LAB_END_TIMEOUT);
}

Test(lab_run, host_dies)
{
	run_perl(CONNECT "print $c \"booted\\n\"; print $o 'x'; exit 3", 30);
	cr_assert_eq(outcome.end, LAB_END_DIED);
	cr_assert(outcome.booted);
	cr_assert_eq(WEXITSTATUS(outcome.host_status), 3);
	cr_assert_str_eq(content(out), "x");
}

Test(lab_run, program_is_missing)
{
	char *words[] = {"/nonexistent/qemu", NULL};

	cr_assert_eq(run_words(words, 30, out), 0);
	cr_assert_eq(outcome.end, LAB_END_DIED);
	cr_assert_eq(WEXITSTATUS(outcome.host_status), 127);
	cr_assert(strstr(content(log_file), "cannot run /nonexistent/qemu: No such file"));
}

Test(lab_run, hang_times_out)
{
	run_perl(CONNECT "print $o 'x'; sleep 50", 1);
	cr_assert_eq(outcome.end, LAB_END_TIMEOUT);
	cr_assert(WIFSIGNALED(outcome.host_status));
	cr_assert_str_eq(content(out), "x");
}

/* Its child ignores SIGTERM as well, and must be gone too. */
Test(lab_run, stubborn_processes_are_killed)
{
	char line[96];

	run_perl(CONNECT
		 "$SIG{TERM} = 'IGNORE'; $p = fork; sleep 500 if !$p; print $o $p; sleep 50",
		 1);
	cr_assert_eq(outcome.end, LAB_END_TIMEOUT);
	cr_assert_eq(WTERMSIG(outcome.host_status), SIGKILL);
	cr_assert(atoi(content(out)) > 1);
	snprintf(line, sizeof(line), "! grep -q '^State:.[^Z]' /proc/%d/status 2>/dev/null",
		 atoi(content(out)));
	/* A killed process takes a moment to end. */
	while (system(line) != 0)
		usleep(10000);
}

Test(lab_run, signal_ends_it)
{
	run_perl(CONNECT "kill 'TERM', getppid; sleep 50", 30);
	cr_assert_eq(outcome.end, LAB_END_SIGNAL);
	cr_assert_eq(outcome.status, SIGTERM);
}

Test(lab_run, closed_output_ends_it)
{
	char *words[] = {"perl", "-e", CONNECT "print $o 'x'; sleep 50", scratch.path, NULL};
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	cr_assert_eq(run_words(words, 30, ends[1]), 0);
	cr_assert_eq(outcome.end, LAB_END_OUTPUT);
	cr_assert_eq(outcome.status, EPIPE);
	close(ends[1]);
}

/* Nobody reads the pipe: neither the deadline nor the end may wait for that. */
Test(lab_run, stuck_output_times_out)
{
	char *words[] = {"perl", "-e", CONNECT "print $o 'x' x 200000; sleep 50", scratch.path,
			 NULL};
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(run_words(words, 2, ends[1]), 0);
	cr_assert_eq(outcome.end, LAB_END_TIMEOUT);
	close(ends[0]);
	close(ends[1]);
}

Test(lab_run, scratch_needs_a_short_name)
{
	struct lab_scratch other;
	char name[100];

	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = 0;
	setenv("TMPDIR", name, 1);
	cr_assert_eq(lab_scratch_create(&other, &error), -ENAMETOOLONG);
	setenv("TMPDIR", "/nonexistent", 1);
	cr_assert_eq(lab_scratch_create(&other, &error), -ENOENT);
	unsetenv("TMPDIR");
}
