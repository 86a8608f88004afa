// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMM device as a PCI device: found, switched on, interrupts, let go.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include "devext.h"

#define DRIVER_NAME "sf_guest"
#define BAR_PORT 0
#define BAR_MEMORY 1

struct VBOXGUESTDEVEXT vboxguest_devext = {
	.port_mutex = __MUTEX_INITIALIZER(vboxguest_devext.port_mutex),
	.port_lock = __SPIN_LOCK_UNLOCKED(vboxguest_devext.port_lock),
	.hgcm_waiters = __WAIT_QUEUE_HEAD_INITIALIZER(vboxguest_devext.hgcm_waiters),
	.event_waiters = __WAIT_QUEUE_HEAD_INITIALIZER(vboxguest_devext.event_waiters),
	.event_lock = __SPIN_LOCK_UNLOCKED(vboxguest_devext.event_lock),
	.filter_mutex = __MUTEX_INITIALIZER(vboxguest_devext.filter_mutex),
	.session_lock = __SPIN_LOCK_UNLOCKED(vboxguest_devext.session_lock),
	.sessions = LIST_HEAD_INIT(vboxguest_devext.sessions),
};

/* Tells those who wait. */
static void deliver_events(struct VBOXGUESTDEVEXT *devext, u32 events)
{
	if (events & VMMDEV_EVENT_HGCM)
		wake_up_all(&devext->hgcm_waiters);
	events &= ~VMMDEV_EVENT_HGCM;
	if (!events)
		return;
	spin_lock(&devext->event_lock);
	devext->events |= events;
	spin_unlock(&devext->event_lock);
	wake_up_all(&devext->event_waiters);
}

static irqreturn_t handle_interrupt(int irq, void *data)
{
	struct VBOXGUESTDEVEXT *devext = data;
	u32 events = 0;
	bool ours;

	spin_lock(&devext->port_lock);
	ours = readb(&devext->memory->fHaveEvents);
	if (ours)
		events = VBoxGuestAcknowledgeEvents(devext);
	spin_unlock(&devext->port_lock);
	if (!ours)
		return IRQ_NONE;
	deliver_events(devext, events);
	return IRQ_HANDLED;
}

static int map_device(struct VBOXGUESTDEVEXT *devext, struct pci_dev *pci)
{
	u32 size;

	devext->port = pci_resource_start(pci, BAR_PORT);
	if (!devext->port || !(pci_resource_flags(pci, BAR_PORT) & IORESOURCE_IO) ||
	    pci_resource_len(pci, BAR_MEMORY) < sizeof(VMMDevMemory))
		return -ENODEV;
	devext->memory = pci_iomap(pci, BAR_MEMORY, 0);
	if (!devext->memory)
		return -ENOMEM;
	size = readl(&devext->memory->u32Size);
	if (readl(&devext->memory->u32Version) == VMMDEV_MEMORY_VERSION &&
	    size >= sizeof(VMMDevMemory) && size <= pci_resource_len(pci, BAR_MEMORY))
		return 0;
	dev_err(&pci->dev, "the device's memory has no known layout\n");
	pci_iounmap(pci, devext->memory);
	return -ENODEV;
}

static void set_present(struct VBOXGUESTDEVEXT *devext, bool present)
{
	mutex_lock(&devext->port_mutex);
	WRITE_ONCE(devext->present, present);
	mutex_unlock(&devext->port_mutex);
	wake_up_all(&devext->hgcm_waiters);
	wake_up_all(&devext->event_waiters);
}

/* From here on requests can be made; to here they could. */
static int start_device(struct VBOXGUESTDEVEXT *devext)
{
	int rc;

	rc = VbglGRAlloc((void **)&devext->ack, sizeof(*devext->ack),
			 VMMDevReq_AcknowledgeEvents, VMMDEV_REQUESTOR_USR_DRV);
	if (VBOX_FAILURE(rc))
		return -ENOMEM;
	set_present(devext, true);
	rc = VBoxGuestReportToHost(devext);
	if (VBOX_SUCCESS(rc))
		return 0;
	dev_err(&devext->pci->dev, "the host refuses this guest: status %d\n", rc);
	set_present(devext, false);
	VbglGRFree(devext->ack, sizeof(*devext->ack));
	return -ENODEV;
}

static void stop_device(struct VBOXGUESTDEVEXT *devext)
{
	VBoxGuestReportInactive(devext);
	set_present(devext, false);
	VbglGRFree(devext->ack, sizeof(*devext->ack));
}

static int open_to_users(struct VBOXGUESTDEVEXT *devext)
{
	int ret = request_irq(devext->pci->irq, handle_interrupt, IRQF_SHARED, DRIVER_NAME,
			      devext);

	if (ret)
		return ret;
	ret = vboxguest_nodes_register();
	if (ret)
		free_irq(devext->pci->irq, devext);
	return ret;
}

static int probe_device(struct VBOXGUESTDEVEXT *devext, struct pci_dev *pci)
{
	int ret = map_device(devext, pci);

	if (ret)
		return ret;
	ret = start_device(devext);
	if (ret)
		goto unmap;
	ret = open_to_users(devext);
	if (!ret)
		return 0;
	stop_device(devext);
unmap:
	pci_iounmap(pci, devext->memory);
	return ret;
}

static int vboxguest_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct VBOXGUESTDEVEXT *devext = &vboxguest_devext;
	int ret;

	if (devext->pci)
		return -EBUSY;
	ret = pci_enable_device(pci);
	if (ret)
		return ret;
	ret = pci_request_regions(pci, DRIVER_NAME);
	if (ret)
		goto disable;
	devext->pci = pci;
	ret = probe_device(devext, pci);
	if (!ret)
		return 0;
	devext->pci = NULL;
	pci_release_regions(pci);
disable:
	pci_disable_device(pci);
	return ret;
}

static void vboxguest_remove(struct pci_dev *pci)
{
	struct VBOXGUESTDEVEXT *devext = &vboxguest_devext;

	vboxguest_nodes_unregister();
	free_irq(pci->irq, devext);
	stop_device(devext);
	pci_iounmap(pci, devext->memory);
	devext->pci = NULL;
	pci_release_regions(pci);
	pci_disable_device(pci);
}

static const struct pci_device_id vboxguest_ids[] = {
	{ PCI_DEVICE(VMMDEV_VENDORID, VMMDEV_DEVICEID) },
	{}
};
MODULE_DEVICE_TABLE(pci, vboxguest_ids);

static struct pci_driver vboxguest_driver = {
	.name = DRIVER_NAME,
	.id_table = vboxguest_ids,
	.probe = vboxguest_probe,
	.remove = vboxguest_remove,
};

static int __init vboxguest_init(void)
{
	int ret = vboxguest_request_init();

	if (ret)
		return ret;
	ret = pci_register_driver(&vboxguest_driver);
	if (ret)
		vboxguest_request_exit();
	return ret;
}

static void __exit vboxguest_exit(void)
{
	pci_unregister_driver(&vboxguest_driver);
	vboxguest_request_exit();
}

module_init(vboxguest_init);
module_exit(vboxguest_exit);
MODULE_DESCRIPTION("VMM device: sessions and HGCM calls");
MODULE_LICENSE("GPL");
