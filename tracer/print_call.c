/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "12.345678 dd[412] SHFL_FN_CLOSE(root=0, handle=7 "/a") = VINF_SUCCESS <3.1us>":
 * how a parameter looks depends on its role; each role has a function for what
 * goes in and one for what comes out.
 */
#include "print_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hgcm_svc.h"
#include "print_value.h"

#define LIST_NAMES 5 /* of a listing that are shown */

/* A parameter on its way to the paper. */
struct printing {
	const struct print_context *context;
	const struct trace_call *call;
	const struct shfl_fn_info *info; /* NULL: unknown function */
	int idx;
	const char *separator; /* to put before the next thing */
	int error;
};

struct memory {
	void *data; /* NULL: not captured */
	uint32_t captured;
	uint32_t length;
};

typedef void print_role(struct printing *p);

static const struct trace_parm *parm_of(const struct printing *p)
{
	return &p->call->parms[p->idx];
}

static FILE *out_of(const struct printing *p)
{
	return p->context->out;
}

static bool is_integer(const struct trace_parm *parm)
{
	return parm->type == VBOX_HGCM_SVC_PARM_32BIT || parm->type == VBOX_HGCM_SVC_PARM_64BIT;
}

/* "NAME=", with what separates it from the one before. */
static void begin(struct printing *p, const char *name)
{
	fprintf(out_of(p), "%s%s=", p->separator, name);
	p->separator = p->separator[0] == ' ' ? " " : ", ";
}

static void begin_parm(struct printing *p)
{
	char number[16];

	if (p->info && p->idx < p->info->n_parms) {
		begin(p, p->info->parms[p->idx].name);
		return;
	}
	snprintf(number, sizeof(number), "parm%d", p->idx);
	begin(p, number);
}

static struct memory get_memory(struct printing *p, bool out)
{
	int64_t id = out ? parm_of(p)->payload_out : parm_of(p)->payload_in;
	struct memory memory = {0};
	int rc = id ? trace_get_payload(p->context->trace, id, &memory.data, &memory.captured,
					&memory.length)
		    : 0;

	if (rc)
		p->error = rc;
	return memory;
}

/* Numbers. */

static void print_number(struct printing *p, uint64_t value)
{
	fprintf(out_of(p), "%" PRIu64, value);
}

static void in_number(struct printing *p)
{
	begin_parm(p);
	if (is_integer(parm_of(p)))
		print_number(p, parm_of(p)->in);
	else
		fprintf(out_of(p), "<%" PRIu32 " bytes>", parm_of(p)->size);
}

static void out_number(struct printing *p)
{
	if (!is_integer(parm_of(p)))
		return;
	begin_parm(p);
	print_number(p, parm_of(p)->out);
}

static void in_handle(struct printing *p)
{
	if (!is_integer(parm_of(p))) {
		in_number(p);
		return;
	}
	begin_parm(p);
	if (parm_of(p)->in == SHFL_HANDLE_NIL)
		fputs("SHFL_HANDLE_NIL", out_of(p));
	else
		print_number(p, parm_of(p)->in);
	if (p->call->path && shfl_parm_find(p->info, SHFL_ROLE_PATH) < 0 &&
	    shfl_parm_find(p->info, SHFL_ROLE_HANDLE) == p->idx) {
		fputc(' ', out_of(p));
		print_string(out_of(p), p->call->path);
	}
}

static void print_delimiter(struct printing *p, uint64_t value)
{
	if (value >= 0x20 && value < 0x7f)
		fprintf(out_of(p), "'%c'", (char)value);
	else
		print_number(p, value);
}

static void in_delimiter(struct printing *p)
{
	begin_parm(p);
	print_delimiter(p, parm_of(p)->in);
}

