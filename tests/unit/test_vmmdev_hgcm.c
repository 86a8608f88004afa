/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HGCM requests that are finished at once, against the echo service. */
#include "device_fixture.h"

#define PAGE 4096u

TestSuite(vmmdev_hgcm, .init = device_start_echo, .fini = device_stop);

/* --- connect and disconnect ------------------------------------------------- */

Test(vmmdev_hgcm, connects)
{
	cr_assert_eq(client, 1);
	cr_assert(request_is_done());
	cr_assert_eq(n_irqs, 0, "a request that is finished at once needs no interrupt");
	cr_assert_eq(hgcm_send_connect(SHFL_SERVICE_NAME), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 164), 2);
	cr_assert_eq(hgcm_send_disconnect(2), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	cr_assert(request_is_done());
}

Test(vmmdev_hgcm, unknown_service)
{
	static const char *const names[] = {"VBoxSharedClipboard", "", "VBoxSharedFoldersX",
					    "VBoxSharedFolder"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cr_assert_eq(hgcm_send_connect(names[i]), VINF_SUCCESS);
		cr_assert_eq(request_result(), VERR_HGCM_SERVICE_NOT_FOUND);
		cr_assert_eq(get32(REQUEST + 164), 0);
		cr_assert(request_is_done());
	}
}

Test(vmmdev_hgcm, service_name_need_not_end)
{
	hgcm_begin(VMMDevReq_HGCMConnect, 168);
	memset(ram + REQUEST + 36, 'x', 128);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VERR_HGCM_SERVICE_NOT_FOUND);
}

Test(vmmdev_hgcm, location_does_not_matter)
{
	hgcm_send_connect(SHFL_SERVICE_NAME);
	put32(REQUEST + 32, 77);
	put32(REQUEST + 24, 0);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
}

Test(vmmdev_hgcm, disconnect_needs_a_client)
{
	cr_assert_eq(hgcm_send_disconnect(0), VERR_INVALID_PARAMETER);
	cr_assert_not(request_is_done());
	cr_assert_eq(hgcm_send_disconnect(99), VINF_SUCCESS);
	cr_assert_eq(request_result(), VERR_HGCM_INVALID_CLIENT_ID);
}

Test(vmmdev_hgcm, short_requests)
{
	hgcm_begin(VMMDevReq_HGCMConnect, 167);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	hgcm_begin(VMMDevReq_HGCMDisconnect, 35);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	hgcm_begin(VMMDevReq_HGCMCall64, 43);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	hgcm_begin(VMMDevReq_HGCMCall32, 43);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	hgcm_begin(VMMDevReq_HGCMCancel, 31);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	cr_assert_eq(n_calls, 0);
}

Test(vmmdev_hgcm, reset_disconnects)
{
	vmmdev_reset(dev);
	vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
	guest_report();
	call_begin(ECHO_FN_RELEASE, 0, 44);
	cr_assert_eq(submit(), VERR_HGCM_INVALID_CLIENT_ID);
}

/* The requestor counts if the guest said that it gives it. */
Test(vmmdev_hgcm, requestor_reaches_the_service)
{
	call_begin(ECHO_FN_REQUESTOR, 2, 76);
	parm32(0, 0);
	parm64(1, 0);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), VMMDEV_REQUESTOR_USR_DRV_OTHER);
	cr_assert_neq(get64(parm_at(1) + 4), 0);
}

Test(vmmdev_hgcm, guests_without_requestor_are_legacy)
{
	vmmdev_reset(dev);
	vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
	cr_assert_eq(report_info(VMMDEV_INTERFACE_VERSION), VINF_SUCCESS);
	hgcm_send_connect(SHFL_SERVICE_NAME);
	client = get32(REQUEST + 164);
	call_begin(ECHO_FN_REQUESTOR, 2, 76);
	parm32(0, 0);
	parm64(1, 0);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), VMMDEV_REQUESTOR_LEGACY);
}

/* --- calls ------------------------------------------------------------------- */

Test(vmmdev_hgcm, values_go_in_and_out)
{
	call_begin(ECHO_FN_COMPLEMENT, 2, 76);
	parm32(0, UINT32_MAX - 1);
	parm64(1, 0xffffffffull);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	cr_assert(request_is_done());
	cr_assert_eq(get32(parm_at(0) + 4), UINT32_MAX);
	cr_assert_eq(get64(parm_at(1) + 4), 0x100000000ull);
	cr_assert_eq(n_calls, 1);
	cr_assert_eq(last_call.fn, ECHO_FN_COMPLEMENT);
	cr_assert_eq(last_call.client, client);
	cr_assert_eq(last_call.n_parms, 2);
}

