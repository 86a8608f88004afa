#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The initramfs's /init: loads the modules, builds the guest's root out of the host's (read-only over
# 9p, with tmpfs where programs have to write), and hands over to guest-session.sh on that root.
# shellcheck shell=dash

/bin/busybox --install -s /bin
PATH=/bin
ports=
programs=
# shellcheck disable=SC1091
. /sf-lab/config

# shellcheck disable=SC3045 # busybox's read has -t
fail() {
	echo "sf-lab: $*" >/dev/console
	if [ -e "$control" ]; then
		echo "fail 0 0 $*" >&3
		read -r -t 10 _ <&3
	fi
	poweroff -f
	exit 1
}

load_modules() {
	while read -r module; do
		why=$(insmod "/sf-lab/modules/$module" 2>&1) || fail "cannot load $module: $why"
	done </sf-lab/order
}

# There is no udev here: give the ports the links that it would. They turn up one after the other.
link_ports() {
	mkdir -p /dev/virtio-ports
	tries=500
	for wanted in $ports; do
		until [ -e "/dev/virtio-ports/$wanted" ]; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || fail "virtio-serial port $wanted does not appear"
			for name in /sys/class/virtio-ports/*/name; do
				[ -s "$name" ] || continue
				device=${name%/name}
				ln -sf "../${device##*/}" "/dev/virtio-ports/$(cat "$name")"
			done
			[ -e "/dev/virtio-ports/$wanted" ] || sleep 0.01
		done
	done
}

mount_or_fail() {
	why=$(mount "$@" 2>&1) || fail "$why"
}

mount_root() {
	mount_or_fail -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host
	mount_or_fail --bind /host /root
	mount_or_fail -t tmpfs -o mode=755 tmpfs /root/run
	mount_or_fail -t tmpfs -o mode=755 tmpfs /root/mnt
	mount_or_fail -t tmpfs -o mode=1777 tmpfs /root/tmp
	mount_or_fail -t tmpfs -o mode=1777 tmpfs /root/var/tmp
	# A build below one of these directories would be hidden now.
	if [ ! -d "/root$programs" ]; then
		mkdir -p "/root$programs"
		mount_or_fail --bind "/host$programs" "/root$programs"
	fi
	umount /host
}

mount_devices() {
	mkdir -p /dev/pts /dev/shm
	mount_or_fail -t devpts devpts /dev/pts
	mount_or_fail -t tmpfs -o mode=1777 tmpfs /dev/shm
	ln -sf /proc/self/fd /dev/fd
	ln -sf /proc/self/fd/0 /dev/stdin
	ln -sf /proc/self/fd/1 /dev/stdout
	ln -sf /proc/self/fd/2 /dev/stderr
}

mount_kernel_interfaces() {
	mount_or_fail -t tracefs tracefs /sys/kernel/tracing
	mount_or_fail -t debugfs debugfs /sys/kernel/debug
	mount_or_fail -t bpf bpf /sys/fs/bpf
	mount_or_fail -t cgroup2 cgroup2 /sys/fs/cgroup
}

mkdir -p /proc /sys /dev /host /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
control=
load_modules
link_ports
control=/dev/virtio-ports/sf-lab.control
exec 3<>"$control"

mount_devices
mount_root
mount_kernel_interfaces
hostname sf-lab
ifconfig lo up

cp -R /sf-lab /root/run/sf-lab
mkdir /root/run/sf-lab/bin
cp /bin/busybox /root/run/sf-lab/bin/busybox
for tree in dev proc sys; do
	mount_or_fail --move "/$tree" "/root/$tree"
done
exec switch_root /root /run/sf-lab/bin/busybox sh /run/sf-lab/session