/* Which names the flags of a function have, in and out. */
static const struct {
	uint32_t fn;
	bool host;
	uint8_t idx;
	enum flag_set in, out;
} flag_parms[] = {
	{SHFL_FN_QUERY_MAPPINGS, false, 0, FLAGS_QUERY_MAPPINGS, 0},
	{SHFL_FN_LOCK, false, 4, FLAGS_LOCK, 0},
	{SHFL_FN_LIST, false, 2, FLAGS_LIST, 0},
	{SHFL_FN_INFORMATION, false, 2, FLAGS_INFORMATION, 0},
	{SHFL_FN_REMOVE, false, 2, FLAGS_REMOVE, 0},
	{SHFL_FN_RENAME, false, 3, FLAGS_RENAME, 0},
	{SHFL_FN_QUERY_MAP_INFO, false, 3, FLAGS_MAP_INFO_IN, FLAGS_MAP_INFO_OUT},
	{SHFL_FN_QUERY_FEATURES, false, 0, 0, FLAGS_FEATURES},
	{SHFL_FN_CLOSE_AND_REMOVE, false, 2, FLAGS_REMOVE, 0},
	{SHFL_FN_SET_ERROR_STYLE, false, 0, FLAGS_ERROR_STYLE, 0},
	{SHFL_FN_ADD_MAPPING, true, 2, FLAGS_ADD_MAPPING, 0},
};

static enum flag_set find_flags(const struct printing *p, bool out)
{
	bool host = p->call->kind == TRACE_HOST_CALL;

	for (size_t i = 0; i < sizeof(flag_parms) / sizeof(flag_parms[0]); i++)
		if (flag_parms[i].fn == p->call->fn && flag_parms[i].host == host &&
		    flag_parms[i].idx == p->idx)
			return out ? flag_parms[i].out : flag_parms[i].in;
	return 0;
}

static void in_flags(struct printing *p)
{
	enum flag_set set = find_flags(p, false);

	if (!set || !is_integer(parm_of(p))) {
		in_number(p);
		return;
	}
	begin_parm(p);
	print_flags(out_of(p), set, parm_of(p)->in);
}

static void out_flags(struct printing *p)
{
	enum flag_set set = find_flags(p, true);

	if (!set || !is_integer(parm_of(p))) {
		out_number(p);
		return;
	}
	begin_parm(p);
	print_flags(out_of(p), set, parm_of(p)->out);
}

/* Strings and bytes. */

static void print_shflstring(struct printing *p, const struct memory *memory)
{
	bool utf16 = p->call->flags & TRACE_F_UTF16;
	char *text = trace_shflstring(memory->data, memory->captured, utf16);

	if (text)
		print_string(out_of(p), text);
	else if (memory->data)
		print_bytes(out_of(p), memory->data, memory->captured, p->context->strlen);
	else
		fputs(parm_of(p)->size ? "..." : "NULL", out_of(p));
	free(text);
}

static void in_string(struct printing *p)
{
	struct memory memory = get_memory(p, false);

	begin_parm(p);
	print_shflstring(p, &memory);
	free(memory.data);
}

static void out_string(struct printing *p)
{
	struct memory memory = get_memory(p, true);

	if (memory.data) {
		begin_parm(p);
		print_shflstring(p, &memory);
	}
	free(memory.data);
}

static void print_memory(struct printing *p, const struct memory *memory)
{
	if (!memory->data)
		fputs("...", out_of(p));
	else if (memory->captured < memory->length && memory->captured <= p->context->strlen) {
		print_bytes(out_of(p), memory->data, memory->captured, memory->captured);
		fputs("...", out_of(p));
	} else {
		print_bytes(out_of(p), memory->data, memory->captured, p->context->strlen);
	}
}

static void in_bytes(struct printing *p)
{
	struct memory memory = get_memory(p, false);

	begin_parm(p);
	print_memory(p, &memory);
	free(memory.data);
}

static void out_bytes(struct printing *p)
{
	struct memory memory = get_memory(p, true);

	if (memory.data) {
		begin_parm(p);
		print_memory(p, &memory);
	}
	free(memory.data);
}

