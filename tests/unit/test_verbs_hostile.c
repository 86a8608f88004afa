/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Damaged and forged traces, and texts: replaying, printing, cutting, redacting
 * and comparing them ends with a result or an error, and nothing is written but
 * what was asked for. SFTRACE_SOAK: 10 000 variants rather than 500.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "depend.h"
#include "diff.h"
#include "leak_check.h"
#include "print_call.h"
#include "redact.h"
#include "replay.h"
#include "synth.h"
#include "trace.h"

#define BASE "disconnect.db" /* of the collection */
#define VARIANTS 500
#define SOAK_VARIANTS 10000

static char top[] = "/tmp/sftrace-hostile-XXXXXX";
static char base[4096], variant[64], copy[64];
static uint64_t seed = 1;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void shell(const char *command)
{
	cr_assert_eq(system(command), 0, "%s", command);
}

static void begin(void)
{
	const char *slash = strrchr(__FILE__, '/');

	cr_assert_not_null(mkdtemp(top));
	snprintf(base, sizeof(base), "%.*s/../regress/" BASE, (int)(slash - __FILE__), __FILE__);
	snprintf(variant, sizeof(variant), "%s/v.db", top);
	snprintf(copy, sizeof(copy), "%s/c.db", top);
	cr_assert_eq(chdir(top), 0);
	shell("mkdir tmp outside && echo untouched > outside/file");
	setenv("TMPDIR", "tmp", 1);
	cr_assert_eq(setenv("TMPDIR", strcat(strcpy((char[96]){0}, top), "/tmp"), 1), 0);
}

/* Nothing may be left or changed but what the test itself wrote. */
static void end(void)
{
	shell("rm -f v.db* c.db* && test \"$(find . | sort | tr '\\n' ' ')\" ="
	      " '. ./outside ./outside/file ./tmp ' && grep -q untouched outside/file");
	cr_assert_eq(chdir("/"), 0);
	shell(strcat(strcpy((char[96]){0}, "rm -rf "), top));
}

TestSuite(verbs_hostile, .init = begin, .fini = end, .timeout = 7200);

static struct trace *open_or_not(const char *file)
{
	struct trace *trace = NULL;
	char *message = NULL;
	int rc = trace_open(file, &trace, &message);

	cr_assert(rc == 0 || message, "no message for error %d", rc);
	free(message);
	return trace;
}

static void print_all(struct trace *trace)
{
	struct print_context context = {
		.out = fopen("/dev/null", "w"), .trace = trace, .strlen = 32};
	struct trace_cursor *cursor;
	struct trace_call call;

	if (trace_events(trace, &cursor) == 0) {
		while (trace_next(cursor, &call) == 1) {
			print_call(&context, &call);
			print_call_full(&context, &call);
		}
		trace_cursor_close(cursor);
	}
	fclose(context.out);
}

struct choice {
	bool *chosen;
	size_t next, n;
};

static bool wants(void *user, const struct trace_call *call)
{
	struct choice *choice = user;

	(void)call;
	return choice->next < choice->n && choice->chosen[choice->next++];
}

static void copied(struct trace *trace, const struct copy_hooks *hooks)
{
	char *message = NULL;
	int rc = trace_copy(trace, copy, true, hooks, "note", "x", &message);

	cr_assert(rc == 0 || message, "no message for error %d", rc);
	cr_assert_eq(rc == 0, access(copy, F_OK) == 0, "a copy that failed is left behind");
	free(message);
	if (rc == 0)
		trace_close(open_or_not(copy));
	unlink(copy);
}

static void cut(struct trace *trace)
{
	struct depend *depend = NULL;
	struct choice choice = {0};
	struct copy_hooks hooks = {.wants = wants, .user = &choice};
	char *message = NULL;

	if (depend_load(trace, &depend, &message)) {
		cr_assert_not_null(message);
		free(message);
		return;
	}
	choice.n = depend_count(depend);
	choice.chosen = calloc(choice.n + 1, 1);
	for (size_t i = 0; i < choice.n; i++)
		choice.chosen[i] = draw() % 4 == 0;
	cr_assert_eq(depend_complete(depend, choice.chosen, DEPEND_STATE), 0);
	depend_add_ends(depend, choice.chosen);
	depend_prune(depend, choice.chosen);
	copied(trace, &hooks);
	free(choice.chosen);
	depend_free(depend);
}

