#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's own file system: its promises one by one, random operations against a model in each
# cache mode, mount options, the devices for programs, and modules that come and go.
set -euo pipefail
# shellcheck source=guest_lib.sh
. "$(dirname "$0")/guest_lib.sh"

cleanup() { umount "$shared/work/small" "$shared/work/frozen" 2>/dev/null; }
many=50000
operations=${SF_OPERATIONS:-2000}

compile sf_check sf_data sf_node sf_random
cc -m32 -O1 -Wall -Wextra -Werror -nostdlib -static -ffreestanding -fno-pie -no-pie \
	-fno-stack-protector -o "$shared/sf_node32" "$source_dir/tests/vm/sf_node32.c"
cp "$source_dir/sf-impl/guest/mount.sf" "$shared/"

# A driver of the kernel that calls the one of the device as it must not.
mkdir "$shared/idc"
cp "$source_dir/tests/vm/sf_idc.c" "$shared/idc/"
echo 'obj-m := sf_idc.o' >"$shared/idc/Kbuild"
release=$(modinfo -F vermagic "$BUILD_DIR/modules/sf.ko" | cut -d ' ' -f 1)
env -u MAKEFLAGS -u MAKELEVEL make -s -C "/usr/src/linux-headers-$release" "M=$shared/idc" \
	KCFLAGS="-Werror -I$source_dir/sf-impl/include -I$source_dir/sf-impl/guest/vboxguest" \
	KBUILD_EXTRA_SYMBOLS="$BUILD_DIR/sf-impl/guest/kbuild/Module.symvers" KBUILD_MODPOST_WARN= \
	modules 2>"$scratch/make" || { cat "$scratch/make" >&2; fail "sf_idc.ko"; }

# The line of the documentation keeps Linux's driver of the device away; ours are found.
tree=$scratch/tree/lib/modules/$release
mkdir -p "$tree" "$scratch/none" "$scratch/modprobe.d"
cp "$BUILD_DIR"/modules/*.ko "$guest_dir/lib/modules/$release"/kernel/drivers/virt/vboxguest/* "$tree/"
touch "$tree/modules.order" "$tree/modules.builtin"
/sbin/depmod -b "$scratch/tree" "$release" 2>/dev/null
sed -n "s/^echo '\(blacklist .*\)' >.*/\1/p" "$source_dir/docs/guest-filesystem.md" \
	>"$scratch/modprobe.d/sf.conf"
# loads CONFIGURATION ALIAS: the modules
loads() {
	/sbin/modprobe -d "$scratch/tree" -S "$release" -C "$1" -a -b -n -v "$2" |
		sed 's,.*/\(.*\)\.ko.*,\1,' | sort | tr '\n' ' '
}
device=pci:v000080EEd0000CAFEsv00000000sd00000000bc08sc80i00
[ "$(loads "$scratch/none" $device)" = "sf_guest vboxguest " ] || fail "two drivers want the device"
[ "$(loads "$scratch/modprobe.d" $device)" = "sf_guest " ] || fail "Linux's driver is not kept away"
[ "$(loads "$scratch/modprobe.d" fs-sf)" = "sf sf_guest " ] || fail "mount does not find the module"

cd "$shared/work"
mkdir many small frozen types types/directory
(cd many && seq -f 'f%.0f' 0 $((many - 1)) | xargs touch)
touch types/file
mkfifo types/pipe
ln -s file types/link
ln types/file types/again
printf x >"$(printf 'types/\303\274ber')"
printf x >"$(printf 'types/\342\202\254')"
mkdir "$shared/readonly"
touch "$shared/readonly/file"
if mount -t tmpfs -o size=1M tmpfs small 2>/dev/null; then
	touch small/here
	mount -t tmpfs tmpfs frozen
	echo frozen >frozen/file
	mount -o remount,ro frozen
else
	echo "neither a full disk nor a read-only one is tried: cannot mount a tmpfs here"
fi
cd "$OLDPWD"