static void out_link_text(struct printing *p)
{
	struct memory memory = get_memory(p, true);

	if (memory.data) {
		begin_parm(p);
		print_bytes(out_of(p), memory.data, strnlen(memory.data, memory.captured),
			    SIZE_MAX);
	}
	free(memory.data);
}

/* Structures. */

static void print_mode(struct printing *p, uint32_t mode)
{
	fprintf(out_of(p), "mode=0%o", mode & RTFS_UNIX_MASK);
}

static void in_create(struct printing *p)
{
	struct memory memory = get_memory(p, false);
	SHFLCREATEPARMS parms;

	begin_parm(p);
	if (memory.data && memory.captured >= sizeof(parms)) {
		memcpy(&parms, memory.data, sizeof(parms));
		fputs("{flags=", out_of(p));
		print_flags(out_of(p), FLAGS_CREATE, parms.CreateFlags);
		fputs(", ", out_of(p));
		print_mode(p, parms.Info.Attr.fMode);
		fputc('}', out_of(p));
	} else {
		print_memory(p, &memory);
	}
	free(memory.data);
}

static void out_create(struct printing *p)
{
	struct memory memory = get_memory(p, true);
	SHFLCREATEPARMS parms;

	if (memory.data && memory.captured >= sizeof(parms)) {
		memcpy(&parms, memory.data, sizeof(parms));
		begin(p, "result");
		print_create_result(out_of(p), parms.Result);
		if (parms.Handle && parms.Handle != SHFL_HANDLE_NIL && p->call->status >= 0) {
			begin(p, "handle");
			print_number(p, parms.Handle);
		}
		if (parms.Result >= SHFL_FILE_EXISTS) {
			fputs(p->separator, out_of(p));
			print_mode(p, parms.Info.Attr.fMode);
			begin(p, "size");
			fprintf(out_of(p), "%" PRId64, parms.Info.cbObject);
		}
	}
	free(memory.data);
}

static void print_object(struct printing *p, const struct memory *memory)
{
	SHFLFSOBJINFO info;

	if (!memory->data || memory->captured < sizeof(info)) {
		print_memory(p, memory);
		return;
	}
	memcpy(&info, memory->data, sizeof(info));
	fputc('{', out_of(p));
	print_mode(p, info.Attr.fMode);
	fprintf(out_of(p), ", size=%" PRId64 ", mtime=%" PRId64 ".%09" PRId64 "}", info.cbObject,
		info.ModificationTime / 1000000000,
		(int64_t)llabs(info.ModificationTime % 1000000000));
}

static void print_volume(struct printing *p, const struct memory *memory)
{
	SHFLVOLINFO info;

	if (!memory->data || memory->captured < sizeof(info)) {
		print_memory(p, memory);
		return;
	}
	memcpy(&info, memory->data, sizeof(info));
	fprintf(out_of(p), "{total=%" PRId64 ", available=%" PRId64 ", unit=%" PRIu32 "}",
		info.ullTotalAllocationBytes, info.ullAvailableAllocationBytes,
		info.ulBytesPerAllocationUnit);
}

static void print_info(struct printing *p, const struct memory *memory)
{
	int flags = shfl_parm_find(p->info, SHFL_ROLE_FLAGS);

	if (flags >= 0 &&
	    (p->call->parms[flags].in & (SHFL_INFO_VOLUME | SHFL_INFO_FILE)) == SHFL_INFO_VOLUME)
		print_volume(p, memory);
	else
		print_object(p, memory);
}

static void in_info(struct printing *p)
{
	int flags = shfl_parm_find(p->info, SHFL_ROLE_FLAGS);
	struct memory memory = {0};

	begin_parm(p);
	if (flags >= 0 && p->call->parms[flags].in & SHFL_INFO_SET) {
		memory = get_memory(p, false);
		print_info(p, &memory);
	} else {
		fputs("...", out_of(p));
	}
	free(memory.data);
}

