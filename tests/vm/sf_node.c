/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices for programs, /dev/vboxuser and /dev/vboxguest: HGCM calls, and what a program must
 * not be able to do with them.
 * usage: sf_node DIR TWIN [CHECK ...]; the directories are not used
 */
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

#define NODE_HEADER_VERSION 0x10001u

static int call_node(int fd, unsigned int number, void *request, size_t size)
{
	uint32_t *header = request;

	header[0] = (uint32_t)size;
	header[1] = NODE_HEADER_VERSION;
	OK(!ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'V', number, size), request));
	return (int)header[3];
}

#define MAX_PARAMETERS 40

static uint32_t timeout_ms = UINT32_MAX;

/* A parameter is three words: type, value or size, address. */
static int call_service(int fd, uint32_t client, uint32_t function, int count, uint64_t *parameters)
{
	uint32_t request[10 + 4 * MAX_PARAMETERS] = {0};
	size_t size = 40 + 16 * (size_t)count;

	request[6] = client;
	request[7] = function;
	request[8] = timeout_ms;
	request[9] = (uint32_t)count << 16;
	for (int i = 0; i < count; i++) {
		request[10 + 4 * i] = (uint32_t)parameters[3 * i];
		request[11 + 4 * i] = (uint32_t)parameters[3 * i + 1];
		memcpy(&request[12 + 4 * i], &parameters[3 * i + 2], 8);
	}
	return call_node(fd, 7, request, size);
}

/* Programs make HGCM calls; what they must not do is refused. */
static void check_ioctl(void)
{
	uint32_t connect[39] = {[6] = 2};
	uint32_t disconnect[7] = {0};
	uint32_t report[42] = {[2] = 58};
	uint32_t mappings[128] = {0};
	uint64_t parameters[3 * MAX_PARAMETERS] = {1, 1, 0, 1, 64, 0, 6, 512, (uintptr_t)mappings};
	uint64_t lists[3] = {10, 512, 64}, locked[3] = {7, 512, (uintptr_t)mappings};
	uint64_t kernel[9] = {1, 1, 0, 1, 64, 0, 4, 512, 0xffff888000000000ull};
	uint32_t bad[6] = {24, NODE_HEADER_VERSION + 1};
	uint32_t text[12] = {0};
	int fd = open("/dev/vboxuser", O_RDWR);

	strcpy((char *)&connect[7], "VBoxSharedFolders");
	OK(fd >= 0 && call_node(fd, 4, connect, sizeof(connect)) == 0);
	OK(call_service(fd, connect[6], 1, 3, parameters) == 0 && mappings[0] == 1);
	/* with a time to wait: the host has answered by then */
	timeout_ms = 1000;
	memset(mappings, 0, sizeof(mappings));
	OK(call_service(fd, connect[6], 1, 3, parameters) == 0 && mappings[0] == 1);
	timeout_ms = UINT32_MAX;
	/* the script looks for it in the kernel's log */
	strcpy((char *)&text[6], "said by sf_node\n");
	OK(call_node(fd, 9, text, sizeof(text)) == 0);
	OK(call_service(fd, connect[6] + 1, 1, 3, parameters) == -4);
	OK(call_service(fd, connect[6], 1, 40, parameters) == -2);
	OK(call_service(fd, connect[6], 1, 1, lists) == -2);
	OK(call_service(fd, connect[6], 1, 1, locked) == -2);
	OK(call_service(fd, connect[6], 1, 3, kernel) == -6);
	OK(call_node(fd, 2, report, sizeof(report)) == -10);
	OK(call_node(fd, 200, connect, sizeof(connect)) == -37);
	FAILS(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'V', 0, 24), bad), EINVAL);
	disconnect[6] = connect[6];
	OK(call_node(fd, 5, disconnect, sizeof(disconnect)) == 0);
	OK(call_node(fd, 5, disconnect, sizeof(disconnect)) == -4);
	OK(!close(fd));
}

