/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes on the host service: see probe.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "completion.h"
#include "feature.h"
#include "host.skel.h"
#include "pattern.h"
#include "probe.h"
#include "uprobe_multi.h"

struct probe {
	struct host_bpf *skeleton;
	struct probe_options options;
	const struct probe_plan *plan;
	char *file; /* the service's, with its folder: libbpf looks for bare names elsewhere */
	bool multi, session;
	int *link_fds; /* uprobe_multi links */
	size_t n_link_fds;
	struct bpf_link **links; /* everything else */
	size_t n_links;
	struct completion *completions; /* that are attached to */
	size_t n_completions;
};

#define COMPLETIONS_MAX 16 /* different hosts of a service at once */

/* Sites that go to one program, in the order of attaching: see probe_attach(). */
struct probe_group {
	const char *program;
	bool session; /* entries and returns, on kernels with sessions; else without */
	bool at_return;
	bool (*has)(const struct hop *hop);
};

static int fail(char **ret_message, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_message, format, args) < 0)
		*ret_message = NULL;
	va_end(args);
	return err;
}

/* libbpf's own words only on demand: they are for who works on the programs. */
static int debug_print(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	return getenv("SFTRACE_DEBUG") ? vfprintf(stderr, format, args) : 0;
}

void probe_quiet(void)
{
	libbpf_set_print(debug_print);
}

/* Why the kernel did not take the programs, from what it lacks. */
static int load_failed(int err, char **ret_message)
{
	struct utsname name = {0};
	const struct feature *feature;
	int why;

	feature = feature_missing(&why);
	if (feature && (why == -EPERM || why == -EACCES))
		return fail(ret_message, why,
			    "no permission for BPF: run as root, or with CAP_BPF, CAP_PERFMON and "
			    "CAP_SYS_PTRACE");
	uname(&name);
	if (feature)
		return fail(ret_message, why,
			    "this kernel (%s) has no %s, needed for %s; see sftrace doctor",
			    name.release, feature->name, feature->purpose);
	return fail(ret_message, err,
		    "this kernel (%s) refuses the BPF programs: %s (SFTRACE_DEBUG=1 shows its "
		    "words)",
		    name.release, strerror(-err));
}

static bool any_hop(const struct hop *hop)
{
	(void)hop;
	return true;
}

static bool inner_hop(const struct hop *hop)
{
	return hop->kind == HOP_KIND_INNER;
}

static bool other_hop(const struct hop *hop)
{
	return hop->kind != HOP_KIND_INNER;
}

/* Exits before entries, calls last: no hop is entered whose exit would be missed. */
static const struct probe_group groups[] = {
	{"hop_exit", false, true, any_hop},	  {"hop_enter", false, false, inner_hop},
	{"call_enter", false, false, other_hop},  {"hop_session", true, false, inner_hop},
	{"call_session", true, false, other_hop},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct bpf_program *group_program(const struct probe *probe, const struct probe_group *group)
{
	return bpf_object__find_program_by_name(probe->skeleton->obj, group->program);
}

/* Only the groups that this kernel will attach are loaded. */
static void groups_set(struct probe *probe)
{
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		struct bpf_program *program = group_program(probe, &groups[i]);

		bpf_program__set_autoload(program, groups[i].session == probe->session);
		if (probe->multi)
			bpf_program__set_expected_attach_type(
				program, (enum bpf_attach_type)(probe->session ? UPROBE_SESSION
									       : UPROBE_MULTI));
	}
}

static void filter_set(struct host_bpf *skeleton, const struct probe_filter *filter)
{
	skeleton->rodata->opt_functions = filter->functions;
	skeleton->rodata->opt_client = filter->client;
	memcpy((char *)skeleton->rodata->opt_comm, filter->comm, sizeof(filter->comm));
	skeleton->rodata->opt_has_share = filter->share != NULL;
	skeleton->rodata->opt_has_path = filter->path != NULL;
	skeleton->rodata->opt_failed = filter->failed;
	skeleton->rodata->opt_slower_ns = filter->slower_ns;
}

static int pattern_set(struct host_bpf *skeleton, uint32_t which, const char *text,
		       int (*make)(const char *text, struct pattern *ret))
{
	struct pattern pattern;
	int err = text ? make(text, &pattern) : 0;

	if (err || !text)
		return err;
	return bpf_map_update_elem(bpf_map__fd(skeleton->maps.patterns), &which, &pattern, BPF_ANY);
}

static int patterns_set(struct host_bpf *skeleton, const struct probe_filter *filter)
{
	int err = pattern_set(skeleton, PATTERN_SHARE, filter->share, pattern_name);

	return err ? err : pattern_set(skeleton, PATTERN_PATH, filter->path, pattern_path);
}

