/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HGCM host library: loads a service module, keeps its clients and its
 * calls that have not ended.
 */
#include "hgcm.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vbox_status.h"

#define REQUESTOR_LEGACY 0xffffffffu
#define REQUESTOR_USER_MASK 0x7u

/* What a service may have if it does not say otherwise (spec/shfl-service.md 13.1). */
static const uint32_t default_max_clients[HGCM_CLIENT_CATEGORY_MAX] = {2048, 1024, 1024};
static const uint32_t default_max_calls[HGCM_CLIENT_CATEGORY_MAX] = {8192, 4096, 2048};

struct client {
	struct client *next;
	uint32_t id;
	uint32_t requestor;
	uint32_t category;
	void *data; /* the service's, table.cbClient bytes */
};

struct hgcm_service {
	pthread_mutex_t entry; /* held by the one thread that is inside of the module */
	void *module;
	VBOXHGCMSVCFNTABLE table;
	VBOXHGCMSVCHELPERS helpers;
	struct client *clients; /* guarded by entry, as are the next two */
	uint32_t last_client;
	uint64_t session_id;
};

enum call_owner {
	OWNER_CALLER, /* hgcm_call is still running, it takes the result */
	OWNER_DONE, /* the completion runs "done" */
	OWNER_NOBODY /* given up */
};

/*
 * A call that has not ended. The service gets a copy of the parameters, so that
 * it never looks at memory which a caller that gave up has reused.
 */
struct call {
	struct call *next;
	uint64_t handle;
	struct hgcm_service *service;
	uint32_t client;
	uint32_t requestor;
	enum call_owner owner;
	bool ended;
	bool cancelled;
	int32_t status;
	hgcm_done *done;
	void *user;
	VBOXHGCMSVCPARM *caller_parms;
	uint32_t n_parms;
	VBOXHGCMSVCPARM parms[];
};

/*
 * A completion brings nothing but the call handle, hence one list for all
 * services. Handles are numbers that are never used twice: completing a call
 * again, or late, finds nothing and does no harm.
 */
static pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t call_ended = PTHREAD_COND_INITIALIZER;
static struct call *calls;
static uint64_t last_handle;

static VBOXHGCMCALLHANDLE call_handle(const struct call *call)
{
	return (VBOXHGCMCALLHANDLE)(uintptr_t)call->handle;
}

static struct call *call_find(VBOXHGCMCALLHANDLE handle)
{
	struct call *call = calls;

	while (call && call->handle != (uintptr_t)handle)
		call = call->next;
	return call;
}

static void call_unlink(struct call *call)
{
	struct call **link = &calls;

	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
}

/* Ends a call that "done" waits for; it is no longer in the list. */
static void call_report(struct call *call, int32_t status)
{
	if (call->n_parms)
		memcpy(call->caller_parms, call->parms, call->n_parms * sizeof(call->parms[0]));
	call->done(call->user, status);
	free(call);
}

static int hgcm_call_complete(VBOXHGCMCALLHANDLE handle, int32_t status)
{
	struct call *call;

	/* Means "not ended yet" to callers: a service must not end a call with it. */
	if (status == VINF_HGCM_ASYNC_EXECUTE)
		status = VERR_HGCM_INTERNAL;

	pthread_mutex_lock(&calls_lock);
	call = call_find(handle);
	if (!call || call->ended) {
		pthread_mutex_unlock(&calls_lock);
		return VERR_INVALID_HANDLE;
	}
	call->status = status;
	call->ended = true;
	if (call->owner == OWNER_CALLER) {
		pthread_cond_broadcast(&call_ended);
		pthread_mutex_unlock(&calls_lock);
		return VINF_SUCCESS;
	}
	call_unlink(call);
	pthread_mutex_unlock(&calls_lock);

	if (call->owner == OWNER_DONE)
		call_report(call, status);
	else
		free(call);
	return VINF_SUCCESS;
}

static bool helper_is_call_cancelled(VBOXHGCMCALLHANDLE handle)
{
	struct call *call;
	bool cancelled;

	pthread_mutex_lock(&calls_lock);
	call = call_find(handle);
	cancelled = !call || call->cancelled || call->owner == OWNER_NOBODY;
	pthread_mutex_unlock(&calls_lock);
	return cancelled;
}

