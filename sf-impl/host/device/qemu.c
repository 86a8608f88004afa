/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport for QEMU's x-pci-proxy-dev: messages over a socket, guest memory
 * from descriptors that come with them (spec/qemu-device.md).
 */
#include "transport.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_REGIONS 8
#define MAX_FDS MAX_REGIONS
#define PAGE_SIZE 4096

enum message_command {
	MESSAGE_SYNC_SYSMEM,
	MESSAGE_RET,
	MESSAGE_CONFIG_WRITE,
	MESSAGE_CONFIG_READ,
	MESSAGE_BAR_WRITE,
	MESSAGE_BAR_READ,
	MESSAGE_SET_IRQFD,
	MESSAGE_DEVICE_RESET
};

struct message_header {
	int32_t command;
	uint32_t padding;
	uint64_t size; /* of the payload that follows */
};
SF_SIZE(struct message_header, 16);

struct sysmem_payload {
	uint64_t address[MAX_REGIONS];
	uint64_t size[MAX_REGIONS];
	int64_t offset[MAX_REGIONS]; /* in the descriptor */
};
SF_SIZE(struct sysmem_payload, 192);

struct config_payload {
	uint32_t address;
	uint32_t value;
	int32_t bytes;
};
SF_SIZE(struct config_payload, 12);

struct bar_payload {
	uint64_t address;
	uint64_t value;
	uint32_t bytes;
	uint8_t memory;
};
SF_SIZE(struct bar_payload, 24);
SF_OFFSET(struct bar_payload, memory, 20);

struct message {
	struct message_header header;
	union {
		struct sysmem_payload sysmem;
		struct config_payload config;
		struct bar_payload bar;
		uint64_t value;
	} payload;
	int fds[MAX_FDS];
	int n_fds;
};

struct region {
	uint64_t address;
	uint64_t size;
	uint8_t *memory;
};

struct qemu_transport {
	struct transport base;
	int fd;
	int irq_fd; /* -1: the machine takes no interrupts from us */
	int resample_fd; /* readable when the guest ended an interrupt */
	pthread_rwlock_t lock; /* calls that end later use the memory and the interrupt */
	struct region regions[MAX_REGIONS];
	int n_regions;
	char **message; /* serve's */
};

/* --- memory ------------------------------------------------------------- */

/*
 * Finds the region that holds an address. *bytes becomes how many of these lie
 * in the region, or, if there is none, how many lie before the next.
 */
static const struct region *region_find(const struct qemu_transport *qemu, uint64_t address,
					size_t *bytes)
{
	const struct region *region;

	for (int i = 0; i < qemu->n_regions; i++) {
		region = &qemu->regions[i];
		if (address >= region->address && address - region->address < region->size) {
			uint64_t left = region->size - (address - region->address);

			*bytes = *bytes < left ? *bytes : (size_t)left;
			return region;
		}
	}
	for (int i = 0; i < qemu->n_regions; i++) {
		region = &qemu->regions[i];
		if (region->address > address && region->address - address < *bytes)
			*bytes = (size_t)(region->address - address);
	}
	return NULL;
}

static void ram_read(void *user, uint64_t address, void *to, size_t bytes)
{
	struct qemu_transport *qemu = user;
	uint8_t *at = to;

	pthread_rwlock_rdlock(&qemu->lock);
	while (bytes) {
		size_t n = bytes;
		const struct region *region = region_find(qemu, address, &n);

		if (region)
			memcpy(at, region->memory + (address - region->address), n);
		else
			memset(at, 0xff, n);
		at += n;
		address += n;
		bytes -= n;
	}
	pthread_rwlock_unlock(&qemu->lock);
}

static void ram_write(void *user, uint64_t address, const void *from, size_t bytes)
{
	struct qemu_transport *qemu = user;
	const uint8_t *at = from;

	pthread_rwlock_rdlock(&qemu->lock);
	while (bytes) {
		size_t n = bytes;
		const struct region *region = region_find(qemu, address, &n);

		if (region)
			memcpy(region->memory + (address - region->address), at, n);
		at += n;
		address += n;
		bytes -= n;
	}
	pthread_rwlock_unlock(&qemu->lock);
}

/* Regions change only between accesses, so the result holds during one. */
static void *ram_map(void *user, uint64_t address, size_t bytes)
{
	struct qemu_transport *qemu = user;
	const struct region *region;
	size_t n = bytes;
	void *memory = NULL;

	pthread_rwlock_rdlock(&qemu->lock);
	region = region_find(qemu, address, &n);
	if (region && n == bytes)
		memory = region->memory + (address - region->address);
	pthread_rwlock_unlock(&qemu->lock);
	return memory;
}

