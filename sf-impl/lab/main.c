/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sf-lab: boots a Linux guest with shares mounted and runs a command in it. What is in this file:
 * where things are found, and what the user is told; lab_run.h does the work.
 */
#include "lab_guest.h"
#include "lab_initramfs.h"
#include "lab_qemu.h"
#include "lab_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define EXIT_TIMEOUT 124
#define EXIT_LAB 125
#define GRACE_S 12 /* sf-host gives QEMU 5 seconds, and then its service */
#define TAIL_BYTES 3000

struct lab {
	struct lab_options options;
	struct lab_kernel kernel;
	struct lab_scratch scratch;
	struct lab_guest guest;
	char build[PATH_MAX]; /* the directory above the one that sf-lab is in */
	char host[PATH_MAX + 16];
	char agent[PATH_MAX + 16];
	struct lab_path console;
	struct lab_path host_log;
	sigset_t signals;
};

/* Descriptors 0 to 2 must not become something else's. */
static void open_standard_descriptors(void)
{
	int descriptor;

	do
		descriptor = open("/dev/null", O_RDWR);
	while (descriptor >= 0 && descriptor <= STDERR_FILENO);
	if (descriptor >= 0)
		close(descriptor);
}

static int find_programs(struct lab *lab, struct lab_error *error)
{
	ssize_t length = readlink("/proc/self/exe", lab->build, sizeof(lab->build) - 1);
	char *slash;

	if (length < 0)
		return lab_fail(error, -errno, "cannot read /proc/self/exe: %s", strerror(errno));
	lab->build[length] = 0;
	slash = strrchr(lab->build, '/');
	*slash = 0;
	snprintf(lab->host, sizeof(lab->host), "%s/sf-host", lab->build);
	snprintf(lab->agent, sizeof(lab->agent), "%s/sftrace", lab->build);
	slash = strrchr(lab->build, '/');
	if (slash && slash != lab->build)
		*slash = 0;
	return 0;
}

static int check_program(const char *path, const char *why, struct lab_error *error)
{
	if (!access(path, X_OK))
		return 0;
	return lab_fail(error, -errno, "%s: %s (%s; build all of the project first)", path,
			strerror(errno), why);
}

static int use_own_modules(struct lab *lab, struct lab_error *error)
{
	char directory[PATH_MAX + 8];
	struct lab_error why;
	int ret;

	if (strcmp(lab->options.guest, LAB_GUEST_SF) != 0)
		return 0;
	snprintf(directory, sizeof(directory), "%s/modules", lab->build);
	ret = lab_kernel_use_own(&lab->kernel, directory, &why);
	if (ret)
		return lab_fail(error, ret,
				"%.900s (build the target guest_modules first, or use --guest "
				"mainline)",
				why.text);
	return 0;
}

static int find_kernel(struct lab *lab, struct lab_error *error)
{
	const char *directory = lab->options.kernel_dir ?: getenv("SF_LAB_GUEST_DIR");
	char beside[PATH_MAX + 8];
	struct lab_error why;
	int ret;

	snprintf(beside, sizeof(beside), "%s/guest", lab->build);
	if (!directory || !*directory)
		directory = beside;
	ret = lab_kernel_find(&lab->kernel, directory, &why);
	if (ret)
		return lab_fail(error, ret,
				"%.500s; fetch it: sf-impl/lab/fetch-guest-kernel %.400s", why.text,
				directory);
	return use_own_modules(lab, error);
}

/*
 * Whether a recorder has this socket. QEMU would try again for ever, and the agent wait in vain. A
 * connection would count as the guest's; a datagram socket cannot make one, and learns as much.
 */
