/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the completion function from living processes: see completion.h. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "completion.h"
#include "hgcm_svc.h"

/* A line of /proc/PID/maps. */
struct mapping {
	uint64_t start, end, offset, device, inode;
	bool is_code;
	char name[PATH_MAX];
};

static bool mapping_parse(const char *line, struct mapping *ret)
{
	unsigned int major_number, minor_number;
	char flags[5];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &ret->start, &ret->end, flags, &ret->offset, &major_number, &minor_number,
		   &ret->inode, &at) != 7)
		return false;
	ret->device = makedev(major_number, minor_number);
	ret->is_code = flags[2] == 'x';
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	return true;
}

/* The first mapping that WANTED says yes to. -ESRCH: there is none. */
static int mapping_find(pid_t pid, bool (*wanted)(const struct mapping *mapping, const void *user),
			const void *user, struct mapping *ret)
{
	char name[64], *line = NULL;
	size_t size = 0;
	FILE *maps;
	int err = -ESRCH;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	maps = fopen(name, "re");
	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;
	while (err && getline(&line, &size, maps) > 0)
		if (mapping_parse(line, ret) && wanted(ret, user))
			err = 0;
	free(line);
	fclose(maps);
	return err;
}

static bool is_begin_of(const struct mapping *mapping, const void *user)
{
	const struct stat *file = user;

	return mapping->inode == file->st_ino && mapping->device == file->st_dev &&
	       !mapping->offset;
}

static bool has_address(const struct mapping *mapping, const void *user)
{
	uint64_t address = *(const uint64_t *)user;

	return address >= mapping->start && address < mapping->end;
}

static int read_pointer(pid_t pid, uint64_t address, uint64_t *ret)
{
	struct iovec local = {ret, sizeof(*ret)};
	struct iovec remote = {(void *)(uintptr_t)address, sizeof(*ret)};
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*ret) ? 0 : -EFAULT;
}

/* The file of a function; the link in map_files leads to it even if its name has changed. */
static int function_file(pid_t pid, uint64_t address, struct completion *ret)
{
	struct mapping mapping;
	int err = mapping_find(pid, has_address, &address, &mapping);

	if (err)
		return err == -ESRCH ? -EFAULT : err;
	if (!mapping.is_code || !mapping.inode)
		return -EFAULT;
	ret->pid = pid;
	ret->offset = address - mapping.start + mapping.offset;
	ret->device = mapping.device;
	ret->inode = mapping.inode;
	snprintf(ret->file, sizeof(ret->file), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid,
		 mapping.start, mapping.end);
	memcpy(ret->name, mapping.name, sizeof(ret->name));
	return 0;
}

int completion_find(pid_t pid, const char *service, uint64_t helpers, struct completion *ret)
{
	uint64_t table = 0, function = 0;
	struct mapping module;
	struct stat st;
	int err = stat(service, &st) ? -errno : 0;

	if (!err)
		err = mapping_find(pid, is_begin_of, &st, &module);
	if (!err)
		err = read_pointer(pid, module.start + helpers, &table);
	if (!err && !table)
		return -EAGAIN;
	if (!err)
		err = read_pointer(pid, table + offsetof(VBOXHGCMSVCHELPERS, pfnCallComplete),
				   &function);
	return err ? err : function_file(pid, function, ret);
}

int completion_each(const char *service, uint64_t helpers,
		    void (*each)(void *user, const struct completion *found), void *user)
{
	struct completion found;
	struct dirent *entry;
	DIR *processes = opendir("/proc");

	if (!processes)
		return -errno;
	while ((entry = readdir(processes)) != NULL) {
		pid_t pid = isdigit((unsigned char)*entry->d_name) ? atoi(entry->d_name) : 0;

		if (pid && pid != getpid() && !completion_find(pid, service, helpers, &found))
			each(user, &found);
	}
	closedir(processes);
	return 0;
}
