// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HGCM requests: connect, disconnect, and calls, whose parameters are brought
 * into a form that the host can reach: small buffers inside of the request,
 * larger ones as lists of physical pages, user memory through a buffer.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "devext.h"

#define EMBED_MAX 1024u /* a larger buffer is passed by its pages */
#define MAX_BUFFERS 10

/* Kernels may clear what functions have on the stack; this is too large for that at each call. */
#if __has_attribute(uninitialized)
#define NOT_CLEARED __attribute__((uninitialized))
#else
#define NOT_CLEARED
#endif

enum hgcm_form { FORM_VALUE, FORM_EMPTY, FORM_EMBEDDED, FORM_PAGES, FORM_CALLER_LIST };

/* How one parameter travels. */
struct hgcm_parm {
	enum hgcm_form form;
	u32 direction; /* VBOX_HGCM_F_PARM_DIRECTION_* */
	u32 offset; /* of what belongs to it, in the request */
	u32 size;
	void *data; /* in kernel memory */
};

/* What is known about a call. Nothing of it lies where the host could write. */
struct hgcm_call {
	struct VBoxGuestHGCMCallInfo *info;
	HGCMFunctionParameter64 *parms; /* the caller's */
	size_t info_size;
	u32 count;
	bool user;
	u32 buffers;
	u32 request_size;
	VMMDevHGCMCall *request;
	struct hgcm_parm plan[VMMDEV_MAX_HGCM_PARMS];
};

static HGCMFunctionParameter64 *request_parms(const struct hgcm_call *call)
{
	return (HGCMFunctionParameter64 *)(call->request + 1);
}

static void *request_at(const struct hgcm_call *call, u32 offset)
{
	return (u8 *)call->request + offset;
}

/* Room in the request. Cannot overflow: MAX_BUFFERS and data sizes bound it. */
static u32 reserve(struct hgcm_call *call, u32 size)
{
	u32 offset = call->request_size;

	call->request_size = offset + ALIGN(size, 8);
	return offset;
}

static u32 page_list_size(u32 pages)
{
	return offsetof(HGCMPageListInfo, aPages) + pages * sizeof(u64);
}

static u32 pages_of(const void *data, u32 size)
{
	return DIV_ROUND_UP(offset_in_page(data) + size, VMMDEV_PAGE_SIZE);
}

static u32 linear_direction(u32 type)
{
	switch (type) {
	case VMMDevHGCMParmType_LinAddr_In:
	case VMMDevHGCMParmType_LinAddr_Locked_In:
		return VBOX_HGCM_F_PARM_DIRECTION_TO_HOST;
	case VMMDevHGCMParmType_LinAddr_Out:
	case VMMDevHGCMParmType_LinAddr_Locked_Out:
		return VBOX_HGCM_F_PARM_DIRECTION_FROM_HOST;
	default:
		return VBOX_HGCM_F_PARM_DIRECTION_BOTH;
	}
}

/* A user's buffer gets a copy in the kernel. */
static int bounce(struct hgcm_parm *parm, u64 address)
{
	parm->data = kvzalloc(parm->size, GFP_KERNEL);
	if (!parm->data)
		return VERR_NO_MEMORY;
	if ((parm->direction & VBOX_HGCM_F_PARM_DIRECTION_TO_HOST) &&
	    copy_from_user(parm->data, u64_to_user_ptr(address), parm->size))
		return VERR_INVALID_POINTER;
	return VINF_SUCCESS;
}

static void place_linear(struct hgcm_call *call, struct hgcm_parm *parm)
{
	u32 features = vboxguest_devext.host_features;

	if (parm->size <= EMBED_MAX && (features & VMMDEV_HVF_HGCM_EMBEDDED_BUFFERS)) {
		parm->form = FORM_EMBEDDED;
		parm->offset = reserve(call, parm->size);
	} else {
		parm->form = FORM_PAGES;
		parm->offset = reserve(call, page_list_size(pages_of(parm->data, parm->size)));
	}
}