static int check_recorder(const char *path, struct lab_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int probe, ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return lab_fail(error, -ENAMETOOLONG, "SFTRACE_GUEST: %.500s: path too long", path);
	strcpy(address.sun_path, path);
	probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return lab_fail(error, -errno, "cannot make a socket: %s", strerror(errno));
	ret = connect(probe, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	close(probe);
	if (ret == -EPROTOTYPE) /* a stream socket is there */
		return 0;
	return lab_fail(error, ret ?: -EPROTOTYPE,
			"SFTRACE_GUEST: no recorder behind %s: %s (start sftrace record first, or "
			"unset SFTRACE_GUEST)",
			path, strerror(ret ? -ret : EPROTOTYPE));
}

/* All that can be found missing is, before anything is started. */
static int prepare(struct lab *lab, struct lab_error *error)
{
	const char *socket = getenv("SFTRACE_GUEST");
	int ret = find_programs(lab, error);

	ret = ret ?: find_kernel(lab, error);
	if (!ret && lab->options.share_count)
		ret = check_program(lab->host, "shares need it", error);
	if (!ret && socket && *socket)
		ret = check_program(lab->agent, "SFTRACE_GUEST is set", error);
	if (!ret && socket && *socket)
		ret = check_recorder(socket, error);
	if (!ret && access(LAB_BUSYBOX, R_OK))
		ret = lab_fail(error, -errno, "%s: %s (install busybox-static)", LAB_BUSYBOX,
			       strerror(errno));
	if (ret)
		return ret;
	lab->guest = (struct lab_guest){
		.options = &lab->options,
		.kernel = &lab->kernel,
		.scratch = &lab->scratch,
		.programs = lab->build,
		.host = lab->host,
		.agent = socket && *socket ? lab->agent : NULL,
		.agent_socket = socket,
	};
	return 0;
}

static int write_initramfs(struct lab *lab, struct lab_error *error)
{
	struct lab_path path = lab_scratch_file(&lab->scratch, LAB_INITRAMFS);
	FILE *out = fopen(path.text, "we");
	int ret;

	if (!out)
		return lab_fail(error, -errno, "%s: %s", path.text, strerror(errno));
	ret = lab_initramfs_write(&lab->guest, out, error);
	fclose(out);
	return ret;
}

/* The file that the user asked for, or one in the scratch directory; created empty. */
static int open_log(const char *path, struct lab_error *error)
{
	int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);

	if (descriptor < 0)
		return lab_fail(error, -errno, "cannot write %s: %s", path, strerror(errno));
	return descriptor;
}

static int run_guest(struct lab *lab, struct lab_outcome *outcome, struct lab_error *error)
{
	struct lab_launch launch = {.scratch = &lab->scratch,
				    .timeout_s = lab->options.timeout_s,
				    .grace_s = GRACE_S,
				    .signals = lab->signals};
	const char *host_log = lab->options.host_log ?: lab->host_log.text;
	struct lab_argv argv = {0};
	int console;
	int ret;

	lab->guest.console = lab->options.console ?: lab->console.text;
	console = open_log(lab->guest.console, error);
	if (console < 0)
		return console;
	close(console);
	launch.log = open_log(host_log, error);
	if (launch.log < 0)
		return launch.log;
	ret = lab_qemu_command(&argv, &lab->guest);
	if (ret) {
		lab_fail(error, ret, "cannot build QEMU's command line: %s", strerror(-ret));
	} else {
		launch.argv = argv.words;
		ret = lab_run(&launch, outcome, error);
		lab_argv_free(&argv);
	}
	close(launch.log);
	return ret;
}

/* Gives the end of a file, without a first line that is cut off. The length, 0 if there is none. */
static size_t read_tail(const char *path, char tail[TAIL_BYTES + 1])
{
	FILE *in = fopen(path, "re");
	size_t length;
	char *newline;

	tail[0] = 0;
	if (!in)
		return 0;
	if (fseek(in, -TAIL_BYTES, SEEK_END))
		rewind(in);
	length = fread(tail, 1, TAIL_BYTES, in);
	fclose(in);
	tail[length] = 0;
	newline = length == TAIL_BYTES ? memchr(tail, '\n', length) : NULL;
	if (newline) {
		length -= (size_t)(newline + 1 - tail);
		memmove(tail, newline + 1, length + 1);
	}
	return length;
}

/* A console log that shows why the guest died outlives the scratch directory. */
static void keep_console(struct lab *lab)
{
	char kept[sizeof(lab->scratch.path) + 16];

	if (lab->options.console)
		return;
	snprintf(kept, sizeof(kept), "%s.console", lab->scratch.path);
	if (!rename(lab->console.text, kept))
		fprintf(stderr, "sf-lab: the whole console log is in %s\n", kept);
}

/* What the guest's kernel said last, when that tells why there was no guest to run the command. */
static void print_console(struct lab *lab)
{
	char tail[TAIL_BYTES + 1];
	size_t length = read_tail(lab->guest.console, tail);

	if (!length)
		return;
	fprintf(stderr, "sf-lab: the end of what the guest's kernel printed:\n%s%s", tail,
		tail[length - 1] == '\n' ? "" : "\n");
	keep_console(lab);
}

