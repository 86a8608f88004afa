/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sf-host makes of calls that have ended: counters, and shares that are not there. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "leak_check.h"
#include "share_watch.h"
#include "vbox_status.h"

TestSuite(host_watch, .fini = leak_check);

static VBOXHGCMSVCPARM parms[8];

static struct vmmdev_call call(uint32_t fn, uint32_t n_parms, int32_t status)
{
	return (struct vmmdev_call){
		.client = 1, .fn = fn, .n_parms = n_parms, .parms = parms, .status = status};
}

static void count(struct counters *counters, uint32_t fn, uint32_t n_parms, uint32_t bytes,
		  int32_t status)
{
	struct vmmdev_call ended = call(fn, n_parms, status);

	parms[3].u.uint32 = bytes;
	counters_add(counters, &ended);
}

Test(host_watch, counters)
{
	struct counters counters = {0};
	char *text;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	count(&counters, SHFL_FN_WRITE, 5, 4096, VINF_SUCCESS);
	count(&counters, SHFL_FN_WRITE, 5, 100, VINF_SUCCESS);
	count(&counters, SHFL_FN_WRITE, 5, 4096, VERR_WRITE_PROTECT);
	count(&counters, SHFL_FN_READ, 5, 7, VINF_SUCCESS);
	count(&counters, SHFL_FN_READ, 3, 7, VINF_SUCCESS); /* no count was given */
	count(&counters, SHFL_FN_LIST, 8, 999, VINF_SUCCESS); /* a count, but of no data */
	count(&counters, 10, 0, 1, VERR_NOT_IMPLEMENTED);
	count(&counters, UINT32_MAX, 0, 1, VERR_NOT_IMPLEMENTED);
	counters_print(&counters, to);
	fclose(to);
	cr_assert_str_eq(text, "function calls failed bytes\n"
			       "SHFL_FN_READ 2 0 7\n"
			       "SHFL_FN_WRITE 3 1 4196\n"
			       "SHFL_FN_LIST 1 0 0\n"
			       "SHFL_FN_UNKNOWN 2 2 0\n");
	free(text);
}

static uint8_t string[600];

/* Makes parameter 0 a name with these bytes. */
static void put_name(const void *bytes, uint16_t n)
{
	SHFLSTRING *name = (SHFLSTRING *)string;

	name->u16Size = n;
	name->u16Length = n;
	memcpy(name->String.utf8, bytes, n);
	parms[0].type = VBOX_HGCM_SVC_PARM_PTR;
	parms[0].u.pointer.size = SHFLSTRING_HEADER_SIZE + n;
	parms[0].u.pointer.addr = string;
}

static void check(uint32_t fn, int32_t status, const char *expected)
{
	struct vmmdev_call ended = call(fn, 4, status);
	char *message = share_watch(&ended, "a, b");

	if (expected)
		cr_assert_str_eq(message, expected);
	else
		cr_assert_null(message, "%s", message);
	free(message);
}

#define NOT_THERE(name) "the guest asked for share \"" name "\", which is not there (shares: a, b)"

Test(host_watch, names_in_both_encodings)
{
	static const uint16_t wide[] = {'x', 'y', 0xe9};

	put_name("xy", 2);
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NOT_THERE("xy"));
	check(SHFL_FN_MAP_FOLDER_OLD, VERR_FILE_NOT_FOUND, NOT_THERE("xy"));
	put_name(wide, sizeof(wide));
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NOT_THERE("xy?"));
	put_name("", 0);
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NOT_THERE(""));
}

/* The guest's words must not play tricks with a terminal. */
Test(host_watch, names_are_made_harmless)
{
	put_name("a\x1b[2Jb\n", 7);
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NOT_THERE("a?[2Jb?"));
	put_name("a\0b", 3);
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NOT_THERE("a?b"));
}

Test(host_watch, other_failures)
{
	put_name("xy", 2);
	check(SHFL_FN_MAP_FOLDER, VERR_INVALID_PARAMETER,
	      "the guest could not map share \"xy\": VERR_INVALID_PARAMETER (-2)");
	check(SHFL_FN_MAP_FOLDER, -12345, "the guest could not map share \"xy\": status (-12345)");
}

Test(host_watch, nothing_to_say)
{
	put_name("xy", 2);
	check(SHFL_FN_MAP_FOLDER, VINF_SUCCESS, NULL);
	check(SHFL_FN_CREATE, VERR_FILE_NOT_FOUND, NULL);
	check(999, VERR_FILE_NOT_FOUND, NULL);
}

Test(host_watch, malformed_names)
{
	SHFLSTRING *name = (SHFLSTRING *)string;
	struct vmmdev_call ended = call(SHFL_FN_MAP_FOLDER, 0, VERR_FILE_NOT_FOUND);

	put_name("xy", 2);
	cr_assert_null(share_watch(&ended, ""));
	name->u16Length = 3;
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NULL);
	put_name("xy", 2);
	parms[0].u.pointer.size = 3;
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NULL);
	put_name("xy", 2);
	parms[0].type = VBOX_HGCM_SVC_PARM_PAGES;
	check(SHFL_FN_MAP_FOLDER, VERR_FILE_NOT_FOUND, NULL);
}

Test(host_watch, long_name_is_cut)
{
	struct vmmdev_call ended = call(SHFL_FN_MAP_FOLDER, 4, VERR_FILE_NOT_FOUND);
	SHFLSTRING *name = calloc(1, 0x10004);
	char *message;

	memset(name->String.utf8, 'x', 0xffff);
	name->u16Size = name->u16Length = 0xffff;
	parms[0].type = VBOX_HGCM_SVC_PARM_PTR;
	parms[0].u.pointer.size = 0x10003;
	parms[0].u.pointer.addr = name;
	message = share_watch(&ended, "");
	cr_assert_lt(strlen(message), 1200);
	free(message);
	free(name);
}
