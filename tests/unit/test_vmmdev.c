/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device without HGCM: PCI, registers, plain requests, events. */
#include <time.h>

#include "device_fixture.h"

static void start(void)
{
	device_start(&(struct vmmdev_config){0});
}

TestSuite(vmmdev, .init = start, .fini = device_stop);

/* --- PCI ------------------------------------------------------------------ */

Test(vmmdev, has_its_identity)
{
	cr_assert_eq(vmmdev_config_read(dev, 0x00, 4), 0xcafe80ee);
	cr_assert_eq(vmmdev_config_read(dev, 0x08, 4) >> 8, 0x088000);
	cr_assert_eq(vmmdev_config_read(dev, 0x0e, 1), 0);
	cr_assert_eq(vmmdev_config_read(dev, 0x3d, 1), 1);
	/* Linux's driver matches these too. */
	cr_assert_eq(vmmdev_config_read(dev, 0x2c, 4), 0);
}

Test(vmmdev, sizes_its_base_registers)
{
	static const uint32_t sizes[7] = {0xffffffe1, 0xfffff000, 0, 0, 0, 0, 0};

	for (uint32_t i = 0; i < 7; i++) {
		vmmdev_config_write(dev, 0x10 + 4 * i, 0xffffffff, 4);
		cr_assert_eq(vmmdev_config_read(dev, 0x10 + 4 * i, 4), sizes[i], "number %u", i);
	}
}

Test(vmmdev, keeps_its_identity_when_written)
{
	vmmdev_config_write(dev, 0x00, 0, 4);
	vmmdev_config_write(dev, 0x08, 0xffffffff, 4);
	vmmdev_config_write(dev, 0x04, 0xffff, 2);
	vmmdev_config_write(dev, 0x3c, 0xffff, 2);
	cr_assert_eq(vmmdev_config_read(dev, 0x00, 4), 0xcafe80ee);
	cr_assert_eq(vmmdev_config_read(dev, 0x08, 4), 0x08800000);
	cr_assert_eq(vmmdev_config_read(dev, 0x04, 4), 0x0407);
	cr_assert_eq(vmmdev_config_read(dev, 0x3c, 2), 0x01ff);
}

Test(vmmdev, config_accesses_outside_read_ones)
{
	cr_assert_eq(vmmdev_config_read(dev, 0xfe, 4), UINT32_MAX);
	cr_assert_eq(vmmdev_config_read(dev, 0xfffffffe, 4), UINT32_MAX);
	cr_assert_eq(vmmdev_config_read(dev, 0, 3), UINT32_MAX);
	cr_assert_eq(vmmdev_config_read(dev, 0, 0), UINT32_MAX);
	cr_assert_eq(vmmdev_config_read(dev, 0xfc, 4), 0);
	vmmdev_config_write(dev, 0xff, 1, 4);
	vmmdev_config_write(dev, UINT32_MAX, 1, 1);
	vmmdev_config_write(dev, 0x10, 0, 8);
	cr_assert_eq(vmmdev_config_read(dev, 0x10, 4), PORT_BASE | 1);
}

Test(vmmdev, config_write_stays_in_its_bytes)
{
	vmmdev_config_write(dev, 0x04, 0x0407, 1);
	cr_assert_eq(vmmdev_config_read(dev, 0x04, 2), 0x0007);
	vmmdev_config_write(dev, 0x05, 0x04, 1);
	cr_assert_eq(vmmdev_config_read(dev, 0x04, 2), 0x0407);
}

/* --- registers ------------------------------------------------------------ */

Test(vmmdev, memory_begins_with_its_header)
{
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE, 4), 4096);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE + 4, 4), 1);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE, 8), 0x100001000);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE + 8, 1), 0);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE + 31, 8), 0);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE + 4088, 8), 0);
	vmmdev_bar_write(dev, true, MEMORY_BASE, 0, 4);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE, 4), 4096);
}