cat >"$shared/guest.sh" <<'GUEST'
set -eu
cd /run # where no name is a share's: mount takes those for paths
shared=$1 operations=$2 build=$3 kernel=$4
say() { echo "guest: $*"; }

"$shared/sf_check" /mnt/work /mnt/twin
"$shared/sf_node" /mnt/work /mnt/twin
dmesg | grep -q 'vboxguest: log: said by sf_node$' || { say "nothing is logged"; exit 1; }
/run/sf-lab/bin/insmod "$shared/idc/sf_idc.ko" || { say "a call without a session is taken"; exit 1; }
/run/sf-lab/bin/rmmod sf_idc
"$shared/sf_node32" || { say "sf_node32.c, line $?"; exit 1; }

for cache in strict none writeback; do
	mkdir /mnt/other
	mount -i -t sf -o "cache=$cache" work /mnt/other
	mkdir "/mnt/other/$cache"
	if [ -e /mnt/other/small/here ]; then
		mkdir "/mnt/other/small/$cache"
		touch "/mnt/other/small/$cache/here"
		ln -s "../small/$cache" "/mnt/twin/$cache/small"
	fi
	[ $cache != writeback ] || export SF_WRITEBACK=1
	"$shared/sf_data" "/mnt/other/$cache" "/mnt/twin/$cache"
	mkdir "/mnt/other/$cache/1" "/mnt/other/$cache/2"
	"$shared/sf_random" "/mnt/other/$cache/1" 1 "$operations" &
	"$shared/sf_random" "/mnt/other/$cache/2" 2 "$operations"
	wait $!
	umount /mnt/other
	rmdir /mnt/other
done

# refuse OPTIONS: the mount fails, and the kernel's log has its name
mkdir /mnt/other
refused() {
	name=${1%%=*}
	[ "$name" != nls ] || name=iocharset # the same option
	dmesg -C
	! mount -i -t sf -o "$1" work /mnt/other 2>/dev/null || { say "mounted with $1"; exit 1; }
	dmesg | grep -q "sf: .*$name" || { dmesg; say "refused without its name: $1"; exit 1; }
}
for options in frobnicate cache=sometimes lock=sometimes dmode=7777 fmode=1000 umask=8 umask=1777 \
	dmask=x fmask=01000 iocharset=klingon nls=klingon ttl=soon ttl=-1 uid=4294967295 \
	gid=4294967295 uid=me ttl; do
	! dmesg | grep -E 'WARNING|BUG:|Oops' || exit 1
	refused "$options"
