// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mounting shares, and the module.
 */
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/nls.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/writeback.h>
#include "sf.h"

#define READ_AHEAD_PAGES 256 /* 1 MiB */

static struct kmem_cache *inode_cache;

static struct inode *sf_alloc_inode(struct super_block *super)
{
	struct sf_inode *inode = alloc_inode_sb(super, inode_cache, GFP_KERNEL);

	if (!inode)
		return NULL;
	inode->host_inode = 0;
	inode->host_device = 0;
	inode->changed = 0;
	inode->checked = jiffies;
	inode->verified = jiffies;
	inode->stale = true;
	inode->wrote = false;
	inode->suspect = false;
	inode->unsynced = NULL;
	inode->asked = 0;
	memset(&inode->seen, 0, sizeof(inode->seen));
	return &inode->vfs;
}

static void sf_free_inode(struct inode *inode)
{
	kmem_cache_free(inode_cache, sf_i(inode));
}

static int sf_statfs(struct dentry *dentry, struct kstatfs *statistics)
{
	struct sf_share *share = sf_share(dentry->d_sb);
	SHFLVOLINFO volume = {};
	u32 bytes = sizeof(volume);
	u32 unit;
	int rc = vboxCallFSInfo(&sf_client, &share->map, 0, SHFL_INFO_GET | SHFL_INFO_VOLUME,
				&bytes, &volume);

	if (VBOX_FAILURE(rc))
		return vbgl_errno(rc);
	unit = volume.ulBytesPerAllocationUnit;
	if (bytes < sizeof(volume) || !unit)
		return -EPROTO;
	statistics->f_type = SF_MAGIC;
	statistics->f_bsize = unit;
	statistics->f_frsize = unit;
	statistics->f_blocks = div_u64(max_t(s64, volume.ullTotalAllocationBytes, 0), unit);
	statistics->f_bfree = div_u64(max_t(s64, volume.ullAvailableAllocationBytes, 0), unit);
	statistics->f_bavail = statistics->f_bfree;
	statistics->f_namelen = NAME_MAX;
	return 0;
}

static const struct super_operations sf_super_operations = {
	.alloc_inode = sf_alloc_inode,
	.free_inode = sf_free_inode,
	.drop_inode = generic_drop_inode,
	.statfs = sf_statfs,
	.sync_fs = sf_sync_fs,
	.show_options = sf_show_options,
};

static void options_free(struct sf_options *options)
{
	kfree(options->charset);
	kfree(options->tag);
}

void sf_share_free(struct sf_share *share)
{
	if (!share)
		return;
	if (share->mapped)
		vboxCallUnmapFolder(&sf_client, &share->map);
	if (share->connected)
		sf_client_put();
	unload_nls(share->nls);
	options_free(&share->options);
	kfree(share);
}

static int load_charset(struct fs_context *context, struct sf_share *share)
{
	if (!share->options.charset)
		return 0;
	share->nls = load_nls(share->options.charset);
	if (share->nls)
		return 0;
	return invalf(context, "sf: iocharset=%s: no such character set", share->options.charset);
}

static int map_share(struct sf_share *share, const char *source)
{
	SHFLSTRING *name = sf_string_get(share, source);
	int rc;

	if (IS_ERR(name))
		return PTR_ERR(name);
	rc = vboxCallMapFolder(&sf_client, name, &share->map);
	sf_path_put(name);
	share->mapped = VBOX_SUCCESS(rc);
	return vbgl_errno(rc);
}

/* Whether the host says that nothing of the share can be changed. */
static bool read_only(struct sf_share *share)
{
	SHFLSTRING *name = sf_string_get(share, "");
	SHFLSTRING *mount_point = sf_string_get(share, "");
	u64 flags = SHFL_MIF_WRITABLE;

	if (!IS_ERR(name) && !IS_ERR(mount_point)) {
		name->u16Size = SHFL_MAX_LEN;
		mount_point->u16Size = SHFL_MAX_LEN;
		vboxCallQueryMapInfo(&sf_client, &share->map, name, mount_point, &flags);
	}
	sf_path_put(mount_point);
	sf_path_put(name);
	return !(flags & SHFL_MIF_WRITABLE);
}