static int plan_linear(struct hgcm_call *call, struct hgcm_parm *parm,
		       const HGCMFunctionParameter64 *source)
{
	u32 limit = call->user ? VBOXGUEST_MAX_USER_DATA : VBOXGUEST_MAX_KERNEL_DATA;
	int rc;

	parm->size = source->u.Pointer.size;
	parm->direction = linear_direction(source->type);
	if (!parm->size) {
		parm->form = FORM_EMPTY;
		return VINF_SUCCESS;
	}
	if (parm->size > limit)
		return VERR_OUT_OF_RANGE;
	if (call->buffers++ == MAX_BUFFERS)
		return VERR_INVALID_PARAMETER;
	if (call->user) {
		rc = bounce(parm, source->u.Pointer.linearAddr);
		if (VBOX_FAILURE(rc))
			return rc;
	} else {
		parm->data = (void *)(uintptr_t)source->u.Pointer.linearAddr;
	}
	place_linear(call, parm);
	return VINF_SUCCESS;
}

static int plan_locked(struct hgcm_call *call, struct hgcm_parm *parm,
		       const HGCMFunctionParameter64 *source)
{
	return call->user ? VERR_INVALID_PARAMETER : plan_linear(call, parm, source);
}

/* A page list that a kernel caller has made, behind his parameters. */
static int plan_list(struct hgcm_call *call, struct hgcm_parm *parm,
		     const HGCMFunctionParameter64 *source)
{
	size_t offset = source->u.PageList.offset;
	size_t parms_end = sizeof(*call->info) + call->count * sizeof(*call->parms);
	const HGCMPageListInfo *list;
	u32 entries;

	if (call->user || source->u.PageList.size > VBOXGUEST_MAX_KERNEL_DATA ||
	    offset < parms_end || call->info_size < sizeof(*list) ||
	    offset > call->info_size - sizeof(*list))
		return VERR_INVALID_PARAMETER;
	list = (const void *)((const u8 *)call->info + offset);
	entries = source->type == VMMDevHGCMParmType_ContiguousPageList ? 1 : list->cPages;
	if (!entries || page_list_size(entries) > call->info_size - offset ||
	    list->offFirstPage >= VMMDEV_PAGE_SIZE ||
	    !list->flags || list->flags > VBOX_HGCM_F_PARM_DIRECTION_BOTH)
		return VERR_INVALID_PARAMETER;
	parm->form = FORM_CALLER_LIST;
	parm->data = (void *)list;
	parm->size = page_list_size(entries);
	parm->offset = reserve(call, parm->size);
	return VINF_SUCCESS;
}

static bool is_value(u32 type)
{
	return type == VMMDevHGCMParmType_32bit || type == VMMDevHGCMParmType_64bit;
}

typedef int plan_fn(struct hgcm_call *call, struct hgcm_parm *parm,
		    const HGCMFunctionParameter64 *source);

static plan_fn *const planners[] = {
	[VMMDevHGCMParmType_LinAddr] = plan_linear,
	[VMMDevHGCMParmType_LinAddr_In] = plan_linear,
	[VMMDevHGCMParmType_LinAddr_Out] = plan_linear,
	[VMMDevHGCMParmType_LinAddr_Locked] = plan_locked,
	[VMMDevHGCMParmType_LinAddr_Locked_In] = plan_locked,
	[VMMDevHGCMParmType_LinAddr_Locked_Out] = plan_locked,
	[VMMDevHGCMParmType_PageList] = plan_list,
	[VMMDevHGCMParmType_ContiguousPageList] = plan_list,
	[VMMDevHGCMParmType_NoBouncePageList] = plan_list,
};

