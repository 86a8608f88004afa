/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What calls depend on, by small traces that are written down. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "depend.h"
#include "leak_check.h"
#include "reduce.h"
#include "synth.h"
#include "view.h"

#define RW "flags=SHFL_CF_ACCESS_READWRITE"
#define MADE ") = 0 result=SHFL_FILE_CREATED handle="
#define FOUND ") = 0 result=SHFL_FILE_EXISTS handle="
#define BEGIN                                                               \
	"ADD_MAPPING(path=\"/w\", name=\"w\", flags=1, mount_point=\"\")\n" \
	"connect(client=1)\nSET_UTF8()\n"                                   \
	"MAP_FOLDER(name=\"w\", delimiter='/', case_sensitive=1) = 0 root=0\n"
#define CREATE(path, how) "CREATE(root=0, path=\"" path "\", parms={" RW "}" how "\n"

static char file[] = "/tmp/sftrace-depend-XXXXXX";

static struct depend *load(const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct trace *trace;
	struct depend *depend;
	char *message = NULL;

	close(mkstemp(file));
	cr_assert_eq(trace_create(file, &trace, NULL), 0);
	cr_assert_eq(synth_read(in, "text", trace, &message), 0, "%s", message);
	fclose(in);
	trace_close(trace);
	cr_assert_eq(trace_open(file, &trace, NULL), 0);
	cr_assert_eq(depend_load(trace, &depend, &message), 0);
	trace_close(trace);
	unlink(file);
	return depend;
}

/* The ids of what is chosen, when those in "ids" are: "1 2 5". */
static void needs(const char *text, const char *ids, enum depend_what what, bool ends,
		  const char *expected)
{
	struct depend *depend = load(text);
	bool chosen[64] = {false};
	char got[256] = "", *end;

	for (const char *at = ids; *at; at = end)
		chosen[strtol(at, &end, 10) - 1] = true;
	cr_assert_eq(depend_complete(depend, chosen, what), 0);
	if (ends)
		depend_add_ends(depend, chosen);
	for (size_t i = 0; i < depend_count(depend); i++)
		if (chosen[i])
			sprintf(got + strlen(got), "%s%zu", *got ? " " : "", i + 1);
	cr_assert_str_eq(got, expected, "%s needs %s, not %s, of\n%s", ids, got, expected, text);
	depend_free(depend);
}

static const char write_and_read[] = BEGIN /* 1 to 4 */
	CREATE("/a", MADE "1") /* 5 */
	"WRITE(root=0, handle=1, offset=0, count=2, data=\"hi\")\n" /* 6 */
	"CLOSE(root=0, handle=1)\n" /* 7 */
	CREATE("/b", MADE "2") /* 8 */
	CREATE("/a", FOUND "1") /* 9 */
	"READ(root=0, handle=1, offset=0, count=2)\n" /* 10 */
	"CLOSE(root=0, handle=1)\n" /* 11 */
	"READ(root=0, handle=1, offset=0, count=2) = VERR_INVALID_HANDLE\n" /* 12 */
	"disconnect(client=1)\n"; /* 13 */

Test(depend, handles_and_clients)
{
	needs(write_and_read, "6", DEPEND_CALL, false, "1 2 3 4 5 6");
	needs(write_and_read, "10", DEPEND_CALL, false, "1 2 3 4 9 10");
	needs(write_and_read, "10", DEPEND_CALL, true, "1 2 3 4 9 10 11 13");
	needs(write_and_read, "3", DEPEND_CALL, false, "2 3");
	needs(write_and_read, "1", DEPEND_CALL, false, "1");
}

Test(depend, state_of_files)
{
	needs(write_and_read, "10", DEPEND_STATE, false, "1 2 3 4 5 6 9 10");
	needs(write_and_read, "8", DEPEND_STATE, false, "1 2 3 4 8");
	needs(write_and_read, "12", DEPEND_STATE, false, "1 2 3 4 5 6 9 11 12");
}

