/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the files that the model knows of. Every step is one name in an open
 * directory and follows no link, and names were checked when the model took
 * them: nothing can lead out of the scratch directory.
 */
#include "image_model.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_FILE_MODE 0644
#define IMAGE_DIRECTORY_MODE 0755
#define IMAGE_NSEC_PER_SEC 1000000000ll
#define IMAGE_PLACEHOLDER "sftrace-replay-something" /* in a directory that was not empty */

static mode_t build_mode(const struct image_object *object, mode_t otherwise)
{
	return object->known & IMAGE_MODE ? object->mode : otherwise;
}

static struct timespec build_time(int64_t ns)
{
	struct timespec time = {.tv_sec = ns / IMAGE_NSEC_PER_SEC,
				.tv_nsec = ns % IMAGE_NSEC_PER_SEC};

	if (time.tv_nsec < 0) {
		time.tv_sec--;
		time.tv_nsec += IMAGE_NSEC_PER_SEC;
	}
	return time;
}

/* Mode and time come last: what else is done would change or need them. */
static int build_attributes(int fd, const struct image_object *object, mode_t otherwise)
{
	const struct timespec times[2] = {
		build_time(object->access_ns),
		build_time(object->time_ns),
	};

	if (fchmod(fd, build_mode(object, otherwise)) < 0)
		return -errno;
	if (!(object->known & IMAGE_TIME))
		return 0;
	return futimens(fd, times) < 0 ? -errno : 0;
}

static int build_file(struct image *image, const struct image_object *object, int at,
		      const char *name)
{
	int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC | (object->has_data ? 0 : O_CREAT | O_EXCL);
	int ret = 0, fd;

	if (object->has_data)
		ret = image_data_place(image, object, at, name);
	if (ret < 0)
		return ret;
	fd = openat(at, name, flags, 0600);
	if (fd < 0)
		return -errno;
	if ((object->known & IMAGE_SIZE) && ftruncate(fd, object->size) < 0)
		ret = -errno;
	if (!ret)
		ret = build_attributes(fd, object, IMAGE_FILE_MODE);
	close(fd);
	return ret;
}

/* A link whose text nobody read has at least the right length. */
static int build_link(const struct image_object *object, int at, const char *name)
{
	char text[PATH_MAX];
	size_t length = 1;

	if (object->known & IMAGE_TEXT)
		return symlinkat(object->text, at, name) < 0 ? -errno : 0;
	if ((object->known & IMAGE_SIZE) && object->size > 0 && object->size < PATH_MAX)
		length = object->size;
	memset(text, 'x', length);
	text[length] = '\0';
	return symlinkat(text, at, name) < 0 ? -errno : 0;
}

static int build_node(const struct image_object *object, int at, const char *name)
{
	mode_t type = object->type == RTFS_TYPE_FIFO ? S_IFIFO : S_IFSOCK;

	return mknodat(at, name, type | build_mode(object, IMAGE_FILE_MODE), 0) < 0 ? -errno : 0;
}

static int build_object(struct image *image, struct image_object *object, int at, const char *name);

static int build_entries(struct image *image, const struct image_object *directory, int fd)
{
	int64_t before = image->result->built;

	for (size_t i = 0; i < directory->n_buckets; i++) {
		const struct image_entry *entry = directory->buckets[i];

		for (; entry; entry = entry->next) {
			int ret = 0;

			if (entry->initial)
				ret = build_object(image, entry->initial, fd, entry->name);
			if (ret < 0)
				return ret;
		}
	}
	if (directory->not_empty && before == image->result->built)
		return mkdirat(fd, IMAGE_PLACEHOLDER, IMAGE_DIRECTORY_MODE) < 0 ? -errno : 0;
	return 0;
}

static int build_contents(struct image *image, const struct image_object *object, int at,
			  const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = build_entries(image, object, fd);
	if (!ret)
		ret = build_attributes(fd, object, IMAGE_DIRECTORY_MODE);
	close(fd);
	return ret;
}

static int build_directory(struct image *image, const struct image_object *object, int at,
			   const char *name)
{
	if (mkdirat(at, name, 0700) < 0)
		return -errno;
	return build_contents(image, object, at, name);
}

/* What only its surroundings tell: a directory if something was in it, else a file. */
static uint32_t build_type(const struct image_object *object)
{
	if (object->type)
		return object->type;
	return object->n_entries > 0 ? RTFS_TYPE_DIRECTORY : RTFS_TYPE_FILE;
}

static int build_one(struct image *image, const struct image_object *object, int at,
		     const char *name)
{
	switch (build_type(object)) {
	case RTFS_TYPE_FILE:
		return build_file(image, object, at, name);
	case RTFS_TYPE_DIRECTORY:
		return build_directory(image, object, at, name);
	case RTFS_TYPE_SYMLINK:
		return build_link(object, at, name);
	case RTFS_TYPE_FIFO:
	case RTFS_TYPE_SOCKET:
		return build_node(object, at, name);
	default: /* devices are not made up for anybody */
		return -EFBIG;
	}
}

static int build_object(struct image *image, struct image_object *object, int at, const char *name)
{
	int ret = build_one(image, object, at, name);

	if (ret == 0) {
		image->result->built++;
		return 0;
	}
	if (ret != -EFBIG && ret != -EINVAL && ret != -ENAMETOOLONG)
		return ret;
	object->unbuilt = true;
	image->result->unbuilt++;
	return 0;
}

int image_build(struct image *image)
{
	for (size_t i = 0; i < image->n_volumes; i++) {
		const struct image_volume *volume = &image->volumes[i];
		int ret = 0;

		if (!volume->real)
			ret = build_contents(image, volume->root->initial, AT_FDCWD, volume->path);
		if (ret < 0)
			return ret;
	}
	return 0;
}
