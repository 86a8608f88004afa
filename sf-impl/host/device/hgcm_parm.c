/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See hgcm_parm.h. Rules: spec/vmmdev-hgcm.md 9.2, 9.3 and 10.1. */
#include "hgcm_parm.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_MASK (VMMDEV_PAGE_SIZE - 1)
#define LIST_HEADER offsetof(HGCMPageListInfo, aPages)

struct encoding {
	int32_t (*check)(const struct hgcm_parms *parms, struct guest_parm *parm);
	int32_t (*load)(struct vmmdev *dev, struct hgcm_parms *parms, struct guest_parm *parm,
			VBOXHGCMSVCPARM *to);
	void (*store)(struct vmmdev *dev, const struct hgcm_parms *parms,
		      const struct guest_parm *parm, const VBOXHGCMSVCPARM *from);
};

/* Both layouts agree but for the upper half of a linear address. */
static const HGCMFunctionParameter64 *raw_parm(const struct hgcm_parms *parms,
					       const struct guest_parm *parm)
{
	return (const HGCMFunctionParameter64 *)(parms->request + parm->offset);
}

uint32_t hgcm_parm_bytes(const uint8_t *request)
{
	const VMMDevRequestHeader *header = (const VMMDevRequestHeader *)request;

	return header->requestType == VMMDevReq_HGCMCall32 ? sizeof(HGCMFunctionParameter32)
							   : sizeof(HGCMFunctionParameter64);
}

static uint32_t parms_end(const struct hgcm_parms *parms)
{
	return (uint32_t)sizeof(VMMDevHGCMCall) + parms->n * hgcm_parm_bytes(parms->request);
}

static bool to_host(const struct guest_parm *parm)
{
	return parm->direction & VBOX_HGCM_F_PARM_DIRECTION_TO_HOST;
}

static bool from_host(const struct guest_parm *parm)
{
	return parm->direction & VBOX_HGCM_F_PARM_DIRECTION_FROM_HOST;
}

static bool is_direction(uint32_t flags)
{
	return flags >= VBOX_HGCM_F_PARM_DIRECTION_TO_HOST &&
	       flags <= VBOX_HGCM_F_PARM_DIRECTION_BOTH;
}

static uint32_t at_most(uint32_t bytes, uint32_t limit)
{
	return bytes < limit ? bytes : limit;
}

/* Where an integer's value lies in guest memory, and its size field. */
static uint64_t value_address(const struct hgcm_parms *parms, const struct guest_parm *parm)
{
	return parms->address + parm->offset + offsetof(HGCMFunctionParameter64, u);
}

/* --- checks ------------------------------------------------------------- */

static int32_t check_value(const struct hgcm_parms *parms, struct guest_parm *parm)
{
	(void)parms, (void)parm;
	return VINF_SUCCESS;
}

/*
 * A linear address needs the page tables of the virtual CPU that made the call.
 * The machine does not tell us these, so only "no data" passes: it is common.
 */
static int32_t check_linear(const struct hgcm_parms *parms, struct guest_parm *parm)
{
	const HGCMFunctionParameter64 *raw = raw_parm(parms, parm);
	bool is_wide = hgcm_parm_bytes(parms->request) == sizeof(*raw);
	uint32_t address32;

	parm->size = raw->u.Pointer.size;
	memcpy(&address32, &raw->u.Pointer.linearAddr, sizeof(address32));
	if (parm->size || (is_wide ? raw->u.Pointer.linearAddr != 0 : address32 != 0))
		return VERR_INVALID_PARAMETER;
	return VINF_SUCCESS;
}

static int32_t check_embedded(const struct hgcm_parms *parms, struct guest_parm *parm)
{
	const HGCMFunctionParameter64 *raw = raw_parm(parms, parm);

	parm->size = raw->u.Embedded.cbData;
	parm->direction = raw->u.Embedded.offFlags & 0xff;
	parm->data = raw->u.Embedded.offFlags >> 8;
	if (parm->size > VMMDEV_MAX_HGCM_DATA_SIZE)
		return VERR_INVALID_PARAMETER;
	if (!is_direction(parm->direction))
		return VERR_INVALID_FLAGS;
	if (parm->data < parms_end(parms) || parm->data > parms->size ||
	    parm->size > parms->size - parm->data)
		return VERR_INVALID_PARAMETER;
	return VINF_SUCCESS;
}

