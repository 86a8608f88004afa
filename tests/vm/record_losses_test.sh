#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a recording can lose, one reason after the other: it is counted under its hop and reason, it
# leaves its mark on the call, and the exit status is 4. A payload that is cut on request is no loss.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

drive=$BUILD_DIR/tests/sf-drive
sleepy=$BUILD_DIR/tests/sleepy.so
service=$BUILD_DIR/lib/sfservice.so
share=$scratch/share
trace=$scratch/t.db
mkdir "$share"
cd "$scratch"

# lost REASON HOPS LEAST: it is the only reason, at such hops only, and so often at least.
lost() {
	says "incomplete"
	expect "what was lost, where" "host|$1|1" \
		"select distinct side, reason, hop glob '$2' from losses"
	expect "$3 times or more" 1 "select sum(n) >= $3 from losses"
	expect "state" incomplete "select value from meta where key = 'state'"
}

# marked FN COMPLETE FLAGS: of calls of a function.
marked() {
	expect "function $1: complete, flags" "$2|$3" \
		"select distinct complete || '|' || flags from calls where fn = $1"
}

write=("$drive" --service "$service" --share "work=$share")
bad=("$drive" --service "$sleepy")

echo "== nothing"
record 0 --service "$sleepy" -- "${bad[@]}" call 9
expect "losses" 0 "select count(*) from losses"
marked 9 1 0

echo "== ring full: no room for any record"
record 4 --buffer 4096 -- "${write[@]}" write 300 4096
lost "ring full" "svc*" 300

echo "== ring full: no room for the data of a call that is there itself"
record 4 --buffer 64K -- "${write[@]}" write 3 200000
lost "ring full" svcCall 3
expect "the WRITEs: complete, flags" "3|0|4" "select count(*), complete, flags from calls
	where fn_name = 'SHFL_FN_WRITE' group by complete, flags"

echo "== ring full: nobody empties it for a while"
rm -f "$trace"* err "${share:?}"/*
"$bin/sftrace" record -o "$trace" --no-syscalls --snaplen 0 --buffer 1M 2>err &
recorder=$!
wait_for 20 grep -q recording err
"${write[@]}" write 20 512 >/dev/null
sleep 0.3
kill -STOP "$recorder"
"${write[@]}" write 20000 512 >/dev/null
kill -CONT "$recorder"
sleep 0.5
"${write[@]}" write 30 512 >/dev/null
kill -INT "$recorder"
status=0
wait "$recorder" || status=$?
[ "$status" = 4 ] || fail "exit status 4, got $status: $(cat err)"
lost "ring full" "svc*" 10000
expect "what came before and after it is there" "20,30" "select group_concat(n) from
	(select count(*) as n from calls where fn_name = 'SHFL_FN_WRITE' group by pid
	having n < 1000 order by min(call_id))"
expect "lost and recorded WRITEs are as many as were made" 1 "
	select (select count(*) from calls) + (select sum(n) from losses) between 20050 and 20100"
expect "each that was recorded is whole" "1|0" \
	"select min(complete), max(flags & 13) from calls"
expect "where" 1 "select count(*) > 0 from loss_places where after_call_id is not null"

echo "== too many spans: deeper than there is room for"
record 4 --service "$sleepy" -- "${bad[@]}" call 9 call 5 call 9
lost "too many spans" RTDirRead 16
marked 5 0 8
marked 9 1 0

echo "== exit missed"
record 4 --service "$sleepy" -- "${bad[@]}" call 9 call 6 call 9
expect "what was lost" "RTFileFlush|exit missed|1,RTFileWrite|exit missed|1" \
	"select group_concat(x) from (select hop || '|' || reason || '|' || n as x from losses order by 1)"
marked 6 0 8
expect "those hops have no exit, the others do" "svcCall|1,RTFileFlush|0,RTFileWrite|0,svcComplete|1" "
	select group_concat(x) from (select hop || '|' || (exit_ns is not null) as x
	from spans join calls using (call_id) where fn = 6 order by idx)"
marked 9 1 0

echo "== memory unreadable"
record 4 --service "$sleepy" -- "${bad[@]}" bad call 9
lost "memory unreadable" svcCall 3
expect "the call with such parameters, and those without" "60|4|0|1,60|0|1|0,9|0|1|0" "
	select group_concat(x) from (select fn || '|' || n_parms || '|' || complete || '|' || flags as x
	from calls where fn in (9, 60) order by call_id)"

echo "== too many calls in flight"
cat >crowd <<'EOS'
pids=
for i in $(seq 270); do
	"$@" &
	pids="$pids $!"
done
for i in $(seq 200); do # each waits for its call, which nobody completes
	[ "$(ps -o wchan:20= -p "$pids" | grep -c futex)" -lt 270 ] || break
	sleep 0.1
done
kill -9 $pids
EOS
record 4 --service "$sleepy" -- sh ./crowd "${bad[@]}" call 8
lost "too many calls in flight" svcCall 14
expect "calls without an end" 270 "select count(*) from unfinished"

echo "== payload cut on request"
record 0 --snaplen 100 -- "${write[@]}" write 5 4096
expect "losses" 0 "select count(*) from losses"
expect "the WRITEs: complete, flags" "5|1|2" "select count(*), complete, flags from calls
	where fn_name = 'SHFL_FN_WRITE' group by complete, flags"
pass
