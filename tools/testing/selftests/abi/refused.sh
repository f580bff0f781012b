#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A kernel with /dev/iommu of its own, or without what the modules are built on, is
# refused when they are built, by one line that says why.  Prints TAP.
set -eu
here=$(cd ../../vm && pwd)
. "$here/common.sh"
kernel_line "${KERNEL:-6.12}"
"$here/fetch" -k "${KERNEL:-6.12}" build
n=0 failed=0

echo "TAP version 13"
echo "1..3"
for option in CONFIG_IOMMUFD=y CONFIG_IOMMUFD=m CONFIG_VFIO_PCI_CORE=; do
	n=$((n + 1))
	out=$(builder make -s -C "$kdir/headers" M="$top" $option modules \
		2>&1) && rc=0 || rc=$?
	why=$(echo "$out" | grep -c "^/.*: \*\*\* .*${option%=*}.*Stop" || true)
	if [ "$rc" != 0 ] && [ "$why" = 1 ]; then
		echo "ok $n $option is refused"
	else
		echo "$out" | sed 's/^/# /'
		echo "not ok $n $option is refused"
		failed=1
	fi
done
exit $failed
