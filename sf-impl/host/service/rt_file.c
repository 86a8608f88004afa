/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are open: opening, transfer, attributes, locks. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rt.h"

#define MAX_CREATE_ROUNDS 16 /* against a file that others create and remove all the time */

/* Runs a system call until no signal interrupts it. */
#define RETRY_EINTR(call)                              \
	({                                             \
		ssize_t retried;                       \
		do                                     \
			retried = (call);              \
		while (retried < 0 && errno == EINTR); \
		retried;                               \
	})

/*
 * The transfers' system call, without the C library: what returns after a system
 * call is mispredicted, so each function between it and the guest is felt.
 * Sanitizers, however, know the library's functions and check the buffers.
 */
#if defined(__x86_64__) && !defined(SF_SANITIZE)
static inline ssize_t transfer_call(long number, int file, uintptr_t memory, size_t count,
				    uint64_t offset)
{
	register uint64_t fourth __asm__("r10") = offset;
	ssize_t result = number;

	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"((long)file), "S"(memory), "d"(count), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}
#else
static inline ssize_t transfer_call(long number, int file, uintptr_t memory, size_t count,
				    uint64_t offset)
{
	void *buffer = (void *)memory;
	ssize_t result = number == SYS_pwrite64 ? pwrite(file, buffer, count, (off_t)offset)
						: pread(file, buffer, count, (off_t)offset);

	return result < 0 ? -errno : result;
}
#endif

static int32_t status_of(ssize_t result)
{
	return result < 0 ? RTErrConvertFromErrno(errno) : VINF_SUCCESS;
}

static inline int32_t transfer(long number, int file, const void *buffer, size_t count,
			       uint64_t offset, size_t *ret_done)
{
	ssize_t n;

	do
		n = transfer_call(number, file, (uintptr_t)buffer, count, offset);
	while (n == -EINTR);
	if (n < 0)
		return RTErrConvertFromErrno((int)-n);
	*ret_done = (size_t)n;
	return VINF_SUCCESS;
}

/* fstat() of newer C libraries goes by an empty path, which takes longer. */
static int file_info(int file, struct stat *ret_info)
{
#if defined(__x86_64__)
	return (int)syscall(SYS_fstat, file, ret_info);
#else
	return fstat(file, ret_info);
#endif
}

static int32_t transfer_status(ssize_t result, size_t *ret_done)
{
	if (result >= 0)
		*ret_done = (size_t)result;
	return status_of(result);
}

/* It may be anything. */
static bool is_unseen(int flags)
{
	return (flags & O_NOFOLLOW) && !(flags & O_EXCL);
}

/*
 * In a directory that is at hand, best in one where devices cannot be opened. -ESTALE:
 * there is none, or what is there needs the whole path.
 */
static int open_at_hand(int root, const char *path, int flags, mode_t mode)
{
	const char *name;
	int dir = rt_parent_find_safe(root, path, is_unseen(flags), &name);
	bool safe = dir >= 0;
	int fd;

	if (!safe && !is_unseen(flags))
		dir = rt_parent_find(root, path, &name);
	if (dir < 0)
		return -ESTALE;
	fd = rt_beneath_open_name(dir, name, flags, mode);
	if (fd >= 0 || fd == -EEXIST || (safe && fd == -EACCES))
		return fd;
	return fd == -ENOENT && !rt_parent_is_stale(root, dir) ? fd : -ESTALE;
}

/* By the whole path; where that is possible, devices cannot be opened either. */
static int open_beneath(int root, const char *path, int flags, mode_t mode)
{
	const char *unused;
	int dir = rt_parent_find_safe(root, "any", false, &unused);

	return rt_beneath_open(dir < 0 ? root : dir, path, flags, mode);
}

/*
 * O_NONBLOCK: a FIFO that somebody put there must not stop the service. Opening
 * one for writing, or a socket, is ENXIO.
 */
static int open_ordinary(int root, const char *path, int flags, mode_t mode, struct stat *ret_info)
{
	int fd = open_at_hand(root, path, flags | O_NONBLOCK | O_NOCTTY, mode);

	if (fd == -ESTALE && !is_unseen(flags))
		fd = open_beneath(root, path, flags | O_NONBLOCK | O_NOCTTY, mode);
	if (fd < 0)
		return fd == -ENXIO ? -EACCES : fd;
	if (!file_info(fd, ret_info) && (S_ISREG(ret_info->st_mode) || S_ISDIR(ret_info->st_mode)))
		return fd;
	close(fd);
	return -EACCES;
}

/* Like O_CREAT without O_EXCL, but *ret_created tells what it did. */
static int open_or_create(int root, const char *path, int flags, mode_t mode, bool *ret_created,
			  struct stat *ret_info)
{
	int fd;

	for (int round = 0; round < MAX_CREATE_ROUNDS; round++) {
		*ret_created = true;
		fd = open_ordinary(root, path, flags | O_EXCL, mode, ret_info);
		if (fd != -EEXIST)
			return fd;
		*ret_created = false;
		fd = open_ordinary(root, path, flags & ~O_CREAT, 0, ret_info);
		if (fd != -ENOENT)
			return fd;
	}
	*ret_created = true; /* through a link to nothing: the link's target */
	return open_ordinary(root, path, flags, mode, ret_info);
}

HOP int32_t RTFileOpen(int root, const char *path, int flags, mode_t mode, int *ret_file,
		       enum rt_file_action *ret_action, struct stat *ret_info)
{
	bool created = flags & O_CREAT;
	int fd;

	if ((flags & (O_CREAT | O_EXCL)) == O_CREAT)
		fd = open_or_create(root, path, flags, mode, &created, ret_info);
	else
		fd = open_ordinary(root, path, flags, mode, ret_info);
	if (fd < 0)
		return RTErrConvertFromErrno(-fd);
	*ret_file = fd;
	*ret_action = created		  ? RT_FILE_CREATED
		      : (flags & O_TRUNC) ? RT_FILE_TRUNCATED
					  : RT_FILE_OPENED;
	return VINF_SUCCESS;
}

HOP int32_t RTFileClose(int file)
{
	return status_of(close(file));
}

HOP int32_t RTFileRead(int file, uint64_t offset, void *buffer, size_t count, size_t *ret_done)
{
	return transfer(SYS_pread64, file, buffer, count, offset, ret_done);
}

HOP int32_t RTFileWrite(int file, uint64_t offset, const void *buffer, size_t count,
			size_t *ret_done)
{
	return transfer(SYS_pwrite64, file, buffer, count, offset, ret_done);
}

HOP int32_t RTFileSgRead(int file, uint64_t offset, const struct iovec *parts, int n_parts,
			 size_t *ret_done)
{
	ssize_t n = RETRY_EINTR(preadv(file, parts, n_parts, (off_t)offset));

	return transfer_status(n, ret_done);
}

HOP int32_t RTFileSgWrite(int file, uint64_t offset, const struct iovec *parts, int n_parts,
			  size_t *ret_done)
{
	ssize_t n = RETRY_EINTR(pwritev(file, parts, n_parts, (off_t)offset));

	return transfer_status(n, ret_done);
}

HOP int32_t RTFileSetSize(int file, uint64_t size)
{
	return status_of(RETRY_EINTR(ftruncate(file, (off_t)size)));
}

HOP int32_t RTFileFlush(int file)
{
	return status_of(RETRY_EINTR(fsync(file)));
}

HOP int32_t RTFileQueryInfo(int file, struct stat *ret_info)
{
	return status_of(file_info(file, ret_info));
}

HOP int32_t RTFileSetTimes(int file, const struct timespec times[2])
{
	return status_of(futimens(file, times));
}

HOP int32_t RTFileSetMode(int file, mode_t mode)
{
	return status_of(fchmod(file, mode));
}

/* Open file description locks: a guest process is not a process here. */
static int32_t set_lock(int file, short type, uint64_t offset, uint64_t length)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = (off_t)length,
	};

	if (!fcntl(file, F_OFD_SETLK, &lock))
		return VINF_SUCCESS;
	if (errno == EAGAIN || errno == EACCES)
		return VERR_FILE_LOCK_VIOLATION;
	return RTErrConvertFromErrno(errno);
}

int32_t rt_file_lock(int file, bool exclusive, uint64_t offset, uint64_t length)
{
	return set_lock(file, exclusive ? F_WRLCK : F_RDLCK, offset, length);
}

HOP int32_t RTFileLock(int file, bool exclusive, uint64_t offset, uint64_t length)
{
	return rt_file_lock(file, exclusive, offset, length);
}

HOP int32_t RTFileUnlock(int file, uint64_t offset, uint64_t length)
{
	return set_lock(file, F_UNLCK, offset, length);
}
