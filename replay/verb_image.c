/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sftrace image: the state before a trace, as files to look at. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "image.h"
#include "print_value.h"
#include "verbs.h"
#include "view.h"

#define IMAGE_SHOWN 20 /* files that are named without -v */

static const char usage[] =
	"usage: sftrace image [OPTIONS] FILE DIR\n"
	"Rebuilds in DIR what the trace FILE proves to have been in the shares before its\n"
	"first call, one directory for each shared one, and names what it cannot know.\n"
	"What was never read is zero, what nobody saw is not there.\n"
	"  -f, --force      DIR may have files in it; none of them is changed: an image\n"
	"                   that is there already is in the way\n"
	"  --to N           take what is told before call N\n"
	"  --json           print the outcome as JSON\n"
	"  -v, --verbose    name every file of which something is not known\n"
	"Exit status: 0 done, 4 done but the trace is incomplete, 1 failed, 2 usage.\n"
	"Examples:\n"
	"  sftrace image t.db before            what was there?\n"
	"  sftrace image --json t.db before | jq '.gaps[].path'\n"
	"                                       what is not known in full?\n";

struct image_arguments {
	struct image_options options;
	const char *file;
	const char *dir;
	bool force;
	bool json;
	bool verbose;
};

/* clang-format off */
static const struct option long_options[] = {
	{"force", no_argument, NULL, 'f'},
	{"to", required_argument, NULL, 't'},
	{"json", no_argument, NULL, 'j'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}
};

static const struct {
	unsigned lack;
	const char *text;
	const char *key;
} lacks[] = {
	{IMAGE_LACKS_FILE, "it cannot be made here", "file"},
	{IMAGE_LACKS_TYPE, "type", "type"},
	{IMAGE_LACKS_MODE, "mode", "mode"},
	{IMAGE_LACKS_SIZE, "size", "size"},
	{IMAGE_LACKS_TIME, "time", "time"},
	{IMAGE_LACKS_TEXT, "where it leads", "text"},
	{IMAGE_LACKS_CONTENTS, "contents", "contents"},
	{IMAGE_LACKS_NAMES, "other names in it", "names"},
};
/* clang-format on */

/* The output while it is written. */
struct image_report {
	const struct image_arguments *arguments;
	int64_t n; /* gaps so far */
};

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void gap_text(const struct image_gap *gap)
{
	bool any = false;

	printf("  %s ", last_name(gap->share));
	print_json_string(stdout, gap->path);
	printf(": ");
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
		if (!(gap->lacks & lacks[i].lack))
			continue;
		printf("%s%s", any ? ", " : "", lacks[i].text);
		any = true;
	}
	if ((gap->lacks & IMAGE_LACKS_CONTENTS) && gap->size >= 0)
		printf(" (%" PRId64 " of %" PRId64 " bytes are known)", gap->read, gap->size);
	printf("\n");
}

static void gap_json(const struct image_gap *gap, bool first)
{
	bool any = false;

	printf("%s\n  {\"share\": ", first ? "{\"gaps\": [" : ",");
	print_json_string(stdout, gap->share);
	printf(", \"path\": ");
	print_json_string(stdout, gap->path);
	printf(", \"size\": ");
	if (gap->size >= 0)
		printf("%" PRId64, gap->size);
	else
		printf("null");
	printf(", \"read\": %" PRId64 ", \"lacks\": [", gap->read);
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
		if (!(gap->lacks & lacks[i].lack))
			continue;
		printf("%s\"%s\"", any ? ", " : "", lacks[i].key);
		any = true;
	}
	printf("]}");
}

static void report_gap(void *user, const struct image_gap *gap)
{
	struct image_report *report = user;
	bool first = report->n++ == 0;

	if (report->arguments->json) {
		gap_json(gap, first);
		return;
	}
	if (first)
		printf("the trace does not tell\n");
	if (report->arguments->verbose || report->n <= IMAGE_SHOWN)
		gap_text(gap);
}

/* The share was there before the trace; its recorded directory is not known. */
static bool is_inherited(const struct image_result *result, const struct scratch_share *share)
{
	for (size_t i = 0; i < result->n_inherited; i++)
		if (result->inherited[i].path == share->path)
			return true;
	return false;
}

