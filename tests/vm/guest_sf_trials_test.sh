#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Other people's programs on the guest's file system, in each cache mode: fio's verify jobs, and
# with SFTRACE_SOAK set stress-ng's file stressors and 10^6 random operations. Prints a line for
# each trial; docs/guest-filesystem.md says which stressors cannot pass, and why. SF_TRIALS names
# those of fio, stress and random that are wanted, SF_OPERATIONS is for each seed (SF_SEEDS) and mode.
set -euo pipefail
# shellcheck source=guest_lib.sh
. "$(dirname "$0")/guest_lib.sh"

command -v fio >/dev/null || skip "there is no fio (see quickstart's packages)"
soak=${SFTRACE_SOAK:-}
if [ -n "$soak" ] && ! command -v stress-ng >/dev/null; then
	skip "there is no stress-ng (see quickstart's packages)"
fi
compile sf_random

cat >"$shared/guest.sh" <<'GUEST'
set -eu
shared=$1 soak=$2 modes=$3 seconds=$4 operations=$5 seeds=$6 trials=$7
cd /run # where no name is a share's: mount takes those for paths
failed=
result() {
	echo "$1 $2: $3"
	[ "$3" = ok ] || failed=1
}

verify() {
	local name=$1
	shift
	if fio --directory=/mnt/other/fio --output=/run/fio.out --verify=crc32c --verify_fatal=1 \
		--name="$name" --size="$size" "$@" >/dev/null 2>/run/fio.err; then
		result "$mode" "fio $name" ok
	else
		cat /run/fio.out /run/fio.err
		result "$mode" "fio $name" failed
	fi
	rm -f /mnt/other/fio/*
}

# What passes; status 4 is stress-ng's "not implemented here".
stressors='access chdir chmod copy-file dentry dir dirdeep dirmany dup fcntl filename flock fstat
	getdent hdd inotify io iomix lockf lockofd locka msync open readahead rename seek
	sendfile sync-file touch utime'
# What asks for things that shared folders do not have.
without='fallocate fiemap fpunch lease link mknod symlink xattr chown'
stress() {
	local status=0
	(cd /mnt/other/stress && stress-ng --temp-path . --verify "--$1" 2 --timeout "$seconds" \
		>/run/stress.out 2>&1) || status=$?
	case $status in
	0) result "$mode" "stress-ng $1" ok ;;
	3 | 4) echo "$mode stress-ng $1: not possible here" ;;
	*)
		grep -E 'fail|error' /run/stress.out | head -n 5
		result "$mode" "stress-ng $1" "failed (status $status)"
		;;
	esac
	rm -rf /mnt/other/stress/tmp-*
}

wanted() {
	case " $trials " in
	*" $1 "*) return 0 ;;
	*) return 1 ;;
	esac
}

fio_jobs() {
	size=2m
	[ -z "$soak" ] || size=32m
	verify seqwrite --rw=write --bs=4k --ioengine=psync
	verify randwrite --rw=randwrite --bs=4k --ioengine=psync
	verify mixed --rw=randrw --bsrange=512-64k --bs_unaligned=1 --ioengine=psync
	verify mapped --rw=randwrite --bs=4k --ioengine=mmap
	verify direct --rw=randwrite --bs=16k --direct=1 --ioengine=psync
	verify large --rw=write --bs=1m --ioengine=psync --fsync=2
	verify many --rw=randwrite --bs=4k --ioengine=psync --nrfiles=16 --numjobs=2
	verify vectors --rw=randwrite --bs=8k --ioengine=pvsync2
}

# All seeds at the same time, while caches are dropped and written back again and again.
random() {
	(while :; do
		echo 3 >/proc/sys/vm/drop_caches
		sync
		sleep 1
	done) &
	load=$!
	workers=
	for seed in $seeds; do
		mkdir "/mnt/other/random-$mode-$seed"
		"$shared/sf_random" "/mnt/other/random-$mode-$seed" "$seed" "$operations" &
		workers="$workers $!"
	done
	for worker in $workers; do
		wait "$worker" || result "$mode" sf_random failed
	done
	kill $load
	wait $load || :
}

for mode in $modes; do
	mkdir /mnt/other
	mount -i -t sf -o "cache=$mode" twin /mnt/other # where symlinks are allowed
	mkdir -p /mnt/other/fio /mnt/other/stress
	! wanted fio || fio_jobs
	if wanted stress; then
		for stressor in $stressors $without; do
			stress "$stressor"
		done
	fi
	! wanted random || random
	umount /mnt/other
	rmdir /mnt/other
done
! dmesg | grep -E 'WARNING|BUG:|Oops' || failed=1
[ -z "$failed" ]
GUEST

trials=fio
[ -z "$soak" ] || trials='fio stress random'
# a kernel that changes tasks anywhere shows what a guest of one processor would not
in_guest --append preempt=full --memory 1G --timeout 20000 -- sh "$shared/guest.sh" "$shared" \
	"$soak" "${SF_MODES:-strict writeback none}" "${SF_STRESS_SECONDS:-4}" \
	"${SF_OPERATIONS:-112000}" "${SF_SEEDS:-1 2 $(date +%s)}" "${SF_TRIALS:-$trials}"
pass
