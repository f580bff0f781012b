#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl check in a VM whose devices have reserved memory of firmware.  Prints TAP.
set -eu
. ./vm.sh
usb=0000:00:09.0 # needs its reserved memory only until a driver is bound

bind vfio-pci $bdf $usb
is "check: firmware needs memory mapped" 1 "$iommuctl" check $bdf $usb <<EOF
system: Linux $rel, ready
$bdf: cannot be bound
  firmware: firmware needs [mem 0xfed1c000-0xfed1cfff] mapped for its IOMMU group
    cure: switch off in the firmware's settings what uses the device: shared graphics memory, remote management, USB legacy support
$usb: can be bound, by /dev/vfio/devices/$(node_of $usb)
EOF
check "the one has no device file" \
	test ! -e "/sys/bus/pci/devices/$bdf/vfio-dev/$(node_of $bdf)/dev"
check "the other can" same "$(may_bind $usb)" ok
bind - $bdf $usb
finish
