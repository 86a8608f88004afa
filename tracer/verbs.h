/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of sftrace: one file each, listed once. VERB(name, one line of
 * help). Each is called with "sftrace NAME" as argv[0] and returns the exit
 * status.
 */
#ifndef VERBS_H
#define VERBS_H

/* clang-format off */
#define SFTRACE_VERBS(VERB)                                                     \
	VERB(record, "record a command, a process or all users of the service") \
	VERB(agent, "record inside of a guest, for a recorder outside")         \
	VERB(merge, "load spool files into a trace")                            \
	VERB(report, "functions, hops, errors and losses of a trace")           \
	VERB(print, "print the calls of a trace, one a line")                   \
	VERB(info, "what a trace holds and how it was made")                    \
	VERB(replay, "make the calls of a trace again and compare")             \
	VERB(test, "replay every trace of a directory")                         \
	VERB(image, "rebuild what a trace proves to have been there before")    \
	VERB(cut, "some calls of a trace, and what they depend on")             \
	VERB(redact, "a trace without its names and contents")                  \
	VERB(synth, "make a trace from lines as print shows them")              \
	VERB(diff, "compare two traces of the same work")                       \
	VERB(reduce, "find the few calls of a trace that it takes")             \
	VERB(doctor, "what can be recorded on this machine, and why not")
/* clang-format on */

#define VERB(name, help) int verb_##name(int argc, char **argv);
SFTRACE_VERBS(VERB)
#undef VERB

/* Exit statuses. */
enum sftrace_exit {
	SFTRACE_OK = 0,
	SFTRACE_FAILED = 1,
	SFTRACE_USAGE = 2,
	SFTRACE_DIFFERS = 3,
	SFTRACE_INCOMPLETE = 4
};

#endif
