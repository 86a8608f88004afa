/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scans spool files. They may have been damaged, or written by somebody hostile. */
#include "spool_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture_check.h"

#define SCAN_BYTES (1u << 20)
#define FILE_SHIFT 56
#define OFFSET_MASK ((1ull << FILE_SHIFT) - 1)
#define N_LOSSES (65536 * CAPTURE_LOSS_REASONS)
#define MAX_NOTES 1024
#define MAX_LOSSES 4096 /* places; after these the counts go on where they were */
#define LATEST_NS (1ll << 58) /* nine years of uptime */
#define BLOCK_BYTES 16384
#define CACHE_BLOCKS 64

/* A piece of a file; at: as in spool_place. */
struct spool_block {
	uint64_t at;
	size_t filled; /* bytes; 0: holds nothing */
	char bytes[BLOCK_BYTES];
};

struct spool_cache {
	struct spool_block blocks[CACHE_BLOCKS];
};

/* What was counted last of a hop's losses for one reason. */
struct loss_slot {
	uint64_t n;
	uint64_t last_id;
	size_t entry; /* in the side's losses, + 1; 0: none */
};

/* A file being scanned through a window. */
struct scan {
	struct spool_side *side;
	const char *file;
	int fd;
	char *buffer;
	size_t filled; /* bytes in buffer */
	size_t used; /* of them: dealt with */
	uint64_t offset; /* in the file, of the window */
	uint64_t number; /* of the file */
	struct loss_slot *slots; /* of this file, by hop and reason */
	uint64_t last_id; /* highest of a call */
	bool ended;
	spool_progress *progress;
	void *user;
};

static int say(char **ret_message, int errno_, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_message, format, args) < 0)
		*ret_message = NULL;
	va_end(args);
	return errno_;
}

static int place_add(struct spool_places *places, uint64_t id, uint64_t at)
{
	if (places->n == places->room) {
		size_t room = places->room ? places->room * 2 : 1024;
		void *grown = reallocarray(places->places, room, sizeof(*places->places));

		if (!grown)
			return -ENOMEM;
		places->places = grown;
		places->room = room;
	}
	places->places[places->n++] = (struct spool_place){id, at};
	return 0;
}

/* Fills the window. -errno, or how many bytes are in it. */
static ssize_t refill(struct scan *scan)
{
	memmove(scan->buffer, scan->buffer + scan->used, scan->filled - scan->used);
	scan->offset += scan->used;
	scan->filled -= scan->used;
	scan->used = 0;
	while (scan->filled < SCAN_BYTES) {
		ssize_t got =
			read(scan->fd, scan->buffer + scan->filled, SCAN_BYTES - scan->filled);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		scan->filled += (size_t)got;
		scan->progress(scan->user, (uint64_t)got);
	}
	return (ssize_t)scan->filled;
}

/* Makes SIZE bytes available at *ret; 0, -ENODATA at the end of the file, -errno. */
static int need(struct scan *scan, size_t size, void *ret)
{
	if (scan->filled - scan->used < size) {
		ssize_t got = refill(scan);

		if (got < 0)
			return (int)got;
		if ((size_t)got < size)
			return -ENODATA;
	}
	*(void **)ret = scan->buffer + scan->used;
	return 0;
}

static bool is_time(uint64_t ns)
{
	return ns < LATEST_NS;
}

static const char *check_call_times(const struct capture_call *call)
{
	bool fine = is_time(call->enter_ns) && is_time(call->end_ns);

	for (uint32_t i = 0; i < call->n_spans; i++)
		fine = fine && is_time(call->spans[i].enter_ns) &&
		       is_time(call->spans[i].exit_ns) && is_time(call->spans[i].busy_ns);
	return fine ? NULL : "impossible time";
}

static const char *check_times(const struct capture_header *header)
{
	const struct capture_op *op = (const struct capture_op *)header;

	if (header->kind >= CAPTURE_CALL && header->kind <= CAPTURE_DISCONNECT)
		return check_call_times((const struct capture_call *)header);
	if (header->kind == CAPTURE_OP && (!is_time(op->enter_ns) || !is_time(op->exit_ns)))
		return "impossible time";
	return NULL;
}

