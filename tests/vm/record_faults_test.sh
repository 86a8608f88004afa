#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Recording under load and under misfortune: full speed, signals at random moments, a full disk,
# two recorders, a service that is replaced. The driver writes at offsets 0, 1, 2 ...: so calls
# that are missing between two others show. SFTRACE_SOAK=1: longer, and more often.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

drive=$BUILD_DIR/tests/sf-drive
service=$BUILD_DIR/lib/sfservice.so
share=$scratch/share
trace=$scratch/t.db
runs=20 seconds=5
[ -z "${SFTRACE_SOAK:-}" ] || runs=200 seconds=60
seed=${SFTRACE_SEED:-$RANDOM}
RANDOM=$seed
echo "SFTRACE_SEED=$seed"
mkdir "$share"
cd "$scratch"
cheap=(--no-syscalls --snaplen 0)

spin() { # SECONDS SERVICE
	exec "$drive" --service "$2" --share "work=$share" spin "$1" 512
}

# merge SPOOL: as after a recorder that was interrupted.
merge() {
	local status=0
	rm -f "$trace"
	"$bin/sftrace" merge -o "$trace" "$1" 2>err || status=$?
	[ "$status" = 4 ] || fail "merge of half a recording: exit status 4, got $status: $(cat err)"
}

# The WRITEs in the trace, of each process, follow each other without a gap.
check_no_gap() {
	[ "$(sqlite3 "$trace" "pragma integrity_check")" = ok ] || fail "$1: the trace is damaged"
	[ "$(sqlite3 "$trace" "select coalesce(sum(n <> last - first + 1), 0) from
		(select count(*) as n, min(offset) as first, max(offset) as last from calls
		where fn_name = 'SHFL_FN_WRITE' and complete group by pid)")" = 0 ] ||
		fail "$1: calls are missing between others"
}

writes() {
	sqlite3 "$trace" "select count(*) from calls where fn_name = 'SHFL_FN_WRITE' and complete"
}

echo "== full speed for $seconds s, parameters only, default buffer"
"$bin/sftrace" record -o "$trace" "${cheap[@]}" -- \
	"$drive" --service "$service" --share "work=$share" spin "$seconds" 512 >out 2>err || {
	cat err >&2
	fail "something was lost at full speed"
}
made=$(awk '$1 == "WRITE" { print $2 }' out)
expect "calls" "$made" "select count(*) from calls where fn_name = 'SHFL_FN_WRITE' and complete"
expect "losses" 0 "select count(*) from losses where n > 0"
check_no_gap "full speed"

echo "== $runs signals at random moments"
loaded=0
(spin $((runs * 5 + 60)) "$service") >/dev/null &
driver=$!
trap 'kill "$driver" 2>/dev/null || true; rm -rf "$scratch"' EXIT
signals=(INT TERM KILL)
# env: what a script starts in the background ignores SIGINT.
for ((run = 0; run < runs; run++)); do
	signal=${signals[RANDOM % 3]}
	rm -f "$trace"*
	env --default-signal=INT "$bin/sftrace" record -o "$trace" "${cheap[@]}" 2>err &
	recorder=$!
	sleep "$(printf '%d.%03d' $((RANDOM % 2)) $((RANDOM % 1000)))"
	kill -"$signal" "$recorder"
	status=0
	wait "$recorder" || status=$?
	case $status in
	0 | 4) [ ! -e "$trace.host.spool" ] || fail "$signal: a spool was left" ;;
	137 | 130 | 143) # before it began to record, INT and TERM end it at once
		[ "$status" = 137 ] || ! grep -q "recording" err || fail "$signal: not in good order"
		[ -s "$trace.host.spool" ] || continue
		cp "$trace.host.spool" left.spool
		merge left.spool
		;;
	*) fail "$signal: exit status $status: $(cat err)" ;;
	esac
	check_no_gap "$signal"
	loaded=$((loaded + ($(writes) > 0)))
done
[ "$loaded" -gt $((runs / 8)) ] || fail "only $loaded of $runs runs recorded anything"
echo "ok: $loaded of $runs runs recorded calls, none with a gap"

echo "== two recorders at once"
rm -f "$trace"*
"$bin/sftrace" record -o other.db "${cheap[@]}" 2>other.err &
other=$!
"$bin/sftrace" record -o "$trace" "${cheap[@]}" 2>err &
recorder=$!
until grep -q "recording" err && grep -q "recording" other.err; do sleep 0.05; done
sleep 0.5
kill -TERM "$recorder"
wait "$recorder" || fail "the first recorder: exit status $?: $(cat err)"
check_no_gap "one of two recorders"
[ "$(writes)" -gt 0 ] || fail "one of two recorders saw nothing"
kill -TERM "$other"
wait "$other" || fail "the second recorder: exit status $?: $(cat other.err)"
trace=other.db check_no_gap "the other of two recorders"
echo "ok: two recorders"

echo "== a full disk at random points"
mkdir full
for ((run = 0; run < 3; run++)); do
	size=$((RANDOM % 3000 + 700)) # an empty trace takes 170
	mount -t tmpfs -o size=${size}k none full 2>/dev/null || break
	status=0
	rm -f left.spool
	"$bin/sftrace" record -o full/t.db "${cheap[@]}" -- \
		"$drive" --service "$service" --share "work=$share" spin 1 512 >out 2>err || status=$?
	cp full/t.db.host.spool left.spool
	umount full
	[ "$status" = 1 ] || [ "$status" = 4 ] || fail "$size KiB: exit status $status"
	grep -q "No space left on device" err || fail "$size KiB: nobody says that the disk is full"
	merge left.spool
	check_no_gap "$size KiB"
	[ "$(writes)" -gt 100 ] || fail "$size KiB: only $(writes) calls"
	echo "ok: $(writes) calls on $size KiB"
done
kill "$driver"
wait "$driver" || true

echo "== the service is replaced while recording"
rm -f "$trace"*
cp "$service" upgraded.so
"$bin/sftrace" record -o "$trace" --service upgraded.so "${cheap[@]}" 2>err &
recorder=$!
until grep -q "recording" err; do sleep 0.05; done
(spin 1 upgraded.so) >out
cp "$service" new.so
mv new.so upgraded.so
(spin 1 upgraded.so) >/dev/null
kill -TERM "$recorder"
status=0
wait "$recorder" || status=$?
[ "$status" = 4 ] || fail "a replaced service: exit status 4, got $status"
grep -q "the service's file was replaced" err || fail "nobody says that the service was replaced"
[ "$(writes)" = "$(awk '$1 == "WRITE" { print $2 }' out)" ] || fail "calls to the first are missing"
echo "ok: a replaced service"
pass
