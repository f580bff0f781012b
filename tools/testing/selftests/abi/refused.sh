#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A kernel with /dev/iommu of its own, with pages larger than 4 KiB, or without what the
# modules are built on, is refused when they are built, by one line that says why.
# Prints TAP.
set -eu
here=$(cd ../../vm && pwd)
. "$here/common.sh"
kernel_line "${KERNEL:-6.12}"
"$here/fetch" -k "${KERNEL:-6.12}" build
. ../../tap.sh

# refused OPTION: is the build refused by one line that names OPTION?
refused() {
	if builder make -s -C "$kdir/headers" M="$top" "$1" modules >"$tmp/build" 2>&1; then
		echo "the modules are built"
		return 1
	fi
	cat "$tmp/build"
	same "$(grep -c "Kbuild:[0-9]*: \*\*\* .*${1%=*}.*Stop" "$tmp/build")" 1
}

echo "TAP version 13"
for option in CONFIG_IOMMUFD=y CONFIG_IOMMUFD=m CONFIG_VFIO_PCI_CORE= \
	CONFIG_ARM64_16K_PAGES=y CONFIG_ARM64_64K_PAGES=y; do
	check "$option is refused" refused $option
done
finish