done
! mount -i -t sf nosuchshare /mnt/other 2>/dev/null || { say "mounted nosuchshare"; exit 1; }
/run/sf-lab/bin/insmod "$kernel"/lib/modules/*/kernel/fs/nls/nls_iso8859-1.ko
mount -i -t sf -o uid=7,gid=8,dmask=022,fmode=640,fmask=0040,ttl=5,tag=x,iocharset=iso8859-1 \
	work /mnt/other
wanted='uid=7,gid=8,fmode=0640,dmask=022,fmask=040,ttl=5,cache=strict,lock=local,iocharset=iso8859-1,tag=x'
grep -q "^work /mnt/other sf rw,relatime,$wanted " /proc/mounts ||
	{ say "wrong options: $(grep other /proc/mounts)"; exit 1; }
touch /mnt/other/mine
[ "$(stat -c '%u %g %a' /mnt/other/mine)" = '7 8 600' ] || { say "wrong owner or mode"; exit 1; }
printf x >"$(printf '/mnt/other/\344')"
[ -e "$(printf '/mnt/work/\303\244')" ] || { say "the character set is ignored"; exit 1; }
# shellcheck disable=SC2012 # this is about what a listing shows
[ "$(ls /mnt/other/types | LC_ALL=C tr '\374' U | tr '\n' ' ')" = 'directory file link pipe Uber ' ] ||
	{ say "names in another character set: $(ls /mnt/other/types)"; exit 1; }
mount -i -o remount,uid=9,ro /mnt/other
[ "$(stat -c %u /mnt/other)" = 9 ] || { say "remount changes nothing"; exit 1; }
! touch /mnt/other/no 2>/dev/null || { say "written to a read-only mount"; exit 1; }
[ -e "$(printf '/mnt/other/\344')" ] || { say "a remount loses the character set"; exit 1; }
umount /mnt/other

# Each option, at first and by a remount, and what /proc/mounts says then.
shows() {
	grep -q "^work /mnt/other sf $1 " /proc/mounts || { say "not $1: $(grep other /proc/mounts)"; exit 1; }
}
mount -i -t sf work /mnt/other
shows 'rw,relatime,uid=0,gid=0,ttl=1000,cache=strict,lock=local'
exec 8>/mnt/other/remounted
truncate -s 5000 /mnt/other/remounted
begin='uid=0,gid=0' end='ttl=1000,cache=strict,lock=local'
for option in uid=7 gid=8 dmode=0700 fmode=0600 dmask=022 fmask=033 umask=077 ttl=5 cache=none \
	cache=writeback tag=text iocharset=utf8 nls=UTF-8 lock=local; do
	mount -i -o "remount,$option" /mnt/other || { say "no remount with $option"; exit 1; }
	case $option in
	uid* | gid*) ;;
	umask*) grep -q ' /mnt/other .*,dmask=077,fmask=077,' /proc/mounts || exit 1 ;;
	tag*) grep -q ' /mnt/other .*,tag=text 0 0$' /proc/mounts || exit 1 ;;
	iocharset* | nls*) ! grep -E ' /mnt/other .*(iocharset|nls)' /proc/mounts || exit 1 ;;
	*) grep -q " /mnt/other .*,$option[ ,]" /proc/mounts || { say "remount,$option: $(grep other /proc/mounts)"; exit 1; } ;;
	esac
	# what was open before goes on; this one can only write, a part of a page that is not cached
	echo 3 >/proc/sys/vm/drop_caches
	printf x >&8 || { say "an open file after remount,$option"; exit 1; }
	sync -f /mnt/other
done
shows 'rw,relatime,uid=7,gid=8,dmode=0700,fmode=0600,dmask=077,fmask=077,ttl=5,cache=writeback,lock=local,tag=text'
[ "$(stat -c '%u %g %a' /mnt/other/remounted /mnt/other/types | tr '\n' ' ')" = '7 8 600 7 8 700 ' ] ||
	{ say "a remount changes no modes"; exit 1; }
[ "$(head -c 14 /mnt/twin/remounted)" = xxxxxxxxxxxxxx ] || { say "writes between remounts"; exit 1; }
[ "$(stat -c %s /mnt/twin/remounted)" = 5000 ] || { say "a wrong size after remounts"; exit 1; }
exec 8>&-
for option in lock=host iocharset=iso8859-1 nls=ascii cache=sometimes frobnicate; do
	dmesg -C
	! mount -i -o "remount,$option" /mnt/other 2>/dev/null || { say "remounted with $option"; exit 1; }
	name=${option%%=*}
	[ $name != nls ] || name=iocharset
	dmesg | grep -q "sf: .*$name" || { dmesg; say "refused without its name: remount,$option"; exit 1; }
done
shows 'rw,relatime,uid=7,gid=8,dmode=0700,fmode=0600,dmask=077,fmask=077,ttl=5,cache=writeback,lock=local,tag=text'
umount /mnt/other

# What the host offers for reading only stays so.
mount -i -t sf readonly /mnt/other 2>/dev/null
grep -q '^readonly /mnt/other sf ro,' /proc/mounts || { say "not read-only"; exit 1; }
cat /mnt/other/file
! touch /mnt/other/new 2>/dev/null || { say "written to a read-only share"; exit 1; }
! mount -i -o remount,rw /mnt/other 2>/dev/null || { say "a read-only share becomes writable"; exit 1; }
umount /mnt/other
say "options are fine"

mkdir /run/cwd /run/cwd/work
cd /run/cwd
"$shared/mount.sf" "$PWD/work" /mnt/other -o ttl=7,cache=none -n
grep -q '^work /mnt/other sf .*,ttl=7,cache=none,' /proc/mounts ||
	{ say "mount.sf: $(grep other /proc/mounts)"; exit 1; }
umount /mnt/other
for wrong in frobnicate cache=sometimes; do
	! "$shared/mount.sf" work /mnt/other -o "$wrong" 2>/run/err || { say "mount.sf $wrong"; exit 1; }
	grep -q "^mount.sf: .*${wrong%%=*}" /run/err || { cat /run/err; say "mount.sf names no $wrong"; exit 1; }
done
! "$shared/mount.sf" work /mnt/other -x 2>/run/err || { say "mount.sf -x"; exit 1; }
grep -q '^usage: mount.sf' /run/err || { say "mount.sf has no usage"; exit 1; }
! "$shared/mount.sf" nosuchshare /mnt/other 2>/run/err || { say "mount.sf nosuchshare"; exit 1; }
grep -q nosuchshare /run/err || { cat /run/err; say "mount.sf does not name the share"; exit 1; }
cd /run

# The classic chain, function by function: three writes of a page cross each hop three times.
hops='sf_write_begin sf_write_end sf_reg_write_aux vboxCallWrite VbglHGCMCall vbglDriverIOCtl
	VBoxGuestIDCCall VBoxGuestCommonIOCtl VbglR0HGCMInternalCall VbglGRPerform'
tracing=/sys/kernel/tracing
exec 8>/mnt/work/chain
echo "$hops" | tr -s ' \n\t' '\n' >$tracing/set_ftrace_filter
echo function >$tracing/current_tracer
echo >$tracing/trace
dd if=/dev/zero bs=4096 count=3 status=none >&8
cat $tracing/trace >/run/trace
echo nop >$tracing/current_tracer
echo >$tracing/set_ftrace_filter
exec 8>&-
chain=$(sed -n 's/^ *dd-.*: \([A-Za-z0-9_]*\) .*/\1/p' /run/trace | tr '\n' ' ')
# shellcheck disable=SC2116,SC2086
wanted=$(echo $hops)
[ "$chain" = "$wanted $wanted $wanted " ] || { say "the chain is $chain"; exit 1; }
say "the chain is whole"

