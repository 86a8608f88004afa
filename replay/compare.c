/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One comparer for each role; what a role's values mean is in shfl_table.h. */
#include "compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct comparison {
	const struct compare_options *options;
	const struct replay_call *call;
	struct replay_finding *finding;
	bool *uncompared;
};

static const struct {
	const char *word;
	unsigned what;
} compare_words[] = {
	{"status", COMPARE_STATUS},	    {"result", COMPARE_RESULT},
	{"counts", COMPARE_COUNTS},	    {"data", COMPARE_DATA},
	{"attributes", COMPARE_ATTRIBUTES}, {"listings", COMPARE_LISTINGS},
	{"names", COMPARE_NAMES},	    {"volume", COMPARE_VOLUME},
	{"times", COMPARE_TIMES},	    {"owners", COMPARE_OWNERS},
	{"links", COMPARE_LINKS},	    {"inodes", COMPARE_INODES},
	{"allocation", COMPARE_ALLOCATION}, {"set-times", COMPARE_SET_TIMES},
	{"order", COMPARE_ORDER},	    {"usual", COMPARE_USUAL},
};

static unsigned compare_word(const char *word, size_t length)
{
	for (size_t i = 0; i < sizeof(compare_words) / sizeof(compare_words[0]); i++)
		if (strlen(compare_words[i].word) == length &&
		    memcmp(compare_words[i].word, word, length) == 0)
			return compare_words[i].what;
	return 0;
}

bool compare_parse(const char *words, unsigned *what)
{
	while (*words) {
		bool without = *words == '-';
		size_t length = strcspn(words += without, ",");
		unsigned one = compare_word(words, length);

		if (!one)
			return false;
		*what = without ? *what & ~one : *what | one;
		words += length;
		words += *words == ',';
	}
	return true;
}

bool compare_differs(struct replay_finding *finding, const char *what, const char *expected,
		     const char *got)
{
	finding->verdict = REPLAY_DIVERGED;
	snprintf(finding->what, sizeof(finding->what), "%s", what);
	snprintf(finding->expected, sizeof(finding->expected), "%s", expected);
	snprintf(finding->got, sizeof(finding->got), "%s", got);
	return false;
}

static bool compare_number(struct replay_finding *finding, const char *what, uint64_t expected,
			   uint64_t got)
{
	if (expected == got)
		return true;
	compare_differs(finding, what, "", "");
	snprintf(finding->expected, sizeof(finding->expected), "%" PRId64, (int64_t)expected);
	snprintf(finding->got, sizeof(finding->got), "%" PRId64, (int64_t)got);
	return false;
}

void compare_status_text(int32_t status, char text[REPLAY_TEXT_SIZE])
{
	const char *name = vbox_status_name(status);

	if (name)
		snprintf(text, REPLAY_TEXT_SIZE, "%s", name);
	else
		snprintf(text, REPLAY_TEXT_SIZE, "%" PRId32, status);
}

static bool compare_status(const struct comparison *c)
{
	if (!(c->options->what & COMPARE_STATUS) || c->call->status == c->call->event.status)
		return true;
	compare_differs(c->finding, "status", "", "");
	compare_status_text(c->call->event.status, c->finding->expected);
	compare_status_text(c->call->status, c->finding->got);
	return false;
}

static const char *info_type_name(uint32_t mode)
{
	switch (mode & RTFS_TYPE_MASK) {
	case RTFS_TYPE_FILE:
		return "file";
	case RTFS_TYPE_DIRECTORY:
		return "directory";
	case RTFS_TYPE_SYMLINK:
		return "link";
	default:
		return "special";
	}
}

static bool compare_mode(const char *label, uint32_t expected, uint32_t got,
			 struct replay_finding *finding)
{
	if (expected == got)
		return true;
	compare_differs(finding, label, "", "");
	snprintf(finding->expected, sizeof(finding->expected), "%s %04o, DOS 0x%x",
		 info_type_name(expected), expected & RTFS_UNIX_ALL_PERMS,
		 (expected & RTFS_DOS_MASK) >> RTFS_DOS_SHIFT);
	snprintf(finding->got, sizeof(finding->got), "%s %04o, DOS 0x%x", info_type_name(got),
		 got & RTFS_UNIX_ALL_PERMS, (got & RTFS_DOS_MASK) >> RTFS_DOS_SHIFT);
	return false;
}

