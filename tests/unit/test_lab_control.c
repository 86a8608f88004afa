/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's control messages, good and bad. */
#include "lab_control.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct lab_message message;

Test(lab_control, booted)
{
	cr_assert_eq(lab_message_parse(&message, "booted"), 0);
	cr_assert_eq(message.kind, LAB_MESSAGE_BOOTED);
}

Test(lab_control, exit_status)
{
	cr_assert_eq(lab_message_parse(&message, "exit 18446744073709551615 7 143"), 0);
	cr_assert_eq(message.kind, LAB_MESSAGE_EXIT);
	cr_assert_eq(message.stdout_bytes, UINT64_MAX);
	cr_assert_eq(message.stderr_bytes, 7);
	cr_assert_eq(message.status, 143);
}

Test(lab_control, failure)
{
	cr_assert_eq(lab_message_parse(&message, "fail 1 2 cannot mount: 3 reasons"), 0);
	cr_assert_eq(message.kind, LAB_MESSAGE_FAIL);
	cr_assert_eq(message.stdout_bytes, 1);
	cr_assert_eq(message.stderr_bytes, 2);
	cr_assert_str_eq(message.text, "cannot mount: 3 reasons");
}

Test(lab_control, nonsense)
{
	static const char *const lines[] = {
		"",
		"boot",
		"booted ",
		"booted 1",
		"exit",
		"exit ",
		"exit 1",
		"exit 1 2",
		"exit 1 2 ",
		"exit 1 2 256",
		"exit 1 2 -1",
		"exit 1 2 3 4",
		"exit 1 2 3x",
		"exit -1 2 3",
		"exit x 2 3",
		"exit  1 2 3",
		"exit 18446744073709551616 2 3",
		"exit +1 2 3",
		"EXIT 1 2 3",
		"exit1 2 3",
		"fail",
		"fail 1",
		"fail a b text",
		"fail text",
		"exit 1\t2 3",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_expect_eq(lab_message_parse(&message, lines[i]), -EPROTO, "'%s'", lines[i]);
}
