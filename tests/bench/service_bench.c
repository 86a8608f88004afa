/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a call of the service costs beside the plain system calls that do the same
 * work. The service is called through its ABI in this process; rounds of both
 * alternate, because the machine's speed drifts, and the median of the rounds'
 * ratios counts.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hgcm_svc.h"
#include "shfl.h"
#include "vbox_status.h"

#define MAX_ROUNDS 401 /* short ones: what disturbs one disturbs both of its sides */
#define LIST_ENTRIES 1000
#define LIST_BYTES (64 * 1024)
#define MIB (1024 * 1024)
#define NS_PER_S 1000000000ull

#define P32(value) ((VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = (value)})
#define P64(value) ((VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_64BIT, .u.uint64 = (value)})
#define PBUF(address, bytes)                               \
	((VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_PTR, \
			   .u.pointer = {.size = (uint32_t)(bytes), .addr = (address)}})

enum { CASE_SENSITIVE, CASE_INSENSITIVE, N_SHARES };

/* A service with a client that has mapped the same folder twice. */
struct service {
	const char *path;
	VBOXHGCMSVCFNTABLE table;
	void *client;
	uint32_t roots[N_SHARES];
	uint64_t file; /* a handle of "a/b/file" */
	uint64_t directory; /* a handle of "many" */
};

static struct {
	char dir[256];
	int dir_fd, file_fd;
	unsigned calls;
} bench = {.dir = "/dev/shm", .calls = 200000};

static uint8_t data[MIB];
static int32_t last_status;

static int complete(VBOXHGCMCALLHANDLE call, int32_t status)
{
	(void)call;
	last_status = status;
	return VINF_SUCCESS;
}

static VBOXHGCMSVCHELPERS helpers = {.pfnCallComplete = complete};

static void die(const char *what, const char *which)
{
	fprintf(stderr, "service_bench: %s: %s\n", what, which);
	exit(1);
}

static void check(int32_t status, const char *what)
{
	if (VBOX_FAILURE(status)) {
		fprintf(stderr, "service_bench: %s: status %d\n", what, status);
		exit(1);
	}
}

static int32_t call(struct service *service, uint32_t fn, unsigned n, VBOXHGCMSVCPARM *parms)
{
	service->table.pfnCall(service->table.pvService, NULL, 1, service->client, fn, n, parms, 0);
	return last_status;
}

static VBOXHGCMSVCPARM string(const char *text, uint8_t *bytes)
{
	size_t length = strlen(text);
	SHFLSTRING header = {.u16Size = (uint16_t)(length + 1), .u16Length = (uint16_t)length};

	memcpy(bytes, &header, SHFLSTRING_HEADER_SIZE);
	memcpy(bytes + SHFLSTRING_HEADER_SIZE, text, length + 1);
	return PBUF(bytes, SHFLSTRING_HEADER_SIZE + length + 1);
}

static VBOXHGCMSVCPARM string16(const char *text, uint16_t *units)
{
	size_t n = strlen(text);

	units[0] = (uint16_t)(2 * n + 2);
	units[1] = (uint16_t)(2 * n);
	for (size_t i = 0; i <= n; i++)
		units[2 + i] = (uint8_t)text[i];
	return PBUF(units, 2 * (n + 3));
}

static int32_t create(struct service *service, unsigned share, const char *path, uint32_t flags,
		      SHFLCREATEPARMS *ret)
{
	uint8_t bytes[256];
	VBOXHGCMSVCPARM parms[] = {P32(service->roots[share]), string(path, bytes),
				   PBUF(ret, sizeof(*ret))};

	ret->Handle = SHFL_HANDLE_NIL;
	ret->CreateFlags = flags;
	ret->Info.Attr.fMode = 0100644;
	return call(service, SHFL_FN_CREATE, 3, parms);
}

static uint64_t open_handle(struct service *service, const char *path, uint32_t flags)
{
	SHFLCREATEPARMS made;

	check(create(service, CASE_SENSITIVE, path, flags, &made), path);
	if (made.Handle == SHFL_HANDLE_NIL)
		die("cannot open", path);
	return made.Handle;
}

static void close_handle(struct service *service, uint64_t handle)
{
	VBOXHGCMSVCPARM parms[] = {P32(service->roots[CASE_SENSITIVE]), P64(handle)};

	check(call(service, SHFL_FN_CLOSE, 2, parms), "CLOSE");
}

