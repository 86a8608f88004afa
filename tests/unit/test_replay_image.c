/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state before a trace, rebuilt from its calls and compared with what was there. */
#include <errno.h>

#include "image.h"
#include "replay_tape.h"

static struct tape tape;
static struct scratch scratch;
static struct image_result image;

static void begin(void)
{
	tape_begin(&tape);
}

static void end(void)
{
	image_result_clear(&image);
	scratch_clear(&scratch);
	tape_end(&tape);
}

TestSuite(replay_image, .init = begin, .fini = end, .timeout = 60);

/* Puts files into the share, keeps a copy as "before", and mounts it. */
static void prepare(const char *commands)
{
	tape_shell("cd %s && umask 022 && %s", tape.share, commands);
	tape_shell("cp -a %s %s/before", tape.share, tape.dir);
	tape_mount(&tape);
}

/* What is said not to be known: "PATH LACKS READ/SIZE;" each. */
static char gaps[4096];

static void note_gap(void *user, const struct image_gap *gap)
{
	size_t used = strlen(gaps);

	(void)user;
	cr_assert_str_eq(gap->share, scratch.shares[0].path);
	snprintf(gaps + used, sizeof(gaps) - used, "%s %x %lld/%lld;", gap->path, gap->lacks,
		 (long long)gap->read, (long long)gap->size);
}

static void rebuild(int64_t to)
{
	const struct image_options options = {.to = to, .gap = note_gap};
	char directory[96];

	snprintf(directory, sizeof(directory), "%s/rebuilt", tape.dir);
	tape_finish(&tape);
	cr_assert_eq(scratch_create(directory, false, &scratch), 0);
	cr_assert_eq(image_rebuild(tape.trace, &options, &scratch, &image), 0);
	cr_assert_eq(image.unbuilt, 0);
	/* one share, and no staged contents are left */
	tape_shell("test \"$(ls -A %s)\" = 0-work", scratch.path);
}

/* The named files are as before, with type, mode, size, contents and time. */
static void assert_rebuilt(const char *names)
{
	tape_shell("list() { cd $1 && find %s -exec stat -c '%%n %%f %%y' {} + | grep -v ' 41ed ' |"
		   " sort; find %s -type f -exec md5sum {} + | sort; find %s -type l -printf '%%p"
		   " %%l\\n' | sort; }; (list %s/before) > %s/a; (list %s/0-work) > %s/b;"
		   " diff %s/a %s/b",
		   names, names, names, tape.dir, tape.dir, scratch.path, tape.dir, tape.dir,
		   tape.dir);
}

/* Nothing else is there but this. */
static void assert_only(const char *names)
{
	tape_shell("cd %s/0-work && test \"$(find . -mindepth 1 | sort | tr '\\n' ' ')\" = \"%s \"",
		   scratch.path, names);
}

static void read_whole(const char *path)
{
	uint64_t handle = tape_create(&tape, path, TAPE_OPEN | SHFL_CF_ACCESS_READ);

	tape_read(&tape, handle, 0, 8000, NULL);
	tape_close(&tape, handle);
}

Test(replay_image, files_that_were_read)
{
	prepare("mkdir -m 750 d && seq 1000 > d/f && chmod 604 d/f && touch -d 2001-02-03 d/f");
	tape_create(&tape, "/d", SHFL_CF_LOOKUP);
	read_whole("/d/f");
	rebuild(0);
	assert_rebuilt("d d/f");
	assert_only("./d ./d/f");
}

Test(replay_image, files_that_were_only_seen)
{
	prepare("truncate -s 5M big && touch -d 1999-01-01 big && touch -a -d 1998-01-01 big && ln "
		"-s target link && mkfifo "
		"fifo");
	tape_list(&tape, "/", TAPE_LIST_BYTES);
	TAPE_CALL(&tape, READLINK, tape_32(tape.root), tape_string("/link"),
		  tape_memory((char[100]){0}, 100));
	rebuild(0);
	tape_shell("cd %s/0-work && test \"$(stat -c %%s big)\" = 5242880 && test -p fifo",
		   scratch.path);
	assert_only("./big ./fifo ./link");
	tape_shell("test target = $(readlink %s/0-work/link)", scratch.path);
	tape_shell("test \"$(stat -c '%%X %%Y' %s/0-work/big)\" = \"$(stat -c '%%X %%Y' "
		   "%s/before/big)\"",
		   scratch.path, tape.dir);
}

