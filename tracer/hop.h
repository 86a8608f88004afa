/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf/hops.def as data. */
#ifndef HOP_H
#define HOP_H

#include <stddef.h>
#include <stdint.h>

enum hop_profile {
	HOP_PROFILE_SFSERVICE = 1,
	HOP_PROFILE_MAINLINE,
	HOP_PROFILE_SF,
	HOP_PROFILE_VFS
};

enum hop_kind {
	HOP_KIND_CALL = 1,
	HOP_KIND_COMPLETE,
	HOP_KIND_CONNECT,
	HOP_KIND_DISCONNECT,
	HOP_KIND_HOST_CALL,
	HOP_KIND_INNER,
	HOP_KIND_OP
};

struct hop {
	uint16_t id;
	uint8_t profile; /* enum hop_profile */
	uint8_t kind; /* enum hop_kind */
	const char *name; /* of the function, also its symbol */
};

extern const struct hop hops[];
extern const size_t n_hops;

/* NULL: there is no such hop. System calls are none. */
const struct hop *hop_find(uint32_t id);

#endif
