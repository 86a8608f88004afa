/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done with the contents of an open file. */
#include "handle.h"
#include "lock_wait.h"
#include "vbsf.h"

#define PAGE_BYTES 4096u
#define MAX_PARTS 256 /* of a page list, in one system call */

/* The host's light: magic, alignment, what is on now, what has been on. */
#define LED_READING 0x1u
#define LED_WRITING 0x2u
#define LED_ACTUAL 2
#define LED_ASSERTED 3

static uint32_t *led;

void vbsf_set_led(uint32_t *new_led)
{
	led = new_led;
}

static void led_on(uint32_t bit)
{
	if (led) {
		led[LED_ASSERTED] |= bit;
		led[LED_ACTUAL] |= bit;
	}
}

static void led_off(uint32_t bit)
{
	if (led)
		led[LED_ACTUAL] &= ~bit;
}

HOP int32_t vbsfRead(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
		     uint32_t *count, void *buffer)
{
	uint32_t wanted = *count;
	struct handle *file;
	size_t done = 0;
	int32_t status;

	*count = 0;
	status = handle_access(client, root, handle, HANDLE_FILE, false, &file);
	if (VBOX_FAILURE(status) || !wanted)
		return status;
	led_on(LED_READING);
	status = RTFileRead(file->file.fd, offset, buffer, wanted, &done);
	led_off(LED_READING);
	*count = (uint32_t)done;
	return status;
}

/* Where a write has ended: appending, that is the end of the file. */
static uint64_t offset_after(const struct handle *file, uint64_t offset, size_t done)
{
	struct stat info;

	offset += done;
	if (file->file.append && VBOX_SUCCESS(RTFileQueryInfo(file->file.fd, &info)) &&
	    (uint64_t)info.st_size > offset)
		offset = (uint64_t)info.st_size;
	return offset;
}

HOP int32_t vbsfWrite(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t *offset,
		      uint32_t *count, const void *buffer)
{
	uint32_t wanted = *count;
	struct handle *file;
	size_t done = 0;
	int32_t status;

	*count = 0;
	status = handle_access(client, root, handle, HANDLE_FILE, true, &file);
	if (VBOX_FAILURE(status) || !wanted)
		return status;
	led_on(LED_WRITING);
	status = RTFileWrite(file->file.fd, *offset, buffer, wanted, &done);
	led_off(LED_WRITING);
	if (VBOX_SUCCESS(status))
		*offset = offset_after(file, *offset, done);
	*count = (uint32_t)done;
	return status;
}

/* A page list as it is being walked through. */
struct page_walk {
	void **pages;
	uint32_t n_pages;
	uint32_t next;
	uint32_t left; /* bytes still wanted */
};

/* Room in page i: the first may begin within its page. */
static uint32_t page_room(const struct page_walk *walk, uint32_t i)
{
	return PAGE_BYTES - (uint32_t)((uintptr_t)walk->pages[i] % PAGE_BYTES);
}

/* The list comes from outside: all of the bytes must be in it, and nothing else is touched. */
static int32_t walk_start(const VBOXHGCMSVCPARM *list, uint32_t wanted, struct page_walk *walk)
{
	uint64_t room = 0;

	*walk = (struct page_walk){
		.pages = list->u.Pages.papvPages,
		.n_pages = list->u.Pages.cPages,
		.left = wanted,
	};
	if (!walk->pages)
		return VERR_INTERNAL_ERROR_3;
	for (uint32_t i = 0; i < walk->n_pages && room < wanted; i++) {
		if (!walk->pages[i])
			return VERR_INVALID_POINTER;
		room += page_room(walk, i);
	}
	return room < wanted ? VERR_INTERNAL_ERROR_3 : VINF_SUCCESS;
}

/* The next parts for one system call, neighbours joined. Returns how many; 0 at the end. */
static int walk_next(struct page_walk *walk, struct iovec *parts)
{
	int n = 0;

	for (; walk->left; walk->next++) {
		char *page = walk->pages[walk->next];
		uint32_t room = page_room(walk, walk->next);
		uint32_t bytes = room < walk->left ? room : walk->left;

		if (n && (char *)parts[n - 1].iov_base + parts[n - 1].iov_len == page)
			parts[n - 1].iov_len += bytes;
		else if (n < MAX_PARTS)
			parts[n++] = (struct iovec){page, bytes};
		else
			break;
		walk->left -= bytes;
	}
	return n;
}

static size_t parts_bytes(const struct iovec *parts, int n)
{
	size_t bytes = 0;

	while (n)
		bytes += parts[--n].iov_len;
	return bytes;
}

/* Transfers until all is done or one piece falls short; what is done counts. */
static int32_t transfer_pages(int fd, uint64_t offset, struct page_walk *walk, bool write,
			      size_t *ret_done)
{
	struct iovec parts[MAX_PARTS];
	int32_t status = VINF_SUCCESS;
	size_t total = 0;
	size_t done;
	int n;

	while ((n = walk_next(walk, parts))) {
		done = 0;
		status = write ? RTFileSgWrite(fd, offset + total, parts, n, &done)
			       : RTFileSgRead(fd, offset + total, parts, n, &done);
		total += done;
		if (VBOX_FAILURE(status) || done < parts_bytes(parts, n))
			break;
	}
	*ret_done = total;
	return total ? VINF_SUCCESS : status;
}

