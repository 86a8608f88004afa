// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /dev/vboxguest and /dev/vboxuser: the commands for programs, in the layout of
 * the additions' ioctl interface (spec/vmmdev-hgcm.md 13). Each is turned into
 * what VBoxGuestCommonIOCtl takes.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "devext.h"

#define NODE_MAX_SIZE (16u << 20)
#define NODE_HEADER_VERSION 0x10001u

struct node_header {
	u32 size_in;
	u32 version;
	u32 type;
	s32 rc; /* out: VBox status */
	u32 size_out; /* 0: as size_in */
	u32 reserved;
};
SF_SIZE(struct node_header, 24);

struct node_connect {
	struct node_header header;
	union {
		struct {
			u32 location_type;
			char service[VMMDEV_HGCM_SERVICE_NAME_SIZE];
		} in;
		u32 client;
	};
};
SF_SIZE(struct node_connect, 156);

struct node_disconnect {
	struct node_header header;
	u32 client;
};
SF_SIZE(struct node_disconnect, 28);

struct node_call {
	struct node_header header;
	u32 client;
	u32 function;
	u32 timeout_ms;
	u8 interruptible;
	u8 reserved;
	u16 count;
};
SF_SIZE(struct node_call, 40);

/* The command's data, its size, and how much of it goes back to the program. */
struct node_ioctl {
	struct VBOXGUESTSESSION *session;
	void *data;
	size_t size;
	size_t returned;
};

static int common(struct node_ioctl *ioctl, unsigned int command, void *data, size_t size)
{
	size_t returned;

	return VBoxGuestCommonIOCtl(command, &vboxguest_devext, ioctl->session, data, size,
				    &returned);
}

static int node_connect(struct node_ioctl *ioctl)
{
	struct node_connect *connect = ioctl->data;
	struct VBoxGuestHGCMConnectInfo info = { .location_type = connect->in.location_type };
	int rc;

	memcpy(info.service, connect->in.service, sizeof(info.service));
	rc = common(ioctl, VBOXGUEST_IOCTL_HGCM_CONNECT, &info, sizeof(info));
	if (VBOX_SUCCESS(rc))
		rc = info.result;
	connect->client = info.u32ClientID;
	return rc;
}

static int node_disconnect(struct node_ioctl *ioctl)
{
	struct node_disconnect *disconnect = ioctl->data;
	struct VBoxGuestHGCMDisconnectInfo info = { .u32ClientID = disconnect->client };
	int rc = common(ioctl, VBOXGUEST_IOCTL_HGCM_DISCONNECT, &info, sizeof(info));

	return VBOX_SUCCESS(rc) ? info.result : rc;
}

/* The driver's own header is shorter: it is put right before the parameters. */
static int node_call(struct node_ioctl *ioctl)
{
	struct node_call *call = ioctl->data;
	struct VBoxGuestHGCMCallInfoTimed *timed =
		ioctl->data + sizeof(*call) - sizeof(*timed);
	struct node_call saved = *call;
	int rc;

	if (saved.interruptible > 1 || saved.reserved)
		return VERR_INVALID_PARAMETER;
	*timed = (struct VBoxGuestHGCMCallInfoTimed){
		.timeout_ms = saved.timeout_ms,
		.interruptible = saved.interruptible,
		.info = { .u32ClientID = saved.client,
			  .u32Function = saved.function,
			  .cParms = saved.count,
			  .result = VERR_INTERNAL_ERROR },
	};
	rc = common(ioctl, VBOXGUEST_IOCTL_HGCM_CALL_TIMED(0), timed,
		    ioctl->size - ((void *)timed - ioctl->data));
	if (VBOX_SUCCESS(rc))
		rc = timed->info.result;
	*call = saved;
	return rc;
}

static bool is_value(u32 type)
{
	return type == VMMDevHGCMParmType_32bit || type == VMMDevHGCMParmType_64bit;
}

/* Values are in the same place in both forms; addresses are narrower. */
static int widen(HGCMFunctionParameter64 *wide, const HGCMFunctionParameter32 *narrow)
{
	wide->type = narrow->type;
	if (is_value(narrow->type)) {
		wide->u.value64 = narrow->u.value64;
		return VINF_SUCCESS;
	}
	if (narrow->type < VMMDevHGCMParmType_LinAddr ||
	    narrow->type > VMMDevHGCMParmType_LinAddr_Out)
		return VERR_INVALID_PARAMETER;
	wide->u.Pointer.size = narrow->u.Pointer.size;
	wide->u.Pointer.linearAddr = narrow->u.Pointer.linearAddr;
	return VINF_SUCCESS;
}

