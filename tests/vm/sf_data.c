/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest's file system promises about the data of files, check by check, in each cache
 * mode. DIR is a mounted share, TWIN another mount of it: another party with caches of its own.
 * With SF_WRITEBACK set DIR is mounted with cache=writeback, so the other party does not write.
 * usage: sf_data DIR TWIN [CHECK ...]
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

#define TTL_US 1200000 /* longer than attributes are believed */

static bool writeback;

static int open_new(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	OK(fd >= 0);
	return fd;
}

static void *map_file(int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	OK(map != MAP_FAILED);
	return map;
}

static void check_append(void)
{
	char record[32];
	int fd[3], ends;
	char text[8192];

	for (int i = 0; i < 3; i++)
		fd[i] = open(i == 2 && !writeback ? other("log") : "log",
			     O_RDWR | O_CREAT | O_APPEND, 0644);
	for (int i = 0; i < 300; i++) {
		snprintf(record, sizeof(record), "record %03d\n", i);
		OK(write(fd[i % 3], record, 11) == 11);
	}
	usleep(TTL_US);
	OK(pread(fd[0], text, sizeof(text), 0) == 3300);
	for (int i = 0; i < 300; i++)
		OK(sscanf(text + 11 * i, "record %d\n", &ends) == 1 && ends == i);
	for (int i = 0; i < 3; i++)
		OK(!close(fd[i]));
}

/* What another party changes is seen at the next open, and by reads after a while. */
static void check_coherence(void)
{
	char text[8] = "";
	int fd;

	if (writeback)
		return;
	put("shared", "one");
	fd = open("shared", O_RDONLY);
	OK(pread(fd, text, 8, 0) == 3 && !memcmp(text, "one", 3));
	put(other("shared"), "two");
	OK(holds("shared", "two"));
	put(other("shared"), "six");
	usleep(TTL_US);
	OK(pread(fd, text, 8, 0) == 3 && !memcmp(text, "six", 3));
	put(other("shared"), "longer");
	usleep(TTL_US);
	OK(pread(fd, text, 8, 0) == 6 && !memcmp(text, "longer", 6));
	OK(lseek(fd, 0, SEEK_END) == 6 && !close(fd));
	/* both write at the same time, each another part */
	fd = open("shared", O_RDWR);
	put(other("shared"), "ABCDEF");
	OK(pwrite(fd, "xy", 2, 2) == 2 && holds(other("shared"), "ABxyEF"));
	usleep(TTL_US);
	OK(pread(fd, text, 8, 0) == 6 && !memcmp(text, "ABxyEF", 6) && !close(fd));
}

static void check_sparse(void)
{
	const off_t far = (off_t)5 << 30;
	struct stat attributes;
	char text[16];
	int fd = open("sparse", O_RDWR | O_CREAT, 0644);

	OK(pwrite(fd, "end", 3, far) == 3 && !fstat(fd, &attributes));
	OK(attributes.st_size == far + 3 && attributes.st_blocks < 1000);
	OK(pread(fd, text, 16, far - 8) == 11 && !memcmp(text, "\0\0\0\0\0\0\0\0end", 11));
	OK(pread(fd, text, 16, far + 3) == 0 && pread(fd, text, 16, far + 4096) == 0);
	OK(pwrite(fd, text, 0, 0) == 0);
	OK(!ftruncate(fd, far - 1) && pread(fd, text, 16, far - 2) == 1);
	OK(!close(fd));
}

