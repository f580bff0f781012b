/* SPDX-License-Identifier: GPL-2.0-only */
/* What the IOMMU of the VM is, see tools/testing/vm/profiles */
#ifndef SELFTESTS_VFIO_MACHINE_H
#define SELFTESTS_VFIO_MACHINE_H

#include "test.h"

enum iommu_kind { NO_IOMMU, INTEL, AMD };

/* Of a device that has a driver, by the name that the kernel gives the IOMMU */
static inline enum iommu_kind iommu_of(const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu", bdf);
	if (!realpath(path, target))
		return NO_IOMMU;
	name = strrchr(target, '/') + 1;
	if (!strncmp(name, "dmar", 4))
		return INTEL;
	return strncmp(name, "ivhd", 4) ? NO_IOMMU : AMD;
}

/* Whether an IOMMU of Intel's has page tables of the first level only */
static inline bool is_first_level_only(const char *bdf)
{
	char ecap[32] = "";
	__u64 value;

	if (pci_read(bdf, "iommu/intel-iommu/ecap", ecap, sizeof(ecap)))
		return false;
	value = strtoull(ecap, NULL, 16);
	return value >> 47 & 1 && !(value >> 46 & 1);
}

/*
 * From 6.12 on, the kernel's drivers of VT-d and AMD-Vi make a domain for a
 * device, so that the domain can be filled at once; 6.12's for VT-d only one of
 * the second level.
 */
static inline bool domains_are_final(const char *bdf)
{
	return !kernel_before(6, 12, 0) &&
	       !(kernel_before(7, 0, 0) && is_first_level_only(bdf));
}

/* These kernels report hardware information of VT-d only */
static inline bool has_hw_info(const char *bdf)
{
	return !kernel_before(6, 12, 0) && iommu_of(bdf) == INTEL;
}

/*
 * The number of ranges of IOVA: none of them has the addresses of interrupts,
 * nor, behind AMD-Vi, those of HyperTransport (0xfd00000000 to 0xffffffffff).
 */
static inline unsigned int iova_ranges(const char *bdf)
{
	return iommu_of(bdf) == AMD ? 3 : 2;
}

#endif