static void end_text(const struct image_report *report, const struct scratch *scratch,
		     const struct image_result *result)
{
	if (!report->arguments->verbose && report->n > IMAGE_SHOWN)
		printf("  and of %" PRId64 " more, see --verbose\n", report->n - IMAGE_SHOWN);
	printf("no trace tells owners, hard links and extended attributes\n");
	for (size_t i = 0; i < scratch->n_shares; i++) {
		const struct scratch_share *share = &scratch->shares[i];

		printf("%s ", is_inherited(result, share) ? "share" : "directory");
		print_json_string(stdout, share->key);
		printf(": %s%s\n", share->path,
		       is_inherited(result, share) ? " (shared before the trace began)" : "");
	}
	printf("rebuilt: %" PRId64 " files, directories and links in %s\n", result->built,
	       scratch->path);
}

static void end_json(const struct image_report *report, const struct scratch *scratch,
		     const struct image_result *result)
{
	printf("%s],\n \"shares\": [", report->n ? "" : "{\"gaps\": [");
	for (size_t i = 0; i < scratch->n_shares; i++) {
		const struct scratch_share *share = &scratch->shares[i];
		bool inherited = is_inherited(result, share);

		printf("%s\n  {\"%s\": ", i ? "," : "", inherited ? "name" : "directory");
		print_json_string(stdout, share->key);
		printf(", \"inherited\": %s, \"image\": ", inherited ? "true" : "false");
		print_json_string(stdout, share->path);
		printf("}");
	}
	printf("],\n \"built\": %" PRId64 ", \"unbuilt\": %" PRId64 ", \"umask\": %u}\n",
	       result->built, result->unbuilt, result->umask);
}

static int image_failed(const struct image_arguments *arguments, struct trace *trace,
			const struct scratch *scratch, int error)
{
	if (error == -EUCLEAN)
		return view_damaged(arguments->file, trace_error(trace));
	fprintf(stderr, "sftrace: cannot rebuild what was before %s in %s: %s%s%s%s\n",
		arguments->file, arguments->dir, scratch->in_the_way ? scratch->in_the_way : "",
		scratch->in_the_way ? ": " : "", strerror(-error),
		error == -EEXIST ? " (--force changes no file: remove it, or name another DIR)"
				 : "");
	return SFTRACE_FAILED;
}

static int image_in(struct trace *trace, const struct image_arguments *arguments,
		    struct scratch *scratch)
{
	struct image_report report = {arguments, 0};
	struct image_options options = arguments->options;
	struct image_result result;
	int ret;

	options.gap = report_gap;
	options.user = &report;
	ret = image_rebuild(trace, &options, scratch, &result);
	if (ret < 0)
		return image_failed(arguments, trace, scratch, ret);
	if (arguments->json)
		end_json(&report, scratch, &result);
	else
		end_text(&report, scratch, &result);
	image_result_clear(&result);
	return view_status(trace, arguments->file);
}

static int image_file(struct trace *trace, const struct image_arguments *arguments)
{
	struct scratch scratch;
	int ret = scratch_create(arguments->dir, arguments->force, &scratch);

	if (ret < 0) {
		fprintf(stderr, "sftrace: cannot use %s: %s%s\n", arguments->dir, strerror(-ret),
			ret == -ENOTEMPTY ? " (--force adds to it)" : "");
		return SFTRACE_FAILED;
	}
	ret = image_in(trace, arguments, &scratch);
	if (ret == SFTRACE_FAILED && !arguments->force)
		scratch_remove(&scratch);
	scratch_clear(&scratch);
	return ret;
}

static int parse_option(int letter, void *user)
{
	struct image_arguments *arguments = user;
	switch (letter) {
	case 'f':
		arguments->force = true;
		return -1;
	case 't':
		return argument_call_id("--to", optarg, &arguments->options.to);
	case 'j':
		arguments->json = true;
		return -1;
	case 'v':
		arguments->verbose = true;
		return -1;
	default:
		return SFTRACE_USAGE;
	}
}

static int parse(int argc, char **argv, struct image_arguments *arguments)
{
	int status = argument_parse(argc, argv, usage, "fv", long_options, parse_option, arguments);

	if (status == -1)
		status = argument_operands(argc, 2, 2, usage);
	if (status != -1)
		return status;
	arguments->file = argv[optind];
	arguments->dir = argv[optind + 1];
	return -1;
}

int verb_image(int argc, char **argv)
{
	struct image_arguments arguments = {0};
	int ret = parse(argc, argv, &arguments);
	struct trace *trace;

	if (ret != -1)
		return ret;
	trace = view_open(arguments.file);
	if (!trace)
		return SFTRACE_FAILED;
	ret = image_file(trace, &arguments);
	trace_close(trace);
	return ret;
}
