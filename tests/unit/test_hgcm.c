/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HGCM host library, driven with the echo service. */
#include "hgcm.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "../services/echo_service.h"
#include "leak_check.h"
#include "shfl.h"
#include "vbox_status.h"

#define SERVICES BIN_DIR "/../lib/test-services/"
#define KERNEL 0x1u
#define USER 0x6u

static struct hgcm_service *service;
static uint32_t client;

static void load(void)
{
	char *message;

	cr_assert_eq(hgcm_service_load(SERVICES "echo_service.so", &service, &message), 0, "%s",
		     message);
	cr_assert_eq(hgcm_connect(service, KERNEL, &client), VINF_SUCCESS);
}

static void unload(void)
{
	hgcm_service_unload(service);
	leak_check();
}

TestSuite(hgcm_load, .fini = leak_check);
TestSuite(hgcm, .init = load, .fini = unload);

static VBOXHGCMSVCPARM parm32(uint32_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = value};
}

static VBOXHGCMSVCPARM parm64(uint64_t value)
{
	return (VBOXHGCMSVCPARM){.type = VBOX_HGCM_SVC_PARM_64BIT, .u.uint64 = value};
}

static int32_t call(uint32_t fn, uint32_t n, VBOXHGCMSVCPARM *parms, enum hgcm_wait wait)
{
	return hgcm_call(service, client, fn, n, parms, wait, NULL, NULL);
}

static void count(uint32_t counts[3])
{
	VBOXHGCMSVCPARM parms[3] = {0};

	cr_assert_eq(hgcm_host_call(service, ECHO_HOST_FN_COUNT, 3, parms), VINF_SUCCESS);
	for (int i = 0; i < 3; i++)
		counts[i] = parms[i].u.uint32;
}

static void check_refused(const char *file, int error, const char *text)
{
	struct hgcm_service *none = NULL;
	char *message = NULL;

	cr_assert_eq(hgcm_service_load(file, &none, &message), error);
	cr_assert_null(none);
	cr_assert_not_null(message);
	cr_assert_not_null(strstr(message, file), "%s", message);
	cr_assert_not_null(strstr(message, text), "%s", message);
	free(message);
}

Test(hgcm_load, refuses_what_is_no_service)
{
	check_refused(SERVICES "none.so", -ENOENT, "No such file");
	check_refused("/etc/passwd", -ENOEXEC, "does not load");
	check_refused(SERVICES "bad_no_entry.so", -ENOEXEC, "VBoxHGCMSvcLoad");
	check_refused(SERVICES "bad_version.so", -EPROTO, "another version");
	check_refused(SERVICES "bad_no_call.so", -ENOEXEC, "pfnCall");
	check_refused(SERVICES "sleep_service.so", -EPROTO, "status -78");
}

/* A plain file name is a file here, not one of the system's libraries. */
Test(hgcm_load, does_not_search_libraries)
{
	check_refused("libc.so.6", -ENOENT, "No such file");
}

Test(hgcm, call_changes_parameters)
{
	uint8_t bytes[2] = {0x0f, 0};
	VBOXHGCMSVCPARM parms[3] = {parm32(41), parm64(1ull << 40)};

	parms[2].type = VBOX_HGCM_SVC_PARM_PTR;
	parms[2].u.pointer.size = sizeof(bytes);
	parms[2].u.pointer.addr = bytes;
	cr_assert_eq(call(ECHO_FN_COMPLEMENT, 3, parms, HGCM_WAIT_NEVER), VINF_SUCCESS);
	cr_assert_eq(parms[0].u.uint32, 42);
	cr_assert_eq(parms[1].u.uint64, (1ull << 40) + 1);
	cr_assert_eq(bytes[0], 0xf0);
	cr_assert_eq(bytes[1], 0xff);
}

Test(hgcm, status_is_the_services)
{
	VBOXHGCMSVCPARM parm = parm32((uint32_t)VERR_FILE_NOT_FOUND);

	cr_assert_eq(call(ECHO_FN_STATUS, 1, &parm, HGCM_WAIT_ALWAYS), VERR_FILE_NOT_FOUND);
	cr_assert_eq(call(99, 0, NULL, HGCM_WAIT_ALWAYS), VERR_NOT_IMPLEMENTED);
}

/* 2903 means "not ended" to callers. */
Test(hgcm, service_cannot_end_a_call_as_not_ended)
{
	VBOXHGCMSVCPARM parm = parm32(VINF_HGCM_ASYNC_EXECUTE);

	cr_assert_eq(call(ECHO_FN_STATUS, 1, &parm, HGCM_WAIT_NEVER), VERR_HGCM_INTERNAL);
}