static void add_share(struct service *service, unsigned share, const char *name)
{
	uint16_t folder[300], share_name[16], mount_point[16];
	uint8_t bytes[64];
	VBOXHGCMSVCPARM host[] = {
		string16(bench.dir, folder),
		string16(name, share_name),
		P32(SHFL_ADD_MAPPING_F_WRITABLE),
		string16("", mount_point),
	};
	VBOXHGCMSVCPARM guest[] = {string(name, bytes), P32(0), P32('/'),
				   P32(share == CASE_SENSITIVE)};

	check(service->table.pfnHostCall(service->table.pvService, SHFL_FN_ADD_MAPPING, 4, host),
	      "ADD_MAPPING");
	check(call(service, SHFL_FN_MAP_FOLDER, 4, guest), "MAP_FOLDER");
	service->roots[share] = guest[1].u.uint32;
}

static void service_start(struct service *service, const char *path)
{
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	FNVBOXHGCMSVCLOAD *load =
		module ? (FNVBOXHGCMSVCLOAD *)dlsym(module, VBOX_HGCM_SVCLOAD_NAME) : NULL;

	if (!load)
		die("cannot load", path);
	*service = (struct service){
		.path = path,
		.table = {.cbSize = sizeof(VBOXHGCMSVCFNTABLE),
			  .u32Version = VBOX_HGCM_SVC_VERSION,
			  .pHelpers = &helpers},
	};
	check(load(&service->table), path);
	service->client = calloc(1, service->table.cbClient);
	check(service->table.pfnConnect(service->table.pvService, 1, service->client, 0, false),
	      "connect");
	check(call(service, SHFL_FN_SET_UTF8, 0, NULL), "SET_UTF8");
	check(call(service, SHFL_FN_SET_SYMLINKS, 0, NULL), "SET_SYMLINKS");
	add_share(service, CASE_SENSITIVE, "cs");
	add_share(service, CASE_INSENSITIVE, "ci");
	service->file = open_handle(service, "/a/b/file", SHFL_CF_ACCESS_READWRITE);
	service->directory =
		open_handle(service, "/many", SHFL_CF_DIRECTORY | SHFL_CF_ACT_FAIL_IF_NEW);
}

/* The operations: of the service, and plain. Each does "n" of them. */

static void transfer(struct service *service, uint32_t fn, uint32_t bytes, unsigned n)
{
	while (n--) {
		VBOXHGCMSVCPARM parms[] = {P32(service->roots[CASE_SENSITIVE]), P64(service->file),
					   P64(0), P32(bytes), PBUF(data, bytes)};

		check(call(service, fn, 5, parms), "transfer");
	}
}

static void svc_write_4k(struct service *service, unsigned n)
{
	transfer(service, SHFL_FN_WRITE, 4096, n);
}

static void svc_read_4k(struct service *service, unsigned n)
{
	transfer(service, SHFL_FN_READ, 4096, n);
}

static void svc_write_1m(struct service *service, unsigned n)
{
	transfer(service, SHFL_FN_WRITE, MIB, n);
}

static void svc_read_1m(struct service *service, unsigned n)
{
	transfer(service, SHFL_FN_READ, MIB, n);
}

static void lookup(struct service *service, unsigned share, unsigned n)
{
	SHFLCREATEPARMS made;

	while (n--) {
		check(create(service, share, "/a/b/file", SHFL_CF_LOOKUP, &made), "lookup");
		if (made.Result != SHFL_FILE_EXISTS)
			die("lookup", "not found");
	}
}

static void svc_lookup(struct service *service, unsigned n)
{
	lookup(service, CASE_SENSITIVE, n);
}

static void svc_lookup_case(struct service *service, unsigned n)
{
	lookup(service, CASE_INSENSITIVE, n);
}

static void svc_open(struct service *service, unsigned n)
{
	while (n--)
		close_handle(service,
			     open_handle(service, "/a/b/file",
					 SHFL_CF_ACCESS_READWRITE | SHFL_CF_ACT_FAIL_IF_NEW));
}

static void svc_new(struct service *service, unsigned n)
{
	uint8_t bytes[64];

	while (n--) {
		VBOXHGCMSVCPARM parms[] = {P32(service->roots[CASE_SENSITIVE]),
					   string("/a/b/new", bytes), P32(SHFL_REMOVE_FILE)};

		close_handle(service,
			     open_handle(service, "/a/b/new",
					 SHFL_CF_ACCESS_READWRITE | SHFL_CF_ACT_FAIL_IF_EXISTS));
		check(call(service, SHFL_FN_REMOVE, 3, parms), "REMOVE");
	}
}

