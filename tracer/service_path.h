/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which service is meant. */
#ifndef SERVICE_PATH_H
#define SERVICE_PATH_H

/*
 * The file that the user gave, or for NULL lib/sfservice.so as it was built
 * with this program. malloc'd; NULL: no memory.
 */
char *service_path(const char *given);

#endif
