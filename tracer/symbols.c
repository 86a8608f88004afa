/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbol lookup with libelf: see symbols.h. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols.h"

struct symbols {
	int fd;
	Elf *elf;
	bool has_symtab;
	char build_id[2 * 64 + 1];
	char link[256]; /* .gnu_debuglink's file; "" */
	uint32_t link_checksum;
	struct symbols *debug; /* a separate file with the names; NULL */
	char debug_file[PATH_MAX];
};

#define DEBUG_FOLDER "/usr/lib/debug"

/* Names are tried with each of these before them. */
static const char *const prefixes[] = {"", "VBoxGuest_", "VBoxHost_"};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int fail(char **ret_message, int err, const char *file, const char *what)
{
	if (asprintf(ret_message, "%s: %s", file, what) < 0)
		*ret_message = NULL;
	return err;
}

/* Opens a regular file; others could block or make no sense. */
static int file_open(const char *file, int *ret_fd, char **ret_message)
{
	struct stat st;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0) {
		err = -errno;
		return fail(ret_message, err, file, strerror(-err));
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return fail(ret_message, -ENOEXEC, file, "not a regular file");
	}
	*ret_fd = fd;
	return 0;
}

static void build_id_take(struct symbols *symbols, const uint8_t *id, size_t size)
{
	if (size > (sizeof(symbols->build_id) - 1) / 2)
		size = (sizeof(symbols->build_id) - 1) / 2;
	for (size_t i = 0; i < size; i++)
		sprintf(symbols->build_id + 2 * i, "%02x", id[i]);
}

static void notes_read(struct symbols *symbols, Elf_Data *data)
{
	size_t offset = 0, name, desc;
	GElf_Nhdr note;

	while (data && (offset = gelf_getnote(data, offset, &note, &name, &desc)) > 0)
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
		    !memcmp((char *)data->d_buf + name, "GNU", sizeof("GNU")))
			build_id_take(symbols, (uint8_t *)data->d_buf + desc, note.n_descsz);
}

/* A name, padding to 4 bytes, the file's checksum. */
static void link_read(struct symbols *symbols, const Elf_Data *data)
{
	size_t length = data && data->d_buf ? strnlen(data->d_buf, data->d_size) : 0;
	size_t at = (length + 4) & ~3ul;

	if (!length || length >= sizeof(symbols->link) || at + 4 > data->d_size ||
	    memchr(data->d_buf, '/', length))
		return;
	memcpy(symbols->link, data->d_buf, length);
	memcpy(&symbols->link_checksum, (const char *)data->d_buf + at, 4);
}

static bool is_link(const struct symbols *symbols, const GElf_Shdr *header)
{
	size_t names;
	const char *name = NULL;

	if (!elf_getshdrstrndx(symbols->elf, &names))
		name = elf_strptr(symbols->elf, names, header->sh_name);
	return name && !strcmp(name, ".gnu_debuglink");
}

static void sections_read(struct symbols *symbols)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(symbols->elf, section)) != NULL) {
		if (!gelf_getshdr(section, &header))
			continue;
		if (header.sh_type == SHT_SYMTAB)
			symbols->has_symtab = true;
		else if (header.sh_type == SHT_NOTE)
			notes_read(symbols, elf_getdata(section, NULL));
		else if (header.sh_type == SHT_PROGBITS && is_link(symbols, &header))
			link_read(symbols, elf_getdata(section, NULL));
	}
}

static int elf_open(const char *file, struct symbols **ret, char **ret_message)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));
	int err;

	if (!symbols)
		return fail(ret_message, -ENOMEM, file, "out of memory");
	symbols->fd = -1;
	err = file_open(file, &symbols->fd, ret_message);
	if (err)
		goto cleanup;
	elf_version(EV_CURRENT);
	symbols->elf = elf_begin(symbols->fd, ELF_C_READ_MMAP, NULL);
	if (!symbols->elf || elf_kind(symbols->elf) != ELF_K_ELF) {
		err = fail(ret_message, -ENOEXEC, file, "not an ELF file");
		goto cleanup;
	}
	sections_read(symbols);
cleanup:
	if (err)
		symbols_close(symbols);
	else
		*ret = symbols;
	return err;
}

/* The checksum of .gnu_debuglink: CRC-32 of the whole file. */
static uint32_t checksum(int fd)
{
	uint32_t sum = ~0u;
	uint8_t bytes[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(fd, bytes, sizeof(bytes), at)) > 0; at += n)
		for (ssize_t i = 0; i < n; i++) {
			sum ^= bytes[i];
			for (int bit = 0; bit < 8; bit++)
				sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
		}
	return ~sum;
}

/* Takes a debug file if it belongs to this file, and tells more. */
static bool debug_take(struct symbols *symbols, const char *file, bool by_link)
{
	struct symbols *debug = NULL;
	char *message = NULL;
	bool same = false;

	if (strlen(file) >= sizeof(symbols->debug_file) || elf_open(file, &debug, &message)) {
		free(message);
		return false;
	}
	if (by_link)
		same = checksum(debug->fd) == symbols->link_checksum;
	else
		same = !strcmp(debug->build_id, symbols->build_id);
	if (!same || !debug->has_symtab) {
		symbols_close(debug);
		return false;
	}
	symbols->debug = debug;
	strcpy(symbols->debug_file, file);
	return true;
}