static int take_call(struct scan *scan, const struct capture_header *header, uint64_t at)
{
	if (header->id > scan->last_id)
		scan->last_id = header->id;
	return place_add(&scan->side->calls, header->id, at);
}

static int take_op(struct scan *scan, const struct capture_header *header, uint64_t at)
{
	return place_add(&scan->side->ops, header->id, at);
}

static int take_data(struct scan *scan, const struct capture_header *header, uint64_t at)
{
	scan->side->has_data = true;
	return place_add(&scan->side->chunks, header->id, at);
}

static int add_loss(struct scan *scan, struct loss_slot *slot, const struct capture_loss *loss)
{
	struct spool_side *side = scan->side;
	struct spool_loss *losses = side->losses;

	if (slot->entry && side->n_losses >= MAX_LOSSES) {
		losses[slot->entry - 1].n += loss->n - slot->n;
		return 0;
	}
	losses = reallocarray(losses, side->n_losses + 1, sizeof(*losses));
	if (!losses)
		return -ENOMEM;
	side->losses = losses;
	losses[side->n_losses++] = (struct spool_loss){
		.n = loss->n - slot->n,
		.from_id = slot->last_id,
		.to_id = scan->last_id,
		.hop = loss->hop,
		.reason = loss->reason,
	};
	slot->entry = side->n_losses;
	return 0;
}

static int take_loss(struct scan *scan, const struct capture_header *header, uint64_t at)
{
	const struct capture_loss *loss = (const struct capture_loss *)header;
	struct loss_slot *slot = &scan->slots[loss->hop * CAPTURE_LOSS_REASONS + loss->reason];
	int rc = 0;

	(void)at;
	if (loss->n > slot->n) {
		rc = add_loss(scan, slot, loss);
		slot->n = loss->n;
	}
	slot->last_id = scan->last_id;
	return rc;
}

static int take_meta(struct scan *scan, const struct capture_header *header, uint64_t at)
{
	struct spool_side *side = scan->side;
	struct spool_note *notes;
	const char *key, *value;

	(void)at;
	if (side->n_notes >= MAX_NOTES)
		return 0;
	capture_meta_text((const struct capture_meta *)header, &key, &value);
	notes = reallocarray(side->notes, side->n_notes + 1, sizeof(*notes));
	if (!notes)
		return -ENOMEM;
	side->notes = notes;
	notes[side->n_notes++] = (struct spool_note){strdup(key), strdup(value)};
	return 0;
}

static int take_end(struct scan *scan, const struct capture_header *header, uint64_t at)
{
	(void)header;
	(void)at;
	scan->ended = true;
	return 0;
}

static int (*const takes[])(struct scan *scan, const struct capture_header *header, uint64_t at) = {
	[CAPTURE_CALL] = take_call,    [CAPTURE_HOST_CALL] = take_call,
	[CAPTURE_CONNECT] = take_call, [CAPTURE_DISCONNECT] = take_call,
	[CAPTURE_OP] = take_op,	       [CAPTURE_DATA] = take_data,
	[CAPTURE_LOSS] = take_loss,    [CAPTURE_META] = take_meta,
	[CAPTURE_END] = take_end,
};

/* One record. 0; *ret_problem says what is wrong with it, if something is. */
static int scan_record(struct scan *scan, const char **ret_problem)
{
	struct capture_header *header;
	uint64_t at;
	int rc = need(scan, sizeof(*header), &header);

	if (!rc)
		*ret_problem = capture_check_size(header);
	if (rc || *ret_problem)
		return rc;
	rc = need(scan, header->size, &header);
	if (rc)
		return rc;
	*ret_problem = capture_check_record(header);
	if (!*ret_problem)
		*ret_problem = check_times(header);
	if (*ret_problem)
		return 0;
	at = (scan->offset + scan->used) | scan->number << FILE_SHIFT;
	if (header->kind < sizeof(takes) / sizeof(takes[0]) && takes[header->kind])
		rc = takes[header->kind](scan, header, at);
	scan->used += header->size;
	return rc;
}

static void cut_short(struct scan *scan, const char *why)
{
	struct spool_side *side = scan->side;

	if (!side->cut_short)
		snprintf(side->cut_why, sizeof(side->cut_why), "%s ends early: %s at byte %llu",
			 scan->file, why, (unsigned long long)(scan->offset + scan->used));
	side->cut_short = true;
}

