/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host process that swaps a directory for a link out of the share and back while a
 * guest works beneath it. SF_RACE_ROUNDS: how often the guest tries; 100 000, or 1 000 000
 * with SFTRACE_SOAK.
 */
#include <pthread.h>

#include "service_guest.h"

TestSuite(service_race, .fini = driver_finish);

#define SECRET "gold"
#define DEFAULT_ROUNDS 100000
#define SOAK_ROUNDS 1000000

static volatile bool racing;
static unsigned long done, refused;

static void *swap_directory(void *unused)
{
	char inside[4400], link[4400];
	unsigned random = 1;

	(void)unused;
	strcpy(inside, host_path("rw/deep"));
	strcpy(link, host_path("rw/vault"));
	while (racing) {
		renameat2(AT_FDCWD, inside, AT_FDCWD, link, RENAME_EXCHANGE);
		random = random * 1103515245u + 12345u;
		if (random >> 30 == 0) /* now and then long enough for the service to trust it */
			usleep((random >> 16) % 300);
	}
	return NULL;
}

static void start(void)
{
	guest_start();
	mkdir(host_path("rw/deep"), 0755);
	mkdir(host_path("rw/deep/er"), 0755);
	mkdir(host_path("vault"), 0755);
	mkdir(host_path("vault/er"), 0755);
	host_file("vault/" SECRET, SECRET);
	host_file("vault/er/" SECRET, SECRET);
	cr_assert_eq(symlink("../vault", host_path("rw/vault")), 0);
}

static void count(bool worked)
{
	if (worked)
		done++;
	else
		refused++;
}

static void open_and_write(const char *path)
{
	SHFLCREATEPARMS made;
	char data[16] = "";
	int32_t status = create(guest, rw, path, OPEN_OR_CREATE | RW, &made);

	count(status == VINF_SUCCESS && made.Handle != SHFL_HANDLE_NIL);
	if (status != VINF_SUCCESS || made.Handle == SHFL_HANDLE_NIL)
		return;
	read_at(guest, rw, made.Handle, 0, data, sizeof(data) - 1);
	cr_assert_neq(strcmp(data, SECRET), 0, "read from outside");
	write_at(guest, rw, made.Handle, 0, "lead", 4);
	close_handle(guest, rw, made.Handle);
}

static void list_directory(const char *path)
{
	uint8_t buffer[4096];
	struct entry entries[32];
	SHFLCREATEPARMS made;
	int32_t status = create(guest, rw, path, OPEN_OLD | SHFL_CF_DIRECTORY, &made);
	unsigned n;

	count(status == VINF_SUCCESS);
	if (status != VINF_SUCCESS)
		return;
	list(guest, rw, made.Handle, 0, NULL, buffer, sizeof(buffer));
	n = entries_of(buffer, parms[3].u.uint32, entries, 32);
	for (unsigned i = 0; i < n; i++)
		cr_assert_neq(strcmp(entries[i].name, SECRET), 0, "listed outside");
	close_handle(guest, rw, made.Handle);
}

static void look(const char *path)
{
	SHFLCREATEPARMS made;

	if (lookup(guest, rw, path, &made) == VINF_SUCCESS && made.Result == SHFL_FILE_EXISTS)
		cr_assert_fail("%s found outside", path);
}

static void one_round(unsigned long round)
{
	SHFLCREATEPARMS made;

	switch (round % 8) {
	case 0:
		open_and_write("/deep/f");
		break;
	case 1:
		open_and_write("/deep/er/f");
		break;
	case 2:
		look("/deep/" SECRET);
		look("/deep/er/" SECRET);
		break;
	case 3:
		count(CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/deep/f"), str8("/deep/er/g"),
			   P32(5)) == VINF_SUCCESS);
		break;
	case 4:
		CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/deep/" SECRET), str8("/stolen"),
		     P32(5));
		CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/deep/er/" SECRET), P32(1));
		break;
	case 5:
		list_directory("/deep");
		list_directory("/deep/er");
		break;
	case 6:
		count(create(guest, rw, "/deep/er/d", CREATE_NEW | SHFL_CF_DIRECTORY, &made) ==
		      VINF_SUCCESS);
		close_handle(guest, rw, made.Handle);
		CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/deep/er/d"), P32(2));
		break;
	default:
		count(CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/deep/er/g"), P32(1)) ==
		      VINF_SUCCESS);
		CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/deep/f"), P32(1));
	}
}

static void expect_only(const char *dir, const char *const names[], unsigned n)
{
	DIR *stream = opendir(host_path(dir));
	struct dirent *entry;
	unsigned found = 0;

	while ((entry = readdir(stream))) {
		bool known = entry->d_name[0] == '.';

		for (unsigned i = 0; i < n; i++)
			known |= !strcmp(entry->d_name, names[i]);
		cr_expect(known, "%s/%s came in from the race", dir, entry->d_name);
		found += entry->d_name[0] != '.';
	}
	cr_expect_eq(found, n, "%s: something is gone", dir);
	closedir(stream);
}

Test(service_race, beneath_a_swapped_directory, .init = start, .timeout = 1400)
{
	static const char *const top[] = {SECRET, "er"}, *const below[] = {SECRET};
	const char *wanted = getenv("SF_RACE_ROUNDS");
	unsigned long usual = getenv("SFTRACE_SOAK") ? SOAK_ROUNDS : DEFAULT_ROUNDS;
	unsigned long rounds = wanted ? strtoul(wanted, NULL, 10) : usual;
	pthread_t thread;
	char data[16];

	racing = true;
	cr_assert_eq(pthread_create(&thread, NULL, swap_directory, NULL), 0);
	for (unsigned long round = 0; round < rounds; round++)
		one_round(round);
	racing = false;
	pthread_join(thread, NULL);
	fprintf(stderr, "race: %lu rounds, %lu done, %lu refused\n", rounds, done, refused);
	cr_expect(done && refused, "no race");
	expect_only("vault", top, 2);
	expect_only("vault/er", below, 1);
	host_read("vault/" SECRET, data, sizeof(data));
	cr_expect_str_eq(data, SECRET);
	host_read("vault/er/" SECRET, data, sizeof(data));
	cr_expect_str_eq(data, SECRET);
}
