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
cd "$shared/work"
mkdir many small frozen types types/directory
(cd many && seq -f 'f%.0f' 0 $((many - 1)) | xargs touch)
touch types/file
mkfifo types/pipe
ln -s file types/link
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

mkdir /mnt/other
refuse() {
	! mount -i -t sf -o "$1" work /mnt/other 2>/dev/null || { say "mounted with $1"; exit 1; }
}
refuse frobnicate
refuse cache=sometimes
refuse lock=sometimes
refuse dmode=7777
refuse umask=8
refuse iocharset=klingon
refuse ttl=soon
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
mount -i -o remount,uid=9,ro /mnt/other
[ "$(stat -c %u /mnt/other)" = 9 ] || { say "remount changes nothing"; exit 1; }
! touch /mnt/other/no 2>/dev/null || { say "written to a read-only mount"; exit 1; }
umount /mnt/other
say "options are fine"

mkdir /run/cwd /run/cwd/work
cd /run/cwd
"$shared/mount.sf" "$PWD/work" /mnt/other -o ttl=7,cache=none -n
grep -q '^work /mnt/other sf .*,ttl=7,cache=none,' /proc/mounts ||
	{ say "mount.sf: $(grep other /proc/mounts)"; exit 1; }
umount /mnt/other
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
! stat /mnt/work/many 2>/dev/null || { say "the share answers without a device"; exit 1; }
! echo lost >&7 2>/dev/null || { say "a write went nowhere"; exit 1; }
exec 7>&- || true
echo "$device" >/sys/bus/pci/drivers/sf_guest/bind
umount /mnt/work
mount -i -t sf work /mnt/work
mount -i -t sf work /mnt/twin
[ -e /mnt/work/many/f0 ] || { say "the share is not back"; exit 1; }
if dmesg | grep -E 'WARNING|BUG:|Oops|leak|slab.*not empty'; then
	exit 1
fi
say "modules and device come and go"
GUEST

in_guest --env "SF_MANY=$many" -- \
	sh "$shared/guest.sh" "$shared" "$operations" "$BUILD_DIR" "$guest_dir"
pass
