/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written into a trace comes out again, with what is derived from it. */
#include "leak_check.h"
#include "trace_fixture.h"

#include <errno.h>
#include <sys/stat.h>

static struct fixture f;

static void begin(void)
{
	fixture_begin(&f);
}

static void end(void)
{
	fixture_end(&f);
	leak_check();
}

TestSuite(trace, .init = begin, .fini = end);

static void read_nth(int64_t n, struct trace_call *call)
{
	struct trace_cursor *cursor;

	cr_assert_eq(trace_events(f.trace, &cursor), 0);
	for (int64_t i = 0; i <= n; i++) {
		int rc = trace_next(cursor, call);

		cr_assert_eq(rc, 1, "event %ld: %d %s", i, rc, trace_error(f.trace));
	}
	call->share = call->share ? strdupa(call->share) : NULL;
	call->path = NULL;
	trace_cursor_close(cursor);
}

Test(trace, a_call_comes_back_as_it_was_written)
{
	struct trace_call call = write_call(&f, 7, 4096, 512), got;

	call.side = TRACE_SIDE_BOTH;
	call.op_id = 99;
	call.flags = TRACE_F_DATA_CUT;
	call.guest_start_ns = 5;
	call.guest_end_ns = 50005;
	call.parms[1].in = call.parms[1].out = 0xfffffffffffffff0u;
	call.parms[4].payload_in = add_payload(&f, "abc", 3);
	call.status = VERR_DISK_FULL;
	call.guest_status = VERR_INTERRUPTED;
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	read_nth(0, &got);
	cr_assert_eq(got.guest_status, VERR_INTERRUPTED);
	cr_assert_eq(got.call_id, call.call_id);
	cr_assert_eq(got.op_id, 99);
	cr_assert_eq(got.side, TRACE_SIDE_BOTH);
	cr_assert_eq(got.fn, (uint32_t)SHFL_FN_WRITE);
	cr_assert_eq(got.status, VERR_DISK_FULL);
	cr_assert_eq(got.flags, (uint32_t)TRACE_F_DATA_CUT);
	cr_assert(got.complete);
	cr_assert_eq(got.start_ns, call.start_ns);
	cr_assert_eq(got.end_ns, call.end_ns);
	cr_assert_eq(got.guest_start_ns, 5);
	cr_assert_eq(got.guest_end_ns, 50005);
	cr_assert_eq(got.pid, 412u);
	cr_assert_eq(got.tid, 413u);
	cr_assert_str_eq(got.comm, "dd");
	cr_assert_eq(got.n_parms, 5u);
	cr_assert_eq(memcmp(got.parms, call.parms, sizeof(call.parms)), 0);
}

Test(trace, payload_is_stored_once)
{
	int64_t a = add_payload(&f, "same bytes", 10);
	int64_t b = add_payload(&f, "same bytes", 10);
	int64_t other = add_payload(&f, "same bytez", 10);
	int64_t cut, empty;
	uint32_t captured, length;
	void *data;

	cr_assert_eq(trace_add_payload(f.trace, "same bytes", 10, 11, &cut), 0);
	cr_assert_eq(trace_add_payload(f.trace, NULL, 0, 0, &empty), 0);
	cr_assert_eq(a, b);
	cr_assert_neq(a, other);
	cr_assert_neq(a, cut);
	cr_assert_neq(a, empty);
	cr_assert_eq(trace_add_payload(f.trace, "x", 2, 1, &cut), -EINVAL);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT count(*) FROM payloads", "4");
	cr_assert_eq(trace_get_payload(f.trace, a, &data, &captured, &length), 0);
	cr_assert_eq(captured, 10u);
	cr_assert_eq(length, 10u);
	cr_assert_eq(memcmp(data, "same bytes", 10), 0);
	free(data);
	cr_assert_eq(trace_get_payload(f.trace, 1000, &data, &captured, &length), -ENOENT);
}