static void out_info(struct printing *p)
{
	struct memory memory = get_memory(p, true);

	if (memory.data) {
		begin_parm(p);
		print_info(p, &memory);
	}
	free(memory.data);
}

static void out_object(struct printing *p)
{
	struct memory memory = get_memory(p, true);

	if (memory.data) {
		begin_parm(p);
		print_object(p, &memory);
	}
	free(memory.data);
}

/* The names in a listing; those that do not fit the line are counted. */
static void print_listing(struct printing *p, const struct memory *memory)
{
	const uint8_t *bytes = memory->data;
	size_t at = 0, n = 0, name = offsetof(SHFLDIRINFO, name);
	bool utf16 = p->call->flags & TRACE_F_UTF16;

	fputc('[', out_of(p));
	while (memory->captured - at > name + SHFLSTRING_HEADER_SIZE) {
		size_t size = bytes[at + name] | (size_t)bytes[at + name + 1] << 8;
		size_t left = memory->captured - at - name;
		char *text;

		if (n++ < LIST_NAMES) {
			text = trace_shflstring(bytes + at + name, left, utf16);
			fputs(n > 1 ? ", " : "", out_of(p));
			print_string(out_of(p), text ? text : "?");
			free(text);
		}
		if (SHFLSTRING_HEADER_SIZE + size > left)
			break;
		at += name + SHFLSTRING_HEADER_SIZE + size;
	}
	if (n > LIST_NAMES)
		fprintf(out_of(p), ", and %zu more", n - LIST_NAMES);
	fputc(']', out_of(p));
}

static void out_list(struct printing *p)
{
	struct memory memory = get_memory(p, true);

	if (memory.data) {
		begin_parm(p);
		print_listing(p, &memory);
	}
	free(memory.data);
}

static void out_mappings(struct printing *p)
{
	struct memory memory = get_memory(p, true);
	SHFLMAPPING mapping;

	if (memory.data) {
		begin_parm(p);
		fputc('[', out_of(p));
		for (size_t at = 0; at + sizeof(mapping) <= memory.captured;
		     at += sizeof(mapping)) {
			memcpy(&mapping, (char *)memory.data + at, sizeof(mapping));
			fprintf(out_of(p), "%s%" PRIu32, at ? ", " : "", mapping.root);
		}
		fputc(']', out_of(p));
	}
	free(memory.data);
}

static const struct {
	print_role *in;
	print_role *out; /* NULL: what comes out is not worth a word */
} roles[] = {
	[SHFL_ROLE_NONE] = {in_bytes, out_bytes},
	[SHFL_ROLE_ROOT] = {in_number, out_number},
	[SHFL_ROLE_HANDLE] = {in_handle, NULL},
	[SHFL_ROLE_OFFSET] = {in_number, NULL},
	[SHFL_ROLE_LENGTH] = {in_number, NULL},
	[SHFL_ROLE_COUNT] = {in_number, out_number},
	[SHFL_ROLE_FLAGS] = {in_flags, out_flags},
	[SHFL_ROLE_DELIMITER] = {in_delimiter, NULL},
	[SHFL_ROLE_RESUME] = {in_number, out_number},
	[SHFL_ROLE_ENTRIES] = {in_number, out_number},
	[SHFL_ROLE_VERSION] = {in_number, out_number},
	[SHFL_ROLE_PATH] = {in_string, NULL},
	[SHFL_ROLE_PATTERN] = {in_string, NULL},
	[SHFL_ROLE_NAME] = {in_string, out_string},
	[SHFL_ROLE_TARGET] = {in_string, NULL},
	[SHFL_ROLE_LINK_TEXT] = {in_bytes, out_link_text},
	[SHFL_ROLE_DATA] = {in_bytes, out_bytes},
	[SHFL_ROLE_CREATE_PARMS] = {in_create, out_create},
	[SHFL_ROLE_LIST_BUFFER] = {in_bytes, out_list},
	[SHFL_ROLE_INFO_BUFFER] = {in_info, out_info},
	[SHFL_ROLE_OBJ_INFO] = {in_bytes, out_object},
	[SHFL_ROLE_MAPPINGS] = {in_bytes, out_mappings},
	[SHFL_ROLE_LED] = {in_bytes, NULL},
};

