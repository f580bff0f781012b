/* SPDX-License-Identifier: GPL-2.0-only */
/* vfio-pci with its parameter for devices without an IOMMU */
#ifndef SELFTESTS_VFIO_NOIOMMU_H
#define SELFTESTS_VFIO_NOIOMMU_H

#include <sys/stat.h>

#include "../capability.h"
#include "test.h"

#define PARAMETER	"enable_unsafe_noiommu_mode"
#define TAINT_USER	6	/* "U" */

/* Load vfio-pci anew, with the parameter or as by default.  0 if that works */
static inline int load_vfio_pci(bool noiommu)
{
	return vfio_pci_reload(noiommu ? PARAMETER "=1" : "");
}

/* IOMMU_IOAS_NOIOMMU_GET_PA of one byte */
static inline int get_pa(int iommu, __u32 ioas, __u64 iova)
{
	__u64 length = 1, phys;

	return ioas_noiommu_get_pa(iommu, ioas, iova, &length, &phys);
}

/* The checks that come before anything is looked up */
static inline int get_pa_arguments(int iommu, __u32 flags, __u32 reserved,
				   __u64 iova, __u64 length)
{
	struct iommu_ioas_noiommu_get_pa cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ~0U,
		.__reserved = reserved,
		.iova = iova,
		.length = length,
	};

	return ioctl(iommu, IOMMU_IOAS_NOIOMMU_GET_PA, &cmd) ? -errno : 0;
}

#endif
