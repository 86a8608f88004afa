/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaches the guest's programs: a kprobe and a kretprobe for each hop, with
 * the hop's id as the cookie.
 */
#include "guest_probe.h"

#include "guest.skel.h"
#include "hop.h"
#include "kallsyms.h"
#include "port_write.h"
#include "return_probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define KPROBE_PATH "/sys/bus/event_source/devices/kprobe/type"
#define RCU_EXPEDITED_PATH "/sys/kernel/rcu_expedited"
#define LIST_SIZE 3072 /* bytes of names: fits in a note to the recorder */

struct guest_profile {
	const char *name;
	enum hop_profile profile;
	const char *call; /* the function that makes the calls */
	const char *modules; /* that have the functions */
};

static const struct guest_profile profiles[] = {
	{
		.name = "sf",
		.profile = HOP_PROFILE_SF,
		.call = "VbglHGCMCall",
		.modules = "sf_guest and sf (insmod, or modprobe sf)",
	},
	{
		.name = "mainline",
		.profile = HOP_PROFILE_MAINLINE,
		.call = "vbg_hgcm_call",
		.modules = "vboxguest and vboxsf (modprobe vboxsf)",
	},
};

/* A function that compilers make part of another one. */
static const struct {
	const char *name;
	const char *in;
} inlined = {"vbg_req_perform", "vbg_hgcm_do_call"};

#define N_PROFILES (sizeof(profiles) / sizeof(profiles[0]))
#define GUEST_PROFILES (1u << HOP_PROFILE_SF | 1u << HOP_PROFILE_MAINLINE | 1u << HOP_PROFILE_VFS)

struct guest_probe {
	struct guest_bpf *skel;
	struct rings *rings;
	uint64_t page_base; /* where the kernel keeps the start of its map of all memory */
	const struct hop **hops; /* of the profiles that this kernel has */
	struct kallsyms_wanted *symbols; /* of each hop */
	size_t n_hops;
	struct return_probes *returns; /* NULL: perf's own have to do */
	struct bpf_link **links; /* exit and entry of each hop that was found */
	size_t n_links;
	char profiles[64];
	char attached[LIST_SIZE];
	char missing[LIST_SIZE];
};

__attribute__((format(printf, 3, 4))) static int fail(char **ret_message, int error,
						      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(ret_message, format, arguments) < 0)
		*ret_message = NULL;
	va_end(arguments);
	return error;
}

/* libbpf's own words only on demand: they are for who works on the programs. */
static int debug_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	return getenv("SFTRACE_DEBUG") ? vfprintf(stderr, format, arguments) : 0;
}

static void list_add(char *list, size_t size, const char *name, const char *why)
{
	size_t length = strlen(list);

	snprintf(list + length, size - length, "%s%s%s%s%s", length ? " " : "", name,
		 why ? " (" : "", why ? why : "", why ? ")" : "");
}

static bool profile_exists(const char *name)
{
	for (size_t i = 0; i < N_PROFILES; i++)
		if (!strcmp(profiles[i].name, name))
			return true;
	return false;
}

/* What the kernel must have, checked before libbpf would say it in its own words. */
static int check_kernel(char **ret_message)
{
	if (access(BTF_PATH, R_OK))
		return fail(
			ret_message, -ENOTSUP,
			"this kernel has no type information (%s): it needs CONFIG_DEBUG_INFO_BTF",
			BTF_PATH);
	if (access(KPROBE_PATH, R_OK))
		return fail(ret_message, -ENOTSUP,
			    "this kernel has no kprobes (%s): it needs CONFIG_KPROBE_EVENTS",
			    KPROBE_PATH);
	return 0;
}

static const struct kallsyms_wanted *find_symbol(const struct guest_probe *probe, const char *name)
{
	for (size_t i = 0; i < probe->n_hops; i++)
		if (!strcmp(probe->symbols[i].name, name))
			return &probe->symbols[i];
	return NULL;
}

