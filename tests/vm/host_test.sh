#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sf-host's refusals, its exit status, and that neither it nor QEMU outlives the other. QEMU is
# played by small scripts; a real one boots in guest_test.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/vm/lib.sh
. ./lib.sh

host=$bin/sf-host
services=${BUILD_DIR:?}/lib/test-services
share=$scratch/share
mkdir "$share"
ram=(-object 'memory-backend-memfd,id=ram,size=64M,share=on' -machine memory-backend=ram)

# qemu NAME: makes an executable of the script on stdin; it is called with all of QEMU's arguments.
qemu() {
	{
		echo '#!/bin/bash'
		cat
	} >"$scratch/$1"
	chmod +x "$scratch/$1"
}

# check STATUS TEXT ARGUMENT...: sf-host exits so, and its stderr has the text in it.
check() {
	local status=$1 text=$2 got
	shift 2
	"$host" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	got=$?
	[ "$got" = "$status" ] || fail "sf-host $*: exit status $got, not $status: $(cat "$scratch/err")"
	[ -z "$text" ] || grep -qF -e "$text" "$scratch/err" || fail "sf-host $*: no '$text' in: $(cat "$scratch/err")"
}

# run STATUS QEMU: with a share and all that QEMU needs.
run() {
	check "$1" '' --share "work=$share" -- "$scratch/$2" "${ram[@]}"
}