static int open_service(int fd, uint32_t *ret_client)
{
	uint32_t connect[39] = {[6] = 2};
	int status;

	strcpy((char *)&connect[7], "VBoxSharedFolders");
	status = call_node(fd, 4, connect, sizeof(connect));
	*ret_client = connect[6];
	return status;
}

static long raw(int fd, unsigned int number, void *request)
{
	return ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'V', number, 24), request);
}

/* Headers and memory that are not what they should be. */
static void check_headers(void)
{
	uint32_t good[64] = {24, NODE_HEADER_VERSION}, request[64];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/dev/vboxguest", O_RDWR);
	static const struct {
		int word;
		uint32_t value;
	} bad[] = {{0, 0}, {0, 23}, {0, (16u << 20) + 1}, {0, UINT32_MAX},
		   {1, 0}, {4, 23}, {4, UINT32_MAX},	  {5, 1}};

	OK(fd >= 0 && memory != MAP_FAILED && !raw(fd, 11, good));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(request, good, sizeof(good));
		request[bad[i].word] = bad[i].value;
		FAILS(raw(fd, 11, request), EINVAL);
	}
	FAILS(raw(fd, 11, NULL), EFAULT);
	FAILS(raw(fd, 11, (void *)0xffff888000000000ull), EFAULT);
	OK(!mprotect(memory + page, page, PROT_NONE));
	FAILS(raw(fd, 11, memory + page - 12), EFAULT);
	/* the header can be read, what it announces cannot */
	good[0] = 4096;
	memcpy(memory + page - 24, good, 24);
	FAILS(raw(fd, 11, memory + page - 24), EFAULT);
	/* it can be read, but the answer not written */
	good[0] = 24;
	memcpy(memory, good, 24);
	OK(!mprotect(memory, page, PROT_READ));
	FAILS(raw(fd, 11, memory), EFAULT);
	/* shorter than the command needs; commands that there are not */
	OK(!raw(fd, 4, good) && (int)good[3] == -41);
	OK(!raw(fd, 7, good) && (int)good[3] == -41);
	OK(!raw(fd, 1, good) && (int)good[3] == -37);
	OK(!raw(fd, 255, good) && (int)good[3] == -37);
	OK(!ioctl(fd, 0, good) && (int)good[3] == -37);
	OK(!munmap(memory, 2 * page) && !close(fd));
}

/* Calls whose parameters lie about themselves. */
static void check_parameters(void)
{
	uint32_t client, huge[10] = {[8] = UINT32_MAX, [9] = 0xffffu << 16};
	uint64_t value[3] = {1, 1}, parameters[3 * MAX_PARAMETERS] = {1, 1, 0, 1, 64, 0};
	char buffer[64];
	int fd = open("/dev/vboxuser", O_RDWR);

	OK(!open_service(fd, &client));
	/* 65535 parameters in a request that has room for none */
	huge[6] = client;
	huge[7] = 1;
	OK(call_node(fd, 7, huge, sizeof(huge)) == -2);
	OK(call_node(fd, 6, huge, sizeof(huge)) == -2);
	huge[9] = 0;
	huge[9] |= 1u << 8; /* a reserved byte */
	OK(call_node(fd, 7, huge, sizeof(huge)) == -2);
	/* buffers: too large, not there, too many */
	for (int i = 0; i < MAX_PARAMETERS; i++) {
		parameters[3 * i] = 4;
		parameters[3 * i + 1] = sizeof(buffer);
		parameters[3 * i + 2] = (uintptr_t)buffer;
	}
	OK(call_service(fd, client, 1, 11, parameters) == -2);
	parameters[1] = (24u << 20) + 1;
	OK(call_service(fd, client, 1, 1, parameters) == -54);
	parameters[1] = 24u << 20;
	OK(call_service(fd, client, 1, 1, parameters) == -6);
	parameters[1] = UINT32_MAX;
	OK(call_service(fd, client, 1, 1, parameters) == -54);
	parameters[1] = 8;
	parameters[2] = 16;
	OK(call_service(fd, client, 1, 1, parameters) == -6);
	for (uint64_t type = 0; type < 20; type++)
		if (type < 1 || type == 3 || type > 6) {
			value[0] = type;
			OK(call_service(fd, client, 1, 1, value) == -2);
		}
	value[0] = UINT32_MAX;
	OK(call_service(fd, client, 1, 1, value) == -2);
	/* what the service says to a function that it has not, and to too few parameters */
	OK(call_service(fd, client, 9999, 0, NULL) < 0 && call_service(fd, client, 1, 0, NULL) < 0);
	OK(!close(fd));
}

