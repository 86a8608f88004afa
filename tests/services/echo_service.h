/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second, tiny service with the HGCM interface, for tests of the host library
 * and of the device: what its functions do with their parameters.
 */
#ifndef ECHO_SERVICE_H
#define ECHO_SERVICE_H

enum echo_fn {
	/*
	 * Changes every parameter in a known way: integers are incremented,
	 * each byte of a pointer or of pages becomes its complement.
	 */
	ECHO_FN_COMPLEMENT = 1,
	ECHO_FN_STATUS, /* completes with the 32-bit parameter 0 */
	ECHO_FN_THREAD, /* as COMPLEMENT, from another thread, a moment later */
	ECHO_FN_RELEASE, /* completes the parked call, then itself */
	ECHO_FN_TWICE, /* completes the parked call twice; parameter 0: what the second gave */
	ECHO_FN_REQUESTOR, /* parameter 0, 32 bits: requestor; 1, 64 bits: session id. Has the
			      number of LOCK, another function that may wait */
	ECHO_FN_SHRINK, /* halves the size of pointers and pages */
	ECHO_FN_GROW, /* doubles their size: a lie */
	ECHO_FN_TYPES, /* 32-bit parameter 0 becomes the type of parameter 1 */
	ECHO_FN_ABANDON, /* is never completed, not even at disconnect */
	ECHO_FN_CANCELS, /* parameter 0, 32 bits: pfnCancelled was called so often; 1: is the
			    parked call cancelled? */
	ECHO_FN_HOOK, /* calls the function whose address is parameter 0, then completes */
	/*
	 * Completes as COMPLEMENT when RELEASE is called, or at disconnect. The
	 * number is a function of the shared-folders service that may wait.
	 */
	ECHO_FN_PARK = 22
};

/* Host functions. 1 and 2 are ADD_MAPPING and REMOVE_MAPPING: it remembers the strings. */
enum echo_host_fn {
	ECHO_HOST_FN_COUNT = 100, /* 32-bit parameters: clients, connects, resets */
	ECHO_HOST_FN_STRING /* 0: which parameter, 1: buffer for its UTF-16 text, 2: its flags */
};

#define ECHO_MAX_CLIENTS 4 /* of each category */
#define ECHO_MAX_CALLS 3 /* of each client */
#define ECHO_REJECTED_REQUESTOR 0x7u /* pfnConnect refuses it with VERR_PERMISSION_DENIED */

#endif