static int make_plan(struct hgcm_call *call)
{
	u32 i, type;
	int rc = VINF_SUCCESS;

	call->request_size = ALIGN(sizeof(VMMDevHGCMCall) + call->count * sizeof(*call->parms), 8);
	for (i = 0; i < call->count && VBOX_SUCCESS(rc); i++) {
		type = call->parms[i].type;
		call->plan[i].form = FORM_VALUE;
		if (is_value(type))
			continue;
		if (type >= ARRAY_SIZE(planners) || !planners[type])
			return VERR_INVALID_PARAMETER;
		rc = planners[type](call, &call->plan[i], &call->parms[i]);
	}
	return rc;
}

static void fill_page_list(const struct hgcm_call *call, const struct hgcm_parm *parm)
{
	HGCMPageListInfo *list = request_at(call, parm->offset);
	const u8 *page = parm->data - offset_in_page(parm->data);
	u32 i, pages = pages_of(parm->data, parm->size);
	bool mapped = is_vmalloc_addr(parm->data);

	list->flags = parm->direction;
	list->offFirstPage = offset_in_page(parm->data);
	list->cPages = pages;
	for (i = 0; i < pages; i++, page += VMMDEV_PAGE_SIZE)
		list->aPages[i] = mapped ? page_to_phys(vmalloc_to_page(page)) : virt_to_phys((void *)page);
}

static void fill_embedded(const struct hgcm_call *call, const struct hgcm_parm *parm)
{
	if (parm->direction & VBOX_HGCM_F_PARM_DIRECTION_TO_HOST)
		memcpy(request_at(call, parm->offset), parm->data, parm->size);
}

/* Hosts that do not know the no-bounce form get the same list as an ordinary one. */
static u32 list_type(u32 type)
{
	if (type == VMMDevHGCMParmType_NoBouncePageList &&
	    !(vboxguest_devext.host_features & VMMDEV_HVF_HGCM_NO_BOUNCE_PAGE_LIST))
		return VMMDevHGCMParmType_PageList;
	return type;
}

static void fill_parm(const struct hgcm_call *call, u32 index)
{
	HGCMFunctionParameter64 *target = &request_parms(call)[index];
	const HGCMFunctionParameter64 *source = &call->parms[index];
	const struct hgcm_parm *parm = &call->plan[index];

	target->type = source->type;
	switch (parm->form) {
	case FORM_VALUE:
		*target = *source;
		break;
	case FORM_EMPTY:
		target->type = VMMDevHGCMParmType_LinAddr;
		break;
	case FORM_EMBEDDED:
		target->type = VMMDevHGCMParmType_Embedded;
		target->u.Embedded.cbData = parm->size;
		target->u.Embedded.offFlags = parm->offset << 8 | parm->direction;
		fill_embedded(call, parm);
		break;
	case FORM_PAGES:
		target->type = VMMDevHGCMParmType_PageList;
		target->u.PageList.size = parm->size;
		target->u.PageList.offset = parm->offset;
		fill_page_list(call, parm);
		break;
	case FORM_CALLER_LIST:
		target->type = list_type(source->type);
		target->u.PageList.size = source->u.PageList.size;
		target->u.PageList.offset = parm->offset;
		memcpy(request_at(call, parm->offset), parm->data, parm->size);
		break;
	}
}

static void fill_request(const struct hgcm_call *call)
{
	u32 i;

	call->request->u32ClientID = call->info->u32ClientID;
	call->request->u32Function = call->info->u32Function;
	call->request->cParms = call->count;
	for (i = 0; i < call->count; i++)
		fill_parm(call, i);
}

static int copy_back_buffer(const struct hgcm_call *call, u32 index)
{
	const struct hgcm_parm *parm = &call->plan[index];

	if (!(parm->direction & VBOX_HGCM_F_PARM_DIRECTION_FROM_HOST))
		return VINF_SUCCESS;
	if (parm->form == FORM_EMBEDDED)
		memcpy(parm->data, request_at(call, parm->offset), parm->size);
	if (call->user && copy_to_user(u64_to_user_ptr(call->parms[index].u.Pointer.linearAddr),
				       parm->data, parm->size))
		return VERR_INVALID_POINTER;
	return VINF_SUCCESS;
}

