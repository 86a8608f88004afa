/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device: life cycle, registers, and how a request is taken from the guest. */
#include "device_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hgcm.h"

#define MEMORY_REGION_SIZE 4096u

static const struct pci_identity identity = {
	.vendor = VMMDEV_VENDORID,
	.device = VMMDEV_DEVICEID,
	.class = VMMDEV_CLASS,
	.port_bytes = VMMDEV_PORT_REGION_SIZE,
	.memory_bytes = MEMORY_REGION_SIZE,
};

struct request_type {
	uint32_t size;
	bool may_be_longer;
	bool before_report; /* allowed before the guest reported itself */
	request_handler *handler; /* NULL: not implemented */
};

static const struct request_type request_types[] = {
#define FIXED(type, layout, execute) \
	[VMMDevReq_##type] = {.size = sizeof(layout), .handler = (execute)}
#define EARLY(type, layout, execute) \
	[VMMDevReq_##type] = {.size = sizeof(layout), .before_report = true, .handler = (execute)}
#define HGCM(type, layout, execute) \
	[VMMDevReq_##type] = {.size = sizeof(layout), .may_be_longer = true, .handler = (execute)}
	FIXED(GetMouseStatus, VMMDevReqMouseStatus, request_get_mouse_status),
	FIXED(SetMouseStatus, VMMDevReqMouseStatus, request_set_mouse_status),
	EARLY(GetHostVersion, VMMDevReqHostVersion, request_get_host_version),
	FIXED(GetHostTime, VMMDevReqHostTime, request_get_host_time),
	FIXED(GetHypervisorInfo, VMMDevReqHypervisorInfo, request_get_hypervisor_info),
	FIXED(SetHypervisorInfo, VMMDevReqHypervisorInfo, request_set_hypervisor_info),
	FIXED(AcknowledgeEvents, VMMDevEvents, request_acknowledge_events),
	FIXED(CtlGuestFilterMask, VMMDevReqMask, request_filter_mask),
	EARLY(ReportGuestInfo, VMMDevReportGuestInfo, request_report_guest_info),
	FIXED(ReportGuestCapabilities, VMMDevReqGuestCapabilities, request_report_capabilities),
	FIXED(SetGuestCapabilities, VMMDevReqMask, request_set_capabilities),
	EARLY(ReportGuestInfo2, VMMDevReportGuestInfo2, request_report_guest_info2),
	FIXED(ReportGuestStatus, VMMDevReportGuestStatus, request_report_guest_status),
	HGCM(HGCMConnect, VMMDevHGCMConnect, request_hgcm_connect),
	HGCM(HGCMDisconnect, VMMDevHGCMDisconnect, request_hgcm_disconnect),
	HGCM(HGCMCall32, VMMDevHGCMCall, request_hgcm_call),
	HGCM(HGCMCall64, VMMDevHGCMCall, request_hgcm_call),
	HGCM(HGCMCancel, VMMDevHGCMCancel, request_hgcm_cancel),
	FIXED(HGCMCancel2, VMMDevHGCMCancel2, request_hgcm_cancel2),
	FIXED(GetSessionId, VMMDevReqSessionId, request_get_session_id),
	EARLY(WriteCoreDump, VMMDevRequestHeader, NULL),
	FIXED(GuestHeartbeat, VMMDevRequestHeader, request_heartbeat),
	FIXED(HeartbeatConfigure, VMMDevReqHeartbeat, request_heartbeat_configure),
#undef FIXED
#undef EARLY
#undef HGCM
};

static const struct request_type unknown_type;

static const struct request_type *request_type_find(uint32_t type)
{
	return type < sizeof(request_types) / sizeof(request_types[0]) ? &request_types[type]
								       : &unknown_type;
}

/* Answers a request that was not even read. */
static void request_refuse(struct vmmdev *dev, uint64_t address, VMMDevRequestHeader *header,
			   int32_t rc)
{
	header->rc = rc;
	ram_write(dev, address, header, sizeof(*header));
}

static int32_t request_execute(struct vmmdev *dev, const struct request_type *type,
			       struct request *request)
{
	if (!type->handler)
		return VERR_NOT_IMPLEMENTED;
	if (request->size < type->size || (request->size > type->size && !type->may_be_longer))
		return VERR_INVALID_PARAMETER;
	return type->handler(dev, request);
}

/* Reads the rest of the request; the header is not read twice, the guest might change it. */
static bool request_copy(struct vmmdev *dev, uint64_t address, const VMMDevRequestHeader *header,
			 struct request *request)
{
	*request = (struct request){.address = address, .size = header->size};
	request->bytes = malloc(header->size);
	if (!request->bytes)
		return false;
	memcpy(request->bytes, header, sizeof(*header));
	ram_read(dev, address + sizeof(*header), request->bytes + sizeof(*header),
		 header->size - sizeof(*header));
	return true;
}

/* The order of the checks is the specification's (section 3). */
static void request_take(struct vmmdev *dev, uint64_t address)
{
	const struct request_type *type;
	VMMDevRequestHeader header;
	struct request request;
	int32_t rc;

	ram_read(dev, address, &header, sizeof(header));
	if (header.size < sizeof(header) || header.version != VMMDEV_REQUEST_HEADER_VERSION)
		return;
	type = request_type_find(header.requestType);
	if (header.size > VMMDEV_MAX_REQUEST_SIZE || (!dev->ready && !type->before_report)) {
		request_refuse(dev, address, &header, VERR_NOT_SUPPORTED);
		return;
	}
	if (!request_copy(dev, address, &header, &request)) {
		request_refuse(dev, address, &header, VERR_NO_MEMORY);
		return;
	}
	rc = request_execute(dev, type, &request);
	if (!request.answered) {
		request.header->rc = rc;
		ram_write(dev, address, request.bytes, request.size);
	}
	if (!request.keep)
		free(request.bytes);
}

static void memory_init(VMMDevMemory *memory)
{
	*memory = (VMMDevMemory){
		.u32Size = MEMORY_REGION_SIZE,
		.u32Version = VMMDEV_MEMORY_VERSION,
	};
}

static uint64_t new_session_id(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct vmmdev *vmmdev_new(const struct vmmdev_config *config)
{
	struct vmmdev *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->config = *config;
	pthread_mutex_init(&dev->lock, NULL);
	pci_config_init(&dev->pci, &identity);
	memory_init(&dev->memory);
	dev->session_id = new_session_id();
	return dev;
}

void vmmdev_reset(struct vmmdev *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->ready = false;
	dev->requestor_given = false;
	dev->hgcm_enabled = false;
	dev->mouse_features = 0;
	dev->guest_caps = 0;
	dev->session_id = new_session_id();
	events_reset(dev);
	pci_config_init(&dev->pci, &identity);
	memory_init(&dev->memory);
	pthread_mutex_unlock(&dev->lock);
	hgcm_requests_reset(dev);
}

void vmmdev_free(struct vmmdev *dev)
{
	if (!dev)
		return;
	hgcm_requests_reset(dev);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

uint32_t vmmdev_config_read(struct vmmdev *dev, uint32_t address, unsigned int bytes)
{
	return pci_config_read(&dev->pci, address, bytes);
}

void vmmdev_config_write(struct vmmdev *dev, uint32_t address, uint32_t value, unsigned int bytes)
{
	pci_config_write(&dev->pci, address, value, bytes);
}

static uint64_t ones(unsigned int bytes)
{
	return bytes >= sizeof(uint64_t) ? UINT64_MAX : (1ull << (8 * bytes)) - 1;
}

/* The offset of an access in its region, or -1 if it does not lie in there. */
static int64_t region_offset(const struct vmmdev *dev, bool memory, uint64_t address,
			     unsigned int bytes)
{
	uint64_t size = memory ? identity.memory_bytes : identity.port_bytes;
	uint64_t base = pci_config_base(&dev->pci, memory ? 1 : 0);
	uint64_t offset = address - base;

	if (!base || address < base || bytes > sizeof(uint64_t) || offset > size - bytes)
		return -1;
	return (int64_t)offset;
}

static uint64_t memory_read(const struct vmmdev *dev, size_t offset, unsigned int bytes)
{
	uint8_t region[sizeof(VMMDevMemory) + sizeof(uint64_t)] = {0};
	uint64_t value = 0;

	if (offset >= sizeof(VMMDevMemory))
		return 0;
	memcpy(region, &dev->memory, sizeof(VMMDevMemory));
	memcpy(&value, region + offset, bytes);
	return value;
}

static uint64_t port_read(struct vmmdev *dev, size_t offset, unsigned int bytes)
{
	if (offset != VMMDEV_PORT_REQUEST_FAST || bytes != sizeof(uint32_t) || !dev->ready)
		return ones(bytes);
	return events_acknowledge(dev);
}

uint64_t vmmdev_bar_read(struct vmmdev *dev, bool memory, uint64_t address, unsigned int bytes)
{
	int64_t offset;
	uint64_t value;

	pthread_mutex_lock(&dev->lock);
	offset = region_offset(dev, memory, address, bytes);
	if (offset < 0)
		value = ones(bytes);
	else if (memory)
		value = memory_read(dev, (size_t)offset, bytes);
	else
		value = port_read(dev, (size_t)offset, bytes);
	pthread_mutex_unlock(&dev->lock);
	return value;
}

/* Nothing in the memory region is for the guest to write. */
void vmmdev_bar_write(struct vmmdev *dev, bool memory, uint64_t address, uint64_t value,
		      unsigned int bytes)
{
	int64_t offset;

	if (memory || bytes != sizeof(uint32_t))
		return;
	pthread_mutex_lock(&dev->lock);
	offset = region_offset(dev, memory, address, bytes);
	if (offset == VMMDEV_PORT_REQUEST || offset == VMMDEV_PORT_REQUEST_FAST)
		request_take(dev, (uint32_t)value);
	pthread_mutex_unlock(&dev->lock);
}

bool vmmdev_irq_level(struct vmmdev *dev)
{
	bool high;

	pthread_mutex_lock(&dev->lock);
	high = dev->irq_high;
	pthread_mutex_unlock(&dev->lock);
	return high;
}
