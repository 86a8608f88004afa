/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shared object that is no HGCM service. */
int bad_no_entry;
