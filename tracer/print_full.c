/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line that tells everything about a call, so that the call can be made of it
 * again:
 *
 * 12: 993.482129397 dd[145] client=1 SHFL_FN_CLOSE(root=0, handle=7) = VINF_SUCCESS <3100ns>
 *
 * Before the name: id, start, program, process and (if it is another) thread,
 * client. A number of another type than the function's has it before it, like
 * "64:", memory its size if that is not how much is shown. Behind the status
 * whatever was different after the call, in brackets what most calls have not.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "call_text.h"
#include "hgcm_svc.h"
#include "print_call.h"

#define MANY_ZEROES 8 /* that are counted rather than written */

struct full {
	const struct print_context *context;
	FILE *out;
	const struct trace_call *call;
	const struct shfl_fn_info *info; /* NULL: unknown function */
	int error;
};

struct bytes {
	uint8_t *data;
	uint32_t captured, length;
};

static void print_field(FILE *out, const struct text_field *field, uint64_t value)
{
	switch (field->form) {
	case FORM_CREATE_FLAGS:
		print_flags(out, FLAGS_CREATE, value);
		return;
	case FORM_CREATE_RESULT:
		print_create_result(out, (int32_t)value);
		return;
	case FORM_MODE:
		fprintf(out, "0%" PRIo64, value);
		return;
	case FORM_NUMBER:
		fprintf(out, "%" PRId64, field->size == 4 ? (int32_t)value : (int64_t)value);
		return;
	case FORM_UNSIGNED:
		if (field->size == 8 && value == SHFL_HANDLE_NIL)
			fputs("SHFL_HANDLE_NIL", out);
		else
			fprintf(out, "%" PRIu64, value);
		return;
	}
}

/* The fields that are not 0; separator: before the first. */
static void print_fields(FILE *out, enum text_kind kind, const void *structure,
			 const char *separator)
{
	for (const struct text_field *field = text_fields(kind); field->name; field++) {
		uint64_t value = text_field_get(field, structure);

		if (!value)
			continue;
		fprintf(out, "%s%s=", separator, field->name);
		print_field(out, field, value);
		separator = ", ";
	}
}

static void print_raw(FILE *out, const struct bytes *bytes)
{
	uint32_t shown = bytes->captured;

	while (shown && !bytes->data[shown - 1])
		shown--;
	if (bytes->captured - shown < MANY_ZEROES)
		shown = bytes->captured;
	print_bytes(out, bytes->data, shown, SIZE_MAX);
	if (shown < bytes->captured)
		fprintf(out, "~%" PRIu32, bytes->captured - shown);
	if (bytes->captured < bytes->length)
		fprintf(out, "+%" PRIu32, bytes->length - bytes->captured);
}

/* Whether some memory is just what a text becomes when it is made a string again. */
static bool is_string(const uint8_t *data, size_t size, const char *text, bool utf16)
{
	uint8_t *same = NULL;
	size_t same_size = 0;
	bool is;

	if (!text || text_shflstring(text, utf16, &same, &same_size))
		return false;
	is = same_size == size && !memcmp(same, data, size);
	free(same);
	return is;
}

static bool print_a_string(FILE *out, const uint8_t *data, size_t size, bool utf16)
{
	char *text = trace_shflstring(data, size, utf16);
	bool is = is_string(data, size, text, utf16);

	if (is) {
		fputs(utf16 ? "u" : "", out);
		print_string(out, text);
	}
	free(text);
	return is;
}

/* Bytes of the listing's entry at data; 0: what is there is not an ordinary one. */
static size_t entry_size(const uint8_t *data, size_t left, bool utf16)
{
	static const uint8_t
		no_short_name[offsetof(SHFLDIRINFO, name) - offsetof(SHFLDIRINFO, cucShortName)];
	size_t at = offsetof(SHFLDIRINFO, name), size;
	char *text;
	bool is;

	if (left < SHFLDIRINFO_SIZE(0) || memcmp(data + offsetof(SHFLDIRINFO, cucShortName),
						 no_short_name, sizeof(no_short_name)))
		return 0;
	size = SHFLSTRING_HEADER_SIZE + (data[at] | (size_t)data[at + 1] << 8);
	if (size > left - at)
		return 0;
	text = trace_shflstring(data + at, size, utf16);
	is = is_string(data + at, size, text, utf16);
	free(text);
	return is ? at + size : 0;
}

static bool is_listing(const struct bytes *bytes, bool utf16)
{
	size_t at = 0, size;

	while (at < bytes->captured) {
		size = entry_size(bytes->data + at, bytes->captured - at, utf16);
		if (!size)
			return false;
		at += size;
	}
	return true;
}

static void print_listing(FILE *out, const struct bytes *bytes, bool utf16)
{
	size_t name = offsetof(SHFLDIRINFO, name), size;

	for (size_t at = 0; at < bytes->captured; at += size) {
		const uint8_t *entry = bytes->data + at;

		size = entry_size(entry, bytes->captured - at, utf16);
		fputs(at ? ", {name=" : "{name=", out);
		print_a_string(out, entry + name, size - name, utf16);
		print_fields(out, TEXT_LISTING, entry, ", ");
		fputc('}', out);
	}
}

