#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cut, redact, synth, diff and reduce: on a guest's recording, on the collection, and on a directory
# of 50 000 entries. What they write can be printed, reported on and replayed.
# usage: trace_verbs_test.sh TRACE
set -euo pipefail
trace=$1
cd "$(dirname "$0")/../.."
# shellcheck source=lib.sh
. tests/vm/lib.sh
[ -s "$trace" ] || skip "there is no trace: guest_test did not make it"
out=$scratch/out.db
export TMPDIR=$scratch/tmp
mkdir "$TMPDIR"

# gives STATUS VERB ARGUMENT...: the exit status; what it says is in $scratch/said.
gives() {
	local wanted=$1 got=0
	shift
	"$bin/sftrace" "$@" >"$scratch/said" 2>&1 || got=$?
	[ "$got" = "$wanted" ] || {
		head -50 "$scratch/said"
		fail "$*: exit status $got, not $wanted"
	}
}

says() {
	grep -q -- "$1" "$scratch/said" || {
		head -50 "$scratch/said"
		fail "it does not say '$1'"
	}
}

# readable STATUS: the new trace is a trace like any other; replaying it gives STATUS.
readable() {
	for verb in print report info; do gives 0 $verb "$out"; done
	gives "$1" replay "$out"
}

calls() { sqlite3 "$1" 'select count(*) from calls'; }

