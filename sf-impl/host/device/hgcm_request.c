/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HGCM requests: connect, disconnect, call, cancel. Each becomes a command
 * that is finished now or, if the machine can be interrupted, later
 * (spec/vmmdev-hgcm.md 8 to 11).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hgcm.h"
#include "hgcm_parm.h"
#include "shfl_table.h"

#define HEAP_MIN (32ull << 20)
#define HEAP_MAX (512ull << 20)
#define HEAP_SHARE_OF_RAM 64

struct command {
	struct command *next;
	struct vmmdev *dev;
	uint8_t *request; /* private copy */
	uint64_t address;
	uint32_t type;
	uint32_t requestor;
	uint64_t heap_bytes; /* charged to the requestor's class */
	bool later; /* the guest went on, it waits for DONE */
	bool cancelled; /* the request is not the host's any more */
	uint32_t client;
	uint32_t fn;
	struct hgcm_parms parms;
};

/* --- heap budget -------------------------------------------------------- */

static uint64_t heap_limit(const struct vmmdev *dev)
{
	uint64_t bytes = dev->config.heap_bytes;

	if (bytes)
		return bytes;
	bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) /
		HEAP_SHARE_OF_RAM;
	return bytes < HEAP_MIN ? HEAP_MIN : bytes > HEAP_MAX ? HEAP_MAX : bytes;
}

static uint64_t *heap_used(struct vmmdev *dev, uint32_t requestor)
{
	return &dev->heap_used[requestor % REQUESTOR_CLASSES];
}

static uint64_t heap_left(struct vmmdev *dev, uint32_t requestor)
{
	return heap_limit(dev) - *heap_used(dev, requestor);
}

static void heap_charge(struct command *command, uint64_t bytes)
{
	*heap_used(command->dev, command->requestor) += bytes;
	command->heap_bytes += bytes;
}

/* --- commands ----------------------------------------------------------- */

/* Takes the request over; NULL: there is no heap left. */
static struct command *command_new(struct vmmdev *dev, struct request *request)
{
	uint64_t bytes = sizeof(struct command) + request->size;
	uint32_t requestor =
		dev->requestor_given ? request->header->fRequestor : VMMDEV_REQUESTOR_LEGACY;
	struct command *command = NULL;

	if (bytes <= heap_left(dev, requestor))
		command = calloc(1, sizeof(*command));
	if (!command)
		return NULL;
	command->dev = dev;
	command->request = request->bytes;
	command->address = request->address;
	command->type = request->header->requestType;
	command->requestor = requestor;
	command->parms.address = request->address;
	command->parms.request = request->bytes;
	command->parms.size = request->size;
	heap_charge(command, bytes);
	request->keep = true;
	return command;
}

static void command_free(struct command *command)
{
	*heap_used(command->dev, command->requestor) -= command->heap_bytes;
	hgcm_parms_free(&command->parms);
	free(command->request);
	free(command);
}

/* Ends a command that was refused: the guest gets its rc at once. */
static int32_t command_refuse(struct command *command, struct request *request, int32_t rc)
{
	request->keep = false;
	command->request = NULL;
	command_free(command);
	return rc;
}

static void list_add(struct command **list, struct command *command)
{
	command->next = *list;
	*list = command;
}

static void list_remove(struct command **list, const struct command *command)
{
	while (*list != command)
		list = &(*list)->next;
	*list = command->next;
}

static void list_free(struct command *list)
{
	struct command *command;

	while ((command = list)) {
		list = command->next;
		command_free(command);
	}
}

/*
 * Can this request be finished after the guest went on? Only if an interrupt
 * tells the guest; everything that depends on it asks here.
 */
static bool finish_later(const struct vmmdev *dev)
{
	return dev->config.can_finish_later;
}

static void write_rc(const struct command *command, int32_t rc)
{
	ram_write(command->dev, command->address + offsetof(VMMDevRequestHeader, rc), &rc,
		  sizeof(rc));
}

/* Before a command is begun: once it has ended its memory is the guest's again. */
static void command_begin(struct command *command)
{
	command->later = finish_later(command->dev);
	if (!command->later)
		return;
	write_rc(command, VINF_HGCM_ASYNC_EXECUTE);
	list_add(&command->dev->running, command);
}

/* Does the guest's memory still hold the request that it was? */
static bool is_same_request(const struct command *command)
{
	uint32_t type;

	ram_read(command->dev, command->address + offsetof(VMMDevRequestHeader, requestType), &type,
		 sizeof(type));
	return type == command->type || type == VMMDevReq_HGCMCancel;
}

