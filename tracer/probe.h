/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's probes: which hops of a service there are and where, loading the
 * BPF programs, attaching and detaching. Functions return 0 or negative errno;
 * *ret_message is malloc'd and says what is wrong in words.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <sys/types.h>

#include "hop.h"
#include "ring.h"
#include "symbols.h"

/* Which calls are recorded; all zero: all. Decided in the kernel. */
struct probe_filter {
	uint64_t functions; /* a bit for each SHFL function; 0: all */
	uint32_t client; /* 0: any */
	char comm[CAPTURE_COMM_SIZE]; /* of the thread; "": any */
	const char *share; /* only calls of this share; NULL: any */
	const char *path; /* only at or below this path in a share; NULL: any */
	bool failed; /* only those that failed */
	uint64_t slower_ns; /* only those that took at least so long */
};

struct probe_options {
	const char *service; /* the file */
	pid_t pid; /* only this process; 0: any */
	pid_t ancestor; /* only descendants of this process; 0: any */
	uint32_t snaplen; /* bytes of file data kept of each parameter; UINT32_MAX: all */
	struct probe_filter filter;
	bool syscalls; /* system calls are hops as well */
	bool one_link_each; /* as on kernels without uprobe_multi */
	bool no_session; /* as on kernels without sessions */
};

/* A hop and where it is in the service. */
struct probe_site {
	const struct hop *hop;
	struct symbol symbol;
	bool found;
};

/*
 * The hops of the service's profile, in the order of the table. A service that
 * does not say where calls end (profile "virtualbox") ends them by a function
 * of its host: see completion.h.
 */
struct probe_plan {
	const char *profile; /* "sfservice", or "virtualbox" */
	struct probe_site *sites;
	size_t n, n_found;
	uint64_t helpers; /* virtualbox: see struct survey; else 0 */
	struct symbol entry; /* virtualbox: the function that loads it */
	char build_id[129]; /* of the service; "" */
	char debug_file[4096]; /* where its symbols are, if not in itself; "" */
};

/*
 * Looks all hops up, loading the service in a process of its own if that is
 * needed. Without one of those that a recording cannot do without, negative
 * errno and why; the plan is made all the same, for doctor.
 */
int probe_plan_make(const char *service, struct probe_plan *ret, char **ret_message);
void probe_plan_free(struct probe_plan *plan);

/* Keeps libbpf from printing; with SFTRACE_DEBUG in the environment it does. */
void probe_quiet(void);

struct probe;

/* Loads the programs. Nothing is recorded yet. */
int probe_open(const struct probe_options *options, const struct probe_plan *plan,
	       struct probe **ret, char **ret_message);

/* For rings_open(). */
struct bpf_object *probe_object(struct probe *probe);

int probe_attach(struct probe *probe, char **ret_message);

/*
 * Virtualbox: attaches to the functions that end calls in those processes that
 * have loaded the service, unless that has been done. How many are new.
 */
int probe_attach_completions(struct probe *probe);

/* Virtualbox: how often the service has been loaded by somebody. */
uint64_t probe_loads(const struct probe *probe);

/* After this nothing new is recorded. */
void probe_detach(struct probe *probe);

/* NULL is fine. */
void probe_close(struct probe *probe);

#endif
