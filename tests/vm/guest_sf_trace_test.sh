#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the guest's file system promises, as it is seen on the wire: recorded, and asked for in SQL.
# And three counts of the same calls agree: the module's, the device's, and the trace's.
set -euo pipefail
# shellcheck source=guest_lib.sh
. "$(dirname "$0")/guest_lib.sh"
need_uprobes

cleanup() { umount "$shared/work/small" "$shared/work/frozen" 2>/dev/null; }
trace=$scratch/t.db
compile sf_wire
cd "$shared/work"
mkdir many small frozen
(cd many && seq -f 'f%.0f' 1000 | xargs touch)
limited=
if mount -t tmpfs -o size=300k tmpfs small 2>/dev/null; then
	mount -t tmpfs tmpfs frozen
	touch frozen/file
	mount -o remount,ro frozen
	limited=1
else
	echo "neither a full disk nor a read-only one is tried: cannot mount a tmpfs here"
	rmdir small
fi
cd "$OLDPWD"

cat >"$shared/guest.sh" <<'GUEST'
set -eu
shared=$1
cd /run # where no name is a share's: mount takes those for paths
"$shared/sf_wire" /mnt/work /mnt/twin
mkdir /mnt/other
mount -i -t sf -o lock=host,cache=writeback,ttl=60000 work /mnt/other
exec 8>/mnt/other/locked
flock -x 8
! flock -n /mnt/other/locked true
exec 8>&-
dd if=/dev/zero of=/mnt/other/gathered bs=1k count=512 2>/dev/null
echo later >/mnt/other/unmounted
umount /mnt/other
sync
# the last that happens before the shares are unmounted, with nothing left to flush
sed 's/^/module /' /sys/kernel/debug/sf/calls
GUEST

"$bin/sftrace" record -o "$trace" -- "$bin/sf-lab" --guest sf --share "work=$shared/work" \
	--share "twin=$shared/work" -- sh "$shared/guest.sh" "$shared" \
	>"$scratch/out" 2>"$scratch/err" || {
	cat "$scratch/out" "$scratch/err" >&2
	fail "the guest failed"
}

# mark NAME: the call in which the guest looked at the mark
mark() { echo "(select min(call_id) from calls where path = '/mark-$1')"; }
# between MARK MARK: a condition
between() { echo "call_id > $(mark "$1") and call_id < $(mark "$2")"; }
write="fn_name = 'SHFL_FN_WRITE'"
flush="fn_name = 'SHFL_FN_FLUSH'"

expect "nothing is missing" 0 "select count(*) from calls where complete <> 1"
expect "a mapping alone writes nothing" 0 \
	"select count(*) from calls where $write and $(between map msync)"
expect "msync writes the page" '/mapped|0|m' "
	select c.path, c.offset, cast(substr(y.data, 1, 1) as text)
	from (select * from calls where $write and $(between msync msynced)) c
	join params p on p.call_id = c.call_id and p.role = 'data'
	join payloads y on y.payload_id = p.payload_in"
expect "munmap writes the other" '/mapped|4096' \
	"select path, offset from calls where $write and $(between msynced munmapped)"
expect "close writes what is mapped still" '/mapped|0' \
	"select path, offset from calls where $write and $(between munmapped closed)"
expect "appends lie one after the other" '60|60|1' "
	select count(*), count(distinct value_out), max(value_out) = sum(count_out) from calls c
	join params p on p.call_id = c.call_id and p.role = 'offset'
	where $write and path = '/log'"
expect "the host finds the end: all handles append" 3 "
	select count(distinct handle) from calls where $write and path = '/log'"
expect "only msync flushes, nothing else unasked" 1 "
	select sum($(between msync msynced)) = count(*) from calls
	where $flush and call_id < $(mark fsync)"
expect "fsync flushes through the handle that wrote" '/synced|1' "
	select path, handle = (select handle from calls where $write and path = '/synced')
	from calls where $flush and $(between fsync fsynced)"
