#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From spools to a trace, with the programs: two processes in one recording, spools merged later,
# loads that are killed and done again.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

drive=$BUILD_DIR/tests/sf-drive
service=$BUILD_DIR/lib/sfservice.so
trace=$scratch/t.db
cd "$scratch"
mkdir a b

# What a trace says, in all of its views, and what it knows besides.
tell() {
	local view
	for view in calls spans ops params payloads control shares clients hop_latency \
		function_latency errors slowest files open_handles unfinished losses loss_places clock; do
		echo "== $view"
		sqlite3 "$1" "select * from $view"
	done
	echo "== meta"
	sqlite3 "$1" "select * from meta"
}

same() { # WHAT TRACE
	tell "$2" >other.txt
	cmp -s live.txt other.txt || {
		diff live.txt other.txt | head -20 >&2
		fail "$1: not what the recording gave"
	}
	echo "ok: $1: all views are the same"
}

# Keeps a second name of the spools of a recording, which it removes itself.
keep_spools() {
	local side
	for side in host guest; do
		[ ! -e "$trace.$side.spool" ] || ln -f "$trace.$side.spool" "$side.spool"
	done
}

echo "== two processes in one recording"
cat >both.sh <<-END
	"$drive" --service "$service" --share work=$scratch/a mix write 300 4096 &
	"$drive" --service "$service" --share work=$scratch/b write 2000 512
	wait
	ln -f "$trace.host.spool" host.spool
END
"$bin/sftrace" record -o "$trace" -- bash both.sh >/dev/null
expect "processes" 2 "select count(distinct process) from calls"
expect "clients of the same number" 2 "select count(*) from clients where client =
	(select client from clients limit 1)"
expect "each client's calls" 0 "select count(*) from clients k where calls <>
	(select count(*) from calls c where c.client = k.client and c.process = k.process)"
expect "shares of one name" "2|2" "select count(*), count(distinct path) from shares"
expect "calls on the other process's share" 0 "select count(*) from calls c join shares s
	on s.name = c.share and s.process = c.process
	where s.path = '$scratch/b' and c.path = '/dir'"
expect "writes of 512 bytes" "1|2000" "select count(distinct process), count(*) from calls
	where fn_name = 'SHFL_FN_WRITE' and count_in = 512"
expect "the end of a listing among the errors" 0 "select count(*) from errors
	where fn_name = 'SHFL_FN_LIST'"
expect "what failed" 1 "select sum(failed) from calls"
tell "$trace" >live.txt

echo "== the same, merged from its spool"
"$bin/sftrace" merge -o merged.db host.spool
same "merged" merged.db

ln host.spool again.spool
for twice in host.spool ./host.spool again.spool; do
	status=0
	"$bin/sftrace" merge -o twice.db host.spool "$twice" 2>err || status=$?
	[ "$status" = 2 ] || fail "the same spool twice: exit status 2, got $status"
	says "the same spool twice: $twice"
	[ ! -e twice.db ] || fail "a trace was made of the same spool twice"
done
rm again.spool

echo "== loads that are killed"
runs=10
[ -z "${SFTRACE_SOAK:-}" ] || runs=100
took=$( { TIMEFORMAT=%R && time "$bin/sftrace" merge -o timed.db host.spool; } 2>&1)
killed=0
for ((i = 0; i < runs; i++)); do
	"$bin/sftrace" merge -o again.db host.spool &
	sleep "$(awk -v t="$took" -v r="$RANDOM" 'BEGIN { printf "%.4f", t * r / 32768 }')"
	if kill -9 $! 2>/dev/null; then
		killed=$((killed + 1))
	fi
	wait $! 2>/dev/null || true
	if [ -s again.db ] && "$bin/sftrace" info again.db >/dev/null 2>err; then
		rm again.db # it was faster
		continue
	fi
	"$bin/sftrace" merge -o again.db host.spool
	same "loaded again after $i" again.db >/dev/null
	rm -f again.db*
done
[ "$killed" -gt 0 ] || fail "none of $runs loads could be killed"
echo "ok: $killed of $runs loads killed, all of them done again"

echo "== a guest and its host"
rm -f "$trace"* ./*.spool
keep_spools_soon() {
	while [ ! -e stop ]; do
		keep_spools
		sleep 0.2
	done
}
keep_spools_soon &
keeper=$!
"$bin/sftrace" record -o "$trace" -- "$bin/sf-lab" --guest mainline --share "work=$scratch/a" -- \
	sh -c 'echo a >a.txt; cat a.txt; mkdir d; ls -l; dd if=/dev/zero of=z bs=4k count=50; rm a.txt' \
	>/dev/null 2>err || fail "recording a guest: $(cat err)"
touch stop
wait $keeper
expect "sides of calls" both "select group_concat(distinct side) from calls"
tell "$trace" >live.txt
"$bin/sftrace" merge -o merged.db.2 guest.spool host.spool
same "guest and host merged" merged.db.2
pass
