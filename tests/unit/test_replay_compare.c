/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparing by roles: what is told apart, and what no replay can reproduce. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "leak_check.h"

TestSuite(replay_compare, .fini = leak_check);

static struct replay_call call;
static struct replay_finding finding;
static bool uncompared;

/* A call of a function that gave the same on both sides: nothing. */
static void begin(uint32_t fn)
{
	memset(&call, 0, sizeof(call));
	call.event.kind = TRACE_CALL;
	call.event.fn = fn;
	call.info = shfl_fn_find(fn);
	call.event.n_parms = call.n_parms = call.info->n_parms;
	for (unsigned i = 0; i < call.n_parms; i++) {
		uint32_t type = call.info->parms[i].kind == SHFL_KIND_32BIT   ? 1
				: call.info->parms[i].kind == SHFL_KIND_64BIT ? 2
									      : 3;

		call.event.parms[i].type = call.parms[i].type = type;
	}
}

static void integer(unsigned i, uint64_t expected, uint64_t got)
{
	call.event.parms[i].out = expected;
	call.parms[i].u.uint64 = got;
}

static void memory(unsigned i, const void *expected, uint32_t expected_size, const void *got,
		   uint32_t got_size)
{
	call.event.parms[i].size = got_size;
	call.out[i] = (struct payload){.data = (uint8_t *)(uintptr_t)expected,
				       .captured = expected_size,
				       .length = expected_size};
	call.buffers[i].memory = (void *)(uintptr_t)got;
}

static bool same_with(unsigned what)
{
	struct compare_options options = {.what = what};
	struct listing listing = {0};
	struct listing_source none = {0};
	bool same;

	memset(&finding, 0, sizeof(finding));
	uncompared = false;
	same = compare_call(&options, &call, &listing, &none, &finding, &uncompared);
	cr_assert_eq(same, finding.verdict == REPLAY_SAME);
	listing_clear(&listing);
	return same;
}

static bool same(void)
{
	return same_with(COMPARE_USUAL);
}

Test(replay_compare, status)
{
	begin(SHFL_FN_CLOSE);
	call.event.status = VERR_INVALID_HANDLE;
	cr_assert_not(same());
	cr_assert_str_eq(finding.what, "status");
	cr_assert_str_eq(finding.expected, "VERR_INVALID_HANDLE");
	cr_assert_str_eq(finding.got, "VINF_SUCCESS");
	cr_assert(same_with(COMPARE_USUAL & ~COMPARE_STATUS));
	call.status = VERR_INVALID_HANDLE;
	cr_assert(same());
	call.event.status = -987654;
	cr_assert_not(same());
	cr_assert_str_eq(finding.expected, "-987654");
}

Test(replay_compare, counts_and_offsets)
{
	begin(SHFL_FN_WRITE);
	integer(2, 100, 100);
	integer(3, 10, 10);
	cr_assert(same());
	integer(2, 100, 101);
	cr_assert_not(same());
	cr_assert_str_eq(finding.what, "offset");
	integer(2, 100, 100);
	integer(3, 10, 9);
	cr_assert_not(same());
	cr_assert_str_eq(finding.what, "count");
	cr_assert_str_eq(finding.expected, "10");
	cr_assert_str_eq(finding.got, "9");
	cr_assert(same_with(COMPARE_USUAL & ~COMPARE_COUNTS));
}

Test(replay_compare, data_as_far_as_the_count)
{
	begin(SHFL_FN_READ);
	integer(3, 4, 4);
	memory(4, "abcd", 4, "abcdefgh", 8);
	cr_assert(same());
	memory(4, "abcd", 4, "abXdefgh", 8);
	cr_assert_not(same());
	cr_assert_str_eq(finding.what, "data");
	cr_assert_str_eq(finding.expected, "byte 2 of 4 is 0x63");
	cr_assert_str_eq(finding.got, "0x58");
	cr_assert(same_with(COMPARE_USUAL & ~COMPARE_DATA));
}

