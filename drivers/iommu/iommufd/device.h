/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DEVICE_H
#define __IOMMUFD_DEVICE_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "backend/backend.h"
#include "object.h"

struct device;
struct iommu_group;
struct iommufd_fault_handle;
struct iommufd_hwpt;
struct iommufd_vdevice;

/**
 * struct iommufd_group - An IOMMU group of which devices are bound to a context
 * @ictx: The context, which owns the group's DMA unless it is that of a
 *	container, see iommufd_ctx::dma_claimed.
 * @backend: The backend of its IOMMU; this holds a reference.
 * @group: The kernel's group; NULL for a device without an IOMMU, which is the
 *	only one of an iommufd_group of its own, see
 *	iommufd_device_bind_noiommu().
 * @msi_window: First IOVA of the window that the group reserves for mappings of
 *	MSI doorbells, PHYS_ADDR_MAX if its IOMMU does not translate MSIs.
 * @sharing: Whose page tables its IOMMU can walk.
 * @ndevices: Number of devices bound.  Guarded by iommufd_ctx::groups_lock;
 *	when it becomes 0, the group is released.
 * @lock: Guards what follows, iommufd_device::attached and
 *	iommufd_device::npasids.  Outside iommufd_ioas::hwpts_lock and all locks
 *	of an IOAS.
 * @nattached: Number of devices attached.
 * @blocked: A replace has failed, and so has the attempt to attach the group to
 *	@hwpt again: it is attached to nothing.
 * @hwpt: The page table that they are attached to, NULL when @nattached is 0.
 *	The group is one of its users, has its domain attached exactly as long
 *	as this is set and @blocked is not, and has its reserved regions in the
 *	I/O page table of the IOAS.
 * @fault_handle: Where page faults of the group go, without a PASID; NULL if
 *	@hwpt has no fault queue.
 * @pasids: struct iommufd_pasid by PASID, for each that is attached.
 * @npasids: Number of @pasids.  A store that has failed for want of memory may
 *	leave the xarray not empty.
 */
struct iommufd_group {
	struct iommufd_ctx *ictx;
	const struct iommu_backend_ops *backend;
	struct iommu_group *group;
	phys_addr_t msi_window;
	struct iommu_backend_sharing sharing;
	unsigned int ndevices;

	struct mutex lock;	/* of the following */
	unsigned int nattached;
	bool blocked;
	struct iommufd_hwpt *hwpt;
	struct iommufd_fault_handle *fault_handle;
	struct xarray pasids;
	unsigned int npasids;
};

/**
 * struct iommufd_device - A device bound to a context
 * @obj: The object; the driver that bound it is one of its users.
 * @ictx: The context.  The driver that bound the device holds a reference to
 *	it, unless an object of the context did, see
 *	iommufd_device_bind_owned().
 * @igroup: Its group.
 * @dev: The kernel's device.
 * @vdevice: What a guest knows it by, or is about to, or NULL.  Guarded by a
 *	lock of vdevice.c.
 * @end_vdevice: Ends @vdevice as the device is unbound.  Set with @vdevice, and
 *	NULL for a device that never had one.
 * @attached: The device is attached, and counted in iommufd_group::nattached.
 * @npasids: Number of entries of iommufd_group::pasids that are the device's.
 */
struct iommufd_device {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommufd_group *igroup;
	struct device *dev;
	struct iommufd_vdevice *vdevice;
	void (*end_vdevice)(struct iommufd_device *idev);
	bool attached;
	unsigned int npasids;
};

/* Has the group no IOMMU?  Then it has one device. */
static inline bool iommufd_group_is_noiommu(const struct iommufd_group *igroup)
{
	return !igroup->group;
}

extern const struct iommufd_object_type iommufd_device_type;

static inline struct iommufd_device *
iommufd_device_get(struct iommufd_ctx *ictx, u32 id)
{
	return container_of(iommufd_object_get(ictx, id, &iommufd_device_type),
			    struct iommufd_device, obj);
}

struct iommufd_device *iommufd_device_bind_owned(struct iommufd_ctx *ictx,
						 struct device *dev, u32 *id);
void iommufd_device_unbind_owned(struct iommufd_device *idev);

#endif
