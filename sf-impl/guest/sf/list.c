// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Listing directories: the host's handle goes through the directory once, this
 * side takes entries out of its answers, and fills the caches with what they
 * say. A position is the number of entries before it.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "sf.h"

#define LIST_BUFFER_SIZE (64u << 10)

/*
 * Old names that are asked for one by one: after how many of them the directory
 * is listed, and how far for each. So many entries cost about as much as a call.
 */
#define ASKED_FIRST 2u
#define BYTES_FOR_ASKED (16u * SHFLDIRINFO_SIZE(34))

struct sf_listing {
	struct sf_handle *handle;
	struct mutex mutex;
	loff_t position; /* of the entry at the cursor */
	bool end; /* the host has no more */
	u32 bytes; /* in the buffer */
	u32 cursor;
	struct sf_answer answer; /* dates what the buffer holds */
	unsigned long received; /* jiffies */
	bool only_cached; /* names that nobody knows here are passed over */
	u32 size; /* of the buffer */
	u8 *buffer;
};

static struct sf_listing *listing_new(u32 size)
{
	struct sf_listing *listing = kzalloc(sizeof(*listing), GFP_KERNEL);

	if (!listing)
		return NULL;
	mutex_init(&listing->mutex);
	listing->size = size;
	listing->buffer = kvmalloc(size, GFP_KERNEL);
	if (listing->buffer)
		return listing;
	kfree(listing);
	return NULL;
}

static void listing_free(struct sf_listing *listing)
{
	kvfree(listing->buffer);
	kfree(listing);
}

static int sf_dir_open(struct inode *inode, struct file *file)
{
	struct sf_listing *listing = listing_new(LIST_BUFFER_SIZE);
	int ret;

	if (!listing)
		return -ENOMEM;
	ret = sf_handle_open(inode, file_dentry(file), SHFL_CF_DIRECTORY | SHFL_CF_ACCESS_READ,
			     &listing->handle);
	if (ret) {
		listing_free(listing);
		return ret;
	}
	file->private_data = listing;
	return 0;
}

static int sf_dir_release(struct inode *inode, struct file *file)
{
	struct sf_listing *listing = file->private_data;

	sf_handle_release(inode, listing->handle);
	listing_free(listing);
	return 0;
}

/* Asks for the next entries; with none left, end is set. */
static int fetch(struct sf_listing *listing, u32 flags)
{
	struct sf_handle *handle = listing->handle;
	u32 bytes = listing->size;
	u32 entries;
	bool more = false;
	int rc;

	listing->bytes = 0;
	listing->cursor = 0;
	listing->received = jiffies;
	sf_answer_begin(handle->share, &listing->answer);
	rc = vboxCallDirInfo(&sf_client, &handle->share->map, handle->host, flags, &bytes,
			     listing->buffer, &entries, &more);
	if (rc == VERR_NO_MORE_FILES) {
		listing->end = true;
		return 0;
	}
	if (VBOX_FAILURE(rc))
		return vbgl_errno(rc);
	/* an entry that does not fit in our buffer is longer than any name */
	if (!bytes && more)
		return -EPROTO;
	listing->bytes = bytes;
	listing->end = !more;
	return 0;
}

/* The entry at the cursor, if the host has put a whole one there. */
static const SHFLDIRINFO *entry_at(const struct sf_listing *listing)
{
	const SHFLDIRINFO *entry = (const void *)(listing->buffer + listing->cursor);
	u32 left = listing->bytes - listing->cursor;

	if (left < SHFLDIRINFO_SIZE(1) || left < SHFLDIRINFO_SIZE(entry->name.u16Size) ||
	    entry->name.u16Length >= entry->name.u16Size)
		return NULL;
	return entry;
}

/* NULL at the end of the directory; errors as pointers. */
static const SHFLDIRINFO *next_entry(struct sf_listing *listing)
{
	const SHFLDIRINFO *entry;
	int ret;

	while (listing->cursor == listing->bytes) {
		if (listing->end)
			return NULL;
		ret = fetch(listing, SHFL_LIST_NONE);
		if (ret)
			return ERR_PTR(ret);
	}
	entry = entry_at(listing);
	return entry ? entry : ERR_PTR(-EPROTO);
}

