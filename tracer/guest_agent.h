/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent that "sftrace record --side guest" runs when it is in the guest itself. */
#ifndef GUEST_AGENT_H
#define GUEST_AGENT_H

#include <stdbool.h>

#include "record_options.h"

/* Whether this machine is such a guest: it has the VMMDev device. */
bool guest_agent_can_be_here(void);

/* A command for the shell that runs the agent on its standard streams; malloc'd, or NULL. */
char *guest_agent_command(const struct record_options *options);

#endif
