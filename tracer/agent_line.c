/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's end of the line: a queue in front of a descriptor that does not
 * block, the replies that are waited for, and what is to be done when the line
 * is cut: see link.h.
 */
#include "agent_line.h"

#include "capture_check.h"
#include "line_queue.h"

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
#define KEEP_BYTES ((size_t)4 << 20) /* more cannot be on its way to the recorder */
#define NOTES_BYTES 16384 /* for which there is always room, */
#define NOTES_MAX 8
#define DIAL_MIN_MS 50 /* from one attempt to the next; each time doubled, */
#define DIAL_MAX_MS 1000
#define AWAY_TIMEOUT_MS 5000 /* is how long the end waits for a recorder that is away */

enum line_state {
	LINE_AWAY, /* there is no recorder at the other end */
	LINE_GREETING, /* what it says to our header is waited for */
	LINE_OPEN, /* records go out */
	LINE_FINISHED, /* and everything has been confirmed */
	LINE_OVER /* of no use any more */
};

struct agent_line {
	enum agent_line_kind kind;
	char *name; /* for messages */
	int in_fd;
	int out_fd;
	enum line_state state;
	int error; /* why it is over */
	struct capture_file_header header; /* says who we are, each time */
	bool known; /* a recorder has accepted us */
	bool ending; /* CAPTURE_END has been put */
	int64_t dial_ms; /* when to try again */
	int64_t pause_ms;
	char preface[sizeof(struct capture_file_header)]; /* goes out before what is queued */
	size_t preface_size;
	size_t preface_sent;
	struct line_queue queue;
	union capture_meta_record *notes[NOTES_MAX]; /* for another recorder */
	size_t n_notes;
	uint64_t dropped; /* records */
	struct {
		struct link_reply reply;
		struct link_position position; /* of LINK_RESUMED */
	} input;
	size_t input_got;
	bool input_ended; /* a recorder that started us wants no more */
	bool wants_snapshot;
};