static uint32_t helper_get_requestor(VBOXHGCMCALLHANDLE handle)
{
	struct call *call;
	uint32_t requestor;

	pthread_mutex_lock(&calls_lock);
	call = call_find(handle);
	requestor = call ? call->requestor : REQUESTOR_LEGACY;
	pthread_mutex_unlock(&calls_lock);
	return requestor;
}

/* Nothing is ever restored: there are no saved machines here. */
static bool helper_is_call_restored(VBOXHGCMCALLHANDLE handle)
{
	(void)handle;
	return false;
}

/* A service that disconnects its own clients would do so from inside of an entry. */
static int helper_disconnect_client(void *instance, uint32_t client)
{
	(void)instance;
	(void)client;
	return VERR_NOT_SUPPORTED;
}

static uint64_t helper_get_session_id(void *instance)
{
	const struct hgcm_service *service = instance;

	return service->session_id;
}

/*
 * Statistics and debugger information are taken and shown to nobody. Services
 * register them while they load and may take a refusal for a failed load.
 */
static int helper_stam_register(void *instance, void *sample, int type, int visibility, int unit,
				const char *desc, const char *name_format, va_list args)
{
	(void)instance, (void)sample, (void)type, (void)visibility, (void)unit;
	(void)desc, (void)name_format, (void)args;
	return VINF_SUCCESS;
}

static int helper_stam_deregister(void *instance, const char *pattern_format, va_list args)
{
	(void)instance, (void)pattern_format, (void)args;
	return VINF_SUCCESS;
}

static int helper_info_register(void *instance, const char *name, const char *desc, void *handler,
				void *user)
{
	(void)instance, (void)name, (void)desc, (void)handler, (void)user;
	return VINF_SUCCESS;
}

static int helper_info_deregister(void *instance, const char *name)
{
	(void)instance, (void)name;
	return VINF_SUCCESS;
}

static const VBOXHGCMSVCHELPERS helpers_template = {
	.pfnCallComplete = hgcm_call_complete,
	.pfnDisconnectClient = helper_disconnect_client,
	.pfnIsCallRestored = helper_is_call_restored,
	.pfnIsCallCancelled = helper_is_call_cancelled,
	.pfnStamRegisterV = helper_stam_register,
	.pfnStamDeregisterV = helper_stam_deregister,
	.pfnInfoRegister = helper_info_register,
	.pfnInfoDeregister = helper_info_deregister,
	.pfnGetRequestor = helper_get_requestor,
	.pfnGetVMMDevSessionId = helper_get_session_id,
};

static struct hgcm_service *service_new(void)
{
	struct hgcm_service *service = calloc(1, sizeof(*service));

	if (!service)
		return NULL;
	pthread_mutex_init(&service->entry, NULL);
	service->helpers = helpers_template;
	service->helpers.pvInstance = service;
	service->session_id = 1;
	service->table.cbSize = sizeof(service->table);
	service->table.u32Version = VBOX_HGCM_SVC_VERSION;
	service->table.pHelpers = &service->helpers;
	memcpy(service->table.acMaxClients, default_max_clients, sizeof(default_max_clients));
	memcpy(service->table.acMaxCallsPerClient, default_max_calls, sizeof(default_max_calls));
	return service;
}

static void service_free(struct hgcm_service *service)
{
	if (service->module)
		dlclose(service->module);
	pthread_mutex_destroy(&service->entry);
	free(service);
}

/* Fills in *ret_message and passes the error on. */
__attribute__((format(printf, 3, 4))) static int refuse(char **ret_message, int error,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_message, format, args) < 0)
		*ret_message = NULL;
	va_end(args);
	return error;
}

static int module_open(struct hgcm_service *service, const char *file, char **ret_message)
{
	char *path;

	if (access(file, R_OK) != 0)
		return refuse(ret_message, -errno, "cannot read %s: %s", file, strerror(errno));
	/* Without a slash the name would be looked up among the system's libraries. */
	if (asprintf(&path, "%s%s", strchr(file, '/') ? "" : "./", file) < 0)
		return refuse(ret_message, -ENOMEM, "out of memory");
	service->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	free(path);
	if (!service->module)
		return refuse(ret_message, -ENOEXEC, "%s does not load: %s", file, dlerror());
	return 0;
}

static const char *missing_function(const VBOXHGCMSVCFNTABLE *table)
{
	if (!table->pfnUnload)
		return "pfnUnload";
	if (!table->pfnConnect)
		return "pfnConnect";
	if (!table->pfnDisconnect)
		return "pfnDisconnect";
	return table->pfnCall ? NULL : "pfnCall";
}

