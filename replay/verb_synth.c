/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace synth": a trace that somebody has written. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "synth.h"
#include "trace_copy.h"
#include "verbs.h"
#include "view.h"

static const char help[] =
	"Usage: sftrace synth [OPTIONS] -o OUT [TEXT]\n"
	"Makes the trace OUT of TEXT (or standard input): one call or control event a line,\n"
	"as print shows them. What print --full wrote becomes the same calls again.\n"
	"What somebody writes may leave out:\n"
	"  id, time, program, client   the next, one later, synth, the one that connected last\n"
	"  status, duration            VINF_SUCCESS, 1 us\n"
	"  root, handle                mapped last; opened last and not closed (else it is "
	"needed)\n"
	"  delimiter, case_sensitive   '/', 1\n"
	"  mount_point                 \"\"\n"
	"  count                       length of the data; room for a listing or information\n"
	"  offset, other flags, parms  0\n"
	"Paths, names, and data to be written are needed. With #N, the number of parameters,\n"
	"nothing is filled in. Strings are UTF-16 until the client says SET_UTF8(). Lines that\n"
	"begin with # are comments.\n"
	"\n"
	"  -o FILE            the new trace\n"
	"  -f, --force        replace OUT if it is a trace\n"
	"  -h, --help         this\n"
	"\n"
	"Examples:\n"
	"  sftrace print --full t.db >t.txt; sftrace synth -o same.db t.txt\n"
	"  sftrace synth -o append.db <<'END'\n"
	"  ADD_MAPPING(path=\"/work\", name=\"work\", flags=SHFL_ADD_MAPPING_F_WRITABLE)\n"
	"  connect(client=1, requestor=0x2)\n"
	"  SET_UTF8()\n"
	"  MAP_FOLDER(name=\"work\") = VINF_SUCCESS root=0\n"
	"  CREATE(path=\"/a\", parms={flags=SHFL_CF_ACCESS_READWRITE, mode=0600}) = VINF_SUCCESS "
	"result=SHFL_FILE_CREATED handle=1 mode=040100600\n"
	"  WRITE(data=\"hello\") = VINF_SUCCESS offset=5\n"
	"END\n"
	"  sftrace replay append.db  it all happens as written\n"
	"  sftrace record -o real.db -- sftrace replay append.db\n"
	"                            with the results that the service really gives\n"
	"\n"
	"Exit status: 0, 1 failed, 2 usage.\n";

struct arguments {
	const char *file, *out;
	bool force;
};

/* -1: go on; else the exit status. */
static int parse_options(struct arguments *arguments, int argc, char **argv)
{
	static const struct option table[] = {
		{"force", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "o:fh", table, NULL)) >= 0) {
		if (option == 'h') {
			fputs(help, stdout);
			return SFTRACE_OK;
		}
		if (option == 'o')
			arguments->out = optarg;
		else if (option == 'f')
			arguments->force = true;
		else
			return SFTRACE_USAGE;
	}
	if (argc - optind > 1)
		return view_usage("synth", "only one text can be read", "");
	if (!arguments->out)
		return view_usage("synth", "-o names the new trace", "");
	arguments->file = optind < argc ? argv[optind] : NULL;
	return -1;
}

static int synth(const struct arguments *arguments, FILE *in, char **ret_message)
{
	const char *name = arguments->file ? arguments->file : "standard input";
	struct trace *trace;
	int rc = trace_copy_make_way(NULL, arguments->out, arguments->force, ret_message);

	if (!rc)
		rc = trace_create(arguments->out, &trace, ret_message);
	if (rc)
		return rc;
	rc = synth_read(in, name, trace, ret_message);
	trace_close(trace);
	if (rc)
		unlink(arguments->out);
	return rc;
}

/* NULL after complaining. A directory can be opened, but not read. */
static FILE *open_text(const char *file)
{
	FILE *in = fopen(file, "re");
	struct stat st;
	int error = in ? 0 : errno;

	if (in && fstat(fileno(in), &st) == 0 && S_ISDIR(st.st_mode))
		error = EISDIR;
	if (!error)
		return in;
	fprintf(stderr, "sftrace: cannot read %s: %s\n", file, strerror(error));
	if (in)
		fclose(in);
	return NULL;
}

int verb_synth(int argc, char **argv)
{
	struct arguments arguments = {0};
	char *message = NULL;
	FILE *in = stdin;
	int rc = parse_options(&arguments, argc, argv);

	if (rc >= 0)
		return rc;
	if (arguments.file) {
		in = open_text(arguments.file);
		if (!in)
			return SFTRACE_FAILED;
	}
	rc = synth(&arguments, in, &message);
	if (rc)
		fprintf(stderr, "sftrace: cannot make a trace: %s\n",
			message ? message : strerror(-rc));
	free(message);
	if (in != stdin)
		fclose(in);
	return rc ? SFTRACE_FAILED : SFTRACE_OK;
}
