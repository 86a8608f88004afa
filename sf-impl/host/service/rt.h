/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runtime layer: files, directories and links in terms of system calls,
 * under the names of VirtualBox's runtime. All functions return a VBox status;
 * ret_ parameters are untouched on failure.
 *
 * A path is given as a directory descriptor (root) and a relative path that is
 * never empty ("." is the root itself). The kernel resolves it beneath the
 * root: neither "..", nor a link, nor a race leads out (VERR_ACCESS_DENIED).
 */
#ifndef RT_H
#define RT_H

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "rt_mangling.h"
#include "service.h"

int32_t RTErrConvertFromErrno(int error);

/*
 * Files. A file is a descriptor of a regular file; a directory may be opened
 * for reading (and then cannot be read). Everything else is refused with
 * VERR_ACCESS_DENIED, without waiting for it.
 */
enum rt_file_action { RT_FILE_OPENED, RT_FILE_CREATED, RT_FILE_TRUNCATED };

/*
 * flags: O_RDONLY, O_WRONLY or O_RDWR, with O_CREAT (open or create), O_CREAT |
 * O_EXCL (create), O_TRUNC, O_APPEND. O_NOFOLLOW: nobody has looked what is there,
 * so it fails where a device could be opened. mode: of a created file, less umask.
 * *ret_info: the file's attributes, undefined on failure.
 */
int32_t RTFileOpen(int root, const char *path, int flags, mode_t mode, int *ret_file,
		   enum rt_file_action *ret_action, struct stat *ret_info);
int32_t RTFileClose(int file);
/* One positional transfer; *ret_done may be less than count (0 at the end of the file). */
int32_t RTFileRead(int file, uint64_t offset, void *buffer, size_t count, size_t *ret_done);
int32_t RTFileWrite(int file, uint64_t offset, const void *buffer, size_t count, size_t *ret_done);
int32_t RTFileSgRead(int file, uint64_t offset, const struct iovec *parts, int n_parts,
		     size_t *ret_done);
int32_t RTFileSgWrite(int file, uint64_t offset, const struct iovec *parts, int n_parts,
		      size_t *ret_done);
int32_t RTFileSetSize(int file, uint64_t size);
int32_t RTFileFlush(int file);
int32_t RTFileQueryInfo(int file, struct stat *ret_info);
int32_t RTFileSetTimes(int file, const struct timespec times[2]);
int32_t RTFileSetMode(int file, mode_t mode);
/* Non-blocking; a conflict is VERR_FILE_LOCK_VIOLATION. length 0: to the end of all files. */
int32_t RTFileLock(int file, bool exclusive, uint64_t offset, uint64_t length);
int32_t RTFileUnlock(int file, uint64_t offset, uint64_t length);
/* RTFileLock, not as a hop: for trying again outside of a call. Any thread. */
int32_t rt_file_lock(int file, bool exclusive, uint64_t offset, uint64_t length);
/* Copies at most count bytes, less if the source ends or count is over 2 GiB. */
int32_t RTFileCopyPart(int source, uint64_t source_offset, int destination,
		       uint64_t destination_offset, uint64_t count, uint64_t *ret_done);
/* The destination must not exist; it is removed again on failure. */
int32_t RTFileCopy(int source_root, const char *source, int destination_root,
		   const char *destination);
int32_t RTFileDelete(int root, const char *path);
/* Renames; across file systems copies and deletes. */
int32_t RTFileMove(int root, const char *source, const char *destination, bool replace);

/* An open directory. */
struct rt_dir;

struct rt_dir_entry {
	const char *name; /* until the next read */
	struct stat info; /* only st_mode's type is right if RTDirRead says VWRN_NO_DIRENT_INFO */
};

/*
 * filter: NULL or a pattern that names have to match (rt_filter.c).
 */
int32_t RTDirOpen(int root, const char *path, const char *filter, struct rt_dir **ret_dir);
void RTDirClose(struct rt_dir *dir);
/*
 * follow: attributes are those of a link's target, resolved beneath root. At the
 * end VERR_NO_MORE_FILES; VWRN_NO_DIRENT_INFO for an entry without attributes.
 */
