/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service: a guest that wants out of its share, or into another client's. */
#include <pthread.h>

#include "service_driver.h"

TestSuite(service_escape, .fini = driver_finish);

#define LAST_ESCAPE (sizeof(escapes) / sizeof(escapes[0]))

static struct client *linux_guest, *windows_guest;
static uint32_t rw;

/*
 * Beside the share lies a file "secret" and a directory "vault" with a file; the
 * share has links to both of every kind.
 */
static const struct {
	const char *name, *target; /* target "%s": the test's directory, absolute */
} escapes[] = {
	{"rel", "../secret"},
	{"abs", "%s/secret"},
	{"vault", "../vault"},
	{"abs-vault", "%s/vault"},
	{"deep/rel", "../../secret"},
	{"chain", "deep/rel"},
	{"chain2", "chain"},
	{"up", ".."},
	{"round", "../rw/../secret"},
	{"other", "../plain/file"},
	{"magic", "/proc/self/root/etc/passwd"},
};

static void start(void)
{
	char target[256];

	driver_start();
	host_file("secret", "secret");
	mkdir(host_path("vault"), 0755);
	host_file("vault/gold", "gold");
	host_file("plain/file", "of another share");
	mkdir(host_path("rw/deep"), 0755);
	host_file("rw/inside", "inside");
	for (unsigned i = 0; i < LAST_ESCAPE; i++) {
		char link[64];

		snprintf(target, sizeof(target), escapes[i].target[0] == '%' ? "%s%s" : "%s",
			 escapes[i].target[0] == '%' ? driver_dir : escapes[i].target,
			 escapes[i].target[0] == '%' ? escapes[i].target + 2 : "");
		snprintf(link, sizeof(link), "rw/%s", escapes[i].name);
		cr_assert_eq(symlink(target, host_path(link)), 0);
	}
	linux_guest = linux_client(true);
	windows_guest = linux_client(false);
	rw = map_share(linux_guest, "rw");
	map_share(windows_guest, "rw");
}

static void expect_untouched(const char *what)
{
	char data[32];

	host_read("secret", data, sizeof(data));
	cr_expect_str_eq(data, "secret", "%s", what);
	host_read("vault/gold", data, sizeof(data));
	cr_expect_str_eq(data, "gold", "%s", what);
	host_read("plain/file", data, sizeof(data));
	cr_expect_str_eq(data, "of another share", "%s", what);
}

static void expect_refused(struct client *client, const char *path)
{
	static const uint32_t flags[] = {
		OPEN_OLD | RW,	OPEN_OLD | SHFL_CF_ACCESS_READ, OPEN_OR_CREATE | RW,
		OVERWRITE | RW, OPEN_OLD | SHFL_CF_DIRECTORY,	OPEN_OR_CREATE | SHFL_CF_DIRECTORY,
	};
	SHFLCREATEPARMS made;

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		cr_expect_eq(create(client, rw, path, flags[i], &made), VERR_ACCESS_DENIED,
			     "%s with flags %#x: result %d", path, flags[i], made.Result);
		cr_expect_eq(made.Handle, SHFL_HANDLE_NIL);
	}
}

Test(service_escape, opening_through_links, .init = start)
{
	static const char *const below[] = {"/vault/gold", "/abs-vault/gold", "/up/secret",
					    "/up/vault/gold", "/up/rw/inside"};
	char path[64];

	for (unsigned i = 0; i < LAST_ESCAPE; i++) {
		snprintf(path, sizeof(path), "/%s", escapes[i].name);
		expect_refused(linux_guest, path);
		expect_refused(windows_guest, path);
	}
	for (unsigned i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		expect_refused(linux_guest, below[i]);
		expect_refused(windows_guest, below[i]);
	}
	expect_untouched("open");
}

/* A client that follows learns nothing; one that does not sees the link itself. */
Test(service_escape, looking_through_links, .init = start)
{
	SHFLCREATEPARMS made;
	char path[64];

	for (unsigned i = 0; i < LAST_ESCAPE; i++) {
		snprintf(path, sizeof(path), "/%s", escapes[i].name);
		cr_expect_eq(lookup(windows_guest, rw, path, &made), VERR_ACCESS_DENIED, "%s",
			     path);
		cr_expect_eq(made.Info.cbObject, 0);
		cr_expect_eq(lookup(linux_guest, rw, path, &made), VINF_SUCCESS, "%s", path);
		cr_expect_eq(made.Info.Attr.fMode & RTFS_TYPE_MASK, RTFS_TYPE_SYMLINK, "%s", path);
		snprintf(path, sizeof(path), "/%s/", escapes[i].name);
		cr_expect_eq(lookup(linux_guest, rw, path, &made), VERR_ACCESS_DENIED, "%s", path);
	}
	cr_expect_eq(lookup(linux_guest, rw, "/vault/gold", &made), VERR_ACCESS_DENIED);
	cr_expect_eq(lookup(linux_guest, rw, "/vault/none", &made), VERR_ACCESS_DENIED,
		     "whether there is something cannot be told");
}