/* The symbols of all hops that a guest may have, and one more, behind them. */
static int find_symbols(struct guest_probe *probe, char **ret_message)
{
	struct kallsyms_wanted *page_base;
	int ret;

	probe->hops = calloc(n_hops, sizeof(*probe->hops));
	probe->symbols = calloc(n_hops + 1, sizeof(*probe->symbols));
	probe->links = calloc(2 * n_hops, sizeof(*probe->links));
	if (!probe->hops || !probe->symbols || !probe->links)
		return fail(ret_message, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n_hops; i++) {
		if (!(GUEST_PROFILES & 1u << hops[i].profile))
			continue;
		probe->symbols[probe->n_hops].name = hops[i].name;
		probe->hops[probe->n_hops++] = &hops[i];
	}
	page_base = &probe->symbols[probe->n_hops];
	*page_base = (struct kallsyms_wanted){.name = "page_offset_base", .data = true};
	ret = kallsyms_find(KALLSYMS_PATH, probe->symbols, probe->n_hops + 1);
	if (ret)
		return fail(ret_message, ret, "cannot read %s: %s", KALLSYMS_PATH, strerror(-ret));
	probe->page_base = page_base->address;
	return 0;
}

/* Keeps the hops of the profiles in a set of bits. */
static void keep_hops(struct guest_probe *probe, uint32_t kept)
{
	size_t n = 0;

	for (size_t i = 0; i < probe->n_hops; i++) {
		if (!(kept & 1u << probe->hops[i]->profile))
			continue;
		probe->hops[n] = probe->hops[i];
		probe->symbols[n++] = probe->symbols[i];
	}
	probe->n_hops = n;
}

static int no_driver(const char *wanted, char **ret_message)
{
	char modules[256] = "";

	for (size_t i = 0; i < N_PROFILES; i++) {
		size_t length = strlen(modules);

		if (!wanted || !strcmp(profiles[i].name, wanted))
			snprintf(modules + length, sizeof(modules) - length, "%s%s",
				 length ? ", or " : "", profiles[i].modules);
	}
	return fail(ret_message, -ENOENT,
		    "no driver for shared folders that could be traced in this kernel: load the "
		    "modules %s",
		    modules);
}

/* The functions that make the calls tell which profiles this kernel has. */
static int find_hops(struct guest_probe *probe, const char *wanted, char **ret_message)
{
	int ret = find_symbols(probe, ret_message);
	uint32_t found = 0;

	for (size_t i = 0; !ret && i < N_PROFILES; i++) {
		const struct kallsyms_wanted *call = find_symbol(probe, profiles[i].call);

		if ((wanted && strcmp(profiles[i].name, wanted)) || !call->found[0])
			continue;
		found |= 1u << profiles[i].profile;
		list_add(probe->profiles, sizeof(probe->profiles), profiles[i].name, NULL);
	}
	if (!ret && !found)
		ret = no_driver(wanted, ret_message);
	if (!ret)
		keep_hops(probe, found | 1u << HOP_PROFILE_VFS);
	return ret;
}

static int load(struct guest_probe *probe, const struct guest_probe_options *options,
		char **ret_message)
{
	int ret;

	probe->skel = guest_bpf__open();
	if (!probe->skel)
		return fail(ret_message, -errno, "cannot read the BPF programs: %s",
			    strerror(errno));
	probe->skel->rodata->opt_bulk = options->bulk;
	probe->skel->rodata->opt_page_base = probe->page_base;
	ret = rings_prepare(probe->skel->obj);
	if (!ret)
		ret = guest_bpf__load(probe->skel);
	if (ret == -EPERM)
		return fail(ret_message, ret,
			    "not allowed to load BPF programs: run as root (CAP_BPF and "
			    "CAP_PERFMON), outside of containers and kernel lockdown");
	if (ret)
		return fail(ret_message, ret, "this kernel does not take the BPF programs: %s",
			    strerror(-ret));
	return 0;
}

/* A probe on a symbol of the kernel. */
struct probe_place {
	struct bpf_program *program;
	bool retprobe;
	size_t offset;
};

static int attach_place(struct guest_probe *probe, const struct hop *hop, const char *symbol,
			const struct probe_place *place)
{
	DECLARE_LIBBPF_OPTS(bpf_kprobe_opts, options, .bpf_cookie = hop->id,
			    .offset = place->offset, .retprobe = place->retprobe);
	struct bpf_link *link = NULL;

	if (place->retprobe && probe->returns)
		return_probes_attach(probe->returns, place->program, hop->name, symbol, hop->id,
				     &link);
	if (!link)
		link = bpf_program__attach_kprobe_opts(place->program, symbol, &options);
	if (!link)
		return -errno;
	probe->links[probe->n_links++] = link;
	return 0;
}

