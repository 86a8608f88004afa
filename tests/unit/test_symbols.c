/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbol lookup: the service that was built, and files that are none. */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leak_check.h"
#include "symbols.h"

static char path[64];

static void setup(void)
{
	strcpy(path, "/tmp/test-symbols-XXXXXX");
	close(mkstemp(path));
}

static void teardown(void)
{
	unlink(path);
	leak_check();
}

TestSuite(symbols, .init = setup, .fini = teardown);

static void write_file(const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	cr_assert_eq(write(fd, data, size), (ssize_t)size);
	close(fd);
}

static void expect_refused(const char *file, int expected, const char *words)
{
	struct symbols *symbols = NULL;
	char *message = NULL;
	int err = symbols_open(file, &symbols, &message);

	cr_expect_eq(err, expected, "%s: %d", file, err);
	cr_expect_null(symbols);
	cr_assert_not_null(message);
	cr_expect(strstr(message, words), "%s", message);
	cr_expect(strstr(message, file), "%s", message);
	free(message);
}

static struct symbols *open_service(void)
{
	struct symbols *symbols = NULL;
	char *message = NULL;

	cr_assert_eq(symbols_open(SFSERVICE_PATH, &symbols, &message), 0, "%s", message);
	return symbols;
}

Test(symbols, finds_a_local_function_and_its_first_bytes)
{
	struct symbols *symbols = open_service();
	struct symbol symbol = {0};
	unsigned char code[8];
	int fd = open(SFSERVICE_PATH, O_RDONLY);

	cr_assert_eq(symbols_find(symbols, "svcCall", &symbol), 0);
	cr_expect_gt(symbol.size, 16);
	cr_assert_eq(pread(fd, code, sizeof(code), symbol.offset), (ssize_t)sizeof(code));
	cr_expect_arr_eq(code, symbol.code, sizeof(code));
	cr_expect_eq(symbol_cost(&symbol), SYMBOL_COST_NOP5);
	close(fd);
	symbols_close(symbols);
}

Test(symbols, finds_the_export)
{
	struct symbols *symbols = open_service();
	struct symbol symbol;

	cr_expect_eq(symbols_find(symbols, "VBoxHGCMSvcLoad", &symbol), 0);
	cr_expect_eq(symbols_has_symtab(symbols), 1);
	symbols_close(symbols);
}

Test(symbols, does_not_find_what_is_not_there)
{
	struct symbols *symbols = open_service();
	struct symbol symbol = {.offset = 77};

	cr_expect_eq(symbols_find(symbols, "vbsfNoSuchThing", &symbol), -ENOENT);
	cr_expect_eq(symbols_find(symbols, "vbsf", &symbol), -ENOENT, "part of a name");
	cr_expect_eq(symbols_find(symbols, "pwrite64", &symbol), -ENOENT, "undefined");
	cr_expect_eq(symbols_find(symbols, "", &symbol), -ENOENT);
	cr_expect_eq(symbol.offset, 77, "untouched on failure");
	symbols_close(symbols);
}

Test(symbols, reads_the_build_id)
{
	struct symbols *symbols = open_service();
	const char *id = symbols_build_id(symbols);

	cr_expect_eq(strlen(id), 40, "%s", id);
	cr_expect_eq(strspn(id, "0123456789abcdef"), 40, "%s", id);
	symbols_close(symbols);
}

Test(symbols, finds_names_with_the_prefixes_of_a_mangled_build)
{
	struct symbols *symbols = NULL;
	struct symbol host, guest, plain;
	char *message = NULL, command[512];

	snprintf(command, sizeof(command),
		 "echo 'int VBoxHost_RTFileOpen(void){return 1;} int VBoxGuest_RTFileRead(void)"
		 "{return 2;} int RTFileWrite(void){return 3;} int xRTFileClose(void){return 4;}'"
		 " | cc -shared -fPIC -x c -o %s -",
		 path);
	cr_assert_eq(system(command), 0);
	cr_assert_eq(symbols_open(path, &symbols, &message), 0, "%s", message);
	cr_expect_eq(symbols_find(symbols, "RTFileOpen", &host), 0);
	cr_expect_eq(symbols_find(symbols, "RTFileRead", &guest), 0);
	cr_expect_eq(symbols_find(symbols, "RTFileWrite", &plain), 0);
	cr_expect_eq(symbols_find(symbols, "RTFileClose", &plain), -ENOENT);
	symbols_close(symbols);
}

Test(symbols, a_stripped_service_has_its_export_only)
{
	struct symbols *symbols = NULL;
	struct symbol symbol;
	char *message = NULL, command[512];

	snprintf(command, sizeof(command), "strip -o %s %s", path, SFSERVICE_PATH);
	cr_assert_eq(system(command), 0);
	cr_assert_eq(symbols_open(path, &symbols, &message), 0, "%s", message);
	cr_expect_eq(symbols_has_symtab(symbols), 0);
	cr_expect_eq(symbols_find(symbols, "svcCall", &symbol), -ENOENT);
	cr_expect_eq(symbols_find(symbols, "VBoxHGCMSvcLoad", &symbol), 0);
	symbols_close(symbols);
}

