/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command, as a script for the guest's shell. */
#ifndef LAB_COMMAND_H
#define LAB_COMMAND_H

#include "lab_options.h"

/* Exports the variables that the command gets, and replaces the shell with it. */
void lab_command_write(FILE *out, const struct lab_options *options);

#endif
