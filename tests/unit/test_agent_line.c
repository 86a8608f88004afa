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

/* A recorder made by hand: listens; the line is opened to it. */
static int open_by_hand(size_t room)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	strcpy(address.sun_path, socket_path);
	cr_assert_eq(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(server, 1), 0);
	cr_assert_eq(agent_line_open(AGENT_LINE_SOCKET, socket_path, room, &line, &message), 0,
		     "%s", message);
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	close(server);
	return fd;
}

/* Replies may be there before they are asked for. */
static void reply(int fd, uint32_t verdict)
{
	struct link_reply answer = {.version = CAPTURE_VERSION, .verdict = verdict};

	memcpy(answer.magic, LINK_MAGIC, sizeof(answer.magic));
	cr_assert_eq(send(fd, &answer, sizeof(answer), 0), sizeof(answer));
}

static int open_accepted(size_t room)
{
	int fd = open_by_hand(room);
	struct capture_file_header header;

	reply(fd, LINK_ACCEPTED);
	cr_assert_eq(agent_line_begin(line, PATIENCE_MS, &message), 0, "%s", message);
	cr_assert_eq(recv(fd, &header, sizeof(header), MSG_WAITALL), sizeof(header));
	cr_assert_null(capture_check_file_header(&header, CAPTURE_SIDE_GUEST));
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

Test(agent_line, a_recorder_that_goes_away)
{
	int fd = open_accepted(ROOM);

	close(fd);
	agent_line_put(line, &op.h);
	cr_assert_eq(agent_line_ship(line, &message), -EPIPE);
	expect_message("cut");
	agent_line_put(line, &op.h);
	cr_assert_eq(agent_line_ship(line, NULL), -EPIPE, "only the first time with a message");
	cr_assert_eq(agent_line_finish(line, PATIENCE_MS, NULL), -EPIPE);
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
