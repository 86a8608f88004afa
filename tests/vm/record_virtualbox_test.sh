#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Recording a service without symbols, as VirtualBox's is: our own, stripped to its one export, in a
# host of its own (sf-drive), whose function ends the calls. Then separate debug files, and services
# that do odd things when they are looked into.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

service=$scratch/stripped.so
share=$scratch/share
trace=$scratch/t.db
mkdir "$share"
cd "$scratch"
strip -o "$service" "$BUILD_DIR/lib/sfservice.so"
cp "$BUILD_DIR/tests/sf-drive" first
cp first second

# drive HOST COMMAND...: makes its first call after a pause, as hosts do.
drive() {
	local host=$1
	shift
	exec "./$host" --service "$service" --pause 700 --share "work=$share" "$@" >/dev/null
}

start() { # OPTION...: a recorder in the background
	rm -f "$trace"*
	"$bin/sftrace" record -o "$trace" --service "$service" "$@" 2>err &
	recorder=$!
	for ((tries = 0; tries < 200; tries++)); do
		grep -q "recording" err && return
		sleep 0.05
	done
	fail "does not begin to record: $(cat err)"
}

finish() { # it ends in good order
	kill -INT "$recorder"
	wait "$recorder" || fail "exit status $?: $(cat err)"
}

check() { # WRITES PROCESSES
	expect "WRITEs that ended" "$1" \
		"select count(*) from calls where fn_name = 'SHFL_FN_WRITE' and status = 0 and complete"
	expect "hosts" "$2" "select count(distinct pid) from calls"
	expect "unfinished or incomplete calls" 0 "select count(*) from calls where not complete"
	expect "spans of a WRITE" "svcCall,pwrite64,svcComplete" "
		select group_concat(hop) from (select hop from spans where call_id =
		(select max(call_id) from calls where fn_name = 'SHFL_FN_WRITE') order by idx)"
	expect "the profile" virtualbox "select value from meta where key = 'host.profile'"
	rm -rf "${share:?}"/*
}

echo "== a process that has loaded it"
(drive first pause 1500 write 20 4096 pause 300) &
host=$!
sleep 0.5
start -p $host
wait $host
finish
check 20 1
expect "payload" "20|4096" "select count(*), min(p.captured) from calls join params using (call_id)
	join payloads p on p.payload_id = payload_in where name = 'data'"

echo "== everybody: one that has loaded it, and two that come later, of another file too"
(drive first pause 1500 write 20 512) &
host=$!
sleep 0.5
start
(drive second write 30 512) &
second=$!
(drive first write 40 512) &
third=$!
wait $host $second $third
sleep 0.1
finish
check 90 3
expect "each has a client 1 of its own" 3 "select count(*) from control where event = 'disconnect'"

for lacks in UPROBE_MULTI UPROBE_SESSION; do
	echo "== a command, without $lacks"
	rm -f "$trace"*
	env "SFTRACE_NO_$lacks=1" "$bin/sftrace" record -o "$trace" --service "$service" -- \
		"./first" --service "$service" --pause 700 --share "work=$share" write 25 512 \
		>/dev/null 2>err || fail "exit status $?: $(cat err)"
	check 25 1
done

echo "== a process that does not use it"
status=0
"$bin/sftrace" record -o "$trace" -f --service "$service" -p $$ 2>err || status=$?
[ "$status" = 1 ] || fail "exit status 1, got $status"
says "cannot find the function that ends calls in process $$: it does not use the service"
[ ! -e "$trace" ] || fail "a trace of nothing was left"

echo "== doctor"
(drive first pause 1500) >/dev/null &
host=$!
sleep 0.5
"$bin/sftrace" doctor --service "$service" >out || fail "doctor is not content: $(cat out)"
for line in "profile virtualbox" "svcCall +0x[0-9a-f]+ +0f 1f 44 00 .. +5-byte nop +205 ns" \
	"svcComplete +0x[0-9a-f]+ +([0-9a-f]{2} ){5}" "in $scratch/first, process $host" \
	"every process on this machine"; do
	grep -Eq "$line" out || fail "doctor does not say $line: $(cat out)"
done
kill $host
wait $host || true

echo "== separate debug files"
cp "$BUILD_DIR/lib/sfservice.so" whole.so
objcopy --only-keep-debug whole.so linked.debug
strip -o linked.so whole.so
objcopy --add-gnu-debuglink=linked.debug linked.so
hops() { # FILE: the profile and how many hops
	"$bin/sftrace" doctor --service "$1" | sed -nE 's/^  (profile .*|[0-9]+ of [0-9]+ hops)$/\1/p' |
		paste -sd,
}
all=$(hops whole.so)
expect_hops() { # FILE EXPECTED WHAT
	local got
	got=$(hops "$1")
	[ "$got" = "$2" ] || fail "$3: expected $2, got $got"
	echo "ok: $3: $2"
}
[[ $all = "profile sfservice,"* ]] || fail "the whole service: $all"
expect_hops linked.so "$all" "a debug file beside it"
mkdir .debug && mv linked.debug .debug
expect_hops linked.so "$all" "a debug file in .debug"
printf x | dd of=.debug/linked.debug bs=1 seek=200 conv=notrunc status=none
expect_hops linked.so "$(hops "$service")" "a debug file of something else"
id=$(readelf -n whole.so | sed -n 's/.*Build ID: //p')
mkdir -p "debug/.build-id/${id:0:2}"
objcopy --only-keep-debug whole.so "debug/.build-id/${id:0:2}/${id:2}.debug"
export SFTRACE_DEBUG_FILES=$scratch/debug
expect_hops "$service" "$all" "a debug file by build id"
rm -f "$trace"*
"$bin/sftrace" record -o "$trace" --service "$service" -- ./first --service "$service" \
	--share "work=$share" write 10 512 >/dev/null 2>err || fail "exit status $?: $(cat err)"
expect "spans of a WRITE" "svcCall,vbsfWrite,RTFileWrite,pwrite64,svcComplete" "
	select group_concat(hop) from (select hop from spans where call_id =
	(select max(call_id) from calls where fn_name = 'SHFL_FN_WRITE') order by idx)"
cp "$BUILD_DIR/tests/odd.so" "debug/.build-id/${id:0:2}/${id:2}.debug"
expect_hops "$service" "$(SFTRACE_DEBUG_FILES=/none hops "$service")" "another build id"
unset SFTRACE_DEBUG_FILES

echo "== services that do odd things when they are loaded"
while read -r odd words; do
	status=0
	ODD=$odd "$bin/sftrace" record -f -o "$trace" --service "$BUILD_DIR/tests/odd.so" -- true \
		2>err || status=$?
	[ "$status" = 1 ] || fail "$odd: exit status 1, got $status: $(cat err)"
	says "$words"
done <<'END'
crash crashes while it is loaded: Aborted
hang hangs while it is loaded
exit ends the process that loads it
empty names no function of its own that is called
nowhere names no function of its own that is called
hide does not keep the host's helpers in a variable of its own
refuse refuses to load with status -37
END
pass
