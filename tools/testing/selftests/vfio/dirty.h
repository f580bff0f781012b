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

/*
 * Intel's driver of 6.12 takes the locks of a domain and of an IOMMU in one order
 * to attach, and in the other to switch tracking.  Ours never does both for one
 * domain at a time, but lockdep only knows classes of locks, and ends with the
 * first complaint.  So it must not look at the orders of locks while tracking is
 * switched.  0, also where there is no lockdep, or -errno.
 */
static inline int lockdep_looks_at_orders(bool looks)
{
	int rc = write_file("/sys/module/lockdep/parameters/prove_locking",
			    looks ? "1" : "0");

	return rc == -ENOENT ? 0 : rc;
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
