/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The QEMU transport over a socket: this test is QEMU. */
#include "transport.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../services/echo_service.h"
#include "hgcm.h"
#include "leak_check.h"
#include "send_fds.h"
#include "vbox_status.h"
#include "vmmdev.h"

#define ECHO_SERVICE BIN_DIR "/../lib/test-services/echo_service.so"
#define PORT_BASE 0xc060u
#define HIGH 0x100000000ull

enum { SYSMEM, RET, CFGWRITE, CFGREAD, BARWRITE, BARREAD, IRQFD, RESET };

static int qemu = -1; /* our end of the socket */
static struct transport *transport;
static struct vmmdev *dev;
static pthread_t server;
static int serve_result;
static char *serve_message;

static void *serve(void *unused)
{
	serve_result = transport->serve(transport, dev, &serve_message);
	return unused;
}

static void start_with(struct hgcm_service *service, bool can_finish_later)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	qemu = fds[0];
	transport = qemu_transport_new(fds[1]);
	dev = vmmdev_new(&(struct vmmdev_config){
		.service_name = "Echo",
		.service = service,
		.ram = transport->ram,
		.set_irq = transport->set_irq,
		.irq_user = transport,
		.can_finish_later = can_finish_later,
	});
	cr_assert_eq(pthread_create(&server, NULL, serve, NULL), 0);
}

static void start(void)
{
	start_with(NULL, false);
}

/* Ends the connection, waits for the transport to notice. */
static int finish(void)
{
	if (qemu >= 0) {
		close(qemu);
		pthread_join(server, NULL);
		qemu = -1;
	}
	return serve_result;
}

static void stop(void)
{
	finish();
	vmmdev_free(dev);
	transport->free(transport);
	free(serve_message);
	leak_check();
}

TestSuite(qemu, .init = start, .fini = stop, .timeout = 60);

/* --- messages -------------------------------------------------------------------- */

static void send_bytes(const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	cr_assert_eq(send_with_fds(qemu, bytes, n, fds, n_fds, 0), (ssize_t)n);
}

static void send_message(int32_t command, const void *payload, size_t size, const int *fds,
			 size_t n_fds)
{
	uint8_t message[512] = {0};
	uint64_t wide = size;

	memcpy(message, &command, 4);
	memcpy(message + 8, &wide, 8);
	if (size)
		memcpy(message + 16, payload, size);
	send_bytes(message, 16 + size, fds, n_fds);
}

static uint64_t receive_reply(void)
{
	uint64_t reply[3] = {0};

	cr_assert_eq(recv(qemu, reply, sizeof(reply), MSG_WAITALL), (ssize_t)sizeof(reply));
	cr_assert_eq((uint32_t)reply[0], RET);
	cr_assert_eq(reply[1], 8);
	return reply[2];
}

static uint64_t config(int32_t command, uint32_t address, uint32_t value, uint32_t bytes)
{
	uint32_t payload[3] = {address, value, bytes};

	send_message(command, payload, sizeof(payload), NULL, 0);
	return receive_reply();
}

static void bar_payload(uint64_t payload[3], uint64_t address, uint64_t value, uint32_t bytes,
			bool memory)
{
	payload[0] = address;
	payload[1] = value;
	payload[2] = bytes | (uint64_t)memory << 32;
}

static uint64_t bar(int32_t command, uint64_t address, uint64_t value, uint32_t bytes, bool memory)
{
	uint64_t payload[3];

	bar_payload(payload, address, value, bytes, memory);
	send_message(command, payload, sizeof(payload), NULL, 0);
	return receive_reply();
}

struct region {
	uint64_t address, size;
	int64_t offset;
};

static void show_memory(const struct region *regions, const int *fds, size_t n)
{
	uint64_t payload[24] = {0};

	for (size_t i = 0; i < n && i < 8; i++) {
		payload[i] = regions[i].address;
		payload[8 + i] = regions[i].size;
		payload[16 + i] = (uint64_t)regions[i].offset;
	}
	send_message(SYSMEM, payload, sizeof(payload), fds, n);
}

/* A message without a reply was handled when the next one's reply is there. */
static void barrier(void)
{
	config(CFGREAD, 0, 0, 4);
}

/* --- what works --------------------------------------------------------------------- */

