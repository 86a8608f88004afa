/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of fields; what they leave of a structure would be lost. */
#include "call_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define FIELD(type, name, member, form) \
	{name, offsetof(type, member), sizeof(((type *)NULL)->member), form}
#define OBJECT(type, base) \
	FIELD(type, "mode", base Attr.fMode, FORM_MODE), \
	FIELD(type, "size", base cbObject, FORM_NUMBER), \
	FIELD(type, "allocated", base cbAllocated, FORM_NUMBER), \
	FIELD(type, "atime", base AccessTime, FORM_NUMBER), \
	FIELD(type, "mtime", base ModificationTime, FORM_NUMBER), \
	FIELD(type, "ctime", base ChangeTime, FORM_NUMBER), \
	FIELD(type, "btime", base BirthTime, FORM_NUMBER), \
	FIELD(type, "additional", base Attr.enmAdditional, FORM_NUMBER), \
	FIELD(type, "uid", base Attr.u.Unix.uid, FORM_UNSIGNED), \
	FIELD(type, "gid", base Attr.u.Unix.gid, FORM_UNSIGNED), \
	FIELD(type, "links", base Attr.u.Unix.cHardlinks, FORM_UNSIGNED), \
	FIELD(type, "device", base Attr.u.Unix.INodeIdDevice, FORM_UNSIGNED), \
	FIELD(type, "inode", base Attr.u.Unix.INodeId, FORM_UNSIGNED), \
	FIELD(type, "flags2", base Attr.u.Unix.fFlags, FORM_UNSIGNED), \
	FIELD(type, "generation", base Attr.u.Unix.GenerationId, FORM_UNSIGNED), \
	FIELD(type, "rdev", base Attr.u.Unix.Device, FORM_UNSIGNED)
/* clang-format on */

static const struct text_field create_fields[] = {
	FIELD(SHFLCREATEPARMS, "result", Result, FORM_CREATE_RESULT),
	FIELD(SHFLCREATEPARMS, "handle", Handle, FORM_UNSIGNED),
	FIELD(SHFLCREATEPARMS, "flags", CreateFlags, FORM_CREATE_FLAGS),
	OBJECT(SHFLCREATEPARMS, Info.),
	{0},
};

static const struct text_field object_fields[] = {
	OBJECT(SHFLFSOBJINFO, ),
	{0},
};

static const struct text_field volume_fields[] = {
	FIELD(SHFLVOLINFO, "total", ullTotalAllocationBytes, FORM_NUMBER),
	FIELD(SHFLVOLINFO, "available", ullAvailableAllocationBytes, FORM_NUMBER),
	FIELD(SHFLVOLINFO, "unit", ulBytesPerAllocationUnit, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "sector", ulBytesPerSector, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "serial", ulSerial, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "component", fsProperties.cbMaxComponent, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "remote", fsProperties.fRemote, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "case_sensitive", fsProperties.fCaseSensitive, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "read_only", fsProperties.fReadOnly, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "unicode", fsProperties.fSupportsUnicode, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "compressed", fsProperties.fCompressed, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "compression", fsProperties.fFileCompression, FORM_UNSIGNED),
	FIELD(SHFLVOLINFO, "padding", fsProperties.abPadding, FORM_UNSIGNED),
	{0},
};

static const struct text_field mapping_fields[] = {
	FIELD(SHFLMAPPING, "status", u32Status, FORM_UNSIGNED),
	FIELD(SHFLMAPPING, "root", root, FORM_UNSIGNED),
	{0},
};

static const struct {
	const struct text_field *fields;
	size_t size;
} structures[] = {
	[TEXT_CREATE] = {create_fields, sizeof(SHFLCREATEPARMS)},
	[TEXT_OBJECT] = {object_fields, sizeof(SHFLFSOBJINFO)},
	[TEXT_VOLUME] = {volume_fields, sizeof(SHFLVOLINFO)},
	[TEXT_MAPPINGS] = {mapping_fields, sizeof(SHFLMAPPING)},
	[TEXT_LISTING] = {object_fields, sizeof(SHFLFSOBJINFO)},
};

