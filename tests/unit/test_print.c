/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What print, report, info and merge show, and with which exit status. */
#include "leak_check.h"
#include "spool_maker.h"
#include "trace_fixture.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "print_call.h"
#include "print_value.h"
#include "verbs.h"

static struct fixture f;
static char *output, *errors; /* of the verb that ran last */

static void begin(void)
{
	fixture_begin(&f);
}

static void end(void)
{
	free(output);
	free(errors);
	fixture_end(&f);
	leak_check();
}

TestSuite(print, .init = begin, .fini = end);

static char *read_all(FILE *file)
{
	char *text = NULL;
	size_t size = 0;

	rewind(file);
	if (getdelim(&text, &size, '\0', file) < 0)
		*(text ? text : (text = malloc(1))) = '\0';
	fclose(file);
	return text;
}

/* Runs a verb on the words that follow, up to NULL; returns its exit status. */
static int run(int (*verb)(int argc, char **argv), const char *first, ...)
{
	char *argv[16] = {(char *)"verb", first ? strdup(first) : NULL};
	int argc = first ? 2 : 1, status, saved_out = dup(STDOUT_FILENO),
	    saved_err = dup(STDERR_FILENO);
	FILE *out = tmpfile(), *err = tmpfile();
	char *words_given[16];
	va_list words;

	va_start(words, first);
	while (argc < 15 && (argv[argc] = va_arg(words, char *))) {
		argv[argc] = strdup(argv[argc]); /* verbs may cut them up */
		argc++;
	}
	va_end(words);
	fflush(NULL);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	memcpy(words_given, argv, sizeof(argv));
	status = verb(argc, argv);
	fflush(NULL);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	for (int i = 1; i < argc; i++)
		free(words_given[i]);
	free(output);
	free(errors);
	output = read_all(out);
	errors = read_all(err);
	return status;
}

static void finish(const char *because)
{
	cr_assert_eq(trace_finish(f.trace, because), 0);
	trace_close(f.trace);
	f.trace = NULL;
}

#define expect_output(text) cr_assert(strstr(output, text), "no \"%s\" in:\n%s", text, output)
#define expect_no_output(text) cr_assert(!strstr(output, text), "\"%s\" in:\n%s", text, output)
#define expect_error(text) cr_assert(strstr(errors, text), "no \"%s\" in:\n%s", text, errors)

/* Values. */

static char *text_of(void (*print)(FILE *out, void *argument), void *argument)
{
	FILE *file = tmpfile();

	print(file, argument);
	return read_all(file);
}

static void flags_of(FILE *out, void *argument)
{
	uint64_t *pair = argument;

	print_flags(out, (enum flag_set)pair[0], pair[1]);
}

