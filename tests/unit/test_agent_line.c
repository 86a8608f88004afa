/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's end of the line: with the recorder's real end, and with
 * recorders that refuse, babble, fall silent, go away or stop reading.
 */
#include "../../tracer/agent_line.h"
#include "../../tracer/capture_check.h"
#include "../../tracer/link.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM (1u << 20)
#define PATIENCE_MS 30000

static char directory[64];
static char socket_path[96];
static char spool_path[96];
static struct agent_line *line;
static char *message;

static void setup(void)
{
	strcpy(directory, "/tmp/test_agent.XXXXXX");
	cr_assert(mkdtemp(directory));
	snprintf(socket_path, sizeof(socket_path), "%s/s", directory);
	snprintf(spool_path, sizeof(spool_path), "%s/spool", directory);
}

static void teardown(void)
{
	agent_line_close(line);
	free(message);
	unlink(socket_path);
	unlink(spool_path);
	rmdir(directory);
}

TestSuite(agent_line, .init = setup, .fini = teardown, .timeout = 120);

static const struct capture_op op = {
	.h = {.kind = CAPTURE_OP, .size = sizeof(op), .id = 1},
	.hop = 300,
	.comm = "dd",
};

static int server = -1;

/* A recorder made by hand: listens; the line is opened to it. */
static int open_by_hand(size_t room)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, socket_path);
	cr_assert_eq(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(server, 1), 0);
	cr_assert_eq(agent_line_open(AGENT_LINE_SOCKET, socket_path, room, &line, &message), 0,
		     "%s", message);
	return accept4(server, NULL, NULL, SOCK_CLOEXEC);
}

/* Nobody listens any more. */
static void go_away(void)
{
	close(server);
	unlink(socket_path);
}

/* Replies may be there before they are asked for. */
static void reply(int fd, uint32_t verdict)
{
	struct link_reply answer = {.version = CAPTURE_VERSION, .verdict = verdict};

	memcpy(answer.magic, LINK_MAGIC, sizeof(answer.magic));
	cr_assert_eq(send(fd, &answer, sizeof(answer), 0), sizeof(answer));
}

static struct capture_file_header read_header(int fd)
{
	struct capture_file_header header;

	cr_assert_eq(recv(fd, &header, sizeof(header), MSG_WAITALL), sizeof(header));
	cr_assert_null(capture_check_file_header(&header, CAPTURE_SIDE_GUEST));
	return header;
}

static struct capture_file_header greeting;

static int open_accepted(size_t room)
{
	int fd = open_by_hand(room);

	reply(fd, LINK_ACCEPTED);
	cr_assert_eq(agent_line_begin(line, PATIENCE_MS, &message), 0, "%s", message);
	greeting = read_header(fd);
	return fd;
}

static void expect_message(const char *part)
{
	cr_assert_not_null(message);
	cr_assert(strstr(message, part), "'%s' is not in '%s'", part, message);
}

Test(agent_line, a_whole_recording)
{
	struct link_options options = {.socket_path = socket_path, .spool_path = spool_path};
	struct link_state state;
	struct link *recorder;

	cr_assert_eq(link_open(&options, &recorder, &message), 0, "%s", message);
	cr_assert_eq(agent_line_open(AGENT_LINE_SOCKET, socket_path, ROOM, &line, &message), 0);
	cr_assert_eq(agent_line_begin(line, PATIENCE_MS, &message), 0, "%s", message);
	agent_line_put_meta(line, LINK_META_ERROR, "none");
	for (int i = 0; i < 1000; i++)
		agent_line_put(line, &op.h);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	agent_line_put(line, &op.h);
	cr_assert_eq(agent_line_finish(line, PATIENCE_MS, &message), 0, "%s", message);
	link_close(recorder, 0, &state);
	cr_assert(state.ended);
	cr_assert_eq(state.records, 1 + 1001 + 1);
	cr_assert_str_eq(state.agent_error, "none");
}