/* Small and large transfers and a mapping, across the border at 4 GiB. */
static void check_beyond(void)
{
	static unsigned char written[300000], back[300000];
	const off_t border = (off_t)1 << 32, begin = border - 150001;
	int fd = open("beyond", O_RDWR | O_CREAT, 0644), theirs;
	char *map;

	for (size_t i = 0; i < sizeof(written); i++)
		written[i] = (unsigned char)(i * 13 + i / 257);
	OK(pwrite(fd, written, sizeof(written), begin) == sizeof(written));
	OK(pread(fd, back, sizeof(back), begin) == sizeof(back));
	OK(!memcmp(written, back, sizeof(back)));
	memset(back, 0, sizeof(back));
	for (off_t at = 0; at < (off_t)sizeof(back); at += 10000)
		OK(pread(fd, back + at, 10000, begin + at) == 10000);
	OK(!memcmp(written, back, sizeof(back)));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, border - 4096);
	OK(map != MAP_FAILED && !memcmp(map, written + 150001 - 4096, 8192));
	memcpy(map + 4090, "by mapping", 10);
	OK(!munmap(map, 8192) && pwrite(fd, "small", 5, border + 100) == 5 && !fsync(fd));
	OK((theirs = open(other("beyond"), O_RDONLY)) >= 0);
	OK(pread(theirs, back, 200, border - 6) == 200 && !memcmp(back, "by mapping", 10));
	OK(!memcmp(back + 106, "small", 5) && lseek(theirs, 0, SEEK_END) == begin + 300000);
	OK(!ftruncate(fd, border + 3) && !close(theirs));
	OK((theirs = open(other("beyond"), O_RDONLY)) >= 0);
	OK(pread(theirs, back, 200, border - 6) == 9 && !memcmp(back, "by mappin", 9));
	OK(!close(theirs) && !close(fd) && !unlink("beyond"));
}

static void check_map(void)
{
	static const char *const ways[] = {"msync", "munmap", "close"};
	char text[3] = "";
	char *map;
	int fd;

	for (int i = 0; i < 3; i++) {
		put("mapped", "0123456789");
		fd = open("mapped", O_RDWR);
		map = map_file(fd, 4096);
		memcpy(map + 3, ways[i], 2);
		if (i == 0)
			OK(!msync(map, 4096, MS_SYNC));
		if (i == 2)
			OK(!close(fd));
		if (i != 0)
			OK(!munmap(map, 4096));
		if (i != 2)
			OK(!close(fd));
		OK((fd = open(other("mapped"), O_RDONLY)) >= 0);
		OK(pread(fd, text, 2, 3) == 2 && !memcmp(text, ways[i], 2));
		close(fd);
		OK(!unlink("mapped"));
	}
}

static void check_flush(void)
{
	int fd = open("flushed", O_RDWR | O_CREAT, 0644);
	long before;

	OK(!syncfs(fd));
	before = calls_of("FLUSH");
	OK(write(fd, "x", 1) == 1 && !fsync(fd) && calls_of("FLUSH") == before + 1);
	OK(write(fd, "x", 1) == 1 && !fdatasync(fd) && calls_of("FLUSH") == before + 2);
	OK(write(fd, "x", 1) == 1 && !syncfs(fd) && calls_of("FLUSH") == before + 3);
	OK(!syncfs(fd) && calls_of("FLUSH") == before + 3);
	OK(!close(fd));
}

static void set_parameter(const char *value)
{
	put("/sys/module/sf/parameters/unsynced_max", value);
}

/* sync reaches files that were closed before it, wherever they are by now. */
static void check_sync(void)
{
	int root = open(".", O_RDONLY), fd;
	long before;

	sync();
	before = calls_of("FLUSH");
	put("closed1", "x");
	put("closed2", "x");
	put("closed3", "x");
	OK(!rename("closed1", "moved") && !rename("moved", "closed2") && !unlink("closed3"));
	OK(calls_of("FLUSH") == before && !syncfs(root) && calls_of("FLUSH") == before + 1);
	sync();
	OK(calls_of("FLUSH") == before + 1);
	OK((fd = open("closed2", O_WRONLY)) >= 0 && !ftruncate(fd, 9) && !close(fd));
	sync();
	OK(calls_of("FLUSH") == before + 2);
	/* a program that makes sure of another's file */
	put("closed3", "x");
	OK((fd = open("closed3", O_RDONLY)) >= 0 && !fsync(fd) && !fsync(fd) && !close(fd));
	OK(calls_of("FLUSH") == before + 3 && !syncfs(root) && calls_of("FLUSH") == before + 3);
	/* what cannot be remembered is flushed when it is closed */
	set_parameter("1");
	put("closed1", "x");
	put("closed2", "x");
	OK(calls_of("FLUSH") == before + 4 && !syncfs(root) && calls_of("FLUSH") == before + 5);
	set_parameter("0");
	OK(!close(root));
}