static const char names_and_directories[] =
	BEGIN CREATE("/d", MADE "1") /* 5: stands for a directory */
	CREATE("/d/old", MADE "2") /* 6 */
	"RENAME(root=0, path=\"/d/old\", destination=\"/d/New\", flags=1)\n" /* 7 */
	CREATE("/other", MADE "3") /* 8 */
	"LIST(root=0, handle=1, flags=0, count=100)\n" /* 9 */
	"LIST(root=0, handle=1, flags=0, count=100)\n" /* 10 */
	"CREATE(root=0, path=\"/D/new\", parms={flags=SHFL_CF_LOOKUP}) = 0 "
	"result=SHFL_FILE_EXISTS\n" /* 11 */
	"REMOVE(root=0, path=\"/d\", flags=2)\n" /* 12 */
	"COPY_FILE(root=0, path=\"/other\", destination_root=0, destination=\"/copy\")\n" /* 13 */
	"CREATE(root=0, path=\"/copy\", parms={flags=SHFL_CF_LOOKUP})\n"; /* 14 */

Test(depend, names)
{
	needs(names_and_directories, "11", DEPEND_STATE, false, "1 2 3 4 5 6 7 11");
	needs(names_and_directories, "10", DEPEND_CALL, false, "1 2 3 4 5 9 10");
	needs(names_and_directories, "9", DEPEND_STATE, false, "1 2 3 4 5 6 7 9");
	needs(names_and_directories, "12", DEPEND_STATE, false, "1 2 3 4 5 6 7 12");
	needs(names_and_directories, "14", DEPEND_STATE, false, "1 2 3 4 8 13 14");
}

Test(depend, processes_are_apart)
{
	needs(BEGIN CREATE("/a", MADE "1 [process=5]") "CLOSE(root=0, handle=1)\n"
						       "CLOSE(root=0, handle=1) = 0 [process=5]\n",
	      "6", DEPEND_CALL, false, "1 2 3 4 6");
}

Test(depend, pruning)
{
	struct depend *depend = load(write_and_read);
	bool chosen[64];

	memset(chosen, true, sizeof(chosen));
	chosen[8] = false; /* the second CREATE of /a */
	depend_prune(depend, chosen);
	cr_assert(chosen[4] && chosen[5] && chosen[7]);
	cr_assert_not(chosen[9] || chosen[10]);
	chosen[3] = false; /* the mapping */
	depend_prune(depend, chosen);
	cr_assert_not(chosen[4] || chosen[5] || chosen[7]);
	depend_free(depend);
}

Test(depend, below)
{
	cr_assert(view_is_below("/a/b", "/a"));
	cr_assert(view_is_below("/a/b", "/a/"));
	cr_assert(view_is_below("/a", "/a"));
	cr_assert(view_is_below("/a\\b", "/a"));
	cr_assert(view_is_below("/a", "/"));
	cr_assert_not(view_is_below("/ab", "/a"));
	cr_assert_not(view_is_below(NULL, "/a"));
}

/* Reducing: what is of interest are two events that have nothing to do with each other. */
static int has_both(void *user, const bool *chosen)
{
	(void)user;
	return chosen[5] && chosen[7];
}

static int breaks_off(void *user, const bool *chosen)
{
	int *left = user;

	(void)chosen;
	return (*left)-- > 0 ? 1 : -EINTR;
}

Test(depend, reducing)
{
	struct depend *depend = load(write_and_read);
	struct reduce reduce = {.check = has_both};
	bool chosen[64];
	int left = 1;

	memset(chosen, true, sizeof(chosen));
	cr_assert_eq(reduce_events(depend, &reduce, chosen), 0);
	cr_assert_eq(reduce.n_left, 7, "%zu are left", reduce.n_left);
	cr_assert(chosen[5] && chosen[7] && chosen[4] && chosen[3] && chosen[0]);
	memset(chosen, true, sizeof(chosen));
	reduce = (struct reduce){.check = breaks_off, .user = &left};
	cr_assert_eq(reduce_events(depend, &reduce, chosen), 0);
	cr_assert(reduce.n_left > 0 && reduce.n_left < depend_count(depend));
	depend_free(depend);
}
