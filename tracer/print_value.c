/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of names, and the few formats that print, report and info share. */
#include "print_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "shfl_table.h"

struct flag {
	uint64_t mask;
	uint64_t value; /* of the bits in mask */
	const char *name;
	uint64_t unless; /* not shown if one of these is set */
};

#define BIT(name)                    \
	{                            \
		name, name, #name, 0 \
	}
#define FIELD(mask, name)            \
	{                            \
		mask, name, #name, 0 \
	}
/* A default: a field's value 0 that means something. */
#define DEFAULT(mask, name, unless)       \
	{                                 \
		mask, name, #name, unless \
	}

static const struct flag create_flags[] = {
	BIT(SHFL_CF_LOOKUP),
	BIT(SHFL_CF_OPEN_TARGET_DIRECTORY),
	BIT(SHFL_CF_DIRECTORY),
	DEFAULT(SHFL_CF_ACT_MASK_IF_EXISTS, SHFL_CF_ACT_OPEN_IF_EXISTS, SHFL_CF_LOOKUP),
	FIELD(SHFL_CF_ACT_MASK_IF_EXISTS, SHFL_CF_ACT_FAIL_IF_EXISTS),
	FIELD(SHFL_CF_ACT_MASK_IF_EXISTS, SHFL_CF_ACT_REPLACE_IF_EXISTS),
	FIELD(SHFL_CF_ACT_MASK_IF_EXISTS, SHFL_CF_ACT_OVERWRITE_IF_EXISTS),
	DEFAULT(SHFL_CF_ACT_MASK_IF_NEW, SHFL_CF_ACT_CREATE_IF_NEW, SHFL_CF_LOOKUP),
	FIELD(SHFL_CF_ACT_MASK_IF_NEW, SHFL_CF_ACT_FAIL_IF_NEW),
	FIELD(SHFL_CF_ACCESS_MASK_RW, SHFL_CF_ACCESS_READ),
	FIELD(SHFL_CF_ACCESS_MASK_RW, SHFL_CF_ACCESS_WRITE),
	FIELD(SHFL_CF_ACCESS_MASK_RW, SHFL_CF_ACCESS_READWRITE),
	FIELD(SHFL_CF_ACCESS_MASK_DENY, SHFL_CF_ACCESS_DENYREAD),
	FIELD(SHFL_CF_ACCESS_MASK_DENY, SHFL_CF_ACCESS_DENYWRITE),
	FIELD(SHFL_CF_ACCESS_MASK_DENY, SHFL_CF_ACCESS_DENYALL),
	FIELD(SHFL_CF_ACCESS_MASK_ATTR, SHFL_CF_ACCESS_ATTR_READ),
	FIELD(SHFL_CF_ACCESS_MASK_ATTR, SHFL_CF_ACCESS_ATTR_WRITE),
	FIELD(SHFL_CF_ACCESS_MASK_ATTR, SHFL_CF_ACCESS_ATTR_READWRITE),
	BIT(SHFL_CF_ACCESS_APPEND),
	{0},
};

static const struct flag information_flags[] = {
	DEFAULT(SHFL_INFO_MODE_MASK, SHFL_INFO_GET, 0),
	BIT(SHFL_INFO_SET),
	BIT(SHFL_INFO_NAME),
	BIT(SHFL_INFO_SIZE),
	BIT(SHFL_INFO_FILE),
	BIT(SHFL_INFO_VOLUME),
	{0},
};

static const struct flag list_flags[] = {
	BIT(SHFL_LIST_RETURN_ONE),
	BIT(SHFL_LIST_RESTART),
	{0},
};

static const struct flag lock_flags[] = {
	DEFAULT(SHFL_LOCK_MODE_MASK, SHFL_LOCK_CANCEL, 0),
	FIELD(SHFL_LOCK_MODE_MASK, SHFL_LOCK_SHARED),
	FIELD(SHFL_LOCK_MODE_MASK, SHFL_LOCK_EXCLUSIVE),
	BIT(SHFL_LOCK_WAIT),
	BIT(SHFL_LOCK_ENTIRE),
	{0},
};

