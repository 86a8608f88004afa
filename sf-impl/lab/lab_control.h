/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines that the guest sends over its control port. */
#ifndef LAB_CONTROL_H
#define LAB_CONTROL_H

#include <stdint.h>

enum lab_message_kind {
	LAB_MESSAGE_BOOTED, /* the guest's session begins */
	LAB_MESSAGE_EXIT, /* the command ended with status */
	LAB_MESSAGE_FAIL, /* it could not be run, text says why */
};

struct lab_message {
	enum lab_message_kind kind;
	uint64_t stdout_bytes; /* what the guest has sent on each stream, all told */
	uint64_t stderr_bytes;
	int status;
	const char *text; /* within line */
};

/* Takes one line without its newline apart; -EPROTO if it is none of them. */
int lab_message_parse(struct lab_message *message, const char *line);

#endif
