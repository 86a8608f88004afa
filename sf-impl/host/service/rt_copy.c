/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying file contents. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "rt.h"

#define COPY_MAX 0x7ffff000u /* what Linux moves in one call at most */
#define COPY_BUFFER 65536

struct copy {
	int source, destination;
	off_t source_at, destination_at;
	uint64_t left;
};

/* One piece by hand, for file systems between which the kernel does not copy. */
static ssize_t copy_through_buffer(struct copy *copy)
{
	char buffer[COPY_BUFFER];
	size_t want = copy->left < sizeof(buffer) ? (size_t)copy->left : sizeof(buffer);
	ssize_t n = pread(copy->source, buffer, want, copy->source_at);

	if (n > 0)
		n = pwrite(copy->destination, buffer, (size_t)n, copy->destination_at);
	if (n > 0) {
		copy->source_at += n;
		copy->destination_at += n;
	}
	return n;
}

static ssize_t copy_piece(struct copy *copy)
{
	size_t want = copy->left < COPY_MAX ? (size_t)copy->left : COPY_MAX;
	ssize_t n = copy_file_range(copy->source, &copy->source_at, copy->destination,
				    &copy->destination_at, want, 0);

	if (n < 0 && (errno == EXDEV || errno == ENOSYS || errno == EOPNOTSUPP))
		return copy_through_buffer(copy);
	return n;
}

/* Copies until "left" is 0 or the source ends. */
static int32_t copy_all(struct copy *copy)
{
	ssize_t n;

	while (copy->left) {
		n = copy_piece(copy);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return RTErrConvertFromErrno(errno);
		if (n == 0)
			return VINF_SUCCESS;
		copy->left -= (uint64_t)n;
	}
	return VINF_SUCCESS;
}

HOP int32_t RTFileCopyPart(int source, uint64_t source_offset, int destination,
			   uint64_t destination_offset, uint64_t count, uint64_t *ret_done)
{
	uint64_t wanted = count < COPY_MAX ? count : COPY_MAX;
	struct copy copy = {
		.source = source,
		.destination = destination,
		.source_at = (off_t)source_offset,
		.destination_at = (off_t)destination_offset,
		.left = wanted,
	};
	int32_t status = copy_all(&copy);

	if (VBOX_SUCCESS(status))
		*ret_done = wanted - copy.left;
	return status;
}

/*
 * Only what is not a hole: a file of 2^62 bytes takes a guest one call to make,
 * and must not take the service years to copy.
 */
static int32_t copy_contents(int source, int destination, off_t size)
{
	off_t start = 0, end;
	int32_t status = VINF_SUCCESS;

	while (start < size && VBOX_SUCCESS(status)) {
		start = lseek(source, start, SEEK_DATA);
		if (start < 0)
			break; /* ENXIO: a hole up to the end */
		end = lseek(source, start, SEEK_HOLE);
		if (end < 0)
			return RTErrConvertFromErrno(errno);
		status = copy_all(&(struct copy){.source = source,
						 .destination = destination,
						 .source_at = start,
						 .destination_at = start,
						 .left = (uint64_t)(end - start)});
		start = end;
	}
	if (start < 0 && errno != ENXIO)
		return RTErrConvertFromErrno(errno);
	return VBOX_SUCCESS(status) ? RTFileSetSize(destination, (uint64_t)size) : status;
}

static int32_t copy_to_new(int source, int destination_root, const char *destination)
{
	enum rt_file_action action;
	struct stat info, made;
	int file;
	int32_t status = RTFileQueryInfo(source, &info);

	if (VBOX_SUCCESS(status) && !S_ISREG(info.st_mode))
		status = VERR_IS_A_DIRECTORY;
	if (VBOX_SUCCESS(status))
		status = RTFileOpen(destination_root, destination, O_WRONLY | O_CREAT | O_EXCL,
				    info.st_mode & 0777, &file, &action, &made);
	if (VBOX_FAILURE(status))
		return status;
	status = copy_contents(source, file, info.st_size);
	rt_parent_check_again();
	RTFileClose(file);
	if (VBOX_FAILURE(status))
		RTFileDelete(destination_root, destination);
	return status;
}

HOP int32_t RTFileCopy(int source_root, const char *source, int destination_root,
		       const char *destination)
{
	enum rt_file_action action;
	struct stat info;
	int file;
	int32_t status = RTPathQueryInfo(source_root, source, true, &info);

	/* Opening alone may have effects. */
	if (VBOX_SUCCESS(status) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
		status = VERR_ACCESS_DENIED;
	if (VBOX_SUCCESS(status))
		status = RTFileOpen(source_root, source, O_RDONLY, 0, &file, &action, &info);
	if (VBOX_FAILURE(status))
		return status;
	status = copy_to_new(file, destination_root, destination);
	RTFileClose(file);
	return status;
}