static int call_widened(struct node_ioctl *ioctl, struct node_call *call,
			HGCMFunctionParameter32 *narrow)
{
	HGCMFunctionParameter64 *wide = (HGCMFunctionParameter64 *)(call + 1);
	int rc = VINF_SUCCESS;
	u32 i;

	for (i = 0; i < call->count && VBOX_SUCCESS(rc); i++)
		rc = widen(&wide[i], &narrow[i]);
	if (VBOX_FAILURE(rc))
		return rc;
	rc = node_call(ioctl);
	for (i = 0; i < call->count; i++)
		if (is_value(narrow[i].type))
			narrow[i].u.value64 = wide[i].u.value64;
	return rc;
}

/* From a program of 32 bits. */
static int node_call32(struct node_ioctl *ioctl)
{
	struct node_call *narrow = ioctl->data;
	struct node_ioctl wide = { .session = ioctl->session };
	int rc;

	if (narrow->count > VMMDEV_MAX_HGCM_PARMS ||
	    ioctl->size < sizeof(*narrow) + narrow->count * sizeof(HGCMFunctionParameter32))
		return VERR_INVALID_PARAMETER;
	wide.size = sizeof(*narrow) + narrow->count * sizeof(HGCMFunctionParameter64);
	wide.data = kzalloc(wide.size, GFP_KERNEL);
	if (!wide.data)
		return VERR_NO_MEMORY;
	memcpy(wide.data, narrow, sizeof(*narrow));
	rc = call_widened(&wide, wide.data, (HGCMFunctionParameter32 *)(narrow + 1));
	kfree(wide.data);
	return rc;
}

static int node_request(struct node_ioctl *ioctl)
{
	VMMDevRequestHeader *request = ioctl->data;

	/* The two headers coincide, but for the size: there is no requestor yet. */
	request->fRequestor = 0;
	request->reserved1 = 0;
	return common(ioctl, VBOXGUEST_IOCTL_VMMREQUEST(0), request, ioctl->size);
}

static int node_payload(struct node_ioctl *ioctl, unsigned int command)
{
	return common(ioctl, command, ioctl->data + sizeof(struct node_header),
		      ioctl->size - sizeof(struct node_header));
}

static int node_version(struct node_ioctl *ioctl)
{
	return node_payload(ioctl, VBOXGUEST_IOCTL_DRIVER_VERSION);
}

static int node_log(struct node_ioctl *ioctl)
{
	return node_payload(ioctl, VBOXGUEST_IOCTL_LOG(0));
}

/* Both have two words here, of which the first comes back as the events. */
static int node_wait_event(struct node_ioctl *ioctl)
{
	u32 *words = ioctl->data + sizeof(struct node_header);
	struct VBoxGuestWaitEventInfo info = { .timeout_ms = words[0], .mask = words[1] };
	int rc = common(ioctl, VBOXGUEST_IOCTL_WAIT_EVENT, &info, sizeof(info));

	words[0] = info.events;
	return rc;
}

static int node_cancel_waits(struct node_ioctl *ioctl)
{
	return common(ioctl, VBOXGUEST_IOCTL_CANCEL_ALL_WAITEVENTS, NULL, 0);
}

static int node_filter_mask(struct node_ioctl *ioctl)
{
	return node_payload(ioctl, VBOXGUEST_IOCTL_CTL_FILTER_MASK);
}

static const struct node_entry {
	size_t minimum; /* bytes, in and out */
	int (*handle)(struct node_ioctl *ioctl);
} node_table[] = {
	[0] = { sizeof(struct node_header) + sizeof(struct VBoxGuestDriverVersion), node_version },
	[2] = { sizeof(struct node_header), node_request },
	[3] = { sizeof(struct node_header), node_request },
	[4] = { sizeof(struct node_connect), node_connect },
	[5] = { sizeof(struct node_disconnect), node_disconnect },
	[6] = { sizeof(struct node_call), node_call32 },
	[7] = { sizeof(struct node_call), node_call },
	[9] = { sizeof(struct node_header) + 1, node_log },
	[10] = { sizeof(struct node_header) + 2 * sizeof(u32), node_wait_event },
	[11] = { sizeof(struct node_header), node_cancel_waits },
	[12] = { sizeof(struct node_header) + 2 * sizeof(u32), node_filter_mask },
};