Test(replay_compare, data_that_the_trace_lacks)
{
	begin(SHFL_FN_READ);
	integer(3, 8, 8);
	memory(4, "abcd", 4, "abcdefgh", 8);
	cr_assert(same());
	cr_assert(uncompared);
	memory(4, "abcd", 4, "Xbcdefgh", 8);
	cr_assert_not(same());
	memory(4, NULL, 0, "abcdefgh", 8);
	cr_assert(same());
	cr_assert(uncompared);
}

/* One field of the attributes at a time: which kind of comparison notices it. */
static const struct {
	size_t offset;
	unsigned what;
	bool of_directories;
} fields[] = {
	{offsetof(SHFLFSOBJINFO, cbObject), COMPARE_ATTRIBUTES, false},
	{offsetof(SHFLFSOBJINFO, Attr.fMode), COMPARE_ATTRIBUTES, true},
	{offsetof(SHFLFSOBJINFO, Attr.enmAdditional), COMPARE_ATTRIBUTES, true},
	{offsetof(SHFLFSOBJINFO, cbAllocated), COMPARE_ALLOCATION, true},
	{offsetof(SHFLFSOBJINFO, AccessTime), COMPARE_TIMES | COMPARE_SET_TIMES, true},
	{offsetof(SHFLFSOBJINFO, ModificationTime), COMPARE_TIMES | COMPARE_SET_TIMES, true},
	{offsetof(SHFLFSOBJINFO, ChangeTime), COMPARE_TIMES, true},
	{offsetof(SHFLFSOBJINFO, BirthTime), COMPARE_TIMES, true},
	{offsetof(SHFLFSOBJINFO, Attr.u.Unix.uid), COMPARE_OWNERS, true},
	{offsetof(SHFLFSOBJINFO, Attr.u.Unix.gid), COMPARE_OWNERS, true},
	{offsetof(SHFLFSOBJINFO, Attr.u.Unix.cHardlinks), COMPARE_LINKS, true},
	{offsetof(SHFLFSOBJINFO, Attr.u.Unix.INodeId), COMPARE_INODES, true},
	{offsetof(SHFLFSOBJINFO, Attr.u.Unix.INodeIdDevice), COMPARE_INODES, true},
};

static void assert_attributes(uint32_t type)
{
	bool directory = type == RTFS_TYPE_DIRECTORY;
	SHFLCREATEPARMS expected = {.Handle = 7, .Result = SHFL_FILE_EXISTS};
	SHFLCREATEPARMS got;

	expected.Info.Attr.fMode = type | 0644;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		bool told = !directory || fields[i].of_directories;

		begin(SHFL_FN_CREATE);
		got = expected;
		got.Handle = 8;
		memory(2, &expected, sizeof(expected), &got, sizeof(got));
		cr_assert(same_with(~0u), "another handle is as good");
		((uint8_t *)&got.Info)[fields[i].offset] ^= 1;
		cr_assert_eq(same_with(fields[i].what), !told, "field %zu", i);
		cr_assert(same_with(~fields[i].what), "field %zu", i);
		cr_assert_eq(same(), !told || !(fields[i].what & COMPARE_USUAL), "field %zu", i);
	}
}

Test(replay_compare, attributes_of_files)
{
	assert_attributes(RTFS_TYPE_FILE);
}

Test(replay_compare, attributes_of_directories)
{
	assert_attributes(RTFS_TYPE_DIRECTORY);
}

Test(replay_compare, times_that_a_guest_can_set)
{
	SHFLCREATEPARMS expected = {.Info.Attr.fMode = RTFS_TYPE_FILE | 0644}, got = expected;

	got.Info.ChangeTime = got.Info.BirthTime = 1;
	begin(SHFL_FN_CREATE);
	memory(2, &expected, sizeof(expected), &got, sizeof(got));
	cr_assert(same_with(COMPARE_SET_TIMES));
	cr_assert_not(same_with(COMPARE_TIMES));
	got.Info.AccessTime = 1;
	begin(SHFL_FN_CREATE);
	memory(2, &expected, sizeof(expected), &got, sizeof(got));
	cr_assert_not(same_with(COMPARE_SET_TIMES));
}

