/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's end of the line: a buffer in front of a descriptor that does not
 * block, and the two replies that are waited for.
 */
#include "agent_line.h"

#include "capture_check.h"
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define POLL_STEP_MS 20 /* a port without a recorder is always "ready" */

struct agent_line {
	enum agent_line_kind kind;
	char *name; /* for messages */
	int in_fd;
	int out_fd;
	char *buffer;
	size_t size;
	size_t head; /* what waits is between head and tail */
	size_t tail;
	uint64_t dropped; /* records */
	struct link_reply reply;
	size_t reply_got;
	bool input_ended; /* a recorder that started us wants no more */
	int error; /* of no use any more */
};

__attribute__((format(printf, 3, 4))) static int fail(char **ret_message, int error,
						      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(ret_message, format, arguments) < 0)
		*ret_message = NULL;
	va_end(arguments);
	return error;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const char *explain_port(int error)
{
	switch (error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "no such port; the virtual machine needs a virtio-serial port of that name";
	case EBUSY:
		return "another process, perhaps another agent, has it open";
	case EACCES:
	case EPERM:
		return "no permission; run as root";
	}
	return strerror(error);
}

static int open_port(struct agent_line *line, char **ret_message)
{
	line->in_fd = open(line->name, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	line->out_fd = line->in_fd;
	if (line->in_fd < 0)
		return fail(ret_message, -errno, "cannot open %s: %s", line->name,
			    explain_port(errno));
	return 0;
}

static int open_socket(struct agent_line *line, char **ret_message)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(line->name) >= sizeof(address.sun_path))
		return fail(ret_message, -ENAMETOOLONG, "cannot connect to %s: path too long",
			    line->name);
	strcpy(address.sun_path, line->name);
	line->in_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	line->out_fd = line->in_fd;
	if (line->in_fd < 0 ||
	    connect(line->in_fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    fcntl(line->in_fd, F_SETFL, O_NONBLOCK))
		return fail(ret_message, -errno,
			    "cannot connect to %s: %s (is sftrace record "
			    "--guest unix:%s running?)",
			    line->name, strerror(errno), line->name);
	return 0;
}

/* Non-blocking from now on, for whoever else has these descriptors as well. */
static int open_stdio(struct agent_line *line, char **ret_message)
{
	if (isatty(STDOUT_FILENO))
		return fail(ret_message, -EINVAL,
			    "records do not go to a terminal: connect standard input and output "
			    "to a recorder");
	line->in_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	line->out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (line->in_fd < 0 || line->out_fd < 0 || fcntl(line->in_fd, F_SETFL, O_NONBLOCK) ||
	    fcntl(line->out_fd, F_SETFL, O_NONBLOCK))
		return fail(ret_message, -errno, "cannot use standard input and output: %s",
			    strerror(errno));
	return 0;
}

