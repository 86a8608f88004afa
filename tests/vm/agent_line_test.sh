#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The line between a guest's agent and the recorder: cut in the middle of records, with a recorder
# that is killed and another one in its place, and with the recorder in the guest itself. Nothing is
# lost or taken twice, and the guest's work does not notice.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

sftrace=$bin/sftrace
trace=$scratch/t.db
cd "$scratch"
mkdir work

# relay BYTES: between the guest's port and the recorder; cuts the line after so many bytes, at
# most three times.
cat >relay.pl <<'PERL'
use IO::Select;
use IO::Socket::UNIX;
my ($from, $to, $most) = @ARGV;
my $listener = IO::Socket::UNIX->new(Local => $from, Listen => 1) or die;
for my $n (1 .. 100) {
	my $agent = $listener->accept or last;
	my $recorder = IO::Socket::UNIX->new(Peer => $to) or last;
	my %other = (fileno $agent => $recorder, fileno $recorder => $agent);
	my $both = IO::Select->new($agent, $recorder);
	my $left = $n > 3 ? 1e12 : $most;
	PUMP: while ($left > 0) {
		for my $end ($both->can_read) {
			my $size = sysread $end, my $bytes, 1001 or last PUMP;
			syswrite $other{fileno $end}, $bytes;
			$left -= $size if $end == $agent;
		}
	}
	close $agent;
	close $recorder;
}
PERL

guest() { # SOCKET COMMAND
	SFTRACE_GUEST=$scratch/$1 "$bin/sf-lab" --guest mainline --share "work=$scratch/work" -- sh -c "$2"
}

# Writes at 0, 4096 ...: each one only once, and in order.
whole() { # FILE WRITES
	expect "$1: writes, all complete" "$2|1" "
		select count(*), min(complete) from calls where fn_name = 'SHFL_FN_WRITE' and path = '/$1'"
	expect "$1: offsets" "$2|0|$((($2 - 1) * 4096))" "
		select count(distinct offset), min(offset), max(offset)
		from calls where fn_name = 'SHFL_FN_WRITE' and path = '/$1'"
}

echo "== a line that is cut three times"
perl relay.pl relay recorder 50001 &
relay=$!
wait_for 20 test -S relay
export -f guest
export bin scratch
status=0
"$sftrace" record --side guest --guest unix:recorder -o t.db -- bash -c 'guest relay "
	for i in 1 2 3 4; do dd if=/dev/zero of=cut bs=4k count=100 seek=\${i}00; sleep 1; done"' \
	2>err || status=$?
kill $relay
[ $status = 0 ] || { cat err; fail "status $status"; }
says "recording goes on in memory"
says "is back, 0 records are lost"
says "was cut 3 times and made again: 0 records are lost"
expect "writes, all complete" "400|400|1" "
	select count(*), count(distinct offset), min(complete) from calls where fn_name = 'SHFL_FN_WRITE'"
expect "losses" 0 "select count(*) from losses where n > 0"
expect "the trace's own word" "complete|3" "
	select (select value from meta where key = 'state'), (select value from meta where key = 'guest.line_cuts')"

echo "== a recorder that is killed, and another one"
recorder() { # OUTPUT
	"$sftrace" record -f --side guest --guest unix:recorder -o "$1" 2>>err &
	wait_for 20 test -S recorder
}

larger() { # FILE BYTES
	[ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt "$2" ]
}
: >err
recorder first.db
killed=$!
guest recorder 'for i in 0 1 2 3 4 5 6 7; do dd if=/dev/zero of=two bs=4k count=50 seek=$((i * 50)) conv=notrunc
	sleep 1; done' 2>>err &
lab=$!
wait_for 60 larger first.db.guest.spool 60000
kill -KILL $killed
wait $killed 2>/dev/null || true
mv first.db.guest.spool first.spool
rm recorder
recorder t.db
second=$!
wait $lab || fail "the command in the guest failed: $(cat err)"
kill -INT $second
wait $second || fail "the second recorder: $(cat err)"
says "another recorder"
expect "it knows the guest" mainline "select value from meta where key = 'guest.profile'"
late=$(sqlite3 "$trace" "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'")
status=0
"$sftrace" merge -o first.merged.db first.spool 2>merge.err || status=$?
[ $status = 4 ] || fail "the killed recorder's spool does not say that it ends early"
trace=first.merged.db
early=$(sqlite3 "$trace" "select count(*) from calls where fn_name = 'SHFL_FN_WRITE'")
[[ $early -gt 0 && $late -gt 100 ]] || fail "writes: $early early, $late late"
# What was on its way to the killed one went with it.
[[ $((early + late)) -le 400 && $((early + late)) -ge 340 ]] ||
	fail "400 writes, but $early in the first trace and $late in the second"
