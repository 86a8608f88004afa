/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both sequences are walked side by side. Where they differ, the nearest place
 * is looked for from which they agree again: calls in between were seen by one
 * side only, or in another order, and the latter are paired afterwards.
 */
#include "match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 32 /* calls left out by both sides together */
#define FAR 16384 /* by each side, if there is nothing near */
#define RUN 3 /* calls in a row that prove agreement */
#define REORDER 64 /* how far a call may have moved */

/* The calls of one client on one side: indexes into the side's calls. */
struct sequence {
	const struct match_call *calls;
	const uint32_t *order;
	size_t n;
};

struct matcher {
	struct sequence guest, host; /* of the client that is being looked at */
	uint32_t *guest_at; /* for each position in host: position in guest, or MATCH_NONE */
	bool *guest_taken; /* for each position in guest */
	bool *ambiguous; /* for each position in host */
	uint32_t *slots; /* first position of a key in the guest's far window, + 1 */
};

#define N_SLOTS (4 * FAR)

static const struct match_call *call_at(const struct sequence *sequence, size_t i)
{
	return &sequence->calls[sequence->order[i]];
}

static bool same_call(const struct match_call *a, const struct match_call *b)
{
	return a->key == b->key && (!a->path || !b->path || a->path == b->path);
}

static bool same_at(const struct matcher *m, size_t guest, size_t host)
{
	return same_call(call_at(&m->guest, guest), call_at(&m->host, host));
}

/* Whether the sequences agree from here on, as far as that can be seen. */
static bool agree_from(const struct matcher *m, size_t guest, size_t host)
{
	for (size_t i = 0; i < RUN; i++) {
		if (guest + i >= m->guest.n || host + i >= m->host.n)
			return i > 0;
		if (!same_at(m, guest + i, host + i))
			return false;
	}
	return true;
}

static bool resync_near(const struct matcher *m, size_t *guest, size_t *host)
{
	for (size_t out = 1; out <= NEAR; out++) {
		for (size_t i = 0; i <= out; i++) {
			if (!agree_from(m, *guest + i, *host + out - i))
				continue;
			*guest += i;
			*host += out - i;
			return true;
		}
	}
	return false;
}

static size_t slot_of(const struct matcher *m, uint64_t key, size_t guest)
{
	size_t i = (key * 0x9e3779b97f4a7c15u >> 32) % N_SLOTS;

	while (m->slots[i] && call_at(&m->guest, guest + m->slots[i] - 1)->key != key)
		i = (i + 1) % N_SLOTS;
	return i;
}

static size_t window(const struct sequence *sequence, size_t at)
{
	return sequence->n - at < FAR ? sequence->n - at : FAR;
}

/* The same for long stretches that one side missed; looks at first occurrences only. */
static bool resync_far(struct matcher *m, size_t *guest, size_t *host)
{
	size_t best = SIZE_MAX, best_guest = 0, best_host = 0;

	memset(m->slots, 0, N_SLOTS * sizeof(*m->slots));
	for (size_t i = 0; i < window(&m->guest, *guest); i++) {
		size_t slot = slot_of(m, call_at(&m->guest, *guest + i)->key, *guest);

		if (!m->slots[slot])
			m->slots[slot] = (uint32_t)i + 1;
	}
	for (size_t j = 0; j < window(&m->host, *host) && j < best; j++) {
		size_t slot = slot_of(m, call_at(&m->host, *host + j)->key, *guest);
		size_t i = m->slots[slot];

		if (!i || i - 1 + j >= best || !agree_from(m, *guest + i - 1, *host + j))
			continue;
		best = i - 1 + j;
		best_guest = i - 1;
		best_host = j;
	}
	if (best == SIZE_MAX)
		return false;
	*guest += best_guest;
	*host += best_host;
	return true;
}

static void join(struct matcher *m, size_t guest, size_t host)
{
	m->guest_at[host] = (uint32_t)guest;
	m->guest_taken[guest] = true;
}

static void align(struct matcher *m)
{
	size_t guest = 0, host = 0;

	while (guest < m->guest.n && host < m->host.n) {
		if (same_at(m, guest, host)) {
			join(m, guest++, host++);
		} else if (!resync_near(m, &guest, &host) && !resync_far(m, &guest, &host)) {
			guest += window(&m->guest, guest) / 2 + 1;
			host += window(&m->host, host) / 2 + 1;
		}
	}
}

/*
 * Candidates for a host call among the guest calls that are left, around the
 * position where it is expected. Returns how many there are, the first in *ret.
 */
