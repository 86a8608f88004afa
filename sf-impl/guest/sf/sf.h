/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file system of shared folders: what its files share. Functions return 0
 * or a negative errno.
 */
#ifndef SF_SF_H
#define SF_SF_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/fs_parser.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include "r0lib.h"

#define SF_MAGIC 0x786f4256
#define SF_MODE_UNSET 0xffffu
#define SF_PATH_SIZE PATH_MAX /* of an SHFLSTRING with a path, its header included */

enum sf_cache { SF_CACHE_NONE, SF_CACHE_STRICT, SF_CACHE_WRITEBACK };
enum sf_lock { SF_LOCK_LOCAL, SF_LOCK_HOST };

struct sf_options {
	kuid_t uid;
	kgid_t gid;
	umode_t dmode; /* SF_MODE_UNSET: the host's */
	umode_t fmode;
	umode_t dmask;
	umode_t fmask;
	unsigned int ttl_ms; /* how long attributes and names are believed */
	unsigned int cache; /* enum sf_cache */
	unsigned int lock; /* enum sf_lock */
	char *charset; /* NULL: UTF-8 */
	char *tag;
};

/* A mounted share. */
struct sf_share {
	struct shfl_map map;
	bool connected; /* has the client */
	bool mapped;
	struct sf_options options;
	struct nls_table *nls; /* NULL: UTF-8 */
	u32 device; /* the host's, of the share's root */
	atomic64_t changes; /* counts what this guest changes: dates attributes */
	spinlock_t handles_lock;
	struct list_head handles; /* all of them */
	struct list_head unsynced; /* sync.c: inodes; under handles_lock */
	unsigned int unsynced_count;
};

/* A file or directory that is open at the host. */
struct sf_handle {
	struct list_head list; /* of its inode's */
	struct list_head of_share;
	refcount_t references;
	struct sf_share *share;
	u64 host;
	u32 access; /* SHFL_CF_ACCESS_* */
	bool unflushed; /* written to since the host was last told to flush */
	struct sf_handle *plain; /* of an appending one, when mapped pages have to be written */
};

/* What the host said of an object when it was last asked. */
struct sf_seen {
	s64 mtime;
	s64 ctime;
	s64 size;
};

struct sf_inode {
	struct inode vfs;
	u64 host_inode; /* 0: the host does not tell */
	u32 host_device;
	spinlock_t handles_lock;
	struct list_head handles;
	struct rw_semaphore direct; /* data go past the cache: no page becomes dirty meanwhile */
	struct mutex locks_mutex;
	struct list_head lock_owners; /* lock.c */
	struct dentry *unsynced; /* sync.c: written and closed; under the share's handles_lock */
	struct list_head unsynced_list;
	/* under vfs.i_lock: */
	u64 changed; /* share->changes at our own last change */
	unsigned long checked; /* jiffies of the last answer */
	bool stale; /* is to be asked for whatever its age */
	bool wrote; /* since the last answer */
	bool suspect; /* somebody may have written at the time that we did */
	unsigned long verified; /* jiffies: cached pages were right, as far as we know */
	struct sf_seen seen;
	/* list.c, directories: */
	u32 asked; /* names whose time-out was over, since asked_since */
	unsigned long asked_since; /* jiffies */
	bool listed; /* since then, all of it */
};

/* An answer of the host about an object, and how old it may be at most. */
struct sf_answer {
	SHFLFSOBJINFO info;
	u64 changes; /* share->changes before the host was asked */
};

static inline struct sf_inode *sf_i(struct inode *inode)
{
	return container_of(inode, struct sf_inode, vfs);
}

static inline struct sf_share *sf_share(const struct super_block *super)
{
	return super->s_fs_info;
}

/* client.c: the one connection of all mounts */
extern struct VBGLHGCMHANDLE sf_client;
int sf_client_get(void);
void sf_client_put(void);

/* path.c: strings as the host wants them. sf_path_put takes errors as well. */
SHFLSTRING *sf_path_get(struct sf_share *share, struct dentry *dentry);
SHFLSTRING *sf_string_get(struct sf_share *share, const char *text);
void sf_path_put(SHFLSTRING *path);
/* A name of the host's for the guest; the length, or an error if it has no form here. */
int sf_name_from_host(struct sf_share *share, const u8 *name, u32 length, char *buffer,
		      u32 size);

