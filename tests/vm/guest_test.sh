#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The whole path, with our guest modules and with the kernel's own: a guest writes through its
# driver, both sides are recorded into one trace, and the trace agrees with the device's counters and
# with the files on the host.
# usage: guest_test.sh TRACE (the trace of our modules; other tests read it)
set -euo pipefail
made=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes
[ -e "$BUILD_DIR/modules/sf.ko" ] || skip "there are no modules (build the target guest_modules)"

work=$scratch/work
host_hops='svcCall vbsfWrite RTFileWrite pwrite64 svcComplete'
sf_hops='sf_file_write_iter sf_write_end sf_reg_write_aux vboxCallWrite VbglHGCMCall vbglDriverIOCtl
	VBoxGuestIDCCall VBoxGuestCommonIOCtl VbglR0HGCMInternalCall VbglGRPerform'
mainline_hops='generic_file_write_iter vboxsf_write_end vboxsf_write vboxsf_call vbg_hgcm_call
	vbg_hgcm_do_call vbg_req_perform'

# record GUEST TYPE: a guest at work, with a file system of that type; what it did is in out and err.
record() {
	local status=0
	rm -rf "$work" "$trace"
	mkdir "$work"
	"$bin/sftrace" record -o "$trace" -- "$bin/sf-lab" --guest "$1" --share "work=$work" -- sh -c '
		set -e
		type=$1
		dd if=/dev/urandom of=big bs=4k count=1000
		mkdir dir dir/sub
		for i in 1 2 3 4 5; do echo "file $i" >"dir/f$i"; done
		cat dir/f1 dir/f2
		mv dir/f3 dir/renamed
		mv dir/f4 dir/f5
		rm dir/f2
		ln -s big link 2>/dev/null || echo "symlink refused"
		truncate -s 123456 dir/renamed
		chmod 640 dir/f1
		ls -lR .
		rmdir dir/sub
		cmp big big
		df . >/dev/null
		sha256sum big
		mkdir /mnt/none
		mount -i -t "$type" nosuch /mnt/none && exit 9
		exit 5
	' sh "$2" >"$scratch/out" 2>"$scratch/err" || status=$?
	cat "$scratch/out" "$scratch/err"
	[ "$status" = 5 ] || fail "the command's exit status is 5, got $status"
	grep -q '"nosuch"' "$scratch/err" || fail "the host does not say which share was asked for"
	grep -q 'symlink refused' "$scratch/out" || fail "a symlink was made, although not allowed"
}

# check_trace CALL: nothing is missing; CALL is the guest's function that makes calls.
check_trace() {
	expect "every call was seen on both sides and is complete" 0 \
		"select count(*) from calls where side <> 'both' or complete <> 1"
	expect "dd's writes" '1000|4096000' "
		select count(*), sum(count_out) from calls
		where fn_name = 'SHFL_FN_WRITE' and path = '/big'"
	expect "losses" 0 "select count(*) from losses where n > 0"
	expect "calls checked against the clock fit that lie outside of their guest's" 0 \
		"select violations from clock where side = 'guest'"
	expect "the clock fit was checked on calls that it did not use" 1 \
		"select checked > 400 and fitted > 400 from clock where side = 'guest'"
	expect "host spans outside of the guest's call" 0 "
		select count(*) from spans h join spans g using (call_id)
		where h.side = 'host' and h.hop in ('svcCall', 'svcComplete') and g.hop = '$1'
		and (h.enter_ns < g.enter_ns or h.exit_ns > g.exit_ns)"
}

# check_hops HOP...: of a write, from the outside in; and those of other calls of the host.
check_hops() {
	local hop chain=$*
	for hop in "$@"; do
		expect "writes that crossed $hop" 1000 "
			select count(distinct call_id) from spans join calls using (call_id)
			where fn_name = 'SHFL_FN_WRITE' and path = '/big' and hop = '$hop'"
	done
	expect "writes that crossed them in this order" 1000 "
		select count(*) from (
			select group_concat(hop, ' ') as chain from (
				select call_id, hop from spans join calls using (call_id)
				where fn_name = 'SHFL_FN_WRITE' and path = '/big' order by call_id, idx)
			group by call_id)
		where chain like '${chain// /%}'"
	for hop in vbsfCreate vbsfOpenFile vbsfOpenDir vbsfLookup RTFileOpen openat2 vbsfDirList \
		vbsfRename vbsfRemove; do
		expect "$hop was crossed" 1 "select count(*) > 0 from spans where hop = '$hop'"
	done
}

# The bytes that the calls carried are those that the host and the guest have in their files.
check_payload() {
	local sum
	sum=$(sqlite3 "$trace" "
		select hex(data) from calls join params using (call_id)
		join payloads on payload_id = payload_in
		where fn_name = 'SHFL_FN_WRITE' and path = '/big' and name = 'data' order by offset" |
		tr -d '\n' | basenc --base16 -d | sha256sum)
	[ "$sum" = "$(sha256sum <"$work/big")" ] ||
		fail "the file rebuilt from the trace differs from the host's"
	grep -q "^${sum%% *}  big$" "$scratch/out" || fail "the guest sees another file"
}

# The device counted for itself: function, calls, failed, bytes.
check_counters() {
	sed -n '/^function /,/^$/p' "$scratch/err" |
		awk 'NR > 1 && NF == 4 && $2 > 0 { print $1 "|" $2 "|" $3 "|" $4 }' |
		sort >"$scratch/device"
	sqlite3 "$trace" "
		select fn_name, count(*), sum(status < 0),
			sum(case when fn_name in ('SHFL_FN_READ', 'SHFL_FN_WRITE')
				then coalesce(count_out, 0) else 0 end)
		from calls group by fn_name" | sort >"$scratch/traced"
	[ -s "$scratch/device" ] || fail "sf-host printed no counters"
	diff "$scratch/device" "$scratch/traced" || fail "the device's counters and the trace differ"
}

# check_output HOP...: these are in the report; the second write is printed.
check_output() {
	local hop
	"$bin/sftrace" report "$trace" | tee "$scratch/report"
	for hop in "$@"; do
		grep -q "^guest  *$hop  *[0-9]" "$scratch/report" || fail "no hop $hop in the report"
	done
	"$bin/sftrace" print "$trace" >"$scratch/print"
	grep -q 'dd\[[0-9]*\] SHFL_FN_WRITE(root=0, handle=[0-9]* "/big", offset=4096, count=4096, .*) = VINF_SUCCESS count=4096 <' \
		"$scratch/print" || fail "sftrace print does not show the second write"
}

# A function of the table that is not in the modules would go unseen for ever.
check_profile() {
	expect "the agent found out which driver the guest has" "$1" \
		"select value from meta where key = 'guest.profile'"
	expect "hops without a function in the guest's kernel" '' \
		"select value from meta where key = 'guest.missing'"
}

echo "== our guest modules"
trace=$made
record sf sf
check_profile sf
check_trace VbglHGCMCall
# shellcheck disable=SC2086 # one word a hop
check_hops $sf_hops $host_hops
check_payload
check_counters
# shellcheck disable=SC2086
check_output $sf_hops vboxCallCreate

echo "== the kernel's own"
trace=${made%.db}-mainline.db
record mainline vboxsf
check_profile mainline
check_trace vbg_hgcm_call
# shellcheck disable=SC2086
check_hops $mainline_hops $host_hops
check_payload
check_counters
# shellcheck disable=SC2086
check_output $mainline_hops vboxsf_create
"$bin/sftrace" replay "$trace" | tee "$scratch/replayed"
grep -q 'all as recorded' "$scratch/replayed" || fail "the mainline guest's trace does not replay"
pass
