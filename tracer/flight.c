/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flight recorder's memory: see flight.h. It is mapped twice, one mapping
 * behind the other: so a record that wraps around is in one piece as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "flight_context.h"

struct flight {
	char *memory; /* 2 * room bytes of address space */
	uint64_t room;
	uint64_t begin, end; /* of what is held, in bytes since the recording began */
	struct flight_context *context;
	struct flight_counts counts;
};

static int memory_map(struct flight *flight)
{
	int fd = memfd_create("sftrace-flight", MFD_CLOEXEC), err = 0;
	char *at = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)flight->room))
		at = mmap(NULL, 2 * flight->room, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	flight->memory = at;
	for (int half = 0; half < 2; half++)
		if (mmap(at + (uint64_t)half * flight->room, flight->room, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			err = -ENOMEM;
	close(fd);
	return err;
}

int flight_open(uint64_t bytes, struct flight **ret)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct flight *flight;
	int err;

	if (bytes < FLIGHT_MIN_BYTES || bytes > FLIGHT_MAX_BYTES)
		return -EINVAL;
	flight = calloc(1, sizeof(*flight));
	if (!flight)
		return -ENOMEM;
	flight->room = (bytes + page - 1) / page * page;
	flight->context = flight_context_open(flight->room);
	err = flight->context ? memory_map(flight) : -ENOMEM;
	if (err)
		flight_close(flight);
	else
		*ret = flight;
	return err;
}

static struct capture_header *record_at(const struct flight *flight, uint64_t at)
{
	return (struct capture_header *)(flight->memory + at % flight->room);
}

static void overwrite_oldest(struct flight *flight)
{
	const struct capture_header *record = record_at(flight, flight->begin);

	flight->begin += record->size;
	flight->counts.overwritten_bytes += record->size;
	flight->counts.overwritten_calls += flight_context_add(flight->context, record);
}

void flight_add(struct flight *flight, const struct capture_header *record)
{
	uint64_t size = ((uint64_t)record->size + 7) & ~7ull;
	struct capture_header *at;

	if (record->size < sizeof(*record) || size > flight->room)
		return;
	while (flight->end + size - flight->begin > flight->room)
		overwrite_oldest(flight);
	at = record_at(flight, flight->end);
	memcpy(at, record, record->size);
	memset((char *)at + record->size, 0, size - record->size);
	at->size = (uint32_t)size;
	flight->end += size;
	flight->counts.calls += capture_is_ended_call(record);
}

void flight_write(const struct flight *flight, struct spool *spool)
{
	flight_context_write(flight->context, spool);
	for (uint64_t at = flight->begin; at < flight->end; at += record_at(flight, at)->size)
		spool_write(spool, record_at(flight, at));
}

void flight_get_counts(const struct flight *flight, struct flight_counts *ret)
{
	*ret = flight->counts;
	ret->bytes = flight->end - flight->begin;
}

void flight_close(struct flight *flight)
{
	if (!flight)
		return;
	if (flight->memory)
		munmap(flight->memory, 2 * flight->room);
	flight_context_close(flight->context);
	free(flight);
}
