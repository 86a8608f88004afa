/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace merge": spool files that a recorder left, or that come from two machines, as a trace. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"
#include "trace.h"
#include "verbs.h"
#include "view.h"

static void print_help(void)
{
	fputs("Usage: sftrace merge -o FILE SPOOL...\n"
	      "Makes a trace of the spool files of one recording: those of an interrupted\n"
	      "'sftrace record', or the host's and the guest's, recorded apart.\n"
	      "\n"
	      "  -o, --output FILE  the trace; must not exist, or be one that was never finished\n"
	      "  -h, --help         this\n"
	      "\n"
	      "Examples:\n"
	      "  sftrace merge -o t.db t.db.host.spool t.db.guest.spool\n"
	      "\n"
	      "Exit status: 0, 1 failed, 2 usage, 4 the trace is incomplete.\n",
	      stdout);
}

static int usage_error(const char *what)
{
	fprintf(stderr, "sftrace: %s (see sftrace merge --help)\n", what);
	return SFTRACE_USAGE;
}

static int complain(char *message)
{
	fprintf(stderr, "sftrace: %s\n", message ? message : "out of memory");
	free(message);
	return SFTRACE_FAILED;
}

static int status_of(const char *file)
{
	struct trace *trace = NULL;
	char *message = NULL;
	int status = SFTRACE_OK;

	if (trace_open(file, &trace, &message))
		return complain(message);
	view_one_sided(trace, file);
	if (trace_is_incomplete(trace, &message)) {
		fprintf(stderr, "sftrace: %s is incomplete: %s\n", file, message ? message : "?");
		status = SFTRACE_INCOMPLETE;
	}
	free(message);
	trace_close(trace);
	return status;
}

/* A spool that is there twice, also by another name of the file: its events would be, too. */
static const char *find_twice(char **files, int n)
{
	for (int i = 1; i < n; i++) {
		struct stat st, other;

		if (stat(files[i], &st))
			continue;
		for (int j = 0; j < i; j++)
			if (!stat(files[j], &other) && st.st_dev == other.st_dev &&
			    st.st_ino == other.st_ino)
				return files[i];
	}
	return NULL;
}

int verb_merge(int argc, char **argv)
{
	static const struct option table[] = {
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct load_options options = {.progress = isatty(STDERR_FILENO)};
	const char *output = NULL, *twice;
	char *message = NULL;
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "o:h", table, NULL)) >= 0) {
		if (option == 'h') {
			print_help();
			return SFTRACE_OK;
		}
		if (option != 'o')
			return SFTRACE_USAGE;
		output = optarg;
	}
	if (!output)
		return usage_error("-o FILE is missing");
	if (optind == argc)
		return usage_error("no spool file is named");
	twice = find_twice(argv + optind, argc - optind);
	if (twice)
		return view_usage("merge", "the same spool twice: ", twice);
	if (load_spools((const char *const *)argv + optind, (size_t)(argc - optind), output,
			&options, &message))
		return complain(message);
	return status_of(output);
}
