// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inodes: which object of the host one is, its attributes and how long they are
 * believed, and changing them.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "sf.h"

void sf_inode_init_once(void *object)
{
	struct sf_inode *inode = object;

	inode_init_once(&inode->vfs);
	spin_lock_init(&inode->handles_lock);
	INIT_LIST_HEAD(&inode->handles);
	init_rwsem(&inode->direct);
	mutex_init(&inode->locks_mutex);
	INIT_LIST_HEAD(&inode->lock_owners);
}

void sf_answer_begin(struct sf_share *share, struct sf_answer *answer)
{
	answer->changes = atomic64_read(&share->changes);
}

static bool has_identity(const SHFLFSOBJINFO *info)
{
	return info->Attr.enmAdditional == SHFLFSOBJATTRADD_UNIX && info->Attr.u.Unix.INodeId;
}

static umode_t type_of(const SHFLFSOBJINFO *info)
{
	switch (info->Attr.fMode & RTFS_TYPE_MASK) {
	case RTFS_TYPE_DIRECTORY:
		return S_IFDIR;
	case RTFS_TYPE_SYMLINK:
		return S_IFLNK;
	case RTFS_TYPE_FIFO:
		return S_IFIFO;
	case RTFS_TYPE_DEV_CHAR:
		return S_IFCHR;
	case RTFS_TYPE_DEV_BLOCK:
		return S_IFBLK;
	case RTFS_TYPE_SOCKET:
		return S_IFSOCK;
	default:
		return S_IFREG;
	}
}

bool sf_inode_is(struct inode *inode, const SHFLFSOBJINFO *info)
{
	struct sf_inode *object = sf_i(inode);

	if ((inode->i_mode & S_IFMT) != type_of(info))
		return false;
	if (!has_identity(info) || !object->host_inode)
		return true;
	return object->host_inode == info->Attr.u.Unix.INodeId &&
	       object->host_device == info->Attr.u.Unix.INodeIdDevice;
}

/* The host's number; those of other devices in the share are kept apart. */
u64 sf_inode_number(const struct sf_share *share, const SHFLFSOBJINFO *info)
{
	u64 number = info->Attr.u.Unix.INodeId;
	u32 device = info->Attr.u.Unix.INodeIdDevice;

	if (!has_identity(info))
		return 0;
	return device == share->device ? number : number ^ ((u64)device << 40);
}

static umode_t mode_of(const struct sf_share *share, const SHFLFSOBJINFO *info)
{
	const struct sf_options *options = &share->options;
	umode_t type = type_of(info);
	umode_t bits = info->Attr.fMode & 0777;

	if (type == S_IFDIR) {
		if (options->dmode != SF_MODE_UNSET)
			bits = options->dmode;
		return type | (bits & ~options->dmask);
	}
	if (options->fmode != SF_MODE_UNSET)
		bits = options->fmode;
	return type | (bits & ~options->fmask);
}

/* Hard links at the host are one inode here, as long as it is not removed. */
static int inode_test(struct inode *inode, void *data)
{
	const SHFLFSOBJINFO *info = data;

	return inode->i_nlink && sf_i(inode)->host_inode == info->Attr.u.Unix.INodeId &&
	       sf_inode_is(inode, info);
}

static int inode_set(struct inode *inode, void *data)
{
	const SHFLFSOBJINFO *info = data;

	sf_i(inode)->host_inode = info->Attr.u.Unix.INodeId;
	sf_i(inode)->host_device = info->Attr.u.Unix.INodeIdDevice;
	inode->i_mode = type_of(info);
	set_nlink(inode, 1);
	return 0;
}

static void set_operations(struct inode *inode)
{
	/* nor has anything security attributes or setuid bits that a write takes away */
	inode->i_flags |= S_NOATIME | S_NOCMTIME | S_NOSEC;
	inode->i_op = &sf_file_inode_operations;
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_fop = &sf_file_operations;
		inode->i_mapping->a_ops = &sf_address_operations;
		/* where pages become dirty, small ones keep apart what different parties write */
		if (sf_share(inode->i_sb)->options.cache == SF_CACHE_STRICT)
			mapping_set_large_folios(inode->i_mapping);
		break;
	case S_IFDIR:
		inode->i_op = &sf_dir_inode_operations;
		inode->i_fop = &sf_dir_operations;
		break;
	case S_IFLNK:
		inode->i_op = &sf_link_inode_operations;
		break;
	default:
		inode->i_fop = &sf_special_operations;
	}
}

static struct inode *inode_allocate(struct super_block *super, const SHFLFSOBJINFO *info)
{
	unsigned long hash = info->Attr.u.Unix.INodeId ^ info->Attr.u.Unix.INodeIdDevice;
	struct inode *inode;