static void write_answer(const struct command *command, int32_t result)
{
	struct vmmdev *dev = command->dev;
	uint32_t flags = VBOX_HGCM_REQ_DONE;

	if (!is_same_request(command))
		result = VERR_INVALID_PARAMETER;
	else if (command->type == VMMDevReq_HGCMConnect)
		ram_write(dev, command->address + offsetof(VMMDevHGCMConnect, u32ClientID),
			  &command->client, sizeof(command->client));
	else
		hgcm_parms_store(dev, &command->parms);

	if (!command->later)
		write_rc(command, VINF_SUCCESS);
	ram_write(dev, command->address + offsetof(VMMDevHGCMRequestHeader, result), &result,
		  sizeof(result));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ram_write(dev, command->address + offsetof(VMMDevHGCMRequestHeader, fu32Flags), &flags,
		  sizeof(flags));
}

/* Gives the guest its answer, unless it took the request back. */
static void command_answer(struct command *command, int32_t result)
{
	if (command->later)
		list_remove(&command->dev->running, command);
	if (command->cancelled)
		return;
	write_answer(command, result);
	if (command->later)
		events_raise(command->dev, VMMDEV_EVENT_HGCM);
}

static int32_t command_finish(struct command *command, struct request *request, int32_t result)
{
	request->answered = true;
	command_answer(command, result);
	command_free(command);
	return VINF_SUCCESS;
}

/* What all but the cancelling requests begin with. */
static int32_t hgcm_begin(struct vmmdev *dev, struct request *request, struct command **ret)
{
	if (!dev->config.service)
		return VERR_NOT_SUPPORTED;
	if (!dev->hgcm_enabled) {
		dev->hgcm_enabled = true;
		events_filter(dev, VMMDEV_EVENT_HGCM, 0);
	}
	*ret = command_new(dev, request);
	return *ret ? VINF_SUCCESS : VERR_NO_MEMORY;
}

/* --- connect and disconnect --------------------------------------------- */

/* Whatever the guest says, it means a service on this host that exists. */
int32_t request_hgcm_connect(struct vmmdev *dev, struct request *request)
{
	VMMDevHGCMConnect *connect = (VMMDevHGCMConnect *)request->bytes;
	struct command *command;
	int32_t status = hgcm_begin(dev, request, &command);

	if (VBOX_FAILURE(status))
		return status;
	connect->szService[sizeof(connect->szService) - 1] = 0;
	command_begin(command);
	if (strcmp(connect->szService, dev->config.service_name) != 0)
		return command_finish(command, request, VERR_HGCM_SERVICE_NOT_FOUND);

	pthread_mutex_unlock(&dev->lock);
	status = hgcm_connect(dev->config.service, command->requestor, &command->client);
	pthread_mutex_lock(&dev->lock);
	return command_finish(command, request, status);
}

/* Its service has let go of what a client left behind. */
static void given_up_free(struct vmmdev *dev, uint32_t client)
{
	struct command **link = &dev->given_up, *command;

	while ((command = *link)) {
		if (command->client != client) {
			link = &command->next;
			continue;
		}
		*link = command->next;
		command_free(command);
	}
}

int32_t request_hgcm_disconnect(struct vmmdev *dev, struct request *request)
{
	uint32_t client = ((VMMDevHGCMDisconnect *)request->bytes)->u32ClientID;
	struct command *command;
	int32_t status = hgcm_begin(dev, request, &command);

	if (VBOX_FAILURE(status))
		return status;
	if (!client)
		return command_refuse(command, request, VERR_INVALID_PARAMETER);
	command_begin(command);

	pthread_mutex_unlock(&dev->lock);
	status = hgcm_disconnect(dev->config.service, client);
	pthread_mutex_lock(&dev->lock);
	given_up_free(dev, client);
	return command_finish(command, request, status);
}

/* --- calls -------------------------------------------------------------- */

/* Functions that wait for another call would block the only virtual CPU for ever. */
static enum hgcm_wait call_wait(const struct vmmdev *dev, uint32_t fn)
{
	const struct shfl_fn_info *info;

	if (finish_later(dev))
		return HGCM_WAIT_LATER;
	if (strcmp(dev->config.service_name, SHFL_SERVICE_NAME) != 0)
		return HGCM_WAIT_ALWAYS;
	info = shfl_fn_find(fn);
	return info && info->flags & SHFL_FNF_BLOCKS ? HGCM_WAIT_NEVER : HGCM_WAIT_ALWAYS;
}

static void call_observe(const struct command *command, int32_t status)
{
	const struct vmmdev_config *config = &command->dev->config;
	struct vmmdev_call call = {
		.client = command->client,
		.fn = command->fn,
		.n_parms = command->parms.n,
		.parms = command->parms.service,
		.status = status,
	};

	if (config->call_ended)
		config->call_ended(config->call_user, &call);
}

/* A call that was to end later has ended; from whatever thread. */
static void call_done(void *user, int32_t status)
{
	struct command *command = user;
	struct vmmdev *dev = command->dev;

	pthread_mutex_lock(&dev->lock);
	call_observe(command, status);
	command_answer(command, status);
	command_free(command);
	pthread_mutex_unlock(&dev->lock);
}