Test(print, flags_by_name)
{
	static const struct {
		uint64_t set, value;
		const char *text;
	} cases[] = {
		{FLAGS_CREATE, SHFL_CF_LOOKUP, "SHFL_CF_LOOKUP"},
		{FLAGS_CREATE, SHFL_CF_ACT_FAIL_IF_EXISTS | SHFL_CF_ACCESS_READWRITE,
		 "SHFL_CF_ACT_FAIL_IF_EXISTS|SHFL_CF_ACT_CREATE_IF_NEW|SHFL_CF_ACCESS_READWRITE"},
		{FLAGS_CREATE,
		 SHFL_CF_DIRECTORY | SHFL_CF_ACT_OVERWRITE_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW |
			 SHFL_CF_ACCESS_READ | SHFL_CF_ACCESS_DENYALL | SHFL_CF_ACCESS_ATTR_WRITE |
			 SHFL_CF_ACCESS_APPEND | 0x80000000,
		 "SHFL_CF_DIRECTORY|SHFL_CF_ACT_OVERWRITE_IF_EXISTS|SHFL_CF_ACT_FAIL_IF_NEW|"
		 "SHFL_CF_ACCESS_READ|SHFL_CF_ACCESS_DENYALL|SHFL_CF_ACCESS_ATTR_WRITE|"
		 "SHFL_CF_ACCESS_APPEND|0x80000000"},
		{FLAGS_LIST, 0, "0"},
		{FLAGS_LIST, 3, "SHFL_LIST_RETURN_ONE|SHFL_LIST_RESTART"},
		{FLAGS_INFORMATION, SHFL_INFO_FILE, "SHFL_INFO_GET|SHFL_INFO_FILE"},
		{FLAGS_INFORMATION, SHFL_INFO_SET | SHFL_INFO_SIZE, "SHFL_INFO_SET|SHFL_INFO_SIZE"},
		{FLAGS_LOCK, 0, "SHFL_LOCK_CANCEL"},
		{FLAGS_LOCK, 6, "SHFL_LOCK_EXCLUSIVE|SHFL_LOCK_WAIT"},
		{FLAGS_LOCK, 3, "0x3"},
		{FLAGS_REMOVE, 5, "SHFL_REMOVE_FILE|SHFL_REMOVE_SYMLINK"},
		{FLAGS_RENAME, 1ull << 40, "0x10000000000"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t pair[] = {cases[i].set, cases[i].value};
		char *text = text_of(flags_of, pair);

		cr_assert_str_eq(text, cases[i].text, "%s, not %s", text, cases[i].text);
		free(text);
	}
}

static void bytes_of(FILE *out, void *argument)
{
	print_bytes(out, argument, 12, 10);
}

static void string_of(FILE *out, void *argument)
{
	print_string(out, argument);
}

static void json_of(FILE *out, void *argument)
{
	print_json_string(out, argument);
}

static void expect_text(void (*print)(FILE *out, void *argument), const char *argument,
			const char *expected)
{
	char *text = text_of(print, (void *)argument);

	cr_assert_str_eq(text, expected, "%s, not %s", text, expected);
	free(text);
}

Test(print, strings_with_escapes)
{
	expect_text(bytes_of,
		    "a\n\"\\\1"
		    "2\377\0zz99",
		    "\"a\\n\\\"\\\\\\0012\\377\\0zz\"...");
	expect_text(string_of, "/\303\244\377\033[1m", "\"/\303\244\\377\\33[1m\"");
	expect_text(json_of, "a\"\\\n\303\244\377\300\200\355\240\200",
		    "\"a\\\"\\\\\\u000a\303\244\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
	expect_text(json_of, NULL, "null");
}

Test(print, durations_with_units)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {{0, "0ns"},	  {812, "812ns"},	   {999, "999ns"},
		     {1000, "1.00us"},	  {31240, "31.2us"},	   {999600, "1.00ms"},
		     {4712345, "4.71ms"}, {123456789, "123ms"},	   {2000000000, "2.00s"},
		     {-5, "-5ns"},	  {3600000000000, "3600s"}};
	char buffer[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_str_eq(format_duration(buffer, cases[i].ns), cases[i].text, "%s, not %s",
				 buffer, cases[i].text);
}

/* Lines. */

Test(print, a_write_looks_like_strace)
{
	struct trace_call call;

	add_mount(&f);
	add_create(&f, "/out.bin", 7, SHFL_FILE_CREATED);
	call = write_call(&f, 7, 4096, 4096);
	call.end_ns = call.start_ns + 31240;
	add_call(&f, &call);
	finish(NULL);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_OK);
	expect_output("0.000100 dd[412] SHFL_FN_WRITE(root=0, handle=7 \"/out.bin\", offset=4096,"
		      " count=4096, data=...) = VINF_SUCCESS count=4096 <31.2us>\n");
	expect_output("SHFL_FN_ADD_MAPPING(path=\"/srv/work\", name=\"work\","
		      " flags=SHFL_ADD_MAPPING_F_WRITABLE, mount_point=\"\") = VINF_SUCCESS <");
	expect_output("connect(client=1, requestor=0x2) = VINF_SUCCESS <");
	expect_output("SHFL_FN_SET_UTF8() = VINF_SUCCESS <");
	expect_output("SHFL_FN_MAP_FOLDER(name=\"work\", delimiter='/', case_sensitive=1) ="
		      " VINF_SUCCESS root=0 <");
	expect_output("SHFL_FN_CREATE(root=0, path=\"/out.bin\", parms={flags="
		      "SHFL_CF_ACT_OPEN_IF_EXISTS|SHFL_CF_ACT_CREATE_IF_NEW|"
		      "SHFL_CF_ACCESS_READWRITE, mode=00}) = VINF_SUCCESS"
		      " result=SHFL_FILE_CREATED handle=7 mode=0100644 size=1000 <");
}

/* A parameter that the service fills. */
static struct trace_parm out_parm(const void *bytes, uint32_t captured, uint32_t size)
{
	return (struct trace_parm){
		.type = 3, .size = size, .payload_out = add_payload(&f, bytes, captured)};
}

static struct trace_call list_call(void)
{
	struct trace_call call = next_call(&f, SHFL_FN_LIST, 0, 8);
	static const char *const names[] = {".", "..", "a", "b", "c", "d", "e"};
	uint8_t bytes[2000] = {0};
	uint32_t at = 0;

	for (size_t i = 0; i < 7; i++)
		at += 122 + put_string(bytes + at + 122, names[i], false);
	call.parms[0] = int32_parm(0, 0);
	call.parms[1] = int64_parm(3, 3);
	call.parms[2] = int32_parm(0, 0);
	call.parms[3] = int32_parm(16384, at);
	call.parms[4] = (struct trace_parm){.type = 3};
	call.parms[5] = out_parm(bytes, at, 16384);
	call.parms[6] = int32_parm(0, 1);
	call.parms[7] = int32_parm(0, 7);
	return call;
}

Test(print, a_listing)
{
	struct trace_call call;

	add_mount(&f);
	call = list_call();
	add_call(&f, &call);
	finish(NULL);
	cr_assert_eq(run(verb_print, "-e", "LIST", f.file, NULL), SFTRACE_OK);
	expect_output("SHFL_FN_LIST(root=0, handle=3, flags=0, count=16384, pattern=NULL, list=...,"
		      " resume=0) = VINF_SUCCESS count=");
	expect_output(
		" list=[\".\", \"..\", \"a\", \"b\", \"c\", and 2 more] resume=1 entries=7 <");
}

static void add_read(const char *data, uint32_t size)
{
	struct trace_call call = next_call(&f, SHFL_FN_READ, 0, 5);

	call.parms[0] = int32_parm(0, 0);
	call.parms[1] = int64_parm(7, 7);
	call.parms[2] = int64_parm(0, 0);
	call.parms[3] = int32_parm(4096, size);
	call.parms[4] = out_parm(data, size, 4096);
	add_call(&f, &call);
}

static void add_information(uint32_t flags, const void *bytes, uint32_t size)
{
	struct trace_call call = next_call(&f, SHFL_FN_INFORMATION, 0, 5);

	call.parms[0] = int32_parm(0, 0);
	call.parms[1] = int64_parm(7, 7);
	call.parms[2] = int32_parm(flags, flags);
	call.parms[3] = int32_parm(size, size);
	call.parms[4] = out_parm(bytes, size, size);
	call.parms[4].payload_in = call.parms[4].payload_out;
	add_call(&f, &call);
}

Test(print, data_and_structures)
{
	SHFLFSOBJINFO info = {.cbObject = 5,
			      .ModificationTime = 1700000000123456789,
			      .Attr.fMode = RTFS_TYPE_FILE | 0600};
	SHFLVOLINFO volume = {.ullTotalAllocationBytes = 100,
			      .ullAvailableAllocationBytes = 50,
			      .ulBytesPerAllocationUnit = 10};

	add_read("hello\n", 6);
	add_read("0123456789012345678901234567890123456789", 40);
	add_information(SHFL_INFO_FILE, &info, sizeof(info));
	add_information(SHFL_INFO_SET | SHFL_INFO_FILE, &info, sizeof(info));
	add_information(SHFL_INFO_VOLUME, &volume, sizeof(volume));
	finish(NULL);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_OK);
	expect_output("count=4096, data=...) = VINF_SUCCESS count=6 data=\"hello\\n\" <");
	expect_output("data=\"01234567890123456789012345678901\"... <");
	expect_output("flags=SHFL_INFO_GET|SHFL_INFO_FILE, count=92, info=...) = VINF_SUCCESS"
		      " count=92 info={mode=0100600, size=5, mtime=1700000000.123456789} <");
	expect_output("flags=SHFL_INFO_SET|SHFL_INFO_FILE, count=92, info={mode=0100600, size=5");
	expect_output("info={total=100, available=50, unit=10} <");
	cr_assert_eq(run(verb_print, "-s", "3", f.file, NULL), SFTRACE_OK);
	expect_output("data=\"hel\"... <");
}