/* The root's handle, but another directory in the pattern: the names are that one's. */
static void expect_names_of(const char *pattern)
{
	uint64_t handle;

	prepare("mkdir d && touch d/a d/b");
	handle = tape_create(&tape, "/", SHFL_CF_DIRECTORY | TAPE_OPEN);
	tape_list_sized(&tape, handle, pattern, TAPE_LIST_BYTES);
	tape_close(&tape, handle);
	rebuild(0);
	assert_only("./d ./d/a ./d/b");
}

Test(replay_image, a_pattern_that_ends_in_a_slash_is_a_directory)
{
	expect_names_of("/d/");
}

Test(replay_image, a_pattern_with_a_name_is_searched_for_in_its_directory)
{
	expect_names_of("/d/*");
}

Test(replay_image, a_link_that_nobody_read_has_its_length)
{
	prepare("ln -s some-target link");
	tape_create(&tape, "/link", SHFL_CF_LOOKUP);
	rebuild(0);
	tape_shell("test $(stat -c %%s %s/0-work/link) = 11", scratch.path);
}

Test(replay_image, what_the_trace_made_was_not_there)
{
	prepare("true");
	tape_close(&tape, tape_create(&tape, "/new", TAPE_NEW | TAPE_RW));
	tape_close(&tape, tape_create(&tape, "/dir", SHFL_CF_DIRECTORY));
	tape_close(&tape, tape_create(&tape, "/dir/f", TAPE_NEW | TAPE_RW));
	read_whole("/new");
	read_whole("/dir/f");
	tape_list(&tape, "/", TAPE_LIST_BYTES);
	tape_rename(&tape, "/dir", "/moved", SHFL_RENAME_DIR);
	read_whole("/moved/f");
	rebuild(0);
	cr_assert_eq(image.built, 0);
}

Test(replay_image, what_was_missing_was_not_there)
{
	prepare("true");
	tape_create(&tape, "/later", SHFL_CF_LOOKUP);
	tape_create(&tape, "/d/later", SHFL_CF_LOOKUP);
	tape_shell("touch %s/later && mkdir %s/d && touch %s/d/later", tape.share, tape.share,
		   tape.share); /* the host's doing */
	read_whole("/later");
	rebuild(0);
	cr_assert_eq(image.built, 0);
}

Test(replay_image, bytes_that_were_overwritten_first)
{
	uint64_t handle;

	prepare("seq 100 > f");
	handle = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	tape_write(&tape, handle, 10, "overwritten");
	tape_read(&tape, handle, 0, 8000, NULL);
	tape_close(&tape, handle);
	rebuild(0);
	tape_shell("cd %s && head -c 10 before/f > a && head -c 10 rebuilt/0-work/f > b &&"
		   " cmp a b && tail -c +22 before/f > a && tail -c +22 rebuilt/0-work/f > b &&"
		   " cmp a b && ! grep -q over rebuilt/0-work/f",
		   tape.dir);
}

Test(replay_image, a_file_that_was_cut_before_it_was_read)
{
	uint64_t handle;

	prepare("seq 100 > f");
	handle = tape_create(&tape, "/f", TAPE_OPEN | TAPE_RW);
	TAPE_CALL(&tape, SET_FILE_SIZE, tape_32(tape.root), tape_64(handle), tape_64(20));
	TAPE_CALL(&tape, SET_FILE_SIZE, tape_32(tape.root), tape_64(handle), tape_64(50));
	tape_read(&tape, handle, 0, 8000, NULL);
	tape_close(&tape, handle);
	rebuild(0);
	tape_shell("cd %s && head -c 20 before/f > a && head -c 20 rebuilt/0-work/f > b &&"
		   " cmp a b && test $(stat -c %%s rebuilt/0-work/f) = $(stat -c %%s before/f)",
		   tape.dir);
}

