/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "sftrace doctor", the guest's side: see doctor_guest.h. */
#include "doctor_guest.h"

#include "guest_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a function begins with decides how the kernel gets into it. */
static const char *cost_of(const struct guest_site *site)
{
	static const uint8_t nop[] = {0x0f, 0x1f, 0x44}, call = 0xe8;

	if (!memcmp(site->code, nop, sizeof(nop)) || site->code[0] == call)
		return "ftrace, 1.65 us a call with its return";
	return "breakpoint";
}

static void site_print(const struct guest_site *site)
{
	printf("  %-30s ", site->name);
	if (!site->symbol[0]) {
		puts("no such symbol: not in this driver, or inlined");
		return;
	}
	printf("0x%-16llx ", (unsigned long long)site->address);
	if (site->inlined) {
		printf("inlined in %s: at its port write\n", site->symbol);
		return;
	}
	if (!site->has_code) {
		puts("its code cannot be read");
		return;
	}
	for (int i = 0; i < 5; i++)
		printf("%02x ", site->code[i]);
	printf(" %s%s%s\n", cost_of(site), strcmp(site->symbol, site->name) ? ", as " : "",
	       strcmp(site->symbol, site->name) ? site->symbol : "");
}

void doctor_guest_print(void)
{
	struct guest_survey survey = {0};
	char *message = NULL;
	int error = guest_probe_survey(&survey, &message);

	if (error) {
		printf("\nGuest\n  %s\n", message ? message : strerror(-error));
		free(message);
		return;
	}
	printf("\nGuest, profile %s\n  %-30s %-18s %-15s %s\n", survey.profiles, "hop", "address",
	       "first bytes", "probe");
	for (size_t i = 0; i < survey.n; i++)
		site_print(&survey.sites[i]);
	guest_survey_free(&survey);
}
