/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spool files made by hand: what a recorder would write, and what it never would. */
#ifndef SPOOL_MAKER_H
#define SPOOL_MAKER_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "vmmdev.h"

#define MADE_SPANS 8

struct spool_maker {
	FILE *file;
	char path[96];
};

#ifdef __clang__ /* the span array at a call record's end has room of its own here */
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#endif

/* A call record with room for spans. */
struct made_call {
	struct capture_call call;
	struct capture_span spans[MADE_SPANS];
};

__attribute__((unused)) static void maker_begin(struct spool_maker *maker, const char *directory,
						const char *name, enum capture_side side)
{
	struct capture_file_header header = {
		.magic = CAPTURE_MAGIC,
		.version = CAPTURE_VERSION,
		.side = side,
		.monotonic_ns = 1000,
		.realtime_ns = 1700000000000001000,
	};

	snprintf(maker->path, sizeof(maker->path), "%s/%s", directory, name);
	maker->file = fopen(maker->path, "w");
	cr_assert_not_null(maker->file);
	cr_assert_eq(fwrite(&header, sizeof(header), 1, maker->file), 1u);
}

__attribute__((unused)) static void put_record(struct spool_maker *maker, const void *record,
					       size_t size)
{
	cr_assert_eq(fwrite(record, size, 1, maker->file), 1u);
}

__attribute__((unused)) static void put_end(struct spool_maker *maker)
{
	struct capture_header end = {.kind = CAPTURE_END, .size = sizeof(end)};

	put_record(maker, &end, sizeof(end));
}

/* Writes the file out; with the end mark, or as a killed recorder leaves it. */
__attribute__((unused)) static void maker_end(struct spool_maker *maker, bool mark)
{
	if (mark)
		put_end(maker);
	cr_assert_eq(fclose(maker->file), 0);
}

__attribute__((unused)) static struct made_call make_call(uint64_t id, uint32_t fn,
							  uint64_t enter_ns, uint64_t end_ns)
{
	return (struct made_call){
		.call =
			{
				.h = {.kind = CAPTURE_CALL, .flags = CAPTURE_F_ENDED, .id = id},
				.enter_ns = enter_ns,
				.end_ns = end_ns,
				.pid = 100,
				.tid = 101,
				.comm = "cp",
				.client = 1,
				.fn = fn,
			},
	};
}

__attribute__((unused)) static void set_parm(struct made_call *made, uint32_t i, uint32_t type,
					     uint64_t in, uint64_t out)
{
	struct capture_parm *parm = &made->call.parms[i];

	parm->type = type;
	if (type == 1 || type == 2) {
		parm->in = in;
		parm->out = out;
	} else {
		parm->size = (uint32_t)in;
		parm->in = 0xffff888000000000u; /* an address */
	}
	if (made->call.n_parms <= i)
		made->call.n_parms = i + 1;
}

__attribute__((unused)) static void add_span(struct made_call *made, uint16_t hop, uint8_t depth,
					     uint8_t parent, uint64_t enter_ns, uint64_t exit_ns)
{
	made->spans[made->call.n_spans++] = (struct capture_span){
		.enter_ns = enter_ns,
		.exit_ns = exit_ns,
		.busy_ns = exit_ns > enter_ns ? exit_ns - enter_ns : 0,
		.n = 1,
		.hop = hop,
		.depth = depth,
		.parent = parent,
	};
}

__attribute__((unused)) static void put_call(struct spool_maker *maker, struct made_call *made)
{
	made->call.h.size =
		(uint32_t)(sizeof(made->call) + made->call.n_spans * sizeof(made->spans[0]));
	put_record(maker, made, made->call.h.size);
}

__attribute__((unused)) static void put_chunk(struct spool_maker *maker, uint64_t id, uint8_t parm,
					      bool out, const void *bytes, uint32_t length,
					      uint32_t offset, uint32_t total)
{
	uint32_t padded = (length + 7) & ~7u;
	struct capture_data data = {
		.h = {.kind = CAPTURE_DATA, .size = (uint32_t)sizeof(data) + padded, .id = id},
		.total = total,
		.offset = offset,
		.length = length,
		.parm = parm,
		.out = out,
	};
	static const char zeroes[8];

	put_record(maker, &data, sizeof(data));
	if (length)
		put_record(maker, bytes, length);
	if (padded != length)
		put_record(maker, zeroes, padded - length);
}

__attribute__((unused)) static void put_data(struct spool_maker *maker, uint64_t id, uint8_t parm,
					     bool out, const void *bytes, uint32_t length)
{
	put_chunk(maker, id, parm, out, bytes, length, 0, length);
}

__attribute__((unused)) static void put_meta(struct spool_maker *maker, const char *key,
					     const char *value)
{
	char record[256] = {0};
	struct capture_header header = {.kind = CAPTURE_META};
	size_t size = sizeof(header) + strlen(key) + strlen(value) + 2;

	header.size = (uint32_t)((size + 7) & ~(size_t)7);
	memcpy(record, &header, sizeof(header));
	strcpy(record + sizeof(header), key);
	strcpy(record + sizeof(header) + strlen(key) + 1, value);
	put_record(maker, record, header.size);
}

__attribute__((unused)) static void put_loss(struct spool_maker *maker, uint16_t hop,
					     uint16_t reason, uint64_t n)
{
	struct capture_loss loss = {
		.h = {.kind = CAPTURE_LOSS, .size = sizeof(loss)},
		.hop = hop,
		.reason = reason,
		.n = n,
	};

	put_record(maker, &loss, sizeof(loss));
}

#endif
