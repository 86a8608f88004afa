#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sf-host is killed while a guest writes: the lab ends at once and says so, nothing is left
# running, and the host's file has what was written until then and nothing else.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

share=$scratch/share
mkdir "$share" "$scratch/t"
export TMPDIR=$scratch/t

# The guest's mount is not cached for writing: what it has written is a prefix of the numbers.
"$bin/sf-lab" --guest mainline --share "work=$share" -- sh -c 'seq 1 999999999 >numbers' \
	>"$scratch/out" 2>"$scratch/err" </dev/null &
lab=$!
tries=1200
until [ -s "$share/numbers" ] && [ "$(stat -c %s "$share/numbers")" -gt 1000000 ]; do
	tries=$((tries - 1))
	kill -0 $lab 2>/dev/null || fail "sf-lab ended: $(cat "$scratch/err")"
	[ $tries -gt 0 ] || fail "the guest does not write: $(cat "$scratch/err")"
	sleep 0.1
done
host=$(pgrep -x -P $lab sf-host) || fail "no sf-host"
qemu=$(pgrep -P "$host") || fail "no QEMU"
kill -9 "$host"
killed=$SECONDS
got=0
wait $lab || got=$?
[ $((SECONDS - killed)) -lt 10 ] || fail "it took $((SECONDS - killed)) s to end"
[ $got = 125 ] || fail "exit status $got, not 125: $(cat "$scratch/err")"
grep -q 'sf-lab: sf-host was killed by signal 9' "$scratch/err" ||
	fail "it is not said what happened: $(cat "$scratch/err")"
tries=50
while kill -0 "$qemu" 2>/dev/null; do
	tries=$((tries - 1))
	[ $tries -gt 0 ] || fail "QEMU outlives sf-host"
	sleep 0.1
done
[ -z "$(ls -A "$TMPDIR")" ] || fail "left in TMPDIR: $(ls -A "$TMPDIR")"

size=$(stat -c %s "$share/numbers")
# head's end of the pipe is seq's end
cmp <(seq 1 999999999 2>/dev/null | head -c "$size") "$share/numbers" ||
	fail "the file is not what was written"
[ "$(ls "$share")" = numbers ] || fail "other files: $(ls "$share")"
echo "ok: $size bytes, all of them right"
pass
