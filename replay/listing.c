/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry is dropped as soon as both have it: memory is what they are apart. */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "dirinfo.h"

#define LISTING_MORE_BYTES 65536

/* Parameters of SHFL_FN_LIST */
enum { LIST_FLAGS = 2, LIST_COUNT = 3, LIST_BUFFER = 5, LIST_RESUME = 6 };

struct listing_name {
	SHFLFSOBJINFO info;
	bool live;
	char text[];
};

static uint64_t listing_key(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * 0x100000001b3ull;
	return hash;
}

static bool listing_keep(struct listing *listing, uint64_t key, const struct dirinfo *entry,
			 bool live)
{
	size_t size = strlen(entry->name) + 1;
	struct listing_name *name = malloc(sizeof(*name) + size);

	if (!name || map_put(&listing->names, key, name) < 0) {
		free(name);
		return false;
	}
	name->info = entry->info;
	name->live = live;
	memcpy(name->text, entry->name, size);
	return true;
}

/* "..": of a share's root it is a directory of the host's own. */
static bool listing_compare_entry(unsigned what, const char *name, const SHFLFSOBJINFO *expected,
				  const SHFLFSOBJINFO *got, struct replay_finding *finding)
{
	if (!(what & COMPARE_ATTRIBUTES) || strcmp(name, "..") == 0)
		return true;
	return compare_info(what, name, expected, got, finding);
}

/* Pairs an entry with its like from the other side, or keeps it until that comes. */
static bool listing_take(struct listing *listing, unsigned what, const struct dirinfo *entry,
			 bool live, struct replay_finding *finding)
{
	uint64_t key = listing_key(entry->name);
	struct listing_name *other = map_get(&listing->names, key);
	bool same;

	if (!other)
		return listing_keep(listing, key, entry, live) ||
		       compare_differs(finding, "listing", "memory for a name", "none left");
	if (other->live == live || strcmp(other->text, entry->name) != 0)
		return compare_differs(finding, "listing", live ? "each name once" : entry->name,
				       live ? entry->name : "each name once");
	same = live ? listing_compare_entry(what, entry->name, &other->info, &entry->info, finding)
		    : listing_compare_entry(what, entry->name, &entry->info, &other->info, finding);
	map_take(&listing->names, key);
	free(other);
	return same;
}

static bool listing_take_all(struct listing *listing, unsigned what, const void *buffer,
			     size_t size, bool utf16, bool live, struct replay_finding *finding)
{
	struct dirinfo entry;
	size_t position = 0;
	bool same = true;
	int ret;

	while (same && (ret = dirinfo_next(buffer, size, &position, utf16, &entry)) == 1) {
		same = listing_take(listing, what, &entry, live, finding);
		free(entry.name);
	}
	if (same && ret < 0)
		return compare_differs(finding, "listing", live ? "whole entries" : "damaged",
				       live ? "damaged" : "whole entries");
	return same;
}

/* Names a few of those that only one side has. */
static void listing_print(const struct listing *listing, bool live, char text[REPLAY_TEXT_SIZE])
{
	const struct listing_name *name;
	size_t position = 0, used = 0;

	text[0] = '\0';
	while ((name = map_next(&listing->names, &position, NULL))) {
		if (name->live != live)
			continue;
		used += snprintf(text + used, REPLAY_TEXT_SIZE - used, "%s\"%s\"", used ? ", " : "",
				 name->text);
		if (used >= REPLAY_TEXT_SIZE)
			break;
	}
	if (!used)
		snprintf(text, REPLAY_TEXT_SIZE, "no further name");
}

static bool listing_differs(const struct listing *listing, struct replay_finding *finding)
{
	compare_differs(finding, "listing", "", "");
	listing_print(listing, false, finding->expected);
	listing_print(listing, true, finding->got);
	return false;
}

/* The recorded listing is at its end; what does this one still have? */
static bool listing_drain(struct listing *listing, unsigned what, bool utf16,
			  const struct listing_source *more, struct replay_finding *finding)
{
	uint8_t *buffer = malloc(LISTING_MORE_BYTES);
	bool same = buffer != NULL;

	while (same && !listing->live_ended) {
		int n = more->more(more->user, buffer, LISTING_MORE_BYTES, &listing->live_ended);

		if (n < 0)
			break;
		same = listing_take_all(listing, what, buffer, n, utf16, true, finding);
	}
	free(buffer);
	return same;
}