static void redacted(struct trace *trace)
{
	struct redact redact = {.names = {{draw(), draw()}}, .keep_hash = draw() & 1};
	struct copy_hooks hooks = redact_hooks(&redact);

	copied(trace, &hooks);
}

static void compared(struct trace *trace)
{
	struct trace *whole = open_or_not(base);
	struct diff_options options = {.what = COMPARE_USUAL};
	struct diff_result result;
	char *message = NULL;

	diff_traces(whole, trace, &options, &result, &message);
	free(message);
	diff_traces(trace, whole, &options, &result, &message);
	free(message);
	trace_close(whole);
}

static void replayed(struct trace *trace)
{
	struct replay_options options = {.service = SFSERVICE_PATH, .compare = COMPARE_USUAL};
	struct replay_result result;
	char *message = NULL;

	if (replay_run(trace, &options, &result, &message) == 0)
		replay_result_clear(&result);
	else
		cr_assert_not_null(message);
	free(message);
}

/* Everything that can be done with a trace. */
static void try_all(void)
{
	struct trace *trace = open_or_not(variant);

	if (!trace)
		return;
	print_all(trace);
	cut(trace);
	redacted(trace);
	compared(trace);
	replayed(trace);
	trace_close(trace);
}

static size_t read_file(const char *file, char **ret)
{
	FILE *in = fopen(file, "r");
	struct stat st;

	cr_assert(in && fstat(fileno(in), &st) == 0, "%s", file);
	*ret = malloc((size_t)st.st_size + 1);
	cr_assert_eq(fread(*ret, 1, (size_t)st.st_size, in), (size_t)st.st_size);
	fclose(in);
	return (size_t)st.st_size;
}

static void write_file(const char *file, const char *bytes, size_t size)
{
	FILE *out = fopen(file, "w");

	cr_assert(out && fwrite(bytes, 1, size, out) == size);
	fclose(out);
}

static int variants(void)
{
	return getenv("SFTRACE_SOAK") ? SOAK_VARIANTS : VARIANTS;
}

/* Some bits flipped, most of them behind the schema, which SQLite looks at first. */
Test(verbs_hostile, flipped_bits)
{
	char *bytes, *flipped;
	size_t size = read_file(base, &bytes);

	flipped = malloc(size);
	for (int i = 0; i < variants(); i++) {
		memcpy(flipped, bytes, size);
		for (uint64_t n = 1 + draw() % 6; n > 0; n--)
			flipped[(draw() % 4 ? size / 3 : 0) + draw() % (size - size / 3)] ^=
				(char)(1 << draw() % 8);
		write_file(variant, flipped, size);
		try_all();
	}
	free(flipped);
	free(bytes);
}

Test(verbs_hostile, truncated)
{
	char *bytes;
	size_t size = read_file(base, &bytes);

	for (int i = 0; i < variants() / 10; i++) {
		write_file(variant, bytes, draw() % size);
		try_all();
	}
	free(bytes);
}