Test(print, failures_and_filters)
{
	struct trace_call call;

	add_mount(&f);
	add_create(&f, "/src/a", 7, SHFL_FILE_EXISTS);
	add_create(&f, "/srcs", 8, SHFL_FILE_EXISTS);
	add_close(&f, 9, VERR_INVALID_HANDLE);
	add_close(&f, 7, VINF_SUCCESS);
	call = write_call(&f, 8, 0, 1);
	call.client = 2;
	call.status = -12345;
	add_call(&f, &call);
	finish(NULL);
	cr_assert_eq(run(verb_print, "-Z", f.file, NULL), SFTRACE_OK);
	expect_output("SHFL_FN_CLOSE(root=0, handle=9) = VERR_INVALID_HANDLE <");
	expect_output(" = -12345 <");
	expect_no_output("VINF_SUCCESS");
	cr_assert_eq(run(verb_print, "-P", "/src/", f.file, NULL), SFTRACE_OK);
	expect_output("handle=7 \"/src/a\"");
	expect_output("SHFL_FN_CREATE(root=0, path=\"/src/a\"");
	expect_no_output("srcs");
	expect_no_output("connect");
	cr_assert_eq(run(verb_print, "-e", "close,shfl_fn_create", "-n", "2", f.file, NULL),
		     SFTRACE_OK);
	expect_output("path=\"/srcs\"");
	expect_no_output("CLOSE");
	cr_assert_eq(run(verb_print, "--client", "2", f.file, NULL), SFTRACE_OK);
	expect_output("WRITE");
	expect_no_output("CLOSE");
	cr_assert_eq(run(verb_print, "-e", "connect", f.file, NULL), SFTRACE_OK);
	expect_output("connect(");
	expect_no_output("SHFL");
}

