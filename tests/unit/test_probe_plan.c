/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hops of a service would be probed, and the command line that says so. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "hop.h"
#include "leak_check.h"
#include "probe.h"
#include "record_options.h"

TestSuite(plan, .fini = leak_check);
TestSuite(options, .init = cr_redirect_stderr, .fini = leak_check);
TestSuite(child, .fini = leak_check);

Test(plan, every_hop_of_the_service_is_found_once)
{
	struct probe_plan plan;
	char *message = NULL;

	cr_assert_eq(probe_plan_make(SFSERVICE_PATH, &plan, &message), 0, "%s", message);
	cr_expect_gt(plan.n, 60);
	for (size_t i = 0; i < plan.n; i++) {
		cr_expect(plan.sites[i].found, "%s", plan.sites[i].hop->name);
		cr_expect_eq(symbol_cost(&plan.sites[i].symbol), SYMBOL_COST_NOP5, "%s",
			     plan.sites[i].hop->name);
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(plan.sites[i].symbol.offset, plan.sites[j].symbol.offset);
	}
	cr_expect_eq(plan.n_found, plan.n);
	probe_plan_free(&plan);
	cr_expect_eq(plan.n, 0);
}

Test(plan, a_stripped_service_is_looked_into)
{
	char path[] = "/tmp/test-plan-XXXXXX", command[256];
	struct probe_plan plan = {0}, whole = {0};
	char *message = NULL;

	close(mkstemp(path));
	snprintf(command, sizeof(command), "strip -o %s %s", path, SFSERVICE_PATH);
	cr_assert_eq(system(command), 0);
	cr_assert_eq(probe_plan_make(SFSERVICE_PATH, &whole, &message), 0, "%s", message);
	cr_assert_eq(probe_plan_make(path, &plan, &message), 0, "%s", message);
	cr_expect_str_eq(whole.profile, "sfservice");
	cr_expect_eq(whole.helpers, 0);
	cr_expect_str_eq(plan.profile, "virtualbox");
	cr_expect_neq(plan.helpers, 0);
	cr_expect_eq(plan.n_found, 4);
	for (size_t i = 0; i < plan.n; i++)
		if (plan.sites[i].found) {
			cr_expect_eq(plan.sites[i].symbol.offset, whole.sites[i].symbol.offset);
			cr_expect_arr_eq(plan.sites[i].symbol.code, whole.sites[i].symbol.code,
					 SYMBOL_CODE_BYTES);
		}
	probe_plan_free(&plan);
	probe_plan_free(&whole);
	unlink(path);
}

Test(plan, without_svcCall_it_fails_and_says_which)
{
	struct probe_plan plan = {0};
	char *message = NULL;

	cr_expect_eq(probe_plan_make(BIN_DIR "/sftrace", &plan, &message), -ENOEXEC);
	cr_assert_not_null(message);
	cr_expect(strstr(message, "svcCall") && strstr(message, "cannot be loaded"), "%s", message);
	cr_expect_gt(plan.n, 60, "doctor shows the rest");
	free(message);
	probe_plan_free(&plan);
}

Test(plan, hops_have_ids_and_names_of_their_own)
{
	for (size_t i = 0; i < n_hops; i++) {
		cr_expect_eq(hop_find(hops[i].id), &hops[i], "id %d twice", hops[i].id);
		cr_expect_lt(hops[i].id, 512, "the BPF programs' table ends there");
		for (size_t j = 0; j < i; j++)
			cr_expect(hops[i].profile != hops[j].profile ||
					  strcmp(hops[i].name, hops[j].name),
				  "%s twice", hops[i].name);
	}
	cr_expect_null(hop_find(0));
	cr_expect_null(hop_find(0x1001));
}

