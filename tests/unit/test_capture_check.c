/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Malformed capture records, one defect each. */
#include "../../tracer/capture_check.h"

#include <criterion/criterion.h>
#include <string.h>

struct call_with_spans {
	struct capture_call call;
	struct capture_span spans[2];
};

static const struct call_with_spans good_call = {
	.call = {.h = {.kind = CAPTURE_CALL, .size = sizeof(good_call)},
		 .comm = "dd",
		 .fn = SHFL_FN_WRITE,
		 .n_spans = 2},
	.spans = {{.hop = 300, .parent = 0xff}, {.hop = 273, .depth = 1}},
};

struct data_with_bytes {
	struct capture_data data;
	uint8_t bytes[8];
};

static const struct data_with_bytes good_data = {
	.data = {.h = {.kind = CAPTURE_DATA, .size = sizeof(good_data)}, .total = 5, .length = 5},
};

#define GOOD(record) cr_assert_null(capture_check_record(&(record)->h))
#define BAD(record) cr_assert_not_null(capture_check_record(&(record)->h))

Test(capture_check, good_records)
{
	struct call_with_spans call = good_call;
	struct data_with_bytes data = good_data;
	struct capture_header unknown = {.kind = 999, .size = sizeof(unknown)};

	GOOD(&call.call);
	GOOD(&data.data);
	cr_assert_null(capture_check_record(&unknown), "unknown kinds are skipped");
}

Test(capture_check, sizes)
{
	struct capture_header header = {.kind = 999, .size = 8};

	cr_assert_not_null(capture_check_size(&header), "smaller than its header");
	header.size = 20;
	cr_assert_not_null(capture_check_size(&header), "not aligned");
	header.size = CAPTURE_RECORD_MAX + 8;
	cr_assert_not_null(capture_check_size(&header), "too large");
	header.kind = CAPTURE_OP;
	header.size = sizeof(struct capture_op) - 8;
	cr_assert_not_null(capture_check_size(&header), "half an op");
	header.size = sizeof(struct capture_op) + CAPTURE_OP_NAMES_MAX + 8;
	cr_assert_not_null(capture_check_size(&header), "more than an op");
	header.kind = CAPTURE_CALL;
	header.size = sizeof(struct capture_call) - 8;
	cr_assert_not_null(capture_check_size(&header), "half a call");
}

Test(capture_check, calls)
{
	struct call_with_spans call = good_call;

	call.call.n_spans = 3;
	BAD(&call.call);
	call.call.n_spans = 0x80000002u;
	BAD(&call.call);
	call = good_call;
	call.spans[1].parent = 1;
	BAD(&call.call);
	call = good_call;
	memset(call.call.comm, 'x', sizeof(call.call.comm));
	BAD(&call.call);
}

Test(capture_check, ops)
{
	struct capture_op op = {.h = {.kind = CAPTURE_OP, .size = sizeof(op)}};

	GOOD(&op);
	memset(op.comm, 'x', sizeof(op.comm));
	BAD(&op);
}

Test(capture_check, names_of_ops)
{
	union {
		struct capture_op op;
		char bytes[sizeof(struct capture_op) + 8];
	} named = {.op.h = {.kind = CAPTURE_OP, .size = sizeof(named)}};

	GOOD(&named.op);
	memset(named.bytes + sizeof(named.op), 'x', 7);
	GOOD(&named.op);
	named.bytes[sizeof(named) - 1] = 'x';
	BAD(&named.op);
}

Test(capture_check, data)
{
	struct data_with_bytes data = good_data;

	data.data.length = 9;
	data.data.total = 9;
	BAD(&data.data);
	data = good_data;
	data.data.length = 0xfffffff8;
	BAD(&data.data);
	data = good_data;
	data.data.offset = 1;
	BAD(&data.data);
	data = good_data;
	data.data.offset = 0xffffffff;
	BAD(&data.data);
	data = good_data;
	data.data.parm = SHFL_MAX_PARMS;
	BAD(&data.data);
	data = good_data;
	data.data.out = 2;
	BAD(&data.data);
}

Test(capture_check, losses)
{
	struct capture_loss loss = {.h = {.kind = CAPTURE_LOSS, .size = sizeof(loss)}};

	GOOD(&loss);
	loss.reason = CAPTURE_LOSS_REASONS;
	BAD(&loss);
}

Test(capture_check, notes)
{
	struct {
		struct capture_header h;
		char text[8];
	} meta = {.h = {.kind = CAPTURE_META, .size = sizeof(meta)}, .text = "a\0b"};
	const char *key, *value;

	GOOD(&meta);
	capture_meta_text((struct capture_meta *)&meta, &key, &value);
	cr_assert_str_eq(key, "a");
	cr_assert_str_eq(value, "b");
	memcpy(meta.text, "a\0bbbbbb", 8);
	BAD(&meta);
	memcpy(meta.text, "aaaaaaaa", 8);
	BAD(&meta);
	memcpy(meta.text, "aaaaaaa", 8);
	BAD(&meta);
	memcpy(meta.text, "\0a", 3);
	BAD(&meta);
}

Test(capture_check, file_headers)
{
	struct capture_file_header header = {.version = CAPTURE_VERSION,
					     .side = CAPTURE_SIDE_GUEST};

	memcpy(header.magic, CAPTURE_MAGIC, sizeof(header.magic));
	cr_assert_null(capture_check_file_header(&header, 0));
	cr_assert_null(capture_check_file_header(&header, CAPTURE_SIDE_GUEST));
	cr_assert_not_null(capture_check_file_header(&header, CAPTURE_SIDE_HOST));
	header.side = 3;
	cr_assert_not_null(capture_check_file_header(&header, 0));
	header.side = CAPTURE_SIDE_GUEST;
	header.version++;
	cr_assert_not_null(capture_check_file_header(&header, 0));
	header.version--;
	header.magic[0] = 'S' + 1;
	cr_assert_not_null(capture_check_file_header(&header, 0));
}