Test(vmmdev_hgcm, calls_of_32_bit_guests)
{
	uint32_t list = 44 + 4 * 12;

	call_begin_as(VMMDevReq_HGCMCall32, ECHO_FN_COMPLEMENT, 4, list + 16);
	parm32(0, 1);
	parm64(1, 0x1ffffffffull);
	parm_linear(2, VMMDevHGCMParmType_LinAddr, 0, 0);
	parm_pages(3, VMMDevHGCMParmType_PageList, 2, list);
	page_list(list, 3, 0, 1, DATA);
	ram[DATA] = 0x55;
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), 2);
	cr_assert_eq(get64(parm_at(1) + 4), 0x200000000ull);
	cr_assert_eq(ram[DATA], 0xaa);
	cr_assert_eq(ram[DATA + 1], 0xff);
	cr_assert_eq(ram[DATA + 2], 0);
}

Test(vmmdev_hgcm, status_is_the_result)
{
	call_begin(ECHO_FN_STATUS, 1, 60);
	parm32(0, (uint32_t)VERR_FILE_NOT_FOUND);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VERR_FILE_NOT_FOUND);
	cr_assert_eq(last_call.status, VERR_FILE_NOT_FOUND);
}

Test(vmmdev_hgcm, waits_for_a_service_with_threads)
{
	call_begin(ECHO_FN_THREAD, 1, 60);
	parm32(0, 1);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert(request_is_done());
	cr_assert_eq(get32(parm_at(0) + 4), 2);
}

/* Refused before the service: rc says so, and the request is not marked done. */
Test(vmmdev_hgcm, unknown_client_is_refused_at_once)
{
	client = 99;
	call_begin(ECHO_FN_COMPLEMENT, 1, 60);
	parm32(0, 1);
	cr_assert_eq(submit(), VERR_HGCM_INVALID_CLIENT_ID);
	cr_assert_not(request_is_done());
	cr_assert_eq(get32(parm_at(0) + 4), 1);
	cr_assert_eq(n_calls, 0);
}

Test(vmmdev_hgcm, parameter_count)
{
	call_begin(ECHO_FN_COMPLEMENT, 2, 44 + 31);
	parm32(0, 1);
	parm32(1, 1);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	call_begin(ECHO_FN_COMPLEMENT, 33, 44 + 33 * 16);
	for (uint32_t i = 0; i < 33; i++)
		parm32(i, 1);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	put32(REQUEST + 40, 32);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(31) + 4), 2);
	put32(REQUEST + 40, 0x10000001);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	put32(REQUEST + 40, UINT32_MAX);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	call_begin_as(VMMDevReq_HGCMCall32, ECHO_FN_COMPLEMENT, 2, 44 + 23);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	cr_assert_eq(n_calls, 1);
	call_begin_as(VMMDevReq_HGCMCall32, ECHO_FN_COMPLEMENT, 2, 44 + 24);
	parm32(0, 1);
	parm32(1, 1);
	cr_assert_eq(submit(), VINF_SUCCESS);
}

Test(vmmdev_hgcm, types_that_are_not_for_the_wire)
{
	static const uint32_t types[] = {0, 3, 7, 8, 9, 14, 99, UINT32_MAX};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		call_begin(ECHO_FN_COMPLEMENT, 1, 60);
		parm32(0, 0);
		put32(parm_at(0), types[i]);
		cr_assert_eq(submit(), VERR_INVALID_PARAMETER, "type %u", types[i]);
	}
	cr_assert_eq(n_calls, 0);
}

/* Linear addresses: only "nothing" can be passed, and is. */
Test(vmmdev_hgcm, linear_addresses)
{
	for (uint32_t type = 4; type <= 6; type++) {
		call_begin(ECHO_FN_TYPES, 2, 76);
		parm32(0, 0);
		parm_linear(1, type, 0, 0);
		cr_assert_eq(submit(), VINF_SUCCESS);
		cr_assert_eq(get32(parm_at(0) + 4), VBOX_HGCM_SVC_PARM_PTR);
		parm_linear(1, type, 1, 0);
		cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
		parm_linear(1, type, 0, 1ull << 32);
		cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
		parm_linear(1, type, VMMDEV_MAX_HGCM_DATA_SIZE + 1, DATA);
		cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	}
}

/* --- embedded data --------------------------------------------------------------- */

#define EMBEDDED_AT 60u

static int32_t send_embedded(uint32_t fn, uint32_t size, uint32_t flags, uint32_t offset,
			     uint32_t request_size)
{
	call_begin(fn, 1, request_size);
	parm_embedded(0, size, flags, offset);
	for (uint32_t i = EMBEDDED_AT; i < request_size; i++)
		ram[REQUEST + i] = 0x11;
	return submit();
}

Test(vmmdev_hgcm, embedded_data_goes_in_and_out)
{
	cr_assert_eq(send_embedded(ECHO_FN_COMPLEMENT, 3, 3, 61, 80), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 60), 0xeeeeee11);
	cr_assert_eq(get32(REQUEST + 64), 0x11111111);
}

