/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service when something runs out: descriptors, space, clients, the share itself. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "service_guest.h"

TestSuite(service_limits, .fini = driver_finish);

#define N_CLIENTS 1000
#define SPARE_DESCRIPTORS 20

static void start(void)
{
	guest_start();
	mkdir(host_path("rw/d"), 0755);
	host_file("rw/d/f", "x");
}

static void limit_descriptors(rlim_t limit)
{
	struct rlimit old;

	getrlimit(RLIMIT_NOFILE, &old);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){limit, old.rlim_max}), 0);
}

/* Refused while there are none, and as if nothing had been when there are some again. */
Test(service_limits, descriptors, .init = start)
{
	struct rlimit old;
	uint64_t handles[64];
	SHFLCREATEPARMS made;
	unsigned n = 0;
	int32_t status;

	getrlimit(RLIMIT_NOFILE, &old);
	limit_descriptors((rlim_t)count_descriptors() + SPARE_DESCRIPTORS);
	while ((status = create(guest, rw, "/d/f", OPEN_OLD | RW, &made)) == VINF_SUCCESS) {
		cr_assert_lt(n, 64);
		handles[n++] = made.Handle;
	}
	cr_expect_eq(status, VERR_TOO_MANY_OPEN_FILES);
	cr_expect_eq(made.Handle, SHFL_HANDLE_NIL);
	cr_expect_gt(n, SPARE_DESCRIPTORS / 2);
	cr_expect_eq(create(guest, rw, "/d", OPEN_OLD | SHFL_CF_DIRECTORY, &made),
		     VERR_TOO_MANY_OPEN_FILES);
	cr_expect_eq(create(guest, rw, "/d/new", CREATE_NEW | RW, &made), VERR_TOO_MANY_OPEN_FILES);
	cr_expect_eq(CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/d/f"), str8("/d/g"), P32(1)),
		     VERR_TOO_MANY_OPEN_FILES);
	cr_expect_eq(create(guest, rw, "/d/dir", CREATE_NEW | SHFL_CF_DIRECTORY, &made),
		     VERR_TOO_MANY_OPEN_FILES);
	cr_expect(host_exists("rw/d/f") && !host_exists("rw/d/new"));
	cr_expect_not(host_exists("rw/d/dir"), "a directory is left that nobody got");
	while (n)
		cr_expect_eq(close_handle(guest, rw, handles[--n]), VINF_SUCCESS);
	cr_expect_eq(lookup(guest, rw, "/d/f", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	setrlimit(RLIMIT_NOFILE, &old);
}

/* What has been written stays, the rest is refused. */
Test(service_limits, disk_full, .init = start)
{
	static char data[64 * 1024];
	struct stat info;
	uint64_t handle, written = 0;
	int32_t status;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("test", host_path("rw/d"), "tmpfs", 0, "size=256k"))
		cr_skip_test("mounting is not permitted here");
	memset(data, 'x', sizeof(data));
	handle = open_handle(guest, rw, "/d/big", OPEN_OR_CREATE | RW);
	for (unsigned i = 0; i < 16; i++) {
		status = write_at(guest, rw, handle, written, data, sizeof(data));
		if (status != VINF_SUCCESS)
			break;
		cr_expect_eq(parms[2].u.uint64, written + parms[3].u.uint32);
		written += parms[3].u.uint32;
	}
	cr_expect_eq(status, VERR_DISK_FULL);
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_assert_eq(stat(host_path("rw/d/big"), &info), 0);
	cr_expect_eq((uint64_t)info.st_size, written);
	cr_expect_geq(written, 128 * 1024);
	host_file("rw/source", "");
	cr_assert_eq(truncate(host_path("rw/source"), 4096), 0);
	handle = open_handle(guest, rw, "/source", OPEN_OLD | RW);
	write_at(guest, rw, handle, 0, data, 4096);
	cr_expect_eq(CALL(guest, SHFL_FN_COPY_FILE, P32(rw), str8("/source"), P32(rw),
			  str8("/d/copy"), P32(0)),
		     VERR_DISK_FULL);
	cr_expect_not(host_exists("rw/d/copy"), "half a copy is left");
	client_disconnect(guest);
	remove_share("rw");
	umount2(host_path("rw/d"), MNT_DETACH);
}

/* From now on this process's positional writes fail, as they do when a quota is used up. */
static bool fail_writes(unsigned error)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwrite64, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

Test(service_limits, quota_used_up, .init = start)
{
	uint64_t handle = open_handle(guest, rw, "/d/f", OPEN_OLD | RW);
	char page[4096] = "second", text[16];
	void *pages[] = {page};

	cr_assert_eq(write_at(guest, rw, handle, 0, "first", 5), VINF_SUCCESS);
	if (!fail_writes(EDQUOT))
		cr_skip_test("system calls cannot be filtered here");
	cr_expect_eq(write_at(guest, rw, handle, 5, page, 6), VERR_DISK_FULL);
	cr_expect_eq(parms[2].u.uint64, 5, "the offset has moved");
	cr_expect_eq(parms[3].u.uint32, 0);
	cr_expect_eq(CALL(guest, SHFL_FN_WRITE, P32(rw), P64(handle), P64(5), P32(6),
			  PPAGES(pages, 1, 6)),
		     VERR_DISK_FULL);
	cr_expect_eq(parms[3].u.uint32, 0);
	host_read("rw/d/f", text, sizeof(text));
	cr_expect_str_eq(text, "first");
}

Test(service_limits, clients, .init = start)
{
	static uint8_t data[N_CLIENTS][136];
	static struct client clients[N_CLIENTS];
	SHFLCREATEPARMS made;

	cr_assert_eq(table.cbClient, sizeof(data[0]));
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		clients[i] = (struct client){.id = 1000 + i, .data = data[i]};
		cr_assert_eq(table.pfnConnect(table.pvService, clients[i].id, data[i], 0, false),
			     VINF_SUCCESS);
		driver_call(&clients[i], SHFL_FN_SET_UTF8, 0, NULL);
		cr_assert_eq(map_share(&clients[i], "rw"), rw);
	}
	for (unsigned i = 0; i < N_CLIENTS; i += 7) {
		cr_expect_eq(create(&clients[i], rw, "/d/f", OPEN_OLD | RW, &made), VINF_SUCCESS);
		cr_expect_eq(read_at(guest, rw, made.Handle, 0, data[0], 0), VERR_INVALID_HANDLE);
	}
	for (unsigned i = 0; i < N_CLIENTS; i++)
		cr_assert_eq(table.pfnDisconnect(table.pvService, clients[i].id, data[i]),
			     VINF_SUCCESS);
}