static const struct flag remove_flags[] = {
	BIT(SHFL_REMOVE_FILE),
	BIT(SHFL_REMOVE_DIR),
	BIT(SHFL_REMOVE_SYMLINK),
	{0},
};

static const struct flag rename_flags[] = {
	BIT(SHFL_RENAME_FILE),
	BIT(SHFL_RENAME_DIR),
	BIT(SHFL_RENAME_REPLACE_IF_EXISTS),
	{0},
};

static const struct flag query_mappings_flags[] = {
	BIT(SHFL_MF_UTF8),
	BIT(SHFL_MF_AUTOMOUNT),
	{0},
};

static const struct flag map_info_in_flags[] = {
	BIT(SHFL_MIQF_DRIVE_LETTER),
	BIT(SHFL_MIQF_PATH),
	{0},
};

static const struct flag map_info_out_flags[] = {
	BIT(SHFL_MIF_WRITABLE),	   BIT(SHFL_MIF_AUTO_MOUNT),	   BIT(SHFL_MIF_HOST_ICASE),
	BIT(SHFL_MIF_GUEST_ICASE), BIT(SHFL_MIF_SYMLINK_CREATION), {0},
};

static const struct flag add_mapping_flags[] = {
	BIT(SHFL_ADD_MAPPING_F_WRITABLE),
	BIT(SHFL_ADD_MAPPING_F_AUTOMOUNT),
	BIT(SHFL_ADD_MAPPING_F_CREATE_SYMLINKS),
	BIT(SHFL_ADD_MAPPING_F_MISSING),
	{0},
};

static const struct flag feature_flags[] = {
	BIT(SHFL_FEATURE_WRITE_UPDATES_OFFSET),
	{0},
};

static const struct flag error_styles[] = {
	FIELD(0xff, SHFL_ERROR_STYLE_WINDOWS),
	FIELD(0xff, SHFL_ERROR_STYLE_LINUX),
	{0},
};

static const struct flag *const flag_sets[] = {
	[FLAGS_CREATE] = create_flags,
	[FLAGS_INFORMATION] = information_flags,
	[FLAGS_LIST] = list_flags,
	[FLAGS_LOCK] = lock_flags,
	[FLAGS_REMOVE] = remove_flags,
	[FLAGS_RENAME] = rename_flags,
	[FLAGS_QUERY_MAPPINGS] = query_mappings_flags,
	[FLAGS_MAP_INFO_IN] = map_info_in_flags,
	[FLAGS_MAP_INFO_OUT] = map_info_out_flags,
	[FLAGS_ADD_MAPPING] = add_mapping_flags,
	[FLAGS_FEATURES] = feature_flags,
	[FLAGS_ERROR_STYLE] = error_styles,
};

void print_flags(FILE *out, enum flag_set set, uint64_t value)
{
	uint64_t left = value;
	const char *separator = "";

	for (const struct flag *flag = flag_sets[set]; flag->name; flag++) {
		if ((value & flag->mask) != flag->value || value & flag->unless)
			continue;
		fprintf(out, "%s%s", separator, flag->name);
		left &= ~flag->mask;
		separator = "|";
	}
	if (left)
		fprintf(out, "%s0x%" PRIx64, separator, left);
	else if (!*separator)
		fputs("0", out);
}

static const char *const create_results[] = {
	[SHFL_NO_RESULT] = "SHFL_NO_RESULT",
	[SHFL_PATH_NOT_FOUND] = "SHFL_PATH_NOT_FOUND",
	[SHFL_FILE_NOT_FOUND] = "SHFL_FILE_NOT_FOUND",
	[SHFL_FILE_EXISTS] = "SHFL_FILE_EXISTS",
	[SHFL_FILE_CREATED] = "SHFL_FILE_CREATED",
	[SHFL_FILE_REPLACED] = "SHFL_FILE_REPLACED",
};

void print_create_result(FILE *out, int32_t result)
{
	if (result >= 0 && (size_t)result < sizeof(create_results) / sizeof(create_results[0]))
		fputs(create_results[result], out);
	else
		fprintf(out, "%" PRId32, result);
}

