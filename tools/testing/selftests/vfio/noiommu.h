/* SPDX-License-Identifier: GPL-2.0-only */
/* vfio-pci with its parameter for devices without an IOMMU */
#ifndef SELFTESTS_VFIO_NOIOMMU_H
#define SELFTESTS_VFIO_NOIOMMU_H

#include <sys/stat.h>

#include "../capability.h"
#include "test.h"

#define PARAMETER	"enable_unsafe_noiommu_mode"
#define TAINT_USER	64UL	/* "U" */

/* Load vfio-pci anew, with the parameter or as by default.  0 if that works */
static inline int load_vfio_pci(bool noiommu)
{
	return system("modprobe -r vfio-pci") ?:
	       system(noiommu ? "modprobe vfio-pci " PARAMETER "=1" :
				"modprobe vfio-pci");
}

static inline bool is_tainted(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = 0;
	close(fd);
	return strtoul(text, NULL, 10) & TAINT_USER;
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
