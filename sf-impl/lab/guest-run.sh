#!/run/sf-lab/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole life of the mounts in the guest: mounts the shares, runs the command in the first one,
# ends what the command left behind, unmounts. stdout and stderr are the command's.
# shellcheck shell=dash

lab=/run/sf-lab
PATH=$lab/bin
group=/sys/fs/cgroup/command
type=
# shellcheck disable=SC1091
. $lab/config
exec 6>&2 2>/dev/console

give_up() {
	echo "$*" | sed 's/ *$//' >$lab/reason
	unmount_shares
	exit 125
}

mount_shares() {
	while IFS= read -r name; do
		mkdir "/mnt/$name"
		if ! why=$(mount -i -t "$type" "$name" "/mnt/$name" 2>&1); then
			give_up "cannot mount share '$name': ${why##*failed: }" \
				"$(dmesg | sed -n "s/^[^a-z]*\($type: .*\)/(\1)/p" | tail -n 1)"
		fi
		echo "$name" >>$lab/mounted
	done <$lab/shares
}

unmount_shares() {
	[ -e $lab/mounted ] || return 0
	tac $lab/mounted >$lab/unmount
	rm $lab/mounted
	while IFS= read -r name; do
		why=$(umount "/mnt/$name" 2>&1) || give_up "cannot unmount share '$name': $why"
	done <$lab/unmount
}

run_command() (
	echo 0 >$group/cgroup.procs
	IFS= read -r first <$lab/shares || first=scratch
	cd "/mnt/$first" || { echo "cannot enter /mnt/$first" >$lab/reason; exit 125; }
	exec env -i /bin/sh $lab/command 2>&6 6>&-
)

# A process in the background would keep the share busy and the output open.
end_leftovers() {
	echo 1 >$group/cgroup.kill
	until grep -q 'populated 0' $group/cgroup.events; do
		sleep 0.01
	done
}

: >$lab/started
mkdir $group
if [ -s $lab/shares ]; then
	mount_shares
else
	mkdir /mnt/scratch
fi
run_command
status=$?
end_leftovers
unmount_shares
echo $status >$lab/status
exit $status
