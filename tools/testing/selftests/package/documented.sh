#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In a VM: the commands of the documents that the list `commands' leaves to this
# test, by one shell, as a user would type them.  0000:01:00.0 is the VM's disk, which
# its host driver has at first.  Prints TAP.
set -u
disk=0000:00:05.0 vm=$PWD/../../vm
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; "$vm/bind" - $disk' EXIT
modprobe nvme
"$vm/bind" nvme $disk
awk -F '\t' '/^#/ || /^$/ { next } $2 == "vm" { print command } { command = $0 }' commands |
	sed "s/0000:01:00[.]0/$disk/" >"$tmp/commands"
n=0 failed=0
echo "TAP version 13"
while read -r command; do
	n=$((n + 1))
	eval "$command" >"$tmp/out" 2>&1 || {
		failed=1
		sed 's/^/# /' "$tmp/out"
		printf 'not '
	}
	echo "ok $n $command"
done <"$tmp/commands"
n=$((n + 1))
[ -c "/dev/vfio/devices/$(ls /sys/bus/pci/devices/$disk/vfio-dev)" ] ||
	{ failed=1; printf 'not '; }
echo "ok $n then the disk has a device file"
echo "1..$n"
exit $failed