Test(vmmdev, accesses_outside_read_ones)
{
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE + 4096, 4), UINT32_MAX);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE + 4094, 4), UINT32_MAX);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE - 1, 2), UINT16_MAX);
	cr_assert_eq(vmmdev_bar_read(dev, true, UINT64_MAX, 8), UINT64_MAX);
	cr_assert_eq(vmmdev_bar_read(dev, true, MEMORY_BASE, 64), UINT64_MAX);
	cr_assert_eq(vmmdev_bar_read(dev, false, PORT_BASE, 4), UINT32_MAX);
	cr_assert_eq(vmmdev_bar_read(dev, false, PORT_BASE + 8, 2), UINT16_MAX);
	cr_assert_eq(vmmdev_bar_read(dev, false, PORT_BASE + 0x20, 1), UINT8_MAX);
}

/* A base register that the guest has not set is nowhere, not at 0. */
Test(vmmdev, unset_base_registers_are_nowhere)
{
	vmmdev_reset(dev);
	cr_assert_eq(vmmdev_bar_read(dev, true, 0, 4), UINT32_MAX);
	request_begin(VMMDevReq_GetHostVersion, 40);
	vmmdev_bar_write(dev, false, 0, REQUEST, 4);
	cr_assert_eq(request_rc(), -1);
}

Test(vmmdev, takes_requests_at_two_ports)
{
	request_begin(VMMDevReq_GetHostVersion, 40);
	vmmdev_bar_write(dev, false, PORT_BASE + 8, REQUEST, 4);
	cr_assert_eq(request_rc(), VINF_SUCCESS);
}

Test(vmmdev, other_writes_are_no_requests)
{
	request_begin(VMMDevReq_GetHostVersion, 40);
	vmmdev_bar_write(dev, false, PORT_BASE, REQUEST, 2);
	vmmdev_bar_write(dev, false, PORT_BASE, REQUEST, 8);
	vmmdev_bar_write(dev, false, PORT_BASE + 4, REQUEST, 4);
	vmmdev_bar_write(dev, false, PORT_BASE + 12, REQUEST, 4);
	vmmdev_bar_write(dev, false, PORT_BASE + 0x20, REQUEST, 4);
	vmmdev_bar_write(dev, true, MEMORY_BASE, REQUEST, 4);
	cr_assert_eq(request_rc(), -1);
}

/* --- how a request is taken ------------------------------------------------ */

Test(vmmdev, ignores_what_is_no_request)
{
	request_begin(VMMDevReq_GetHostVersion, 40);
	put32(REQUEST, 23);
	cr_assert_eq(submit(), -1);
	put32(REQUEST, 0);
	cr_assert_eq(submit(), -1);
	request_begin(VMMDevReq_GetHostVersion, 40);
	put32(REQUEST + 4, 0x00010002);
	cr_assert_eq(submit(), -1);
}

Test(vmmdev, ignores_a_request_outside_of_ram)
{
	vmmdev_bar_write(dev, false, PORT_BASE, RAM_SIZE, 4);
	vmmdev_bar_write(dev, false, PORT_BASE, 0xfffffff0, 4);
	vmmdev_bar_write(dev, false, PORT_BASE, 0xffffffff, 4);
}

/* The part that is RAM is answered, the rest goes nowhere. */
Test(vmmdev, request_at_the_end_of_ram)
{
	request_begin(VMMDevReq_GetHostVersion, 40);
	memcpy(ram + RAM_SIZE - 24, ram + REQUEST, 24);
	vmmdev_bar_write(dev, false, PORT_BASE, RAM_SIZE - 24, 4);
	cr_assert_eq((int32_t)get32(RAM_SIZE - 12), VINF_SUCCESS);
}

