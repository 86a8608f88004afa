/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols with and without suffixes, in a made-up symbol list. */
#include "../../tracer/kallsyms.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void setup(void)
{
	static const char text[] = "ffffffff81000000 T vbg_req_perform\n"
				   "0000000000000000 t plain\t[vboxsf]\n"
				   "0000000000000000 t plain.isra.0\t[vboxsf]\n"
				   "0000000000000000 t late.constprop.0\t[vboxsf]\n"
				   "0000000000000000 t late\t[vboxsf]\n"
				   "0000000000000000 t shrunk.isra.0\t[vboxsf]\n"
				   "0000000000000000 t shrunk.isra.0.cold\t[vboxsf]\n"
				   "0000000000000000 t both.constprop.0.isra.0\t[vboxsf]\n"
				   "0000000000000000 t split.part.0\t[vboxsf]\n"
				   "0000000000000000 t split.cold\t[vboxsf]\n"
				   "0000000000000000 d variable\t[vboxsf]\n"
				   "0000000000000000 t plainly\t[vboxsf]\n"
				   "0000000000000000 t VBoxGuest_mangled\t[vboxguest]\n"
				   "0000000000000000 t VBoxHost_hosted.isra.0\t[vboxguest]\n"
				   "0000000000000000 t VBoxGuest_twice\t[vboxguest]\n"
				   "0000000000000000 t twice\t[vboxguest]\n"
				   "0000000000000000 t VBoxGuest_twice\t[vboxguest]\n"
				   "0000000000000000 t VBoxGuest_\t[vboxguest]\n"
				   "0000000000000000 t VBoxGuestIDCCall\t[vboxguest]\n"
				   "rubbish\n"
				   "\n";
	int fd;

	strcpy(path, "/tmp/test_kallsyms.XXXXXX");
	fd = mkstemp(path);
	cr_assert_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
}

static void teardown(void)
{
	unlink(path);
}

TestSuite(kallsyms, .init = setup, .fini = teardown);

static void expect(const char *name, const char *found)
{
	struct kallsyms_wanted wanted = {.name = name, .found = "stale"};

	cr_assert_eq(kallsyms_find(path, &wanted, 1), 0);
	cr_assert_str_eq(wanted.found, found, "%s: %s", name, wanted.found);
}

Test(kallsyms, plain_names)
{
	expect("vbg_req_perform", "vbg_req_perform");
	expect("plain", "plain");
	expect("late", "late");
}

Test(kallsyms, suffixes_that_leave_a_function_whole)
{
	expect("shrunk", "shrunk.isra.0");
	expect("both", "both.constprop.0.isra.0");
}

Test(kallsyms, prefixes_of_the_additions)
{
	expect("mangled", "VBoxGuest_mangled");
	expect("hosted", "VBoxHost_hosted.isra.0");
	expect("twice", "twice");
	expect("VBoxGuestIDCCall", "VBoxGuestIDCCall");
	expect("IDCCall", "");
}

Test(kallsyms, parts_and_other_symbols_are_not_the_function)
{
	expect("split", "");
	expect("variable", "");
	expect("plai", "");
	expect("missing", "");
}

Test(kallsyms, variables)
{
	struct kallsyms_wanted wanted[] = {{.name = "variable", .data = true},
					   {.name = "plain", .data = true}};

	cr_assert_eq(kallsyms_find(path, wanted, 2), 0);
	cr_assert_str_eq(wanted[0].found, "variable");
	cr_assert_str_empty(wanted[1].found);
}

Test(kallsyms, several_at_once)
{
	struct kallsyms_wanted wanted[] = {
		{.name = "shrunk"}, {.name = "missing"}, {.name = "plain"}};

	cr_assert_eq(kallsyms_find(path, wanted, 3), 0);
	cr_assert_str_eq(wanted[0].found, "shrunk.isra.0");
	cr_assert_str_eq(wanted[1].found, "");
	cr_assert_str_eq(wanted[2].found, "plain");
}

Test(kallsyms, addresses)
{
	struct kallsyms_wanted wanted[] = {
		{.name = "vbg_req_perform", .address = 1},
		{.name = "plain", .address = 1},
	};

	cr_assert_eq(kallsyms_find(path, wanted, 2), 0);
	cr_assert_eq(wanted[0].address, 0xffffffff81000000);
	cr_assert_eq(wanted[1].address, 0, "hidden");
}

Test(kallsyms, no_such_file)
{
	struct kallsyms_wanted wanted = {.name = "plain"};

	cr_assert_eq(kallsyms_find("/nonexistent/kallsyms", &wanted, 1), -ENOENT);
}