static bool debug_try(struct symbols *symbols, bool by_link, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool debug_try(struct symbols *symbols, bool by_link, const char *format, ...)
{
	char *file = NULL;
	va_list args;
	bool found;

	va_start(args, format);
	found = vasprintf(&file, format, args) >= 0;
	va_end(args);
	found = found && debug_take(symbols, file, by_link);
	free(file);
	return found;
}

static void debug_find(struct symbols *symbols, const char *file)
{
	const char *folder = getenv("SFTRACE_DEBUG_FILES"), *id = symbols->build_id;
	char *real = realpath(file, NULL);
	int length;

	folder = folder ? folder : DEBUG_FOLDER;
	if (strlen(id) > 2)
		debug_try(symbols, false, "%s/.build-id/%.2s/%s.debug", folder, id, id + 2);
	if (real && *symbols->link && !symbols->debug) {
		length = (int)(strrchr(real, '/') - real);
		if (!debug_try(symbols, true, "%.*s/%s", length, real, symbols->link) &&
		    !debug_try(symbols, true, "%.*s/.debug/%s", length, real, symbols->link))
			debug_try(symbols, true, "%s%.*s/%s", folder, length, real, symbols->link);
	}
	free(real);
}

int symbols_open(const char *file, struct symbols **ret, char **ret_message)
{
	int err = elf_open(file, ret, ret_message);

	if (!err && !(*ret)->has_symtab)
		debug_find(*ret, file);
	return err;
}

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	symbols_close(symbols->debug);
	if (symbols->elf)
		elf_end(symbols->elf);
	if (symbols->fd >= 0)
		close(symbols->fd);
	free(symbols);
}

/* The place in the file of an address, from the loadable segments. */
static int address_offset(const struct symbols *symbols, uint64_t address, uint64_t *ret)
{
	size_t n;
	GElf_Phdr segment;

	if (elf_getphdrnum(symbols->elf, &n))
		return -ENOEXEC;
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(symbols->elf, i, &segment) || segment.p_type != PT_LOAD)
			continue;
		if (address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz)
			continue;
		*ret = address - segment.p_vaddr + segment.p_offset;
		return 0;
	}
	return -ENOENT;
}

static bool name_matches(const char *found, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (!strncmp(found, prefixes[i], length) && !strcmp(found + length, name))
			return true;
	}
	return false;
}

static bool table_find(const struct symbols *symbols, Elf_Scn *section, const GElf_Shdr *header,
		       const char *name, GElf_Sym *ret)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t n = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	GElf_Sym symbol;

	for (size_t i = 0; data && i < n; i++) {
		const char *found;

		if (!gelf_getsym(data, i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		found = elf_strptr(symbols->elf, header->sh_link, symbol.st_name);
		if (!found || !name_matches(found, name))
			continue;
		*ret = symbol;
		return true;
	}
	return false;
}

static bool tables_find(const struct symbols *symbols, const char *name, GElf_Sym *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(symbols->elf, section)) != NULL)
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM) &&
		    table_find(symbols, section, &header, name, ret))
			return true;
	return false;
}

int symbols_find(const struct symbols *symbols, const char *name, struct symbol *ret)
{
	GElf_Sym found;
	int err;

	if (!tables_find(symbols, name, &found) &&
	    !(symbols->debug && tables_find(symbols->debug, name, &found)))
		return -ENOENT;
	err = symbols_at(symbols, found.st_value, ret);
	if (!err)
		ret->size = found.st_size;
	return err;
}

const char *symbols_debug_file(const struct symbols *symbols)
{
	return symbols->debug_file;
}

int symbols_at(const struct symbols *symbols, uint64_t address, struct symbol *ret)
{
	struct symbol symbol = {.address = address};
	int err = address_offset(symbols, address, &symbol.offset);

	if (err)
		return err;
	if (pread(symbols->fd, symbol.code, sizeof(symbol.code), symbol.offset) <= 0)
		return -EIO;
	*ret = symbol;
	return 0;
}

int symbols_peek(const char *file, struct symbol *symbol)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;

	if (fd < 0)
		return -errno;
	if (pread(fd, symbol->code, sizeof(symbol->code), (off_t)symbol->offset) <= 0)
		err = -EIO;
	close(fd);
	return err;
}

int symbols_has_symtab(const struct symbols *symbols)
{
	return symbols->has_symtab || symbols->debug;
}

const char *symbols_build_id(const struct symbols *symbols)
{
	return symbols->build_id;
}

static bool is_push(const uint8_t *code)
{
	if (code[0] == 0x41) /* r8 to r15 */
		code++;
	return code[0] >= 0x50 && code[0] <= 0x57;
}

enum symbol_cost symbol_cost(const struct symbol *symbol)
{
	static const uint8_t nop5[] = {0x0f, 0x1f, 0x44, 0x00}; /* and a displacement */

	if (!memcmp(symbol->code, nop5, sizeof(nop5)))
		return SYMBOL_COST_NOP5;
	if (symbol->code[0] == 0x90 || is_push(symbol->code))
		return SYMBOL_COST_EMULATED;
	return SYMBOL_COST_STEPPED;
}