Test(trace, changed_payload_is_told_by_its_checksum)
{
	int64_t id = add_payload(&f, "some bytes", 10);
	uint32_t captured, length;
	char *message = NULL;
	sqlite3 *db;
	void *data;

	fixture_reopen(&f, NULL);
	trace_close(f.trace);
	f.trace = NULL;
	cr_assert_eq(sqlite3_open(f.file, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "UPDATE payload SET data = CAST('some bytez' AS BLOB)", NULL,
				  NULL, NULL),
		     SQLITE_OK);
	sqlite3_close(db);
	cr_assert_eq(trace_open(f.file, &f.trace, &message), 0, "%s", message);
	cr_assert_eq(trace_get_payload(f.trace, id, &data, &captured, &length), -EBADMSG);
	cr_assert(strstr(trace_error(f.trace), "checksum"));
}

Test(trace, paths_and_shares_are_derived)
{
	struct trace_call call;
	int64_t create;

	add_mount(&f);
	create = add_create(&f, "/out.bin", 7, SHFL_FILE_CREATED);
	call = write_call(&f, 7, 0, 4096);
	add_call(&f, &call);
	call = write_call(&f, 8, 0, 4096); /* opened before the trace began */
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT path FROM calls WHERE handle = 7 AND fn = 6", "/out.bin");
	cr_assert_query(&f, "SELECT share FROM calls WHERE fn = 6 AND handle = 7", "work");
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn = 6 AND handle = 8", "NULL");
	cr_assert_query(&f, "SELECT share FROM calls WHERE fn = 6 AND handle = 8", "work");
	cr_assert_query(&f, "SELECT handle FROM calls WHERE fn = 3", "7");
	cr_assert_query(&f, "SELECT result_name FROM calls WHERE fn = 3", "SHFL_FILE_CREATED");
	cr_assert_query(&f, "SELECT share FROM calls WHERE fn_name = 'SHFL_FN_MAP_FOLDER'", "work");
	cr_assert_query(&f, "SELECT root FROM calls WHERE fn_name = 'SHFL_FN_MAP_FOLDER'", "0");
	cr_assert_query(&f,
			"SELECT offset || ' ' || count_in || ' ' || count_out FROM calls"
			" WHERE fn = 6",
			"0 4096 4096");
	cr_assert_query(&f, "SELECT path || ' ' || root || ' ' || writable FROM shares",
			"/srv/work 0 1");
	cr_assert_query(&f, "SELECT call_id FROM open_handles", "5");
	cr_assert_eq(create, 5);
}

Test(trace, a_handle_ends_with_close_or_disconnect)
{
	struct trace_call call;

	add_mount(&f);
	add_create(&f, "/a", 1, SHFL_FILE_EXISTS);
	add_create(&f, "/b", 2, SHFL_FILE_EXISTS);
	add_close(&f, 1, VINF_SUCCESS);
	add_close(&f, 2, VERR_INVALID_HANDLE); /* refused: still open */
	call = write_call(&f, 1, 0, 1);
	add_call(&f, &call);
	add_create(&f, "/c", 1, SHFL_FILE_EXISTS); /* the number is used again */
	call = write_call(&f, 1, 1, 1);
	add_call(&f, &call);
	call = write_call(&f, 1, 2, 1);
	call.client = 2; /* another client's handle of the same number */
	add_call(&f, &call);
	add_event(&f, TRACE_DISCONNECT, 0);
	add_create(&f, "/d", 2, SHFL_FILE_EXISTS);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn = 6 AND offset = 0", "NULL");
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn = 6 AND offset = 1", "/c");
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn = 6 AND offset = 2", "NULL");
	cr_assert_query(&f, "SELECT group_concat(path) FROM open_handles", "/d");
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn = 4 AND status < 0", "/b");
}

Test(trace, many_handles_of_many_clients)
{
	struct trace_call call;

	for (uint32_t i = 0; i < 3000; i++) {
		call = next_call(&f, SHFL_FN_CREATE, 0, 3);
		call.client = 1 + i % 3;
		call.parms[0] = int32_parm(0, 0);
		call.parms[1] = string_parm(&f, "/x", false);
		call.parms[2] = create_parm(&f, 0, 1 + i, SHFL_FILE_EXISTS);
		add_call(&f, &call);
	}
	call = next_call(&f, 0, 0, 0);
	call.kind = TRACE_DISCONNECT;
	call.client = 2;
	add_call(&f, &call);
	for (uint32_t i = 0; i < 3000; i += 3)
		add_close(&f, 1 + i, VINF_SUCCESS);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT count(*) FROM open_handles", "1000");
	cr_assert_query(&f, "SELECT count(*) FROM open_handles WHERE client <> 3", "0");
}

