/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ioctls of the device of iommufd_emulated, for tests only
 */
#ifndef IOMMUFD_EMULATED_H
#define IOMMUFD_EMULATED_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Its name: of VFIO_GROUP_GET_DEVICE_FD, and in /sys/bus/platform/devices */
#define EMULATED_NAME	"iommufd_emulated"

#define EMULATED_READ	1	/* as IOMMU_READ */
#define EMULATED_WRITE	2	/* as IOMMU_WRITE */

/* More pages than one call of the VFIO core may have */
#define EMULATED_MAX_PAGES	1024

/**
 * struct emulated_pages - A range of IOVA to pin or to unpin
 * @iova: Its start.
 * @npages: Number of pages.
 * @prot: EMULATED_READ and EMULATED_WRITE; ignored by EMULATED_UNPIN.
 */
struct emulated_pages {
	__u64 iova;
	__u32 npages;
	__u32 prot;
};

/**
 * struct emulated_copy - Bytes to copy between the user and an IOVA
 * @iova: First byte; for EMULATED_COPY_PINNED in a page that is pinned.
 * @data: User address.
 * @length: Number of bytes, no more than a page; for EMULATED_COPY_PINNED to no
 *	more than the end of the page at @iova.
 * @write: 1: copy from @data to @iova; 0: copy the other way.
 */
struct emulated_copy {
	__u64 iova;
	__u64 data;
	__u32 length;
	__u32 write;
};

/**
 * struct emulated_state - What the device has seen
 * @npinned: Number of pages that it has pinned.
 * @nunmaps: Number of times that it was told of an unmap.
 * @iova: First byte of the last unmap.
 * @length: Its bytes.
 */
struct emulated_state {
	__u64 npinned;
	__u64 nunmaps;
	__u64 iova;
	__u64 length;
};

#define EMULATED_PIN		_IOW('M', 0, struct emulated_pages)
#define EMULATED_UNPIN		_IOW('M', 1, struct emulated_pages)
/* By vfio_dma_rw() */
#define EMULATED_COPY		_IOW('M', 2, struct emulated_copy)
/* By the page that was pinned */
#define EMULATED_COPY_PINNED	_IOW('M', 3, struct emulated_copy)
#define EMULATED_STATE		_IOR('M', 4, struct emulated_state)

#endif