/* Fills in what the call is; all of it from the private copy. */
static int32_t call_prepare(struct command *command, enum hgcm_wait *ret_wait)
{
	const VMMDevHGCMCall *call = (const VMMDevHGCMCall *)command->request;
	struct vmmdev *dev = command->dev;
	int32_t status;

	command->client = call->u32ClientID;
	command->fn = call->u32Function;
	*ret_wait = call_wait(dev, command->fn);
	if (call->cParms > VMMDEV_MAX_HGCM_PARMS ||
	    call->cParms >
		    (command->parms.size - sizeof(*call)) / hgcm_parm_bytes(command->request))
		return VERR_INVALID_PARAMETER;
	command->parms.n = call->cParms;
	/* Guest pages may go away while a call runs that the device does not wait for. */
	command->parms.use_pages = *ret_wait == HGCM_WAIT_ALWAYS;
	command->parms.heap_left = heap_left(dev, command->requestor);

	status = hgcm_parms_check(&command->parms);
	if (VBOX_SUCCESS(status))
		status = hgcm_parms_load(dev, &command->parms);
	heap_charge(command, command->parms.heap_used);
	if (VBOX_FAILURE(status))
		return status;
	/* Never the service's lock under the device's: call_done() is called with the former. */
	pthread_mutex_unlock(&dev->lock);
	status = hgcm_call_check(dev->config.service, command->client);
	pthread_mutex_lock(&dev->lock);
	return status;
}

/*
 * The service may still write to the buffers of a call that was given up: they
 * stay until its client is gone. A service may also have ended a call with
 * VERR_CANCELLED itself; its buffers stay as well, that does no harm.
 */
static int32_t command_give_up(struct command *command, struct request *request)
{
	request->answered = true;
	command_answer(command, VERR_CANCELLED);
	list_add(&command->dev->given_up, command);
	return VINF_SUCCESS;
}

int32_t request_hgcm_call(struct vmmdev *dev, struct request *request)
{
	struct command *command;
	enum hgcm_wait wait;
	int32_t status = hgcm_begin(dev, request, &command);

	if (VBOX_FAILURE(status))
		return status;
	status = call_prepare(command, &wait);
	if (VBOX_FAILURE(status))
		return command_refuse(command, request, status);
	command_begin(command);

	pthread_mutex_unlock(&dev->lock);
	status = hgcm_call(dev->config.service, command->client, command->fn, command->parms.n,
			   command->parms.service, wait, call_done, command);
	pthread_mutex_lock(&dev->lock);
	if (status == VINF_HGCM_ASYNC_EXECUTE) {
		request->answered = true;
		return status;
	}
	call_observe(command, status);
	if (wait == HGCM_WAIT_NEVER && status == VERR_CANCELLED)
		return command_give_up(command, request);
	return command_finish(command, request, status);
}

/* --- cancel ------------------------------------------------------------- */

static struct command *running_find(struct vmmdev *dev, uint64_t address)
{
	struct command *command = dev->running;

	while (command && (command->address != address || command->cancelled))
		command = command->next;
	return command;
}

/* From now on the request is the guest's, whatever the service still does. */
static int32_t cancel(struct vmmdev *dev, uint64_t address, int32_t not_running)
{
	struct command *command = running_find(dev, address);

	if (!command)
		return not_running;
	command->cancelled = true;
	pthread_mutex_unlock(&dev->lock);
	hgcm_cancel(dev->config.service, command);
	pthread_mutex_lock(&dev->lock);
	return VINF_SUCCESS;
}

/* The old form: the guest made the request itself into this one. */
int32_t request_hgcm_cancel(struct vmmdev *dev, struct request *request)
{
	return cancel(dev, request->address, VERR_INVALID_PARAMETER);
}

int32_t request_hgcm_cancel2(struct vmmdev *dev, struct request *request)
{
	uint32_t address = ((VMMDevHGCMCancel2 *)request->bytes)->physReqToCancel;

	if (address == 0 || address == UINT32_MAX)
		return VERR_INVALID_PARAMETER;
	return cancel(dev, address, VERR_NOT_FOUND);
}

/* --- reset -------------------------------------------------------------- */

void hgcm_requests_reset(struct vmmdev *dev)
{
	struct command *command;

	if (!dev->config.service)
		return;
	pthread_mutex_lock(&dev->lock);
	for (command = dev->running; command; command = command->next)
		command->cancelled = true;
	pthread_mutex_unlock(&dev->lock);

	hgcm_reset(dev->config.service, dev->session_id);

	pthread_mutex_lock(&dev->lock);
	list_free(dev->given_up);
	dev->given_up = NULL;
	pthread_mutex_unlock(&dev->lock);
}