static const enum text_kind role_kinds[] = {
	[SHFL_ROLE_PATH] = TEXT_STRING,		[SHFL_ROLE_PATTERN] = TEXT_STRING,
	[SHFL_ROLE_NAME] = TEXT_STRING,		[SHFL_ROLE_TARGET] = TEXT_STRING,
	[SHFL_ROLE_CREATE_PARMS] = TEXT_CREATE, [SHFL_ROLE_LIST_BUFFER] = TEXT_LISTING,
	[SHFL_ROLE_INFO_BUFFER] = TEXT_OBJECT,	[SHFL_ROLE_OBJ_INFO] = TEXT_OBJECT,
	[SHFL_ROLE_MAPPINGS] = TEXT_MAPPINGS,
};

enum text_kind text_kind_of(const struct trace_call *call, unsigned parm)
{
	const struct shfl_fn_info *info = call->kind == TRACE_HOST_CALL
						  ? shfl_host_fn_find(call->fn)
						  : shfl_fn_find(call->fn);
	uint8_t role = info && parm < info->n_parms ? info->parms[parm].role : SHFL_ROLE_NONE;

	if (role >= sizeof(role_kinds) / sizeof(role_kinds[0]))
		return TEXT_RAW;
	if (role == SHFL_ROLE_INFO_BUFFER &&
	    (call->parms[2].in & (SHFL_INFO_VOLUME | SHFL_INFO_FILE)) == SHFL_INFO_VOLUME)
		return TEXT_VOLUME;
	return role_kinds[role];
}

const struct text_field *text_fields(enum text_kind kind)
{
	return structures[kind].fields;
}

size_t text_size(enum text_kind kind)
{
	return structures[kind].size;
}

uint64_t text_field_get(const struct text_field *field, const void *structure)
{
	uint64_t value = 0;

	memcpy(&value, (const uint8_t *)structure + field->offset, field->size);
	return value;
}

void text_field_put(const struct text_field *field, void *structure, uint64_t value)
{
	memcpy((uint8_t *)structure + field->offset, &value, field->size);
}

/* Strings. */

/* The character at *text, which moves on; UINT32_MAX: it is none. */
static uint32_t utf8_next(const uint8_t **text)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const uint8_t *at = *text;
	int more = at[0] < 0x80		    ? 0
		   : (at[0] & 0xe0) == 0xc0 ? 1
		   : (at[0] & 0xf0) == 0xe0 ? 2
		   : (at[0] & 0xf8) == 0xf0 ? 3
					    : -1;
	uint32_t c = more <= 0 ? at[0] : at[0] & (0x3fu >> more);

	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (at[i] & 0x3f);
	}
	if (more < 0 || c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return UINT32_MAX;
	*text = at + 1 + more;
	return c;
}

static int put_utf16(const char *text, uint8_t *to, size_t *ret_size)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t size = 0;

	while (*at) {
		uint32_t c = utf8_next(&at);
		uint32_t units[2] = {c, 0};
		int n = c < 0x10000 ? 1 : 2;

		if (c == UINT32_MAX)
			return -EINVAL;
		if (n == 2) {
			units[0] = 0xd800 | (c - 0x10000) >> 10;
			units[1] = 0xdc00 | ((c - 0x10000) & 0x3ff);
		}
		for (int i = 0; i < 2 * n; i++)
			to[size++] = (uint8_t)(units[i / 2] >> 8 * (i & 1));
	}
	*ret_size = size;
	return 0;
}

int text_shflstring(const char *text, bool utf16, uint8_t **ret, size_t *ret_size)
{
	size_t length = strlen(text), unit = utf16 ? 2 : 1;
	uint8_t *string = calloc(1, SHFLSTRING_HEADER_SIZE + 2 * length + 2);
	int rc = 0;

	if (!string)
		return -ENOMEM;
	if (utf16)
		rc = put_utf16(text, string + SHFLSTRING_HEADER_SIZE, &length);
	else
		memcpy(string + SHFLSTRING_HEADER_SIZE, text, length);
	if (rc || length + unit > UINT16_MAX) {
		free(string);
		return -EINVAL;
	}
	memcpy(string, &(uint16_t){(uint16_t)(length + unit)}, 2);
	memcpy(string + 2, &(uint16_t){(uint16_t)length}, 2);
	*ret = string;
	*ret_size = SHFLSTRING_HEADER_SIZE + length + unit;
	return 0;
}
