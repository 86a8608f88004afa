/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parameters of a HGCM call: checked and decoded from a request's private
 * copy, and encoded into guest memory when the call has ended.
 */
#ifndef HGCM_PARM_H
#define HGCM_PARM_H

#include "device_impl.h"

/* A parameter's place in guest memory; all of it comes from the private copy. */
struct guest_parm {
	uint32_t type; /* VMMDevHGCMParmType_* */
	uint32_t offset; /* of the parameter in the request */
	uint32_t size; /* of the data */
	uint32_t direction; /* VBOX_HGCM_F_PARM_DIRECTION_* */
	uint32_t data; /* embedded: offset of the data; page lists: of the addresses */
	uint32_t first_page; /* page lists: where the data begins in the first page */
	uint32_t n_pages;
	void *buffer; /* what the service works on, */
	void **pages; /* or these */
};

/* A call in its host's form. */
struct hgcm_parms {
	uint64_t address; /* of the request, in guest memory */
	const uint8_t *request;
	uint32_t size; /* of the request */
	uint32_t n;
	bool use_pages; /* pages may be handed to the service as they are */
	uint64_t heap_left; /* what buffers may take */
	uint64_t heap_used;
	struct guest_parm guest[VMMDEV_MAX_HGCM_PARMS];
	VBOXHGCMSVCPARM service[VMMDEV_MAX_HGCM_PARMS];
};

/* The size of a parameter in a call request: the two forms differ. */
uint32_t hgcm_parm_bytes(const uint8_t *request);

/*
 * Checks the parameters in order; the first bad one decides the status. The
 * caller has filled in all before "heap_used", and zeroed the rest.
 */
int32_t hgcm_parms_check(struct hgcm_parms *parms);

/*
 * Makes the service's parameters of checked ones, with what the guest sends.
 * Returns VERR_NO_MEMORY or VINF_SUCCESS; hgcm_parms_free() either way.
 */
int32_t hgcm_parms_load(struct vmmdev *dev, struct hgcm_parms *parms);

/* Writes what the service left in the parameters into guest memory. */
void hgcm_parms_store(struct vmmdev *dev, const struct hgcm_parms *parms);

void hgcm_parms_free(struct hgcm_parms *parms);

#endif