#define WRITERS 4
#define RECORDS 100
#define RECORD_SIZE 100

static void write_records(int number)
{
	char record[RECORD_SIZE];
	int fd = open(number == WRITERS - 1 && !writeback ? other("records") : "records", O_WRONLY);

	memset(record, 'a' + number, sizeof(record));
	for (int i = number; i < WRITERS * RECORDS; i += WRITERS)
		OK(pwrite(fd, record, RECORD_SIZE, i * RECORD_SIZE) == RECORD_SIZE);
	OK(!close(fd));
}

/* Several write at the same time, to the same pages: each finds his own, and the others'. */
static void check_writers(void)
{
	static char data[WRITERS * RECORDS * RECORD_SIZE];
	pid_t children[WRITERS];
	int fd = open_new("records"), status;

	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		if (!children[i]) {
			write_records(i);
			_exit(0);
		}
	}
	for (int i = 0; i < WRITERS; i++)
		OK(waitpid(children[i], &status, 0) == children[i] && !status);
	usleep(TTL_US);
	OK(pread(fd, data, sizeof(data), 0) == sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++)
		OK(data[i] == 'a' + (int)(i / RECORD_SIZE) % WRITERS);
	OK(!close(fd));
}

static void check_ends(void)
{
	char data[8192];
	int fd = open_new("ends");

	OK(read(fd, data, 8192) == 0 && pread(fd, data, 1, 1 << 20) == 0);
	OK(write(fd, "begin", 5) == 5 && read(fd, data, 1) == 0);
	/* what lies between is zero */
	OK(pwrite(fd, "end", 3, 5000) == 3 && pread(fd, data, 8192, 0) == 5003);
	OK(!memcmp(data, "begin", 5) && !memcmp(data + 5000, "end", 3));
	for (int i = 5; i < 5000; i++)
		OK(!data[i]);
	OK(pread(fd, data, 8192, 4999) == 4 && pread(fd, data, 8192, 5003) == 0);
	OK(pread(fd, data, 0, 0) == 0 && pwrite(fd, data, 0, 9000) == 0);
	OK(lseek(fd, 0, SEEK_END) == 5003 && !close(fd));
}

/* Mapping and descriptors show the same. */
static void check_map_coherent(void)
{
	char text[4] = "";
	int fd = open_new("both"), second = open("both", O_RDWR);
	char *map;

	OK(!ftruncate(fd, 8192));
	map = map_file(fd, 8192);
	memcpy(map + 4094, "map", 3);
	OK(pread(second, text, 3, 4094) == 3 && !memcmp(text, "map", 3));
	OK(pwrite(second, "fd!", 3, 4095) == 3 && !memcmp(map + 4094, "mfd!", 4));
	OK(!munmap(map, 8192) && !close(fd) && !close(second));
}

/* A mapping writes the pages that it changed, not what else was read with them. */
static void check_map_neighbours(void)
{
	static char data[1 << 20];
	char byte = 0;
	int fd = open_new("neighbours");
	int theirs = open(other("neighbours"), O_RDWR);
	char *map;

	if (writeback)
		return;
	memset(data, 'a', sizeof(data));
	OK(theirs >= 0);
	OK(pwrite(fd, data, sizeof(data), 0) == (ssize_t)sizeof(data));
	for (off_t at = 0; at < (off_t)sizeof(data); at += 4096)
		OK(pread(fd, data, 4096, at) == 4096);
	map = map_file(fd, sizeof(data));
	for (size_t at = 0; at < sizeof(data); at += 4096)
		byte ^= map[at];
	OK(!byte);
	OK(pwrite(theirs, "theirs", 6, 600 * 1024) == 6);
	map[604 * 1024] = 'o';
	OK(!msync(map, sizeof(data), MS_SYNC));
	OK(!munmap(map, sizeof(data)));
	usleep(TTL_US);
	OK(pread(theirs, data, 8192, 600 * 1024) == 8192);
	OK(!memcmp(data, "theirs", 6) && data[4096] == 'o');
	OK(!close(fd) && !close(theirs));
}

