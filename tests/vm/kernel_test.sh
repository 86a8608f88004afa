#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Kernels without what recording needs: strace has system calls fail as they do there.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

# refused WORDS INJECTION: recording fails, says WORDS and leaves nothing behind.
refused() {
	local status=0
	strace -f -o "$scratch/strace" -e "inject=$2" \
		"$bin/sftrace" record -o "$scratch/t.db" -- true 2>"$scratch/err" || status=$?
	cat "$scratch/err"
	[ "$status" = 1 ] || fail "exit status 1 with $2, got $status"
	grep -q "$1" "$scratch/err" || fail "with $2 the message does not say: $1"
	[ ! -e "$scratch/t.db" ] || fail "a trace was left with $2"
}

refused "this kernel (.*) has no bpf" bpf:error=ENOSYS
refused "no permission for BPF" bpf:error=EPERM
SFTRACE_NO_UPROBE_MULTI=1 refused "cannot attach to the functions of" perf_event_open:error=ENOENT

status=0
strace -f -o "$scratch/strace" -e inject=bpf:error=ENOSYS "$bin/sftrace" doctor >"$scratch/out" 2>&1 ||
	status=$?
[ "$status" = 1 ] || fail "doctor is content with a kernel without BPF, status $status"
grep -q "NO  *bpf" "$scratch/out" || fail "doctor does not say that BPF is missing"
pass
