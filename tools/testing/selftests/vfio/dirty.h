/* SPDX-License-Identifier: GPL-2.0-only */
/* The module that stands for what the IOMMU lacks, such as dirty tracking */
#ifndef SELFTESTS_VFIO_DIRTY_H
#define SELFTESTS_VFIO_DIRTY_H

#include "../../tracker/tracker.h"
#include "machine.h"

#define TRACKED		IOMMU_HWPT_ALLOC_DIRTY_TRACKING

#define TRACKER_MODULE	"iommufd_tracker", "/sys/module/iommufd_tracker"

/* Do the IOMMU drivers of this kernel tell us which pages are dirty? */
static inline bool kernel_tracks(void)
{
	return !kernel_before(6, 12, 0) && kernel_before(7, 0, 0);
}

/* Load the module; returns its device, or -errno. */
static inline int tracker_open(void)
{
	int rc = module_load("iommufd_tracker device=" EDU,
			     "/sys/module/iommufd_tracker");

	return rc ?: ERR(open("/dev/iommufd_tracker", O_RDWR | O_CLOEXEC));
}

/* Bits of VT-d's CAP and ECAP that the IOMMU driver is to believe in as well */
static inline int pretend_with_cap(int tracker, __u64 cap, __u64 ecap)
{
	const __u64 bits[2] = { cap, ecap };

	return ERR(ioctl(tracker, TRACKER_PRETEND, bits));
}

static inline int pretend(int tracker, __u64 ecap)
{
	return pretend_with_cap(tracker, 0, ecap);
}

static inline long get_capabilities(int iommu, __u32 dev_id)
{
	struct iommu_hw_info info = { .size = sizeof(info), .dev_id = dev_id };
	int rc = ERR(ioctl(iommu, IOMMU_GET_HW_INFO, &info));

	return rc ?: (long)info.out_capabilities;
}

#endif
