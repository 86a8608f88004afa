/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spools become traces: one side, both sides, and spools that are not what they should be. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "load_fixture.h"
#include "spool_index.h"

TestSuite(load, .init = load_begin, .fini = load_end);

Test(load, the_host_side)
{
	struct made_call made = host_write(1, 1000000, 0);

	put_data(&host, 1, 4, false, "0123456789", 10);
	put_meta(&host, "command", "dd if=x");
	put_meta(&host, "state", "mine"); /* the library's own */
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f,
			"SELECT fn_name || side || complete || start_ns || duration_ns FROM calls",
			"SHFL_FN_WRITEhost1100000030000");
	cr_assert_query(&f, "SELECT group_concat(hop) FROM spans",
			"svcCall,vbsfWrite,pwrite64,svcComplete");
	cr_assert_query(&f, "SELECT CAST(data AS TEXT) FROM payloads", "0123456789");
	cr_assert_query(&f, "SELECT size || kind FROM params WHERE idx = 4", "4096pages");
	cr_assert_query(&f, "SELECT value FROM meta WHERE key = 'command'", "dd if=x");
	cr_assert_query(&f, "SELECT value FROM meta WHERE key = 'state'", "complete");
	cr_assert_query(&f, "SELECT comm || pid FROM calls", "cp100");
}

Test(load, records_come_in_any_order)
{
	for (uint64_t id = 10; id > 0; id--) {
		struct made_call made = host_write(id, 1000000 * id, id);

		put_call(&host, &made);
	}
	load_host(true);
	cr_assert_query(&f, "SELECT group_concat(offset) FROM calls", "1,2,3,4,5,6,7,8,9,10");
	cr_assert_query(&f, "SELECT count(*) FROM losses", "0");
}

Test(load, control_events)
{
	struct made_call made = make_call(1, 0, 100, 200);

	made.call.h.kind = CAPTURE_CONNECT;
	set_parm(&made, 0, 1, 2, 2);
	put_call(&host, &made);
	made = make_call(2, 0, 300, 400);
	made.call.h.kind = CAPTURE_DISCONNECT;
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT group_concat(event) FROM control", "connect,disconnect");
	cr_assert_query(&f, "SELECT requestor FROM clients", "2");
}

Test(load, chunks_are_put_together)
{
	struct made_call made = host_write(1, 1000000, 0);
	char bytes[CAPTURE_CHUNK_MAX];

	memset(bytes, 'a', sizeof(bytes));
	put_chunk(&host, 1, 4, false, bytes, sizeof(bytes), 0, 100000);
	put_chunk(&host, 1, 4, false, bytes, 100000 - sizeof(bytes), sizeof(bytes), 100000);
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT length || ' ' || captured FROM payloads", "100000 100000");
	cr_assert_query(&f, "SELECT complete FROM calls", "1");
}

Test(load, a_missing_chunk_is_noticed)
{
	struct made_call made = host_write(1, 1000000, 0);

	put_chunk(&host, 1, 4, false, "aaaa", 4, 0, 12);
	put_chunk(&host, 1, 4, false, "cccc", 4, 8, 12);
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT length || ' ' || captured FROM payloads", "12 4");
	cr_assert_query(&f, "SELECT complete || ' ' || flags FROM calls", "0 4");
	cr_assert_eq(trace_is_incomplete(f.trace, NULL), 1);
}

Test(load, data_cut_on_request_is_not_lost)
{
	struct made_call made = host_write(1, 1000000, 0);

	made.call.h.flags |= CAPTURE_F_DATA_CUT;
	put_chunk(&host, 1, 4, false, "aaaa", 4, 0, 4096);
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT complete || ' ' || flags FROM calls", "1 2");
	cr_assert_query(&f, "SELECT length || ' ' || captured FROM payloads", "4096 4");
	cr_assert_eq(trace_is_incomplete(f.trace, NULL), 0);
}

