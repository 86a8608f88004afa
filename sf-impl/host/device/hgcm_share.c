/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host calls that add and remove shares, whose strings are UTF-16. */
#include "hgcm.h"

#include <stdlib.h>
#include <string.h>

#include "shfl.h"
#include "vbox_status.h"

/* Reads one code point of a terminated string; 0 bytes: not UTF-8. */
static size_t utf8_decode(const unsigned char *text, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = text[0] < 0x80		       ? 1
		   : text[0] >= 0xf0 && text[0] < 0xf8 ? 4
		   : text[0] >= 0xe0		       ? 3
		   : text[0] >= 0xc0		       ? 2
						       : 0;
	uint32_t point = n == 1 ? text[0] : text[0] & (0x7fu >> n);

	if (n == 0 || text[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3f);
	}
	if (point < smallest[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	*ret = point;
	return n;
}

/* Returns the number of 16-bit units, or -1 if the text is not UTF-8. */
static long utf8_to_utf16(const char *text, uint16_t *to)
{
	const unsigned char *at = (const unsigned char *)text;
	long n = 0;
	uint32_t point;

	while (*at) {
		size_t used = utf8_decode(at, &point);

		if (!used)
			return -1;
		at += used;
		if (point < 0x10000) {
			to[n++] = (uint16_t)point;
			continue;
		}
		to[n++] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
		to[n++] = (uint16_t)(0xdc00 + ((point - 0x10000) & 0x3ff));
	}
	return n;
}

/* Makes a parameter of a text; parm->u.pointer.addr is the caller's to free. */
static int32_t string_parm(const char *text, VBOXHGCMSVCPARM *parm)
{
	size_t room = (strlen(text) + 1) * sizeof(uint16_t); /* never too small */
	SHFLSTRING *string = calloc(1, SHFLSTRING_HEADER_SIZE + room);
	long n;

	if (!string)
		return VERR_NO_MEMORY;
	n = room <= UINT16_MAX ? utf8_to_utf16(text, string->String.utf16) : -1;
	if (n < 0) {
		free(string);
		return room > UINT16_MAX ? VERR_FILENAME_TOO_LONG : VERR_INVALID_UTF8_ENCODING;
	}
	string->u16Length = (uint16_t)(n * 2);
	string->u16Size = (uint16_t)(n * 2 + 2);
	parm->type = VBOX_HGCM_SVC_PARM_PTR;
	parm->u.pointer.size = SHFLSTRING_HEADER_SIZE + string->u16Size;
	parm->u.pointer.addr = string;
	return VINF_SUCCESS;
}

int32_t hgcm_add_share(struct hgcm_service *service, const char *name, const char *dir,
		       uint32_t flags, const char *mount_point)
{
	VBOXHGCMSVCPARM parms[4] = {
		[2] = {.type = VBOX_HGCM_SVC_PARM_32BIT, .u.uint32 = flags},
	};
	int32_t status;

	status = string_parm(dir, &parms[0]);
	if (VBOX_SUCCESS(status))
		status = string_parm(name, &parms[1]);
	if (VBOX_SUCCESS(status))
		status = string_parm(mount_point ? mount_point : "", &parms[3]);
	if (VBOX_SUCCESS(status))
		status = hgcm_host_call(service, SHFL_FN_ADD_MAPPING, 4, parms);
	free(parms[0].u.pointer.addr);
	free(parms[1].u.pointer.addr);
	free(parms[3].u.pointer.addr);
	return status;
}

int32_t hgcm_remove_share(struct hgcm_service *service, const char *name)
{
	VBOXHGCMSVCPARM parm;
	int32_t status = string_parm(name, &parm);

	if (VBOX_FAILURE(status))
		return status;
	status = hgcm_host_call(service, SHFL_FN_REMOVE_MAPPING, 1, &parm);
	free(parm.u.pointer.addr);
	return status;
}