Test(replay_compare, result_and_handle)
{
	SHFLCREATEPARMS expected = {.Handle = 7, .Result = SHFL_FILE_EXISTS}, got = expected;

	begin(SHFL_FN_CREATE);
	memory(2, &expected, sizeof(expected), &got, sizeof(got));
	got.Result = SHFL_FILE_CREATED;
	cr_assert_not(same());
	cr_assert_str_eq(finding.expected, "exists");
	cr_assert_str_eq(finding.got, "created");
	got = expected;
	got.Handle = SHFL_HANDLE_NIL;
	cr_assert_not(same());
	cr_assert_str_eq(finding.what, "handle");
	cr_assert(same_with(COMPARE_USUAL & ~COMPARE_RESULT));
}

Test(replay_compare, information_by_its_flags)
{
	SHFLFSOBJINFO file = {.cbObject = 1}, other_file = {.cbObject = 2};
	SHFLVOLINFO volume = {.ullAvailableAllocationBytes = 1}, other_volume = volume;

	begin(SHFL_FN_INFORMATION);
	call.event.parms[2].in = SHFL_INFO_FILE;
	memory(4, &file, sizeof(file), &other_file, sizeof(other_file));
	cr_assert_not(same());
	call.event.parms[2].in = SHFL_INFO_VOLUME;
	other_volume.ullAvailableAllocationBytes = 2;
	other_volume.ulSerial = 3;
	memory(4, &volume, sizeof(volume), &other_volume, sizeof(other_volume));
	cr_assert(same());
	cr_assert_not(same_with(COMPARE_ALLOCATION));
	other_volume.fsProperties.cbMaxComponent = 99;
	cr_assert_not(same());
	cr_assert_str_eq(finding.what, "longest name");
}

Test(replay_compare, texts)
{
	begin(SHFL_FN_READLINK);
	memory(2, "target\0rest", 11, "target\0other", 12);
	cr_assert(same());
	memory(2, "target", 7, "tarGet", 7);
	cr_assert_not(same());
	cr_assert_str_eq(finding.expected, "target");
	begin(SHFL_FN_QUERY_MAP_NAME);
	memory(1, "\5\0\3\0abc\0", 8, "\5\0\3\0abd\0", 8);
	cr_assert_not(same());
	cr_assert_str_eq(finding.got, "abd");
	call.utf16 = true;
	memory(1, "\6\0\4\0a\0b\0\0", 10, "\6\0\4\0a\0c\0\0", 10);
	cr_assert_not(same());
	cr_assert_str_eq(finding.got, "ac");
}

Test(replay_compare, versions_after_what_was_before)
{
	struct compare_options options = {COMPARE_USUAL, true};

	begin(SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES);
	integer(0, 1, 2);
	cr_assert_not(same());
	cr_assert(compare_call(&options, &call, NULL, NULL, &finding, &uncompared));
	begin(SHFL_FN_QUERY_FEATURES);
	integer(1, 29, 24);
	cr_assert_not(compare_call(&options, &call, NULL, NULL, &finding, &uncompared));
}

/* Parameters of a wrong type were not used by the service. */
Test(replay_compare, wrong_types_and_counts)
{
	begin(SHFL_FN_READ);
	call.event.status = call.status = VERR_WRONG_PARAMETER_TYPE;
	call.event.parms[3].type = call.parms[3].type = VBOX_HGCM_SVC_PARM_PTR;
	call.event.parms[4].type = call.parms[4].type = VBOX_HGCM_SVC_PARM_32BIT;
	cr_assert(same());
	call.event.n_parms = call.n_parms = 2;
	cr_assert(same());
	call.info = NULL;
	cr_assert(same());
}

static uint32_t put_entry(uint8_t *at, const char *name, uint32_t mode)
{
	uint16_t header[2] = {(uint16_t)(strlen(name) + 1), (uint16_t)strlen(name)};
	SHFLFSOBJINFO info = {.Attr.fMode = mode};

	memset(at, 0, SHFLDIRINFO_SIZE(header[0]));
	memcpy(at, &info, sizeof(info));
	memcpy(at + offsetof(SHFLDIRINFO, name), header, sizeof(header));
	memcpy(at + offsetof(SHFLDIRINFO, name) + sizeof(header), name, header[0]);
	return SHFLDIRINFO_SIZE(header[0]);
}

