#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The shortest program, tools/examples/copy, copies by DMA; and tools/examples/dirty,
# which is for hardware, says that no IOMMU of QEMU tracks.  Prints TAP.
set -eu
. ../test.sh
edu=0000:00:04.0
disk=0000:00:05.0

check "a device is bound to vfio-pci" "$top/tools/testing/vm/bind" vfio-pci $edu
check "it copies from memory to memory" \
	same "$("$top/tools/examples/copy" $edu 2>&1)" "2048 bytes copied"
check "it can be used again" \
	same "$("$top/tools/examples/copy" $edu 2>&1)" "2048 bytes copied"
check "vfio-pci gives it back" "$top/tools/testing/vm/bind" - $edu
check "then it is not there any more" \
	same "$("$top/tools/examples/copy" $edu 2>&1)" \
	"copy: open the device: No such device"
check "a disk is bound to vfio-pci" "$top/tools/testing/vm/bind" vfio-pci $disk
check "it has no page table that tracks dirty pages" \
	same "$("$top/tools/examples/dirty" $disk 2>&1)" \
	"dirty: the IOMMU does not track dirty pages: Operation not supported"
check "vfio-pci gives the disk back" "$top/tools/testing/vm/bind" - $disk
check "KVM has been told of device files" \
	same "$(cat /sys/module/vfio_pci/parameters/kvm)" Y
finish