/* The numbers among the attributes, each with what it takes to compare it. */
struct info_number {
	const char *label;
	unsigned what;
	bool of_directories; /* says something there, too */
	size_t offset;
	size_t size;
};

/* clang-format off */
#define INFO_NUMBER(label, what, of_directories, field) \
	{label, what, of_directories, offsetof(SHFLFSOBJINFO, field), \
	 sizeof(((SHFLFSOBJINFO *)NULL)->field)}
/* clang-format on */

static const struct info_number info_numbers[] = {
	INFO_NUMBER("size", COMPARE_ATTRIBUTES, false, cbObject),
	INFO_NUMBER("kind of attributes", COMPARE_ATTRIBUTES, true, Attr.enmAdditional),
	INFO_NUMBER("bytes on disk", COMPARE_ALLOCATION, true, cbAllocated),
	INFO_NUMBER("access time", COMPARE_TIMES | COMPARE_SET_TIMES, true, AccessTime),
	INFO_NUMBER("modification time", COMPARE_TIMES | COMPARE_SET_TIMES, true, ModificationTime),
	INFO_NUMBER("change time", COMPARE_TIMES, true, ChangeTime),
	INFO_NUMBER("birth time", COMPARE_TIMES, true, BirthTime),
	INFO_NUMBER("owner", COMPARE_OWNERS, true, Attr.u.Unix.uid),
	INFO_NUMBER("group", COMPARE_OWNERS, true, Attr.u.Unix.gid),
	INFO_NUMBER("hard links", COMPARE_LINKS, true, Attr.u.Unix.cHardlinks),
	INFO_NUMBER("device", COMPARE_INODES, true, Attr.u.Unix.INodeIdDevice),
	INFO_NUMBER("inode", COMPARE_INODES, true, Attr.u.Unix.INodeId),
};

static bool compare_info_number(const struct info_number *number, const char *label,
				const SHFLFSOBJINFO *expected, const SHFLFSOBJINFO *got,
				struct replay_finding *finding)
{
	uint64_t a = 0, b = 0;

	memcpy(&a, (const uint8_t *)expected + number->offset, number->size);
	memcpy(&b, (const uint8_t *)got + number->offset, number->size);
	return compare_number(finding, label, a, b);
}

/* "mode", or "mode of NAME" for an entry of a listing. */
static const char *info_label(char label[64], const char *what, const char *name)
{
	if (!name)
		return what;
	snprintf(label, 64, "%s of \"%s\"", what, name);
	return label;
}

bool compare_info(unsigned what, const char *name, const SHFLFSOBJINFO *expected,
		  const SHFLFSOBJINFO *got, struct replay_finding *finding)
{
	bool directory = (expected->Attr.fMode & RTFS_TYPE_MASK) == RTFS_TYPE_DIRECTORY;
	char label[64];

	if ((what & COMPARE_ATTRIBUTES) &&
	    !compare_mode(info_label(label, "type and mode", name), expected->Attr.fMode,
			  got->Attr.fMode, finding))
		return false;
	for (size_t i = 0; i < sizeof(info_numbers) / sizeof(info_numbers[0]); i++) {
		const struct info_number *number = &info_numbers[i];

		if (!(what & number->what) || (directory && !number->of_directories))
			continue;
		if (!compare_info_number(number, info_label(label, number->label, name), expected,
					 got, finding))
			return false;
	}
	return true;
}

/* Both sides of a structure that a parameter begins with; false: not in the trace. */
static bool both_structures(const struct comparison *c, unsigned parm, void *expected, void *got,
			    size_t size)
{
	uint32_t live_size = 0;
	const uint8_t *live = replay_memory(c->call, parm, &live_size);

	if (!live || live_size < size)
		return false;
	if (!payload_copy(&c->call->out[parm], expected, size)) {
		*c->uncompared |= VBOX_SUCCESS(c->call->event.status);
		return false;
	}
	memcpy(got, live, size);
	return true;
}

