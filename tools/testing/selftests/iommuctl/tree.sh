# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the tests beside it: a made-up host in the directory $tree, from which
# iommuctl is told to take its files.
# shellcheck shell=sh disable=SC2034,SC2154 # what is set here is used there
. ../test.sh
chmod 755 "$tmp" # users other than root read it, too
iommuctl=$top/tools/iommuctl/iommuctl
tree=$tmp/tree
pci=$tree/sys/bus/pci
export IOMMUCTL_ROOT="$tree"

# put PATH LINE...: make a file
put() {
	file=$tree/$1; shift
	mkdir -p "${file%/*}"
	printf '%s\n' "$@" >"$file"
}

# device BDF VENDOR:DEVICE CLASS [GROUP [DRIVER]]
device() {
	put "sys/bus/pci/devices/$1/vendor" "0x${2%:*}"
	put "sys/bus/pci/devices/$1/device" "0x${2#*:}"
	put "sys/bus/pci/devices/$1/class" "0x$3"
	put "sys/bus/pci/devices/$1/driver_override" "(null)"
	[ $# -lt 4 ] || group "$1" "$4"
	[ $# -lt 5 ] || driver "$1" "$5"
}

# group BDF GROUP
group() {
	put "sys/kernel/iommu_groups/$2/reserved_regions" \
		"0x00000000fee00000 0x00000000feefffff msi"
	ln -s "../../../../kernel/iommu_groups/$2" "$pci/devices/$1/iommu_group"
}

# driver BDF DRIVER: bind it
driver() {
	mkdir -p "$pci/drivers/$2"
	ln -s "../../drivers/$2" "$pci/devices/$1/driver"
	ln -s "../../devices/$1" "$pci/drivers/$2/$1"
}

# node BDF N: give it the device file vfioN
node() {
	put "sys/bus/pci/devices/$1/vfio-dev/vfio$2/dev" "511:$2"
	mkdir -p "$tree/dev/vfio/devices"
	mknod "$tree/dev/vfio/devices/vfio$2" c 511 "$2"
	chmod 600 "$tree/dev/vfio/devices/vfio$2"
}

# group_file GROUP
group_file() {
	put "sys/class/vfio/$1/dev" "510:$1"
	mkdir -p "$tree/dev/vfio"
	mknod "$tree/dev/vfio/$1" c 510 "$1"
}

# process PID COMMAND START
process() {
	mkdir -p "$tree/proc/$1/fd" "$tree/proc/$1/fdinfo"
	put "proc/$1/comm" "$2"
	put "proc/$1/stat" "$1 ($2) S 1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 $3 0 0"
}

# opened PID FD FILE [KEY VALUE]...: a process has FILE open, with this fdinfo
opened() {
	ln -s "$tree/$3" "$tree/proc/$1/fd/$2"
	fdinfo=$tree/proc/$1/fdinfo/$2
	shift 3
	printf 'pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t9\n' >"$fdinfo"
	[ $# = 0 ] || printf '%s:\t%s\n' "$@" >>"$fdinfo"
}

# good: a host without a fault, whose 0000:00:04.0 is given to vfio-pci
good() {
	rm -rf "$tree"
	put proc/sys/kernel/osrelease 6.12.9-amd64
	put proc/cmdline "BOOT_IMAGE=/boot/vmlinuz-6.12.9-amd64 root=/dev/vda1 ro quiet"
	put proc/interrupts \
		"            CPU0       CPU1       " \
		"   9:          0          0  IR-IO-APIC    9-fasteoi   acpi" \
		"  25:          7          0  IR-PCI-MSI-0000:00:05.0    0-edge      nvme0q0"
	put proc/self/status "Name:	iommuctl" "CapEff:	000001ffffffffff"
	put proc/self/limits \
		"Limit                     Soft Limit           Hard Limit           Units     " \
		"Max locked memory         8388608              8388608              bytes     "
	put boot/config-6.12.9-amd64 CONFIG_VFIO_PCI_CORE=m "# CONFIG_IOMMUFD is not set" \
		CONFIG_IOMMUFD_DRIVER=y
	put lib/modules/6.12.9-amd64/modules.dep \
		"updates/dkms/iommufd.ko.xz:" \
		"updates/dkms/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko updates/dkms/iommufd.ko.xz"
	put sys/class/misc/iommu/dev 10:260
	put sys/module/iommufd/parameters/allow_unsafe_interrupts N
	put sys/module/iommufd/version 0.1
	put sys/module/vfio_pci/version 0.1
	put usr/share/misc/pci.ids \
		"1234  QEMU" "	11e8  edu" "8086  Intel" "	10d3  82574L" "	5916  HD Graphics" \
		"1b36  Red Hat" "	000e  bridge" "	0010  NVMe"
	mkdir -p "$tree/dev"
	mknod "$tree/dev/iommu" c 10 260
	chmod 660 "$tree/dev/iommu"
	chgrp kvm "$tree/dev/iommu" 2>/dev/null || chgrp disk "$tree/dev/iommu"
	device 0000:00:04.0 1234:11e8 00ff00 3 vfio-pci
	node 0000:00:04.0 0
	device 0000:00:05.0 1b36:0010 010802 4 nvme
}

# state: print the state of all files of the host
state() { find "$tree" -printf '%P %y %m %U:%G %l %s %T@ %C@\n' | sort; }

# expect NAME CODE ARG...: iommuctl with the arguments prints the text of standard
# input, and nothing else, and exits with CODE
expect() {
	name=$1 code=$2; shift 2
	cat >"$tmp/wanted"
	rc=0
	$as "$iommuctl" "$@" >"$tmp/got" 2>&1 || rc=$?
	check "$name" compare
}
as=

compare() {
	[ "$rc" = "$code" ] || echo "exit code $rc, not $code"
	diff "$tmp/wanted" "$tmp/got" && [ "$rc" = "$code" ]
}
