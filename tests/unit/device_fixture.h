/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device in front of a service, with a guest whose RAM is an array: builds
 * requests in it and submits them. Each test is a process of its own, so there
 * is one of everything.
 */
#ifndef DEVICE_FIXTURE_H
#define DEVICE_FIXTURE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../services/echo_service.h"
#include "device.h"
#include "hgcm.h"
#include "leak_check.h"
#include "shfl.h"
#include "vbox_status.h"
#include "vmmdev.h"

#define ECHO_SERVICE BIN_DIR "/../lib/test-services/echo_service.so"

#define RAM_SIZE 0x400000u /* at 0 */
#define HIGH_RAM 0x100000000ull /* a second piece, above 4 GiB */
#define HIGH_RAM_SIZE 0x10000u
#define PORT_BASE 0xc060u
#define MEMORY_BASE 0xfebff000u
#define REQUEST 0x1000u /* where requests are built */
#define DATA 0x100000u /* and what they point to */

static uint8_t *ram, *high_ram;
static struct hgcm_service *service;
static struct vmmdev *dev;
static bool irq_level;
static int n_irqs; /* times that it went up */
static int n_calls;
static struct vmmdev_call last_call;
static uint32_t client;

/* Called after each read of guest memory: a guest that changes what was just read. */
static void (*after_read)(uint64_t address, size_t bytes);
static size_t n_request_reads; /* reads of the first bytes of the request */

#define FIXTURE __attribute__((unused)) static

static uint8_t *ram_byte(uint64_t address)
{
	if (address < RAM_SIZE)
		return ram + address;
	if (address >= HIGH_RAM && address < HIGH_RAM + HIGH_RAM_SIZE)
		return high_ram + (address - HIGH_RAM);
	return NULL;
}

static void fake_read(void *user, uint64_t address, void *to, size_t bytes)
{
	(void)user;
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] = ram_byte(address + i) ? *ram_byte(address + i) : 0xff;
	n_request_reads += address == REQUEST;
	if (after_read)
		after_read(address, bytes);
}

static void fake_write(void *user, uint64_t address, const void *from, size_t bytes)
{
	(void)user;
	for (size_t i = 0; i < bytes; i++)
		if (ram_byte(address + i))
			*ram_byte(address + i) = ((const uint8_t *)from)[i];
}

static void *fake_map(void *user, uint64_t address, size_t bytes)
{
	uint8_t *first = ram_byte(address), *last = ram_byte(address + bytes - 1);

	(void)user;
	return first && last && last - first == (long)bytes - 1 ? first : NULL;
}

static void fake_irq(void *user, bool high)
{
	(void)user;
	n_irqs += high && !irq_level;
	irq_level = high;
}

static void note_call(void *user, const struct vmmdev_call *call)
{
	(void)user;
	n_calls++;
	last_call = *call;
}

FIXTURE void device_start(const struct vmmdev_config *wanted)
{
	struct vmmdev_config config = *wanted;

	ram = aligned_alloc(4096, RAM_SIZE);
	high_ram = aligned_alloc(4096, HIGH_RAM_SIZE);
	memset(ram, 0, RAM_SIZE);
	memset(high_ram, 0, HIGH_RAM_SIZE);
	config.ram = (struct guest_ram){fake_read, fake_write, fake_map, NULL};
	config.set_irq = fake_irq;
	if (!config.call_ended)
		config.call_ended = note_call;
	dev = vmmdev_new(&config);
	cr_assert_not_null(dev);
	vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
	vmmdev_config_write(dev, 0x14, MEMORY_BASE, 4);
}

FIXTURE void device_stop(void)
{
	vmmdev_free(dev);
	hgcm_service_unload(service);
	free(ram);
	free(high_ram);
	leak_check();
}

FIXTURE void load_service(const char *file)
{
	char *message;

	cr_assert_eq(hgcm_service_load(file, &service, &message), 0, "%s", message);
}

