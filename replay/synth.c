/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line is read into a draft of the call, in which everything may still be
 * missing; then what is missing is filled in, and the payload stored.
 */
#include "synth.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call_text.h"
#include "hgcm_svc.h"
#include "map.h"
#include "print_call.h"
#include "scan.h"

#define USUAL_NS 1000 /* duration of a call, and time between two */
#define MAX_NS (INT64_MAX / 8)
#define NAME_ROOM (SHFLSTRING_HEADER_SIZE + 2 * SHFL_MAX_LEN)
#define LINK_ROOM 4096
#define LIST_ROOM 16384

struct draft_memory {
	bool given;
	struct scan_bytes bytes;
	uint32_t missing; /* bytes of it that were not captured */
};

struct draft_parm {
	bool given, typed, sized, has_out, wanted; /* wanted: "...", there is memory */
	uint32_t type, size;
	uint64_t in, out;
	struct draft_memory before, after;
};

struct synth {
	struct trace *trace;
	struct scan scan;
	struct trace_call call;
	const struct shfl_fn_info *info;
	struct draft_parm parms[SHFL_MAX_PARMS];
	bool counted; /* #N was given */
	bool numbered; /* its id was given: print wrote it */
	unsigned n_given;
	bool timed;
	int64_t last_id, last_ns;
	uint32_t client; /* that connected last */
	uint32_t root; /* that was mapped last */
	uint64_t handle; /* that was opened last and is not closed; or SHFL_HANDLE_NIL */
	struct map utf16; /* clients that connected and did not say SET_UTF8 */
	char *incomplete;
};

/* Numbers. */

static bool find_number(const char *word, uint64_t *ret)
{
	if (!strcmp(word, "SHFL_HANDLE_NIL"))
		*ret = SHFL_HANDLE_NIL;
	else if (!strcmp(word, "SHFL_ROOT_NIL"))
		*ret = SHFL_ROOT_NIL;
	else
		return find_flag(word, ret) || find_create_result(word, ret);
	return true;
}

static bool read_one_number(struct synth *s, uint64_t *ret)
{
	char word[SCAN_WORD];

	if (isdigit((unsigned char)*s->scan.at) || *s->scan.at == '-')
		return scan_number(&s->scan, ret);
	if (scan_is(&s->scan, "'")) {
		if (!*s->scan.at)
			return scan_fail(&s->scan, "a character is missing");
		*ret = (uint8_t)*s->scan.at++;
		return scan_expect(&s->scan, "'");
	}
	if (!scan_word(&s->scan, word))
		return scan_fail(&s->scan, "a value should stand before '%.20s'", s->scan.at);
	return find_number(word, ret) || scan_fail(&s->scan, "no such value: %s", word);
}

/* "A|B|0x80" */
static bool read_number(struct synth *s, uint64_t *ret)
{
	*ret = 0;
	do {
		uint64_t value;

		if (!read_one_number(s, &value))
			return false;
		*ret |= value;
	} while (scan_is(&s->scan, "|"));
	return true;
}

/* Memory. */

static bool read_field(struct synth *s, const struct text_field *field, void *structure)
{
	const char *dot = s->scan.at + strspn(s->scan.at, "-0123456789");
	uint64_t value;
	int64_t ns;

	if (field->form == FORM_NUMBER && *dot == '.') {
		if (!scan_seconds(&s->scan, &ns))
			return false;
		value = (uint64_t)ns;
	} else if (!read_number(s, &value)) {
		return false;
	}
	text_field_put(field, structure, value);
	return true;
}

static const struct text_field *find_field(enum text_kind kind, const char *name)
{
	const struct text_field *field = text_fields(kind);

	while (field->name && strcmp(field->name, name) != 0)
		field++;
	return field->name ? field : NULL;
}

/* "a=1, b=2}": the structure behind its brace; name: of a listing's entry. */
static bool read_fields(struct synth *s, enum text_kind kind, void *structure,
			struct scan_bytes *name, bool *utf16)
{
	char word[SCAN_WORD];

	while (!scan_is(&s->scan, "}")) {
		const struct text_field *field;

		if (!scan_word(&s->scan, word) || !scan_expect(&s->scan, "="))
			return scan_fail(&s->scan, "a field should stand before '%.20s'",
					 s->scan.at);
		if (name && !strcmp(word, "name")) {
			*utf16 = scan_is(&s->scan, "u");
			if (!scan_quoted(&s->scan, name))
				return false;
		} else {
			field = find_field(kind, word);
			if (!field)
				return scan_fail(&s->scan, "no such field: %s", word);
			if (!read_field(s, field, structure))
				return false;
		}
		if (!scan_is(&s->scan, ",") && *s->scan.at != '}')
			return scan_fail(&s->scan, "'}' should stand before '%.20s'", s->scan.at);
		scan_spaces(&s->scan);
	}
	return true;
}

