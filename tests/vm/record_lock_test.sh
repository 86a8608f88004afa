#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# LOCKs that wait: ended by the service's own thread, and by the call that gives the lock up.
# Both are calls like others in the trace, and the replay ends them as they were.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_uprobes

trace=$scratch/locks.db
mkdir "$scratch/share"
"$bin/sftrace" record -o "$trace" -- "$BUILD_DIR/tests/sf-drive" --service "$BUILD_DIR/lib/sfservice.so" \
	--share "work=$scratch/share" lock /file "$scratch/share/file" || fail "record: exit status $?"

expect "both waited, and have the lock" "VINF_SUCCESS|1|1,VINF_SUCCESS|1|1" "
	select group_concat(x) from (select status_name || '|' || complete || '|' ||
	(duration_ns > 10000000) as x from calls where fn_name = 'SHFL_FN_LOCK' order by call_id)"
expect "the second until the first handle was closed" 1 "
	select l.start_ns < c.start_ns and l.start_ns + l.duration_ns between c.start_ns and
	c.start_ns + c.duration_ns from calls c join calls l using (path)
	where c.fn_name = 'SHFL_FN_CLOSE' and l.fn_name = 'SHFL_FN_LOCK'
	order by c.call_id, l.call_id desc limit 1"
expect "losses" 0 "select count(*) from losses where n > 0"
"$bin/sftrace" replay "$trace" || fail "replay: exit status $?"
echo "ok: replayed"
