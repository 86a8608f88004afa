/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BPF_LINK_CREATE for uprobe_multi: see uprobe_multi.h. */
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uprobe_multi.h"

#define UPROBE_MULTI_RETURN 1u

/* The kernel's union bpf_attr for this command, as Linux 6.6 has it. */
struct link_create_attr {
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t reference_offsets;
	uint64_t cookies;
	uint32_t n;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t pad;
};
_Static_assert(offsetof(struct link_create_attr, path) == 16, "layout of bpf_attr");
_Static_assert(offsetof(struct link_create_attr, pid) == 56, "layout of bpf_attr");

int uprobe_multi_link(int program_fd, enum uprobe_multi type, const char *file,
		      const uint64_t *offsets, const uint64_t *cookies, uint32_t n, bool at_return)
{
	struct link_create_attr attr = {
		.program_fd = program_fd,
		.attach_type = type,
		.path = (uintptr_t)file,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.n = n,
		.multi_flags = at_return ? UPROBE_MULTI_RETURN : 0,
	};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}
