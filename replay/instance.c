/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See instance.h. A copy is a file without a name. */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

static int instance_copy_bytes(int from, int to)
{
	ssize_t n;

	do
		n = sendfile(to, from, NULL, 1 << 20);
	while (n > 0);
	return n < 0 ? -errno : 0;
}

/* A descriptor of the copy, or negative errno. */
static int instance_copy(const char *file)
{
	int from = open(file, O_RDONLY | O_CLOEXEC);
	int to = from < 0 ? -1 : memfd_create("sftrace-service", MFD_CLOEXEC);
	int status = to < 0 ? -errno : instance_copy_bytes(from, to);

	if (from >= 0)
		close(from);
	if (status < 0 && to >= 0)
		close(to);
	return status < 0 ? status : to;
}

static int instance_load_copy(struct instance *instance, const char *file, char **ret_message)
{
	char name[64];

	instance->copy_fd = instance_copy(file);
	if (instance->copy_fd < 0) {
		if (asprintf(ret_message, "cannot load %s once more: %s", file,
			     strerror(-instance->copy_fd)) < 0)
			*ret_message = NULL;
		return instance->copy_fd;
	}
	snprintf(name, sizeof(name), "/proc/thread-self/fd/%d", instance->copy_fd);
	return hgcm_service_load(name, &instance->service, ret_message);
}

static void instance_free(struct instance *instance)
{
	if (instance->service)
		hgcm_service_unload(instance->service);
	if (instance->copy_fd >= 0)
		close(instance->copy_fd);
	free(instance);
}

static int instance_new(struct instance **list, const char *file, uint32_t process,
			struct instance **ret, char **ret_message)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	int status;

	if (!instance)
		return -ENOMEM;
	instance->process = process;
	instance->copy_fd = -1;
	status = *list ? instance_load_copy(instance, file, ret_message)
		       : hgcm_service_load(file, &instance->service, ret_message);
	if (status < 0) {
		instance_free(instance);
		return status;
	}
	instance->next = *list;
	*list = instance;
	*ret = instance;
	return 0;
}

int instance_get(struct instance **list, const char *file, uint32_t process, struct instance **ret,
		 char **ret_message)
{
	struct instance *instance = *list;

	while (instance && instance->process && instance->process != process)
		instance = instance->next;
	if (!instance)
		return instance_new(list, file, process, ret, ret_message);
	if (instance->process != process) { /* the first event that says whose the service is */
		instance->process = process;
		instance->prepared = false;
	}
	*ret = instance;
	return 0;
}

void instances_unload(struct instance **list)
{
	while (*list) {
		struct instance *next = (*list)->next;

		instance_free(*list);
		*list = next;
	}
}