static int module_start(struct hgcm_service *service, const char *file, char **ret_message)
{
	FNVBOXHGCMSVCLOAD *load = dlsym(service->module, VBOX_HGCM_SVCLOAD_NAME);
	const char *missing, *name;
	int status;

	if (!load)
		return refuse(ret_message, -ENOEXEC,
			      "%s is no HGCM service: it has no function " VBOX_HGCM_SVCLOAD_NAME,
			      file);
	status = load(&service->table);
	if (VBOX_FAILURE(status)) {
		name = status == VERR_VERSION_MISMATCH
			       ? " (made for another version of the interface)"
			       : "";
		return refuse(ret_message, -EPROTO, "%s refuses to start: status %d%s", file,
			      status, name);
	}
	missing = missing_function(&service->table);
	if (!missing)
		return 0;
	if (service->table.pfnUnload)
		service->table.pfnUnload(service->table.pvService);
	return refuse(ret_message, -ENOEXEC, "%s leaves out the function %s", file, missing);
}

int hgcm_service_load(const char *file, struct hgcm_service **ret, char **ret_message)
{
	struct hgcm_service *service = service_new();
	int error;

	*ret_message = NULL;
	if (!service)
		return refuse(ret_message, -ENOMEM, "out of memory");
	error = module_open(service, file, ret_message);
	if (!error)
		error = module_start(service, file, ret_message);
	if (error) {
		service_free(service);
		return error;
	}
	*ret = service;
	return 0;
}

static uint32_t requestor_category(const struct hgcm_service *service, uint32_t requestor)
{
	static const uint32_t categories[REQUESTOR_USER_MASK + 1] = {
		[0] = HGCM_CLIENT_CATEGORY_USER,   [1] = HGCM_CLIENT_CATEGORY_KERNEL,
		[2] = HGCM_CLIENT_CATEGORY_KERNEL, [3] = HGCM_CLIENT_CATEGORY_ROOT,
		[4] = HGCM_CLIENT_CATEGORY_ROOT,   [5] = HGCM_CLIENT_CATEGORY_USER,
		[6] = HGCM_CLIENT_CATEGORY_USER,   [7] = HGCM_CLIENT_CATEGORY_USER,
	};

	if (requestor == REQUESTOR_LEGACY &&
	    service->table.idxLegacyClientCategory < HGCM_CLIENT_CATEGORY_MAX)
		return service->table.idxLegacyClientCategory;
	return categories[requestor & REQUESTOR_USER_MASK];
}

static struct client **client_find(struct hgcm_service *service, uint32_t id)
{
	struct client **link = &service->clients;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

static uint32_t client_next_id(struct hgcm_service *service)
{
	do
		service->last_client++;
	while (!service->last_client || *client_find(service, service->last_client));
	return service->last_client;
}

static void client_free(struct client *client)
{
	free(client->data);
	free(client);
}

static struct client *client_new(struct hgcm_service *service, uint32_t requestor,
				 uint32_t category)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->data = calloc(1, service->table.cbClient ? service->table.cbClient : 1);
	if (!client->data) {
		free(client);
		return NULL;
	}
	client->id = client_next_id(service);
	client->requestor = requestor;
	client->category = category;
	return client;
}

static int32_t connect_entered(struct hgcm_service *service, uint32_t requestor,
			       uint32_t *ret_client)
{
	uint32_t category = requestor_category(service, requestor);
	uint32_t n_same = 0;
	struct client *client;
	int32_t status;

	for (client = service->clients; client; client = client->next)
		n_same += client->category == category;
	if (n_same >= service->table.acMaxClients[category])
		return VERR_HGCM_TOO_MANY_CLIENTS;

	client = client_new(service, requestor, category);
	if (!client)
		return VERR_NO_MEMORY;
	status = service->table.pfnConnect(service->table.pvService, client->id, client->data,
					   requestor, false);
	if (VBOX_FAILURE(status) || status == VINF_HGCM_CLIENT_REJECTED) {
		client_free(client);
		return status;
	}
	client->next = service->clients;
	service->clients = client;
	*ret_client = client->id;
	return status;
}

int32_t hgcm_connect(struct hgcm_service *service, uint32_t requestor, uint32_t *ret_client)
{
	int32_t status;

	pthread_mutex_lock(&service->entry);
	status = connect_entered(service, requestor, ret_client);
	pthread_mutex_unlock(&service->entry);
	return status;
}

