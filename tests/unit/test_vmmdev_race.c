/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest whose other processor rewrites a request while the device handles it. Each
 * call is done as one of the requests that there were, or refused: what was read from
 * one page is never written to another, and never more than was read.
 */
#include <pthread.h>
#include <stdio.h>

#include "device_fixture.h"

#define LIST_AT 60u
#define REQUEST_SIZE (LIST_AT + 8 + 8 * 4)
#define OTHER (DATA + 0x8000)
#define BYTES 0x300u
#define FEWER 0x100u
#define DEFAULT_ROUNDS 100000
#define SOAK_ROUNDS 1000000

static volatile bool racing;
static unsigned long in_data, in_other, refused;

TestSuite(vmmdev_race, .init = device_start_echo, .fini = device_stop, .timeout = 600);

/*
 * Each place of the request, its good value and others. The fixture reads byte by byte:
 * values that differ in more than one byte are bad ones however they are mixed.
 */
static void *rewrite(void *unused)
{
	static const struct {
		uint32_t at;
		uint32_t values[4];
	} places[] = {
		{REQUEST, {REQUEST_SIZE, REQUEST_SIZE, 24, 0xff000000 | REQUEST_SIZE}},
		{REQUEST + 40, {1, 1, 0, UINT32_MAX}},
		{REQUEST + 44,
		 {VMMDevHGCMParmType_PageList, VMMDevHGCMParmType_PageList,
		  VMMDevHGCMParmType_NoBouncePageList, VMMDevHGCMParmType_Embedded}},
		{REQUEST + 48, {BYTES, FEWER, BYTES, 0xff0000 | BYTES}},
		{REQUEST + 52, {LIST_AT, LIST_AT, LIST_AT, 0xff000000 | LIST_AT}},
		{REQUEST + LIST_AT + 4, {1u << 16, 1u << 16, 0, 0xffu << 16}},
		{REQUEST + LIST_AT + 8, {DATA, OTHER, DATA, OTHER}},
	};
	const unsigned n = sizeof(places) / sizeof(places[0]);
	unsigned random = 1;

	(void)unused;
	while (racing) {
		random = random * 1103515245u + 12345u;
		put32(places[(random >> 8) % n].at, places[(random >> 8) % n].values[random >> 30]);
		for (unsigned i = 0; i < n && !(random & 0xf0000); i++) /* good again */
			put32(places[i].at, places[i].values[0]);
	}
	return NULL;
}

/* How many bytes of a page have become their complement: only the first ones may have. */
static unsigned changed(uint32_t page, uint8_t before)
{
	const uint8_t after = before ^ 0xff;
	unsigned n = 0;

	while (n < BYTES && ram[page + n] == after)
		n++;
	for (unsigned i = n; i < BYTES; i++)
		cr_assert_eq(ram[page + i], before, "byte %u of page %#x is %#x", i, page,
			     ram[page + i]);
	cr_assert(n == 0 || n == FEWER || n == BYTES, "%u bytes of page %#x", n, page);
	return n;
}

static void one_round(void)
{
	unsigned first, second;
	int before = n_calls;

	memset(ram + DATA, 0x11, BYTES);
	memset(ram + OTHER, 0x22, BYTES);
	put32(REQUEST + 24, 0);
	submit();
	first = changed(DATA, 0x11);
	second = changed(OTHER, 0x22);
	cr_assert(!first || !second, "one call went to two pages");
	cr_assert_leq(n_calls - before, 1);
	in_data += first > 0;
	in_other += second > 0;
	refused += !first && !second;
}

Test(vmmdev_race, request_rewritten_meanwhile)
{
	unsigned long rounds = getenv("SFTRACE_SOAK") ? SOAK_ROUNDS : DEFAULT_ROUNDS;
	pthread_t thread;

	call_begin(ECHO_FN_COMPLEMENT, 1, REQUEST_SIZE);
	parm_pages(0, VMMDevHGCMParmType_PageList, BYTES, LIST_AT);
	page_list(LIST_AT, 3, 0, 1, DATA, 0, 0, 0);
	racing = true;
	cr_assert_eq(pthread_create(&thread, NULL, rewrite, NULL), 0);
	for (unsigned long round = 0; round < rounds; round++)
		one_round();
	racing = false;
	pthread_join(thread, NULL);
	fprintf(stderr, "double fetch: %lu rounds, %lu and %lu in either page, %lu refused\n",
		rounds, in_data, in_other, refused);
	cr_expect(in_data && in_other && refused, "no race");
}