bool find_flag(const char *name, uint64_t *ret)
{
	for (size_t set = 0; set < sizeof(flag_sets) / sizeof(flag_sets[0]); set++) {
		const struct flag *flag = flag_sets[set];

		for (; flag && flag->name; flag++) {
			if (strcmp(flag->name, name) != 0)
				continue;
			*ret = flag->value;
			return true;
		}
	}
	return false;
}

bool find_create_result(const char *name, uint64_t *ret)
{
	for (size_t i = 0; i < sizeof(create_results) / sizeof(create_results[0]); i++) {
		if (strcmp(create_results[i], name) != 0)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

bool find_status(const char *name, int32_t *ret)
{
	static const struct {
		const char *name;
		int32_t status;
	} statuses[] = {
#define VBOX_STATUS(name, value) {#name, value},
#include "vbox_status.def"
	};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(statuses[i].name, name) != 0)
			continue;
		*ret = statuses[i].status;
		return true;
	}
	return false;
}

void print_status(FILE *out, int32_t status)
{
	const char *name = vbox_status_name(status);

	if (name)
		fputs(name, out);
	else
		fprintf(out, "%" PRId32, status);
}

/* One byte inside of quotes. A digit must not follow a short octal escape. */
static void print_byte(FILE *out, unsigned char byte, unsigned char next)
{
	static const char escapes[256] = {
		['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r',  ['\f'] = 'f',
		['\v'] = 'v', ['"'] = '"',  ['\\'] = '\\',
	};

	if (escapes[byte])
		fprintf(out, "\\%c", escapes[byte]);
	else if (byte >= 0x20 && byte < 0x7f)
		fputc(byte, out);
	else
		fprintf(out, isdigit(next) ? "\\%03o" : "\\%o", byte);
}

void print_bytes(FILE *out, const void *data, size_t size, size_t limit)
{
	const unsigned char *bytes = data;
	size_t shown = size < limit ? size : limit;

	fputc('"', out);
	for (size_t i = 0; i < shown; i++)
		print_byte(out, bytes[i], i + 1 < shown ? bytes[i + 1] : 0);
	fputs(shown < size ? "\"..." : "\"", out);
}

/* Bytes of the UTF-8 character at TEXT, 0 if it is none or is a control character. */
static size_t utf8_length(const unsigned char *text)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 0x20}, {0xe0, 0xc0, 0xa0}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t n = 1; n <= sizeof(forms) / sizeof(forms[0]); n++) {
		uint32_t code = text[0] & (unsigned char)~forms[n - 1].mask;

		if ((text[0] & forms[n - 1].mask) != forms[n - 1].lead)
			continue;
		for (size_t i = 1; i < n; i++) {
			if ((text[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (text[i] & 0x3f);
		}
		if (code < forms[n - 1].least || code == 0x7f || code > 0x10ffff ||
		    (code >= 0xd800 && code < 0xe000))
			return 0;
		return n;
	}
	return 0;
}

void print_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	while (*at) {
		size_t n = utf8_length(at);

		if (n > 1) {
			fwrite(at, 1, n, out);
			at += n;
		} else {
			print_byte(out, at[0], at[1]);
			at++;
		}
	}
	fputc('"', out);
}

void print_plain(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t n = utf8_length(at);

		if (n)
			fwrite(at, 1, n, out);
		else
			fputc('?', out);
		at += n ? n : 1;
	}
}

const char *format_duration(char buffer[16], int64_t ns)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double value = (double)ns / units[i].unit;

		if (value < 0.9995)
			continue;
		snprintf(buffer, 16, "%.*f%s",
			 value < 9.995	 ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[i].name);
		return buffer;
	}
	snprintf(buffer, 16, "%dns", (int)(ns < -999999 ? -999999 : ns));
	return buffer;
}

void print_duration(FILE *out, int64_t ns)
{
	char buffer[16];

	fputs(format_duration(buffer, ns), out);
}

void print_json_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	if (!text) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	while (*at) {
		size_t n = utf8_length(at);

		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (n)
			fwrite(at, 1, n, out);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else
			fputs("\\ufffd", out);
		at += n ? n : 1;
	}
	fputc('"', out);
}
