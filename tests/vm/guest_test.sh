#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The whole path: a stock guest kernel writes through its own driver, both sides are recorded into
# one trace, and the trace agrees with the device's counters and with the files on the host.
# usage: guest_test.sh TRACE (the trace to make; other tests read it)
set -euo pipefail
trace=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

work=$scratch/work
mkdir "$work"
rm -f "$trace"

status=0
"$bin/sftrace" record -o "$trace" -- "$bin/sf-lab" --share "work=$work" -- sh -c '
	set -e
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
	mkdir /mnt/none
	mount -i -t vboxsf nosuch /mnt/none && exit 9
	exit 5
' >"$scratch/out" 2>"$scratch/err" || status=$?
cat "$scratch/out" "$scratch/err"

[ "$status" = 5 ] || fail "the command's exit status is 5, got $status"

grep -q '"nosuch"' "$scratch/err" || fail "the host does not say which share was asked for"
grep -q 'symlink refused' "$scratch/out" || fail "a symlink was made, although not allowed"
expect "every call was seen on both sides and is complete" 0 \
	"select count(*) from calls where side <> 'both' or complete <> 1"
expect "dd's writes" '1000|4096000' \
	"select count(*), sum(count_out) from calls where fn_name = 'SHFL_FN_WRITE' and path = '/big'"
expect "losses" 0 "select count(*) from losses where n > 0"
expect "calls checked against the clock fit that lie outside of their guest's" 0 \
	"select violations from clock where side = 'guest'"
expect "the clock fit was checked on calls that it did not use" 1 \
	"select checked > 400 and fitted > 400 from clock where side = 'guest'"
expect "host spans outside of the guest's call" 0 "
	select count(*) from spans h join spans g using (call_id)
	where h.side = 'host' and h.hop in ('svcCall', 'svcComplete') and g.hop = 'vbg_hgcm_call'
	and (h.enter_ns < g.enter_ns or h.exit_ns > g.exit_ns)"
for hop in vboxsf_write_end vboxsf_write vbg_hgcm_call vbg_req_perform svcCall vbsfWrite \
	RTFileWrite pwrite64 svcComplete; do
	expect "writes that crossed $hop" 1000 "
		select count(distinct call_id) from spans join calls using (call_id)
		where fn_name = 'SHFL_FN_WRITE' and path = '/big' and hop = '$hop'"
done
for hop in vbsfCreate vbsfOpenFile vbsfOpenDir vbsfLookup RTFileOpen openat2 vbsfDirList \
	vbsfRename vbsfRemove; do
	expect "$hop was crossed" 1 "select count(*) > 0 from spans where hop = '$hop'"
done

sqlite3 "$trace" "
	select hex(data) from calls join params using (call_id) join payloads on payload_id = payload_in
	where fn_name = 'SHFL_FN_WRITE' and path = '/big' and name = 'data' order by offset" |
	tr -d '\n' | basenc --base16 -d | cmp - "$work/big" ||
	fail "the file rebuilt from the trace differs from the host's"

# The device counted for itself: function, calls, failed, bytes.
sed -n '/^function /,/^$/p' "$scratch/err" | awk 'NR > 1 && NF == 4 && $2 > 0 { print $1 "|" $2 "|" $3 "|" $4 }' |
	sort >"$scratch/device"
sqlite3 "$trace" "
	select fn_name, count(*), sum(status < 0), sum(case when fn_name in ('SHFL_FN_READ', 'SHFL_FN_WRITE')
		then coalesce(count_out, 0) else 0 end)
	from calls group by fn_name" | sort >"$scratch/traced"
[ -s "$scratch/device" ] || fail "sf-host printed no counters"
diff "$scratch/device" "$scratch/traced" || fail "the device's counters and the trace differ"

"$bin/sftrace" report "$trace" | tee "$scratch/report"
grep -q vboxsf_write_end "$scratch/report" || fail "no guest hops in the report"
"$bin/sftrace" print "$trace" >"$scratch/print"
grep -q 'dd\[[0-9]*\] SHFL_FN_WRITE(root=0, handle=[0-9]* "/big", offset=4096, count=4096, .*) = VINF_SUCCESS count=4096 <' \
	"$scratch/print" || fail "sftrace print does not show the second write"
pass
