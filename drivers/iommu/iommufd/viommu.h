/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_VIOMMU_H
#define __IOMMUFD_VIOMMU_H

#include <linux/err.h>

#include "backend/viommu.h"
#include "object.h"

struct file;
struct iommufd_device;
struct iommufd_hwpt;
struct iommufd_ucmd;
struct vm_area_struct;

/**
 * struct iommufd_viommu - A part of an IOMMU that a guest is given (vIOMMU)
 * @obj: The object.  Each nested page table, each vDEVICE and each queue that
 *	was made of it is one of its users, and so is each VMA of its registers.
 * @hwpt: The page table that what it nests is nested in, of which this is a
 *	user.
 * @iommu: The IOMMU, as iommu_backend_ops::instance() knows it.
 * @viommu: That of the backend, which is the backend of @hwpt.
 * @mmap_pgoff: Where mmap() of the context's file finds its registers, in pages;
 *	0 if user space may map none.
 */
struct iommufd_viommu {
	struct iommufd_object obj;
	struct iommufd_hwpt *hwpt;
	const void *iommu;
	struct iommu_backend_viommu *viommu;
	unsigned long mmap_pgoff;
};

extern const struct iommufd_object_type iommufd_viommu_type;

static inline struct iommufd_viommu *
iommufd_viommu_get(struct iommufd_ctx *ictx, u32 id)
{
	return container_of(iommufd_object_get(ictx, id, &iommufd_viommu_type),
			    struct iommufd_viommu, obj);
}

bool iommufd_viommu_serves(struct iommufd_viommu *viommu,
			   struct iommufd_device *idev);
int iommufd_viommu_alloc(struct iommufd_ucmd *ucmd);
int iommufd_viommu_mmap(struct file *file, struct vm_area_struct *vma);

#endif