Test(vmmdev_hgcm, embedded_directions)
{
	/* To the host only: nothing comes back. */
	cr_assert_eq(send_embedded(ECHO_FN_COMPLEMENT, 4, 1, 60, 80), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 60), 0x11111111);
	/* From the host only: the service sees zeroes. */
	cr_assert_eq(send_embedded(ECHO_FN_COMPLEMENT, 4, 2, 60, 80), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 60), 0xffffffff);
}

Test(vmmdev_hgcm, embedded_size_is_the_services)
{
	cr_assert_eq(send_embedded(ECHO_FN_SHRINK, 8, 3, 60, 80), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), 4);
	cr_assert_eq(get64(REQUEST + 60), 0x11111111eeeeeeee);
	/* A service that says more than there is gets no more written. */
	cr_assert_eq(send_embedded(ECHO_FN_GROW, 8, 2, 60, 80), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), 16);
	cr_assert_eq(get64(REQUEST + 60), 0);
	cr_assert_eq(get64(REQUEST + 68), 0x1111111111111111);
}

Test(vmmdev_hgcm, embedded_rules)
{
	static const struct {
		uint32_t size, flags, offset;
		int32_t rc;
	} rules[] = {
		{20, 1, 60, VINF_SUCCESS},
		{0, 1, 80, VINF_SUCCESS},
		{1, 1, 80, VERR_INVALID_PARAMETER},
		{21, 1, 60, VERR_INVALID_PARAMETER},
		{0, 1, 81, VERR_INVALID_PARAMETER},
		{1, 1, 59, VERR_INVALID_PARAMETER},
		{1, 1, 0, VERR_INVALID_PARAMETER},
		{1, 1, 0xffffff, VERR_INVALID_PARAMETER},
		{UINT32_MAX, 1, 60, VERR_INVALID_PARAMETER},
		{VMMDEV_MAX_HGCM_DATA_SIZE, 1, 60, VERR_INVALID_PARAMETER},
		{1, 0, 60, VERR_INVALID_FLAGS},
		{1, 4, 60, VERR_INVALID_FLAGS},
		{1, 0x81, 60, VERR_INVALID_FLAGS},
		/* Size first, then flags, then the offset. */
		{VMMDEV_MAX_HGCM_DATA_SIZE + 1, 0, 60, VERR_INVALID_PARAMETER},
		{1, 0, 0, VERR_INVALID_FLAGS},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		cr_assert_eq(send_embedded(ECHO_FN_RELEASE, rules[i].size, rules[i].flags,
					   rules[i].offset, 80),
			     rules[i].rc, "number %zu", i);
}

/* --- page lists ------------------------------------------------------------------ */

#define LIST_AT 60u

struct list {
	uint32_t type, size, flags, first, n_pages;
	uint64_t pages[4];
};

static int32_t send_list(uint32_t fn, const struct list *list)
{
	call_begin(fn, 1, LIST_AT + 8 + 8 * 4);
	parm_pages(0, list->type, list->size, LIST_AT);
	page_list_array(LIST_AT, list->flags, list->first, list->n_pages, list->pages, 4);
	return submit();
}

static void fill(uint64_t address, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		*ram_byte(address + i) = (uint8_t)(i * 7 + (i >> 8));
}

static void check_complemented(uint64_t address, size_t from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		cr_assert_eq(*ram_byte(address + i),
			     (uint8_t) ~((from + i) * 7 + ((from + i) >> 8)), "byte %zu", from + i);
}

/* Two pages in the wrong order, the second one above 4 GiB, data in the midst of the first. */
static void check_scattered(uint32_t type)
{
	struct list list = {type, 5000, 3, 100, 2, {DATA + 5 * PAGE, HIGH_RAM + PAGE}};

	fill(DATA + 5 * PAGE, PAGE);
	memset(high_ram, 0, 3 * PAGE);
	for (size_t i = 0; i < 5000 - 3996; i++)
		high_ram[PAGE + i] = (uint8_t)((i + 4096) * 7 + ((i + 4096) >> 8));
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	for (size_t i = 0; i < 100; i++)
		cr_assert_eq(ram[DATA + 5 * PAGE + i], (uint8_t)(i * 7));
	check_complemented(DATA + 5 * PAGE + 100, 100, 3996);
	check_complemented(HIGH_RAM + PAGE, 4096, 5000 - 3996);
	cr_assert_eq(high_ram[PAGE + 5000 - 3996], 0);
	cr_assert_eq(high_ram[PAGE - 1], 0);
}

Test(vmmdev_hgcm, page_list_is_scattered)
{
	check_scattered(VMMDevHGCMParmType_PageList);
}

Test(vmmdev_hgcm, no_bounce_page_list_is_scattered)
{
	check_scattered(VMMDevHGCMParmType_NoBouncePageList);
}

Test(vmmdev_hgcm, contiguous_page_list)
{
	struct list list = {VMMDevHGCMParmType_ContiguousPageList, 3 * PAGE, 3, 8, 1, {DATA}};

	fill(DATA, 4 * PAGE);
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	check_complemented(DATA + 8, 8, 3 * PAGE);
	cr_assert_eq(ram[DATA + 8 + 3 * PAGE],
		     (uint8_t)((8 + 3 * PAGE) * 7 + ((8 + 3 * PAGE) >> 8)));
}

/* Only the no-bounce form gives the service the guest's pages. */
Test(vmmdev_hgcm, what_the_service_gets)
{
	static const uint32_t expected[][2] = {
		{VMMDevHGCMParmType_PageList, VBOX_HGCM_SVC_PARM_PTR},
		{VMMDevHGCMParmType_ContiguousPageList, VBOX_HGCM_SVC_PARM_PTR},
		{VMMDevHGCMParmType_NoBouncePageList, VBOX_HGCM_SVC_PARM_PAGES},
	};

	for (size_t i = 0; i < 3; i++) {
		call_begin(ECHO_FN_TYPES, 2, 76 + 16);
		parm32(0, 0);
		parm_pages(1, expected[i][0], 10, 76);
		page_list(76, 3, 0, 1, DATA);
		cr_assert_eq(submit(), VINF_SUCCESS);
		cr_assert_eq(get32(parm_at(0) + 4), expected[i][1], "type %u", expected[i][0]);
	}
}

Test(vmmdev_hgcm, sizes_that_come_back)
{
	struct list list = {VMMDevHGCMParmType_PageList, 8, 3, 0, 1, {DATA}};

	/* The plain form keeps the size that the guest gave. */
	put64(DATA, 0);
	cr_assert_eq(send_list(ECHO_FN_SHRINK, &list), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), 8);
	cr_assert_eq(get64(DATA), 0xffffffff);
	list.type = VMMDevHGCMParmType_ContiguousPageList;
	put64(DATA, 0);
	cr_assert_eq(send_list(ECHO_FN_SHRINK, &list), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), 4);
	cr_assert_eq(get64(DATA), 0xffffffff);
	list.type = VMMDevHGCMParmType_NoBouncePageList;
	cr_assert_eq(send_list(ECHO_FN_SHRINK, &list), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), 4);
	list.type = VMMDevHGCMParmType_ContiguousPageList;
	list.flags = 2;
	put64(DATA, 1);
	put64(DATA + 8, 1);
	cr_assert_eq(send_list(ECHO_FN_GROW, &list), VINF_SUCCESS);
	cr_assert_eq(get64(DATA), 0);
	cr_assert_eq(get64(DATA + 8), 1);
}