static bool read_structure(struct synth *s, enum text_kind kind, struct scan_bytes *bytes)
{
	uint8_t structure[256] = {0};

	return read_fields(s, kind, structure, NULL, NULL) &&
	       scan_append(&s->scan, bytes, structure, text_size(kind));
}

/* Makes a string of the text in quotes. */
static bool append_string(struct synth *s, struct scan_bytes *text, bool utf16,
			  struct scan_bytes *bytes)
{
	uint8_t *string;
	size_t size;
	bool ok = scan_append(&s->scan, text, "", 1);

	if (!ok)
		return false;
	if (memchr(text->data, '\0', text->n - 1))
		return scan_fail(&s->scan, "a string with \\0 in it: write it as raw\"...\"");
	if (text_shflstring((char *)text->data, utf16, &string, &size))
		return scan_fail(&s->scan, "the string is too long, or no UTF-8");
	ok = scan_append(&s->scan, bytes, string, size);
	free(string);
	return ok;
}

static bool read_string(struct synth *s, bool utf16, struct scan_bytes *bytes)
{
	struct scan_bytes text = {0};
	bool ok = scan_quoted(&s->scan, &text) && append_string(s, &text, utf16, bytes);

	free(text.data);
	return ok;
}

static bool read_entry(struct synth *s, struct scan_bytes *bytes)
{
	SHFLDIRINFO entry = {0};
	struct scan_bytes name = {0};
	bool utf16 = false, ok;

	if (scan_is(&s->scan, "{")) {
		ok = read_fields(s, TEXT_LISTING, &entry, &name, &utf16);
	} else {
		utf16 = scan_is(&s->scan, "u");
		ok = scan_quoted(&s->scan, &name);
	}
	ok = ok && scan_append(&s->scan, bytes, &entry, offsetof(SHFLDIRINFO, name)) &&
	     append_string(s, &name, utf16, bytes);
	free(name.data);
	return ok;
}

static bool read_mapping(struct synth *s, struct scan_bytes *bytes)
{
	SHFLMAPPING mapping = {.u32Status = SHFL_MS_NEW};

	if (scan_is(&s->scan, "{"))
		return read_structure(s, TEXT_MAPPINGS, bytes);
	return scan_u32(&s->scan, UINT32_MAX, &mapping.root) &&
	       scan_append(&s->scan, bytes, &mapping, sizeof(mapping));
}

static bool read_array(struct synth *s, enum text_kind kind, struct scan_bytes *bytes)
{
	while (!scan_is(&s->scan, "]")) {
		if (!(kind == TEXT_LISTING ? read_entry(s, bytes) : read_mapping(s, bytes)))
			return false;
		if (!scan_is(&s->scan, ",") && *s->scan.at != ']')
			return scan_fail(&s->scan, "']' should stand before '%.20s'", s->scan.at);
		scan_spaces(&s->scan);
		if (!strncmp(s->scan.at, "and ", 4))
			return scan_fail(&s->scan, "the list is cut short: print it with --full");
	}
	return true;
}

/* "..."~N+N: bytes, zeroes, bytes that were not captured. */
static bool read_raw(struct synth *s, struct draft_memory *memory)
{
	static const uint8_t zeroes[4096];
	uint32_t n = 0;

	if (!scan_quoted(&s->scan, &memory->bytes))
		return false;
	if (scan_is(&s->scan, "~") && !scan_u32(&s->scan, 1u << 28, &n))
		return false;
	for (uint32_t part; n; n -= part) {
		part = n < sizeof(zeroes) ? n : sizeof(zeroes);
		if (!scan_append(&s->scan, &memory->bytes, zeroes, part))
			return false;
	}
	return !scan_is(&s->scan, "+") || scan_u32(&s->scan, 1u << 30, &memory->missing);
}

/* Strings are what the client said that they are; what print wrote says it of each. */
static bool strings_are_utf16(const struct synth *s)
{
	return s->call.kind == TRACE_HOST_CALL ||
	       (!s->numbered && map_get(&s->utf16, s->call.client));
}

static bool read_contents(struct synth *s, unsigned i, struct draft_memory *memory)
{
	enum text_kind kind = text_kind_of(&s->call, i);
	struct scan *scan = &s->scan;

	memory->given = true;
	if (kind == TEXT_RAW || scan_is(scan, "raw"))
		return read_raw(s, memory);
	if (kind == TEXT_STRING)
		return read_string(s, scan_is(scan, "u") || strings_are_utf16(s), &memory->bytes);
	if (kind == TEXT_LISTING || kind == TEXT_MAPPINGS)
		return scan_expect(scan, "[") && read_array(s, kind, &memory->bytes);
	return scan_expect(scan, "{") && read_structure(s, kind, &memory->bytes);
}

/* Whether contents follow rather than the next parameter. */
static bool contents_follow(const struct scan *scan)
{
	return *scan->at && !strchr(",) \n", *scan->at);
}