static int stat_root(struct sf_share *share, struct sf_answer *answer)
{
	SHFLCREATEPARMS parms = {
		.Handle = SHFL_HANDLE_NIL,
		.CreateFlags = SHFL_CF_LOOKUP | SHFL_CF_ACT_FAIL_IF_NEW,
	};
	SHFLSTRING *path = sf_string_get(share, "/");
	int ret;

	if (IS_ERR(path))
		return PTR_ERR(path);
	sf_answer_begin(share, answer);
	ret = vbgl_errno(vboxCallCreate(&sf_client, &share->map, path, &parms));
	sf_path_put(path);
	if (ret)
		return ret;
	answer->info = parms.Info;
	if (parms.Result != SHFL_FILE_EXISTS)
		return -ENOENT;
	return (parms.Info.Attr.fMode & RTFS_TYPE_MASK) == RTFS_TYPE_DIRECTORY ? 0 : -ENOTDIR;
}

static int make_root(struct super_block *super)
{
	struct sf_share *share = sf_share(super);
	struct sf_answer answer;
	struct inode *inode;
	int ret = stat_root(share, &answer);

	if (ret)
		return ret;
	share->device = answer.info.Attr.u.Unix.INodeIdDevice;
	inode = sf_inode_get(super, &answer);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	super->s_root = d_make_root(inode);
	return super->s_root ? 0 : -ENOMEM;
}

static void set_limits(struct super_block *super)
{
	super->s_magic = SF_MAGIC;
	super->s_op = &sf_super_operations;
	super->s_d_op = &sf_dentry_operations;
	super->s_blocksize_bits = PAGE_SHIFT;
	super->s_blocksize = PAGE_SIZE;
	super->s_maxbytes = MAX_LFS_FILESIZE;
	super->s_time_gran = 1;
}

static int sf_fill_super(struct super_block *super, struct fs_context *context)
{
	struct sf_share *share = sf_share(super);
	int ret;

	set_limits(super);
	ret = super_setup_bdi(super);
	if (ret)
		return ret;
	super->s_bdi->ra_pages = READ_AHEAD_PAGES;
	super->s_bdi->io_pages = READ_AHEAD_PAGES;
	ret = load_charset(context, share);
	if (ret)
		return ret;
	ret = sf_client_get();
	if (ret)
		return ret;
	share->connected = true;
	ret = map_share(share, context->source);
	if (ret)
		return ret;
	if (read_only(share))
		super->s_flags |= SB_RDONLY;
	return make_root(super);
}

int sf_get_tree(struct fs_context *context)
{
	if (!context->source || !*context->source)
		return invalf(context, "sf: the share's name is missing");
	return get_tree_nodev(context, sf_fill_super);
}

/* All but the character set, which names in the caches are in. */
int sf_reconfigure(struct fs_context *context)
{
	struct sf_share *share = sf_share(context->root->d_sb);
	struct sf_share *wanted = context->s_fs_info;
	char *charset = share->options.charset;
	char *tag = share->options.tag;

	/* those that are held would be known in one place only */
	if (wanted->options.lock != share->options.lock)
		return invalf(context, "sf: lock cannot be changed by a remount");
	if (!(context->sb_flags & SB_RDONLY) && read_only(share))
		return invalf(context, "sf: the host shares this for reading only");
	sync_filesystem(context->root->d_sb);
	share->options = wanted->options;
	share->options.charset = charset;
	if (wanted->options.tag)
		kfree(tag);
	else
		share->options.tag = tag;
	wanted->options.tag = NULL;
	sf_i(d_inode(context->root))->stale = true;
	return sf_inode_refresh(d_inode(context->root), context->root, true);
}

static void sf_kill_super(struct super_block *super)
{
	struct sf_share *share = sf_share(super);

	/* while there are names: those of files that were closed are let go */
	if (super->s_root)
		sf_sync_fs(super, 1);
	kill_anon_super(super);
	sf_share_free(share);
}

static struct file_system_type sf_type = {
	.owner = THIS_MODULE,
	.name = "sf",
	.init_fs_context = sf_init_fs_context,
	.parameters = sf_parameters,
	.kill_sb = sf_kill_super,
};
MODULE_ALIAS_FS("sf");

static int __init sf_init(void)
{
	int ret;

	inode_cache = kmem_cache_create("sf_inode", sizeof(struct sf_inode), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, sf_inode_init_once);
	if (!inode_cache)
		return -ENOMEM;
	ret = register_filesystem(&sf_type);
	if (ret)
		kmem_cache_destroy(inode_cache);
	else
		sf_debug_init();
	return ret;
}

static void __exit sf_exit(void)
{
	sf_debug_exit();
	unregister_filesystem(&sf_type);
	rcu_barrier(); /* inodes that are still to be freed */
	kmem_cache_destroy(inode_cache);
}

module_init(sf_init);
module_exit(sf_exit);
MODULE_DESCRIPTION("Shared folders of VirtualBox hosts");
MODULE_LICENSE("GPL");