/*
 * Takes a client's calls that its service has not completed out of the list.
 * The service was told of the disconnect: what it completes later is dropped.
 * Returns those whose "done" is to be called.
 */
static struct call *calls_abandon(const struct hgcm_service *service, uint32_t client)
{
	struct call **link = &calls, *call, *orphans = NULL;

	pthread_mutex_lock(&calls_lock);
	while ((call = *link)) {
		if (call->service != service || call->client != client || call->ended) {
			link = &call->next;
		} else if (call->owner == OWNER_CALLER) {
			call->status = VERR_CANCELLED;
			call->ended = true;
			link = &call->next;
		} else {
			*link = call->next;
			call->next = orphans;
			orphans = call;
		}
	}
	pthread_cond_broadcast(&call_ended);
	pthread_mutex_unlock(&calls_lock);
	return orphans;
}

static void calls_report_orphans(struct call *orphans)
{
	struct call *call;

	while ((call = orphans)) {
		orphans = call->next;
		if (call->owner == OWNER_DONE)
			call_report(call, VERR_CANCELLED);
		else
			free(call);
	}
}

int32_t hgcm_disconnect(struct hgcm_service *service, uint32_t id)
{
	struct client **link, *client;
	struct call *orphans;
	int32_t status;

	pthread_mutex_lock(&service->entry);
	link = client_find(service, id);
	client = *link;
	if (!client) {
		pthread_mutex_unlock(&service->entry);
		return VERR_HGCM_INVALID_CLIENT_ID;
	}
	status = service->table.pfnDisconnect(service->table.pvService, id, client->data);
	orphans = calls_abandon(service, id);
	*link = client->next;
	client_free(client);
	pthread_mutex_unlock(&service->entry);

	calls_report_orphans(orphans);
	return status;
}

static void disconnect_all(struct hgcm_service *service)
{
	while (service->clients)
		hgcm_disconnect(service, service->clients->id);
}

void hgcm_reset(struct hgcm_service *service, uint64_t session_id)
{
	disconnect_all(service);
	pthread_mutex_lock(&service->entry);
	service->session_id = session_id;
	if (service->table.pfnNotify)
		service->table.pfnNotify(service->table.pvService, HGCMNOTIFYEVENT_RESET);
	pthread_mutex_unlock(&service->entry);
}

void hgcm_service_unload(struct hgcm_service *service)
{
	if (!service)
		return;
	disconnect_all(service);
	service->table.pfnUnload(service->table.pvService);
	service_free(service);
}

int32_t hgcm_host_call(struct hgcm_service *service, uint32_t fn, uint32_t n_parms,
		       VBOXHGCMSVCPARM *parms)
{
	int32_t status;

	if (!service->table.pfnHostCall)
		return VERR_NOT_SUPPORTED;
	pthread_mutex_lock(&service->entry);
	status = service->table.pfnHostCall(service->table.pvService, fn, n_parms, parms);
	pthread_mutex_unlock(&service->entry);
	return status;
}

static uint32_t calls_count(const struct hgcm_service *service, uint32_t client)
{
	const struct call *call;
	uint32_t n = 0;

	pthread_mutex_lock(&calls_lock);
	for (call = calls; call; call = call->next)
		n += call->service == service && call->client == client;
	pthread_mutex_unlock(&calls_lock);
	return n;
}

static int32_t call_check(struct hgcm_service *service, const struct client *client)
{
	if (!client)
		return VERR_HGCM_INVALID_CLIENT_ID;
	if (calls_count(service, client->id) >=
	    service->table.acMaxCallsPerClient[client->category])
		return VERR_HGCM_TOO_MANY_CLIENT_CALLS;
	return VINF_SUCCESS;
}

