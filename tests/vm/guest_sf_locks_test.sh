#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Locks that the host knows (lock=host): between two mounts, between processes of one, and with a
# process of the host's.
set -euo pipefail
# shellcheck source=guest_lib.sh
. "$(dirname "$0")/guest_lib.sh"

compile sf_locks
mkdir "$shared/work/strict" "$shared/work/writeback" "$shared/work/none"
"$shared/sf_locks" --host "$shared/work/strict" 2>"$scratch/host" &
host=$!
cleanup() { kill $host 2>/dev/null; }

cat >"$shared/guest.sh" <<'GUEST'
set -eu
shared=$1
cd /run # where no name is a share's: mount takes those for paths
mkdir /mnt/a /mnt/b
both() {
	mount -i -t sf -o "lock=host,cache=$1" work /mnt/a
	mount -i -t sf -o "lock=host,cache=$1" twin /mnt/b
	shift
	"$shared/sf_locks" "$@"
	umount /mnt/a
	umount /mnt/b
}
both strict /mnt/a/strict /mnt/b/strict
both writeback /mnt/a/writeback /mnt/b/writeback flock ranges close counter
both none /mnt/a/none /mnt/b/none flock ranges close counter

mount -i -t sf -o lock=host work /mnt/a
grep -q '^work /mnt/a sf .*,lock=host ' /proc/mounts || { grep /mnt/a /proc/mounts; exit 1; }
! mount -i -o remount,lock=local /mnt/a 2>/dev/null || { echo "a remount changes locks"; exit 1; }
mount -i -o remount,ttl=5 /mnt/a
umount /mnt/a
! dmesg | grep -E 'WARNING|BUG:|Oops|leak'
GUEST

in_guest -- sh "$shared/guest.sh" "$shared"
if ! kill -0 $host 2>/dev/null; then
	cat "$scratch/host" >&2
	fail "the host's process saw something else than the guest's locks"
fi
pass
