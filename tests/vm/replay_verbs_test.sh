#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The verbs around replay, on a recorded trace: image rebuilds what was there, test judges every
# trace of a directory, also when the service crashes or hangs.
# usage: replay_verbs_test.sh TRACE
set -euo pipefail
trace=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
[ -s "$trace" ] || skip "there is no trace: guest_test did not make it"

export TMPDIR=$scratch/tmp
mkdir "$TMPDIR"
export SF_TEST_REAL_SERVICE=$BUILD_DIR/lib/sfservice.so
odd_service=$BUILD_DIR/lib/test-services/sleep_service.so

# gives STATUS ARGUMENT...: sftrace's exit status, and its output in $scratch/out.
gives() {
	local wanted=$1 got=0
	shift
	"$bin/sftrace" "$@" >"$scratch/out" 2>&1 || got=$?
	[ "$got" = "$wanted" ] || {
		cat "$scratch/out"
		fail "sftrace $*: exit status $got, not $wanted"
	}
}

# says PATTERN: it is in the output that gives left.
says() {
	grep -q -- "$1" "$scratch/out" || {
		cat "$scratch/out"
		fail "'$1' is not said"
	}
	echo "ok: $1"
}

# The state before a call is what a replay up to it leaves, as far as it was looked at later.
written=$(sqlite3 "$trace" "select path from files where bytes_written > 0 and opens > 0 limit 1")
gives 0 image "$trace" "$scratch/before"
says '^directory ".*": '
[ "$(find "$scratch/before" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] || fail "not one share is there"
[ ! -e "$(echo "$scratch"/before/*)$written" ] || fail "what the trace made was there before it"
gives 1 image "$trace" "$scratch/before"
says "not empty"
rm -r "$scratch"/before/*
touch "$scratch/before/mine"
gives 0 image -f --json "$trace" "$scratch/before"
[ -e "$scratch/before/mine" ] || fail "image -f removed a file"
sqlite3 :memory: "select json_array_length(readfile('$scratch/out'), '\$.shares')" | grep -qx 1 ||
	fail "image --json: $(cat "$scratch/out")"
gives 1 image -f "$trace" "$scratch/before"
says "in $scratch/before: $scratch/before/0-[a-z]*: File exists"
[ -e "$scratch/before/mine" ] || fail "image -f removed a file when it failed"
gives 2 image "$trace"
gives 1 image /dev/null "$scratch/none"

later=$(sqlite3 "$trace" "select call_id from calls where fn_name = 'SHFL_FN_WRITE' limit 1 offset 20")

gives 0 image "$trace" "$scratch/then"

# A directory of traces: as recorded, changed, changed and known, one that is none.
tests=$scratch/tests
mkdir "$tests"
cp "$trace" "$tests/a.db"
echo "A guest at work # & more" >"$tests/a.txt"
gives 0 test "$tests"
says '^1..1$'
says '^ok 1 - a: A guest at work \\# & more$'
# Compressed it is the same test, and nothing writes over it.
xz -1 "$tests/a.db"
gives 0 test "$tests"
says '^ok 1 - a: A guest at work \\# & more$'
cp "$tests/a.db.xz" "$scratch/compressed"
gives 1 cut -f -o "$tests/a.db.xz" "$trace"
says 'is no trace (uncompressed), and -f replaces only such'
gives 1 record -f -o "$tests/a.db.xz" -- true
says 'is no trace (uncompressed), and -f replaces only such'
cmp "$tests/a.db.xz" "$scratch/compressed" || fail "a compressed trace was written over"
xz -d "$tests/a.db.xz"
cp "$trace" "$tests/b.db"
sqlite3 "$tests/b.db" "update call set status = -38 where call_id = $later"
gives 3 test "$tests"
says "^not ok 2 - b: call $later, SHFL_FN_WRITE .*: status: expected VERR_ACCESS_DENIED, got VINF_SUCCESS"
printf 'Differs\ndiverges: %s status\n' "$later" >"$tests/b.txt"
gives 0 test "$tests"
says '^ok 2 - b: Differs (known divergences: 1)'
printf 'Differs\ndiverges: %s data\n' "$later" >"$tests/b.txt"
gives 3 test "$tests"
printf 'Differs\ncompare: -status\n' >"$tests/b.txt"
gives 0 test "$tests"
printf 'Differs\ncompare: -status\ndiverges: %s\n' "$later" >"$tests/b.txt"
gives 3 test "$tests"
says 'named as known'
printf 'Differs\ncompare: nonsense\n' >"$tests/b.txt"
gives 1 test "$tests"
says '^ok 1 - a: '
says '^not ok 2 - b: Differs: line 2 of .*b.txt makes no sense: compare: nonsense'
for line in 'diverge: 1 status' 'foo:'; do
	printf 'Differs\n%s\ncompare: -status\n' "$line" >"$tests/b.txt"
	gives 1 test "$tests"
	says '^ok 1 - a: '
	says "^not ok 2 - b: Differs: line 2 of .*b.txt has an unknown key: $line"
done
printf 'Differs: so\n\nprose: free\ncompare: -status\n' >"$tests/b.txt"
gives 0 test "$tests"
says '^ok 2 - b: Differs: so$'
rm "$tests/b.txt"
mkdir "$tests/b.txt"
gives 1 test "$tests"
says '^ok 1 - a: '
says '^not ok 2 - b: cannot read .*b.txt: Is a directory'
rmdir "$tests/b.txt"
gives 0 test --help
says '^  descriptors: N '
says '^  disk: SIZE '
printf 'Differs\ncompare: -status\n' >"$tests/b.txt"
cp "$trace" "$tests/c.db"
sqlite3 "$tests/c.db" "update call set duration_ns = null where call_id =
	(select max(call_id) from call)"
gives 4 test "$tests"
says '^not ok 3 - c: as recorded as far as'
echo "incomplete: its end was cut off" >"$tests/c.txt"
gives 0 test "$tests"
head -c 5000 "$trace" >"$tests/d.db"
gives 1 test "$tests"
says '^not ok 4 - d: '
gives 1 test --junit "$tests"
says '<testsuite name="sftrace" tests="4" failures="0" errors="1">'
[ "$(grep -c '^<testcase ' "$scratch/out")" = 4 ] || fail "not one line a test"
rm "$tests/d.db"

# A path that is no UTF-8: the outputs that tools read still are.
cat >"$scratch/latin1.txt" <<'END'
ADD_MAPPING(path="/work", name="work", flags=SHFL_ADD_MAPPING_F_WRITABLE)
connect(client=1, requestor=0x2)
SET_UTF8()
MAP_FOLDER(name="work") = VINF_SUCCESS root=0
CREATE(path="/caf\351", parms={flags=SHFL_CF_LOOKUP}) = VERR_ACCESS_DENIED
END
gives 0 synth -o "$scratch/latin1.db" "$scratch/latin1.txt"
for how in 'replay' 'replay --json' 'replay -v' 'test' 'test --junit'; do
	read -ra words <<<"$how"
	gives 3 "${words[@]}" "$scratch/latin1.db"
	says caf
	iconv -f UTF-8 -t UTF-8 "$scratch/out" >/dev/null || fail "$how: the output is no UTF-8"
done

# At the recorded times, twice as fast.
gives 0 replay --speed 2 --max-sleep 0.01 "$trace"
says '^made later than at the wanted speed: '
gives 2 replay --speed fast "$trace"
gives 2 replay --max-sleep -1 "$trace"
gives 2 replay --max-sleep 1 "$trace"
says "needs --speed"

# Real files are used when they are asked for by name, and only then.
cp -a "$scratch/then" "$scratch/real"
real=$scratch/real/0-work
share=$(sqlite3 "$trace" "select name from shares limit 1")
echo untouched >"$scratch/real/beside"
gives 0 replay --onto "$share=$real" "$trace"
[ -n "$(ls -A "$real")" ] || fail "replay --onto did nothing there"
[ "$(cat "$scratch/real/beside")" = untouched ] || fail "replay --onto changed another file"
gives 3 replay --onto "$share=$real" "$trace"
rm -r "$real"
mkdir "$real"
gives 2 replay --onto "another=$real" "$trace"
says "has no share another, but \"$share\""
[ -z "$(ls -A "$real")" ] || fail "another share's directory was changed"
gives 1 replay --onto "$share=$scratch/missing" "$trace"
gives 2 replay --onto "$real" "$trace"
gives 2 replay --onto "$share=$real" --against "$SF_TEST_REAL_SERVICE" "$trace"

# Two services side by side: the same, and one that dies or fails.
gives 0 replay --against "$SF_TEST_REAL_SERVICE" "$trace"
says "the same on both services"
gives 0 replay --against "$SF_TEST_REAL_SERVICE" "$tests/b.db"
SF_TEST_FAIL=-38 SF_TEST_SLEEP_FN=6 SF_TEST_SLEEP_NTH=21 gives 3 replay --against "$odd_service" "$trace"
says "the first at call $later: SHFL_FN_WRITE"
says "status: expected VINF_SUCCESS, got VERR_ACCESS_DENIED"
says "^  written 20 times, 81920 bytes, calls "
SF_TEST_CRASH=1 SF_TEST_SLEEP_FN=6 SF_TEST_SLEEP_NTH=21 gives 3 replay --against "$odd_service" "$trace"
says "the first at call $later: SHFL_FN_WRITE"
says "the service: expected it returns, got Segmentation fault"
SF_TEST_CRASH=1 SF_TEST_SLEEP_FN=6 SF_TEST_SLEEP_NTH=21 gives 3 replay --service "$odd_service" \
	--against "$SF_TEST_REAL_SERVICE" --json "$trace"
sqlite3 :memory: "select json_extract(readfile('$scratch/out'), '\$.first.call.call', '\$.first.expected')" |
	grep -qx "\[$later,\"Segmentation fault\"\]" || fail "--against --json: $(cat "$scratch/out")"
gives 1 replay --against "$scratch/none.so" "$trace"
says "cannot read $scratch/none.so"
gives 0 replay --against "$SF_TEST_REAL_SERVICE" --keep --scratch "$scratch/two" "$trace"
diff -r "$scratch/two/first" "$scratch/two/second" || fail "two services left different files"
[ -n "$(ls "$scratch/two/first")" ] || fail "--keep keeps nothing"

# A service that dies or never returns costs one test, and the call is named.
export SF_TEST_SLEEP_FN=6 SF_TEST_SLEEP_NTH=21
SF_TEST_CRASH=1 gives 3 test --service "$odd_service" "$tests"
says "^not ok 1 - a: A guest .*: the service crashed in call $later, SHFL_FN_WRITE .*: Segmentation fault"
gives 3 test --service "$odd_service" --timeout 1 "$tests/a.db"
says "^not ok 1 - a: .*: the service did not return in call $later, SHFL_FN_WRITE"

mkdir "$scratch/none"
gives 1 test "$scratch/none"
gives 1 test "$scratch/missing"
gives 2 test
gives 2 test --jobs 0 "$tests"
[ -z "$(ls -A "$TMPDIR")" ] || fail "something was left behind in TMPDIR"
pass