static bool compare_integer(const struct comparison *c, unsigned i)
{
	uint64_t expected = c->call->event.parms[i].out, got = replay_value(c->call, i);

	if (!(c->options->what & COMPARE_COUNTS))
		return true;
	if (c->call->parms[i].type == VBOX_HGCM_SVC_PARM_32BIT)
		expected = (uint32_t)expected;
	return compare_number(c->finding, c->call->info->parms[i].name, expected, got);
}

static bool compare_version(const struct comparison *c, unsigned i)
{
	bool of_mappings = c->call->event.fn != SHFL_FN_QUERY_FEATURES;

	return (of_mappings && c->options->ignore_versions) || compare_integer(c, i);
}

static bool compare_root(const struct comparison *c, unsigned i)
{
	bool expected = (uint32_t)c->call->event.parms[i].out != SHFL_ROOT_NIL;
	bool got = (uint32_t)replay_value(c->call, i) != SHFL_ROOT_NIL;

	return expected == got ||
	       compare_differs(c->finding, "root", expected ? "one" : "none", got ? "one" : "none");
}

static uint32_t data_count(const struct comparison *c, uint32_t size)
{
	int count = shfl_parm_find(c->call->info, SHFL_ROLE_COUNT);
	uint64_t n = count < 0 ? size : c->call->event.parms[count].out;

	return n < size ? (uint32_t)n : size;
}

static bool data_differs(const struct comparison *c, uint32_t at, uint32_t n, uint8_t expected,
			 uint8_t got)
{
	struct replay_finding *finding = c->finding;

	compare_differs(finding, "data", "", "");
	snprintf(finding->expected, sizeof(finding->expected), "byte %u of %u is 0x%02x", at, n,
		 expected);
	snprintf(finding->got, sizeof(finding->got), "0x%02x", got);
	return false;
}

static bool compare_data(const struct comparison *c, unsigned i)
{
	const struct payload *expected = &c->call->out[i];
	uint32_t size = 0, n;
	const uint8_t *got = replay_memory(c->call, i, &size);

	if (!(c->options->what & COMPARE_DATA) || !got || VBOX_FAILURE(c->call->event.status))
		return true;
	n = data_count(c, size);
	if (expected->captured < n) {
		*c->uncompared = true;
		n = expected->captured;
	}
	for (uint32_t at = 0; n > 0 && memcmp(expected->data, got, n) != 0; at++)
		if (expected->data[at] != got[at])
			return data_differs(c, at, n, expected->data[at], got[at]);
	return true;
}

static const char *result_name(int32_t result)
{
	static const char *const names[] = {"nothing", "path not found", "not found",
					    "exists",  "created",	 "replaced"};

	return result >= 0 && result <= SHFL_FILE_REPLACED ? names[result] : "unknown";
}

static bool compare_handle(const struct comparison *c, uint64_t expected, uint64_t got)
{
	bool recorded = expected != SHFL_HANDLE_NIL, live = got != SHFL_HANDLE_NIL;

	return recorded == live || compare_differs(c->finding, "handle", recorded ? "one" : "none",
						   live ? "one" : "none");
}

static bool compare_create(const struct comparison *c, unsigned i)
{
	unsigned what = c->options->what;
	SHFLCREATEPARMS expected, got;

	if (!both_structures(c, i, &expected, &got, sizeof(got)))
		return true;
	if ((what & COMPARE_RESULT) && expected.Result != got.Result)
		return compare_differs(c->finding, "result", result_name(expected.Result),
				       result_name(got.Result));
	if ((what & COMPARE_RESULT) && !compare_handle(c, expected.Handle, got.Handle))
		return false;
	return compare_info(what, NULL, &expected.Info, &got.Info, c->finding);
}

static bool compare_object(const struct comparison *c, unsigned i)
{
	SHFLFSOBJINFO expected, got;

	if (VBOX_FAILURE(c->call->event.status) ||
	    !both_structures(c, i, &expected, &got, sizeof(got)))
		return true;
	return compare_info(c->options->what, NULL, &expected, &got, c->finding);
}

