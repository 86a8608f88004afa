// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page cache: filled by large reads, written through page by page (strict),
 * or in large calls when pages have become dirty (write-back, mappings).
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/writeback.h>
#include "sf.h"

/* What one read that is far from all others brings into the cache: docs/performance.md. */
#define READ_PIECE_ORDER 2
#define READ_PIECE (PAGE_SIZE << READ_PIECE_ORDER)

/* The file's own handle if it can read, else any that can. The caller puts it. */
static struct sf_handle *reading_handle(struct inode *inode, struct file *file)
{
	struct sf_handle *handle = file ? file->private_data : NULL;

	if (!handle || !(handle->access & SHFL_CF_ACCESS_READ))
		return sf_handle_find(inode, SHFL_CF_ACCESS_READ);
	refcount_inc(&handle->references);
	return handle;
}

static int fill_part(struct sf_handle *handle, void *data, u32 size, loff_t position)
{
	u32 count = size;
	int ret = sf_reg_read_aux(__func__, handle->share, handle, data, &count, position);

	if (!ret)
		memset(data + count, 0, size - count);
	return ret;
}

/* Fills a locked folio by parts, each of which can be mapped at once. */
static int fill_by_parts(struct file *file, struct folio *folio, u32 part)
{
	struct sf_handle *handle = reading_handle(folio->mapping->host, file);
	size_t offset;
	void *data;
	int ret = 0;

	if (!handle)
		return -EBADF;
	for (offset = 0; offset < folio_size(folio) && !ret; offset += part) {
		data = kmap_local_folio(folio, offset);
		ret = fill_part(handle, data, part, folio_pos(folio) + offset);
		kunmap_local(data);
	}
	flush_dcache_folio(folio);
	if (!ret)
		folio_mark_uptodate(folio);
	sf_handle_put(handle);
	return ret;
}

static int fill_folio(struct file *file, struct folio *folio)
{
	return fill_by_parts(file, folio, PAGE_SIZE);
}

static int sf_read_folio(struct file *file, struct folio *folio)
{
	int ret = fill_folio(file, folio);

	folio_unlock(folio);
	return ret;
}

static void add_folio(struct shfl_pages *pages, struct folio *folio)
{
	long i, more = folio_nr_pages(folio);

	for (i = 0; i < more; i++)
		pages->pages[pages->count++] = folio_page(folio, i);
}

