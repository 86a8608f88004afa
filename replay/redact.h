/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a trace tells about names and contents, and how to take it out: names
 * are replaced (names.h) wherever a role of the protocol holds one, contents
 * are left out.
 */
#ifndef REDACT_H
#define REDACT_H

#include "names.h"
#include "trace_copy.h"

struct redact {
	struct names names;
	bool keep_hash; /* 16 bytes, a keyed hash, in place of contents: equal ones stay equal */
	char comm[16];
};

/* Hooks for trace_copy(); they use *redact as long as that runs. */
struct copy_hooks redact_hooks(struct redact *redact);

#endif