static size_t find_moved(const struct matcher *m, size_t host, size_t expected, size_t *ret)
{
	size_t begin = expected > REORDER ? expected - REORDER : 0;
	size_t end = expected + REORDER < m->guest.n ? expected + REORDER : m->guest.n;
	size_t found = 0;

	for (size_t i = begin; i < end; i++) {
		if (m->guest_taken[i] || !same_at(m, i, host))
			continue;
		if (!found++)
			*ret = i;
	}
	return found;
}

/* Pairs what only came in another order. */
static void join_moved(struct matcher *m)
{
	size_t expected = 0;

	for (size_t host = 0; host < m->host.n; host++) {
		size_t guest = 0, found;

		if (m->guest_at[host] != MATCH_NONE) {
			expected = m->guest_at[host] + 1;
			continue;
		}
		found = find_moved(m, host, expected, &guest);
		if (!found)
			continue;
		join(m, guest, host);
		m->ambiguous[host] = found > 1;
	}
}

/*
 * Around a call that found no partner, calls that look the same may each be the
 * one that is missing.
 */
static void mark_like(struct matcher *m, const struct match_call *lonely, size_t host)
{
	for (size_t i = host; i < m->host.n && i < host + REORDER; i++) {
		if (m->guest_at[i] == MATCH_NONE)
			continue;
		if (!same_call(lonely, call_at(&m->host, i)))
			break;
		m->ambiguous[i] = true;
	}
	for (size_t i = host; i > 0 && i + REORDER > host; i--) {
		if (m->guest_at[i - 1] == MATCH_NONE)
			continue;
		if (!same_call(lonely, call_at(&m->host, i - 1)))
			break;
		m->ambiguous[i - 1] = true;
	}
}

static void mark_ambiguous(struct matcher *m)
{
	size_t guest = 0;

	for (size_t host = 0; host < m->host.n; host++) {
		if (m->guest_at[host] == MATCH_NONE) {
			mark_like(m, call_at(&m->host, host), host);
			continue;
		}
		for (; guest < m->guest_at[host]; guest++)
			if (!m->guest_taken[guest])
				mark_like(m, call_at(&m->guest, guest), host);
	}
	for (; guest < m->guest.n; guest++)
		if (!m->guest_taken[guest])
			mark_like(m, call_at(&m->guest, guest), m->host.n);
}

static void match_client(struct matcher *m, uint32_t *ret_guest_of, struct match_counts *counts)
{
	memset(m->guest_at, 0xff, m->host.n * sizeof(*m->guest_at));
	memset(m->guest_taken, 0, m->guest.n * sizeof(*m->guest_taken));
	memset(m->ambiguous, 0, m->host.n * sizeof(*m->ambiguous));
	align(m);
	join_moved(m);
	mark_ambiguous(m);
	for (size_t host = 0; host < m->host.n; host++) {
		if (m->guest_at[host] == MATCH_NONE)
			continue;
		ret_guest_of[m->host.order[host]] = m->guest.order[m->guest_at[host]];
		counts->matched++;
		counts->ambiguous += m->ambiguous[host];
	}
}

/* Clients. */

struct client_order {
	uint32_t client;
	uint32_t index;
};

static int by_client(const void *a, const void *b)
{
	const struct client_order *left = a, *right = b;

	if (left->client != right->client)
		return left->client < right->client ? -1 : 1;
	return left->index < right->index ? -1 : 1;
}

/* Indexes of the calls, by client and then as they were. */
static uint32_t *sort_by_client(const struct match_call *calls, size_t n)
{
	struct client_order *keys = calloc(n + 1, sizeof(*keys));
	uint32_t *order = calloc(n + 1, sizeof(*order));

	for (size_t i = 0; keys && i < n; i++)
		keys[i] = (struct client_order){calls[i].client, (uint32_t)i};
	if (keys)
		qsort(keys, n, sizeof(*keys), by_client);
	for (size_t i = 0; keys && order && i < n; i++)
		order[i] = keys[i].index;
	if (!keys) {
		free(order);
		order = NULL;
	}
	free(keys);
	return order;
}

/* The calls of the client of the call at BEGIN. */
static struct sequence next_client(const struct match_call *calls, const uint32_t *order, size_t n,
				   size_t begin)
{
	size_t end = begin;

	while (end < n && calls[order[end]].client == calls[order[begin]].client)
		end++;
	return (struct sequence){calls, order + begin, end - begin};
}