Test(load, flags_become_flags)
{
	static const struct {
		uint16_t flag;
		const char *flags;
	} cases[] = {{CAPTURE_F_UNREADABLE, "1"},
		     {CAPTURE_F_DATA_LOST, "4"},
		     {CAPTURE_F_SPANS_LOST, "8"},
		     {CAPTURE_F_EXIT_LOST, "8"}};
	char sql[96];

	for (size_t i = 0; i < 4; i++) {
		struct made_call made = host_write(i + 1, 1000000 * (i + 1), 0);

		made.call.h.flags |= cases[i].flag;
		put_call(&host, &made);
	}
	load_host(true);
	for (size_t i = 0; i < 4; i++) {
		snprintf(sql, sizeof(sql), "SELECT flags FROM calls WHERE call_id = %zu", i + 1);
		cr_assert_query(&f, sql, cases[i].flags);
	}
	cr_assert_query(&f, "SELECT sum(complete) FROM calls", "0");
}

Test(load, a_snapshot_is_replaced)
{
	struct made_call made = host_write(1, 1000000, 0);

	made.call.h.flags = CAPTURE_F_SNAPSHOT;
	made.call.end_ns = 0;
	made.call.n_spans = 1;
	put_call(&host, &made);
	made = host_write(1, 1000000, 0);
	put_call(&host, &made);
	made.call.h.flags = CAPTURE_F_SNAPSHOT; /* overtaken by the call's end */
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT count(*) || ' ' || sum(complete) FROM calls", "1 1");
	cr_assert_query(&f, "SELECT count(*) FROM losses", "0");
}

Test(load, a_call_in_flight_is_unfinished)
{
	struct made_call made = host_write(1, 1000000, 0);

	made.call.h.flags = CAPTURE_F_SNAPSHOT;
	made.call.end_ns = 0;
	made.spans[0].exit_ns = made.spans[1].exit_ns = 0;
	made.call.n_spans = 2;
	put_call(&host, &made);
	made = host_write(2, 2000000, 0);
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT hop || ' ' || age_ns FROM unfinished", "vbsfWrite 1031000");
	cr_assert_query(&f, "SELECT complete FROM calls", "0");
	cr_assert_eq(trace_is_incomplete(f.trace, NULL), 0);
}

Test(load, the_same_call_twice_is_said)
{
	struct made_call made = host_write(1, 1000000, 0);

	put_call(&host, &made);
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT count(*) FROM calls", "1");
	cr_assert_query(&f, "SELECT reason || n FROM losses", "recorded twice1");
}

Test(load, losses)
{
	put_loss(&host, SVC_CALL, CAPTURE_LOSS_RING_FULL, 3);
	put_loss(&host, SVC_CALL, CAPTURE_LOSS_RING_FULL, 5); /* replaces */
	put_loss(&host, CAPTURE_HOP_SYSCALL + 1, CAPTURE_LOSS_EXIT_MISSED, 1);
	put_loss(&host, 999, CAPTURE_LOSS_SPANS_FULL, 1);
	put_loss(&host, 0, 0, 1);
	put_loss(&host, 0, CAPTURE_LOSS_LINE_CUT, 4);
	load_host(true);
	cr_assert_query(&f, "SELECT n FROM losses WHERE hop = 'svcCall' AND reason = 'ring full'",
			"5");
	cr_assert_query(&f, "SELECT n FROM losses WHERE hop = 'write' AND reason = 'exit missed'",
			"1");
	cr_assert_query(&f, "SELECT n FROM losses WHERE hop = 'hop_999'", "1");
	cr_assert_query(&f, "SELECT n FROM losses WHERE hop IS NULL AND reason = 'unknown'", "1");
	cr_assert_query(&f, "SELECT n FROM losses WHERE hop IS NULL AND reason = 'line cut'", "4");
	cr_assert_eq(trace_is_incomplete(f.trace, NULL), 1);
}

