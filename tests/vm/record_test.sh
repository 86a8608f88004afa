#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Recording in this machine, without a guest: a driver program makes calls to the service, and the
# trace must hold just these; then everything that can go wrong with a recording.
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

drive() {
	echo "$drive --service $service --share work=$share"
}

no_spools() {
	compgen -G "$trace.*" >/dev/null && fail "left behind: $(compgen -G "$trace.*")"
	return 0
}

# All of a call's spans lie in their parents and one level below them.
check_nesting() {
	expect "spans outside of their parent" 0 "
		select count(*) from spans c join spans p
		on p.call_id = c.call_id and p.idx = c.parent
		where c.depth <> p.depth + 1 or c.enter_ns < p.enter_ns or c.exit_ns > p.exit_ns"
	expect "outermost spans that are not where a call begins" 0 "
		select count(*) from spans where parent is null and hop not in
		('svcCall', 'svcConnect', 'svcDisconnect', 'svcHostCall', 'svcComplete')"
}

# What a set of WRITEs carried, in order of offset, has the digest of the file.
check_contents() { # CONDITION FILE
	local sha
	rm -f piece.*
	sqlite3 "$trace" "select writefile('piece.' || printf('%08d', c.offset), p.data) from calls c
		join params v on v.call_id = c.call_id and v.name = 'data'
		join payloads p on p.payload_id = v.payload_in
		where c.fn_name = 'SHFL_FN_WRITE' and $1" >/dev/null
	sha=$(cat piece.* | sha256sum)
	[ "$sha" = "$(sha256sum <"$2")" ] || fail "the payload of WRITEs with $1 is not what is in $2"
	echo "ok: the payload of WRITEs with $1 is what is in ${2##*/}"
	rm -f piece.*
}

echo "== one of everything"
# shellcheck disable=SC2046 # words are wanted
record 0 -- $(drive) mix write 300 4096 pages 9000 write 3 200000
while read -r fn n; do
	expect "calls of $fn" "$n" "select count(*) from calls where fn_name = 'SHFL_FN_$fn'"
done <out
expect "calls in all" "$(awk '{ n += $2 } END { print n }' out)" "select count(*) from calls"
expect "incomplete ones" 0 "select count(*) from calls where not complete"
expect "losses" 0 "select count(*) from losses where n > 0"
expect "control events" "ADD_MAPPING,connect,disconnect" \
	"select group_concat(replace(event, 'SHFL_FN_', '')) from control"
expect "the status of the refused call" "VERR_INVALID_HANDLE|4000" \
	"select status_name, handle from calls where status < 0"
expect "what was renamed" "/dir/new" "select path from calls where fn_name = 'SHFL_FN_RENAME'"
check_nesting
expect "spans of an ordinary WRITE" "svcCall,vbsfWrite,RTFileWrite,pwrite64,svcComplete" "
	select group_concat(hop) from (select hop from spans where call_id =
	(select max(call_id) from calls where fn_name = 'SHFL_FN_WRITE' and count_in = 4096)
	order by idx)"
# What svcCall calls last ends with it, and what it calls before that ends when the call does.
check_ends() {
	expect "hops of ended calls that were not left" 0 "select count(*) from spans
		join calls using (call_id) where exit_ns is null and calls.duration_ns is not null"
	expect "where svcCall's own functions end, and svcComplete" "1|1|1" "
		select min(h.exit_ns <= c.start_ns + c.duration_ns), min(d.exit_ns <= s.exit_ns),
		min(h.ret = c.status) from calls c
		join spans s on s.call_id = c.call_id and s.hop = 'svcCall'
		join spans h on h.call_id = c.call_id and h.parent = s.idx and h.hop glob 'vbsf*'
		join spans d on d.call_id = c.call_id and d.parent = s.idx and d.hop = 'svcComplete'"
	expect "those of the refused call" "-4" "select ret from spans join calls using (call_id)
		where hop glob 'vbsf*' and handle = 4000"
}
check_ends
expect "what pwrite64 returned" 4096 "
	select distinct ret from spans join calls using (call_id)
	where hop = 'pwrite64' and count_in = 4096"
expect "bytes read back through a page list" 9000 "
	select p.captured from calls c join params v using (call_id)
	join payloads p on p.payload_id = v.payload_out
	where c.path = '/pages.bin' and fn_name = 'SHFL_FN_READ' and v.name = 'data'"
