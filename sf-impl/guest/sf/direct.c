// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading and writing past the page cache: the host gets the program's own pages.
 * Short transfers, and memory that has no pages to give, go through a buffer.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "sf.h"

#define BUFFER_SIZE (64u << 10)
#define SHORT_TRANSFER 8192u /* copied: cheaper than pinning, and one call for all segments */

/* A way through a file: where it goes on, and what carries the data. */
struct transfer {
	struct kiocb *iocb;
	struct sf_handle *handle;
	struct iov_iter *iter;
	loff_t position;
	bool append;
	struct shfl_pages pages;
	u32 pages_max;
	void *buffer;
	u32 buffer_size;
	ssize_t asked; /* by the last step */
};

/* The bytes carried, or an error; the iterator and the position move by them. */
typedef ssize_t step_fn(struct transfer *transfer);

static struct sf_share *share_of(const struct transfer *transfer)
{
	return transfer->handle->share;
}

static void advance(struct transfer *transfer, u32 count, u64 end)
{
	/* an append tells where it has been */
	if (transfer->append && end >= count && end <= MAX_LFS_FILESIZE)
		transfer->position = end;
	else
		transfer->position += count;
}

static ssize_t read_to_buffer(struct transfer *transfer)
{
	u32 count = min_t(size_t, iov_iter_count(transfer->iter), transfer->buffer_size);
	int ret;

	transfer->asked = count;
	ret = sf_reg_read_aux(__func__, share_of(transfer), transfer->handle, transfer->buffer,
			      &count, transfer->position);
	if (ret)
		return ret;
	if (copy_to_iter(transfer->buffer, count, transfer->iter) != count)
		return -EFAULT;
	advance(transfer, count, 0);
	return count;
}

static int write_buffer(struct transfer *transfer, u32 *count, u64 *ret_end)
{
	*ret_end = transfer->position;
	if (!transfer->append)
		return sf_reg_write_aux(__func__, share_of(transfer), transfer->handle,
					transfer->buffer, count, transfer->position);
	return vbgl_errno(vboxCallAppend(&sf_client, &share_of(transfer)->map,
					 transfer->handle->host, ret_end, count,
					 transfer->buffer));
}

static ssize_t write_from_buffer(struct transfer *transfer)
{
	u32 copied = min_t(size_t, iov_iter_count(transfer->iter), transfer->buffer_size);
	u32 count;
	u64 end;
	int ret;

	copied = copy_from_iter(transfer->buffer, copied, transfer->iter);
	if (!copied)
		return -EFAULT;
	count = copied;
	transfer->asked = copied;
	ret = write_buffer(transfer, &count, &end);
	if (ret) {
		iov_iter_revert(transfer->iter, copied);
		return ret;
	}
	iov_iter_revert(transfer->iter, copied - count);
	advance(transfer, count, end);
	return count;
}

static void put_pages(struct shfl_pages *pages, bool dirty)
{
	u32 i;

	for (i = 0; i < pages->count; i++) {
		if (dirty)
			set_page_dirty_lock(pages->pages[i]);
		put_page(pages->pages[i]);
	}
}

/* The bytes in the pages that the next call can have. */
static ssize_t get_pages(struct transfer *transfer)
{
	struct shfl_pages *pages = &transfer->pages;
	size_t offset;
	ssize_t bytes = iov_iter_get_pages2(transfer->iter, pages->pages,
					    transfer->pages_max * PAGE_SIZE, transfer->pages_max,
					    &offset);

	if (bytes <= 0)
		return bytes ? bytes : -EFAULT;
	pages->offset = offset;
	pages->count = DIV_ROUND_UP(offset + bytes, PAGE_SIZE);
	transfer->asked = bytes;
	return bytes;
}

/* A host without the memory for a call may have it for a smaller one. */
static bool ask_for_less(struct transfer *transfer, int rc)
{
	if (rc != VERR_NO_MEMORY || transfer->pages_max == 1)
		return false;
	transfer->pages_max = max(transfer->pages_max / 4, 1u);
	return true;
}

static ssize_t pages_step(struct transfer *transfer, bool read)
{
	const struct shfl_map *map = &share_of(transfer)->map;
	u64 host = transfer->handle->host;
	ssize_t bytes;
	u64 end = 0;
	u32 count;
	int rc;

	do {
		bytes = get_pages(transfer);
		if (bytes < 0)
			return bytes;
		count = bytes;
		if (read)
			rc = vboxCallReadPages(&sf_client, map, host, transfer->position, &count,
					       &transfer->pages);
		else
			rc = vboxCallWritePages(&sf_client, map, host, transfer->position, &count,
						&transfer->pages, &end);
		put_pages(&transfer->pages, read);
		if (VBOX_FAILURE(rc))
			count = 0;
		iov_iter_revert(transfer->iter, bytes - count);
	} while (ask_for_less(transfer, rc));
	if (VBOX_FAILURE(rc))
		return vbgl_errno(rc);
	advance(transfer, count, end);
	return count;
}