static bool read_memory(struct synth *s, unsigned i)
{
	struct draft_parm *parm = &s->parms[i];
	struct scan *scan = &s->scan;

	if (scan_is(scan, "NULL")) {
		parm->sized = true;
		return true;
	}
	if (scan_is(scan, "...")) {
		parm->wanted = true;
		return true;
	}
	if (scan_is(scan, "<")) {
		parm->sized = true;
		if (!scan_u32(scan, UINT32_MAX, &parm->size) || !scan_expect(scan, ">"))
			return false;
		if (!contents_follow(scan))
			return true;
	}
	return read_contents(s, i, &parm->before);
}

/* Parameters. */

static bool is_integer(uint32_t type)
{
	return type == VBOX_HGCM_SVC_PARM_32BIT || type == VBOX_HGCM_SVC_PARM_64BIT;
}

static bool read_type(struct synth *s, struct draft_parm *parm)
{
	static const struct {
		const char *text;
		uint32_t type;
	} types[] = {
		{"32:", VBOX_HGCM_SVC_PARM_32BIT},
		{"64:", VBOX_HGCM_SVC_PARM_64BIT},
		{"ptr:", VBOX_HGCM_SVC_PARM_PTR},
		{"pages:", VBOX_HGCM_SVC_PARM_PAGES},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!scan_is(&s->scan, types[i].text))
			continue;
		parm->typed = true;
		parm->type = types[i].type;
		return true;
	}
	if (strncmp(s->scan.at, "type", 4) != 0 || !isdigit((unsigned char)s->scan.at[4]))
		return true;
	parm->typed = true;
	return scan_is(&s->scan, "type") && scan_u32(&s->scan, UINT32_MAX, &parm->type) &&
	       scan_expect(&s->scan, ":");
}

static const struct shfl_parm_info *parm_info(const struct synth *s, unsigned i)
{
	return s->info && i < s->info->n_parms ? &s->info->parms[i] : NULL;
}

static uint32_t usual_type(const struct synth *s, unsigned i)
{
	bool memory = strchr("\"<{[", *s->scan.at) || !strncmp(s->scan.at, "raw", 3);

	if (parm_info(s, i))
		return print_usual_type(parm_info(s, i));
	return memory ? VBOX_HGCM_SVC_PARM_PTR : VBOX_HGCM_SVC_PARM_32BIT;
}

static int find_parm(const struct synth *s, const char *name)
{
	if (s->call.kind == TRACE_CONNECT && !strcmp(name, "requestor"))
		return 0;
	for (int i = 0; s->info && i < s->info->n_parms; i++)
		if (!strcmp(s->info->parms[i].name, name))
			return i;
	if (!strncmp(name, "parm", 4) && name[4] >= '0' && name[4] < '0' + SHFL_MAX_PARMS &&
	    !name[5])
		return name[4] - '0';
	return -1;
}

/* A handle's path, which print shows behind it, says nothing new. */
static bool skip_path(struct synth *s, unsigned i)
{
	const struct shfl_parm_info *info = parm_info(s, i);
	struct scan_bytes ignored = {0};
	bool ok = true;

	if (info && info->role == SHFL_ROLE_HANDLE && !strncmp(s->scan.at, " \"", 2))
		ok = scan_quoted(&s->scan, &ignored);
	free(ignored.data);
	return ok;
}

static bool read_parm(struct synth *s, unsigned i)
{
	struct draft_parm *parm = &s->parms[i];

	if (!read_type(s, parm))
		return false;
	if (!parm->typed)
		parm->type = usual_type(s, i);
	parm->typed = true;
	parm->given = true;
	if (i >= s->n_given)
		s->n_given = i + 1;
	if (!is_integer(parm->type))
		return read_memory(s, i);
	if (!read_number(s, &parm->in) || !skip_path(s, i))
		return false;
	s->call.parms[i].in = parm->in; /* what later parameters are may depend on it */
	return true;
}

static bool read_argument(struct synth *s)
{
	bool control = s->call.kind == TRACE_CONNECT || s->call.kind == TRACE_DISCONNECT;
	char word[SCAN_WORD];
	int i;

	if (scan_is(&s->scan, "#")) {
		s->counted = true;
		return scan_u32(&s->scan, UINT32_MAX, &s->call.n_parms);
	}
	if (!scan_word(&s->scan, word) || !scan_expect(&s->scan, "="))
		return scan_fail(&s->scan, "a parameter should stand before '%.20s'", s->scan.at);
	if (control && !strcmp(word, "client"))
		return scan_u32(&s->scan, UINT32_MAX, &s->call.client);
	i = find_parm(s, word);
	if (i < 0)
		return scan_fail(&s->scan, "the function has no parameter %s", word);
	return read_parm(s, (unsigned)i);
}

static bool read_arguments(struct synth *s)
{
	while (!scan_is(&s->scan, ")")) {
		if (!read_argument(s))
			return false;
		scan_spaces(&s->scan);
		if (!scan_is(&s->scan, ",") && *s->scan.at != ')')
			return scan_fail(&s->scan, "')' should stand before '%.20s'", s->scan.at);
		scan_spaces(&s->scan);
	}
	return true;
}

