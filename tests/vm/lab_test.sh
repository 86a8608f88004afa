#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sf-lab: what goes in and comes out of a guest arrives byte for byte, every way to end has its
# status, and nothing is left behind.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Files that the guest reads must not lie where it has a file system of its own, such as /tmp.
shared=$(mktemp -d "$BUILD_DIR/lab_test.XXXXXX")
trap 'rm -rf "$scratch" "$shared"' EXIT
export TMPDIR=$scratch/t
mkdir "$TMPDIR"
unset SFTRACE_GUEST

# lab STATUS ARGUMENT ...: runs sf-lab, checks its status; output is in out and err.
lab() {
	local wanted=$1 got=0
	shift
	"$bin/sf-lab" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || got=$?
	[ "$got" = "$wanted" ] || fail "sf-lab $*: status $got, want $wanted: $(cat "$scratch/err")"
}

err_has() {
	grep -q -e "$1" "$scratch/err" || fail "stderr lacks '$1': $(cat "$scratch/err")"
}

# shellcheck disable=SC2059 # the format is an argument
out_is() {
	printf "$@" | cmp - "$scratch/out" || fail "stdout is not: $(printf "$@")"
}

nothing_left() {
	local tries=50
	while pgrep -f "$TMPDIR/sf-lab" >"$scratch/left"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "processes are left: $(cat "$scratch/left")"
		sleep 0.1
	done
	[ -z "$(ls -A "$TMPDIR")" ] || fail "left in TMPDIR: $(ls -A "$TMPDIR")"
}

wait_for_guest() {
	local tries=300
	until grep -qs "$1" "$scratch/out"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "the guest does not say '$1'"
		sleep 0.1
	done
}

test_usage() {
	lab 0 --help
	grep -q 'usage: sf-lab' "$scratch/out" || fail "--help does not help"
	lab 2
	err_has 'no command'
	lab 2 --frobnicate -- true
	err_has '--frobnicate: no such option'
	lab 2 --timeout
	err_has '--timeout needs a value'
	lab 2 --timeout 0 -- true
	lab 2 --memory lots -- true
	lab 2 --guest windows -- true
	err_has 'there are: sf mainline'
	lab 2 --env 1=2 -- true
	lab 2 --share work -- true
	err_has 'NAME=DIR'
	lab 2 --share "work=$shared/none" -- true
	err_has 'is not a directory'
	lab 2 --share "a/b=$shared" -- true
	err_has 'the name must'
	lab 2 --share "a=$shared" --share "a=$scratch" -- true
	err_has 'two shares have the name a'
	lab 125 --kernel-dir "$shared" -- true
	err_has 'fetch-guest-kernel'
	lab 125 --console "$shared/none/console" -- true
	err_has 'cannot write'
	nothing_left
	echo "ok: usage"
}

test_output() {
	head -c 5000000 /dev/urandom >"$shared/out"
	head -c 300001 /dev/urandom >"$shared/err"
	# shellcheck disable=SC2016 # for the guest's shell
	lab 42 --console "$scratch/console" --host-log "$scratch/log" -- \
		sh -c 'cat "$1"; cat "$2" >&2; sleep 1000 & exit 42' sh "$shared/out" "$shared/err"
	cmp "$shared/out" "$scratch/out" || fail "stdout differs"
	cmp "$shared/err" "$scratch/err" || fail "stderr differs"
	grep -q 'Power down' "$scratch/console" || fail "the console log is not the guest's"
	nothing_left
	echo "ok: output and status"
}