Test(qemu, config_space)
{
	cr_assert_eq(config(CFGREAD, 0, 0, 4), 0xcafe80ee);
	cr_assert_eq(config(CFGREAD, 2, 0, 2), 0xcafe);
	cr_assert_eq(config(CFGWRITE, 0x10, 0xffffffff, 4), 0);
	cr_assert_eq(config(CFGREAD, 0x10, 0, 4), 0xffffffe1);
	cr_assert_eq(config(CFGWRITE, 0x28, 0xffffffff, 4), 0);
	cr_assert_eq(config(CFGREAD, 0x28, 0, 4), 0);
	cr_assert_eq(config(CFGREAD, 0x1000, 0, 4), UINT32_MAX);
	cr_assert_eq(config(CFGREAD, 0, 0, UINT32_MAX), UINT32_MAX);
	cr_assert_eq(finish(), 0);
}

Test(qemu, base_registers)
{
	config(CFGWRITE, 0x14, 0xfebff000, 4);
	cr_assert_eq(bar(BARREAD, 0xfebff000, 0, 4, true), 4096);
	cr_assert_eq(bar(BARREAD, 0xfebff000, 0, 8, true), 0x100001000);
	cr_assert_eq(bar(BARREAD, 0xfebff000, 0, 4, false), UINT32_MAX);
	cr_assert_eq(bar(BARWRITE, 0xfebff000, 5, 4, true), 0);
	cr_assert_eq(bar(BARREAD, 0xfebff004, 0, 1, true), 1);
}

Test(qemu, reset)
{
	config(CFGWRITE, 0x10, PORT_BASE, 4);
	send_message(RESET, NULL, 0, NULL, 0);
	cr_assert_eq(receive_reply(), 0);
	cr_assert_eq(config(CFGREAD, 0x10, 0, 4), 1);
}

/* A message in as many pieces as there are bytes. */
Test(qemu, message_in_pieces)
{
	uint8_t message[28] = {CFGREAD, [8] = 12, [24] = 4};

	for (size_t i = 0; i < sizeof(message); i++)
		send_bytes(message + i, 1, NULL, 0);
	cr_assert_eq(receive_reply(), 0xcafe80ee);
}

static uint8_t *new_memory(size_t bytes, int *ret_fd)
{
	int fd = memfd_create("ram", 0);
	uint8_t *memory;

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, (off_t)bytes), 0);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(memory, MAP_FAILED);
	*ret_fd = fd;
	return memory;
}

static const VMMDevRequestHeader version_header = {
	.size = 40,
	.version = VMMDEV_REQUEST_HEADER_VERSION,
	.requestType = VMMDevReq_GetHostVersion,
	.rc = -1,
};

static int32_t rc_at(const uint8_t *request)
{
	return ((const VMMDevRequestHeader *)request)->rc;
}

Test(qemu, device_sees_the_memory)
{
	const struct region regions[2] = {{0, 0x4000, 0x1000}, {0x100000, 0x1000, 0x6000}};
	int fd;
	uint8_t *memory = new_memory(0x8000, &fd);

	config(CFGWRITE, 0x10, PORT_BASE, 4);
	show_memory(regions, (int[]){fd, fd}, 2);
	memcpy(memory + 0x6000 + 8, &version_header, sizeof(version_header));
	bar(BARWRITE, PORT_BASE, 0x100008, 4, false);
	cr_assert_eq(rc_at(memory + 0x6008), VINF_SUCCESS);
	/* What was shown before is gone once something else is. */
	memcpy(memory + 0x6000 + 8, &version_header, sizeof(version_header));
	show_memory(regions, (int[]){fd}, 1);
	bar(BARWRITE, PORT_BASE, 0x100008, 4, false);
	cr_assert_eq(rc_at(memory + 0x6008), -1);
	memcpy(memory + 0x1000 + 8, &version_header, sizeof(version_header));
	bar(BARWRITE, PORT_BASE, 8, 4, false);
	cr_assert_eq(rc_at(memory + 0x1008), VINF_SUCCESS);
	munmap(memory, 0x8000);
	close(fd);
}

