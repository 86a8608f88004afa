/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quoting, and the script that the guest's shell runs: tried with a real shell. */
#include "lab_command.h"
#include "lab_quote.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t text_size;

static void stop(void)
{
	free(text);
	text = NULL;
}

TestSuite(lab_command, .fini = stop);

static const char *quoted(void (*quote)(FILE *out, const char *word), const char *word)
{
	FILE *out = open_memstream(&text, &text_size);

	quote(out, word);
	fclose(out);
	return text;
}

/* What the shell prints for a script. */
static size_t run_shell(const char *script, char *output, size_t size)
{
	char path[] = "/tmp/test_lab_command.XXXXXX";
	char command[64];
	int descriptor = mkstemp(path);
	FILE *file = fdopen(descriptor, "w");
	FILE *in;

	fputs(script, file);
	fclose(file);
	snprintf(command, sizeof(command), "sh %s", path);
	in = popen(command, "r");
	size = fread(output, 1, size, in);
	pclose(in);
	remove(path);
	return size;
}

Test(lab_command, shell_words)
{
	static const char *const cases[][2] = {
		{"", "''"},
		{"plain", "'plain'"},
		{"two words", "'two words'"},
		{"it's", "'it'\\''s'"},
		{"'", "''\\'''"},
		{"$HOME `id` \\ \" \n", "'$HOME `id` \\ \" \n'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_str_eq(quoted(lab_quote_shell, cases[i][0]), cases[i][1]);
		stop();
	}
}

Test(lab_command, qemu_values)
{
	static const char *const cases[][2] = {
		{"", ""}, {"/a/b", "/a/b"}, {"a,b", "a,,b"}, {",,", ",,,,"}, {"a=b", "a=b"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_str_eq(quoted(lab_quote_qemu, cases[i][0]), cases[i][1]);
		stop();
	}
}

Test(lab_command, every_byte_arrives)
{
	char word[256];
	char *words[] = {"printf", "%s|%s|%s", word, "", "'$x'", NULL};
	struct lab_options options = {.command = words};
	char output[512];
	FILE *out = open_memstream(&text, &text_size);
	size_t size;

	for (int i = 0; i < 255; i++)
		word[i] = (char)(i + 1);
	word[255] = 0;
	lab_command_write(out, &options);
	fclose(out);
	size = run_shell(text, output, sizeof(output));
	cr_assert_eq(size, 255 + 1 + 0 + 1 + 4);
	cr_assert(!memcmp(output, word, 255));
	cr_assert(!memcmp(output + 255, "||'$x'", 6));
}

Test(lab_command, variables)
{
	char *words[] = {"sh", "-c", "printf '%s|%s|%s' \"$LANG\" \"$ONE\" \"$TWO\"", NULL};
	struct lab_options options = {.command = words,
				      .environment = {"ONE", "TWO=a=b", "TWO=c'd"},
				      .environment_count = 3};
	char output[64] = {0};
	FILE *out = open_memstream(&text, &text_size);

	setenv("ONE", "1\n2", 1);
	setenv("LANG", "C", 1);
	setenv("NOT_PASSED", "1", 1);
	unsetenv("TERM");
	lab_command_write(out, &options);
	fclose(out);
	unsetenv("ONE");
	run_shell(text, output, sizeof(output) - 1);
	cr_assert_str_eq(output, "C|1\n2|c'd");
	cr_assert_null(strstr(text, "NOT_PASSED"));
	cr_assert_null(strstr(text, "TERM"));
}