static uint64_t page_address(const struct hgcm_parms *parms, const struct guest_parm *parm,
			     uint32_t index)
{
	uint64_t address;

	memcpy(&address, parms->request + parm->data + index * sizeof(address), sizeof(address));
	return address;
}

static int32_t check_page_list(const struct hgcm_parms *parms, struct guest_parm *parm)
{
	const HGCMFunctionParameter64 *raw = raw_parm(parms, parm);
	uint32_t offset = raw->u.PageList.offset;
	const HGCMPageListInfo *list;

	parm->size = raw->u.PageList.size;
	if (parm->size > VMMDEV_MAX_HGCM_DATA_SIZE || offset < parms_end(parms) ||
	    parms->size < sizeof(*list) || offset > parms->size - sizeof(*list))
		return VERR_INVALID_PARAMETER;

	list = (const HGCMPageListInfo *)(parms->request + offset);
	parm->direction = list->flags;
	parm->first_page = list->offFirstPage;
	parm->n_pages = list->cPages;
	parm->data = offset + (uint32_t)LIST_HEADER;
	if (parm->n_pages < 1 ||
	    parm->n_pages > 1 + (parms->size - offset - sizeof(*list)) / sizeof(uint64_t))
		return VERR_INVALID_PARAMETER;
	if (!is_direction(parm->direction))
		return VERR_INVALID_FLAGS;
	return parm->first_page < VMMDEV_PAGE_SIZE ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

static int32_t check_contiguous(const struct hgcm_parms *parms, struct guest_parm *parm)
{
	int32_t status = check_page_list(parms, parm);

	if (VBOX_FAILURE(status))
		return status;
	return parm->n_pages == 1 ? VINF_SUCCESS : VERR_INVALID_PARAMETER;
}

static int32_t check_no_bounce(const struct hgcm_parms *parms, struct guest_parm *parm)
{
	int32_t status = check_page_list(parms, parm);
	uint32_t in_page;

	if (VBOX_FAILURE(status))
		return status;
	if (parm->n_pages !=
	    (parm->first_page + parm->size + VMMDEV_PAGE_SIZE - 1) / VMMDEV_PAGE_SIZE)
		return VERR_INVALID_PARAMETER;
	for (uint32_t i = 0; i < parm->n_pages; i++) {
		in_page = page_address(parms, parm, i) & PAGE_MASK;
		if (in_page && (i > 0 || in_page != parm->first_page))
			return VERR_INVALID_POINTER;
	}
	return VINF_SUCCESS;
}

/* --- guest memory ------------------------------------------------------- */

/*
 * Copies between a buffer and the pages of a list. If the list has too few
 * pages the rest of the buffer stays as it is.
 */
static void pages_copy(struct vmmdev *dev, const struct hgcm_parms *parms,
		       const struct guest_parm *parm, uint32_t bytes, bool to_guest)
{
	uint8_t *buffer = parm->buffer;
	bool contiguous = parm->type == VMMDevHGCMParmType_ContiguousPageList;
	uint32_t in_page = parm->first_page;

	for (uint32_t i = 0; i < parm->n_pages && bytes; i++) {
		uint64_t page = page_address(parms, parm, i) & ~(uint64_t)PAGE_MASK;
		uint32_t n = contiguous ? bytes : at_most(bytes, VMMDEV_PAGE_SIZE - in_page);

		if (to_guest)
			ram_write(dev, page + in_page, buffer, n);
		else
			ram_read(dev, page + in_page, buffer, n);
		buffer += n;
		bytes -= n;
		in_page = 0;
	}
}

/* --- before the call ---------------------------------------------------- */

static int32_t load_value(struct vmmdev *dev, struct hgcm_parms *parms, struct guest_parm *parm,
			  VBOXHGCMSVCPARM *to)
{
	const HGCMFunctionParameter64 *raw = raw_parm(parms, parm);

	(void)dev;
	if (parm->type == VMMDevHGCMParmType_32bit) {
		to->type = VBOX_HGCM_SVC_PARM_32BIT;
		to->u.uint32 = raw->u.value32;
	} else {
		to->type = VBOX_HGCM_SVC_PARM_64BIT;
		to->u.uint64 = raw->u.value64;
	}
	return VINF_SUCCESS;
}

static void *heap_alloc(struct hgcm_parms *parms, size_t bytes)
{
	void *memory = bytes <= parms->heap_left - parms->heap_used ? calloc(1, bytes) : NULL;

	if (memory)
		parms->heap_used += bytes;
	return memory;
}

/* Zero-filled: a service that fills in less than it says shows nothing of ours. */
static int32_t load_buffer(struct hgcm_parms *parms, struct guest_parm *parm, VBOXHGCMSVCPARM *to)
{
	if (parm->size) {
		parm->buffer = heap_alloc(parms, parm->size);
		if (!parm->buffer)
			return VERR_NO_MEMORY;
	}
	to->type = VBOX_HGCM_SVC_PARM_PTR;
	to->u.pointer.size = parm->size;
	to->u.pointer.addr = parm->buffer;
	return VINF_SUCCESS;
}

static int32_t load_nothing(struct vmmdev *dev, struct hgcm_parms *parms, struct guest_parm *parm,
			    VBOXHGCMSVCPARM *to)
{
	(void)dev;
	return load_buffer(parms, parm, to);
}

static int32_t load_embedded(struct vmmdev *dev, struct hgcm_parms *parms, struct guest_parm *parm,
			     VBOXHGCMSVCPARM *to)
{
	int32_t status = load_buffer(parms, parm, to);

	(void)dev;
	if (VBOX_SUCCESS(status) && to_host(parm) && parm->size)
		memcpy(parm->buffer, parms->request + parm->data, parm->size);
	return status;
}

static int32_t load_pages(struct vmmdev *dev, struct hgcm_parms *parms, struct guest_parm *parm,
			  VBOXHGCMSVCPARM *to)
{
	int32_t status = load_buffer(parms, parm, to);

	if (VBOX_SUCCESS(status) && to_host(parm))
		pages_copy(dev, parms, parm, parm->size, false);
	return status;
}

/* Returns false if some page is not RAM. */
static bool map_pages(struct vmmdev *dev, const struct hgcm_parms *parms, struct guest_parm *parm)
{
	const struct guest_ram *ram = &dev->config.ram;

	for (uint32_t i = 0; i < parm->n_pages; i++) {
		uint64_t page = page_address(parms, parm, i) & ~(uint64_t)PAGE_MASK;

		parm->pages[i] = ram->map(ram->user, page, VMMDEV_PAGE_SIZE);
		if (!parm->pages[i])
			return false;
	}
	parm->pages[0] = (uint8_t *)parm->pages[0] + parm->first_page;
	return true;
}

/* The service works on the guest's own pages, unless some of them are not RAM. */
static int32_t load_no_bounce(struct vmmdev *dev, struct hgcm_parms *parms, struct guest_parm *parm,
			      VBOXHGCMSVCPARM *to)
{
	if (!parms->use_pages)
		return load_pages(dev, parms, parm, to);
	parm->pages = heap_alloc(parms, parm->n_pages * sizeof(parm->pages[0]));
	if (!parm->pages)
		return VERR_NO_MEMORY;
	if (!map_pages(dev, parms, parm))
		return load_pages(dev, parms, parm, to);
	to->type = VBOX_HGCM_SVC_PARM_PAGES;
	to->u.Pages.cb = parm->size;
	to->u.Pages.cPages = (uint16_t)parm->n_pages;
	to->u.Pages.papvPages = parm->pages;
	return VINF_SUCCESS;
}

/* --- after the call ----------------------------------------------------- */

static void store_value(struct vmmdev *dev, const struct hgcm_parms *parms,
			const struct guest_parm *parm, const VBOXHGCMSVCPARM *from)
{
	size_t bytes = parm->type == VMMDevHGCMParmType_32bit ? sizeof(uint32_t) : sizeof(uint64_t);

	ram_write(dev, value_address(parms, parm), &from->u, bytes);
}

static void store_nothing(struct vmmdev *dev, const struct hgcm_parms *parms,
			  const struct guest_parm *parm, const VBOXHGCMSVCPARM *from)
{
	(void)dev, (void)parms, (void)parm, (void)from;
}

/* Pointers and pages have their size at the same place. */
static void store_size(struct vmmdev *dev, const struct hgcm_parms *parms,
		       const struct guest_parm *parm, const VBOXHGCMSVCPARM *from)
{
	ram_write(dev, value_address(parms, parm), &from->u.pointer.size, sizeof(uint32_t));
}

static void store_pages(struct vmmdev *dev, const struct hgcm_parms *parms,
			const struct guest_parm *parm, const VBOXHGCMSVCPARM *from)
{
	uint32_t bytes = at_most(parm->size, from->u.pointer.size);

	if (from_host(parm))
		pages_copy(dev, parms, parm, bytes, true);
}

static void store_contiguous(struct vmmdev *dev, const struct hgcm_parms *parms,
			     const struct guest_parm *parm, const VBOXHGCMSVCPARM *from)
{
	store_size(dev, parms, parm, from);
	store_pages(dev, parms, parm, from);
}

static void store_no_bounce(struct vmmdev *dev, const struct hgcm_parms *parms,
			    const struct guest_parm *parm, const VBOXHGCMSVCPARM *from)
{
	store_size(dev, parms, parm, from);
	if (parm->buffer)
		store_pages(dev, parms, parm, from);
}

static void store_embedded(struct vmmdev *dev, const struct hgcm_parms *parms,
			   const struct guest_parm *parm, const VBOXHGCMSVCPARM *from)
{
	uint32_t bytes = at_most(parm->size, from->u.pointer.size);

	store_size(dev, parms, parm, from);
	if (from_host(parm) && bytes)
		ram_write(dev, parms->address + parm->data, parm->buffer, bytes);
}

static const struct encoding encodings[] = {
	[VMMDevHGCMParmType_32bit] = {check_value, load_value, store_value},
	[VMMDevHGCMParmType_64bit] = {check_value, load_value, store_value},
	[VMMDevHGCMParmType_LinAddr] = {check_linear, load_nothing, store_nothing},
	[VMMDevHGCMParmType_LinAddr_In] = {check_linear, load_nothing, store_nothing},
	[VMMDevHGCMParmType_LinAddr_Out] = {check_linear, load_nothing, store_nothing},
	[VMMDevHGCMParmType_PageList] = {check_page_list, load_pages, store_pages},
	[VMMDevHGCMParmType_Embedded] = {check_embedded, load_embedded, store_embedded},
	[VMMDevHGCMParmType_ContiguousPageList] = {check_contiguous, load_pages, store_contiguous},
	[VMMDevHGCMParmType_NoBouncePageList] = {check_no_bounce, load_no_bounce, store_no_bounce},
};

static const struct encoding *encoding_find(uint32_t type)
{
	if (type >= sizeof(encodings) / sizeof(encodings[0]) || !encodings[type].check)
		return NULL;
	return &encodings[type];
}

int32_t hgcm_parms_check(struct hgcm_parms *parms)
{
	const struct encoding *encoding;
	struct guest_parm *parm;
	int32_t status;

	for (uint32_t i = 0; i < parms->n; i++) {
		parm = &parms->guest[i];
		parm->offset =
			(uint32_t)sizeof(VMMDevHGCMCall) + i * hgcm_parm_bytes(parms->request);
		memcpy(&parm->type, parms->request + parm->offset, sizeof(parm->type));
		encoding = encoding_find(parm->type);
		status = encoding ? encoding->check(parms, parm) : VERR_INVALID_PARAMETER;
		if (VBOX_FAILURE(status))
			return status;
	}
	return VINF_SUCCESS;
}

int32_t hgcm_parms_load(struct vmmdev *dev, struct hgcm_parms *parms)
{
	int32_t status = VINF_SUCCESS;

	for (uint32_t i = 0; i < parms->n && VBOX_SUCCESS(status); i++)
		status = encodings[parms->guest[i].type].load(dev, parms, &parms->guest[i],
							      &parms->service[i]);
	return status;
}

void hgcm_parms_store(struct vmmdev *dev, const struct hgcm_parms *parms)
{
	for (uint32_t i = 0; i < parms->n; i++)
		encodings[parms->guest[i].type].store(dev, parms, &parms->guest[i],
						      &parms->service[i]);
}

void hgcm_parms_free(struct hgcm_parms *parms)
{
	for (uint32_t i = 0; i < parms->n; i++) {
		free(parms->guest[i].buffer);
		free(parms->guest[i].pages);
	}
}