/* inode.c */
extern const struct inode_operations sf_file_inode_operations;
void sf_inode_init_once(void *object);
void sf_answer_begin(struct sf_share *share, struct sf_answer *answer);
struct inode *sf_inode_get(struct super_block *super, const struct sf_answer *answer);
bool sf_inode_is(struct inode *inode, const SHFLFSOBJINFO *info);
u64 sf_inode_number(const struct sf_share *share, const SHFLFSOBJINFO *info);
/* Takes an answer over; cached pages of a file that others changed are dropped. */
void sf_inode_update(struct inode *inode, const struct sf_answer *answer, bool ours);
/* Drops cached pages that may be old: at an open at once, else after the time-out. */
void sf_inode_verify(struct inode *inode, bool opened);
/* This guest has changed the object: older answers do not count any more. */
void sf_inode_changed(struct inode *inode);
void sf_inode_extend(struct inode *inode, loff_t end);
unsigned long sf_ttl(const struct inode *inode);
bool sf_inode_fresh(struct inode *inode);
bool sf_inode_aged(struct inode *inode);
/* Asks the host if the last answer is too old, through a handle or by path. */
int sf_inode_refresh(struct inode *inode, struct dentry *dentry, bool force);
int sf_stat(struct sf_share *share, struct dentry *dentry, struct sf_answer *answer);
int sf_getattr(struct user_namespace *users, const struct path *path, struct kstat *stat,
	       u32 mask, unsigned int flags);
int sf_setattr(struct user_namespace *users, struct dentry *dentry, struct iattr *attributes);

/* handle.c */
u32 sf_access_flags(const struct sf_share *share, unsigned int open_flags);
int sf_handle_open(struct inode *inode, struct dentry *dentry, u32 flags,
		   struct sf_handle **ret_handle);
/* Takes over a handle that CREATE gave; NULL if there is no memory, then it is closed. */
struct sf_handle *sf_handle_adopt(struct inode *inode, u64 host, u32 access);
struct sf_handle *sf_handle_find(struct inode *inode, u32 access);
void sf_handle_put(struct sf_handle *handle);
/* Has the host bring to its disk what it was sent. */
int sf_handle_flush(struct sf_handle *handle);
void sf_handle_release(struct inode *inode, struct sf_handle *handle);

/* sync.c */
/* A handle goes: what was written through it is to reach the disk at the next sync. */
void sf_sync_closing(struct inode *inode, struct sf_handle *handle);
/* Flushes all that was written to the file. */
int sf_sync_file(struct inode *inode, struct sf_handle *handle);
/* The same for one that nobody has open for writing. */
int sf_sync_closed(struct inode *inode);
/* Whether there was anything to forget. */
bool sf_sync_forget(struct inode *inode);
int sf_sync_fs(struct super_block *super, int wait);

/* name.c */
extern const struct inode_operations sf_dir_inode_operations;
extern const struct inode_operations sf_link_inode_operations;
extern const struct dentry_operations sf_dentry_operations;

/* list.c */
/*
 * A name is too old. When several of a directory are, it is listed, which makes
 * those fresh that are in the cache. True: it was, the name may be fresh now.
 */
bool sf_dir_refresh(struct dentry *dentry);
extern const struct file_operations sf_dir_operations;

/* file.c */
extern const struct file_operations sf_file_operations;
extern const struct file_operations sf_special_operations;

/* lock.c */
int sf_file_lock(struct file *file, int command, struct file_lock *lock);
int sf_file_flock(struct file *file, int command, struct file_lock *lock);
int sf_dir_lock(struct file *file, int command, struct file_lock *lock);
int sf_file_setlease(struct file *file, long type, struct file_lock **lease, void **private);

/* data.c: one transfer between kernel memory and the host */
int sf_reg_read_aux(const char *caller, struct sf_share *share, struct sf_handle *handle,
		    void *buffer, u32 *count, loff_t position);
int sf_reg_write_aux(const char *caller, struct sf_share *share, struct sf_handle *handle,
		     const void *buffer, u32 *count, loff_t position);
#define SF_PAGES_MAX 1024u /* in one call */

/* direct.c: between user memory and the host, past the page cache */
ssize_t sf_direct_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t sf_direct_write(struct kiocb *iocb, struct iov_iter *from);

/* page.c */
/* Reads more than is asked for where a few bytes far from others are. */
void sf_read_around(struct file *file, loff_t position, size_t count);
extern const struct address_space_operations sf_address_operations;

/* options.c */
int sf_init_fs_context(struct fs_context *context);
extern const struct fs_parameter_spec sf_parameters[];
int sf_show_options(struct seq_file *out, struct dentry *root);

/* super.c */
int sf_get_tree(struct fs_context *context);
int sf_reconfigure(struct fs_context *context);
void sf_share_free(struct sf_share *share);

/* debug.c */
void sf_debug_init(void);
void sf_debug_exit(void);

#endif
