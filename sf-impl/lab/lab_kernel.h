/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the guest's kernel and the modules that it needs, as a Debian linux-image package has them.
 */
#ifndef LAB_KERNEL_H
#define LAB_KERNEL_H

#include "lab_error.h"

#include <limits.h>
#include <stddef.h>

#define LAB_MAX_MODULES 32

struct lab_kernel {
	char image[PATH_MAX];
	char modules[LAB_MAX_MODULES][PATH_MAX]; /* files, in the order of loading */
	size_t module_count;
};

/*
 * Looks in directory for boot/vmlinuz-VERSION (the newest that has modules) and its modules, those
 * left out that are built in. An unpacked boot/vmlinux-VERSION is preferred: it boots in half the
 * time. -ENOENT, with what is missing in error.
 */
int lab_kernel_find(struct lab_kernel *kernel, const char *directory, struct lab_error *error);

/*
 * Puts our own modules, files in directory, in the place of the kernel's driver of the device and
 * its file system. -ENOENT when one is missing.
 */
int lab_kernel_use_own(struct lab_kernel *kernel, const char *directory, struct lab_error *error);

#endif