static void list(const char *expected, uint8_t *expected_room, const char *got, uint8_t *got_room)
{
	uint32_t expected_size = 0, got_size = 0;

	begin(SHFL_FN_LIST);
	for (const char *c = expected; *c; c++)
		expected_size += put_entry(expected_room + expected_size, (char[2]){*c, 0},
					   RTFS_TYPE_FILE | 0644);
	for (const char *c = got; *c; c++)
		got_size += put_entry(got_room + got_size, (char[2]){*c, 0}, RTFS_TYPE_FILE | 0644);
	integer(3, expected_size, got_size);
	integer(7, strlen(expected), strlen(got));
	memory(5, expected_room, expected_size, got_room, 4096);
}

Test(replay_compare, listings_are_sets)
{
	uint8_t expected[4096], got[4096];

	list("abc", expected, "cab", got);
	cr_assert(same());
	list("abc", expected, "abd", got);
	cr_assert_not(same());
	cr_assert_str_eq(finding.expected, "\"c\"");
	cr_assert_str_eq(finding.got, "\"d\"");
	cr_assert(same_with(COMPARE_ALLOCATION));
	list("abc", expected, "ab", got);
	cr_assert_not(same());
	cr_assert_str_eq(finding.got, "no further name");
	list("ab", expected, "abb", got);
	cr_assert_not(same());
	list("abc", expected, "abc", got);
	((SHFLDIRINFO *)(void *)got)->Info.Attr.fMode ^= 0111;
	cr_assert_not(same());
	cr_assert_str_eq(finding.what, "type and mode of \"a\"");
}

Test(replay_compare, listings_in_order)
{
	uint8_t expected[4096], got[4096];

	list("abc", expected, "acb", got);
	cr_assert(same());
	cr_assert_not(same_with(COMPARE_USUAL | COMPARE_ORDER));
	cr_assert_str_eq(finding.what, "order of the listing");
	cr_assert_str_eq(finding.expected, "b");
	cr_assert_str_eq(finding.got, "c");
	list("abc", expected, "abc", got);
	cr_assert(same_with(COMPARE_USUAL | COMPARE_ORDER));
	list("abc", expected, "ab", got);
	cr_assert_not(same_with(COMPARE_USUAL | COMPARE_ORDER));
	cr_assert_str_eq(finding.what, "listing", "what is missing comes first");
}

Test(replay_compare, parent_of_a_root_is_not_compared)
{
	uint8_t expected[4096], got[4096];
	uint32_t size;

	list("", expected, "", got);
	size = put_entry(expected, "..", RTFS_TYPE_DIRECTORY | 0755);
	put_entry(got, "..", RTFS_TYPE_DIRECTORY | 0700);
	integer(3, size, size);
	memory(5, expected, size, got, 4096);
	cr_assert(same());
}

Test(replay_compare, damaged_entries)
{
	uint8_t expected[4096], got[4096];

	list("abc", expected, "abc", got);
	call.event.parms[3].out -= 1;
	call.out[5].captured -= 1;
	call.parms[3].u.uint32 -= 1;
	cr_assert_not(same());
	list("abc", expected, "abc", got);
	call.event.parms[3].out = UINT32_MAX;
	cr_assert_not(same_with(COMPARE_COUNTS), "compared with less than it counts");
	list("abc", expected, "abc", got);
	call.out[5].captured = 10;
	same();
	cr_assert(uncompared);
}

Test(replay_compare, words)
{
	unsigned what = COMPARE_USUAL;

	cr_assert(compare_parse("times,-data", &what));
	cr_assert_eq(what, (COMPARE_USUAL | COMPARE_TIMES) & ~COMPARE_DATA);
	cr_assert(compare_parse("usual,-times", &what));
	cr_assert_eq(what, COMPARE_USUAL);
	cr_assert_not(compare_parse("tim", &what));
	cr_assert_not(compare_parse("times,,data", &what));
	cr_assert_not(compare_parse("-", &what));
	cr_assert(compare_parse("", &what));
}