check_contents "path = '/pages.bin'" "$share/pages.bin"
name=$(cd "$share" && echo drive-*.bin)
expect "big writes" 3 "select count(*) from calls where count_in = 200000 and count_out = 200000"
# Both writes went to that file; the second, larger ones replaced it.
check_contents "count_in = 200000" "$share/$name"
expect "service in the notes" "$(realpath "$service")" \
	"select value from meta where key = 'service.path'"
expect "state" complete "select value from meta where key = 'state'"
no_spools
rm "${share:?}"/*

for lacks in UPROBE_MULTI UPROBE_SESSION; do
	echo "== without $lacks, as on older kernels"
	export "SFTRACE_NO_$lacks=1"
	# shellcheck disable=SC2046
	record 0 -- $(drive) write 20 4096
	unset "SFTRACE_NO_$lacks"
	expect "calls of WRITE" 20 \
		"select count(*) from calls where fn_name = 'SHFL_FN_WRITE' and complete"
	check_nesting
	check_contents "count_in = 4096" "$share"/drive-*.bin
	rm "${share:?}"/*
done

echo "== options"
# shellcheck disable=SC2046
record 0 --no-syscalls --snaplen 100 -- $(drive) mix write 5 4096
expect "system calls among the hops" 0 "select count(*) from spans where hop in ('pwrite64', 'openat2')"
expect "most bytes captured of a write" 100 "
	select max(p.captured) from params v join payloads p on p.payload_id = v.payload_in
	where v.name = 'data'"
expect "their length in the call" 4096 "
	select max(p.length) from params v join payloads p on p.payload_id = v.payload_in
	where v.name = 'data'"
expect "paths are whole" 1 "select count(distinct path) > 2 from calls"
rm -r "${share:?}"/*

echo "== filters"
asked="(fn_name not in ('SHFL_FN_SET_UTF8', 'SHFL_FN_SET_SYMLINKS', 'SHFL_FN_MAP_FOLDER',
	'SHFL_FN_UNMAP_FOLDER'))"
explains=SET_UTF8,SET_SYMLINKS,MAP_FOLDER
# filtered FUNCTIONS OPTION... : the functions of the calls that were recorded, each once; those
# that explain the others come with every filter.
filtered() {
	local expected=$1
	shift
	# shellcheck disable=SC2046
	record 0 "$@" -- $(drive) mix write 20 4096
	expect "functions with $*" "$expected" "select group_concat(fn) from
		(select distinct replace(fn_name, 'SHFL_FN_', '') as fn from calls
		where $asked order by 1)"
	expect "what explains the others, with $*" "$explains" "select group_concat(fn) from
		(select replace(fn_name, 'SHFL_FN_', '') as fn from calls
		where not $asked order by call_id)"
	rm -r "${share:?}"/*
}
filtered WRITE -e WRITE
expect "WRITEs" 21 "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'"
expect "their hops" "svcCall,vbsfWrite,RTFileWrite,pwrite64,svcComplete" "
	select group_concat(hop) from (select hop from spans where call_id =
	(select max(call_id) from calls) order by idx)"
expect "control events all the same" "ADD_MAPPING,connect,disconnect" \
	"select group_concat(replace(event, 'SHFL_FN_', '')) from control"
expect "the filter in the notes" "WRITE" "select value from meta where key = 'filter'"
check_nesting
filtered READ,RENAME,WRITE -e shfl_fn_rename,Write -e READ
filtered CLOSE -Z
expect "the refused call" "1|VERR_INVALID_HANDLE" "select count(*), status_name from calls where $asked"
filtered RENAME -e RENAME
expect "its path" /dir/new "select path from calls where fn_name = 'SHFL_FN_RENAME'"
filtered CLOSE --failed -e CLOSE,WRITE
filtered WRITE --client 1 --comm sf-drive -e WRITE
SFTRACE_NO_UPROBE_SESSION=1 filtered WRITE -e WRITE
explains='' filtered "" --client 77
for nobody in "--comm nobody" "--comm sf-driv" "--comm sf-drivers" "--slower-than 100s"; do
	# shellcheck disable=SC2086
	filtered "" $nobody
done

all=CLOSE,CREATE,INFORMATION,LIST,READ,READLINK,REMOVE,RENAME,SYMLINK,WRITE
filtered "$all" --share work
expect "the filter in the notes" "share work" "select value from meta where key = 'filter'"
for nobody in "--share wor" "--share works" "--share WORK" "-P /di" "-P /dir/ne" "-P /nowhere"; do
	# shellcheck disable=SC2086
	filtered "" $nobody
done
filtered WRITE --share work -e WRITE
expect "the WRITEs by a handle whose CREATE was not recorded" 21 \
	"select count(*) from calls where fn_name = 'SHFL_FN_WRITE'"
filtered CLOSE,CREATE,INFORMATION,READ,RENAME,WRITE -P /dir/new
expect "the one WRITE to that file" "1|/dir/new" \
	"select count(*), path from calls where fn_name = 'SHFL_FN_WRITE'"
expect "calls without a path, or with another" 0 "
	select count(*) from calls where path is not '/dir/new' and $asked"
filtered CLOSE,CREATE,INFORMATION,LIST,READ,REMOVE,RENAME,WRITE -P "\\dir\\"
filtered READ -P dir -e READ,READLINK --share work
filtered "" -P /dir --share other
SFTRACE_NO_UPROBE_SESSION=1 filtered WRITE -P /dir/new -e WRITE

echo "== a handle's number that is used again"
# shellcheck disable=SC2046
record 0 -P /new -e WRITE -- $(drive) reopen /new /old 2
expect "offsets of the WRITEs to /new" "1,3" "
	select group_concat(offset) from (select offset from calls where fn_name = 'SHFL_FN_WRITE'
	order by call_id)"
rm -r "${share:?}"/*

echo "== a client that speaks UTF-16, with backslashes"
# shellcheck disable=SC2046
record 0 --share work -P /wide -- $(drive) write 3 512 wide work '\wide'
expect "its calls" "CREATE,WRITE,CLOSE|1" "
	select group_concat(replace(fn_name, 'SHFL_FN_', '')), count(distinct path) from
	(select * from calls where $asked order by call_id)"
rm -r "${share:?}"/*

echo "== one side"
# shellcheck disable=SC2046
record 0 --side host -- sh -c '[ -z "${SFTRACE_GUEST:-}" ] || exit 9; '"$(drive) write 5 512"
expect "host only" 5 "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'"
# shellcheck disable=SC2046
record 0 --side guest -- sh -c '[ -S "$SFTRACE_GUEST" ] || exit 9; '"$(drive) write 5 512"
expect "guest only" 0 "select count(*) from calls"
rm -r "${share:?}"/*
record 0 --slower-than 9999us --no-syscalls -- "$drive" --service "$service" wait "$scratch"
expect "the one call that took longer" VERR_CANCELLED "select group_concat(status_name) from calls where $asked"
record 0 --service "$sleepy" --slower-than 100s -- sh -c \
	"timeout -s KILL 0.3 '$drive' --service '$sleepy' call 9 call 7 || true"
expect "a call that has not ended passes" 7 "select group_concat(fn) from calls where $asked"
while read -r option value; do
	[ "$value" != LONG ] || value=$(printf '%0256d' 0)
	record 2 "$option" "$value" -- true
	says "'$value'"
done <<'END'
-e NOTHING
-e WRITE,
-e ,WRITE
-e WRITE,WRITER
--client 0
--client one
--client 4294967296
--comm a-name-of-16-byt
--slower-than 5
--slower-than ms
--slower-than -1ms
--slower-than 5m
--slower-than 99999999999s
--side both
-P /
-P ////
--share LONG
-P LONG
END
for option in --comm --share -P; do
	record 2 $option "" -- true
done
record 2 --share $'\xff' -- true
record 2 -P $'/a\xc3' -- true
record 2 --side guest
record 2 --side guest -P /a -- true
says "--side guest and a filter exclude each other"
record 2 --side host --guest unix:x -- true

echo "== a call that is completed later, by another event"
# shellcheck disable=SC2046
record 0 -- $(drive) wait "$scratch"
expect "waits" "VINF_SUCCESS|1,VERR_CANCELLED|1" "
	select group_concat(x) from (select status_name || '|' || complete as x from calls
	where fn_name = 'SHFL_FN_WAIT_FOR_MAPPINGS_CHANGES' order by call_id)"
expect "the second waited until the share was added" 1 "
	select c.start_ns < a.time_ns and c.start_ns + c.duration_ns > a.time_ns
	and c.duration_ns > 10000000 from calls c join control a on a.share = 'later'
	where c.status_name = 'VERR_CANCELLED'"
expect "spans of the completion" svcComplete "
	select hop from spans join calls using (call_id)
	where status_name = 'VERR_CANCELLED' and parent is null and hop <> 'svcCall'"

echo "== a service that completes from other threads"
# By another thread before svcCall returned: its outputs cannot be read any more.
record 4 --service "$sleepy" -- "$drive" --service "$sleepy" call 2
expect "completed early" "VINF_SUCCESS|0" "select status_name, complete from calls where fn = 2"
record 0 --service "$sleepy" -- "$drive" --service "$sleepy" call 3 call 9 pause 50
expect "completed late" "VERR_CANCELLED|1" "select status_name, complete from calls where fn = 3"
expect "the call after it" "VINF_SUCCESS|1" "select status_name, complete from calls where fn = 9"

echo "== more hops than there is room for: merged, not lost"
record 0 --service "$sleepy" -- "$drive" --service "$sleepy" call 4
expect "crossings of RTFileRead" 200 \
	"select sum(n) from spans join calls using (call_id) where fn = 4 and hop = 'RTFileRead'"
expect "spans" 1 "select count(*) <= 64 from spans join calls using (call_id) where fn = 4"

echo "== payload that has to be paged in"
if grep -Eq "yes +sleepable uprobes" "$scratch/doctor"; then
	# shellcheck disable=SC2046
	record 0 -- $(drive) paged 200000
	check_contents "path = '/paged.bin'" "$share/paged.bin"
	expect "losses" 0 "select count(*) from losses where n > 0"
	rm "${share:?}"/*
fi

echo "== hostile parameters"
record 4 --service "$sleepy" -- "$drive" --service "$sleepy" bad raw
expect "calls" "4,0,4294967295,4294967295" "
	select group_concat(n_parms) from (select n_parms from calls where fn between 60 and 62 order by call_id)"
expect "the readable parameters of none" 0 "select count(*) from params where call_id in
	(select call_id from calls where fn > 60) and value_in is not null"
expect "what was unreadable is told" 1 \
	"select sum(n) > 0 from losses where reason like '%unreadable%'"

echo "== a call that never ends"
rm -f "$trace"*
"$bin/sftrace" record -o "$trace" --service "$sleepy" -- "$drive" --service "$sleepy" call 9 call 7 \
	>out 2>err &
recorder=$!
wait_for 20 pgrep -P "$recorder"
sleep 0.5
kill -USR1 "$recorder"
sleep 0.2
cp "$trace.host.spool" usr1.spool
sleep 0.3
kill -INT "$recorder"
status=0
wait "$recorder" || status=$?
[ "$status" -gt 128 ] || fail "the command was ended by a signal, got $status"
expect "the call that sleeps" "7|0||1" "
	select fn, complete, calls.duration_ns, age_ns > 500000000 from unfinished join calls using (call_id)"
expect "the hops that it reached" "svcCall,vbsfRead,RTFileRead,pause" "
	select group_concat(hop) from (select hop from spans join calls using (call_id)
	where fn = 7 order by idx)"
expect "it is still in svcCall" "" "
	select exit_ns from spans join calls using (call_id) where fn = 7 and hop = 'svcCall'"
rm -f usr1.db
"$bin/sftrace" merge -o usr1.db usr1.spool 2>err || true
trace=usr1.db expect "it was written on SIGUSR1 already" 1 "select count(*) from unfinished"

echo "== the service's process dies in a call"
record 0 --service "$sleepy" -- sh -c "timeout -s KILL 0.3 '$drive' --service '$sleepy' call 9 call 7 || true"
says "1 unfinished"
expect "the call that it died in, and where" "1|SHFL_FN_LOCK|svcCall" \
	"select count(*), fn_name, hop from unfinished"
expect "what ended before" 1 "select count(*) from calls where fn = 9 and complete"

echo "== progress on a terminal"
rm -f "$trace"*
script -qec "'$bin/sftrace' record -o '$trace' -- $(drive) pause 1200 write 9 512" out >/dev/null
grep -q "calls, .* MiB, 0 lost" out || fail "no progress on a terminal"
rm "${share:?}"/*

echo "== the ring is too small"
# shellcheck disable=SC2046
record 4 --buffer 4096 -- $(drive) write 300 4096
says "incomplete"
expect "losses are counted by hop and reason" "host|1" \
	"select side, n >= 300 from losses where hop = 'svcCall' and reason like '%ring%'"
rm "${share:?}"/*

echo "== the recorder is killed"
rm -f "$trace"*
# shellcheck disable=SC2046
"$bin/sftrace" record -o "$trace" -- $(drive) write 200 4096 pause 5000 >out 2>err &
recorder=$!
wait_for 20 pgrep -P "$recorder"
sleep 1
kill -KILL "$recorder"
wait "$recorder" 2>/dev/null || true
pkill -KILL -f "^$drive.*pause 5000" || true
expect "what is left is whole" ok "pragma integrity_check"
expect "and says that it is not finished" recording "select value from meta where key = 'state'"
status=0
"$bin/sftrace" merge -o late.db "$trace.host.spool" 2>err || status=$?
[ "$status" = 4 ] || fail "merge of half a recording: exit status 4, got $status"
trace=late.db expect "what was spooled can be loaded" 200 \
	"select count(*) from calls where fn_name = 'SHFL_FN_WRITE' and complete"
status=0
"$bin/sftrace" record -o "$trace" -- true 2>err || status=$?
[ "$status" = 1 ] || fail "an unfinished trace was replaced, status $status"
says "exists"
rm "$trace"
status=0
"$bin/sftrace" record -o "$trace" -- true 2>err || status=$?
[ "$status" = 1 ] || fail "a spool that was left was replaced, status $status"
says "is left of a recording that was interrupted"
"$bin/sftrace" record -f -o "$trace" -- true 2>err || fail "-f does not replace"
echo precious >letter.txt
status=0
"$bin/sftrace" record -f -o letter.txt -- true 2>err || status=$?
[ "$status" = 1 ] || fail "-f replaced a file that is no trace, status $status"
says "is no trace"
[ "$(cat letter.txt)" = precious ] || fail "a file that is no trace was changed"
for spool in host guest; do
	cp letter.txt letter.db.$spool.spool
	status=0
	"$bin/sftrace" record -f -o letter.db -- true 2>err || status=$?
	[ "$status" = 1 ] || fail "-f replaced a file that is no spool, status $status"
	says "letter.db.$spool.spool is no spool"
	cmp letter.txt letter.db.$spool.spool || fail "a file that is no spool was changed"
	rm letter.db.$spool.spool
done
[ ! -e letter.db ] || fail "a trace of nothing was left"
"$bin/sftrace" record -f -o "$trace" -- sleep 3 2>/dev/null &
other=$!
wait_for 20 test -e "$trace.host.spool"
status=0
"$bin/sftrace" record -f -o "$trace" -- true 2>err || status=$?
[ "$status" = 1 ] || fail "a recording was begun into a file that is being recorded, status $status"
says "another sftrace is recording into"
wait "$other" || fail "the recording that was to be replaced suffered: status $?"
rm "${share:?}"/*

echo "== two processes at once, and nobody else"
# shellcheck disable=SC2046
$(drive) pause 300 write 50 512 pause 1000 >/dev/null &
other=$!
# shellcheck disable=SC2046
record 0 -- sh -c "$(drive) write 100 4096 & $(drive) write 100 4096 & wait"
expect "processes" "2|100|100" "
	select count(*), min(n), max(n) from (select pid, count(*) as n from calls
	where fn_name = 'SHFL_FN_WRITE' group by pid)"
check_nesting
for file in "$share"/drive-*.bin; do
	[ "$(stat -c %s "$file")" = 409600 ] || continue
	pid=${file##*/drive-}
	check_contents "pid = ${pid%.bin}" "$file"