static bool compare_volume(const struct comparison *c, unsigned i)
{
	unsigned what = c->options->what;
	SHFLVOLINFO expected, got;

	if (!both_structures(c, i, &expected, &got, sizeof(got)))
		return true;
	if ((what & COMPARE_VOLUME) &&
	    !(compare_number(c->finding, "longest name", expected.fsProperties.cbMaxComponent,
			     got.fsProperties.cbMaxComponent) &&
	      compare_number(c->finding, "case sensitive", expected.fsProperties.fCaseSensitive,
			     got.fsProperties.fCaseSensitive) &&
	      compare_number(c->finding, "Unicode", expected.fsProperties.fSupportsUnicode,
			     got.fsProperties.fSupportsUnicode)))
		return false;
	return !(what & COMPARE_ALLOCATION) ||
	       (compare_number(c->finding, "bytes per unit", expected.ulBytesPerAllocationUnit,
			       got.ulBytesPerAllocationUnit) &&
		compare_number(c->finding, "bytes per sector", expected.ulBytesPerSector,
			       got.ulBytesPerSector) &&
		compare_number(c->finding, "total bytes", expected.ullTotalAllocationBytes,
			       got.ullTotalAllocationBytes) &&
		compare_number(c->finding, "free bytes", expected.ullAvailableAllocationBytes,
			       got.ullAvailableAllocationBytes));
}

static bool compare_information(const struct comparison *c, unsigned i)
{
	int flags = shfl_parm_find(c->call->info, SHFL_ROLE_FLAGS);

	if (VBOX_FAILURE(c->call->event.status))
		return true;
	if ((c->call->event.parms[flags].in & (SHFL_INFO_VOLUME | SHFL_INFO_FILE)) ==
	    SHFL_INFO_VOLUME)
		return compare_volume(c, i);
	return compare_object(c, i);
}

static bool compare_texts(const struct comparison *c, unsigned i, const char *expected,
			  const char *got)
{
	if (!expected || !got || strcmp(expected, got) == 0)
		return true;
	return compare_differs(c->finding, c->call->info->parms[i].name, expected, got);
}

static bool compare_name(const struct comparison *c, unsigned i)
{
	uint32_t size = 0;
	const uint8_t *memory = replay_memory(c->call, i, &size);
	const struct payload *recorded = &c->call->out[i];
	char *expected, *got;
	bool same;

	if (!(c->options->what & COMPARE_NAMES) || !memory || VBOX_FAILURE(c->call->event.status))
		return true;
	if (!recorded->data) {
		*c->uncompared = true;
		return true;
	}
	expected = trace_shflstring(recorded->data, recorded->captured, c->call->utf16);
	got = trace_shflstring(memory, size, c->call->utf16);
	*c->uncompared |= !expected && recorded->captured < recorded->length;
	same = compare_texts(c, i, expected, got ? got : "no string");
	free(expected);
	free(got);
	return same;
}

static bool compare_link(const struct comparison *c, unsigned i)
{
	uint32_t size = 0;
	const uint8_t *memory = replay_memory(c->call, i, &size);
	const struct payload *recorded = &c->call->out[i];
	char *expected, *got;
	bool same, cut;

	if (!(c->options->what & COMPARE_NAMES) || !memory || VBOX_FAILURE(c->call->event.status))
		return true;
	if (!recorded->data) {
		*c->uncompared = true;
		return true;
	}
	expected = strndup((const char *)recorded->data, recorded->captured);
	cut = recorded->captured < recorded->length && expected &&
	      strlen(expected) == recorded->captured;
	*c->uncompared |= cut;
	got = strndup((const char *)memory,
		      cut && recorded->captured < size ? recorded->captured : size);
	same = compare_texts(c, i, expected, got);
	free(expected);
	free(got);
	return same;
}

/* The roots themselves are the replay's own; how many there are was compared. */
static bool compare_mappings(const struct comparison *c, unsigned i)
{
	uint32_t size = 0, n;
	const uint8_t *memory = replay_memory(c->call, i, &size);
	const struct payload *recorded = &c->call->out[i];
	bool same = true;

	if (!memory || VBOX_FAILURE(c->call->event.status))
		return true;
	*c->uncompared |= recorded->captured < recorded->length;
	n = (recorded->captured < size ? recorded->captured : size) / sizeof(SHFLMAPPING);
	for (uint32_t at = 0; same && at < n; at++) {
		SHFLMAPPING expected, got;

		memcpy(&expected, recorded->data + at * sizeof(expected), sizeof(expected));
		memcpy(&got, memory + at * sizeof(got), sizeof(got));
		same = compare_number(c->finding, "state of a mapping", expected.u32Status,
				      got.u32Status);
	}
	return same;
}

