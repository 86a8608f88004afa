# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Shared by the whole-program tests: where things are, a scratch directory that is removed at the
# end, and words for outcomes.
bin=${BUILD_DIR:?}/bin
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

pass() {
	echo "PASS: $(basename "$0")"
}

skip() {
	echo "SKIP: $*"
	exit 77
}

# Skips on a machine that cannot attach uprobes.
need_uprobes() {
	"$bin/sftrace" doctor >"$scratch/doctor" 2>&1 || {
		cat "$scratch/doctor"
		skip "uprobes cannot be attached here"
	}
}

# expect WHAT VALUE SQL: a query of $trace gives just this.
expect() {
	local got
	# shellcheck disable=SC2154 # set by the script that includes this
	got=$(sqlite3 "$trace" "$3")
	[ "$got" = "$2" ] || fail "$1: expected '$2', got '$got'"
	echo "ok: $1: $2"
}

# says TEXT: what a program printed into the file err has it.
says() {
	grep -qF -- "$1" err || {
		cat err >&2
		fail "stderr does not say: $1"
	}
	echo "ok: says: $1"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "still not: $*"
		sleep 0.05
	done
}

# record STATUS OPTION... -- COMMAND...: into $trace; what it prints is in out and err.
record() {
	local expected=$1 status=0
	shift
	rm -f "$trace"*
	"$bin/sftrace" record -o "$trace" "$@" >out 2>err || status=$?
	[ "$status" = "$expected" ] || {
		cat out err >&2
		fail "record $*: exit status $expected, got $status"
	}
}