Test(vmmdev_hgcm, page_list_directions)
{
	struct list list = {VMMDevHGCMParmType_PageList, 4, 1, 0, 1, {DATA}};

	put32(DATA, 0x11111111);
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	cr_assert_eq(get32(DATA), 0x11111111);
	list.flags = 2;
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	cr_assert_eq(get32(DATA), 0xffffffff);
}

Test(vmmdev_hgcm, page_list_rules)
{
	enum {
		PLAIN = VMMDevHGCMParmType_PageList,
		CONTIGUOUS = VMMDevHGCMParmType_ContiguousPageList,
		NO_BOUNCE = VMMDevHGCMParmType_NoBouncePageList
	};
	static const struct {
		struct list list;
		int32_t rc;
	} rules[] = {
		{{PLAIN, 4, 1, 0, 4, {DATA, DATA, DATA, DATA}}, VINF_SUCCESS},
		{{PLAIN, 4, 1, 0, 5, {DATA, DATA, DATA, DATA}}, VERR_INVALID_PARAMETER},
		{{PLAIN, 4, 1, 0, 0xffff, {DATA}}, VERR_INVALID_PARAMETER},
		{{PLAIN, 4, 1, 0, 0, {DATA}}, VERR_INVALID_PARAMETER},
		{{PLAIN, 0, 1, 0, 1, {DATA}}, VINF_SUCCESS},
		{{PLAIN, 0, 1, 0, 0, {DATA}}, VERR_INVALID_PARAMETER},
		{{PLAIN, 4, 0, 0, 1, {DATA}}, VERR_INVALID_FLAGS},
		{{PLAIN, 4, 4, 0, 1, {DATA}}, VERR_INVALID_FLAGS},
		{{PLAIN, 4, 0x101, 0, 1, {DATA}}, VERR_INVALID_FLAGS},
		{{PLAIN, 4, 1, 4095, 1, {DATA}}, VINF_SUCCESS},
		{{PLAIN, 4, 1, 4096, 1, {DATA}}, VERR_INVALID_PARAMETER},
		{{PLAIN, 4, 1, 0xffff, 1, {DATA}}, VERR_INVALID_PARAMETER},
		{{PLAIN, VMMDEV_MAX_HGCM_DATA_SIZE + 1, 1, 0, 1, {DATA}}, VERR_INVALID_PARAMETER},
		{{PLAIN, UINT32_MAX, 1, 0, 1, {DATA}}, VERR_INVALID_PARAMETER},
		{{CONTIGUOUS, 9000, 1, 0, 1, {DATA}}, VINF_SUCCESS},
		{{CONTIGUOUS, 9000, 1, 0, 3, {DATA, DATA, DATA}}, VERR_INVALID_PARAMETER},
		{{CONTIGUOUS, 4, 4, 0, 3, {DATA}}, VERR_INVALID_FLAGS},
		{{NO_BOUNCE, PAGE, 1, 0, 1, {DATA}}, VINF_SUCCESS},
		{{NO_BOUNCE, PAGE, 1, 1, 1, {DATA}}, VERR_INVALID_PARAMETER},
		{{NO_BOUNCE, PAGE, 1, 1, 2, {DATA, DATA + PAGE}}, VINF_SUCCESS},
		{{NO_BOUNCE, PAGE, 1, 0, 2, {DATA, DATA + PAGE}}, VERR_INVALID_PARAMETER},
		{{NO_BOUNCE, PAGE + 1, 1, 0, 1, {DATA}}, VERR_INVALID_PARAMETER},
		{{NO_BOUNCE, 0, 1, 0, 1, {DATA}}, VERR_INVALID_PARAMETER},
		{{NO_BOUNCE, 0, 1, 1, 1, {DATA}}, VINF_SUCCESS},
		{{NO_BOUNCE, PAGE, 1, 16, 2, {DATA + 16, DATA + PAGE}}, VINF_SUCCESS},
		{{NO_BOUNCE, PAGE, 1, 16, 2, {DATA + 8, DATA + PAGE}}, VERR_INVALID_POINTER},
		{{NO_BOUNCE, PAGE, 1, 16, 2, {DATA, DATA + PAGE + 16}}, VERR_INVALID_POINTER},
		{{NO_BOUNCE, 4, 1, 0, 1, {DATA + 4}}, VERR_INVALID_POINTER},
		{{NO_BOUNCE, 4, 0, 0, 1, {DATA + 4}}, VERR_INVALID_FLAGS},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		cr_assert_eq(send_list(ECHO_FN_RELEASE, &rules[i].list), rules[i].rc, "number %zu",
			     i);
		cr_assert_eq(request_is_done(), rules[i].rc == VINF_SUCCESS, "number %zu", i);
	}
}

