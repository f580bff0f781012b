#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A kernel with /dev/iommu of its own is refused when the modules are built, by
# one line that says why.  Prints TAP.
set -eu
here=$(cd ../../vm && pwd)
. "$here/common.sh"
kernel_line "${KERNEL:-6.12}"
"$here/fetch" -k "${KERNEL:-6.12}" build
n=0 failed=0

echo "TAP version 13"
echo "1..2"
for value in y m; do
	n=$((n + 1))
	out=$(builder make -s -C "$kdir/headers" M="$top" CONFIG_IOMMUFD=$value \
		modules 2>&1) && rc=0 || rc=$?
	if [ $rc != 0 ] && [ "$(echo "$out" | grep -c '^/.*: \*\*\* .*CONFIG_IOMMUFD.*Stop')" = 1 ]; then
		echo "ok $n CONFIG_IOMMUFD=$value is refused"
	else
		echo "$out" | sed 's/^/# /'
		echo "not ok $n CONFIG_IOMMUFD=$value is refused"
		failed=1
	fi
done
exit $failed