Test(print, unfinished_calls_with_age_and_hops)
{
	struct trace_call call = write_call(&f, 7, 0, 1);
	struct trace_span spans[] = {
		{"svcCall", TRACE_SIDE_HOST, 0, -1, 1, call.start_ns, 0, 0, 0},
		{"RTFileOpen", TRACE_SIDE_HOST, 1, 0, 1, call.start_ns, call.start_ns + 5, 0, 0},
		{"vbsfWrite", TRACE_SIDE_HOST, 1, 0, 1, call.start_ns + 10, 0, 0, 0},
	};

	call.flags = TRACE_F_UNFINISHED;
	cr_assert_eq(trace_add_call(f.trace, &call, spans, 3), 0);
	cr_assert_eq(trace_set_meta(f.trace, "stopped_ns", "2001000000"), 0);
	finish(NULL);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_OK);
	expect_output(") = ? <unfinished after 2.00s, in svcCall > vbsfWrite>\n");
}

Test(print, flaws_are_shown)
{
	struct trace_call call = write_call(&f, 7, 0, 1);

	call.flags = TRACE_F_DATA_LOST | TRACE_F_SPANS_LOST | TRACE_F_UNREADABLE;
	call.complete = false;
	call.side = TRACE_SIDE_BOTH;
	call.guest_start_ns = 5;
	call.guest_end_ns = 10;
	call.guest_status = VERR_INTERRUPTED;
	add_call(&f, &call);
	finish(NULL);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_INCOMPLETE);
	expect_output(
		"[parameters unreadable] [data lost] [spans lost] [guest got VERR_INTERRUPTED]");
	expect_error("is incomplete: 1 call is not complete");
}

Test(print, calls_that_nobody_understands)
{
	struct trace_call call = next_call(&f, 999, VERR_NOT_IMPLEMENTED, 1000);

	strcpy(call.comm, "\033[1m x");
	call.parms[0] = int32_parm(5, 5);
	call.parms[1] = string_parm(&f, "?", false);
	add_call(&f, &call);
	call = next_call(&f, SHFL_FN_CREATE, VERR_INVALID_PARAMETER, 3);
	call.parms[0] = (struct trace_parm){.type = 3, .size = 8};
	call.parms[1] = int64_parm(1, 1);
	call.parms[2] = (struct trace_parm){.type = 9};
	add_call(&f, &call);
	call = next_call(&f, SHFL_FN_LIST, 0, 2);
	add_call(&f, &call);
	finish(NULL);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_OK);
	expect_output("?[1m?x[412] SHFL_FN_999(parm0=5, parm1=\"\\2\\0\\1\\0?\\0\", parm2=");
	expect_output(", and 992 more) = VERR_NOT_IMPLEMENTED");
	expect_output("SHFL_FN_CREATE(root=<8 bytes>, path=1, parms=...)");
}

