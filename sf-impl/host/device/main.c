/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sf-host: runs QEMU with the VMM device in front of a shared-folders service.
 * One thread serves the device, the first one looks after QEMU and signals.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "device.h"
#include "hgcm.h"
#include "options.h"
#include "qemu_args.h"
#include "share_watch.h"
#include "shfl_table.h"
#include "transport.h"

#define EXIT_USAGE 2
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL 128

#define END_PATIENCE_MS 5000 /* QEMU's after SIGTERM, and the service's after QEMU is gone */
#define MAX_WATCH_MESSAGES 16 /* a guest can fail as often as it likes */

struct host {
	struct options options;
	char *share_names; /* "a, b" */
	struct hgcm_service *service;
	struct transport *transport;
	struct vmmdev *device;
	struct counters counters;
	FILE *counters_to;
	int n_watch_messages;

	int peer_fd; /* QEMU's end of the socket */
	pid_t qemu;
	int signal_fd;
	sigset_t old_signals;

	pthread_t server;
	int served_fd; /* readable when the server has ended */
	int serve_error;
	char *serve_message;
};

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;

	flockfile(stderr);
	fputs("sf-host: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

/* Prints what a library function said and passes its error on. */
static int say_message(char *message, int error)
{
	say("%s", message ? message : strerror(-error));
	free(message);
	return error;
}

static void call_ended(void *user, const struct vmmdev_call *call)
{
	struct host *host = user;
	char *message;

	counters_add(&host->counters, call);
	if (host->n_watch_messages == MAX_WATCH_MESSAGES)
		return;
	message = share_watch(call, host->share_names);
	if (!message)
		return;
	say("%s", message);
	free(message);
	host->n_watch_messages++;
}

/* --- the service -------------------------------------------------------- */

/* ../lib/sfservice.so, seen from the folder that this program is in. */
static int default_service(char *path, size_t room)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n < 0)
		return -errno;
	program[n] = 0;
	return snprintf(path, room, "%s/../lib/sfservice.so", dirname(program)) < (int)room
		       ? 0
		       : -ENAMETOOLONG;
}

static int add_share(struct host *host, const struct share *share)
{
	uint32_t flags = (share->writable ? SHFL_ADD_MAPPING_F_WRITABLE : 0) |
			 (share->symlinks ? SHFL_ADD_MAPPING_F_CREATE_SYMLINKS : 0);
	int32_t status = hgcm_add_share(host->service, share->name, share->dir, flags, NULL);
	const char *name = vbox_status_name(status);

	if (VBOX_SUCCESS(status))
		return 0;
	say("the service does not take share %s, directory %s: %s (%d)", share->name, share->dir,
	    name ? name : "status", status);
	return -EINVAL;
}

static int start_service(struct host *host)
{
	char path[PATH_MAX], *message;
	const char *file = host->options.service;
	int error = file ? 0 : default_service(path, sizeof(path));

	if (!error)
		error = hgcm_service_load(file ? file : path, &host->service, &message);
	else
		message = NULL;
	if (error)
		return say_message(message, error);
	for (size_t i = 0; i < host->options.n_shares && !error; i++)
		error = add_share(host, &host->options.shares[i]);
	return error;
}

static int join_names(struct host *host)
{
	size_t room = 1;
	char *at;

	for (size_t i = 0; i < host->options.n_shares; i++)
		room += strlen(host->options.shares[i].name) + 2;
	at = host->share_names = calloc(1, room);
	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < host->options.n_shares; i++) {
		at = stpcpy(at, i ? ", " : "");
		at = stpcpy(at, host->options.shares[i].name);
	}
	return 0;
}

/* --- the device --------------------------------------------------------- */

static int start_device(struct host *host)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		say("cannot make a socket: %s", strerror(errno));
		return -errno;
	}
	host->peer_fd = fds[1];
	host->transport = qemu_transport_new(fds[0]);
	if (!host->transport) {
		close(fds[0]);
		say("out of memory");
		return -ENOMEM;
	}
	host->device = vmmdev_new(&(struct vmmdev_config){
		.service_name = SHFL_SERVICE_NAME,
		.service = host->service,
		.ram = host->transport->ram,
		.set_irq = host->transport->set_irq,
		.irq_user = host->transport,
		.call_ended = call_ended,
		.call_user = host,
	});
	if (!host->device)
		say("out of memory");
	return host->device ? 0 : -ENOMEM;
}