/* A list must lie behind the parameters and in the request; 44 + 16 = 60 is the first place. */
Test(vmmdev_hgcm, page_list_place)
{
	static const struct {
		uint32_t offset;
		int32_t rc;
	} places[] = {
		{60, VINF_SUCCESS},
		{64, VINF_SUCCESS},
		{84, VINF_SUCCESS},
		{85, VERR_INVALID_PARAMETER},
		{59, VERR_INVALID_PARAMETER},
		{0, VERR_INVALID_PARAMETER},
		{100, VERR_INVALID_PARAMETER},
		{UINT32_MAX, VERR_INVALID_PARAMETER},
		{0x80000000, VERR_INVALID_PARAMETER},
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		call_begin(ECHO_FN_RELEASE, 1, 100);
		parm_pages(0, VMMDevHGCMParmType_PageList, 4, places[i].offset);
		if (places[i].rc == VINF_SUCCESS)
			page_list(places[i].offset, 1, 0, 1, DATA);
		cr_assert_eq(submit(), places[i].rc, "offset %u", places[i].offset);
	}
	call_begin(ECHO_FN_RELEASE, 1, 60);
	parm_pages(0, VMMDevHGCMParmType_PageList, 4, 60);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER, "no room for any list");
	/* With 32-bit parameters it may begin earlier. */
	call_begin_as(VMMDevReq_HGCMCall32, ECHO_FN_RELEASE, 1, 100);
	parm_pages(0, VMMDevHGCMParmType_PageList, 4, 56);
	page_list(56, 1, 0, 1, DATA);
	cr_assert_eq(submit(), VINF_SUCCESS);
}

/* As many pages as fit: the list takes the rest of a request of the greatest size. */
Test(vmmdev_hgcm, long_page_list)
{
	uint32_t n = 65535, list = LIST_AT;
	const uint64_t page = DATA;

	call_begin(ECHO_FN_COMPLEMENT, 1, list + 8 + n * 8);
	parm_pages(0, VMMDevHGCMParmType_PageList, 32 << 20, list);
	page_list_array(list, 1, 0, n, &page, 1);
	for (uint32_t i = 1; i < n; i++)
		put64(REQUEST + list + 8 + 8 * i, HIGH_RAM);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	n = 65536;
	call_begin(ECHO_FN_COMPLEMENT, 1, list + 8 + n * 8);
	parm_pages(0, VMMDevHGCMParmType_NoBouncePageList, n * PAGE, list);
	page_list_array(list, 1, 0, 0, &page, 1);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
}