FIXTURE uint32_t get32(uint64_t address)
{
	uint32_t value;

	memcpy(&value, ram_byte(address), sizeof(value));
	return value;
}

FIXTURE uint64_t get64(uint64_t address)
{
	uint64_t value;

	memcpy(&value, ram_byte(address), sizeof(value));
	return value;
}

FIXTURE void put32(uint64_t address, uint32_t value)
{
	memcpy(ram_byte(address), &value, sizeof(value));
}

FIXTURE void put64(uint64_t address, uint64_t value)
{
	memcpy(ram_byte(address), &value, sizeof(value));
}

/* A request as Linux prepares it: 0xaa everywhere, then the header. */
FIXTURE void request_begin(uint32_t type, uint32_t size)
{
	VMMDevRequestHeader header = {
		.size = size,
		.version = VMMDEV_REQUEST_HEADER_VERSION,
		.requestType = type,
		.rc = -1,
		.fRequestor = VMMDEV_REQUESTOR_USR_DRV_OTHER,
	};

	memset(ram + REQUEST, 0xaa, size);
	memcpy(ram + REQUEST, &header, sizeof(header));
}

FIXTURE int32_t request_rc(void)
{
	return (int32_t)get32(REQUEST + 12);
}

FIXTURE int32_t submit(void)
{
	vmmdev_bar_write(dev, false, PORT_BASE + VMMDEV_PORT_REQUEST, REQUEST, 4);
	return request_rc();
}

/* Sends a request with 32-bit fields behind the header. */
FIXTURE int32_t request_send(uint32_t type, uint32_t size, const uint32_t *fields, size_t n)
{
	request_begin(type, size);
	memcpy(ram + REQUEST + sizeof(VMMDevRequestHeader), fields, n * sizeof(fields[0]));
	return submit();
}

