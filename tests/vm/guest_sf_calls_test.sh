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

# job WHAT MAXIMUM COMMAND...: and no fewer than $least, or a tenth of it: nothing would be done.
least=
job() {
	what=$1 maximum=$2
	shift 2
	before=$(count)
	"$@" >/dev/null
	calls=$(($(count) - before))
	echo "$cache: $what: $calls calls, $maximum allowed"
	[ $calls -le "$maximum" ] && [ $calls -ge "${least:-$((maximum / 10))}" ] || failed=1
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

# look FIRST LAST: at files of $dir/small by name, without listing them
look() {
	seq -f "$dir/small/file%g" "$1" "$2" | xargs stat -c '%n %s'
}

# check WHAT SEEN WANTED
check() {
	[ "$2" = "$3" ] && return
	echo "$1: it is '$2', not '$3'"
	failed=1
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
begin strict
job "8 MiB read, blocks of 4 KiB here and there" $((512 + 4)) "$files" scatter $dir/data

begin writeback
job "8 MiB over it, blocks of 4 KiB" 8 put 4096 ,notrunc
rm $dir/data
job "8 MiB written, blocks of 4 KiB" 8 put 4096 ""

begin none
job "8 MiB read, blocks of 4 KiB" $((2048 + 4)) get 4096
least=2048
job "8 MiB read, blocks of 4 KiB here and there" $((2048 + 4)) "$files" scatter $dir/data
least=

# CREATE, WRITE, CLOSE; the first one opens the directory.
begin strict
mkdir $dir/small
job "100 files created and written" $((3 * 100 + 4)) "$files" create $dir/small 100
begin strict
job "100 files listed and looked at" 7 "$files" stat $dir/small
job "and once more" 4 "$files" stat $dir/small

# When names are too old, the first ones are asked for, and the directory is listed then.
begin strict
mount -i -o remount,ttl=4000 $dir
look 0 99 >/dev/null
sleep 5
job "100 files looked at by name after the time-out" 30 look 0 99
exec 3<$dir/small/file11
dd bs=1024 count=1 <&3 >/dev/null 2>&1
! [ -e $dir/small/new ] || failed=1

# Others change what was looked at: after the listing it is as they left it.
twin=/mnt/twin
mkdir $twin
mount -i -t sf work $twin
yes changed | dd of=$twin/small/file11 bs=2048 count=1 iflag=fullblock conv=notrunc status=none
echo longer >>$twin/small/file12
rm $twin/small/file13
mv $twin/small/file14 $twin/small/file15
rm $twin/small/file16
mkdir $twin/small/file16
echo new >$twin/small/new
umount $twin
sleep 5
job "20 files looked at after a change" 30 look 20 39
check "a file that was written" "$(dd bs=1024 count=1 <&3 2>/dev/null | tail -c 8)" changed
exec 3<&-
check "a file that has grown" "$(stat -c %s $dir/small/file12)" $((2048 + 7))
check "a file that was removed" "$(stat -c %s $dir/small/file13 2>&1 | sed 's/.*: //')" \
	"No such file or directory"
check "a file that was renamed" "$(stat -c %s $dir/small/file14 2>&1 | sed 's/.*: //')" \
	"No such file or directory"
check "a file that has become a directory" "$(stat -c %F $dir/small/file16)" directory
check "a file that is new" "$(cat $dir/small/new)" new
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
