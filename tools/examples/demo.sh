#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs ./demo in a VM of tools/testing/vm/run ("make demo" does): binds the
# VM's NVMe controller and edu device to vfio-pci, and unbinds them afterwards.
set -eu

here=$(dirname "$0")
bind=$here/../testing/vm/bind
disk=0000:00:05.0
edu=0000:00:04.0

if [ "${IOMMUFD_VM:-}" != 1 ]; then
	echo "demo.sh: to be run in the VM: make demo" >&2
	exit 2
fi
echo "0. Bind $disk (NVMe) and $edu (edu) to the driver vfio-pci"
"$bind" vfio-pci $disk $edu
"$here/demo" $disk $edu
"$bind" - $disk $edu
