#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# An administrator chooses the IOMMU backend of VFIO containers: by the line of
# modprobe.d that container.md has, and by its commands.  For a VM.  Prints TAP.
set -eu
. ../test.sh
rel=$(uname -r)
ours=/lib/modules/$rel/updates/vfio_iommu_iommufd.ko
conf=/run/modprobe.d/vfio-container.conf
if ! modinfo vfio_iommu_type1 >/dev/null 2>&1; then
	echo "1..0 # SKIP this kernel is built without vfio_iommu_type1"
	exit 4
fi

unload() {
	for m in vfio_iommu_iommufd vfio_iommu_type1; do
		[ ! -e /sys/module/$m ] || rmmod $m
	done
}

# loaded: print the backends that are loaded
loaded() { (cd /sys/module && echo vfio_iommu_*); }

# anew MODULE: load it when no backend and no VFIO core is
anew() {
	unload
	rmmod vfio_pci vfio_pci_core
	[ ! -e /sys/module/vfio_virqfd ] || rmmod vfio_virqfd
	rmmod vfio
	modprobe "$1"
}

unload
modprobe vfio-pci
check "without the line, vfio.ko gets type1" anew vfio-pci
check "and nothing else" same "$(loaded)" vfio_iommu_type1
mkdir -p "${conf%/*}"
sed -n 's/^    \(install vfio_iommu_type1 .*\)/\1/p' \
	"$top/Documentation/container.md" >"$conf"
check "container.md has one line" [ "$(wc -l <"$conf")" = 1 ]
check "with it, vfio.ko gets ours" anew vfio-pci
check "and nothing else" same "$(loaded)" vfio_iommu_iommufd
unload
check "with it, modprobe vfio_iommu_type1 loads ours" modprobe vfio_iommu_type1
check "and nothing else" same "$(loaded)" vfio_iommu_iommufd
unload
mv "$ours" "$tmp"
depmod "$rel"
check "without our module, modprobe vfio_iommu_type1 works" modprobe vfio_iommu_type1
check "and loads type1" same "$(loaded)" vfio_iommu_type1
mv "$tmp/${ours##*/}" "$ours"
depmod "$rel"
rm "$conf"

check "the command that chooses ours" \
	sh -c 'modprobe vfio_iommu_iommufd && rmmod vfio_iommu_type1'
check "leaves ours only" same "$(loaded)" vfio_iommu_iommufd
check "the command that goes back" \
	sh -c 'rmmod vfio_iommu_iommufd && modprobe vfio_iommu_type1'
check "leaves type1 only" same "$(loaded)" vfio_iommu_type1
finish
