#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's side of guest_bench: all jobs on each file system in turn, in one guest. Prints
# "time WAY JOB VALUE" (MiB/s or seconds) and "calls WAY JOB NUMBER". The first round counts the
# calls, with a probe on the function that every call goes through; it is not timed.
set -eu
build=$1 modules=$2 rounds=$3
shift 3
ways=$*
tracing=/sys/kernel/tracing
dir=/mnt/bench
files=500

say() {
	echo "guest_bench: $*" >&2
}

# The driver of the device, and what is mounted: only one can have the device.
driver=sf

use_driver() {
	[ "$1" != "$driver" ] || return 0
	if [ "$1" = sf ]; then
		rmmod vboxsf
		rmmod vboxguest
		insmod "$build/modules/sf_guest.ko"
		insmod "$build/modules/sf.ko"
	else
		rmmod sf
		rmmod sf_guest
		insmod "$modules"/drivers/virt/vboxguest/vboxguest.ko*
		insmod "$modules"/fs/vboxsf/vboxsf.ko*
	fi
	driver=$1
}

# Each way: its driver, the functions that a call goes through, how it is mounted.
mount_way() {
	case $way in
	strict | writeback | none)
		use_driver sf
		functions=sf:VbglHGCMCall
		mount -i -t sf -o "cache=$way" work $dir
		;;
	in-tree)
		use_driver vboxsf
		functions=vboxsf:vboxsf_call
		mount -i -t vboxsf work $dir
		;;
	9p-*)
		functions='9pnet:p9_client_rpc 9pnet:p9_client_zc_rpc.constprop.0'
		mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,cache=${way#9p-}" bench $dir
		;;
	esac
}

remount() {
	umount $dir
	mount_way
}

calls_begin() {
	for function in $functions; do
		probe=$(echo "${function#*:}" | tr . _)
		echo "p:bench/$probe $function" >>$tracing/kprobe_events
	done
	echo 1 >$tracing/events/bench/enable
}

calls_end() {
	echo 0 >$tracing/events/bench/enable
	awk -v what="calls $way $1" '{ calls += $2 } END { print what, calls }' \
		$tracing/kprobe_profile
	echo >$tracing/kprobe_events
}

# job NAME COMMAND...: runs the command, which prints a value, and counts or reports.
job() {
	name=$1
	shift
	[ "$round" -gt 0 ] || calls_begin
	value=$("$@")
	if [ "$round" -gt 0 ]; then
		echo "time $way $name $value"
	else
		calls_end "$name"
	fi
}

# MiB/s of one fio job on $dir/$way/FILE.
fio_job() {
	file=$1 rw=$2 bs=$3
	fio --name=job --filename="$dir/$way/$file" --rw="$rw" --bs="$bs" --size=32m --ioengine=psync \
		--fallocate=none --end_fsync=1 --gtod_reduce=1 --minimal --terse-version=3 |
		awk -F';' '{ printf "%.1f\n", ($7 + $48) / 1024 }'
}

files_job() {
	"$build/bin/guest_bench_files" "$@"
}

git_status() {
	files_job run git -c safe.directory='*' -C "$dir/git-$way" status --porcelain
}

run_jobs() {
	rm -rf "${dir:?}/$way"
	mkdir "$dir/$way" "$dir/$way/small"
	job write-1m fio_job large write 1m
	job write-4k fio_job small.data write 4k
	job randwrite-4k fio_job small.data randwrite 4k
	job create files_job create "$dir/$way/small" $files
	remount
	job read-1m fio_job large read 1m
	job read-4k fio_job small.data read 4k
	job randread-4k fio_job large randread 4k
	job stat files_job stat "$dir/$way/small"
	# git compares inode numbers and times: the first one writes down those of this mount
	[ "$round" -gt 0 ] || git_status >/dev/null
	remount
	job git-first git_status
	sleep 2
	job git-again git_status
}

cd /run
umount /mnt/work
mkdir $dir
PATH=$PATH:/usr/sbin:/sbin:/run/sf-lab/bin
round=0
while [ "$round" -le "$rounds" ]; do
	say "round $round of $rounds"
	for way in $ways; do
		mount_way
		run_jobs
		umount $dir
	done
	round=$((round + 1))
done
use_driver sf
mount -i -t sf work /mnt/work