/* With too few pages the service sees zeroes, and what it writes there goes nowhere. */
Test(vmmdev_hgcm, page_list_that_is_too_short)
{
	struct list list = {VMMDevHGCMParmType_PageList, 2 * PAGE, 3, 0, 1, {DATA}};

	fill(DATA, PAGE);
	memset(ram + DATA + PAGE, 0x77, PAGE);
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	check_complemented(DATA, 0, PAGE);
	cr_assert_eq(ram[DATA + PAGE], 0x77);
}

/* Reads as ones, writes are dropped; nothing of the host shows. */
Test(vmmdev_hgcm, pages_outside_of_ram)
{
	static const uint64_t outside[] = {RAM_SIZE, HIGH_RAM + HIGH_RAM_SIZE, 0xfffffffff000ull,
					   UINT64_MAX & ~4095ull};

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		for (uint32_t type = 10; type <= 13; type++) {
			struct list list = {type, 10, 3, 4090, 1, {outside[i]}};

			if (type == VMMDevHGCMParmType_Embedded)
				continue;
			if (type == VMMDevHGCMParmType_NoBouncePageList)
				list.first = 0;
			cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
			cr_assert_eq(request_result(), VINF_SUCCESS);
		}
	}
}

/* A no-bounce list with a page that is not RAM becomes an ordinary one. */
Test(vmmdev_hgcm, no_bounce_with_a_page_outside_of_ram)
{
	struct list list = {
		VMMDevHGCMParmType_NoBouncePageList, 2 * PAGE, 3, 0, 2, {DATA, RAM_SIZE}};

	fill(DATA, PAGE);
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	check_complemented(DATA, 0, PAGE);
	call_begin(ECHO_FN_TYPES, 2, 76 + 24);
	parm32(0, 0);
	parm_pages(1, VMMDevHGCMParmType_NoBouncePageList, 2 * PAGE, 76);
	page_list(76, 3, 0, 2, DATA, RAM_SIZE);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get32(parm_at(0) + 4), VBOX_HGCM_SVC_PARM_PTR);
}

/* A contiguous buffer that runs over the end of RAM. */
Test(vmmdev_hgcm, contiguous_over_the_end_of_ram)
{
	struct list list = {
		VMMDevHGCMParmType_ContiguousPageList, 2 * PAGE, 3, 0, 1, {RAM_SIZE - PAGE}};

	fill(RAM_SIZE - PAGE, PAGE);
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	check_complemented(RAM_SIZE - PAGE, 0, PAGE);
}

/* The same page twice: each place gets its bytes, in order. */
Test(vmmdev_hgcm, overlapping_pages)
{
	struct list list = {VMMDevHGCMParmType_PageList, 2 * PAGE, 3, 0, 2, {DATA, DATA}};

	fill(DATA, PAGE);
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	check_complemented(DATA, 0, PAGE);
	list.type = VMMDevHGCMParmType_NoBouncePageList;
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	/* Complemented twice, as both pages are the same memory. */
	check_complemented(DATA, 0, PAGE);
}

/* A buffer on top of the request itself harms nobody but the guest. */
Test(vmmdev_hgcm, pages_over_the_request)
{
	struct list list = {VMMDevHGCMParmType_PageList, 256, 3, 0, 1, {REQUEST & ~4095u}};

	send_list(ECHO_FN_COMPLEMENT, &list);
	list.type = VMMDevHGCMParmType_NoBouncePageList;
	send_list(ECHO_FN_COMPLEMENT, &list);
	cr_assert_eq(n_calls, 2);
}

/* --- a guest that changes things meanwhile ------------------------------------------ */

static void change_call(void)
{
	put32(REQUEST, UINT32_MAX);
	put32(REQUEST + 40, UINT32_MAX);
	put32(parm_at(0), VMMDevHGCMParmType_Embedded);
	put32(REQUEST + LIST_AT + 4, 0xffffffff);
	put64(REQUEST + LIST_AT + 8, DATA + 8 * PAGE);
}

static void change_after_body(uint64_t address, size_t bytes)
{
	(void)bytes;
	if (address == REQUEST + sizeof(VMMDevRequestHeader))
		change_call();
}

/* Everything is decided on the private copy. */
Test(vmmdev_hgcm, body_is_fetched_once)
{
	struct list list = {VMMDevHGCMParmType_PageList, 4, 3, 0, 1, {DATA}};

	put32(DATA, 0x11111111);
	put32(DATA + 8 * PAGE, 0x22222222);
	after_read = change_after_body;
	n_request_reads = 0;
	cr_assert_eq(send_list(ECHO_FN_COMPLEMENT, &list), VINF_SUCCESS);
	cr_assert_eq(n_request_reads, 1);
	cr_assert_eq(n_calls, 1);
	cr_assert_eq(get32(REQUEST + 40), UINT32_MAX, "the hook did not run");
	cr_assert_eq(get32(DATA), 0xeeeeeeee);
	cr_assert_eq(get32(DATA + 8 * PAGE), 0x22222222);
}

