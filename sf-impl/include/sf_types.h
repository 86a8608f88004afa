/* SPDX-License-Identifier: MIT */
/*
 * Integer types and compile-time checks for the wire headers. These headers are
 * compiled by user space, by kernel modules and (freestanding) for BPF.
 */
#ifndef SF_TYPES_H
#define SF_TYPES_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/stddef.h>
#include <linux/build_bug.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#define SF_PACKED __attribute__((packed))

/* Fails the build unless TYPE has exactly SIZE bytes. */
#define SF_SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)

/* Fails the build unless FIELD of TYPE lies at OFFSET. */
#define SF_OFFSET(type, field, offset) \
	_Static_assert(offsetof(type, field) == (offset), "offset of " #type "." #field)

#endif
