/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file that an op of the guest is about: found from the arguments of the
 * function that was entered, and told from the files of other file systems.
 */
#ifndef OBJECT_BPF_H
#define OBJECT_BPF_H

/* Kernel structs, as far as they are needed. */
struct file_system_type {
	const char *name;
} __attribute__((preserve_access_index));

struct super_block {
	struct file_system_type *s_type;
} __attribute__((preserve_access_index));

struct hlist_node {
	struct hlist_node *next;
} __attribute__((preserve_access_index));

struct hlist_head {
	struct hlist_node *first;
} __attribute__((preserve_access_index));

struct qstr {
	const unsigned char *name;
} __attribute__((preserve_access_index));

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct super_block *d_sb;
	union {
		struct hlist_node d_alias;
	} d_u;
} __attribute__((preserve_access_index));

struct inode {
	struct super_block *i_sb;
	struct hlist_head i_dentry;
} __attribute__((preserve_access_index));

struct path {
	struct dentry *dentry;
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
} __attribute__((preserve_access_index));

struct kiocb {
	struct file *ki_filp;
} __attribute__((preserve_access_index));

struct address_space {
	struct inode *host;
} __attribute__((preserve_access_index));

struct page {
	struct address_space *mapping;
} __attribute__((preserve_access_index));

struct readahead_control {
	struct file *file;
} __attribute__((preserve_access_index));

struct vm_area_struct {
	struct file *vm_file;
} __attribute__((preserve_access_index));

struct vm_fault {
	struct vm_area_struct *vma;
} __attribute__((preserve_access_index));

/* Which argument leads to the file: hops.def. */
enum object_kind {
	NONE,
	FILE1,
	FILE2,
	DENTRY1,
	DENTRY2,
	DENTRY3,
	PATH2,
	KIOCB1,
	MAPPING1,
	PAGE1,
	READAHEAD1,
	VMA1,
	VMF1,
	ADDRESS
};

/* Either may be NULL: there is none, or it is not known. */
struct object {
	struct dentry *dentry;
	struct super_block *super;
};

static __always_inline void object_from_dentry(struct object *object, struct dentry *dentry)
{
	object->dentry = dentry;
	object->super = BPF_CORE_READ(dentry, d_sb);
}

static __always_inline void object_from_file(struct object *object, struct file *file)
{
	object_from_dentry(object, BPF_CORE_READ(file, f_path.dentry));
}

/* Of an inode's names any will do: there are no hard links on a shared folder. */
static __always_inline void object_from_mapping(struct object *object,
						struct address_space *mapping)
{
	struct inode *inode = BPF_CORE_READ(mapping, host);
	struct hlist_node *alias = BPF_CORE_READ(inode, i_dentry.first);

	object->super = BPF_CORE_READ(inode, i_sb);
	if (alias)
		object->dentry = (void *)alias - bpf_core_field_offset(struct dentry, d_u.d_alias);
}

static long object_area_found(struct task_struct *task, struct vm_area_struct *area,
			      struct object *object)
{
	(void)task;
	object_from_file(object, BPF_CORE_READ(area, vm_file));
	return 0;
}

/* A system call's only argument is where its caller's registers are. */
static __always_inline void object_from_address(struct object *object, const struct pt_regs *user)
{
	uint64_t address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &user->rdi);
	bpf_find_vma((void *)bpf_get_current_task_btf(), address, object_area_found, object, 0);
}

static __noinline int object_find(struct pt_regs *ctx, uint32_t kind, struct object *object)
{
	void *first = (void *)PT_REGS_PARM1(ctx), *second = (void *)PT_REGS_PARM2(ctx);
	struct vm_area_struct *area;

	if (!object)
		return 0;
	switch (kind) {
	case FILE1:
		object_from_file(object, first);
		break;
	case FILE2:
		object_from_file(object, second);
		break;
	case DENTRY1:
		object_from_dentry(object, first);
		break;
	case DENTRY2:
		object_from_dentry(object, second);
		break;
	case DENTRY3:
		object_from_dentry(object, (void *)PT_REGS_PARM3(ctx));
		break;
	case PATH2:
		object_from_dentry(object, BPF_CORE_READ((struct path *)second, dentry));
		break;
	case KIOCB1:
		object_from_file(object, BPF_CORE_READ((struct kiocb *)first, ki_filp));
		break;
	case MAPPING1:
		object_from_mapping(object, first);
		break;
	case PAGE1:
		object_from_mapping(object, BPF_CORE_READ((struct page *)first, mapping));
		break;
	case READAHEAD1:
		object_from_file(object, BPF_CORE_READ((struct readahead_control *)first, file));
		break;
	case VMA1:
		object_from_file(object, BPF_CORE_READ((struct vm_area_struct *)first, vm_file));
		break;
	case VMF1:
		area = BPF_CORE_READ((struct vm_fault *)first, vma);
		object_from_file(object, BPF_CORE_READ(area, vm_file));
		break;
	case ADDRESS:
		object_from_address(object, first);
		break;
	}
	return 0;
}

/* The beginning of a file system's name, to be compared at once. */
union type_name {
	char text[8];
	uint64_t word;
};

/* Whether it is on a shared folder. */
static __always_inline bool object_is_shared(const struct object *object)
{
	static const union type_name classic = {"sf"}, mainline = {"vboxsf"};
	struct super_block *super = object->super;
	union type_name name = {""};

	bpf_probe_read_kernel_str(name.text, sizeof(name.text), BPF_CORE_READ(super, s_type, name));
	return name.word == classic.word || name.word == mainline.word;
}

#endif
