/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of hops: see hop.h. */
#include "hop.h"

const struct hop hops[] = {
#define HOP(hop_id, hop_profile, hop_name, hop_kind) \
	{.id = (hop_id),                             \
	 .profile = HOP_PROFILE_##hop_profile,       \
	 .kind = HOP_KIND_##hop_kind,                \
	 .name = #hop_name},
#include "../bpf/hops.def"
};
const size_t n_hops = sizeof(hops) / sizeof(hops[0]);

const struct hop *hop_find(uint32_t id)
{
	for (size_t i = 0; i < n_hops; i++)
		if (hops[i].id == id)
			return &hops[i];
	return NULL;
}