/* Options and files. */

Test(print, usage_errors)
{
	finish(NULL);
	cr_assert_eq(run(verb_print, NULL, NULL), SFTRACE_USAGE);
	expect_error("one trace file is needed");
	cr_assert_eq(run(verb_print, f.file, f.file, NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_print, "-n", "x", f.file, NULL), SFTRACE_USAGE);
	expect_error("not a number: x");
	cr_assert_eq(run(verb_print, "-n", "-1", f.file, NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_print, "-e", "NOTHING", f.file, NULL), SFTRACE_USAGE);
	expect_error("no such function: NOTHING");
	cr_assert_eq(run(verb_print, "--client", "4294967296", f.file, NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_print, "-y", f.file, NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_report, NULL, NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_report, "--sort", "taste", f.file, NULL), SFTRACE_USAGE);
	expect_error("cannot sort by taste");
	cr_assert_eq(run(verb_info, NULL, NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_merge, NULL, NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_merge, "-o", "x", NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_merge, "x", NULL), SFTRACE_USAGE);
	cr_assert_eq(run(verb_print, "--help", NULL), SFTRACE_OK);
	expect_output("Usage: sftrace print");
}

Test(print, files_that_are_no_traces)
{
	char text[128];
	FILE *file;

	finish(NULL);
	snprintf(text, sizeof(text), "%s/text", f.dir);
	file = fopen(text, "w");
	cr_assert_not_null(file);
	fputs("This is a text, neither a trace nor a spool file.\n", file);
	fclose(file);
	cr_assert_eq(run(verb_print, text, NULL), SFTRACE_FAILED);
	expect_error("/text is not a trace: it is no SQLite database");
	cr_assert_eq(run(verb_report, "/nonexistent", NULL), SFTRACE_FAILED);
	expect_error("sftrace: cannot open /nonexistent: No such file or directory");
	cr_assert_eq(run(verb_info, "/", NULL), SFTRACE_FAILED);
	cr_assert_eq(run(verb_merge, "-o", f.file, text, NULL), SFTRACE_FAILED);
	expect_error("is not a spool file");
}

Test(print, a_damaged_call_ends_the_list)
{
	struct trace_call call = write_call(&f, 7, 0, 1);
	sqlite3 *db;

	add_call(&f, &call);
	call.call_id = f.next_id++;
	add_call(&f, &call);
	finish(NULL);
	cr_assert_eq(sqlite3_open(f.file, &db), SQLITE_OK);
	sqlite3_exec(db, "UPDATE call SET status = 'x' WHERE call_id = 2", NULL, NULL, NULL);
	sqlite3_close(db);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_FAILED);
	expect_output("SHFL_FN_WRITE");
	expect_error("damaged: status of the event after 1");
}

/* Whatever page it is, also one that summaries make no use of. */
Test(print, a_page_that_was_overwritten_is_noticed)
{
	static int (*const verbs[])(int, char **) = {verb_info, verb_report};
	struct trace_call call = write_call(&f, 7, 0, 1);
	char whole[4096], junk[4096];
	struct stat st;
	int fd;

	memset(junk, 0xa5, sizeof(junk));
	for (int i = 0; i < 500; i++) {
		add_call(&f, &call);
		call.call_id = f.next_id++;
	}
	finish(NULL);
	cr_assert_eq(run(verb_info, f.file, NULL), SFTRACE_OK, "%s", errors);
	cr_assert_eq(run(verb_report, f.file, NULL), SFTRACE_OK, "%s", errors);
	fd = open(f.file, O_RDWR | O_CLOEXEC);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_gt(st.st_size, 20 * 4096);
	for (off_t at = 4096; at < st.st_size; at += 4096) {
		cr_assert_eq(pread(fd, whole, sizeof(whole), at), 4096);
		cr_assert_eq(pwrite(fd, junk, sizeof(junk), at), 4096);
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(run(verbs[i], f.file, NULL), SFTRACE_FAILED,
				     "page %d, verb %d", (int)(at / 4096) + 1, i);
			expect_error("sftrace: ");
		}
		cr_assert_eq(pwrite(fd, whole, sizeof(whole), at), 4096);
	}
	close(fd);
	cr_assert_eq(run(verb_info, f.file, NULL), SFTRACE_OK, "%s", errors);
}

/* Reports. */

