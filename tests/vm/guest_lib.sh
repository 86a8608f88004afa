# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Shared by the tests of the guest's own file system: a directory that the guest sees as well (it
# has a /tmp of its own), with the programs that the test needs in it and a share's directory.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

[ -e "$BUILD_DIR/modules/sf.ko" ] || skip "there are no modules (build the target guest_modules)"
command -v cc >/dev/null || skip "there is no C compiler"

# shellcheck disable=SC2034 # for those that include this
guest_dir=${SF_LAB_GUEST_DIR:-$BUILD_DIR/guest}
shared=$(mktemp -d "$BUILD_DIR/$(basename "$0" .sh).XXXXXX")
mkdir "$shared/work"

# Called at the end; what has to be undone first is put in its own cleanup.
cleanup() { :; }
leave() {
	cleanup || : # what is gone already is no failure
	rm -rf "$scratch" "$shared"
}
trap leave EXIT

# compile NAME ...: programs of this directory
compile() {
	local program
	for program; do
		cc -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -o "$shared/$program" \
			"$source_dir/tests/vm/$program.c"
	done
}

# in_guest OPTION ... -- COMMAND ...: sf-lab with both mounts of the share; fails if COMMAND does
in_guest() {
	local status=0
	"$bin/sf-lab" --guest sf --timeout 1000 --share "work=$shared/work" \
		--share "twin=$shared/work:symlinks" "$@" 2>"$scratch/err" || status=$?
	[ $status = 0 ] && return
	cat "$scratch/err" >&2
	fail "the guest's status is $status"
}
