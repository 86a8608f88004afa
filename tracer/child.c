/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running the command that is recorded: see child.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

static void child_run(char **command, const char *name, const char *value, const sigset_t *mask,
		      int error_fd)
{
	int err;

	if (value)
		setenv(name, value, 1);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	err = errno;
	if (write(error_fd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

/* The pipe closes without a word when the command is executed. */
static int child_wait_exec(pid_t pid, int error_fd)
{
	int err = 0;
	ssize_t n;

	do
		n = read(error_fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(err))
		return 0;
	waitpid(pid, NULL, 0);
	return -err;
}

pid_t child_start(char **command, const char *name, const char *value, const sigset_t *mask)
{
	int fds[2], err;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		child_run(command, name, value, mask, fds[1]);
	err = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (!err)
		err = child_wait_exec(pid, fds[0]);
	close(fds[0]);
	return err ? err : pid;
}

int child_ended(pid_t pid, int *ret_status)
{
	int status, ended = 0;
	pid_t who;

	while ((who = waitpid(-1, &status, WNOHANG)) > 0) {
		if (who != pid)
			continue;
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		ended = 1;
	}
	return ended;
}
