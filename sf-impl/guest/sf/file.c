// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Open files: where reads and writes go, mappings, and when data are safe.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include "sf.h"

/* From these sizes on the cache costs more than it gives. */
#define DIRECT_READ_MIN (128u << 10)
#define DIRECT_WRITE_MIN (16u << 10)

static enum sf_cache cache_of(const struct inode *inode)
{
	return sf_share(inode->i_sb)->options.cache;
}

static int sf_file_open(struct inode *inode, struct file *file)
{
	u32 access = sf_access_flags(sf_share(inode->i_sb), file->f_flags);
	struct sf_handle *handle;
	int ret = generic_file_open(inode, file);

	if (ret)
		return ret;
	ret = sf_handle_open(inode, file_dentry(file), access, &handle);
	/* not readable by the host's owner: then parts of pages cannot be written later */
	if (ret == -EPERM && (file->f_flags & O_ACCMODE) == O_WRONLY &&
	    (access & SHFL_CF_ACCESS_READ))
		ret = sf_handle_open(inode, file_dentry(file), access & ~SHFL_CF_ACCESS_READ,
				     &handle);
	if (!ret)
		file->private_data = handle;
	return ret;
}

static bool has_dirty(struct address_space *mapping)
{
	return mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK);
}

/* close(2) tells of what could not be written. */
static int sf_file_flush(struct file *file, fl_owner_t owner)
{
	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	if (has_dirty(file->f_mapping))
		filemap_write_and_wait(file->f_mapping);
	return file_check_and_advance_wb_err(file);
}

static int sf_file_release(struct inode *inode, struct file *file)
{
	if (has_dirty(inode->i_mapping))
		filemap_write_and_wait(inode->i_mapping);
	sf_handle_release(inode, file->private_data);
	return 0;
}

/* A file that is open for reading only can still be flushed through another handle. */
static int flush_any(struct inode *inode)
{
	struct sf_handle *handle = sf_handle_find(inode, SHFL_CF_ACCESS_WRITE | SHFL_CF_ACCESS_APPEND);
	int ret;

	if (!handle)
		return sf_sync_closed(inode);
	ret = sf_sync_file(inode, handle);
	sf_handle_put(handle);
	return ret;
}

static int sf_file_fsync(struct file *file, loff_t begin, loff_t end, int data_only)
{
	struct sf_handle *handle = file->private_data;
	int ret = file_write_and_wait_range(file, begin, end);
	int flushed;

	if (handle->access & SHFL_CF_ACCESS_WRITE)
		flushed = sf_sync_file(file_inode(file), handle);
	else
		flushed = flush_any(file_inode(file));
	return ret ? ret : flushed;
}

/* Another party's changes are seen when the attributes' time is over. */
static int check_age(struct file *file)
{
	struct inode *inode = file_inode(file);
	int ret = 0;

	if (cache_of(inode) == SF_CACHE_WRITEBACK)
		return 0;
	if (sf_inode_aged(inode))
		ret = sf_inode_refresh(inode, file_dentry(file), true);
	if (!ret)
		sf_inode_verify(inode, false);
	return ret;
}

static loff_t sf_file_llseek(struct file *file, loff_t offset, int whence)
{
	int ret = 0;

	if (whence != SEEK_SET && whence != SEEK_CUR)
		ret = check_age(file);
	return ret ? ret : generic_file_llseek(file, offset, whence);
}

static bool read_directly(struct kiocb *iocb, const struct iov_iter *to)
{
	return (iocb->ki_flags & IOCB_DIRECT) ||
	       cache_of(file_inode(iocb->ki_filp)) == SF_CACHE_NONE ||
	       (iov_iter_count(to) >= DIRECT_READ_MIN && user_backed_iter(to));
}

static ssize_t sf_file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	ssize_t ret;

	if (read_directly(iocb, to))
		return sf_direct_read(iocb, to);
	ret = check_age(iocb->ki_filp);
	if (ret)
		return ret;
	sf_read_around(iocb->ki_filp, iocb->ki_pos, iov_iter_count(to));
	return generic_file_read_iter(iocb, to);
}

static bool write_directly(struct kiocb *iocb, const struct iov_iter *from)
{
	const struct sf_handle *handle = iocb->ki_filp->private_data;

	return (iocb->ki_flags & IOCB_DIRECT) ||
	       cache_of(file_inode(iocb->ki_filp)) == SF_CACHE_NONE ||
	       (handle->access & SHFL_CF_ACCESS_APPEND) ||
	       (iov_iter_count(from) >= DIRECT_WRITE_MIN && user_backed_iter(from));
}

