/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices for programs, /dev/vboxuser and /dev/vboxguest: HGCM calls, and what a program must
 * not be able to do with them.
 * usage: sf_node DIR TWIN [CHECK ...]; the directories are not used
 */
#include <stdint.h>
#include <sys/ioctl.h>

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

/* A parameter is three words: type, value or size, address. */
static int call_service(int fd, uint32_t client, uint32_t function, int count, uint64_t *parameters)
{
	uint32_t request[10 + 4 * MAX_PARAMETERS] = {0};
	size_t size = 40 + 16 * (size_t)count;

	request[6] = client;
	request[7] = function;
	request[8] = UINT32_MAX;
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
	int fd = open("/dev/vboxuser", O_RDWR);

	strcpy((char *)&connect[7], "VBoxSharedFolders");
	OK(fd >= 0 && call_node(fd, 4, connect, sizeof(connect)) == 0);
	OK(call_service(fd, connect[6], 1, 3, parameters) == 0 && mappings[0] == 1);
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

static const struct check checks[] = {
	{"ioctl", check_ioctl},
};

int main(int argc, char **argv)
{
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