static void touch(const char *byte)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(*(volatile const char *)byte);
	OK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	OK(WTERMSIG(status) == SIGBUS);
}

static void check_map_truncated(void)
{
	struct stat attributes;
	int fd = open_new("cut");
	char *map;

	OK(!ftruncate(fd, 12288));
	map = map_file(fd, 12288);
	memset(map, 'x', 12288);
	OK(!ftruncate(fd, 6000));
	touch(map + 8192);
	OK(map[5999] == 'x' && map[6000] == 0);
	map[7000] = 'y'; /* behind the end: never seen again */
	OK(!msync(map, 8192, MS_SYNC) && !stat(other("cut"), &attributes));
	OK(attributes.st_size == 6000);
	OK(!ftruncate(fd, 12288) && map[5999] == 'x' && map[7000] == 0 && map[8192] == 0);
	OK(!munmap(map, 12288) && !close(fd));
}

/* What a mapping leaves behind the end does not come up when the file grows, whoever makes it. */
static void check_map_behind(void)
{
	static const size_t sizes[] = {3, 20000};
	static char zeroes[8192], large[20000];
	char back[8192];
	char *map;
	int fd;

	for (int i = 0; i < 3; i++) {
		fd = open_new("behind");
		OK(!ftruncate(fd, 6000));
		map = map_file(fd, 8192);
		memset(map + 4096, 'b', 4096);
		if (i == 2)
			OK(!ftruncate(fd, 30000));
		else
			OK(pwrite(fd, large, sizes[i], 10000) == (ssize_t)sizes[i]);
		OK(map[5999] == 'b' && !memcmp(map + 6000, zeroes, 8192 - 6000));
		OK(pread(fd, back, 8192, 0) == 8192 && back[5999] == 'b');
		OK(!memcmp(back + 6000, zeroes, 8192 - 6000) && !munmap(map, 8192) && !close(fd));
		OK((fd = open(other("behind"), O_RDONLY)) >= 0);
		OK(pread(fd, back, 8192, 0) == 8192 && back[5999] == 'b');
		OK(!memcmp(back + 6000, zeroes, 8192 - 6000) && !close(fd));
	}
}

#define SIDE 100 /* bytes at the front that a mapping writes */
#define RECORDS_BESIDE 400

/* Writes the front of the page until it is killed; time and again it comes between. */
static void write_beside(const char *name)
{
	const struct sched_param priority = {.sched_priority = 1};
	int fd = open(name, O_RDWR);
	char *map = map_file(fd, 4096);

	OK(!sched_setscheduler(0, SCHED_FIFO, &priority));
	for (;; usleep(50))
		map[0]++;
}

/* One writes through a mapping while the other writes another part of the same page past it. */
static void check_map_beside(void)
{
	static char record[20000], back[sizeof(record)];
	int fd = open_new("beside"), log = open("beside-log", O_RDWR | O_CREAT | O_APPEND, 0644);
	pid_t children[2];

	OK(write(fd, "00000000", 8) == 8 && write(log, "00000000", 8) == 8);
	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		if (!children[i])
			write_beside(i ? "beside-log" : "beside");
	}
	for (int i = 0; i < RECORDS_BESIDE; i++) {
		memset(record, 'a' + i % 26, sizeof(record));
		OK(pwrite(fd, record, sizeof(record), SIDE) == sizeof(record));
		OK(pread(fd, back, sizeof(back), SIDE) == sizeof(back));
		OK(!memcmp(back, record, sizeof(back)));
		OK(write(log, record, 8) == 8 && pread(log, back, 8, 8 + 8 * i) == 8);
		OK(!memcmp(back, record, 8));
	}
	for (int i = 0; i < 2; i++)
		OK(!kill(children[i], SIGKILL) && waitpid(children[i], NULL, 0) == children[i]);
	usleep(TTL_US);
	OK(pread(log, back, sizeof(back), 0) == 8 + 8 * RECORDS_BESIDE);
	for (int i = 0; i < RECORDS_BESIDE; i++)
		OK(back[8 + 8 * i] == 'a' + i % 26 && back[15 + 8 * i] == 'a' + i % 26);
	OK(!close(fd) && !close(log) && !unlink("beside-log"));
}

