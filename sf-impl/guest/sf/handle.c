// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handles: objects that are open at the host. An inode knows those of its files,
 * so that attributes and dirty pages travel through any that fits.
 */
#include <linux/slab.h>
#include "sf.h"

/*
 * What an open file of these flags needs of the host. The host itself finds the
 * end for O_APPEND; but where pages are written later this guest has to.
 */
u32 sf_access_flags(const struct sf_share *share, unsigned int open_flags)
{
	u32 access;

	switch (open_flags & O_ACCMODE) {
	case O_RDONLY:
		return SHFL_CF_ACCESS_READ;
	case O_WRONLY:
		/* pages that are written in part have to be read first */
		access = share->options.cache == SF_CACHE_WRITEBACK ? SHFL_CF_ACCESS_READWRITE :
								       SHFL_CF_ACCESS_WRITE;
		break;
	default:
		access = SHFL_CF_ACCESS_READWRITE;
	}
	if ((open_flags & O_APPEND) && share->options.cache != SF_CACHE_WRITEBACK)
		access |= SHFL_CF_ACCESS_APPEND;
	return access;
}

struct sf_handle *sf_handle_adopt(struct inode *inode, u64 host, u32 access)
{
	struct sf_share *share = sf_share(inode->i_sb);
	struct sf_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL);

	if (!handle) {
		vboxCallClose(&sf_client, &share->map, host);
		return NULL;
	}
	refcount_set(&handle->references, 1);
	handle->share = share;
	handle->host = host;
	handle->access = access & (SHFL_CF_ACCESS_MASK_RW | SHFL_CF_ACCESS_APPEND);
	spin_lock(&sf_i(inode)->handles_lock);
	list_add(&handle->list, &sf_i(inode)->handles);
	spin_unlock(&sf_i(inode)->handles_lock);
	spin_lock(&share->handles_lock);
	list_add(&handle->of_share, &share->handles);
	spin_unlock(&share->handles_lock);
	return handle;
}

static int check_opened(struct inode *inode, struct sf_share *share, const SHFLCREATEPARMS *parms)
{
	if (parms->Handle == SHFL_HANDLE_NIL)
		return parms->Result == SHFL_FILE_EXISTS ? -EEXIST : -ENOENT;
	if (sf_inode_is(inode, &parms->Info))
		return 0;
	/* another object has taken the name */
	vboxCallClose(&sf_client, &share->map, parms->Handle);
	return -ESTALE;
}

int sf_handle_open(struct inode *inode, struct dentry *dentry, u32 flags,
		   struct sf_handle **ret_handle)
{
	struct sf_share *share = sf_share(inode->i_sb);
	SHFLCREATEPARMS parms = {
		.Handle = SHFL_HANDLE_NIL,
		.CreateFlags = flags | SHFL_CF_ACT_OPEN_IF_EXISTS | SHFL_CF_ACT_FAIL_IF_NEW,
	};
	SHFLSTRING *path = sf_path_get(share, dentry);
	struct sf_answer answer;
	int ret;

	if (IS_ERR(path))
		return PTR_ERR(path);
	sf_answer_begin(share, &answer);
	ret = vbgl_errno(vboxCallCreate(&sf_client, &share->map, path, &parms));
	sf_path_put(path);
	if (!ret)
		ret = check_opened(inode, share, &parms);
	if (ret)
		return ret;
	answer.info = parms.Info;
	sf_inode_update(inode, &answer, false);
	sf_inode_verify(inode, true);
	*ret_handle = sf_handle_adopt(inode, parms.Handle, flags);
	return *ret_handle ? 0 : -ENOMEM;
}

static bool handle_fits(const struct sf_handle *handle, u32 access)
{
	if ((access & SHFL_CF_ACCESS_WRITE) && (handle->access & ~access & SHFL_CF_ACCESS_APPEND))
		return false;
	access &= SHFL_CF_ACCESS_MASK_RW;
	return (handle->access & access) == access;
}

/*
 * One that allows @access, any if that is 0. Writing means at any place, unless
 * an appending handle will do as well.
 */
struct sf_handle *sf_handle_find(struct inode *inode, u32 access)
{
	struct sf_inode *object = sf_i(inode);
	struct sf_handle *handle;

	spin_lock(&object->handles_lock);
	list_for_each_entry(handle, &object->handles, list) {
		if (handle_fits(handle, access)) {
			refcount_inc(&handle->references);
			spin_unlock(&object->handles_lock);
			return handle;
		}
	}
	spin_unlock(&object->handles_lock);
	return NULL;
}

void sf_handle_put(struct sf_handle *handle)
{
	if (!handle || !refcount_dec_and_test(&handle->references))
		return;
	vboxCallClose(&sf_client, &handle->share->map, handle->host);
	kfree(handle);
}

void sf_handle_release(struct inode *inode, struct sf_handle *handle)
{
	if (handle->plain)
		sf_handle_release(inode, handle->plain);
	sf_sync_closing(inode, handle);
	spin_lock(&sf_i(inode)->handles_lock);
	list_del(&handle->list);
	spin_unlock(&sf_i(inode)->handles_lock);
	spin_lock(&handle->share->handles_lock);
	list_del(&handle->of_share);
	spin_unlock(&handle->share->handles_lock);
	sf_handle_put(handle);
}

int sf_handle_flush(struct sf_handle *handle)
{
	int rc;

	WRITE_ONCE(handle->unflushed, false);
	rc = vboxCallFlush(&sf_client, &handle->share->map, handle->host);
	if (VBOX_SUCCESS(rc) || rc == VERR_WRITE_PROTECT)
		return 0;
	WRITE_ONCE(handle->unflushed, true);
	return vbgl_errno(rc);
}