test_arguments() {
	local -a words
	local bytes
	# shellcheck disable=SC2046 # one number a word
	bytes=$(printf '%b' "$(printf '\\0%o' $(seq 255))")
	# shellcheck disable=SC1003,SC2016 # as they are
	words=("$bytes" '' ' ' "it's" '"' '\' "\$HOME" '*' $'a\nb' '`id`' -n '~' 'x=y' "''" $'\r\t')
	lab 0 -- printf '<%s>' "${words[@]}"
	out_is '<%s>' "${words[@]}"
	echo "ok: arguments"
}

test_environment() {
	# shellcheck disable=SC2016 # for the guest's shell
	NAME="a 'b' "$'\n'c HIDDEN=1 lab 3 --env NAME --env OTHER=1=2 --env OTHER=3 -- sh -c '
		printf "%s|%s|%s|%s|" "$NAME" "$OTHER" "${HIDDEN-unset}" "$PATH"
		echo "$(pwd)|$(cat | wc -c)|$(ls /proc/self/fd | tr "\n" " ")"
		cat /proc/cpuinfo | grep -c ^processor
		mountpoint -q /sys/fs/bpf && mountpoint -q /sys/kernel/tracing && echo mounted
		grep -q "^sf " /proc/modules && echo loaded
		for d in /tmp /var/tmp /run /mnt /dev/shm .; do echo x >$d/x || echo "$d not writable"; done
		echo written >/dev/stdout; echo also >&1
		for d in / /etc "$HOME" "$1"; do (echo x >"$d/sf-lab-test") 2>/dev/null && echo "$d writable"; done
		exit 3' sh "$shared"
	out_is '%s' "a 'b' "$'\n'"c|3|unset|$PATH|/mnt/scratch|0|0 1 2 3 
1
mounted
loaded
written
also
"
	[ ! -e "$shared/sf-lab-test" ] || fail "the guest wrote to the host's root"
	echo "ok: environment"
}

test_ends() {
	# shellcheck disable=SC2016 # for the guest's shell
	lab 143 -- sh -c 'kill -TERM $$'
	lab 127 -- "no such command"
	err_has 'not found'
	lab 126 -- /etc/passwd
	lab 125 -- sh -c 'echo said; echo c >/proc/sysrq-trigger'
	err_has 'kernel panicked'
	err_has 'sysrq triggered crash'
	grep -q 'sysrq triggered crash' "$TMPDIR"/sf-lab-*.console || fail "no console log is kept"
	rm "$TMPDIR"/sf-lab-*.console
	lab 125 --console "$scratch/console" -- reboot -f
	err_has 'the guest ended before the command did'
	lab 124 --timeout 10 -- sh -c 'echo before; sleep 1000'
	out_is 'before\n'
	err_has 'not done after 10 seconds'
	nothing_left
	echo "ok: ends"
}

test_killed() {
	local signal pid status
	for signal in TERM KILL; do
		"$bin/sf-lab" -- sh -c 'echo up; sleep 1000' >"$scratch/out" 2>"$scratch/err" &
		pid=$!
		wait_for_guest up
		status=0
		kill -$signal $pid
		{ wait $pid || status=$?; } 2>/dev/null
		[ $((status - 128)) = "$(kill -l $signal)" ] || fail "SIG$signal: status $status"
		# Nobody can tidy up after a SIGKILL, but processes must be gone.
		[ $signal = TERM ] || rm -rf "$TMPDIR"/sf-lab-*
		nothing_left
	done
	status=0
	"$bin/sf-lab" -- yes 2>"$scratch/err" | head -n 1 >"$scratch/out" || status=$?
	[ $status = 141 ] || fail "output to a closed pipe: status $status"
	[ ! -s "$scratch/err" ] || grep -q 'terminating on signal' "$scratch/err" || fail "it complains"
	nothing_left
	echo "ok: killed"
}

# fetched STATUS MESSAGE: fetches a kernel with tools of our own in front of the system's.
fetched() {
	local status=0
	PATH=$scratch/tools:$PATH "$(dirname "$0")/../../sf-impl/lab/fetch-guest-kernel" \
		"$scratch/kernel" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ $status = "$1" ] || fail "fetch-guest-kernel: status $status: $(cat "$scratch/err")"
	[ -z "$2" ] || err_has "$2"
	[ -z "$(ls -d "$scratch"/kernel.* 2>/dev/null)" ] || fail "fetch-guest-kernel leaves files"
}

tool() {
	printf '#!/bin/sh\n%s\n' "$2" >"$scratch/tools/$1"
	chmod +x "$scratch/tools/$1"
}

test_fetch() {
	mkdir "$scratch/tools"
	tool apt-cache 'exit 100'
	fetched 1 'apt knows no package'
	tool apt-cache 'echo "Depends: linux-image-1-amd64 (= 1.2-3), other"'
	tool apt-get 'exit 100'
	fetched 1 'cannot download linux-image-1-amd64'
	tool apt-get 'echo nonsense >linux-image-1-amd64_1.2-3_amd64.deb'
	fetched 1 'cannot unpack'
	[ ! -e "$scratch/kernel" ] || fail "a kernel was made out of nonsense"
	mkdir "$scratch/kernel"
	echo "a kernel 1" >"$scratch/kernel/stamp"
	fetched 0 ''
	[ ! -s "$scratch/out" ] || fail "something was done: $(cat "$scratch/out")"
	echo "ok: fetch-guest-kernel"
}

test_guests() {
	local guest
	for guest in sf:sf:sf_guest mainline:vboxsf:vboxguest; do
		lab 0 --guest "${guest%%:*}" --share "work=$shared" -- sh -c '
			sed -n "s/^work \(.*\) \([a-z]*\) .*/\2/p" /proc/mounts
			grep -c -e "^$1 " -e "^$2 " /proc/modules
			grep -c -e "^sf " -e "^vboxsf " /proc/modules' \
			sh "$(echo "$guest" | cut -d: -f2)" "${guest##*:}"
		out_is '%s\n2\n1\n' "$(echo "$guest" | cut -d: -f2)"
	done
	echo "ok: guests"
}

