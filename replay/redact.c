/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One function for each role; a payload of no known role is contents. */
#include "redact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t get16(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8;
}

static int redact_text(struct redact *redact, bool utf16, uint8_t *text, size_t size)
{
	return utf16 ? names_replace_utf16(&redact->names, text, size)
		     : names_replace_utf8(&redact->names, text, size);
}

static bool is_utf16(const struct copy_payload *of)
{
	return of->call->flags & TRACE_F_UTF16;
}

/* Also clears what is left in the buffer behind the string. */
static int redact_string(struct redact *redact, const struct copy_payload *of,
			 struct payload *payload)
{
	uint32_t room = payload->captured, length;

	if (room < SHFLSTRING_HEADER_SIZE) {
		payload->captured = 0;
		return 0;
	}
	room -= SHFLSTRING_HEADER_SIZE;
	length = get16(payload->data + offsetof(SHFLSTRING, u16Length));
	if (length > room)
		length = room;
	memset(payload->data + SHFLSTRING_HEADER_SIZE + length, 0, room - length);
	return redact_text(redact, is_utf16(of), payload->data + SHFLSTRING_HEADER_SIZE, length);
}

static int redact_link(struct redact *redact, const struct copy_payload *of,
		       struct payload *payload)
{
	size_t length = strnlen((char *)payload->data, payload->captured);

	(void)of;
	memset(payload->data + length, 0, payload->captured - length);
	return names_replace_utf8(&redact->names, payload->data, length);
}

/* What is not a whole entry at the end goes. */
static int redact_listing(struct redact *redact, const struct copy_payload *of,
			  struct payload *payload)
{
	const size_t head = SHFLDIRINFO_SIZE(0);
	size_t at = 0;
	int ret = 0;

	while (!ret && payload->captured - at >= head) {
		uint8_t *entry = payload->data + at;
		size_t room = get16(entry + offsetof(SHFLDIRINFO, name.u16Size));
		size_t length = get16(entry + offsetof(SHFLDIRINFO, name.u16Length));

		if (room > payload->captured - at - head || length > room)
			break;
		memset(entry + offsetof(SHFLDIRINFO, cucShortName), 0,
		       offsetof(SHFLDIRINFO, name) - offsetof(SHFLDIRINFO, cucShortName));
		memset(entry + head + length, 0, room - length);
		ret = redact_text(redact, is_utf16(of), entry + head, length);
		at += head + room;
	}
	memset(payload->data + at, 0, payload->captured - at);
	return ret;
}

static int redact_contents(struct redact *redact, const struct copy_payload *of,
			   struct payload *payload)
{
	uint64_t hash[2];
	struct names other = {{redact->names.key[1], ~redact->names.key[0]}};

	if (payload->captured)
		*of->flags |= TRACE_F_DATA_CUT;
	if (!redact->keep_hash || payload->captured <= sizeof(hash)) {
		payload->captured = 0;
		return 0;
	}
	hash[0] = names_hash(&redact->names, payload->data, payload->captured);
	hash[1] = names_hash(&other, payload->data, payload->captured);
	memcpy(payload->data, hash, sizeof(hash));
	payload->captured = sizeof(hash);
	return 0;
}

typedef int redact_role(struct redact *redact, const struct copy_payload *of,
			struct payload *payload);

/* Structures of numbers only. */
static int redact_nothing(struct redact *redact, const struct copy_payload *of,
			  struct payload *payload)
{
	static const size_t sizes[] = {
		[SHFL_ROLE_CREATE_PARMS] = sizeof(SHFLCREATEPARMS),
		[SHFL_ROLE_INFO_BUFFER] = sizeof(SHFLFSOBJINFO),
		[SHFL_ROLE_OBJ_INFO] = sizeof(SHFLFSOBJINFO),
		[SHFL_ROLE_MAPPINGS] = SHFL_MAX_MAPPINGS * sizeof(SHFLMAPPING),
	};
	const struct shfl_fn_info *info = shfl_fn_find(of->call->fn);
	size_t size = sizes[info->parms[of->parm].role];

	(void)redact;
	if (payload->captured > size)
		memset(payload->data + size, 0, payload->captured - size);
	return 0;
}

static redact_role *const roles[] = {
	[SHFL_ROLE_PATH] = redact_string,	  [SHFL_ROLE_PATTERN] = redact_string,
	[SHFL_ROLE_NAME] = redact_string,	  [SHFL_ROLE_TARGET] = redact_string,
	[SHFL_ROLE_LINK_TEXT] = redact_link,	  [SHFL_ROLE_CREATE_PARMS] = redact_nothing,
	[SHFL_ROLE_LIST_BUFFER] = redact_listing, [SHFL_ROLE_INFO_BUFFER] = redact_nothing,
	[SHFL_ROLE_OBJ_INFO] = redact_nothing,	  [SHFL_ROLE_MAPPINGS] = redact_nothing,
};

static int redact_payload(void *user, const struct copy_payload *of, struct payload *payload)
{
	const struct shfl_fn_info *info = of->call->kind == TRACE_HOST_CALL
						  ? shfl_host_fn_find(of->call->fn)
						  : shfl_fn_find(of->call->fn);
	const struct shfl_parm_info *parm =
		info && of->parm < info->n_parms ? &info->parms[of->parm] : NULL;
	bool known = parm && parm->role < sizeof(roles) / sizeof(roles[0]) && roles[parm->role] &&
		     parm->direction & (of->out ? SHFL_DIR_OUT : SHFL_DIR_IN);

	if (!payload->captured)
		return 0;
	return (known ? roles[parm->role] : redact_contents)(user, of, payload);
}

static const char *redact_comm(void *user, const char *comm)
{
	struct redact *redact = user;

	snprintf(redact->comm, sizeof(redact->comm), "%s", comm);
	if (names_replace_utf8(&redact->names, (uint8_t *)redact->comm, strlen(redact->comm)) < 0)
		redact->comm[0] = '\0';
	return redact->comm;
}

/* What describes the recording and neither its command nor its files. */
static bool redact_wants_meta(void *user, const char *key)
{
	static const char *const kept[] = {"sftrace.version", "guest.kernel",	 "guest.profile",
					   "guest.hops",      "host.kernel",	 "host.profile",
					   "match.calls",     "match.ambiguous", "snaplen",
					   "syscalls",	      "stopped_ns",	 "cut"};

	(void)user;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!strcmp(key, kept[i]))
			return true;
	return false;
}

struct copy_hooks redact_hooks(struct redact *redact)
{
	return (struct copy_hooks){
		.payload = redact_payload,
		.comm = redact_comm,
		.wants_meta = redact_wants_meta,
		.user = redact,
	};
}