Test(replay_image, names_before_renames)
{
	prepare("mkdir -p a/b && echo 1 > a/b/f && echo 2 > g && echo 3 > h");
	tape_rename(&tape, "/a", "/z", SHFL_RENAME_DIR);
	read_whole("/z/b/f");
	tape_rename(&tape, "/g", "/h", SHFL_RENAME_FILE | SHFL_RENAME_REPLACE_IF_EXISTS);
	cr_assert_eq(tape.status, 0);
	read_whole("/h");
	rebuild(0);
	assert_rebuilt("a/b/f g");
	assert_only("./a ./a/b ./a/b/f ./g");
}

Test(replay_image, what_was_removed_was_there)
{
	prepare("mkdir d && touch d/f && ln -s x l");
	tape_remove(&tape, "/d/f", SHFL_REMOVE_FILE);
	tape_remove(&tape, "/d", SHFL_REMOVE_DIR);
	tape_remove(&tape, "/l", SHFL_REMOVE_SYMLINK);
	tape_close(&tape, tape_create(&tape, "/l", SHFL_CF_DIRECTORY));
	tape_close(&tape, tape_create(&tape, "/d", TAPE_NEW | TAPE_RW));
	rebuild(0);
	assert_only("./d ./d/f ./l");
	tape_shell("cd %s/0-work && test -d d && test -f d/f && test -L l", scratch.path);
}

Test(replay_image, a_whole_listing_tells_what_was_not_there)
{
	prepare("touch a");
	tape_list(&tape, "/", 200); /* in several calls */
	tape_shell("touch %s/b", tape.share);
	tape_create(&tape, "/b", SHFL_CF_LOOKUP);
	rebuild(0);
	assert_only("./a");
}

Test(replay_image, only_what_comes_before_the_end)
{
	int64_t to;

	prepare("touch a b");
	tape_create(&tape, "/a", SHFL_CF_LOOKUP);
	tape_create(&tape, "/b", SHFL_CF_LOOKUP);
	to = tape.last_id;
	rebuild(to);
	assert_only("./a");
}

Test(replay_image, one_directory_under_two_names)
{
	prepare("echo x > f");
	tape_add_share(&tape, "again", tape.share, 0);
	tape_create(&tape, "/f", SHFL_CF_LOOKUP);
	tape_map(&tape, "again");
	read_whole("/f");
	rebuild(0);
	assert_rebuilt("f");
}

/* Names of shares are the same in whatever case. */
Test(replay_image, a_share_mapped_under_another_case)
{
	prepare("echo x > f");
	tape_map(&tape, "WORK");
	cr_assert_eq(tape.status, 0);
	read_whole("/f");
	rebuild(0);
	cr_assert_eq(image.n_inherited, 0u);
	assert_rebuilt("f");
}

/* What a file's own line says; NULL: everything is known. */
static const char *gap_of(const char *path)
{
	static char line[256];
	char wanted[64];
	const char *at;

	snprintf(wanted, sizeof(wanted), ";%s ", path);
	memmove(gaps + 1, gaps, strlen(gaps) + 1);
	gaps[0] = ';';
	at = strstr(gaps, wanted);
	if (at)
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at + strlen(wanted), ";"),
			 at + strlen(wanted));
	memmove(gaps, gaps + 1, strlen(gaps));
	return at ? line : NULL;
}

Test(replay_image, what_is_not_known_of_files_is_told)
{
	uint64_t handle;

	prepare("printf 0123456789 > whole && printf 0123456789 > half && echo seen > seen &&"
		" echo gone > gone && ln -s half link && ln -s whole seen-link");
	read_whole("whole");
	handle = tape_create(&tape, "half", TAPE_OPEN | SHFL_CF_ACCESS_READ);
	tape_read(&tape, handle, 4, 3, NULL);
	tape_close(&tape, handle);
	tape_create(&tape, "seen", SHFL_CF_LOOKUP);
	tape_remove(&tape, "gone", SHFL_REMOVE_FILE);
	TAPE_CALL(&tape, READLINK, tape_32(tape.root), tape_string("link"),
		  tape_memory((char[64]){0}, 64));
	tape_create(&tape, "seen-link", SHFL_CF_LOOKUP);
	rebuild(0);
	cr_assert_null(gap_of("/whole"));
	cr_assert_str_eq(gap_of("/half"), "20 3/10");
	cr_assert_str_eq(gap_of("/seen"), "20 0/5");
	cr_assert_str_eq(gap_of("/gone"), "2e 0/-1");
	cr_assert_null(gap_of("/link"));
	cr_assert_str_eq(gap_of("/seen-link"), "10 0/5");
}

