/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program sftrace: finds the verb and runs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

struct verb {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
};

static const struct verb verbs[] = {
#define VERB(name, help) {#name, help, verb_##name},
	SFTRACE_VERBS(VERB)
#undef VERB
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void help(FILE *to)
{
	fputs("Usage: sftrace VERB [OPTION]... [ARGUMENT]...\n"
	      "Records, explains and replays VirtualBox shared-folders calls.\n"
	      "\n"
	      "Verbs:\n",
	      to);
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	fputs("\n"
	      "'sftrace VERB --help' says more about one.\n"
	      "\n"
	      "Examples:\n"
	      "  sftrace record -o t.db -- sf-lab --share work=DIR -- make\n"
	      "                            record a guest's command and everything below it\n"
	      "  sftrace report t.db       which functions and hops took the time\n"
	      "  sftrace print t.db        every call, one a line\n"
	      "  sftrace replay t.db       make the calls again, name the first that differs\n"
	      "\n"
	      "Exit status: 0 fine, 1 failed, 2 usage, 3 replay diverged or diff found\n"
	      "a difference, 4 the trace is incomplete. record returns its command's own\n"
	      "status if that is not 0.\n",
	      to);
}

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* What could not be written has not been said: a full disk is a failure. */
static int stdout_flush(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "sftrace: cannot write to standard output: %s\n", strerror(errno));
	return status ? status : SFTRACE_FAILED;
}

/* argv[0] is what getopt's messages begin with. */
static int verb_run(const struct verb *verb, int argc, char **argv)
{
	char name[32];

	snprintf(name, sizeof(name), "sftrace %s", verb->name);
	argv[0] = name;
	return stdout_flush(verb->run(argc, argv));
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct verb *verb = verb_find(name);

	if (verb)
		return verb_run(verb, argc - 1, argv + 1);
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		help(stdout);
		return SFTRACE_OK;
	}
	if (!strcmp(name, "--version")) {
		puts("sftrace " SFTRACE_VERSION);
		return SFTRACE_OK;
	}
	if (*name)
		fprintf(stderr, "sftrace: no verb %s; 'sftrace --help' lists them\n", name);
	else
		help(stderr);
	return SFTRACE_USAGE;
}