/* n: entries, of which a whole directory gives LIST_ENTRIES and the two dots. */
static void svc_list(struct service *service, unsigned n)
{
	static uint8_t buffer[LIST_BYTES];
	uint32_t flags = SHFL_LIST_RESTART;
	unsigned done = 0;

	while (done < n) {
		VBOXHGCMSVCPARM parms[] = {P32(service->roots[CASE_SENSITIVE]),
					   P64(service->directory),
					   P32(flags),
					   P32(sizeof(buffer)),
					   PBUF(NULL, 0),
					   PBUF(buffer, sizeof(buffer)),
					   P32(0),
					   P32(0)};
		int32_t status = call(service, SHFL_FN_LIST, 8, parms);

		if (status == VERR_NO_MORE_FILES) {
			flags = SHFL_LIST_RESTART;
			continue;
		}
		check(status, "LIST");
		done += parms[7].u.uint32;
		flags = 0;
	}
}

static void must(long result)
{
	if (result < 0)
		die("a plain system call failed", strerror(errno));
}

static void plain_write_4k(struct service *service, unsigned n)
{
	(void)service;
	while (n--)
		must(pwrite(bench.file_fd, data, 4096, 0));
}

static void plain_read_4k(struct service *service, unsigned n)
{
	(void)service;
	while (n--)
		must(pread(bench.file_fd, data, 4096, 0));
}

static void plain_write_1m(struct service *service, unsigned n)
{
	(void)service;
	while (n--)
		must(pwrite(bench.file_fd, data, MIB, 0));
}

static void plain_read_1m(struct service *service, unsigned n)
{
	(void)service;
	while (n--)
		must(pread(bench.file_fd, data, MIB, 0));
}

static void plain_lookup(struct service *service, unsigned n)
{
	struct stat info;

	(void)service;
	while (n--)
		must(fstatat(bench.dir_fd, "a/b/file", &info, AT_SYMLINK_NOFOLLOW));
}

static void plain_open(struct service *service, unsigned n)
{
	(void)service;
	while (n--) {
		int fd = openat(bench.dir_fd, "a/b/file", O_RDWR | O_CLOEXEC);

		must(fd);
		close(fd);
	}
}