Test(options, numbers_of_bytes)
{
	static const char *const bad[] = {"",
					  "x",
					  "-1",
					  "1T",
					  "1KK",
					  " 1",
					  "+1",
					  "1 ",
					  "0x1",
					  "1G",
					  "18446744073709551616",
					  "99999999999G"};
	uint64_t bytes;

	cr_expect_eq(parse_bytes("4096", 4096, &bytes), 0);
	cr_expect_eq(bytes, 4096);
	cr_expect_eq(parse_bytes("2k", UINT64_MAX, &bytes), 0);
	cr_expect_eq(bytes, 2048);
	cr_expect_eq(parse_bytes("3M", UINT64_MAX, &bytes), 0);
	cr_expect_eq(bytes, 3 << 20);
	cr_expect_eq(parse_bytes("1G", UINT64_MAX, &bytes), 0);
	cr_expect_eq(bytes, 1 << 30);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(parse_bytes(bad[i], 1 << 29, &bytes), -EINVAL, "%s", bad[i]);
	cr_expect_eq(bytes, 1 << 30, "untouched on failure");
}

static int parse(struct record_options *options, const char *line)
{
	char *words[16] = {"record"}, *copy = strdup(line), *rest = copy;
	int n = 1, result;

	for (char *word; (word = strsep(&rest, " "));)
		if (*word)
			words[n++] = word;
	result = record_options_parse(n, words, options);
	free(copy); /* the strings in options are gone: only numbers are looked at after this */
	if (result != RECORD_USAGE)
		free(options->service);
	return result;
}

Test(options, defaults_and_values)
{
	struct record_options options;

	cr_expect_eq(parse(&options, ""), RECORD_RUN);
	cr_expect_str_eq(options.output, "sftrace.db");
	cr_expect_eq(options.snaplen, UINT32_MAX);
	cr_expect(options.syscalls);
	cr_expect_not(options.force);
	cr_expect_null(options.command);
	cr_expect_eq(parse(&options, "-f --snaplen 64 --buffer 1M --no-syscalls -- ls -f -p 5"),
		     RECORD_RUN);
	cr_expect(options.force);
	cr_expect_eq(options.snaplen, 64);
	cr_expect_eq(options.ring_bytes, 1 << 20);
	cr_expect_not(options.syscalls);
	cr_expect_eq(options.pid, 0, "what follows the command is the command's");
	cr_expect_eq(parse(&options, "--snaplen all -p 77"), RECORD_RUN);
	cr_expect_eq(options.snaplen, UINT32_MAX);
	cr_expect_eq(options.pid, 77);
}

Test(options, wrong_ones_are_refused)
{
	static const char *const bad[] = {
		"--snaplen 1x", "--snaplen -1", "--buffer 0",	 "--buffer 2G",	 "-p 0",
		"-p self",	"-p -5",	"-p 1 -- ls",	 "-o",		 "--nonsense",
		"-x",		"--guest x",	"--guest unix:", "-p 4294967297"};
	struct record_options options;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(parse(&options, bad[i]), RECORD_USAGE, "%s", bad[i]);
}

static int run(char **command)
{
	sigset_t none;
	int status = -1;
	pid_t pid;

	sigemptyset(&none);
	pid = child_start(command, "SF_TEST", "blue", &none);
	cr_assert_gt(pid, 0);
	while (!child_ended(pid, &status))
		usleep(1000);
	return status;
}

Test(child, exit_statuses_are_as_a_shell_gives_them)
{
	char *exits[] = {"sh", "-c", "exit 7", NULL}, *dies[] = {"sh", "-c", "kill -9 $$", NULL};

	cr_expect_eq(run(exits), 7);
	cr_expect_eq(run(dies), 128 + SIGKILL);
}

Test(child, gets_the_variable)
{
	char *command[] = {"sh", "-c", "test \"$SF_TEST\" = blue", NULL};

	cr_expect_eq(run(command), 0);
}

Test(child, what_cannot_be_executed_is_told_at_once)
{
	char *missing[] = {"/no/such/thing", NULL}, *folder[] = {"/tmp", NULL};
	sigset_t none;

	sigemptyset(&none);
	cr_expect_eq(child_start(missing, "A", NULL, &none), -ENOENT);
	cr_expect_eq(child_start(folder, "A", NULL, &none), -EACCES);
}
