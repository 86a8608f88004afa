// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locks. With lock=local they are this guest's own affair. With lock=host each
 * owner of locks on a file (an open file for flock and open file description
 * locks, the process for POSIX ones) has a handle at the host of his own, for
 * handles are what the host keeps locks apart by: so the host decides between
 * all. What it has granted is noted here as well, for the kernel to give it back.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include "sf.h"

/* The host never waits for a lock: it is asked again, less and less often. */
#define POLL_FIRST_MS 1
#define POLL_LAST_MS 250

/* Somebody in this guest has let something go: it may be what others wait for. */
static DECLARE_WAIT_QUEUE_HEAD(unlocked);
static atomic_t unlocks = ATOMIC_INIT(0);

/* Lives as long as somebody uses it or it has locks. Under the inode's locks_mutex. */
struct sf_lock_owner {
	struct list_head list; /* of the inode's */
	unsigned int users;
	fl_owner_t owner;
	bool flock;
	bool opened; /* the handle, for locks only */
	struct sf_handle *handle;
};

static bool locks_are_local(const struct inode *inode)
{
	return sf_share(inode->i_sb)->options.lock == SF_LOCK_LOCAL;
}

/* VBox status. */
static int host_lock(struct sf_handle *handle, const struct file_lock *lock, u32 flags)
{
	u64 length = (u64)lock->fl_end - lock->fl_start + 1;

	return vboxCallLock(&sf_client, &handle->share->map, handle->host, lock->fl_start, length,
			    flags);
}

static u32 wire_mode(const struct file_lock *lock)
{
	return lock->fl_type == F_RDLCK ? SHFL_LOCK_SHARED : SHFL_LOCK_EXCLUSIVE;
}

static void tell_waiters(void)
{
	atomic_inc(&unlocks);
	wake_up_all(&unlocked);
}

/* Opened for both kinds of locks if the host allows it, else for what the file is open for. */
static int open_for_locks(struct file *file, struct sf_handle **ret_handle)
{
	u32 own = sf_access_flags(sf_share(file_inode(file)->i_sb), file->f_flags);
	int ret = sf_handle_open(file_inode(file), file_dentry(file), SHFL_CF_ACCESS_READWRITE,
				 ret_handle);

	if (ret == -EPERM || ret == -EROFS || ret == -ETXTBSY)
		ret = sf_handle_open(file_inode(file), file_dentry(file),
				     own & SHFL_CF_ACCESS_MASK_RW, ret_handle);
	/* what has lost its name cannot be opened once more */
	return ret == -ENOENT || ret == -ESTALE ? -ENOLCK : ret;
}

/* An flock's owner is the open file, whose handle will do if it allows both kinds. */
static int choose_handle(struct sf_lock_owner *owner, struct file *file)
{
	struct sf_handle *own = file->private_data;
	int ret = -ENOLCK;

	owner->opened = true;
	if (!owner->flock || (own->access & SHFL_CF_ACCESS_MASK_RW) != SHFL_CF_ACCESS_READWRITE)
		ret = open_for_locks(file, &owner->handle);
	if (ret == -ENOLCK && owner->flock) {
		refcount_inc(&own->references);
		owner->handle = own;
		owner->opened = false;
		ret = 0;
	}
	return ret;
}

static struct sf_lock_owner *find_owner(struct sf_inode *inode, const struct file_lock *lock)
{
	bool flock = lock->fl_flags & FL_FLOCK;
	struct sf_lock_owner *owner;

	list_for_each_entry(owner, &inode->lock_owners, list)
		if (owner->owner == lock->fl_owner && owner->flock == flock)
			return owner;
	return NULL;
}

static struct sf_lock_owner *owner_new(struct file *file, const struct file_lock *lock)
{
	struct sf_lock_owner *owner = kzalloc(sizeof(*owner), GFP_KERNEL);
	int ret;

	if (!owner)
		return ERR_PTR(-ENOMEM);
	owner->owner = lock->fl_owner;
	owner->flock = lock->fl_flags & FL_FLOCK;
	ret = choose_handle(owner, file);
	if (ret) {
		kfree(owner);
		return ERR_PTR(ret);
	}
	list_add(&owner->list, &sf_i(file_inode(file))->lock_owners);
	return owner;
}