Test(service_escape, changing_through_links, .init = start)
{
	SHFLFSOBJINFO info;
	SHFLCREATEPARMS made;
	char text[64];

	for (unsigned i = 0; i < 2; i++) {
		struct client *guest = i ? windows_guest : linux_guest;

		cr_expect_eq(CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/vault/gold"), P32(1)),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(CALL(guest, SHFL_FN_REMOVE, P32(rw), str8("/vault/"), P32(2)),
			     VERR_NOT_A_DIRECTORY);
		cr_expect_eq(CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/vault/gold"), str8("/x"),
				  P32(1)),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/inside"),
				  str8("/vault/gold"), P32(5)),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(CALL(guest, SHFL_FN_RENAME, P32(rw), str8("/inside"),
				  str8("/up/inside"), P32(1)),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(CALL(guest, SHFL_FN_SYMLINK, P32(rw), str8("/vault/l"), str8("x"),
				  PBUF(&info, sizeof(info))),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(CALL(guest, SHFL_FN_COPY_FILE, P32(rw), str8("/rel"), P32(rw),
				  str8("/x"), P32(0)),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(CALL(guest, SHFL_FN_COPY_FILE, P32(rw), str8("/inside"), P32(rw),
				  str8("/vault/x"), P32(0)),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(CALL(guest, SHFL_FN_READLINK, P32(rw), str8("/up/rw/rel"),
				  PBUF(text, sizeof(text))),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(create(guest, rw, "/vault/d", CREATE_NEW | SHFL_CF_DIRECTORY, &made),
			     VERR_ACCESS_DENIED);
		cr_expect_eq(create(guest, rw, "/vault/f", CREATE_NEW | RW, &made),
			     VERR_ACCESS_DENIED);
	}
	expect_untouched("change");
	cr_expect(host_exists("rw/inside"));
	cr_expect_not(host_exists("vault/l") || host_exists("vault/x") || host_exists("vault/d") ||
		      host_exists("vault/f"));
}

/* Creating through a link to nothing makes the target, but only in the share. */
Test(service_escape, creating_through_links, .init = start)
{
	SHFLCREATEPARMS made;

	cr_assert_eq(symlink("../new", host_path("rw/to-new")), 0);
	cr_expect_eq(create(linux_guest, rw, "/to-new", OPEN_OR_CREATE | RW, &made),
		     VERR_ACCESS_DENIED);
	cr_expect_eq(create(linux_guest, rw, "/to-new", OVERWRITE | RW, &made), VERR_ACCESS_DENIED);
	cr_expect_eq(create(linux_guest, rw, "/to-new", CREATE_NEW | RW, &made), VINF_SUCCESS);
	cr_expect_eq(made.Result, SHFL_FILE_EXISTS);
	cr_expect_not(host_exists("new"));
}

/* Links that stay inside are fine, also such that pass by the root. */
Test(service_escape, links_that_stay, .init = start)
{
	SHFLCREATEPARMS made;

	cr_assert_eq(symlink("../inside", host_path("rw/deep/back")), 0);
	cr_assert_eq(symlink("loop", host_path("rw/loop")), 0);
	cr_expect_eq(lookup(windows_guest, rw, "/deep/back", &made), VINF_SUCCESS);
	cr_expect_eq(made.Info.cbObject, 6);
	cr_expect_eq(lookup(windows_guest, rw, "/loop", &made), VERR_TOO_MANY_SYMLINKS);
	cr_expect_eq(create(linux_guest, rw, "/loop", OPEN_OLD, &made), VERR_TOO_MANY_SYMLINKS);
}

Test(service_escape, lexical, .init = start)
{
	static const char *const paths[] = {
		"/..",
		"/../secret",
		"/deep/../../secret",
		"..//secret",
		"/./../vault",
		"/../rw/../vault",
		"/../rwx",
		"/../../../../../../../../etc/passwd",
	};
	SHFLCREATEPARMS made;
	char deep[5000] = "";

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		cr_expect_eq(lookup(linux_guest, rw, paths[i], &made), VERR_INVALID_NAME, "%s",
			     paths[i]);
		cr_expect_eq(create(linux_guest, rw, paths[i], OPEN_OR_CREATE | RW, &made),
			     VERR_INVALID_NAME, "%s", paths[i]);
	}
	while (strlen(deep) < 4500)
		strcat(deep, "/x");
	cr_expect_eq(lookup(linux_guest, rw, deep, &made), VERR_FILENAME_TOO_LONG);
	for (char *at = deep; (at = strchr(at, 'x'));)
		*at = '.';
	cr_expect_eq(lookup(linux_guest, rw, deep, &made), VINF_SUCCESS,
		     "long, but it is the root");
}

/* The longest string there is: must end, in a status. */
Test(service_escape, longest_strings, .init = start, .timeout = 30)
{
	static char path[65535];
	SHFLCREATEPARMS made;

	memset(path, '/', 65533);
	cr_expect_eq(lookup(linux_guest, rw, path, &made), VERR_FILENAME_TOO_LONG);
	for (unsigned i = 0; i + 3 < 65533; i += 3)
		memcpy(path + i, "../", 3);
	cr_expect_lt(lookup(linux_guest, rw, path, &made), 0);
	memset(path, 'x', 65533);
	cr_expect_eq(lookup(linux_guest, rw, path, &made), VERR_FILENAME_TOO_LONG);
}

/* A root is for clients that mapped it. */
Test(service_escape, roots_of_others, .init = start)
{
	struct client *stranger = linux_client(true);
	SHFLFSOBJINFO info;
	SHFLCREATEPARMS made;
	uint32_t plain;
	char text[64];

	plain = map_share(stranger, "plain");
	cr_expect_eq(lookup(stranger, rw, "/inside", &made), VERR_INVALID_PARAMETER);
	cr_expect_eq(create(stranger, rw, "/inside", OPEN_OLD, &made), VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(stranger, SHFL_FN_REMOVE, P32(rw), str8("/inside"), P32(1)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(stranger, SHFL_FN_RENAME, P32(rw), str8("/inside"), str8("/x"), P32(1)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(stranger, SHFL_FN_READLINK, P32(rw), str8("/rel"), PBUF(text, 64)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(stranger, SHFL_FN_SYMLINK, P32(rw), str8("/l"), str8("x"),
			  PBUF(&info, sizeof(info))),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(stranger, SHFL_FN_COPY_FILE, P32(rw), str8("/inside"), P32(plain),
			  str8("/x"), P32(0)),
		     VERR_INVALID_PARAMETER);
	cr_expect_eq(CALL(stranger, SHFL_FN_COPY_FILE, P32(plain), str8("/file"), P32(rw),
			  str8("/x"), P32(0)),
		     VERR_INVALID_PARAMETER);
	/* and no longer for one that unmapped it */
	cr_expect_eq(CALL(linux_guest, SHFL_FN_UNMAP_FOLDER, P32(rw)), VINF_SUCCESS);
	cr_expect_eq(lookup(linux_guest, rw, "/inside", &made), VERR_INVALID_PARAMETER);
}

static volatile bool racing;

/* A host process, or another guest, that swaps a directory for a link out all the time. */
static void *swap_directory(void *unused)
{
	(void)unused;
	while (racing) {
		renameat2(AT_FDCWD, host_path("rw/deep"), AT_FDCWD, host_path("rw/vault"),
			  RENAME_EXCHANGE);
	}
	return NULL;
}

Test(service_escape, races, .init = start, .timeout = 60)
{
	SHFLCREATEPARMS made;
	pthread_t thread;
	unsigned refused = 0, done = 0;

	racing = true;
	cr_assert_eq(pthread_create(&thread, NULL, swap_directory, NULL), 0);
	for (unsigned i = 0; i < 20000; i++) {
		int32_t status = create(linux_guest, rw, "/deep/gold", OVERWRITE | RW, &made);

		if (status == VINF_SUCCESS && made.Handle != SHFL_HANDLE_NIL) {
			done++;
			write_at(linux_guest, rw, made.Handle, 0, "lead", 4);
			close_handle(linux_guest, rw, made.Handle);
		} else {
			refused++;
		}
		CALL(linux_guest, SHFL_FN_REMOVE, P32(rw), str8("/deep/gold"), P32(1));
	}
	racing = false;
	pthread_join(thread, NULL);
	cr_expect(done && refused, "no race: %u done, %u refused", done, refused);
	expect_untouched("race");
}
