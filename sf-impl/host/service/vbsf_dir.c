/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LIST. spec/shfl-service.md 10.8. */
#include <string.h>

#include "handle.h"
#include "unicode.h"
#include "vbsf.h"

/* The guest's buffer as it fills up. */
struct list_buffer {
	uint8_t *bytes;
	size_t room;
	size_t used;
	uint32_t entries;
};

static int32_t listing_next(struct listing *listing, int root, bool follow,
			    struct rt_dir_entry *ret_entry)
{
	if (!listing->has_saved)
		return RTDirRead(listing->dir, root, follow, ret_entry);
	listing->has_saved = false;
	*ret_entry = listing->saved;
	return listing->saved_status;
}

/* The name stays readable until the directory is read on. */
static void listing_save(struct listing *listing, const struct rt_dir_entry *entry, int32_t status)
{
	listing->has_saved = true;
	listing->saved_status = status;
	listing->saved = *entry;
}

static void listing_rewind(struct listing *listing)
{
	listing->has_saved = false;
	RTDirRewind(listing->dir);
}

/* A pattern's last component filters, the rest is a directory. */
static int32_t open_search(struct sf_client *client, uint32_t root, const SHFLSTRING *pattern,
			   struct listing *search)
{
	struct sf_path path;
	char filter[PATH_MAX];
	size_t start;
	int32_t status = path_from_guest(client, root, pattern, PATH_WILDCARDS, &path);

	if (VBOX_FAILURE(status))
		return status;
	start = path_last_start(path.text);
	strcpy(filter, path.text + start);
	if (!strcmp(filter, ".") || strchr(filter, '/')) /* a whole directory */
		return RTDirOpen(path.mapping->folder_fd, path.text, NULL, &search->dir);
	path_strip_last(path.text);
	return RTDirOpen(path.mapping->folder_fd, path.text, filter, &search->dir);
}

/* The first pattern stays that of the handle. */
static int32_t choose_listing(struct sf_client *client, uint32_t root, struct handle_dir *dir,
			      const SHFLSTRING *pattern, bool restart, struct listing **ret)
{
	int32_t status = VINF_SUCCESS;

	if (pattern && !dir->search.dir) {
		status = open_search(client, root, pattern, &dir->search);
		restart = false;
	}
	if (VBOX_FAILURE(status))
		return status;
	*ret = pattern ? &dir->search : &dir->all;
	if (restart)
		listing_rewind(*ret);
	return VINF_SUCCESS;
}

static void describe(const struct rt_dir_entry *entry, int32_t status, SHFLFSOBJINFO *ret_info)
{
	if (status == VINF_SUCCESS)
		vbsf_info_from_stat(&entry->info, entry->name, ret_info);
	else
		ret_info->Attr.fMode = entry->info.st_mode & RTFS_TYPE_MASK;
}

/* False if it does not fit. UTF-16 names are taken to be as long as they can be. */
static bool emit(const struct sf_client *client, const struct rt_dir_entry *entry, int32_t status,
		 struct list_buffer *list)
{
	bool utf8 = client_is_utf8(client);
	size_t bytes = strlen(entry->name);
	size_t unit = utf8 ? 1 : 2;
	uint8_t *out = list->bytes + list->used;
	SHFLDIRINFO info = {0};

	if (SHFLDIRINFO_SIZE((bytes + 1) * unit) > list->room - list->used)
		return false;
	if (!utf8)
		bytes = unit * utf8_utf16_units(entry->name);
	describe(entry, status, &info.Info);
	info.name.u16Length = (uint16_t)bytes;
	info.name.u16Size = (uint16_t)(bytes + unit);
	memcpy(out, &info, SHFLDIRINFO_SIZE(0));
	out += SHFLDIRINFO_SIZE(0);
	if (utf8)
		memcpy(out, entry->name, bytes);
	else
		utf8_to_utf16(entry->name, out);
	memset(out + bytes, 0, unit);
	list->used += SHFLDIRINFO_SIZE(bytes + unit);
	list->entries++;
	return true;
}

/*
 * A name of the host's that is not UTF-8 is none that a guest could ask for. It is shown
 * all the same: a directory must not look empty that is not.
 */
static bool show(const struct sf_client *client, const struct rt_dir_entry *entry, int32_t status,
		 struct list_buffer *list)
{
	struct rt_dir_entry shown = *entry;
	char name[NAME_MAX + 1];

	if (!utf8_valid(entry->name, strlen(entry->name))) {
		utf8_repair(entry->name, name, sizeof(name));
		shown.name = name;
	}
	return emit(client, &shown, status, list);
}

/* Fills the buffer until it is full, the directory ends, or one entry is there and enough. */
static int32_t fill(const struct sf_client *client, struct listing *listing, int root, bool one,
		    struct list_buffer *list)
{
	struct rt_dir_entry entry;
	int32_t status;

	do {
		status = listing_next(listing, root, client_follows(client), &entry);
		if (VBOX_FAILURE(status))
			return status;
		if (!show(client, &entry, status, list)) {
			listing_save(listing, &entry, status);
			return list->entries ? VINF_SUCCESS : VINF_BUFFER_OVERFLOW;
		}
	} while (!one || !list->entries);
	return status;
}

HOP int32_t vbsfDirList(struct sf_client *client, uint32_t root, uint64_t handle,
			const SHFLSTRING *pattern, uint32_t flags, uint32_t *count, uint8_t *buffer,
			uint32_t *resume, uint32_t *entries)
{
	struct list_buffer list = {.bytes = buffer, .room = *count};
	struct listing *listing = NULL;
	struct handle *dir;
	int32_t status;

	*count = *resume = *entries = 0;
	status = handle_access(client, root, handle, HANDLE_DIR, false, &dir);
	if (VBOX_SUCCESS(status))
		status = mapping_open_folder(mapping_get(root));
	if (VBOX_SUCCESS(status))
		status = choose_listing(client, root, dir->dir, pattern, flags & SHFL_LIST_RESTART,
					&listing);
	if (VBOX_FAILURE(status))
		return status;
	status = fill(client, listing, mapping_get(root)->folder_fd, flags & SHFL_LIST_RETURN_ONE,
		      &list);
	*entries = list.entries;
	*resume = VBOX_SUCCESS(status);
	if (status == VERR_NO_MORE_FILES && list.entries)
		status = VINF_SUCCESS;
	*count = VBOX_SUCCESS(status) ? (uint32_t)list.used : 0;
	return status;
}