static int scan_records(struct scan *scan)
{
	const char *problem = NULL;
	int rc = 0;

	while (!rc && !problem && !scan->ended)
		rc = scan_record(scan, &problem);
	if (rc == -ENODATA) {
		cut_short(scan, scan->filled > scan->used ? "half a record" : "no end mark");
		rc = 0;
	}
	if (!rc && problem)
		cut_short(scan, problem);
	return rc;
}

static int open_spool(const char *file, char **ret_message)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return say(ret_message, -errno, "cannot open %s: %s", file, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return say(ret_message, -EINVAL, "%s is not a spool file: it is no file", file);
	}
	return fd;
}

static int scan_header(struct scan *scan, struct spool_side sides[3], char **ret_message)
{
	struct capture_file_header *header;
	const char *problem;
	int rc = need(scan, sizeof(*header), &header);

	if (rc == -ENODATA)
		return say(ret_message, -EINVAL, "%s is not a spool file: it is too short",
			   scan->file);
	if (rc)
		return say(ret_message, rc, "cannot read %s: %s", scan->file, strerror(-rc));
	problem = capture_check_file_header(header, 0);
	if (problem)
		return say(ret_message, -EINVAL, "%s is not a spool file: %s", scan->file, problem);
	scan->side = &sides[header->side];
	if (scan->side->n_files == SPOOLS_MAX)
		return say(ret_message, -EMFILE, "cannot load %s: too many spool files",
			   scan->file);
	scan->side->realtime_ns = (int64_t)(header->realtime_ns - header->monotonic_ns);
	scan->number = scan->side->n_files;
	scan->used += sizeof(*header);
	return 0;
}

static int scan_file(struct scan *scan, struct spool_side sides[3], char **ret_message)
{
	int rc = scan_header(scan, sides, ret_message);

	if (rc)
		return rc;
	rc = scan_records(scan);
	if (rc)
		return say(ret_message, rc, "cannot load %s: %s", scan->file, strerror(-rc));
	scan->side->fds[scan->side->n_files++] = scan->fd;
	return 0;
}

int spool_index_add(struct spool_side sides[3], const char *file, spool_progress *progress,
		    void *user, char **ret_message)
{
	struct scan scan = {.file = file, .progress = progress, .user = user};
	int rc;

	scan.fd = open_spool(file, ret_message);
	if (scan.fd < 0)
		return scan.fd;
	scan.buffer = malloc(SCAN_BYTES);
	scan.slots = calloc(N_LOSSES, sizeof(*scan.slots));
	if (scan.buffer && scan.slots)
		rc = scan_file(&scan, sides, ret_message);
	else
		rc = -ENOMEM;
	if (rc)
		close(scan.fd);
	free(scan.buffer);
	free(scan.slots);
	return rc;
}

static int by_id(const void *a, const void *b)
{
	const struct spool_place *left = a, *right = b;

	if (left->id != right->id)
		return left->id < right->id ? -1 : 1;
	return left->at < right->at ? -1 : left->at > right->at;
}

static void sort_places(struct spool_places *places)
{
	if (places->n)
		qsort(places->places, places->n, sizeof(*places->places), by_id);
}

static bool is_snapshot(const struct spool_side *side, const struct spool_place *place)
{
	struct capture_header header = {0};

	return pread(side->fds[place->at >> FILE_SHIFT], &header, sizeof(header),
		     (off_t)(place->at & OFFSET_MASK)) == sizeof(header) &&
	       header.flags & CAPTURE_F_SNAPSHOT;
}

/* Of n records with one id: the first that is no snapshot, else the last. */
static const struct spool_place *choose(struct spool_side *side, const struct spool_place *places,
					size_t n)
{
	const struct spool_place *chosen = NULL;

	for (size_t i = 0; n > 1 && i < n; i++) {
		if (is_snapshot(side, &places[i]))
			continue;
		if (chosen)
			side->duplicates++;
		else
			chosen = &places[i];
	}
	return chosen ? chosen : &places[n - 1];
}

