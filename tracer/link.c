/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The recorder's end of the line to a guest: a thread that polls a listening
 * socket and the connections to it. The first connection that begins with the
 * header of a guest's recording is the agent, and so is a later one with the
 * same header; the others stay, unheard, so that the reply to them is not lost
 * on its way through QEMU.
 */
#include "link.h"

#include "capture_check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 8
#define POLL_STEP_US 20000
#define AWAY_GRACE_MS 1500 /* at the end, for an agent whose line was cut */
#define COMMAND_GRACE_MS 3000 /* for a command to end when its line is closed */
#define BUFFER_BYTES (4 * (size_t)CAPTURE_RECORD_MAX)

enum phase {
	PHASE_FREE,
	PHASE_HELLO, /* its file header is not complete */
	PHASE_RESUMED, /* it is back: where it goes on is not complete */
	PHASE_AGENT, /* its records are taken */
	PHASE_DEAF /* refused or finished: nothing more is read */
};

struct connection {
	int fd;
	enum phase phase;
	size_t got; /* bytes of what follows */
	struct capture_file_header hello;
	struct link_position position;
};

struct link {
	pthread_t thread;
	int listen_fd;
	int wake_fd; /* link_close() asks the thread to look at closing */
	int spool_fd; /* -1 until there is an agent */
	char *socket_path; /* NULL: an agent of our own */
	pid_t command; /* its shell; 0: none */
	char *spool_path;
	uint64_t max_bytes;
	struct connection connections[MAX_CONNECTIONS];
	char *buffer; /* of the agent: begins with a record */
	size_t fill;
	struct capture_file_header agent; /* who it is, once there is one */
	struct link_position taken; /* of its stream */
	enum link_verdict verdict; /* the last word to it; 0: none yet */
	bool cut_in_record;

	pthread_mutex_t lock; /* of what follows */
	struct link_state state;
	bool wants_snapshot;
	bool closing;
	int64_t closed_ms; /* when that began */
	int64_t deadline_ms; /* while closing; negative: none */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A guest's words go to a terminal: keep escape sequences out. */
static void copy_printable(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; from[i] && i + 1 < size; i++)
		to[i] = (unsigned char)from[i] < ' ' || from[i] == 0x7f ? '?' : from[i];
	to[i] = '\0';
}

__attribute__((format(printf, 2, 3))) static void note_error(struct link *link, const char *format,
							     ...)
{
	va_list arguments;

	va_start(arguments, format);
	pthread_mutex_lock(&link->lock);
	if (!link->state.error[0])
		vsnprintf(link->state.error, sizeof(link->state.error), format, arguments);
	pthread_mutex_unlock(&link->lock);
	va_end(arguments);
}

