#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The flight recorder: what it keeps, when it dumps, that a dump is a trace of its own that says what
# was overwritten before it, and that what explains its calls is in it.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

drive=$BUILD_DIR/tests/sf-drive
sleepy=$BUILD_DIR/tests/sleepy.so
service=$BUILD_DIR/lib/sfservice.so
share=$scratch/share
trace=$scratch/t.1.db
mkdir "$share"
cd "$scratch"

# record STATUS OPTION... -- COMMAND...: a flight recorder of 1 MiB.
record() {
	local expected=$1 status=0
	shift
	rm -f t.*
	"$bin/sftrace" record --ring 1M -o t.db "$@" >out 2>err || status=$?
	[ "$status" = "$expected" ] || {
		cat out err >&2
		fail "record $*: exit status $expected, got $status"
	}
}

drive() {
	echo "$drive --service $service --share work=$share"
}

files() { # EXPECTED: all that the recording left
	[ "$(echo t.*)" = "$1" ] || fail "files: expected $1, got $(echo t.*)"
	echo "ok: files: $1"
}

meta() { # KEY
	sqlite3 "$trace" "select value from meta where key = '$1'"
}

echo "== nothing to dump for"
# shellcheck disable=SC2046
record 0 -- $(drive) write 300 4096 mix
says "0 dumps"
files 't.*'
rm -r "${share:?}"/*

echo "== a failed call"
# shellcheck disable=SC2046
record 0 --dump-on failed -- $(drive) write 2000 4096 mix pause 900 write 300 4096
says "t.1.db: dumped: a call failed;"
says "1 dump"
files t.1.db
expect "state" complete "select value from meta where key = 'state'"
expect "the last call that had ended" "SHFL_FN_CLOSE|VERR_INVALID_HANDLE" "
	select fn_name, status_name from calls where duration_ns is not null order by call_id desc limit 1"
writes=$(sqlite3 "$trace" "select count(*) from calls where fn_name = 'SHFL_FN_WRITE' and count_in = 4096")
((writes > 100 && writes < 256)) || fail "$writes WRITEs of 4 KiB in 1 MiB"
made=$((2 + 3 + 2002 + 16)) # control events, connecting, write, mix
expect "calls held and overwritten" $made "select (select count(*) from calls where complete) +
	(select count(*) from control) +
	(select value from meta where key = 'dump.overwritten_calls')"
expect "the last ones, without a gap" "$((2000 * 4096))|$writes" "
	select max(offset) + 4096, (max(offset) - min(offset)) / 4096 + 1 from calls
	where fn_name = 'SHFL_FN_WRITE' and count_in = 4096"
expect "their payload" "$writes" "
	select count(*) from calls join params using (call_id) join payloads p
	on p.payload_id = payload_in where name = 'data' and p.captured = 4096"
expect "the share of each" work "select group_concat(distinct share) from calls where root is not null"
expect "paths of handles that were opened before" 0 \
	"select count(*) from calls where handle is not null and path is null and status >= 0"
expect "control events" "ADD_MAPPING,connect" \
	"select group_concat(replace(event, 'SHFL_FN_', '')) from control"
expect "losses" 0 "select count(*) from losses"
[ "$(meta dump.reason)" = "a call failed" ] || fail "the trace does not say why it was dumped"
[ "$(meta dump.ring_bytes)" = 1048576 ] || fail "the trace does not say how much was held"
rm -r "${share:?}"/*

echo "== dumps are numbered, and replace nothing"
# shellcheck disable=SC2046
record 0 --dump-on failed -- $(drive) mix pause 1500 write 20 512 call 60
files "t.1.db t.2.db"
expect "failed calls in the first" 1 "select count(*) from calls where status < 0"
trace=t.2.db expect "in the second" "2|2" "select (select count(*) from calls where status < 0),
	(select value from meta where key = 'dump.number')"
rm -r "${share:?}"/*
echo precious >keep
rm t.*
cp keep t.2.db
cp keep t.3.db.host.spool
for expected in t.1.db t.4.db; do
	# shellcheck disable=SC2046
	"$bin/sftrace" record --ring 1M --dump-on failed -o t.db -- $(drive) mix >out 2>err
	says "$expected: dumped"
	rm -r "${share:?}"/*
done
for file in t.2.db t.3.db.host.spool; do
	cmp -s keep $file || fail "$file was replaced"
done

echo "== a slow call"
record 0 --service "$sleepy" --dump-on slower:10ms -- "$drive" --service "$sleepy" call 9 call 3 pause 900
says "dumped: a call was slow"
expect "the slow call is the last" 3 "select fn from calls where complete order by call_id desc limit 1"
record 0 --service "$sleepy" --dump-on slower:10s -- "$drive" --service "$sleepy" call 9 call 3 pause 200
says "0 dumps"
# shellcheck disable=SC2046
record 0 --dump-on slower:1ns -- $(drive) mix
expect "a call that is faster than another's limit" 1 "select count(*) > 0 from calls"
rm -r "${share:?}"/*

echo "== on demand, with a call in flight"
rm -f t.*
"$bin/sftrace" record --ring 1M -o t.db --service "$sleepy" -- \
	"$drive" --service "$sleepy" call 9 call 7 >out 2>err &
recorder=$!
wait_for 20 pgrep -P "$recorder"
sleep 1
kill -USR2 "$recorder"
wait_for 20 grep -q dumped err
says "dumped: SIGUSR2; 0 earlier calls"
expect "what ended and what did not" "9|1,7|0" "
	select group_concat(x) from (select fn || '|' || complete as x from calls where fn < 10
	order by call_id)"
kill -INT "$recorder"
wait "$recorder" || true
files t.1.db
# shellcheck disable=SC2046
record 0 -- sh -c "$(drive) write 50 4096; kill -USR2 \$PPID"
expect "asked for at the very end" 50 "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'"
rm -r "${share:?}"/*

echo "== asked for while another dump waits to be loaded"
# shellcheck disable=SC2046
record 0 --dump-on failed -- sh -c "$(drive) mix; kill -USR2 \$PPID; sleep 2"
says "t.1.db: dumped: a call failed;"
says "t.2.db: dumped: SIGUSR2;"
rm -r "${share:?}"/*

echo "== asked for just before the end"
rm -f t.*
# env: what a script starts in the background ignores SIGINT, which is taken before SIGUSR2.
env --default-signal=INT "$bin/sftrace" record --ring 1M -o t.db 2>err &
recorder=$!
wait_for 20 grep -q recording err
# shellcheck disable=SC2046
$(drive) write 50 4096 >out
kill -STOP "$recorder"
kill -USR2 "$recorder"
kill -INT "$recorder"
kill -CONT "$recorder"
wait "$recorder" || fail "exit status $?"
says "t.1.db: dumped: SIGUSR2;"
expect "what had been held" 50 "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'"
rm -r "${share:?}"/*

echo "== shares and handles that are gone explain nothing"
# shellcheck disable=SC2046
record 0 --dump-on failed -- sh -c "for i in 1 2 3 4 5; do $(drive) write 100 4096; done; $(drive) mix"
expect "clients" 1 "select count(*) < 5 from clients"
expect "all of them are connected, or are seen to go" 0 \
	"select count(*) from clients where inherited"
rm -r "${share:?}"/*

echo "== bad input"
while read -r words; do
	rm -f t.*
	status=0
	# shellcheck disable=SC2086
	"$bin/sftrace" record -o t.db $words -- true 2>err || status=$?
	[ "$status" = 2 ] || fail "$words: exit status 2, got $status"
	files 't.*'
done <<'END'
--ring 0
--ring 100K
--ring 65G
--ring much
--dump-on failed
--dump-on slower:1s
--ring 1M --dump-on always
--ring 1M --dump-on slower:
--ring 1M --dump-on slower:0s
--ring 1M --dump-on slower:5
--ring 1M --dump-on slower
--ring 1M --guest unix:x
--ring 1M -f
END
status=0
"$bin/sftrace" record --ring 1M -o no/such/t.db -- true 2>err || status=$?
[ "$status" = 1 ] || fail "a folder that is not there: exit status 1, got $status"
says "cannot write dumps into no/such: No such file or directory"

echo "== a full disk"
mkdir full
mount -t tmpfs -o size=300k none full 2>/dev/null && {
	status=0
	# shellcheck disable=SC2046
	"$bin/sftrace" record --ring 1M --dump-on failed -o full/t.db -- \
		$(drive) write 1000 4096 mix >out 2>err || status=$?
	umount full
	[ "$status" = 1 ] || fail "a full disk: exit status 1, got $status"
	says "cannot write a dump: No space left on device"
}
pass
