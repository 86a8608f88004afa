// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sync(2): the host brings to its disk what it was sent, file by file, for it
 * wants a handle. Files that are open have one. Those that were written and
 * closed since are remembered, and opened once more.
 */
#include <linux/dcache.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include "sf.h"

/* Name and inode of a file that is remembered stay in memory: about 1 KiB. */
#define REMEMBERED_SIZE 1024u

static uint unsynced_max;
module_param(unsynced_max, uint, 0644);
MODULE_PARM_DESC(unsynced_max,
		 "closed files a mount remembers for sync (0: up to 1/32 of the memory)");

static unsigned int remembered_max(void)
{
	unsigned int wanted = READ_ONCE(unsynced_max);

	return wanted ? wanted : totalram_pages() / 32 * (PAGE_SIZE / REMEMBERED_SIZE);
}

static bool remember(struct inode *inode)
{
	struct sf_share *share = sf_share(inode->i_sb);
	struct sf_inode *object = sf_i(inode);
	struct dentry *dentry = d_find_alias(inode);
	bool remembered;

	spin_lock(&share->handles_lock);
	if (dentry && !object->unsynced && share->unsynced_count < remembered_max()) {
		object->unsynced = dentry;
		list_add_tail(&object->unsynced_list, &share->unsynced);
		share->unsynced_count++;
		dentry = NULL;
	}
	remembered = object->unsynced;
	spin_unlock(&share->handles_lock);
	dput(dentry);
	return remembered;
}

/* Under handles_lock. Gives the name, whose reference is the caller's now. */
static struct dentry *take_off(struct sf_share *share, struct sf_inode *object)
{
	struct dentry *dentry = object->unsynced;

	if (dentry) {
		object->unsynced = NULL;
		list_del(&object->unsynced_list);
		share->unsynced_count--;
	}
	return dentry;
}

static struct dentry *take_inode_off(struct inode *inode)
{
	struct sf_share *share = sf_share(inode->i_sb);
	struct dentry *dentry;

	spin_lock(&share->handles_lock);
	dentry = take_off(share, sf_i(inode));
	spin_unlock(&share->handles_lock);
	return dentry;
}

bool sf_sync_forget(struct inode *inode)
{
	struct dentry *dentry = take_inode_off(inode);

	dput(dentry);
	return dentry;
}

void sf_sync_closing(struct inode *inode, struct sf_handle *handle)
{
	if (READ_ONCE(handle->unflushed) && inode->i_nlink && !remember(inode))
		sf_handle_flush(handle);
}

int sf_sync_file(struct inode *inode, struct sf_handle *handle)
{
	bool remembered = sf_sync_forget(inode);
	int ret = sf_handle_flush(handle);

	if (ret && remembered)
		remember(inode);
	return ret;
}

/* Each comes up once before one does again. */
static struct sf_handle *next_unflushed(struct sf_share *share)
{
	struct sf_handle *handle;
	struct sf_handle *found = NULL;

	spin_lock(&share->handles_lock);
	list_for_each_entry(handle, &share->handles, of_share) {
		if (READ_ONCE(handle->unflushed)) {
			refcount_inc(&handle->references);
			list_move_tail(&handle->of_share, &share->handles);
			found = handle;
			break;
		}
	}
	spin_unlock(&share->handles_lock);
	return found;
}

static unsigned int count_handles(struct sf_share *share)
{
	struct list_head *each;
	unsigned int count = 0;

	spin_lock(&share->handles_lock);
	list_for_each(each, &share->handles)
		count++;
	spin_unlock(&share->handles_lock);
	return count;
}

static int sync_open_files(struct sf_share *share)
{
	unsigned int left = count_handles(share); /* a busy writer is not waited for */
	struct sf_handle *handle;
	int ret = 0;

	while (!ret && left--) {
		handle = next_unflushed(share);
		if (!handle)
			break;
		ret = sf_handle_flush(handle);
		sf_handle_put(handle);
	}
	return ret;
}

static struct dentry *next_remembered(struct sf_share *share)
{
	struct dentry *dentry = NULL;

	spin_lock(&share->handles_lock);
	if (!list_empty(&share->unsynced))
		dentry = take_off(share, list_first_entry(&share->unsynced, struct sf_inode,
							  unsynced_list));
	spin_unlock(&share->handles_lock);
	return dentry;
}

/* What is not there any more under the name that we know has nothing to be safe. */
static int sync_closed_file(struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct dentry *name = d_find_alias(inode);
	struct sf_handle *handle;
	int ret;

	if (!name)
		return 0;
	ret = sf_handle_open(inode, name, SHFL_CF_ACCESS_WRITE, &handle);
	dput(name);
	if (ret)
		return ret == -ENOENT || ret == -ENOTDIR || ret == -ESTALE ? 0 : ret;
	ret = sf_handle_flush(handle);
	WRITE_ONCE(handle->unflushed, false);
	sf_handle_release(inode, handle);
	return ret;
}

int sf_sync_closed(struct inode *inode)
{
	struct dentry *dentry = take_inode_off(inode);
	int ret = 0;

	if (dentry)
		ret = sync_closed_file(dentry);
	dput(dentry);
	return ret;
}

/* All of them, whatever happens to one; the first error counts. */
static int sync_closed_files(struct sf_share *share)
{
	unsigned int left = READ_ONCE(share->unsynced_count);
	struct dentry *dentry;
	int ret = 0;
	int error;

	while (left--) {
		dentry = next_remembered(share);
		if (!dentry)
			break;
		error = sync_closed_file(dentry);
		ret = ret ? ret : error;
		dput(dentry);
	}
	return ret;
}

/* Dirty pages are at the host already; from there to its disk. */
int sf_sync_fs(struct super_block *super, int wait)
{
	struct sf_share *share = sf_share(super);
	int open, closed;

	if (!wait)
		return 0;
	open = sync_open_files(share);
	closed = sync_closed_files(share);
	return open ? open : closed;
}
