/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether capture records are well formed: for whoever reads them from a
 * stream or a file that somebody else wrote. What passes can be used without
 * further checks of sizes, counts and offsets; numbers of functions, hops and
 * statuses stay as they are.
 */
#ifndef CAPTURE_CHECK_H
#define CAPTURE_CHECK_H

#include "../bpf/capture.h"

/* No record is larger. */
#define CAPTURE_RECORD_MAX (sizeof(struct capture_data) + CAPTURE_CHUNK_MAX)
#define CAPTURE_META_MAX 4096

/* What is wrong with a file header in words, or NULL. side: what it must be of; 0: any. */
const char *capture_check_file_header(const struct capture_file_header *header, uint32_t side);

/*
 * What is wrong with a record's header, seen before the rest of it is there:
 * NULL, or why its size cannot be true.
 */
const char *capture_check_size(const struct capture_header *header);

/* What is wrong with a whole record (header->size bytes), or NULL. */
const char *capture_check_record(const struct capture_header *header);

/* Key and value of a meta record that passed the checks. */
void capture_meta_text(const struct capture_meta *meta, const char **ret_key,
		       const char **ret_value);

union capture_meta_record {
	struct capture_header h;
	char bytes[CAPTURE_META_MAX];
};

/* The other way: a meta record. Too long ones are cut. */
void capture_meta_make(const char *key, const char *value, union capture_meta_record *ret);

#endif
