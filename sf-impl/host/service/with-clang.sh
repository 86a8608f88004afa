#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# with-clang.sh CLANG COMPILER ARGS...: compiles with CLANG instead of COMPILER.
clang=$1
shift 2
exec "$clang" "$@"