/* The ids of calls count up: where some are missing is where they were lost. */
Test(load, losses_have_a_place)
{
	for (uint64_t id = 1; id <= 10; id++) {
		struct made_call made = host_write(id, 1000000 * id, id);

		if (id != 6 && id != 7)
			put_call(&host, &made);
		if (id == 3)
			put_loss(&host, SVC_CALL, CAPTURE_LOSS_RING_FULL, 1); /* not of a call */
		if (id == 9)
			put_loss(&host, SVC_CALL, CAPTURE_LOSS_RING_FULL, 3);
	}
	load_host(true);
	cr_assert_query(&f, "SELECT group_concat(after_call_id || ':' || n) FROM loss_places",
			"3:1,5:2");
	cr_assert_query(&f, "SELECT n || first_after_call_id || last_after_call_id FROM losses",
			"335");
}

Test(load, what_the_guest_lost_has_a_place)
{
	for (uint64_t id = 1; id <= 10; id++)
		if (id != 4)
			put_both(id, 10000000000 + id * 1000000, id * 4096);
	put_loss(&guest, VBG_HGCM_CALL, CAPTURE_LOSS_RING_FULL, 1);
	load_both();
	cr_assert_query(&f, "SELECT side || after_call_id FROM loss_places", "guest3");
}

Test(load, losses_before_all_calls)
{
	struct made_call made = host_write(4, 1000000, 0);

	put_call(&host, &made);
	put_loss(&host, SVC_CALL, CAPTURE_LOSS_RING_FULL, 3);
	load_host(true);
	cr_assert_query(&f, "SELECT coalesce(after_call_id, '-') || n FROM loss_places", "-3");
}

/* However often they are counted. */
Test(load, more_losses_than_places)
{
	for (uint64_t n = 1; n <= 10000; n++)
		put_loss(&host, SVC_CALL, CAPTURE_LOSS_RING_FULL, n);
	put_loss(&host, VBSF_WRITE, CAPTURE_LOSS_UNREADABLE, 7);
	load_host(true);
	cr_assert_query(&f, "SELECT n FROM losses WHERE hop = 'svcCall'", "10000");
	cr_assert_query(&f, "SELECT n FROM losses WHERE hop = 'vbsfWrite'", "7");
	cr_assert_query(&f, "SELECT count(*) FROM loss_places", "4097");
}

Test(load, the_guest_alone)
{
	struct made_call made = guest_write(1, 9000000000, 0);

	put_data(&guest, 1, 4, false, "hello", 5);
	put_call(&guest, &made);
	put_meta(&guest, "guest.kernel", "6.1");
	put_meta(&guest, "command", "not the host's");
	load_guest();
	cr_assert_query(&f, "SELECT side || start_ns || comm || status_name FROM calls",
			"guest3999990000ddVINF_SUCCESS");
	cr_assert_query(&f, "SELECT kind || size FROM params WHERE idx = 4", "ptr4096");
	cr_assert_query(&f, "SELECT kind || value_out FROM params WHERE idx = 2", "64bit4096");
	cr_assert_query(&f, "SELECT CAST(data AS TEXT) FROM payloads", "hello");
	cr_assert_query(&f, "SELECT value FROM meta WHERE key = 'guest.kernel'", "6.1");
	cr_assert_query(&f, "SELECT value FROM meta WHERE key = 'guest.command'", "not the host's");
	cr_assert_query(&f, "SELECT count(*) FROM clock", "0");
}