__attribute__((format(printf, 3, 4))) static int fail(char **ret_message, int error,
						      const char *format, ...)
{
	va_list arguments;

	free(*ret_message);
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
	line->in_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	line->out_fd = line->in_fd;
	if (line->in_fd < 0 ||
	    connect(line->in_fd, (const struct sockaddr *)&address, sizeof(address)))
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

/* Whether a line that was cut can be made again. */
static bool can_return(enum agent_line_kind kind)
{
	return kind == AGENT_LINE_PORT || kind == AGENT_LINE_SOCKET;
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
	line->name = strdup(path ? path : "standard output");
	if (!line->name || line_queue_init(&line->queue, room, can_return(kind) ? KEEP_BYTES : 0))
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
	return line_queue_waiting(&line->queue);
}

size_t agent_line_room(const struct agent_line *line)
{
	return line_queue_room(&line->queue);
}

void agent_line_put(struct agent_line *line, const struct capture_header *record)
{
	if (line->state == LINE_OVER || !line_queue_put(&line->queue, record, 0))
		line->dropped++;
}

static void put_note(struct agent_line *line, const union capture_meta_record *note)
{
	if (line->state == LINE_OVER || !line_queue_put(&line->queue, &note->h, NOTES_BYTES))
		line->dropped++;
}

void agent_line_put_meta(struct agent_line *line, const char *key, const char *value)
{
	union capture_meta_record record, *note;

	capture_meta_make(key, value, &record);
	put_note(line, &record);
	note = can_return(line->kind) && line->n_notes < NOTES_MAX ? malloc(record.h.size) : NULL;
	if (!note)
		return;
	memcpy(note, &record, record.h.size);
	line->notes[line->n_notes++] = note;
}

static void preface_set(struct agent_line *line, const void *bytes, size_t size)
{
	memcpy(line->preface, bytes, size);
	line->preface_size = size;
	line->preface_sent = 0;
}

/* What goes out next, in pieces: how many. */
static int next_pieces(const struct agent_line *line, struct iovec ret_pieces[2])
{
	size_t left = line->preface_size - line->preface_sent;

	ret_pieces[0] = (struct iovec){(char *)line->preface + line->preface_sent, left};
	if (left)
		return 1;
	if (line->state == LINE_OPEN && agent_line_waiting(line))
		return line_queue_pieces(&line->queue, ret_pieces);
	return 0;
}

/* 0, or negative errno: -EAGAIN when the recorder takes no more just now. */
static int write_waiting(struct agent_line *line)
{
	struct iovec pieces[2];
	int n_pieces;

	while ((n_pieces = next_pieces(line, pieces))) {
		ssize_t n = writev(line->out_fd, pieces, n_pieces);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (line->preface_sent < line->preface_size)
			line->preface_sent += (size_t)n;
		else
			line_queue_sent(&line->queue, (size_t)n);
	}
	return 0;
}

static size_t input_wanted(const struct agent_line *line)
{
	if (line->input_got >= sizeof(line->input.reply) &&
	    line->input.reply.verdict == LINK_RESUMED)
		return sizeof(line->input);
	return sizeof(line->input.reply);
}

/*
 * Reads more of a reply. 0: nothing (more) just now; 1: it is complete; -EPIPE:
 * there is nobody, as on a port whose host end is closed. A recorder that
 * closes our standard input asks us to end.
 */
static int read_reply(struct agent_line *line)
{
	if (line->kind == AGENT_LINE_FILE || line->input_ended)
		return 0;
	while (line->input_got < input_wanted(line)) {
		ssize_t n = read(line->in_fd, (char *)&line->input + line->input_got,
				 input_wanted(line) - line->input_got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!n && line->kind == AGENT_LINE_STDIO && line->known) {
			line->input_ended = true;
			return 0;
		}
		if (!n)
			return -EPIPE;
		line->input_got += (size_t)n;
	}
	line->input_got = 0;
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
		[LINK_RESUMED] = "it goes on with something else",
	};

	if (verdict < sizeof(words) / sizeof(words[0]) && words[verdict])
		return words[verdict];
	return "its answer is not understood";
}

static bool is_reply(const struct link_reply *reply)
{
	return !memcmp(reply->magic, LINK_MAGIC, sizeof(reply->magic));
}

/* Ends the line for good. */
static int broken(struct agent_line *line, int error, char **ret_message)
{
	const struct link_reply *reply = &line->input.reply;

	line->state = LINE_OVER;
	line->error = error;
	if (error == -ECONNREFUSED)
		return fail(ret_message, error, "the recorder behind %s refuses: %s", line->name,
			    is_reply(reply) ? explain_verdict(reply->verdict)
					    : "its answer is not understood");
	if (line->kind == AGENT_LINE_FILE)
		return fail(ret_message, error, "cannot write %s: %s", line->name,
			    strerror(-error));
	return fail(ret_message, error, "the line to the recorder, %s, is cut: %s", line->name,
		    strerror(-error));
}

/* The recorder is gone; we go on, and look for it from time to time. */
static int cut(struct agent_line *line, int error, char **ret_message)
{
	bool was_open = line->state == LINE_OPEN;

	if (!can_return(line->kind) || (!line->known && line->kind != AGENT_LINE_PORT))
		return broken(line, error, ret_message);
	line->state = LINE_AWAY;
	line->input_got = 0;
	line->preface_size = 0;
	line->preface_sent = 0;
	line->pause_ms = DIAL_MIN_MS;
	line->dial_ms = now_ms() + line->pause_ms;
	if (line->kind == AGENT_LINE_SOCKET && line->in_fd >= 0) {
		close(line->in_fd);
		line->in_fd = -1;
		line->out_fd = -1;
	}
	if (was_open)
		fail(ret_message, 0,
		     "the line to the recorder, %s, is cut: %s; recording goes on in memory",
		     line->name, strerror(-error));
	return 0;
}

