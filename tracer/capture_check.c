/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of capture records: one function a kind, in a table.
 */
#include "capture_check.h"

#include <string.h>

struct record_check {
	uint32_t min; /* bytes */
	uint32_t max;
	const char *(*check)(const struct capture_header *header);
};

static const char *check_call(const struct capture_header *header)
{
	const struct capture_call *call = (const struct capture_call *)header;

	if (call->n_spans > CAPTURE_MAX_SPANS)
		return "more spans than a call can have";
	if (header->size != sizeof(*call) + call->n_spans * sizeof(call->spans[0]))
		return "the number of spans does not fit the record's size";
	for (uint32_t i = 0; i < call->n_spans; i++)
		if (call->spans[i].parent != 0xff && call->spans[i].parent >= i)
			return "a span's parent does not stand before it";
	return memchr(call->comm, '\0', sizeof(call->comm)) ? NULL : "unterminated command name";
}

static const char *check_op(const struct capture_header *header)
{
	const struct capture_op *op = (const struct capture_op *)header;

	if (header->size > sizeof(*op) && ((const char *)op)[header->size - 1])
		return "unterminated names of a file";
	return memchr(op->comm, '\0', sizeof(op->comm)) ? NULL : "unterminated command name";
}

static const char *check_data(const struct capture_header *header)
{
	const struct capture_data *data = (const struct capture_data *)header;

	if (data->length > CAPTURE_CHUNK_MAX ||
	    header->size != ((sizeof(*data) + data->length + 7) & ~(size_t)7))
		return "the payload's length does not fit the record's size";
	if (data->offset > data->total || data->length > data->total - data->offset)
		return "the payload's chunk lies outside of the payload";
	if (data->parm >= SHFL_MAX_PARMS || data->out > 1)
		return "payload of a parameter that does not exist";
	return NULL;
}

static const char *check_loss(const struct capture_header *header)
{
	const struct capture_loss *loss = (const struct capture_loss *)header;

	return loss->reason < CAPTURE_LOSS_REASONS ? NULL : "unknown reason of a loss";
}

static const char *check_meta(const struct capture_header *header)
{
	const char *text = ((const struct capture_meta *)header)->text;
	size_t room = header->size - sizeof(*header);
	const char *end = memchr(text, '\0', room);

	if (!end || end == text || !memchr(end + 1, '\0', room - (size_t)(end + 1 - text)))
		return "a note without key and value";
	return NULL;
}

static const char *check_end(const struct capture_header *header)
{
	(void)header;
	return NULL;
}

static const struct record_check checks[] = {
	[CAPTURE_CALL] = {sizeof(struct capture_call), CAPTURE_RECORD_MAX, check_call},
	[CAPTURE_HOST_CALL] = {sizeof(struct capture_call), CAPTURE_RECORD_MAX, check_call},
	[CAPTURE_CONNECT] = {sizeof(struct capture_call), CAPTURE_RECORD_MAX, check_call},
	[CAPTURE_DISCONNECT] = {sizeof(struct capture_call), CAPTURE_RECORD_MAX, check_call},
	[CAPTURE_OP] = {sizeof(struct capture_op), sizeof(struct capture_op) + CAPTURE_OP_NAMES_MAX,
			check_op},
	[CAPTURE_DATA] = {sizeof(struct capture_data), CAPTURE_RECORD_MAX, check_data},
	[CAPTURE_LOSS] = {sizeof(struct capture_loss), sizeof(struct capture_loss), check_loss},
	[CAPTURE_META] = {sizeof(struct capture_header) + 8, CAPTURE_META_MAX, check_meta},
	[CAPTURE_END] = {sizeof(struct capture_header), sizeof(struct capture_header), check_end},
};

static const struct record_check *find_check(uint16_t kind)
{
	if (kind >= sizeof(checks) / sizeof(checks[0]) || !checks[kind].check)
		return NULL;
	return &checks[kind];
}

const char *capture_check_file_header(const struct capture_file_header *header, uint32_t side)
{
	if (memcmp(header->magic, CAPTURE_MAGIC, sizeof(header->magic)))
		return "it does not begin like a recording";
	if (header->version != CAPTURE_VERSION)
		return "it is of another version of sftrace";
	if (header->side != CAPTURE_SIDE_GUEST && header->side != CAPTURE_SIDE_HOST)
		return "it is of neither guest nor host";
	if (side && header->side != side)
		return "it is of the other side";
	return NULL;
}

const char *capture_check_size(const struct capture_header *header)
{
	const struct record_check *check = find_check(header->kind);

	if (header->size < sizeof(*header) || header->size % 8 || header->size > CAPTURE_RECORD_MAX)
		return "impossible size of a record";
	if (check && (header->size < check->min || header->size > check->max))
		return "the record's size does not fit its kind";
	return NULL;
}

const char *capture_check_record(const struct capture_header *header)
{
	const struct record_check *check = find_check(header->kind);
	const char *problem = capture_check_size(header);

	if (problem || !check)
		return problem;
	return check->check(header);
}

void capture_meta_text(const struct capture_meta *meta, const char **ret_key,
		       const char **ret_value)
{
	*ret_key = meta->text;
	*ret_value = meta->text + strlen(meta->text) + 1;
}

void capture_meta_make(const char *key, const char *value, union capture_meta_record *ret)
{
	size_t room = sizeof(ret->bytes) - sizeof(ret->h);
	size_t key_size = strnlen(key, room / 2) + 1;
	size_t length = strnlen(value, room - key_size - 1);
	char *to = ret->bytes + sizeof(ret->h);

	memset(ret, 0, sizeof(*ret));
	memcpy(to, key, key_size - 1);
	memcpy(to + key_size, value, length);
	ret->h.kind = CAPTURE_META;
	ret->h.size = (uint32_t)((sizeof(ret->h) + key_size + length + 1 + 7) & ~(size_t)7);
}