/* What a file may hold that no recorder writes. */
static const char *const forgeries[] = {
	"PRAGMA user_version = 99",
	"PRAGMA user_version = 0",
	"PRAGMA application_id = 7",
	"DROP TABLE call_more",
	"DROP VIEW calls; CREATE VIEW calls AS SELECT 1 AS call_id",
	"DROP VIEW hop_latency; CREATE VIEW hop_latency AS SELECT zeroblob(1000000000) AS hop",
	"ALTER TABLE span RENAME TO kept; CREATE VIEW span AS SELECT * FROM kept",
	"CREATE TRIGGER bomb AFTER INSERT ON call BEGIN DELETE FROM payload; END",
	"ALTER TABLE call RENAME TO kept; CREATE TABLE call AS SELECT * FROM kept",
	"UPDATE call SET in0 = 'text'",
	"UPDATE call SET in1 = x'00', mem1 = 1e300",
	"UPDATE call SET call_id = -call_id",
	"UPDATE call SET call_id = 9223372036854775807 - call_id",
	"UPDATE call SET status = 99999999999",
	"UPDATE call SET start_ns = 9223372036854775807",
	"UPDATE call SET duration_ns = -9223372036854775807",
	"UPDATE call SET guest_start_ns = 9223372036854775807, guest_duration_ns = "
	"9223372036854775807",
	"UPDATE call SET flags = 255",
	"UPDATE call SET duration_ns = NULL",
	"UPDATE call SET client = 4294967295 WHERE call_id % 2",
	"UPDATE call SET in0 = 63, out0 = -1, in1 = -1, out1 = 77",
	"UPDATE call SET in1 = 4294967296123 WHERE in1 < 9",
	"UPDATE call SET in3 = 4294967295",
	"UPDATE call SET mem1 = 1, mem2 = 1, out1 = 1, out2 = 1",
	"UPDATE call SET mem1 = 9223372036854775807",
	"UPDATE call SET shape_id = 999",
	"UPDATE shape SET n_parms = 4294967295",
	"UPDATE shape SET n_parms = 1",
	"UPDATE shape SET n_parms = 9",
	"UPDATE shape SET fn = 4294967295",
	"UPDATE shape SET fn = fn % 30",
	"UPDATE shape SET kind = kind % 4 + 1",
	"UPDATE shape SET side = 1",
	"UPDATE shape SET type0 = 3, type1 = 4, type2 = 4294967295",
	"UPDATE shape SET type1 = 4, type4 = 4",
	"UPDATE shape SET process = 77 WHERE shape_id % 2",
	"UPDATE payload SET length = -1",
	"UPDATE payload SET length = 4294967295",
	"UPDATE payload SET data = 'text'",
	"UPDATE payload SET data = NULL",
	"UPDATE payload SET checksum = 0",
	"UPDATE payload SET data = zeroblob(100000000) WHERE payload_id = 2",
	"DELETE FROM payload WHERE payload_id % 2",
	"UPDATE span SET parent = 200",
	"UPDATE span SET parent = -9",
	"UPDATE span SET parent = 'x', depth = 1e9",
	"UPDATE span SET enter_ns = 9223372036854775807, duration_ns = 9223372036854775807",
	"UPDATE span SET hop_id = NULL",
	"UPDATE hop SET side = 3",
	"UPDATE hop SET name = zeroblob(9000)",
	"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
	" INSERT INTO span SELECT 5, i, 1, 0, NULL, 0, 0, 0 FROM n",
	"INSERT INTO span_merged SELECT call_id, idx, 4294967295, -9223372036854775807 FROM span",
	"UPDATE task SET pid = -1",
	"UPDATE task SET comm = x'ff00ff', pid = 4294967295",
	"UPDATE meta SET value = zeroblob(70000)",
	"UPDATE meta SET value = 'recording' WHERE key = 'state'",
	"DELETE FROM meta",
	"INSERT INTO op SELECT 1, 1, -9223372036854775807, 9223372036854775807, 0, 1, 1;"
	" UPDATE call SET op_id = 1",
	"INSERT INTO loss VALUES (9, NULL, x'00', 9223372036854775807, NULL)",
	"INSERT INTO clock_fit VALUES (1, 0, 9223372036854775807, -1, 1, 1, 1, 1, 1, 1)",
	"INSERT INTO clock_fit VALUES (7, 0, 1, 1, 1, 1, 1, 1, 1, 1)",
};

Test(verbs_hostile, forged)
{
	char *bytes;
	size_t size = read_file(base, &bytes);

	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		char *message = NULL;
		sqlite3 *db;
		int rc;

		write_file(variant, bytes, size);
		cr_assert_eq(sqlite3_open(variant, &db), SQLITE_OK);
		rc = sqlite3_exec(db, forgeries[i], NULL, NULL, &message);
		cr_assert(rc == SQLITE_OK || rc == SQLITE_CONSTRAINT, "%s: %s", forgeries[i],
			  message);
		sqlite3_free(message);
		sqlite3_close(db);
		try_all();
	}
	free(bytes);
}