/* Whether there is somebody at the other end (again). */
static bool dial(struct agent_line *line)
{
	struct pollfd port = {.fd = line->in_fd};
	char *message = NULL;

	if (line->kind == AGENT_LINE_PORT)
		return poll(&port, 1, 0) >= 0 && !(port.revents & (POLLHUP | POLLERR));
	if (now_ms() < line->dial_ms)
		return false;
	line->pause_ms = 2 * line->pause_ms < DIAL_MAX_MS ? 2 * line->pause_ms : DIAL_MAX_MS;
	line->dial_ms = now_ms() + line->pause_ms;
	if (!open_socket(line, &message))
		return true;
	free(message);
	if (line->in_fd >= 0)
		close(line->in_fd);
	line->in_fd = -1;
	line->out_fd = -1;
	return false;
}

static void greet(struct agent_line *line)
{
	preface_set(line, &line->header, sizeof(line->header));
	line->state = LINE_GREETING;
}

/* A recorder that does not know us: from now on everything is for it. */
static int take_accepted(struct agent_line *line, char **ret_message)
{
	line->state = LINE_OPEN;
	if (line->known) {
		line_queue_restart(&line->queue);
		for (size_t i = 0; i < line->n_notes; i++)
			put_note(line, line->notes[i]);
		fail(ret_message, 0, "the line to the recorder, %s, is back: another recorder",
		     line->name);
	}
	line->known = true;
	return 0;
}

/* The one that knows us: it gets what it does not have, as far as we have it. */
static int take_resumed(struct agent_line *line, char **ret_message)
{
	const struct link_position *theirs = &line->input.position;
	struct link_position ours;

	if (!line->known || line_queue_resume(&line->queue, theirs, &ours))
		return -ECONNREFUSED;
	preface_set(line, &ours, sizeof(ours));
	line->state = LINE_OPEN;
	fail(ret_message, 0, "the line to the recorder, %s, is back, %llu records are lost",
	     line->name,
	     (unsigned long long)(ours.bytes == theirs->bytes ? 0
							      : ours.records - theirs->records));
	return 0;
}

static int take_reply(struct agent_line *line, char **ret_message)
{
	const struct link_reply *reply = &line->input.reply;
	bool greeting = line->state == LINE_GREETING;

	if (!is_reply(reply))
		return -ECONNREFUSED;
	if (greeting && reply->verdict == LINK_ACCEPTED)
		return take_accepted(line, ret_message);
	if (greeting && reply->verdict == LINK_RESUMED)
		return take_resumed(line, ret_message);
	if (line->ending && reply->verdict == LINK_FINISHED) {
		line->state = LINE_FINISHED;
		return 0;
	}
	if (greeting || reply->verdict != LINK_SNAPSHOT)
		return -ECONNREFUSED;
	line->wants_snapshot = true;
	return 0;
}

static int exchange(struct agent_line *line, char **ret_message)
{
	int error;

	while ((error = read_reply(line)) > 0) {
		error = take_reply(line, ret_message);
		if (error || line->state == LINE_FINISHED)
			return error;
	}
	return error ? error : write_waiting(line);
}

/* Goes on as far as is possible without waiting. 0, or why the line is over. */
static int go_on(struct agent_line *line, char **ret_message)
{
	int error;

	if (line->state == LINE_OVER)
		return line->error;
	if (line->state == LINE_AWAY && !dial(line))
		return 0;
	if (line->state == LINE_AWAY)
		greet(line);
	error = exchange(line, ret_message);
	if (!error || error == -EAGAIN)
		return 0;
	return error == -ECONNREFUSED ? broken(line, error, ret_message)
				      : cut(line, error, ret_message);
}

static void wait_for_line(const struct agent_line *line)
{
	struct iovec pieces[2];
	struct pollfd fds[] = {
		{.fd = line->input_ended ? -1 : line->in_fd, .events = POLLIN},
		{.fd = next_pieces(line, pieces) ? line->out_fd : -1, .events = POLLOUT},
	};

	if (line->state == LINE_AWAY)
		fds[0].fd = fds[1].fd = -1;
	poll(fds, 2, POLL_STEP_MS);
	if (fds[0].revents & POLLHUP)
		usleep(POLL_STEP_MS * 1000);
}