Test(trace, lookups_open_nothing)
{
	add_mount(&f);
	add_create(&f, "/a", SHFL_HANDLE_NIL, SHFL_FILE_NOT_FOUND);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT count(*) FROM open_handles", "0");
	cr_assert_query(&f, "SELECT result FROM calls WHERE fn = 3", "2");
	cr_assert_query(&f, "SELECT handle FROM calls WHERE fn = 3", "NULL");
}

Test(trace, clients_that_never_asked_for_utf8_send_utf16)
{
	struct trace_call call, got;

	add_event(&f, TRACE_CONNECT, 0);
	add_map(&f, "work", 3, true);
	call = next_call(&f, SHFL_FN_REMOVE, 0, 3);
	call.parms[0] = int32_parm(3, 3);
	call.parms[1] = string_parm(&f, "\\dir\\a", true);
	call.parms[2] = int32_parm(1, 1);
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT path FROM calls WHERE fn = 11", "\\dir\\a");
	cr_assert_query(&f, "SELECT share FROM calls WHERE fn = 11", "work");
	cr_assert_query(&f, "SELECT path FROM shares", "NULL");
	read_nth(2, &got);
	cr_assert(got.flags & TRACE_F_UTF16);
}

Test(trace, an_inherited_client_is_understood_from_its_strings)
{
	struct trace_call call = next_call(&f, SHFL_FN_REMOVE, 0, 3);

	call.parms[0] = int32_parm(3, 3);
	call.parms[1] = string_parm(&f, "/utf8", false);
	call.parms[2] = int32_parm(1, 1);
	add_call(&f, &call);
	call.call_id = f.next_id++;
	call.client = 2;
	call.parms[1] = string_parm(&f, "/utf16", true);
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT group_concat(path) FROM calls", "/utf8,/utf16");
	cr_assert_query(&f, "SELECT sum(inherited) FROM clients", "2");
}

Test(trace, control_events_are_no_calls)
{
	add_mount(&f);
	add_event(&f, TRACE_DISCONNECT, 0);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT count(*) FROM calls", "2");
	cr_assert_query(&f, "SELECT group_concat(event) FROM control",
			"SHFL_FN_ADD_MAPPING,connect,disconnect");
	cr_assert_query(&f, "SELECT share || ' ' || path || ' ' || flags FROM control",
			"work /srv/work 1");
	cr_assert_query(&f, "SELECT requestor FROM control WHERE event = 'connect'", "2");
	cr_assert_query(&f,
			"SELECT client || ' ' || requestor || ' ' || utf8 || ' ' || calls"
			" FROM clients",
			"1 2 1 2");
	cr_assert_query(&f, "SELECT disconnected_ns > connected_ns FROM clients", "1");
}

Test(trace, params_are_a_view)
{
	struct trace_call call;

	add_mount(&f);
	add_create(&f, "/f", 9, SHFL_FILE_EXISTS);
	call = write_call(&f, 9, 100, 20);
	call.parms[4].payload_in = add_payload(&f, "data", 4);
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT count(*) FROM params WHERE call_id = 6", "5");
	cr_assert_query(&f,
			"SELECT name || ' ' || kind || ' ' || direction || ' ' || value_in"
			" || ' ' || value_out FROM params WHERE call_id = 6 AND idx = 2",
			"offset 64bit inout 100 120");
	cr_assert_query(&f,
			"SELECT size || ' ' || (SELECT CAST(data AS TEXT) FROM payloads WHERE"
			" payload_id = payload_in) FROM params WHERE call_id = 6 AND idx = 4",
			"20 data");
	cr_assert_query(&f,
			"SELECT payload_in IS NOT NULL AND payload_out IS NOT NULL FROM params"
			" WHERE call_id = 5 AND name = 'parms'",
			"1");
}

