/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Landlock, from the version on that lets files be renamed between directories. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers may be older than the kernel. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ull << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ull << 14)
#endif

#define LANDLOCK_VERSION_REFER 2
#define LANDLOCK_VERSION_TRUNCATE 3

/* Everything that changes a file system; reading stays free. */
static uint64_t sandbox_access(int version)
{
	uint64_t access = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
			  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
			  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
			  LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
			  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |
			  LANDLOCK_ACCESS_FS_REFER;

	return version >= LANDLOCK_VERSION_TRUNCATE ? access | LANDLOCK_ACCESS_FS_TRUNCATE : access;
}

static int sandbox_allow(int ruleset, const char *dir, uint64_t access)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = access};
	int ret = 0;

	beneath.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		ret = -errno;
	close(beneath.parent_fd);
	return ret;
}

/*
 * A mount that a service makes for itself is in no allowed directory: without
 * the right to make one it does without.
 */
static int sandbox_drop_mounts(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
	data[CAP_TO_INDEX(CAP_SYS_ADMIN)].permitted &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
	data[CAP_TO_INDEX(CAP_SYS_ADMIN)].inheritable &= ~CAP_TO_MASK(CAP_SYS_ADMIN);
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int sandbox_enter(const char *const *dirs, size_t n)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = {0};
	int ruleset, ret = 0;

	if (version < LANDLOCK_VERSION_REFER)
		return -EOPNOTSUPP;
	attr.handled_access_fs = sandbox_access((int)version);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; i < n && !ret; i++)
		ret = sandbox_allow(ruleset, dirs[i], attr.handled_access_fs);
	if (!ret && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		     syscall(SYS_landlock_restrict_self, ruleset, 0) < 0))
		ret = -errno;
	if (!ret)
		ret = sandbox_drop_mounts();
	close(ruleset);
	return ret;
}