static void check_open_renamed(void)
{
	char text[8] = "";
	int fd = open_new("first"), target;

	OK(write(fd, "one", 3) == 3 && !rename("first", "second"));
	OK(write(fd, "two", 3) == 3 && holds("second", "onetwo"));
	put("third", "third");
	OK((target = open("third", O_RDWR)) >= 0 && !rename("second", "third"));
	OK(pread(target, text, 8, 0) == 5 && !memcmp(text, "third", 5));
	OK(pwrite(target, "T", 1, 0) == 1 && !fsync(target) && holds("third", "onetwo"));
	OK(write(fd, "!", 1) == 1 && holds("third", "onetwo!") && !close(fd) && !close(target));
}

#define SMALL (1 << 20) /* what the script's tmpfs below "small" holds */
static char data[2 * SMALL];

static bool has_small(void)
{
	return !access("small/here", F_OK);
}

static void check_disk_full(void)
{
	ssize_t total = 0, done;
	int fd = has_small() && !writeback ? open_new("small/file") : -1;

	if (fd < 0)
		return;
	/* short, then refused */
	while ((done = write(fd, data, 100000)) == 100000)
		total += done;
	OK(done > 0 && done < 100000 && write(fd, data, 100000) < 0 && errno == ENOSPC);
	total += done;
	OK(total > SMALL / 2 && total <= SMALL && lseek(fd, 0, SEEK_CUR) == total);
	OK(!fsync(fd) && !close(fd) && !unlink("small/file"));
}

/* Piece by piece: large writes are not put off. */
static void write_small(int fd)
{
	for (size_t done = 0; done < sizeof(data); done += 4096)
		OK(write(fd, data + done, 4096) == 4096);
}

/* The error of a write that comes later is told once, by fsync or by close. */
static void check_late_errors(void)
{
	char *map;
	int fd, second;

	if (!has_small())
		return;
	fd = open_new("small/late");
	second = open("small/late", O_RDWR);
	OK(!ftruncate(fd, sizeof(data)));
	map = map_file(fd, sizeof(data));
	memset(map, 1, sizeof(data));
	FAILS(fsync(fd), ENOSPC);
	OK(!fsync(fd));
	/* the other descriptor has not been told yet */
	FAILS(close(second), ENOSPC);
	OK(!munmap(map, sizeof(data)) && !close(fd) && !unlink("small/late"));
	if (!writeback)
		return;
	/* what does not fit is no reason not to cut it off; a syncfs is told of it as well */
	fd = open_new("small/late");
	OK((second = open(".", O_RDONLY)) >= 0);
	write_small(fd);
	OK(!ftruncate(fd, 0) && write(fd, "x", 1) == 1);
	FAILS(syncfs(second), ENOSPC);
	FAILS(fsync(fd), ENOSPC);
	OK(!fsync(fd) && !syncfs(second) && !close(fd) && !close(second) && !unlink("small/late"));
	fd = open_new("small/late");
	write_small(fd);
	FAILS(fsync(fd), ENOSPC);
	OK(!fsync(fd) && !close(fd) && !unlink("small/late"));
	fd = open_new("small/late");
	write_small(fd);
	FAILS(close(fd), ENOSPC);
	OK((fd = open("small/late", O_RDWR)) >= 0 && !fsync(fd) && !close(fd));
	OK(!unlink("small/late"));
}

static const struct check checks[] = {
	{"append", check_append},
	{"writers", check_writers},
	{"coherence", check_coherence},
	{"sparse", check_sparse},
	{"beyond", check_beyond},
	{"ends", check_ends},
	{"map", check_map},
	{"map_coherent", check_map_coherent},
	{"map_neighbours", check_map_neighbours},
	{"map_truncated", check_map_truncated},
	{"map_behind", check_map_behind},
	{"map_beside", check_map_beside},
	{"open_renamed", check_open_renamed},
	{"flush", check_flush},
	{"sync", check_sync},
	{"disk_full", check_disk_full},
	{"late_errors", check_late_errors},
};

int main(int argc, char **argv)
{
	writeback = getenv("SF_WRITEBACK");
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