static void add_spans(void)
{
	struct trace_call call = write_call(&f, 7, 0, 1);
	int64_t at = call.start_ns;
	struct trace_span spans[] = {
		{"vbg_hgcm_call", TRACE_SIDE_GUEST, 0, -1, 1, at - 1000, at + 9000, 0, 0},
		{"svcCall", TRACE_SIDE_HOST, 1, 0, 1, at, at + 8000, 0, 0},
		{"pwrite64", TRACE_SIDE_HOST, 2, 1, 1, at + 1000, at + 3000, 0, -28},
	};

	cr_assert_eq(trace_add_call(f.trace, &call, spans, 3), 0);
}

static void make_report(void)
{
	struct trace_clock clock = {
		.side = TRACE_SIDE_GUEST,
		.offset_ns = 5000,
		.drift_ppb = -20,
		.error_ns = 300,
		.fitted = 4,
		.checked = 4,
	};

	add_mount(&f);
	add_create(&f, "/left\nopen", 7, SHFL_FILE_EXISTS);
	add_spans();
	add_close(&f, 99, VERR_INVALID_HANDLE);
	cr_assert_eq(trace_set_clock(f.trace, &clock), 0);
	cr_assert_eq(trace_add_loss(f.trace, TRACE_SIDE_GUEST, "vbg_hgcm_call", "ring full", 12),
		     0);
	finish(NULL);
}

Test(print, report_as_tables)
{
	make_report();
	cr_assert_eq(run(verb_report, f.file, NULL), SFTRACE_INCOMPLETE);
	expect_error("is incomplete: 12 things were lost");
	expect_output("Functions\nfunction            calls  errors   total");
	expect_output("SHFL_FN_WRITE           1       0  10.0us  20.0%  10.0us");
	expect_output("guest  vbg_hgcm_call  1       0  10.0us  2.00us  20.0%");
	expect_output("host     svcCall      1       0  8.00us  6.00us  60.0%");
	expect_output("host       pwrite64   1       1  2.00us  2.00us  20.0%");
	expect_output("SHFL_FN_CLOSE  VERR_INVALID_HANDLE  1      7  -\n");
	expect_output("5       1  work   /left?open       7\n");
	expect_output("guest  vbg_hgcm_call  ring full  12                 -                -\n");
	expect_output(
		"       5000          -20  300ns          4           4           0    0ns\n");
	expect_no_output("Unfinished");
}

Test(print, report_sorted)
{
	make_report();
	run(verb_report, "--sort", "name", f.file, NULL);
	cr_assert_lt(strstr(output, "SHFL_FN_CLOSE"), strstr(output, "SHFL_FN_WRITE"));
	run(verb_report, "--sort", "errors", f.file, NULL);
	cr_assert_lt(strstr(output, "SHFL_FN_CLOSE"), strstr(output, "SHFL_FN_MAP"));
}

/* SQLite's own parser judges. */
static void expect_json(const char *path, const char *expected)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, "SELECT json_extract(?, ?)", -1, &stmt, NULL),
		     SQLITE_OK);
	sqlite3_bind_text(stmt, 1, output, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, path, -1, SQLITE_STATIC);
	cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW, "%s: %s", sqlite3_errmsg(db), output);
	cr_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), expected);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

Test(print, report_as_json)
{
	make_report();
	cr_assert_eq(run(verb_report, "--json", f.file, NULL), SFTRACE_INCOMPLETE);
	expect_json("$.hops[2].hop", "pwrite64");
	expect_json("$.hops[1].total_ns", "8000");
	expect_json("$.errors[0].status_name", "VERR_INVALID_HANDLE");
	expect_json("$.open_handles[0].path", "/left\nopen");
	expect_json("$.losses[0].n", "12");
	expect_json("$.clock[0].drift_ppb", "-20");
	expect_json("$.complete", "0");
}

Test(print, report_of_an_empty_trace)
{
	finish(NULL);
	cr_assert_eq(run(verb_report, f.file, NULL), SFTRACE_OK);
	expect_output("Functions: none recorded\n");
	cr_assert_eq(run(verb_report, "--json", f.file, NULL), SFTRACE_OK);
	expect_json("$.complete", "1");
	cr_assert_eq(run(verb_info, f.file, NULL), SFTRACE_OK);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_OK);
	cr_assert_str_empty(output);
}