#define SEND(type, size, ...)                                     \
	request_send(type, size, (const uint32_t[]){__VA_ARGS__}, \
		     sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

FIXTURE int32_t report_info(uint32_t version)
{
	return SEND(VMMDevReq_ReportGuestInfo, 32, version, 0x53100);
}

FIXTURE int32_t report_info2(uint16_t major, uint16_t minor, uint32_t build, const char *name)
{
	VMMDevReportGuestInfo2 *info = (VMMDevReportGuestInfo2 *)(ram + REQUEST);

	request_begin(VMMDevReq_ReportGuestInfo2, sizeof(*info));
	info->additionsMajor = major;
	info->additionsMinor = minor;
	info->additionsBuild = build;
	info->additionsRevision = 127566;
	info->additionsFeatures = VMMDEV_GUEST_INFO2_FEATURE_REQUESTOR;
	memset(info->szName, 0, sizeof(info->szName));
	memcpy(info->szName, name, strlen(name));
	return submit();
}

/* What a Linux guest does before it connects. */
FIXTURE void guest_report(void)
{
	cr_assert_eq(report_info2(6, 0, 0, "6.0.0"), VINF_SUCCESS);
	cr_assert_eq(report_info(VMMDEV_INTERFACE_VERSION), VINF_SUCCESS);
}

FIXTURE int32_t request_result(void)
{
	return (int32_t)get32(REQUEST + 28);
}

FIXTURE bool request_is_done(void)
{
	return get32(REQUEST + 24) & VBOX_HGCM_REQ_DONE;
}

FIXTURE void hgcm_begin(uint32_t type, uint32_t size)
{
	request_begin(type, size);
	put32(REQUEST + 24, 0);
	put32(REQUEST + 28, (uint32_t)VERR_GENERAL_FAILURE);
}

FIXTURE int32_t hgcm_send_connect(const char *name)
{
	VMMDevHGCMConnect *connect = (VMMDevHGCMConnect *)(ram + REQUEST);

	hgcm_begin(VMMDevReq_HGCMConnect, sizeof(*connect));
	connect->locationType = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
	memset(connect->szService, 0, sizeof(connect->szService));
	memcpy(connect->szService, name, strlen(name));
	connect->u32ClientID = 0;
	return submit();
}

FIXTURE int32_t hgcm_send_disconnect(uint32_t id)
{
	hgcm_begin(VMMDevReq_HGCMDisconnect, 36);
	put32(REQUEST + 32, id);
	return submit();
}

/* Finishes what a guest does before calls; "client" is connected afterwards. */
FIXTURE void guest_connect(const char *name)
{
	guest_report();
	cr_assert_eq(hgcm_send_connect(name), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	client = get32(REQUEST + 164);
	cr_assert_neq(client, 0);
}

/* The echo service under the shared folders' name, and a guest that is connected to it. */
FIXTURE void device_start_echo(void)
{
	load_service(ECHO_SERVICE);
	device_start(&(struct vmmdev_config){
		.service_name = SHFL_SERVICE_NAME,
		.service = service,
		.heap_bytes = 64 << 20,
	});
	guest_connect(SHFL_SERVICE_NAME);
}

/* --- calls: 64-bit ones, unless call_begin() is told otherwise ------------ */

static uint32_t parm_stride;

FIXTURE void call_begin_as(uint32_t type, uint32_t fn, uint32_t n_parms, uint32_t size)
{
	hgcm_begin(type, size);
	parm_stride = type == VMMDevReq_HGCMCall32 ? 12 : 16;
	put32(REQUEST + 32, client);
	put32(REQUEST + 36, fn);
	put32(REQUEST + 40, n_parms);
}

FIXTURE void call_begin(uint32_t fn, uint32_t n_parms, uint32_t size)
{
	call_begin_as(VMMDevReq_HGCMCall64, fn, n_parms, size);
}

FIXTURE uint32_t parm_at(uint32_t index)
{
	return REQUEST + 44 + index * parm_stride;
}

FIXTURE void parm32(uint32_t index, uint32_t value)
{
	put32(parm_at(index), VMMDevHGCMParmType_32bit);
	put32(parm_at(index) + 4, value);
}

FIXTURE void parm64(uint32_t index, uint64_t value)
{
	put32(parm_at(index), VMMDevHGCMParmType_64bit);
	put64(parm_at(index) + 4, value);
}

FIXTURE void parm_linear(uint32_t index, uint32_t type, uint32_t size, uint64_t address)
{
	put32(parm_at(index), type);
	put32(parm_at(index) + 4, size);
	put32(parm_at(index) + 8, (uint32_t)address);
	if (parm_stride == 16)
		put32(parm_at(index) + 12, (uint32_t)(address >> 32));
}

/* All three forms of page lists. */
FIXTURE void parm_pages(uint32_t index, uint32_t type, uint32_t size, uint32_t list)
{
	put32(parm_at(index), type);
	put32(parm_at(index) + 4, size);
	put32(parm_at(index) + 8, list);
}

FIXTURE void parm_embedded(uint32_t index, uint32_t size, uint32_t flags, uint32_t offset)
{
	put32(parm_at(index), VMMDevHGCMParmType_Embedded);
	put32(parm_at(index) + 4, size);
	put32(parm_at(index) + 8, flags | offset << 8);
}

FIXTURE void page_list_array(uint32_t list, uint32_t flags, uint32_t first, uint32_t n_pages,
			     const uint64_t *pages, size_t n_written)
{
	put32(REQUEST + list, flags);
	put32(REQUEST + list + 4, first | n_pages << 16);
	for (size_t i = 0; i < n_written; i++)
		put64(REQUEST + list + 8 + i * 8, pages[i]);
}

/* page_list(list, flags, first, n_pages, address, ...) */
#define page_list(list, flags, first, n_pages, ...)                                   \
	page_list_array(list, flags, first, n_pages, (const uint64_t[]){__VA_ARGS__}, \
			sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

#endif