Test(vmmdev, refuses_a_request_that_is_too_long)
{
	guest_report();
	request_begin(VMMDevReq_HGCMCall64, 64);
	put32(REQUEST, VMMDEV_MAX_REQUEST_SIZE + 1);
	cr_assert_eq(submit(), VERR_NOT_SUPPORTED);
	put32(REQUEST, UINT32_MAX);
	put32(REQUEST + 12, 0);
	cr_assert_eq(submit(), VERR_NOT_SUPPORTED);
	put32(REQUEST, VMMDEV_MAX_REQUEST_SIZE);
	put32(REQUEST + 8, 9999);
	cr_assert_eq(submit(), VERR_NOT_IMPLEMENTED);
}

/* Before the guest reported itself only these are allowed. */
Test(vmmdev, wants_a_report_first)
{
	for (uint32_t type = 0; type < 300; type++) {
		bool early = type == 4 || type == 50 || type == 58 || type == 218;

		vmmdev_reset(dev);
		vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
		request_begin(type, 24);
		cr_assert_eq(submit() != VERR_NOT_SUPPORTED, early, "type %u", type);
	}
}

Test(vmmdev, fixed_requests_have_one_size)
{
	static const struct {
		uint32_t type, size;
	} fixed[] = {
		{1, 36},  {2, 36},  {4, 40},   {10, 32},  {20, 32},  {21, 32},
		{41, 28}, {42, 32}, {50, 32},  {55, 28},  {56, 32},  {58, 168},
		{59, 36}, {65, 28}, {217, 32}, {219, 24}, {220, 36},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		guest_report();
		request_begin(fixed[i].type, fixed[i].size + 4);
		cr_assert_eq(submit(), VERR_INVALID_PARAMETER, "type %u", fixed[i].type);
		if (fixed[i].size == 24)
			continue;
		request_begin(fixed[i].type, fixed[i].size - 4);
		cr_assert_eq(submit(), VERR_INVALID_PARAMETER, "type %u", fixed[i].type);
	}
}

Test(vmmdev, unknown_requests_are_not_implemented)
{
	static const uint32_t types[] = {0, 3, 5, 22, 111, 113, 200, 218, 223, 100000, UINT32_MAX};

	guest_report();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		request_begin(types[i], 40);
		cr_assert_eq(submit(), VERR_NOT_IMPLEMENTED, "type %u", types[i]);
	}
}

static void change_size(uint64_t address, size_t bytes)
{
	if (address == REQUEST && bytes == sizeof(VMMDevRequestHeader)) {
		put32(REQUEST, 0x80000);
		put32(REQUEST + 8, VMMDevReq_GetHostTime);
	}
}

/* The header is fetched once: what the guest makes of it meanwhile does not count. */
Test(vmmdev, header_is_fetched_once)
{
	guest_report();
	request_begin(VMMDevReq_GetHostVersion, 40);
	put32(REQUEST + 40, 0x11223344);
	after_read = change_size;
	n_request_reads = 0;
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(n_request_reads, 1);
	/* Size and type that were read are back, and no byte behind them was touched. */
	cr_assert_eq(get32(REQUEST), 40);
	cr_assert_eq(get32(REQUEST + 8), VMMDevReq_GetHostVersion);
	cr_assert_eq(get32(REQUEST + 40), 0x11223344);
}

/* --- requests --------------------------------------------------------------- */

Test(vmmdev, tells_its_version)
{
	request_begin(VMMDevReq_GetHostVersion, 40);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 24), 6 | 1 << 16);
	cr_assert_eq(get32(REQUEST + 28), 36);
	cr_assert_eq(get32(REQUEST + 36), 0x8000000f);
}