/* The words of sf-host and QEMU follow the command's, so that they never get between them. */
static void pass_host_log_on(const struct lab *lab)
{
	char buffer[4096];
	size_t length;
	FILE *in;

	if (lab->options.host_log)
		return;
	in = fopen(lab->host_log.text, "re");
	if (!in)
		return;
	while ((length = fread(buffer, 1, sizeof(buffer), in)))
		fwrite(buffer, 1, length, stderr);
	fclose(in);
}

static const char *describe_death(const struct lab *lab, const struct lab_outcome *outcome)
{
	char tail[TAIL_BYTES + 1];

	if (!read_tail(lab->guest.console, tail) && !outcome->booted)
		return "the guest was not started";
	if (strstr(tail, "Kernel panic"))
		return "the guest's kernel panicked";
	if (!outcome->booted)
		return "the guest ended while it booted";
	return "the guest ended before the command did";
}

static void print_host_status(const struct lab *lab, int status)
{
	const char *program = lab->options.share_count ? "sf-host" : LAB_QEMU;

	if (WIFSIGNALED(status))
		fprintf(stderr, "sf-lab: %s was killed by signal %d\n", program, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		fprintf(stderr, "sf-lab: %s ended with status %d\n", program, WEXITSTATUS(status));
}

static int report_died(struct lab *lab, const struct lab_outcome *outcome)
{
	fprintf(stderr, "sf-lab: %s\n", describe_death(lab, outcome));
	print_host_status(lab, outcome->host_status);
	print_console(lab);
	return EXIT_LAB;
}

static int report_exit(struct lab *lab, const struct lab_outcome *outcome)
{
	if (!outcome->host_status)
		return outcome->status;
	fprintf(stderr, "sf-lab: the command ended with status %d, but then the guest failed\n",
		outcome->status);
	print_host_status(lab, outcome->host_status);
	return EXIT_LAB;
}

static int report_fail(struct lab *lab, const struct lab_outcome *outcome)
{
	fprintf(stderr, "sf-lab: %s\n", outcome->text);
	if (!outcome->booted)
		print_console(lab);
	return EXIT_LAB;
}

static int report_timeout(struct lab *lab, const struct lab_outcome *outcome)
{
	fprintf(stderr, "sf-lab: not done after %u seconds, guest killed (--timeout)\n",
		lab->options.timeout_s);
	if (!outcome->booted)
		print_console(lab);
	return EXIT_TIMEOUT;
}

static int report_signal(struct lab *lab, const struct lab_outcome *outcome)
{
	(void)lab;
	return 128 + outcome->status;
}

/* Like any program whose reader has gone away, without a word. */
static int report_output(struct lab *lab, const struct lab_outcome *outcome)
{
	(void)lab;
	if (outcome->status == EPIPE)
		return 128 + SIGPIPE;
	fprintf(stderr, "sf-lab: cannot write the command's output: %s\n",
		strerror(outcome->status));
	return EXIT_LAB;
}

static int (*const reports[])(struct lab *lab, const struct lab_outcome *outcome) = {
	[LAB_END_DIED] = report_died,	  [LAB_END_EXIT] = report_exit,
	[LAB_END_FAIL] = report_fail,	  [LAB_END_TIMEOUT] = report_timeout,
	[LAB_END_SIGNAL] = report_signal, [LAB_END_OUTPUT] = report_output,
};

static int run_lab(struct lab *lab)
{
	struct lab_outcome outcome;
	struct lab_error error;
	int ret = prepare(lab, &error);
	int status = EXIT_LAB;

	lab_run_block_signals(&lab->signals);
	ret = ret ?: lab_scratch_create(&lab->scratch, &error);
	if (ret) {
		fprintf(stderr, "sf-lab: %s\n", error.text);
		return EXIT_LAB;
	}
	lab->console = lab_scratch_file(&lab->scratch, "console.log");
	lab->host_log = lab_scratch_file(&lab->scratch, "host.log");
	ret = write_initramfs(lab, &error);
	ret = ret ?: run_guest(lab, &outcome, &error);
	pass_host_log_on(lab);
	if (ret)
		fprintf(stderr, "sf-lab: %s\n", error.text);
	else
		status = reports[outcome.end](lab, &outcome);
	lab_scratch_remove(&lab->scratch);
	return status;
}

int main(int argc, char **argv)
{
	static struct lab lab;
	struct lab_error error;

	open_standard_descriptors();
	if (lab_options_parse(&lab.options, argc, argv, &error)) {
		fprintf(stderr, "sf-lab: %s\nsf-lab: see sf-lab --help\n", error.text);
		return EXIT_USAGE;
	}
	if (lab.options.help) {
		lab_options_print_help(stdout);
		return 0;
	}
	return run_lab(&lab);
}
