/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Return probes with room for many threads. A function's return is seen only
 * as long as no more threads are in it than the probe has room for: perf's own
 * probes have room for ten. Those that are made through tracefs can be told.
 */
#ifndef RETURN_PROBE_H
#define RETURN_PROBE_H

#include <bpf/libbpf.h>

struct return_probes;

/*
 * A set of probes under TRACEFS, NULL: where it is mounted. Removes what
 * processes that are gone left there. -ENOENT: no tracefs, or no such probes.
 */
int return_probes_open(const char *tracefs, struct return_probes **ret);

/*
 * Attaches PROGRAM to the return of SYMBOL with a cookie. name: what the probe
 * is called among those of this set, in letters, digits and underscores.
 */
int return_probes_attach(struct return_probes *probes, struct bpf_program *program,
			 const char *name, const char *symbol, uint64_t cookie,
			 struct bpf_link **ret);

/* Removes the probes; their links have to be gone. NULL is fine. */
void return_probes_close(struct return_probes *probes);

#endif
