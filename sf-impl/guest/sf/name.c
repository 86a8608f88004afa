// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names: looking up, creating, removing, renaming, and symbolic links.
 */
#include <linux/namei.h>
#include <linux/slab.h>
#include "sf.h"

#define LINK_TEXT_SIZE PATH_MAX

/* The directory's own attributes have changed with one of its names. */
static void parent_changed(struct inode *parent)
{
	sf_inode_changed(parent);
}

static bool name_fresh(struct super_block *super, struct dentry *dentry)
{
	unsigned long ttl = msecs_to_jiffies(sf_share(super)->options.ttl_ms);

	return time_before(jiffies, dentry->d_time + ttl);
}

static int revalidate_positive(struct dentry *dentry, struct inode *inode)
{
	struct sf_answer answer;
	int ret = sf_stat(sf_share(inode->i_sb), dentry, &answer);

	if (ret)
		return ret == -ENOENT || ret == -ENOTDIR ? 0 : ret;
	if (!sf_inode_is(inode, &answer.info))
		return 0;
	sf_inode_update(inode, &answer, false);
	dentry->d_time = jiffies;
	return 1;
}

static int sf_d_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode_rcu(dentry);
	bool fresh = name_fresh(dentry->d_sb, dentry) && !(flags & LOOKUP_REVAL);

	if (!inode)
		return fresh && !(flags & (LOOKUP_CREATE | LOOKUP_RENAME_TARGET));
	if (fresh && sf_inode_fresh(inode))
		return 1;
	if (flags & LOOKUP_RCU)
		return -ECHILD;
	/* our own change made the attributes stale, not the name */
	if (fresh || (sf_dir_refresh(dentry) && name_fresh(dentry->d_sb, dentry)))
		return 1;
	return revalidate_positive(dentry, inode);
}

static int sf_d_delete(const struct dentry *dentry)
{
	return d_really_is_positive(dentry) && !d_inode(dentry)->i_nlink;
}

const struct dentry_operations sf_dentry_operations = {
	.d_revalidate = sf_d_revalidate,
	.d_delete = sf_d_delete,
};

/* Binds a name to what an answer says of it. */
static struct dentry *bind(struct dentry *dentry, const struct sf_answer *answer)
{
	struct inode *inode = sf_inode_get(dentry->d_sb, answer);

	if (!d_in_lookup(dentry))
		d_drop(dentry);
	dentry->d_time = jiffies;
	return d_splice_alias(inode, dentry);
}

static struct dentry *sf_lookup(struct inode *parent, struct dentry *dentry, unsigned int flags)
{
	struct sf_answer answer;
	int ret;