HOP int32_t vbsfReadPages(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
			  uint32_t *count, const VBOXHGCMSVCPARM *pages)
{
	uint32_t wanted = *count;
	struct page_walk walk;
	struct handle *file;
	size_t done = 0;
	int32_t status;

	*count = 0;
	status = handle_access(client, root, handle, HANDLE_FILE, false, &file);
	if (VBOX_FAILURE(status) || !wanted)
		return status;
	status = walk_start(pages, wanted, &walk);
	if (VBOX_FAILURE(status))
		return status;
	led_on(LED_READING);
	status = transfer_pages(file->file.fd, offset, &walk, false, &done);
	led_off(LED_READING);
	*count = (uint32_t)done;
	return status;
}

HOP int32_t vbsfWritePages(struct sf_client *client, uint32_t root, uint64_t handle,
			   uint64_t *offset, uint32_t *count, const VBOXHGCMSVCPARM *pages)
{
	uint32_t wanted = *count;
	struct page_walk walk;
	struct handle *file;
	size_t done = 0;
	int32_t status;

	*count = 0;
	status = handle_access(client, root, handle, HANDLE_FILE, true, &file);
	if (VBOX_FAILURE(status) || !wanted)
		return status;
	status = walk_start(pages, wanted, &walk);
	if (VBOX_FAILURE(status))
		return status;
	led_on(LED_WRITING);
	status = transfer_pages(file->file.fd, *offset, &walk, true, &done);
	led_off(LED_WRITING);
	if (VBOX_SUCCESS(status))
		*offset = offset_after(file, *offset, done);
	*count = (uint32_t)done;
	return status;
}

HOP int32_t vbsfFlush(struct sf_client *client, uint32_t root, uint64_t handle)
{
	struct handle *file;
	int32_t status = handle_access(client, root, handle, HANDLE_FILE, true, &file);

	return VBOX_SUCCESS(status) ? RTFileFlush(file->file.fd) : status;
}

HOP int32_t vbsfSetFileSize(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t size)
{
	struct handle *file;
	int32_t status = handle_access(client, root, handle, HANDLE_FILE, true, &file);

	return VBOX_SUCCESS(status) ? RTFileSetSize(file->file.fd, size) : status;
}

/*
 * The kernel's ranges end at INT64_MAX, and its length 0 means "up to there".
 * False for a range with nothing in it.
 */
static bool lock_range(uint64_t offset, uint64_t *length)
{
	if (!*length || offset > INT64_MAX)
		return false;
	if (*length > INT64_MAX - offset)
		*length = 0;
	return true;
}

/*
 * What all guests together may have locked, some 400 bytes of the kernel's memory each. As
 * much again can come of unlocking in the middle, so that who has too many can unlock.
 */
#define LOCKED_RANGES 8192u

HOP int32_t vbsfLock(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
		     uint64_t length, uint32_t flags)
{
	uint32_t mode = flags & SHFL_LOCK_MODE_MASK;
	struct handle *file;
	int32_t status = handle_access(client, root, handle, HANDLE_FILE, false, &file);

	if (VBOX_FAILURE(status))
		return status;
	if ((flags & SHFL_LOCK_ENTIRE) || mode == SHFL_LOCK_MODE_MASK)
		return VERR_INVALID_PARAMETER;
	if (!lock_range(offset, &length))
		return VINF_SUCCESS;
	if (!handle_count_lock(file, LOCKED_RANGES))
		return VERR_OUT_OF_RESOURCES;
	status = RTFileLock(file->file.fd, mode == SHFL_LOCK_EXCLUSIVE, offset, length);
	lock_wait_retry(); /* it may be less of a lock than it was */
	return status;
}

int32_t vbsf_lock_wait(const struct call *call, uint64_t handle, uint64_t offset, uint64_t length,
		       uint32_t flags)
{
	const struct handle *file = handle_find(call->client, handle, HANDLE_FILE);

	lock_range(offset, &length);
	return lock_wait_park(
		call, &(struct lock_wait){
			      .file = file->file.fd,
			      .exclusive = (flags & SHFL_LOCK_MODE_MASK) == SHFL_LOCK_EXCLUSIVE,
			      .offset = offset,
			      .length = length,
		      });
}

HOP int32_t vbsfUnlock(struct sf_client *client, uint32_t root, uint64_t handle, uint64_t offset,
		       uint64_t length, uint32_t flags)
{
	struct handle *file;
	int32_t status = handle_access(client, root, handle, HANDLE_FILE, false, &file);

	if (VBOX_FAILURE(status))
		return status;
	if (flags & SHFL_LOCK_ENTIRE)
		return VERR_INVALID_PARAMETER;
	if (!lock_range(offset, &length))
		return VINF_SUCCESS;
	if (!handle_count_lock(file, 2 * LOCKED_RANGES))
		return VERR_OUT_OF_RESOURCES;
	status = RTFileUnlock(file->file.fd, offset, length);
	lock_wait_retry();
	return status;
}
