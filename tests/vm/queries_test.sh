#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The queries of docs/queries.md run on a real trace, and most of them have something to say.
# usage: queries_test.sh TRACE
set -euo pipefail
trace=${1:?usage: queries_test.sh TRACE}
BUILD_DIR=${BUILD_DIR:-build}
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
page=$(dirname "$0")/../../docs/queries.md

[ -e "$trace" ] || skip "there is no trace $trace: guest_test makes it"
command -v sqlite3 >/dev/null || fail "sqlite3 is not installed"

# Each block of SQL in a file of its own.
awk -v dir="$scratch" '
	/^```sql$/ { file = sprintf("%s/%02d.sql", dir, ++n); next }
	/^```$/ { file = ""; next }
	file { print > file }
' "$page"

blocks=0 answered=0
for query in "$scratch"/*.sql; do
	blocks=$((blocks + 1))
	sqlite3 -readonly -bail -header "$trace" <"$query" >"$scratch/answer" 2>"$scratch/error" || {
		cat "$query" "$scratch/error" >&2
		fail "a query of $page does not run"
	}
	[ ! -s "$scratch/error" ] || fail "$(cat "$query" "$scratch/error")"
	[ "$(wc -l <"$scratch/answer")" -lt 2 ] || answered=$((answered + 1))
done
echo "ok: $blocks queries run, $answered have answers"
[ "$blocks" -ge 10 ] || fail "only $blocks queries in $page"
[ "$answered" -ge 10 ] || fail "only $answered queries have an answer on $trace"

# What cannot be written is not said to be fine.
for verb in print report info; do
	status=0
	"$bin/sftrace" $verb "$trace" >/dev/full 2>"$scratch/error" || status=$?
	[ $status = 1 ] || fail "$verb onto a full device: status $status"
	grep -q 'cannot write to standard output' "$scratch/error" || fail "$verb is silent about it"
done
pass