static void add_with_spans(int64_t inner_ns)
{
	struct trace_call call = write_call(&f, 1, 0, 1);
	int64_t at = call.start_ns;
	struct trace_span spans[] = {
		{"svcCall", TRACE_SIDE_HOST, 0, -1, 1, at, at + 9000, 0, 0},
		{"vbsfWrite", TRACE_SIDE_HOST, 1, 0, 1, at + 100, at + 8000, 0, -38},
		{"pwrite64", TRACE_SIDE_HOST, 2, 1, 3, at + 200, at + 7000, inner_ns, 4096},
		{"svcComplete", TRACE_SIDE_HOST, 1, 0, 1, at + 8100, 0, 0, 0},
	};
	int rc = trace_add_call(f.trace, &call, spans, 4);

	cr_assert_eq(rc, 0, "%s", trace_error(f.trace));
}

Test(trace, spans_and_their_summaries)
{
	for (int i = 1; i <= 100; i++)
		add_with_spans(i * 10);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT count(*) FROM spans", "400");
	cr_assert_query(&f,
			"SELECT enter_ns - (SELECT start_ns FROM calls WHERE call_id = 3)"
			" FROM spans WHERE call_id = 3 AND hop = 'vbsfWrite'",
			"100");
	cr_assert_query(&f, "SELECT self_ns FROM spans WHERE call_id = 3 AND hop = 'vbsfWrite'",
			"7870");
	cr_assert_query(&f,
			"SELECT duration_ns || ' ' || n FROM spans WHERE call_id = 3"
			" AND hop = 'pwrite64'",
			"30 3");
	cr_assert_query(&f, "SELECT exit_ns FROM spans WHERE call_id = 3 AND hop = 'svcComplete'",
			"NULL");
	cr_assert_query(&f,
			"SELECT min || ' ' || p50 || ' ' || max FROM hop_latency"
			" WHERE hop = 'pwrite64'",
			"10 500 1000");
	cr_assert_query(&f, "SELECT errors FROM hop_latency WHERE hop = 'vbsfWrite'", "100");
	cr_assert_query(&f, "SELECT self_ns FROM hop_latency WHERE hop = 'svcCall'", "110000");
	cr_assert_query(&f, "SELECT CAST(round(sum(share) * 1000) AS INTEGER) FROM hop_latency",
			"1000");
	cr_assert_query(&f, "SELECT group_concat(hop) FROM hop_latency",
			"svcCall,vbsfWrite,pwrite64");
	cr_assert_query(&f, "SELECT n || ' ' || total_ns || ' ' || p99 FROM function_latency",
			"100 1000000 10000");
}

static void add_chain(const char *const hops[], int n)
{
	struct trace_call call = write_call(&f, 1, 0, 1);
	struct trace_span spans[8];

	for (int i = 0; i < n; i++)
		spans[i] = (struct trace_span){.hop = hops[i],
					       .side = TRACE_SIDE_HOST,
					       .depth = (uint8_t)i,
					       .parent = i - 1,
					       .n = 1,
					       .enter_ns = call.start_ns + i,
					       .exit_ns = call.start_ns + 100 - i};
	cr_assert_eq(trace_add_call(f.trace, &call, spans, (size_t)n), 0);
}

Test(trace, hops_are_a_tree)
{
	const char *const usual[] = {"svcCall", "vbsfWrite", "pwrite64"};
	const char *const seldom[] = {"svcCall", "pwrite64"};

	add_chain(usual, 3);
	add_chain(usual, 3);
	add_chain(seldom, 2);
	fixture_reopen(&f, NULL);
	cr_assert_query(
		&f, "SELECT group_concat(level || hop || coalesce(parent, '-')) FROM hop_latency",
		"0svcCall-,1vbsfWritesvcCall,2pwrite64vbsfWrite");
}

Test(trace, hops_that_call_each_other_are_a_tree_too)
{
	const char *const one[] = {"a", "b", "a", "b"};
	const char *const other[] = {"b", "a", "a"};

	add_chain(one, 4);
	for (int i = 0; i < 3; i++)
		add_chain(other, 3);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT count(*) || ' ' || count(DISTINCT position) FROM hop_latency",
			"2 2");
	cr_assert_query(&f, "SELECT sum(parent IS NULL) FROM hop_latency", "1");
}

