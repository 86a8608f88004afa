/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device in front of the real shared-folders service: what Linux's driver
 * sends to mount a share, and the worked example of the specification, section
 * 15, byte by byte.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device_fixture.h"
#include "share_watch.h"

#define PAGE 4096u

static char share[] = "/tmp/sf-test-XXXXXX";

static void start(void)
{
	cr_assert_not_null(mkdtemp(share));
	load_service(SFSERVICE_PATH);
	cr_assert_eq(hgcm_add_share(service, "work", share, SHFL_ADD_MAPPING_F_WRITABLE, NULL),
		     VINF_SUCCESS);
	device_start(&(struct vmmdev_config){
		.service_name = SHFL_SERVICE_NAME,
		.service = service,
	});
	guest_connect(SHFL_SERVICE_NAME);
	call_begin(SHFL_FN_SET_UTF8, 0, 44);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
}

static void stop(void)
{
	char file[64];

	device_stop();
	snprintf(file, sizeof(file), "%s/file", share);
	unlink(file);
	rmdir(share);
}

TestSuite(vmmdev_service, .init = start, .fini = stop);

/* Puts a SHFLSTRING into guest memory; returns its size with the header. */
static uint32_t put_string(uint32_t address, const char *text)
{
	uint32_t length = (uint32_t)strlen(text);

	put32(address, (length + 1) | length << 16);
	memcpy(ram + address + 4, text, length + 1);
	return 4 + length + 1;
}

static int32_t map_folder(const char *name, uint32_t *ret_root)
{
	uint32_t list = 44 + 4 * 16;

	call_begin(SHFL_FN_MAP_FOLDER, 4, list + 16);
	parm_pages(0, VMMDevHGCMParmType_PageList, put_string(DATA, name), list);
	parm32(1, 0);
	parm32(2, '/');
	parm32(3, 1);
	page_list(list, 1, 0, 1, DATA);
	cr_assert_eq(submit(), VINF_SUCCESS);
	*ret_root = get32(parm_at(1) + 4);
	return request_result();
}

static uint64_t create(uint32_t root, const char *path)
{
	SHFLCREATEPARMS *parms = (SHFLCREATEPARMS *)(ram + DATA + PAGE);
	uint32_t lists = 44 + 3 * 16;

	call_begin(SHFL_FN_CREATE, 3, lists + 32);
	parm32(0, root);
	parm_pages(1, VMMDevHGCMParmType_PageList, put_string(DATA, path), lists);
	parm_pages(2, VMMDevHGCMParmType_PageList, sizeof(*parms), lists + 16);
	page_list(lists, 1, 0, 1, DATA);
	page_list(lists + 16, 3, 0, 1, DATA + PAGE);
	memset(parms, 0, sizeof(*parms));
	parms->Handle = SHFL_HANDLE_NIL;
	parms->CreateFlags =
		SHFL_CF_ACT_CREATE_IF_NEW | SHFL_CF_ACT_FAIL_IF_EXISTS | SHFL_CF_ACCESS_READWRITE;
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	cr_assert_eq(parms->Result, SHFL_FILE_CREATED);
	return parms->Handle;
}

static void check_file(const uint8_t *expected, size_t bytes)
{
	uint8_t content[2 * PAGE];
	char file[64];
	int fd;

	snprintf(file, sizeof(file), "%s/file", share);
	fd = open(file, O_RDONLY);
	cr_assert_geq(fd, 0);
	cr_assert_eq(read(fd, content, sizeof(content)), (ssize_t)bytes);
	cr_assert_arr_eq(content, expected, bytes);
	close(fd);
}