Test(agent_line, nothing_is_sent_before_it_is_shipped)
{
	int fd = open_accepted(ROOM);
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	agent_line_put(line, &op.h);
	cr_assert_eq(agent_line_waiting(line), sizeof(op));
	cr_assert_eq(agent_line_room(line), ROOM - sizeof(op));
	cr_assert_eq(poll(&readable, 1, 0), 0);
	cr_assert_eq(agent_line_ship(line, &message), 0);
	cr_assert_eq(agent_line_waiting(line), 0);
	cr_assert_eq(poll(&readable, 1, PATIENCE_MS), 1);
	close(fd);
}

Test(agent_line, no_such_port)
{
	cr_assert_eq(agent_line_open(AGENT_LINE_PORT, "/nonexistent/port", ROOM, &line, &message),
		     -ENOENT);
	expect_message("/nonexistent/port");
	expect_message("virtio-serial");
	cr_assert_null(line);
}

Test(agent_line, nobody_listens)
{
	cr_assert_eq(agent_line_open(AGENT_LINE_SOCKET, socket_path, ROOM, &line, &message),
		     -ENOENT);
	expect_message("--guest unix:");
}

Test(agent_line, refused_because_of_the_version)
{
	int fd = open_by_hand(ROOM);

	reply(fd, LINK_REFUSED_VERSION);
	cr_assert_eq(agent_line_begin(line, PATIENCE_MS, &message), -ECONNREFUSED);
	expect_message("another version");
	close(fd);
}

Test(agent_line, an_answer_that_is_none)
{
	int fd = open_by_hand(ROOM);

	cr_assert_eq(send(fd, "HTTP/1.1 400 Bad Request", 24, 0), 24);
	cr_assert_eq(agent_line_begin(line, PATIENCE_MS, &message), -ECONNREFUSED);
	expect_message("not understood");
	close(fd);
}

Test(agent_line, a_verdict_from_the_future)
{
	int fd = open_by_hand(ROOM);

	reply(fd, 12345);
	cr_assert_eq(agent_line_begin(line, PATIENCE_MS, &message), -ECONNREFUSED);
	expect_message("not understood");
	close(fd);
}

Test(agent_line, a_silent_recorder)
{
	int fd = open_by_hand(ROOM);

	cr_assert_eq(agent_line_begin(line, 100, &message), -ETIMEDOUT);
	expect_message("no answer");
	close(fd);
}

Test(agent_line, half_an_answer_is_none)
{
	int fd = open_by_hand(ROOM);

	cr_assert_eq(send(fd, LINK_MAGIC, 8, 0), 8);
	cr_assert_eq(agent_line_begin(line, 100, &message), -ETIMEDOUT);
	close(fd);
}

/* Ships until the line is made again; it says who it is, as before. */
static int come_back(void)
{
	struct pollfd dialled = {.fd = server, .events = POLLIN};
	struct capture_file_header header;
	int fd;

	while (!poll(&dialled, 1, 10))
		cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	header = read_header(fd);
	cr_assert_eq(memcmp(&header, &greeting, sizeof(header)), 0, "it is somebody else");
	return fd;
}

static void reply_resumed(int fd, uint64_t bytes, uint64_t records)
{
	const struct link_position position = {bytes, records};

	reply(fd, LINK_RESUMED);
	cr_assert_eq(send(fd, &position, sizeof(position), 0), sizeof(position));
}

static struct link_position read_position(int fd)
{
	struct link_position position;

	cr_assert_eq(recv(fd, &position, sizeof(position), MSG_WAITALL), sizeof(position));
	return position;
}

static void put_op(uint64_t id)
{
	struct capture_op numbered = op;

	numbered.h.id = id;
	agent_line_put(line, &numbered.h);
}

static uint64_t read_op(int fd)
{
	struct capture_op got;

	cr_assert_eq(recv(fd, &got, sizeof(got), MSG_WAITALL), sizeof(got));
	cr_assert_eq(got.h.kind, CAPTURE_OP);
	cr_assert_eq(got.h.size, sizeof(got));
	return got.h.id;
}

/* The line is cut; what the recorder had got by then are 1.5 records of 3. */
static int cut_in_the_middle(void)
{
	char half[sizeof(op) / 2];
	int fd = open_accepted(ROOM);

	for (int i = 1; i <= 3; i++)
		put_op(i);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	cr_assert_eq(read_op(fd), 1);
	cr_assert_eq(recv(fd, half, sizeof(half), MSG_WAITALL), sizeof(half));
	close(fd);
	cr_assert_eq(agent_line_ship(line, &message), 0);
	expect_message("cut");
	put_op(4);
	return come_back();
}

