/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be found out about a service without symbols: it is loaded as a host
 * would load it, in a process of its own that may crash or hang, and what it
 * says and keeps is looked at.
 */
#ifndef SURVEY_H
#define SURVEY_H

#include <stdint.h>

/* Addresses as linked. */
struct survey {
	uint64_t call, connect, disconnect, host_call; /* 0: the service has none */
	uint64_t helpers; /* of the variable that holds the address of the host's helpers */
};

/* 0, or negative errno and *ret_message (malloc'd): what the service did instead. */
int survey_make(const char *service, struct survey *ret, char **ret_message);

#endif
