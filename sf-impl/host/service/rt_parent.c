/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories that paths were resolved to before, so that the next path into one
 * of them costs a single component. docs/performance.md says why nothing gets out
 * of a share this way; in short:
 * - What is done with a directory from here names one component that is neither
 *   ".." nor followed if it is a link, so it is done in that very directory.
 * - The directory was reached from the share's root without a link or a mount on
 *   the way, and inotify watches each directory of that way since before it was
 *   looked at: a rename of one of them, a change of permissions of one before the
 *   last, or a change of the mounts leaves an event, and one event makes everything
 *   forgotten.
 * - A removed directory has no events while it is held open, and no entries either:
 *   who finds nothing in it asks whether it is still linked.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "rt.h"

#define MAX_PARENTS 32
#define MAX_PARENT_LENGTH 255
#define MAX_WATCHES 256
#define N_SEEN 64 /* power of two */
#define MAX_LOOKS 8
#define MAX_REFUSED 8 /* opens that have to look first, until names are watched */

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define ZFS_SUPER_MAGIC 0x2fc12fc1

struct parent {
	int root;
	int fd;
	int safe_fd; /* the same, but no device can be opened in it; -1: there is none */
	bool safe_fd_wanted; /* it has been tried */
	int names; /* watch for the next name that comes into it; -1: there is none */
	unsigned refused; /* opens that would have needed it */
	uint32_t hash;
	size_t length;
	char path[MAX_PARENT_LENGTH + 1];
};

static struct {
	struct parent parents[MAX_PARENTS];
	unsigned n_parents;
	int watches[MAX_WATCHES];
	unsigned n_watches;
	uint32_t seen[N_SEEN]; /* hashes of paths that were asked for once */
	bool started, usable;
	bool checked; /* since rt_parent_check_again(): nothing had happened */
	int inotify, names, mounts, epoll;
} cache;