/* What came out. */

/* The result of a CREATE as print shows it: fields without their structure. */
static bool read_created(struct synth *s, const struct text_field *field)
{
	struct draft_parm *parm = &s->parms[2];
	SHFLCREATEPARMS created = {.Handle = SHFL_HANDLE_NIL};

	if (!parm->after.given && parm->before.bytes.n == sizeof(created)) {
		memcpy(&created, parm->before.bytes.data, sizeof(created));
		created.Handle = SHFL_HANDLE_NIL;
	}
	if (!parm->after.given &&
	    !scan_append(&s->scan, &parm->after.bytes, &created, sizeof(created)))
		return false;
	parm->after.given = true;
	if (!strcmp(field->name, "mode")) { /* print does not show that it is of this kind */
		memcpy(&created, parm->after.bytes.data, sizeof(created));
		created.Info.Attr.enmAdditional = SHFLFSOBJATTRADD_UNIX;
		memcpy(parm->after.bytes.data, &created, sizeof(created));
	}
	return read_field(s, field, parm->after.bytes.data);
}

static bool read_result(struct synth *s, const char *name)
{
	const struct text_field *field = find_field(TEXT_CREATE, name);
	int i = find_parm(s, name);
	struct draft_parm *parm;

	if (i < 0 && s->call.kind == TRACE_CALL && s->call.fn == SHFL_FN_CREATE && field)
		return read_created(s, field);
	if (i < 0)
		return scan_fail(&s->scan, "the function has no parameter %s", name);
	parm = &s->parms[i];
	if (!parm->typed)
		parm->type = usual_type(s, (unsigned)i);
	parm->typed = true;
	if (!is_integer(parm->type)) {
		if (parm->after.given)
			return scan_fail(&s->scan, "%s is given twice", name);
		return read_contents(s, (unsigned)i, &parm->after);
	}
	parm->has_out = true;
	return read_number(s, &parm->out);
}

static bool read_status(struct synth *s)
{
	char word[SCAN_WORD];
	uint64_t value;

	scan_spaces(&s->scan);
	if (scan_is(&s->scan, "?")) {
		s->call.flags |= TRACE_F_UNFINISHED;
		s->call.complete = false;
		return true;
	}
	if (isdigit((unsigned char)*s->scan.at) || *s->scan.at == '-') {
		if (!scan_number(&s->scan, &value))
			return false;
		if ((int64_t)value != (int32_t)value)
			return scan_fail(&s->scan, "no status is that big");
		s->call.status = (int32_t)value;
		return true;
	}
	if (!scan_word(&s->scan, word))
		return scan_fail(&s->scan, "a status should stand before '%.20s'", s->scan.at);
	return find_status(word, &s->call.status) ||
	       scan_fail(&s->scan, "no such status: %s", word);
}

static bool read_results(struct synth *s)
{
	char word[SCAN_WORD];

	scan_spaces(&s->scan);
	if (!scan_is(&s->scan, "="))
		return true;
	if (!read_status(s))
		return false;
	scan_spaces(&s->scan);
	while (scan_word(&s->scan, word)) {
		if (!scan_expect(&s->scan, "=") || !read_result(s, word))
			return false;
		scan_spaces(&s->scan);
	}
	return true;
}

/* Behind the results. */

static bool read_duration(struct synth *s)
{
	int64_t duration = USUAL_NS;

	if (scan_is(&s->scan, "<unfinished")) {
		s->scan.at += strcspn(s->scan.at, ">");
		return scan_expect(&s->scan, ">");
	}
	if (scan_is(&s->scan, "<") &&
	    !(scan_duration(&s->scan, &duration) && scan_expect(&s->scan, ">")))
		return false;
	if (duration < -MAX_NS || duration > MAX_NS)
		return scan_fail(&s->scan, "nothing takes that long");
	if (!(s->call.flags & TRACE_F_UNFINISHED))
		s->call.end_ns = s->call.start_ns + duration;
	return true;
}

static bool set_extra(struct synth *s, const char *name, uint64_t value, bool *has_guest_status)
{
	struct trace_call *call = &s->call;

	if (!strcmp(name, "side") && value >= TRACE_SIDE_GUEST && value <= TRACE_SIDE_BOTH)
		call->side = (enum trace_side)value;
	else if (!strcmp(name, "process"))
		call->process = (uint32_t)value;
	else if (!strcmp(name, "guest_start"))
		call->guest_start_ns = (int64_t)value;
	else if (!strcmp(name, "guest_end"))
		call->guest_end_ns = (int64_t)value;
	else if (!strcmp(name, "flaws"))
		call->flags |= value & (TRACE_F_UNREADABLE | TRACE_F_DATA_CUT | TRACE_F_DATA_LOST |
					TRACE_F_SPANS_LOST);
	else if (!strcmp(name, "complete"))
		call->complete = value != 0;
	else if (!strcmp(name, "guest_status"))
		call->guest_status = (int32_t)value;
	else
		return scan_fail(&s->scan, "%s means nothing here; print it with --full", name);
	*has_guest_status |= !strcmp(name, "guest_status");
	return true;
}