/* What Linux's driver sends, in order. */
Test(vmmdev, answers_linux_probing)
{
	request_begin(VMMDevReq_GetHostVersion, 40);
	cr_assert_eq(submit(), VINF_SUCCESS);
	guest_report();
	cr_assert_eq(SEND(VMMDevReq_CtlGuestFilterMask, 32, 0x202, ~0x202u), VINF_SUCCESS);
	cr_assert_eq(SEND(VMMDevReq_SetGuestCapabilities, 32, 0, UINT32_MAX), VINF_SUCCESS);
	cr_assert_eq(SEND(VMMDevReq_SetMouseStatus, 36, 0, 0, 0), VINF_SUCCESS);
	cr_assert_eq(SEND(VMMDevReq_GetHypervisorInfo, 32, 1, 1), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 28), 0);
	for (uint32_t enabled = 0; enabled < 2; enabled++) {
		cr_assert_eq(SEND(VMMDevReq_HeartbeatConfigure, 36, 0, 0, enabled), VINF_SUCCESS);
		cr_assert_eq(get64(REQUEST + 24), 2000000000);
	}
	request_begin(VMMDevReq_GuestHeartbeat, 24);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(SEND(VMMDevReq_ReportGuestStatus, 36, 20, 50, 0), VINF_SUCCESS);
}

Test(vmmdev, keeps_what_the_guest_sets)
{
	guest_report();
	cr_assert_eq(SEND(VMMDevReq_SetMouseStatus, 36, 0x10, 5, 6), VINF_SUCCESS);
	cr_assert_eq(SEND(VMMDevReq_GetMouseStatus, 36, 1, 2, 3), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 24), 0x10);
	cr_assert_eq(get32(REQUEST + 28), 0);
	cr_assert_eq(get32(REQUEST + 32), 0);
	cr_assert_eq(SEND(VMMDevReq_ReportGuestCapabilities, 28, 7), VINF_SUCCESS);
}

Test(vmmdev, wants_no_hypervisor_space)
{
	guest_report();
	cr_assert_eq(SEND(VMMDevReq_SetHypervisorInfo, 32, 0, 0), VINF_SUCCESS);
	cr_assert_eq(SEND(VMMDevReq_SetHypervisorInfo, 32, 0xc0000000, 0), VERR_INVALID_PARAMETER);
}

Test(vmmdev, tells_the_time)
{
	time_t before = time(NULL);

	guest_report();
	request_begin(VMMDevReq_GetHostTime, 32);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_geq(get64(REQUEST + 24) / 1000, (uint64_t)before);
	cr_assert_leq(get64(REQUEST + 24) / 1000, (uint64_t)time(NULL));
}

Test(vmmdev, session_changes_with_reset)
{
	uint64_t session;

	guest_report();
	request_begin(VMMDevReq_GetSessionId, 32);
	cr_assert_eq(submit(), VINF_SUCCESS);
	session = get64(REQUEST + 24);
	vmmdev_reset(dev);
	vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
	guest_report();
	request_begin(VMMDevReq_GetSessionId, 32);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_neq(get64(REQUEST + 24), session);
}

Test(vmmdev, reset_forgets_the_guest)
{
	guest_report();
	vmmdev_reset(dev);
	cr_assert_eq(vmmdev_config_read(dev, 0x10, 4), 1);
	vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
	cr_assert_eq(SEND(VMMDevReq_CtlGuestFilterMask, 32, 0, 0), VERR_NOT_SUPPORTED);
}

Test(vmmdev, interface_version_is_checked)
{
	static const struct {
		uint32_t version;
		int32_t rc;
	} versions[] = {
		{0x00010004, VINF_SUCCESS},	     {0x00010003, VERR_VERSION_MISMATCH},
		{0x00010005, VERR_VERSION_MISMATCH}, {0x00000004, VERR_VERSION_MISMATCH},
		{0x00020004, VERR_VERSION_MISMATCH}, {0, VERR_VERSION_MISMATCH},
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		vmmdev_reset(dev);
		vmmdev_config_write(dev, 0x10, PORT_BASE, 4);
		cr_assert_eq(report_info(versions[i].version), versions[i].rc, "%x",
			     versions[i].version);
		cr_assert_eq(SEND(VMMDevReq_ReportGuestStatus, 36, 20, 50, 0),
			     versions[i].rc ? VERR_NOT_SUPPORTED : VINF_SUCCESS);
	}
}