static bool is_dots(const SHFLDIRINFO *entry)
{
	const u8 *name = entry->name.String.utf8;
	u16 length = entry->name.u16Length;

	return length && name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

static void advance(struct sf_listing *listing, const SHFLDIRINFO *entry)
{
	if (!is_dots(entry))
		listing->position++;
	listing->cursor += SHFLDIRINFO_SIZE(entry->name.u16Size);
}

/* Brings the cursor to a position: onwards, or from the beginning again. */
static int seek_entry(struct sf_listing *listing, loff_t position)
{
	const SHFLDIRINFO *entry;
	int ret;

	if (position < listing->position) {
		listing->position = 2;
		listing->end = false;
		ret = fetch(listing, SHFL_LIST_RESTART);
		if (ret)
			return ret;
	}
	while (listing->position < position) {
		entry = next_entry(listing);
		if (IS_ERR_OR_NULL(entry))
			return PTR_ERR_OR_ZERO(entry);
		advance(listing, entry);
	}
	return 0;
}

/* A name that is in the cache already: the same object gets fresh attributes. */
static void refresh_cached(struct dentry *dentry, const struct sf_answer *answer,
			   unsigned long received)
{
	struct inode *inode = d_inode(dentry);

	if (inode && sf_inode_is(inode, &answer->info)) {
		sf_inode_update(inode, answer, false);
		dentry->d_time = received;
	} else {
		d_invalidate(dentry);
	}
}

static void bind_new(struct dentry *dentry, const struct sf_answer *answer, unsigned long received)
{
	struct inode *inode = sf_inode_get(dentry->d_sb, answer);
	struct dentry *alias = d_splice_alias(inode, dentry);

	d_lookup_done(dentry);
	if (IS_ERR(alias))
		return;
	(alias ? alias : dentry)->d_time = received;
	dput(alias);
}

/* What a listing says saves the lookups that usually follow it. */
static void fill_cache(struct sf_listing *listing, struct dentry *parent, struct qstr *name,
		       const SHFLFSOBJINFO *info)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(queue);
	struct sf_answer answer = { *info, listing->answer.changes };
	struct dentry *dentry;

	/* without attributes, or with a name that may be gone by our own doing: nothing */
	if (info->Attr.enmAdditional != SHFLFSOBJATTRADD_UNIX ||
	    READ_ONCE(sf_i(d_inode(parent))->changed) > answer.changes)
		return;
	name->hash = full_name_hash(parent, name->name, name->len);
	dentry = d_lookup(parent, name);
	if (!dentry && listing->only_cached)
		return;
	if (!dentry) {
		dentry = d_alloc_parallel(parent, name, &queue);
		if (IS_ERR(dentry))
			return;
	}
	if (d_in_lookup(dentry))
		bind_new(dentry, &answer, listing->received);
	else
		refresh_cached(dentry, &answer, listing->received);
	dput(dentry);
}

static unsigned int entry_type(const SHFLDIRINFO *entry)
{
	return fs_umode_to_dtype(entry->Info.Attr.fMode & RTFS_TYPE_MASK);
}

/* The entry's name here, in a buffer of NAME_MAX; its length, 0 if it has none. */
static u32 entry_name(const struct sf_listing *listing, const SHFLDIRINFO *entry, char *text)
{
	int length = sf_name_from_host(listing->handle->share, entry->name.String.utf8,
				       entry->name.u16Length, text, NAME_MAX);

	/* names that cannot be said here, or would be paths, are left out */
	return length <= 0 || memchr(text, '/', length) ? 0 : length;
}

/* Hands out one entry. False: the reader has no more room. */
static bool emit(struct file *file, struct dir_context *context, struct sf_listing *listing,
		 const SHFLDIRINFO *entry)
{
	u64 number = sf_inode_number(listing->handle->share, &entry->Info);
	char text[NAME_MAX];
	struct qstr name = { .name = text, .len = entry_name(listing, entry, text) };

	if (!name.len)
		return true;
	if (!dir_emit(context, text, name.len, number ? number : context->pos + 1,
		      entry_type(entry)))
		return false;
	fill_cache(listing, file_dentry(file), &name, &entry->Info);
	return true;
}