Test(vmmdev_hgcm, answer_goes_where_the_request_said)
{
	call_begin(ECHO_FN_HOOK, 2, 76 + 16);
	parm64(0, (uintptr_t)change_call);
	parm_pages(1, VMMDevHGCMParmType_PageList, 8, 76);
	page_list(76, 2, 0, 1, DATA);
	memset(ram + DATA, 0x33, 16);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get64(DATA), 0);
	cr_assert_eq(get64(DATA + 8), 0x3333333333333333);
}

static void change_type_in_the_call(void)
{
	put32(REQUEST + 8, VMMDevReq_GetHostTime);
}

/* Memory that has become another request gets no data. */
Test(vmmdev_hgcm, request_that_became_another)
{
	call_begin(ECHO_FN_HOOK, 2, 76 + 16);
	parm64(0, (uintptr_t)change_type_in_the_call);
	parm_pages(1, VMMDevHGCMParmType_PageList, 8, 76);
	page_list(76, 2, 0, 1, DATA);
	memset(ram + DATA, 0x33, 16);
	submit();
	cr_assert_eq(request_result(), VERR_INVALID_PARAMETER);
	cr_assert(request_is_done());
	cr_assert_eq(get64(DATA), 0x3333333333333333);
}

/* --- calls that would wait ------------------------------------------------------------ */

static void park(uint32_t value)
{
	call_begin(ECHO_FN_PARK, 2, 76 + 16);
	parm32(0, value);
	parm_pages(1, VMMDevHGCMParmType_NoBouncePageList, 8, 76);
	page_list(76, 3, 0, 1, DATA);
}

/* The only virtual CPU is in this request: nobody could end the call. */
Test(vmmdev_hgcm, gives_up_on_a_call_that_waits)
{
	park(5);
	put64(DATA, 0x1111);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VERR_CANCELLED);
	cr_assert(request_is_done());
	cr_assert_eq(get32(parm_at(0) + 4), 5);
	cr_assert_eq(last_call.status, VERR_CANCELLED);

	/* It ends now, in buffers that are still there; the guest's memory is left alone. */
	call_begin(ECHO_FN_RELEASE, 0, 44);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get64(DATA), 0x1111);
}

Test(vmmdev_hgcm, given_up_calls_end_with_their_client)
{
	for (int i = 0; i < 100; i++) {
		park(1);
		cr_assert_eq(submit(), VINF_SUCCESS);
		cr_assert_eq(request_result(), VERR_CANCELLED);
		cr_assert_eq(hgcm_send_disconnect(client), VINF_SUCCESS);
		hgcm_send_connect(SHFL_SERVICE_NAME);
		client = get32(REQUEST + 164);
	}
}

Test(vmmdev_hgcm, calls_are_limited)
{
	for (int i = 0; i < ECHO_MAX_CALLS; i++) {
		park(1);
		cr_assert_eq(submit(), VINF_SUCCESS);
	}
	cr_assert_eq(submit(), VERR_HGCM_TOO_MANY_CLIENT_CALLS);
}

/* --- the heap ---------------------------------------------------------------------------- */

static int32_t send_large(uint32_t n_parms, uint32_t size)
{
	uint32_t list = 44 + n_parms * 16;

	call_begin(ECHO_FN_RELEASE, n_parms, list + 16);
	for (uint32_t i = 0; i < n_parms; i++)
		parm_pages(i, VMMDevHGCMParmType_PageList, size, list);
	page_list(list, 2, 0, 1, DATA);
	return submit();
}

Test(vmmdev_hgcm, heap_is_limited)
{
	cr_assert_eq(send_large(1, 63 << 20), VINF_SUCCESS);
	cr_assert_eq(send_large(1, 64 << 20), VERR_NO_MEMORY);
	cr_assert_not(request_is_done());
	cr_assert_eq(send_large(32, 32 << 20), VERR_NO_MEMORY);
	cr_assert_eq(send_large(4, 15 << 20), VINF_SUCCESS);
	cr_assert_eq(send_large(5, 15 << 20), VERR_NO_MEMORY);
	/* All of it has come back. */
	for (int i = 0; i < 8; i++)
		cr_assert_eq(send_large(1, 63 << 20), VINF_SUCCESS);
}

/* What is held by calls that were given up is charged, but only to their class. */
Test(vmmdev_hgcm, heap_of_given_up_calls)
{
	call_begin(ECHO_FN_PARK, 1, 76);
	parm_pages(0, VMMDevHGCMParmType_PageList, 40 << 20, 60);
	page_list(60, 2, 0, 1, DATA);
	cr_assert_eq(submit(), VINF_SUCCESS);
	hgcm_send_connect(SHFL_SERVICE_NAME);
	cr_assert_eq(hgcm_send_disconnect(get32(REQUEST + 164)), VINF_SUCCESS);
	cr_assert_eq(send_large(1, 40 << 20), VERR_NO_MEMORY, "another client's end frees nothing");
	put32(REQUEST + 20, VMMDEV_REQUESTOR_USR_USER);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(hgcm_send_disconnect(client), VINF_SUCCESS);
	hgcm_send_connect(SHFL_SERVICE_NAME);
	client = get32(REQUEST + 164);
	cr_assert_eq(send_large(1, 40 << 20), VINF_SUCCESS);
}