static int run(struct node_ioctl *ioctl, unsigned int command)
{
	const struct node_entry *entry;

	if (_IOC_TYPE(command) != 'V' || _IOC_NR(command) >= ARRAY_SIZE(node_table))
		return VERR_NOT_SUPPORTED;
	entry = &node_table[_IOC_NR(command)];
	if (!entry->handle)
		return VERR_NOT_SUPPORTED;
	return ioctl->size < entry->minimum ? VERR_BUFFER_OVERFLOW : entry->handle(ioctl);
}

static bool header_valid(const struct node_header *header)
{
	return header->size_in >= sizeof(*header) && header->size_in <= NODE_MAX_SIZE &&
	       header->version == NODE_HEADER_VERSION && !header->reserved &&
	       (!header->size_out || header->size_out >= sizeof(*header)) &&
	       header->size_out <= NODE_MAX_SIZE;
}

/* Runs the command on @buffer, a copy of the program's, and answers it. */
static long run_on_copy(struct VBOXGUESTSESSION *session, unsigned int command,
			struct node_header *buffer, const struct node_header *header,
			void __user *user)
{
	u32 size_out = header->size_out ? header->size_out : header->size_in;
	struct node_ioctl ioctl = {
		.session = session,
		.data = buffer,
		.size = max(header->size_in, size_out),
	};
	int rc = run(&ioctl, command);

	*buffer = *header;
	buffer->rc = rc;
	if (copy_to_user(user, buffer, size_out))
		return -EFAULT;
	if (rc == VERR_INTERRUPTED)
		return -EINTR;
	return rc == VERR_TIMEOUT ? -ETIMEDOUT : 0;
}

static long node_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;
	struct node_header header;
	void *buffer;
	long ret;

	if (copy_from_user(&header, user, sizeof(header)))
		return -EFAULT;
	if (!header_valid(&header))
		return -EINVAL;
	buffer = kvzalloc(max(header.size_in, header.size_out), GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	ret = -EFAULT;
	if (!copy_from_user(buffer, user, header.size_in)) {
		/* what has been checked counts, not what the program may have changed */
		memcpy(buffer, &header, sizeof(header));
		ret = run_on_copy(file->private_data, command, buffer, &header, user);
	}
	kvfree(buffer);
	return ret;
}

static int node_open(struct file *file, bool anyone)
{
	u32 requestor = VMMDEV_REQUESTOR_USERMODE;
	struct VBOXGUESTSESSION *session;

	requestor |= uid_eq(current_uid(), GLOBAL_ROOT_UID) ? VMMDEV_REQUESTOR_USR_ROOT :
							      VMMDEV_REQUESTOR_USR_USER;
	if (in_egroup_p(file_inode(file)->i_gid))
		requestor |= VMMDEV_REQUESTOR_GRP_VBOX;
	if (anyone)
		requestor |= VMMDEV_REQUESTOR_USER_DEVICE;
	session = VBoxGuestSessionCreate(true, requestor);
	if (!session)
		return -ENOMEM;
	file->private_data = session;
	return nonseekable_open(file_inode(file), file);
}

static int guest_node_open(struct inode *inode, struct file *file)
{
	return node_open(file, false);
}

static int user_node_open(struct inode *inode, struct file *file)
{
	return node_open(file, true);
}

static int node_release(struct inode *inode, struct file *file)
{
	VBoxGuestSessionClose(file->private_data);
	return 0;
}

static const struct file_operations guest_node_fops = {
	.owner = THIS_MODULE,
	.open = guest_node_open,
	.release = node_release,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = no_llseek,
};

static const struct file_operations user_node_fops = {
	.owner = THIS_MODULE,
	.open = user_node_open,
	.release = node_release,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = no_llseek,
};

static struct miscdevice nodes[] = {
	{ .minor = MISC_DYNAMIC_MINOR, .name = "vboxguest", .mode = 0600,
	  .fops = &guest_node_fops },
	{ .minor = MISC_DYNAMIC_MINOR, .name = "vboxuser", .mode = 0666,
	  .fops = &user_node_fops },
};

int vboxguest_nodes_register(void)
{
	int ret = misc_register(&nodes[0]);

	if (ret)
		return ret;
	ret = misc_register(&nodes[1]);
	if (ret)
		misc_deregister(&nodes[0]);
	return ret;
}

void vboxguest_nodes_unregister(void)
{
	misc_deregister(&nodes[1]);
	misc_deregister(&nodes[0]);
}