Test(load, both_sides_become_one_row)
{
	struct capture_op op = {
		.h = {.kind = CAPTURE_OP, .flags = CAPTURE_F_ENDED, .size = sizeof(op), .id = 1001},
		.enter_ns = 10001000000 - GUEST_OFFSET - 12000,
		.exit_ns = 10001000000 - GUEST_OFFSET + 52000,
		.ret = 4096,
		.comm = "dd",
		.hop = VBOXSF_WRITE_END,
		.n_calls = 1,
	};

	for (uint64_t i = 1; i <= 20; i++)
		put_both(i, 10000000000 + i * 1000000, i * 4096);
	put_record(&guest, &op, sizeof(op));
	load_both();
	cr_assert_query(&f, "SELECT count(*) FROM calls WHERE side = 'both' AND complete", "20");
	cr_assert_query(&f, "SELECT comm || pid || op_id FROM calls", "dd4121001");
	cr_assert_query(&f, "SELECT start_ns || ' ' || guest_start_ns FROM calls",
			"10001000000 5000990000");
	cr_assert_query(&f,
			"SELECT group_concat(hop || depth || coalesce(parent, '-')) FROM spans"
			" WHERE call_id = 3",
			"vboxsf_write0-,vbg_hgcm_call10,vbg_req_perform21,svcCall32,vbsfWrite43,"
			"pwrite6454,svcComplete43");
	cr_assert_query(&f, "SELECT CAST(data AS TEXT) FROM payloads", "host");
	cr_assert_query(&f, "SELECT kind FROM params WHERE idx = 4", "pages");
	cr_assert_query(&f, "SELECT violations || ' ' || fitted || ' ' || checked FROM clock",
			"0 10 10");
	cr_assert_query(&f, "SELECT abs(offset_ns - 5000000000) <= error_ns FROM clock", "1");
	cr_assert_query(&f, "SELECT name || ' ' || calls || ' ' || duration_ns FROM ops",
			"vboxsf_write_end 1 64000");
	cr_assert_query(&f,
			"SELECT count(*) FROM calls c JOIN spans s USING (call_id) WHERE"
			" s.hop = 'vbg_hgcm_call' AND s.enter_ns BETWEEN c.start_ns - 20000 AND"
			" c.start_ns",
			"20");
	cr_assert_query(&f, "SELECT value FROM meta WHERE key = 'match.ambiguous'", "0");
	cr_assert_eq(trace_is_incomplete(f.trace, NULL), 0);
}

Test(load, what_only_one_side_saw_stays_in_place)
{
	struct made_call made;

	for (uint64_t i = 1; i <= 9; i++)
		if (i != 4 && i != 6)
			put_both(i, 10000000000 + i * 1000000, i * 4096);
	made = guest_write(54, 10004000000, 4 * 4096); /* refused by the device */
	made.call.status = VERR_HGCM_INVALID_CLIENT_ID;
	put_call(&guest, &made);
	made = host_write(6, 10006000000, 6 * 4096); /* the guest lost its record */
	put_call(&host, &made);
	load_both();
	cr_assert_query(&f, "SELECT group_concat(substr(side, 1, 1), '') FROM calls", "bbbgbhbbb");
	cr_assert_query(&f, "SELECT status_name FROM calls WHERE side = 'guest'",
			"VERR_HGCM_INVALID_CLIENT_ID");
	cr_assert_query(&f,
			"SELECT start_ns BETWEEN 10003900000 AND 10004100000 FROM calls WHERE"
			" side = 'guest'",
			"1");
}

/* The host kept every fourth write: never enough in a row to match them in the order of all. */
Test(load, a_filter_on_the_host_is_one_on_the_guest)
{
	struct made_call made;

	put_meta(&host, "filter", "path /a");
	for (uint64_t i = 1; i <= 300; i++) {
		made = guest_write(50 + i, 10000000000 + i * 1000000, i * 4096);
		put_call(&guest, &made);
		made = host_write(i, 10000000000 + i * 1000000, i * 4096);
		if (i % 4 == 0)
			put_call(&host, &made);
	}
	load_both();
	cr_assert_query(&f,
			"SELECT side || '|' || count(*) || '|' || max(offset % 16384) FROM calls"
			" GROUP BY side",
			"both|75|0");
	cr_assert_query(
		&f,
		"SELECT group_concat(key || '=' || value) FROM (SELECT * FROM meta WHERE key"
		" IN ('match.calls', 'match.filtered') ORDER BY key)",
		"match.calls=75,match.filtered=225");
}

Test(load, a_cancelled_call_keeps_both_statuses)
{
	struct made_call made = host_write(1, 10000000000, 0);

	put_call(&host, &made);
	made = guest_write(51, 10000000000, 0);
	made.call.status = VERR_INTERRUPTED;
	put_call(&guest, &made);
	load_both();
	cr_assert_query(&f, "SELECT status_name || guest_status FROM calls", "VINF_SUCCESS-39");
}

