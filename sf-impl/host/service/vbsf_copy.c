/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COPY_FILE and COPY_FILE_PART. spec/shfl-service.md 10.21. */
#include "handle.h"
#include "vbsf.h"

HOP int32_t vbsfCopyFile(struct sf_client *client, uint32_t source_root, const SHFLSTRING *source,
			 uint32_t destination_root, const SHFLSTRING *destination)
{
	struct sf_path from, to;
	int32_t status = path_from_guest(client, source_root, source, 0, &from);

	if (VBOX_SUCCESS(status))
		status =
			path_from_guest(client, destination_root, destination, PATH_KEEP_LAST, &to);
	if (VBOX_FAILURE(status))
		return status;
	if (!mapping_is_writable(to.mapping))
		return VERR_WRITE_PROTECT;
	return RTFileCopy(from.mapping->folder_fd, from.text, to.mapping->folder_fd, to.text);
}

HOP int32_t vbsfCopyFilePart(struct sf_client *client, uint32_t source_root, uint64_t source,
			     uint64_t source_offset, uint32_t destination_root,
			     uint64_t destination, uint64_t destination_offset, uint64_t *count)
{
	uint64_t wanted = *count;
	struct handle *from, *to;
	int32_t status;

	*count = 0;
	status = handle_access(client, source_root, source, HANDLE_FILE, false, &from);
	if (VBOX_SUCCESS(status))
		status = handle_access(client, destination_root, destination, HANDLE_FILE, true,
				       &to);
	if (VBOX_FAILURE(status))
		return status;
	return RTFileCopyPart(from->file.fd, source_offset, to->file.fd, destination_offset, wanted,
			      count);
}
