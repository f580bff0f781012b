# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the steps: questions about the system.
# shellcheck shell=sh disable=SC2034 # what is set here is used there
tmp=/tmp
. /os/tap.sh
rel=$(uname -r)
edu=0000:00:04.0 nvme=0000:00:05.0
devices=/sys/bus/pci/devices

# ours MODULE: is the loaded module the file that DKMS has installed?
ours() {
	file=$(echo "/lib/modules/$rel/updates/dkms/$1".ko*)
	same "$(modinfo -F filename "$1")" "$file" &&
		same "$(cat "/sys/module/$(echo "$1" | tr - _)/srcversion")" \
			"$(modinfo -F srcversion "$file")"
}

# stock: is the loaded vfio-pci the kernel's own?  It has no srcversion, and does not
# taint the kernel.
stock() {
	test -d /sys/module/vfio_pci && ! test -e /sys/module/vfio_pci/srcversion &&
		same "$(cat /sys/module/vfio_pci/taint)" "" &&
		test -e "$(echo "/lib/modules/$rel/kernel/drivers/vfio/pci/vfio-pci".ko*)"
}

# no_iommufd: neither the module nor its device file is there
no_iommufd() {
	for f in /dev/iommu /dev/vfio/devices /sys/module/iommufd; do
		! test -e $f || { echo "$f exists"; return 1; }
	done
}

# from_initramfs: was vfio-pci loaded, with ids=, before there was a root directory?
from_initramfs() {
	dmesg | awk '
		/vfio_pci: add \[1234:11e8/ { loaded = 1 }
		loaded && /EXT4-fs \(vda\): mounted/ { found = 1 }
		END { exit !found }'
}

# bound BDF DRIVER
bound() { same "$(basename "$(readlink "$devices/$1/driver")")" "$2"; }

# has_node BDF: the device file exists, with sysfs's name and number
has_node() {
	node=$(ls "$devices/$1/vfio-dev") &&
		same "$(stat -c '%F %Hr:%Lr' "/dev/vfio/devices/$node")" \
			"character special file $(cat "$devices/$1/vfio-dev/$node/dev")"
}

# has_group BDF: the group's file, which the kernel's own vfio-pci has too
has_group() { test -c "/dev/vfio/$(basename "$(readlink "$devices/$1/iommu_group")")"; }

# failed_units UNIT...: no others have failed
failed_units() {
	same "$(systemctl list-units --failed --plain --no-legend | cut -d ' ' -f 1)" "$*"
}