# Waits until a condition holds.
eventually() {
	for _ in {1..200}; do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# start QEMU: in the background; $host_pid and $qemu_pid are the two.
start() {
	rm -f "$scratch/pid"
	"$host" --share "work=$share" -- "$scratch/$1" "${ram[@]}" 2>"$scratch/err" &
	host_pid=$!
	eventually test -s "$scratch/pid" || fail "$1 did not start: $(cat "$scratch/err")"
	qemu_pid=$(cat "$scratch/pid")
}

# ends STATUS: sf-host exits with it, and QEMU is gone.
ends() {
	wait "$host_pid"
	local got=$?
	[ "$got" = "$1" ] || fail "sf-host ended with $got, not $1: $(cat "$scratch/err")"
	eventually is_gone "$qemu_pid" || fail "QEMU outlives sf-host"
}

qemu fine <<<'exit 0'
qemu seven <<<'exit 7'
# shellcheck disable=SC2016
qemu killed <<<'kill -USR1 $$'
qemu sleeps <<END
echo \$\$ >"$scratch/pid.new"
mv "$scratch/pid.new" "$scratch/pid"
exec sleep 1000
END

# --- the command line ---
"$host" --help >"$scratch/out" || fail "--help fails"
grep -q -e '--share NAME=DIR' "$scratch/out" || fail "--help does not tell of --share"
ok=(--share "work=$share")
end=(-- "$scratch/fine" "${ram[@]}")
check 0 'function calls failed bytes' "${ok[@]}" "${end[@]}"
check 2 'nothing to share'
check 2 'nothing to share' "${end[@]}"
check 2 'no command to run' "${ok[@]}"
check 2 'no command to run' "${ok[@]}" --
check 2 'no option --fast' "${ok[@]}" --fast "${end[@]}"
check 2 '--share needs an argument' --share
check 2 'give it as NAME=DIR' --share work "${end[@]}"
check 2 'give it as NAME=DIR' --share "=$share" "${end[@]}"
check 2 'give it as NAME=DIR' --share 'work=' "${end[@]}"
check 2 "cannot share $scratch/none: No such file" --share "work=$scratch/none" "${end[@]}"
check 2 'it is no directory' --share "work=$scratch/fine" "${end[@]}"
check 2 'two shares called work' "${ok[@]}" --share "work=/" "${end[@]}"
check 2 'two shares called WORK' "${ok[@]}" --share "WORK=/" "${end[@]}"
check 2 'name is too long' --share "$(printf '%0300d' 0)=/" "${end[@]}"
many=()
for i in {1..65}; do many+=(--share "s$i=$share"); done
check 2 'more than 64 shares' "${many[@]}" "${end[@]}"
check 2 '-smp 2' "${ok[@]}" "${end[@]}" -smp 2
check 2 'share=on' "${ok[@]}" -- "$scratch/fine" -m 64M

# --- shares and services ---
mkdir "$share:ro"
check 0 '' --share "a=$share:ro" --share "b=$share:symlinks" --share "c=$share:ro:symlinks" \
	--share "d=$share:symlinks:ro" --share "e=$share:ro/" --symlinks "${end[@]}"
check 1 'none.so: No such file' "${ok[@]}" --service "$scratch/none.so" "${end[@]}"
check 1 'does not load' "${ok[@]}" --service "$scratch/fine" "${end[@]}"
check 1 'VBoxHGCMSvcLoad' "${ok[@]}" --service "$services/bad_no_entry.so" "${end[@]}"
check 1 'another version' "${ok[@]}" --service "$services/bad_version.so" "${end[@]}"
check 1 'pfnCall' "${ok[@]}" --service "$services/bad_no_call.so" "${end[@]}"
check 0 '' "${ok[@]}" --service "$services/echo_service.so" "${end[@]}"
printf -v bad_name '\xff'
check 1 'does not take share' --share "$bad_name=$share" "${end[@]}"

# --- counters ---
check 0 '' "${ok[@]}" --counters "$scratch/table" "${end[@]}"
[ "$(cat "$scratch/table")" = 'function calls failed bytes' ] || fail "no table in --counters' file"
! grep -q 'function calls' "$scratch/err" || fail "the table is on stderr as well"
check 1 "cannot write $scratch/none/table" "${ok[@]}" --counters "$scratch/none/table" "${end[@]}"

# --- exit status ---
run 0 fine
run 7 seven
run 138 killed
check 127 'cannot run' "${ok[@]}" -- "$scratch/none" "${ram[@]}"
check 126 'cannot run' "${ok[@]}" -- "$scratch" "${ram[@]}"

# --- what QEMU is started with ---
# shellcheck disable=SC2016
qemu arguments <<'END'
[ "$1 ${*: -2:1}" = '-object -device' ] || exit 1
[[ ${*: -1} =~ ^x-pci-proxy-dev,id=vmmdev,fd=([0-9]+)$ ]] || exit 2
[[ $(readlink "/proc/$$/fd/${BASH_REMATCH[1]}") = socket:* ]] || exit 3
grep -q '^SigBlk:.0*$' /proc/self/status || exit 4
[ "$(readlink /proc/$$/fd/* | grep -c socket:)" = 1 ] || exit 5
END
run 0 arguments

# --- ends ---
start sleeps
kill -9 "$host_pid"
ends 137
start sleeps
kill -9 "$qemu_pid"
ends 137
for signal in TERM INT HUP; do
	start sleeps
	# Children of a background shell ignore SIGINT; sf-host is told by the signal all the same.
	kill -$signal "$host_pid"
	ends 143
done

# QEMU ends as it likes when it is asked to, and is killed if it does not.
qemu polite <<END
trap 'exit 3' TERM
echo \$\$ >"$scratch/pid"
while :; do sleep 0.05; done
END
start polite
kill "$host_pid"
ends 3
qemu stubborn <<END
trap '' TERM
echo \$\$ >"$scratch/pid"
while :; do sleep 0.05; done
END
start stubborn
kill "$host_pid"
ends 137

# A QEMU that closes the device is asked to end; one that talks nonsense is killed.
qemu closes <<END
fd=\${*: -1} fd=\${fd##*=}
echo \$\$ >"$scratch/pid"
exec {fd}>&-
exec sleep 1000
END
start closes
ends 143
qemu nonsense <<END
fd=\${*: -1} fd=\${fd##*=}
echo \$\$ >"$scratch/pid"
printf 'this is no message' >&"\$fd"
exec sleep 1000
END
start nonsense
ends 1
grep -q 'sf-host: QEMU sent an unknown message' "$scratch/err" || fail "nonsense is not named"
pass