static void *serve(void *user)
{
	struct host *host = user;
	uint64_t one = 1;

	host->serve_error =
		host->transport->serve(host->transport, host->device, &host->serve_message);
	while (write(host->served_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static int start_server(struct host *host)
{
	int error;

	host->served_fd = eventfd(0, EFD_CLOEXEC);
	if (host->served_fd < 0) {
		say("cannot make an event descriptor: %s", strerror(errno));
		return -errno;
	}
	error = pthread_create(&host->server, NULL, serve, host);
	if (error)
		say("cannot start a thread: %s", strerror(error));
	return -error;
}

/* --- QEMU --------------------------------------------------------------- */

/* QEMU's command with the device at its end; the array is the caller's to free. */
static char **qemu_command(const struct host *host, char *argument)
{
	size_t n = 0;
	char **argv;

	while (host->options.qemu[n])
		n++;
	argv = calloc(n + 3, sizeof(argv[0]));
	if (!argv)
		return NULL;
	memcpy(argv, host->options.qemu, n * sizeof(argv[0]));
	argv[n] = "-device";
	argv[n + 1] = argument;
	return argv;
}

/* In the child; the parent may have died before the request to be told of it. */
__attribute__((noreturn)) static void become_qemu(const struct host *host, char **argv,
						  pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_SIGNAL + SIGKILL);
	fcntl(host->peer_fd, F_SETFD, 0);
	sigprocmask(SIG_SETMASK, &host->old_signals, NULL);
	execvp(argv[0], argv);
	say("cannot run %s: %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static int start_qemu(struct host *host)
{
	char *argument = qemu_transport_argument(host->peer_fd);
	char **argv = argument ? qemu_command(host, argument) : NULL;
	pid_t parent = getpid();
	int error = 0;

	host->qemu = argv ? fork() : -1;
	if (host->qemu == 0)
		become_qemu(host, argv, parent);
	if (host->qemu < 0) {
		error = argv ? -errno : -ENOMEM;
		say("cannot start QEMU: %s", strerror(-error));
	}
	free(argv);
	free(argument);
	close(host->peer_fd);
	host->peer_fd = -1;
	return error;
}

/* Signals arrive at a descriptor from here on; QEMU starts with what there was before. */
static int catch_signals(struct host *host)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &host->old_signals);
	host->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (host->signal_fd >= 0)
		return 0;
	say("cannot catch signals: %s", strerror(errno));
	return -errno;
}

static bool qemu_ended(const struct host *host, int *ret_status)
{
	int status;

	if (waitpid(host->qemu, &status, WNOHANG) != host->qemu)
		return false;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
	return true;
}

/* Reads the signals that have come; a request to end becomes QEMU's. */
static bool end_requested(const struct host *host)
{
	struct signalfd_siginfo info;
	bool requested = false;

	while (read(host->signal_fd, &info, sizeof(info)) == sizeof(info))
		requested |= info.ssi_signo != SIGCHLD;
	return requested;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left of the time until "deadline", for poll(); 0: there is no deadline. */
static int patience_ms(int64_t deadline)
{
	int64_t left = deadline - now_ms();

	if (!deadline)
		return -1;
	return left < 0 ? 0 : (int)left;
}

/*
 * Waits for QEMU's end and returns its status. Asked to end, or with a device
 * that does not work any more, QEMU has a while to end by itself.
 */
static int watch_qemu(struct host *host)
{
	struct pollfd polled[2] = {
		{.fd = host->signal_fd, .events = POLLIN},
		{.fd = host->served_fd, .events = POLLIN},
	};
	int64_t deadline = 0;
	int status = 0;

	while (!qemu_ended(host, &status)) {
		int n = poll(polled, 2, patience_ms(deadline));

		if (n == 0)
			kill(host->qemu, SIGKILL);
		if (n > 0 && polled[1].revents) {
			polled[1].fd = -1;
			polled[1].revents = 0;
			if (host->serve_error)
				say("%s", host->serve_message);
			kill(host->qemu, host->serve_error ? SIGKILL : SIGTERM);
			deadline = now_ms() + END_PATIENCE_MS;
		}
		if (n > 0 && end_requested(host)) {
			kill(host->qemu, SIGTERM);
			deadline = now_ms() + END_PATIENCE_MS;
		}
	}
	return host->serve_error ? EXIT_FAILURE : status;
}

/* False if the server sits in a call that does not end. */
static bool stop_server(struct host *host)
{
	struct timespec until;

	host->transport->stop(host->transport);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_PATIENCE_MS / 1000;
	return pthread_timedjoin_np(host->server, NULL, &until) == 0;
}

static void print_counters(const struct host *host)
{
	counters_print(&host->counters, host->counters_to);
	if (fflush(host->counters_to) != 0)
		say("cannot write the counters: %s", strerror(errno));
}

/* Before anything is run: the table is all that is left of a long run. */
static int open_counters(struct host *host)
{
	host->counters_to = stderr;
	if (!host->options.counters)
		return 0;
	host->counters_to = fopen(host->options.counters, "we");
	if (host->counters_to)
		return 0;
	say("cannot write %s: %s", host->options.counters, strerror(errno));
	return -errno;
}

static int run(struct host *host)
{
	int status;

	if (open_counters(host) || catch_signals(host) || start_service(host) ||
	    start_device(host) || start_qemu(host))
		return EXIT_FAILURE;
	if (start_server(host)) {
		kill(host->qemu, SIGKILL);
		return EXIT_FAILURE;
	}
	status = watch_qemu(host);
	if (!stop_server(host)) {
		say("the service does not come back from a call; leaving it there");
		print_counters(host);
		_exit(status);
	}
	print_counters(host);
	return status;
}

static void host_free(struct host *host)
{
	vmmdev_free(host->device);
	if (host->transport)
		host->transport->free(host->transport);
	hgcm_service_unload(host->service);
	for (int *fd = (int[]){host->peer_fd, host->signal_fd, host->served_fd, -2}; *fd != -2;
	     fd++)
		if (*fd >= 0)
			close(*fd);
	if (host->counters_to && host->counters_to != stderr)
		fclose(host->counters_to);
	free(host->serve_message);
	free(host->share_names);
	options_free(&host->options);
}

int main(int argc, char **argv)
{
	struct host host = {.peer_fd = -1, .signal_fd = -1, .served_fd = -1};
	char *message;
	int error = options_parse(&host.options, argc, argv, &message);
	int status = EXIT_USAGE;

	if (!error && !host.options.help)
		error = qemu_args_check(host.options.qemu, &message);
	if (!error)
		error = join_names(&host);
	if (error) {
		say_message(message, error);
	} else if (host.options.help) {
		fputs(options_help(), stdout);
		status = EXIT_SUCCESS;
	} else {
		status = run(&host);
	}
	host_free(&host);
	return status;
}