/* The records look the same: only time tells which is missing. */
Test(load, identical_calls_are_told_apart_by_time)
{
	for (uint64_t i = 1; i <= 40; i++) {
		struct made_call made = host_write(i, 10000000000 + i * 1000000, 0);

		if (i != 30)
			put_call(&host, &made);
		made = guest_write(i + 50, 10000000000 + i * 1000000, 0);
		put_call(&guest, &made);
	}
	load_both();
	cr_assert_query(&f, "SELECT call_id FROM calls WHERE side = 'guest'", "30");
	cr_assert_query(&f,
			"SELECT count(*) FROM calls WHERE side = 'both' AND"
			" start_ns - guest_start_ns <> 5000010000",
			"0");
	cr_assert_query(&f, "SELECT violations FROM clock", "0");
}

Test(load, without_a_match_the_time_of_day_maps_the_clock)
{
	struct made_call made = make_call(1, SHFL_FN_SET_UTF8, 500, 600);

	put_call(&guest, &made);
	made = make_call(1, SHFL_FN_SET_SYMLINKS, 700, 800);
	put_call(&host, &made);
	load_both();
	cr_assert_query(&f, "SELECT group_concat(side) FROM calls", "guest,host");
	cr_assert_query(&f, "SELECT fitted FROM clock", "0");
}

/* Spools that are none, or that end early. */

static void expect_failure(const char *file, const char *says)
{
	char *message = NULL;
	int rc = load_files(1, file, NULL, &message);

	cr_assert_lt(rc, 0);
	cr_assert_not_null(message);
	cr_assert(strstr(message, says), "%s", message);
	free(message);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

Test(load, what_is_no_spool_is_refused)
{
	struct capture_file_header header = {.magic = CAPTURE_MAGIC, .version = 99, .side = 1};
	char path[96];

	maker_end(&host, true);
	maker_end(&guest, true);
	snprintf(path, sizeof(path), "%s/bad", f.dir);
	expect_failure(path, "No such file");
	expect_failure(f.dir, "no file");
	write_file(path, "", 0);
	expect_failure(path, "too short");
	write_file(path, "This is not what a recorder wrote, is it?", 40);
	expect_failure(path, "does not begin like");
	write_file(path, &header, sizeof(header));
	expect_failure(path, "version");
	header.version = CAPTURE_VERSION;
	header.side = 3;
	write_file(path, &header, sizeof(header));
	expect_failure(path, "neither");
}

Test(load, an_existing_file_is_not_overwritten)
{
	char *message = NULL;

	maker_end(&host, true);
	maker_end(&guest, true);
	write_file(f.file, "precious", 8);
	cr_assert_eq(load_files(1, host.path, NULL, &message), -EEXIST);
	cr_assert(strstr(message, "is there already"), "%s", message);
	free(message);
}

Test(load, an_unfinished_trace_is_replaced_and_a_finished_one_is_not)
{
	char *message = NULL;

	maker_end(&host, true);
	maker_end(&guest, true);
	cr_assert_eq(trace_create(f.file, &f.trace, &message), 0);
	trace_close(f.trace);
	f.trace = NULL;
	cr_assert_eq(load_files(1, host.path, NULL, &message), 0);
	cr_assert_eq(load_files(1, host.path, NULL, &message), -EEXIST);
	free(message);
}

Test(load, a_spool_without_its_end_is_loaded_and_incomplete)
{
	struct made_call made = host_write(1, 1000000, 0);
	char *why = NULL;

	put_call(&host, &made);
	load_host(false);
	cr_assert_query(&f, "SELECT count(*) FROM calls", "1");
	cr_assert_query(&f, "SELECT side || reason || n FROM losses", "hostcut short1");
	cr_assert_eq(trace_is_incomplete(f.trace, &why), 1);
	cr_assert(strstr(why, "ends early"), "%s", why);
	free(why);
}

Test(load, half_a_record_ends_a_spool)
{
	struct made_call made = host_write(1, 1000000, 0);
	struct stat st;

	put_call(&host, &made);
	made = host_write(2, 2000000, 0);
	put_call(&host, &made);
	fflush(host.file);
	cr_assert_eq(fstat(fileno(host.file), &st), 0);
	cr_assert_eq(ftruncate(fileno(host.file), st.st_size - 100), 0);
	load_host(false);
	cr_assert_query(&f, "SELECT count(*) FROM calls", "1");
	cr_assert_query(&f, "SELECT reason FROM losses", "cut short");
}

static void bad_record_cuts(void (*spoil)(struct made_call *made))
{
	struct made_call made = host_write(1, 1000000, 0);

	put_call(&host, &made);
	made = host_write(2, 2000000, 0);
	made.call.h.size =
		(uint32_t)(sizeof(made.call) + made.call.n_spans * sizeof(made.spans[0]));
	spoil(&made);
	put_record(&host, &made, sizeof(made));
	load_host(true);
	cr_assert_query(&f, "SELECT count(*) FROM calls", "1");
	cr_assert_query(&f, "SELECT reason FROM losses", "cut short");
}

static void spoil_size(struct made_call *made)
{
	made->call.h.size = 0xfffffff8;
}

static void spoil_zero(struct made_call *made)
{
	made->call.h.size = 0;
}

static void spoil_spans(struct made_call *made)
{
	made->call.n_spans = 60000;
}

static void spoil_parent(struct made_call *made)
{
	made->spans[1].parent = 5;
}

static void spoil_time(struct made_call *made)
{
	made->spans[1].exit_ns = 1ull << 60;
}

static void spoil_comm(struct made_call *made)
{
	memset(made->call.comm, 'x', sizeof(made->call.comm));
}

Test(load, a_record_of_a_huge_size_ends_a_spool)
{
	bad_record_cuts(spoil_size);
}

Test(load, a_record_of_no_size_ends_a_spool)
{
	bad_record_cuts(spoil_zero);
}

Test(load, a_record_with_more_spans_than_bytes_ends_a_spool)
{
	bad_record_cuts(spoil_spans);
}

Test(load, a_span_of_a_later_parent_ends_a_spool)
{
	bad_record_cuts(spoil_parent);
}

Test(load, an_impossible_time_ends_a_spool)
{
	bad_record_cuts(spoil_time);
}

Test(load, an_unterminated_name_ends_a_spool)
{
	bad_record_cuts(spoil_comm);
}

Test(load, unknown_records_are_skipped)
{
	struct made_call made = host_write(1, 1000000, 0);
	struct {
		struct capture_header h;
		char bytes[48];
	} unknown = {.h = {.kind = 77, .size = sizeof(unknown)}};

	put_record(&host, &unknown, sizeof(unknown));
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f, "SELECT count(*) FROM calls", "1");
	cr_assert_eq(trace_is_incomplete(f.trace, NULL), 0);
}