expect "syncfs flushes the closed file, through another handle" '/left|0' "
	select path, handle = (select handle from calls where $write and path = '/left')
	from calls where $flush and $(between sync synced) and path = '/left'"
expect "an offset behind 4 GiB" 5368709120 \
	"select offset from calls where $write and path = '/far'"
expect "a write of nothing makes no call" 0 \
	"select count(*) from calls where $write and $(between end ended)"
expect "4 MiB go in two calls at most" '1|4194304' \
	"select count(*) <= 2, sum(count_out) from calls where $write and path = '/large'"
if [ -n "$limited" ]; then
	expect "the disk is full: a short write, and the reason" '1|1' "
		select sum(count_out < count_in and status = 0), sum(status_name = 'VERR_DISK_FULL')
		from calls where $write and path = '/small/full'"
	expect "a mode that cannot be changed was tried at the host" 1 "
		select count(*) > 0 from calls
		where fn_name = 'SHFL_FN_INFORMATION' and path = '/frozen/file'"
fi
expect "what is known to be in the way is not asked for, then replaced" '1|5' "
	select count(*), value_in from calls c join params p on p.call_id = c.call_id and p.idx = 3
	where fn_name = 'SHFL_FN_RENAME' and path = '/one'"
expect "the host forbids links" VERR_WRITE_PROTECT "
	select status_name from calls where fn_name = 'SHFL_FN_SYMLINK'"
expect "what cannot be is not asked for" 0 "
	select count(*) from calls where $(between refused none) and path <> '/hard'"
expect "1000 files are listed in few calls" 1 "
	select count(*) between 1 and 5 from calls
	where fn_name = 'SHFL_FN_LIST' and path = '/many' and call_id < $(mark listed)"
expect "attributes of listed files are known" 0 "
	select count(*) from calls where fn_name = 'SHFL_FN_CREATE' and $(between listed known)
	and path like '/many/%'"
expect "a lock that another has is refused" 'VINF_SUCCESS|VERR_FILE_LOCK_VIOLATION' "
	select group_concat(status_name, '|') from (select status_name from calls
	where fn_name = 'SHFL_FN_LOCK' and path = '/locked' order by call_id limit 2)"
expect "write-back gathers" '1|524288' "
	select count(*) <= 4, sum(count_out) from calls where $write and path = '/gathered'"
expect "unmounting flushes what was closed" '/gathered,/unmounted' "
	select group_concat(path) from (select path from calls where $flush and call_id >
	(select max(call_id) from calls where $write) and call_id <
	(select min(call_id) from calls where fn_name = 'SHFL_FN_UNMAP_FOLDER') order by path)"

# The module's count was taken before the lab's own unmounting; a call of it is one of the trace's.
sed -n 's/^module //p' "$scratch/out" | grep -v UNMAP_FOLDER | sort >"$scratch/module"
sqlite3 -separator ' ' "$trace" "
	select substr(fn_name, 9), count(*), sum(status < 0 and status_name <> 'VERR_NO_MORE_FILES'),
	coalesce(case when fn_name in ('SHFL_FN_READ', 'SHFL_FN_WRITE', 'SHFL_FN_LIST')
		then sum(case when status >= 0 then count_out end) end, 0)
	from calls where fn_name <> 'SHFL_FN_UNMAP_FOLDER' group by fn_name" | sort >"$scratch/traced"
diff "$scratch/module" "$scratch/traced" || fail "the module and the trace count differently"
echo "ok: the module and the trace count the same"
sed -n 's/^SHFL_FN_\([A-Z_0-9]* [0-9]*\) .*/\1/p' "$scratch/err" | sort >"$scratch/device"
sqlite3 -separator ' ' "$trace" \
	"select substr(fn_name, 9), count(*) from calls group by fn_name" | sort >"$scratch/traced"
diff "$scratch/device" "$scratch/traced" || fail "the device and the trace count differently"
echo "ok: the device and the trace count the same"
pass