/* The folios up to @count bytes are filled; behind that is the file's end. */
static void finish_read(const struct shfl_pages *pages, u32 count, bool filled)
{
	struct folio *folio;
	size_t size, here;
	u32 i;

	for (i = 0; i < pages->count; i += size / PAGE_SIZE) {
		folio = page_folio(pages->pages[i]);
		size = folio_size(folio);
		here = clamp_t(s64, (s64)count - (s64)i * PAGE_SIZE, 0, size);
		if (filled) {
			if (here < size)
				folio_zero_segment(folio, here, size);
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
	}
}

static void read_batch(struct sf_handle *handle, struct shfl_pages *pages)
{
	loff_t position = page_offset(pages->pages[0]);
	u32 count = pages->count * PAGE_SIZE;
	int rc = vboxCallReadPages(&sf_client, &handle->share->map, handle->host, position, &count,
				   pages);

	/* what could not be read now is read page by page, where errors are reported */
	finish_read(pages, count, VBOX_SUCCESS(rc));
	pages->count = 0;
}

/* For one page a list of pages is not worth its making. */
static void read_single(struct readahead_control *control)
{
	struct folio *folio = readahead_folio(control);

	fill_folio(control->file, folio);
	folio_unlock(folio);
}

/* Their locks keep the folios: readahead_folio() has given up what else would. */
static void read_batches(struct readahead_control *control)
{
	struct sf_handle *handle = reading_handle(control->mapping->host, control->file);
	u32 max = min_t(u32, readahead_count(control), SF_PAGES_MAX);
	struct shfl_pages pages = {};
	struct folio *folio;

	if (!handle)
		return;
	pages.pages = kvmalloc_array(max, sizeof(struct page *), GFP_KERNEL);
	while (pages.pages && (folio = readahead_folio(control))) {
		if (pages.count + folio_nr_pages(folio) > max)
			read_batch(handle, &pages);
		add_folio(&pages, folio);
	}
	if (pages.count)
		read_batch(handle, &pages);
	kvfree(pages.pages);
	sf_handle_put(handle);
}

static void sf_readahead(struct readahead_control *control)
{
	if (readahead_count(control) == 1)
		read_single(control);
	else
		read_batches(control);
}

static bool has_page(struct address_space *mapping, pgoff_t index)
{
	void *entry = xa_load(&mapping->i_pages, index);

	return entry && !xa_is_value(entry);
}

/* Neither there nor led to by the page before it: the kernel would read it alone. */
static bool is_lone(const struct file *file, struct address_space *mapping, pgoff_t index)
{
	if (has_page(mapping, index))
		return false;
	return (file->f_mode & FMODE_RANDOM) || (index && !has_page(mapping, index - 1));
}

/* Puts a whole piece into the cache, if there is nothing of it yet. */
static void read_piece(struct file *file, struct address_space *mapping, pgoff_t index)
{
	gfp_t gfp = readahead_gfp_mask(mapping) & ~__GFP_HIGHMEM;
	struct folio *folio = filemap_alloc_folio(gfp, READ_PIECE_ORDER);

	if (!folio)
		return;
	filemap_invalidate_lock_shared(mapping);
	if (!filemap_add_folio(mapping, folio, index, gfp)) {
		/* what cannot be read now is read page by page, where errors are reported */
		fill_by_parts(file, folio, READ_PIECE);
		folio_unlock(folio);
	}
	filemap_invalidate_unlock_shared(mapping);
	folio_put(folio);
}

void sf_read_around(struct file *file, loff_t position, size_t count)
{
	struct address_space *mapping = file->f_mapping;
	loff_t size = i_size_read(mapping->host);
	loff_t end = min_t(loff_t, position + count, size);
	loff_t begin;

	if (count >= READ_PIECE || !mapping_large_folio_support(mapping))
		return;
	for (; position < end; position = begin + READ_PIECE) {
		begin = round_down(position, READ_PIECE);
		if (begin + READ_PIECE <= round_up(size, PAGE_SIZE) &&
		    is_lone(file, mapping, position >> PAGE_SHIFT))
			read_piece(file, mapping, begin >> PAGE_SHIFT);
	}
}

static bool gathers(const struct inode *inode)
{
	return sf_share(inode->i_sb)->options.cache == SF_CACHE_WRITEBACK;
}

/*
 * What is behind the end is known to be empty. What is kept dirty has to be
 * whole: where nobody may read, a part of it is not kept but passed on.
 */
static int prepare_folio(struct file *file, struct folio *folio, unsigned int length)
{
	struct inode *inode = folio->mapping->host;
	int ret = 0;

	if (folio_test_uptodate(folio) || length == folio_size(folio))
		return 0;
	if (folio_pos(folio) >= i_size_read(inode)) {
		folio_zero_segment(folio, 0, folio_size(folio));
		folio_mark_uptodate(folio);
	} else if (gathers(inode)) {
		ret = fill_folio(file, folio);
	}
	return ret == -EBADF ? 0 : ret;
}

static noinline int sf_write_begin(struct file *file, struct address_space *mapping, loff_t pos,
				   unsigned int len, struct page **ret_page, void **fsdata)
{
	struct page *page = grab_cache_page_write_begin(mapping, pos >> PAGE_SHIFT);
	int ret;

	if (!page)
		return -ENOMEM;
	ret = prepare_folio(file, page_folio(page), len);
	if (ret) {
		unlock_page(page);
		put_page(page);
		return ret;
	}
	*ret_page = page;
	return 0;
}

/* Sends what was copied into the page. The bytes that the host took, or an error. */
static int write_through(struct file *file, struct page *page, loff_t pos, u32 count)
{
	struct sf_handle *handle = file->private_data;
	void *data = kmap_local_page(page);
	int ret = sf_reg_write_aux(__func__, handle->share, handle, data + offset_in_page(pos),
				   &count, pos);

	kunmap_local(data);
	if (ret)
		return ret;
	return count ? count : -EIO;
}

static bool can_keep(struct folio *folio, unsigned int copied)
{
	return gathers(folio->mapping->host) &&
	       (folio_test_uptodate(folio) || copied == folio_size(folio));
}

static int keep_dirty(struct folio *folio, unsigned int copied)
{
	folio_mark_uptodate(folio);
	folio_mark_dirty(folio);
	return copied;
}

static int pass_on(struct file *file, struct page *page, loff_t pos, unsigned int copied)
{
	struct folio *folio = page_folio(page);
	int ret = write_through(file, page, pos, copied);

	if (ret < (int)copied)
		folio_clear_uptodate(folio); /* it holds what the host does not */
	else if (ret == (int)folio_size(folio) && !folio_test_uptodate(folio))
		folio_mark_uptodate(folio);
	return ret;
}

static noinline int sf_write_end(struct file *file, struct address_space *mapping, loff_t pos,
				 unsigned int len, unsigned int copied, struct page *page,
				 void *fsdata)
{
	struct inode *inode = mapping->host;
	int ret = 0;

	if (copied)
		ret = can_keep(page_folio(page), copied) ? keep_dirty(page_folio(page), copied) :
							   pass_on(file, page, pos, copied);
	if (ret > 0)
		sf_inode_extend(inode, pos + ret);
	unlock_page(page);
	put_page(page);
	return ret;
}

/* Adjacent dirty pages, on their way to the host. */
struct batch {
	struct inode *inode;
	struct shfl_pages pages;
	loff_t position; /* of the first */
};

static u32 batch_size(const struct batch *batch)
{
	loff_t left = i_size_read(batch->inode) - batch->position;

	return clamp_t(loff_t, left, 0, (loff_t)batch->pages.count * PAGE_SIZE);
}

/* Sends some of the bytes @from .. @to of the batch. The bytes sent, or an error. */
static int send_part(const struct batch *batch, struct sf_handle *handle, u32 from, u32 to, u32 max)
{
	u32 first = from >> PAGE_SHIFT;
	struct shfl_pages pages = {
		.pages = batch->pages.pages + first,
		.count = min(batch->pages.count - first, max),
		.offset = offset_in_page(from),
	};
	u32 bytes = min_t(u32, to - from, pages.count * PAGE_SIZE - pages.offset);
	u32 count = bytes;
	u64 end;
	int rc;

	pages.count = DIV_ROUND_UP(pages.offset + bytes, PAGE_SIZE);
	rc = vboxCallWritePages(&sf_client, &handle->share->map, handle->host,
				batch->position + from, &count, &pages, &end);
	WRITE_ONCE(handle->unflushed, true);
	if (rc == VERR_NO_MEMORY && max > 1)
		return send_part(batch, handle, from, to, max / 4 ? max / 4 : 1);
	if (VBOX_FAILURE(rc))
		return vbgl_errno(rc);
	return count ? count : -EIO;
}

/* The host may take less than it is given: the reason comes with what is left. */
static int send_batch(const struct batch *batch)
{
	struct sf_handle *handle = sf_handle_find(batch->inode, SHFL_CF_ACCESS_WRITE);
	u32 size = batch_size(batch);
	u32 sent = 0;
	int ret = 0;

	if (!handle)
		return -EBADF;
	while (sent < size) {
		ret = send_part(batch, handle, sent, size, SF_PAGES_MAX);
		if (ret < 0)
			break;
		sent += ret;
		size = min(size, batch_size(batch)); /* what is cut off need not be sent */
	}
	sf_handle_put(handle);
	return min(ret, 0);
}

static void finish_batch(struct batch *batch)
{
	struct folio *folio;
	u32 i, pages;
	int ret;

	if (!batch->pages.count)
		return;
	ret = send_batch(batch);
	sf_inode_changed(batch->inode);
	if (ret)
		mapping_set_error(batch->inode->i_mapping, ret);
	for (i = 0; i < batch->pages.count; i += pages) {
		folio = page_folio(batch->pages.pages[i]);
		pages = folio_nr_pages(folio);
		folio_end_writeback(folio);
		folio_put(folio);
	}
	batch->pages.count = 0;
}

/* For write_cache_pages: the folio of the page is locked, and clean from here on. */
static int add_page(struct page *page, struct writeback_control *control, void *data)
{
	struct batch *batch = data;
	struct folio *folio = page_folio(page);
	u32 count = batch->pages.count;
	loff_t left;

	if (count && (count + folio_nr_pages(folio) > SF_PAGES_MAX ||
		      folio_pos(folio) != batch->position + (loff_t)count * PAGE_SIZE))
		finish_batch(batch);
	left = i_size_read(batch->inode) - folio_pos(folio);
	if (left <= 0) {
		folio_unlock(folio);
		return 0;
	}
	/* a mapping may have left something behind the end */
	if (left < folio_size(folio))
		folio_zero_segment(folio, left, folio_size(folio));
	if (!batch->pages.count)
		batch->position = folio_pos(folio);
	folio_get(folio);
	folio_start_writeback(folio);
	folio_unlock(folio);
	add_folio(&batch->pages, folio);
	return 0;
}

static int sf_writepages(struct address_space *mapping, struct writeback_control *control)
{
	struct batch batch = { .inode = mapping->host };
	int ret;

	batch.pages.pages = kvmalloc_array(SF_PAGES_MAX, sizeof(struct page *), GFP_NOFS);
	if (!batch.pages.pages)
		return -ENOMEM;
	ret = write_cache_pages(mapping, control, add_page, &batch);
	finish_batch(&batch);
	kvfree(batch.pages.pages);
	return ret;
}

const struct address_space_operations sf_address_operations = {
	.read_folio = sf_read_folio,
	.readahead = sf_readahead,
	.write_begin = sf_write_begin,
	.write_end = sf_write_end,
	.writepages = sf_writepages,
	.dirty_folio = filemap_dirty_folio,
	.migrate_folio = filemap_migrate_folio,
	.direct_IO = noop_direct_IO,
};