/* Brings values and buffers back to the caller. */
static int copy_back(const struct hgcm_call *call)
{
	const HGCMFunctionParameter64 *source = request_parms(call);
	int rc = VINF_SUCCESS;
	u32 i;

	call->info->result = READ_ONCE(call->request->header.result);
	for (i = 0; i < call->count && VBOX_SUCCESS(rc); i++) {
		if (call->plan[i].form == FORM_VALUE)
			call->parms[i].u.value64 = source[i].u.value64;
		else if (call->plan[i].form == FORM_EMBEDDED || call->plan[i].form == FORM_PAGES)
			rc = copy_back_buffer(call, i);
	}
	return rc;
}

static void free_bounces(const struct hgcm_call *call)
{
	u32 i;

	for (i = 0; call->user && i < call->count; i++)
		kvfree(call->plan[i].data);
}

static int perform_call(struct hgcm_call *call, u32 requestor, struct vboxguest_wait *wait)
{
	int rc = VbglGRAlloc((void **)&call->request, call->request_size, VMMDevReq_HGCMCall64,
			     requestor);

	if (VBOX_FAILURE(rc))
		return rc;
	fill_request(call);
	rc = VBoxGuestHGCMPerformAndWait(&call->request->header, wait);
	if (VBOX_SUCCESS(rc))
		rc = copy_back(call);
	if (!wait->leaked)
		VbglGRFree(call->request, call->request_size);
	return rc;
}

noinline int VbglR0HGCMInternalCall(struct VBoxGuestHGCMCallInfo *info, size_t size, u32 flags,
				    u32 requestor, struct vboxguest_wait *wait)
{
	struct hgcm_call call NOT_CLEARED; /* only what is used of it is cleared */
	int rc;

	call.info = info;
	call.parms = (HGCMFunctionParameter64 *)(info + 1);
	call.info_size = size;
	call.count = min(info->cParms, VMMDEV_MAX_HGCM_PARMS);
	call.user = flags & VBGLR0_HGCM_USER;
	call.buffers = 0;
	if (call.user) /* whose buffers have copies, to be freed */
		memset(call.plan, 0, call.count * sizeof(call.plan[0]));
	wait->leaked = false;
	rc = make_plan(&call);
	if (VBOX_SUCCESS(rc))
		rc = perform_call(&call, requestor, wait);
	if (!wait->leaked)
		free_bounces(&call);
	return rc;
}

int VbglR0HGCMInternalConnect(struct VBoxGuestHGCMConnectInfo *info, u32 requestor)
{
	struct vboxguest_wait wait = { .timeout_ms = VBOXGUEST_TIMEOUT_NEVER };
	VMMDevHGCMConnect *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), VMMDevReq_HGCMConnect,
			     requestor);

	if (VBOX_FAILURE(rc))
		return rc;
	request->locationType = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
	strscpy(request->szService, info->service, sizeof(request->szService));
	rc = VBoxGuestHGCMPerformAndWait(&request->header, &wait);
	if (VBOX_SUCCESS(rc)) {
		info->result = request->header.result;
		info->u32ClientID = request->u32ClientID;
	}
	if (!wait.leaked)
		VbglGRFree(request, sizeof(*request));
	return rc;
}

int VbglR0HGCMInternalDisconnect(u32 client, u32 requestor, s32 *ret_result)
{
	struct vboxguest_wait wait = { .timeout_ms = VBOXGUEST_TIMEOUT_NEVER };
	VMMDevHGCMDisconnect *request;
	int rc = VbglGRAlloc((void **)&request, sizeof(*request), VMMDevReq_HGCMDisconnect,
			     requestor);

	if (VBOX_FAILURE(rc))
		return rc;
	request->u32ClientID = client;
	rc = VBoxGuestHGCMPerformAndWait(&request->header, &wait);
	if (VBOX_SUCCESS(rc))
		*ret_result = request->header.result;
	if (!wait.leaked)
		VbglGRFree(request, sizeof(*request));
	return rc;
}
