/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks ranges of a file as one owner, and asks as another: what "record sf-locks" runs in a guest
 * on a share that is mounted with lock=host.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int lock(int fd, int command, short type, off_t start, off_t length)
{
	struct flock range = {.l_type = type, .l_start = start, .l_len = length};

	return fcntl(fd, command, &range) ? errno : 0;
}

/* Another process is another owner: what is locked is refused, what is free is not. */
static int ask(const char *path)
{
	int fd = open(path, O_RDWR);

	if (lock(fd, F_SETLK, F_WRLCK, 100, 100) != EAGAIN ||
	    lock(fd, F_SETLK, F_RDLCK, 0, 10) != EAGAIN)
		return 1;
	if (lock(fd, F_SETLK, F_RDLCK, 200, 10) || lock(fd, F_SETLK, F_WRLCK, 1000, 0))
		return 2;
	return write(fd, "asked", 5) == 5 && !close(fd) ? 0 : 3;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT, 0644) : -1, status = 1;
	pid_t child;

	if (fd < 0 || lock(fd, F_SETLK, F_WRLCK, 0, 50) || lock(fd, F_SETLK, F_RDLCK, 50, 200))
		return 1;
	/* the middle becomes another kind of lock, and its sides stay */
	if (lock(fd, F_SETLK, F_WRLCK, 120, 20) || lock(fd, F_SETLK, F_UNLCK, 40, 5))
		return 2;
	child = fork();
	if (!child)
		_exit(ask(argv[1]));
	if (waitpid(child, &status, 0) != child || status)
		return 3;
	if (lock(fd, F_OFD_SETLK, F_WRLCK, 2000, 10))
		return 4;
	return close(fd) ? 5 : 0;
}
