/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sf-lab's command line. */
#include "lab_options.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS 200

static struct lab_options options;
static struct lab_error error;
static char *arguments[MAX_ARGUMENTS + 1];

/* Parses a NULL-terminated list. */
static int parse(const char *const *list)
{
	int count = 0;

	arguments[count++] = "sf-lab";
	for (; *list; list++)
		arguments[count++] = (char *)*list;
	arguments[count] = NULL;
	return lab_options_parse(&options, count, arguments, &error);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

Test(lab_options, defaults)
{
	cr_assert_eq(PARSE("--", "true", "-x", "--help"), 0);
	cr_assert_str_eq(options.guest, "sf");
	cr_assert_str_eq(options.memory, "512M");
	cr_assert_eq(options.timeout_s, 600);
	cr_assert_eq(options.share_count, 0);
	cr_assert_null(options.service);
	cr_assert_null(options.console);
	cr_assert_null(options.host_log);
	cr_assert_null(options.kernel_dir);
	cr_assert_null(options.append);
	cr_assert_not(options.help);
	cr_assert_str_eq(options.command[0], "true");
	cr_assert_str_eq(options.command[2], "--help");
	cr_assert_null(options.command[3]);
}

Test(lab_options, everything)
{
	cr_assert_eq(PARSE("--share", "work=/tmp", "--share=other name=/usr:ro:symlinks", "--guest",
			   "mainline", "--memory", "1g", "--timeout", "7", "--service", "s.so",
			   "--console", "c", "--host-log", "h", "--kernel-dir", "k", "--append",
			   "x y=z", "--env", "A=", "true"),
		     0, "%s", error.text);
	cr_assert_eq(options.share_count, 2);
	cr_assert_str_eq(options.shares[0].name, "work");
	cr_assert_str_eq(options.shares[1].name, "other name");
	cr_assert_str_eq(options.shares[1].specification, "other name=/usr:ro:symlinks");
	cr_assert_str_eq(options.memory, "1g");
	cr_assert_eq(options.timeout_s, 7);
	cr_assert_str_eq(options.service, "s.so");
	cr_assert_str_eq(options.console, "c");
	cr_assert_str_eq(options.host_log, "h");
	cr_assert_str_eq(options.kernel_dir, "k");
	cr_assert_str_eq(options.append, "x y=z");
	cr_assert_str_eq(options.environment[0], "A=");
	cr_assert_eq(options.environment_count, 1);
	cr_assert_str_eq(options.command[0], "true");
}

Test(lab_options, help_needs_no_command)
{
	cr_assert_eq(PARSE("--help"), 0);
	cr_assert(options.help);
}

Test(lab_options, bad_lines_say_what_is_wrong)
{
	static const struct {
		const char *words[6];
		const char *message;
	} cases[] = {
		{{"--"}, "no command"},
		{{"--", ""}, "cannot be a command's name"},
		{{"--", "-x"}, "cannot be a command's name"},
		{{"--wrong", "--", "true"}, "--wrong: no such option"},
		{{"-x", "--", "true"}, "no such option"},
		{{"--help=1"}, "no such option"},
		{{"--memory"}, "--memory needs a value"},
		{{"--service", "", "true"}, "--service: the value is empty"},
		{{"--guest", "windows", "true"}, "no such guest; there are: sf mainline"},
		{{"--share", "work", "true"}, "want NAME=DIR"},
		{{"--share", "work=", "true"}, "want NAME=DIR"},
		{{"--share", "=/tmp", "true"}, "the name must"},
		{{"--share", "..=/tmp", "true"}, "the name must"},
		{{"--share", ".=/tmp", "true"}, "the name must"},
		{{"--share", "-o=/tmp", "true"}, "the name must"},
		{{"--share", "a/b=/tmp", "true"}, "the name must"},
		{{"--share", "a\nb=/tmp", "true"}, "the name must"},
		{{"--share", "a=/nonexistent", "true"}, "/nonexistent is not a directory"},
		{{"--share", "a=/etc/passwd:ro", "true"}, "/etc/passwd is not a directory"},
		{{"--share", "a=:ro", "true"}, "is not a directory"},
		{{"--share", "a=/none:symlinks:ro", "true"}, ": /none is not a directory"},
		{{"--share", "a=/tmp", "--share", "A=/usr", "true"}, "two shares have the name A"},
		{{"--share", "a=/tmp", "--share", "a=/usr", "true"}, "two shares have the name a"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(parse(cases[i].words), -EINVAL, "case %zu", i);
		cr_expect(strstr(error.text, cases[i].message), "case %zu: %s", i, error.text);
	}
}

Test(lab_options, memory_sizes)
{
	static const char *const good[] = {"128M", "131072K", "512m", "2G", "1024G"};
	static const char *const bad[] = {
		"",	 "0",	  "M",	   "512",  "127M",
		"1025G", "-512M", "512MB", "5.5G", "1T",
		" 512M", "512 M", "0x10G", "+1G",  "99999999999999999999G"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect_eq(PARSE("--memory", good[i], "true"), 0, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(PARSE("--memory", bad[i], "true"), -EINVAL, "%s", bad[i]);
}

Test(lab_options, timeouts)
{
	static const char *const bad[] = {
		"", "0", "-1", "1s", " 1", "1000001", "99999999999999999999"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(PARSE("--timeout", bad[i], "true"), -EINVAL, "%s", bad[i]);
	cr_expect_eq(PARSE("--timeout", "1000000", "true"), 0);
}

Test(lab_options, environment)
{
	static const char *const bad[] = {"", "=x", "1A=x", "A-B=x", "A B", "UNSET_VARIABLE"};

	unsetenv("UNSET_VARIABLE");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(PARSE("--env", bad[i], "true"), -EINVAL, "%s", bad[i]);
	setenv("SET_VARIABLE", "", 1);
	cr_expect_eq(PARSE("--env", "SET_VARIABLE", "--env", "_a1==", "true"), 0);
}

Test(lab_options, too_many)
{
	static char names[LAB_MAX_SHARES + 1][32];
	const char *words[2 * LAB_MAX_SHARES + 4] = {0};

	for (size_t i = 0; i <= LAB_MAX_SHARES; i++) {
		snprintf(names[i], sizeof(names[i]), "share%zu=/tmp", i);
		words[2 * i] = "--share";
		words[2 * i + 1] = names[i];
	}
	words[2 * LAB_MAX_SHARES + 2] = "true";
	cr_assert_eq(parse(words), -EINVAL);
	cr_assert(strstr(error.text, "more than 64 shares"), "%s", error.text);
	words[2 * LAB_MAX_SHARES] = "--memory";
	words[2 * LAB_MAX_SHARES + 1] = "256M";
	cr_assert_eq(parse(words), 0, "%s", error.text);
	cr_assert_eq(options.share_count, LAB_MAX_SHARES);
}

Test(lab_options, name_of_any_length_that_fits)
{
	char share[300];

	memset(share, 'n', sizeof(share));
	strcpy(share + 255, "=/tmp");
	cr_assert_eq(PARSE("--share", share, "true"), 0);
	memset(share, 'n', sizeof(share));
	strcpy(share + 256, "=/tmp");
	cr_assert_eq(PARSE("--share", share, "true"), -EINVAL);
}
