/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings, snapshots and losses of the BPF programs: see ring.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "ring.h"

#define RING_TOTAL_BYTES (128u << 20) /* of all CPUs together, if nobody says otherwise */
#define RING_MIN_BYTES (1u << 20)
#define RING_MAX_BYTES (32u << 20)

/* Calls in flight that were read and have not been passed on. */
struct snapshots {
	char *records; /* CAPTURE_CALL_MAX bytes each */
	size_t n, room;
};

struct rings {
	struct ring_buffer *buffer;
	struct bpf_link *snapshot_link;
	int *ring_fds;
	int n_cpus;
	int losses_fd;
	uint32_t loss_slots;
	int parked_fd; /* -1: this side parks no calls */
	uint32_t parked_value_size;
	void *parked_value;
	uint64_t *loss_values; /* one hop's, of each CPU */
	struct snapshots pending;
	ring_sink *sink;
	void *user;
};

size_t rings_default_bytes(void)
{
	int n_cpus = libbpf_num_possible_cpus();
	size_t bytes = RING_TOTAL_BYTES / (n_cpus > 0 ? n_cpus : 1);

	if (bytes < RING_MIN_BYTES)
		return RING_MIN_BYTES;
	return bytes > RING_MAX_BYTES ? RING_MAX_BYTES : bytes;
}

/* The kernel wants a power of two that is a multiple of the page size. */
static size_t ring_round(size_t bytes)
{
	size_t size = sysconf(_SC_PAGESIZE);

	while (size < bytes && size < (1ul << 30))
		size *= 2;
	return size;
}

int rings_prepare(struct bpf_object *object)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, "rings");
	int n_cpus = libbpf_num_possible_cpus();

	if (!map || n_cpus < 0)
		return map ? n_cpus : -ENOENT;
	return bpf_map__set_max_entries(map, n_cpus);
}

static struct capture_call *snapshot_at(const struct snapshots *pending, size_t i)
{
	return (void *)(pending->records + i * CAPTURE_CALL_MAX);
}

/* Of a call that ended meanwhile the snapshot is worth nothing any more. */
static void snapshot_forget(struct snapshots *pending, uint64_t id)
{
	for (size_t i = 0; i < pending->n; i++)
		if (snapshot_at(pending, i)->h.id == id) {
			memcpy(snapshot_at(pending, i), snapshot_at(pending, --pending->n),
			       CAPTURE_CALL_MAX);
			return;
		}
}

/* libbpf's callback. Records were reserved in sizes of classes: size >= record->size. */
static int ring_record(void *user, void *data, size_t size)
{
	struct rings *rings = user;
	const struct capture_header *record = data;

	if (size < sizeof(*record) || record->size > size)
		return 0;
	if (rings->pending.n && record->kind <= CAPTURE_DISCONNECT)
		snapshot_forget(&rings->pending, record->id);
	rings->sink(rings->user, record);
	return 0;
}

static int ring_add(struct rings *rings, int cpu, int outer_fd, size_t bytes)
{
	uint32_t key = cpu;
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, bytes, NULL);

	if (fd < 0)
		return fd;
	rings->ring_fds[cpu] = fd;
	if (bpf_map_update_elem(outer_fd, &key, &fd, BPF_ANY))
		return -errno;
	if (rings->buffer)
		return ring_buffer__add(rings->buffer, fd, ring_record, rings);
	rings->buffer = ring_buffer__new(fd, ring_record, rings, NULL);
	return rings->buffer ? 0 : -errno;
}

static int rings_find_maps(struct rings *rings, struct bpf_object *object)
{
	struct bpf_map *losses = bpf_object__find_map_by_name(object, "losses");
	struct bpf_map *parked = bpf_object__find_map_by_name(object, "parked");
	struct bpf_program *snapshot = bpf_object__find_program_by_name(object, "snapshot");

	if (!losses || !snapshot)
		return -ENOENT;
	rings->losses_fd = bpf_map__fd(losses);
	rings->loss_slots = bpf_map__max_entries(losses);
	rings->loss_values = calloc(rings->n_cpus, bpf_map__value_size(losses));
	rings->parked_fd = parked ? bpf_map__fd(parked) : -1;
	rings->parked_value_size = parked ? bpf_map__value_size(parked) : 0;
	rings->parked_value = malloc(rings->parked_value_size + 1);
	if (!rings->loss_values || !rings->parked_value)
		return -ENOMEM;
	rings->snapshot_link = bpf_program__attach_iter(snapshot, NULL);
	return rings->snapshot_link ? 0 : -errno;
}

int rings_open(struct bpf_object *object, size_t ring_bytes, ring_sink *sink, void *user,
	       struct rings **ret)
{
	struct bpf_map *outer = bpf_object__find_map_by_name(object, "rings");
	struct rings *rings = calloc(1, sizeof(*rings));
	int err = rings && outer ? 0 : -ENOMEM;

	if (err)
		goto cleanup;
	rings->sink = sink;
	rings->user = user;
	rings->n_cpus = libbpf_num_possible_cpus();
	rings->ring_fds = malloc(rings->n_cpus * sizeof(int));
	if (!rings->ring_fds) {
		err = -ENOMEM;
		goto cleanup;
	}
	memset(rings->ring_fds, -1, rings->n_cpus * sizeof(int));
	err = rings_find_maps(rings, object);
	for (int cpu = 0; !err && cpu < rings->n_cpus; cpu++)
		err = ring_add(rings, cpu, bpf_map__fd(outer), ring_round(ring_bytes));
cleanup:
	if (err)
		rings_close(rings);
	else
		*ret = rings;
	return err;
}