/* File systems on which nothing moves without this kernel's doing. */
static bool is_local(int fd)
{
	static const unsigned long local[] = {
		TMPFS_MAGIC,	  EXT4_SUPER_MAGIC,	 XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
		F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, ZFS_SUPER_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return false;
	for (unsigned i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if ((unsigned long)fs.f_type == local[i])
			return true;
	return false;
}

static bool watch_for(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return fd >= 0 && !epoll_ctl(cache.epoll, EPOLL_CTL_ADD, fd, &event);
}

static bool start(void)
{
	if (cache.started)
		return cache.usable;
	cache.started = true;
	cache.epoll = epoll_create1(EPOLL_CLOEXEC);
	cache.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	cache.names = -1; /* until they are to be watched */
	cache.mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	cache.usable = cache.epoll >= 0 && watch_for(cache.inotify, EPOLLIN) &&
		       watch_for(cache.mounts, EPOLLPRI);
	return cache.usable;
}

/* Something came into a watched directory: what its names lead to has to be looked at again. */
static void names_changed(void)
{
	_Alignas(struct inotify_event) char events[4096];
	const struct inotify_event *event;
	ssize_t n = read(cache.names, events, sizeof(events));

	for (char *at = events; at < events + n; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)at;
		for (unsigned i = 0; i < cache.n_parents; i++)
			if (cache.parents[i].names == event->wd || event->mask & IN_Q_OVERFLOW)
				cache.parents[i].names = -1;
	}
}

/* To what is kept. */
static bool something_happened(void)
{
	struct epoll_event event;

	for (unsigned i = 0; i < MAX_LOOKS; i++) {
		cache.checked = epoll_wait(cache.epoll, &event, 1, 0) == 0;
		if (cache.checked)
			return false;
		if (event.data.fd != cache.names)
			return true;
		names_changed();
	}
	return true;
}

void rt_parent_check_again(void)
{
	cache.checked = false;
}

/* Reads until there is nothing, or more comes all the time: then the next look is a miss. */
static void drain(void)
{
	char events[4096];

	for (unsigned i = 0; i < 64 && something_happened(); i++)
		while (read(cache.inotify, events, sizeof(events)) > 0)
			;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void rt_parent_forget_all(void)
{
	for (unsigned i = 0; i < cache.n_parents; i++) {
		close(cache.parents[i].fd);
		close_if_open(cache.parents[i].safe_fd);
		if (cache.parents[i].names >= 0)
			inotify_rm_watch(cache.names, cache.parents[i].names);
	}
	for (unsigned i = 0; i < cache.n_watches; i++)
		inotify_rm_watch(cache.inotify, cache.watches[i]);
	cache.n_parents = cache.n_watches = 0;
	memset(cache.seen, 0, sizeof(cache.seen));
	rt_regular_clear();
	if (cache.usable)
		drain();
}

void rt_parent_stop(void)
{
	rt_parent_forget_all();
	if (cache.started) {
		close_if_open(cache.inotify);
		close_if_open(cache.names);
		close_if_open(cache.mounts);
		close_if_open(cache.epoll);
	}
	cache.started = cache.usable = false;
}

static bool remember_watch(int watch)
{
	for (unsigned i = 0; i < cache.n_watches; i++)
		if (cache.watches[i] == watch)
			return true;
	if (cache.n_watches == MAX_WATCHES) {
		inotify_rm_watch(cache.inotify, watch);
		return false;
	}
	cache.watches[cache.n_watches++] = watch;
	return true;
}

static int add_watch(int inotify, int fd, uint32_t events)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/thread-self/fd/%d", fd);
	return inotify_add_watch(inotify, name, events);
}

/*
 * Permissions matter of directories that are passed through; those of the last are
 * checked by each use of it. IN_ATTRIB also comes for every file within, so who sets
 * a file's times would have everything forgotten. The host may call from a thread
 * with descriptors of its own.
 */
static bool watch_directory(int fd, bool is_last)
{
	const uint32_t events = IN_MOVE_SELF | IN_DELETE_SELF | IN_MASK_ADD;
	int watch = add_watch(cache.inotify, fd, is_last ? events : events | IN_ATTRIB);

	return watch >= 0 && remember_watch(watch);
}

/* Opens a directory within dir that is no link and no other file system's. */
static int open_component(int dir, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

/*
 * Opens it, watches it, and looks whether it is still there. Subvolumes of Btrfs are
 * not entered: they go with all that is in them.
 */
static int step_into(int dir, const char *name, bool is_last)
{
	int fd = open_component(dir, name);
	struct stat above, before, after;

	if (fd < 0)
		return fd;
	if (watch_directory(fd, is_last) && !fstat(dir, &above) && !fstat(fd, &before) &&
	    !fstatat(dir, name, &after, AT_SYMLINK_NOFOLLOW) && above.st_dev == before.st_dev &&
	    before.st_dev == after.st_dev && before.st_ino == after.st_ino)
		return fd;
	close(fd);
	return -1;
}

static int walk(int root, const char *path)
{
	char text[MAX_PARENT_LENGTH + 1];
	int dir = root;
	char *rest = text;
	char *name;
	int next;

	if (!*path)
		return fcntl(root, F_DUPFD_CLOEXEC, 0);
	strcpy(text, path);
	while ((name = strsep(&rest, "/"))) {
		next = step_into(dir, name, !rest);
		if (dir != root)
			close(dir);
		if (next < 0)
			return -1;
		dir = next;
	}
	return dir;
}

/* The second time that a path is asked for, it is worth the trouble. */
static bool is_wanted(uint32_t hash)
{
	uint32_t *seen = &cache.seen[hash % N_SEEN];

	if (*seen == hash)
		return true;
	*seen = hash;
	return false;
}

static struct parent *add_parent(int root, const char *path, size_t length, uint32_t hash)
{
	struct parent *parent;
	int fd;

	if ((length && !is_wanted(hash)) || !start() || !is_local(root))
		return NULL;
	if (cache.n_parents == MAX_PARENTS)
		rt_parent_forget_all();
	parent = &cache.parents[cache.n_parents];
	*parent = (struct parent){
		.root = root,
		.safe_fd = -1,
		.names = -1,
		.hash = hash,
		.length = length,
	};
	memcpy(parent->path, path, length);
	fd = walk(root, parent->path);
	if (fd < 0)
		return NULL;
	if (something_happened()) {
		close(fd);
		rt_parent_forget_all();
		return NULL;
	}
	parent->fd = fd;
	cache.n_parents++;
	return parent;
}

static struct parent *find_parent(int root, const char *path, size_t length)
{
	uint32_t hash = 2166136261u ^ (uint32_t)root;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)path[i]) * 16777619u;
	for (unsigned i = 0; i < cache.n_parents; i++) {
		struct parent *parent = &cache.parents[i];

		if (parent->hash != hash || parent->root != root || parent->length != length ||
		    memcmp(parent->path, path, length))
			continue;
		if (cache.checked || !something_happened())
			return parent;
		rt_parent_forget_all();
		return NULL;
	}
	return add_parent(root, path, length, hash);
}

/* False if the last component is none to be looked for in a directory. */
static bool split(const char *path, const char **ret_name, size_t *ret_length)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	*ret_name = name;
	*ret_length = slash ? (size_t)(slash - path) : 0;
	return *name && strcmp(name, ".") && strcmp(name, "..") && *ret_length <= MAX_PARENT_LENGTH;
}