/* --- errors ------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int fail(struct qemu_transport *qemu, int error,
						      const char *format, ...)
{
	va_list args;

	free(*qemu->message);
	va_start(args, format);
	if (vasprintf(qemu->message, format, args) < 0)
		*qemu->message = NULL;
	va_end(args);
	return error;
}

/* --- messages ----------------------------------------------------------- */

static void message_close_fds(struct message *message)
{
	while (message->n_fds)
		close(message->fds[--message->n_fds]);
}

/* Takes a descriptor out of a message. */
static int message_take_fd(struct message *message, int index)
{
	int fd = message->fds[index];

	message->fds[index] = message->fds[--message->n_fds];
	return fd;
}

static void message_add_fds(struct message *message, const struct cmsghdr *control)
{
	const int *fds = (const int *)CMSG_DATA(control);
	size_t n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		if (message->n_fds < MAX_FDS)
			message->fds[message->n_fds++] = fds[i];
		else
			close(fds[i]);
	}
}

/* One recvmsg(); returns what it does, adds descriptors to the message. */
static ssize_t receive_some(struct qemu_transport *qemu, struct message *message, void *to,
			    size_t bytes)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
	} control;
	struct iovec part = {.iov_base = to, .iov_len = bytes};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(qemu->fd, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			message_add_fds(message, c);
	if (header.msg_flags & MSG_CTRUNC) {
		errno = EPROTO; /* more descriptors than any message has; the kernel dropped some */
		return -1;
	}
	return n;
}

/* Returns 1, 0 if the machine is gone before the first byte, or negative errno. */
static int receive(struct qemu_transport *qemu, struct message *message, void *to, size_t bytes)
{
	size_t got = 0;

	while (got < bytes) {
		ssize_t n = receive_some(qemu, message, (uint8_t *)to + got, bytes - got);

		if (n < 0 && errno != ECONNRESET)
			return fail(qemu, -errno, "cannot read from QEMU: %s", strerror(errno));
		if (n <= 0)
			return got ? fail(qemu, -EPROTO, "QEMU ended in the middle of a message")
				   : 0;
		got += (size_t)n;
	}
	return 1;
}

