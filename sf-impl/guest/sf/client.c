// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection to the host's service: made for the first mount, given up after
 * the last one, so that it is new after the host has lost the old one.
 */
#include <linux/mutex.h>
#include "sf.h"

struct VBGLHGCMHANDLE sf_client;
static unsigned int users;
static DEFINE_MUTEX(users_mutex);

static int prepare_client(void)
{
	u64 features;
	u32 last;
	int rc;

	vboxCallQueryFeatures(&sf_client, &features, &last);
	rc = vboxCallSetUtf8(&sf_client);
	if (VBOX_FAILURE(rc))
		return rc;
	rc = vboxCallSetSymlinks(&sf_client);
	if (VBOX_FAILURE(rc))
		pr_warn("sf: the host shows links as what they point to (status %d)\n", rc);
	return VINF_SUCCESS;
}

static int connect_client(void)
{
	int rc = VbglHGCMConnect(&sf_client, SHFL_SERVICE_NAME);

	if (VBOX_FAILURE(rc))
		return vbgl_errno(rc);
	rc = prepare_client();
	if (VBOX_FAILURE(rc))
		VbglHGCMDisconnect(&sf_client);
	return vbgl_errno(rc);
}

int sf_client_get(void)
{
	int ret = 0;

	mutex_lock(&users_mutex);
	if (!users)
		ret = connect_client();
	if (!ret)
		users++;
	mutex_unlock(&users_mutex);
	return ret;
}

void sf_client_put(void)
{
	mutex_lock(&users_mutex);
	if (!--users)
		VbglHGCMDisconnect(&sf_client);
	mutex_unlock(&users_mutex);
}