/* What a mapping has left behind the end must not come up when the end moves on. */
static void clear_behind_end(struct inode *inode)
{
	loff_t size = i_size_read(inode);
	struct folio *folio = filemap_lock_folio(inode->i_mapping, size >> PAGE_SHIFT);

	if (IS_ERR_OR_NULL(folio))
		return;
	if (folio_test_dirty(folio))
		folio_zero_segment(folio, offset_in_folio(folio, size), folio_size(folio));
	folio_unlock(folio);
	folio_put(folio);
}

/* The caller holds the inode's lock. */
static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t ret = generic_write_checks(iocb, from);
	loff_t position = iocb->ki_pos;

	if (ret <= 0)
		return ret;
	if (position > i_size_read(file_inode(iocb->ki_filp)))
		clear_behind_end(file_inode(iocb->ki_filp));
	ret = file_remove_privs(iocb->ki_filp);
	if (ret)
		return ret;
	if (write_directly(iocb, from))
		return sf_direct_write(iocb, from);
	/* some kernels move the position by themselves, some do not */
	ret = generic_perform_write(iocb, from);
	if (ret > 0)
		iocb->ki_pos = position + ret;
	return ret;
}

static ssize_t sf_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	inode_lock(inode);
	ret = write_locked(iocb, from);
	inode_unlock(inode);
	return ret > 0 ? generic_write_sync(iocb, ret) : ret;
}

/* What was written through a mapping reaches the host when the mapping goes. */
static void sf_vm_close(struct vm_area_struct *area)
{
	struct address_space *mapping = area->vm_file->f_mapping;

	if ((area->vm_flags & VM_SHARED) && has_dirty(mapping))
		filemap_write_and_wait(mapping);
}

/*
 * Who writes past the cache may have to wait for the memory map that is locked
 * here: so he is not waited for, but the program's access comes again.
 */
static vm_fault_t sf_vm_page_mkwrite(struct vm_fault *fault)
{
	struct sf_inode *object = sf_i(file_inode(fault->vma->vm_file));
	vm_fault_t ret;

	if (!down_read_trylock(&object->direct)) {
		schedule_timeout_uninterruptible(1);
		return VM_FAULT_NOPAGE;
	}
	ret = filemap_page_mkwrite(fault);
	up_read(&object->direct);
	return ret;
}

static const struct vm_operations_struct sf_vm_operations = {
	.close = sf_vm_close,
	.fault = filemap_fault,
	.map_pages = filemap_map_pages,
	.page_mkwrite = sf_vm_page_mkwrite,
};

/*
 * Pages are written to their places: through an appending handle they cannot be.
 * Not under the inode's lock, which writers hold when they need the mappings'.
 */
static int need_plain_handle(struct file *file)
{
	struct sf_handle *handle = file->private_data;
	struct inode *inode = file_inode(file);
	struct sf_handle *plain;
	int ret;

	if (!(handle->access & SHFL_CF_ACCESS_APPEND) || READ_ONCE(handle->plain))
		return 0;
	ret = sf_handle_open(inode, file_dentry(file), SHFL_CF_ACCESS_READWRITE, &plain);
	if (!ret && cmpxchg(&handle->plain, NULL, plain))
		sf_handle_release(inode, plain);
	return ret;
}

/*
 * What a mapping makes dirty is written in whole folios: no more than its page,
 * then. What cannot be dropped stays large, that is all.
 */
static void need_small_folios(struct address_space *mapping)
{
	if (!mapping_large_folio_support(mapping))
		return;
	clear_bit(AS_LARGE_FOLIO_SUPPORT, &mapping->flags);
	filemap_write_and_wait(mapping);
	invalidate_inode_pages2(mapping);
}

static int sf_file_mmap(struct file *file, struct vm_area_struct *area)
{
	int ret = check_age(file);

	if (!ret && (area->vm_flags & VM_SHARED) && (file->f_mode & FMODE_WRITE))
		ret = need_plain_handle(file);
	if (!ret && (area->vm_flags & VM_SHARED))
		need_small_folios(file->f_mapping);
	if (!ret)
		ret = generic_file_mmap(file, area);
	if (!ret)
		area->vm_ops = &sf_vm_operations;
	return ret;
}

const struct file_operations sf_file_operations = {
	.open = sf_file_open,
	.flush = sf_file_flush,
	.release = sf_file_release,
	.fsync = sf_file_fsync,
	.llseek = sf_file_llseek,
	.read_iter = sf_file_read_iter,
	.write_iter = sf_file_write_iter,
	.mmap = sf_file_mmap,
	.lock = sf_file_lock,
	.flock = sf_file_flock,
	.setlease = sf_file_setlease,
	.splice_read = generic_file_splice_read,
	.splice_write = iter_file_splice_write,
};

/* The host's devices, pipes and sockets are names here, no more. */
static int sf_special_open(struct inode *inode, struct file *file)
{
	return -ENXIO;
}

const struct file_operations sf_special_operations = {
	.open = sf_special_open,
};
