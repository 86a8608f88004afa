#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Recording a replay gives the same trace again: for each of the collection, diff finds nothing but
# the divergences that its text names as known.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=lib.sh
. tests/vm/lib.sh
need_uprobes

n=0
for trace in tests/regress/*.db tests/regress/*.db.xz; do
	[ "$(stat -c %s "$trace")" -le 204800 ] || fail "$trace is bigger than 200 KiB"
	text=${trace%.db*}.txt
	read -ra options < <(sed -n 's/^descriptors: /--descriptors /p; s/^disk: /--disk /p' "$text" |
		tr '\n' ' ') || true
	"$bin/sftrace" record -f -o "$scratch/again.db" -- \
		"$bin/sftrace" replay "${options[@]}" "$trace" >"$scratch/out" 2>&1 || true
	status=0
	"$bin/sftrace" diff "$trace" "$scratch/again.db" >"$scratch/diff" 2>&1 || status=$?
	known=$(grep -c '^diverges:' "$text" || true)
	if [ "$known" = 0 ]; then wanted=0; else wanted=3; fi
	if [ "$status" != "$wanted" ] ||
		! grep -q " the same, $known changed, 0 only in A, 0 only in B" "$scratch/diff"; then
		cat "$scratch/out" "$scratch/diff"
		fail "$trace: recorded again it differs"
	fi
	n=$((n + 1))
done
[ "$n" -ge 45 ] || fail "the collection has only $n traces"
echo "ok: $n traces, recorded again from their replays, are the same"
pass