void print_call_integer(const struct print_context *context, const struct trace_call *call,
			unsigned parm)
{
	struct printing p = {.context = context, .call = call, .idx = (int)parm};
	const struct trace_parm *value = &call->parms[parm];
	enum flag_set set = find_flags(&p, false);
	const struct shfl_fn_info *info = shfl_fn_find(call->fn);

	if (set)
		print_flags(context->out, set, value->in);
	else if (call->kind == TRACE_CALL && info && parm < info->n_parms &&
		 info->parms[parm].role == SHFL_ROLE_DELIMITER)
		print_delimiter(&p, value->in);
	else
		print_number(&p, value->in);
}

/* Parameters that nobody knows: numbers as numbers, memory as bytes. */
static void in_unknown(struct printing *p)
{
	if (is_integer(parm_of(p)))
		in_number(p);
	else
		in_bytes(p);
}

/* A number where the protocol wants memory. */
static bool is_misplaced(const struct printing *p, const struct shfl_parm_info *parm)
{
	return (parm->kind == SHFL_KIND_PTR || parm->kind == SHFL_KIND_DATA) &&
	       is_integer(parm_of(p));
}

static void print_in(struct printing *p)
{
	const struct shfl_parm_info *parm =
		p->info && p->idx < p->info->n_parms ? &p->info->parms[p->idx] : NULL;

	if (!parm || is_misplaced(p, parm))
		in_unknown(p);
	else if (parm->direction & SHFL_DIR_IN)
		roles[parm->role].in(p);
	else if (!is_integer(parm_of(p))) {
		begin_parm(p);
		fputs("...", out_of(p));
	}
}

static void print_out(struct printing *p)
{
	const struct shfl_parm_info *parm =
		p->info && p->idx < p->info->n_parms ? &p->info->parms[p->idx] : NULL;

	if (parm && !is_misplaced(p, parm) && parm->direction & SHFL_DIR_OUT &&
	    roles[parm->role].out)
		roles[parm->role].out(p);
}

/* Lines. */

static int n_parms_of(const struct trace_call *call)
{
	return call->n_parms < SHFL_MAX_PARMS ? (int)call->n_parms : SHFL_MAX_PARMS;
}

static void print_arguments(struct printing *p)
{
	p->separator = "";
	if (p->call->kind == TRACE_CONNECT || p->call->kind == TRACE_DISCONNECT) {
		begin(p, "client");
		print_number(p, p->call->client);
	}
	if (p->call->kind == TRACE_CONNECT && p->call->n_parms) {
		begin(p, "requestor");
		fprintf(out_of(p), "0x%" PRIx64, p->call->parms[0].in);
		return;
	}
	for (p->idx = 0; p->idx < n_parms_of(p->call); p->idx++)
		print_in(p);
	if (p->call->n_parms > SHFL_MAX_PARMS)
		fprintf(out_of(p), ", and %" PRIu32 " more", p->call->n_parms - SHFL_MAX_PARMS);
}

/* What came out. Of a call that failed only why a CREATE did. */
static void print_results(struct printing *p)
{
	p->separator = " ";
	for (p->idx = 0; p->idx < n_parms_of(p->call); p->idx++) {
		bool create = p->info && p->idx < p->info->n_parms &&
			      p->info->parms[p->idx].role == SHFL_ROLE_CREATE_PARMS;

		if (p->call->status >= 0 || create)
			print_out(p);
	}
}

