/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shares as guests see them: listing, mapping, waiting for changes. */
#include <string.h>

#include "handle.h"
#include "mapping.h"
#include "unicode.h"
#include "vbsf.h"
#include "wait.h"

/* What WAIT answers to a call from a saved state: some version that is not the current. */
#define STALE_VERSION 0x55555555u
#define OTHER_STALE_VERSION 0x99999999u

static bool is_listed(const struct mapping *mapping, uint32_t flags)
{
	if (!mapping)
		return false;
	if (!(flags & SHFL_MF_AUTOMOUNT))
		return true;
	return (mapping->flags & SHFL_ADD_MAPPING_F_AUTOMOUNT) && !mapping->placeholder;
}

HOP int32_t vbsfMappingsQuery(struct sf_client *client, uint32_t flags, void *mappings,
			      uint32_t *count)
{
	uint32_t room = *count;
	uint32_t n = 0;

	if (flags & SHFL_MF_UTF8)
		client->flags |= SF_CLIENT_UTF8;
	for (uint32_t root = 0; root < SHFL_MAX_MAPPINGS; root++) {
		const SHFLMAPPING entry = {SHFL_MS_NEW, root};

		if (!is_listed(mapping_get(root), flags))
			continue;
		if (n < room)
			memcpy((char *)mappings + n * sizeof(entry), &entry, sizeof(entry));
		n++;
	}
	*count = n;
	return n > room ? VINF_BUFFER_OVERFLOW : VINF_SUCCESS;
}

static void set_length(SHFLSTRING *string, size_t length)
{
	uint16_t capped = length < UINT16_MAX ? (uint16_t)length : UINT16_MAX;

	memcpy((char *)string + offsetof(SHFLSTRING, u16Length), &capped, sizeof(capped));
}

/* Copies UTF-8 text into a guest's string, in the guest's encoding. */
static int32_t string_fill(const struct sf_client *client, SHFLSTRING *string, const char *text)
{
	bool utf8 = client_is_utf8(client);
	size_t length = utf8 ? strlen(text) : 2 * utf8_utf16_units(text);
	size_t terminator = utf8 ? 1 : 2;
	char *out = (char *)string + SHFLSTRING_HEADER_SIZE;

	set_length(string, length);
	if (length + terminator > string_size(string))
		return VERR_BUFFER_OVERFLOW;
	if (utf8)
		memcpy(out, text, length);
	else
		utf8_to_utf16(text, out);
	memset(out + length, 0, terminator);
	return VINF_SUCCESS;
}

HOP int32_t vbsfQueryMapName(struct sf_client *client, uint32_t root, SHFLSTRING *name)
{
	const struct mapping *mapping = mapping_get(root);

	if (!mapping)
		return VERR_INVALID_PARAMETER;
	/* Old guests know this status as "too small". */
	if (!client_is_utf8(client) && string_size(name) < 2 * utf8_utf16_units(mapping->name) + 2)
		return VERR_INVALID_PARAMETER;
	return string_fill(client, name, mapping->name);
}

static uint64_t info_flags(const struct mapping *mapping)
{
	static const struct {
		uint32_t added, shown;
	} flags[] = {
		{SHFL_ADD_MAPPING_F_WRITABLE, SHFL_MIF_WRITABLE},
		{SHFL_ADD_MAPPING_F_AUTOMOUNT, SHFL_MIF_AUTO_MOUNT},
		{SHFL_ADD_MAPPING_F_CREATE_SYMLINKS, SHFL_MIF_SYMLINK_CREATION},
	};
	uint64_t shown = 0;

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (mapping->flags & flags[i].added)
			shown |= flags[i].shown;
	if (mapping->host_case_sensitive)
		shown |= SHFL_MIF_HOST_ICASE;
	if (mapping->guest_case_sensitive)
		shown |= SHFL_MIF_GUEST_ICASE;
	return shown;
}

HOP int32_t vbsfQueryMapInfo(struct sf_client *client, uint32_t root, SHFLSTRING *name,
			     SHFLSTRING *mount_point, uint64_t *flags, uint32_t *version)
{
	const struct mapping *mapping = mapping_get(root);
	int32_t name_status, mount_point_status;

	if (!mapping)
		return VERR_INVALID_PARAMETER;
	*version = mapping->version;
	*flags = info_flags(mapping);
	name_status = string_fill(client, name, mapping->name);
	mount_point_status = string_fill(client, mount_point, mapping->mount_point);
	return VBOX_FAILURE(name_status) ? name_status : mount_point_status;
}

HOP int32_t vbsfMapFolder(struct sf_client *client, const SHFLSTRING *name, uint16_t delimiter,
			  bool case_sensitive, uint32_t *root)
{
	char text[PATH_TEXT_MAX];

	if (delimiter != '/' && delimiter != '\\')
		return VERR_INVALID_PARAMETER;
	if (!client->delimiter)
		client->delimiter = delimiter;
	if (client->delimiter != delimiter)
		return VERR_INVALID_PARAMETER;
	if (VBOX_FAILURE(string_to_utf8(name, client_is_utf8(client), text, sizeof(text))))
		return VERR_FILE_NOT_FOUND;
	return mapping_map(client, text, case_sensitive, root);
}

HOP int32_t vbsfUnmapFolder(struct sf_client *client, uint32_t root)
{
	return mapping_unmap(client, root);
}

HOP int32_t vbsfMappingsWait(struct call *call, uint32_t *version)
{
	uint32_t current = mapping_table_version();
	bool cancelled = call->client->flags & SF_CLIENT_CANCEL_NEXT_WAIT;
	bool restored = svc_call_is_restored(call->handle);

	if (*version == current && !cancelled && !restored)
		return wait_park(call, version);
	if (cancelled) {
		call->client->flags &= ~SF_CLIENT_CANCEL_NEXT_WAIT;
		*version = current;
		return VERR_CANCELLED;
	}
	if (!restored) {
		*version = current;
		return VINF_SUCCESS;
	}
	/* The guest is to look again, whatever it had seen before. */
	if (*version == current)
		*version = current == STALE_VERSION ? OTHER_STALE_VERSION : STALE_VERSION;
	else
		*version = current;
	return VINF_TRY_AGAIN;
}

HOP int32_t vbsfMappingsCancelWait(struct sf_client *client)
{
	wait_cancel(client);
	client->flags |= SF_CLIENT_CANCEL_NEXT_WAIT;
	return VINF_SUCCESS;
}

HOP int32_t vbsfDisconnect(struct sf_client *client)
{
	wait_cancel(client);
	handle_close_all(client);
	mapping_unmap_all(client);
	return VINF_SUCCESS;
}
