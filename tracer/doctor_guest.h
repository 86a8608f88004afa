/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What "sftrace doctor" says of the kernel that it runs on as a guest's. */
#ifndef DOCTOR_GUEST_H
#define DOCTOR_GUEST_H

/*
 * Prints the hops of the guest's profiles that this kernel has: where they are,
 * what their first instruction is and what a probe there costs, or why there
 * can be none. Of a kernel without drivers for shared folders it says so.
 */
void doctor_guest_print(void);

#endif
