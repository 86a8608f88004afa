/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What return probes do to tracefs, in a directory that looks like it. */
#include "../../tracer/return_probe.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];
static char file[96];

static void setup(void)
{
	strcpy(directory, "/tmp/test_return.XXXXXX");
	cr_assert(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/kprobe_events", directory);
}

static void teardown(void)
{
	unlink(file);
	rmdir(directory);
}

TestSuite(return_probe, .init = setup, .fini = teardown);

/* The number of a process that is gone. */
static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

static void expect_line(const char *line, bool wanted)
{
	FILE *in = fopen(file, "re");
	char got[256];
	bool found = false;

	while (fgets(got, sizeof(got), in))
		found |= !strcmp(got, line);
	fclose(in);
	cr_assert_eq(found, wanted, "%s %s", wanted ? "missing:" : "unexpected:", line);
}

Test(return_probe, no_tracefs)
{
	struct return_probes *probes = NULL;

	cr_assert_eq(return_probes_open(directory, &probes), -ENOENT);
	cr_assert_null(probes);
}

Test(return_probe, only_what_is_left_behind_is_removed)
{
	struct return_probes *probes = NULL;
	pid_t dead = dead_pid();
	FILE *out = fopen(file, "we");
	char line[128];

	fprintf(out, "r512:sftrace_%d/one vboxsf_write\n", dead);
	fprintf(out, "r512:sftrace_1/two vboxsf_write\n");
	fprintf(out, "p:sftraceless/three vboxsf_write\n");
	fprintf(out, "p:kprobes/four do_sys_open\n");
	fprintf(out, "rubbish\n");
	fclose(out);
	cr_assert_eq(return_probes_open(directory, &probes), 0);
	snprintf(line, sizeof(line), "-:sftrace_%d/one\n", dead);
	expect_line(line, true);
	expect_line("-:sftrace_1/two\n", false);
	expect_line("-:sftraceless/three\n", false);
	expect_line("-:kprobes/four\n", false);
	return_probes_close(probes);
}

Test(return_probe, our_own_are_removed_at_the_end)
{
	struct return_probes *probes = NULL;
	struct bpf_link *link = NULL;
	char line[128];

	fclose(fopen(file, "we"));
	cr_assert_eq(return_probes_open(directory, &probes), 0);
	/* No kernel makes the probe from this line. */
	cr_assert_eq(return_probes_attach(probes, NULL, "hop", "function.isra.0", 7, &link),
		     -ENOENT);
	cr_assert_null(link);
	snprintf(line, sizeof(line), "r512:sftrace_%d/hop function.isra.0\n", getpid());
	expect_line(line, true);
	return_probes_close(probes);
	snprintf(line, sizeof(line), "-:sftrace_%d/hop\n", getpid());
	expect_line(line, true);
}