static void match_clients(struct matcher *m, const struct sequence *guest,
			  const struct sequence *host, uint32_t *ret_guest_of,
			  struct match_counts *counts)
{
	size_t g = 0, h = 0;

	while (g < guest->n && h < host->n) {
		uint32_t guest_client, host_client;

		m->guest = next_client(guest->calls, guest->order, guest->n, g);
		m->host = next_client(host->calls, host->order, host->n, h);
		guest_client = call_at(&m->guest, 0)->client;
		host_client = call_at(&m->host, 0)->client;
		if (guest_client == host_client)
			match_client(m, ret_guest_of, counts);
		if (guest_client <= host_client)
			g += m->guest.n;
		if (host_client <= guest_client)
			h += m->host.n;
	}
}

int match_calls(const struct match_call *guest, size_t n_guest, const struct match_call *host,
		size_t n_host, uint32_t *ret_guest_of, struct match_counts *ret_counts)
{
	uint32_t *guest_order = sort_by_client(guest, n_guest);
	uint32_t *host_order = sort_by_client(host, n_host);
	struct sequence guests = {guest, guest_order, n_guest};
	struct sequence hosts = {host, host_order, n_host};
	struct matcher m = {
		.guest_at = calloc(n_host + 1, sizeof(*m.guest_at)),
		.guest_taken = calloc(n_guest + 1, sizeof(*m.guest_taken)),
		.ambiguous = calloc(n_host + 1, sizeof(*m.ambiguous)),
		.slots = calloc(N_SLOTS, sizeof(*m.slots)),
	};
	int rc = -ENOMEM;

	*ret_counts = (struct match_counts){0};
	if (guest_order && host_order && m.guest_at && m.guest_taken && m.ambiguous && m.slots) {
		memset(ret_guest_of, 0xff, n_host * sizeof(*ret_guest_of));
		match_clients(&m, &guests, &hosts, ret_guest_of, ret_counts);
		rc = 0;
	}
	free(guest_order);
	free(host_order);
	free(m.guest_at);
	free(m.guest_taken);
	free(m.ambiguous);
	free(m.slots);
	return rc;
}

/* Processes. */

#define PROCESSES_MAX 64 /* that are looked at; those with most calls */

struct process {
	uint32_t process;
	size_t n; /* calls */
};

static int by_process(const void *a, const void *b)
{
	const struct process *left = a, *right = b;

	return (left->process > right->process) - (left->process < right->process);
}

static int by_size(const void *a, const void *b)
{
	const struct process *left = a, *right = b;

	return left->n != right->n ? (left->n < right->n) - (left->n > right->n) : by_process(a, b);
}

/* The processes of calls, malloc'd, those with most calls first; NULL without memory. */
static struct process *list_processes(const struct match_call *calls, size_t n, size_t *ret_n)
{
	struct process *list = calloc(n + 1, sizeof(*list));
	size_t kept = 0;

	for (size_t i = 0; list && i < n; i++) {
		if (kept && list[kept - 1].process == calls[i].process)
			list[kept - 1].n++;
		else
			list[kept++] = (struct process){calls[i].process, 1};
	}
	*ret_n = 0;
	if (!kept)
		return list;
	qsort(list, kept, sizeof(*list), by_process);
	for (size_t i = 1; i < kept; i++) {
		if (list[*ret_n].process == list[i].process)
			list[*ret_n].n += list[i].n;
		else
			list[++*ret_n] = list[i];
	}
	qsort(list, ++*ret_n, sizeof(*list), by_size);
	return list;
}

/* How many calls of one process are the guest's as well; its calls are copied to OWN. */
static int count_matches(const struct match_call *guest, size_t n_guest,
			 const struct match_call *host, size_t n_host, uint32_t process,
			 struct match_call *own, uint32_t *guest_of, size_t *ret_matched)
{
	struct match_counts counts;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < n_host; i++)
		if (host[i].process == process)
			own[n++] = host[i];
	rc = match_calls(guest, n_guest, own, n, guest_of, &counts);
	*ret_matched = counts.matched;
	return rc;
}

static int choose_process(const struct match_call *guest, size_t n_guest,
			  const struct match_call *host, size_t n_host,
			  const struct process *processes, size_t n_processes,
			  uint32_t *ret_process)
{
	struct match_call *own = calloc(n_host, sizeof(*own));
	uint32_t *guest_of = calloc(n_host, sizeof(*guest_of));
	size_t most = 0;
	int rc = own && guest_of ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < n_processes && i < PROCESSES_MAX; i++) {
		size_t matched;

		if (processes[i].n <= most)
			break;
		rc = count_matches(guest, n_guest, host, n_host, processes[i].process, own,
				   guest_of, &matched);
		if (rc || matched <= most)
			continue;
		most = matched;
		*ret_process = processes[i].process;
	}
	free(own);
	free(guest_of);
	return rc;
}

