/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See asked.h. A zero in what was asked for leaves that attribute as it is. */
#include "asked.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Parameters of SHFL_FN_INFORMATION */
enum { INFORMATION_FLAGS = 2, INFORMATION_INFO = 4 };

static bool asked_sets(const struct replay_call *call)
{
	return call->event.kind == TRACE_CALL && call->event.fn == SHFL_FN_INFORMATION &&
	       call->info && call->event.n_parms == call->info->n_parms &&
	       (call->event.parms[INFORMATION_FLAGS].in & SHFL_INFO_SET) &&
	       (call->event.parms[INFORMATION_FLAGS].in & SHFL_INFO_FILE) &&
	       VBOX_SUCCESS(call->status);
}

static bool asked_mode(const SHFLFSOBJINFO *asked, const SHFLFSOBJINFO *got,
		       struct replay_finding *finding)
{
	uint32_t wanted = asked->Attr.fMode & RTFS_UNIX_ALL_PERMS;
	uint32_t given = got->Attr.fMode & RTFS_UNIX_ALL_PERMS;

	if (!asked->Attr.fMode || wanted == given)
		return true;
	snprintf(finding->what, sizeof(finding->what), "mode");
	snprintf(finding->expected, sizeof(finding->expected), "%04o", wanted);
	snprintf(finding->got, sizeof(finding->got), "%04o", given);
	return false;
}

static bool asked_time(const char *what, int64_t asked_ns, int64_t got_ns,
		       struct replay_finding *finding)
{
	if (!asked_ns || asked_ns == got_ns)
		return true;
	snprintf(finding->what, sizeof(finding->what), "%s", what);
	snprintf(finding->expected, sizeof(finding->expected), "%" PRId64 " ns", asked_ns);
	snprintf(finding->got, sizeof(finding->got), "%" PRId64 " ns", got_ns);
	return false;
}

bool asked_is_given(const struct replay_call *call, struct replay_finding *finding)
{
	SHFLFSOBJINFO asked, got;
	uint32_t size = 0;
	const uint8_t *memory;

	if (!asked_sets(call) || !payload_copy(&call->in[INFORMATION_INFO], &asked, sizeof(asked)))
		return true;
	memory = replay_memory(call, INFORMATION_INFO, &size);
	if (!memory || size < sizeof(got))
		return true;
	memcpy(&got, memory, sizeof(got));
	return asked_mode(&asked, &got, finding) &&
	       asked_time("access time", asked.AccessTime, got.AccessTime, finding) &&
	       asked_time("modification time", asked.ModificationTime, got.ModificationTime,
			  finding);
}
