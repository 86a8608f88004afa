/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probes of the guest's side: the BPF object guest.bpf.c on the functions
 * of a hop profile in the running kernel.
 */
#ifndef GUEST_PROBE_H
#define GUEST_PROBE_H

#include "kallsyms.h"
#include "ring.h"

struct guest_probe_options {
	const char *profile; /* "sf", "mainline"; NULL: whichever this kernel has */
	bool bulk; /* contents of files and listings too */
	size_t ring_bytes; /* of one CPU; 0: the default */
};

struct guest_probe;

/*
 * Loads and attaches; records go to sink (ring.h). Hops that this kernel does
 * not have are left out, but for the one that makes the calls. On failure
 * *ret_message (malloc'd) says what is missing and what to do.
 */
int guest_probe_open(const struct guest_probe_options *options, ring_sink *sink, void *user,
		     struct guest_probe **ret, char **ret_message);

/* To take records out of; owned by the probe. */
struct rings *guest_probe_rings(struct guest_probe *probe);

/* Names of the profiles that this kernel has, separated by blanks; owned by the probe. */
const char *guest_probe_profiles(const struct guest_probe *probe);

/*
 * Names of the hops that are attached, separated by blanks, and of those that
 * are not, each with the reason; owned by the probe.
 */
const char *guest_probe_attached(const struct guest_probe *probe);
const char *guest_probe_missing(const struct guest_probe *probe);

/* Where a hop is in this kernel. */
struct guest_site {
	const char *name; /* of the hop */
	char symbol[KALLSYMS_NAME_SIZE]; /* as in the kernel; "": there is none */
	uint64_t address;
	bool inlined; /* symbol is the function that it became part of */
	bool has_code;
	uint8_t code[8]; /* that it begins with */
};

struct guest_survey {
	char profiles[64]; /* names, separated by blanks */
	struct guest_site *sites;
	size_t n;
};

/* Looks the hops up without a recording. The same errors as guest_probe_open(). */
int guest_probe_survey(struct guest_survey *ret, char **ret_message);
void guest_survey_free(struct guest_survey *survey);

/* Ends the recording: nothing new comes, what is in the rings stays. */
void guest_probe_detach(struct guest_probe *probe);

/* NULL is fine. */
void guest_probe_close(struct guest_probe *probe);

#endif