/* Reads and writes that cross regions and holes between them. */
Test(qemu, memory_with_holes)
{
	const struct region regions[3] = {
		{0, 0x1000, 0}, {0x2000, 0x1000, 0x1000}, {HIGH, 0x1000, 0x2000}};
	uint8_t buffer[0x4000];
	int fd;
	uint8_t *memory = new_memory(0x3000, &fd);

	show_memory(regions, (int[]){fd, fd, fd}, 3);
	barrier();
	memset(memory, 1, 0x1000);
	memset(memory + 0x1000, 2, 0x2000);
	transport->ram.read(transport, 0x800, buffer, 0x3000);
	cr_assert_eq(buffer[0], 1);
	cr_assert_eq(buffer[0x7ff], 1);
	cr_assert_eq(buffer[0x800], 0xff);
	cr_assert_eq(buffer[0x17ff], 0xff);
	cr_assert_eq(buffer[0x1800], 2);
	cr_assert_eq(buffer[0x27ff], 2);
	cr_assert_eq(buffer[0x2800], 0xff);
	cr_assert_eq(buffer[0x2fff], 0xff);

	memset(buffer, 9, sizeof(buffer));
	transport->ram.write(transport, 0x800, buffer, 0x3000);
	cr_assert_eq(memory[0x7ff], 1);
	cr_assert_eq(memory[0x800], 9);
	cr_assert_eq(memory[0x1fff], 9);
	cr_assert_eq(memory[0x2000], 2);

	cr_assert_not_null(transport->ram.map(transport, 0, 0x1000));
	cr_assert_not_null(transport->ram.map(transport, HIGH + 0xfff, 1));
	cr_assert_null(transport->ram.map(transport, 1, 0x1000));
	cr_assert_null(transport->ram.map(transport, 0x1000, 1));
	cr_assert_null(transport->ram.map(transport, UINT64_MAX - 4095, 4096));
	transport->ram.read(transport, UINT64_MAX - 15, buffer, 32);
	cr_assert_eq(buffer[0], 0xff);
	munmap(memory, 0x3000);
	close(fd);
}

Test(qemu, end_between_messages_is_no_error)
{
	barrier();
	cr_assert_eq(finish(), 0);
	cr_assert_null(serve_message);
}

/* A machine that is gone before it has its reply has ended, that is all. */
Test(qemu, end_before_a_reply_is_no_error)
{
	shutdown(qemu, SHUT_RD);
	send_message(RESET, NULL, 0, NULL, 0);
	cr_assert_eq(finish(), 0);
	cr_assert_null(serve_message);
}

Test(qemu, can_be_stopped)
{
	barrier();
	transport->stop(transport);
	pthread_join(server, NULL);
	cr_assert_eq(serve_result, 0);
	close(qemu);
	qemu = -1;
}

/* --- the interrupt --------------------------------------------------------------------- */

static struct hgcm_service *echo;

static void start_echo(void)
{
	char *message;

	cr_assert_eq(hgcm_service_load(ECHO_SERVICE, &echo, &message), 0);
	start_with(echo, true);
}

static void stop_echo(void)
{
	finish();
	vmmdev_free(dev);
	transport->free(transport);
	hgcm_service_unload(echo);
	leak_check();
}

TestSuite(qemu_irq, .init = start_echo, .fini = stop_echo, .timeout = 60);

static bool is_signalled(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) == 1;
}

static void wait_for(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	uint64_t count;

	cr_assert_eq(poll(&polled, 1, 10000), 1);
	cr_assert_eq(read(fd, &count, sizeof(count)), (ssize_t)sizeof(count));
}

static void submit(uint8_t *memory, const void *request, size_t bytes)
{
	memcpy(memory, request, bytes);
	bar(BARWRITE, PORT_BASE, 0, 4, false);
}