/* The folder goes, and another one comes: its users are told, who maps it anew gets it. */
Test(service_limits, folder_removed_and_replaced, .init = start)
{
	uint64_t file = open_handle(guest, rw, "/d/f", OPEN_OLD | RW);
	SHFLCREATEPARMS made;
	char byte = 0;

	for (unsigned i = 0; i < 4; i++)
		lookup(guest, rw, "/d/f", &made);
	unlink(host_path("rw/d/f"));
	rmdir(host_path("rw/d"));
	cr_assert_eq(rmdir(host_path("rw")), 0);
	cr_expect_eq(lookup(guest, rw, "/d/f", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_NOT_FOUND);
	cr_expect_eq(create(guest, rw, "/n", CREATE_NEW | RW, &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_NOT_FOUND);
	cr_expect_eq(read_at(guest, rw, file, 0, &byte, 1), VINF_SUCCESS, "it is open still");
	cr_expect_eq(byte, 'x');
	mkdir(host_path("rw"), 0755);
	host_file("rw/second", "22");
	cr_assert_eq(CALL(guest, SHFL_FN_UNMAP_FOLDER, P32(rw)), VINF_SUCCESS);
	cr_assert_eq(map_share(guest, "rw"), rw);
	cr_expect_eq(lookup(guest, rw, "/second", &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
}