static void finish_with_reader(int fd, uint64_t dropped);

Test(agent_line, goes_on_where_the_recorder_got_to)
{
	struct link_position position;
	int fd = cut_in_the_middle();

	reply_resumed(fd, sizeof(op), 1);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	expect_message("back, 0 records are lost");
	position = read_position(fd);
	cr_assert_eq(position.bytes, sizeof(op));
	cr_assert_eq(position.records, 1);
	for (uint64_t i = 2; i <= 4; i++)
		cr_assert_eq(read_op(fd), i, "lost, or sent twice");
	finish_with_reader(fd, 0);
	close(server);
}

Test(agent_line, another_recorder_gets_whole_records_and_the_notes)
{
	union capture_meta_record note, got;
	int fd;

	fd = open_accepted(ROOM);
	agent_line_put_meta(line, "key", "value");
	put_op(1);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	close(fd);
	put_op(2);
	fd = come_back();
	reply(fd, LINK_ACCEPTED);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	expect_message("another recorder");
	cr_assert_eq(read_op(fd), 2, "it gets what the first one was sent");
	capture_meta_make("key", "value", &note);
	cr_assert_eq(recv(fd, &got, note.h.size, MSG_WAITALL), (ssize_t)note.h.size);
	cr_assert_eq(memcmp(&got, &note, note.h.size), 0);
	/* It counts from its own beginning. */
	close(fd);
	put_op(3);
	fd = come_back();
	reply_resumed(fd, sizeof(op) + note.h.size, 2);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	cr_assert_eq(read_position(fd).records, 2);
	cr_assert_eq(read_op(fd), 3);
	finish_with_reader(fd, 0);
	close(server);
}

Test(agent_line, what_was_sent_long_ago_is_forgotten)
{
	enum { sent = 200000 }; /* more than is kept */
	struct link_position position;
	int fd = open_accepted(ROOM);

	for (uint64_t i = 1; i <= sent; i++) {
		put_op(i);
		cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
		cr_assert_eq(read_op(fd), i);
	}
	close(fd);
	fd = come_back();
	reply_resumed(fd, sizeof(op), 1);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	expect_message("records are lost");
	position = read_position(fd);
	cr_assert_gt(position.records, 1);
	cr_assert_gt(position.records, sent - ((8u << 20) + ROOM) / sizeof(op));
	cr_assert_eq(position.bytes, position.records * sizeof(op));
	for (uint64_t i = position.records + 1; i <= sent; i++) {
		cr_assert_eq(read_op(fd), i);
		cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	}
	finish_with_reader(fd, 0);
	close(server);
}

Test(agent_line, a_recorder_that_has_what_was_never_sent)
{
	static const struct link_position wrong[] = {{4 * sizeof(op) + 8, 5}, {8, 1}, {-8, 0}};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int fd = cut_in_the_middle();

		reply_resumed(fd, wrong[i].bytes, wrong[i].records);
		cr_assert_eq(agent_line_ship(line, &message), -ECONNREFUSED);
		close(fd);
		agent_line_close(line);
		line = NULL;
		go_away();
	}
}

Test(agent_line, refused_when_it_comes_back)
{
	int fd = cut_in_the_middle();

	reply(fd, LINK_REFUSED_BUSY);
	cr_assert_eq(agent_line_ship(line, &message), -ECONNREFUSED);
	expect_message("another agent");
	close(fd);
	close(server);
}

Test(agent_line, a_recorder_that_goes_away)
{
	int fd = open_accepted(4096);

	go_away();
	close(fd);
	for (int i = 0; i < 100; i++) {
		agent_line_put(line, &op.h);
		cr_assert_eq(agent_line_ship(line, &message), 0, "recording ends");
	}
	cr_assert_lt(agent_line_room(line), sizeof(op), "more is held than may be");
	expect_message("cut");
	cr_assert_eq(agent_line_finish(line, 100, &message), -ETIMEDOUT);
	expect_message("did not come back");
	cr_assert_eq(agent_line_ship(line, NULL), -ETIMEDOUT, "only the first time with a message");
}

