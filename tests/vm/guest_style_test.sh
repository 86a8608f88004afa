#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's modules as kernel code: checkpatch and sparse have nothing to say, no function is
# longer than 60 lines, they build without a warning for Debian's kernels, DKMS builds them, and the
# lab's have the types of their functions.
# Nothing is loaded, and nothing outside of the build directory is written.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
guest=$source_dir/sf-impl/guest
archive=/usr/src/linux-source-6.1.tar.xz
for program in sparse dkms perl; do
	command -v $program >/dev/null || skip "there is no $program (see quickstart's packages)"
done
[ -e $archive ] || skip "there is no checkpatch (see quickstart's packages: linux-source-6.1)"

# newest FLAVOUR: the kernel of the newest headers
newest() {
	find /usr/src -maxdepth 1 -name "linux-headers-*-$1" |
		sed -nE "s,.*/linux-headers-(([0-9.]+)-[0-9]+-$1)\$,\1,p" | sort -V | tail -n 1
}
amd64=$(newest amd64)
cloud=$(newest cloud-amd64)
[ -n "${amd64:+$cloud}" ] || skip "linux-headers-amd64 or linux-headers-cloud-amd64 is missing"

# Taking checkpatch out of the archive takes as long as all the rest: once is enough.
checkpatch=$BUILD_DIR/guest_style/scripts/checkpatch.pl
if [ ! "$checkpatch" -nt $archive ]; then
	mkdir -p "$BUILD_DIR/guest_style"
	tar -C "$BUILD_DIR/guest_style" --strip-components=1 -m -xJf $archive --occurrence=1 \
		linux-source-6.1/scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch}
fi

cd "$guest"
perl "$checkpatch" --no-tree -f --quiet --terse --no-summary --show-types --max-line-length=100 \
	sf/*.[ch] r0lib/*.[ch] vboxguest/*.[ch] >"$scratch/checkpatch" 2>&1 ||
	{ cat "$scratch/checkpatch"; fail "checkpatch"; }
[ ! -s "$scratch/checkpatch" ] || { cat "$scratch/checkpatch"; fail "checkpatch"; }
# it would have said something of this
printf '// SPDX-License-Identifier: GPL-2.0\nint  f (int a)\n{\n\treturn(a) ;\n}\n' >"$scratch/bad.c"
! perl "$checkpatch" --no-tree -f --quiet --terse "$scratch/bad.c" >/dev/null 2>&1 ||
	fail "checkpatch lets everything pass"
echo "ok: checkpatch"

awk '/^{/ { start = FNR } /^}/ && start { if (FNR - start - 1 > 60) {
	print FILENAME ":" start ": " FNR - start - 1 " lines"; bad = 1 }; start = 0 }
	END { exit bad }' sf/*.c r0lib/*.c vboxguest/*.c || fail "functions that are too long"
echo "ok: no function above 60 lines"

tree=$scratch/source/sf-guest-0.1.0
sf_warnings() {
	grep -nE '(warning|error):' "$1" || :
}
./dkms-tree "$tree"
env -u MAKEFLAGS -u MAKELEVEL make -C "/usr/src/linux-headers-$amd64" "M=$tree" C=2 \
	KBUILD_MODPOST_WARN= modules >"$scratch/make" 2>&1 || { cat "$scratch/make"; fail "$amd64"; }
grep -q 'CHECK .*sf/lock.c' "$scratch/make" || fail "sparse has not been run"
[ -z "$(sf_warnings "$scratch/make")" ] || { sf_warnings "$scratch/make"; fail "sparse, $amd64"; }
echo "ok: sparse, and no warning for $amd64"

# DKMS, in directories and with a key of its own.
rm -rf "$tree"
./dkms-tree "$tree"
export mok_signing_key=$scratch/mok.key mok_certificate=$scratch/mok.pub
mkdir "$scratch/dkms"
places=(--dkmstree "$scratch/dkms" --sourcetree "$scratch/source" --installtree "$scratch/modules")
dkms add "${places[@]}" -m sf-guest -v 0.1.0 >"$scratch/log" 2>&1 ||
	{ cat "$scratch/log"; fail "dkms add"; }
dkms build "${places[@]}" -m sf-guest -v 0.1.0 -k "$cloud" -a x86_64 \
	--kernelsourcedir "/usr/src/linux-headers-$cloud" >"$scratch/log" 2>&1 ||
	{ cat "$scratch/log" "$scratch"/dkms/sf-guest/0.1.0/build/make.log; fail "dkms build"; }
built=$scratch/dkms/sf-guest/0.1.0/$cloud/x86_64
for module in sf_guest sf; do
	modinfo -F vermagic "$built/module/$module.ko"* | grep -q "^$cloud " ||
		fail "DKMS has not built $module.ko"
done
[ -z "$(sf_warnings "$built/log/make.log")" ] ||
	{ sf_warnings "$built/log/make.log"; fail "$cloud"; }
echo "ok: dkms build, and no warning for $cloud"

# What the lab loads has the types of its functions, which tracers can use.
for module in sf_guest sf; do
	[ -e "$BUILD_DIR/modules/$module.ko" ] || skip "there are no modules (build the target guest_modules)"
	types=$(readelf -SW "$BUILD_DIR/modules/$module.ko")
	[[ $types == *" .BTF "* ]] || fail "$module.ko has no types (was dwarves there, and the guest's kernel?)"
done
echo "ok: modules with types"
pass