Test(vmmdev, additions_version_is_checked)
{
	static const struct {
		uint16_t major, minor;
		uint32_t build;
		const char *name;
		int32_t rc;
	} infos[] = {
		{6, 0, 0, "6.0.0", VINF_SUCCESS},
		{6, 1, 36, "6.1.36_Debian", VINF_SUCCESS},
		{6, 1, 36, "6.1.36_BETA2_Ubuntu", VINF_SUCCESS},
		{2, 9, 9, "2.9.9", VERR_INVALID_PARAMETER},
		{3, 0, 0, "3.0.0", VINF_SUCCESS},
		{256, 0, 0, "256.0.0", VERR_OUT_OF_RANGE},
		{6, 256, 0, "6.256.0", VERR_OUT_OF_RANGE},
		{6, 1, 65536, "6.1.65536", VERR_OUT_OF_RANGE},
		{255, 255, 65535, "255.255.65535", VINF_SUCCESS},
		{6, 1, 36, "6.1.35", VERR_INVALID_PARAMETER},
		{6, 1, 36, "", VERR_INVALID_PARAMETER},
		{6, 1, 36, "6.1.36_", VERR_INVALID_PARAMETER},
		{6, 1, 36, "6.1.36x", VERR_INVALID_PARAMETER},
		{6, 1, 36, "6.1.36_a b", VERR_INVALID_PARAMETER},
		{6, 1, 36, "6.1.36_\x1b", VERR_INVALID_PARAMETER},
		/* Before 4.1.50 anything could follow. */
		{4, 1, 49, "4.1.49 anything", VINF_SUCCESS},
		{4, 1, 50, "4.1.50 anything", VERR_INVALID_PARAMETER},
		{4, 2, 0, "4.2.0 anything", VERR_INVALID_PARAMETER},
		{4, 0, 99, "4.0.99 anything", VINF_SUCCESS},
	};

	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++)
		cr_assert_eq(
			report_info2(infos[i].major, infos[i].minor, infos[i].build, infos[i].name),
			infos[i].rc, "%s", infos[i].name);
}

Test(vmmdev, additions_name_must_end)
{
	VMMDevReportGuestInfo2 *info = (VMMDevReportGuestInfo2 *)(ram + REQUEST);

	cr_assert_eq(report_info2(6, 0, 0, "6.0.0"), VINF_SUCCESS);
	memset(info->szName + 5, 'x', sizeof(info->szName) - 5);
	info->szName[5] = '_';
	cr_assert_eq(submit(), VERR_INVALID_PARAMETER);
	info->szName[sizeof(info->szName) - 1] = 0;
	cr_assert_eq(submit(), VINF_SUCCESS);
}

/* --- events (more in test_vmmdev_events.c) ---------------------- */

Test(vmmdev, nothing_to_acknowledge)
{
	cr_assert_eq(vmmdev_bar_read(dev, false, PORT_BASE + 8, 4), UINT32_MAX);
	guest_report();
	cr_assert_eq(vmmdev_bar_read(dev, false, PORT_BASE + 8, 4), 0);
	cr_assert_eq(SEND(VMMDevReq_AcknowledgeEvents, 28, 1234), VINF_SUCCESS);
	cr_assert_eq(get32(REQUEST + 24), 0);
	cr_assert_not(vmmdev_irq_level(dev));
}

Test(vmmdev, without_a_service_hgcm_is_not_supported)
{
	guest_report();
	cr_assert_eq(hgcm_send_connect("VBoxSharedFolders"), VERR_NOT_SUPPORTED);
	cr_assert_eq(hgcm_send_disconnect(1), VERR_NOT_SUPPORTED);
	call_begin(1, 0, 44);
	cr_assert_eq(submit(), VERR_NOT_SUPPORTED);
	cr_assert_not(request_is_done());
}
