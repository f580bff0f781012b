#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl check in a VM without interrupt remapping.  Prints TAP.
set -eu
. ./vm.sh
parameter=/sys/module/iommufd/parameters/allow_unsafe_interrupts

bind vfio-pci $bdf
node=$(node_of $bdf)
is "check: interrupts are not isolated" 1 "$iommuctl" check $bdf <<EOF
system: Linux $rel, not ready
  interrupts: interrupts are not isolated: there is no interrupt remapping, or the firmware has it off
    cure: switch it on in the firmware's settings; or, if you trust whoever uses devices as you trust the kernel: echo Y >$parameter
$bdf: cannot be bound: the system is not ready
EOF
check "the device cannot be bound" same "$(may_bind $bdf)" "Operation not permitted"
echo Y >$parameter
is "check: that is allowed" 0 "$iommuctl" check $bdf <<EOF
system: Linux $rel, ready
  note, interrupts: interrupts are not isolated, which allow_unsafe_interrupts allows: whoever uses a device can raise any interrupt
    cure: echo N >$parameter
$bdf: can be bound, by /dev/vfio/devices/$node
EOF
check "the device can be bound" same "$(may_bind $bdf)" ok
echo N >$parameter
bind - $bdf
finish
