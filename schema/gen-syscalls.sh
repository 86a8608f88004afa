#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# gen-syscalls.sh CC OUTPUT: x86-64's system calls as designated initialisers, [number] = "name".
set -eu
echo '#include <asm/unistd_64.h>' | "$1" -E -dM -x c - |
	sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9][0-9]*\)$/[\2] = "\1",/p' >"$2"
test -s "$2"