sqlite3 "$trace" "attach 't.db' as late" "
	select count(*) from calls where fn_name = 'SHFL_FN_WRITE' and offset in
	(select offset from late.calls where fn_name = 'SHFL_FN_WRITE')" | grep -qx 0 ||
	fail "writes that both recorders have"
echo "ok: $early writes in the first trace, $late in the second, none in both"

echo "== the recorder in the guest itself"
cat >inside.sh <<'GUEST'
sftrace=$1
cd /tmp
umount /mnt/work
"$sftrace" record --side guest --keep-spools -o /tmp/g.db -- sh -ec '
	mount -i -t "$1" work /mnt/work
	cd /mnt/work
	dd if=/dev/urandom of=data bs=4k count=20
	dd if=data of=/dev/null bs=4k
	mkdir d
	mv data d/moved
	cd /
	umount /mnt/work' sh "$2" 2>/tmp/err
echo "status $?" >>/tmp/err
for bad in '--snaplen 100' '-p 1 -P /a' '-Z'; do
	"$sftrace" record --side guest $bad -o /tmp/no.db -- true 2>>/tmp/err
	echo "refused $?" >>/tmp/err
done
setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$sftrace" record --side guest -o /tmp/user/g.db -- touch /tmp/ran 2>>/tmp/err
mkdir -m 777 /tmp/user
setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$sftrace" record --side guest -o /tmp/user/g.db -- touch /tmp/ran 2>>/tmp/err
echo "not root $?" >>/tmp/err
ls /tmp/ran /tmp/user/* >>/tmp/err 2>/dev/null
mount -i -t "$2" work /mnt/work
cp /tmp/g.db /tmp/err /tmp/g.db.*spool /mnt/work
GUEST
# inside GUEST TYPE
inside() {
	rm -rf work t.db h.db*
	mkdir work
	"$sftrace" record --side host --keep-spools -o h.db -- \
		"$bin/sf-lab" --guest "$1" --share "work=$scratch/work" -- \
		sh -c "$(cat inside.sh)" sh "$sftrace" "$2" || fail "$1: the commands in the guest failed"
	cp work/err err
	trace=$scratch/work/g.db
	says "calls and control events, 0 unfinished"
	says "status 0"
	says "--snaplen 0 or all"
	[ "$(grep -c '^refused 2' err)" = 3 ] || fail "what makes no sense is not refused: $(cat err)"
	says "run as root"
	says "not root 1"
	tail -1 err | grep -qx 'not root 1' || fail "a recording that failed left something: $(tail -2 err)"
	expect "$1: all calls are the guest's and complete" "0|20|81920" "
		select sum(side <> 'guest' or complete <> 1), sum(fn_name = 'SHFL_FN_WRITE'),
		sum(count_out) filter (where fn_name = 'SHFL_FN_READ') from calls"
	expect "$1: how it was made" "$1|1" "
		select (select value from meta where key = 'guest.profile'),
		(select value like 'sh -ec %' from meta where key = 'command')"
	"$sftrace" replay "$trace" | tee replayed
	grep -q 'all as recorded' replayed || fail "$1: the guest's trace does not replay"
	[ "$(echo work/*.spool h.db.*)" = "work/g.db.guest.spool h.db.host.spool" ] ||
		fail "$1: spools kept: $(echo work/*.spool h.db.*)"
	"$sftrace" merge -o t.db h.db.host.spool work/g.db.guest.spool || fail "$1: merge"
	trace=t.db
	expect "$1: calls that only the guest saw" 0 "select count(*) from calls where side = 'guest'"
	expect "$1: both sides of one write" "20|1" "
		select count(*), min(guest_start_ns is not null and complete) from calls
		where side = 'both' and fn_name = 'SHFL_FN_WRITE' and path = '/data'"
}
inside mainline vboxsf
inside sf sf
pass
