/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service as a probe sees it: every hop is a function of its own that starts
 * with a nop of five bytes, and the module exports one name.
 */
#include <gelf.h>
#include <libelf.h>

#include "service_driver.h"

/* "nopl disp8(%rax,%rax)": what the kernel can replace by a call. */
static const uint8_t nop[4] = {0x0f, 0x1f, 0x44, 0x00};

static const char *const hops[] = {
	"svcCall",
	"svcConnect",
	"svcDisconnect",
	"svcHostCall",
	"svcComplete",
	"vbsfClose",
	"vbsfCloseAndRemove",
	"vbsfCopyFile",
	"vbsfCopyFilePart",
	"vbsfCreate",
	"vbsfDirList",
	"vbsfDisconnect",
	"vbsfFileInfo",
	"vbsfFlush",
	"vbsfLock",
	"vbsfLookup",
	"vbsfMapFolder",
	"vbsfMappingsQuery",
	"vbsfOpenDir",
	"vbsfOpenFile",
	"vbsfQueryFSInfo",
	"vbsfQueryFileInfo",
	"vbsfQueryMapInfo",
	"vbsfQueryMapName",
	"vbsfQueryVolumeInfo",
	"vbsfRead",
	"vbsfReadLink",
	"vbsfReadPages",
	"vbsfRemove",
	"vbsfRename",
	"vbsfSetEndOfFile",
	"vbsfSetFSInfo",
	"vbsfSetFileInfo",
	"vbsfSetFileSize",
	"vbsfSymlink",
	"vbsfUnlock",
	"vbsfUnmapFolder",
	"vbsfWrite",
	"vbsfWritePages",
	"RTDirClose",
	"RTDirCreate",
	"RTDirOpen",
	"RTDirRead",
	"RTDirRemove",
	"RTFileClose",
	"RTFileCopy",
	"RTFileDelete",
	"RTFileFlush",
	"RTFileMove",
	"RTFileOpen",
	"RTFileQueryInfo",
	"RTFileRead",
	"RTFileSetSize",
	"RTFileSgRead",
	"RTFileSgWrite",
	"RTFileWrite",
	"RTFsQueryInfo",
	"RTPathQueryInfo",
	"RTPathRename",
	"RTSymlinkCreate",
	"RTSymlinkDelete",
	"RTSymlinkRead",
};
#define N_HOPS (sizeof(hops) / sizeof(hops[0]))

static Elf *open_module(void)
{
	int fd = open(SFSERVICE_PATH, O_RDONLY);
	Elf *elf;

	cr_assert_geq(fd, 0);
	cr_assert_neq(elf_version(EV_CURRENT), EV_NONE);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	cr_assert_not_null(elf);
	return elf;
}

static Elf_Data *find_section(Elf *elf, uint32_t type, GElf_Shdr *ret_header)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section))) {
		gelf_getshdr(section, ret_header);
		if (ret_header->sh_type == type)
			return elf_getdata(section, NULL);
	}
	cr_assert_fail("no section of type %u: stripped?", type);
	return NULL;
}

/* The bytes at an address, from the section that it lies in. */
static const uint8_t *bytes_at(Elf *elf, uint64_t address)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section))) {
		gelf_getshdr(section, &header);
		if (header.sh_type == SHT_PROGBITS && address >= header.sh_addr &&
		    address + 5 <= header.sh_addr + header.sh_size)
			return (uint8_t *)elf_getdata(section, NULL)->d_buf + address -
			       header.sh_addr;
	}
	return NULL;
}

/* Without what a build with SF_RT_PREFIX puts before the runtime's names. */
static const char *plain_name(const char *name)
{
	static const char *const prefixes[] = {"VBoxHost_", "VBoxGuest_"};

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return name + strlen(prefixes[i]);
	return name;
}

static bool is_hop_name(const char *name)
{
	return !strncmp(name, "vbsf", 4) || !strncmp(name, "RT", 2) ||
	       (!strncmp(name, "svc", 3) && name[3] >= 'A' && name[3] <= 'Z');
}

Test(service_hops, start_with_a_nop)
{
	Elf *elf = open_module();
	GElf_Shdr header;
	Elf_Data *symbols = find_section(elf, SHT_SYMTAB, &header);
	unsigned found[N_HOPS] = {0};
	GElf_Sym symbol;

	for (int i = 0; gelf_getsym(symbols, i, &symbol); i++) {
		const char *name = plain_name(elf_strptr(elf, header.sh_link, symbol.st_name));
		const uint8_t *bytes;

		if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || !is_hop_name(name))
			continue;
		cr_expect_null(strchr(name, '.'), "%s: a part of a function", name);
		bytes = bytes_at(elf, symbol.st_value);
		cr_assert_not_null(bytes, "%s", name);
		cr_expect_arr_eq(bytes, nop, sizeof(nop), "%s starts with %02x %02x %02x", name,
				 bytes[0], bytes[1], bytes[2]);
		cr_expect_geq(4096 - symbol.st_value % 4096, 5, "%s: nop across pages", name);
		for (unsigned j = 0; j < N_HOPS; j++)
			found[j] += !strcmp(name, hops[j]);
	}
	for (unsigned j = 0; j < N_HOPS; j++)
		cr_expect_eq(found[j], 1, "%s: %u of them", hops[j], found[j]);
	elf_end(elf);
}

Test(service_hops, one_export)
{
	Elf *elf = open_module();
	GElf_Shdr header;
	Elf_Data *symbols = find_section(elf, SHT_DYNSYM, &header);
	unsigned exports = 0;
	GElf_Sym symbol;

	for (int i = 0; gelf_getsym(symbols, i, &symbol); i++) {
		if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF)
			continue;
		cr_expect_str_eq(elf_strptr(elf, header.sh_link, symbol.st_name),
				 "VBoxHGCMSvcLoad");
		exports++;
	}
	cr_expect_eq(exports, 1);
	elf_end(elf);
}
