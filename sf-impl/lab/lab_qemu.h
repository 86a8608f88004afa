/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line that starts the guest. */
#ifndef LAB_QEMU_H
#define LAB_QEMU_H

#include "lab_guest.h"

struct lab_argv {
	char **words; /* NULL-terminated */
	size_t count;
};

/* QEMU's command line, behind sf-host's if there are shares; -ENOMEM. */
int lab_qemu_command(struct lab_argv *argv, const struct lab_guest *guest);

void lab_argv_free(struct lab_argv *argv);

#endif