done
wait "$other"
rm "${share:?}"/*

echo "== one process, by its number; stopped by SIGINT"
# shellcheck disable=SC2046
$(drive) pause 2000 write 50 512 pause 2000 >/dev/null &
first=$!
# shellcheck disable=SC2046
$(drive) pause 2000 write 60 512 pause 2000 >/dev/null &
second=$!
rm -f "$trace"*
"$bin/sftrace" record -o "$trace" -p "$first" 2>err &
recorder=$!
sleep 3.3
kill -INT "$recorder"
status=0
wait "$recorder" || status=$?
[ "$status" = 0 ] || fail "stopped by SIGINT: exit status 0, got $status"
expect "calls of that process only" "$first|50" \
	"select pid, count(*) from calls where fn_name = 'SHFL_FN_WRITE' group by pid"
wait "$first" "$second"
no_spools

echo "== a process whose client, root and handle are from before"
# shellcheck disable=SC2046
$(drive) hold /held 2500 3 pause 1500 >/dev/null &
first=$!
sleep 0.5
rm -f "$trace"*
"$bin/sftrace" record -o "$trace" -p "$first" 2>err &
recorder=$!
sleep 2.8
kill -INT "$recorder"
wait "$recorder" || fail "exit status 0, got $?: $(cat err)"
wait "$first"
expect "the client" "1|1" "select client, inherited from clients"
expect "calls by its root and handle" "3|1" "
	select count(*), handle > 0 and root is not null and complete from calls
	where fn_name = 'SHFL_FN_WRITE'"
expect "what is not known of them is not made up" "0|0" \
	"select count(share), count(path) from calls"
rm "${share:?}"/*

echo "== everybody, stopped by SIGTERM"
rm -f "$trace"* err
"$bin/sftrace" record -o "$trace" 2>err &
recorder=$!
wait_for 20 grep -q "recording" err
# shellcheck disable=SC2046
$(drive) write 10 4096 >/dev/null
kill -TERM "$recorder"
wait "$recorder" || fail "stopped by SIGTERM: exit status 0, got $?"
expect "calls" 10 "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'"

echo "== exit statuses and refusals"
record 7 -- sh -c 'exit 7'
says "no calls: nothing that was recorded used $(realpath "$service")"
record 1 -- /no/such/command
says "cannot run /no/such/command: No such file or directory"
[ ! -e "$trace" ] || fail "a trace of nothing was left"
no_spools
record 2 --snaplen many -- true
says "'many' is no snap length"
record 2 --frobnicate
says "unknown option --frobnicate"
record 2 -p 1 -- true
record 1 --service /no/such.so -- true
says "cannot read the service /no/such.so: No such file or directory"
record 1 --service /etc/passwd -- true
says "not an ELF file"
cp "$drive" program
record 1 --service program -- true
says "cannot find svcCall in the service: program cannot be loaded: "
says "(see sftrace doctor)"
"$bin/sftrace" doctor --service program >out && fail "doctor is content with a program"
grep -q "cannot find svcCall in the service" out || fail "doctor does not say what is missing"
"$bin/sftrace" doctor >out || fail "doctor is not content"
grep -Eq "svcCall +0x[0-9a-f]+ +0f 1f 44 00 .. +5-byte nop +205 ns" out || {
	cat out
	fail "doctor does not tell svcCall's first instruction"
}
grep -q "every process on this machine" out || fail "doctor does not say what system calls cost"
setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '"$0" doctor || true' "$bin/sftrace" >out
grep -A1 "ring buffer" out | grep -q "no permission to find out: run as root" ||
	fail "doctor blames the kernel for what it has no right to try: $(cat out)"
grep -q "the kernel does not have it" out && fail "doctor blames the kernel without knowing"
record 1 -o "$scratch/none/t.db" -- true
status=0
chmod 711 "$scratch"
setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/sftrace" record -o "$scratch/none.db" -- true \
	2>err || status=$?
[ "$status" = 1 ] || fail "recording without permission: exit status 1, got $status"
says "no permission for BPF: run as root"
[ ! -e "$scratch/none.db" ] || fail "a trace of nothing was left"

echo "== a full disk"
mkdir full
mount -t tmpfs -o size=2m none full 2>/dev/null && {
	status=0
	# shellcheck disable=SC2046
	"$bin/sftrace" record -o full/t.db -- $(drive) write 1000 4096 >out 2>err || status=$?
	umount full
	[ "$status" != 0 ] || fail "a full disk went unnoticed"
	says "cannot write full/t.db.host.spool: No space left on device"
}
pass