int32_t RTDirRead(struct rt_dir *dir, int root, bool follow, struct rt_dir_entry *ret_entry);
void RTDirRewind(struct rt_dir *dir);
int32_t RTDirQueryInfo(struct rt_dir *dir, struct stat *ret_info);
int32_t RTDirSetTimes(struct rt_dir *dir, const struct timespec times[2]);
int32_t RTDirSetMode(struct rt_dir *dir, mode_t mode);
int32_t RTDirCreate(int root, const char *path, mode_t mode);
int32_t RTDirRemove(int root, const char *path);

/* follow: of a link's target instead of the link. */
int32_t RTPathQueryInfo(int root, const char *path, bool follow, struct stat *ret_info);
/* Not replace: VERR_ALREADY_EXISTS if there is a destination, whatever races. */
int32_t RTPathRename(int root, const char *source, const char *destination, bool replace);

int32_t RTSymlinkCreate(int root, const char *path, const char *target);
/* *ret_length: of the whole target; it is cut off (no terminator) if size is less. */
int32_t RTSymlinkRead(int root, const char *path, char *ret_target, size_t size,
		      size_t *ret_length);
int32_t RTSymlinkDelete(int root, const char *path);

/* The file system that root is on. */
int32_t RTFsQueryInfo(int root, struct statvfs *ret_info, dev_t *ret_device);

/* The next name alone, without the cost of its attributes; NULL at the end. */
const char *rt_dir_next_name(struct rt_dir *dir);

/* Whether a name matches a pattern with * ? < > " (spec/shfl-service.md 10.8). */
bool rt_filter_matches(const char *filter, const char *name);

/* For the runtime's own files: the following return a descriptor or negative errno. */

/* openat2() beneath root, close-on-exec; an attempt to leave it is -EACCES. */
int rt_beneath_open(int root, const char *path, int flags, mode_t mode);

/* The same for one component that is not to be followed; flags have O_NOFOLLOW or O_EXCL. */
int rt_beneath_open_name(int dir, const char *name, int flags, mode_t mode);

/*
 * The directory that the last component of path is in; *ret_name points to that
 * component in path. The root itself has none: RT_BENEATH_IS_ROOT.
 */
#define RT_BENEATH_IS_ROOT (-0x10000)
int rt_beneath_parent(int root, const char *path, const char **ret_name);

/*
 * Does something to path's last component, given the directory that it is in. act
 * returns as a system call does, and must not follow name. Returns 0 or negative
 * errno, or RT_BENEATH_IS_ROOT.
 */
typedef int rt_act_fn(int dir, const char *name, const void *argument);
int rt_beneath_act(int root, const char *path, rt_act_fn *act, const void *argument);

/*
 * As rt_beneath_parent, but a directory that is kept by rt_parent.c, not to be
 * closed, and good until the next use of the runtime. -1: none is at hand, or the
 * path ends in a slash or a dot. Only for what does not follow *ret_name.
 */
int rt_parent_find(int root, const char *path, const char **ret_name);
/*
 * The same for opening a file: no device can be opened in this directory, whatever
 * *ret_name is. Needs CAP_SYS_ADMIN, or a mount without devices. unseen: only if the name
 * was a regular file's when last seen, and has not been given to anything since.
 */
int rt_parent_find_safe(int root, const char *path, bool unseen, const char **ret_name);
/* Whether there is such a directory; only_new: what exists will not be opened. */
bool rt_parent_may_open(int root, const char *path, bool only_new);
/* Name, in a directory that rt_parent_find() gave, has just been seen to be a regular file. */
void rt_parent_is_regular(int dir, const char *name);
/* Asked when nothing is in it: was it removed, so that its path leads elsewhere now? */
bool rt_parent_is_stale(int root, int dir);
/*
 * One look at whether directories have moved is good for one call: called when one
 * begins, and when it has taken its time.
 */
void rt_parent_check_again(void);
/* Before a root is closed, and at the end. */
void rt_parent_forget_all(void);
void rt_parent_stop(void);

/* Names known to be regular files, by the inotify watch of their directory. rt_regular.c. */
void rt_regular_add(int watch, const char *name);
bool rt_regular_has(int watch, const char *name);
void rt_regular_clear(void);

int32_t rt_status_from(int result); /* negative errno, or >= 0 for success */

#endif
