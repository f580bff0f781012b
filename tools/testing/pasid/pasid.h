/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ioctl of /dev/iommufd_pasid, for tests only
 */
#ifndef IOMMUFD_PASID_H
#define IOMMUFD_PASID_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct pasid_dma - DMA of 8 bytes by a device, as the IOMMU's tables let it
 * @iova: Where, a multiple of 8.
 * @value: What was read, or is to be written.
 * @requester: Requester ID of the device: bus, slot and function.
 * @pasid: The PASID, 0 for DMA without one.
 * @write: 1 to write, 0 to read.
 * @__reserved: 0.
 *
 * Errors: ENXIO when the tables have nothing for @pasid; EFAULT when the page
 * table does not let the device read or write there; EINVAL.
 */
struct pasid_dma {
	__u64 iova;
	__u64 value;
	__u32 requester;
	__u32 pasid;
	__u32 write;
	__u32 __reserved;
};

#define PASID_DMA	_IOWR('P', 0, struct pasid_dma)

#endif