/* An op of two calls: its own time is what neither of them took. */
Test(trace, a_hop_around_two_calls_counts_once)
{
	for (int i = 0; i < 2; i++) {
		struct trace_call call = write_call(&f, 1, 0, 1);
		int64_t at = call.start_ns;
		struct trace_span spans[] = {
			{"vboxsf_read_folio", TRACE_SIDE_GUEST, 0, -1, 1, 1000000, i ? 1100000 : 0,
			 0, 0},
			{"vboxsf_read", TRACE_SIDE_GUEST, 1, 0, 1, at, at + 10000, 0, 0},
		};

		cr_assert_eq(trace_add_call(f.trace, &call, spans, 2), 0);
	}
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT n || ' ' || total_ns || ' ' || self_ns FROM hop_latency",
			"1 100000 80000");
}

Test(trace, ops_have_the_path_of_their_calls)
{
	struct trace_op op = {.op_id = 77,
			      .name = "vboxsf_write_end",
			      .start_ns = 10,
			      .end_ns = 40,
			      .ret = -5,
			      .pid = 3,
			      .tid = 4,
			      .comm = "cp",
			      .n_calls = 1};
	struct trace_call call;

	add_mount(&f);
	add_create(&f, "/f", 9, SHFL_FILE_EXISTS);
	call = write_call(&f, 9, 0, 1);
	call.op_id = 77;
	add_call(&f, &call);
	cr_assert_eq(trace_add_op(f.trace, &op), 0);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f,
			"SELECT op_id || name || path || start_ns || duration_ns || ret || calls"
			" FROM ops",
			"77vboxsf_write_end/f1030-51");
}

Test(trace, unfinished_calls)
{
	struct trace_call call = write_call(&f, 1, 0, 1), got;
	struct trace_span spans[] = {
		{"svcCall", TRACE_SIDE_HOST, 0, -1, 1, call.start_ns, 0, 0, 0},
		{"vbsfWrite", TRACE_SIDE_HOST, 1, 0, 1, call.start_ns + 1, 0, 0, 0},
	};

	call.flags = TRACE_F_UNFINISHED;
	call.complete = false;
	call.end_ns = 0;
	cr_assert_eq(trace_add_call(f.trace, &call, spans, 2), 0);
	call = next_call(&f, SHFL_FN_SET_UTF8, 0, 0);
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT hop FROM unfinished", "vbsfWrite");
	cr_assert_query(&f, "SELECT age_ns FROM unfinished", "30000");
	cr_assert_query(&f, "SELECT status FROM calls WHERE complete = 0", "NULL");
	cr_assert_query(&f, "SELECT count_out FROM calls WHERE complete = 0", "NULL");
	read_nth(0, &got);
	cr_assert(got.flags & TRACE_F_UNFINISHED);
	cr_assert_eq(got.end_ns, 0);
	cr_assert_eq(trace_is_incomplete(f.trace, NULL), 0); /* nothing was lost */
}

Test(trace, ready_made_answers)
{
	struct trace_call call;

	add_mount(&f);
	add_create(&f, "/f", 9, SHFL_FILE_EXISTS);
	for (int i = 0; i < 3; i++) {
		call = write_call(&f, 9, 0, 100);
		call.end_ns += i;
		add_call(&f, &call);
	}
	call = write_call(&f, 9, 0, 100);
	call.status = VERR_DISK_FULL;
	call.parms[3].out = 0;
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "SELECT fn_name || status_name || n || example_path FROM errors",
			"SHFL_FN_WRITEVERR_DISK_FULL1/f");
	cr_assert_query(&f, "SELECT call_id FROM slowest", "8");
	cr_assert_query(&f,
			"SELECT share || path || opens || reads || writes || bytes_written ||"
			" errors FROM files WHERE path = '/f'",
			"work/f1043001");
}