Test(replay_image, what_is_not_known_of_directories_is_told)
{
	prepare("mkdir listed other deep deep/er && touch listed/a deep/er/file");
	tape_list(&tape, "listed", TAPE_LIST_BYTES);
	tape_create(&tape, "other", SHFL_CF_LOOKUP);
	tape_create(&tape, "deep/er/file", SHFL_CF_LOOKUP);
	rebuild(0);
	cr_assert_null(gap_of("/listed"));
	cr_assert_null(gap_of("/listed/a"));
	cr_assert_null(gap_of("/deep/er/file"));
	cr_assert_str_eq(gap_of("/other"), "40 0/4096");
	cr_assert_str_eq(gap_of("/deep/er"), "4a 0/-1");
	cr_assert_str_eq(gap_of("/"), "4a 0/-1");
	cr_assert_eq(strncmp(gaps, "/ ", 2), 0, "not in the order of the paths: %s", gaps);
}

/* A CREATE that has seen a file of more bytes than any file system can hold. */
static void claim_huge(const char *path)
{
	struct trace_call call = tape_event(&tape, TRACE_CALL, SHFL_FN_CREATE);
	SHFLCREATEPARMS parms = {.Handle = SHFL_HANDLE_NIL, .Result = SHFL_FILE_EXISTS};
	VBOXHGCMSVCPARM text = tape_string(path);

	parms.Info.Attr.fMode = RTFS_TYPE_FILE | 0644;
	parms.Info.Attr.enmAdditional = SHFLFSOBJATTRADD_UNIX;
	parms.Info.cbObject = INT64_MAX;
	call.n_parms = 3;
	call.parms[0] = (struct trace_parm){.type = VBOX_HGCM_SVC_PARM_32BIT, .in = tape.root};
	call.parms[1] = (struct trace_parm){.type = VBOX_HGCM_SVC_PARM_PTR,
					    .size = text.u.pointer.size,
					    .payload_in = tape_payload(&tape, text.u.pointer.addr,
								       text.u.pointer.size,
								       text.u.pointer.size)};
	call.parms[2] = (struct trace_parm){.type = VBOX_HGCM_SVC_PARM_PTR, .size = sizeof(parms)};
	call.parms[2].payload_in = tape_payload(&tape, &parms, sizeof(parms), sizeof(parms));
	call.parms[2].payload_out = call.parms[2].payload_in;
	tape_add(&tape, &call);
}

Test(replay_image, what_cannot_be_made_is_told)
{
	const struct image_options options = {.gap = note_gap};

	prepare("touch file");
	claim_huge("huge");
	tape_finish(&tape);
	cr_assert_eq(scratch_create(NULL, false, &scratch), 0);
	cr_assert_eq(image_rebuild(tape.trace, &options, &scratch, &image), 0);
	cr_assert_eq(image.unbuilt, 1);
	cr_assert_str_eq(gap_of("/huge"), "80 0/9223372036854775807");
}

Test(replay_image, a_directory_in_use_is_taken_when_asked_for)
{
	const struct image_options options = {0};
	char directory[96];

	prepare("touch file");
	read_whole("file");
	tape_finish(&tape);
	snprintf(directory, sizeof(directory), "%s/used", tape.dir);
	tape_shell("mkdir %s && echo mine > %s/file", directory, directory);
	cr_assert_eq(scratch_create(directory, false, &scratch), -ENOTEMPTY);
	scratch_clear(&scratch);
	cr_assert_eq(scratch_create(directory, true, &scratch), 0);
	cr_assert_eq(image_rebuild(tape.trace, &options, &scratch, &image), 0);
	tape_shell("test \"$(cat %s/file)\" = mine && test -f %s/0-work/file", directory,
		   directory);
	image_result_clear(&image);
	scratch_clear(&scratch);
	/* but what is there already is not rebuilt over */
	cr_assert_eq(scratch_create(directory, true, &scratch), 0);
	cr_assert_eq(image_rebuild(tape.trace, &options, &scratch, &image), -EEXIST);
}