/* clang-format off */
static bool (*const comparers[])(const struct comparison *c, unsigned parm) = {
	[SHFL_ROLE_ROOT] = compare_root,
	[SHFL_ROLE_OFFSET] = compare_integer,
	[SHFL_ROLE_COUNT] = compare_integer,
	[SHFL_ROLE_FLAGS] = compare_integer,
	[SHFL_ROLE_RESUME] = compare_integer,
	[SHFL_ROLE_ENTRIES] = compare_integer,
	[SHFL_ROLE_VERSION] = compare_version,
	[SHFL_ROLE_NAME] = compare_name,
	[SHFL_ROLE_LINK_TEXT] = compare_link,
	[SHFL_ROLE_DATA] = compare_data,
	[SHFL_ROLE_CREATE_PARMS] = compare_create,
	[SHFL_ROLE_LIST_BUFFER] = NULL, /* listing.h */
	[SHFL_ROLE_INFO_BUFFER] = compare_information,
	[SHFL_ROLE_OBJ_INFO] = compare_object,
	[SHFL_ROLE_MAPPINGS] = compare_mappings,
	[SHFL_ROLE_LED] = NULL,
};
/* clang-format on */

/* A parameter of another type than the function's was refused, not used. */
static bool parm_is_compared(const struct comparison *c, unsigned i)
{
	const struct shfl_parm_info *info = &c->call->info->parms[i];
	uint32_t type = c->call->event.parms[i].type;
	bool integer = type == VBOX_HGCM_SVC_PARM_32BIT || type == VBOX_HGCM_SVC_PARM_64BIT;
	bool expected = info->kind == SHFL_KIND_32BIT || info->kind == SHFL_KIND_64BIT;

	return (info->direction & SHFL_DIR_OUT) && integer == expected &&
	       info->role < sizeof(comparers) / sizeof(comparers[0]) && comparers[info->role];
}

static bool compare_parms(const struct comparison *c)
{
	const struct shfl_fn_info *info = c->call->info;

	if (!info || c->call->event.n_parms != info->n_parms)
		return true;
	for (unsigned i = 0; i < info->n_parms; i++)
		if (parm_is_compared(c, i) && !comparers[info->parms[i].role](c, i))
			return false;
	return true;
}

/* What the trace lacks of a listing is lacking from there on. */
static bool compare_listing(const struct comparison *c, struct listing *listing,
			    const struct listing_source *more, bool *ret_strict)
{
	int buffer = shfl_parm_find(c->call->info, SHFL_ROLE_LIST_BUFFER);
	int count = shfl_parm_find(c->call->info, SHFL_ROLE_COUNT);

	*ret_strict = true;
	if (!listing || c->call->event.n_parms != c->call->info->n_parms ||
	    !(c->options->what & COMPARE_LISTINGS))
		return true;
	if (VBOX_SUCCESS(c->call->event.status) &&
	    c->call->event.parms[count].out > c->call->out[buffer].captured)
		listing->unknown = true;
	*ret_strict = !listing->unknown;
	if (listing->unknown) {
		*c->uncompared = true;
		return true;
	}
	return listing_compare(listing, c->options->what, c->call, more, c->finding, ret_strict);
}

bool compare_call(const struct compare_options *options, const struct replay_call *call,
		  struct listing *listing, const struct listing_source *more,
		  struct replay_finding *finding, bool *uncompared)
{
	struct comparison c = {options, call, finding, uncompared};
	bool strict = true;

	if (call->event.fn == SHFL_FN_LIST && call->event.kind == TRACE_CALL &&
	    !compare_listing(&c, listing, more, &strict))
		return false;
	return !strict || (compare_status(&c) && compare_parms(&c));
}
