#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The agent in a guest, without a recorder on the host's side: what it records, what it says when it
# cannot, and that the guest's work goes on whatever happens to its line.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

sftrace=$bin/sftrace
work=$scratch/work
mkdir "$work"

# refused STATUS TEXT ARGUMENT...: the agent ends with STATUS and says TEXT.
refused() {
	local wanted=$1 text=$2 status=0
	shift 2
	"$sftrace" agent "$@" >"$scratch/out" 2>&1 || status=$?
	[ "$status" = "$wanted" ] || fail "agent $*: status $wanted expected, got $status"
	grep -qF -- "$text" "$scratch/out" || fail "agent $*: '$text' expected, got: $(cat "$scratch/out")"
	echo "ok: agent $*: $text"
}

# The command line.
refused 2 'one of --port'
refused 2 'one of --port' --stdio --socket x
refused 2 'not a size' -o x --buffer 12Q
refused 2 'not a size' -o x --buffer 0
refused 2 'unrecognized option' --nonsense
refused 1 '/dev/nosuchport' --port /dev/nosuchport -- true
refused 1 "$scratch/nobody" --socket "$scratch/nobody" -- true
touch "$scratch/exists"
refused 1 'File exists' -o "$scratch/exists" -- true
refused 1 "no hop profile 'nonsense'" -o "$scratch/x" --profile nonsense -- true
[ ! -e "$scratch/x" ] || fail "a spool file without a recording"
"$sftrace" agent --help | grep -q -- --payload || fail "no help"

# Everything that needs a guest, in one guest. Its tests print "ok: ..." or "FAIL: ...".
cat >"$bin/agent_test.guest" <<'GUEST'
sftrace=$1
spools=$PWD
cd /tmp

check() {
	if "$@"; then echo "ok: $name"; else echo "FAIL: $name"; fi
}

# recording FILE PID: until that agent records into it, or has ended.
recording() {
	while kill -0 "$2" && [ "$(stat -c %s "$1" || echo 0)" -lt 100 ]; do sleep 0.1; done 2>/dev/null
}

probes_left() { grep -c sftrace_ /sys/kernel/tracing/kprobe_events || true; }

# A recorder that accepts, and may ask for calls in flight: replies of 16 bytes.
accept() { printf 'SFREPLY\n\1\0\0\0\1\0\0\0'; }
ask() { printf 'SFREPLY\n\1\0\0\0\10\0\0\0'; }

# How many calls a spool has in flight.
snapshots() { LC_ALL=C grep -aoP '\x01\x00\x02\x00..\x00\x00' "$1" | wc -l; }