/* Fills the heap to the last few bytes: not even a request can be taken then. */
Test(vmmdev_hgcm, heap_is_used_up)
{
	uint32_t size = 64 << 20;
	int32_t rc;

	do {
		call_begin(ECHO_FN_PARK, 1, 76);
		parm_pages(0, VMMDevHGCMParmType_PageList, size, 60);
		page_list(60, 2, 0, 1, DATA);
		rc = submit();
		size -= 64;
	} while (rc == VERR_NO_MEMORY && size > 63 << 20);
	cr_assert_eq(rc, VINF_SUCCESS);
	call_begin(ECHO_FN_RELEASE, 0, 44);
	cr_assert_eq(submit(), VERR_NO_MEMORY);
	cr_assert_eq(hgcm_send_connect(SHFL_SERVICE_NAME), VERR_NO_MEMORY);
	cr_assert_eq(hgcm_send_disconnect(client), VERR_NO_MEMORY);
	/* A client of another class may disconnect the one that holds it all. */
	hgcm_begin(VMMDevReq_HGCMDisconnect, 36);
	put32(REQUEST + 20, VMMDEV_REQUESTOR_USR_DRV);
	put32(REQUEST + 32, client);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(hgcm_send_connect(SHFL_SERVICE_NAME), VINF_SUCCESS);
}

static int32_t send_with_megabyte(uint32_t fn, uint32_t value)
{
	call_begin(fn, 3, 92 + 16);
	parm32(0, value);
	parm64(1, 0);
	parm_pages(2, VMMDevHGCMParmType_PageList, 1 << 20, 92);
	page_list(92, 2, 0, 1, DATA);
	return submit();
}

/* Only the buffers of calls that were given up are kept. */
Test(vmmdev_hgcm, heap_of_calls_that_ended)
{
	for (int i = 0; i < 100; i++) {
		/* A function that may wait, but this time did not. */
		cr_assert_eq(send_with_megabyte(SHFL_FN_LOCK, 0), VINF_SUCCESS);
		cr_assert_eq(request_result(), VINF_SUCCESS);
		/* A service that cancels a call itself. */
		cr_assert_eq(send_with_megabyte(ECHO_FN_STATUS, (uint32_t)VERR_CANCELLED),
			     VINF_SUCCESS);
		cr_assert_eq(request_result(), VERR_CANCELLED);
	}
}

/* Lists that do not fit the heap because of their number of pages. */
Test(vmmdev_hgcm, no_bounce_lists_are_charged)
{
	uint32_t n_pages = 32768, n_parms = 32, list = 44 + n_parms * 16;
	uint64_t *pages = malloc(n_pages * sizeof(*pages));

	for (uint32_t i = 0; i < n_pages; i++)
		pages[i] = i == n_pages - 1 ? RAM_SIZE : DATA;
	call_begin(ECHO_FN_RELEASE, n_parms, list + 8 + 8 * n_pages);
	for (uint32_t i = 0; i < n_parms; i++)
		parm_pages(i, VMMDevHGCMParmType_NoBouncePageList, n_pages * PAGE, list);
	page_list_array(list, 2, 0, n_pages, pages, n_pages);
	cr_assert_eq(submit(), VERR_NO_MEMORY, "32 bounce buffers of 128 MiB");
	put64(REQUEST + list + 8 + 8 * (n_pages - 1), DATA);
	cr_assert_eq(submit(), VINF_SUCCESS, "as pages they take no buffers");
	/* Their arrays of pages count: here is room for the buffer, but not for one of these. */
	parm_pages(0, VMMDevHGCMParmType_PageList, (63 << 20) + (512 << 10), list);
	cr_assert_eq(submit(), VERR_NO_MEMORY);
	free(pages);
}

/* --- cancelling: nothing is ever pending ---------------------------------------------------- */

Test(vmmdev_hgcm, nothing_to_cancel)
{
	cr_assert_eq(SEND(VMMDevReq_HGCMCancel2, 28, 0), VERR_INVALID_PARAMETER);
	cr_assert_eq(SEND(VMMDevReq_HGCMCancel2, 28, UINT32_MAX), VERR_INVALID_PARAMETER);
	cr_assert_eq(SEND(VMMDevReq_HGCMCancel2, 28, REQUEST), VERR_NOT_FOUND);
	hgcm_begin(VMMDevReq_HGCMCancel, 32);
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
}