int match_process(const struct match_call *guest, size_t n_guest, const struct match_call *host,
		  size_t n_host, uint32_t *ret_process)
{
	size_t n_processes;
	struct process *processes = list_processes(host, n_host, &n_processes);
	int rc = processes ? 0 : -ENOMEM;

	*ret_process = 0;
	if (!rc && n_processes)
		*ret_process = processes[0].process;
	if (!rc && n_processes > 1)
		rc = choose_process(guest, n_guest, host, n_host, processes, n_processes,
				    ret_process);
	free(processes);
	return rc;
}

/* Repair. */

static bool times_agree(const struct match_call *guest, const struct match_call *host,
			const struct clock *clock)
{
	int64_t enter = clock_map(clock, guest->enter_ns);
	int64_t error = clock_piece(clock, guest->enter_ns)->error_ns;

	if (enter > host->enter_ns + error)
		return false;
	if (!guest->exit_ns || !host->exit_ns)
		return !guest->exit_ns || clock_map(clock, guest->exit_ns) > host->enter_ns;
	return clock_map(clock, guest->exit_ns) >= host->exit_ns - error;
}

/* The first guest call that entered later than a host call did. */
static size_t first_after(const struct match_call *guest, size_t n_guest, const struct clock *clock,
			  int64_t host_ns)
{
	size_t low = 0, high = n_guest;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (clock_map(clock, guest[middle].enter_ns) >
		    host_ns + clock_piece(clock, guest[middle].enter_ns)->error_ns)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Candidates among the guest calls that entered last before the host call. */
static size_t find_in_time(const struct match_call *guest, const bool *taken, size_t end,
			   const struct match_call *host, const struct clock *clock, uint32_t *ret)
{
	size_t begin = end > REORDER ? end - REORDER : 0;
	size_t found = 0;

	for (size_t i = begin; i < end; i++) {
		if (taken[i] || guest[i].client != host->client || !same_call(&guest[i], host) ||
		    !times_agree(&guest[i], host, clock))
			continue;
		if (!found++)
			*ret = (uint32_t)i;
	}
	return found;
}

/*
 * Order has the last word: a pair that time disproves, but for which there is no other partner,
 * stays one. Returns how many host calls have another partner than before.
 */
static long keep_order(const uint32_t *before, size_t n_host, uint32_t *guest_of, bool *taken,
		       struct match_counts *counts)
{
	long changed = 0;

	counts->matched = 0;
	for (size_t i = 0; i < n_host; i++) {
		if (guest_of[i] == MATCH_NONE && before[i] != MATCH_NONE && !taken[before[i]]) {
			guest_of[i] = before[i];
			taken[before[i]] = true;
		}
		counts->matched += guest_of[i] != MATCH_NONE;
		changed += guest_of[i] != before[i];
	}
	return changed;
}

long match_repair(const struct match_call *guest, size_t n_guest, const struct match_call *host,
		  size_t n_host, const struct clock *clock, uint32_t *guest_of,
		  struct match_counts *counts)
{
	bool *taken = calloc(n_guest + 1, sizeof(*taken));
	uint32_t *before = calloc(n_host + 1, sizeof(*before));
	long changed = 0;

	if (!taken || !before) {
		free(taken);
		free(before);
		return -ENOMEM;
	}
	memcpy(before, guest_of, n_host * sizeof(*before));
	for (size_t i = 0; i < n_host; i++) {
		if (guest_of[i] == MATCH_NONE)
			continue;
		if (times_agree(&guest[guest_of[i]], &host[i], clock))
			taken[guest_of[i]] = true;
		else
			guest_of[i] = MATCH_NONE;
	}
	for (size_t i = 0; i < n_host; i++) {
		uint32_t found = 0;
		size_t end, n;

		if (guest_of[i] != MATCH_NONE)
			continue;
		end = first_after(guest, n_guest, clock, host[i].enter_ns);
		n = find_in_time(guest, taken, end, &host[i], clock, &found);
		if (!n)
			continue;
		guest_of[i] = found;
		taken[found] = true;
		counts->ambiguous += n > 1;
	}
	changed = keep_order(before, n_host, guest_of, taken, counts);
	free(taken);
	free(before);
	return changed;
}
