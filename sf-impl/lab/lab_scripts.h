/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's shell scripts (guest-*.sh), embedded in the program. */
#ifndef LAB_SCRIPTS_H
#define LAB_SCRIPTS_H

extern const char lab_script_init[], lab_script_init_end[];
extern const char lab_script_session[], lab_script_session_end[];
extern const char lab_script_run[], lab_script_run_end[];

#endif