	if (has_identity(info))
		return iget5_locked(super, hash, inode_test, inode_set, (void *)info);
	inode = new_inode(super);
	if (!inode)
		return NULL;
	inode->i_ino = get_next_ino();
	inode->i_mode = type_of(info);
	inode->i_state |= I_NEW;
	set_nlink(inode, 1);
	return inode;
}

struct inode *sf_inode_get(struct super_block *super, const struct sf_answer *answer)
{
	struct inode *inode = inode_allocate(super, &answer->info);
	struct sf_inode *object;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (inode->i_state & I_NEW) {
		object = sf_i(inode);
		if (object->host_inode)
			inode->i_ino = sf_inode_number(sf_share(super), &answer->info);
		set_operations(inode);
		sf_inode_update(inode, answer, true);
		unlock_new_inode(inode);
	} else {
		sf_inode_update(inode, answer, false);
	}
	return inode;
}

static bool has_unwritten(struct inode *inode)
{
	return mapping_tagged(inode->i_mapping, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(inode->i_mapping, PAGECACHE_TAG_WRITEBACK);
}

static struct timespec64 time_of(s64 ns)
{
	return ns_to_timespec64(ns);
}

/* Under i_lock. Gives whether the object's data may be others than they were. */
static bool take_attributes(struct inode *inode, const SHFLFSOBJINFO *info)
{
	struct sf_share *share = sf_share(inode->i_sb);
	struct sf_inode *object = sf_i(inode);
	struct sf_seen now = { info->ModificationTime, info->ChangeTime, info->cbObject };
	bool changed = memcmp(&now, &object->seen, sizeof(now)) != 0;
	loff_t size = max_t(s64, info->cbObject, 0);

	/* what waits to be written is longer than what the host has */
	if (size < i_size_read(inode) && has_unwritten(inode))
		size = i_size_read(inode);
	inode->i_mode = mode_of(share, info);
	inode->i_uid = share->options.uid;
	inode->i_gid = share->options.gid;
	inode->i_atime = time_of(info->AccessTime);
	inode->i_mtime = time_of(info->ModificationTime);
	inode->i_ctime = time_of(info->ChangeTime);
	i_size_write(inode, size);
	inode->i_blocks = DIV_ROUND_UP_ULL(max_t(s64, info->cbAllocated, 0), 512);
	if (has_identity(info))
		set_nlink(inode, S_ISDIR(inode->i_mode) ? 1 : info->Attr.u.Unix.cHardlinks);
	/* a change while we wrote is probably ours: it is settled later */
	object->suspect |= changed && object->wrote;
	changed = changed && !object->wrote;
	object->wrote = false;
	object->seen = now;
	object->checked = jiffies;
	object->stale = false;
	return changed;
}

static void drop_pages(struct inode *inode)
{
	if (S_ISREG(inode->i_mode) && inode->i_mapping->nrpages &&
	    sf_share(inode->i_sb)->options.cache != SF_CACHE_WRITEBACK)
		invalidate_inode_pages2(inode->i_mapping);
}

void sf_inode_update(struct inode *inode, const struct sf_answer *answer, bool ours)
{
	struct sf_inode *object = sf_i(inode);
	bool changed = false;

	spin_lock(&inode->i_lock);
	if (object->changed <= answer->changes)
		changed = take_attributes(inode, &answer->info);
	spin_unlock(&inode->i_lock);
	if (changed && !ours)
		drop_pages(inode);
}

unsigned long sf_ttl(const struct inode *inode)
{
	return msecs_to_jiffies(sf_share(inode->i_sb)->options.ttl_ms);
}

void sf_inode_verify(struct inode *inode, bool opened)
{
	struct sf_inode *object = sf_i(inode);
	bool drop;

	if (!opened && time_before(jiffies, READ_ONCE(object->verified) + sf_ttl(inode)))
		return;
	spin_lock(&inode->i_lock);
	drop = object->suspect;
	object->suspect = false;
	object->verified = jiffies;
	spin_unlock(&inode->i_lock);
	if (drop)
		drop_pages(inode);
}

void sf_inode_changed(struct inode *inode)
{
	u64 change = atomic64_inc_return(&sf_share(inode->i_sb)->changes);

	spin_lock(&inode->i_lock);
	sf_i(inode)->changed = change;
	sf_i(inode)->stale = true;
	sf_i(inode)->wrote = true;
	spin_unlock(&inode->i_lock);
}

void sf_inode_extend(struct inode *inode, loff_t end)
{
	u64 change = atomic64_inc_return(&sf_share(inode->i_sb)->changes);

	spin_lock(&inode->i_lock);
	if (end > i_size_read(inode))
		i_size_write(inode, end);
	sf_i(inode)->changed = change;
	sf_i(inode)->stale = true;
	sf_i(inode)->wrote = true;
	spin_unlock(&inode->i_lock);
}

bool sf_inode_aged(struct inode *inode)
{
	return !time_before(jiffies, READ_ONCE(sf_i(inode)->checked) + sf_ttl(inode));
}

bool sf_inode_fresh(struct inode *inode)
{
	return !READ_ONCE(sf_i(inode)->stale) && !sf_inode_aged(inode);
}

int sf_stat(struct sf_share *share, struct dentry *dentry, struct sf_answer *answer)
{
	SHFLCREATEPARMS parms = {
		.Handle = SHFL_HANDLE_NIL,
		.CreateFlags = SHFL_CF_LOOKUP | SHFL_CF_ACT_FAIL_IF_NEW,
	};
	SHFLSTRING *path = sf_path_get(share, dentry);
	int ret;

	if (IS_ERR(path))
		return PTR_ERR(path);
	sf_answer_begin(share, answer);
	ret = vbgl_errno(vboxCallCreate(&sf_client, &share->map, path, &parms));
	sf_path_put(path);
	if (ret)
		return ret;
	answer->info = parms.Info;
	return parms.Result == SHFL_FILE_EXISTS ? 0 : -ENOENT;
}

static int stat_handle(struct sf_handle *handle, struct sf_answer *answer)
{
	u32 bytes = sizeof(answer->info);
	int rc;

	sf_answer_begin(handle->share, answer);
	rc = vboxCallFSInfo(&sf_client, &handle->share->map, handle->host,
			    SHFL_INFO_GET | SHFL_INFO_FILE, &bytes, &answer->info);
	if (VBOX_SUCCESS(rc) && bytes < sizeof(answer->info))
		return -EPROTO;
	return vbgl_errno(rc);
}

static int ask(struct inode *inode, struct dentry *dentry, struct sf_answer *answer)
{
	struct sf_handle *handle = sf_handle_find(inode, 0);
	int ret;

	if (handle) {
		ret = stat_handle(handle, answer);
		sf_handle_put(handle);
		return ret;
	}
	return sf_stat(sf_share(inode->i_sb), dentry, answer);
}

int sf_inode_refresh(struct inode *inode, struct dentry *dentry, bool force)
{
	struct sf_answer answer;
	int ret;

	if (!force && sf_inode_fresh(inode))
		return 0;
	ret = ask(inode, dentry, &answer);
	if (ret)
		return ret;
	if (!sf_inode_is(inode, &answer.info))
		return -ESTALE;
	sf_inode_update(inode, &answer, false);
	return 0;
}

int sf_getattr(struct user_namespace *users, const struct path *path, struct kstat *stat, u32 mask,
	       unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	int ret = 0;

	if ((mask & (STATX_MTIME | STATX_CTIME)) && S_ISREG(inode->i_mode) && has_unwritten(inode))
		filemap_write_and_wait(inode->i_mapping);
	if (!(flags & AT_STATX_DONT_SYNC))
		ret = sf_inode_refresh(inode, path->dentry, flags & AT_STATX_FORCE_SYNC);
	/* a removed object that nobody has open cannot be asked for */
	if (ret && d_unlinked(path->dentry))
		ret = 0;
	if (!ret)
		generic_fillattr(users, inode, stat);
	return ret;
}

static s64 wire_time(const struct timespec64 *time)
{
	s64 ns = timespec64_to_ns(time);

	return ns ? ns : 1; /* 0 would mean: leave it */
}

/* Borrows a handle for changing attributes, or opens one. */
static int handle_for_change(struct inode *inode, struct dentry *dentry, bool size,
			     struct sf_handle **ret_handle, bool *ret_opened)
{
	u32 access = size ? SHFL_CF_ACCESS_WRITE : 0;
	u32 flags = access | SHFL_CF_ACCESS_ATTR_WRITE;

	*ret_opened = false;
	*ret_handle = sf_handle_find(inode, access | SHFL_CF_ACCESS_APPEND);
	if (*ret_handle)
		return 0;
	if (S_ISDIR(inode->i_mode))
		flags |= SHFL_CF_DIRECTORY;
	*ret_opened = true;
	return sf_handle_open(inode, dentry, flags, ret_handle);
}

static int set_info(struct sf_handle *handle, u32 flags, struct sf_answer *answer)
{
	u32 bytes = sizeof(answer->info);
	int rc;

	sf_answer_begin(handle->share, answer);
	rc = vboxCallFSInfo(&sf_client, &handle->share->map, handle->host, SHFL_INFO_SET | flags,
			    &bytes, &answer->info);
	if (VBOX_SUCCESS(rc) && bytes < sizeof(answer->info))
		return -EPROTO;
	return vbgl_errno(rc);
}

/* What we have changed, and the attributes that came of it. */
static void take_own_change(struct inode *inode, struct sf_answer *answer)
{
	sf_inode_changed(inode);
	answer->changes = atomic64_read(&sf_share(inode->i_sb)->changes);
	sf_inode_update(inode, answer, true);
}

/* The size changes here first, so that no page beyond it is written any more. */
static int change_size(struct inode *inode, struct sf_handle *handle, loff_t size)
{
	struct sf_answer answer = { .info.cbObject = size };
	loff_t old = i_size_read(inode);
	int ret;

	/* what this cannot write is told by fsync and close: a full disk has to let it go */
	filemap_write_and_wait(inode->i_mapping);
	truncate_setsize(inode, size);
	WRITE_ONCE(handle->unflushed, true);
	ret = set_info(handle, SHFL_INFO_SIZE, &answer);
	if (ret) {
		i_size_write(inode, old);
		return ret;
	}
	/* once more: what was read meanwhile has what is cut off now */
	truncate_pagecache(inode, size);
	take_own_change(inode, &answer);
	return 0;
}

/* Bits that the host sets whatever it is asked for. */
static u32 forced_bits(const struct inode *inode)
{
	return S_ISDIR(inode->i_mode) ? 0500 : 0400;
}

static int change_attributes(struct inode *inode, struct sf_handle *handle,
			     const struct iattr *attributes)
{
	struct sf_answer answer = {};
	u32 bits = attributes->ia_mode & 0777;
	int ret;

	if (attributes->ia_valid & ATTR_MODE)
		answer.info.Attr.fMode = bits | (inode->i_mode & S_IFMT);
	if (attributes->ia_valid & ATTR_ATIME)
		answer.info.AccessTime = wire_time(&attributes->ia_atime);
	if (attributes->ia_valid & ATTR_MTIME)
		answer.info.ModificationTime = wire_time(&attributes->ia_mtime);
	ret = set_info(handle, SHFL_INFO_FILE, &answer);
	if (ret)
		return ret;
	take_own_change(inode, &answer);
	/* the host reports no failure, but what has become of it */
	if ((attributes->ia_valid & ATTR_MODE) &&
	    (answer.info.Attr.fMode & 0777) != (bits | forced_bits(inode)) &&
	    (answer.info.Attr.fMode & 0777) != bits)
		return -EPERM;
	return 0;
}

/* What the host cannot keep is refused: other owners, bits beyond rwx. */
static int check_change(const struct inode *inode, const struct iattr *attributes)
{
	if ((attributes->ia_valid & ATTR_UID) && !uid_eq(attributes->ia_uid, inode->i_uid))
		return -EPERM;
	if ((attributes->ia_valid & ATTR_GID) && !gid_eq(attributes->ia_gid, inode->i_gid))
		return -EPERM;
	if ((attributes->ia_valid & ATTR_MODE) && (attributes->ia_mode & 07000))
		return -EPERM;
	return 0;
}

int sf_setattr(struct user_namespace *users, struct dentry *dentry, struct iattr *attributes)
{
	struct inode *inode = d_inode(dentry);
	bool size = attributes->ia_valid & ATTR_SIZE;
	struct sf_handle *handle;
	bool opened;
	int ret = setattr_prepare(users, dentry, attributes);

	if (!ret)
		ret = check_change(inode, attributes);
	if (ret)
		return ret;
	/* an open for truncation brings times of its own, which the host sets anyway */
	if (size)
		attributes->ia_valid &= ~(ATTR_MTIME | ATTR_CTIME);
	if (!(attributes->ia_valid & (ATTR_SIZE | ATTR_MODE | ATTR_ATIME | ATTR_MTIME)))
		return 0;
	if (S_ISLNK(inode->i_mode))
		return -EOPNOTSUPP;
	ret = handle_for_change(inode, dentry, size, &handle, &opened);
	if (ret)
		return ret;
	if (size)
		ret = change_size(inode, handle, attributes->ia_size);
	if (!ret && (attributes->ia_valid & (ATTR_MODE | ATTR_ATIME | ATTR_MTIME)))
		ret = change_attributes(inode, handle, attributes);
	if (opened)
		sf_handle_release(inode, handle);
	else
		sf_handle_put(handle);
	return ret;
}

const struct inode_operations sf_file_inode_operations = {
	.getattr = sf_getattr,
	.setattr = sf_setattr,
};