/* Nothing is overwritten: it may be the only copy of another recording. */
static int open_file(struct agent_line *line, char **ret_message)
{
	line->out_fd = open(line->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (line->out_fd < 0)
		return fail(ret_message, -errno, "cannot create %s: %s", line->name,
			    strerror(errno));
	return 0;
}

int agent_line_open(enum agent_line_kind kind, const char *path, size_t room,
		    struct agent_line **ret, char **ret_message)
{
	static int (*const opens[])(struct agent_line *, char **) = {
		[AGENT_LINE_PORT] = open_port,
		[AGENT_LINE_SOCKET] = open_socket,
		[AGENT_LINE_STDIO] = open_stdio,
		[AGENT_LINE_FILE] = open_file,
	};
	struct agent_line *line = calloc(1, sizeof(*line));
	int error;

	if (!line)
		return fail(ret_message, -ENOMEM, "out of memory");
	line->kind = kind;
	line->in_fd = -1;
	line->out_fd = -1;
	line->size = room;
	line->name = strdup(path ? path : "standard output");
	line->buffer = malloc(room);
	if (!line->name || !line->buffer)
		error = fail(ret_message, -ENOMEM, "out of memory (%zu bytes)", room);
	else
		error = opens[kind](line, ret_message);
	if (error) {
		agent_line_close(line);
		return error;
	}
	*ret = line;
	return 0;
}

size_t agent_line_waiting(const struct agent_line *line)
{
	return line->tail - line->head;
}

size_t agent_line_room(const struct agent_line *line)
{
	return line->size - agent_line_waiting(line);
}

static bool put_bytes(struct agent_line *line, const void *bytes, size_t size)
{
	if (line->size - line->tail < size && line->head) {
		memmove(line->buffer, line->buffer + line->head, agent_line_waiting(line));
		line->tail -= line->head;
		line->head = 0;
	}
	if (line->size - line->tail < size)
		return false;
	memcpy(line->buffer + line->tail, bytes, size);
	line->tail += size;
	return true;
}

void agent_line_put(struct agent_line *line, const struct capture_header *record)
{
	if (line->error || !put_bytes(line, record, record->size))
		line->dropped++;
}

void agent_line_put_meta(struct agent_line *line, const char *key, const char *value)
{
	union {
		struct capture_header h;
		char bytes[CAPTURE_META_MAX];
	} meta = {.h = {.kind = CAPTURE_META}};
	size_t room = sizeof(meta.bytes) - sizeof(meta.h) - strlen(key) - 2;
	size_t length = strnlen(value, room);
	char *to = meta.bytes + sizeof(meta.h);

	to = stpcpy(to, key) + 1;
	memcpy(to, value, length);
	meta.h.size = (uint32_t)((to + length + 1 - meta.bytes + 7) & ~(size_t)7);
	agent_line_put(line, &meta.h);
}

/* 0, or negative errno: -EAGAIN when the recorder takes no more just now. */
static int write_waiting(struct agent_line *line)
{
	while (agent_line_waiting(line)) {
		ssize_t n =
			write(line->out_fd, line->buffer + line->head, agent_line_waiting(line));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		line->head += (size_t)n;
	}
	line->head = 0;
	line->tail = 0;
	return 0;
}

/*
 * Reads more of a reply. 0: nothing (more) just now; 1: it is complete. A port
 * whose host end nobody has open reads as ended: until the recording begins
 * that is no error. A recorder that closes our standard input asks us to end.
 */
static int read_reply(struct agent_line *line, bool begun)
{
	if (line->kind == AGENT_LINE_FILE || line->input_ended)
		return 0;
	while (line->reply_got < sizeof(line->reply)) {
		ssize_t n = read(line->in_fd, (char *)&line->reply + line->reply_got,
				 sizeof(line->reply) - line->reply_got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!n && line->kind == AGENT_LINE_STDIO && begun) {
			line->input_ended = true;
			return 0;
		}
		if (!n)
			return line->kind == AGENT_LINE_PORT && !begun ? 0 : -EPIPE;
		line->reply_got += (size_t)n;
	}
	line->reply_got = 0;
	return 1;
}

static const char *explain_verdict(uint32_t verdict)
{
	static const char *const words[] = {
		[LINK_ACCEPTED] = "it accepted twice",
		[LINK_FINISHED] = "it ended before the agent did",
		[LINK_REFUSED] = "it takes what was sent for malformed",
		[LINK_REFUSED_VERSION] = "it is of another version of sftrace",
		[LINK_REFUSED_BUSY] = "it has another agent already",
		[LINK_REFUSED_FULL] = "it cannot store more",
	};

	if (verdict < sizeof(words) / sizeof(words[0]) && words[verdict])
		return words[verdict];
	return "its answer is not understood";
}

/* Ends the line for good. */
static int broken(struct agent_line *line, int error, char **ret_message)
{
	bool refused = error == -ECONNREFUSED;

	line->error = error;
	line->head = 0;
	line->tail = 0;
	if (refused)
		return fail(ret_message, error, "the recorder behind %s refuses: %s", line->name,
			    memcmp(line->reply.magic, LINK_MAGIC, sizeof(line->reply.magic))
				    ? "its answer is not understood"
				    : explain_verdict(line->reply.verdict));
	if (line->kind == AGENT_LINE_FILE)
		return fail(ret_message, error, "cannot write %s: %s", line->name,
			    strerror(-error));
	return fail(ret_message, error, "the line to the recorder, %s, is cut: %s", line->name,
		    strerror(-error));
}

static int check_reply(const struct agent_line *line, enum link_verdict wanted)
{
	if (memcmp(line->reply.magic, LINK_MAGIC, sizeof(line->reply.magic)))
		return -ECONNREFUSED;
	return line->reply.verdict == wanted ? 0 : -ECONNREFUSED;
}

static int does_not_read(const struct agent_line *line, char **ret_message)
{
	return fail(ret_message, -ETIMEDOUT, "the recorder behind %s does not read", line->name);
}

/* Writes what waits and reads until the wanted reply is there. */
static int converse(struct agent_line *line, enum link_verdict wanted, int64_t deadline_ms,
		    char **ret_message)
{
	int error;

	do {
		struct pollfd fds[] = {
			{.fd = line->input_ended ? -1 : line->in_fd, .events = POLLIN},
			{.fd = agent_line_waiting(line) ? line->out_fd : -1, .events = POLLOUT},
		};

		error = write_waiting(line);
		if (error && error != -EAGAIN)
			return broken(line, error, ret_message);
		if (!error && (line->kind == AGENT_LINE_FILE || line->input_ended))
			return 0;
		error = read_reply(line, wanted != LINK_ACCEPTED);
		if (error > 0)
			error = check_reply(line, wanted) ?: 1;
		if (error < 0)
			return broken(line, error, ret_message);
		if (error)
			return 0;
		poll(fds, 2, POLL_STEP_MS);
		if (fds[0].revents & POLLHUP)
			usleep(POLL_STEP_MS * 1000);
	} while (now_ms() < deadline_ms);
	line->error = -ETIMEDOUT;
	if (wanted != LINK_ACCEPTED && agent_line_waiting(line))
		return does_not_read(line, ret_message);
	return fail(ret_message, -ETIMEDOUT, "no answer from a recorder behind %s", line->name);
}

int agent_line_begin(struct agent_line *line, int timeout_ms, char **ret_message)
{
	struct capture_file_header header = {.version = CAPTURE_VERSION,
					     .side = CAPTURE_SIDE_GUEST,
					     .monotonic_ns = clock_ns(CLOCK_MONOTONIC),
					     .realtime_ns = clock_ns(CLOCK_REALTIME)};

	memcpy(header.magic, CAPTURE_MAGIC, sizeof(header.magic));
	if (!put_bytes(line, &header, sizeof(header)))
		return fail(ret_message, -ENOBUFS, "the agent's buffer is too small");
	return converse(line, LINK_ACCEPTED, now_ms() + timeout_ms, ret_message);
}

int agent_line_ship(struct agent_line *line, char **ret_message)
{
	int error;

	if (line->error)
		return line->error;
	error = read_reply(line, true);
	if (error > 0)
		error = -ECONNREFUSED; /* nothing is said in between, unless it refuses */
	if (!error)
		error = write_waiting(line);
	if (error && error != -EAGAIN)
		return broken(line, error, ret_message);
	return 0;
}

bool agent_line_is_to_end(const struct agent_line *line)
{
	return line->input_ended;
}

/* Waits until there is room for SIZE bytes. */
static int make_room(struct agent_line *line, size_t size, int64_t deadline_ms, char **ret_message)
{
	int error = agent_line_ship(line, ret_message);

	while (!error && agent_line_room(line) < size) {
		struct pollfd out = {.fd = line->out_fd, .events = POLLOUT};

		if (now_ms() >= deadline_ms)
			return does_not_read(line, ret_message);
		poll(&out, 1, POLL_STEP_MS);
		error = agent_line_ship(line, ret_message);
	}
	return error;
}

int agent_line_finish(struct agent_line *line, int timeout_ms, char **ret_message)
{
	struct capture_loss loss = {.h = {.kind = CAPTURE_LOSS, .size = sizeof(loss)},
				    .reason = CAPTURE_LOSS_RING_FULL,
				    .n = line->dropped};
	struct capture_header end = {.kind = CAPTURE_END, .size = sizeof(end)};
	int64_t deadline_ms = now_ms() + timeout_ms;
	int error = make_room(line, sizeof(loss) + sizeof(end), deadline_ms, ret_message);

	if (error)
		return error;
	if (line->dropped)
		put_bytes(line, &loss, loss.h.size);
	put_bytes(line, &end, end.size);
	return converse(line, LINK_FINISHED, deadline_ms, ret_message);
}

void agent_line_close(struct agent_line *line)
{
	if (!line)
		return;
	if (line->in_fd >= 0)
		close(line->in_fd);
	if (line->out_fd >= 0 && line->out_fd != line->in_fd)
		close(line->out_fd);
	free(line->name);
	free(line->buffer);
	free(line);
}
