/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks at a QEMU command line for what cannot work with the device. */
#ifndef QEMU_ARGS_H
#define QEMU_ARGS_H

/*
 * The machine must have one virtual CPU, and RAM that another process can map
 * (spec/qemu-device.md). argv ends with NULL. Returns 0, or -EINVAL and a
 * message to free() that says what to change.
 */
int qemu_args_check(char *const argv[], char **ret_message);

#endif