static bool read_extras(struct synth *s)
{
	bool has_guest_status = false;
	char word[SCAN_WORD];

	scan_spaces(&s->scan);
	if (scan_is(&s->scan, "[")) {
		while (!scan_is(&s->scan, "]")) {
			uint64_t value;

			if (!scan_word(&s->scan, word) || !scan_expect(&s->scan, "=") ||
			    !scan_number(&s->scan, &value) ||
			    !set_extra(s, word, value, &has_guest_status))
				return scan_fail(&s->scan, "']' should stand before '%.20s'",
						 s->scan.at);
			scan_spaces(&s->scan);
		}
		scan_spaces(&s->scan);
	}
	if (!has_guest_status)
		s->call.guest_status = s->call.guest_end_ns ? s->call.status : 0;
	return !*s->scan.at ||
	       scan_fail(&s->scan, "the line should end before '%.20s'", s->scan.at);
}

/* Before the function's name. */

static bool read_id_and_time(struct synth *s)
{
	const char *digits = s->scan.at + strspn(s->scan.at, "0123456789");
	uint64_t id;

	if (digits != s->scan.at && *digits == ':') {
		if (!scan_number(&s->scan, &id) || !scan_expect(&s->scan, ":"))
			return false;
		if (id > INT64_MAX)
			return scan_fail(&s->scan, "no id is that big");
		s->call.call_id = (int64_t)id;
		s->numbered = true;
		scan_spaces(&s->scan);
	}
	if (!isdigit((unsigned char)*s->scan.at) && *s->scan.at != '-')
		return true;
	s->timed = true;
	if (!scan_seconds(&s->scan, &s->call.start_ns))
		return false;
	scan_spaces(&s->scan);
	return true;
}

/* "dd[145/146]": the program's name may be in quotes. */
static bool read_task(struct synth *s)
{
	const char *start = s->scan.at;
	size_t plain = strcspn(start, " \t([\"");
	struct scan_bytes name = {0};
	bool ok = true;

	if (*start != '"' && start[plain] != '[')
		return true;
	if (*start == '"') {
		ok = scan_quoted(&s->scan, &name);
	} else {
		ok = scan_append(&s->scan, &name, start, plain);
		s->scan.at += plain;
	}
	if (ok) {
		memset(s->call.comm, 0, sizeof(s->call.comm));
		memcpy(s->call.comm, name.data ? (char *)name.data : "",
		       name.n < sizeof(s->call.comm) ? name.n : sizeof(s->call.comm) - 1);
		ok = scan_expect(&s->scan, "[") && scan_u32(&s->scan, UINT32_MAX, &s->call.pid);
		s->call.tid = s->call.pid;
	}
	if (ok && scan_is(&s->scan, "/"))
		ok = scan_u32(&s->scan, UINT32_MAX, &s->call.tid);
	free(name.data);
	return ok && scan_expect(&s->scan, "]");
}

static bool set_function(struct synth *s, enum trace_kind kind, uint32_t fn)
{
	s->call.kind = kind;
	s->call.fn = fn;
	s->info = kind == TRACE_HOST_CALL ? shfl_host_fn_find(fn)
		  : kind == TRACE_CALL	  ? shfl_fn_find(fn)
					  : NULL;
	return true;
}

static bool find_function(struct synth *s, const char *name, bool host)
{
	const char *plain = strncmp(name, "SHFL_FN_", 8) ? name : name + 8;
	char *end;

	if (!strcmp(name, "connect"))
		return set_function(s, TRACE_CONNECT, 0);
	if (!strcmp(name, "disconnect"))
		return set_function(s, TRACE_DISCONNECT, 0);
	for (uint32_t fn = 0; fn < 64; fn++) {
		const struct shfl_fn_info *guest = shfl_fn_find(fn), *own = shfl_host_fn_find(fn);

		if (guest && !strcasecmp(plain, guest->name))
			return set_function(s, TRACE_CALL, fn);
		if (own && !strcasecmp(plain, own->name))
			return set_function(s, TRACE_HOST_CALL, fn);
	}
	if (isdigit((unsigned char)*plain) && strtoull(plain, &end, 10) <= UINT32_MAX && !*end)
		return set_function(s, host ? TRACE_HOST_CALL : TRACE_CALL,
				    (uint32_t)strtoull(plain, NULL, 10));
	return scan_fail(&s->scan, "no such function: %s", name);
}