/* 64 clients a program, each its own; they go with it. */
static void check_clients(void)
{
	uint32_t clients[65], connect[39] = {[6] = 2};
	uint64_t parameters[3 * MAX_PARAMETERS] = {1, 1, 0, 1, 64, 0, 6, 0, 0};
	int fd = open("/dev/vboxuser", O_RDWR), other_fd = open("/dev/vboxuser", O_RDWR);

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 64; i++)
			OK(!open_service(fd, &clients[i]));
		OK(open_service(fd, &clients[64]) == -106);
		OK(call_service(other_fd, clients[5], 1, 3, parameters) == -4);
		OK(call_service(fd, 0, 1, 3, parameters) == -4);
		OK(call_service(fd, UINT32_MAX, 1, 3, parameters) == -4);
		OK(!close(fd) && (fd = open("/dev/vboxuser", O_RDWR)) >= 0);
	}
	memset(&connect[7], 'x', 128); /* a name without an end */
	OK(call_node(fd, 4, connect, sizeof(connect)) == -2);
	strcpy((char *)&connect[7], "NoSuchService");
	OK(call_node(fd, 4, connect, sizeof(connect)) == -2900);
	OK(!close(fd) && !close(other_fd));
}

static void on_alarm(int number)
{
	(void)number;
}

static void cancel_waits(int fd)
{
	uint32_t cancel[6] = {24, NODE_HEADER_VERSION};

	usleep(300000);
	OK(!raw(fd, 11, cancel));
	_exit(0);
}

/* Waiting for an event that does not come: until the time is over, a signal, or a cancel. */
static void check_waits(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	uint32_t wait_event[8] = {32, NODE_HEADER_VERSION, [6] = 100, [7] = 1};
	uint32_t mask[8] = {[6] = 1u << 31}, version[11] = {[6] = 0x10000, [7] = 0x10000};
	uint32_t old_version[11] = {[6] = 0x90000, [7] = 0x90000};
	uint32_t host_version[11] = {[2] = 4};
	int fd = open("/dev/vboxguest", O_RDWR), status;
	pid_t child;

	FAILS(raw(fd, 10, wait_event), ETIMEDOUT);
	OK(!sigaction(SIGALRM, &action, NULL));
	alarm(1);
	wait_event[6] = UINT32_MAX;
	FAILS(raw(fd, 10, wait_event), EINTR);
	child = fork();
	if (!child)
		cancel_waits(fd);
	wait_event[6] = UINT32_MAX;
	FAILS(raw(fd, 10, wait_event), EINTR);
	OK(waitpid(child, &status, 0) == child && !status);
	OK(call_node(fd, 12, mask, sizeof(mask)) == -2);
	mask[6] = 1;
	OK(call_node(fd, 12, mask, sizeof(mask)) == 0);
	OK(call_node(fd, 0, version, sizeof(version)) == 0 && version[7] == 0x10000);
	OK(call_node(fd, 0, old_version, sizeof(old_version)) < 0);
	OK(call_node(fd, 2, host_version, 40) == 0 && (host_version[6] || host_version[7]));
	OK(!close(fd));
}

static const struct check checks[] = {
	{"ioctl", check_ioctl},	    {"headers", check_headers}, {"parameters", check_parameters},
	{"clients", check_clients}, {"waits", check_waits},
};

int main(int argc, char **argv)
{
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
