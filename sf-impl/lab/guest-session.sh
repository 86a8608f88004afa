#!/run/sf-lab/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's first process once the root is in place. It carries the command's output to the host,
# starts guest-run.sh, under the tracing agent if there is one, and reports how that ended.
# Descriptor 3 is the control port, 4 and 5 are the ways to the command's stdout and stderr.
# shellcheck shell=dash

lab=/run/sf-lab
/run/sf-lab/bin/busybox --install -s $lab/bin
PATH=$lab/bin
agent=
# shellcheck disable=SC1091
. $lab/config

# The host's dd, because it says how many bytes it carried: the host side waits for as many.
relay() {
	LC_ALL=C /bin/dd bs=64k if="$lab/$1.fifo" of="/dev/virtio-ports/sf-lab.$1" \
		2>"$lab/$1.count" 3>&- &
}

relayed() {
	bytes=0
	while read -r number word _; do
		[ "$word" = bytes ] && bytes=$number
	done <"$lab/$1.count"
	echo "$bytes"
}

# Sends the last message, "KIND BYTES BYTES TEXT", waits until the host has everything, switches off.
finish() {
	exec 4>&- 5>&-
	wait
	echo "$1 $(relayed stdout) $(relayed stderr) $2" >&3
	read -r _ <&3
	poweroff -f
	exit 1
}

fail() {
	finish fail "$(echo "$*" | tr '\n' ' ')"
}

run_session() {
	if [ -n "$agent" ]; then
		"$agent" agent --port /dev/virtio-ports/sftrace -- $lab/run
	else
		$lab/run
	fi </dev/null >&4 2>&5 3>&- 4>&- 5>&-
}

mkfifo $lab/stdout.fifo $lab/stderr.fifo
relay stdout
relay stderr
exec 4>$lab/stdout.fifo 5>$lab/stderr.fifo
echo booted >&3

run_session
ended=$?

if [ -s $lab/reason ]; then
	fail "$(cat $lab/reason)"
elif [ ! -e $lab/started ]; then
	fail "the tracing agent ($agent) ended with status $ended before it ran anything"
elif [ ! -e $lab/status ]; then
	fail "the session was killed (status $ended) before the command's status was known"
elif [ "$ended" != "$(cat $lab/status)" ]; then
	fail "the command ended with status $(cat $lab/status)," \
		"but the tracing agent ($agent) with $ended"
fi
finish exit "$ended"