static ssize_t read_to_pages(struct transfer *transfer)
{
	return pages_step(transfer, true);
}

static ssize_t write_from_pages(struct transfer *transfer)
{
	return pages_step(transfer, false);
}

/* Until all is carried, or less than was asked for. An error counts if nothing was. */
static ssize_t carry(struct transfer *transfer, step_fn *step)
{
	ssize_t carried = 0;
	ssize_t ret = 0;

	while (iov_iter_count(transfer->iter)) {
		ret = step(transfer);
		if (ret <= 0)
			break;
		carried += ret;
		if (ret < transfer->asked || fatal_signal_pending(current))
			break;
	}
	return carried ? carried : ret;
}

static bool through_buffer(const struct iov_iter *iter)
{
	return iov_iter_count(iter) <= SHORT_TRANSFER || !user_backed_iter(iter);
}

static ssize_t run(struct transfer *transfer, step_fn *by_buffer, step_fn *by_pages)
{
	size_t count = iov_iter_count(transfer->iter);
	ssize_t ret;

	if (through_buffer(transfer->iter)) {
		transfer->buffer_size = min_t(size_t, count, BUFFER_SIZE);
		transfer->buffer = kvmalloc(transfer->buffer_size, GFP_KERNEL);
		if (!transfer->buffer)
			return -ENOMEM;
		ret = carry(transfer, by_buffer);
		kvfree(transfer->buffer);
		return ret;
	}
	transfer->pages_max = min_t(size_t, count / PAGE_SIZE + 2, SF_PAGES_MAX);
	transfer->pages.pages = kvmalloc_array(transfer->pages_max, sizeof(struct page *),
					       GFP_KERNEL);
	if (!transfer->pages.pages)
		return -ENOMEM;
	ret = carry(transfer, by_pages);
	kvfree(transfer->pages.pages);
	return ret;
}

ssize_t sf_direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	struct transfer transfer = {
		.iocb = iocb,
		.handle = iocb->ki_filp->private_data,
		.iter = to,
		.position = iocb->ki_pos,
	};
	ssize_t ret = 0;

	if (!iov_iter_count(to))
		return 0;
	/* all of it: pages further on decide where the host's file ends */
	if (mapping->nrpages)
		ret = filemap_write_and_wait(mapping);
	if (ret)
		return ret;
	ret = run(&transfer, read_to_buffer, read_to_pages);
	if (ret > 0)
		iocb->ki_pos = transfer.position;
	return ret;
}

/* Pages that the data went past would show what was there before. */
static void drop_cached(struct address_space *mapping, loff_t begin, loff_t end)
{
	if (mapping->nrpages && end > begin)
		invalidate_inode_pages2_range(mapping, begin >> PAGE_SHIFT,
					      (end - 1) >> PAGE_SHIFT);
}

static ssize_t write_and_drop(struct kiocb *iocb, struct iov_iter *from)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	struct sf_handle *handle = iocb->ki_filp->private_data;
	struct transfer transfer = {
		.iocb = iocb,
		.handle = handle,
		.iter = from,
		.position = iocb->ki_pos,
		.append = handle->access & SHFL_CF_ACCESS_APPEND,
	};
	ssize_t ret = 0;

	if (mapping->nrpages)
		ret = filemap_write_and_wait_range(mapping, iocb->ki_pos,
						   iocb->ki_pos + iov_iter_count(from) - 1);
	if (ret)
		return ret;
	ret = run(&transfer, write_from_buffer, write_from_pages);
	if (ret <= 0)
		return ret ? ret : -EIO;
	WRITE_ONCE(handle->unflushed, true);
	sf_inode_extend(mapping->host, transfer.position);
	drop_cached(mapping, transfer.position - ret, transfer.position);
	iocb->ki_pos = transfer.position;
	return ret;
}

/*
 * The caller holds the inode's lock. A page that a mapping made dirty meanwhile
 * could not be dropped: it would be written over the data later.
 */
ssize_t sf_direct_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct sf_inode *object = sf_i(file_inode(iocb->ki_filp));
	ssize_t ret;

	down_write(&object->direct);
	ret = write_and_drop(iocb, from);
	up_write(&object->direct);
	return ret;
}