int rt_parent_find(int root, const char *path, const char **ret_name)
{
	const struct parent *parent;
	size_t length;

	if (!split(path, ret_name, &length))
		return -1;
	if (!length)
		return root;
	parent = find_parent(root, path, length);
	return parent ? parent->fd : -1;
}

/* What mount points within the directory begin with, as mountinfo writes it; false: too odd. */
static bool mount_prefix(int fd, char *ret_prefix, size_t size)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", fd);
	n = readlink(link, ret_prefix, size - 2);
	if (n < 2 || (size_t)n == size - 2 || ret_prefix[0] != '/')
		return false;
	ret_prefix[n] = '/';
	ret_prefix[n + 1] = '\0';
	return !strpbrk(ret_prefix, " \t\n\\#"); /* it writes these as numbers */
}

/* The list's fields are separated by blanks; the fifth is the mount point. */
struct mount_scan {
	const char *prefix;
	size_t matched;
	unsigned field;
	bool found;
};

static void scan_mounts(struct mount_scan *scan, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == ' ') {
			scan->field++;
		} else if (text[i] == '\n') {
			scan->field = 0;
			scan->matched = 0;
		} else if (scan->field == 4) {
			if (scan->prefix[scan->matched] == text[i])
				scan->found |= !scan->prefix[++scan->matched];
			else
				scan->field = 5;
		}
	}
}

/* Whether something is mounted within the directory; also true if that cannot be told. */
static bool has_mounts_within(int fd)
{
	char prefix[PATH_MAX], text[4096];
	struct mount_scan scan = {.prefix = prefix};
	ssize_t n = -1;
	int list;

	if (!mount_prefix(fd, prefix, sizeof(prefix)))
		return true;
	list = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	while (list >= 0 && !scan.found && (n = read(list, text, sizeof(text))) > 0)
		scan_mounts(&scan, text, (size_t)n);
	close_if_open(list);
	return scan.found || n < 0;
}

/*
 * The directory again, in a mount of nobody else's on which devices are dead. What
 * is mounted within it would be missing there, so nothing may be. Processes without new
 * privileges may be in a sandbox whose rules (Landlock) say nothing of such a mount.
 */
static int open_safe(int fd)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NODEV};
	struct statvfs fs;
	int safe;

	if (!fstatvfs(fd, &fs) && (fs.f_flag & ST_NODEV))
		return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) || has_mounts_within(fd))
		return -1;
	safe = (int)syscall(SYS_open_tree, fd, "",
			    AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (safe < 0)
		return -1;
	if (!syscall(SYS_mount_setattr, safe, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)))
		return safe;
	close(safe);
	return -1;
}

/* The next name that comes into the directory. */
static int watch_names(int dir)
{
	if (cache.names < 0) {
		cache.names = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (!watch_for(cache.names, EPOLLIN)) {
			close_if_open(cache.names);
			cache.names = -1;
			return -1;
		}
	}
	return add_watch(cache.names, dir, IN_CREATE | IN_MOVED_TO | IN_ONESHOT);
}

/*
 * Whether the name leads to a regular file, without a look. Where names come all the
 * time, each of which costs an event, looking is cheaper: a watch is over with the first.
 */
static bool is_regular(struct parent *parent, const char *name)
{
	if (parent->names >= 0)
		return rt_regular_has(parent->names, name);
	if (++parent->refused == MAX_REFUSED) {
		parent->names = watch_names(parent->fd);
		parent->refused = 0;
	}
	return false;
}

int rt_parent_find_safe(int root, const char *path, bool unseen, const char **ret_name)
{
	struct parent *parent;
	size_t length;

	parent = split(path, ret_name, &length) ? find_parent(root, path, length) : NULL;
	if (!parent)
		return -1;
	if (!parent->safe_fd_wanted) {
		parent->safe_fd = open_safe(parent->fd);
		parent->safe_fd_wanted = true;
	}
	if (unseen && parent->safe_fd >= 0 && !is_regular(parent, *ret_name))
		return -1;
	return parent->safe_fd;
}

bool rt_parent_may_open(int root, const char *path, bool only_new)
{
	const char *unused;

	return rt_parent_find_safe(root, path, !only_new, &unused) >= 0;
}

void rt_parent_is_regular(int dir, const char *name)
{
	for (unsigned i = 0; i < cache.n_parents; i++) {
		const struct parent *parent = &cache.parents[i];

		if (parent->fd == dir || (parent->root == dir && !parent->length)) {
			if (parent->names >= 0)
				rt_regular_add(parent->names, name);
			return;
		}
	}
}

bool rt_parent_is_stale(int root, int dir)
{
	struct stat info;

	if (dir == root || (!fstat(dir, &info) && info.st_nlink))
		return false;
	rt_parent_forget_all();
	return true;
}