static void drop_replaced(struct spool_side *side, struct spool_places *calls)
{
	size_t kept = 0;

	for (size_t begin = 0, end; begin < calls->n; begin = end) {
		end = begin + 1;
		while (end < calls->n && calls->places[end].id == calls->places[begin].id)
			end++;
		calls->places[kept++] = *choose(side, &calls->places[begin], end - begin);
	}
	calls->n = kept;
}

int spool_index_finish(struct spool_side *side)
{
	sort_places(&side->calls);
	sort_places(&side->chunks);
	sort_places(&side->ops);
	drop_replaced(side, &side->calls);
	drop_replaced(side, &side->ops);
	side->cache = calloc(1, sizeof(*side->cache));
	return side->cache ? 0 : -ENOMEM;
}

/* The block that holds a place, and how much of it; NULL if it cannot be read. */
static const struct spool_block *block_at(const struct spool_side *side, uint64_t at)
{
	uint64_t begin = at / BLOCK_BYTES * BLOCK_BYTES;
	struct spool_block *block = &side->cache->blocks[begin / BLOCK_BYTES % CACHE_BLOCKS];
	ssize_t got;

	if (block->filled && block->at == begin)
		return block;
	got = pread(side->fds[at >> FILE_SHIFT], block->bytes, BLOCK_BYTES,
		    (off_t)(begin & OFFSET_MASK));
	block->at = begin;
	block->filled = got > 0 ? (size_t)got : 0;
	return got < 0 ? NULL : block;
}

/* Copies SIZE bytes from a place, through the cache. -EIO, or how many there were. */
static ssize_t cache_read(const struct spool_side *side, uint64_t at, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const struct spool_block *block = block_at(side, at + done);
		size_t skip = (at + done) % BLOCK_BYTES, n;

		if (!block)
			return -EIO;
		if (block->filled <= skip)
			break;
		n = block->filled - skip < size - done ? block->filled - skip : size - done;
		memcpy((char *)to + done, block->bytes + skip, n);
		done += n;
	}
	return (ssize_t)done;
}

int spool_read(const struct spool_side *side, const struct spool_place *place,
	       struct capture_header *ret)
{
	ssize_t got = cache_read(side, place->at, ret, sizeof(*ret));

	if (got == sizeof(*ret) && !capture_check_size(ret))
		got = cache_read(side, place->at, ret, ret->size);
	if (got < 0)
		return (int)got;
	/* It was fine when it was indexed: the file is being changed. */
	if ((size_t)got < sizeof(*ret) || capture_check_size(ret) || (size_t)got < ret->size ||
	    capture_check_record(ret) || check_times(ret))
		return -EUCLEAN;
	return 0;
}

const struct spool_place *spool_chunks(const struct spool_side *side, uint64_t id, size_t *ret_n)
{
	const struct spool_places *chunks = &side->chunks;
	size_t low = 0, high = chunks->n, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (chunks->places[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < chunks->n && chunks->places[end].id == id; end++)
		;
	*ret_n = end - low;
	return *ret_n ? chunks->places + low : NULL;
}

/* The index of the first call with an id above ID. */
static size_t first_above(const struct spool_places *calls, uint64_t id)
{
	size_t low = 0, high = calls->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (calls->places[middle].id <= id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t spool_loss_after(const struct spool_side *side, const struct spool_loss *loss)
{
	const struct spool_place *places = side->calls.places;
	size_t i = first_above(&side->calls, loss->from_id);
	size_t end = first_above(&side->calls, loss->to_id);

	if (i < end && i > 0 && places[i].id != loss->from_id + 1)
		return i - 1;
	for (size_t at = i; at + 1 < end; at++)
		if (places[at + 1].id != places[at].id + 1)
			return at;
	/* A file need not begin with the first call. */
	return i < end && !i && places[0].id != 1 ? SIZE_MAX : end - 1;
}

void spool_side_free(struct spool_side *side)
{
	for (size_t i = 0; i < side->n_files; i++)
		close(side->fds[i]);
	for (size_t i = 0; i < side->n_notes; i++) {
		free(side->notes[i].key);
		free(side->notes[i].value);
	}
	free(side->notes);
	free(side->calls.places);
	free(side->chunks.places);
	free(side->ops.places);
	free(side->losses);
	free(side->cache);
	*side = (struct spool_side){0};
}
