/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest boots from: busybox, modules, scripts, the command. */
#ifndef LAB_INITRAMFS_H
#define LAB_INITRAMFS_H

#include "lab_guest.h"

#include <stdio.h>

/* Writes the archive to out; a negative errno with the reason in error. */
int lab_initramfs_write(const struct lab_guest *guest, FILE *out, struct lab_error *error);

#endif