name='recorded alone, with payload'
status=0
(cd "$spools" && "$sftrace" agent --payload -o /tmp/payload.spool -- sh -c '
	dd if=/dev/urandom of=data bs=4k count=100 2>/dev/null
	cat data >/dev/null; mkdir d; mv data d/moved; ls d >/dev/null; exit 7') || status=$?
check [ $status = 7 ]

name='ended by a signal'
status=0
"$sftrace" agent -o /tmp/signal.spool -- sh -c 'kill -KILL $$' || status=$?
check [ $status = 137 ]

name='no such command'
status=0
"$sftrace" agent -o /tmp/command.spool -- /nonexistent/command 2>err || status=$?
check [ $status = 127 ]
check grep -q '/nonexistent/command' err

name='stopped by a signal when there is no command'
"$sftrace" agent -o /tmp/stopped.spool &
recording /tmp/stopped.spool $!
kill -TERM $!
status=0
wait $! || status=$?
check [ $status = 0 ]

name='an interrupt reaches the command, its end is recorded'
"$sftrace" agent -o /tmp/interrupt.spool -- sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done' &
recording /tmp/interrupt.spool $!
kill -TERM $!
status=0
wait $! || status=$?
check [ $status = 9 ]

name='calls in flight'
echo full >/sys/kernel/debug/sched/preempt
(cd "$spools" && "$sftrace" agent -o /tmp/flight.spool -- sh -c '
	exec 2>/dev/null
	dd if=/dev/zero of=flight bs=4k count=100000 &
	for i in $(seq 40); do kill -USR1 $PPID; sleep 0.02; done
	kill -KILL $!; wait; rm flight')
check [ "$(snapshots flight.spool)" -gt 3 ]

name='calls in flight when the recorder asks, not only every 2 s'
mkfifo asks
(
	accept
	read -r _ <asks
	begun=$SECONDS
	for i in $(seq 40); do ask; sleep 0.1; done
	echo $((SECONDS - begun)) >lasted
	echo >asks
) | "$sftrace" agent --stdio -- sh -c '
	echo >asks
	cd "$1"
	dd if=/dev/zero of=asked bs=4k count=1000000 2>/dev/null &
	read -r _ </tmp/asks
	kill -KILL $!; wait; rm asked' sh "$spools" >asked
check [ "$(snapshots asked)" -gt $(($(cat lasted) / 2 + 5)) ]

name='many threads in one function'
(cd "$spools" && "$sftrace" agent -o /tmp/threads.spool -- sh -c '
	for i in $(seq 40); do dd if=/dev/zero of=t$i bs=4k count=50 2>/dev/null & done; wait; rm t*')
echo voluntary >/sys/kernel/debug/sched/preempt
check [ "$(probes_left)" = 0 ]

name='what a killed agent leaves is removed by the next'
"$sftrace" agent -o /tmp/killed.spool &
recording /tmp/killed.spool $!
kill -KILL $!
wait $! 2>/dev/null
check [ "$(probes_left)" -gt 10 ]
"$sftrace" agent -o /tmp/after.spool -- true
check [ "$(probes_left)" = 0 ]

name='a small buffer loses records, and says so'
(cd "$spools" && "$sftrace" agent --payload --buffer 64K -o /tmp/small.spool -- sh -c '
	dd if=/dev/zero of=small bs=4k count=2000 2>/dev/null; rm small')

name='the recorder goes away, the command does not'
status=0
{ accept; sleep 3; } | { "$sftrace" agent --stdio -- sh -c 'sleep 4; exit 6' 2>err; echo $? >status; } |
	head -c 64 >/dev/null
check [ "$(cat status)" = 6 ]
check grep -q 'recorder' err

name='a recorder that refuses'
status=0
printf 'SFREPLY\n\1\0\0\0\4\0\0\0' |
	"$sftrace" agent --stdio -- touch ran >/dev/null 2>err || status=$?
check [ $status = 1 ]
check grep -q 'another version' err
check [ ! -e ran ]

name='not root'
status=0
chmod 777 /tmp
setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$sftrace" agent -o /tmp/user.spool -- touch ran 2>err || status=$?
check [ $status = 1 ]
check grep -q 'run as root' err
check [ ! -e ran ]

cp ./*.spool "$spools"
GUEST

# The modules go away only where nothing is mounted.
cat >"$bin/agent_test.bare" <<'GUEST'
sftrace=$1
busybox rmmod vboxsf
busybox rmmod vboxguest
status=0
# A recorder that accepts, and confirms the end when it has been told why.
{
	printf 'SFREPLY\n\1\0\0\0\1\0\0\0'
	for i in $(seq 300); do
		! grep -aqs 'modprobe vboxsf' stream || break
		sleep 0.1
	done
	printf 'SFREPLY\n\1\0\0\0\2\0\0\0'
} |
	"$sftrace" agent --stdio -- touch ran 2>err >stream || status=$?
cat err
[ "$status" = 1 ] && grep -q 'modprobe vboxsf' err && grep -aq agent.error stream &&
	grep -aq 'modprobe vboxsf' stream && [ ! -e ran ]
GUEST

# A whole mount's life, recorded by the guest alone.
cat >"$bin/agent_test.alone" <<'GUEST'
sftrace=$1 type=$2 map_file=$3
set -e
cd /tmp
umount /mnt/work
"$sftrace" agent --payload -o /tmp/alone.spool -- sh -ec '
	mount -i -t "$1" work /mnt/work
	cd /mnt/work
	dd if=/dev/urandom of=data bs=4k count=20
	dd if=data of=/dev/null bs=4k
	dd if=data of=/dev/null bs=4k
	dd if=/dev/urandom of=wide bs=4M count=2
	dd if=wide of=/dev/null bs=4M
	dd if=/dev/zero of=/tmp/elsewhere bs=4k count=3 conv=fsync
	"$2" /tmp/elsewhere
	"$2" data
	[ "$(head -c 2 data)" = MM ]
	mkdir d
	mv data d/moved
	sync d/moved
	ls d
	cd /
	umount /mnt/work' sh "$type" "$map_file" 2>/dev/null
mount -i -t "$type" work /mnt/work
cp /tmp/alone.spool /mnt/work
"$sftrace" doctor >/mnt/work/doctor
GUEST
trap 'rm -rf "$scratch" "$bin"/agent_test.*' EXIT
cc -O1 -Wall -Wextra -Werror -o "$bin/agent_test.map_file" "$(dirname "$0")/map_file.c"

"$bin/sf-lab" --guest mainline --share "work=$work" -- bash "$bin/agent_test.guest" "$sftrace" >"$scratch/out" 2>&1 || {
	cat "$scratch/out"
	fail "the tests in the guest did not run to their end"
}
cat "$scratch/out"
! grep -q '^FAIL' "$scratch/out" || fail "see above"
[ "$(grep -c '^ok' "$scratch/out")" = 19 ] || fail "19 checks expected"

"$bin/sf-lab" --guest mainline -- bash "$bin/agent_test.bare" "$sftrace" ||
	fail "without the modules: neither user nor recorder are told what to do"
echo "ok: without the modules"

# merge NAME STATUS: loads a spool of the guest's into $trace.
merge() {
	local status=0
	trace=$scratch/$1.db
	"$sftrace" merge -o "$trace" "$work/$1.spool" >"$scratch/out" 2>&1 || status=$?
	[ "$status" = "$2" ] || {
		sqlite3 -header "$trace" 'select * from losses' >&2
		fail "merge $1.spool: status $2 expected, got $status: $(cat "$scratch/out")"
	}
}

merge payload 0
expect "all calls are the guest's and complete" 0 \
	"select count(*) from calls where side <> 'guest' or complete <> 1"
expect "writes" '100|409600' \
	"select count(*), sum(count_out) from calls where fn_name = 'SHFL_FN_WRITE' and path = '/data'"
expect "reads" '100|409600' \
	"select count(*), sum(count_out) from calls where fn_name = 'SHFL_FN_READ' and path = '/data'"
expect "a rename's two paths" '/data|/d/moved' "
	select group_concat(cast(substr(data, 5, length(data) - 5) as text), '|')
	from (select idx, data from calls join params using (call_id)
	      join payloads on payload_id = payload_in
	      where fn_name = 'SHFL_FN_RENAME' order by idx)"
for name in WRITE:in READ:out; do
	sqlite3 "$trace" "
		select hex(data) from calls join params using (call_id)
		join payloads on payload_id = payload_${name#*:}
		where fn_name = 'SHFL_FN_${name%:*}' and name = 'data' order by offset" |
		tr -d '\n' | basenc --base16 -d | cmp - "$work/d/moved" ||
		fail "payload of ${name%:*} differs from the file"
done
for hop in generic_file_write_iter vboxsf_write_end vboxsf_write vboxsf_call vbg_hgcm_call vbg_hgcm_do_call vbg_req_perform; do
	expect "writes that crossed $hop" 100 "
		select count(*) from spans join calls using (call_id)
		where fn_name = 'SHFL_FN_WRITE' and hop = '$hop' and exit_ns is not null and n = 1"
done
expect "spans of a write, nested" '0|1|2|3|4|5|6' "
	select group_concat(depth, '|') from (select depth from spans
	where call_id = (select min(call_id) from calls where fn_name = 'SHFL_FN_WRITE') order by depth)"
expect "inner hops lie within outer ones" 0 "
	select count(*) from spans i join spans o using (call_id) join calls using (call_id)
	where fn_name = 'SHFL_FN_WRITE' and i.depth = o.depth + 1
	and (i.enter_ns < o.enter_ns or i.exit_ns > o.exit_ns)"
expect "an op of two calls" '2' \
	"select calls from ops where name = 'vboxsf_dir_mkdir'"
expect "calls of ops are counted" 0 "
	select count(*) from ops o where calls <> (select count(*) from calls c where c.op_id = o.op_id)"
expect "an op without a call" 1 "select count(*) > 0 from ops where calls = 0"
expect "no loss" 0 "select count(*) from losses where n > 0"

for name in signal command stopped interrupt; do
	merge $name 0
done

# Snapshots of calls that ended later have been replaced.
merge flight 0
expect "calls that are listed twice" 0 \
	"select count(*) from (select guest_start_ns, tid from calls where fn_name = 'SHFL_FN_WRITE'
	 group by 1, 2 having count(*) > 1)"
expect "unfinished" 0 "select count(*) from unfinished"

# perf's own return probes would miss most of these.
merge threads 0
expect "writes of 40 threads, all complete" '2000|1' \
	"select count(*), min(complete) from calls where fn_name = 'SHFL_FN_WRITE'"

merge killed 4
merge after 0

merge small 4
expect "the loss is counted" 1 "select sum(n) > 0 from losses where reason like '%ring%'"
expect "what was recorded is in order" 0 "
	select count(*) from spans where hop = 'generic_file_write_iter' and depth <> 0"

# alone GUEST TYPE: recorded by a guest alone, with that driver; the trace is $trace.
alone() {
	rm -rf "$work" "$scratch/alone.db"
	mkdir "$work"
	"$bin/sf-lab" --guest "$1" --share "work=$work:symlinks" -- \
		bash "$bin/agent_test.alone" "$sftrace" "$2" "$bin/agent_test.map_file" ||
		fail "$1: the commands in the guest failed"
	sed -n "/^Guest, profile $1\$/,/^\$/p" "$work/doctor" >"$scratch/doctor"
	[ "$(grep -c '0x[0-9a-f]* *0f 1f 44 00 00  ftrace, ' "$scratch/doctor")" -gt 50 ] ||
		fail "$1: the doctor does not list the guest's hops: $(cat "$work/doctor")"
	! grep 'no such symbol' "$scratch/doctor" || fail "$1: hops that this guest does not have"
	merge alone 0
	expect "$1: all calls are the guest's and complete" 0 \
		"select count(*) from calls where side <> 'guest' or complete <> 1"
	sqlite3 "$trace" "
		select hex(data) from calls join params using (call_id)
		join payloads on payload_id = payload_out
		where fn_name = 'SHFL_FN_READ' and path = '/wide' and name = 'data' order by offset" |
		tr -d '\n' | basenc --base16 -d | cmp - "$work/wide" ||
		fail "$1: what was read differs from the file"
	"$sftrace" replay "$trace" | tee "$scratch/replayed"
	grep -q 'all as recorded' "$scratch/replayed" || fail "$1: the guest's trace does not replay"
	expect "$1: operations on other file systems" 0 \
		"select count(*) from ops where path like '%elsewhere%'"
	expect "$1: operations whose file is not known" 0 "
		select count(*) from ops where path is null and calls = 0 and name <> 'do_writepages'"
}

# op NAME PATH: how many calls each of these operations made.
op() {
	sqlite3 "$trace" "select group_concat(calls, ' ') from (
		select calls from ops where name = '$1' and path = '$2' order by op_id)"
}

op_is() {
	[ "$(op "$1" "$2")" = "$3" ] || fail "calls of $1 on $2: '$3' expected, got '$(op "$1" "$2")'"
	echo "ok: calls of $1 on $2: $3"
}

# With Linux's own driver neither msync nor fsync reaches the host: operations without calls.
alone mainline vboxsf
grep -q '^  vbg_req_perform .* inlined in vbg_hgcm_do_call: at its port write' "$scratch/doctor" ||
	fail "the doctor does not say that a hop is inlined"
op_is vboxsf_file_mmap /data 0
op_is __x64_sys_msync /data 0
op_is fault_dirty_shared_page /data 0
op_is __x64_sys_munmap /data 1
op_is vfs_fsync_range /d/moved 0
# mv asks for RENAME_NOREPLACE first, which that driver does not know.
op_is vboxsf_dir_rename /data '0 1'
expect "reads from the cache" 1 "
	select count(*) > 0 from ops
	where name = 'generic_file_read_iter' and path = '/data' and calls = 0 and ret > 0"
expect "a large write is one operation of many calls" '1024 1024' "$(
	echo "select group_concat(calls, ' ') from ops"
	echo "where name = 'generic_file_write_iter' and path = '/wide'"
)"

alone sf sf
op_is sf_file_mmap /data 0
expect "an msync and a munmap that reach the host" '2|1' "
	select (select calls from ops where name = '__x64_sys_msync' and path = '/data'),
		(select calls from ops where name = '__x64_sys_munmap' and path = '/data')"
expect "an fsync that reaches the host" 1 "
	select count(*) from calls join ops using (op_id)
	where ops.name = 'vfs_fsync_range' and ops.path = '/d/moved' and fn_name = 'SHFL_FN_FLUSH'"
op_is sf_rename /data 1
expect "reads from the cache" 1 "
	select count(*) > 0 from ops
	where name = 'sf_file_read_iter' and path = '/data' and calls = 0 and ret > 0"
expect "a connection that begins and ends" 'connect|disconnect' \
	"select group_concat(event, '|') from (select event from control order by call_id)"
expect "of the client that makes the calls" 1 \
	"select count(distinct client) from (select client from calls union select client from control)"

# The recorder takes an agent's stream from a command's standard output.
calls=$(sqlite3 "$trace" "select count(*) from calls")
trace=$scratch/exec.db
"$sftrace" record --side guest --guest "exec:cat '$work/alone.spool'" -o "$trace" -- true 2>"$scratch/err"
cat "$scratch/err"
expect "calls from an agent that a command runs" "$calls" "select count(*) from calls where complete"
events=$(sqlite3 "$trace" "select count(*) from control")
grep -q ": $((calls + events)) calls and control events, 0 unfinished" "$scratch/err" ||
	fail "it does not count the guest's calls"
grep -Eq "no calls|only" "$scratch/err" && fail "it misses calls of a side that was not asked for"
# A host process that is not that guest's.
status=0
"$sftrace" record --guest "exec:cat '$work/alone.spool'" -o "$scratch/strangers.db" -- \
	"$BUILD_DIR/tests/sf-drive" --service "$BUILD_DIR/lib/sfservice.so" --share "work=$work" \
	write 5 512 >/dev/null 2>"$scratch/err" || status=$?
cat "$scratch/err"
[ $status != 1 ] || fail "the recording failed"
grep -Eq "calls were seen by the guest only, [0-9]+ by the host only" "$scratch/err" ||
	fail "it does not say that the sides saw different calls"
status=0
"$sftrace" record --side guest --guest 'exec:echo Permission denied >&2; exit 255' \
	-o "$scratch/none.db" -- true 2>"$scratch/err" || status=$?
cat "$scratch/err"
[ $status = 4 ] || fail "without an agent the status is 4, got $status"
grep -q 'the command ended before a recording began' "$scratch/err" ||
	fail "it does not say that the agent's command failed"
pass
