/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares what a call gave when it was recorded with what it gave now, by the
 * roles of its parameters.
 */
#ifndef REPLAY_COMPARE_H
#define REPLAY_COMPARE_H

#include "listing.h"
#include "replay_call.h"

/* What is compared; COMPARE_USUAL leaves out what no replay can reproduce. */
enum compare_what {
	COMPARE_STATUS = 0x1,
	COMPARE_RESULT = 0x2, /* of CREATE, and whether there is a handle */
	COMPARE_COUNTS = 0x4, /* integers: counts, offsets, flags, versions */
	COMPARE_DATA = 0x8,
	COMPARE_ATTRIBUTES = 0x10, /* type, mode, size */
	COMPARE_LISTINGS = 0x20,
	COMPARE_NAMES = 0x40, /* strings and the texts of links */
	COMPARE_VOLUME = 0x80, /* what the file system can do */
	COMPARE_TIMES = 0x100,
	COMPARE_OWNERS = 0x200,
	COMPARE_LINKS = 0x400, /* number of hard links */
	COMPARE_INODES = 0x800,
	COMPARE_ALLOCATION = 0x1000, /* bytes on disk, free space */
	COMPARE_SET_TIMES = 0x2000, /* only those that a guest can set: access, modification */
	COMPARE_ORDER = 0x4000, /* of the names in a listing; else those are sets */
	COMPARE_USUAL = 0xff
};

/* Turns "times,-data" into a change of *what; false: unknown word. */
bool compare_parse(const char *words, unsigned *what);

struct compare_options {
	unsigned what; /* COMPARE_* */
	bool ignore_versions; /* mapping versions: something happened before the trace */
};

/*
 * Compares a call that was made. Fills *finding and returns false if it gave
 * something else. *uncompared is set if the trace lacks something to compare
 * with. listing: of the handle, for SHFL_FN_LIST; NULL: unknown handle.
 */
bool compare_call(const struct compare_options *options, const struct replay_call *call,
		  struct listing *listing, const struct listing_source *more,
		  struct replay_finding *finding, bool *uncompared);

/* Attributes alone; name: of an entry of a listing, NULL if it is none. */
bool compare_info(unsigned what, const char *name, const SHFLFSOBJINFO *expected,
		  const SHFLFSOBJINFO *got, struct replay_finding *finding);

/* Writes a difference; returns false. */
bool compare_differs(struct replay_finding *finding, const char *what, const char *expected,
		     const char *got);

/* The name of a status, or its number. */
void compare_status_text(int32_t status, char text[REPLAY_TEXT_SIZE]);

#endif