Test(load, absurd_calls_are_kept)
{
	struct made_call made = make_call(0xffffffffffffffff, 0xffffffff, 5000, 4000);

	made.call.n_parms = 0xffffffff;
	made.call.client = 0xffffffff;
	made.call.status = -2147483647 - 1;
	for (uint32_t i = 0; i < SHFL_MAX_PARMS; i++)
		made.call.parms[i] =
			(struct capture_parm){i * 77, 0xffffffff, UINT64_MAX, UINT64_MAX};
	add_span(&made, 0xffff, 200, 0xff, 9000, 8000); /* left before it was entered */
	add_span(&made, 9, 200, 0, 1, 2);
	put_data(&host, 0xffffffffffffffff, 1, false, "x", 1);
	put_data(&host, 1234567, 1, false, "of a call that never came", 25);
	put_call(&host, &made);
	load_host(true);
	cr_assert_query(&f,
			"SELECT fn || ' ' || client || ' ' || status || ' ' || duration_ns"
			" FROM calls",
			"4294967295 4294967295 -2147483648 0");
	cr_assert_query(&f, "SELECT group_concat(hop) FROM spans", "syscall_unknown,hop_9");
}

Test(load, too_many_spools)
{
	const char *spools[70];
	struct load_options options = {0};
	char *message = NULL;

	maker_end(&host, true);
	maker_end(&guest, true);
	for (size_t i = 0; i < 70; i++)
		spools[i] = host.path;
	cr_assert_eq(load_spools(spools, 70, f.file, &options, &message), -EMFILE);
	cr_assert(strstr(message, "too many spool files"), "%s", message);
	free(message);
}