static void options_set(struct probe *probe)
{
	const struct probe_options *options = &probe->options;
	struct host_bpf *skeleton = probe->skeleton;

	skeleton->rodata->opt_snaplen = options->snaplen;
	skeleton->rodata->opt_pid = options->pid;
	skeleton->rodata->opt_ancestor = options->ancestor;
	skeleton->rodata->opt_own_pid = getpid();
	filter_set(skeleton, &options->filter);
	if (!feature_sleepable_uprobe()) {
		skeleton->rodata->opt_sleepable = 1;
		bpf_program__set_flags(skeleton->progs.call_session, BPF_F_SLEEPABLE);
		bpf_program__set_flags(skeleton->progs.call_enter, BPF_F_SLEEPABLE);
	}
	bpf_program__set_autoload(skeleton->progs.service_loaded, probe->plan->helpers != 0);
	bpf_program__set_autoload(skeleton->progs.syscall_enter, options->syscalls);
	bpf_program__set_autoload(skeleton->progs.syscall_exit, options->syscalls);
	groups_set(probe);
}

int probe_open(const struct probe_options *options, const struct probe_plan *plan,
	       struct probe **ret, char **ret_message)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int err;

	probe_quiet();
	if (!probe)
		return fail(ret_message, -ENOMEM, "out of memory");
	probe->options = *options;
	probe->plan = plan;
	probe->multi = !options->one_link_each && !feature_uprobe_multi();
	probe->session = probe->multi && !options->no_session && !feature_uprobe_session();
	probe->link_fds = calloc(8 + 2 * COMPLETIONS_MAX, sizeof(int));
	probe->links = calloc(2 * plan->n + 4 + 2 * COMPLETIONS_MAX, sizeof(*probe->links));
	probe->file = realpath(options->service, NULL);
	probe->completions = calloc(COMPLETIONS_MAX, sizeof(*probe->completions));
	probe->skeleton = host_bpf__open();
	if (!probe->link_fds || !probe->links || !probe->completions || !probe->file ||
	    !probe->skeleton) {
		err = fail(ret_message, -ENOMEM, "out of memory");
		goto cleanup;
	}
	options_set(probe);
	err = rings_prepare(probe->skeleton->obj);
	if (!err)
		err = host_bpf__load(probe->skeleton);
	if (err)
		err = load_failed(err, ret_message);
	else if ((err = patterns_set(probe->skeleton, &options->filter)))
		fail(ret_message, err, "cannot look for a share or path: %s", strerror(-err));
cleanup:
	if (err)
		probe_close(probe);
	else
		*ret = probe;
	return err;
}

struct bpf_object *probe_object(struct probe *probe)
{
	return probe->skeleton->obj;
}

/* Functions of one file that go to one program. */
struct places {
	const char *file;
	const uint64_t *offsets, *cookies;
	size_t n;
};

static int attach_each(struct probe *probe, const struct bpf_program *program, bool at_return,
		       const struct places *places)
{
	for (size_t i = 0; i < places->n; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = at_return,
			    .bpf_cookie = places->cookies[i]);
		struct bpf_link *link = bpf_program__attach_uprobe_opts(
			program, -1, places->file, places->offsets[i], &options);

		if (!link)
			return -errno;
		probe->links[probe->n_links++] = link;
	}
	return 0;
}

static int attach_multi(struct probe *probe, const struct bpf_program *program, bool at_return,
			const struct places *places)
{
	int fd = uprobe_multi_link(
		bpf_program__fd(program), probe->session ? UPROBE_SESSION : UPROBE_MULTI,
		places->file, places->offsets, places->cookies, (uint32_t)places->n, at_return);

	if (fd < 0)
		return fd;
	probe->link_fds[probe->n_link_fds++] = fd;
	return 0;
}

static int attach_places(struct probe *probe, const struct probe_group *group,
			 const struct places *places)
{
	const struct bpf_program *program = group_program(probe, group);

	if (!places->n)
		return 0;
	return probe->multi ? attach_multi(probe, program, group->at_return, places)
			    : attach_each(probe, program, group->at_return, places);
}

static int attach_group(struct probe *probe, const struct probe_group *group)
{
	const struct probe_plan *plan = probe->plan;
	uint64_t *offsets = calloc(2 * plan->n, sizeof(*offsets));
	uint64_t *cookies = offsets + plan->n;
	struct places places = {
		.file = probe->options.service, .offsets = offsets, .cookies = cookies};
	int err;

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n; i++) {
		if (!plan->sites[i].found || !group->has(plan->sites[i].hop))
			continue;
		offsets[places.n] = plan->sites[i].symbol.offset;
		cookies[places.n++] = plan->sites[i].hop->id;
	}
	err = attach_places(probe, group, &places);
	free(offsets);
	return err;
}

