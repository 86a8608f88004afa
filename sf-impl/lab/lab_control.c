/* SPDX-License-Identifier: GPL-2.0-or-later */
/* booted | exit STDOUT-BYTES STDERR-BYTES STATUS | fail STDOUT-BYTES STDERR-BYTES TEXT */
#include "lab_control.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number, then a space (skipped) or the end. */
static int take_number(const char **cursor, uint64_t *ret_number)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)**cursor))
		return -EPROTO;
	errno = 0;
	number = strtoull(*cursor, &end, 10);
	if (errno || (*end && *end != ' '))
		return -EPROTO;
	*cursor = end + (*end == ' ');
	*ret_number = number;
	return 0;
}

static int take_word(const char **cursor, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*cursor, word, length))
		return -EPROTO;
	*cursor += length;
	return 0;
}

static int take_status(const char *cursor, int *ret_status)
{
	uint64_t status;

	if (take_number(&cursor, &status) || *cursor || status > 255)
		return -EPROTO;
	*ret_status = (int)status;
	return 0;
}

int lab_message_parse(struct lab_message *message, const char *line)
{
	const char *cursor = line;

	*message = (struct lab_message){.kind = LAB_MESSAGE_BOOTED};
	if (!strcmp(line, "booted"))
		return 0;
	if (!take_word(&cursor, "exit "))
		message->kind = LAB_MESSAGE_EXIT;
	else if (!take_word(&cursor, "fail "))
		message->kind = LAB_MESSAGE_FAIL;
	else
		return -EPROTO;
	if (take_number(&cursor, &message->stdout_bytes) ||
	    take_number(&cursor, &message->stderr_bytes))
		return -EPROTO;
	message->text = cursor;
	return message->kind == LAB_MESSAGE_EXIT ? take_status(cursor, &message->status) : 0;
}