static bool read_head(struct synth *s)
{
	char word[SCAN_WORD];
	bool host, given;

	if (!read_id_and_time(s) || !read_task(s))
		return false;
	scan_spaces(&s->scan);
	given = scan_is(&s->scan, "client=");
	if (given && !scan_u32(&s->scan, UINT32_MAX, &s->call.client))
		return false;
	scan_spaces(&s->scan);
	host = scan_is(&s->scan, "host ");
	if (!scan_word(&s->scan, word))
		return scan_fail(&s->scan, "a function should stand before '%.20s'", s->scan.at);
	if (!find_function(s, word, host))
		return false;
	if (s->call.kind == TRACE_HOST_CALL && !given)
		s->call.client = 0;
	return scan_expect(&s->scan, "(");
}

/* What the line does not say. */

/* How big memory of which nothing is known should be. */
static uint32_t usual_size(const struct synth *s, unsigned i)
{
	const struct shfl_parm_info *info = parm_info(s, i);
	int count = s->info ? shfl_parm_find(s->info, SHFL_ROLE_COUNT) : -1;
	int entries = s->info ? shfl_parm_find(s->info, SHFL_ROLE_ENTRIES) : -1;

	switch (info ? info->role : SHFL_ROLE_NONE) {
	case SHFL_ROLE_DATA:
	case SHFL_ROLE_LIST_BUFFER:
	case SHFL_ROLE_INFO_BUFFER:
		return count >= 0 && s->parms[count].in < 1u << 28 ? (uint32_t)s->parms[count].in
								   : 0;
	case SHFL_ROLE_MAPPINGS:
		return entries >= 0 && s->parms[entries].in <= SHFL_MAX_MAPPINGS
			       ? (uint32_t)(s->parms[entries].in * sizeof(SHFLMAPPING))
			       : 0;
	case SHFL_ROLE_CREATE_PARMS:
		return sizeof(SHFLCREATEPARMS);
	case SHFL_ROLE_OBJ_INFO:
		return sizeof(SHFLFSOBJINFO);
	case SHFL_ROLE_NAME:
		return NAME_ROOM;
	case SHFL_ROLE_LINK_TEXT:
		return LINK_ROOM;
	default:
		return 0;
	}
}

static uint32_t memory_length(const struct draft_memory *memory)
{
	return memory->given ? (uint32_t)memory->bytes.n + memory->missing : 0;
}

/* The service reads this memory, and print does not show it: zeroes. */
static bool fill_wanted(struct synth *s, unsigned i, struct draft_parm *parm)
{
	const struct shfl_parm_info *info = parm_info(s, i);
	bool in = info && info->direction & SHFL_DIR_IN && info->role != SHFL_ROLE_PATTERN;
	uint8_t *zeroes;
	bool ok;

	if (parm->before.given || parm->sized || !in || !parm->size)
		return true;
	zeroes = calloc(1, parm->size);
	ok = zeroes && scan_append(&s->scan, &parm->before.bytes, zeroes, parm->size);
	free(zeroes);
	parm->before.given = true;
	return ok || scan_fail(&s->scan, "out of memory");
}

static bool fill_memory(struct synth *s, unsigned i, struct draft_parm *parm)
{
	uint32_t before = memory_length(&parm->before), after = memory_length(&parm->after);

	if (!parm->sized)
		parm->size = before > after ? before : after;
	if (!parm->sized && !parm->before.given && usual_size(s, i) > parm->size)
		parm->size = usual_size(s, i);
	return fill_wanted(s, i, parm);
}

/* Parameters that are left out. */

static bool is_needed(struct synth *s, unsigned i)
{
	return scan_fail(&s->scan, "%s needs its parameter %s", s->info->name,
			 s->info->parms[i].name);
}

/* As many bytes as there are, or as it takes. */
static bool usual_count(struct synth *s, unsigned i)
{
	struct draft_parm *count = &s->parms[i];
	const struct draft_parm *data = &s->parms[i + 1];
	uint32_t before = memory_length(&data->before), after = memory_length(&data->after);
	int flags = shfl_parm_find(s->info, SHFL_ROLE_FLAGS);

	count->in = before > after ? before : after;
	if (data->sized)
		count->in = data->size;
	else if (s->call.fn == SHFL_FN_LIST)
		count->in = count->in > LIST_ROOM ? count->in : LIST_ROOM;
	else if (s->call.fn == SHFL_FN_INFORMATION && !count->in)
		count->in = s->parms[flags].in & SHFL_INFO_VOLUME ? sizeof(SHFLVOLINFO)
								  : sizeof(SHFLFSOBJINFO);
	else if (!data->before.given && !data->after.given && count->has_out)
		count->in = count->out;
	else if (!data->before.given && !data->after.given)
		return is_needed(s, i);
	if (s->call.fn == SHFL_FN_LIST && !count->has_out && data->after.given) {
		count->has_out = true;
		count->out = after;
	}
	return true;
}