# cut
all=$(calls "$trace")
half=$(sqlite3 "$trace" "select printf('%.3f', (start_ns - (select value from meta where key = 'first_ns')) / 1e9)
	from calls order by call_id limit 1 offset $((all / 2))")
for choice in '--calls 100..200' '--calls 1000..' '--calls ..50' '-P /dir' '--path /big' '--client 1' \
	"--time 0..$half" '--calls 30.. -P /dir/f5' '-P /big --only'; do
	read -ra options <<<"$choice"
	gives 0 cut "${options[@]}" -f -o "$out" "$trace"
	readable 0
	[ "$(calls "$out")" -gt 5 ] || fail "cut $choice leaves $(calls "$out") calls"
done
gives 0 cut -P /dir -f -o "$out" "$trace"
[ "$(calls "$out")" -lt $((all / 2)) ] || fail "cut -P leaves $(calls "$out") of $all calls"
[ "$(sqlite3 "$out" "select count(*) from calls where path = '/big'")" = 0 ] || fail "cut -P /dir leaves /big"
[ "$(sqlite3 "$out" "select count(*) > 0 from spans where hop = 'vbsfCreate'")" = 1 ] || fail "cut loses spans"
[ "$(sqlite3 "$out" "select count(*) > 0 from ops")" = 1 ] || fail "cut loses operations"
gives 2 cut -P /dir "$trace"
gives 2 cut --calls 9..3 -o "$out" "$trace"
gives 2 cut --time now -o "$out" "$trace"
gives 0 cut -P /nowhere -f -o "$out" "$trace"
says "$out is empty"
gives 1 cut -o "$out" "$trace"
says "exists"
gives 1 cut -f -o "$trace" "$trace"
says "is the trace that is read"
echo precious >"$scratch/precious"
gives 1 cut -f -o "$scratch/precious" "$trace"
[ "$(cat "$scratch/precious")" = precious ] || fail "cut -f has replaced a file that is no trace"
echo "ok: cut"

# redact
head -c 32 /dev/urandom >"$scratch/key"
for data in drop hash; do
	gives 0 redact --data $data --key-file "$scratch/key" -f -o "$out" "$trace"
	readable 4
	says "as recorded as far as the trace goes"
	if grep -aqE 'renamed|mainline_secret|/tmp/|urandom|f[1-5]"' "$out" ||
		strings -el "$out" | grep -q '/tmp'; then
		fail "redact --data $data leaves names"
	fi
done
[ "$(sqlite3 "$out" "select count(*) from payloads where captured = 16 and length > 16")" -gt 100 ] ||
	fail "--data hash leaves no hashes"
cp "$out" "$scratch/first.db"
gives 0 redact --data hash --key-file "$scratch/key" -f -o "$out" "$trace"
gives 4 diff "$scratch/first.db" "$out"
gives 0 redact -f -o "$out" "$trace"
[ "$(sqlite3 "$out" "select group_concat(path) from files")" != \
	"$(sqlite3 "$scratch/first.db" "select group_concat(path) from files")" ] || fail "another key, the same names"
[ "$(sqlite3 "$out" "select count(*), max(length(path)), sum(path like '%/%/%') from files")" = \
	"$(sqlite3 "$trace" "select count(*), max(length(path)), sum(path like '%/%/%') from files")" ] ||
	fail "redact changes lengths or depths"
echo short >"$scratch/key"
gives 1 redact --key-file "$scratch/key" -f -o "$out" "$trace"
says "is no key: it has less than 16 bytes"
gives 1 redact --key-file "$scratch/nokey" -f -o "$out" "$trace"
says "cannot read the key $scratch/nokey: No such file"
gives 1 redact --key-file "$scratch" -f -o "$out" "$trace"
says "cannot read the key $scratch: Is a directory"
gives 2 redact --data some -o "$out" "$trace"
gives 0 info "$trace"
says '^began 20[0-9][0-9]-.* long$'
gives 0 info "$out"
says '^[0-9.]*[a-z]* long$'
gives 0 info --json "$out"
says '"began": "unknown"'
echo "ok: redact"

# print --full and synth
n=-1
for from in "$trace" tests/regress/*.db; do
	"$bin/sftrace" print --full "$from" >"$scratch/text"
	gives 0 synth -f -o "$out" "$scratch/text"
	"$bin/sftrace" print --full "$out" | cmp - "$scratch/text" || fail "$from: not the same after synth"
	gives 0 diff "$from" "$out"
	n=$((n + 1))
done
gives 1 synth -f -o "$out" tests/vm/lib.sh
says "lib.sh, line 5, column 4: no such function: bin"
[ ! -e "$out" ] || fail "synth leaves half a trace behind"
gives 1 synth -f -o "$out" "$scratch"
says "cannot read $scratch: Is a directory"
# The example of the help, as it is printed.
"$bin/sftrace" synth --help | sed -n "/<<'END'/,/^END/p" >"$scratch/example"
(cd "$scratch" && PATH="$bin:$PATH" bash -e example) || fail "the example of synth --help fails"
gives 0 replay "$scratch/append.db"
says "all as recorded"
echo "ok: print --full and synth: the same for $n traces and the guest's"

# A directory of 50 000 entries: its listing takes more room than a file of the collection has.
count=50000
if "$bin/sftrace" doctor >/dev/null 2>&1; then
	mkdir "$scratch/many"
	(cd "$scratch/many" && seq -f 'f%.0f' $count | xargs touch)
	listed=$("$bin/sftrace" record -o "$scratch/many.db" -- "$bin/sf-lab" --share "work=$scratch/many" -- \
		sh -c 'ls -f | wc -l' 2>"$scratch/said") || fail "$(cat "$scratch/said")"
	[ "$listed" = $((count + 2)) ] || fail "the guest lists $listed entries"
	gives 0 replay "$scratch/many.db"
	gives 0 redact -f -o "$out" "$scratch/many.db"
	gives 0 replay "$out"
	echo "ok: a directory of $listed entries, recorded, replayed and redacted"
else
	echo "left out: 50 000 entries, which need root and uprobes"
fi

# diff
cp "$trace" "$out"
gives 0 diff "$trace" "$out"
says "^$(sqlite3 "$trace" 'select count(*) from call') the same, 0 changed, 0 only in A, 0 only in B"
says "^svcCall "
changed=$(sqlite3 "$trace" "select max(call_id) from calls where fn_name = 'SHFL_FN_READ'")
sqlite3 "$out" "update call set status = -38 where call_id = $changed;
	delete from call where call_id in (select call_id from calls where path = '/dir/sub')"
gone=$(sqlite3 "$trace" "select count(*) from calls where path = '/dir/sub'")
gives 3 diff "$trace" "$out"
says "1 changed, $gone only in A, 0 only in B"
says "! call $changed and $changed: status: VINF_SUCCESS, but VERR_ACCESS_DENIED"
gives 3 diff "$out" "$trace"
says "1 changed, 0 only in A, $gone only in B"
gives 3 diff --json "$trace" "$out"
[ "$(sqlite3 :memory: "select json_extract(j, '\$.changed'), json_extract(j, '\$.only_in_a'),
	json_array_length(j, '\$.differences') from (select readfile('$scratch/said') as j)")" = "1|$gone|$((gone + 1))" ] ||
	fail "diff --json: $(cat "$scratch/said")"
# Of a payload that was cut in one of them, only what both have is compared, either way round.
cat >"$scratch/whole.txt" <<'END'
connect(client=1)
SET_UTF8()
WRITE(root=0, handle=1, offset=0, count=5, data="hello")
READ(root=0, handle=1, offset=0, count=7) = 0 data="goodbye"
READLINK(root=0, path="/l", text=<9>) = 0 text="target\0"
END
sed 's/"hello"/"hell"+1/; s/"goodbye"/"good"+3/; s/text="target.0"/text="targ"+3/' "$scratch/whole.txt" >"$scratch/part.txt"
sed 's/"good"/"goof"/' "$scratch/part.txt" >"$scratch/other.txt"
for text in whole part other; do gives 0 synth -o "$scratch/$text.db" "$scratch/$text.txt"; done
for pair in 'whole part' 'part whole'; do
	read -r a b <<<"$pair"
	gives 4 diff "$scratch/$a.db" "$scratch/$b.db"
	says "^5 the same, 0 changed"
	says "^compared in part: 3,"
done
for pair in 'whole other' 'other whole'; do
	read -r a b <<<"$pair"
	gives 3 diff "$scratch/$a.db" "$scratch/$b.db"
	says "^4 the same, 1 changed"
	says "data: byte 3 of 4 is"
done
gives 0 diff --compare -status "$trace" "$trace"
gives 2 diff "$trace"
gives 1 diff "$trace" "$0"
echo "ok: diff"

# reduce: one call of a thousand differs, and is found with what it needs.
cp "$trace" "$scratch/wrong.db"
wrong=$(sqlite3 "$trace" "select call_id from calls where fn_name = 'SHFL_FN_WRITE' order by call_id limit 1 offset 700")
sqlite3 "$scratch/wrong.db" "update call set status = -38 where call_id = $wrong"
# The command is the help's first example: it names the divergence.
example=$("$bin/sftrace" reduce --help | sed -n "/^Examples:/,/t.db/ s/.*--check '\(.*\)'.*/\1/p" | head -1)
case $example in
*'expected VERR_ACCESS_DENIED'*) ;;
*) fail "reduce --help names no divergence: $example" ;;
esac
gives 0 reduce --check "PATH='$bin':\$PATH; $example" -f -o "$out" "$scratch/wrong.db"
left=$(sqlite3 "$out" 'select count(*) from call')
[ "$left" -le 8 ] || fail "reduce leaves $left events"
[ "$(sqlite3 "$out" "select count(*) from call where call_id = $wrong")" = 1 ] || fail "reduce has lost the call"
readable 3
gives 1 reduce --check false -f -o "$out" "$trace"
says "not interested"
gives 2 reduce -o "$out" "$trace"
[ -z "$(ls -A "$TMPDIR")" ] || fail "something was left behind in TMPDIR: $(ls -A "$TMPDIR")"
echo "ok: reduce: $left of $(sqlite3 "$trace" 'select count(*) from call') events are left"

for verb in cut redact synth diff reduce; do
	gives 0 $verb --help
	says "^Examples:"
done
pass
