/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks of the guest's file system that the host knows, check by check. DIR and TWIN are mounts of
 * one share with lock=host, with caches and locks of their own.
 * usage: sf_locks DIR TWIN [CHECK ...]
 *        sf_locks --host DIR: the host's side of the check "host"; DIR is the share's directory
 */
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static int open_new(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT, 0644);

	OK(fd >= 0);
	return fd;
}

static int change(int fd, int command, int type, off_t start, off_t length)
{
	struct flock lock = {.l_type = (short)type, .l_start = start, .l_len = length};

	return fcntl(fd, command, &lock);
}

static struct flock test(int fd, int type, off_t start, off_t length)
{
	struct flock lock = {.l_type = (short)type, .l_start = start, .l_len = length};

	OK(!fcntl(fd, F_GETLK, &lock));
	return lock;
}

/* Runs @run in a process of its own: an owner of POSIX locks of its own. */
static pid_t start(void (*run)(void))
{
	pid_t child = fork();

	OK(child >= 0);
	if (!child) {
		run();
		_exit(0);
	}
	return child;
}

static void finish(pid_t child)
{
	int status;

	OK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status));
}

static void check_flock(void)
{
	int first = open_new("flock"), second = open(other("flock"), O_RDWR), reader, copy;

	OK(!flock(first, LOCK_EX));
	FAILS(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	FAILS(flock(second, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	OK(!flock(first, LOCK_SH) && !flock(second, LOCK_SH | LOCK_NB));
	FAILS(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	OK(!flock(first, LOCK_UN) && !flock(second, LOCK_EX | LOCK_NB));
	/* a file that is open for reading only may be locked exclusively */
	OK((reader = open("flock", O_RDONLY)) >= 0);
	FAILS(flock(reader, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	OK(!close(second) && !flock(reader, LOCK_EX | LOCK_NB));
	FAILS(flock(first, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	/* the last descriptor of an open file lets go of it */
	OK((copy = dup(reader)) >= 0 && !close(reader));
	FAILS(flock(first, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	OK(!close(copy) && !flock(first, LOCK_EX | LOCK_NB) && !close(first));
}

static void try_ranges(void)
{
	int fd = open(other("ranges"), O_RDWR);

	FAILS(change(fd, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
	FAILS(change(fd, F_SETLK, F_RDLCK, 19, 1), EAGAIN);
	FAILS(change(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
	OK(!change(fd, F_SETLK, F_WRLCK, 20, 5));
	FAILS(change(fd, F_SETLK, F_WRLCK, 30, 1), EAGAIN);
	OK(!change(fd, F_SETLK, F_RDLCK, 30, 1));
	FAILS(change(fd, F_SETLK, F_RDLCK, INT64_MAX - 1, 1), EAGAIN);
}

static void check_ranges(void)
{
	int fd = open_new("ranges");

	OK(!change(fd, F_SETLK, F_WRLCK, 0, 10) && !change(fd, F_SETLK, F_WRLCK, 10, 10));
	OK(!change(fd, F_SETLK, F_RDLCK, 30, 10) && !change(fd, F_SETLK, F_WRLCK, 1 << 30, 0));
	finish(start(try_ranges));
	/* what it had is gone with it */
	OK(!change(fd, F_SETLK, F_WRLCK, 20, 20) && !close(fd));
}

static void test_others(void)
{
	int same = open("tested", O_RDWR), fd = open(other("tested"), O_RDWR);
	struct flock lock = test(same, F_RDLCK, 0, 0);

	OK(lock.l_type == F_WRLCK && lock.l_start == 10 && lock.l_len == 10);
	OK(lock.l_pid == getppid());
	OK(test(fd, F_WRLCK, 0, 10).l_type == F_UNLCK);
	lock = test(fd, F_WRLCK, 12, 3);
	OK(lock.l_type == F_WRLCK && lock.l_pid == -1 && lock.l_start == 12 && lock.l_len == 3);
	OK(test(fd, F_WRLCK, 30, 1).l_type == F_RDLCK);
	OK(test(fd, F_RDLCK, 30, 1).l_type == F_UNLCK);
	/* the look left nothing behind */
	OK(!change(fd, F_SETLK, F_RDLCK, 30, 1) && !change(fd, F_SETLK, F_WRLCK, 0, 10));
}

static void check_test(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 1};
	int fd = open_new("tested");

	OK(!change(fd, F_SETLK, F_WRLCK, 10, 10) && !change(fd, F_SETLK, F_RDLCK, 30, 1));
	finish(start(test_others));
	/* whether others are in the way of what is ours cannot be told */
	FAILS(fcntl(fd, F_GETLK, &lock), ENOLCK);
	OK(test(fd, F_WRLCK, 0, 10).l_type == F_UNLCK && !close(fd));
}

static int waiting[2]; /* a pipe: the child's word that it has the lock */

static void wait_posix(void)
{
	int fd = open(other("waited"), O_RDWR);

	OK(!change(fd, F_SETLKW, F_WRLCK, 0, 0) && write(waiting[1], "x", 1) == 1);
}

static void wait_flock(void)
{
	int fd = open(other("waited"), O_RDWR);

	OK(!flock(fd, LOCK_EX) && write(waiting[1], "x", 1) == 1);
}

static bool got_lock(void)
{
	char byte;

	return read(waiting[0], &byte, 1) == 1;
}

static void check_wait(void)
{
	void (*const ways[])(void) = {wait_posix, wait_flock};
	long calls;
	pid_t child;
	int fd;

	OK(!pipe2(waiting, O_NONBLOCK));
	for (int i = 0; i < 2; i++) {
		fd = open_new("waited");
		OK(!change(fd, F_SETLK, F_WRLCK, 0, 0));
		calls = calls_of("LOCK");
		child = start(ways[i]);
		usleep(1200000);
		OK(!got_lock());
		/* it asks again, but not all the time */
		calls = calls_of("LOCK") - calls;
		OK(calls >= 4 && calls <= 40);
		OK(!change(fd, F_SETLK, F_UNLCK, 0, 0));
		finish(child);
		OK(got_lock() && !close(fd));
	}
}

static void on_alarm(int number)
{
	(void)number;
}

static void check_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	int fd = open_new("waited"), theirs = open(other("waited"), O_RDWR);

	OK(!sigaction(SIGALRM, &action, NULL) && !flock(theirs, LOCK_EX));
	alarm(1);
	FAILS(change(fd, F_SETLKW, F_WRLCK, 0, 0), EINTR);
	alarm(1);
	FAILS(flock(fd, LOCK_EX), EINTR);
	/* and has nothing */
	OK(!flock(theirs, LOCK_UN) && !flock(theirs, LOCK_EX | LOCK_NB));
	OK(!close(fd) && !close(theirs));
}

static void expect_locked(void)
{
	FAILS(change(open(other("closed"), O_RDWR), F_SETLK, F_WRLCK, 0, 0), EAGAIN);
}

static void expect_free(void)
{
	OK(!change(open(other("closed"), O_RDWR), F_SETLK, F_WRLCK, 0, 0));
}

static void check_close(void)
{
	int fd = open_new("closed"), second = open("closed", O_RDONLY);

	OK(!change(fd, F_SETLK, F_WRLCK, 0, 0));
	finish(start(expect_locked));
	/* any close of the file by the process ends its POSIX locks */
	OK(!close(second));
	finish(start(expect_free));
	OK(!change(fd, F_SETLK, F_WRLCK, 0, 0) && !change(fd, F_SETLK, F_UNLCK, 0, 5));
	finish(start(expect_locked));
	OK(!close(fd));
	finish(start(expect_free));
}

static void check_ofd(void)
{
	int first = open_new("ofd"), second = open("ofd", O_RDWR);
	int theirs = open(other("ofd"), O_RDWR);

	OK(!change(first, F_OFD_SETLK, F_WRLCK, 0, 10));
	FAILS(change(second, F_OFD_SETLK, F_WRLCK, 9, 1), EAGAIN);
	FAILS(change(theirs, F_OFD_SETLK, F_RDLCK, 0, 1), EAGAIN);
	OK(!change(second, F_OFD_SETLK, F_WRLCK, 10, 1));
	OK(!close(second) && !change(theirs, F_OFD_SETLK, F_WRLCK, 10, 1));
	OK(!close(first) && !change(theirs, F_OFD_SETLK, F_WRLCK, 0, 0) && !close(theirs));
}

/* What cannot be done honestly is refused. */
static void check_refused(void)
{
	int fd = open_new("refused"), directory = open(".", O_RDONLY), reader;

	FAILS(flock(directory, LOCK_EX), ENOLCK);
	FAILS(change(directory, F_SETLK, F_RDLCK, 0, 0), ENOLCK);
	FAILS(fcntl(fd, F_SETLEASE, F_WRLCK), EINVAL);
	/* the host has one kind of locks: a program's flock is in the way of its fcntl */
	OK(!flock(fd, LOCK_EX));
	FAILS(change(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
	OK(!flock(fd, LOCK_UN) && !change(fd, F_SETLK, F_WRLCK, 0, 0));
	OK(!change(fd, F_SETLK, F_UNLCK, 0, 0) && !unlink("refused"));
	/* without a name it cannot be opened for a process; an open file's own handle will do */
	FAILS(change(fd, F_SETLK, F_WRLCK, 0, 0), ENOLCK);
	OK(!flock(fd, LOCK_EX | LOCK_NB) && !flock(fd, LOCK_UN) && !close(fd));
	/* what the host lets us read only cannot be locked exclusively */
	put("readable", "x");
	OK(!chmod("readable", 0444) && (reader = open("readable", O_RDONLY)) >= 0);
	OK(!flock(reader, LOCK_SH) && !close(reader) && !close(directory));
}

#define ROUNDS 100

static void count_in(const char *name)
{
	uint64_t number;
	int fd = open(name, O_RDWR);

	for (int i = 0; i < ROUNDS; i++) {
		OK(!change(fd, F_SETLKW, F_WRLCK, 0, 0));
		OK(pread(fd, &number, 8, 4000) == 8);
		number++;
		OK(pwrite(fd, &number, 8, 4000) == 8);
		OK(!change(fd, F_SETLK, F_UNLCK, 0, 0));
	}
}

static void count_here(void)
{
	count_in("counter");
}

static void count_there(void)
{
	count_in(other("counter"));
}

static void count_mapped(void)
{
	int fd = open("counter", O_RDWR);
	uint64_t *numbers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	OK(numbers != MAP_FAILED);
	for (int i = 0; i < ROUNDS; i++) {
		OK(!flock(fd, LOCK_EX));
		numbers[500]++;
		OK(!flock(fd, LOCK_UN));
	}
}

/* Who has the lock sees what was written under it before, and nothing is lost. */
static void check_counter(void)
{
	uint64_t number = 0;
	pid_t children[3];
	int fd = open_new("counter");

	OK(pwrite(fd, &number, 8, 4000) == 8 && !ftruncate(fd, 4096) && !close(fd));
	children[0] = start(count_here);
	children[1] = start(count_there);
	children[2] = start(count_mapped);
	for (int i = 0; i < 3; i++)
		finish(children[i]);
	OK((fd = open(other("counter"), O_RDONLY)) >= 0 && !flock(fd, LOCK_SH));
	OK(pread(fd, &number, 8, 4000) == 8 && number == 3 * ROUNDS && !close(fd));
}

static void say(const char *name)
{
	OK(!close(open_new(name)));
}

/* Opened anew each time: that is when the guest looks. */
static void await(const char *name)
{
	int fd;

	for (int i = 0; (fd = open(name, O_RDONLY)) < 0; i++) {
		OK(errno == ENOENT && i < 3000);
		usleep(20000);
	}
	close(fd);
}

/* A process of the host's has one file locked, the guest another. */
static void check_host(void)
{
	int mine = open_new("by_guest"), theirs;

	OK(!change(mine, F_SETLK, F_WRLCK, 5, 5));
	say("guest_has");
	await("host_has");
	OK((theirs = open("by_host", O_RDWR)) >= 0);
	FAILS(change(theirs, F_SETLK, F_RDLCK, 0, 6), EAGAIN);
	FAILS(flock(theirs, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	OK(test(theirs, F_RDLCK, 5, 5).l_type == F_WRLCK &&
	   !change(theirs, F_SETLK, F_WRLCK, 0, 5));
	await("host_looked");
	OK(!change(mine, F_SETLK, F_UNLCK, 0, 0));
	say("guest_let_go");
	await("host_got_it");
	FAILS(change(mine, F_SETLK, F_WRLCK, 5, 5), EAGAIN);
	OK(!close(mine) && !close(theirs));
}

static int host_side(const char *directory)
{
	struct flock lock = {.l_type = F_WRLCK, .l_start = 5, .l_len = 5};
	int mine, theirs;

	check = "host_side";
	OK(!chdir(directory));
	mine = open_new("by_host");
	OK(!change(mine, F_SETLK, F_WRLCK, 5, 5));
	say("host_has");
	await("guest_has");
	theirs = open_new("by_guest");
	FAILS(change(theirs, F_SETLK, F_WRLCK, 9, 1), EAGAIN);
	OK(!change(theirs, F_SETLK, F_WRLCK, 10, 1));
	OK(!fcntl(theirs, F_GETLK, &lock) && lock.l_type == F_WRLCK);
	OK(lock.l_start == 5 && lock.l_len == 5);
	say("host_looked");
	await("guest_let_go");
	OK(!change(theirs, F_SETLK, F_WRLCK, 5, 5));
	say("host_got_it");
	pause();
	return 0;
}

static const struct check checks[] = {
	{"flock", check_flock}, {"ranges", check_ranges},	{"test", check_test},
	{"wait", check_wait},	{"interrupt", check_interrupt}, {"close", check_close},
	{"ofd", check_ofd},	{"refused", check_refused},	{"counter", check_counter},
	{"host", check_host},
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--host"))
		return host_side(argv[2]);
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
