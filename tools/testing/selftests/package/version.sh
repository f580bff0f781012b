#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# All parts have the version of dkms.conf.  Prints TAP.
set -eu
. ../test.sh
cd "$top"
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

check "dkms.conf has one" [ "$version" ]
check "debian/changelog has it" \
	same "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" "$version"
# shellcheck disable=SC2016 # expanded by that shell
check "make help has it" sh -c 'make help | grep -q "iommufd/$0\$"' "$version"
for module in drivers/iommu/iommufd/iommufd drivers/iommu/mock/iommufd_mock \
	drivers/vfio/vfio-pci drivers/vfio/vfio_iommu_iommufd \
	tools/testing/bench/baseline/iommufd_baseline \
	tools/testing/emulated/iommufd_emulated \
	tools/testing/tracker/iommufd_tracker \
	tools/testing/pasid/iommufd_pasid \
	tools/testing/ipmodify/iommufd_ipmodify; do
	check "$module.ko has it" \
		same "$(modinfo -F version "./$module.ko" 2>&1)" "$version"
done
check "no document has another" same "$(grep -rhoE 'iommufd/[0-9]+[.][0-9.]+' \
	README.md Documentation | grep -vx "iommufd/$version" || true)" ''
finish