/* The line goes up with the event, again after each end of interrupt, until acknowledged. */
Test(qemu_irq, interrupt_and_resample)
{
	const struct region region = {0, 0x1000, 0};
	int irq = eventfd(0, EFD_NONBLOCK), resample = eventfd(0, EFD_NONBLOCK), fd;
	uint8_t *memory = new_memory(0x1000, &fd);
	VMMDevReportGuestInfo info = {.interfaceVersion = VMMDEV_INTERFACE_VERSION};
	VMMDevHGCMConnect connect = {.szService = "Echo"};
	uint64_t one = 1;

	config(CFGWRITE, 0x10, PORT_BASE, 4);
	show_memory(&region, &fd, 1);
	send_message(IRQFD, NULL, 0, (int[]){irq, resample}, 2);
	info.header = (VMMDevRequestHeader){
		sizeof(info), VMMDEV_REQUEST_HEADER_VERSION, VMMDevReq_ReportGuestInfo, -1, 0, 0};
	submit(memory, &info, sizeof(info));
	cr_assert_eq(rc_at(memory), VINF_SUCCESS);
	cr_assert_not(is_signalled(irq));

	connect.header.header = (VMMDevRequestHeader){
		sizeof(connect), VMMDEV_REQUEST_HEADER_VERSION, VMMDevReq_HGCMConnect, -1, 0, 0};
	submit(memory, &connect, sizeof(connect));
	cr_assert_eq(rc_at(memory), VINF_HGCM_ASYNC_EXECUTE);
	wait_for(irq);
	cr_assert_eq(write(resample, &one, sizeof(one)), (ssize_t)sizeof(one));
	wait_for(irq);
	/* New descriptors learn of the level too. */
	send_message(IRQFD, NULL, 0, (int[]){irq, resample}, 2);
	wait_for(irq);
	cr_assert_eq(bar(BARREAD, PORT_BASE + 8, 0, 4, false), VMMDEV_EVENT_HGCM);
	cr_assert_eq(write(resample, &one, sizeof(one)), (ssize_t)sizeof(one));
	barrier();
	usleep(20000);
	cr_assert_not(is_signalled(irq));
	munmap(memory, 0x1000);
	close(fd);
	close(irq);
	close(resample);
}

/* --- malformed messages: an error that says so, and the end of serving -------------------- */

static void check_refused(const char *text)
{
	pthread_join(server, NULL);
	cr_assert_eq(serve_result, -EPROTO);
	cr_assert_not_null(serve_message);
	cr_assert_not_null(strstr(serve_message, text), "%s", serve_message);
	close(qemu);
	qemu = -1;
}

Test(qemu, unknown_message)
{
	send_message(8, NULL, 0, NULL, 0);
	check_refused("unknown message, number 8");
}

Test(qemu, negative_message)
{
	send_message(-1, NULL, 0, NULL, 0);
	check_refused("unknown message, number -1");
}

Test(qemu, reply_out_of_turn)
{
	uint64_t value = 1;

	send_message(RET, &value, sizeof(value), NULL, 0);
	check_refused("unknown message, number 1");
}

/* One process for each: serving ends with the first. */
#define WRONG_SIZE(name, command, bytes)                        \
	Test(qemu, name)                                        \
	{                                                       \
		uint8_t payload[256] = {0};                     \
                                                                \
		send_message(command, payload, bytes, NULL, 0); \
		check_refused(" bytes, not ");                  \
	}

WRONG_SIZE(sysmem_too_short, SYSMEM, 191)
WRONG_SIZE(sysmem_too_long, SYSMEM, 193)
WRONG_SIZE(config_write_too_short, CFGWRITE, 8)
WRONG_SIZE(config_read_too_long, CFGREAD, 16)
WRONG_SIZE(bar_write_too_short, BARWRITE, 21)
WRONG_SIZE(bar_read_empty, BARREAD, 0)
WRONG_SIZE(irqfd_with_payload, IRQFD, 8)
WRONG_SIZE(reset_with_payload, RESET, 4)

Test(qemu, endless_payload)
{
	uint64_t header[2] = {CFGREAD, UINT64_MAX};

	send_bytes(header, sizeof(header), NULL, 0);
	check_refused("18446744073709551615 bytes, not 12");
}

Test(qemu, end_in_a_header)
{
	send_bytes("\3", 1, NULL, 0);
	shutdown(qemu, SHUT_WR);
	check_refused("in the middle of a message");
}

Test(qemu, end_after_a_header)
{
	uint64_t header[2] = {CFGREAD, 12};

	send_bytes(header, sizeof(header), NULL, 0);
	shutdown(qemu, SHUT_WR);
	check_refused("after a message's header");
}

Test(qemu, end_in_a_payload)
{
	uint64_t message[3] = {CFGREAD, 12};

	send_bytes(message, sizeof(message), NULL, 0);
	shutdown(qemu, SHUT_WR);
	check_refused("in the middle of a message");
}

