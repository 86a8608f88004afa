/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile or broken QEMU: any messages, with or without descriptors, on the
 * transport's socket, which then ends.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../unit/send_fds.h"
#include "fuzz.h"
#include "transport.h"

#define MAX_MESSAGES 40
#define MAX_FDS 10

static int make_fd(uint8_t kind)
{
	int fd;

	switch (kind % 4) {
	case 0:
		fd = memfd_create("ram", MFD_CLOEXEC);
		if (fd >= 0 && ftruncate(fd, 0x20000))
			abort();
		return fd;
	case 1:
		return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	case 2:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	return memfd_create("empty", MFD_CLOEXEC);
}

static void send_message(int socket, struct input *input)
{
	int32_t command = take_uint8(input) % 10;
	uint8_t how = take_uint8(input);
	uint64_t size = take_uint8(input);
	uint8_t bytes[16 + 256];
	int fds[MAX_FDS];
	unsigned n_fds = how % MAX_FDS;
	uint64_t stated = how & 0x80 ? take_uint64(input) : size;

	memset(bytes, 0, 16);
	memcpy(bytes, &command, sizeof(command));
	memcpy(bytes + 8, &stated, sizeof(stated));
	take(input, bytes + 16, size);
	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = make_fd((uint8_t)(how >> 4) + i);
	send_with_fds(socket, bytes, 16 + size, fds, n_fds, MSG_DONTWAIT);
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct transport *transport;
	struct vmmdev *dev;
	char *message = NULL;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		abort();
	transport = qemu_transport_new(fds[1]);
	dev = vmmdev_new(&(struct vmmdev_config){
		.service_name = "none",
		.ram = transport->ram,
		.set_irq = transport->set_irq,
		.irq_user = transport,
	});
	for (unsigned i = 0; input.left && i < MAX_MESSAGES; i++)
		send_message(fds[0], &input);
	shutdown(fds[0], SHUT_WR);
	transport->serve(transport, dev, &message);
	free(message);
	vmmdev_free(dev);
	transport->free(transport);
	close(fds[0]);
	return 0;
}