/* Texts. */

static bool synthesised(const char *text, size_t size, char **ret_message)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, size ? size : 1, "r");
	struct trace *trace = NULL;
	int rc;

	unlink(variant);
	cr_assert_eq(trace_create(variant, &trace, NULL), 0);
	rc = synth_read(in, "text", trace, ret_message);
	cr_assert(rc == 0 || *ret_message, "no message for error %d", rc);
	fclose(in);
	trace_close(trace);
	return rc == 0;
}

static char *text_of_base(size_t *ret_size)
{
	struct trace *trace = open_or_not(base);
	struct print_context context = {.trace = trace, .strlen = 32};
	struct trace_cursor *cursor;
	struct trace_call call;
	char *text = NULL;

	context.out = open_memstream(&text, ret_size);
	cr_assert_eq(trace_events(trace, &cursor), 0);
	while (trace_next(cursor, &call) == 1)
		cr_assert_eq(print_call_full(&context, &call), 0);
	trace_cursor_close(cursor);
	trace_close(trace);
	fclose(context.out);
	return text;
}

Test(verbs_hostile, flipped_texts)
{
	static const char likely[] = "\"\\<>{}[](),=|#~+-.:09x \n@'";
	size_t size;
	char *text = text_of_base(&size), *flipped = malloc(size);
	int good = 0;

	for (int i = 0; i < variants(); i++) {
		char *message = NULL;

		memcpy(flipped, text, size);
		for (uint64_t n = draw() % 4; n > 0; n--)
			flipped[draw() % size] =
				draw() % 2 ? likely[draw() % (sizeof(likely) - 1)] : (char)draw();
		good += synthesised(flipped, size, &message);
		free(message);
		if (i % 10 == 0)
			try_all();
	}
	cr_assert(good > 0 && good < variants(), "%d of them are traces", good);
	free(flipped);
	free(text);
}

/* What is wrong, and where it is said to be. */
static const struct {
	const char *text, *message;
} mistakes[] = {
	{"SET_UTF8", "line 1, column 9: '(' should stand"},
	{"nonsense()", "line 1, column 9: no such function: nonsense"},
	{"# fine\n\nSET_UTF8(", "line 3, column 10: a parameter should stand"},
	{"SET_UTF8() = VERR_NONSENSE", "no such status: VERR_NONSENSE"},
	{"SET_UTF8() = 99999999999", "no status is that big"},
	{"SET_UTF8() = 0 <5>", "ns, us, ms or s should stand"},
	{"SET_UTF8() = 0 <5us", "'>' should stand"},
	{"SET_UTF8() and more", "line should end"},
	{"SET_UTF8() = 0 [magic=1]", "magic means nothing here"},
	{"SET_UTF8(#4294967296)", "is more than 4294967295"},
	{"SET_UTF8(#0, parm1=32:1)", "more parameters than #0"},
	{"SHFL_FN_99999999999()", "no such function"},
	{"READ(handles=1)", "has no parameter handles"},
	{"READ(root=)", "a value should stand"},
	{"READ(root=SHFL_NONSENSE)", "no such value: SHFL_NONSENSE"},
	{"READ(count=99999999999999999999)", "the number is too big"},
	{"WRITE(data=\"abc)", "a quote is not closed"},
	{"WRITE(data=\"a\\qb\")", "unknown escape"},
	{"WRITE(data=\"a\\777b\")", "unknown escape"},
	{"WRITE(data=\"abc\"...)", "print it with --full"},
	{"WRITE(data=\"\"~99999999999)", "is more than"},
	{"READ(data=<4) = 0", "'>' should stand"},
	{"CREATE(path=5)", "'\"' should stand"},
	{"CREATE(path=\"a\\0b\")", "write it as raw"},
	{"CREATE(path=u\"\\377\")", "too long, or no UTF-8"},
	{"CREATE(parms={flags=1, colour=2})", "no such field: colour"},
	{"CREATE(parms={flags=1", "'}' should stand"},
	{"CREATE(parms={mode})", "'=' should stand"},
	{"LIST() = 0 list=[\"a\" \"b\"]", "']' should stand"},
	{"LIST() = 0 list=[\"a\", and 7 more]", "print it with --full"},
	{"LIST() = 0 list=[\"a\"] list=[]", "list is given twice"},
	{"QUERY_MAPPINGS() = 0 mappings=[x]", "a number should stand"},
	{"-9999999999999 SET_UTF8()", "too many seconds"},
	{"9000000000 SET_UTF8()", "the time is too far away"},
	{"5: SET_UTF8()\n5: SET_UTF8()", "line 2, column 14: call 5 comes after call 5"},
	{"dd[x] SET_UTF8()", "a number should stand"},
	{"\"dd\" SET_UTF8()", "'[' should stand"},
	{"READ(count=5)", "READ needs its parameter handle"},
	{"CREATE() = 0", "line 1, column 13: CREATE needs its parameter path"},
	{"WRITE(handle=1)", "WRITE needs its parameter count"},
	{"WRITE(handle=1, count=5)", "WRITE needs its parameter data"},
	{"SET_FILE_SIZE(handle=1)", "SET_FILE_SIZE needs its parameter size"},
	{"CREATE(path=\"/a\") = 0 handle=1\nCLOSE()\nFLUSH()", "line 3, column 8: FLUSH needs"},
	{"@magic", "@meta or @incomplete"},
	{"@meta \"a\"", "'\"' should stand"},
};