Test(trace, losses_make_a_trace_incomplete)
{
	char *why = NULL;

	cr_assert_eq(trace_add_loss(f.trace, TRACE_SIDE_HOST, "svcCall", "ring full", 3), 0);
	cr_assert_eq(trace_add_loss(f.trace, TRACE_SIDE_HOST, NULL, "nothing", 0), 0);
	fixture_reopen(&f, NULL);
	cr_assert_eq(trace_is_incomplete(f.trace, &why), 1);
	cr_assert(strstr(why, "3"), "%s", why);
	cr_assert_query(&f, "SELECT side || hop || reason || n FROM losses",
			"hostsvcCallring full3");
	free(why);
}

Test(trace, damaged_calls_make_a_trace_incomplete)
{
	struct trace_call call = write_call(&f, 1, 0, 1);
	char *why = NULL;

	call.complete = false;
	call.flags = TRACE_F_DATA_LOST;
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	cr_assert_eq(trace_is_incomplete(f.trace, &why), 1);
	cr_assert(strstr(why, "1 call"), "%s", why);
	free(why);
}

Test(trace, a_reason_makes_a_trace_incomplete)
{
	char *why = NULL;

	fixture_reopen(&f, "the disk was full");
	cr_assert_eq(trace_is_incomplete(f.trace, &why), 1);
	cr_assert_str_eq(why, "the disk was full");
	free(why);
}

Test(trace, clock_and_meta)
{
	struct trace_clock clock = {
		.side = TRACE_SIDE_GUEST,
		.offset_ns = -5,
		.drift_ppb = 7,
		.base_ns = 11,
		.error_ns = 13,
		.fitted = 17,
		.checked = 19,
	};
	char *value = NULL;

	cr_assert_eq(trace_set_clock(f.trace, &clock), 0);
	cr_assert_eq(trace_set_meta(f.trace, "host.command", "dd"), 0);
	cr_assert_eq(trace_set_meta(f.trace, "host.command", "cp"), 0);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f,
			"SELECT side || offset_ns || drift_ppb || error_ns || base_ns || fitted"
			" || checked || violations FROM clock",
			"guest-571311"
			"17190");
	cr_assert_eq(trace_get_meta(f.trace, "host.command", &value), 0);
	cr_assert_str_eq(value, "cp");
	free(value);
	cr_assert_eq(trace_get_meta(f.trace, "nothing", &value), -ENOENT);
}

Test(trace, calls_that_cannot_be_stored_are_refused)
{
	struct trace_call call = write_call(&f, 1, 0, 1), bad;
	struct trace_span span = {"x", TRACE_SIDE_HOST, 0, 0, 1, 1, 1, 0, 0};
	static struct trace_span many[257];

	add_call(&f, &call);
	cr_assert_eq(trace_add_call(f.trace, &call, NULL, 0), -EINVAL);
	call.call_id++;
	bad = call;
	bad.kind = 9;
	cr_assert_eq(trace_add_call(f.trace, &bad, NULL, 0), -EINVAL);
	bad = call;
	bad.side = 0;
	cr_assert_eq(trace_add_call(f.trace, &bad, NULL, 0), -EINVAL);
	bad = call;
	bad.end_ns = INT64_MAX;
	cr_assert_eq(trace_add_call(f.trace, &bad, NULL, 0), -EINVAL);
	bad = call;
	bad.kind = TRACE_HOST_CALL;
	bad.fn = SHFL_FN_ADD_MAPPING;
	bad.parms[1].payload_in = 55;
	bad.parms[1].type = 3;
	cr_assert_eq(trace_add_call(f.trace, &bad, NULL, 0), -EINVAL);
	cr_assert_eq(trace_add_call(f.trace, &call, &span, 1), -EINVAL); /* its own parent */
	for (size_t i = 0; i < 257; i++)
		many[i] = (struct trace_span){.hop = "x", .side = TRACE_SIDE_HOST, .parent = -1};
	cr_assert_eq(trace_add_call(f.trace, &call, many, 257), -EINVAL);
	add_call(&f, &call);
}