Test(symbols, refuses_what_is_no_elf_file)
{
	static const char text[] = "#!/bin/sh\n";

	expect_refused("/no/such/file", -ENOENT, "No such file");
	expect_refused("/tmp", -ENOEXEC, "not a regular file");
	expect_refused("/dev/null", -ENOEXEC, "not a regular file");
	expect_refused(path, -ENOEXEC, "not an ELF file"); /* empty */
	write_file(text, sizeof(text) - 1);
	expect_refused(path, -ENOEXEC, "not an ELF file");
	write_file(ELFMAG, SELFMAG);
	expect_refused(path, -ENOEXEC, "not an ELF file");
}

/* Every cut and many flips of a real file: whatever comes out, it must not crash. */
Test(symbols, survives_damaged_files, .timeout = 120)
{
	struct stat st;
	int fd = open(SFSERVICE_PATH, O_RDONLY);
	unsigned char *whole, *copy;

	cr_assert_eq(fstat(fd, &st), 0);
	whole = malloc(st.st_size);
	copy = malloc(st.st_size);
	cr_assert_eq(read(fd, whole, st.st_size), st.st_size);
	close(fd);
	for (unsigned int seed = 1; seed < 300; seed++) {
		struct symbols *symbols = NULL;
		struct symbol symbol;
		char *message = NULL;
		size_t whole_size = st.st_size;
		size_t size = seed % 3 ? whole_size : whole_size / 300 * seed;

		srandom(seed);
		memcpy(copy, whole, st.st_size);
		for (int i = 0; seed % 3 && i < 8; i++) /* headers are where it hurts */
			copy[random() % (i < 6 ? 1024 : st.st_size)] ^= 1 << random() % 8;
		write_file(copy, size);
		if (!symbols_open(path, &symbols, &message))
			symbols_find(symbols, "svcHostCall", &symbol);
		symbols_close(symbols);
		free(message);
	}
	free(whole);
	free(copy);
}

static enum symbol_cost cost_of(const char *code)
{
	struct symbol symbol = {0};

	memcpy(symbol.code, code, strlen(code));
	return symbol_cost(&symbol);
}

Test(symbols, tells_the_cost_of_a_first_instruction)
{
	struct symbol nop = {.code = {0x0f, 0x1f, 0x44, 0x00, 0x00}};
	struct symbol nop_of_clang = {.code = {0x0f, 0x1f, 0x44, 0x00, 0x08}};

	cr_expect_eq(symbol_cost(&nop), SYMBOL_COST_NOP5);
	cr_expect_eq(symbol_cost(&nop_of_clang), SYMBOL_COST_NOP5);
	cr_expect_eq(cost_of("\x90\x90\x90"), SYMBOL_COST_EMULATED);
	cr_expect_eq(cost_of("\x55"), SYMBOL_COST_EMULATED, "push rbp");
	cr_expect_eq(cost_of("\x41\x57"), SYMBOL_COST_EMULATED, "push r15");
	cr_expect_eq(cost_of("\x41\x89"), SYMBOL_COST_STEPPED, "mov");
	cr_expect_eq(cost_of("\xf3\x0f\x1e\xfa"), SYMBOL_COST_STEPPED, "endbr64");
	cr_expect_eq(cost_of("\x48\x83\xec"), SYMBOL_COST_STEPPED, "sub");
}

/* A stripped service whose .gnu_debuglink consists of these bytes. */
static void linked_make(const char *file, const char *printf_bytes)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "printf '%s' >%s.link && strip -o %s %s && "
		 "objcopy --add-section .gnu_debuglink=%s.link %s && rm %s.link",
		 printf_bytes, file, file, SFSERVICE_PATH, file, file, file);
	cr_assert_eq(system(command), 0);
}

Test(symbols, links_that_lead_nowhere_or_elsewhere_are_not_followed)
{
	static const char *const links[] = {"", "x", "no-such-file\\0\\0\\0\\0abcd",
					    "../../etc/passwd\\0\\0\\0\\0abcd",
					    "cut.debug\\0\\0\\0"};
	struct symbols *symbols = NULL;
	struct symbol symbol;
	char *message = NULL;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		linked_make(path, links[i]);
		cr_assert_eq(symbols_open(path, &symbols, &message), 0, "%s", message);
		cr_expect_str_eq(symbols_debug_file(symbols), "");
		cr_expect_eq(symbols_find(symbols, "svcCall", &symbol), -ENOENT);
		symbols_close(symbols);
	}
}
