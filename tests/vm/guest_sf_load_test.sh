#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What must never hang, leak or warn: modules that come and go under load, a device that is taken
# away while it is used, a share whose directory goes. The guest's kernel checks every allocation
# and panics at the first warning.
set -euo pipefail
# shellcheck source=guest_lib.sh
. "$(dirname "$0")/guest_lib.sh"

rounds=${SF_ROUNDS:-$([ -n "${SFTRACE_SOAK:-}" ] && echo 50 || echo 6)}
compile sf_random
mkdir "$shared/gone"

# The directory goes once the guest says so.
while [ ! -e "$shared/gone/please" ]; do sleep 0.1; done && rm -rf "$shared/gone" &
remover=$!
cleanup() { kill $remover 2>/dev/null; }

cat >"$shared/guest.sh" <<'GUEST'
set -eu
shared=$1 build=$2 rounds=$3
cd /run # where no name is a share's: mount takes those for paths
PATH=/run/sf-lab/bin:$PATH
say() { echo "guest: $*"; }

exec 7>/mnt/gone/open
mkdir /mnt/gone/directory
touch /mnt/gone/please
for _ in $(seq 300); do
	[ -e /mnt/gone/please ] || break
	sleep 0.1
done
echo lost >&7 # the file is still there, without a name
exec 7>&-
sleep 1.1 # names are believed for a second
! touch /mnt/gone/new 2>/dev/null || { say "a share without a directory takes files"; exit 1; }
! ls /mnt/gone/directory 2>/dev/null || { say "a removed directory is listed"; exit 1; }
umount /mnt/gone
mount -t tmpfs tmpfs /mnt/gone # sf-lab wants to unmount something
say "a share's directory goes"

# Six programs in the midst of their work when the device is taken away, twice.
device=$(basename /sys/bus/pci/drivers/sf_guest/0000:*)
for way in remove unbind; do
	workers=
	for i in 1 2 3 4 5 6; do
		mkdir "/mnt/work/$way$i"
		"$shared/sf_random" "/mnt/work/$way$i" $i 1000000 2>/dev/null &
		workers="$workers $!"
	done
	sleep 2
	if [ $way = remove ]; then
		echo 1 >"/sys/bus/pci/devices/$device/remove"
	else
		echo "$device" >/sys/bus/pci/drivers/sf_guest/unbind
	fi
	for worker in $workers; do # a hang would end in sf-lab's time limit
		! wait "$worker" || { say "worker $worker noticed nothing"; exit 1; }
	done
	! stat /mnt/twin/none 2>/dev/null || { say "the share answers without a device"; exit 1; }
	umount /mnt/work
	umount /mnt/twin
	if [ $way = remove ]; then
		echo 1 >/sys/bus/pci/rescan
	else
		echo "$device" >/sys/bus/pci/drivers/sf_guest/bind
	fi
	mount -i -t sf work /mnt/work
	mount -i -t sf twin /mnt/twin
	[ -e "/mnt/work/${way}6" ] || { say "the share is not back"; exit 1; }
	say "the device goes and comes back ($way)"
done
umount /mnt/work
umount /mnt/twin

# Objects of the modules' that are still allocated, by the functions that have made them.
leaked() {
	cat /sys/kernel/debug/slab/*/alloc_traces 2>/dev/null | grep '\[sf\] age=' || :
}

# Whatever the guest has to do besides: memory that is short, another file system, processes.
(while :; do
	dd if=/dev/zero of=/run/load bs=1M count=5 2>/dev/null
	echo 3 >/proc/sys/vm/drop_caches
	sleep 2
done) &
load=$!
[ -e /sys/kernel/debug/slab/kmalloc-64/alloc_traces ] || { say "no allocation is traced"; exit 1; }
cp "$shared/sf_random" "$build/modules/sf_guest.ko" "$build/modules/sf.ko" /run/
for round in $(seq "$rounds"); do
	rmmod sf
	rmmod sf_guest
	insmod sf_guest.ko
	insmod sf.ko
	mount -i -t sf -o lock=host,cache=writeback work /mnt/work
	mount -i -t sf twin /mnt/twin
	mkdir /mnt/work/a /mnt/twin/b
	./sf_random /mnt/work/a "$round" 20 >/dev/null &
	./sf_random /mnt/twin/b "$round" 20 >/dev/null
	wait $!
	ls -l /mnt/twin/b >/dev/null
	rm -r /mnt/work/a /mnt/twin/b
	flock /mnt/work/lock true
	umount /mnt/work
	umount /mnt/twin
done
kill $load
sleep 1 # what RCU frees
leaked
if [ -n "$(leaked)" ]; then
	say "this is still allocated"
	exit 1
fi
mount -i -t sf work /mnt/work
[ -n "$(leaked)" ] || { say "a leak would not be seen"; exit 1; }
mount -i -t sf twin /mnt/twin
if dmesg | grep -E 'WARNING|BUG|Oops|leak|slab.*not empty'; then
	exit 1
fi
say "$rounds rounds of loading, working and unloading"
GUEST

in_guest --timeout $((1000 + rounds * 60)) --append "slub_debug=FZPU panic_on_warn=1 panic_on_oops=1" \
	--share "gone=$shared/gone" -- sh "$shared/guest.sh" "$shared" "$BUILD_DIR" "$rounds"
pass