/* Both or none. The exit first: an entry whose exit nobody sees is worse than the reverse. */
static int attach_pair(struct guest_probe *probe, const struct hop *hop, const char *symbol,
		       const struct probe_place *enter, const struct probe_place *exit)
{
	int ret = attach_place(probe, hop, symbol, exit);

	if (ret)
		return ret;
	ret = attach_place(probe, hop, symbol, enter);
	if (ret)
		bpf_link__destroy(probe->links[--probe->n_links]);
	return ret;
}

static int attach_function(struct guest_probe *probe, const struct hop *hop, const char *symbol)
{
	struct probe_place enter = {.program = probe->skel->progs.hop_enter};
	struct probe_place exit = {.program = probe->skel->progs.hop_exit, .retprobe = true};

	return attach_pair(probe, hop, symbol, &enter, &exit);
}

/* Has the kernel copy what is at an address to the programs' memory. */
static int read_code(struct guest_probe *probe, uint64_t address)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &address, .ctx_size_in = sizeof(address));
	int error = address ? 0 : -ENOENT;

	if (!error)
		error = bpf_prog_test_run_opts(bpf_program__fd(probe->skel->progs.read_code),
					       &options);
	return error ? error : (int)options.retval;
}

static int find_port_write(struct guest_probe *probe, const struct kallsyms_wanted *in,
			   struct port_write *ret)
{
	int error = read_code(probe, in->address);

	if (!error)
		error = port_write_find(probe->skel->bss->code, sizeof(probe->skel->bss->code),
					ret);
	return error;
}

/* A hop that became part of another function: at the port write in that one. */
static int attach_inlined(struct guest_probe *probe, const struct hop *hop,
			  const struct kallsyms_wanted *in)
{
	struct probe_place enter = {.program = probe->skel->progs.inlined_enter};
	struct probe_place exit = {.program = probe->skel->progs.inlined_exit};
	struct port_write port_write;
	int ret = find_port_write(probe, in, &port_write);

	if (ret)
		return ret;
	enter.offset = port_write.before;
	exit.offset = port_write.after;
	return attach_pair(probe, hop, in->found, &enter, &exit);
}

static int attach_hop(struct guest_probe *probe, const struct hop *hop, const char *symbol)
{
	const struct kallsyms_wanted *in = find_symbol(probe, inlined.in);

	if (!strcmp(hop->name, inlined.name) && in && !attach_inlined(probe, hop, in))
		return 0;
	return *symbol ? attach_function(probe, hop, symbol) : -ENOENT;
}

static void note_hop(struct guest_probe *probe, const struct hop *hop, const char *symbol,
		     int error)
{
	if (!error)
		list_add(probe->attached, sizeof(probe->attached), hop->name, NULL);
	else
		list_add(probe->missing, sizeof(probe->missing), hop->name,
			 *symbol ? strerror(-error) : "not there, or inlined");
}

static int attach_hops(struct guest_probe *probe, char **ret_message)
{
	for (size_t i = 0; i < probe->n_hops; i++) {
		const struct hop *hop = probe->hops[i];
		const char *symbol = probe->symbols[i].found;
		int ret = attach_hop(probe, hop, symbol);

		if (ret == -EPERM || ret == -EACCES)
			return fail(ret_message, ret, "not allowed to attach to %s: run as root",
				    symbol);
		if (ret && hop->kind == HOP_KIND_CALL)
			return fail(ret_message, ret, "cannot attach to %s: %s", symbol,
				    strerror(-ret));
		note_hop(probe, hop, symbol, ret);
	}
	return 0;
}

/*
 * Every probe waits for RCU when it comes and several times when it goes: many
 * seconds for all of them. Has the kernel hurry; gives what to restore.
 */
