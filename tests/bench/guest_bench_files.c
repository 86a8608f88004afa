/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The jobs of guest_bench that fio has not: prints how many seconds one took.
 *
 * Usage: guest_bench_files create DIR COUNT | stat DIR | scatter FILE |
 *                          run COMMAND [ARGUMENT ...]
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES 2048
#define BLOCK_BYTES 4096
#define SCATTER_STEP 911

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void create_file(int directory, int number)
{
	char data[FILE_BYTES];
	char name[32];
	int fd;

	memset(data, number, sizeof(data));
	snprintf(name, sizeof(name), "file%d", number);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, data, sizeof(data)) != sizeof(data) || close(fd))
		err(1, "%s", name);
}

static void create(char **arguments)
{
	int directory = open(arguments[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = atoi(arguments[1] ? arguments[1] : "");

	if (directory < 0 || count <= 0)
		err(1, "create %s %s", arguments[0], arguments[1]);
	for (int i = 0; i < count; i++)
		create_file(directory, i);
	close(directory);
}

/* Like ls -l: the names first, then what each one is. */
static void list_and_stat(char **arguments)
{
	struct dirent **entries;
	struct stat status;
	int count;

	if (chdir(arguments[0]))
		err(1, "%s", arguments[0]);
	count = scandir(".", &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (lstat(entries[i]->d_name, &status))
			err(1, "%s", entries[i]->d_name);
		free(entries[i]);
	}
	if (count < 0)
		err(1, "%s", arguments[0]);
	free(entries);
}

/* All blocks of a file, each once, in an order that leaps about; the kernel is told so. */
static void scatter(char **arguments)
{
	int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
	off_t blocks = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / BLOCK_BYTES;
	char block[BLOCK_BYTES];

	if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM))
		err(1, "%s", arguments[0]);
	/* the step is a prime: it comes by all of them, unless it divides their number */
	for (off_t i = 0; i < blocks; i++)
		if (pread(fd, block, BLOCK_BYTES, i * SCATTER_STEP % blocks * BLOCK_BYTES) !=
		    BLOCK_BYTES)
			err(1, "%s", arguments[0]);
	close(fd);
}

static void run(char **arguments)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(127);
		execvp(arguments[0], arguments);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		errx(1, "%s failed", arguments[0]);
}

static const struct {
	const char *name;
	void (*run)(char **arguments);
} jobs[] = {{"create", create}, {"stat", list_and_stat}, {"scatter", scatter}, {"run", run}};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		double start = now();

		if (strcmp(argv[1], jobs[i].name) != 0)
			continue;
		jobs[i].run(argv + 2);
		printf("%.4f\n", now() - start);
		return 0;
	}
	errx(2, "usage: guest_bench_files create DIR COUNT | stat DIR | scatter FILE |"
		" run COMMAND");
}
