/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest as Linux is, which has mapped the share "rw": all that many tests need. */
#ifndef SERVICE_GUEST_H
#define SERVICE_GUEST_H

#include "service_driver.h"

DRIVER_UNUSED static struct client *guest;
DRIVER_UNUSED static uint32_t rw;

DRIVER_UNUSED static void guest_start(void)
{
	driver_start();
	guest = linux_client(true);
	rw = map_share(guest, "rw");
}

#endif
