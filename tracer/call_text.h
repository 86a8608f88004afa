/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the memory of a call's parameters is written as text, in full: what
 * "print --full" writes and "synth" reads. Strings stand in quotes, structures
 * as {field=value, ...} without the fields that are 0, whatever does not fit
 * as raw bytes.
 */
#ifndef CALL_TEXT_H
#define CALL_TEXT_H

#include "print_value.h"
#include "trace.h"

enum text_kind {
	TEXT_RAW, /* bytes */
	TEXT_STRING, /* an SHFLSTRING */
	TEXT_CREATE, /* SHFLCREATEPARMS */
	TEXT_OBJECT, /* SHFLFSOBJINFO */
	TEXT_VOLUME, /* SHFLVOLINFO */
	TEXT_MAPPINGS, /* SHFLMAPPINGs in brackets */
	TEXT_LISTING /* SHFLDIRINFOs in brackets: an object and its name */
};

enum text_form { FORM_NUMBER, FORM_UNSIGNED, FORM_MODE, FORM_CREATE_FLAGS, FORM_CREATE_RESULT };

struct text_field {
	const char *name;
	size_t offset;
	size_t size; /* bytes, up to 8 */
	enum text_form form;
};

/* What a parameter of a call holds. */
enum text_kind text_kind_of(const struct trace_call *call, unsigned parm);

/* The fields of a structure, ending with a nameless one; they cover all of it. */
const struct text_field *text_fields(enum text_kind kind);
size_t text_size(enum text_kind kind);

uint64_t text_field_get(const struct text_field *field, const void *structure);
void text_field_put(const struct text_field *field, void *structure, uint64_t value);

/*
 * The SHFLSTRING, malloc'd, that holds a text and nothing else. -EINVAL: the
 * text is too long, or cannot be UTF-16; -ENOMEM.
 */
int text_shflstring(const char *text, bool utf16, uint8_t **ret, size_t *ret_size);

#endif