Test(print, info)
{
	make_report();
	cr_assert_eq(run(verb_info, f.file, NULL), SFTRACE_INCOMPLETE);
	expect_output("incomplete: 12 things were lost");
	expect_output("  work = /srv/work, 4 calls\n");
	expect_output("  1, UTF-8, 5 calls\n");
	expect_output("    seen on both sides                0\n");
	cr_assert_eq(run(verb_info, "--json", f.file, NULL), SFTRACE_INCOMPLETE);
	expect_json("$.counts.calls", "5");
	expect_json("$.shares[0].path", "/srv/work");
	expect_json("$.clients[0].client", "1");
	expect_json("$.meta.state", "incomplete");
	expect_json("$.complete", "0");
}

Test(print, a_trace_that_was_never_finished)
{
	trace_close(f.trace);
	f.trace = NULL;
	cr_assert_eq(run(verb_info, f.file, NULL), SFTRACE_INCOMPLETE);
	expect_error("has not ended, or was killed");
	cr_assert_eq(run(verb_report, f.file, NULL), SFTRACE_INCOMPLETE);
}

Test(print, merge)
{
	struct spool_maker maker;
	struct made_call made = make_call(1, SHFL_FN_SET_UTF8, 100, 200);
	char path[128];

	maker_begin(&maker, f.dir, "host.spool", CAPTURE_SIDE_HOST);
	put_call(&maker, &made);
	maker_end(&maker, true);
	snprintf(path, sizeof(path), "%s/m.db", f.dir);
	cr_assert_eq(run(verb_merge, "-o", path, maker.path, NULL), SFTRACE_OK);
	cr_assert_eq(run(verb_print, path, NULL), SFTRACE_OK);
	expect_output("0.000000 cp[100] SHFL_FN_SET_UTF8() = VINF_SUCCESS <100ns>\n");
	cr_assert_eq(run(verb_merge, "-o", path, maker.path, NULL), SFTRACE_FAILED);
	expect_error("is there already");
	maker_begin(&maker, f.dir, "host.spool", CAPTURE_SIDE_HOST);
	maker_end(&maker, false);
	unlink(path);
	cr_assert_eq(run(verb_merge, "-o", path, maker.path, NULL), SFTRACE_INCOMPLETE);
	expect_error("ends early: no end mark");
}

Test(print, losses_stand_where_they_happened)
{
	add_mount(&f); /* events 1 to 4 */
	cr_assert_eq(trace_add_loss_after(f.trace, TRACE_SIDE_HOST, "svcCall", "ring full", 12, 3),
		     0);
	cr_assert_eq(trace_add_loss_after(f.trace, TRACE_SIDE_GUEST, NULL, "cut short", 1, 4), 0);
	finish(NULL);
	cr_assert_eq(run(verb_print, f.file, NULL), SFTRACE_INCOMPLETE);
	expect_output("# lost here: 12 by the host (svcCall: ring full)\n");
	cr_assert_lt(strstr(output, "SET_UTF8"), strstr(output, "# lost here: 12"));
	cr_assert_lt(strstr(output, "# lost here: 12"), strstr(output, "MAP_FOLDER"));
	cr_assert_lt(strstr(output, "MAP_FOLDER"), strstr(output, "# lost here: 1 by the guest"));
}

Test(print, nothing_to_print_is_said)
{
	add_mount(&f);
	finish(NULL);
	cr_assert_eq(run(verb_print, "--client", "99", f.file, NULL), SFTRACE_OK);
	expect_error("nothing in ");
	expect_error("is what was asked for");
	run(verb_print, f.file, NULL);
	cr_assert_null(strstr(errors, "asked for"));
}

Test(print, the_end_of_a_listing_is_no_failure)
{
	struct trace_call call;

	add_mount(&f);
	call = next_call(&f, SHFL_FN_LIST, VERR_NO_MORE_FILES, 0);
	add_call(&f, &call);
	call = next_call(&f, SHFL_FN_LIST, VERR_INVALID_HANDLE, 0);
	add_call(&f, &call);
	finish(NULL);
	run(verb_print, "-Z", f.file, NULL);
	expect_output("VERR_INVALID_HANDLE");
	expect_no_output("VERR_NO_MORE_FILES");
	run(verb_report, f.file, NULL);
	expect_output("SHFL_FN_LIST            2       1");
	expect_output("VERR_INVALID_HANDLE  1");
	expect_no_output("VERR_NO_MORE_FILES");
}