static bool usual_integer(struct synth *s, unsigned i)
{
	struct draft_parm *parm = &s->parms[i];

	switch (s->info->parms[i].role) {
	case SHFL_ROLE_ROOT:
		parm->in = s->root;
		break;
	case SHFL_ROLE_HANDLE:
		parm->in = s->handle;
		return s->handle != SHFL_HANDLE_NIL || is_needed(s, i);
	case SHFL_ROLE_DELIMITER:
		parm->in = '/';
		break;
	case SHFL_ROLE_FLAGS:
		parm->in = !strcmp(s->info->parms[i].name, "case_sensitive");
		break;
	case SHFL_ROLE_LENGTH:
		return is_needed(s, i);
	case SHFL_ROLE_COUNT:
		return s->call.fn != SHFL_FN_COPY_FILE_PART ? usual_count(s, i) : is_needed(s, i);
	default: /* flags, offsets and positions: 0 */
		break;
	}
	return true;
}

static bool usual_memory(struct synth *s, unsigned i)
{
	const struct shfl_parm_info *info = &s->info->parms[i];
	struct scan_bytes nothing = {0};
	bool ok;

	if (info->direction == SHFL_DIR_IN && s->call.kind == TRACE_HOST_CALL &&
	    !strcmp(info->name, "mount_point")) {
		s->parms[i].before.given = true;
		ok = append_string(s, &nothing, true, &s->parms[i].before.bytes);
		free(nothing.data);
		return ok;
	}
	if (info->direction == SHFL_DIR_IN && info->role != SHFL_ROLE_PATTERN &&
	    info->role != SHFL_ROLE_LED)
		return is_needed(s, i);
	return true;
}

/* A number of parameters that is given says that there are no others. */
static bool fill_left_out(struct synth *s)
{
	for (unsigned i = 0; s->info && !s->counted && i < s->info->n_parms; i++) {
		struct draft_parm *parm = &s->parms[i];
		uint32_t type = parm->typed ? parm->type : print_usual_type(&s->info->parms[i]);

		if (parm->given || !(s->info->parms[i].direction & SHFL_DIR_IN))
			continue;
		if (!(is_integer(type) ? usual_integer(s, i) : usual_memory(s, i)))
			return false;
	}
	return true;
}

/* What later lines may leave out. */

static void note_created(struct synth *s)
{
	const struct scan_bytes *after = &s->parms[2].after.bytes;
	SHFLCREATEPARMS created;

	if (s->call.n_parms != 3 || after->n < sizeof(created) || VBOX_FAILURE(s->call.status))
		return;
	memcpy(&created, after->data, sizeof(created));
	if (created.Handle != SHFL_HANDLE_NIL)
		s->handle = created.Handle;
}

static bool note_client(struct synth *s, bool utf16)
{
	if (!utf16)
		map_take(&s->utf16, s->call.client);
	else if (map_put(&s->utf16, s->call.client, s))
		return scan_fail(&s->scan, "out of memory");
	return true;
}

static bool note_call(struct synth *s)
{
	const struct trace_call *call = &s->call;

	if (call->kind == TRACE_CONNECT || call->kind == TRACE_DISCONNECT)
		return note_client(s, call->kind == TRACE_CONNECT);
	if (call->kind != TRACE_CALL || VBOX_FAILURE(call->status))
		return true;
	if (call->fn == SHFL_FN_SET_UTF8 ||
	    (call->fn == SHFL_FN_QUERY_MAPPINGS && s->parms[0].in & SHFL_MF_UTF8))
		return note_client(s, false);
	if (call->fn == SHFL_FN_CREATE)
		note_created(s);
	if (call->fn == SHFL_FN_CLOSE && s->parms[1].in == s->handle)
		s->handle = SHFL_HANDLE_NIL;
	if (call->fn == SHFL_FN_CLOSE_AND_REMOVE && s->parms[3].in == s->handle)
		s->handle = SHFL_HANDLE_NIL;
	if ((call->fn == SHFL_FN_MAP_FOLDER || call->fn == SHFL_FN_MAP_FOLDER_OLD) &&
	    s->parms[1].has_out)
		s->root = (uint32_t)s->parms[1].out;
	return true;
}

static bool store_memory(struct synth *s, const struct draft_memory *memory, int64_t *ret)
{
	if (!memory->given)
		return true;
	if (trace_add_payload(s->trace, memory->bytes.data ? memory->bytes.data : (uint8_t *)"",
			      (uint32_t)memory->bytes.n, memory_length(memory), ret))
		return scan_fail(&s->scan, "%s", trace_error(s->trace));
	return true;
}

static bool fill_parm(struct synth *s, unsigned i)
{
	struct draft_parm *parm = &s->parms[i];
	struct trace_parm *to = &s->call.parms[i];

	if (!parm->typed)
		parm->type = usual_type(s, i);
	*to = (struct trace_parm){.type = parm->type};
	if (is_integer(parm->type)) {
		to->in = parm->in;
		to->out = parm->has_out ? parm->out : parm->in;
		return true;
	}
	if (!fill_memory(s, i, parm))
		return false;
	to->size = parm->size;
	return store_memory(s, &parm->before, &to->payload_in) &&
	       store_memory(s, &parm->after, &to->payload_out);
}