static void print_mappings(FILE *out, const struct bytes *bytes)
{
	for (size_t at = 0; at < bytes->captured; at += sizeof(SHFLMAPPING)) {
		fputs(at ? ", {" : "{", out);
		print_fields(out, TEXT_MAPPINGS, bytes->data + at, "");
		fputc('}', out);
	}
}

static bool print_array(struct full *f, enum text_kind kind, const struct bytes *bytes)
{
	bool utf16 = f->call->flags & TRACE_F_UTF16;

	if (kind == TEXT_LISTING ? !is_listing(bytes, utf16)
				 : bytes->captured % sizeof(SHFLMAPPING) != 0)
		return false;
	fputc('[', f->out);
	if (kind == TEXT_LISTING)
		print_listing(f->out, bytes, utf16);
	else
		print_mappings(f->out, bytes);
	fputc(']', f->out);
	return true;
}

/* As what it is, if it is just that; false: it has to be written as bytes. */
static bool print_known(struct full *f, enum text_kind kind, const struct bytes *bytes)
{
	if (bytes->captured != bytes->length)
		return false;
	switch (kind) {
	case TEXT_RAW:
		return false;
	case TEXT_STRING:
		return print_a_string(f->out, bytes->data, bytes->captured,
				      f->call->flags & TRACE_F_UTF16);
	case TEXT_LISTING:
	case TEXT_MAPPINGS:
		return print_array(f, kind, bytes);
	case TEXT_CREATE:
	case TEXT_OBJECT:
	case TEXT_VOLUME:
		if (bytes->captured != text_size(kind))
			return false;
		fputc('{', f->out);
		print_fields(f->out, kind, bytes->data, "");
		fputc('}', f->out);
		return true;
	}
	return false;
}

static void print_contents(struct full *f, unsigned parm, const struct bytes *bytes)
{
	enum text_kind kind = text_kind_of(f->call, parm);

	if (print_known(f, kind, bytes))
		return;
	if (kind != TEXT_RAW)
		fputs("raw", f->out);
	print_raw(f->out, bytes);
}

static struct bytes get_bytes(struct full *f, int64_t payload_id)
{
	struct bytes bytes = {0};
	void *data = NULL;
	int rc = payload_id ? trace_get_payload(f->context->trace, payload_id, &data,
						&bytes.captured, &bytes.length)
			    : 0;

	if (rc)
		f->error = rc;
	bytes.data = data;
	return bytes;
}

static const struct shfl_parm_info *parm_info(const struct full *f, unsigned i)
{
	return f->info && i < f->info->n_parms ? &f->info->parms[i] : NULL;
}

static void print_name(struct full *f, unsigned i)
{
	const struct shfl_parm_info *info = parm_info(f, i);

	if (info)
		fprintf(f->out, "%s=", info->name);
	else
		fprintf(f->out, "parm%u=", i);
}

static bool is_integer(uint32_t type)
{
	return type == VBOX_HGCM_SVC_PARM_32BIT || type == VBOX_HGCM_SVC_PARM_64BIT;
}

/* The type, if it is not what one would take it to be. */
static void print_type(struct full *f, unsigned i)
{
	uint32_t type = f->call->parms[i].type;

	if (type == print_usual_type(parm_info(f, i)))
		return;
	if (type == VBOX_HGCM_SVC_PARM_32BIT)
		fputs("32:", f->out);
	else if (type == VBOX_HGCM_SVC_PARM_64BIT)
		fputs("64:", f->out);
	else if (type == VBOX_HGCM_SVC_PARM_PTR)
		fputs("ptr:", f->out);
	else if (type == VBOX_HGCM_SVC_PARM_PAGES)
		fputs("pages:", f->out);
	else
		fprintf(f->out, "type%" PRIu32 ":", type);
}

uint32_t print_usual_type(const struct shfl_parm_info *info)
{
	static const uint32_t types[] = {
		[SHFL_KIND_32BIT] = VBOX_HGCM_SVC_PARM_32BIT,
		[SHFL_KIND_64BIT] = VBOX_HGCM_SVC_PARM_64BIT,
		[SHFL_KIND_PTR] = VBOX_HGCM_SVC_PARM_PTR,
		[SHFL_KIND_DATA] = VBOX_HGCM_SVC_PARM_PTR,
		[SHFL_KIND_ANY] = VBOX_HGCM_SVC_PARM_64BIT,
	};

	return info ? types[info->kind] : UINT32_MAX;
}

static void print_memory_in(struct full *f, unsigned i)
{
	const struct trace_parm *parm = &f->call->parms[i];
	struct bytes in = get_bytes(f, parm->payload_in), out = get_bytes(f, parm->payload_out);
	uint32_t length = in.length > out.length ? in.length : out.length;

	if (!parm->payload_in || parm->size != length)
		fprintf(f->out, "<%" PRIu32 ">", parm->size);
	if (parm->payload_in)
		print_contents(f, i, &in);
	free(in.data);
	free(out.data);
}