Test(verbs_hostile, mistakes_in_texts)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		char *message = NULL;

		cr_assert_not(synthesised(mistakes[i].text, strlen(mistakes[i].text), &message),
			      "%s", mistakes[i].text);
		cr_assert(strstr(message, mistakes[i].message), "%s: %s", mistakes[i].text,
			  message);
		cr_assert(strstr(message, "text, line "), "%s", message);
		free(message);
	}
}

/* What is left out, and the same written. */
static const struct {
	const char *brief, *full;
} usual[] = {
	{"ADD_MAPPING(path=\"/w\", name=\"w\", flags=1)",
	 "ADD_MAPPING(path=\"/w\", name=\"w\", flags=1, mount_point=\"\")"},
	{"MAP_FOLDER(name=\"w\")", "MAP_FOLDER(name=\"w\", delimiter='/', case_sensitive=1)"},
	{"WRITE(handle=7, data=\"abc\")",
	 "WRITE(root=0, handle=7, offset=0, count=3, data=\"abc\")"},
	{"INFORMATION(handle=7)", "INFORMATION(handle=7, flags=0, count=92, info={})"},
	{"MAP_FOLDER(name=\"w\") = 0 root=3\nCREATE(path=\"/a\") = 0 handle=9\nFLUSH()",
	 "MAP_FOLDER(name=\"w\") = 0 root=3\nCREATE(root=3, path=\"/a\") = 0 handle=9\n"
	 "FLUSH(root=3, handle=9)"},
	{"connect(client=1)\nREMOVE(path=\"/a\")\nSET_UTF8()\nREMOVE(path=\"/a\")",
	 "connect(client=1)\nREMOVE(path=u\"/a\")\nSET_UTF8()\nREMOVE(path=\"/a\")"},
};

static char *full_text(const char *brief)
{
	char *text = NULL, *message = NULL;
	struct print_context context = {.strlen = 32};
	struct trace_cursor *cursor;
	struct trace_call call;
	size_t size;

	cr_assert(synthesised(brief, strlen(brief), &message), "%s: %s", brief, message);
	context.trace = open_or_not(variant);
	context.out = open_memstream(&text, &size);
	cr_assert_eq(trace_events(context.trace, &cursor), 0);
	while (trace_next(cursor, &call) == 1)
		cr_assert_eq(print_call_full(&context, &call), 0);
	trace_cursor_close(cursor);
	trace_close(context.trace);
	fclose(context.out);
	return text;
}

Test(verbs_hostile, left_out)
{
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		char *brief = full_text(usual[i].brief), *full = full_text(usual[i].full);

		cr_assert_str_eq(brief, full);
		free(brief);
		free(full);
	}
}