/* Errors as pointers; NULL if there is none and none is to be made. */
static struct sf_lock_owner *owner_get(struct file *file, const struct file_lock *lock, bool make)
{
	struct sf_inode *inode = sf_i(file_inode(file));
	struct sf_lock_owner *owner;

	mutex_lock(&inode->locks_mutex);
	owner = find_owner(inode, lock);
	if (!owner && make)
		owner = owner_new(file, lock);
	if (!IS_ERR_OR_NULL(owner))
		owner->users++;
	mutex_unlock(&inode->locks_mutex);
	return owner;
}

/* Whether the owner has a lock in this range, or any if @range is NULL. */
static bool has_locks(struct inode *inode, fl_owner_t owner, bool flock,
		      const struct file_lock *range)
{
	struct file_lock_context *context = locks_inode_context(inode);
	struct file_lock *each;
	bool found = false;

	if (!context)
		return false;
	spin_lock(&context->flc_lock);
	list_for_each_entry(each, flock ? &context->flc_flock : &context->flc_posix, fl_list) {
		found = each->fl_owner == owner &&
			(!range || (each->fl_start <= range->fl_end &&
				    range->fl_start <= each->fl_end));
		if (found)
			break;
	}
	spin_unlock(&context->flc_lock);
	return found;
}

static void owner_put(struct inode *inode, struct sf_lock_owner *owner)
{
	struct sf_inode *object = sf_i(inode);

	mutex_lock(&object->locks_mutex);
	owner->users--;
	if (!owner->users && !has_locks(inode, owner->owner, owner->flock, NULL)) {
		list_del(&owner->list);
		if (owner->opened)
			sf_handle_release(inode, owner->handle);
		else
			sf_handle_put(owner->handle);
		kfree(owner);
	}
	mutex_unlock(&object->locks_mutex);
}

/* Notes here what the host has granted. What cannot be noted is given back. */
static int note_lock(struct file *file, struct file_lock *lock, struct sf_lock_owner *owner)
{
	unsigned int flags = lock->fl_flags;
	int ret;

	lock->fl_flags &= ~FL_SLEEP;
	ret = locks_lock_file_wait(file, lock);
	lock->fl_flags = flags;
	if (ret)
		host_lock(owner->handle, lock, SHFL_LOCK_CANCEL);
	return ret;
}

/* One attempt; -EAGAIN: somebody else has it. */
static int try_lock(struct file *file, struct file_lock *lock, struct sf_lock_owner *owner)
{
	struct sf_inode *inode = sf_i(file_inode(file));
	int ret;

	mutex_lock(&inode->locks_mutex);
	ret = vbgl_errno(host_lock(owner->handle, lock, wire_mode(lock)));
	if (!ret)
		ret = note_lock(file, lock, owner);
	mutex_unlock(&inode->locks_mutex);
	return ret;
}

static int wait_for_lock(struct file *file, struct file_lock *lock, struct sf_lock_owner *owner)
{
	unsigned int poll_ms = POLL_FIRST_MS;
	int seen, ret;
	long left;

	for (;;) {
		seen = atomic_read(&unlocks);
		ret = try_lock(file, lock, owner);
		if (ret != -EAGAIN || !(lock->fl_flags & FL_SLEEP))
			return ret;
		left = wait_event_interruptible_timeout(unlocked, atomic_read(&unlocks) != seen,
							msecs_to_jiffies(poll_ms));
		if (left < 0)
			return left;
		poll_ms = left ? POLL_FIRST_MS : min_t(unsigned int, poll_ms * 2, POLL_LAST_MS);
	}
}

/* Who had the lock before may have written: what is cached here is of no use any more. */
static void see_others_changes(struct file *file)
{
	struct inode *inode = file_inode(file);

	filemap_write_and_wait(inode->i_mapping);
	invalidate_inode_pages2(inode->i_mapping);
	sf_inode_refresh(inode, file_dentry(file), true);
}

