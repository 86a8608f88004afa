/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trying what the kernel has: see feature.h. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "feature.h"
#include "uprobe_multi.h"

/* return 0 */
static const struct bpf_insn empty_program[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	{.code = BPF_JMP | BPF_EXIT},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int empty_program_load(enum bpf_attach_type attach_type, uint32_t flags)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach_type,
		    .prog_flags = flags);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", empty_program,
			     COUNT_OF(empty_program), &options);
}

static int close_fd(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int feature_bpf(void)
{
	return close_fd(empty_program_load(0, 0));
}

/* A file that is no executable is refused as such only if the rest is understood. */
static int uprobe_multi(enum uprobe_multi type)
{
	uint64_t offset = 0;
	int fd = empty_program_load((enum bpf_attach_type)type, 0), err;

	if (fd < 0)
		return fd;
	err = close_fd(uprobe_multi_link(fd, type, "/", &offset, NULL, 1, false));
	close(fd);
	if (err == -EPERM || err == -EACCES)
		return err;
	return err == -EBADF ? 0 : -EOPNOTSUPP;
}

int feature_uprobe_multi(void)
{
	return uprobe_multi(UPROBE_MULTI);
}

int feature_uprobe_session(void)
{
	return uprobe_multi(UPROBE_SESSION);
}

int feature_sleepable_uprobe(void)
{
	return close_fd(empty_program_load(0, BPF_F_SLEEPABLE));
}

static int uprobe_pmu(void)
{
	return access("/sys/bus/event_source/devices/uprobe/type", R_OK) ? -errno : 0;
}

static int kernel_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int err = libbpf_get_error(btf);

	if (!err)
		btf__free(btf);
	return err;
}

/* libbpf's probes: 1 there, 0 not there, negative errno. */
static int probed(int result)
{
	return result > 0 ? 0 : result ? result : -EOPNOTSUPP;
}

static int ring_buffer_map(void)
{
	return probed(libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL));
}

static int task_storage_map(void)
{
	return probed(libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, NULL));
}

static int loop_helper(void)
{
	return probed(libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL));
}

static int cookie_helper(void)
{
	return probed(
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL));
}

static int raw_tracepoint(void)
{
	return probed(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL));
}

#define INITIAL_PID_NAMESPACE 0xeffffffcu /* its inode, the same on every kernel */

int feature_pid_numbers(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return -errno;
	return st.st_ino == INITIAL_PID_NAMESPACE ? 0 : -EXDEV;
}

const struct feature features[] = {
	{"bpf", "loading BPF programs (root, or CAP_BPF and CAP_PERFMON)", true, true, feature_bpf},
	{"kernel BTF", "finding kernel fields (CONFIG_DEBUG_INFO_BTF)", false, true, kernel_btf},
	{"ring buffer", "taking records out of the kernel (Linux 5.8)", true, true,
	 ring_buffer_map},
	{"task storage", "the state of each thread (Linux 5.11)", true, true, task_storage_map},
	{"attach cookies", "telling hops apart (Linux 5.15)", true, true, cookie_helper},
	{"bpf_loop", "payload in chunks (Linux 5.17)", true, true, loop_helper},
	{"uprobes", "probes on the service's functions (CONFIG_UPROBE_EVENTS)", false, true,
	 uprobe_pmu},
	{"uprobe_multi", "all probes in a few links (Linux 6.6); else one link each", true, false,
	 feature_uprobe_multi},
	{"uprobe sessions", "cheaper probes (Linux 6.13); else two for each function", true, false,
	 feature_uprobe_session},
	{"sleepable uprobes", "parameters that are paged out (Linux 6.0); else unreadable", true,
	 false, feature_sleepable_uprobe},
	{"raw tracepoints", "system calls as hops, threads that die (Linux 4.17)", true, true,
	 raw_tracepoint},
	{"process numbers", "recording one command or -p (not in a PID namespace)", false, false,
	 feature_pid_numbers},
};
const size_t n_features = COUNT_OF(features);

const struct feature *feature_missing(int *ret_error)
{
	for (size_t i = 0; i < n_features; i++) {
		int err = features[i].needed ? features[i].check() : 0;

		if (!err)
			continue;
		*ret_error = err;
		return &features[i];
	}
	return NULL;
}