	if (dentry->d_name.len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	/* what is to be created exclusively need not be looked for */
	if ((flags & (LOOKUP_CREATE | LOOKUP_EXCL)) == (LOOKUP_CREATE | LOOKUP_EXCL))
		return NULL;
	ret = sf_stat(sf_share(parent->i_sb), dentry, &answer);
	/* a name that the host cannot have is a name that does not exist */
	if (ret == -ENOENT || ret == -EILSEQ) {
		dentry->d_time = jiffies;
		return d_splice_alias(NULL, dentry);
	}
	return ret ? ERR_PTR(ret) : bind(dentry, &answer);
}

/*
 * Creates what must not be there yet. Success: @answer says what has come into
 * being, and *ret_handle is open. -EEXIST: it says what is there, if it is a file.
 */
static int create_exclusively(struct dentry *dentry, umode_t mode, u32 access,
			      struct sf_answer *answer, u64 *ret_handle)
{
	struct sf_share *share = sf_share(dentry->d_sb);
	bool directory = S_ISDIR(mode);
	SHFLCREATEPARMS parms = {
		.Handle = SHFL_HANDLE_NIL,
		.CreateFlags = SHFL_CF_ACT_FAIL_IF_EXISTS | SHFL_CF_ACT_CREATE_IF_NEW | access |
			       (directory ? SHFL_CF_DIRECTORY : 0),
		.Info.Attr.fMode = (mode & 0777) |
				   (directory ? RTFS_TYPE_DIRECTORY : RTFS_TYPE_FILE),
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
	*ret_handle = parms.Handle;
	if (parms.Handle != SHFL_HANDLE_NIL && parms.Result == SHFL_FILE_CREATED)
		return 0;
	if (parms.Handle != SHFL_HANDLE_NIL)
		vboxCallClose(&sf_client, &share->map, parms.Handle);
	return parms.Result == SHFL_FILE_EXISTS ? -EEXIST : -ENOENT;
}

/* The host makes directories with a mode of its own: bits that are not wanted go. */
static void limit_mode(struct sf_share *share, u64 handle, umode_t mode, struct sf_answer *answer)
{
	u32 bits = answer->info.Attr.fMode & mode & 0777;
	SHFLFSOBJINFO info = { .Attr.fMode = bits | RTFS_TYPE_DIRECTORY };
	u32 bytes = sizeof(info);
	int rc;

	if ((answer->info.Attr.fMode & 0777) == bits)
		return;
	rc = vboxCallFSInfo(&sf_client, &share->map, handle, SHFL_INFO_SET | SHFL_INFO_FILE,
			    &bytes, &info);
	if (VBOX_SUCCESS(rc) && bytes == sizeof(info))
		answer->info = info;
}

static int make_object(struct inode *parent, struct dentry *dentry, umode_t mode)
{
	struct sf_share *share = sf_share(parent->i_sb);
	struct sf_answer answer;
	struct dentry *alias;
	u64 handle;
	int ret = create_exclusively(dentry, mode, SHFL_CF_ACCESS_READWRITE, &answer, &handle);

	if (ret)
		return ret;
	if (S_ISDIR(mode))
		limit_mode(share, handle, mode, &answer);
	vboxCallClose(&sf_client, &share->map, handle);
	parent_changed(parent);
	alias = bind(dentry, &answer);
	if (IS_ERR(alias))
		return PTR_ERR(alias);
	dput(alias);
	return 0;
}

static int sf_create(struct user_namespace *users, struct inode *parent, struct dentry *dentry,
		     umode_t mode, bool exclusive)
{
	return make_object(parent, dentry, mode);
}

static int sf_mkdir(struct user_namespace *users, struct inode *parent, struct dentry *dentry,
		    umode_t mode)
{
	return make_object(parent, dentry, mode | S_IFDIR);
}

/* Opens the file that has just been created, through the handle that creating gave. */
static int open_created(struct inode *parent, struct dentry *dentry, struct file *file,
			const struct sf_answer *answer, u64 host, u32 access)
{
	struct sf_share *share = sf_share(parent->i_sb);
	struct dentry *alias = bind(dentry, answer);
	struct sf_handle *handle;
	int ret;

	parent_changed(parent);
	if (IS_ERR(alias)) {
		vboxCallClose(&sf_client, &share->map, host);
		return PTR_ERR(alias);
	}
	dput(alias); /* only directories have one */
	handle = sf_handle_adopt(d_inode(dentry), host, access);
	if (!handle)
		return -ENOMEM;
	file->f_mode |= FMODE_CREATED;
	ret = finish_open(file, dentry, generic_file_open);
	if (ret)
		sf_handle_release(d_inode(dentry), handle);
	else
		file->private_data = handle;
	return ret;
}

/* Leaves the opening to the file's own open operation. */
static int open_found(struct inode *parent, struct dentry *dentry, struct file *file)
{
	struct dentry *found = NULL;

	if (d_in_lookup(dentry)) {
		found = sf_lookup(parent, dentry, 0);
		if (IS_ERR(found))
			return PTR_ERR(found);
	}
	return finish_no_open(file, found);
}

/* The host would not create the name. @why counts if there is none. */
static int open_existing(struct inode *parent, struct dentry *dentry, struct file *file, int why)
{
	struct dentry *found = sf_lookup(parent, dentry, 0);

	if (IS_ERR(found))
		return PTR_ERR(found);
	if (d_really_is_positive(found ? found : dentry))
		return finish_no_open(file, found);
	dput(found);
	return why;
}

/*
 * A new file is created and opened by one call. What is in the way is looked at
 * first and opened like any other: it might be a link.
 */
static int sf_atomic_open(struct inode *parent, struct dentry *dentry, struct file *file,
			  unsigned int flags, umode_t mode)
{
	u32 access = sf_access_flags(sf_share(parent->i_sb), flags);
	struct sf_answer answer;
	u64 handle;
	int ret;

	if (dentry->d_name.len > NAME_MAX)
		return -ENAMETOOLONG;
	if (!(flags & O_CREAT) || d_really_is_positive(dentry))
		return open_found(parent, dentry, file);
	ret = create_exclusively(dentry, mode, access, &answer, &handle);
	if (!ret)
		return open_created(parent, dentry, file, &answer, handle, access);
	if ((ret == -EROFS || (ret == -EEXIST && !(flags & O_EXCL))) && d_in_lookup(dentry))
		return open_existing(parent, dentry, file, ret);
	if (ret == -EEXIST && !(flags & O_EXCL))
		return -ESTALE; /* a cached "no such name" was wrong: look again */
	return ret;
}

static int remove_name(struct dentry *dentry, u32 flags)
{
	struct sf_share *share = sf_share(dentry->d_sb);
	SHFLSTRING *path = sf_path_get(share, dentry);
	int ret;

	if (IS_ERR(path))
		return PTR_ERR(path);
	ret = vbgl_errno(vboxCallRemove(&sf_client, &share->map, path, flags));
	sf_path_put(path);
	return ret;
}

static void drop_link(struct inode *inode)
{
	sf_inode_changed(inode);
	if (S_ISDIR(inode->i_mode))
		clear_nlink(inode);
	else if (inode->i_nlink)
		drop_nlink(inode);
	if (!inode->i_nlink)
		sf_sync_forget(inode);
}

static int sf_unlink(struct inode *parent, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	u32 flags = S_ISLNK(inode->i_mode) ? SHFL_REMOVE_SYMLINK : SHFL_REMOVE_FILE;
	int ret = remove_name(dentry, flags);

	if (!ret) {
		drop_link(inode);
		parent_changed(parent);
	}
	return ret;
}

static int sf_rmdir(struct inode *parent, struct dentry *dentry)
{
	int ret = remove_name(dentry, SHFL_REMOVE_DIR);

	if (!ret) {
		drop_link(d_inode(dentry));
		parent_changed(parent);
	}
	return ret;
}

static int rename_names(struct sf_share *share, struct dentry *from, struct dentry *to, u32 flags)
{
	SHFLSTRING *source = sf_path_get(share, from);
	SHFLSTRING *target = sf_path_get(share, to);
	int ret;

	if (IS_ERR(source))
		ret = PTR_ERR(source);
	else if (IS_ERR(target))
		ret = PTR_ERR(target);
	else
		ret = vbgl_errno(vboxCallRename(&sf_client, &share->map, source, target, flags));
	sf_path_put(target);
	sf_path_put(source);
	return ret;
}

/* The host never replaces a directory: an empty one is removed first. */
static int clear_target(struct dentry *to, bool directory)
{
	if (!directory || d_really_is_negative(to))
		return 0;
	return remove_name(to, SHFL_REMOVE_DIR);
}

static int sf_rename(struct user_namespace *users, struct inode *from_parent, struct dentry *from,
		     struct inode *to_parent, struct dentry *to, unsigned int flags)
{
	struct sf_share *share = sf_share(from->d_sb);
	bool directory = d_is_dir(from);
	u32 wire = directory ? SHFL_RENAME_DIR : SHFL_RENAME_FILE;
	int ret;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (!(flags & RENAME_NOREPLACE)) {
		ret = clear_target(to, directory);
		if (ret)
			return ret;
		if (!directory)
			wire |= SHFL_RENAME_REPLACE_IF_EXISTS;
	}
	ret = rename_names(share, from, to, wire);
	if (ret)
		return ret;
	if (d_really_is_positive(to))
		drop_link(d_inode(to));
	sf_inode_changed(d_inode(from));
	parent_changed(from_parent);
	parent_changed(to_parent);
	from->d_time = jiffies;
	return 0;
}

static int make_link(struct sf_share *share, struct dentry *dentry, const char *text,
		     struct sf_answer *answer)
{
	SHFLSTRING *path = sf_path_get(share, dentry);
	SHFLSTRING *target = sf_string_get(share, text);
	int ret;