static int print_open_hops(struct printing *p)
{
	static const char sql[] = "SELECT hop FROM spans WHERE call_id = ? AND exit_ns IS NULL"
				  " ORDER BY idx";
	sqlite3_stmt *stmt = NULL;
	const char *separator = ", in ";
	int rc = sqlite3_prepare_v2(trace_db(p->context->trace), sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		sqlite3_bind_int64(stmt, 1, p->call->call_id);
	while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		const char *hop = (const char *)sqlite3_column_text(stmt, 0);

		fprintf(out_of(p), "%s%s", separator, hop ? hop : "?");
		separator = " > ";
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : -EUCLEAN;
}

static void print_flaws(struct printing *p)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} flaws[] = {
		{TRACE_F_UNREADABLE, "parameters unreadable"},
		{TRACE_F_DATA_LOST, "data lost"},
		{TRACE_F_SPANS_LOST, "spans lost"},
	};

	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++)
		if (p->call->flags & flaws[i].flag)
			fprintf(out_of(p), " [%s]", flaws[i].text);
	if (p->call->side == TRACE_SIDE_BOTH && p->call->guest_end_ns &&
	    p->call->guest_status != p->call->status && !(p->call->flags & TRACE_F_UNFINISHED)) {
		fputs(" [guest got ", out_of(p));
		print_status(out_of(p), p->call->guest_status);
		fputc(']', out_of(p));
	}
}

static void print_end(struct printing *p)
{
	const struct trace_call *call = p->call;

	if (call->flags & TRACE_F_UNFINISHED) {
		fputs(" = ? <unfinished after ", out_of(p));
		print_duration(out_of(p), p->context->last_ns - call->start_ns);
		if (print_open_hops(p))
			p->error = -EUCLEAN;
		fputc('>', out_of(p));
		return;
	}
	fputs(" = ", out_of(p));
	print_status(out_of(p), call->status);
	print_results(p);
	fputs(" <", out_of(p));
	print_duration(out_of(p), call->end_ns - call->start_ns);
	fputc('>', out_of(p));
}

const char *print_call_name(const struct trace_call *call, char buffer[48])
{
	const struct shfl_fn_info *info = call->kind == TRACE_HOST_CALL
						  ? shfl_host_fn_find(call->fn)
						  : shfl_fn_find(call->fn);

	if (call->kind == TRACE_CONNECT)
		return "connect";
	if (call->kind == TRACE_DISCONNECT)
		return "disconnect";
	if (info)
		snprintf(buffer, 48, "SHFL_FN_%s", info->name);
	else
		snprintf(buffer, 48, "SHFL_FN_%" PRIu32, call->fn);
	return buffer;
}

/* A program's name is anything: what would spoil the terminal is replaced. */
static void print_task(FILE *out, const struct trace_call *call)
{
	for (const char *c = call->comm; *c; c++)
		fputc(*c > 0x20 && *c < 0x7f ? *c : '?', out);
	fprintf(out, "[%" PRIu32 "]", call->pid);
}

int print_call(const struct print_context *context, const struct trace_call *call)
{
	struct printing p = {.context = context, .call = call};
	int64_t since_us = (call->start_ns - context->first_ns) / 1000;
	char name[48];

	p.info = call->kind == TRACE_CALL	 ? shfl_fn_find(call->fn)
		 : call->kind == TRACE_HOST_CALL ? shfl_host_fn_find(call->fn)
						 : NULL;
	fprintf(context->out, "%s%" PRId64 ".%06" PRId64 " ", since_us < 0 ? "-" : "",
		(int64_t)llabs(since_us) / 1000000, (int64_t)llabs(since_us) % 1000000);
	print_task(context->out, call);
	fprintf(context->out, " %s(", print_call_name(call, name));
	print_arguments(&p);
	fputc(')', context->out);
	print_end(&p);
	print_flaws(&p);
	fputc('\n', context->out);
	return p.error;
}