Test(vmmdev_service, worked_example)
{
	uint32_t root, request[35] = {0};
	uint64_t handle;

	cr_assert_eq(map_folder("work", &root), VINF_SUCCESS);
	handle = create(root, "/file");
	for (uint32_t i = 0; i < PAGE; i++)
		ram[DATA + i] = (uint8_t)(i * 31 + (i >> 8));

	request[0] = 140;
	request[1] = 0x10001;
	request[2] = 63;
	request[3] = (uint32_t)-1;
	request[5] = 2;
	request[8] = client;
	request[9] = 6;
	request[10] = 5;
	request[11] = 1;
	request[12] = root;
	request[15] = 2;
	request[16] = (uint32_t)handle;
	request[17] = (uint32_t)(handle >> 32);
	request[19] = 2;
	request[23] = 1;
	request[24] = 4096;
	request[27] = 10;
	request[28] = 4096;
	request[29] = 124;
	request[31] = 1;
	request[32] = 1 << 16;
	request[33] = DATA;
	memcpy(ram + REQUEST, request, sizeof(request));
	cr_assert_eq(submit(), VINF_SUCCESS);

	cr_assert_eq(get32(REQUEST + 24), VBOX_HGCM_REQ_DONE);
	cr_assert_eq(request_result(), VINF_SUCCESS);
	cr_assert_eq(get64(REQUEST + 80), 4096, "the new offset");
	cr_assert_eq(get32(REQUEST + 96), 4096, "the bytes written");
	/* Nothing else has changed. */
	request[3] = VINF_SUCCESS;
	request[6] = VBOX_HGCM_REQ_DONE;
	request[20] = 4096;
	cr_assert_arr_eq(ram + REQUEST, request, sizeof(request));
	check_file(ram + DATA, PAGE);
}

/* The additions' way: pages that the service itself reads and writes. */
Test(vmmdev_service, no_bounce_write_and_read)
{
	uint32_t root, list = 44 + 5 * 16;
	uint64_t handle;

	cr_assert_eq(map_folder("work", &root), VINF_SUCCESS);
	handle = create(root, "/file");
	for (uint32_t i = 0; i < 2 * PAGE; i++)
		ram[DATA + i] = (uint8_t)(i * 13 + (i >> 8));
	for (uint32_t fn = SHFL_FN_WRITE; fn >= SHFL_FN_READ; fn--) {
		bool is_write = fn == SHFL_FN_WRITE;

		call_begin(fn, 5, list + 8 + 16);
		parm32(0, root);
		parm64(1, handle);
		parm64(2, 0);
		parm32(3, 5000);
		parm_pages(4, VMMDevHGCMParmType_NoBouncePageList, 5000, list);
		page_list(list, is_write ? 1 : 2, 200, 2, is_write ? DATA : HIGH_RAM + PAGE,
			  is_write ? DATA + PAGE : HIGH_RAM);
		cr_assert_eq(submit(), VINF_SUCCESS);
		cr_assert_eq(request_result(), VINF_SUCCESS);
		cr_assert_eq(get32(parm_at(3) + 4), 5000);
	}
	check_file(ram + DATA + 200, 5000);
	cr_assert_arr_eq(high_ram + PAGE + 200, ram + DATA + 200, PAGE - 200);
	cr_assert_arr_eq(high_ram, ram + DATA + PAGE, 5000 - (PAGE - 200));
	cr_assert_eq(high_ram[5000 - (PAGE - 200)], 0);
}

static char *watched;

static void watch(void *user, const struct vmmdev_call *call)
{
	(void)user;
	free(watched);
	watched = share_watch(call, "work");
}

Test(vmmdev_service, unknown_share_is_noticed)
{
	uint32_t root;

	vmmdev_free(dev);
	free(ram);
	free(high_ram);
	cr_assert_eq(hgcm_call_check(service, client), VERR_HGCM_INVALID_CLIENT_ID,
		     "a device that goes away takes its clients with it");
	ram = high_ram = NULL;
	device_start(&(struct vmmdev_config){
		.service_name = SHFL_SERVICE_NAME,
		.service = service,
		.call_ended = watch,
	});
	guest_connect(SHFL_SERVICE_NAME);
	call_begin(SHFL_FN_SET_UTF8, 0, 44);
	submit();
	cr_assert_eq(map_folder("nope", &root), VERR_FILE_NOT_FOUND);
	cr_assert_str_eq(watched,
			 "the guest asked for share \"nope\", which is not there (shares: work)");
	cr_assert_eq(map_folder("work", &root), VINF_SUCCESS);
	cr_assert_null(watched);
}

/* There is only one virtual CPU: what would wait must come back. */
Test(vmmdev_service, waiting_for_changes_comes_back)
{
	call_begin(SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES, 1, 60);
	parm32(0, 0);
	cr_assert_eq(submit(), VINF_SUCCESS);
	/* Now the version is the current one: it would wait for ever. */
	put32(REQUEST + 24, 0);
	cr_assert_eq(submit(), VINF_SUCCESS);
	cr_assert(request_is_done());
	cr_assert_eq(request_result(), VERR_CANCELLED);
}
