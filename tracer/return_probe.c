/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Return probes through tracefs: a line in its file kprobe_events makes one, in
 * a group that is named after this process.
 */
#include "return_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GROUP_PREFIX "sftrace_"
#define ROOM 512 /* threads in one function at a time; the kernel's limit is 4096 */

struct return_probes {
	char tracefs[256];
	char group[32];
	int control; /* kprobe_events */
};

static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

static int open_in(const char *tracefs, const char *file, int flags)
{
	char path[512];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", tracefs, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_control(struct return_probes *probes, const char *tracefs)
{
	int fd = open_in(tracefs, "kprobe_events", O_WRONLY | O_APPEND);

	if (fd < 0)
		return fd;
	if (strlen(tracefs) >= sizeof(probes->tracefs)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	strcpy(probes->tracefs, tracefs);
	probes->control = fd;
	return 0;
}

static int command(const struct return_probes *probes, const char *line)
{
	ssize_t n = write(probes->control, line, strlen(line));

	return n < 0 ? -errno : 0;
}

/* Whether a group belongs to us, or to a process that is gone. */
static bool is_to_remove(const struct return_probes *probes, const char *group)
{
	long pid;

	if (!strcmp(group, probes->group))
		return true;
	if (strncmp(group, GROUP_PREFIX, strlen(GROUP_PREFIX)))
		return false;
	pid = strtol(group + strlen(GROUP_PREFIX), NULL, 10);
	return pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH;
}

/*
 * Removes our own probes and those left behind. The list has lines of
 * "r512:group/name symbol".
 */
static void remove_probes(const struct return_probes *probes)
{
	int fd = open_in(probes->tracefs, "kprobe_events", O_RDONLY);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL, removal[256], group[64], name[128];
	size_t size = 0;

	while (list && getline(&line, &size, list) > 0) {
		if ((*line != 'r' && *line != 'p') ||
		    sscanf(line, "%*[^:]:%63[^/]/%127s", group, name) != 2 ||
		    !is_to_remove(probes, group))
			continue;
		snprintf(removal, sizeof(removal), "-:%s/%s\n", group, name);
		command(probes, removal);
	}
	free(line);
	if (list)
		fclose(list);
	else if (fd >= 0)
		close(fd);
}

int return_probes_open(const char *tracefs, struct return_probes **ret)
{
	struct return_probes *probes = calloc(1, sizeof(*probes));
	int error = -ENOENT;

	if (!probes)
		return -ENOMEM;
	if (tracefs)
		error = open_control(probes, tracefs);
	for (size_t i = 0; !tracefs && error && i < sizeof(places) / sizeof(places[0]); i++)
		error = open_control(probes, places[i]);
	if (error) {
		free(probes);
		return error;
	}
	snprintf(probes->group, sizeof(probes->group), GROUP_PREFIX "%d", (int)getpid());
	remove_probes(probes);
	*ret = probes;
	return 0;
}

/* The number under which perf knows a probe. */
static int read_id(const struct return_probes *probes, const char *name, uint64_t *ret)
{
	char file[256], text[32] = "";
	ssize_t n;
	int fd;

	snprintf(file, sizeof(file), "events/%s/%s/id", probes->group, name);
	fd = open_in(probes->tracefs, file, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	*ret = strtoull(text, NULL, 10);
	return 0;
}

static int open_event(uint64_t id)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attributes),
		.config = id,
	};
	long fd = syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

int return_probes_attach(struct return_probes *probes, struct bpf_program *program,
			 const char *name, const char *symbol, uint64_t cookie,
			 struct bpf_link **ret)
{
	DECLARE_LIBBPF_OPTS(bpf_perf_event_opts, options, .bpf_cookie = cookie);
	char line[512];
	uint64_t id = 0;
	int error, fd;

	if (snprintf(line, sizeof(line), "r%d:%s/%s %s\n", ROOM, probes->group, name, symbol) >=
	    (int)sizeof(line))
		return -ENAMETOOLONG;
	error = command(probes, line);
	if (!error)
		error = read_id(probes, name, &id);
	if (error)
		return error;
	fd = open_event(id);
	if (fd < 0)
		return fd;
	*ret = bpf_program__attach_perf_event_opts(program, fd, &options);
	if (*ret)
		return 0;
	error = -errno;
	close(fd);
	return error;
}

void return_probes_close(struct return_probes *probes)
{
	if (!probes)
		return;
	remove_probes(probes);
	close(probes->control);
	free(probes);
}