static void no_progress(void *user, uint64_t bytes)
{
	(void)user;
	(void)bytes;
}

/* A spool that changes between the two times that it is looked at. */
static void expect_changed(off_t size, const char *bytes)
{
	struct spool_side sides[3] = {0};
	static char record[2 * CAPTURE_CHUNK_MAX];
	char *message = NULL;
	FILE *file;

	cr_assert_eq(spool_index_add(sides, host.path, no_progress, NULL, &message), 0);
	cr_assert_eq(spool_index_finish(&sides[CAPTURE_SIDE_HOST]), 0);
	cr_assert_eq(sides[CAPTURE_SIDE_HOST].calls.n, 1u);
	cr_assert_eq(truncate(host.path, size), 0);
	file = fopen(host.path, "r+");
	cr_assert_eq(fseek(file, sizeof(struct capture_file_header) + 4, SEEK_SET), 0);
	fputs(bytes, file);
	fclose(file);
	cr_assert_eq(spool_read(&sides[CAPTURE_SIDE_HOST], sides[CAPTURE_SIDE_HOST].calls.places,
				(struct capture_header *)record),
		     -EUCLEAN);
	spool_side_free(&sides[CAPTURE_SIDE_HOST]);
}

Test(load, a_record_that_changed)
{
	struct made_call made = host_write(1, 1000000, 0);

	put_call(&host, &made);
	maker_end(&host, true);
	maker_end(&guest, true);
	expect_changed(4096, "\377\377\377\377");
}

Test(load, a_record_that_was_cut_off)
{
	struct made_call made = host_write(1, 1000000, 0);

	put_call(&host, &made);
	maker_end(&host, true);
	maker_end(&guest, true);
	expect_changed(60, "");
}

/* Any bit may be wrong: the loader says so or makes a trace, and both can be read. */
Test(load, flipped_bits, .timeout = 120)
{
	static char original[65536];
	char path[96];
	size_t size;
	FILE *file;

	for (uint64_t i = 1; i <= 4; i++)
		put_both(i, 10000000000 + i * 1000000, i * 4096);
	maker_end(&host, true);
	maker_end(&guest, true);
	file = fopen(host.path, "r");
	size = fread(original, 1, sizeof(original), file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/flipped", f.dir);
	srand(1);
	for (int i = 0; i < 300; i++) {
		size_t at = (size_t)rand() % size;
		char *message = NULL;

		original[at] ^= (char)(1 << (rand() % 8));
		write_file(path, original, size);
		if (load_files(2, path, guest.path, &message)) {
			cr_assert_not_null(message);
			free(message);
		} else {
			open_loaded();
			trace_close(f.trace);
			f.trace = NULL;
		}
		unlink(f.file);
		if (i % 3 == 2) /* keep some of the damage */
			original[at] ^= 0x55;
	}
}

#ifndef SF_SANITIZE /* which keeps freed memory for a while */
Test(load, memory_does_not_grow_with_payload)
{
	static char bytes[CAPTURE_CHUNK_MAX];
	struct rusage before, after;

	for (uint64_t i = 1; i <= 2000; i++) { /* 128 MB */
		struct made_call made = host_write(i, 1000000 * i, i);

		memcpy(bytes, &i, sizeof(i));
		put_data(&host, i, 4, false, bytes, sizeof(bytes));
		put_call(&host, &made);
	}
	getrusage(RUSAGE_SELF, &before);
	load_host(true);
	getrusage(RUSAGE_SELF, &after);
	cr_assert_query(&f, "SELECT count(*) FROM payloads", "2000");
	cr_assert_lt(after.ru_maxrss - before.ru_maxrss, 80 * 1024, "%ld KiB more",
		     after.ru_maxrss - before.ru_maxrss);
}
#endif