umount /mnt/work
umount /mnt/twin
umount /mnt/readonly
for _ in 1 2 3 4 5; do
	/run/sf-lab/bin/rmmod sf
	/run/sf-lab/bin/rmmod sf_guest
	/run/sf-lab/bin/insmod "$build/modules/sf_guest.ko"
	/run/sf-lab/bin/insmod "$build/modules/sf.ko"
done
device=$(basename /sys/bus/pci/drivers/sf_guest/0000:*)
mount -i -t sf work /mnt/work
exec 7>/mnt/work/open
echo "$device" >/sys/bus/pci/drivers/sf_guest/unbind
! stat /mnt/work/many 2>/run/err || { say "the share answers without a device"; exit 1; }
grep -q 'transport endpoint shutdown' /run/err || { cat /run/err; say "another error"; exit 1; }
! echo lost >&7 2>/dev/null || { say "a write went nowhere"; exit 1; }
exec 7>&- || true
echo "$device" >/sys/bus/pci/drivers/sf_guest/bind
umount /mnt/work
mount -i -t sf work /mnt/work
mount -i -t sf work /mnt/twin
mount -i -t sf readonly /mnt/readonly 2>/dev/null
[ -e /mnt/work/many/f0 ] || { say "the share is not back"; exit 1; }
if dmesg | grep -E 'WARNING|BUG:|Oops|leak|slab.*not empty'; then
	exit 1
fi
say "modules and device come and go"
GUEST

# A kernel that changes tasks anywhere shows what a guest of one processor would not.
in_guest --env "SF_MANY=$many" --append preempt=full --share "readonly=$shared/readonly:ro" -- \
	sh "$shared/guest.sh" "$shared" "$operations" "$BUILD_DIR" "$guest_dir"
pass
