// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A driver of the kernel that calls the VMM device's driver as it must not: with sessions that are
 * none, any more or at all, and with commands that do not fit. It cannot be loaded if one of them
 * is taken; guest_sf_test.sh builds and loads it.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "vbox_status.h"
#include "vboxguest.h"

static int version(struct VBOXGUESTSESSION *session, void *data, size_t size)
{
	size_t returned;

	return VBoxGuestIDCCall(session, VBOXGUEST_IOCTL_DRIVER_VERSION, data, size, &returned);
}

static bool call_refused(struct VBOXGUESTSESSION *session)
{
	struct VBoxGuestDriverVersion data = {VBOXGUEST_DRIVER_VERSION, VBOXGUEST_DRIVER_VERSION};

	return version(session, &data, sizeof(data)) == VERR_INVALID_PARAMETER && !data.driver;
}

static bool session_checked(struct VBOXGUESTIDC *idc)
{
	struct VBoxGuestDriverVersion data = {VBOXGUEST_DRIVER_VERSION, VBOXGUEST_DRIVER_VERSION};
	void *zeroes = kzalloc(PAGE_SIZE, GFP_KERNEL);
	bool checked;

	if (!zeroes)
		return false;
	checked = version(idc->session, &data, sizeof(data)) == VINF_SUCCESS && data.driver &&
		  call_refused(NULL) && call_refused((void *)idc) && call_refused(zeroes) &&
		  call_refused((void *)0xdead000000000100ul) &&
		  call_refused((void *)((char *)idc->session + 8));
	kfree(zeroes);
	return checked;
}

static bool command_checked(struct VBOXGUESTIDC *idc)
{
	struct VBoxGuestDriverVersion data = {VBOXGUEST_DRIVER_VERSION, VBOXGUEST_DRIVER_VERSION};
	size_t returned = 1;

	return version(idc->session, NULL, sizeof(data)) == VERR_INVALID_POINTER &&
	       version(idc->session, &data, sizeof(data) - 1) == VERR_BUFFER_OVERFLOW &&
	       VBoxGuestIDCCall(idc->session, VBOXGUEST_IOCTL_CODE(99, 0), &data, sizeof(data),
				&returned) == VERR_NOT_SUPPORTED &&
	       !returned;
}

static int __init sf_idc_init(void)
{
	struct VBOXGUESTIDC idc;
	bool checked;

	if (VBOX_FAILURE(VBoxGuestIDCOpen(&idc)))
		return -ENODEV;
	checked = session_checked(&idc) && command_checked(&idc);
	VBoxGuestIDCClose(idc.session);
	return checked && call_refused(idc.session) ? 0 : -EIO;
}

static void __exit sf_idc_exit(void)
{
}

module_init(sf_idc_init);
module_exit(sf_idc_exit);
MODULE_DESCRIPTION("Tests the way into the VMM device's driver");
MODULE_LICENSE("GPL");