Test(hgcm, clients_count_up_from_one)
{
	uint32_t other;

	cr_assert_eq(client, 1);
	cr_assert_eq(hgcm_connect(service, USER, &other), VINF_SUCCESS);
	cr_assert_eq(other, 2);
	cr_assert_eq(hgcm_disconnect(service, other), VINF_SUCCESS);
	cr_assert_eq(hgcm_connect(service, USER, &other), VINF_SUCCESS);
	cr_assert_eq(other, 3);
}

Test(hgcm, unknown_client_is_refused)
{
	cr_assert_eq(hgcm_disconnect(service, 7), VERR_HGCM_INVALID_CLIENT_ID);
	cr_assert_eq(hgcm_disconnect(service, 0), VERR_HGCM_INVALID_CLIENT_ID);
	cr_assert_eq(hgcm_call_check(service, 7), VERR_HGCM_INVALID_CLIENT_ID);
	cr_assert_eq(hgcm_call_check(service, client), VINF_SUCCESS);
	cr_assert_eq(hgcm_call(service, 7, ECHO_FN_RELEASE, 0, NULL, HGCM_WAIT_ALWAYS, NULL, NULL),
		     VERR_HGCM_INVALID_CLIENT_ID);
}

Test(hgcm, rejected_client_gets_no_id)
{
	uint32_t other = 77;

	cr_assert_eq(hgcm_connect(service, ECHO_REJECTED_REQUESTOR, &other),
		     VERR_PERMISSION_DENIED);
	cr_assert_eq(other, 77);
}

Test(hgcm, clients_are_limited_by_category)
{
	uint32_t id;

	for (int i = 1; i < ECHO_MAX_CLIENTS; i++)
		cr_assert_eq(hgcm_connect(service, i % 2 ? KERNEL : 0x2, &id), VINF_SUCCESS);
	cr_assert_eq(hgcm_connect(service, KERNEL, &id), VERR_HGCM_TOO_MANY_CLIENTS);
	/* Legacy clients are in the service's category for them, the kernel's. */
	cr_assert_eq(hgcm_connect(service, 0xffffffffu, &id), VERR_HGCM_TOO_MANY_CLIENTS);
	cr_assert_eq(hgcm_connect(service, 0x3, &id), VINF_SUCCESS);
	cr_assert_eq(hgcm_connect(service, USER, &id), VINF_SUCCESS);
}

Test(hgcm, requestor_and_session_reach_the_service)
{
	VBOXHGCMSVCPARM parms[2] = {parm32(0), parm64(0)};

	hgcm_reset(service, 1234);
	cr_assert_eq(hgcm_connect(service, 0x8006, &client), VINF_SUCCESS);
	cr_assert_eq(call(ECHO_FN_REQUESTOR, 2, parms, HGCM_WAIT_ALWAYS), VINF_SUCCESS);
	cr_assert_eq(parms[0].u.uint32, 0x8006);
	cr_assert_eq(parms[1].u.uint64, 1234);
}

Test(hgcm, reset_disconnects_and_notifies)
{
	uint32_t counts[3];

	hgcm_reset(service, 2);
	count(counts);
	cr_assert_eq(counts[0], 0);
	cr_assert_eq(counts[1], 1);
	cr_assert_eq(counts[2], 1);
	cr_assert_eq(hgcm_call_check(service, client), VERR_HGCM_INVALID_CLIENT_ID);
}

Test(hgcm, waits_for_another_thread)
{
	VBOXHGCMSVCPARM parm = parm32(1);

	cr_assert_eq(call(ECHO_FN_THREAD, 1, &parm, HGCM_WAIT_ALWAYS), VINF_SUCCESS);
	cr_assert_eq(parm.u.uint32, 2);
}

/* The late completion must not touch the caller's array. */
Test(hgcm, gives_up_on_a_call)
{
	VBOXHGCMSVCPARM parm = parm32(1);

	cr_assert_eq(call(ECHO_FN_PARK, 1, &parm, HGCM_WAIT_NEVER), VERR_CANCELLED);
	cr_assert_eq(parm.u.uint32, 1);
	cr_assert_eq(call(ECHO_FN_RELEASE, 0, NULL, HGCM_WAIT_NEVER), VINF_SUCCESS);
	cr_assert_eq(parm.u.uint32, 1);
}

struct result {
	int n_done;
	int32_t status;
};

static void note_done(void *user, int32_t status)
{
	struct result *result = user;

	result->n_done++;
	result->status = status;
}

static int32_t call_later(uint32_t fn, VBOXHGCMSVCPARM *parm, struct result *result)
{
	return hgcm_call(service, client, fn, 1, parm, HGCM_WAIT_LATER, note_done, result);
}