test_shares() {
	mkdir "$shared/work" "$shared/two, or more"
	echo there >"$shared/two, or more/file"
	lab 4 --share "work=$shared/work" --share "two words=$shared/two, or more:ro" \
		--host-log "$scratch/log" -- sh -c '
			pwd
			cat "/mnt/two words/file"
			{ echo x >"/mnt/two words/new"; } 2>/dev/null && echo "written all the same"
			dd if=/dev/zero of=zeros bs=4k count=10 status=none
			sleep 1000 >held &
			until [ -e held ]; do sleep 0.1; done
			exit 4'
	out_is '/mnt/work\nthere\n'
	[ ! -s "$scratch/err" ] || fail "stderr: $(cat "$scratch/err")"
	[ "$(stat -c %s "$shared/work/zeros")" = 40960 ] || fail "no file of 40960 bytes"
	[ -e "$shared/work/held" ] || fail "the file that was held open is not there"
	[ ! -e "$shared/two, or more/new" ] || fail "a read-only share was written"
	grep -q 'SHFL_FN_WRITE 10 0 40960' "$scratch/log" || fail "$(cat "$scratch/log")"
	grep -q 'SHFL_FN_UNMAP_FOLDER 2 0' "$scratch/log" || fail "not unmounted: $(cat "$scratch/log")"

	lab 0 --share "work=$shared/work" -- sh -c 'echo command >&2'
	[ "$(head -n 1 "$scratch/err")" = command ] || fail "$(cat "$scratch/err")"
	err_has 'SHFL_FN_MAP_FOLDER 1 0'
	lab 125 --share "work=$shared/work" --service "$BUILD_DIR/lib/test-services/echo_service.so" \
		-- true
	err_has "cannot mount share 'work'"
	lab 125 --share "work=$shared/work" --service "$shared/none.so" -- true
	err_has 'sf-host: .*none.so'
	err_has 'the guest was not started'
	nothing_left
	echo "ok: shares"
}

# agent_says ANSWER STATUS: runs a traced guest with a recorder that gives its agent that answer.
agent_says() {
	local recorder status=0
	rm -f "$scratch/socket"
	# shellcheck disable=SC2016 # for perl
	perl -MIO::Socket::UNIX -e '
		$l = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die;
		$c = $l->accept; print scalar <$c>; print $c "$ARGV[1]\n"; $c->flush;
		print scalar <$c>; print $c "bye\n"; $c->flush' \
		"$scratch/socket" "$1" >"$scratch/recorded" &
	recorder=$!
	until [ -S "$scratch/socket" ]; do sleep 0.1; done
	SF_LAB_GUEST_DIR=$BUILD_DIR/guest SFTRACE_GUEST=$scratch/socket \
		"$scratch/bin/sf-lab" -- sh -c 'echo ran; exit 6' \
		>"$scratch/out" 2>"$scratch/err" || status=$?
	wait $recorder || true # its reader may have gone
	[ $status = "$2" ] || fail "agent told to $1: status $status: $(cat "$scratch/err")"
}

# A build of its own, with a stand-in for sftrace: what matters is when sf-lab calls it and how.
test_agent() {
	local status socket
	mkdir "$scratch/bin"
	cp "$bin/sf-lab" "$scratch/bin/"
	ln -s "$BUILD_DIR/modules" "$scratch/modules"
	cat >"$scratch/bin/sftrace" <<-'SCRIPT'
		#!/bin/sh
		[ "$1 $2 $4" = "agent --port --" ] || exit 1
		grep -q "^sf " /proc/modules || exit 1
		exec 9<>"$3"
		echo hello >&9
		read -r answer <&9
		[ "$answer" = go ] || { echo "agent: told to $answer" >&2; exit 1; }
		shift 4
		"$@"
		status=$?
		echo "end $status" >&9
		read -r answer <&9
		exit $status
	SCRIPT
	chmod +x "$scratch/bin/sftrace"
	agent_says go 6
	out_is 'ran\n'
	[ ! -s "$scratch/err" ] || fail "stderr: $(cat "$scratch/err")"
	printf 'hello\nend 6\n' | cmp - "$scratch/recorded" || fail "the recorder saw something else"
	agent_says leave 125
	out_is ''
	err_has 'agent: told to leave'
	err_has 'sftrace) ended with status 1 before it ran anything'
	nothing_left
	# The socket of a recorder that has ended, and none at all.
	for socket in socket nobody; do
		status=0
		SFTRACE_GUEST=$scratch/$socket SF_LAB_GUEST_DIR=$BUILD_DIR/guest \
			timeout 10 "$scratch/bin/sf-lab" -- true 2>"$scratch/err" || status=$?
		[ $status = 125 ] || fail "no recorder: status $status"
		err_has "no recorder behind $scratch/$socket"
	done
	nothing_left
	rm "$scratch/bin/sftrace"
	status=0
	SFTRACE_GUEST=$scratch/socket SF_LAB_GUEST_DIR=$BUILD_DIR/guest \
		"$scratch/bin/sf-lab" -- true 2>"$scratch/err" || status=$?
	[ $status = 125 ] || fail "no sftrace: status $status"
	err_has 'sftrace: No such file'
	echo "ok: agent"
}

test_usage
test_fetch
test_output
test_arguments
test_environment
test_ends
test_killed
test_guests
test_shares
test_agent
pass