static int set_lock(struct file *file, struct file_lock *lock)
{
	struct sf_lock_owner *owner = owner_get(file, lock, true);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = wait_for_lock(file, lock, owner);
	owner_put(file_inode(file), owner);
	if (!ret)
		see_others_changes(file);
	return ret;
}

/* Who gets the lock next finds at the host what was written under this one. */
static int unlock(struct file *file, struct file_lock *lock)
{
	struct sf_lock_owner *owner = owner_get(file, lock, false);
	struct inode *inode = file_inode(file);
	int ret, noted;

	if (!owner)
		return locks_lock_file_wait(file, lock);
	filemap_write_and_wait(inode->i_mapping);
	mutex_lock(&sf_i(inode)->locks_mutex);
	ret = vbgl_errno(host_lock(owner->handle, lock, SHFL_LOCK_CANCEL));
	noted = locks_lock_file_wait(file, lock);
	mutex_unlock(&sf_i(inode)->locks_mutex);
	owner_put(inode, owner);
	tell_waiters();
	return ret ? ret : noted;
}

/* -EAGAIN: it is not free. It is taken for a moment, and given back. */
static int probe(struct sf_handle *handle, const struct file_lock *lock, u32 mode)
{
	int rc = host_lock(handle, lock, mode);

	if (VBOX_SUCCESS(rc))
		rc = host_lock(handle, lock, SHFL_LOCK_CANCEL);
	return vbgl_errno(rc);
}

/* Where a lock of another party's begins or who has it the host does not tell. */
static int describe_conflict(struct sf_handle *handle, struct file_lock *lock)
{
	int ret = probe(handle, lock, SHFL_LOCK_SHARED);

	if (ret && ret != -EAGAIN)
		return ret;
	lock->fl_type = ret ? F_WRLCK : F_RDLCK;
	lock->fl_pid = -1;
	return 0;
}

static int test_at_host(struct file *file, struct file_lock *lock)
{
	struct inode *inode = file_inode(file);
	struct sf_handle *handle;
	int ret;

	/* our own locks, which do not count, would be in the way of a probe */
	if (has_locks(inode, lock->fl_owner, false, lock))
		return -ENOLCK;
	ret = open_for_locks(file, &handle);
	if (ret)
		return ret;
	ret = probe(handle, lock, wire_mode(lock));
	if (ret == -EAGAIN)
		ret = describe_conflict(handle, lock);
	else if (!ret)
		lock->fl_type = F_UNLCK;
	sf_handle_release(inode, handle);
	return ret;
}

static int test_lock(struct file *file, struct file_lock *lock)
{
	unsigned char type = lock->fl_type;

	posix_test_lock(file, lock);
	if (lock->fl_type != F_UNLCK || locks_are_local(file_inode(file)))
		return 0;
	lock->fl_type = type;
	return test_at_host(file, lock);
}

static int change_lock(struct file *file, struct file_lock *lock)
{
	if (locks_are_local(file_inode(file)))
		return locks_lock_file_wait(file, lock);
	return lock->fl_type == F_UNLCK ? unlock(file, lock) : set_lock(file, lock);
}

int sf_file_lock(struct file *file, int command, struct file_lock *lock)
{
	return IS_GETLK(command) ? test_lock(file, lock) : change_lock(file, lock);
}

int sf_file_flock(struct file *file, int command, struct file_lock *lock)
{
	return change_lock(file, lock);
}

/* The host locks files only. */
int sf_dir_lock(struct file *file, int command, struct file_lock *lock)
{
	if (!locks_are_local(file_inode(file)))
		return -ENOLCK;
	if (!IS_GETLK(command))
		return locks_lock_file_wait(file, lock);
	posix_test_lock(file, lock);
	return 0;
}

/* A lease is a promise about what others do, which nobody gives. */
int sf_file_setlease(struct file *file, long type, struct file_lock **lease, void **private)
{
	if (!locks_are_local(file_inode(file)) && type != F_UNLCK)
		return -EINVAL;
	return generic_setlease(file, type, lease, private);
}