static void plain_new(struct service *service, unsigned n)
{
	(void)service;
	while (n--) {
		int fd = openat(bench.dir_fd, "a/b/new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				0644);

		must(fd);
		close(fd);
		must(unlinkat(bench.dir_fd, "a/b/new", 0));
	}
}

static void plain_list(struct service *service, unsigned n)
{
	static _Alignas(8) char buffer[LIST_BYTES];
	int fd = openat(bench.dir_fd, "many", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat info;
	unsigned done = 0;
	long bytes;

	(void)service;
	must(fd);
	while (done < n) {
		bytes = syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
		must(bytes);
		if (!bytes)
			lseek(fd, 0, SEEK_SET);
		for (long at = 0; at < bytes; done++) {
			const struct dirent64 *entry = (struct dirent64 *)(buffer + at);

			must(fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW));
			at += entry->d_reclen;
		}
	}
	close(fd);
}

static const struct bench_case {
	const char *name, *plain_name;
	void (*run)(struct service *service, unsigned n);
	void (*plain)(struct service *service, unsigned n);
	unsigned share_of_calls; /* one in so many of the calls asked for */
	unsigned rounds; /* odd */
	double original, target; /* ratios: docs/performance.md */
} cases[] = {
	{"WRITE 4 KiB", "pwrite", svc_write_4k, plain_write_4k, 1, 401, 1.16, 1.10},
	{"READ 4 KiB", "pread", svc_read_4k, plain_read_4k, 1, 401, 1.17, 1.10},
	{"WRITE 1 MiB", "pwrite", svc_write_1m, plain_write_1m, 40, 401, 1.00, 1.01},
	{"READ 1 MiB", "pread", svc_read_1m, plain_read_1m, 40, 401, 1.00, 1.01},
	{"lookup, 3 components", "fstatat", svc_lookup, plain_lookup, 1, 401, 2.26, 2.20},
	{"lookup, case-insensitive", "fstatat", svc_lookup_case, plain_lookup, 1, 401, 3.82, 2.40},
	{"CREATE(open) + CLOSE", "openat + close", svc_open, plain_open, 1, 401, 2.88, 1.60},
	{"CREATE(new) + CLOSE + REMOVE", "openat + close + unlinkat", svc_new, plain_new, 2, 401,
	 2.02, 1.40},
	{"LIST, an entry of 1000", "getdents + fstatat", svc_list, plain_list, 1, 41, 1.73, 1.25},
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* nothing in here waits */
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static double timed_ns(void (*run)(struct service *, unsigned), struct service *service, unsigned n)
{
	uint64_t start = now_ns();

	run(service, n);
	return (double)(now_ns() - start) / n;
}

static int compare(const void *left, const void *right)
{
	double l = *(const double *)left, r = *(const double *)right;

	return (l > r) - (l < r);
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static void run_case(const struct bench_case *one, struct service *services, unsigned n_services)
{
	double plain[MAX_ROUNDS], times[2][MAX_ROUNDS], ratios[2][MAX_ROUNDS];
	unsigned n = bench.calls / one->share_of_calls / one->rounds + 1;

	for (unsigned i = 0; i < n_services; i++)
		one->run(&services[i], n); /* warm */
	for (unsigned round = 0; round < one->rounds; round++) {
		double before = timed_ns(one->plain, NULL, n);

		for (unsigned i = 0; i < n_services; i++)
			times[i][round] = timed_ns(one->run, &services[i], n);
		plain[round] = (before + timed_ns(one->plain, NULL, n)) / 2;
		for (unsigned i = 0; i < n_services; i++)
			ratios[i][round] = times[i][round] / plain[round];
	}
	printf("| %s | %s | %.0f | %.0f | %.2f | %.2f | %.2f |", one->name, one->plain_name,
	       median(plain, one->rounds), median(times[0], one->rounds),
	       median(ratios[0], one->rounds), one->target, one->original);
	if (n_services > 1)
		printf(" %.2f |", median(ratios[1], one->rounds));
	putchar('\n');
	fflush(stdout);
}

static void make_files(void)
{
	char name[64];

	strcat(bench.dir, "/service_bench_XXXXXX");
	if (!mkdtemp(bench.dir))
		die("cannot make a directory", bench.dir);
	bench.dir_fd = open(bench.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(bench.dir_fd);
	must(mkdirat(bench.dir_fd, "a", 0755));
	must(mkdirat(bench.dir_fd, "a/b", 0755));
	must(mkdirat(bench.dir_fd, "many", 0755));
	bench.file_fd = openat(bench.dir_fd, "a/b/file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	must(bench.file_fd);
	must(pwrite(bench.file_fd, data, sizeof(data), 0));
	for (unsigned i = 0; i < LIST_ENTRIES; i++) {
		snprintf(name, sizeof(name), "many/entry-%04u", i);
		close(openat(bench.dir_fd, name, O_WRONLY | O_CREAT, 0644));
	}
}

static void remove_files(void)
{
	char name[64];

	for (unsigned i = 0; i < LIST_ENTRIES; i++) {
		snprintf(name, sizeof(name), "many/entry-%04u", i);
		unlinkat(bench.dir_fd, name, 0);
	}
	unlinkat(bench.dir_fd, "a/b/file", 0);
	unlinkat(bench.dir_fd, "a/b", AT_REMOVEDIR);
	unlinkat(bench.dir_fd, "a", AT_REMOVEDIR);
	unlinkat(bench.dir_fd, "many", AT_REMOVEDIR);
	rmdir(bench.dir);
}

static void pin_to_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void usage(FILE *out)
{
	fputs("usage: service_bench [--service FILE] [--vs FILE] [--dir DIR] [--calls N] [CASE]\n"
	      "Compares a service's calls with plain system calls in DIR (/dev/shm).\n"
	      "CASE: only those whose name contains it.\n",
	      out);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"service", required_argument, NULL, 's'}, {"vs", required_argument, NULL, 'v'},
		{"dir", required_argument, NULL, 'd'},	   {"calls", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},	   {0},
	};
	const char *paths[2] = {SFSERVICE_PATH, NULL};
	struct service services[2];
	unsigned n_services;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 's':
			paths[0] = optarg;
			break;
		case 'v':
			paths[1] = optarg;
			break;
		case 'd':
			snprintf(bench.dir, sizeof(bench.dir) - 32, "%s", optarg);
			break;
		case 'c':
			bench.calls = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	pin_to_this_cpu();
	make_files();
	n_services = paths[1] ? 2 : 1;
	for (unsigned i = 0; i < n_services; i++)
		service_start(&services[i], paths[i]);
	printf("| call | plain | plain ns | service ns | ratio | target | original |%s\n",
	       paths[1] ? " other |" : "");
	printf("|---|---|---|---|---|---|---|%s\n", paths[1] ? "---|" : "");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (optind >= argc || strstr(cases[i].name, argv[optind]))
			run_case(&cases[i], services, n_services);
	remove_files();
	return 0;
}
