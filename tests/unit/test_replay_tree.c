/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths as a client spells them, and the model of the tree that they lead through. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "image_tree.h"
#include "leak_check.h"

TestSuite(replay_tree, .fini = leak_check);
TestSuite(replay_client, .fini = leak_check);

static char *path_of(struct replay_client client, const char *text)
{
	uint8_t payload[512] = {0};
	uint16_t header[2] = {(uint16_t)(strlen(text) + 1), (uint16_t)strlen(text)};

	memcpy(payload, header, sizeof(header));
	strcpy((char *)payload + sizeof(header), text);
	return client_path(&client, payload, sizeof(header) + header[0]);
}

static void assert_path(char delimiter, const char *text, const char *expected)
{
	char *got = path_of((struct replay_client){.utf8 = true, .delimiter = delimiter}, text);

	if (expected) {
		cr_assert_not_null(got, "%s", text);
		cr_assert_str_eq(got, expected, "%s: %s", text, got);
	} else {
		cr_assert_null(got, "%s: %s", text, got);
	}
	free(got);
}

Test(replay_client, paths)
{
	assert_path('/', "", "");
	assert_path('/', "/", "");
	assert_path('/', "///", "");
	assert_path('/', "/a", "a");
	assert_path('/', "a//b/", "a/b");
	assert_path('/', "/./a/./b/.", "a/b");
	assert_path('/', "/a/../b", "b");
	assert_path('/', "/a/b/../../c", "c");
	assert_path('/', "/a/..", "");
	assert_path('/', "/..", NULL);
	assert_path('/', "/a/../..", NULL);
	assert_path('/', "/a/../../a", NULL);
	assert_path('/', "..a/b..", "..a/b..");
	assert_path('/', "a\\b", "a\\b");
	assert_path('\\', "\\a\\b", "a/b");
	assert_path('\\', "\\a/b", NULL);
	assert_path(0, "/a/b", "a/b");
}

Test(replay_client, what_is_no_string_is_no_path)
{
	struct replay_client client = {.utf8 = true, .delimiter = '/'};

	cr_assert_null(client_path(&client, "\xff\xff\xff\xff", 4));
	cr_assert_null(client_path(&client, "\1", 1));
}

Test(replay_client, learns_from_calls)
{
	struct replay_client client = {0};
	struct trace_call call = {.fn = SHFL_FN_MAP_FOLDER, .n_parms = 4};

	call.parms[2].in = '\\';
	client_note(&client, &call);
	call.parms[2].in = '/';
	client_note(&client, &call);
	cr_assert_eq(client.delimiter, '\\', "the first one stays");
	cr_assert_not(client.utf8);
	call.fn = SHFL_FN_SET_UTF8;
	client_note(&client, &call);
	cr_assert(client.utf8);
}

static struct image_tree tree;

static struct image_object *directory(bool initial)
{
	struct image_object *object = image_object_new(&tree, initial, 0);

	cr_assert_not_null(object);
	object->type = RTFS_TYPE_DIRECTORY;
	object->known = IMAGE_TYPE;
	object->users = 1;
	return object;
}

static size_t objects(void)
{
	size_t n = 0;

	for (struct image_object *object = tree.objects; object; object = object->next)
		n++;
	return n;
}

Test(replay_tree, names_that_cannot_be)
{
	struct image_object *root = directory(true);
	char longest[258] = "";

	cr_assert_null(image_entry_get(root, ""));
	cr_assert_null(image_entry_get(root, "."));
	cr_assert_null(image_entry_get(root, ".."));
	cr_assert_null(image_entry_get(root, "a/b"));
	memset(longest, 'x', 256);
	cr_assert_null(image_entry_get(root, longest));
	longest[255] = '\0';
	cr_assert_not_null(image_entry_get(root, longest));
	cr_assert_eq(root->n_entries, 1u);
	image_tree_clear(&tree);
}

