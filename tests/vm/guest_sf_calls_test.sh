#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How many SHFL calls the guest's file system makes for its data and its files: what it costs that
# does not depend on the machine. tests/bench/guest_bench has the times.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -e "$BUILD_DIR/modules/sf.ko" ] || skip "there are no modules (build the target guest_modules)"
[ -x "$bin/guest_bench_files" ] || skip "guest_bench_files is not built"

# Files that the guest reads must not lie where it has a file system of its own, such as /tmp.
shared=$(mktemp -d "$BUILD_DIR/guest_sf_calls_test.XXXXXX")
trap 'rm -rf "$scratch" "$shared"' EXIT
mkdir "$shared/work"

cat >"$shared/guest.sh" <<'GUEST'
set -eu
files=$1/guest_bench_files
dir=/mnt/calls
failed=0

count() {
	awk '{ calls += $2 } END { print calls }' /sys/kernel/debug/sf/calls
}

# job WHAT MAXIMUM COMMAND...: and no fewer than a tenth of it, or nothing was done.
job() {
	what=$1 maximum=$2
	shift 2
	before=$(count)
	"$@" >/dev/null
	calls=$(($(count) - before))
	echo "$cache: $what: $calls calls, $maximum allowed"
	[ $calls -le "$maximum" ] && [ $calls -ge $((maximum / 10)) ] || failed=1
}

# Mounts with empty caches; nothing is asked for again because time has gone by.
begin() {
	cache=$1
	! mountpoint -q $dir || umount $dir
	mount -i -t sf -o "cache=$cache,ttl=600000" work $dir
}

# 8 MiB in blocks of $1.
put() {
	dd if=/dev/zero of=$dir/data bs="$1" count=$((8388608 / $1)) conv="fsync$2" status=none
}

get() {
	dd if=$dir/data of=/dev/null bs="$1" status=none
}

cd /run
mkdir $dir

# Opening (a look, or two where the name exists), the data, the flush and the close.
begin strict
job "8 MiB written, blocks of 1 MiB" 12 put 1048576 ""
rm $dir/data
job "8 MiB written, blocks of 4 KiB" $((2048 + 4)) put 4096 ""
job "the same over it" $((2048 + 4)) put 4096 ,notrunc
begin strict
job "8 MiB read, blocks of 1 MiB" 12 get 1048576
begin strict
job "8 MiB read, blocks of 4 KiB" 18 get 4096
job "read again" 3 get 4096

begin writeback
job "8 MiB over it, blocks of 4 KiB" 8 put 4096 ,notrunc
rm $dir/data
job "8 MiB written, blocks of 4 KiB" 8 put 4096 ""

begin none
job "8 MiB read, blocks of 4 KiB" $((2048 + 4)) get 4096

# CREATE, WRITE, CLOSE; the first one opens the directory.
begin strict
mkdir $dir/small
job "100 files created and written" $((3 * 100 + 4)) "$files" create $dir/small 100
begin strict
job "100 files listed and looked at" 7 "$files" stat $dir/small
job "and once more" 4 "$files" stat $dir/small
umount $dir
exit $failed
GUEST

status=0
"$bin/sf-lab" --guest sf --timeout 600 --share "work=$shared/work" -- \
	sh "$shared/guest.sh" "$bin" >"$scratch/out" 2>"$scratch/err" || status=$?
cat "$scratch/out"
if [ $status != 0 ]; then
	cat "$scratch/err" >&2
	fail "too many calls, or the guest failed (status $status)"
fi
pass
