#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host's side on the kernel of the lab's guest, which has no uprobe_multi and no sessions and is
# particular about programs: a driver makes calls to the service there, as record_test has it here.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

work=$scratch/work
mkdir "$work"
cp "$bin/sftrace" "$BUILD_DIR"/tests/{sf-drive,sleepy.so} "$BUILD_DIR/lib/sfservice.so" "$work"
strip -o "$work/stripped.so" "$work/sfservice.so"

# Probes want files that are on no network: all of it is copied to the guest's memory first.
cat >"$work/run" <<'EOS'
set -eu
uname -r
mkdir /tmp/r /tmp/share
cp sftrace sf-drive ./*.so /tmp/r
cd /tmp/r
# record NAME SERVICE OPTION... : the words of the driver are in $drive
record() {
	name=$1 service=/tmp/r/$2
	shift 2
	# shellcheck disable=SC2086
	./sftrace record -o $name.db --service "$service" "$@" -- \
		./sf-drive --service "$service" --share work=/tmp/share $drive >$name.out || echo "$name: exit status $?"
	cat $name.db >/mnt/work/$name.db
	rm -rf /tmp/share/*
}
drive="mix write 30 4096 pages 9000 write 3 200000"
record mix sfservice.so
cat mix.out >/mnt/work/mix.out
record filtered sfservice.so -P /dir/new --share work --no-syscalls
drive="paged 200000"
record paged sfservice.so
drive="wait /tmp/r"
record wait sfservice.so
drive="call 3 call 9 pause 50"
record late sleepy.so
drive="call 2"
record early sleepy.so
drive="--pause 700 write 25 512"
record stripped stripped.so
EOS
"$bin/sf-lab" --share "work=$work" -- sh ./run >"$scratch/out" 2>"$scratch/err" || {
	cat "$scratch/out" "$scratch/err" >&2
	fail "the recordings in the guest"
}
cat "$scratch/out"
cd "$scratch"
says "mix.db: "

# whole NAME: all calls of that trace ended and nothing was lost.
whole() {
	trace=$work/$1.db
	echo "== $1"
	expect "state" complete "select value from meta where key = 'state'"
	expect "the kernel" "$(head -1 out)" "select value from meta where key = 'host.kernel'"
	expect "incomplete ones" 0 "select count(*) from calls where not complete"
	expect "losses" 0 "select count(*) from losses where n > 0"
}

whole mix
while read -r fn n; do
	expect "calls of $fn" "$n" "select count(*) from calls where fn_name = 'SHFL_FN_$fn'"
done <"$work/mix.out"
expect "control events" "ADD_MAPPING,connect,disconnect" \
	"select group_concat(replace(event, 'SHFL_FN_', '')) from control"
expect "spans of an ordinary WRITE" "svcCall,vbsfWrite,RTFileWrite,pwrite64,svcComplete" "
	select group_concat(hop) from (select hop from spans where call_id =
	(select max(call_id) from calls where fn_name = 'SHFL_FN_WRITE' and count_in = 4096)
	order by idx)"
expect "payload of WRITEs" "3|200000,30|4096" "select group_concat(x) from (select count(*) || '|' ||
	captured as x from calls join params using (call_id) join payloads on payload_id = payload_in
	where name = 'data' and count_in in (4096, 200000) group by count_in order by captured desc)"
expect "it is the same in what was written and read back" 1 "
	select count(distinct p.data) from calls c join params v using (call_id)
	join payloads p on p.payload_id in (v.payload_in, v.payload_out)
	where c.path = '/pages.bin' and v.name = 'data'"

whole filtered
expect "calls with another path" 0 "select count(*) from calls
	where path is not '/dir/new' and fn_name in ('SHFL_FN_CREATE', 'SHFL_FN_WRITE', 'SHFL_FN_CLOSE')"
expect "the one WRITE to that file" 1 "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'"
expect "spans of system calls" 0 "select count(*) from spans where hop = 'pwrite64'"

whole paged
expect "payload that had to be paged in" 200000 "select captured from calls
	join params using (call_id) join payloads on payload_id = payload_in
	where fn_name = 'SHFL_FN_WRITE' and name = 'data'"

whole wait
expect "waits" "VINF_SUCCESS,VERR_CANCELLED" "
	select group_concat(status_name) from (select status_name from calls
	where fn_name = 'SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES' order by call_id)"

whole late
expect "completed by another call" "VERR_CANCELLED" "select status_name from calls where fn = 3"

trace=$work/early.db
grep -qx "early: exit status 4" out || fail "its trace is not said to be incomplete"
expect "completed by another thread" "VINF_SUCCESS|0" \
	"select status_name, complete from calls where fn = 2"

whole stripped
expect "WRITEs of a service without symbols" "25|virtualbox" "select count(*), value from calls, meta
	where fn_name = 'SHFL_FN_WRITE' and key = 'host.profile'"
pass