static int rcu_hurry(void)
{
	int fd = open(RCU_EXPEDITED_PATH, O_RDWR | O_CLOEXEC);
	char now = '1';

	if (fd < 0)
		return -1;
	if (pread(fd, &now, 1, 0) != 1 || now != '0' || pwrite(fd, "1", 1, 0) != 1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void rcu_restore(int fd)
{
	if (fd < 0)
		return;
	while (pwrite(fd, "0", 1, 0) < 0 && errno == EINTR)
		;
	close(fd);
}

static int attach(struct guest_probe *probe, char **ret_message)
{
	int hurry = rcu_hurry();
	int ret;

	if (return_probes_open(NULL, &probe->returns))
		probe->returns = NULL;
	ret = attach_hops(probe, ret_message);
	rcu_restore(hurry);
	return ret;
}

int guest_probe_open(const struct guest_probe_options *options, ring_sink *sink, void *user,
		     struct guest_probe **ret, char **ret_message)
{
	size_t ring_bytes = options->ring_bytes ? options->ring_bytes : rings_default_bytes();
	struct guest_probe *probe;
	int error;

	if (options->profile && !profile_exists(options->profile))
		return fail(ret_message, -EINVAL,
			    "no hop profile '%s' for guests: there are %s and %s", options->profile,
			    profiles[0].name, profiles[1].name);
	libbpf_set_print(debug_print);
	error = check_kernel(ret_message);
	if (error)
		return error;
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return fail(ret_message, -ENOMEM, "out of memory");
	error = find_hops(probe, options->profile, ret_message);
	if (!error)
		error = load(probe, options, ret_message);
	if (!error) {
		error = rings_open(probe->skel->obj, ring_bytes, sink, user, &probe->rings);
		if (error)
			fail(ret_message, error,
			     "cannot make a buffer of %zu bytes for each CPU: %s", ring_bytes,
			     strerror(-error));
	}
	if (!error)
		error = attach(probe, ret_message);
	if (error) {
		guest_probe_close(probe);
		return error;
	}
	*ret = probe;
	return 0;
}

struct rings *guest_probe_rings(struct guest_probe *probe)
{
	return probe->rings;
}

const char *guest_probe_profiles(const struct guest_probe *probe)
{
	return probe->profiles;
}

const char *guest_probe_attached(const struct guest_probe *probe)
{
	return probe->attached;
}

const char *guest_probe_missing(const struct guest_probe *probe)
{
	return probe->missing;
}

/* Entries before returns: what is open then still finds its end. */
void guest_probe_detach(struct guest_probe *probe)
{
	int hurry = probe->n_links ? rcu_hurry() : -1;

	for (size_t parity = 2; parity-- > 0;)
		for (size_t i = parity; i < probe->n_links; i += 2)
			bpf_link__destroy(probe->links[i]);
	probe->n_links = 0;
	return_probes_close(probe->returns);
	probe->returns = NULL;
	rcu_restore(hurry);
}

void guest_probe_close(struct guest_probe *probe)
{
	if (!probe)
		return;
	guest_probe_detach(probe);
	free(probe->links);
	free(probe->symbols);
	free(probe->hops);
	rings_close(probe->rings);
	guest_bpf__destroy(probe->skel);
	free(probe);
}

static void survey_site(struct guest_probe *probe, size_t i, struct guest_site *ret)
{
	const struct kallsyms_wanted *symbol = &probe->symbols[i];
	const struct kallsyms_wanted *in = find_symbol(probe, inlined.in);
	struct port_write place;

	ret->name = probe->hops[i]->name;
	if (in && !strcmp(ret->name, inlined.name) && !find_port_write(probe, in, &place)) {
		ret->inlined = true;
		symbol = in;
	}
	strcpy(ret->symbol, symbol->found);
	ret->address = symbol->address + (ret->inlined ? place.before : 0);
	ret->has_code = !read_code(probe, symbol->address);
	if (ret->has_code)
		memcpy(ret->code, probe->skel->bss->code, sizeof(ret->code));
}

static int survey_sites(struct guest_probe *probe, struct guest_survey *ret, char **ret_message)
{
	ret->sites = calloc(probe->n_hops, sizeof(*ret->sites));
	if (!ret->sites)
		return fail(ret_message, -ENOMEM, "out of memory");
	ret->n = probe->n_hops;
	strcpy(ret->profiles, probe->profiles);
	for (size_t i = 0; i < ret->n; i++)
		survey_site(probe, i, &ret->sites[i]);
	return 0;
}

int guest_probe_survey(struct guest_survey *ret, char **ret_message)
{
	struct guest_probe_options options = {0};
	struct guest_probe *probe = calloc(1, sizeof(*probe));
	int error = 0;

	libbpf_set_print(debug_print);
	if (!probe)
		return fail(ret_message, -ENOMEM, "out of memory");
	error = find_hops(probe, NULL, ret_message);
	if (!error)
		error = check_kernel(ret_message);
	if (!error)
		error = load(probe, &options, ret_message);
	if (!error)
		error = survey_sites(probe, ret, ret_message);
	guest_probe_close(probe);
	return error;
}

void guest_survey_free(struct guest_survey *survey)
{
	free(survey->sites);
}
