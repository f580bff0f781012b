#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl list and check in a VM with devices.  Prints TAP.
set -eu
. ./vm.sh
other=0000:00:06.1
pair=0000:00:06.0
host_driver=pci-pf-stub

# row BDF: print its row of the list, without the name, which pci.ids may change
row() {
	"$iommuctl" list | awk -v bdf="$1" '$2 == bdf { print $1, $2, $3, $4, $5 }'
}

check "list has each PCI device" same \
	"$("$iommuctl" list | awk 'NR > 1 { print $2 }' | sort)" \
	"$(cd /sys/bus/pci/devices && printf '%s\n' *)"
check "list: of a device without a driver" same "$(row $bdf)" \
	"$(group_of $bdf) $bdf - - -"
is "check: no device is given" 0 "$iommuctl" check <<EOF
system: Linux $rel, ready
no device is given to vfio-pci
EOF
is "check: no driver has the device" 1 "$iommuctl" check $bdf <<EOF
system: Linux $rel, ready
$bdf: cannot be bound
  driver: no driver has it
    cure: driverctl set-override $bdf vfio-pci
EOF

bind vfio-pci $bdf
node=$(node_of $bdf)
check "list: of a device that is given to vfio-pci" same "$(row $bdf)" \
	"$(group_of $bdf) $bdf vfio-pci /dev/vfio/devices/$node -"
is "check: the device can be bound" 0 "$iommuctl" check $bdf <<EOF
system: Linux $rel, ready
$bdf: can be bound, by /dev/vfio/devices/$node
EOF
check "so it can" same "$(may_bind $bdf)" ok

cp "$iommuctl" "$tmp"
chmod 755 "$tmp"
as="setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all"
# shellcheck disable=SC2086 # a list of words
is "check: a user may open neither file" 0 $as sh -c "ulimit -l 64; '$tmp/iommuctl' check $bdf |
	grep -v '^    cure: '" <<EOF
system: Linux $rel, not ready
  permissions: nobody may not open /dev/iommu
  note, memlock: nobody may map no more than 64 KiB in all
$bdf: cannot be bound
  permissions: nobody may not open /dev/vfio/devices/$node
EOF

hold $bdf
check "a process binds the device" same "$(tell bind)" ok
check "list: of a device that a process has" same "$(row $bdf)" \
	"$(group_of $bdf) $bdf vfio-pci /dev/vfio/devices/$node $holder:hold"
is "check: a process has the device" 1 "$iommuctl" check $bdf <<EOF
system: Linux $rel, ready
$bdf: cannot be bound
  user: process $holder (hold) has it, by its device file
    cure: kill $holder
EOF
release
check "list: the process has gone" same "$(row $bdf)" \
	"$(group_of $bdf) $bdf vfio-pci /dev/vfio/devices/$node -"

# A group of two, one of them with a host driver
bind vfio-pci $pair
bind $host_driver $other
node=$(node_of $pair)
is "check: one of the group has a host driver" 1 "$iommuctl" check $pair <<EOF
system: Linux $rel, ready
$pair: cannot be bound
  group: $other of its IOMMU group $(group_of $pair) has the host driver $host_driver
    cure: driverctl set-override $other vfio-pci
EOF
check "it cannot" same "$(may_bind $pair)" "Operation not permitted"
is "check: the other one" 1 "$iommuctl" check $other <<EOF
system: Linux $rel, ready
$other: cannot be bound
  driver: the host driver $host_driver has it
    cure: driverctl set-override $other vfio-pci
EOF
bind vfio-pci $other
is "check: then both are given" 0 "$iommuctl" check $pair $other <<EOF
system: Linux $rel, ready
$pair: can be bound, by /dev/vfio/devices/$node
$other: can be bound, by /dev/vfio/devices/$(node_of $other)
EOF
check "it can be bound" same "$(may_bind $pair)" ok
hold $pair
check "a process binds one of the group" same "$(tell bind)" ok
is "check: a process has one of the group" 1 "$iommuctl" check $other <<EOF
system: Linux $rel, ready
$other: cannot be bound
  user: process $holder (hold) has $pair of its IOMMU group $(group_of $other)
    cure: kill $holder
EOF
release
is "check: a bridge" 1 "$iommuctl" check 00:07.0 <<EOF
system: Linux $rel, ready
0000:00:07.0: cannot be bound
  driver: it is a bridge, which cannot be given away
    cure: iommuctl list, and choose a device behind it
EOF

# Modules
bind - $bdf $pair $other
rmmod vfio_pci
is "check: vfio-pci is not loaded" 0 "$iommuctl" check <<EOF
system: Linux $rel, ready
no device is given to vfio-pci
EOF
rmmod iommufd
is "check: iommufd is not loaded" 1 "$iommuctl" check <<EOF
system: Linux $rel, not ready
  module: iommufd is not loaded
    cure: modprobe iommufd
no device is given to vfio-pci
EOF
modprobe iommufd
stock=$(find "/lib/modules/$rel/kernel" -name 'vfio-pci.ko*')
modprobe vfio-pci-core
insmod "$stock"
is "check: the kernel's own vfio-pci is loaded" 1 "$iommuctl" check <<EOF
system: Linux $rel, not ready
  module: the kernel's own vfio-pci is loaded, which has no device files
    cure: rmmod vfio_pci && modprobe vfio-pci
no device is given to vfio-pci
EOF
rmmod vfio_pci && modprobe vfio-pci
is "check: that is cured" 0 "$iommuctl" check <<EOF
system: Linux $rel, ready
no device is given to vfio-pci
EOF
finish
