#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Replays a recorded trace: as it is, everything is as recorded; with one byte of payload or one
# status changed, the replay says so and names the call.
# usage: replay_test.sh TRACE
set -euo pipefail
trace=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
[ -s "$trace" ] || skip "there is no trace: guest_test did not make it"

export TMPDIR=$scratch/tmp
mkdir "$TMPDIR"
changed=$scratch/changed.db

# replay_gives STATUS ARGUMENT...: the exit status, and the output in $scratch/out.
replay_gives() {
	local wanted=$1 got=0
	shift
	"$bin/sftrace" replay "$@" >"$scratch/out" 2>&1 || got=$?
	[ "$got" = "$wanted" ] || {
		cat "$scratch/out"
		fail "replay $*: exit status $got, not $wanted"
	}
}

# diverges_at CALL WHAT SQL...: after the change the replay names this call as the first.
diverges_at() {
	cp "$trace" "$changed"
	sqlite3 "$changed" "$3"
	cmp -s "$trace" "$changed" && fail "$2: nothing was changed"
	replay_gives 3 "$changed"
	grep -q "the first at call $1:" "$scratch/out" || {
		cat "$scratch/out"
		fail "$2: another call than $1 is named"
	}
	echo "ok: $2: diverges at call $1"
}

# change_byte PAYLOAD AT: one byte of a payload becomes another.
change_byte() {
	echo "update payload set data = cast(substr(data, 1, $2) ||
		case when substr(data, $2 + 1, 1) = x'5a' then x'a5' else x'5a' end ||
		substr(data, $2 + 2) as blob) where payload_id = $1"
}

replay_gives 0 "$trace"
cat "$scratch/out"
calls=$(sqlite3 "$trace" "select count(*) from calls")
grep -q "^replayed $calls calls .*: all as recorded" "$scratch/out" || fail "not all calls were made"
[ -z "$(ls -A "$TMPDIR")" ] || fail "the replay has left something behind in TMPDIR"

# One payload of each kind: function, parameter, before or after.
sqlite3 "$trace" "
	select fn_name, idx, direction, payload from (
		select fn_name, idx, 'in' as direction, payload_in as payload from params join calls using (call_id)
		union all
		select fn_name, idx, 'out', payload_out from params join calls using (call_id))
	join payloads on payload_id = payload where captured > 0
	group by fn_name, idx, direction" >"$scratch/payloads"
[ -s "$scratch/payloads" ] || fail "the trace has no payload"
while IFS='|' read -r fn idx direction payload; do
	first=$(sqlite3 "$trace" "select min(call_id) from params where $payload in (payload_in, payload_out)")
	length=$(sqlite3 "$trace" "select captured from payloads where payload_id = $payload")
	diverges_at "$first" "$fn, parameter $idx $direction, byte $((length / 2))" \
		"$(change_byte "$payload" $((length / 2)))"
done <"$scratch/payloads"

# The first, middle and last call of each function, with each of two statuses.
sqlite3 "$trace" "
	select call_id, fn_name, status from (
		select call_id, fn_name, status, row_number() over w as nth, count(*) over (partition by fn_name) as n
		from calls window w as (partition by fn_name order by call_id))
	where nth in (1, n / 2, n)" >"$scratch/statuses"
while IFS='|' read -r call fn status; do
	for other in -2 -38; do
		[ "$other" != "$status" ] || continue
		last=$call
		diverges_at "$call" "$fn with status $other" \
			"update call set status = $other where call_id = $call"
	done
done <"$scratch/statuses"

# What a tool reads.
replay_gives 0 --json "$trace"
[ "$(sqlite3 :memory: "select json_valid(readfile('$scratch/out')), json_extract(readfile('$scratch/out'), '\$.calls')")" = "1|$calls" ] ||
	fail "--json: $(cat "$scratch/out")"
replay_gives 3 --json "$changed"
sqlite3 :memory: "select json_extract(readfile('$scratch/out'), '\$.first.call.call')" |
	grep -qx "$last" || fail "--json does not name the call: $(cat "$scratch/out")"

# Stopping early, with the files left to look at.
replay_gives 0 --to "$((calls / 2))" --keep --scratch "$scratch/kept" "$trace"
[ -n "$(ls "$scratch/kept")" ] || fail "--keep keeps nothing"
replay_gives 1 --scratch "$scratch/kept" "$trace"
grep -q "not empty" "$scratch/out" || fail "a directory in use: $(cat "$scratch/out")"

# What was cut on purpose is no divergence, and neither is a trace without calls.
drive=$BUILD_DIR/tests/sf-drive
if [ "$(id -u)" = 0 ] && "$bin/sftrace" doctor >"$scratch/out" 2>&1; then
	share=$scratch/share
	mkdir "$share"
	"$bin/sftrace" record --snaplen 100 -o "$scratch/cut.db" -- "$drive" \
		--service "$BUILD_DIR/lib/sfservice.so" --share "work=$share" \
		mix write 20 4096 pages 9000 >/dev/null 2>&1 || fail "cannot record with --snaplen"
	cut=$(sqlite3 "$scratch/cut.db" "select count(*) from calls join params using (call_id)
		join payloads on payload_id = payload_in
		where fn_name = 'SHFL_FN_WRITE' and name = 'data' and captured < payloads.length")
	[ "$cut" -gt 20 ] || fail "only $cut payloads were cut"
	replay_gives 4 "$scratch/cut.db"
	grep -q "as recorded as far as the trace goes" "$scratch/out" || fail "$(cat "$scratch/out")"
	grep -q "^made with zeroes: $cut writes" "$scratch/out" || fail "$(cat "$scratch/out")"
	cp "$scratch/cut.db" "$changed"
	sqlite3 "$changed" "update call set status = -2 where call_id =
		(select max(call_id) from calls where fn_name = 'SHFL_FN_WRITE')"
	replay_gives 3 "$changed"
	"$bin/sftrace" record -o "$scratch/none.db" -- true >/dev/null 2>&1 || true
	replay_gives 0 "$scratch/none.db"
	grep -q "nothing to replay" "$scratch/out" || fail "no calls: $(cat "$scratch/out")"
	echo "ok: $cut cut payloads are no divergence"
else
	echo "left out: recording with --snaplen, which needs root and uprobes"
fi
replay_gives 0 --help
grep -q "^Examples:" "$scratch/out" || fail "no examples in --help"

# Bad input.
replay_gives 2
replay_gives 2 --to never "$trace"
replay_gives 2 --compare nonsense "$trace"
replay_gives 1 "$scratch/nothing"
replay_gives 1 "$0"
grep -q "is not a trace" "$scratch/out" || fail "a file that is no trace: $(cat "$scratch/out")"
replay_gives 1 --service "$scratch/nothing.so" "$trace"
grep -q "nothing.so" "$scratch/out" || fail "no such service: $(cat "$scratch/out")"
replay_gives 1 --service "$trace" "$trace"
cp "$trace" "$changed"
sqlite3 "$changed" "pragma user_version = 99"
replay_gives 1 "$changed"
grep -q "schema 99" "$scratch/out" || fail "a newer schema: $(cat "$scratch/out")"
head -c 40960 "$trace" >"$changed"
replay_gives 1 "$changed"
[ -z "$(ls -A "$TMPDIR")" ] || fail "something was left behind in TMPDIR"
pass
