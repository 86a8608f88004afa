/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds out which call of the guest is which of the host's. Neither side knows
 * the other's names for calls; but both see the same calls in (nearly) the same
 * order, with the same function, scalar inputs and path.
 */
#ifndef MATCH_H
#define MATCH_H

#include "clock.h"

#define MATCH_NONE UINT32_MAX

struct match_call {
	uint64_t key; /* hash of function and scalar inputs */
	uint32_t path; /* hash of its path, 0: not known */
	uint32_t client;
	uint32_t process; /* the host's that served it; 0 on the guest's side */
	int64_t enter_ns; /* own clock */
	int64_t exit_ns; /* 0: not ended */
};

struct match_counts {
	size_t matched;
	size_t ambiguous; /* of these: might as well be another call that looks the same */
};

/*
 * Aligns the calls of each client, both in order of entry. ret_guest_of: for
 * each host call the index of its guest call, or MATCH_NONE. 0 or -ENOMEM.
 */
int match_calls(const struct match_call *guest, size_t n_guest, const struct match_call *host,
		size_t n_host, uint32_t *ret_guest_of, struct match_counts *ret_counts);

/*
 * Which of the host's processes serves the guest: the one of whose calls most
 * are the guest's, too. 0 if there are no calls. 0 or -ENOMEM.
 */
int match_process(const struct match_call *guest, size_t n_guest, const struct match_call *host,
		  size_t n_host, uint32_t *ret_process);

/*
 * Parts calls whose times contradict the clock and joins those that look the
 * same and whose times agree. Returns how many are matched in another way than
 * before, or -ENOMEM.
 */
long match_repair(const struct match_call *guest, size_t n_guest, const struct match_call *host,
		  size_t n_host, const struct clock *clock, uint32_t *guest_of,
		  struct match_counts *counts);

#endif