Test(replay_tree, many_names_are_found_again)
{
	struct image_object *root = directory(true);
	struct image_entry *entries[1000];
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		entries[i] = image_entry_get(root, name);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		cr_assert_eq(image_entry_get(root, name), entries[i]);
	}
	cr_assert_eq(root->n_entries, 1000u);
	image_tree_clear(&tree);
}

/* Memory is for what is there, not for what a long trace has made and removed. */
Test(replay_tree, what_came_and_went_is_forgotten)
{
	struct image_object *root = directory(false), *old = directory(true);

	image_place(image_entry_get(old, "known"), NULL);
	for (int i = 0; i < 1000; i++) {
		struct image_object *object = image_object_new(&tree, false, 0);

		image_place(image_entry_get(root, "f"), object);
		if (i % 2)
			image_place(image_entry_get(root, "g"), object);
		image_place(image_entry_get(root, "f"), NULL);
		if (i % 2)
			image_place(image_entry_get(root, "g"), NULL);
		image_missing(image_entry_get(root, "h"));
	}
	cr_assert_eq(objects(), 2u);
	cr_assert_eq(root->n_entries, 0u);
	cr_assert_eq(old->n_entries, 1u, "of the old directory it must be remembered");
	image_tree_clear(&tree);
}

Test(replay_tree, walks_through_what_must_have_been_there)
{
	struct image_object *root = directory(true);
	struct image_entry *top = calloc(1, sizeof(*top) + 1);
	struct image_entry *entry;

	*top = (struct image_entry){.initial = root, .now = root, .known = true};
	cr_assert_null(image_walk(&tree, top, "a/b", 0), "nobody knows of a");
	entry = image_walk(&tree, top, "a/b", IMAGE_ASSUME);
	cr_assert_str_eq(entry->name, "b");
	cr_assert_not(entry->known);
	cr_assert(entry->directory->initial);
	cr_assert_eq(image_walk(&tree, top, "a/b", 0), entry);
	image_found(&tree, entry)->type = RTFS_TYPE_FILE;
	entry->now->known |= IMAGE_TYPE;
	cr_assert_null(image_walk(&tree, top, "a/b/c", IMAGE_ASSUME), "b is no directory");
	image_missing(image_walk(&tree, top, "a/x", IMAGE_ASSUME));
	cr_assert_null(image_found(&tree, image_walk(&tree, top, "a/x", IMAGE_ASSUME)));
	cr_assert_eq(image_walk(&tree, top, "", IMAGE_ASSUME), top);
	image_tree_clear(&tree);
	free(top);
}

Test(replay_tree, finds_what_is_there_in_another_case)
{
	struct image_object *root = directory(true);
	struct image_entry *top = calloc(1, sizeof(*top) + 1);
	struct image_entry *entry;

	*top = (struct image_entry){.initial = root, .now = root, .known = true};
	entry = image_walk(&tree, top, "Dir/File", IMAGE_ASSUME);
	image_found(&tree, entry);
	cr_assert_eq(image_walk(&tree, top, "dIR/fILE", IMAGE_ASSUME | IMAGE_IGNORE_CASE), entry);
	cr_assert_neq(image_walk(&tree, top, "Dir/fILE", IMAGE_ASSUME), entry);
	cr_assert_eq(image_walk(&tree, top, "DIR/FILE", IMAGE_IGNORE_CASE), entry,
		     "not what is free");
	entry = image_walk(&tree, top, "DIR/FILE",
			   IMAGE_ASSUME | IMAGE_IGNORE_CASE | IMAGE_KEEP_LAST);
	cr_assert_str_eq(entry->name, "FILE", "the name that a file is to get");
	cr_assert_eq(entry->directory, image_walk(&tree, top, "Dir", 0)->now);
	image_found(&tree, entry);
	cr_assert_eq(image_walk(&tree, top, "dir/FILE", IMAGE_IGNORE_CASE), entry,
		     "the very name first");
	image_tree_clear(&tree);
	free(top);
}