Test(trace, oddly_typed_calls_are_kept)
{
	struct trace_call call = next_call(&f, 999, VERR_NOT_IMPLEMENTED, 1000), got;

	for (int i = 0; i < SHFL_MAX_PARMS; i++)
		call.parms[i] = (struct trace_parm){.type = 3, .size = 0xffffffff};
	add_call(&f, &call);
	call = next_call(&f, SHFL_FN_CREATE, 0, 1); /* too few parameters, wrong types */
	call.parms[0] = (struct trace_parm){.type = 77, .size = 4};
	add_call(&f, &call);
	fixture_reopen(&f, NULL);
	read_nth(0, &got);
	cr_assert_eq(got.n_parms, 1000u);
	cr_assert_eq(got.parms[7].size, 0xffffffffu);
	cr_assert_query(&f, "SELECT fn_name FROM calls", "SHFL_FN_999");
	cr_assert_query(&f, "SELECT count(*) FROM params", "9");
}

Test(trace, integrity)
{
	add_mount(&f);
	add_with_spans(5);
	fixture_reopen(&f, NULL);
	cr_assert_query(&f, "PRAGMA integrity_check", "ok");
	cr_assert_query(&f, "PRAGMA journal_mode", "delete");
	cr_assert_query(&f, "PRAGMA page_size", "4096");
}

/* A call as both sides see it; spans[0] to [3] are the guest's. */
static void add_usual_call(int i, bool both)
{
	struct trace_call call = write_call(&f, 7, (uint64_t)i * 4096, 4096);
	int64_t at = call.start_ns;
	int base = both ? 3 : 0;
	struct trace_span spans[] = {
		{"vboxsf_write", TRACE_SIDE_GUEST, 0, -1, 1, at - 30000, at + 65000, 0, 0},
		{"vbg_hgcm_call", TRACE_SIDE_GUEST, 1, 0, 1, at - 20000, at + 55000, 0, 0},
		{"vbg_req_perform", TRACE_SIDE_GUEST, 2, 1, 1, at - 10000, at + 45000, 0, 0},
		{"svcCall", TRACE_SIDE_HOST, base, base - 1, 1, at, at + 35000, 0, 0},
		{"vbsfWrite", TRACE_SIDE_HOST, base + 1, base, 1, at + 400, at + 33500, 0, 0},
		{"RTFileWrite", TRACE_SIDE_HOST, base + 2, base + 1, 1, at + 800, at + 33000, 0, 0},
		{"pwrite64", TRACE_SIDE_HOST, base + 3, base + 2, 1, at + 1200, at + 32600, 0,
		 4096},
		{"svcComplete", TRACE_SIDE_HOST, base + 1, base, 1, at + 33700, at + 34000, 0, 0},
	};
	struct trace_op op = {.op_id = i + 1,
			      .name = "vboxsf_write_end",
			      .start_ns = at - 40000,
			      .end_ns = at + 70000,
			      .ret = 4096,
			      .comm = "dd",
			      .n_calls = 1};

	call.parms[4].payload_in = i + 100000;
	call.end_ns = at + 34000;
	if (both) {
		call.side = TRACE_SIDE_BOTH;
		call.op_id = op.op_id;
		call.guest_start_ns = at / 2;
		call.guest_end_ns = at / 2 + 75000;
		cr_assert_eq(trace_add_op(f.trace, &op), 0);
	}
	cr_assert_eq(trace_add_call(f.trace, &call, spans + 3 - base, 5 + (size_t)base), 0);
}

static long bytes_per_call(bool both)
{
	const int n = 50000;
	struct stat st;

	add_mount(&f);
	add_create(&f, "/out.bin", 7, SHFL_FILE_CREATED);
	f.now_ns = 400000000000000; /* an uptime of days */
	for (int i = 0; i < n; i++)
		add_usual_call(i, both);
	fixture_reopen(&f, NULL);
	cr_assert_eq(stat(f.file, &st), 0);
	return (long)st.st_size / n;
}

Test(trace, compact_with_the_host_side)
{
	long bytes = bytes_per_call(false);

	cr_assert_leq(bytes, 200, "%ld bytes a call", bytes);
}

Test(trace, compact_with_both_sides)
{
	long bytes = bytes_per_call(true);

	cr_assert_leq(bytes, 450, "%ld bytes a call", bytes);
}