int agent_line_begin(struct agent_line *line, int timeout_ms, char **ret_message)
{
	int64_t deadline_ms = now_ms() + timeout_ms;
	int error = 0;

	line->header = (struct capture_file_header){.version = CAPTURE_VERSION,
						    .side = CAPTURE_SIDE_GUEST,
						    .monotonic_ns = clock_ns(CLOCK_MONOTONIC),
						    .realtime_ns = clock_ns(CLOCK_REALTIME)};
	memcpy(line->header.magic, CAPTURE_MAGIC, sizeof(line->header.magic));
	greet(line);
	if (line->kind == AGENT_LINE_FILE)
		line->state = LINE_OPEN;
	while (!error && line->state != LINE_OPEN) {
		error = go_on(line, ret_message);
		if (error || line->state == LINE_OPEN)
			break;
		if (now_ms() >= deadline_ms) {
			line->state = LINE_OVER;
			line->error = -ETIMEDOUT;
			return fail(ret_message, -ETIMEDOUT, "no answer from a recorder behind %s",
				    line->name);
		}
		wait_for_line(line);
	}
	return error;
}

int agent_line_ship(struct agent_line *line, char **ret_message)
{
	return go_on(line, ret_message);
}

bool agent_line_is_to_end(const struct agent_line *line)
{
	return line->input_ended;
}

bool agent_line_wants_snapshot(struct agent_line *line)
{
	bool wants = line->wants_snapshot;

	line->wants_snapshot = false;
	return wants;
}

static int does_not_read(struct agent_line *line, char **ret_message)
{
	const char *what = agent_line_waiting(line) ? "does not read" : "does not confirm the end";

	if (line->state == LINE_AWAY)
		what = "did not come back";
	line->state = LINE_OVER;
	line->error = -ETIMEDOUT;
	return fail(ret_message, -ETIMEDOUT, "the recorder behind %s %s: %zu bytes are lost",
		    line->name, what, agent_line_waiting(line));
}

/* Whether everything has been written for somebody who does not confirm it. */
static bool is_done(const struct agent_line *line)
{
	return line->state == LINE_FINISHED ||
	       ((line->kind == AGENT_LINE_FILE || line->input_ended) && !agent_line_waiting(line));
}

/* Until there is room for SIZE bytes or, with 0, until the end is confirmed. */
static int wait_until(struct agent_line *line, size_t size, int64_t deadline_ms, char **ret_message)
{
	int64_t away_ms = now_ms() + AWAY_TIMEOUT_MS;
	int error;

	while (!(error = go_on(line, ret_message))) {
		int64_t now = now_ms();

		if (size ? agent_line_room(line) >= size : is_done(line))
			return 0;
		if (now >= deadline_ms || (line->state == LINE_AWAY && now >= away_ms))
			return does_not_read(line, ret_message);
		if (line->state != LINE_AWAY)
			away_ms = now + AWAY_TIMEOUT_MS;
		wait_for_line(line);
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
	int error = wait_until(line, sizeof(loss) + sizeof(end), deadline_ms, ret_message);

	if (error)
		return error;
	if (line->dropped)
		line_queue_put(&line->queue, &loss.h, 0);
	line_queue_put(&line->queue, &end, 0);
	line->ending = true;
	return wait_until(line, 0, deadline_ms, ret_message);
}

void agent_line_close(struct agent_line *line)
{
	if (!line)
		return;
	if (line->in_fd >= 0)
		close(line->in_fd);
	if (line->out_fd >= 0 && line->out_fd != line->in_fd)
		close(line->out_fd);
	for (size_t i = 0; i < line->n_notes; i++)
		free(line->notes[i]);
	line_queue_free(&line->queue);
	free(line->name);
	free(line);
}