Test(agent_line, is_asked_for_calls_in_flight)
{
	int fd = open_accepted(ROOM);

	cr_assert_not(agent_line_wants_snapshot(line));
	reply(fd, LINK_SNAPSHOT);
	cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	cr_assert(agent_line_wants_snapshot(line));
	cr_assert_not(agent_line_wants_snapshot(line), "it asked once");
	finish_with_reader(fd, 0);
	close(server);
}

/* The recorder's real end, behind somebody who cuts the line after each 4000 bytes. */
static void relay(const char *from_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, from_path);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
		_exit(1);
	strcpy(address.sun_path, socket_path);
	for (;;) {
		int agent = accept4(listener, NULL, NULL, SOCK_CLOEXEC), n = 0, left = 4000;
		int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct pollfd fds[] = {{.fd = agent, .events = POLLIN},
				       {.fd = to, .events = POLLIN}};
		char bytes[1000];

		if (connect(to, (struct sockaddr *)&address, sizeof(address)))
			_exit(1);
		while (left > 0 && poll(fds, 2, -1) > 0) {
			int from = fds[0].revents ? 0 : 1;

			n = recv(fds[from].fd, bytes, sizeof(bytes), 0);
			if (n <= 0 || send(fds[!from].fd, bytes, n, MSG_NOSIGNAL) != n)
				break;
			left -= from ? 0 : n;
		}
		close(agent);
		close(to);
	}
}

Test(agent_line, a_line_that_is_cut_again_and_again)
{
	enum { ops = 300 };
	struct link_options options = {.socket_path = socket_path, .spool_path = spool_path};
	char cutter_path[128];
	struct link_state state;
	struct link *recorder;
	pid_t cutter;

	snprintf(cutter_path, sizeof(cutter_path), "%s/cutter", directory);
	cr_assert_eq(link_open(&options, &recorder, &message), 0, "%s", message);
	cutter = fork();
	if (!cutter)
		relay(cutter_path);
	while (agent_line_open(AGENT_LINE_SOCKET, cutter_path, ROOM, &line, &message))
		usleep(1000);
	cr_assert_eq(agent_line_begin(line, PATIENCE_MS, &message), 0, "%s", message);
	for (uint64_t i = 1; i <= ops; i++) {
		put_op(i);
		cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	}
	cr_assert_eq(agent_line_finish(line, PATIENCE_MS, &message), 0, "%s", message);
	kill(cutter, SIGKILL);
	waitpid(cutter, NULL, 0);
	unlink(cutter_path);
	link_close(recorder, 0, &state);
	cr_assert(state.ended);
	cr_assert_str_empty(state.error);
	cr_assert_geq(state.resumed, ops * sizeof(op) / 4000 - 1);
	cr_assert_eq(state.records, ops + 1, "%llu records", (unsigned long long)state.records);
	cr_assert_eq(state.lost, 0);
}

Test(agent_line, refused_in_the_middle)
{
	int fd = open_accepted(ROOM);

	reply(fd, LINK_REFUSED_FULL);
	agent_line_put(line, &op.h);
	cr_assert_eq(agent_line_ship(line, &message), -ECONNREFUSED);
	expect_message("cannot store more");
	close(fd);
}

/* Reads whole records up to the end; gives how many were dropped according to them. */
static uint64_t read_dropped(int fd)
{
	char bytes[CAPTURE_RECORD_MAX];
	const struct capture_header *header = (const void *)bytes;
	uint64_t dropped = 0;

	do {
		cr_assert_eq(recv(fd, bytes, sizeof(*header), MSG_WAITALL), sizeof(*header));
		cr_assert_null(capture_check_size(header));
		if (header->size > sizeof(*header))
			recv(fd, bytes + sizeof(*header), header->size - sizeof(*header),
			     MSG_WAITALL);
		cr_assert_null(capture_check_record(header));
		if (header->kind == CAPTURE_LOSS)
			dropped += ((const struct capture_loss *)bytes)->n;
	} while (header->kind != CAPTURE_END);
	return dropped;
}