static const struct hop *completion_hop(const struct probe *probe)
{
	for (size_t i = 0; i < probe->plan->n; i++)
		if (probe->plan->sites[i].hop->kind == HOP_KIND_COMPLETE)
			return probe->plan->sites[i].hop;
	return NULL;
}

static bool completion_is_known(const struct probe *probe, const struct completion *found)
{
	for (size_t i = 0; i < probe->n_completions; i++) {
		const struct completion *known = &probe->completions[i];

		if (known->inode == found->inode && known->device == found->device &&
		    known->offset == found->offset)
			return true;
	}
	return false;
}

static void completion_attach(void *user, const struct completion *found)
{
	struct probe *probe = user;
	const struct hop *hop = completion_hop(probe);
	uint64_t cookie = hop->id;
	struct places places = {found->file, &found->offset, &cookie, 1};
	int err = 0;

	if (probe->n_completions == COMPLETIONS_MAX || completion_is_known(probe, found))
		return;
	for (size_t i = 0; !err && i < COUNT_OF(groups); i++)
		if (groups[i].session == probe->session && groups[i].has(hop))
			err = attach_places(probe, &groups[i], &places);
	if (!err)
		probe->completions[probe->n_completions++] = *found;
}

int probe_attach_completions(struct probe *probe)
{
	const struct probe_options *options = &probe->options;
	size_t before = probe->n_completions;
	struct completion found;
	int err;

	if (!probe->plan->helpers)
		return 0;
	if (options->pid) {
		err = completion_find(options->pid, options->service, probe->plan->helpers, &found);
		if (!err)
			completion_attach(probe, &found);
	} else {
		err = completion_each(options->service, probe->plan->helpers, completion_attach,
				      probe);
	}
	return err ? err : (int)(probe->n_completions - before);
}

uint64_t probe_loads(const struct probe *probe)
{
	return *(volatile uint64_t *)&probe->skeleton->bss->loads;
}

/* New users of the service are noticed; those that are there are looked into. */
static int attach_host(struct probe *probe, char **ret_message)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options);
	const struct probe_plan *plan = probe->plan;
	struct bpf_link *link;
	int err;

	if (!plan->helpers)
		return 0;
	link = bpf_program__attach_uprobe_opts(probe->skeleton->progs.service_loaded, -1,
					       probe->file, plan->entry.offset, &options);
	if (!link)
		return fail(ret_message, -errno, "cannot attach to the entry of %s: %s",
			    probe->options.service, strerror(errno));
	probe->links[probe->n_links++] = link;
	err = probe_attach_completions(probe);
	if (!probe->options.pid || err >= 0)
		return 0;
	return fail(ret_message, err, "cannot find the function that ends calls in process %d: %s",
		    probe->options.pid,
		    err == -ESRCH ? "it does not use the service" : strerror(-err));
}

/* Tracepoints: the kernel calls these programs for every process. */
static int attach_tracepoints(struct probe *probe)
{
	struct bpf_program *programs[] = {
		probe->skeleton->progs.thread_exit,
		probe->skeleton->progs.syscall_exit,
		probe->skeleton->progs.syscall_enter,
	};
	size_t n = probe->options.syscalls ? 3 : 1;

	for (size_t i = 0; i < n; i++) {
		struct bpf_link *link = bpf_program__attach(programs[i]);

		if (!link)
			return -errno;
		probe->links[probe->n_links++] = link;
	}
	return 0;
}

int probe_attach(struct probe *probe, char **ret_message)
{
	int err;

	err = attach_tracepoints(probe);
	if (err) {
		probe_detach(probe);
		return fail(ret_message, err, "cannot attach to the kernel's tracepoints: %s%s",
			    strerror(-err), probe->options.syscalls ? " (try --no-syscalls)" : "");
	}
	err = attach_host(probe, ret_message);
	if (err) {
		probe_detach(probe);
		return err;
	}
	for (size_t i = 0; !err && i < COUNT_OF(groups); i++)
		if (groups[i].session == probe->session)
			err = attach_group(probe, &groups[i]);
	if (!err)
		return 0;
	probe_detach(probe);
	return fail(ret_message, err,
		    "cannot attach to the functions of %s: %s; see sftrace doctor",
		    probe->options.service, strerror(-err));
}

void probe_detach(struct probe *probe)
{
	while (probe->n_link_fds)
		close(probe->link_fds[--probe->n_link_fds]);
	while (probe->n_links)
		bpf_link__destroy(probe->links[--probe->n_links]);
}

void probe_close(struct probe *probe)
{
	if (!probe)
		return;
	if (probe->links && probe->link_fds)
		probe_detach(probe);
	host_bpf__destroy(probe->skeleton);
	free(probe->completions);
	free(probe->file);
	free(probe->links);
	free(probe->link_fds);
	free(probe);
}