	sf_answer_begin(share, answer);
	if (IS_ERR(path))
		ret = PTR_ERR(path);
	else if (IS_ERR(target))
		ret = PTR_ERR(target);
	else
		ret = vbgl_errno(vboxCallSymlink(&sf_client, &share->map, path, target,
						 &answer->info));
	sf_path_put(target);
	sf_path_put(path);
	/* the host's policy, not a read-only file system */
	return ret == -EROFS ? -EPERM : ret;
}

static int sf_symlink(struct user_namespace *users, struct inode *parent, struct dentry *dentry,
		      const char *text)
{
	struct sf_answer answer;
	struct dentry *alias;
	int ret = make_link(sf_share(parent->i_sb), dentry, text, &answer);

	if (ret)
		return ret;
	parent_changed(parent);
	alias = bind(dentry, &answer);
	if (IS_ERR(alias))
		return PTR_ERR(alias);
	dput(alias);
	return 0;
}

/* Puts the link's text, in the guest's character set, in the place of the host's. */
static int read_link(struct sf_share *share, struct dentry *dentry, char *text)
{
	SHFLSTRING *path = sf_path_get(share, dentry);
	char *wire;
	int ret;

	if (IS_ERR(path))
		return PTR_ERR(path);
	wire = __getname();
	ret = wire ? vbgl_errno(vboxCallReadLink(&sf_client, &share->map, path, LINK_TEXT_SIZE,
						 wire)) : -ENOMEM;
	if (!ret)
		ret = sf_name_from_host(share, wire, strlen(wire), text, LINK_TEXT_SIZE - 1);
	if (ret >= 0)
		text[ret] = 0;
	if (wire)
		__putname(wire);
	sf_path_put(path);
	return min(ret, 0);
}

static const char *sf_get_link(struct dentry *dentry, struct inode *inode,
			       struct delayed_call *done)
{
	char *text;
	int ret;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	text = kmalloc(LINK_TEXT_SIZE, GFP_KERNEL);
	if (!text)
		return ERR_PTR(-ENOMEM);
	ret = read_link(sf_share(inode->i_sb), dentry, text);
	if (ret) {
		kfree(text);
		return ERR_PTR(ret);
	}
	set_delayed_call(done, kfree_link, text);
	return text;
}

const struct inode_operations sf_dir_inode_operations = {
	.lookup = sf_lookup,
	.create = sf_create,
	.mkdir = sf_mkdir,
	.atomic_open = sf_atomic_open,
	.unlink = sf_unlink,
	.rmdir = sf_rmdir,
	.rename = sf_rename,
	.symlink = sf_symlink,
	.getattr = sf_getattr,
	.setattr = sf_setattr,
};

const struct inode_operations sf_link_inode_operations = {
	.get_link = sf_get_link,
	.getattr = sf_getattr,
	.setattr = sf_setattr,
};