int32_t hgcm_call_check(struct hgcm_service *service, uint32_t client)
{
	int32_t status;

	pthread_mutex_lock(&service->entry);
	status = call_check(service, *client_find(service, client));
	pthread_mutex_unlock(&service->entry);
	return status;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct call *call_new(struct hgcm_service *service, const struct client *client,
			     uint32_t n_parms, VBOXHGCMSVCPARM *parms)
{
	struct call *call = calloc(1, sizeof(*call) + n_parms * sizeof(call->parms[0]));

	if (!call)
		return NULL;
	call->service = service;
	call->client = client->id;
	call->requestor = client->requestor;
	call->caller_parms = parms;
	call->n_parms = n_parms;
	if (n_parms)
		memcpy(call->parms, parms, n_parms * sizeof(parms[0]));

	pthread_mutex_lock(&calls_lock);
	call->handle = ++last_handle;
	call->next = calls;
	calls = call;
	pthread_mutex_unlock(&calls_lock);
	return call;
}

/* Enters the service; on success *ret is a call that may have ended. */
static int32_t call_enter(struct hgcm_service *service, uint32_t client_id, uint32_t fn,
			  uint32_t n_parms, VBOXHGCMSVCPARM *parms, struct call **ret)
{
	struct client *client;
	struct call *call;
	int32_t status;

	pthread_mutex_lock(&service->entry);
	client = *client_find(service, client_id);
	status = call_check(service, client);
	if (VBOX_FAILURE(status))
		goto cleanup;
	call = call_new(service, client, n_parms, parms);
	if (!call) {
		status = VERR_NO_MEMORY;
		goto cleanup;
	}
	service->table.pfnCall(service->table.pvService, call_handle(call), client_id, client->data,
			       fn, n_parms, call->parms, now_ns());
	*ret = call;
cleanup:
	pthread_mutex_unlock(&service->entry);
	return status;
}

/* Tells the service that some call of this client is marked as cancelled. */
static void service_tell_cancelled(struct hgcm_service *service, uint32_t id)
{
	struct client *client;

	if (!service->table.pfnCancelled)
		return;
	pthread_mutex_lock(&service->entry);
	client = *client_find(service, id);
	if (client)
		service->table.pfnCancelled(service->table.pvService, id, client->data);
	pthread_mutex_unlock(&service->entry);
}

/* A service that has to wait is told that nobody will: it may end the call at once. */
static void call_try_no_longer(struct call *call)
{
	bool waits;

	pthread_mutex_lock(&calls_lock);
	waits = !call->ended;
	call->cancelled = waits;
	pthread_mutex_unlock(&calls_lock);
	if (waits)
		service_tell_cancelled(call->service, call->client);
}

/* Decides what becomes of a call that the service returned from. */
static int32_t call_leave(struct call *call, enum hgcm_wait wait, hgcm_done *done, void *user)
{
	int32_t status;

	if (wait == HGCM_WAIT_NEVER)
		call_try_no_longer(call);
	pthread_mutex_lock(&calls_lock);
	while (!call->ended && wait == HGCM_WAIT_ALWAYS)
		pthread_cond_wait(&call_ended, &calls_lock);
	if (!call->ended) {
		call->owner = wait == HGCM_WAIT_LATER ? OWNER_DONE : OWNER_NOBODY;
		call->done = done;
		call->user = user;
		pthread_mutex_unlock(&calls_lock);
		return wait == HGCM_WAIT_LATER ? VINF_HGCM_ASYNC_EXECUTE : VERR_CANCELLED;
	}
	call_unlink(call);
	pthread_mutex_unlock(&calls_lock);

	status = call->status;
	if (call->n_parms)
		memcpy(call->caller_parms, call->parms, call->n_parms * sizeof(call->parms[0]));
	free(call);
	return status;
}

int32_t hgcm_call(struct hgcm_service *service, uint32_t client, uint32_t fn, uint32_t n_parms,
		  VBOXHGCMSVCPARM *parms, enum hgcm_wait wait, hgcm_done *done, void *user)
{
	struct call *call;
	int32_t status;

	if (n_parms > VBOX_HGCM_MAX_PARMS || (wait == HGCM_WAIT_LATER && !done))
		return VERR_INVALID_PARAMETER;
	status = call_enter(service, client, fn, n_parms, parms, &call);
	if (VBOX_FAILURE(status))
		return status;
	return call_leave(call, wait, done, user);
}

/* Marks the call and says whose it is; 0: no such call. */
static uint32_t call_mark_cancelled(const struct hgcm_service *service, const void *user)
{
	struct call *call;
	uint32_t client = 0;

	pthread_mutex_lock(&calls_lock);
	for (call = calls; call; call = call->next) {
		if (call->service == service && call->owner == OWNER_DONE && call->user == user) {
			call->cancelled = true;
			client = call->client;
		}
	}
	pthread_mutex_unlock(&calls_lock);
	return client;
}

void hgcm_cancel(struct hgcm_service *service, void *user)
{
	uint32_t id = call_mark_cancelled(service, user);

	if (id)
		service_tell_cancelled(service, id);
}
