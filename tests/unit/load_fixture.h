/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spools of a host and its guest, made by hand and loaded. */
#ifndef LOAD_FIXTURE_H
#define LOAD_FIXTURE_H

#include "leak_check.h"
#include "load.h"
#include "spool_maker.h"
#include "trace_fixture.h"

/* Hops, as in hops.def. */
enum {
	SVC_CALL = 1,
	SVC_COMPLETE = 2,
	VBSF_WRITE = 17,
	RT_FILE_WRITE = 63,
	VBG_HGCM_CALL = 256,
	VBG_REQ_PERFORM = 257,
	VBOXSF_WRITE = 273,
	VBOXSF_WRITE_END = 300
};

/* The guest's clock is that far behind. */
#define GUEST_OFFSET 5000000000ull

static struct fixture f;
static struct spool_maker host, guest;

__attribute__((unused)) static void load_begin(void)
{
	memset(&f, 0, sizeof(f));
	strcpy(f.dir, "/tmp/sftrace-test-XXXXXX");
	cr_assert_not_null(mkdtemp(f.dir));
	snprintf(f.file, sizeof(f.file), "%s/t.db", f.dir);
	maker_begin(&host, f.dir, "host.spool", CAPTURE_SIDE_HOST);
	maker_begin(&guest, f.dir, "guest.spool", CAPTURE_SIDE_GUEST);
}

__attribute__((unused)) static void load_end(void)
{
	fixture_end(&f);
	leak_check();
}

__attribute__((unused)) static int load_files(size_t n, const char *first, const char *second,
					      char **ret_message)
{
	const char *spools[] = {first, second};
	struct load_options options = {0};

	return load_spools(spools, n, f.file, &options, ret_message);
}

__attribute__((unused)) static void open_loaded(void)
{
	char *message = NULL;
	int rc = trace_open(f.file, &f.trace, &message);

	cr_assert_eq(rc, 0, "%s", message);
	cr_assert_query(&f, "PRAGMA integrity_check", "ok");
}

__attribute__((unused)) static void load_host(bool mark)
{
	char *message = NULL;
	int rc;

	maker_end(&host, mark);
	maker_end(&guest, true);
	rc = load_files(1, host.path, NULL, &message);
	cr_assert_eq(rc, 0, "%s", message);
	open_loaded();
}

__attribute__((unused)) static void load_guest(void)
{
	char *message = NULL;
	int rc;

	maker_end(&host, true);
	maker_end(&guest, true);
	rc = load_files(1, guest.path, NULL, &message);
	cr_assert_eq(rc, 0, "%s", message);
	open_loaded();
}

__attribute__((unused)) static void load_both(void)
{
	char *message = NULL;
	int rc;

	maker_end(&host, true);
	maker_end(&guest, true);
	rc = load_files(2, guest.path, host.path, &message);
	cr_assert_eq(rc, 0, "%s", message);
	open_loaded();
}

__attribute__((unused)) static struct made_call host_write(uint64_t id, uint64_t at,
							   uint64_t offset)
{
	struct made_call made = make_call(id, SHFL_FN_WRITE, at, at + 30000);

	set_parm(&made, 0, 1, 0, 0);
	set_parm(&made, 1, 2, 7, 7);
	set_parm(&made, 2, 2, offset, offset + 4096);
	set_parm(&made, 3, 1, 4096, 4096);
	set_parm(&made, 4, 4, 4096, 0);
	add_span(&made, SVC_CALL, 0, 0xff, at, at + 31000);
	add_span(&made, VBSF_WRITE, 1, 0, at + 1000, at + 29000);
	add_span(&made, CAPTURE_HOP_SYSCALL + 18, 2, 1, at + 2000, at + 28000);
	add_span(&made, SVC_COMPLETE, 1, 0, at + 29500, at + 30500);
	return made;
}

/* The guest's view of host_write(id, at, offset). */
__attribute__((unused)) static struct made_call guest_write(uint64_t id, uint64_t at,
							    uint64_t offset)
{
	uint64_t begin = at - GUEST_OFFSET - 10000;
	struct made_call made = make_call(id, SHFL_FN_WRITE, begin, begin + 60000);

	made.call.pid = 412;
	strcpy(made.call.comm, "dd");
	set_parm(&made, 0, 1, 0, 0);
	set_parm(&made, 1, 2, 7, 7);
	set_parm(&made, 2, 2, offset, offset + 4096);
	set_parm(&made, 3, 1, 4096, 4096);
	set_parm(&made, 4, VMMDevHGCMParmType_LinAddr_Locked_In, 4096, 0);
	add_span(&made, VBOXSF_WRITE, 0, 0xff, begin - 1000, begin + 61000);
	add_span(&made, VBG_HGCM_CALL, 1, 0, begin, begin + 60000);
	add_span(&made, VBG_REQ_PERFORM, 2, 1, begin + 1000, begin + 59000);
	return made;
}

__attribute__((unused)) static void put_both(uint64_t id, uint64_t at, uint64_t offset)
{
	struct made_call made = host_write(id, at, offset);

	put_data(&host, id, 4, false, "host", 4);
	put_call(&host, &made);
	made = guest_write(id + 50, at, offset);
	made.call.op = id + 1000;
	put_call(&guest, &made);
}

#endif