Test(hgcm, call_ends_later)
{
	VBOXHGCMSVCPARM parm = parm32(1);
	struct result result = {0};

	cr_assert_eq(call_later(ECHO_FN_PARK, &parm, &result), VINF_HGCM_ASYNC_EXECUTE);
	cr_assert_eq(result.n_done, 0);
	cr_assert_eq(call(ECHO_FN_RELEASE, 0, NULL, HGCM_WAIT_ALWAYS), VINF_SUCCESS);
	cr_assert_eq(result.n_done, 1);
	cr_assert_eq(result.status, VINF_SUCCESS);
	cr_assert_eq(parm.u.uint32, 2);
}

Test(hgcm, call_that_ends_at_once_reports_no_end)
{
	VBOXHGCMSVCPARM parm = parm32(1);
	struct result result = {0};

	cr_assert_eq(call_later(ECHO_FN_COMPLEMENT, &parm, &result), VINF_SUCCESS);
	cr_assert_eq(parm.u.uint32, 2);
	cr_assert_eq(result.n_done, 0);
	cr_assert_eq(hgcm_call(service, client, ECHO_FN_COMPLEMENT, 1, &parm, HGCM_WAIT_LATER, NULL,
			       NULL),
		     VERR_INVALID_PARAMETER);
}

Test(hgcm, completing_twice_is_harmless)
{
	VBOXHGCMSVCPARM parm = parm32(1);
	struct result result = {0};

	call_later(ECHO_FN_PARK, &parm, &result);
	cr_assert_eq(call(ECHO_FN_TWICE, 1, &parm, HGCM_WAIT_ALWAYS), VINF_SUCCESS);
	cr_assert_eq((int32_t)parm.u.uint32, VERR_INVALID_HANDLE);
	cr_assert_eq(result.n_done, 1);
}

Test(hgcm, disconnect_ends_calls)
{
	VBOXHGCMSVCPARM parms[2] = {parm32(1), parm32(1)};
	struct result results[2] = {0};

	/* The service completes the one itself; the other is left to the library. */
	call_later(ECHO_FN_PARK, &parms[0], &results[0]);
	call_later(ECHO_FN_ABANDON, &parms[1], &results[1]);
	call(ECHO_FN_ABANDON, 0, NULL, HGCM_WAIT_NEVER);
	cr_assert_eq(hgcm_disconnect(service, client), VINF_SUCCESS);
	cr_assert_eq(results[0].n_done, 1);
	cr_assert_eq(results[0].status, VINF_SUCCESS);
	cr_assert_eq(results[1].n_done, 1);
	cr_assert_eq(results[1].status, VERR_CANCELLED);
}

/* Once the last call that the client may have is in the service. */
static void *disconnect_soon(void *unused)
{
	while (hgcm_call_check(service, client) != VERR_HGCM_TOO_MANY_CLIENT_CALLS)
		usleep(1000);
	hgcm_disconnect(service, client);
	return unused;
}

Test(hgcm, disconnect_wakes_who_waits)
{
	pthread_t thread;

	for (int i = 1; i < ECHO_MAX_CALLS; i++)
		call(ECHO_FN_ABANDON, 0, NULL, HGCM_WAIT_NEVER);
	cr_assert_eq(pthread_create(&thread, NULL, disconnect_soon, NULL), 0);
	cr_assert_eq(call(ECHO_FN_ABANDON, 0, NULL, HGCM_WAIT_ALWAYS), VERR_CANCELLED);
	pthread_join(thread, NULL);
}

Test(hgcm, calls_of_a_client_are_limited)
{
	VBOXHGCMSVCPARM parm = parm32(1);
	uint32_t other;

	for (int i = 0; i < ECHO_MAX_CALLS; i++)
		call(ECHO_FN_ABANDON, 0, NULL, HGCM_WAIT_NEVER);
	cr_assert_eq(call(ECHO_FN_COMPLEMENT, 1, &parm, HGCM_WAIT_ALWAYS),
		     VERR_HGCM_TOO_MANY_CLIENT_CALLS);
	cr_assert_eq(hgcm_call_check(service, client), VERR_HGCM_TOO_MANY_CLIENT_CALLS);
	cr_assert_eq(hgcm_connect(service, KERNEL, &other), VINF_SUCCESS);
	cr_assert_eq(hgcm_call_check(service, other), VINF_SUCCESS);
}

Test(hgcm, parameters_are_limited)
{
	VBOXHGCMSVCPARM parms[VBOX_HGCM_MAX_PARMS + 1] = {0};

	cr_assert_eq(call(ECHO_FN_COMPLEMENT, VBOX_HGCM_MAX_PARMS, parms, HGCM_WAIT_ALWAYS),
		     VINF_SUCCESS);
	cr_assert_eq(call(ECHO_FN_COMPLEMENT, VBOX_HGCM_MAX_PARMS + 1, parms, HGCM_WAIT_ALWAYS),
		     VERR_INVALID_PARAMETER);
}

