/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The recorder's end of the line to a guest, spoken to by good and bad agents
 * over a real socket.
 */
#include "../../tracer/capture_check.h"
#include "../../tracer/link.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[64];
static char socket_path[96];
static char spool_path[96];
static struct link *line;

static void open_line_limited(uint64_t max_bytes)
{
	struct link_options options = {
		.socket_path = socket_path, .spool_path = spool_path, .max_bytes = max_bytes};
	char *message = NULL;

	cr_assert_eq(link_open(&options, &line, &message), 0, "%s", message);
}

static void setup(void)
{
	strcpy(directory, "/tmp/test_link.XXXXXX");
	cr_assert(mkdtemp(directory));
	snprintf(socket_path, sizeof(socket_path), "%s/s", directory);
	snprintf(spool_path, sizeof(spool_path), "%s/spool", directory);
	open_line_limited(0);
}

static void teardown(void)
{
	link_close(line, 0, NULL);
	line = NULL;
	cr_assert_neq(access(socket_path, F_OK), 0, "the socket is left behind");
	unlink(spool_path);
	rmdir(directory);
}

TestSuite(link, .init = setup, .fini = teardown, .timeout = 60);

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, socket_path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const void *bytes, size_t size)
{
	cr_assert_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void expect_reply(int fd, enum link_verdict verdict)
{
	struct link_reply reply = {.verdict = 0};

	cr_assert_eq(recv(fd, &reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
	cr_assert_eq(memcmp(reply.magic, LINK_MAGIC, sizeof(reply.magic)), 0);
	cr_assert_eq(reply.version, CAPTURE_VERSION);
	cr_assert_eq(reply.verdict, verdict, "verdict %u", reply.verdict);
}

static struct capture_file_header good_hello(void)
{
	struct capture_file_header hello = {.version = CAPTURE_VERSION,
					    .side = CAPTURE_SIDE_GUEST,
					    .monotonic_ns = 1,
					    .realtime_ns = 2};

	memcpy(hello.magic, CAPTURE_MAGIC, sizeof(hello.magic));
	return hello;
}

static int dial_agent(void)
{
	struct capture_file_header hello = good_hello();
	int fd = dial();

	say(fd, &hello, sizeof(hello));
	expect_reply(fd, LINK_ACCEPTED);
	return fd;
}

static struct capture_op good_op(uint64_t id)
{
	return (struct capture_op){
		.h = {.kind = CAPTURE_OP, .size = sizeof(struct capture_op), .id = id},
		.hop = 300,
		.comm = "dd",
	};
}

static const struct capture_header end = {.kind = CAPTURE_END, .size = sizeof(end)};

static struct link_state close_line(int timeout_ms)
{
	struct link_state state;

	link_close(line, timeout_ms, &state);
	line = NULL;
	return state;
}

static size_t spool_size(void)
{
	struct stat status;

	return stat(spool_path, &status) ? 0 : (size_t)status.st_size;
}

Test(link, takes_a_whole_recording)
{
	int fd = dial_agent();
	struct capture_op ops[3] = {good_op(1), good_op(2), good_op(3)};
	struct capture_op read_back;
	struct link_state state;

	say(fd, ops, sizeof(ops));
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	state = close_line(0);
	cr_assert(state.agent);
	cr_assert(state.ended);
	cr_assert_eq(state.records, 4);
	cr_assert_str_eq(state.error, "");
	cr_assert_eq(spool_size(), sizeof(struct capture_file_header) + sizeof(ops) + sizeof(end));

	int spool = open(spool_path, O_RDONLY | O_CLOEXEC);

	cr_assert_eq(pread(spool, &read_back, sizeof(read_back),
			   sizeof(struct capture_file_header) + 2 * sizeof(ops[0])),
		     sizeof(read_back));
	cr_assert_eq(memcmp(&read_back, &ops[2], sizeof(read_back)), 0);
	close(spool);
}

Test(link, takes_records_byte_by_byte)
{
	struct capture_op op = good_op(1);
	struct capture_file_header hello = good_hello();
	int fd = dial();

	for (size_t i = 0; i < sizeof(hello); i++)
		say(fd, (char *)&hello + i, 1);
	expect_reply(fd, LINK_ACCEPTED);
	for (size_t i = 0; i < sizeof(op); i++)
		say(fd, (char *)&op + i, 1);
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	cr_assert_eq(close_line(0).records, 2);
}

Test(link, takes_many_large_records)
{
	enum { chunks = 100 };
	struct capture_data *data = calloc(1, sizeof(*data) + CAPTURE_CHUNK_MAX);
	int fd = dial_agent();

	data->h = (struct capture_header){
		.kind = CAPTURE_DATA, .size = sizeof(*data) + CAPTURE_CHUNK_MAX, .id = 7};
	data->total = CAPTURE_CHUNK_MAX;
	data->length = CAPTURE_CHUNK_MAX;
	for (int i = 0; i < chunks; i++)
		say(fd, data, data->h.size);
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	cr_assert_eq(close_line(0).records, chunks + 1);
	cr_assert_eq(spool_size(), sizeof(struct capture_file_header) +
					   chunks * (size_t)data->h.size + sizeof(end));
	free(data);
}

Test(link, nobody_came)
{
	struct link_state state = close_line(-1);

	cr_assert_not(state.agent);
	cr_assert_not(state.ended);
	cr_assert_str_eq(state.error, "");
	cr_assert_neq(access(spool_path, F_OK), 0, "a spool file without an agent");
}

Test(link, refuses_garbage_and_listens_on)
{
	char garbage[64];
	struct link_state state;
	int fd = dial();

	memset(garbage, 'x', sizeof(garbage));
	say(fd, garbage, sizeof(garbage));
	expect_reply(fd, LINK_REFUSED);
	close(dial_agent());
	close(fd);
	state = close_line(-1);
	cr_assert(state.agent);
	cr_assert(strstr(state.error, "not a recording"), "%s", state.error);
}

Test(link, refuses_another_version)
{
	struct capture_file_header hello = good_hello();
	struct link_state state;
	int fd = dial();

	hello.version = CAPTURE_VERSION + 1;
	say(fd, &hello, sizeof(hello));
	expect_reply(fd, LINK_REFUSED_VERSION);
	close(fd);
	state = close_line(-1);
	cr_assert_not(state.agent);
	cr_assert(strstr(state.error, "another version"), "%s", state.error);
}

Test(link, refuses_the_host_side)
{
	struct capture_file_header hello = good_hello();
	int fd = dial();

	hello.side = CAPTURE_SIDE_HOST;
	say(fd, &hello, sizeof(hello));
	expect_reply(fd, LINK_REFUSED);
	close(fd);
	cr_assert_not(close_line(-1).agent);
}

Test(link, refuses_a_second_agent)
{
	struct capture_file_header hello = good_hello();
	int first = dial_agent();
	int second = dial();

	hello.monotonic_ns++;
	say(second, &hello, sizeof(hello));
	expect_reply(second, LINK_REFUSED_BUSY);
	say(first, &end, sizeof(end));
	expect_reply(first, LINK_FINISHED);
	close(first);
	close(second);
	cr_assert(close_line(0).ended);
}

Test(link, a_line_that_is_cut_in_a_record)
{
	struct capture_op ops[2] = {good_op(1), good_op(2)};
	struct link_state state;
	int fd = dial_agent();

	say(fd, ops, sizeof(ops) - 8);
	close(fd);
	state = close_line(-1);
	cr_assert(state.agent);
	cr_assert_not(state.ended);
	cr_assert_eq(state.records, 1);
	cr_assert(strstr(state.error, "middle of a record"), "%s", state.error);
	cr_assert_eq(spool_size(), sizeof(struct capture_file_header) + sizeof(ops[0]),
		     "half a record is in the spool");
}

/* The agent of dial_agent() again; *ret: what the recorder says that it has. */
static int dial_again(struct link_position *ret)
{
	struct capture_file_header hello = good_hello();
	int fd = dial();

	say(fd, &hello, sizeof(hello));
	expect_reply(fd, LINK_RESUMED);
	cr_assert_eq(recv(fd, ret, sizeof(*ret), MSG_WAITALL), sizeof(*ret));
	return fd;
}

static void wait_for_records(uint64_t n)
{
	struct link_state state;

	do
		link_get_state(line, &state);
	while (state.records < n);
}

/* A record of the spool file: the first of that kind. */
static void find_in_spool(uint16_t kind, void *record, size_t size)
{
	static char bytes[4096];
	int spool = open(spool_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(spool, bytes, sizeof(bytes), sizeof(struct capture_file_header));

	close(spool);
	for (ssize_t at = 0; at < n; at += ((struct capture_header *)(bytes + at))->size) {
		cr_assert_null(capture_check_record((struct capture_header *)(bytes + at)));
		if (((struct capture_header *)(bytes + at))->kind != kind)
			continue;
		memcpy(record, bytes + at, size);
		return;
	}
	cr_assert_fail("no record of kind %u", (unsigned int)kind);
}

Test(link, an_agent_that_was_cut_comes_back)
{
	struct capture_op ops[3] = {good_op(1), good_op(2), good_op(3)};
	struct link_position position;
	union capture_meta_record note;
	struct link_state state;
	const char *key, *value;
	int fd = dial_agent();

	say(fd, ops, sizeof(ops[0]) + 8);
	close(fd);
	fd = dial_again(&position);
	cr_assert_eq(position.bytes, sizeof(ops[0]));
	cr_assert_eq(position.records, 1);
	for (size_t i = 0; i < sizeof(position); i++)
		say(fd, (char *)&position + i, 1);
	say(fd, &ops[1], 2 * sizeof(ops[1]));
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	find_in_spool(CAPTURE_META, &note, 40);
	capture_meta_text((struct capture_meta *)&note, &key, &value);
	cr_assert_str_eq(key, LINK_META_RESUMED);
	cr_assert_str_eq(value, "1");
	state = close_line(0);
	cr_assert(state.ended);
	cr_assert_eq(state.resumed, 1);
	cr_assert_eq(state.lost, 0);
	cr_assert_eq(state.records, 4, "something was taken twice, or not at all");
	cr_assert_str_empty(state.error);
	cr_assert_eq(spool_size(),
		     sizeof(struct capture_file_header) + sizeof(ops) + note.h.size + sizeof(end));
}

Test(link, an_agent_that_had_to_forget)
{
	struct capture_op op = good_op(6);
	struct link_position position;
	struct capture_loss loss;
	struct link_state state;
	int fd = dial_agent();

	say(fd, &op, sizeof(op));
	close(fd);
	for (int i = 1; i <= 2; i++) {
		fd = dial_again(&position);
		position.bytes += 2 * sizeof(op);
		position.records += 2;
		say(fd, &position, sizeof(position));
		say(fd, &op, sizeof(op));
		wait_for_records((uint64_t)i + 1);
		if (i == 1)
			close(fd);
	}
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	find_in_spool(CAPTURE_LOSS, &loss, sizeof(loss));
	cr_assert_eq(loss.reason, CAPTURE_LOSS_LINE_CUT);
	cr_assert_eq(loss.n, 2);
	state = close_line(0);
	cr_assert_eq(state.lost, 4);
	cr_assert_eq(state.records, 4);
	cr_assert_eq(state.resumed, 2);
}

Test(link, an_agent_that_comes_back_where_it_cannot_be)
{
	static const struct link_position wrong[] = {
		{-8, 0}, {0, -1}, {8, 1}, {160, 11}, {160, 0}, {0, 1}, {UINT64_MAX, UINT64_MAX}};
	struct capture_op op = good_op(1);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct link_position position;
		struct link_state state;
		int fd = dial_agent();

		say(fd, &op, sizeof(op));
		close(fd);
		fd = dial_again(&position);
		position.bytes += wrong[i].bytes;
		position.records += wrong[i].records;
		say(fd, &position, sizeof(position));
		expect_reply(fd, LINK_REFUSED);
		close(fd);
		state = close_line(0);
		cr_assert(strstr(state.error, "came back wrong"), "%zu: %s", i, state.error);
		cr_assert_eq(state.lost, 0);
		open_line_limited(0);
	}
}

/* As over a line that one end only knows to be cut. */
Test(link, an_agent_that_is_back_before_it_was_gone)
{
	struct capture_op op = good_op(1);
	struct link_position position;
	struct link_state state;
	int first = dial_agent(), second;

	say(first, &op, sizeof(op) - 8);
	second = dial_again(&position);
	cr_assert_eq(position.bytes, 0);
	say(second, &position, sizeof(position));
	say(second, &op, sizeof(op));
	say(second, &end, sizeof(end));
	expect_reply(second, LINK_FINISHED);
	close(first);
	close(second);
	state = close_line(0);
	cr_assert(state.ended);
	cr_assert_eq(state.records, 2);
}

Test(link, nobody_else_comes_instead)
{
	struct capture_file_header hello = good_hello();
	struct link_position position;
	struct link_state state;
	int fd, others[2];

	close(dial_agent());
	for (int i = 0; i < 2; i++) {
		others[i] = dial();
		hello.realtime_ns++;
		hello.version = CAPTURE_VERSION + i;
		say(others[i], &hello, sizeof(hello));
		expect_reply(others[i], i ? LINK_REFUSED_VERSION : LINK_REFUSED_BUSY);
	}
	fd = dial_again(&position);
	say(fd, &position, sizeof(position));
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	for (int i = 0; i < 2; i++)
		close(others[i]);
	close(fd);
	state = close_line(0);
	cr_assert(state.ended);
	cr_assert(strstr(state.error, "another version"), "%s", state.error);
}

Test(link, the_last_word_is_said_again)
{
	struct capture_file_header hello = good_hello();
	int fd = dial_agent();

	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	fd = dial();
	say(fd, &hello, sizeof(hello));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	cr_assert_eq(close_line(0).records, 1);
}

Test(link, asks_for_calls_in_flight)
{
	int fd = dial_agent();

	link_snapshot(line);
	expect_reply(fd, LINK_SNAPSHOT);
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	link_snapshot(line);
	cr_assert(close_line(-1).ended);
}

Test(link, an_agent_that_does_not_end)
{
	struct link_state state;
	int fd = dial_agent();

	state = close_line(100);
	cr_assert(state.agent);
	cr_assert_not(state.ended);
	cr_assert(strstr(state.error, "did not finish"), "%s", state.error);
	close(fd);
}

Test(link, what_was_sent_before_the_close_is_taken)
{
	struct capture_file_header hello = good_hello();
	int fd = dial();

	say(fd, &hello, sizeof(hello));
	say(fd, &end, sizeof(end));
	close(fd);
	cr_assert(close_line(-1).ended);
}

Test(link, silent_connections_do_not_keep_an_agent_out)
{
	int silent[20];

	for (size_t i = 0; i < 20; i++)
		silent[i] = dial();
	int fd = dial_agent();

	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	for (size_t i = 0; i < 20; i++)
		close(silent[i]);
	cr_assert(close_line(-1).ended);
}

Test(link, passes_on_what_the_agent_failed_on)
{
	struct {
		struct capture_header h;
		char text[48];
	} meta = {.h = {.kind = CAPTURE_META, .size = sizeof(meta)},
		  .text = LINK_META_ERROR "\0no \033[31mkprobes"};
	struct link_state state;
	int fd = dial_agent();

	say(fd, &meta, sizeof(meta));
	say(fd, &end, sizeof(end));
	expect_reply(fd, LINK_FINISHED);
	close(fd);
	state = close_line(-1);
	cr_assert_str_eq(state.agent_error, "no ?[31mkprobes");
}

Test(link, a_flood_ends_at_the_limit)
{
	struct capture_op op = good_op(1);
	struct link_state state;
	int fd;

	link_close(line, 0, NULL);
	open_line_limited(4096);
	fd = dial_agent();
	for (int i = 0; i < 100; i++)
		if (send(fd, &op, sizeof(op), MSG_NOSIGNAL) < 0)
			break;
	expect_reply(fd, LINK_REFUSED_FULL);
	close(fd);
	state = close_line(-1);
	cr_assert(state.agent);
	cr_assert_not(state.ended);
	cr_assert(strstr(state.error, "too much"), "%s", state.error);
	cr_assert_leq(spool_size(), 4096);
}

Test(link, a_spool_that_cannot_be_written)
{
	struct capture_file_header hello = good_hello();
	struct link_state state;
	int fd = dial();

	cr_assert_eq(mkdir(spool_path, 0700), 0);
	say(fd, &hello, sizeof(hello));
	expect_reply(fd, LINK_REFUSED_FULL);
	close(fd);
	state = close_line(-1);
	cr_assert_not(state.agent);
	cr_assert(strstr(state.error, "cannot write"), "%s", state.error);
	rmdir(spool_path);
}

Test(link, a_socket_left_behind_is_taken_over)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	link_close(line, 0, NULL);
	strcpy(address.sun_path, socket_path);
	cr_assert_eq(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
	close(stale);
	open_line_limited(0);
	close(dial_agent());
}

Test(link, a_path_in_use_is_refused)
{
	struct link_options options = {.socket_path = socket_path, .spool_path = spool_path};
	struct link *second = NULL;
	char *message = NULL;

	cr_assert_eq(link_open(&options, &second, &message), -EADDRINUSE);
	cr_assert_null(second);
	cr_assert(strstr(message, socket_path), "%s", message);
	free(message);
	close(dial_agent());
}

Test(link, a_file_in_the_way_stays)
{
	struct link_options options = {.socket_path = spool_path, .spool_path = spool_path};
	struct link *second = NULL;
	char *message = NULL;
	int fd = open(spool_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	cr_assert_eq(link_open(&options, &second, &message), -EADDRINUSE);
	free(message);
	cr_assert_eq(access(spool_path, F_OK), 0);
}

Test(link, endpoints)
{
	cr_assert_str_eq(link_endpoint_path("unix:/run/x"), "/run/x");
	cr_assert_null(link_endpoint_path("unix:"));
	cr_assert_null(link_endpoint_path("/run/x"));
	cr_assert_null(link_endpoint_path("tcp:1"));
}

/* Has the line run COMMAND; in it $D is the directory, with the files hello, op and end. */
static void open_command(const char *command)
{
	struct link_options options = {.command = command, .spool_path = spool_path};
	struct capture_file_header hello = good_hello();
	struct capture_op op = good_op(1);
	const struct {
		const char *name;
		const void *bytes;
		size_t size;
	} files[] = {{"hello", &hello, sizeof(hello)}, {"op", &op, sizeof(op)}, {"end", &end, 16}};
	char *message = NULL;

	link_close(line, 0, NULL);
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
		file = fopen(path, "w");
		cr_assert_eq(fwrite(files[i].bytes, files[i].size, 1, file), 1u);
		fclose(file);
	}
	setenv("D", directory, 1);
	cr_assert_eq(link_open(&options, &line, &message), 0, "%s", message);
}

static void remove_files(void)
{
	cr_assert_eq(system("exec rm -f $D/hello $D/op $D/end"), 0);
}

Test(link, a_command_is_asked_to_end)
{
	struct link_state state;

	open_command("cat $D/hello; head -c 16 >/dev/null; cat $D/op; cat >/dev/null; cat $D/end");
	do
		link_get_state(line, &state);
	while (!state.records && !*state.error);
	state = close_line(20000);
	cr_assert_str_empty(state.error);
	cr_assert(state.agent);
	cr_assert(state.ended);
	cr_assert_eq(state.records, 2);
	remove_files();
}

Test(link, a_command_that_is_no_agent)
{
	struct link_state state;

	open_command("echo 'Permission denied (publickey), and more of such words'");
	cr_assert_not(link_wait_ready(line, 20000));
	state = close_line(0);
	cr_assert_not(state.agent);
	cr_assert(strstr(state.error, "not a recording"), "%s", state.error);
	open_command("exit 1");
	cr_assert_not(link_wait_ready(line, 20000));
	state = close_line(0);
	cr_assert(strstr(state.error, "ended before"), "%s", state.error);
	remove_files();
}

Test(link, a_command_that_does_not_end)
{
	struct link_state state;

	open_command("cat $D/hello; trap '' PIPE; exec sleep 1000");
	do
		link_get_state(line, &state);
	while (!state.agent);
	state = close_line(100);
	cr_assert_not(state.ended);
	cr_assert(strstr(state.error, "did not finish"), "%s", state.error);
	remove_files();
}

Test(link, a_command_says_that_it_is_attached)
{
	union {
		struct capture_header h;
		char bytes[40];
	} ready = {.h = {.kind = CAPTURE_META, .size = sizeof(ready)}};
	char path[128];
	FILE *file;

	memcpy(ready.bytes + 16, "guest.hops\0a b", 14);
	snprintf(path, sizeof(path), "%s/ready", directory);
	file = fopen(path, "w");
	cr_assert_eq(fwrite(&ready, sizeof(ready), 1, file), 1u);
	fclose(file);
	open_command("cat $D/hello $D/ready; cat >/dev/null; cat $D/end");
	cr_assert(link_wait_ready(line, 20000));
	cr_assert(close_line(20000).ended);
	unlink(path);
	remove_files();
}

Test(link, endpoints_with_commands)
{
	cr_assert_str_eq(link_endpoint_command("exec:ssh vm sftrace agent --stdio"),
			 "ssh vm sftrace agent --stdio");
	cr_assert_null(link_endpoint_command("exec:"));
	cr_assert_null(link_endpoint_command("unix:x"));
	cr_assert_null(link_endpoint_path("exec:x"));
}
