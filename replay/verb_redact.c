/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace redact": a trace that can be shown to others. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "arguments.h"
#include "redact.h"
#include "verbs.h"
#include "view.h"

#define KEY_BYTES_MAX 4096

static const char help[] =
	"Usage: sftrace redact [OPTIONS] -o OUT FILE\n"
	"Writes the trace FILE to OUT without what its files are called and hold. Names of\n"
	"files, links, shares, host directories and programs are replaced by a secret key,\n"
	"the same name by the same everywhere: letters by letters, digits by digits, so\n"
	"that lengths, punctuation, case, the depth of paths and extensions stay. Contents\n"
	"are left out. Functions, sizes, offsets, modes, owners and times stay. OUT can\n"
	"be printed, reported on and, but for the contents, replayed.\n"
	"\n"
	"  -o FILE            the new trace\n"
	"  -f, --force        replace OUT if it is a trace\n"
	"  --data drop|hash   nothing of the contents (drop), or 16 bytes of a keyed hash in\n"
	"                     their place, so that equal ones can be told\n"
	"  --key-file FILE    the key, at least 16 bytes: traces redacted with the same one\n"
	"                     can be compared. Without this it is random and forgotten\n"
	"  -h, --help         this\n"
	"\n"
	"Examples:\n"
	"  sftrace redact -o public.db t.db\n"
	"  sftrace redact --data hash --key-file secret -o public.db t.db\n"
	"\n"
	"Exit status: 0, 1 failed, 2 usage, 4 the trace is incomplete.\n";

struct arguments {
	const char *file, *out, *key_file;
	bool force;
	struct redact redact;
};

static int take_option(int letter, void *user)
{
	struct arguments *arguments = user;

	switch (letter) {
	case 'o':
		arguments->out = optarg;
		return -1;
	case 'f':
		arguments->force = true;
		return -1;
	case 'd':
		arguments->redact.keep_hash = !strcmp(optarg, "hash");
		return arguments->redact.keep_hash || !strcmp(optarg, "drop")
			       ? -1
			       : view_usage("redact", "--data takes drop or hash, not ", optarg);
	case 'k':
		arguments->key_file = optarg;
		return -1;
	}
	return SFTRACE_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_options(struct arguments *arguments, int argc, char **argv)
{
	static const struct option table[] = {
		{"force", no_argument, NULL, 'f'},
		{"data", required_argument, NULL, 'd'},
		{"key-file", required_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = argument_parse(argc, argv, help, "o:fh", table, take_option, arguments);

	if (status >= 0)
		return status;
	if (argc - optind != 1)
		return view_usage("redact", "one trace file is needed", "");
	if (!arguments->out)
		return view_usage("redact", "-o names the new trace", "");
	arguments->file = argv[optind];
	return -1;
}

/* All of the key file counts. */
static int read_key(const char *file, struct names *ret)
{
	static const struct names first = {{1, 2}}, second = {{3, 4}};
	uint8_t bytes[KEY_BYTES_MAX];
	FILE *in = fopen(file, "re");
	size_t n = in ? fread(bytes, 1, sizeof(bytes), in) : 0;
	int error = !in || ferror(in) ? errno : 0;

	if (in)
		fclose(in);
	if (error) {
		fprintf(stderr, "sftrace: cannot read the key %s: %s\n", file, strerror(error));
		return -error;
	}
	if (n < 16) {
		fprintf(stderr, "sftrace: %s is no key: it has less than 16 bytes\n", file);
		return -EINVAL;
	}
	ret->key[0] = names_hash(&first, bytes, n);
	ret->key[1] = names_hash(&second, bytes, n);
	return 0;
}

static int make_key(struct arguments *arguments)
{
	struct names *names = &arguments->redact.names;

	if (arguments->key_file)
		return read_key(arguments->key_file, names);
	if (getrandom(names->key, sizeof(names->key), 0) == sizeof(names->key))
		return 0;
	fprintf(stderr, "sftrace: there is no random key to be had: %s\n", strerror(errno));
	return -EIO;
}

static int redact_trace(struct arguments *arguments, struct trace *trace)
{
	struct copy_hooks hooks = redact_hooks(&arguments->redact);
	char *message = NULL;
	int rc = trace_copy(trace, arguments->out, arguments->force, &hooks, "redacted",
			    arguments->redact.keep_hash ? "names, contents hashed"
							: "names, contents dropped",
			    &message);

	if (rc)
		fprintf(stderr, "sftrace: cannot redact %s: %s\n", arguments->file,
			message ? message : strerror(-rc));
	free(message);
	return rc ? SFTRACE_FAILED : view_status(trace, arguments->file);
}

int verb_redact(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct trace *trace;
	int status = parse_options(&arguments, argc, argv);

	if (status >= 0)
		return status;
	if (make_key(&arguments))
		return SFTRACE_FAILED;
	trace = view_open(arguments.file);
	if (!trace)
		return SFTRACE_FAILED;
	status = redact_trace(&arguments, trace);
	trace_close(trace);
	return status;
}