/* Both at the same point, nothing open between them. */
static bool listing_together(const struct listing *listing)
{
	return listing->names.n == 0 && listing->recorded_ended == listing->live_ended;
}

/* Where the calls cannot be compared one by one, the recorded one must make sense. */
static bool listing_plausible(const struct replay_call *call, struct replay_finding *finding)
{
	bool nothing = call->event.parms[LIST_COUNT].out == 0;
	int32_t status = nothing ? VERR_NO_MORE_FILES : VINF_SUCCESS;

	if (call->event.status == status || call->event.status == VINF_BUFFER_OVERFLOW ||
	    call->event.status == VWRN_NO_DIRENT_INFO)
		return true;
	compare_differs(finding, "status", "", "");
	compare_status_text(call->event.status, finding->expected);
	compare_status_text(status, finding->got);
	return false;
}

static bool listing_status(int32_t status)
{
	return VBOX_SUCCESS(status) || status == VERR_NO_MORE_FILES;
}

/* The two buffers of a call, as far as they are filled. */
static const void *listing_recorded(const struct replay_call *call, size_t *ret_size)
{
	const struct payload *recorded = &call->out[LIST_BUFFER];
	uint64_t size = call->event.parms[LIST_COUNT].out;

	*ret_size = size < recorded->captured ? size : recorded->captured;
	return recorded->data;
}

static const void *listing_live(const struct replay_call *call, size_t *ret_size)
{
	uint64_t filled = replay_value(call, LIST_COUNT);
	uint32_t size = 0;
	const void *memory = replay_memory(call, LIST_BUFFER, &size);

	*ret_size = filled < size ? filled : size;
	return memory;
}

/* As far as both go. */
static bool listing_same_order(const struct replay_call *call, struct replay_finding *finding)
{
	size_t recorded_size, live_size, recorded_at = 0, live_at = 0;
	const void *recorded = listing_recorded(call, &recorded_size);
	const void *live = listing_live(call, &live_size);
	struct dirinfo expected, got;
	bool same = true, more = true;

	while (same && more &&
	       dirinfo_next(recorded, recorded_size, &recorded_at, call->utf16, &expected) == 1) {
		more = dirinfo_next(live, live_size, &live_at, call->utf16, &got) == 1;
		if (more) {
			same = strcmp(expected.name, got.name) == 0 ||
			       compare_differs(finding, "order of the listing", expected.name,
					       got.name);
			free(got.name);
		}
		free(expected.name);
	}
	return same;
}

static bool listing_take_both(struct listing *listing, unsigned what,
			      const struct replay_call *call, struct replay_finding *finding)
{
	size_t expected, got;
	const void *recorded = listing_recorded(call, &expected);
	const void *live = listing_live(call, &got);

	return listing_take_all(listing, what, recorded, expected, call->utf16, false, finding) &&
	       listing_take_all(listing, what, live, got, call->utf16, true, finding);
}

static bool listing_compare_sets(struct listing *listing, unsigned what,
				 const struct replay_call *call, const struct listing_source *more,
				 struct replay_finding *finding, bool *ret_strict)
{
	bool together;

	if (call->event.parms[LIST_FLAGS].in & SHFL_LIST_RESTART)
		listing_clear(listing);
	together = listing_together(listing);
	if (!listing_take_both(listing, what, call, finding))
		return false;
	listing->recorded_ended = call->event.parms[LIST_RESUME].out == 0;
	listing->live_ended = replay_value(call, LIST_RESUME) == 0;
	*ret_strict = together && listing_together(listing);
	if (*ret_strict)
		return true;
	if (listing->recorded_ended && !listing->live_ended &&
	    !listing_drain(listing, what, call->utf16, more, finding))
		return false;
	if (listing->recorded_ended && listing->names.n > 0)
		return listing_differs(listing, finding);
	return listing_plausible(call, finding);
}

bool listing_compare(struct listing *listing, unsigned what, const struct replay_call *call,
		     const struct listing_source *more, struct replay_finding *finding,
		     bool *ret_strict)
{
	*ret_strict = true;
	if (!listing_status(call->status) || !listing_status(call->event.status))
		return true;
	return listing_compare_sets(listing, what, call, more, finding, ret_strict) &&
	       (!(what & COMPARE_ORDER) || listing_same_order(call, finding));
}

void listing_clear(struct listing *listing)
{
	map_clear(&listing->names, free);
	*listing = (struct listing){0};
}
