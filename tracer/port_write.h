/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds a write to an I/O port in x86-64 code: where vbg_req_perform is, when
 * the compiler inlined it.
 */
#ifndef PORT_WRITE_H
#define PORT_WRITE_H

#include <stddef.h>
#include <stdint.h>

struct port_write {
	size_t before; /* offset of the instruction that writes */
	size_t after; /* offset of the one behind it */
};

/*
 * The first 32-bit port write with a memory barrier behind it, in SIZE bytes of
 * a function. 0, or -ENOENT. It is found by its bytes: whether an instruction
 * begins there is for the kernel to say, which refuses probes elsewhere.
 */
int port_write_find(const uint8_t *code, size_t size, struct port_write *ret);

#endif
