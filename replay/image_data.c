/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Contents of files, as far as they were read before they were written. They
 * are staged under the object's number, because its name and place before the
 * trace may be known only at the end.
 */
#include "image_model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define STAGED_NAME_SIZE 24

static void staged_name(char name[STAGED_NAME_SIZE], const struct image_object *object)
{
	snprintf(name, STAGED_NAME_SIZE, "%llu", (unsigned long long)object->id);
}

static int data_open(struct image *image, const struct image_object *object)
{
	char name[STAGED_NAME_SIZE];
	int fd;

	if (image->data_fd >= 0 && image->data_id == object->id)
		return image->data_fd;
	staged_name(name, object);
	fd = openat(image->stage_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (image->data_fd >= 0)
		close(image->data_fd);
	image->data_fd = fd;
	image->data_id = object->id;
	return fd;
}

static int data_write(int fd, const uint8_t *data, size_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= n;
		offset += n;
	}
	return 0;
}

/* An offset that no file here can have is the trace's fault, all else is ours. */
static void data_failed(struct image *image, int error)
{
	if (error == -EFBIG || error == -EINVAL)
		image->result->unbuilt++;
	else if (!image->error)
		image->error = error;
}

static void data_stage(struct image *image, struct image_object *object, uint64_t start,
		       const uint8_t *data, struct range gap)
{
	int fd = data_open(image, object);
	int ret = fd;

	if (fd >= 0)
		ret = data_write(fd, data + (gap.start - start), gap.end - gap.start, gap.start);
	if (ret < 0) {
		data_failed(image, ret);
		return;
	}
	object->has_data = true;
	object->staged += (int64_t)(gap.end - gap.start);
}

void image_data_read(struct image *image, struct image_object *object, uint64_t start,
		     const struct payload *payload, uint32_t count)
{
	uint64_t end = start + (count < payload->captured ? count : payload->captured);
	struct range gap;

	if (!object->initial || !payload->data || end > INT64_MAX || end < start)
		return;
	while (ranges_gap(&object->told, start, end, &gap)) {
		data_stage(image, object, start, payload->data, gap);
		if (ranges_add(&object->told, gap.start, gap.end) < 0) {
			image->error = -ENOMEM;
			return;
		}
	}
}

int image_data_place(struct image *image, const struct image_object *object, int directory_fd,
		     const char *name)
{
	char staged[STAGED_NAME_SIZE];

	staged_name(staged, object);
	return renameat(image->stage_fd, staged, directory_fd, name) < 0 ? -errno : 0;
}

void image_data_drop(struct image *image, const struct image_object *object)
{
	char staged[STAGED_NAME_SIZE];

	staged_name(staged, object);
	unlinkat(image->stage_fd, staged, 0);
}