static void reply(struct connection *connection, enum link_verdict verdict)
{
	struct link_reply message = {.version = CAPTURE_VERSION, .verdict = verdict};

	memcpy(message.magic, LINK_MAGIC, sizeof(message.magic));
	send(connection->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void refuse(struct connection *connection, enum link_verdict verdict)
{
	reply(connection, verdict);
	connection->phase = PHASE_DEAF;
}

/* To the agent, now and if it comes again. */
static void end_agent(struct link *link, struct connection *connection, enum link_verdict verdict)
{
	link->verdict = verdict;
	refuse(connection, verdict);
}

static void drop(struct connection *connection)
{
	close(connection->fd);
	connection->phase = PHASE_FREE;
}

/* 0 or negative errno. */
static int write_spool(struct link *link, const void *bytes, size_t size)
{
	const char *from = bytes;

	if (link->state.bytes + size > link->max_bytes)
		return -EFBIG;
	pthread_mutex_lock(&link->lock);
	link->state.bytes += size;
	pthread_mutex_unlock(&link->lock);
	while (size) {
		ssize_t n = write(link->spool_fd, from, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		size -= (size_t)n;
	}
	return 0;
}

static void spool_failed(struct link *link, struct connection *connection, int error)
{
	note_error(link, "cannot write %s: %s", link->spool_path,
		   error == -EFBIG ? "the guest sends too much" : strerror(-error));
	end_agent(link, connection, LINK_REFUSED_FULL);
}

static void accept_agent(struct link *link, struct connection *connection)
{
	int ret;

	link->spool_fd = open(link->spool_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ret = link->spool_fd < 0 ? -errno : 0;
	if (!ret)
		ret = write_spool(link, &connection->hello, sizeof(connection->hello));
	if (ret) {
		spool_failed(link, connection, ret);
		return;
	}
	pthread_mutex_lock(&link->lock);
	link->state.agent = true;
	pthread_mutex_unlock(&link->lock);
	link->agent = connection->hello;
	connection->phase = PHASE_AGENT;
	reply(connection, LINK_ACCEPTED);
}

static struct connection *find_agent(struct link *link)
{
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (link->connections[i].phase == PHASE_AGENT ||
		    link->connections[i].phase == PHASE_RESUMED)
			return &link->connections[i];
	return NULL;
}

/*
 * The agent is back. The end of its former connection may not have been seen
 * yet; what is in there comes again.
 */
static void agent_returns(struct link *link, struct connection *connection)
{
	struct {
		struct link_reply reply;
		struct link_position position;
	} answer = {.reply = {.version = CAPTURE_VERSION, .verdict = LINK_RESUMED},
		    .position = link->taken};
	struct connection *former = find_agent(link);

	if (link->verdict) {
		refuse(connection, link->verdict);
		return;
	}
	if (former)
		drop(former);
	link->fill = 0;
	connection->phase = PHASE_RESUMED;
	connection->got = 0;
	memcpy(answer.reply.magic, LINK_MAGIC, sizeof(answer.reply.magic));
	send(connection->fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void take_hello(struct link *link, struct connection *connection)
{
	const struct capture_file_header *hello = &connection->hello;
	const char *problem = capture_check_file_header(hello, CAPTURE_SIDE_GUEST);

	if (!problem && link->state.agent && !memcmp(hello, &link->agent, sizeof(*hello))) {
		agent_returns(link, connection);
	} else if (!problem && link->state.agent) {
		refuse(connection, LINK_REFUSED_BUSY);
	} else if (!problem) {
		accept_agent(link, connection);
	} else if (memcmp(hello->magic, CAPTURE_MAGIC, sizeof(hello->magic))) {
		note_error(link, "what came from the guest is not a recording");
		refuse(connection, LINK_REFUSED);
	} else if (hello->version != CAPTURE_VERSION) {
		note_error(link,
			   "the agent in the guest is of another version of sftrace: "
			   "it writes records of version %u, not %u",
			   hello->version, CAPTURE_VERSION);
		refuse(connection, LINK_REFUSED_VERSION);
	} else {
		note_error(link, "what came is not a guest's recording: %s", problem);
		refuse(connection, LINK_REFUSED);
	}
}

static void take_meta(struct link *link, const struct capture_meta *meta)
{
	const char *key, *value;

	capture_meta_text(meta, &key, &value);
	pthread_mutex_lock(&link->lock);
	if (!strcmp(key, LINK_META_READY))
		link->state.ready = true;
	if (!strcmp(key, LINK_META_ERROR))
		copy_printable(link->state.agent_error, sizeof(link->state.agent_error), value);
	pthread_mutex_unlock(&link->lock);
}

/*
 * Looks at the records that are complete in the buffer. Gives how many bytes
 * they have, up to and with the end; *ret_problem: what is wrong with the next.
 */
static size_t check_records(struct link *link, const char **ret_problem)
{
	uint64_t records = 0;
	size_t at = 0;
	bool ended = false;

	*ret_problem = NULL;
	while (!ended && link->fill - at >= sizeof(struct capture_header)) {
		const void *record = link->buffer + at;
		const struct capture_header *header = record;

		*ret_problem = capture_check_size(header);
		if (*ret_problem || header->size > link->fill - at)
			break;
		*ret_problem = capture_check_record(header);
		if (*ret_problem)
			break;
		if (header->kind == CAPTURE_META)
			take_meta(link, record);
		ended = header->kind == CAPTURE_END;
		at += header->size;
		records++;
	}
	link->taken.bytes += at;
	link->taken.records += records;
	pthread_mutex_lock(&link->lock);
	link->state.records += records;
	link->state.ended = ended;
	pthread_mutex_unlock(&link->lock);
	return at;
}

static void take_records(struct link *link, struct connection *connection)
{
	const char *problem;
	size_t good = check_records(link, &problem);
	int ret = good ? write_spool(link, link->buffer, good) : 0;

	link->fill -= good;
	memmove(link->buffer, link->buffer + good, link->fill);
	if (ret) {
		pthread_mutex_lock(&link->lock);
		link->state.ended = false;
		pthread_mutex_unlock(&link->lock);
		spool_failed(link, connection, ret);
	} else if (problem) {
		note_error(link, "malformed record number %llu from the guest: %s",
			   (unsigned long long)link->state.records + 1, problem);
		end_agent(link, connection, LINK_REFUSED);
	} else if (link->state.ended) {
		end_agent(link, connection, LINK_FINISHED);
	}
}

/* What the agent had to forget while it was away: a position behind ours. */
static const char *check_position(const struct link_position *ours,
				  const struct link_position *agents)
{
	uint64_t bytes = agents->bytes - ours->bytes;
	uint64_t records = agents->records - ours->records;

	if (agents->bytes < ours->bytes || agents->records < ours->records)
		return "what it sends next is there already";
	if (records > bytes / sizeof(struct capture_header) || (bytes && !records))
		return "what it forgot has an impossible size";
	return NULL;
}

/* The spool's own words on a line that was cut: how often, and what that cost. */
static int write_resumed(struct link *link)
{
	union capture_meta_record note;
	struct capture_loss loss = {.h = {.kind = CAPTURE_LOSS, .size = sizeof(loss)},
				    .reason = CAPTURE_LOSS_LINE_CUT,
				    .n = link->state.lost};
	char text[16];
	int ret;

	snprintf(text, sizeof(text), "%u", link->state.resumed);
	capture_meta_make(LINK_META_RESUMED, text, &note);
	ret = write_spool(link, &note, note.h.size);
	return !ret && loss.n ? write_spool(link, &loss, sizeof(loss)) : ret;
}

static void take_position(struct link *link, struct connection *connection)
{
	const struct link_position *position = &connection->position;
	const char *problem = check_position(&link->taken, position);
	int ret;

	if (problem) {
		note_error(link, "the agent in the guest came back wrong: %s", problem);
		end_agent(link, connection, LINK_REFUSED);
		return;
	}
	pthread_mutex_lock(&link->lock);
	link->state.resumed++;
	link->state.lost += position->records - link->taken.records;
	pthread_mutex_unlock(&link->lock);
	link->taken = *position;
	ret = write_resumed(link);
	if (ret)
		spool_failed(link, connection, ret);
	else
		connection->phase = PHASE_AGENT;
}

/* The peer went away. An agent at a socket may come back. */
static void hang_up(struct link *link, struct connection *connection)
{
	if (connection->phase == PHASE_AGENT && link->command)
		note_error(link, "the line to the guest was cut%s",
			   link->fill ? " in the middle of a record" : "");
	else if (connection->phase == PHASE_AGENT)
		link->cut_in_record = link->fill;
	else if (connection->phase == PHASE_HELLO && link->command)
		note_error(link, "the command ended before a recording began");
	else if (connection->phase == PHASE_HELLO && connection->got && !link->state.agent)
		note_error(link, "the line to the guest was cut before its recording began");
	drop(connection);
}

/* Where what comes next on a connection goes; gives the room for it. */
static size_t input_place(struct link *link, struct connection *connection, char **ret_to)
{
	switch (connection->phase) {
	case PHASE_HELLO:
		*ret_to = (char *)&connection->hello + connection->got;
		return sizeof(connection->hello) - connection->got;
	case PHASE_RESUMED:
		*ret_to = (char *)&connection->position + connection->got;
		return sizeof(connection->position) - connection->got;
	default:
		*ret_to = link->buffer + link->fill;
		return BUFFER_BYTES - link->fill;
	}
}

static void take_input(struct link *link, struct connection *connection, size_t size)
{
	if (connection->phase == PHASE_AGENT) {
		link->fill += size;
		take_records(link, connection);
		return;
	}
	connection->got += size;
	if (connection->phase == PHASE_HELLO && connection->got == sizeof(connection->hello))
		take_hello(link, connection);
	else if (connection->phase == PHASE_RESUMED &&
		 connection->got == sizeof(connection->position))
		take_position(link, connection);
}

static bool is_heard(const struct connection *connection)
{
	return connection->phase != PHASE_FREE && connection->phase != PHASE_DEAF;
}

static void read_connection(struct link *link, struct connection *connection)
{
	char *to;
	size_t room = input_place(link, connection, &to);
	ssize_t n = recv(connection->fd, to, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		hang_up(link, connection);
	else
		take_input(link, connection, (size_t)n);
}

/* A place for a connection: a free one, else a refused one, else a silent one. */
static struct connection *find_place(struct link *link)
{
	static const enum phase order[] = {PHASE_FREE, PHASE_DEAF, PHASE_HELLO};

	for (size_t phase = 0; phase < sizeof(order) / sizeof(order[0]); phase++)
		for (size_t i = 0; i < MAX_CONNECTIONS; i++)
			if (link->connections[i].phase == order[phase])
				return &link->connections[i];
	return NULL;
}

static void accept_connection(struct link *link)
{
	struct connection *connection = find_place(link);
	int fd = accept4(link->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (connection->phase != PHASE_FREE)
		drop(connection);
	*connection = (struct connection){.fd = fd, .phase = PHASE_HELLO};
}

/* An agent at a socket that is not there, but may come back. */
static bool is_away(struct link *link)
{
	return link->state.agent && !link->verdict && !link->command && !find_agent(link);
}

/* While closing: until when to wait for more; INT64_MAX: for ever. */
static int64_t wait_until_ms(struct link *link)
{
	int64_t deadline_ms = link->deadline_ms < 0 ? INT64_MAX : link->deadline_ms;
	int64_t away_ms = link->closed_ms + AWAY_GRACE_MS;

	if (find_agent(link))
		return deadline_ms;
	if (is_away(link))
		return away_ms < deadline_ms ? away_ms : deadline_ms;
	return 0;
}

/* How long to wait for more: negative for ever; 0 when closing and nobody is to send. */
static int poll_timeout(struct link *link)
{
	int64_t left;

	pthread_mutex_lock(&link->lock);
	left = link->closing ? wait_until_ms(link) : INT64_MAX;
	pthread_mutex_unlock(&link->lock);
	if (left == INT64_MAX)
		return -1;
	left -= now_ms();
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static bool past_deadline(struct link *link)
{
	bool past;

	pthread_mutex_lock(&link->lock);
	past = link->closing && link->deadline_ms >= 0 && now_ms() >= link->deadline_ms;
	pthread_mutex_unlock(&link->lock);
	return past;
}

/* An agent of our own sees the end of its input, sends the rest and ends. */
static void pass_wishes(struct link *link)
{
	struct connection *agent = find_agent(link);
	bool snapshot, closing;

	pthread_mutex_lock(&link->lock);
	snapshot = link->wants_snapshot;
	closing = link->closing;
	link->wants_snapshot = false;
	pthread_mutex_unlock(&link->lock);
	if (!agent || agent->phase != PHASE_AGENT)
		return;
	if (snapshot)
		reply(agent, LINK_SNAPSHOT);
	if (closing && link->command)
		shutdown(agent->fd, SHUT_WR);
}

static void clear_wake(struct link *link)
{
	uint64_t count;

	pass_wishes(link);
	if (read(link->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		note_error(link, "cannot read an eventfd: %s", strerror(errno));
}

/* Waits for whatever comes next and treats it; false: the line is to end. */
static bool serve_once(struct link *link)
{
	struct pollfd fds[2 + MAX_CONNECTIONS] = {
		{.fd = link->wake_fd, .events = POLLIN},
		{.fd = link->listen_fd, .events = POLLIN},
	};
	int n;

	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		struct connection *connection = &link->connections[i];

		fds[2 + i].fd = is_heard(connection) ? connection->fd : -1;
		fds[2 + i].events = POLLIN;
	}
	n = poll(fds, 2 + MAX_CONNECTIONS, poll_timeout(link));
	if (n <= 0)
		return n < 0 && errno == EINTR;
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (fds[2 + i].revents && is_heard(&link->connections[i]))
			read_connection(link, &link->connections[i]);
	if (fds[0].revents)
		clear_wake(link);
	if (fds[1].revents)
		accept_connection(link);
	return !past_deadline(link);
}

static void *serve(void *argument)
{
	struct link *link = argument;

	while (serve_once(link))
		;
	if (find_agent(link))
		note_error(link, "the agent in the guest did not finish in time");
	else if (is_away(link))
		note_error(link, "the line to the guest was cut%s",
			   link->cut_in_record ? " in the middle of a record" : "");
	return NULL;
}

static int message(char **ret_message, int error, const char *format, const char *path)
{
	char *text = NULL;

	if (asprintf(&text, format, path, strerror(-error)) < 0)
		text = NULL;
	*ret_message = text;
	return error;
}

/* A socket that nobody listens on is what an earlier run left behind. */
static int bind_socket(int fd, const struct sockaddr_un *address)
{
	struct stat status;

	if (!bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		return 0;
	if (errno != EADDRINUSE || lstat(address->sun_path, &status) || !S_ISSOCK(status.st_mode))
		return -errno;
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (probe < 0)
		return -errno;
	bool dead = connect(probe, (const struct sockaddr *)address, sizeof(*address)) &&
		    errno == ECONNREFUSED;

	close(probe);
	if (!dead)
		return -EADDRINUSE;
	if (unlink(address->sun_path) ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	return 0;
}

static int listen_on(const char *path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ret, fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = bind_socket(fd, &address);
	if (!ret && (chmod(path, 0600) || listen(fd, MAX_CONNECTIONS))) {
		ret = -errno;
		unlink(path);
	}
	if (ret) {
		close(fd);
		return ret;
	}
	*ret_fd = fd;
	return 0;
}

/* Starts the command; gives our end of what are its standard input and output. */
static int start_command(struct link *link, const char *command)
{
	char *const arguments[] = {"sh", "-c", (char *)command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t blocked;
	int ret, fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	/* An interrupt from the terminal is for the recorder, who then tells the agent. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &blocked);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	ret = -posix_spawn(&link->command, "/bin/sh", &actions, &attributes, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(fds[1]);
	link->connections[0] = (struct connection){.fd = fds[0], .phase = PHASE_HELLO};
	if (ret)
		link->command = 0;
	return ret;
}

/* Its line is closed: whoever does not end by himself now is ended. */
static void end_command(pid_t command)
{
	int64_t deadline_ms = now_ms() + COMMAND_GRACE_MS;
	pid_t ended;

	do {
		ended = waitpid(command, NULL, WNOHANG);
		if (ended)
			return;
		usleep(POLL_STEP_US);
	} while (now_ms() < deadline_ms);
	kill(command, SIGTERM);
	waitpid(command, NULL, 0);
}

static void link_free(struct link *link)
{
	if (!link)
		return;
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (link->connections[i].phase != PHASE_FREE)
			drop(&link->connections[i]);
	if (link->command)
		end_command(link->command);
	if (link->listen_fd >= 0) {
		unlink(link->socket_path);
		close(link->listen_fd);
	}
	if (link->wake_fd >= 0)
		close(link->wake_fd);
	if (link->spool_fd >= 0)
		close(link->spool_fd);
	pthread_mutex_destroy(&link->lock);
	free(link->socket_path);
	free(link->spool_path);
	free(link->buffer);
	free(link);
}

static struct link *link_alloc(const struct link_options *options)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	pthread_mutex_init(&link->lock, NULL);
	link->listen_fd = -1;
	link->spool_fd = -1;
	link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	link->socket_path = options->socket_path ? strdup(options->socket_path) : NULL;
	link->spool_path = strdup(options->spool_path);
	link->max_bytes = options->max_bytes ? options->max_bytes : LINK_DEFAULT_MAX_BYTES;
	link->buffer = malloc(BUFFER_BYTES);
	if (link->wake_fd < 0 || (options->socket_path && !link->socket_path) ||
	    !link->spool_path || !link->buffer) {
		link_free(link);
		return NULL;
	}
	return link;
}

static int open_line(struct link *link, const struct link_options *options)
{
	int error = link->socket_path ? listen_on(link->socket_path, &link->listen_fd)
				      : start_command(link, options->command);

	return error ? error : -pthread_create(&link->thread, NULL, serve, link);
}

int link_open(const struct link_options *options, struct link **ret, char **ret_message)
{
	struct link *link = link_alloc(options);
	int error = link ? open_line(link, options) : -ENOMEM;

	if (error && options->socket_path)
		message(ret_message, error, "cannot listen on %s: %s", options->socket_path);
	else if (error)
		message(ret_message, error, "cannot run '%s': %s", options->command);
	if (error)
		link_free(link);
	else
		*ret = link;
	return error;
}

bool link_wait_ready(struct link *link, int timeout_ms)
{
	int64_t deadline_ms = now_ms() + timeout_ms;
	struct link_state state;

	do {
		link_get_state(link, &state);
		if (state.ready || *state.error || *state.agent_error || state.ended)
			return state.ready;
		usleep(POLL_STEP_US);
	} while (now_ms() < deadline_ms);
	return false;
}

void link_get_state(struct link *link, struct link_state *ret)
{
	pthread_mutex_lock(&link->lock);
	*ret = link->state;
	pthread_mutex_unlock(&link->lock);
}

/* Has the thread look at what is wanted of it. */
static void wake(struct link *link)
{
	static const uint64_t one = 1;

	while (write(link->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void link_snapshot(struct link *link)
{
	pthread_mutex_lock(&link->lock);
	link->wants_snapshot = true;
	pthread_mutex_unlock(&link->lock);
	wake(link);
}

void link_close(struct link *link, int timeout_ms, struct link_state *ret)
{
	if (!link)
		return;
	pthread_mutex_lock(&link->lock);
	link->closing = true;
	link->closed_ms = now_ms();
	link->deadline_ms = timeout_ms < 0 ? -1 : link->closed_ms + timeout_ms;
	pthread_mutex_unlock(&link->lock);
	wake(link);
	pthread_join(link->thread, NULL);
	if (ret)
		link_get_state(link, ret);
	link_free(link);
}

static const char *behind_scheme(const char *endpoint, const char *scheme)
{
	size_t length = strlen(scheme);

	return strncmp(endpoint, scheme, length) || !endpoint[length] ? NULL : endpoint + length;
}

const char *link_endpoint_path(const char *endpoint)
{
	return behind_scheme(endpoint, "unix:");
}

const char *link_endpoint_command(const char *endpoint)
{
	return behind_scheme(endpoint, "exec:");
}