static int emit_entries(struct file *file, struct dir_context *context, struct sf_listing *listing)
{
	const SHFLDIRINFO *entry;
	int ret = seek_entry(listing, context->pos);

	if (ret)
		return ret;
	for (;;) {
		entry = next_entry(listing);
		if (IS_ERR_OR_NULL(entry))
			return PTR_ERR_OR_ZERO(entry);
		if (!is_dots(entry)) {
			if (!emit(file, context, listing, entry))
				return 0;
			context->pos++;
		}
		advance(listing, entry);
	}
}

static int sf_dir_iterate(struct file *file, struct dir_context *context)
{
	struct sf_listing *listing = file->private_data;
	int ret;

	if (!dir_emit_dots(file, context))
		return 0;
	mutex_lock(&listing->mutex);
	if (!listing->position)
		listing->position = 2;
	ret = emit_entries(file, context, listing);
	mutex_unlock(&listing->mutex);
	return ret;
}

/* A directory that is read from its start again is as it is now. */
static loff_t sf_dir_llseek(struct file *file, loff_t offset, int whence)
{
	struct sf_listing *listing = file->private_data;
	loff_t ret = generic_file_llseek_size(file, offset, whence, LLONG_MAX, 0);

	mutex_lock(&listing->mutex);
	if (!ret && listing->position > 2)
		listing->position = LLONG_MAX;
	mutex_unlock(&listing->mutex);
	return ret;
}

/*
 * How many bytes of the directory are to be listed, now that one more name was
 * asked for: at each doubling, so that a large directory costs in proportion.
 */
static u32 bytes_worth(struct inode *directory)
{
	struct sf_inode *object = sf_i(directory);
	u32 asked;

	spin_lock(&directory->i_lock);
	if (!object->asked || time_after_eq(jiffies, object->asked_since + sf_ttl(directory))) {
		object->asked = 0;
		object->asked_since = jiffies;
		object->listed = false;
	}
	asked = ++object->asked;
	if (object->listed || asked < ASKED_FIRST || !is_power_of_2(asked))
		asked = 0;
	spin_unlock(&directory->i_lock);
	return min_t(size_t, asked, U32_MAX / BYTES_FOR_ASKED) * BYTES_FOR_ASKED;
}

static int refresh_names(struct sf_listing *listing, struct dentry *parent, u32 bytes)
{
	const SHFLDIRINFO *entry;
	char text[NAME_MAX];
	struct qstr name = { .name = text };
	u32 done = 0;

	for (;;) {
		/* whole buffers: what has been sent is taken */
		if (listing->cursor == listing->bytes && !listing->end && done >= bytes)
			return 0;
		entry = next_entry(listing);
		if (IS_ERR_OR_NULL(entry))
			return PTR_ERR_OR_ZERO(entry);
		name.len = is_dots(entry) ? 0 : entry_name(listing, entry, text);
		if (name.len)
			fill_cache(listing, parent, &name, &entry->Info);
		done += SHFLDIRINFO_SIZE(entry->name.u16Size);
		advance(listing, entry);
	}
}

static int list_again(struct dentry *parent, u32 bytes)
{
	struct inode *directory = d_inode(parent);
	struct sf_listing *listing = listing_new(min(bytes, LIST_BUFFER_SIZE));
	int ret;

	if (!listing)
		return -ENOMEM;
	listing->only_cached = true;
	ret = sf_handle_open(directory, parent, SHFL_CF_DIRECTORY | SHFL_CF_ACCESS_READ,
			     &listing->handle);
	if (!ret) {
		ret = refresh_names(listing, parent, bytes);
		WRITE_ONCE(sf_i(directory)->listed, !ret && listing->end);
		sf_handle_release(directory, listing->handle);
	}
	listing_free(listing);
	return ret;
}

bool sf_dir_refresh(struct dentry *dentry)
{
	struct dentry *parent = dget_parent(dentry);
	u32 bytes = bytes_worth(d_inode(parent));
	bool listed = bytes && !list_again(parent, bytes);

	dput(parent);
	return listed;
}

const struct file_operations sf_dir_operations = {
	.open = sf_dir_open,
	.release = sf_dir_release,
	.iterate_shared = sf_dir_iterate,
	.llseek = sf_dir_llseek,
	.read = generic_read_dir,
	.fsync = noop_fsync,
	.lock = sf_dir_lock,
	.flock = sf_dir_lock,
};