/* A process that reads everything, confirms it, and succeeds if DROPPED were said to be. */
static pid_t start_reader(int fd, uint64_t dropped)
{
	pid_t reader = fork();

	if (!reader) {
		uint64_t said = read_dropped(fd);

		reply(fd, LINK_FINISHED);
		_exit(said == dropped ? 0 : 1);
	}
	return reader;
}

static void finish_with_reader(int fd, uint64_t dropped)
{
	pid_t reader = start_reader(fd, dropped);
	int status;

	cr_assert_eq(agent_line_finish(line, PATIENCE_MS, &message), 0, "%s", message);
	cr_assert_eq(waitpid(reader, &status, 0), reader);
	cr_assert_eq(status, 0, "the number of dropped records is wrong");
	close(fd);
}

/* The socket's own buffer fills, then ours. */
static void fill(void)
{
	for (int i = 0; agent_line_room(line) >= sizeof(op); i++) {
		cr_assert_lt(i, 1000000, "there is always room: shipping waits");
		agent_line_put(line, &op.h);
		cr_assert_eq(agent_line_ship(line, &message), 0, "%s", message);
	}
}

Test(agent_line, a_recorder_that_does_not_read)
{
	int fd = open_accepted(4096);

	fill();
	cr_assert_eq(agent_line_finish(line, 100, &message), -ETIMEDOUT);
	expect_message("does not read");
	close(fd);
}

Test(agent_line, what_finds_no_room_is_counted)
{
	int fd = open_accepted(4096);

	fill();
	for (int i = 0; i < 5; i++)
		agent_line_put(line, &op.h);
	finish_with_reader(fd, 5);
}

Test(agent_line, long_notes_are_cut)
{
	int fd = open_accepted(ROOM);
	char bytes[CAPTURE_META_MAX];
	const struct capture_header *header = (const void *)bytes;
	const char *key, *value;
	char *text = malloc(3 * CAPTURE_META_MAX);

	memset(text, 'x', 3 * CAPTURE_META_MAX);
	text[3 * CAPTURE_META_MAX - 1] = '\0';
	agent_line_put_meta(line, "key", text);
	cr_assert_eq(agent_line_ship(line, &message), 0);
	cr_assert_eq(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), sizeof(bytes));
	cr_assert_null(capture_check_record(header));
	capture_meta_text((const struct capture_meta *)bytes, &key, &value);
	cr_assert_str_eq(key, "key");
	cr_assert_eq(strspn(value, "x"), strlen(value));
	free(text);
	close(fd);
}

Test(agent_line, a_record_larger_than_all_room_is_counted)
{
	struct {
		struct capture_data data;
		char bytes[4096];
	} large = {.data.h = {.kind = CAPTURE_DATA, .size = sizeof(large)}};
	int fd = open_accepted(1024);

	agent_line_put(line, &large.data.h);
	cr_assert_eq(agent_line_waiting(line), 0);
	finish_with_reader(fd, 1);
}

Test(agent_line, a_file_instead_of_a_recorder)
{
	struct capture_file_header header;
	struct {
		struct capture_op op;
		struct capture_header end;
	} records;
	FILE *file;

	cr_assert_eq(agent_line_open(AGENT_LINE_FILE, spool_path, ROOM, &line, &message), 0);
	cr_assert_eq(agent_line_begin(line, 0, &message), 0, "%s", message);
	agent_line_put(line, &op.h);
	cr_assert_eq(agent_line_ship(line, &message), 0);
	cr_assert_eq(agent_line_finish(line, PATIENCE_MS, &message), 0, "%s", message);
	file = fopen(spool_path, "re");
	cr_assert_eq(fread(&header, sizeof(header), 1, file), 1);
	cr_assert_null(capture_check_file_header(&header, CAPTURE_SIDE_GUEST));
	cr_assert_eq(fread(&records, sizeof(records), 1, file), 1);
	cr_assert_eq(memcmp(&records.op, &op, sizeof(op)), 0);
	cr_assert_eq(records.end.kind, CAPTURE_END);
	cr_assert_eq(fgetc(file), EOF);
	fclose(file);
}

Test(agent_line, a_file_that_is_there_stays)
{
	fclose(fopen(spool_path, "we"));
	cr_assert_eq(agent_line_open(AGENT_LINE_FILE, spool_path, ROOM, &line, &message), -EEXIST);
	expect_message(spool_path);
}