static bool fill_call(struct synth *s)
{
	struct trace_call *call = &s->call;

	if (!s->counted)
		call->n_parms = s->info ? s->info->n_parms : s->n_given;
	if (s->n_given > call->n_parms)
		return scan_fail(&s->scan, "there are more parameters than #%" PRIu32,
				 call->n_parms);
	for (unsigned i = 0; i < call->n_parms && i < SHFL_MAX_PARMS; i++)
		if (!fill_parm(s, i))
			return false;
	if (call->kind == TRACE_CONNECT)
		s->client = call->client;
	return true;
}

/* Lines. */

static void begin_call(struct synth *s)
{
	for (unsigned i = 0; i < SHFL_MAX_PARMS; i++) {
		free(s->parms[i].before.bytes.data);
		free(s->parms[i].after.bytes.data);
	}
	memset(s->parms, 0, sizeof(s->parms));
	s->counted = false;
	s->numbered = false;
	s->timed = false;
	s->n_given = 0;
	s->info = NULL;
	s->call = (struct trace_call){
		.call_id = s->last_id + 1,
		.kind = TRACE_CALL,
		.side = TRACE_SIDE_HOST,
		.client = s->client,
		.complete = true,
		.start_ns = s->last_ns + USUAL_NS,
		.comm = "synth",
	};
}

static bool read_call(struct synth *s)
{
	begin_call(s);
	if (!(read_head(s) && read_arguments(s) && read_results(s)))
		return false;
	if (s->call.start_ns < -MAX_NS || s->call.start_ns > MAX_NS)
		return scan_fail(&s->scan, "the time is too far away");
	if (!(read_duration(s) && read_extras(s) && fill_left_out(s) && fill_call(s) &&
	      note_call(s)))
		return false;
	if (trace_add_call(s->trace, &s->call, NULL, 0))
		return scan_fail(&s->scan, "%s", trace_error(s->trace));
	s->last_id = s->call.call_id;
	s->last_ns = s->call.end_ns ? s->call.end_ns : s->call.start_ns;
	return true;
}

static bool read_two_texts(struct synth *s, struct scan_bytes texts[2])
{
	for (int i = 0; i < 2; i++)
		if (!scan_quoted(&s->scan, &texts[i]) || !scan_append(&s->scan, &texts[i], "", 1))
			return false;
	scan_spaces(&s->scan);
	return !*s->scan.at ||
	       scan_fail(&s->scan, "the line should end before '%.20s'", s->scan.at);
}

/* "@meta "KEY" "VALUE"", "@incomplete "WHY"" */
static bool read_directive(struct synth *s)
{
	struct scan_bytes texts[2] = {{0}};
	bool ok;

	if (scan_is(&s->scan, "meta ")) {
		ok = read_two_texts(s, texts);
		if (ok && trace_set_meta(s->trace, (char *)texts[0].data, (char *)texts[1].data))
			ok = scan_fail(&s->scan, "%s", trace_error(s->trace));
	} else if (scan_is(&s->scan, "incomplete ")) {
		ok = scan_quoted(&s->scan, &texts[0]) && scan_append(&s->scan, &texts[0], "", 1);
		free(s->incomplete);
		s->incomplete = ok ? strdup((char *)texts[0].data) : NULL;
	} else {
		ok = scan_fail(&s->scan, "@meta or @incomplete should stand here");
	}
	free(texts[0].data);
	free(texts[1].data);
	return ok;
}

static bool read_line(struct synth *s)
{
	scan_spaces(&s->scan);
	if (!*s->scan.at || *s->scan.at == '#')
		return true;
	return scan_is(&s->scan, "@") ? read_directive(s) : read_call(s);
}

static int synth_lines(struct synth *s, FILE *in, const char *name, char **ret_message)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	long number = 0;
	int rc = 0;

	while (!rc && (length = getline(&line, &room, in)) >= 0) {
		number++;
		s->scan = (struct scan){.line = line, .at = line};
		if (strlen(line) != (size_t)length)
			scan_fail(&s->scan, "a zero byte in the text");
		else
			read_line(s);
		if (!s->scan.message)
			continue;
		rc = -EINVAL;
		if (asprintf(ret_message, "%s, line %ld, %s", name, number, s->scan.message) < 0)
			*ret_message = NULL;
		free(s->scan.message);
	}
	if (!rc && ferror(in))
		rc = -EIO;
	free(line);
	return rc;
}

int synth_read(FILE *in, const char *name, struct trace *trace, char **ret_message)
{
	struct synth *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	*ret_message = NULL;
	if (!s)
		return rc;
	s->trace = trace;
	s->client = 1;
	s->handle = SHFL_HANDLE_NIL;
	rc = synth_lines(s, in, name, ret_message);
	if (!rc) {
		rc = trace_finish(trace, s->incomplete);
		if (rc && asprintf(ret_message, "%s", trace_error(trace)) < 0)
			*ret_message = NULL;
	}
	begin_call(s);
	map_clear(&s->utf16, NULL);
	free(s->incomplete);
	free(s);
	return rc;
}