Test(hgcm, cancel_tells_the_service)
{
	VBOXHGCMSVCPARM parms[2] = {parm32(0), parm32(0)};
	struct result result = {0}, other;

	call_later(ECHO_FN_PARK, &parms[0], &result);
	hgcm_cancel(service, &other);
	call(ECHO_FN_CANCELS, 2, parms, HGCM_WAIT_ALWAYS);
	cr_assert_eq(parms[0].u.uint32, 0);
	cr_assert_eq(parms[1].u.uint32, 0);

	hgcm_cancel(service, &result);
	call(ECHO_FN_CANCELS, 2, parms, HGCM_WAIT_ALWAYS);
	cr_assert_eq(parms[0].u.uint32, 1);
	cr_assert_eq(parms[1].u.uint32, 1);
	cr_assert_eq(result.n_done, 0);
}

Test(hgcm, giving_up_tells_the_service)
{
	VBOXHGCMSVCPARM parms[2] = {parm32(0), parm32(0)};

	cr_assert_eq(call(ECHO_FN_PARK, 1, parms, HGCM_WAIT_NEVER), VERR_CANCELLED);
	call(ECHO_FN_CANCELS, 2, parms, HGCM_WAIT_ALWAYS);
	cr_assert_eq(parms[0].u.uint32, 1);
	cr_assert_eq(parms[1].u.uint32, 1);
}

static void check_string(uint32_t index, const uint16_t *text, size_t bytes, uint32_t flags)
{
	uint16_t buffer[16] = {0};
	VBOXHGCMSVCPARM parms[3] = {parm32(index), {0}, parm32(0)};

	parms[1].type = VBOX_HGCM_SVC_PARM_PTR;
	parms[1].u.pointer.size = (uint32_t)bytes;
	parms[1].u.pointer.addr = buffer;
	cr_assert_eq(hgcm_host_call(service, ECHO_HOST_FN_STRING, 3, parms), VINF_SUCCESS);
	cr_assert_arr_eq(buffer, text, bytes);
	cr_assert_eq(parms[2].u.uint32, flags);
}

/* One, two, three and four bytes of UTF-8; the last takes two units of UTF-16. */
Test(hgcm, share_strings_become_utf16)
{
	static const uint16_t dir[] = {'/', 0xe9, 0x20ac, 0xd83d, 0xde00, 0};
	static const uint16_t name[] = {'a', 0};
	static const uint16_t empty[] = {0};

	cr_assert_eq(hgcm_add_share(service, "a", "/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
				    SHFL_ADD_MAPPING_F_WRITABLE, NULL),
		     VINF_SUCCESS);
	check_string(0, dir, sizeof(dir), SHFL_ADD_MAPPING_F_WRITABLE);
	check_string(1, name, sizeof(name), SHFL_ADD_MAPPING_F_WRITABLE);
	check_string(3, empty, sizeof(empty), SHFL_ADD_MAPPING_F_WRITABLE);
	cr_assert_eq(hgcm_remove_share(service, "b\xc3\xa9"), VINF_SUCCESS);
	check_string(0, (const uint16_t[]){'b', 0xe9, 0}, 6, SHFL_ADD_MAPPING_F_WRITABLE);
}

Test(hgcm, share_strings_must_be_utf8)
{
	static const char *const bad[] = {
		"\x80",
		"\xc3",
		"\xc0\x80",
		"\xe0\x80\x80",
		"\xed\xa0\x80",
		"\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xff",
		"a\xe2\x82",
		"\xf0\x80\x80\x80",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(hgcm_remove_share(service, bad[i]), VERR_INVALID_UTF8_ENCODING,
			     "number %zu", i);
		cr_assert_eq(hgcm_add_share(service, "a", bad[i], 0, NULL),
			     VERR_INVALID_UTF8_ENCODING);
		cr_assert_eq(hgcm_add_share(service, bad[i], "/", 0, NULL),
			     VERR_INVALID_UTF8_ENCODING);
		cr_assert_eq(hgcm_add_share(service, "a", "/", 0, bad[i]),
			     VERR_INVALID_UTF8_ENCODING);
	}
}

Test(hgcm, share_string_that_does_not_fit)
{
	char *text = calloc(1, 40000);

	memset(text, 'x', 39999);
	cr_assert_eq(hgcm_remove_share(service, text), VERR_FILENAME_TOO_LONG);
	free(text);
}
