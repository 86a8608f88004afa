/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port writes in pieces of code. */
#include "../../tracer/port_write.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(port_write, found)
{
	/* add eax, edx; out dx, eax; mfence; mov eax, [rbx + 12] */
	static const uint8_t code[] = {0x01, 0xd0, 0xef, 0x0f, 0xae, 0xf0, 0x8b, 0x43, 0x0c};
	struct port_write found;

	cr_assert_eq(port_write_find(code, sizeof(code), &found), 0);
	cr_assert_eq(found.before, 2);
	cr_assert_eq(found.after, 3);
}

Test(port_write, the_first_of_two)
{
	static const uint8_t code[] = {0xef, 0x0f, 0xae, 0xf0, 0xef, 0x0f, 0xae, 0xf0};
	struct port_write found;

	cr_assert_eq(port_write_find(code, sizeof(code), &found), 0);
	cr_assert_eq(found.before, 0);
}

Test(port_write, a_byte_alone_is_none)
{
	static const uint8_t code[] = {0x05, 0xef, 0xbe, 0xad, 0xde, 0xef, 0x0f, 0xae, 0xe8};
	struct port_write found;

	cr_assert_eq(port_write_find(code, sizeof(code), &found), -ENOENT);
}

Test(port_write, cut_off)
{
	static const uint8_t code[] = {0x90, 0xef, 0x0f, 0xae, 0xf0};
	struct port_write found;

	cr_assert_eq(port_write_find(code, sizeof(code) - 1, &found), -ENOENT);
	cr_assert_eq(port_write_find(code, 0, &found), -ENOENT);
}
