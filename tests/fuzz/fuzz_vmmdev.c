/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's requests, out of a guest RAM that the input fills: requests of any
 * type and size, HGCM calls with page lists among them, and a guest that changes
 * its request while the device reads it. The service behind the device is ours.
 */
#include <dlfcn.h>

#include "device.h"
#include "fuzz.h"
#include "hgcm.h"
#include "shfl.h"
#include "vmmdev.h"

#define RAM_SIZE 0x40000u
#define PORT_BASE 0xc060u
#define MEMORY_BASE 0xfebff000u
#define REQUEST 0x1000u
#define MAX_OPERATIONS 24

static uint8_t *ram;
static uint32_t change_after; /* reads; 0: never */
static uint32_t change_at;
static uint8_t change_to;

static void ram_read(void *user, uint64_t address, void *to, size_t bytes)
{
	(void)user;
	memset(to, 0xff, bytes);
	if (address < RAM_SIZE)
		memcpy(to, ram + address, bytes < RAM_SIZE - address ? bytes : RAM_SIZE - address);
	if (change_after && !--change_after)
		ram[(REQUEST + change_at) % RAM_SIZE] = change_to;
}

static void ram_write(void *user, uint64_t address, const void *from, size_t bytes)
{
	(void)user;
	if (address < RAM_SIZE)
		memcpy(ram + address, from,
		       bytes < RAM_SIZE - address ? bytes : RAM_SIZE - address);
}

static void *ram_map(void *user, uint64_t address, size_t bytes)
{
	(void)user;
	return address < RAM_SIZE && bytes <= RAM_SIZE - address ? ram + address : NULL;
}

static void set_irq(void *user, bool high)
{
	(void)user, (void)high;
}

static void submit(struct vmmdev *dev)
{
	vmmdev_bar_write(dev, false, PORT_BASE + VMMDEV_PORT_REQUEST, REQUEST, 4);
}

static void begin(uint32_t type, uint32_t size)
{
	VMMDevRequestHeader header = {
		.size = size,
		.version = VMMDEV_REQUEST_HEADER_VERSION,
		.requestType = type,
		.fRequestor = VMMDEV_REQUESTOR_USR_DRV_OTHER,
	};

	memcpy(ram + REQUEST, &header, sizeof(header));
}

/* A request of a known type (by its number's low byte), with bytes of the input behind. */
static void any_request(struct vmmdev *dev, struct input *input)
{
	uint32_t type = take_uint8(input);
	uint32_t size = take_uint8(input);

	if (type == 0xff)
		type = take_uint32(input);
	begin(type, size == 0xff ? take_uint32(input) : size);
	take(input, ram + REQUEST + sizeof(VMMDevRequestHeader),
	     size > sizeof(VMMDevRequestHeader) ? size - sizeof(VMMDevRequestHeader) : 0);
	submit(dev);
}

/* The same memory with only some bytes different. */
static void again(struct vmmdev *dev, struct input *input)
{
	for (unsigned n = take_uint8(input) % 8; n; n--)
		ram[REQUEST + take_uint8(input)] = take_uint8(input);
	submit(dev);
}

static void access_registers(struct vmmdev *dev, struct input *input)
{
	uint8_t how = take_uint8(input);
	uint64_t address = take_uint16(input);
	unsigned bytes = 1u << (how >> 4) % 4;

	switch (how % 6) {
	case 0:
		vmmdev_config_read(dev, (uint32_t)address % 260, bytes % 5);
		break;
	case 1:
		vmmdev_config_write(dev, (uint32_t)address % 260, take_uint32(input), bytes % 5);
		break;
	case 2:
		vmmdev_bar_read(dev, false, PORT_BASE + address % 40, bytes);
		break;
	case 3:
		vmmdev_bar_read(dev, true, MEMORY_BASE + address % 5000, bytes);
		break;
	case 4:
		vmmdev_bar_write(dev, how & 8, (how & 8 ? MEMORY_BASE : PORT_BASE) + address % 64,
				 take_uint32(input), bytes);
		break;
	case 5:
		vmmdev_reset(dev);
	}
}

static void prepare_change(struct input *input)
{
	change_after = take_uint8(input) % 16;
	change_at = take_uint8(input);
	change_to = take_uint8(input);
}

/* Memory that requests point to. */
static void fill(struct input *input)
{
	uint32_t at = take_uint16(input) * 4u % RAM_SIZE;
	uint32_t bytes = take_uint8(input);

	take(input, ram + at, bytes < RAM_SIZE - at ? bytes : RAM_SIZE - at);
}

static void place(struct vmmdev *dev)
{
	vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
	vmmdev_config_write(dev, 0x14, MEMORY_BASE, 4);
	vmmdev_config_write(dev, 4, 7, 2);
}

static void operation(struct vmmdev *dev, struct input *input)
{
	switch (take_uint8(input) % 8) {
	case 0:
	case 1:
	case 2:
		any_request(dev, input);
		break;
	case 3:
	case 4:
		again(dev, input);
		break;
	case 5:
		access_registers(dev, input);
		place(dev);
		break;
	case 6:
		prepare_change(input);
		break;
	default:
		fill(input);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct hgcm_service *service = NULL;
	struct vmmdev *dev;
	char *message;

	if (!ram) {
		ram = aligned_alloc(4096, RAM_SIZE);
		fuzz_make_world();
		/* The fuzzer counts what is executed in the module: it has to stay. */
		if (!dlopen(SFSERVICE_PATH, RTLD_NOW | RTLD_NODELETE))
			abort();
	}
	memset(ram, 0, RAM_SIZE);
	fuzz_make_share();
	if (hgcm_service_load(SFSERVICE_PATH, &service, &message))
		abort();
	hgcm_add_share(service, "share", fuzz_path("share"),
		       SHFL_ADD_MAPPING_F_WRITABLE | SHFL_ADD_MAPPING_F_CREATE_SYMLINKS, NULL);
	change_after = 0;
	dev = vmmdev_new(&(struct vmmdev_config){
		.service_name = "VBoxSharedFolders",
		.service = service,
		.ram = {ram_read, ram_write, ram_map, NULL},
		.set_irq = set_irq,
		.can_finish_later = take_uint8(&input) & 1,
		.heap_bytes = 1 << 24,
	});
	if (!dev)
		abort();
	place(dev);
	for (unsigned i = 0; input.left && i < MAX_OPERATIONS; i++)
		operation(dev, &input);
	vmmdev_free(dev);
	hgcm_service_unload(service);
	fuzz_check_outside();
	return 0;
}
