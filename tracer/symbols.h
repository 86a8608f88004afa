/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of an ELF file: where a probe goes. Names are looked for plain and
 * with the prefixes that RT_MANGLER gives. Functions return 0 or negative
 * errno; *ret_message is malloc'd and says what is wrong in words.
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbols;

#define SYMBOL_CODE_BYTES 16

struct symbol {
	uint64_t address; /* as linked */
	uint64_t offset; /* in the file: what a uprobe is placed by */
	uint64_t size;
	uint8_t code[SYMBOL_CODE_BYTES]; /* its first bytes; zero where the file ends */
};

/* What a probe on a function costs, by its first instruction. */
enum symbol_cost {
	SYMBOL_COST_NOP5, /* replaced by a jump or skipped */
	SYMBOL_COST_EMULATED, /* trap, then emulated: one-byte nop, push */
	SYMBOL_COST_STEPPED /* trap, then single-stepped out of line */
};

int symbols_open(const char *file, struct symbols **ret, char **ret_message);

/* NULL is fine. */
void symbols_close(struct symbols *symbols);

/* -ENOENT if the file has no function of that name. */
int symbols_find(const struct symbols *symbols, const char *name, struct symbol *ret);

/* The function at an address, as linked; -ENOENT if that is not in the file. */
int symbols_at(const struct symbols *symbols, uint64_t address, struct symbol *ret);

/* Reads the first bytes of a function at symbol->offset of FILE. */
int symbols_peek(const char *file, struct symbol *symbol);

/*
 * The separate file with the names of functions that the file itself does not
 * have; "" if there is none. It is found by build id in the folder for debug
 * files (/usr/lib/debug, or SFTRACE_DEBUG_FILES), or by .gnu_debuglink beside
 * the file, in .debug, and there. Owned by symbols.
 */
const char *symbols_debug_file(const struct symbols *symbols);

/* Whether the file still has the table that names functions it does not export. */
int symbols_has_symtab(const struct symbols *symbols);

/* The build id as hexadecimal digits; "" if the file has none. Owned by symbols. */
const char *symbols_build_id(const struct symbols *symbols);

enum symbol_cost symbol_cost(const struct symbol *symbol);

#endif