Test(qemu, access_of_no_size)
{
	uint64_t payload[3];

	bar_payload(payload, PORT_BASE, 0, 0, false);
	send_message(BARREAD, payload, sizeof(payload), NULL, 0);
	check_refused("reads 0 bytes");
}

Test(qemu, access_of_odd_size)
{
	uint64_t payload[3];

	bar_payload(payload, PORT_BASE, 0, 3, false);
	send_message(BARWRITE, payload, sizeof(payload), NULL, 0);
	check_refused("writes 3 bytes");
}

Test(qemu, access_of_great_size)
{
	uint64_t payload[3];

	bar_payload(payload, PORT_BASE, 0, 0x80000000, true);
	send_message(BARREAD, payload, sizeof(payload), NULL, 0);
	check_refused("reads 2147483648 bytes");
}

Test(qemu, memory_without_descriptor)
{
	const struct region region = {0, 0x1000, 0};

	show_memory(&region, NULL, 0);
	check_refused("SYNC_SYSMEM message with 0 descriptors");
}

Test(qemu, descriptors_where_none_belong)
{
	uint32_t payload[3] = {0, 0, 4};

	send_message(CFGREAD, payload, sizeof(payload), (int[]){0}, 1);
	check_refused("PCI_CFGREAD message with 1 descriptors");
}

Test(qemu, interrupt_with_one_descriptor)
{
	send_message(IRQFD, NULL, 0, (int[]){0}, 1);
	check_refused("SET_IRQFD message with 1 descriptors");
}

/* Those that are too many are closed, not kept. */
Test(qemu, too_many_descriptors)
{
	struct region regions[8] = {{0}};
	int ends[2], fds[20];
	char byte;

	cr_assert_eq(pipe(ends), 0);
	for (size_t i = 0; i < 20; i++)
		fds[i] = ends[1];
	show_memory(regions, fds, 20);
	check_refused("cannot read from QEMU");
	close(ends[1]);
	cr_assert_eq(read(ends[0], &byte, 1), 0, "somebody still has the pipe's other end");
	close(ends[0]);
}

static void check_region_refused(struct region region)
{
	int fd;
	uint8_t *memory = new_memory(0x4000, &fd);

	show_memory(&region, &fd, 1);
	check_refused("memory that is not there");
	munmap(memory, 0x4000);
	close(fd);
}

Test(qemu, memory_beyond_the_file)
{
	check_region_refused((struct region){0, 0x5000, 0});
}

Test(qemu, memory_offset_beyond_the_file)
{
	check_region_refused((struct region){0, 0x1000, 0x4000});
}

Test(qemu, memory_of_no_size)
{
	check_region_refused((struct region){0, 0, 0});
}

Test(qemu, memory_with_negative_offset)
{
	check_region_refused((struct region){0, 0x1000, -0x1000});
}

Test(qemu, memory_with_odd_offset)
{
	check_region_refused((struct region){0, 0x1000, 0x800});
}

Test(qemu, memory_whose_end_overflows)
{
	check_region_refused((struct region){0, UINT64_MAX - 0xfff, 0x2000});
}

Test(qemu, memory_whose_address_overflows)
{
	check_region_refused((struct region){UINT64_MAX - 0xfff, 0x2000, 0});
}

Test(qemu, memory_that_cannot_be_mapped)
{
	const struct region region = {0, 0x1000, 0};
	char path[64];
	int fd, read_only;
	uint8_t *memory = new_memory(0x1000, &fd);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_only = open(path, O_RDONLY);
	show_memory(&region, &read_only, 1);
	pthread_join(server, NULL);
	cr_assert_eq(serve_result, -EACCES);
	cr_assert_not_null(strstr(serve_message, "cannot map the guest's memory"));
	munmap(memory, 0x1000);
	close(fd);
	close(read_only);
	close(qemu);
	qemu = -1;
}

Test(qemu, memory_of_no_file)
{
	const struct region region = {0, 0x1000, 0};
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	show_memory(&region, ends, 1);
	check_refused("memory that is not there");
	close(ends[0]);
	close(ends[1]);
}

Test(qemu, argument)
{
	char *argument = qemu_transport_argument(17);

	cr_assert_str_eq(argument, "x-pci-proxy-dev,id=vmmdev,fd=17");
	free(argument);
}
