/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_NESTED_H
#define __IOMMUFD_NESTED_H

#include "hw_pagetable.h"

struct iommu_backend_data;
struct iommufd_ucmd;

extern const struct iommufd_object_type iommufd_nested_type;

int iommufd_nested_alloc(struct iommufd_ucmd *ucmd, struct iommufd_device *idev,
			 struct iommufd_hwpt *parent,
			 const struct iommu_backend_data *data);
int iommufd_nested_alloc_of_viommu(struct iommufd_ucmd *ucmd,
				   struct iommufd_device *idev,
				   struct iommufd_viommu *viommu,
				   const struct iommu_backend_data *data);
int iommufd_hwpt_invalidate(struct iommufd_ucmd *ucmd);

#endif