static void print_in(struct full *f, unsigned i)
{
	const struct trace_parm *parm = &f->call->parms[i];

	print_name(f, i);
	print_type(f, i);
	if (is_integer(parm->type))
		print_call_integer(f->context, f->call, i);
	else
		print_memory_in(f, i);
}

static void print_out(struct full *f, unsigned i)
{
	const struct trace_parm *parm = &f->call->parms[i];
	struct bytes out;

	if (is_integer(parm->type)) {
		if (parm->out == parm->in)
			return;
		fputc(' ', f->out);
		print_name(f, i);
		fprintf(f->out, "%" PRIu64, parm->out);
		return;
	}
	if (!parm->payload_out)
		return;
	out = get_bytes(f, parm->payload_out);
	fputc(' ', f->out);
	print_name(f, i);
	print_contents(f, i, &out);
	free(out.data);
}

static void print_head(struct full *f)
{
	const struct trace_call *call = f->call;
	bool plain = call->comm[0] != '\0';

	for (const char *c = call->comm; *c; c++)
		plain = plain && *c > 0x20 && *c < 0x7f && !strchr("\"[]()=:", *c);
	fprintf(f->out, "%" PRId64 ": %s%" PRId64 ".%09" PRId64 " ", call->call_id,
		call->start_ns < 0 ? "-" : "", (int64_t)llabs(call->start_ns) / 1000000000,
		(int64_t)llabs(call->start_ns) % 1000000000);
	if (plain)
		fputs(call->comm, f->out);
	else
		print_string(f->out, call->comm);
	fprintf(f->out, "[%" PRIu32, call->pid);
	if (call->tid != call->pid)
		fprintf(f->out, "/%" PRIu32, call->tid);
	fputs("] ", f->out);
	if (call->client)
		fprintf(f->out, "client=%" PRIu32 " ", call->client);
}

static void print_parms(struct full *f)
{
	unsigned n = f->call->n_parms < SHFL_MAX_PARMS ? f->call->n_parms : SHFL_MAX_PARMS;
	bool usual =
		f->info ? f->call->n_parms == f->info->n_parms : f->call->n_parms <= SHFL_MAX_PARMS;
	const char *separator = "";

	if (!usual) {
		fprintf(f->out, "#%" PRIu32, f->call->n_parms);
		separator = ", ";
	}
	for (unsigned i = 0; i < n; i++, separator = ", ") {
		fputs(separator, f->out);
		print_in(f, i);
	}
}

static void print_end(struct full *f)
{
	if (f->call->flags & TRACE_F_UNFINISHED) {
		fputs(" = ?", f->out);
	} else {
		fputs(" = ", f->out);
		print_status(f->out, f->call->status);
	}
	for (unsigned i = 0; i < f->call->n_parms && i < SHFL_MAX_PARMS; i++)
		print_out(f, i);
	if (!(f->call->flags & TRACE_F_UNFINISHED))
		fprintf(f->out, " <%" PRId64 "ns>", f->call->end_ns - f->call->start_ns);
}

static void print_extra(struct full *f, const char **separator, const char *name, int64_t value)
{
	fprintf(f->out, "%s%s=%" PRId64, *separator, name, value);
	*separator = " ";
}

static void print_extras(struct full *f)
{
	const struct trace_call *call = f->call;
	uint32_t flags = call->flags & (TRACE_F_UNREADABLE | TRACE_F_DATA_CUT | TRACE_F_DATA_LOST |
					TRACE_F_SPANS_LOST);
	const char *separator = " [";

	if (call->side != TRACE_SIDE_HOST)
		print_extra(f, &separator, "side", call->side);
	if (call->process)
		print_extra(f, &separator, "process", call->process);
	if (call->guest_start_ns)
		print_extra(f, &separator, "guest_start", call->guest_start_ns);
	if (call->guest_end_ns)
		print_extra(f, &separator, "guest_end", call->guest_end_ns);
	if (call->guest_end_ns && call->guest_status != call->status)
		print_extra(f, &separator, "guest_status", call->guest_status);
	if (flags)
		print_extra(f, &separator, "flaws", flags);
	if (!call->complete && !(call->flags & TRACE_F_UNFINISHED))
		print_extra(f, &separator, "complete", 0);
	if (*separator == ' ' && separator[1] == '\0')
		fputc(']', f->out);
}

int print_call_full(const struct print_context *context, const struct trace_call *call)
{
	struct full f = {.context = context, .out = context->out, .call = call};
	char name[48];

	f.info = call->kind == TRACE_HOST_CALL ? shfl_host_fn_find(call->fn)
		 : call->kind == TRACE_CALL    ? shfl_fn_find(call->fn)
					       : NULL;
	print_head(&f);
	fprintf(f.out, "%s%s(", call->kind == TRACE_HOST_CALL && !f.info ? "host " : "",
		print_call_name(call, name));
	print_parms(&f);
	fputc(')', f.out);
	print_end(&f);
	print_extras(&f);
	fputc('\n', f.out);
	return f.error;
}