/* A machine that is gone is noticed by the next receive(). */
static int reply(struct qemu_transport *qemu, uint64_t value)
{
	struct {
		struct message_header header;
		uint64_t value;
	} message = {
		.header = {.command = MESSAGE_RET, .size = sizeof(value)},
		.value = value,
	};
	const uint8_t *at = (const uint8_t *)&message;
	size_t left = sizeof(message);

	while (left) {
		ssize_t n = send(qemu->fd, at, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0)
			return fail(qemu, -errno, "cannot write to QEMU: %s", strerror(errno));
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

/* --- what messages do: return 0 or negative errno, *value is the reply ---- */

static void regions_drop(struct qemu_transport *qemu)
{
	while (qemu->n_regions) {
		const struct region *region = &qemu->regions[--qemu->n_regions];

		munmap(region->memory, region->size);
	}
}

static int region_add(struct qemu_transport *qemu, const struct sysmem_payload *sysmem, int index,
		      int fd)
{
	struct region *region = &qemu->regions[qemu->n_regions];
	uint64_t offset = (uint64_t)sysmem->offset[index], end;
	struct stat stat;

	region->address = sysmem->address[index];
	region->size = sysmem->size[index];
	/* Pages beyond the file's end would kill us when they are touched. */
	if (fstat(fd, &stat) != 0 || !region->size || sysmem->offset[index] < 0 ||
	    offset % PAGE_SIZE || __builtin_add_overflow(offset, region->size, &end) ||
	    end > (uint64_t)stat.st_size ||
	    __builtin_add_overflow(region->address, region->size, &end))
		return fail(qemu, -EPROTO,
			    "QEMU shows memory that is not there: 0x%" PRIx64 " bytes at 0x%" PRIx64
			    ", offset 0x%" PRIx64,
			    region->size, region->address, offset);
	region->memory =
		mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (region->memory == MAP_FAILED)
		return fail(qemu, -errno, "cannot map the guest's memory: %s", strerror(errno));
	qemu->n_regions++;
	return 0;
}

static int handle_sysmem(struct qemu_transport *qemu, struct vmmdev *dev, struct message *message,
			 uint64_t *value)
{
	int error = 0;

	(void)dev, (void)value;
	pthread_rwlock_wrlock(&qemu->lock);
	regions_drop(qemu);
	for (int i = 0; i < message->n_fds && !error; i++)
		error = region_add(qemu, &message->payload.sysmem, i, message->fds[i]);
	pthread_rwlock_unlock(&qemu->lock);
	return error;
}

static int handle_config_write(struct qemu_transport *qemu, struct vmmdev *dev,
			       struct message *message, uint64_t *value)
{
	const struct config_payload *config = &message->payload.config;

	(void)qemu, (void)value;
	vmmdev_config_write(dev, config->address, config->value, (unsigned int)config->bytes);
	return 0;
}

static int handle_config_read(struct qemu_transport *qemu, struct vmmdev *dev,
			      struct message *message, uint64_t *value)
{
	const struct config_payload *config = &message->payload.config;

	(void)qemu;
	*value = vmmdev_config_read(dev, config->address, (unsigned int)config->bytes);
	return 0;
}

static bool is_access(const struct bar_payload *bar)
{
	return bar->bytes == 1 || bar->bytes == 2 || bar->bytes == 4 || bar->bytes == 8;
}

static int handle_bar_write(struct qemu_transport *qemu, struct vmmdev *dev,
			    struct message *message, uint64_t *value)
{
	const struct bar_payload *bar = &message->payload.bar;

	(void)value;
	if (!is_access(bar))
		return fail(qemu, -EPROTO, "QEMU writes %" PRIu32 " bytes at once", bar->bytes);
	vmmdev_bar_write(dev, bar->memory, bar->address, bar->value, bar->bytes);
	return 0;
}

static int handle_bar_read(struct qemu_transport *qemu, struct vmmdev *dev, struct message *message,
			   uint64_t *value)
{
	const struct bar_payload *bar = &message->payload.bar;

	if (!is_access(bar))
		return fail(qemu, -EPROTO, "QEMU reads %" PRIu32 " bytes at once", bar->bytes);
	*value = vmmdev_bar_read(dev, bar->memory, bar->address, bar->bytes);
	return 0;
}

static void irq_close(struct qemu_transport *qemu)
{
	if (qemu->irq_fd >= 0) {
		close(qemu->irq_fd);
		close(qemu->resample_fd);
	}
	qemu->irq_fd = -1;
	qemu->resample_fd = -1;
}

static void set_irq(void *user, bool high)
{
	struct qemu_transport *qemu = user;
	uint64_t one = 1;
	ssize_t n;

	/* The machine lowers the line itself when the guest ends the interrupt. */
	if (!high)
		return;
	pthread_rwlock_rdlock(&qemu->lock);
	/* A failed write means a full counter: then there is a signal to take already. */
	n = qemu->irq_fd >= 0 ? write(qemu->irq_fd, &one, sizeof(one)) : 0;
	(void)n;
	pthread_rwlock_unlock(&qemu->lock);
}

static int handle_set_irqfd(struct qemu_transport *qemu, struct vmmdev *dev,
			    struct message *message, uint64_t *value)
{
	(void)value;
	pthread_rwlock_wrlock(&qemu->lock);
	irq_close(qemu);
	qemu->resample_fd = message_take_fd(message, 1);
	qemu->irq_fd = message_take_fd(message, 0);
	pthread_rwlock_unlock(&qemu->lock);
	set_irq(qemu, vmmdev_irq_level(dev));
	return 0;
}

static int handle_reset(struct qemu_transport *qemu, struct vmmdev *dev, struct message *message,
			uint64_t *value)
{
	(void)qemu, (void)message, (void)value;
	vmmdev_reset(dev);
	return 0;
}

struct message_type {
	const char *name;
	size_t size;
	int min_fds, max_fds;
	bool has_reply;
	int (*handle)(struct qemu_transport *qemu, struct vmmdev *dev, struct message *message,
		      uint64_t *value);
};

static const struct message_type message_types[] = {
	[MESSAGE_SYNC_SYSMEM] = {"SYNC_SYSMEM", sizeof(struct sysmem_payload), 1, MAX_REGIONS,
				 false, handle_sysmem},
	[MESSAGE_CONFIG_WRITE] = {"PCI_CFGWRITE", sizeof(struct config_payload), 0, 0, true,
				  handle_config_write},
	[MESSAGE_CONFIG_READ] = {"PCI_CFGREAD", sizeof(struct config_payload), 0, 0, true,
				 handle_config_read},
	[MESSAGE_BAR_WRITE] = {"BAR_WRITE", sizeof(struct bar_payload), 0, 0, true,
			       handle_bar_write},
	[MESSAGE_BAR_READ] = {"BAR_READ", sizeof(struct bar_payload), 0, 0, true, handle_bar_read},
	[MESSAGE_SET_IRQFD] = {"SET_IRQFD", 0, 2, 2, false, handle_set_irqfd},
	[MESSAGE_DEVICE_RESET] = {"DEVICE_RESET", 0, 0, 0, true, handle_reset},
};

static const struct message_type *message_type_find(int32_t command)
{
	if (command < 0 || (size_t)command >= sizeof(message_types) / sizeof(message_types[0]) ||
	    !message_types[command].handle)
		return NULL;
	return &message_types[command];
}

/* Returns as receive() does. */
static int message_receive(struct qemu_transport *qemu, struct message *message)
{
	int result = receive(qemu, message, &message->header, sizeof(message->header));
	const struct message_type *type;

	if (result <= 0)
		return result;
	type = message_type_find(message->header.command);
	if (!type)
		return fail(qemu, -EPROTO, "QEMU sent an unknown message, number %" PRId32,
			    message->header.command);
	if (message->header.size != type->size)
		return fail(qemu, -EPROTO, "QEMU sent a %s message of %" PRIu64 " bytes, not %zu",
			    type->name, message->header.size, type->size);
	if (type->size) {
		result = receive(qemu, message, &message->payload, type->size);
		if (result <= 0)
			return result ? result
				      : fail(qemu, -EPROTO, "QEMU ended after a message's header");
	}
	if (message->n_fds < type->min_fds || message->n_fds > type->max_fds)
		return fail(qemu, -EPROTO, "QEMU sent a %s message with %d descriptors", type->name,
			    message->n_fds);
	return 1;
}

static int message_handle(struct qemu_transport *qemu, struct vmmdev *dev, struct message *message)
{
	const struct message_type *type = &message_types[message->header.command];
	uint64_t value = 0;
	int error = type->handle(qemu, dev, message, &value);

	return !error && type->has_reply ? reply(qemu, value) : error;
}

/* Returns as receive() does. */
static int serve_message(struct qemu_transport *qemu, struct vmmdev *dev)
{
	struct message message = {.n_fds = 0};
	int result = message_receive(qemu, &message);
	int error = result > 0 ? message_handle(qemu, dev, &message) : 0;

	message_close_fds(&message);
	return error ? error : result;
}

/* The guest ended an interrupt: a level that is still high interrupts again. */
static void resample(struct qemu_transport *qemu, struct vmmdev *dev)
{
	uint64_t count;

	if (read(qemu->resample_fd, &count, sizeof(count)) == sizeof(count))
		set_irq(qemu, vmmdev_irq_level(dev));
}

static int serve(struct transport *transport, struct vmmdev *dev, char **ret_message)
{
	struct qemu_transport *qemu = (struct qemu_transport *)transport;
	int result = 1;

	*ret_message = NULL;
	qemu->message = ret_message;
	while (result > 0) {
		struct pollfd polled[2] = {
			{.fd = qemu->fd, .events = POLLIN},
			{.fd = qemu->resample_fd, .events = POLLIN},
		};

		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return fail(qemu, -errno, "cannot wait for QEMU: %s", strerror(errno));
		if (polled[1].revents & POLLIN)
			resample(qemu, dev);
		if (polled[0].revents)
			result = serve_message(qemu, dev);
	}
	return result;
}

static void stop(struct transport *transport)
{
	shutdown(((struct qemu_transport *)transport)->fd, SHUT_RDWR);
}

static void transport_free(struct transport *transport)
{
	struct qemu_transport *qemu = (struct qemu_transport *)transport;

	if (!qemu)
		return;
	irq_close(qemu);
	regions_drop(qemu);
	close(qemu->fd);
	pthread_rwlock_destroy(&qemu->lock);
	free(qemu);
}

struct transport *qemu_transport_new(int fd)
{
	struct qemu_transport *qemu = calloc(1, sizeof(*qemu));

	if (!qemu)
		return NULL;
	qemu->fd = fd;
	qemu->irq_fd = -1;
	qemu->resample_fd = -1;
	pthread_rwlock_init(&qemu->lock, NULL);
	qemu->base = (struct transport){
		.ram = {ram_read, ram_write, ram_map, qemu},
		.set_irq = set_irq,
		.serve = serve,
		.stop = stop,
		.free = transport_free,
	};
	return &qemu->base;
}

char *qemu_transport_argument(int peer_fd)
{
	char *argument;

	if (asprintf(&argument, "x-pci-proxy-dev,id=vmmdev,fd=%d", peer_fd) < 0)
		return NULL;
	return argument;
}