int rings_consume(struct rings *rings)
{
	return ring_buffer__consume(rings->buffer);
}

static int snapshot_add(struct snapshots *pending, const void *record)
{
	const struct capture_call *from = record;
	struct capture_call *call;

	if (!from->h.id || from->n_spans > CAPTURE_MAX_SPANS)
		return 0; /* read in the middle of being made */
	if (pending->n == pending->room) {
		size_t room = pending->room ? 2 * pending->room : 16;
		void *more = realloc(pending->records, room * CAPTURE_CALL_MAX);

		if (!more)
			return -ENOMEM;
		pending->records = more;
		pending->room = room;
	}
	call = snapshot_at(pending, pending->n++);
	memcpy(call, record, CAPTURE_CALL_MAX);
	call->h.flags |= CAPTURE_F_SNAPSHOT;
	call->h.size = sizeof(*call) + call->n_spans * sizeof(struct capture_span);
	return 0;
}

/* Calls that threads are in: the iterator writes CAPTURE_CALL_MAX bytes of each. */
static int snapshot_threads(struct rings *rings)
{
	int fd = bpf_iter_create(bpf_link__fd(rings->snapshot_link)), err = 0;
	_Alignas(8) char record[CAPTURE_CALL_MAX];
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, record + have, sizeof(record) - have)) != 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0) {
			err = -errno;
			break;
		}
		have += n;
		if (have < sizeof(record))
			continue;
		have = 0;
		err = snapshot_add(&rings->pending, record);
		if (err)
			break;
	}
	close(fd);
	return err;
}

/* Calls that wait for a completion: a state begins with its call's record. */
static int snapshot_parked(struct rings *rings)
{
	char key[2][64];
	void *previous = NULL;
	int err = 0;

	if (rings->parked_fd < 0)
		return 0;
	for (int i = 0; !err && !bpf_map_get_next_key(rings->parked_fd, previous, key[i]); i ^= 1) {
		if (!bpf_map_lookup_elem(rings->parked_fd, key[i], rings->parked_value))
			err = snapshot_add(&rings->pending, rings->parked_value);
		previous = key[i];
	}
	return err;
}

int rings_snapshot(struct rings *rings)
{
	int err, n;

	rings->pending.n = 0;
	err = snapshot_threads(rings);
	if (!err)
		err = snapshot_parked(rings);
	rings_consume(rings); /* payload that belongs to them, and calls that ended */
	n = rings->pending.n;
	for (int i = 0; i < n; i++)
		rings->sink(rings->user, &snapshot_at(&rings->pending, i)->h);
	rings->pending.n = 0;
	return err ? err : n;
}

static uint16_t loss_hop(const struct rings *rings, uint32_t slot)
{
	uint32_t half = rings->loss_slots / 2;

	return slot < half ? slot : CAPTURE_HOP_SYSCALL | (slot - half);
}

/* Sums up the CPUs' counts of one hop. */
static int loss_read(struct rings *rings, uint32_t slot, uint64_t sums[CAPTURE_LOSS_REASONS])
{
	const uint64_t *value = rings->loss_values;

	if (bpf_map_lookup_elem(rings->losses_fd, &slot, rings->loss_values))
		return -errno;
	memset(sums, 0, CAPTURE_LOSS_REASONS * sizeof(*sums));
	for (int cpu = 0; cpu < rings->n_cpus; cpu++)
		for (int reason = 0; reason < CAPTURE_LOSS_REASONS; reason++)
			sums[reason] += *value++;
	return 0;
}

int rings_losses(struct rings *rings)
{
	struct capture_loss loss = {.h = {.kind = CAPTURE_LOSS, .size = sizeof(loss)}};
	uint64_t sums[CAPTURE_LOSS_REASONS];

	for (uint32_t slot = 0; slot < rings->loss_slots; slot++) {
		int err = loss_read(rings, slot, sums);

		if (err)
			return err;
		for (int reason = 0; reason < CAPTURE_LOSS_REASONS; reason++) {
			if (!sums[reason])
				continue;
			loss.hop = loss_hop(rings, slot);
			loss.reason = reason;
			loss.n = sums[reason];
			rings->sink(rings->user, &loss.h);
		}
	}
	return 0;
}

uint64_t rings_lost(struct rings *rings)
{
	uint64_t sums[CAPTURE_LOSS_REASONS], lost = 0;

	for (uint32_t slot = 0; slot < rings->loss_slots; slot++) {
		if (loss_read(rings, slot, sums))
			return 0;
		for (int reason = 0; reason < CAPTURE_LOSS_REASONS; reason++)
			lost += sums[reason];
	}
	return lost;
}

void rings_close(struct rings *rings)
{
	if (!rings)
		return;
	ring_buffer__free(rings->buffer);
	bpf_link__destroy(rings->snapshot_link);
	for (int cpu = 0; rings->ring_fds && cpu < rings->n_cpus; cpu++)
		if (rings->ring_fds[cpu] >= 0)
			close(rings->ring_fds[cpu]);
	free(rings->ring_fds);
	free(rings->loss_values);
	free(rings->parked_value);
	free(rings->pending.records);
	free(rings);
}
