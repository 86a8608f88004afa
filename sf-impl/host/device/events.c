/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the device and its interrupt (spec/vmmdev-hgcm.md 5). */
#include "device_impl.h"

void irq_set(struct vmmdev *dev, bool high)
{
	if (dev->irq_high == high)
		return;
	dev->irq_high = high;
	dev->config.set_irq(dev->config.irq_user, high);
}

void events_reset(struct vmmdev *dev)
{
	dev->events_pending &= VMMDEV_EVENT_DISPLAY_CHANGE_REQUEST;
	dev->events_filter = 0;
	dev->filter_postponed = false;
	irq_set(dev, false);
}

static bool events_wanted(const struct vmmdev *dev)
{
	return (dev->events_pending & dev->events_filter) != 0;
}

static void interrupt(struct vmmdev *dev)
{
	dev->memory.fHaveEvents = 1;
	irq_set(dev, true);
}

void events_raise(struct vmmdev *dev, uint32_t events)
{
	bool wanted = events_wanted(dev);

	dev->events_pending |= events;
	if (dev->ready && !wanted && events_wanted(dev))
		interrupt(dev);
}

uint32_t events_acknowledge(struct vmmdev *dev)
{
	uint32_t events;

	if (dev->filter_postponed) {
		dev->events_filter = dev->next_filter;
		dev->filter_postponed = false;
	}
	events = dev->events_pending & dev->events_filter;
	dev->events_pending &= ~dev->events_filter;
	dev->memory.fHaveEvents = 0;
	irq_set(dev, false);
	return events;
}

/* The HGCM event cannot be taken out. While events wait the change waits too. */
void events_filter(struct vmmdev *dev, uint32_t or_mask, uint32_t not_mask)
{
	uint32_t filter = dev->filter_postponed ? dev->next_filter : dev->events_filter;

	filter = (filter | or_mask) & ~(not_mask & ~VMMDEV_EVENT_HGCM);
	if (events_wanted(dev)) {
		dev->next_filter = filter;
		dev->filter_postponed = true;
		return;
	}
	dev->events_filter = filter;
	if (dev->ready && events_wanted(dev))
		interrupt(dev);
}
